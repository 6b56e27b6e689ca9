//! `--sql`: the script, run by the real psql, must leave what a run leaves: the same schema, the same version rows, the same
//! pending revisions.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails, and says why")]

use std::{path::PathBuf, process::Command};

use wmigrate::embedded::{Search, find_psql};

use crate::{
    commands::{branched, branched_project, has_schema, rows},
    support::{
        Project, cluster,
        transcript::{compare, session},
    },
};

/// A client program, or `None` where only the server is installed.
fn client(name: &str) -> Option<Command> {
    let explicit = std::env::var_os("WMIGRATE_PG_BIN").map(PathBuf::from);
    let path = std::env::var_os("PATH");
    let cache = cluster::root().join("cache");
    let psql = find_psql(&Search {
        explicit: explicit.as_deref(),
        path: path.as_deref(),
        cache: &cache,
        major: None,
        download: false,
        say: &|_| {},
    });
    let found = psql.map(|psql| psql.with_file_name(name)).filter(|program| program.is_file());
    if found.is_none() {
        eprintln!("skipped: `{name}` is not installed");
    }
    found.map(Command::new)
}

/// Feeds a script to psql, which stops at the first error.
fn run_script(project: &Project, script: &str) -> bool {
    let Some(mut psql) = client("psql") else { return false };
    let file = project.write("script.sql", script);
    let output =
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", project.url(), "-f"]).arg(file).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}\n{script}");
    assert!(!stderr.contains("WARNING") && !stderr.contains("ERROR"), "{stderr}\n{script}");
    true
}

/// The whole schema, the log table's contents aside.
fn dump(project: &Project) -> String {
    let output = client("pg_dump").expect("psql is here too").args(["-s", "-d", project.url()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // Newer ones add a random key.
    text.lines()
        .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Both projects have the same history; one ran `command`, the other the script of `scripted`.
fn check_same(make: &dyn Fn(&Project), steps: &[(&str, &str)]) {
    let (ran, scripted) = (Project::new(), Project::new());
    make(&ran);
    make(&scripted);
    for (command, offline) in steps {
        ran.ok(command.split(' '));
        if !run_script(&scripted, &scripted.ok(offline.split(' '))) {
            return;
        }
        assert_eq!(rows(&ran), rows(&scripted), "{command}");
        compare(&dump(&scripted), &dump(&ran));
        let log = "SELECT direction, revision, outcome, digest FROM wmigrate.log ORDER BY id";
        assert_eq!(ran.psql(log), scripted.psql(log), "{command}");
        assert_eq!(ran.ok(["plan", "upgrade", "heads"]), scripted.ok(["plan", "upgrade", "heads"]), "{command}");
        assert_eq!(scripted.ok(["verify"]), "");
    }
}

#[test]
fn a_script_leaves_what_a_run_leaves() {
    check_same(
        &branched,
        &[
            ("upgrade 2b00", "upgrade --sql 2b00"),
            ("upgrade shop@head", "upgrade --sql 2b00:shop@head"),
            ("downgrade shop@2b00", "downgrade --sql 5e00:shop@2b00"),
        ],
    );
    check_same(
        &branched,
        &[
            ("upgrade heads", "upgrade --sql heads"),
            ("downgrade base", "downgrade --sql heads:base"),
            ("upgrade audit@head", "upgrade --sql audit@head"),
        ],
    );
    check_same(&branched, &[("upgrade 5e00 --single-transaction", "upgrade --sql 5e00 --single-transaction")]);
}

#[test]
fn what_is_hard_to_put_into_a_script() {
    let make = |project: &Project| {
        let upgrade = "CREATE TABLE \"odd; name\" (a text DEFAULT ';', b text DEFAULT E'\\';');\n\
             CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $body$ BEGIN /* ; */ RETURN 1; END $body$;\n\
             CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;\n\
             INSERT INTO \"odd; name\" VALUES ('-- no comment', 'Grüße 🐘') -- a comment; at the end\n;";
        project.sql("1a00", "", "odd texts", upgrade, "DROP FUNCTION f, g;\nDROP TABLE \"odd; name\";");
        let body = "import { sql } from \"wmigrate\";\n\
             export function upgrade() {\n\
             \x20 sql.execute(\"INSERT INTO \\\"odd; name\\\" VALUES ($1, $2)\", [\"it's; $1 \\\\ -- \", null]);\n\
             \x20 sql.execute(\"COMMENT ON TABLE \\\"odd; name\\\" IS 'from js'\");\n\
             }\n\
             export function downgrade() { sql.execute(\"DELETE FROM \\\"odd; name\\\"\"); }\n";
        project.js("2b00", "1a00", "parameters", body);
    };
    check_same(&make, &[("upgrade head", "upgrade --sql head"), ("downgrade -1", "downgrade --sql 2b00:1a00")]);

    let project = Project::new();
    make(&project);
    let script = project.ok(["upgrade", "--sql", "1a00:2b00"]);
    assert!(!script.contains("($1, $2)"), "parameters are part of the text:\n{script}");
    if run_script(&project, &project.ok(["upgrade", "--sql", "head"])) {
        let texts = "SELECT a, b FROM \"odd; name\" ORDER BY a COLLATE \"C\"";
        assert_eq!(project.psql(texts), "-- no comment|Grüße 🐘\nit's; $1 \\ -- |");
    }
}

#[test]
fn a_revision_leaves_nothing_on_the_session_of_a_script() {
    let make = |project: &Project| {
        let upgrade = "CREATE SCHEMA side;\nSET search_path TO side;\nCREATE TABLE inside (a int);\n\
             CREATE TEMP TABLE scratch (a int);";
        project.sql("1a00", "", "go aside", upgrade, "DROP SCHEMA side CASCADE;");
        project.sql("2b00", "1a00", "back again", "CREATE TABLE outside (a int);\nCREATE TABLE scratch (a int);", "");
        let role = "SET LOCAL ROLE pg_monitor;\nRESET ROLE;\nSET ROLE pg_monitor;";
        project.sql("3c00", "2b00", "as somebody else", role, "");
    };
    check_same(&make, &[("upgrade head", "upgrade --sql head")]);
    check_same(&make, &[("upgrade head --single-transaction", "upgrade --sql head --single-transaction")]);
}

#[test]
fn a_revision_that_reads_is_refused_before_anything_is_printed() {
    let (project, filters) = branched_project();
    let body = "import { sql } from \"wmigrate\";\n\
         export function upgrade() { for (const row of sql.query(\"SELECT id FROM accounts\")) sql.execute(\"SELECT 1\"); }\n\
         export function downgrade() {}\n";
    project.js("7a00", "5e00", "reads", body);
    let refused = project.wmigrate(["upgrade", "--sql", "7a00"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    let mut lines = refused.stderr.lines();
    assert_eq!(lines.next(), Some("error: revision `7a00` cannot be part of a script"));
    assert!(lines.next().unwrap().starts_with("  caused by: `7a00`: "), "{}", refused.stderr);
    assert_eq!(
        lines.next(),
        Some(
            "hint: run up to it with a script, run it with `wmigrate upgrade`, and go on from there: wmigrate upgrade --sql FROM:TO"
        )
    );
    let json: serde_json::Value =
        serde_json::from_str(&project.wmigrate(["upgrade", "--sql", "7a00", "--json"]).stdout).unwrap();
    assert_eq!(json["error"]["kind"], "reads_in_script");
    // Up to it, and back over it, nothing reads.
    project.ok(["upgrade", "--sql", "5e00"]);
    project.ok(["downgrade", "--sql", "7a00:5e00"]);
    assert!(!has_schema(&project));
    session(
        &project,
        &filters,
        "$ wmigrate downgrade --sql 5e00
         exit 10
         err error: downgrade with --sql requires <fromrev>:<torev>, not `5e00`
         err hint: for example `wmigrate downgrade --sql head:base`
         $ wmigrate upgrade --sql 9999
         exit 10
         err error: can't locate revision identified by `9999`: no such revision or branch
         err hint: `wmigrate history` lists all revisions",
    );
}

#[test]
fn the_shape_of_a_script() {
    let mut project = Project::without_database();
    branched(&project);
    // No database is asked.
    project.set("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing");
    let script = project.ok(["upgrade", "--sql", "1a00:2b00"]);
    let log = script.lines().find(|line| line.starts_with("INSERT INTO \"wmigrate\".log")).unwrap();
    assert_eq!(
        script,
        format!(
            "BEGIN;\n\n-- Running upgrade 1a00 -> 2b00, add email\n\nALTER TABLE accounts ADD email text;\n\n\
             UPDATE \"wmigrate\".version SET revision = '2b00' WHERE revision = '1a00';\n\n{log}\n\nCOMMIT;\n\n"
        )
    );
    let from_base = project.ok(["upgrade", "--sql", "heads"]);
    assert!(from_base.starts_with("BEGIN;\n\nCREATE SCHEMA IF NOT EXISTS \"wmigrate\";\n"), "{from_base}");
    assert_eq!(from_base.matches("\nCOMMIT;").count(), 7, "one for the schema, one a revision");
    let single = project.ok(["upgrade", "--sql", "heads", "--single-transaction"]);
    assert_eq!((single.matches("BEGIN;").count(), single.matches("\nCOMMIT;").count()), (1, 1));
    assert_eq!(project.ok(["upgrade", "--sql", "2b00:2b00"]), "");
}

#[test]
fn a_stamp_as_a_script() {
    let (ran, _) = branched_project();
    let scripted = Project::new();
    branched(&scripted);
    for (command, offline) in [("stamp 2b00", "stamp --sql 2b00"), ("stamp 5e00", "stamp --sql 2b00:5e00")] {
        ran.ok(command.split(' '));
        if !run_script(&scripted, &scripted.ok(offline.split(' '))) {
            return;
        }
        assert_eq!(rows(&ran), rows(&scripted));
    }
    compare(&dump(&scripted), &dump(&ran));
}
