//! The rules of the house that no compiler knows: which room of the host may use which, who may print, how a file
//! begins, how long it may get, why a dependency is there. Reads the sources as text, and runs nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each room of `host/src` may use of the others. A new room, or a new arrow, is a decision: it is made here.
/// Above all: `graph` is pure, `sql` and `state` know no code of revisions, `runtime` knows no version rows, and nothing
/// knows the command line.
const MAY_USE: &[(&str, &[&str])] = &[
    ("bindings", &[]),
    ("units", &[]),
    ("graph", &[]),
    ("walls", &[]),
    ("embedded", &[]),
    ("versions", &["graph", "units"]),
    ("plugins", &["graph", "versions"]),
    ("config", &["plugins", "versions", "units"]),
    ("sql", &["bindings", "units", "walls"]),
    ("state", &["bindings", "sql", "units"]),
    ("registry", &["plugins", "sql"]),
    ("isolation", &["plugins", "sql", "state", "walls"]),
    ("backfill", &["bindings", "sql", "state", "units"]),
    ("durable", &["backfill", "bindings", "sql", "state", "units"]),
    ("runtime", &["backfill", "bindings", "durable", "sql", "units"]),
    ("engines", &["versions"]),
    ("authoring", &["bindings", "config", "engines", "graph", "sql", "units", "versions"]),
    ("components", &["authoring", "config", "engines", "graph", "plugins", "runtime", "units", "versions"]),
    (
        "runner",
        &[
            "backfill",
            "bindings",
            "components",
            "durable",
            "graph",
            "isolation",
            "plugins",
            "runtime",
            "sql",
            "state",
            "units",
            "versions",
        ],
    ),
    (
        "cli",
        &[
            "authoring",
            "backfill",
            "bindings",
            "components",
            "config",
            "durable",
            "embedded",
            "engines",
            "graph",
            "isolation",
            "plugins",
            "registry",
            "runner",
            "runtime",
            "sql",
            "state",
            "units",
            "versions",
        ],
    ),
];

/// Crates and parts of the standard library that belong to certain rooms.
const BELONGS_TO: &[(&str, &[&str])] = &[
    ("clap::", &["cli"]),
    ("indicatif::", &["cli"]),
    ("println!", &["cli"]),
    ("print!", &["cli"]),
    ("eprintln!", &["cli"]),
    ("eprint!", &["cli"]),
    ("io::stdout", &["cli"]),
    ("io::stderr", &["cli"]),
    ("wasmtime::", &["bindings", "runtime"]),
    ("wasmtime_wasi::", &["runtime"]),
    ("rustls::", &["sql"]),
    ("oci_client::", &["registry"]),
    ("minisign_verify::", &["plugins"]),
];

/// What makes a decision depend on more than its arguments. `graph` has none of it.
const IMPURE: &[&str] =
    &["async fn", "std::env", "std::fs", "std::io", "std::net", "std::process", "std::time", "tokio", "getrandom"];

/// Longer than this, a file holds more than one idea.
const MAX_LINES: usize = 750;

/// Longer all the same, each with its reason.
const LONG: &[(&str, &str)] = &[
    ("guest-sdk/rust/src/raw.rs", "generated"),
    ("guest-sdk/rust/src/raw/backfilling.rs", "generated"),
    ("tests/oracle/alembic_cases.py", "one script that is copied to any machine with Alembic"),
];

/// Parts of names that only some machines know. In two pieces, so that this file holds none of them.
const PLACES: &[(&str, &str)] = &[
    ("/wo", "rk/"),
    ("/ro", "ot/"),
    ("/home/run", "ner/"),
    ("../sha", "red/"),
    ("../.lib", "rary"),
    ("index.cra", "tes.io"),
    ("static.cra", "tes.io"),
    ("registry.npm", "js.org"),
    ("py", "pi.org"),
    ("files.python", "hosted.org"),
    ("deb.deb", "ian.org"),
    ("proxy.go", "lang.org"),
    ("static.rust", "-lang.org"),
];

#[test]
fn rooms_use_only_what_is_below_them() {
    let mut breaches = Vec::new();
    for file in sources() {
        let Some(room) = file.room() else { continue };
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == room) else {
            breaches.push(format!("{}: the room `{room}` has no place in `MAY_USE`", file.name));
            continue;
        };
        for used in rooms_used(&file.text, file.depth()) {
            if used != room && !allowed.contains(&used.as_str()) {
                breaches.push(format!("{}: `{room}` must not use `{used}`", file.name));
            }
        }
    }
    none(&breaches);
}

#[test]
fn the_list_of_rooms_has_no_cycle_and_no_ghost() {
    let found: BTreeSet<String> = sources().iter().filter_map(File::room).collect();
    // Each room uses only rooms that stand above it in the list: then there is no cycle.
    let mut above = BTreeSet::new();
    for (room, uses) in MAY_USE {
        assert!(found.contains(*room), "`{room}` is in `MAY_USE` and not in host/src");
        for used in *uses {
            assert!(above.contains(used), "`{room}` may use `{used}`, which stands below it");
        }
        above.insert(*room);
    }
}

#[test]
fn crates_stay_in_their_rooms() {
    let mut breaches = Vec::new();
    for file in sources() {
        let Some(room) = file.room() else { continue };
        let code = code(&file.text);
        for (word, rooms) in BELONGS_TO {
            if holds_word(&code, word) && !rooms.contains(&room.as_str()) {
                breaches.push(format!("{}: `{word}` belongs to {}", file.name, rooms.join(" and ")));
            }
        }
        for word in IMPURE {
            if room == "graph" && holds_word(&code, word) {
                breaches.push(format!("{}: `graph` is pure, `{word}` is not", file.name));
            }
        }
    }
    none(&breaches);
}

#[test]
fn files_say_what_they_are_for_and_stay_short() {
    let mut breaches = Vec::new();
    for file in texts() {
        let extension = Path::new(&file.name).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        // A revision begins with its front matter, and what is made for a revision with the place for it.
        let revision = ["// /// wmigrate", "{{ front_matter }}"].iter().any(|start| file.text.starts_with(start));
        if extension == "rs" && !revision && !file.text.starts_with("//! ") {
            breaches.push(format!("{}: must begin with `//! ` and what it is for", file.name));
        }
        if file.name.ends_with("/mod.rs") {
            breaches.push(format!("{}: `foo.rs` beside `foo/`, not `foo/mod.rs`", file.name));
        }
        let code = matches!(extension, "rs" | "js" | "mjs" | "py" | "sh" | "wit");
        let lines = file.text.lines().count();
        let excused = LONG.iter().any(|(name, _)| *name == file.name);
        if code && !excused && lines > MAX_LINES {
            breaches.push(format!("{}: {lines} lines, more than {MAX_LINES}", file.name));
        }
        if excused && lines <= MAX_LINES {
            breaches.push(format!("{}: {lines} lines need no excuse in `LONG`", file.name));
        }
    }
    none(&breaches);
}

#[test]
fn no_file_names_a_machine_or_a_registry() {
    let mut breaches = Vec::new();
    for path in files() {
        let name = relative(&path);
        // The lock file's source lines are cargo's own.
        if name.ends_with("Cargo.lock") {
            continue;
        }
        let bytes = fs::read(&path).expect("a file of the repository is readable");
        for (start, end) in PLACES {
            let place = format!("{start}{end}");
            if bytes.windows(place.len()).any(|window| window == place.as_bytes()) {
                breaches.push(format!("{name}: names `{place}`"));
            }
        }
    }
    none(&breaches);
}

#[test]
fn dependencies_have_a_reason_and_are_used() {
    let mut breaches = Vec::new();
    for name in ["host/Cargo.toml", "guest-sdk/rust/Cargo.toml", "guest-sdk/engines/sql/Cargo.toml"] {
        let text = read(name);
        breaches.extend(without_reason(&text).into_iter().map(|line| format!("{name}: no reason beside `{line}`")));
    }

    let in_host = joined(|name| name.starts_with("host/"));
    let in_tests = joined(|name| name.starts_with("host/") || name.starts_with("tests/"));
    let manifest: toml::Table = read("host/Cargo.toml").parse().expect("the manifest is TOML");
    for (table, code) in [("dependencies", &in_host), ("dev-dependencies", &in_tests)] {
        for name in manifest[table].as_table().expect("a table of dependencies").keys() {
            if !holds_word(code, &format!("{}::", name.replace('-', "_"))) {
                breaches.push(format!("host/Cargo.toml: nobody uses `{name}`"));
            }
        }
    }
    none(&breaches);
}

#[test]
fn the_rules_find_a_breach() {
    let check = |depth: usize, text: &str, expected: &[&str]| {
        assert_eq!(rooms_used(text, depth).iter().map(String::as_str).collect::<Vec<_>>(), expected, "{text}");
    };
    check(1, "use crate::sql::Error;\nfn a() { crate::state::log::read() }", &["sql", "state"]);
    check(
        1,
        "use crate::{\n    graph::{Map, plan},\n    sql,\n    versions::{self, a::{b}},\n};",
        &["graph", "sql", "versions"],
    );
    check(1, "// crate::sql\n    /// [`crate::sql`]\nuse std::fs; // as crate::sql does", &[]);
    check(1, "use super::sql;", &["sql"]);
    check(2, "use super::sql;", &[]);
    check(2, "use super::super::sql::Error;", &["sql"]);
    check(2, "fn a() {}\n#[cfg(test)]\nmod tests {\n    use super::super::order;\n}", &[]);
    check(2, "#[cfg(test)]\nmod tests {\n    use super::super::super::sql;\n}", &["sql"]);
    check(1, "use mycrate::sql; use $crate::row;", &["row"]);

    assert!(holds_word("use clap::Args;", "clap::") && !holds_word("use myclap::Args;", "clap::"));
    assert!(holds_word("println!(\"\")", "println!") && !holds_word("eprintln!(\"\")", "println!"));

    let manifest = "[package]\nname = \"a\"\n[dependencies]\na = \"1\"\nb = \"1\" # For b.\n# For c.\nc = \"1\"\n[lints]\nd = \"1\"";
    assert_eq!(without_reason(manifest), ["a = \"1\""]);
}

/// A text file of the repository, by its path from the root.
struct File {
    name: String,
    text: String,
}

impl File {
    /// The room that a file of `host/src` belongs to; none for `lib.rs` and `main.rs`, which know all.
    fn room(&self) -> Option<String> {
        let inside = self.name.strip_prefix("host/src/")?;
        let room = inside.split('/').next()?.trim_end_matches(".rs");
        (!matches!(room, "lib" | "main")).then(|| room.to_owned())
    }

    /// How many modules deep its own module is: 1 for `host/src/sql.rs`.
    fn depth(&self) -> usize {
        self.name.split('/').count() - 2
    }
}

/// The top-level modules that `text`, a module `depth` levels deep, names by `crate::` or by climbing with `super::`.
fn rooms_used(text: &str, depth: usize) -> BTreeSet<String> {
    let code = code(text);
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if !starts_word(&code, at) {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        found.extend(first_names(rest));
    }
    // Unit tests are the one inline module of a file, and its last item.
    let tests = code.find("mod tests {").unwrap_or(code.len());
    for (at, _) in code.match_indices("super::") {
        if !starts_word(&code, at) || code[..at].ends_with("super::") {
            continue;
        }
        let rest = code[at..].trim_start_matches("super::");
        let climbed = (code.len() - at - rest.len()) / "super::".len();
        if climbed >= depth + usize::from(at > tests) {
            found.extend(first_names(rest));
        }
    }
    found
}

/// The first name of a path, or of each path of a group: `a` and `c` of `{a::{b}, c}`.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| {
        let text = text.trim_start();
        let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
        text[..end].to_owned()
    };
    let Some(group) = path.strip_prefix('{') else {
        return vec![name(path)];
    };
    let (mut names, mut level, mut start) = (Vec::new(), 0, 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => level += 1,
            ',' | '}' if level == 0 => {
                names.push(name(&group[start..at]));
                start = at + 1;
                if letter == '}' {
                    break;
                }
            }
            '}' => level -= 1,
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// `text` without its comments. A `//` inside a literal ends the line too, which loses nothing that matters here.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn starts_word(text: &str, at: usize) -> bool {
    !text[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_')
}

fn holds_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| starts_word(text, at))
}

/// The dependency lines of a manifest with a comment neither on them nor on the line before.
fn without_reason(manifest: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut inside, mut before) = (false, "");
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.contains("dependencies");
        } else if inside
            && line.contains('=')
            && !line.starts_with('#')
            && !line.contains(" # ")
            && !before.starts_with('#')
        {
            found.push(line);
        }
        before = line;
    }
    found
}

/// The code of all Rust files that `wanted` wants.
fn joined(wanted: impl Fn(&str) -> bool) -> String {
    rust_files().iter().filter(|file| wanted(&file.name)).map(|file| code(&file.text)).collect()
}

/// The Rust files of the host, templates left out.
fn sources() -> Vec<File> {
    let mut found = rust_files();
    found.retain(|file| file.name.starts_with("host/src/") && !file.name.contains("/templates/"));
    assert!(found.len() > 50, "host/src was not found");
    found
}

fn rust_files() -> Vec<File> {
    let mut found = texts();
    found.retain(|file| Path::new(&file.name).extension().is_some_and(|extension| extension == "rs"));
    found
}

fn texts() -> Vec<File> {
    let read = |path: PathBuf| Some(File { name: relative(&path), text: fs::read_to_string(path).ok()? });
    files().into_iter().filter_map(read).collect()
}

/// Every file of the repository, what is made by building or running it left out.
fn files() -> Vec<PathBuf> {
    const MADE: &[&str] = &[".git", ".wmigrate", "node_modules", "target", "__pycache__"];
    let (mut folders, mut found) = (vec![root()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository is readable") {
            let path = entry.expect("an entry is readable").path();
            if MADE.iter().any(|made| path.ends_with(made)) || path.is_symlink() {
                continue;
            }
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the host is a folder of the repository").to_owned()
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).expect("a file of the repository").to_string_lossy().into_owned()
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn none(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}
