//! Files beside the revisions that only editors read: what the module `wmigrate` has, for completion and checks. They are ours,
//! and are brought up to date whenever a revision in their language is written; a project's own settings are left alone.

use super::Error;
use crate::versions::Language;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A file of ours. Files of settings are only written where there is none of `instead` either.
struct Beside {
    name: &'static str,
    text: &'static str,
    instead: &'static [&'static str],
}

const TYPES: Beside =
    Beside { name: "wmigrate.d.ts", text: include_str!("../../../guest-sdk/js/wmigrate.d.ts"), instead: &[] };

const SETTINGS: Beside = Beside {
    name: "tsconfig.json",
    text: include_str!("templates/tsconfig.json"),
    instead: &["tsconfig.json", "jsconfig.json"],
};

const STUBS: Beside =
    Beside { name: "wmigrate.pyi", text: include_str!("../../../guest-sdk/python/wmigrate.pyi"), instead: &[] };

const HEADER: Beside = Beside { name: "wmigrate.h", text: super::language::HEADER, instead: &[] };

fn beside(language: Language) -> &'static [Beside] {
    match language {
        Language::Js | Language::Ts => &[TYPES, SETTINGS],
        Language::Py => &[STUBS],
        // Builds use the one in the binary; this one is to look at, and to complete with.
        Language::C | Language::Cpp => &[HEADER],
        _ => &[],
    }
}

/// Brings the files for `language` up to date, and says which were written.
pub fn write(language: Language, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut written = Vec::new();
    for file in beside(language) {
        let path = folder.join(file.name);
        if file.instead.iter().any(|name| folder.join(name).exists()) {
            continue;
        }
        match fs::read(&path) {
            Ok(old) if old == file.text.as_bytes() => continue,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(Error::Io { action: "read", path, source }),
        }
        fs::write(&path, file.text).map_err(|source| Error::Io { action: "write", path: path.clone(), source })?;
        written.push(path);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_are_renewed_and_settings_are_not() {
        let folder = std::env::temp_dir().join(format!("wmigrate-editor-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let names = |paths: Vec<PathBuf>| -> Vec<String> {
            paths.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(names(write(Language::Ts, &folder).unwrap()), ["wmigrate.d.ts", "tsconfig.json"]);
        assert!(write(Language::Js, &folder).unwrap().is_empty());
        fs::write(folder.join("wmigrate.d.ts"), "older").unwrap();
        fs::write(folder.join("tsconfig.json"), "mine").unwrap();
        assert_eq!(names(write(Language::Js, &folder).unwrap()), ["wmigrate.d.ts"]);
        assert_eq!(fs::read_to_string(folder.join("tsconfig.json")).unwrap(), "mine");
        fs::rename(folder.join("tsconfig.json"), folder.join("jsconfig.json")).unwrap();
        assert!(write(Language::Ts, &folder).unwrap().is_empty());
        assert!(write(Language::Sql, &folder).unwrap().is_empty());
        fs::remove_dir_all(&folder).unwrap();
    }
}
