//! Finds a Rust that can build for `wasm32-unknown-unknown`: the usual one, the usual one after `rustup target add`,
//! or Debian's with the standard library's sources. Says in one line what to install where there is none.

use super::TARGET;
use crate::authoring::language::Error;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Debian's compiler has no wasm target, but its package `rust-web-src` holds the sources to build one from.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

const NO_CARGO: &str = "no Rust found: install it from rustup.rs, then run `rustup target add wasm32-unknown-unknown`";
const NO_TARGET: &str = "this Rust cannot build for `wasm32-unknown-unknown`: run `rustup target add wasm32-unknown-unknown` \
                         (on Debian without rustup: `apt-get install rustc-web cargo-web rust-web-src`)";

/// A cargo that can build for the target.
#[derive(Debug, Clone)]
pub(super) struct Toolchain {
    /// As `rustc --version` begins: `rustc 1.95.0`.
    pub(super) version: String,
    /// Compiler and standard library live under it.
    pub(super) sysroot: PathBuf,
    /// No built standard library for the target: cargo builds it from source.
    pub(super) build_std: bool,
    /// Where `rust-lld` may be, if the toolchain in use does not bring it.
    linker_folder: Option<PathBuf>,
}

impl Toolchain {
    /// `folder` decides: rustup picks the compiler by the `rust-toolchain.toml` around it.
    pub(super) fn find(folder: &Path) -> Result<Self, Error> {
        let usual = ask("rustc", folder)?;
        if let Some(usual) = &usual
            && (usual.has_target() || (add_target(folder) && usual.has_target()))
        {
            return Ok(usual.clone());
        }
        if let Some(mut debian) = ask(DEBIAN_RUSTC, folder)?
            && Path::new(DEBIAN_CARGO).exists()
            && debian.sysroot.join("lib/rustlib/src/rust/library/std").exists()
        {
            debian.build_std = true;
            debian.linker_folder = usual.and_then(|usual| usual.linker_folder());
            return Ok(debian);
        }
        Err(match ask("cargo", folder)? {
            Some(_) => Error::NoToolchain(NO_TARGET),
            None => Error::NoToolchain(NO_CARGO),
        })
    }

    /// The cargo that belongs to this compiler, with nothing said yet but which compiler to use.
    pub(super) fn cargo(&self) -> Command {
        if !self.build_std {
            return Command::new("cargo");
        }
        let mut cargo = Command::new(DEBIAN_CARGO);
        // `-Zbuild-std` is refused by stable compilers unless told so.
        cargo.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
        if let Some(folder) = &self.linker_folder {
            let mut path = std::env::var_os("PATH").unwrap_or_default();
            path.push(OsString::from(":"));
            path.push(folder);
            cargo.env("PATH", path);
        }
        cargo
    }

    fn has_target(&self) -> bool {
        self.sysroot.join("lib/rustlib").join(TARGET).join("lib").exists()
    }

    /// `lib/rustlib/<this machine>/bin`, which holds the linker for wasm.
    fn linker_folder(&self) -> Option<PathBuf> {
        let hosts = std::fs::read_dir(self.sysroot.join("lib/rustlib")).ok()?;
        hosts.flatten().map(|host| host.path().join("bin")).find(|bin| bin.join("rust-lld").exists())
    }
}

/// None if there is no such program, or if it does not work (rustup's stand-in without a toolchain, for example).
fn ask(program: &str, folder: &Path) -> Result<Option<Toolchain>, Error> {
    let output = |argument: &[&str]| -> Result<Option<String>, Error> {
        match Command::new(program).args(argument).current_dir(folder).stdin(Stdio::null()).output() {
            Ok(output) if output.status.success() => {
                Ok(Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()))
            }
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Start { program: program.to_owned(), source }),
        }
    };
    let Some(version) = output(&["--version"])? else {
        return Ok(None);
    };
    let sysroot = if program == "cargo" { Some(String::new()) } else { output(&["--print", "sysroot"])? };
    Ok(sysroot.map(|sysroot| Toolchain {
        version: version.split(' ').take(2).collect::<Vec<_>>().join(" "),
        sysroot: sysroot.into(),
        build_std: false,
        linker_folder: None,
    }))
}

/// Whether rustup says that it worked. Its messages are dropped: if it fails, ours says what to do.
fn add_target(folder: &Path) -> bool {
    Command::new("rustup")
        .args(["target", "add", TARGET])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success())
}
