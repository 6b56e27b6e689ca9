//! Triggers of a plugin that would run as the application: refused before PostgreSQL 18, and the plugin's own from then on.

use super::{App, NOTES, sql};
use crate::support::running::assert_says;

const TABLES: &str = "CREATE TABLE notes.note (author int REFERENCES public.author (id) ON DELETE CASCADE);\n\
    INSERT INTO notes.note VALUES (1);\nCREATE TABLE notes.marks (who text);\n\
    CREATE FUNCTION notes.mark() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS $f$ BEGIN INSERT INTO notes.marks VALUES (current_user); RETURN NULL; END $f$;\n";

const TRIGGER: &str = "CREATE TRIGGER mark AFTER DELETE ON notes.note FOR EACH ROW EXECUTE FUNCTION notes.mark()";

/// Makes the foreign key that leads to the trigger where nobody can refuse it any more.
fn in_commit() -> String {
    let key = " REFERENCES public.author (id) ON DELETE CASCADE";
    let tables = TABLES.replace(key, "");
    format!(
        "{tables}{TRIGGER};\nCREATE TABLE notes.t (id int);\n\
         CREATE FUNCTION notes.again() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN \
         IF NEW.id < 3 THEN SET CONSTRAINTS ALL DEFERRED; INSERT INTO notes.t VALUES (NEW.id + 1); RETURN NULL; END IF; \
         ALTER TABLE notes.note ADD FOREIGN KEY (author){key}; RETURN NULL; END $f$;\n\
         CREATE CONSTRAINT TRIGGER again AFTER INSERT ON notes.t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION notes.again();\n\
         INSERT INTO notes.t VALUES (1);"
    )
}

/// Whether an AFTER trigger runs as who queued it, which is the plugin.
fn safe(app: &App) -> bool {
    app.project.psql("SELECT current_setting('server_version_num')::int >= 180000") == "t"
}

/// As whom the trigger ran when the application deleted what the plugin's rows refer to.
fn ran_as(app: &App) -> String {
    let url = app.project.database.as_ref().unwrap().url_as(&app.admin);
    crate::support::psql(&url, "DELETE FROM public.author");
    app.project.psql("SELECT string_agg(who, ' ') FROM notes.marks")
}

fn role(app: &App) -> String {
    app.project.psql("SELECT 'wm_' || oid || '_p_notes' FROM pg_database WHERE datname = current_database()")
}

#[test]
fn one_that_would_run_as_the_application_is_refused() {
    let app = App::new();
    app.with_plugin(&NOTES, &[("sql", &sql(&format!("{TABLES}{TRIGGER};"), "SELECT 1;"))]);
    let output = app.upgrade("notes");
    if safe(&app) {
        assert_says(&output, 0, &[]);
        assert_eq!(ran_as(&app), role(&app));
        return;
    }
    assert_says(
        &output,
        14,
        &[
            "revision `notes1` was rolled back",
            "the plugin `notes` would leave the trigger `mark` on \"notes\".\"note\", and its tables refer to others",
            "wmigrate plugin remove notes",
            "the database is at `a1`; nothing was changed",
        ],
    );
    assert_eq!(app.project.psql("SELECT to_regclass('notes.note') IS NULL"), "t");
}

#[test]
fn so_is_one_that_a_key_or_a_rule_leads_to() {
    let child = "ALTER TABLE notes.note ADD PRIMARY KEY (author);\n\
        CREATE TABLE notes.child (note int REFERENCES notes.note (author) ON DELETE CASCADE);\nINSERT INTO notes.child VALUES (1);\n";
    let by_key = format!("{TABLES}{child}{}", TRIGGER.replace("notes.note ", "notes.child "));
    let by_rule = format!(
        "{TABLES}CREATE TABLE notes.heap (id int);\nCREATE RULE r AS ON DELETE TO notes.note DO ALSO INSERT INTO notes.heap VALUES (1);\n{}",
        TRIGGER.replace("AFTER DELETE ON notes.note", "AFTER INSERT ON notes.heap")
    );
    for statements in [by_key, by_rule] {
        let app = App::new();
        app.with_plugin(&NOTES, &[("sql", &sql(&format!("{statements};"), "SELECT 1;"))]);
        let output = app.upgrade("notes");
        if safe(&app) {
            assert_says(&output, 0, &[]);
            assert!(["", &role(&app)].contains(&ran_as(&app).as_str()));
        } else {
            assert_says(&output, 14, &["would leave the trigger `mark` on", "nothing was changed"]);
        }
    }
}

#[test]
fn one_that_runs_before_is_the_plugins_own() {
    let app = App::new();
    let before = format!("{TABLES}{};", TRIGGER.replace("AFTER", "BEFORE"));
    app.with_plugin(&NOTES, &[("sql", &sql(&before, "SELECT 1;"))]);
    assert_says(&app.upgrade("notes"), 0, &[]);
    assert_eq!(ran_as(&app), role(&app));
}

#[test]
fn one_that_was_made_inside_commit_is_switched_off() {
    let app = App::new();
    app.with_plugin(&NOTES, &[("sql", &sql(&in_commit(), "SELECT 1;"))]);
    let output = app.upgrade("notes");
    if safe(&app) {
        assert_says(&output, 0, &[]);
        assert_eq!(ran_as(&app), role(&app));
        return;
    }
    let note = "notes1 made the trigger mark of \"notes\".\"note\" inside its COMMIT, where it could not be refused: it is switched off";
    assert_says(&output, 0, &[note]);
    assert_eq!(ran_as(&app), "");
}

#[test]
fn one_on_a_table_that_refers_to_nobody_may_stay() {
    let app = App::new();
    let own = TABLES.replace("REFERENCES public.author (id) ON DELETE CASCADE", "PRIMARY KEY");
    app.with_plugin(&NOTES, &[("sql", &sql(&format!("{own}{TRIGGER};"), "SELECT 1;"))]);
    assert_says(&app.upgrade("notes"), 0, &[]);
}
