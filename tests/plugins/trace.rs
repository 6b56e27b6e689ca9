//! What the statements of a plugin do to objects of others: shown by a dry run, kept beside the log.

use super::life::state;
use super::{App, Manifest, NOTES, sql};
use crate::support::running::assert_says;

const REFERS: &str = "CREATE TABLE notes.note (id int, author int);\n\
                      ALTER TABLE notes.note ADD FOREIGN KEY (author) REFERENCES public.author (id);";

const LOCKS: &str = "SHARE ROW EXCLUSIVE on public.author: blocks writes";

fn roles_and_schemas(app: &App) -> String {
    app.project.psql(
        "SELECT (SELECT count(*) FROM pg_roles WHERE rolname LIKE 'wm\\_' || (SELECT oid FROM pg_database WHERE datname = current_database()) || '\\_p%'), \
         to_regnamespace('notes') IS NULL, (SELECT string_agg(revision, ' ') FROM wmigrate.version), (SELECT count(*) FROM wmigrate.log)",
    )
}

#[test]
fn a_dry_run_of_a_plugin_leaves_nothing() {
    let app = App::new();
    let (before, roles) = (state(&app), roles_and_schemas(&app));
    let second =
        sql("ALTER TABLE notes.note ADD COLUMN more int;\nINSERT INTO notes.note VALUES (1, 1, 1);", "SELECT 1;");
    app.with_plugin(&NOTES, &[("sql", &sql(REFERS, "SELECT 1;")), ("sql", &second)]);
    let rehearse = ["plugin", "upgrade", "notes", "--dry-run"];
    let output = app.project.wmigrate(rehearse);
    assert_says(
        &output,
        0,
        &[
            "Running upgrade  -> notes1, a step",
            &format!("  notes1: {LOCKS}"),
            "  notes1: public.author: writes blocked for ",
            "Running upgrade notes1 -> notes2, a step",
            "dry run: 2 revisions rolled back, nothing was changed",
        ],
    );
    assert!(output.stdout.contains("ALTER TABLE notes.note ADD COLUMN more int;"), "{}", output.stdout);
    assert_eq!((state(&app), roles_and_schemas(&app)), (before, roles));
    // What the database knows already stays as it is.
    assert_says(&app.upgrade("notes"), 0, &[]);
    assert_says(&app.project.wmigrate(["plugin", "downgrade", "notes", "base", "--dry-run"]), 0, &[]);
    assert_eq!(app.project.psql("SELECT more FROM notes.note"), "1");
}

#[test]
fn a_dry_run_keeps_what_a_removal_kept() {
    let app = App::new();
    let plugin = [("sql", &*sql("CREATE TABLE IF NOT EXISTS notes.a AS SELECT 7 AS id;", "DROP TABLE notes.a;"))];
    app.with_plugin(&Manifest { request: "", ..NOTES }, &plugin);
    assert_says(&app.upgrade("notes"), 0, &[]);
    app.project.ok(["plugin", "remove", "notes", "--keep-data"]);
    app.with_plugin(&Manifest { request: "", ..NOTES }, &plugin);
    app.project.ok(["plugin", "upgrade", "notes", "--dry-run"]);
    assert_eq!(app.project.psql("SELECT id FROM notes.a"), "7");
}

#[test]
fn names_in_another_encoding_are_no_text() {
    let app = App::new();
    let first = "CREATE TABLE notes.a (id int CONSTRAINT \"na\u{ef}ve\" CHECK (id > 0));";
    let second = "INSERT INTO notes.a VALUES (1);\nSET client_encoding = 'LATIN1';\nSELECT * FROM notes.a;";
    app.with_plugin(&NOTES, &[("sql", &sql(first, "SELECT 1;")), ("sql", &sql(second, "SELECT 1;"))]);
    assert_says(&app.upgrade("notes"), 13, &["it set `client_encoding`", "the database is at `notes1`"]);
    // Where constraints are checked, nobody asks for the encoding any more.
    let deferred = format!(
        "{REFERS}\nCREATE FUNCTION notes.f() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN SET client_encoding = 'LATIN1'; RETURN NULL; END $f$;\n\
         CREATE CONSTRAINT TRIGGER \"na\u{ef}ve\" AFTER INSERT ON notes.note DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION notes.f();\n\
         INSERT INTO notes.note VALUES (1, 1);"
    );
    let app = App::new();
    app.with_plugin(&NOTES, &[("sql", &sql(&deferred, "SELECT 1;"))]);
    let output = app.upgrade("notes");
    assert!(output.code.is_some_and(|code| code != 101), "{}", output.stderr);
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
}

#[test]
fn a_dry_run_of_a_later_version_is_no_upgrade() {
    let app = App::new();
    let first = ("sql", &*sql("CREATE TABLE notes.a (id int);", "DROP TABLE notes.a;"));
    app.with_plugin(&Manifest { request: "", ..NOTES }, &[first]);
    assert_says(&app.upgrade("notes"), 0, &[]);
    let old = std::fs::read(app.project.folder.join("notes-1.0.wmigrate")).unwrap();
    let kept = |name: &str| std::fs::read(app.project.folder.join(name)).unwrap();
    let (config, lock) = (kept("wmigrate.toml"), kept("wmigrate.lock"));
    let reads = sql("SELECT name FROM public.author;", "SELECT 1;");
    app.with_plugin(&Manifest { version: "2.0", ..NOTES }, &[first, ("sql", &reads)]);
    assert_says(&app.project.wmigrate(["plugin", "upgrade", "notes", "--dry-run"]), 0, &["1 revision rolled back"]);
    // Back at the version before: it may run, and has no right that the other one was to have.
    app.project.write("wmigrate.toml", config);
    app.project.write("wmigrate.lock", lock);
    app.project.write("notes-1.0.wmigrate", old);
    app.project.ok(["plugin", "downgrade", "notes", "base"]);
    assert_eq!(
        app.project.psql("SELECT count(*) FROM information_schema.column_privileges WHERE grantee LIKE 'wm\\_%\\_p\\_notes' AND table_schema = 'public' AND grantee LIKE '%' || (SELECT oid FROM pg_database WHERE datname = current_database()) || '%'"),
        "0"
    );
}

#[test]
fn a_dry_run_of_a_plugin_has_its_walls_too() {
    let app = App::new();
    let (before, roles) = (state(&app), roles_and_schemas(&app));
    app.with_plugin(&NOTES, &[("sql", &sql("SELECT secret FROM public.author;", "SELECT 1;"))]);
    assert_says(
        &app.project.wmigrate(["plugin", "upgrade", "notes", "--dry-run"]),
        1,
        &["42501", "`wmigrate plugin grant notes`", "nothing was changed"],
    );
    assert_eq!((state(&app), roles_and_schemas(&app)), (before, roles));
    // The application's and a plugin's have two sessions.
    app.project.sql("a2", "a1", "more", "CREATE TABLE more (id int);", "DROP TABLE more;");
    assert_says(
        &app.project.wmigrate(["upgrade", "heads", "--dry-run"]),
        2,
        &["cannot be part of `--dry-run`", "wmigrate plugin upgrade notes --dry-run"],
    );
}

#[test]
fn the_log_has_what_was_locked() {
    let app = App::new();
    let fails = format!("{REFERS}\nSELECT 1 / 0;");
    app.with_plugin(&NOTES, &[("sql", &sql(&fails, "SELECT 1;"))]);
    assert_says(&app.upgrade("notes"), 1, &["division by zero"]);
    let good = Manifest { version: "1.1", ..NOTES };
    app.with_plugin(&good, &[("sql", &sql(REFERS, "DROP TABLE notes.note;"))]);
    assert_says(&app.upgrade("notes"), 0, &[]);
    app.project.ok(["plugin", "downgrade", "notes", "base"]);
    let log = app.project.ok(["log", "notes1", "-v"]);
    let lines: Vec<_> = log.lines().filter(|line| line.contains(" blocks ") || line.contains("notes1 ")).collect();
    assert_eq!(lines.len(), 7, "{log}");
    assert!(lines[0].contains("downgrade notes1 ok"), "{log}");
    // With the table goes its foreign key, and the trigger on the table that it points at.
    assert!(lines[1].contains("ACCESS EXCLUSIVE on public.author: blocks reads and writes"), "{log}");
    assert!(
        lines[2].contains("ACCESS EXCLUSIVE on notes.note: blocks reads and writes (DROP TABLE notes.note)"),
        "{log}"
    );
    assert!(lines[3].contains("upgrade   notes1 ok"), "{log}");
    assert!(lines[4].contains(LOCKS), "{log}");
    assert!(lines[5].contains("upgrade   notes1 failed"), "{log}");
    assert!(lines[6].contains(LOCKS) && lines[6].contains("(ALTER TABLE notes.note ADD FOREIGN KEY"), "{log}");
    let json = app.project.ok(["log", "notes1", "--json", "-n", "1"]);
    assert!(json.contains("\"effect\": \"dropped notes.note\""), "{json}");
}
