//! A bundle runs where there is nothing but the binary and a database, and one that was altered does not run at all.

use std::fs;

use crate::support::{Output, Project, running::assert_says};

/// A history in three languages that need no toolchain, with a branch and a merge.
fn history() -> Project {
    let project = Project::new();
    project.sql("a1", "", "tables", "CREATE TABLE t (id int PRIMARY KEY, v text);", "DROP TABLE t;");
    let js = "import { sql } from \"wmigrate\";\n\
              export function upgrade() { sql.execute(\"INSERT INTO t VALUES (1, $1)\", [\"from js\"]); }\n\
              export function downgrade() { sql.execute(\"DELETE FROM t WHERE id = 1\"); }\n";
    project.js("b1", "a1", "rows", js);
    let ts = js.replace("VALUES (1", "VALUES (2").replace("id = 1", "id = 2").replace("from js", "from ts");
    let ts = ts.replace("upgrade()", "upgrade(): void").replace("downgrade()", "downgrade(): void");
    let front = crate::support::project::front_matter("//", "b2", "a1", "typed rows", "");
    project.revision("b2", "typed rows", "ts", &format!("{front}{ts}"));
    project.sql("c1", "b1, b2", "merge", "", "");
    project
}

/// Runs the bundle of `project` in an empty folder, with no program on the PATH.
fn elsewhere(project: &Project, arguments: &[&str]) -> Output {
    let elsewhere = project.folder.join("elsewhere");
    fs::create_dir_all(&elsewhere).unwrap();
    let bundle = project.folder.join("app.wmigrate");
    let mut command = project.command(arguments);
    command.arg("--versions").arg(&bundle).current_dir(&elsewhere).env("PATH", "");
    command.output().unwrap().into()
}

#[test]
fn it_runs_where_there_are_no_sources() {
    let project = history();
    project.ok(["bundle", "-o", "app.wmigrate"]);
    let first = fs::read(project.folder.join("app.wmigrate")).unwrap();
    project.ok(["bundle", "-o", "app.wmigrate"]);
    assert!(first == fs::read(project.folder.join("app.wmigrate")).unwrap(), "the bytes differ");
    for _ in 0..2 {
        assert_says(&elsewhere(&project, &["upgrade", "head"]), 0, &["Running upgrade a1 -> b2, typed rows"]);
        assert_eq!(project.psql("SELECT string_agg(v, ', ' ORDER BY id) FROM t"), "from js, from ts");
        assert_eq!(elsewhere(&project, &["current"]).stdout, "c1 (head) (mergepoint)\n");
        assert_says(&elsewhere(&project, &["downgrade", "base"]), 0, &[]);
    }
    // What the sources ran and what the bundle runs is the same, one way and the other.
    project.ok(["upgrade", "head"]);
    assert_says(&elsewhere(&project, &["verify"]), 0, &[]);
    project.ok(["downgrade", "base"]);
    assert_says(&elsewhere(&project, &["upgrade", "head"]), 0, &[]);
    project.ok(["verify"]);
}

/// What is said of a bundle that is not as it was made.
pub const ALTERED: [(&str, &[&str]); 2] = [
    ("a bundle that was cut short", &["cannot be used", "it has ", "copy it again; nothing of it was run"]),
    ("a bundle with one bit altered", &["cannot be used", "the part ", " is not what its digest says"]),
];

#[test]
fn what_was_altered_is_not_run() {
    let project = history();
    project.ok(["bundle", "-o", "app.wmigrate"]);
    let path = project.folder.join("app.wmigrate");
    let whole = fs::read(&path).unwrap();
    let refused = |bytes: &[u8], code: i32, texts: &[&str]| {
        fs::write(&path, bytes).unwrap();
        assert_says(&elsewhere(&project, &["upgrade", "head"]), code, texts);
        assert_eq!(project.psql("SELECT to_regnamespace('wmigrate') IS NULL"), "t");
    };
    let [(_, cut_short), (_, one_bit)] = ALTERED;
    refused(&whole[..whole.len() / 2], 12, cut_short);
    let mut altered = whole.clone();
    altered[whole.len() - 10] ^= 0x10;
    refused(&altered, 12, one_bit);
    let mut altered = whole.clone();
    altered[200] ^= 1;
    refused(&altered, 12, &["its index is not what its digest says"]);
    refused(b"PK\x03\x04", 1, &["it does not begin as a bundle does", "make one with `wmigrate bundle -o FILE`"]);
    refused(b"wmigrate-bundle 9\n", 1, &["it is a bundle of format 9", "use a newer wmigrate"]);
    fs::write(&path, &whole).unwrap();
    let said = elsewhere(&project, &["revision", "-m", "more"]);
    assert_says(&said, 2, &["is a bundle, to which no revision is added"]);
    let said = project.wmigrate(["bundle", "-o", "app.zip"]);
    assert_says(&said, 2, &["`app.zip` does not end with `.wmigrate`"]);
}

#[test]
fn a_component_from_elsewhere_is_stamped() {
    let project = Project::new();
    let module = wat::parse_str(
        "(module (memory (export \"memory\") 1) (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable) \
         (func (export \"upgrade\") (result i32) i32.const 64) (func (export \"downgrade\") (result i32) i32.const 64))",
    );
    project.write("my.wasm", module.unwrap());
    let said = project.ok(["stamp-component", "my.wasm", "--rev-id", "e1", "-m", "from elsewhere"]);
    assert!(said.ends_with("versions/e1_from_elsewhere.wasm\n"), "{said}");
    project.ok(["upgrade", "head"]);
    project.ok(["downgrade", "base"]);
    // Again, with a parent; what is not said stays.
    project.sql("d1", "", "before", "SELECT 1;", "SELECT 1;");
    let path = "versions/e1_from_elsewhere.wasm";
    project.ok(["stamp-component", path, "-o", path, "--down-revision", "d1", "--transaction", "none"]);
    assert_eq!(project.ok(["history"]), "d1 -> e1 (head), from elsewhere\n<base> -> d1, before\n");
    project.ok(["upgrade", "head"]);
    let no_revision = |text: &str, says: &str| {
        project.write("other.wasm", wat::parse_str(text).unwrap());
        let said = project.wmigrate(["stamp-component", "other.wasm"]);
        assert_says(
            &said,
            1,
            &["`other.wasm` is no revision's component: ", says, "`wmigrate wit` prints what it may import"],
        );
    };
    no_revision("(module)", "it does not export `upgrade`");
    no_revision("(component)", "no export `");
    no_revision(
        "(component (import \"foreign:thing/network@1.0.0\" (instance (export \"connect\" (func)))))",
        "foreign:thing/network@1.0.0",
    );
    project.write("text.wasm", "hello");
    let said = project.wmigrate(["stamp-component", "text.wasm"]);
    assert_says(&said, 1, &["this is not WebAssembly"]);
    let said = project.wmigrate(["stamp-component", "missing.wasm"]);
    assert_says(&said, 2, &["cannot read `missing.wasm`"]);
}
