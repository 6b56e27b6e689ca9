//! How a Rust revision is built: a cargo package around the source, `cargo build` for `wasm32-unknown-unknown`, and
//! the result wrapped as a component. Blocking. Stamping metadata, digests and the lock file are the caller's.

mod package;
mod sdk;
mod toolchain;

use package::Package;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use thiserror::Error;
use toolchain::Toolchain;

pub use sdk::FILES as SDK_FILES;

const TARGET: &str = "wasm32-unknown-unknown";
/// An ordinary revision has 40 kB. What is larger than this no runtime of ours will load.
const MODULE_BYTES: u64 = 64 << 20;
/// Compilers repeat themselves; the first errors are the ones to read.
const MESSAGE_BYTES: usize = 64 << 10;

/// What is to be built.
#[derive(Debug)]
pub struct RustBuild<'a> {
    /// The `.rs` file, or the folder with a `Cargo.toml`, as the author would name it.
    pub source: &'a Path,
    /// The id of the revision.
    pub revision: &'a str,
    /// `dependencies` of the front matter, with the keys and values of cargo's table.
    pub dependencies: &'a toml::Table,
    /// A folder of the project for builds of this language, shared by all revisions: the second one is fast.
    pub build_dir: &'a Path,
}

/// What came out.
#[derive(Debug)]
pub struct Built {
    /// The component, without our sections.
    pub component: Vec<u8>,
    /// For the lock file: `rustc 1.95.0`.
    pub toolchain: String,
    /// The compiler's warnings, empty if there were none.
    pub warnings: String,
}

/// Why there is no component.
#[derive(Debug, Error)]
pub enum Error {
    /// No cargo on this machine.
    #[error("no Rust found: install it from rustup.rs, then run `rustup target add wasm32-unknown-unknown`")]
    NoCargo,
    /// A cargo, but not for wasm.
    #[error(
        "this Rust cannot build for `wasm32-unknown-unknown`: run `rustup target add wasm32-unknown-unknown` \
         (on Debian without rustup: `apt-get install rustc-web cargo-web rust-web-src`)"
    )]
    NoTarget,
    /// A program that is there did not start.
    #[error("cannot start `{program}`")]
    Start {
        /// Its name.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The compiler refused the source.
    #[error("`{}` does not compile\n{messages}", path.display())]
    Compile {
        /// The revision.
        path: PathBuf,
        /// What the compiler said, with the name of the source as the author knows it.
        messages: String,
    },
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder's own manifest is no TOML.
    #[error("`{}` is not valid TOML", path.display())]
    Manifest {
        /// Which.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// Something in the source folder is neither file nor folder, or its name is no UTF-8.
    #[error("`{}` is not an ordinary file with an ordinary name", path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// The source is too large to be one.
    #[error("`{}` makes the source larger than {megabytes} MiB or {files} files", path.display())]
    TooLarge {
        /// Where it became too much.
        path: PathBuf,
        /// The limit.
        megabytes: u64,
        /// The other limit.
        files: usize,
    },
    /// The module is larger than any runtime of ours would load.
    #[error("the compiled module of `{}` is larger than {megabytes} MiB", path.display())]
    ModuleTooLarge {
        /// The revision.
        path: PathBuf,
        /// The limit.
        megabytes: u64,
    },
    /// Compiled, but not to a revision.
    #[error("the compiled module is no revision: {reason}")]
    Component {
        /// What is missing or too much, on one line.
        reason: String,
    },
}

/// Builds one revision. Builds of a project take turns: they share a package and cargo's target folder.
///
/// 1. Lay out the package, with the SDK and the lock file of the last time inside.
/// 2. Find a toolchain, from inside the package, so that a `rust-toolchain.toml` around it counts.
/// 3. Run cargo.
/// 4. Keep the lock file; wrap the module.
pub fn build(build: &RustBuild<'_>) -> Result<Built, Error> {
    let unwritable = |source| Error::Write { path: build.build_dir.to_owned(), source };
    fs::create_dir_all(build.build_dir).map_err(unwritable)?;
    // Links in it would make cargo's paths differ from ours, and those are what the remapping below goes by.
    let build_dir = build.build_dir.canonicalize().map_err(unwritable)?;
    let turn = File::create(build_dir.join("lock")).map_err(unwritable)?;
    turn.lock().map_err(unwritable)?;

    let package = Package::write(build.source, build.revision, build.dependencies, &build_dir)?;
    let toolchain = Toolchain::find(&package.folder)?;
    let target_dir = build_dir.join("target");
    let messages = run_cargo(build.source, &package, &toolchain, &target_dir)?;
    package.keep_lock_file()?;
    let module = target_dir.join(TARGET).join("release").join(&package.name).with_extension("wasm");
    let component = componentize(&read_module(&module, build.source)?)?;
    Ok(Built { component, toolchain: toolchain.version, warnings: messages })
}

/// Wraps a core module, which says by itself which world it is for, as a component; refuses what is no revision.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, Error> {
    let encoder = wit_component::ComponentEncoder::default().validate(true).module(module);
    let component = encoder.and_then(|mut encoder| encoder.encode()).map_err(no_revision)?;
    // A module without any of our marks becomes an empty component without complaint.
    let decoded = wit_component::decode(&component).map_err(no_revision)?;
    if let wit_component::DecodedWasm::Component(resolve, world) = &decoded {
        let exports: Vec<String> =
            resolve.worlds[*world].exports.keys().map(|key| resolve.name_world_key(key)).collect();
        for wanted in ["upgrade", "downgrade"] {
            if !exports.iter().any(|export| export == wanted) {
                return Err(Error::Component { reason: format!("it does not export `{wanted}`") });
            }
        }
    }
    Ok(component)
}

fn no_revision(error: impl std::fmt::Display) -> Error {
    // The causes of an `anyhow` error are in its alternate form, and on lines of their own.
    Error::Component { reason: format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ") }
}

/// What the compiler said, if it went well: warnings.
fn run_cargo(source: &Path, package: &Package, toolchain: &Toolchain, target_dir: &Path) -> Result<String, Error> {
    let mut cargo = toolchain.cargo();
    cargo.args(["build", "--release", "--lib", "--quiet", "--color", "never", "--target", TARGET]);
    if toolchain.build_std {
        cargo.arg("-Zbuild-std=std,panic_abort");
    }
    set_environment(&mut cargo, package, toolchain);
    cargo.env("CARGO_TARGET_DIR", target_dir).current_dir(&package.folder).stdin(Stdio::null());
    let output = cargo.output().map_err(|source| Error::Start { program: "cargo".to_owned(), source })?;
    let messages = name_as_author(&String::from_utf8_lossy(&output.stderr), source, &package.folder);
    if output.status.success() {
        return Ok(messages);
    }
    Err(Error::Compile { path: source.to_owned(), messages: reason(messages, output.status) })
}

/// A cargo that was killed says nothing; its status does.
fn reason(messages: String, status: std::process::ExitStatus) -> String {
    if messages.trim().is_empty() { format!("cargo ended with {status}") } else { messages }
}

/// Nothing from around the build may change its bytes: neither flags nor profiles nor where things lie. And no source may
/// take a password along with `env!`.
fn set_environment(cargo: &mut Command, package: &Package, toolchain: &Toolchain) {
    const NOT_FOR_SOURCES: [&str; 4] = ["CARGO_PROFILE_", "CARGO_BUILD_", "PG", "WMIGRATE_"];
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name == "RUSTFLAGS" || name == "DATABASE_URL" || NOT_FOR_SOURCES.iter().any(|start| name.starts_with(start))
        {
            cargo.env_remove(&*name);
        }
    }
    let mut flags = vec![
        format!("--remap-path-prefix={}=package", package.folder.display()),
        format!("--remap-path-prefix={}=rust", toolchain.sysroot.display()),
    ];
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    if let Some(home) = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))) {
        flags.push(format!("--remap-path-prefix={}=cargo", home.display()));
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
}

/// The messages name the copy in our package; the author knows the source, and an editor opens it by that name.
fn name_as_author(messages: &str, source: &Path, package: &Path) -> String {
    let author = source.display().to_string();
    let mut named = String::new();
    for line in messages.lines() {
        match line.find("--> ").or_else(|| line.find("::: ")) {
            // In a folder paths begin below it; of a single file only the name itself is the author's.
            Some(arrow) if source.is_dir() && line[arrow + 4..].starts_with(|first| first != '/') => {
                named.push_str(&line[..arrow + 4]);
                named.push_str(&author);
                named.push('/');
                named.push_str(&line[arrow + 4..]);
            }
            Some(arrow)
                if source.file_name().is_some_and(|name| names(&line[arrow + 4..], &name.to_string_lossy())) =>
            {
                let name = source.file_name().map_or(0, |name| name.to_string_lossy().len());
                named.push_str(&line[..arrow + 4]);
                named.push_str(&author);
                named.push_str(&line[arrow + 4 + name..]);
            }
            Some(_) | None => named.push_str(line),
        }
        named.push('\n');
    }
    let named = named.replace(&package.display().to_string(), &author);
    shorten(named.trim_end())
}

/// Whether a place like `name.rs:3:5` is in that file.
fn names(place: &str, file: &str) -> bool {
    place.strip_prefix(file).is_some_and(|rest| rest.starts_with(':'))
}

fn shorten(messages: &str) -> String {
    let end = messages.floor_char_boundary(MESSAGE_BYTES);
    if end == messages.len() { messages.to_owned() } else { format!("{}\n(and more)", &messages[..end]) }
}

fn read_module(module: &Path, source: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::Read { path: module.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(module).map_err(unreadable)?;
    file.take(MODULE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|size| size <= MODULE_BYTES) {
        Ok(bytes)
    } else {
        Err(Error::ModuleTooLarge { path: source.to_owned(), megabytes: MODULE_BYTES >> 20 })
    }
}

#[cfg(test)]
mod tests;
