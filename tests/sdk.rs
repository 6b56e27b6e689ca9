//! Revisions in Rust, from the author's file to the database: built by the machine's cargo, in one project, so that what
//! they share is built once.

use std::{fs, path::Path, process::Command};

use crate::support::{
    Project,
    project::{front_matter, names_in},
};

/// Whether the machine can build for the target; says so where it cannot.
pub fn can_build() -> bool {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).current_dir("/").output();
    let target = |sysroot: &str| Path::new(sysroot.trim()).join("lib/rustlib/wasm32-unknown-unknown").is_dir();
    let here = sysroot.is_ok_and(|output| target(&String::from_utf8_lossy(&output.stdout)));
    if !here {
        eprintln!("skipped: no Rust with the target `wasm32-unknown-unknown`");
    }
    here
}

fn add(project: &Project, id: &str, down: &str, body: &str) {
    let text = format!(
        "{}use wmigrate_guest::prelude::*;\n\nexport!(upgrade, downgrade);\n\n{body}",
        front_matter("//", id, down, "in rust", "")
    );
    project.revision(id, "in rust", "rs", &text);
}

/// Runs `upgrade head` with the revision on top, which must fail, and takes it away again.
#[track_caller]
fn fails(project: &Project, id: &str, body: &str, code: i32, words: &[&str]) {
    let body = format!("{body}\n\nfn downgrade() -> Result<()> {{\n    Ok(())\n}}\n");
    add(project, id, "r1", &body);
    let output = project.wmigrate(["upgrade", "head"]);
    assert_eq!(output.code, Some(code), "{}", output.stderr);
    for word in words {
        assert!(output.stderr.contains(word), "no `{word}` in:\n{}", output.stderr);
    }
    assert_eq!(project.psql("SELECT to_regclass('half'), (SELECT revision FROM wmigrate.version)"), "|r1");
    fs::remove_file(project.folder.join(format!("versions/{id}_in_rust.rs"))).unwrap();
}

const FIRST: &str = r#"fn upgrade() -> Result<()> {
    sql::script(
        "CREATE TABLE account (id int8 PRIMARY KEY, name text, balance numeric(20,4), born date, raw bytea, tags text[]);
         CREATE INDEX ON account (name);",
    )?;
    let insert = "INSERT INTO account VALUES ($1, $2, $3, $4, $5, $6)";
    let none: Option<String> = None;
    let touched = sql::execute(insert, params![9_007_199_254_740_993_i64, "it's ü", 12.5_f64, "2024-02-29", vec![0_u8, 255], vec!["a", "b"]])?;
    ensure!(touched == 1, "{touched} rows");
    sql::execute(insert, params![2_i64, none.clone(), none.clone(), none.clone(), none.clone(), none])?;

    for row in sql::query("SELECT id, name FROM account ORDER BY id DESC", &[])? {
        let (id, name): (i64, Option<String>) = row.read()?;
        info!("account {id}: {name:?}");
    }

    let undone = sql::savepoint(|| sql::execute("INSERT INTO account (id) VALUES ($1)", params![2_i64]));
    let error = undone.expect_err("the key is there");
    ensure!(error.sqlstate() == "23505" && error.field("constraint") == Some("account_pkey"), "{error}");
    sql::savepoint(|| sql::execute("UPDATE account SET name = 'kept' WHERE id = 2", &[]))?;
    notice!("on {} for {}", context::server_version() / 10_000 >= 12, context::revision());
    Ok(())
}

fn downgrade() -> Result<()> {
    sql::script("DROP TABLE account;")?;
    Ok(())
}
"#;

#[test]
fn a_revision_in_rust() {
    if !can_build() {
        return;
    }
    let project = Project::new();
    add(&project, "r1", "", FIRST);
    let output = project.wmigrate(["upgrade", "head"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    for line in ["account 9007199254740993: Some(\"it's ü\")", "account 2: None", "on true for r1"] {
        assert!(output.stderr.contains(line), "no `{line}` in:\n{}", output.stderr);
    }
    assert_eq!(
        project.psql("SELECT id, name, balance, born, encode(raw, 'hex'), tags FROM account ORDER BY id"),
        "2|kept||||\n9007199254740993|it's ü|12.5000|2024-02-29|00ff|{a,b}"
    );
    project.ok(["downgrade", "base"]);
    assert_eq!(project.psql("SELECT to_regclass('account')"), "");

    // The component imports nothing of WASI.
    let build = project.folder.join(".wmigrate/build");
    let built: Vec<_> =
        names_in(&build).into_iter().filter(|name| Path::new(name).extension() == Some("wasm".as_ref())).collect();
    assert_eq!(built.len(), 1, "{built:?}");
    let engine = wasmtime::Engine::default();
    let component = wasmtime::component::Component::new(&engine, fs::read(build.join(&built[0])).unwrap()).unwrap();
    for (name, _) in component.component_type().imports(&engine) {
        assert!(name.starts_with("wmigrate:migration/"), "{name}");
    }
    // It is not built again.
    let modified = || fs::metadata(build.join(&built[0])).unwrap().modified().unwrap();
    let before = modified();
    project.ok(["upgrade", "head"]);
    assert_eq!(modified(), before);

    // An error that nobody handles flows out with its SQLSTATE.
    fails(
        &project,
        "r2",
        "fn upgrade() -> Result<()> {\n    sql::execute(\"CREATE TABLE half ()\", &[])?;\n    \
         sql::execute(\"INSERT INTO account (id) VALUES (2)\", &[])?;\n    Ok(())\n}",
        1,
        &["duplicate key value", "SQLSTATE 23505", "account_pkey"],
    );
    fails(&project, "r3", "fn upgrade() -> Result<()> {\n    bail!(\"no {}\", \"thanks\")\n}", 1, &["no thanks"]);
    // A panic names its place in the author's file: the front matter has six lines, and `use` and `export!` four.
    fails(
        &project,
        "r4",
        "fn upgrade() -> Result<()> {\n    sql::execute(\"CREATE TABLE half ()\", &[])?;\n    let none: Option<u8> = None;\n    \
         none.expect(\"a number\");\n    Ok(())\n}",
        13,
        &["a number", "r4_in_rust.rs:14"],
    );
    fails(
        &project,
        "r5",
        "fn deep(n: u64) -> u64 {\n    if std::hint::black_box(n) == 0 { 0 } else { deep(n - 1) + std::hint::black_box(1) }\n}\n\n\
         fn upgrade() -> Result<()> {\n    info!(\"{}\", deep(u64::MAX));\n    Ok(())\n}",
        13,
        &["more stack than its limit"],
    );
    // What the compiler says is about the author's file.
    fails(
        &project,
        "r6",
        "fn upgrade() -> Result<()> {\n    let number: u8 = \"x\";\n    Ok(())\n}",
        1,
        &["could not be built", "r6_in_rust.rs:12", "mismatched types"],
    );

    the_crates_own_example(&project);
}

/// The complete revision in the documentation of the crate, as it stands there.
fn the_crates_own_example(project: &Project) {
    let source = include_str!("../guest-sdk/rust/src/lib.rs");
    let example: Vec<_> = source
        .lines()
        .skip_while(|line| !line.starts_with("//! ```"))
        .skip(1)
        .take_while(|line| !line.starts_with("//! ```"))
        .map(|line| line.trim_start_matches("//!").strip_prefix(' ').unwrap_or_default())
        .filter(|line| !line.starts_with("# "))
        .collect();
    let text = example.join("\n") + "\n";
    assert!(text.contains("export!(upgrade, downgrade);"), "{text}");
    let text = text.replace("\"1b07c2aa9e11\"", "\"r1\"");
    project.revision("3f2a9c1d7e04", "split", "rs", &text);
    project.psql(
        "CREATE TABLE author (id int8, name text); INSERT INTO author VALUES (1, 'Ada King Lovelace'), (2, NULL)",
    );
    let output = project.wmigrate(["upgrade", "head"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    for line in ["warning: author 2 has no name that can be split", "1 names split"] {
        assert!(output.stderr.contains(line), "no `{line}` in:\n{}", output.stderr);
    }
    assert_eq!(project.psql("SELECT given_name, family_name FROM author WHERE id = 1"), "Ada King|Lovelace");
    project.ok(["downgrade", "-1"]);
    assert_eq!(project.psql("SELECT count(*) FROM information_schema.columns WHERE table_name = 'author'"), "2");
}
