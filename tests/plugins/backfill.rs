//! Backfills of plugins, in their one transaction: read, transformed and written as the plugin's role.

use super::{App, Manifest, NOTES, sql};
use crate::support::running::assert_says;

/// A table of its own with rows, and a trigger that says who writes them.
const ROWS: &str = "CREATE TABLE notes.note (id int PRIMARY KEY, text text, words int);\n\
    INSERT INTO notes.note SELECT i, repeat('a word ', i % 7) FROM generate_series(1, 5000) i;\n\
    CREATE TABLE notes.marks (who text);\n\
    CREATE FUNCTION notes.mark() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN INSERT INTO notes.marks VALUES (session_user); RETURN NULL; END $f$;\n\
    CREATE TRIGGER mark AFTER UPDATE ON notes.note FOR EACH STATEMENT EXECUTE FUNCTION notes.mark();";

fn backfill(table: &str, input: &str, output: &str, body: &str) -> String {
    format!(
        "import {{ backfill }} from \"wmigrate\";\n\
         export function upgrade() {{ backfill.run({{ name: \"words\", table: \"{table}\", input: [\"{input}\"], output: [\"{output}\"] }}); }}\n\
         export function downgrade() {{}}\n\
         export const transforms = {{ words(value) {{ {body} }} }};\n"
    )
}

const COUNT: &str = "return [value.split(\" \").length - 1];";

#[test]
fn its_own_rows_are_rewritten_as_its_role() {
    let app = App::new();
    let words = backfill("notes.note", "text", "words", COUNT);
    app.with_plugin(&NOTES, &[("sql", &sql(ROWS, "DROP SCHEMA notes CASCADE;")), ("js", &words)]);
    assert_says(&app.upgrade("notes"), 0, &["notes2: backfill words: 5,000 rows, done"]);
    let wrong = "SELECT count(*) FROM notes.note WHERE words IS DISTINCT FROM (id % 7) * 2";
    assert_eq!(app.project.psql(wrong), "0");
    let role =
        app.project.psql("SELECT 'wm_' || oid || '_p_notes' FROM pg_database WHERE datname = current_database()");
    assert_eq!(app.project.psql("SELECT string_agg(DISTINCT who, ' ') FROM notes.marks"), role);
}

#[test]
fn the_applications_rows_only_as_far_as_they_were_granted() {
    let app = App::new();
    let shout = backfill("public.author", "name", "name", "return [value.toUpperCase()];");
    app.with_plugin(&NOTES, &[("js", &shout)]);
    assert_says(&app.upgrade("notes"), 1, &["42501", "wmigrate plugin grant notes"]);
    assert_eq!(app.project.psql("SELECT name FROM author"), "Ada");
    let more = Manifest {
        version: "1.1",
        request: "read = [\"public.author(id, name)\"]\nwrite = [\"public.author(name)\"]\n",
        ..NOTES
    };
    app.with_plugin(&more, &[("js", &shout)]);
    assert_says(&app.upgrade("notes"), 0, &["1 row"]);
    assert_eq!(app.project.psql("SELECT name, secret FROM author"), "ADA|swordfish");
}

#[test]
fn a_transform_that_fails_leaves_nothing() {
    let app = App::new();
    let fails =
        backfill("notes.note", "text", "words", "if (value === \"\") throw new Error(\"no words\"); return [1];");
    app.with_plugin(&NOTES, &[("sql", &sql(ROWS, "SELECT 1;")), ("js", &fails)]);
    assert_says(&app.upgrade("notes"), 1, &["no words", "the database is at `notes1`"]);
    assert_eq!(app.project.psql("SELECT count(words) FROM notes.note"), "0");
    let endless = backfill("notes.note", "text", "words", "for (;;) {}");
    let later = Manifest { version: "1.1", ..NOTES };
    app.with_plugin(&later, &[("sql", &sql(ROWS, "SELECT 1;")), ("js", &endless)]);
    let slow = ["plugin", "upgrade", "notes", "--transform-cpu", "1 s"];
    assert_says(&app.project.wmigrate(slow), 1, &["row 1: the transform was ended: it ran longer than its limit"]);
    assert_eq!(app.project.psql("SELECT count(words) FROM notes.note"), "0");
}
