//! A good plugin: added, run, taken back, removed, and nothing left of it.

use super::{App, Manifest, NOTES, sql};
use crate::support::running::{assert_says, signal, wait_for};

/// Everything that a plugin must leave as it was: objects, rows, rights, settings, roles of others.
pub fn state(app: &App) -> String {
    let state = "SELECT (SELECT string_agg(a::text, ' ') FROM author a), \
         (SELECT string_agg(n.nspname || '.' || c.relname || ' ' || c.relkind::text || ' ' || c.relowner::regrole::text, ', ' ORDER BY c.relname) \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public'), \
         (SELECT string_agg(attname || ' ' || atttypid::regtype, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'author'::regclass), \
         (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace), \
         (SELECT string_agg(extname, ' ') FROM pg_extension), (SELECT count(*) FROM pg_event_trigger), \
         (SELECT string_agg(revision || ' ' || direction, ' ' ORDER BY id) FROM wmigrate.log WHERE outcome = 'ok' AND revision LIKE 'a%'), \
         (SELECT datacl::text || datdba::regrole FROM pg_database WHERE datname = current_database()), \
         (SELECT string_agg(setconfig::text, ' ') FROM pg_db_role_setting s WHERE setdatabase = \
             (SELECT oid FROM pg_database WHERE datname = current_database()) AND setrole::regrole::text NOT LIKE 'wm\\_%'), \
         (SELECT rolsuper::text || rolcreaterole || rolcreatedb || rolbypassrls FROM pg_roles WHERE rolname = '[ADMIN]')";
    app.project.psql(&state.replace("[ADMIN]", &app.admin))
}

const UP: &str = "CREATE TABLE notes.note (id int PRIMARY KEY, author int REFERENCES public.author (id), text text);\n\
                  INSERT INTO notes.note SELECT id, id, name FROM public.author;";

const MORE: &str = "import { sql, log } from \"wmigrate\";\n\
    export function upgrade() { log.info(sql.queryValue(\"SELECT current_user::text\")); sql.execute(\"ALTER TABLE notes.note ADD COLUMN more text\"); }\n\
    export function downgrade() { sql.execute(\"ALTER TABLE notes.note DROP COLUMN more\"); }\n";

#[test]
fn a_plugin_comes_and_goes() {
    let app = App::new();
    let schema = "SELECT string_agg(table_schema || '.' || table_name || '.' || column_name, ' ' ORDER BY table_schema, table_name, column_name) \
                  FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema', 'wmigrate')";
    let before = app.project.psql(schema);
    let first = sql(UP, "DROP TABLE notes.note;");
    app.with_plugin(&NOTES, &[("sql", &first), ("js", MORE)]);
    assert!(app.project.ok(["plugin", "list"]).starts_with("notes 1.0 of Acme, "));
    assert!(
        app.project
            .ok(["plugin", "show", "notes"])
            .contains("asks for  a schema of its own, `notes`\n          read public.author(id, name)\n")
    );
    assert!(app.project.ok(["history"]).contains("notes1 -> notes2 (notes) (head), a step"));
    let up = app.upgrade("notes");
    let role =
        app.project.psql("SELECT 'wm_' || oid || '_p_notes' FROM pg_database WHERE datname = current_database()");
    assert_says(&up, 0, &["Running upgrade notes1 -> notes2, a step", &format!("notes2: {role}")]);
    assert_eq!(app.project.psql("SELECT text FROM notes.note"), "Ada");
    assert_eq!(
        app.project.psql("SELECT string_agg(DISTINCT db_user, ' ') FROM wmigrate.log WHERE revision LIKE 'n%'"),
        role
    );
    // Its door is shut, and has no key.
    assert_eq!(
        app.project.psql(&format!("SELECT rolcanlogin, rolpassword IS NULL FROM pg_authid WHERE rolname = '{role}'")),
        "f|t"
    );
    // Each right of the application's tables is the one that was granted.
    assert_eq!(
        app.project.psql("SELECT string_agg(table_name || '.' || column_name || ' ' || privilege_type, ' ' ORDER BY column_name, privilege_type) FROM information_schema.column_privileges WHERE grantee LIKE 'wm\\_%\\_p\\_notes' AND table_schema = 'public'"),
        "author.id REFERENCES author.id SELECT author.name SELECT"
    );
    app.project.ok(["plugin", "downgrade", "notes", "-1"]);
    // `head` is the application's, for its operator and for who writes its next revision.
    app.project.ok(["upgrade", "head"]);
    let next = app.project.ok(["revision", "-m", "more authors", "--rev-id", "a2"]);
    assert!(std::fs::read_to_string(next.trim()).unwrap().contains("-- down_revision = \"a1\"\n"));
    std::fs::remove_file(next.trim()).unwrap();
    assert_says(&app.project.wmigrate(["merge", "a1", "notes2"]), 10, &["revision `notes2` is a plugin's"]);
    assert_says(
        &app.project.wmigrate(["upgrade", "heads", "--sql"]),
        2,
        &["is of the plugin `notes`, which has a session of its own, and cannot be part of `--sql`"],
    );
    app.project.ok(["upgrade", "heads"]);
    app.project.ok(["verify"]);
    app.project.ok(["plugin", "verify"]);
    app.project.ok(["plugin", "downgrade", "notes", "base"]);
    assert_eq!(app.project.psql("SELECT revision FROM wmigrate.version"), "a1");
    assert_says(&app.upgrade("notes"), 0, &["Running upgrade  -> notes1, a step"]);
    app.project.ok(["plugin", "remove", "notes", "--yes"]);
    assert_eq!(app.project.psql(schema), before);
    assert_eq!(app.project.psql("SELECT revision FROM wmigrate.version"), "a1");
    assert_eq!(app.project.psql(&format!("SELECT count(*) FROM pg_roles WHERE rolname = '{role}'")), "0");
    assert!(!std::fs::read_to_string(app.project.folder.join("wmigrate.toml")).unwrap().contains("notes"));
    assert!(!std::fs::read_to_string(app.project.folder.join("wmigrate.lock")).unwrap().contains("notes"));
    assert_eq!(app.project.ok(["current"]), "a1 (head)\n");
}

#[test]
fn its_data_may_stay() {
    let app = App::new();
    app.with_plugin(&NOTES, &[("sql", &sql(UP, "DROP TABLE notes.note;"))]);
    assert_says(&app.upgrade("notes"), 0, &[]);
    app.project.ok(["plugin", "remove", "notes", "--keep-data"]);
    assert_eq!(app.project.psql("SELECT text FROM notes.note"), "Ada");
    assert_eq!(app.project.psql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'wm\\_%\\_p\\_notes' AND rolname LIKE '%' || (SELECT oid FROM pg_database WHERE datname = current_database()) || '%'"), "0");
}

#[test]
fn what_is_revoked_is_gone_with_the_next_run() {
    let app = App::new();
    let read = sql("CREATE TABLE notes.a AS SELECT name FROM public.author;", "DROP TABLE notes.a;");
    app.with_plugin(&NOTES, &[("sql", &read)]);
    assert_says(&app.upgrade("notes"), 0, &[]);
    app.project.ok(["plugin", "downgrade", "notes", "base"]);
    app.project.ok(["plugin", "revoke", "notes", "read", "public.author(id, name)"]);
    let refused = app.upgrade("notes");
    assert_says(
        &refused,
        14,
        &[
            "the plugin `notes` asks for what it was not granted: read public.author(id, name)",
            "wmigrate plugin grant notes",
        ],
    );
    app.project.ok(["plugin", "grant", "notes"]);
    assert_says(&app.upgrade("notes"), 0, &[]);
    // A later version that asks for less has less.
    let less = Manifest { version: "1.1", request: "", ..NOTES };
    app.with_plugin(&less, &[("sql", &read)]);
    app.project.ok(["plugin", "downgrade", "notes", "base"]);
    assert_says(&app.upgrade("notes"), 1, &["permission denied for table author", "42501"]);
}

#[test]
fn a_revision_that_fails_leaves_nothing() {
    let app = App::new();
    let before = state(&app);
    app.with_plugin(&NOTES, &[("sql", &sql("CREATE TABLE notes.a (id int);\nSELECT 1 / 0;", "SELECT 1;"))]);
    assert_says(
        &app.upgrade("notes"),
        1,
        &["revision `notes1` (a step) failed in `upgrade`", "division by zero", "the database is at `a1`"],
    );
    assert_eq!(
        app.project.psql("SELECT to_regclass('notes.a') IS NULL, (SELECT count(*) FROM wmigrate.ticket)"),
        "t|0"
    );
    assert_eq!(app.project.psql("SELECT outcome FROM wmigrate.log WHERE revision = 'notes1'"), "failed");
    assert_eq!(state(&app), before);
}

#[test]
fn another_operator_goes_on() {
    let mut app = App::new();
    let second = sql("CREATE TABLE notes.second AS SELECT current_user::text AS who;", "SELECT 1;");
    app.with_plugin(&NOTES, &[("sql", &sql(UP, "DROP TABLE notes.note;")), ("sql", &second)]);
    assert_says(&app.project.wmigrate(["plugin", "upgrade", "notes", "+1"]), 0, &[]);
    let (admin, other) = (app.admin.clone(), format!("other_{}", app.admin));
    let url = app.project.database.as_ref().unwrap().url_as(&other);
    // One who was given what the tables need, and from version 16 on does not have the roles by that.
    app.project.psql(&format!(
        "CREATE ROLE {other} LOGIN CREATEROLE; GRANT USAGE, CREATE ON SCHEMA wmigrate TO {other}; \
         GRANT ALL ON ALL TABLES IN SCHEMA wmigrate TO {other}; GRANT ALL ON SCHEMA public TO {other}; GRANT SELECT ON author TO {other}"
    ));
    let owned = app.project.psql("SELECT current_setting('server_version_num')::int >= 160000") == "t";
    app.project.set("DATABASE_URL", &url);
    if owned {
        assert_says(
            &app.upgrade("notes"),
            14,
            &["may not change wm_", "_owner and wm_", "which another operator's has made", "WITH ADMIN OPTION"],
        );
        // One of the first operator's own group.
        app.project.psql(&format!("GRANT {admin} TO {other}"));
    }
    assert_says(&app.upgrade("notes"), 0, &["Running upgrade notes1 -> notes2, a step"]);
    assert!(app.project.psql("SELECT who FROM notes.second").ends_with("_p_notes"));
}

#[test]
fn an_administrator_gives_a_plugin_no_more() {
    let mut app = App::new();
    let url = app.project.url().to_owned();
    app.project.set("DATABASE_URL", &url);
    let escape = sql("RESET ROLE;\nSELECT secret FROM public.author;", "SELECT 1;");
    app.with_plugin(&NOTES, &[("sql", &sql(UP, "DROP TABLE notes.note;")), ("sql", &escape)]);
    let output = app.upgrade("notes");
    assert_says(&output, 1, &["42501", "the database is at `notes1`"]);
    assert_eq!(app.project.psql("SELECT text FROM notes.note"), "Ada");
    app.project.ok(["plugin", "remove", "notes", "--yes"]);
}

#[test]
fn two_signals_end_a_statement_of_a_plugin() {
    let app = App::new();
    app.with_plugin(&NOTES, &[("sql", &sql("CREATE TABLE notes.a (id int);\nSELECT pg_sleep(600);", "SELECT 1;"))]);
    let child = app.project.spawn(["plugin", "upgrade", "notes", "--statement-timeout", "none"]);
    let runs = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND usename LIKE 'wm\\_%' AND datname = current_database()";
    wait_for(&app.project, runs, "1");
    for _ in 0..2 {
        signal(&child, "INT");
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
    let output: crate::support::Output = child.wait_with_output().unwrap().into();
    assert_says(&output, 130, &["the database is at `a1`; nothing was changed"]);
    assert_eq!(app.project.psql("SELECT to_regclass('notes.a') IS NULL"), "t");
}
