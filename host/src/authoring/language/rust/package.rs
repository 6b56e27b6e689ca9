//! The cargo package a Rust revision is built in: a copy of its source, a manifest with our settings, the SDK inside.
//!
//! There is one such package a project, made anew for every build. Cargo's names for symbols depend on where a
//! package lies relative to its workspace: with the SDK inside, the same source gives the same bytes in every folder;
//! and the SDK is built once, not once a revision.

use super::sdk;
use crate::authoring::language::Error;
use crate::authoring::language::workshop::{RUST_SDK, clear, copy_source, file_name, write_if_changed};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A package ready for cargo.
pub(super) struct Package {
    /// The folder that holds its `Cargo.toml`.
    pub(super) folder: PathBuf,
    /// Of package and library: the artifact is `<name>.wasm`.
    pub(super) name: String,
    lock_file: PathBuf,
}

impl Package {
    /// Lays out the package of one revision under `build_dir`, in place of the one before.
    pub(super) fn write(
        source: &Path,
        revision: &str,
        dependencies: &toml::Table,
        build_dir: &Path,
    ) -> Result<Self, Error> {
        let folder = build_dir.join("package");
        // An id may hold anything; its hash is a name to cargo and to every file system.
        let name = format!("revision_{}", &blake3::hash(revision.as_bytes()).to_hex()[..16]);
        let lock_file = build_dir.join("locks").join(&name).with_extension("lock");
        clear(&folder, RUST_SDK)?;
        sdk::write(&folder.join(RUST_SDK))?;
        copy_source(source, &folder)?;
        let own = if source.is_dir() {
            let path = source.join("Cargo.toml");
            let text = fs::read_to_string(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
            text.parse().map_err(|source| Error::Manifest { path, source: Box::new(source) })?
        } else {
            single_file(file_name(source)?)
        };
        let manifest = manifest(own, &name, dependencies);
        write_if_changed(&folder.join("Cargo.toml"), manifest.to_string().as_bytes())?;
        let package = Self { folder, name, lock_file };
        package.restore_lock_file()?;
        Ok(package)
    }

    /// Remembers which versions were chosen, for the next build of this revision. A folder's own file goes first.
    pub(super) fn keep_lock_file(&self) -> Result<(), Error> {
        let path = self.folder.join("Cargo.lock");
        let text = fs::read(&path).map_err(|source| Error::Read { path, source })?;
        write_if_changed(&self.lock_file, &text)
    }

    fn restore_lock_file(&self) -> Result<(), Error> {
        let here = self.folder.join("Cargo.lock");
        if here.exists() {
            return Ok(());
        }
        match fs::read(&self.lock_file) {
            Ok(text) => write_if_changed(&here, &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(Error::Read { path: self.lock_file.clone(), source }),
        }
    }
}

/// The manifest of a revision that is one file.
fn single_file(file: &str) -> toml::Table {
    let text = |text: &str| toml::Value::String(text.to_owned());
    let package = toml::Table::from_iter([("edition".to_owned(), text("2024"))]);
    let library = toml::Table::from_iter([("path".to_owned(), text(file))]);
    toml::Table::from_iter([("package".to_owned(), package.into()), ("lib".to_owned(), library.into())])
}

/// Lays our settings over a manifest: name, kind of library, the SDK, the profile, and a workspace of its own.
fn manifest(mut own: toml::Table, name: &str, dependencies: &toml::Table) -> toml::Table {
    set(&mut own, &["package", "name"], name.into());
    set(&mut own, &["package", "version"], "0.0.0".into());
    set(&mut own, &["lib", "name"], name.into());
    set(&mut own, &["lib", "crate-type"], vec!["cdylib"].into());
    for (dependency, value) in dependencies {
        set(&mut own, &["dependencies", dependency], value.clone());
    }
    let sdk = toml::Table::from_iter([("path".to_owned(), RUST_SDK.into())]);
    set(&mut own, &["dependencies", "wmigrate-guest"], sdk.into());
    // Small and the same everywhere. Names are kept: they are what a backtrace of a trap shows.
    let profile: [(&str, toml::Value); 7] = [
        ("opt-level", "s".into()),
        ("lto", true.into()),
        ("codegen-units", 1.into()),
        ("panic", "abort".into()),
        ("strip", "debuginfo".into()),
        ("debug", false.into()),
        ("incremental", false.into()),
    ];
    for (key, value) in profile {
        set(&mut own, &["profile", "release", key], value);
    }
    // Else cargo takes the package for a lost member of whatever workspace the project lies in.
    own.entry("workspace").or_insert_with(|| toml::Table::new().into());
    own
}

/// Sets a value, making tables on the way; what is in the way and no table is replaced.
fn set(table: &mut toml::Table, path: &[&str], value: toml::Value) {
    match path {
        [] => {}
        [key] => {
            table.insert((*key).to_owned(), value);
        }
        [key, rest @ ..] => {
            let entry = table.entry(*key).or_insert_with(|| toml::Table::new().into());
            if !entry.is_table() {
                *entry = toml::Table::new().into();
            }
            if let Some(inner) = entry.as_table_mut() {
                set(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(own: &str, dependencies: &str, path: &[&str], expected: &str) {
        let (own, dependencies) = (own.parse().expect("TOML"), dependencies.parse().expect("TOML"));
        // There and back: what cargo will read.
        let text = manifest(own, "revision_x", &dependencies).to_string();
        let value = toml::Value::Table(text.parse().expect("TOML"));
        let found = path.iter().fold(&value, |value, key| &value[*key]);
        assert_eq!(found.to_string(), expected);
    }

    #[test]
    fn our_settings_lie_over_the_manifest() {
        check("", "", &["lib", "crate-type"], r#"["cdylib"]"#);
        check("[package]\nname = \"mine\"", "", &["package", "name"], r#""revision_x""#);
        check("[package]\nedition = \"2021\"", "", &["package", "edition"], r#""2021""#);
        check("[profile.release]\nopt-level = 3", "", &["profile", "release", "opt-level"], r#""s""#);
        check(
            "[dependencies]\nwmigrate-guest = \"0.1\"",
            "",
            &["dependencies", "wmigrate-guest", "path"],
            r#"".wmigrate-guest""#,
        );
        check("[dependencies]\nregex = \"1\"", "", &["dependencies", "regex"], r#""1""#);
        check("", "serde = { version = \"1\" }", &["dependencies", "serde", "version"], r#""1""#);
        check("workspace = 3", "", &["workspace"], "3");
        check("", "", &["workspace"], "{}");
    }
}
