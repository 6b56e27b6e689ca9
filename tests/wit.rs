//! The contract with revisions: released versions never change, every name in them is documented, and there is one copy
//! that host and SDKs share. Reads `wit/` as text; that it compiles is shown by everything that is generated from it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the version that everything here is generated from.
const CURRENT: &str = "wit/0.1.0";

/// Who reads the contract, and what in it says from where. The path is relative to the reader's package.
const READERS: &[(&str, &str)] = &[
    ("host/src/bindings.rs", "path: \"../wit/0.1.0\""),
    ("host/src/authoring/wit.rs", "wit/0.1.0/types.wit"),
    ("guest-sdk/rust/tests/bindings.rs", "push_path(\"wit\")"),
    ("guest-sdk/engines/sql/src/lib.rs", "path: \"../../../wit/0.1.0\""),
    ("guest-sdk/engines/build-js.sh", "--wit \"$here/../../wit/0.1.0\""),
    ("guest-sdk/engines/build-python.sh", "--wit-path \"$here/../../wit/0.1.0\""),
];

#[test]
fn released_versions_are_as_they_were() {
    let frozen = fs::read_to_string(root().join("wit/FROZEN")).expect("wit/FROZEN is readable");
    let breaches = breaches(&frozen, &contract_files());
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn a_changed_release_is_found() {
    let digest = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
    let files = |files: &[(&str, &str)]| -> BTreeMap<String, Vec<u8>> {
        files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
    };
    let frozen = format!("# Comment.\n{}  0.1.0/a.wit\nopen 0.2.0\n", digest("a"));
    let check = |found: &[(&str, &str)], expected: &[&str]| {
        assert_eq!(breaches(&frozen, &files(found)), expected, "{found:?}");
    };
    check(&[("0.1.0/a.wit", "a"), ("0.2.0/a.wit", "anything")], &[]);
    check(&[("0.1.0/a.wit", "A"), ("0.2.0/a.wit", "")], &["`0.1.0/a.wit` has changed since its release"]);
    check(&[("0.2.0/a.wit", "")], &["`0.1.0/a.wit` was released and is gone"]);
    check(
        &[("0.1.0/a.wit", "a"), ("0.1.0/b.wit", "b"), ("0.2.0/a.wit", "")],
        &["`0.1.0/b.wit` is neither of a release nor of an open version"],
    );
    check(&[("0.1.0/a.wit", "a")], &["version 0.2.0 is open and has no file"]);

    let two = "open 0.1.0\nopen 0.2.0\nnonsense";
    let found = files(&[("0.1.0/a.wit", ""), ("0.2.0/a.wit", "")]);
    assert_eq!(breaches(two, &found), ["line `nonsense` is not understood", "more than one version is open"]);
}

#[test]
fn a_folder_is_named_after_the_version_in_it() {
    for (name, bytes) in contract_files() {
        let version = name.split('/').next().expect("a path has a first part");
        let text = String::from_utf8(bytes).expect("a contract is UTF-8");
        if let Some(package) = text.lines().find(|line| line.starts_with("package ")) {
            assert_eq!(package, format!("package wmigrate:migration@{version};"), "{name}");
        }
    }
}

#[test]
fn every_name_is_documented() {
    let mut missing = Vec::new();
    for (name, bytes) in contract_files() {
        let text = String::from_utf8(bytes).expect("a contract is UTF-8");
        missing.extend(undocumented(&text).into_iter().map(|line| format!("{name}: nothing is said about `{line}`")));
    }
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

#[test]
fn a_missing_word_is_found() {
    let text = "/// A.\ninterface a {\n    use b.{c};\n    /// B.\n    b: func(\n        c: u32,\n    ) -> u32;\n\n    d: func();\n    \
                type e = u32;\n    /// F.\n    record f { g: u32 }\n    enum h { i }\n}\nworld w {\n    import a;\n    \
                export j: func();\n}\n";
    assert_eq!(undocumented(text), ["d: func();", "type e = u32;", "enum h { i }", "world w {", "export j: func();"]);
}

#[test]
fn there_is_one_copy_and_everybody_reads_it() {
    let current = fs::canonicalize(root().join(CURRENT)).expect("the current version is there");
    let link = root().join("guest-sdk/rust/wit");
    assert!(link.is_symlink(), "guest-sdk/rust/wit must be a link, not a copy");
    assert_eq!(fs::canonicalize(link).expect("the link leads somewhere"), current);
    for (reader, line) in READERS {
        let text = fs::read_to_string(root().join(reader)).unwrap_or_else(|error| panic!("{reader}: {error}"));
        assert!(text.contains(line), "{reader} does not say `{line}`");
    }
    for folder in ["host", "guest-sdk"] {
        let copies = wit_files(&root().join(folder));
        assert!(copies.is_empty(), "copies of the contract: {copies:?}");
    }
}

/// What is wrong with `files`, given the list of released digests.
fn breaches(frozen: &str, files: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let (mut breaches, mut open, mut released) = (Vec::new(), Vec::new(), BTreeMap::new());
    for line in frozen.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        match line.split_once(char::is_whitespace) {
            Some(("open", version)) => open.push(version.trim()),
            Some((digest, path)) if digest.len() == 2 * blake3::OUT_LEN => {
                released.insert(path.trim(), digest);
            }
            Some(_) | None => breaches.push(format!("line `{line}` is not understood")),
        }
    }
    if open.len() > 1 {
        breaches.push("more than one version is open".to_owned());
    }
    for (path, digest) in &released {
        match files.get(*path) {
            Some(bytes) if blake3::hash(bytes).to_hex().as_str() == *digest => {}
            Some(_) => breaches.push(format!("`{path}` has changed since its release")),
            None => breaches.push(format!("`{path}` was released and is gone")),
        }
    }
    for path in files.keys() {
        let version = path.split('/').next().unwrap_or_default();
        if !released.contains_key(path.as_str()) && !open.contains(&version) {
            breaches.push(format!("`{path}` is neither of a release nor of an open version"));
        }
    }
    for version in open {
        if !files.keys().any(|path| path.starts_with(&format!("{version}/"))) {
            breaches.push(format!("version {version} is open and has no file"));
        }
    }
    breaches
}

/// The lines that begin a named thing with no `///` before them. Fields and cases may go without: their type's text, or
/// their name, says it.
fn undocumented(text: &str) -> Vec<&str> {
    const KEYWORDS: &[&str] =
        &["interface ", "world ", "type ", "record ", "variant ", "enum ", "flags ", "resource ", "export "];
    let (mut found, mut before) = (Vec::new(), "");
    for line in text.lines().map(str::trim) {
        let named = KEYWORDS.iter().any(|keyword| line.starts_with(keyword)) || line.contains(": func(");
        if named && !line.starts_with("//") && !before.starts_with("///") {
            found.push(line);
        }
        before = line;
    }
    found
}

/// The files below `wit/` in folders, by their path there: `0.1.0/sql.wit`.
fn contract_files() -> BTreeMap<String, Vec<u8>> {
    let folder = root().join("wit");
    let files: BTreeMap<String, Vec<u8>> = wit_files(&folder)
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&folder).expect("it was found there").to_string_lossy().into_owned();
            (name, fs::read(path).expect("a contract is readable"))
        })
        .collect();
    assert!(!files.is_empty(), "no contract was found");
    files
}

/// The `.wit` files below a folder, what links lead to and what is built left out.
fn wit_files(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository is readable") {
            let path = entry.expect("an entry is readable").path();
            if path.is_symlink() || path.ends_with("target") || path.ends_with("node_modules") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "wit") {
                found.push(path);
            }
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the host is a folder of the repository").to_owned()
}
