//! What the operator lets a plugin take of the server, and what is said to who takes more.

use super::{App, Manifest, NOTES, sql};
use crate::support::{Output, running::assert_says};
use std::fs;

/// Runs these statements as a plugin that may write `public.author`, under a budget of this one line.
fn run(app: &App, statements: &str, budget: &str) -> Output {
    let greedy = Manifest { request: "write = [\"public.author\"]\n", ..NOTES };
    app.with_plugin(&greedy, &[("sql", &sql(statements, "SELECT 1;"))]);
    let config = fs::read_to_string(app.project.folder.join("wmigrate.toml")).unwrap();
    app.project.write("wmigrate.toml", format!("{config}\n[plugins.notes.budget]\n{budget}\n"));
    let output = app.upgrade("notes");
    assert_eq!(app.project.psql("SELECT string_agg(revision, ' ') FROM wmigrate.version WHERE revision <> 'a1'"), {
        if output.code == Some(0) { "notes1" } else { "" }
    });
    output
}

fn refused(statements: &str, budget: &str, code: i32, says: &str) {
    let key = budget.split(' ').next().unwrap();
    let hint = format!("`{key}` under `[plugins.notes.budget]` in wmigrate.toml");
    let output = run(&App::new(), statements, budget);
    assert_says(&output, code, &[says, &hint, "the database is at `a1`; nothing was changed"]);
}

#[test]
fn what_is_too_much_is_the_operators_to_say() {
    refused(
        "CREATE TABLE notes.t (id int);\nSELECT pg_sleep(30);",
        "time = \"1 s\"",
        13,
        "revision `notes1` was ended: it ran longer than a plugin may (1 s)",
    );
    refused(
        "SELECT count(pg_advisory_xact_lock(i)) FROM generate_series(1, 60) i;\nSELECT pg_sleep(30);",
        "locks = 50",
        13,
        "it held more than 50 locks",
    );
    refused(
        "CREATE TABLE notes.t AS SELECT repeat(i::text, 100) FROM generate_series(1, 50000) i;\nSELECT pg_sleep(30);",
        "wal = \"1 MiB\"",
        13,
        "more than 1 MiB of changes were written while it ran",
    );
    refused(
        "LOCK TABLE public.author IN ACCESS EXCLUSIVE MODE;\nSELECT pg_sleep(30);",
        "blocks_reads = \"200 ms\"",
        14,
        "it kept everybody from reading public.author for more than 200 ms",
    );
}

#[test]
fn what_blocks_nobody_is_nobodys_business() {
    // A lock on a table of its own, and one on the application's that lets others read.
    let statements =
        "CREATE TABLE notes.t (id int);\nLOCK TABLE public.author IN SHARE ROW EXCLUSIVE MODE;\nSELECT pg_sleep(1);";
    assert_says(&run(&App::new(), statements, "blocks_reads = \"200 ms\""), 0, &[]);
}

#[test]
fn without_a_timeout_of_statements_the_whole_time_counts() {
    let app = App::new();
    app.with_plugin(&NOTES, &[("sql", &sql("SELECT pg_sleep(4);", "SELECT 1;"))]);
    let slow = ["plugin", "upgrade", "notes", "--statement-timeout", "none", "--cpu", "1 s"];
    assert_says(&app.project.wmigrate(slow), 0, &[]);
}

#[test]
fn temporary_files_end_where_the_operator_may_set_that() {
    let app = App::new();
    if app.project.psql("SELECT current_setting('server_version_num')::int >= 150000") == "f" {
        eprintln!("skipped: before version 15 only a superuser may set `temp_file_limit`");
        return;
    }
    app.project.psql(&format!("GRANT SET ON PARAMETER temp_file_limit TO {}", app.admin));
    let spills = "SELECT count(*) FROM (SELECT i FROM generate_series(1, 500000) i ORDER BY i::text DESC OFFSET 1) s;";
    let output = run(&app, &format!("SET LOCAL work_mem = '64kB';\n{spills}"), "temp_files = \"1 MiB\"");
    assert_says(
        &output,
        1,
        &["53400", "temp_file_limit", "`temp_files` under `[plugins.notes.budget]` in wmigrate.toml"],
    );
    app.project.psql(&format!("REVOKE SET ON PARAMETER temp_file_limit FROM {}", app.admin));
}

#[test]
fn a_missing_right_is_the_grants_business() {
    let app = App::new();
    app.with_plugin(&NOTES, &[("sql", &sql("SELECT secret FROM public.author;", "SELECT 1;"))]);
    assert_says(
        &app.upgrade("notes"),
        1,
        &["42501", "see `wmigrate plugin show notes`", "`wmigrate plugin grant notes`"],
    );
}
