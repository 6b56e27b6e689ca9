//! The Rust SDK as this binary carries it: a machine that builds revisions needs Rust, but neither this project's
//! sources nor a published crate. Writes it out; does not build it.

use crate::authoring::language::Error;
use crate::authoring::language::workshop::write_if_changed;
use std::path::Path;

/// Every file of `guest-sdk/rust` that a build needs, by its path inside the crate.
const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../../../../../guest-sdk/rust/Cargo.toml")),
    ("src/backfill.rs", include_str!("../../../../../guest-sdk/rust/src/backfill.rs")),
    ("src/backfill/batch.rs", include_str!("../../../../../guest-sdk/rust/src/backfill/batch.rs")),
    ("src/backfill/failures.rs", include_str!("../../../../../guest-sdk/rust/src/backfill/failures.rs")),
    ("src/backfill/job.rs", include_str!("../../../../../guest-sdk/rust/src/backfill/job.rs")),
    ("src/backfill/output.rs", include_str!("../../../../../guest-sdk/rust/src/backfill/output.rs")),
    ("src/backfill/read.rs", include_str!("../../../../../guest-sdk/rust/src/backfill/read.rs")),
    ("src/backfill/row.rs", include_str!("../../../../../guest-sdk/rust/src/backfill/row.rs")),
    ("src/backfill/shape.rs", include_str!("../../../../../guest-sdk/rust/src/backfill/shape.rs")),
    ("src/backfill/tests.rs", include_str!("../../../../../guest-sdk/rust/src/backfill/tests.rs")),
    ("src/backfill/transforms.rs", include_str!("../../../../../guest-sdk/rust/src/backfill/transforms.rs")),
    ("src/backfill/write.rs", include_str!("../../../../../guest-sdk/rust/src/backfill/write.rs")),
    ("src/backfill/zeros.rs", include_str!("../../../../../guest-sdk/rust/src/backfill/zeros.rs")),
    ("src/context.rs", include_str!("../../../../../guest-sdk/rust/src/context.rs")),
    ("src/error.rs", include_str!("../../../../../guest-sdk/rust/src/error.rs")),
    ("src/export.rs", include_str!("../../../../../guest-sdk/rust/src/export.rs")),
    ("src/lib.rs", include_str!("../../../../../guest-sdk/rust/src/lib.rs")),
    ("src/log.rs", include_str!("../../../../../guest-sdk/rust/src/log.rs")),
    ("src/raw.rs", include_str!("../../../../../guest-sdk/rust/src/raw.rs")),
    ("src/raw/backfilling.rs", include_str!("../../../../../guest-sdk/rust/src/raw/backfilling.rs")),
    ("src/row.rs", include_str!("../../../../../guest-sdk/rust/src/row.rs")),
    ("src/sql.rs", include_str!("../../../../../guest-sdk/rust/src/sql.rs")),
    ("src/value.rs", include_str!("../../../../../guest-sdk/rust/src/value.rs")),
    ("src/value/convert.rs", include_str!("../../../../../guest-sdk/rust/src/value/convert.rs")),
    ("src/value/date.rs", include_str!("../../../../../guest-sdk/rust/src/value/date.rs")),
];

/// Brings `folder` to the state of [`FILES`]. Files that are right already keep their time, so that cargo finds the
/// SDK fresh and does not build it again for every revision.
pub(super) fn write(folder: &Path) -> Result<(), Error> {
    for (name, text) in FILES {
        // Its own `[workspace]` would be a second root inside the package it is written into, and what its tests need would
        // be looked up for every project.
        let text =
            if *name == "Cargo.toml" { text.split("\n# A crate of its own").next().unwrap_or(text) } else { text };
        write_if_changed(&folder.join(name), text.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    fn files(folder: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                files(&entry.path(), &format!("{name}/"), found);
            } else {
                found.push(name);
            }
        }
    }

    #[test]
    fn no_file_of_the_sdk_is_missing() {
        let sdk = [env!("CARGO_MANIFEST_DIR"), "../guest-sdk/rust"].iter().collect::<PathBuf>();
        let mut found = vec!["Cargo.toml".to_owned()];
        files(&sdk.join("src"), "src/", &mut found);
        found.sort();
        let mut carried: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        carried.sort_unstable();
        assert_eq!(carried, found);
    }

    #[test]
    fn the_written_manifest_is_no_workspace_and_has_no_tests() {
        let folder = std::env::temp_dir().join(format!("wmigrate-sdk-{}", std::process::id()));
        write(&folder).expect("written");
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
        let manifest: toml::Table = manifest.parse().expect("TOML");
        fs::remove_dir_all(&folder).expect("removed");
        assert!(manifest.contains_key("dependencies") && !manifest.contains_key("workspace"));
        assert!(!manifest.contains_key("dev-dependencies"));
    }
}
