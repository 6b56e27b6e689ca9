//! How a Rust revision is built: a cargo package around the source, `cargo build` for `wasm32-unknown-unknown`.

mod package;
mod sdk;
mod toolchain;

use super::{Built, Error, Order, workshop};
use crate::authoring::component::componentize;
use package::Package;
use std::path::{Path, PathBuf};
use std::process::Command;
use toolchain::Toolchain;

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds one revision. Builds of a project take turns: they share a package and cargo's target folder.
///
/// 1. Lay out the package, with the SDK and the lock file of the last time inside.
/// 2. Find a toolchain, from inside the package, so that a `rust-toolchain.toml` around it counts.
/// 3. Run cargo.
/// 4. Keep the lock file; wrap the module.
pub fn build(order: &Order<'_>) -> Result<Built, Error> {
    // Links in it would make cargo's paths differ from ours, and those are what the remapping below goes by.
    let workshop = workshop::Workshop::enter(&order.build_dir.join("rust"))?;
    let package = Package::write(order.source, order.revision, order.dependencies, &workshop.folder)?;
    let toolchain = Toolchain::find(&package.folder)?;
    let target_dir = workshop.folder.join("target");
    let warnings = run_cargo(order.source, &package, &toolchain, &target_dir)?;
    package.keep_lock_file()?;
    let module = target_dir.join(TARGET).join("release").join(&package.name).with_extension("wasm");
    let component = componentize(&workshop::read_module(&module, order.source)?)?;
    Ok(Built { component, toolchain: toolchain.version, warnings })
}

/// What the compiler said, if it went well: warnings.
fn run_cargo(source: &Path, package: &Package, toolchain: &Toolchain, target_dir: &Path) -> Result<String, Error> {
    let mut cargo = toolchain.cargo();
    cargo.args(["build", "--release", "--lib", "--quiet", "--color", "never", "--target", TARGET]);
    if toolchain.build_std {
        cargo.arg("-Zbuild-std=std,panic_abort");
    }
    set_environment(&mut cargo, package, toolchain);
    cargo.env("CARGO_TARGET_DIR", target_dir).current_dir(&package.folder);
    workshop::run(&mut cargo, source, |messages| name_as_author(messages, source, &package.folder))
}

/// Neither flags nor profiles nor where things lie may change the bytes.
fn set_environment(cargo: &mut Command, package: &Package, toolchain: &Toolchain) {
    workshop::clean_environment(cargo, &["RUSTFLAGS", "CARGO_PROFILE_", "CARGO_BUILD_"]);
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
    named.replace(&package.display().to_string(), &author)
}

/// Whether a place like `name.rs:3:5` is in that file.
fn names(place: &str, file: &str) -> bool {
    place.strip_prefix(file).is_some_and(|rest| rest.starts_with(':'))
}

#[cfg(test)]
mod tests;
