//! Plugins that mean harm. Each case is a plugin of its own in a database of its own; whatever becomes of it, the application's
//! schema, its rows, its version rows and its roles are as they were. The same table is `docs/hostile-plugins.md`.

use super::life::state;
use super::walls::{self, Without};
use super::{App, NOTES, sql};
use crate::support::{Output, cluster, sql::try_psql};
use std::time::{Duration, Instant};

/// One attempt.
pub struct Case {
    pub what: &'static str,
    body: Body,
    /// Exit code, and what stands on stderr.
    ends: (i32, &'static str),
}

enum Body {
    /// Statements of a SQL revision.
    Sql(&'static str),
    /// Statements that a function in plpgsql runs, where no gate sees them.
    Inside(&'static str),
    /// The body of a JavaScript revision's `upgrade`.
    Js(&'static str),
}

use Body::{Inside, Js, Sql};

const fn case(what: &'static str, body: Body, code: i32, says: &'static str) -> Case {
    Case { what, body, ends: (code, says) }
}

/// A function that does what a plugin must not.
const EVIL: &str = "CREATE TABLE notes.t (id int);
CREATE TABLE notes.marks (who text);
CREATE FUNCTION notes.evil() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN INSERT INTO wmigrate.version VALUES ('forged'); RETURN NULL; END $f$;
CREATE CONSTRAINT TRIGGER evil AFTER INSERT ON notes.t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION notes.evil();
INSERT INTO notes.t VALUES (1);";

/// The same, which waits for COMMIT: a trigger that is made to fire earlier queues itself again.
const AGAIN: &str = "CREATE TABLE notes.t (id int);
CREATE FUNCTION notes.again() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
  IF NEW.id < 3 THEN SET CONSTRAINTS ALL DEFERRED; INSERT INTO notes.t VALUES (NEW.id + 1); RETURN NULL; END IF;
  INSERT INTO wmigrate.version VALUES ('forged'); RETURN NULL; END $f$;
CREATE CONSTRAINT TRIGGER again AFTER INSERT ON notes.t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION notes.again();
INSERT INTO notes.t VALUES (1);";

const SLEEPS_IN_COMMIT: &str = "CREATE TABLE notes.t (id int);
CREATE FUNCTION notes.again() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
  IF NEW.id < 3 THEN SET CONSTRAINTS ALL DEFERRED; INSERT INTO notes.t VALUES (NEW.id + 1); RETURN NULL; END IF;
  LOOP BEGIN PERFORM pg_sleep(1000); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $f$;
CREATE CONSTRAINT TRIGGER again AFTER INSERT ON notes.t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION notes.again();
INSERT INTO notes.t VALUES (1);";

const HOLD: &str = "CREATE FUNCTION notes.evil() RETURNS int LANGUAGE plpgsql AS $f$ BEGIN INSERT INTO wmigrate.version VALUES ('forged'); RETURN 1; END $f$;
DO $d$ BEGIN EXECUTE 'DECLARE h CURSOR WITH HOLD FOR SELECT notes.evil()'; END $d$;";

const TIMELESS_COMMIT: &str = "SET statement_timeout = 0;\nCREATE TABLE notes.t (id int);
CREATE FUNCTION notes.again() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
  IF NEW.id < 3 THEN SET CONSTRAINTS ALL DEFERRED; INSERT INTO notes.t VALUES (NEW.id + 1); RETURN NULL; END IF;
  SET LOCAL synchronous_commit = off;
  LOOP BEGIN PERFORM pg_sleep(1000); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $f$;
CREATE CONSTRAINT TRIGGER again AFTER INSERT ON notes.t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION notes.again();
INSERT INTO notes.t VALUES (1);";

const RESETS_IN_COMMIT: &str = "CREATE TABLE notes.t (id int);
CREATE FUNCTION notes.again() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
  IF NEW.id < 3 THEN SET CONSTRAINTS ALL DEFERRED; INSERT INTO notes.t VALUES (NEW.id + 1); RETURN NULL; END IF;
  EXECUTE 'RESET ROLE'; EXECUTE 'RESET SESSION AUTHORIZATION'; INSERT INTO wmigrate.version VALUES ('forged'); RETURN NULL; END $f$;
CREATE CONSTRAINT TRIGGER again AFTER INSERT ON notes.t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION notes.again();
INSERT INTO notes.t VALUES (1);";

const OPENS_IN_COMMIT: &str = "CREATE TABLE notes.t (id int);
CREATE FUNCTION notes.evil() RETURNS int LANGUAGE plpgsql AS $f$ BEGIN INSERT INTO wmigrate.version VALUES ('forged'); RETURN 1; END $f$;
CREATE FUNCTION notes.again() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
  IF NEW.id < 3 THEN SET CONSTRAINTS ALL DEFERRED; INSERT INTO notes.t VALUES (NEW.id + 1); RETURN NULL; END IF;
  EXECUTE 'DECLARE h CURSOR WITH HOLD FOR SELECT notes.evil()'; RETURN NULL; END $f$;
CREATE CONSTRAINT TRIGGER again AFTER INSERT ON notes.t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION notes.again();
INSERT INTO notes.t VALUES (1);";

const SHADOWS: &str = "CREATE TABLE notes.marks (who text);
CREATE FUNCTION notes.mark(text) RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN INSERT INTO notes.marks VALUES ($1); RETURN true; END $f$;
CREATE FUNCTION notes.sha256(bytea) RETURNS bytea LANGUAGE sql AS $f$ SELECT CASE WHEN notes.mark('sha256') THEN $1 END $f$;
CREATE FUNCTION notes.unnest(text[]) RETURNS SETOF text LANGUAGE sql AS $f$ SELECT 'stolen' WHERE notes.mark('unnest') $f$;
CREATE FUNCTION notes.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $f$ SELECT now() WHERE notes.mark('clock') $f$;
CREATE FUNCTION notes.eq(bytea, bytea) RETURNS boolean LANGUAGE sql AS $f$ SELECT notes.mark('=') $f$;
CREATE OPERATOR notes.= (LEFTARG = bytea, RIGHTARG = bytea, FUNCTION = notes.eq);
CREATE TEMP TABLE version (revision text); CREATE TEMP TABLE ticket (hash bytea); CREATE TEMP TABLE log (revision text);
CREATE DOMAIN notes.int8 AS text; CREATE DOMAIN notes.bytea AS text;
SET search_path = pg_temp, notes, pg_catalog;";

const LOOP: &str =
    "DO $d$ BEGIN LOOP BEGIN PERFORM pg_sleep(1000); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $d$;";

const TRANSACTION: &[Case] = &[
    case(
        "COMMIT",
        Js("sql.execute(\"CREATE TABLE notes.half (id int)\"); sql.execute(\"COMMIT\");"),
        1,
        "`COMMIT` is refused",
    ),
    case(
        "COMMIT behind empty statements and comments",
        Js("sql.execute(\"CREATE TABLE notes.half (id int)\"); sql.execute(\";;/* x /* y */ */ -- z\\nCOMMIT\");"),
        1,
        "`COMMIT` is refused",
    ),
    case(
        "ROLLBACK",
        Js("sql.execute(\"CREATE TABLE notes.half (id int)\"); sql.execute(\"ROLLBACK\");"),
        1,
        "`ROLLBACK` is refused",
    ),
    case(
        "COMMIT AND CHAIN",
        Js("sql.execute(\"CREATE TABLE notes.half (id int)\"); sql.execute(\"COMMIT AND CHAIN\");"),
        1,
        "`COMMIT` is refused",
    ),
    case("SAVEPOINT", Js("sql.execute(\"SAVEPOINT a\");"), 1, "`SAVEPOINT` is refused"),
    case("PREPARE TRANSACTION", Js("sql.execute(\"PREPARE TRANSACTION 'a'\");"), 1, "`PREPARE` is refused"),
    case("three statements in one", Js("sql.execute(\"SELECT 1; COMMIT; BEGIN\");"), 1, "42601"),
    case("COMMIT in DO", Inside("COMMIT"), 1, "2D000"),
    case("COMMIT in DO, put together", Inside("EXECUTE 'COM' || 'MIT'"), 1, "0A000"),
    case(
        "COMMIT in a procedure",
        Sql("CREATE PROCEDURE notes.p() LANGUAGE plpgsql AS $p$ BEGIN COMMIT; END $p$;\nCALL notes.p();"),
        1,
        "2D000",
    ),
    case("the transaction made read-only", Inside("SET TRANSACTION READ ONLY"), 1, "25006"),
    case("DISCARD ALL", Js("sql.execute(\"DISCARD ALL\");"), 1, "`DISCARD` is refused"),
    case("prepared statements taken away", Inside("DEALLOCATE ALL"), 0, ""),
    case(
        "prepared statements under the names that a driver uses",
        Inside("DEALLOCATE ALL; FOR i IN 0..200 LOOP EXECUTE format('PREPARE s%s(bytea) AS SELECT 1', i); END LOOP"),
        0,
        "",
    ),
];

const ROLES: &[Case] = &[
    case("RESET ROLE, and what was secret", Sql("RESET ROLE;\nSELECT secret FROM public.author;"), 1, "42501"),
    case(
        "RESET ROLE in DO, put together",
        Inside("EXECUTE 're' || 'set role'; INSERT INTO wmigrate.version VALUES ('forged')"),
        1,
        "42501",
    ),
    case(
        "SET ROLE NONE by set_config",
        Sql("SELECT set_config('role', 'none', false);\nINSERT INTO wmigrate.version VALUES ('forged');"),
        1,
        "42501",
    ),
    case(
        "SET SESSION AUTHORIZATION",
        Inside(
            "EXECUTE 'SET SESSION AUTHORIZATION ' || (SELECT datdba::regrole FROM pg_database WHERE datname = current_database())",
        ),
        1,
        "42501",
    ),
    case(
        "SET ROLE to the operator's",
        Inside("EXECUTE 'SET ROLE ' || (SELECT datdba::regrole FROM pg_database WHERE datname = current_database())"),
        1,
        "42501",
    ),
    case(
        "SET ROLE to the owner of plugins",
        Inside(
            "EXECUTE format('SET ROLE wm_%s_owner', (SELECT oid FROM pg_database WHERE datname = current_database()))",
        ),
        1,
        "42501",
    ),
    case("superuser by ALTER ROLE", Inside("EXECUTE 'ALTER ROLE CURRENT_USER SUPERUSER'"), 1, "42501"),
    case("the right to log in", Inside("EXECUTE 'ALTER ROLE CURRENT_USER LOGIN'"), 1, "42501"),
    case("a password of its own", Inside("EXECUTE 'ALTER ROLE CURRENT_USER PASSWORD ''known'''"), 0, ""),
    case(
        "membership in the operator's role",
        Inside(
            "EXECUTE format('GRANT %s TO CURRENT_USER', (SELECT datdba::regrole FROM pg_database WHERE datname = current_database()))",
        ),
        1,
        "42501",
    ),
    case("a new role", Sql("CREATE ROLE mallory SUPERUSER;"), 1, "42501"),
    case(
        "settings for its next session",
        Inside(
            "EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET local_preload_libraries = ''nope''', current_database()); EXECUTE 'ALTER ROLE CURRENT_USER SET default_transaction_read_only = on'",
        ),
        0,
        "",
    ),
    case(
        "the operator's session ended",
        Sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> CURRENT_USER AND datname = current_database();",
        ),
        1,
        "42501",
    ),
];

/// Several at once, each of which alone is in one of the other tables.
const COMBINED: &[Case] = &[
    case(
        "a timeout turned off, then cancels swallowed in COMMIT",
        Sql(TIMELESS_COMMIT),
        13,
        "went on for longer than it may",
    ),
    case("RESET ROLE in a trigger that waits for COMMIT", Sql(RESETS_IN_COMMIT), 1, "42501"),
    case("a cursor that is opened inside COMMIT, and held", Sql(OPENS_IN_COMMIT), 1, "42501"),
    case(
        "errors swallowed around RESET ROLE and a forged row",
        Inside(
            "BEGIN EXECUTE 'RESET ROLE'; INSERT INTO wmigrate.version VALUES ('forged'); EXCEPTION WHEN insufficient_privilege THEN NULL; END",
        ),
        0,
        "",
    ),
    case(
        "a password, settings, shadows and its other sessions ended",
        Inside(
            "EXECUTE 'ALTER ROLE CURRENT_USER PASSWORD ''known'''; EXECUTE 'ALTER ROLE CURRENT_USER SET search_path = notes, pg_catalog'; \
             CREATE FUNCTION notes.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT $1'; SET search_path = notes, pg_catalog; \
             PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = CURRENT_USER AND pid <> pg_backend_pid()",
        ),
        0,
        "",
    ),
    case(
        "timeouts that end the session, and another encoding",
        Sql(
            "SET lock_timeout = 0;\nSET idle_in_transaction_session_timeout = 1;\nSET client_encoding = 'LATIN1';\nSELECT 1;",
        ),
        15,
        "the connection to the database was lost",
    ),
];

const REACH: &[Case] = &[
    case("a column that was not granted", Sql("SELECT secret FROM public.author;"), 1, "42501"),
    case("rows of the application changed", Sql("UPDATE public.author SET name = 'x';"), 1, "42501"),
    case("a table of the application dropped", Sql("DROP TABLE public.author;"), 1, "42501"),
    case("a table of the application altered", Sql("ALTER TABLE public.author ADD COLUMN x int;"), 1, "42501"),
    case("a table of the application locked", Sql("LOCK TABLE public.author IN ACCESS EXCLUSIVE MODE;"), 1, "42501"),
    case(
        "a trigger on a table of the application",
        Sql(
            "CREATE FUNCTION notes.f() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN RETURN NULL; END $f$;\nCREATE TRIGGER t AFTER INSERT ON public.author EXECUTE FUNCTION notes.f();",
        ),
        1,
        "42501",
    ),
    case("a table beside the application's", Sql("CREATE TABLE public.x (id int);"), 1, "42501"),
    case("a schema", Sql("CREATE SCHEMA mine;"), 1, "42501"),
    case("its own schema dropped", Sql("DROP SCHEMA notes CASCADE;"), 1, "42501"),
    case("an extension", Sql("CREATE EXTENSION pg_trgm;"), 1, "42501"),
    case(
        "an event trigger",
        Sql(
            "CREATE FUNCTION notes.f() RETURNS event_trigger LANGUAGE plpgsql AS $f$ BEGIN END $f$;\nCREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION notes.f();",
        ),
        1,
        "42501",
    ),
    case("a function in C", Sql("CREATE FUNCTION notes.f() RETURNS int LANGUAGE c AS 'libc', 'system';"), 1, "42501"),
    case(
        "a function of the server's insides",
        Sql("CREATE FUNCTION notes.f() RETURNS int LANGUAGE internal AS 'pg_backend_pid';"),
        1,
        "42501",
    ),
    case("a program by COPY", Sql("COPY (SELECT 1) TO PROGRAM 'touch /tmp/pwned';"), 1, "42501"),
    case("a program by COPY in DO", Inside("COPY (SELECT 1) TO PROGRAM 'touch /tmp/pwned'"), 1, "42501"),
    case("a file by COPY", Sql("CREATE TABLE notes.t (line text);\nCOPY notes.t FROM '/etc/passwd';"), 1, "42501"),
    case("a file by pg_read_file", Sql("SELECT pg_read_file('/etc/passwd');"), 1, "42501"),
    case("a file by lo_import", Sql("SELECT lo_import('/etc/passwd');"), 1, "42501"),
    case("passwords", Sql("SELECT rolpassword FROM pg_authid;"), 1, "42501"),
    case("the server's settings", Js("sql.execute(\"ALTER SYSTEM SET fsync = off\");"), 1, "`ALTER SYSTEM` is refused"),
    case(
        "the database's settings",
        Inside("EXECUTE format('ALTER DATABASE %I SET search_path = notes', current_database())"),
        1,
        "42501",
    ),
    case(
        "the client's data stream",
        Js("sql.execute(\"COPY (SELECT 1) TO STDOUT\");"),
        1,
        "`COPY … TO STDOUT` is refused",
    ),
    case("LISTEN", Js("sql.execute(\"LISTEN app\");"), 1, "`LISTEN` is refused"),
    case("all that it owns dropped", Sql("CREATE TABLE notes.t (id int);\nDROP OWNED BY CURRENT_USER;"), 1, "42501"),
    case("rights on its schema for everybody", Sql("GRANT ALL ON SCHEMA notes TO PUBLIC;"), 0, ""),
    case(
        "default privileges for everybody",
        Inside("EXECUTE 'ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC'"),
        0,
        "",
    ),
    case("a large object", Sql("SELECT lo_from_bytea(0, 'x');"), 0, ""),
    case("NOTIFY where no gate sees it", Inside("EXECUTE 'NOTIFY a'"), 0, ""),
    case("advisory locks given up", Sql("SELECT pg_advisory_unlock_all();"), 0, ""),
];

const BOOKKEEPING: &[Case] = &[
    case("a version row forged", Sql("INSERT INTO wmigrate.version VALUES ('forged');"), 1, "42501"),
    case("the version rows deleted", Sql("DELETE FROM wmigrate.version;"), 1, "42501"),
    case("the version rows truncated", Sql("TRUNCATE wmigrate.version;"), 1, "42501"),
    case("the version rows read", Sql("SELECT * FROM wmigrate.version;"), 1, "42501"),
    case("the log rewritten", Sql("UPDATE wmigrate.log SET outcome = 'ok';"), 1, "42501"),
    case("tickets read", Sql("SELECT * FROM wmigrate.ticket;"), 1, "42501"),
    case("a ticket forged", Sql("INSERT INTO wmigrate.ticket SELECT;"), 1, "42501"),
    case("the recorder called without a ticket", Sql("SELECT wmigrate.record_plugin('\\x00'::bytea);"), 1, "42501"),
    case(
        "the recorder replaced",
        Sql("CREATE OR REPLACE FUNCTION wmigrate.record_plugin(bytea) RETURNS void LANGUAGE sql AS 'SELECT';"),
        1,
        "42501",
    ),
    case("an object in wmigrate's schema", Sql("CREATE TABLE wmigrate.x (id int);"), 1, "42501"),
    case("a deferred trigger", Sql(EVIL), 1, "42501"),
    case("a trigger that waits for COMMIT", Sql(AGAIN), 1, "42501"),
    case("a cursor that is held over COMMIT", Sql(HOLD), 0, ""),
    case("functions, operators, domains and temporary tables in the way", Sql(SHADOWS), 0, ""),
    case("commits that do not wait for the disk", Sql("SET synchronous_commit = off;"), 0, ""),
];

const GREED: &[Case] = &[
    case("a statement without end", Sql("SELECT pg_sleep(1000);"), 1, "57014"),
    case(
        "the timeout turned off",
        Sql("SET statement_timeout = 0;\nSELECT pg_sleep(1000);"),
        13,
        "went on for longer than it may",
    ),
    case("cancels swallowed", Sql(LOOP), 13, "went on for longer than it may"),
    case("sleep in COMMIT, cancels swallowed", Sql(SLEEPS_IN_COMMIT), 13, "went on for longer than it may"),
    case("a loop in the sandbox", Js("for (;;) {}"), 13, "it ran longer than its limit"),
    case("memory in the sandbox", Js("const all = []; for (;;) all.push(new Uint8Array(1 << 20));"), 13, "limit"),
    case(
        "a row of 70 MB",
        Js("sql.query(\"SELECT repeat('x', 70000000)\");"),
        13,
        "the result is over the limit of 64 MiB",
    ),
    case(
        "locks without number",
        Sql("SELECT count(pg_advisory_xact_lock(i)) FROM generate_series(1, 2500) i;\nSELECT pg_sleep(1.5);"),
        13,
        "it held more than 2000 locks",
    ),
];

/// What an attempt did that it must not, and how that was seen.
pub struct Harm {
    pub what: &'static str,
    pub shown: String,
}

/// Makes the attempt, in a program without these walls (a build for tests; usually it has all).
pub fn attempt(case: &Case, without: &str) -> Result<(), Harm> {
    let mut app = App::new();
    let before = state(&app);
    let (language, text) = match case.body {
        Sql(statements) => ("sql", sql(statements, "SELECT 1;")),
        Inside(body) => ("sql", sql(&format!("DO $d$ BEGIN {body}; END $d$;"), "SELECT 1;")),
        Js(body) => (
            "js",
            format!(
                "import {{ sql }} from \"wmigrate\";\nexport function upgrade() {{ {body} }}\nexport function downgrade() {{}}\n"
            ),
        ),
    };
    // A second revision runs where the first one was applied: what it left must not be in its way.
    let second = sql("CREATE TABLE notes.second (id int);", "SELECT 1;");
    app.with_plugin(&NOTES, &[(language, &text), ("sql", &second)]);
    app.project.set("WITHOUT_WALLS", without);
    let output = ended(&app, ["plugin", "upgrade", "notes", "--statement-timeout", "2 s", "--cpu", "2 s"]);
    let (code, says) = case.ends;
    let shown = format!("{}: exit {:?}\n{}", case.what, output.code, output.stderr);
    let harm = |what, more: &str| Err(Harm { what, shown: format!("{more}\n{shown}") });
    let applied = app.project.psql("SELECT count(*) FROM wmigrate.version WHERE revision LIKE 'notes%'");
    let others =
        app.project.psql("SELECT string_agg(revision, ' ') FROM wmigrate.version WHERE revision NOT LIKE 'notes%'");
    if others != if applied == "0" { "a1" } else { "" } {
        return harm("the version rows are changed", &format!("{applied} {others}"));
    }
    let after = state(&app);
    if after != before {
        return harm("the application is changed", &format!("{before}\n{after}"));
    }
    let marks = app.project.psql("SELECT to_regclass('notes.marks') IS NOT NULL");
    if code == 0 && marks == "t" && app.project.psql("SELECT count(*) FROM notes.marks") != "0" {
        return harm("its code is called by ours", "");
    }
    if applied == "0"
        && app.project.psql("SELECT count(*) FROM pg_class WHERE relnamespace = 'notes'::regnamespace") != "0"
    {
        return harm("a half is left", "");
    }
    if output.code.is_none() {
        return harm("it has no end", "");
    }
    if output.code != Some(code) || !output.stderr.contains(says) {
        return harm(if output.code == Some(0) { "it is not refused" } else { "it ends otherwise" }, "");
    }
    if applied != if code == 0 { "1" } else { "0" } {
        return harm("the version rows are changed", &applied);
    }
    if code != 0 && app.project.psql("SELECT count(*) FROM pg_class WHERE relnamespace = 'notes'::regnamespace") != "0"
    {
        return harm("a half is left", "");
    }
    let left = app.project.psql("SELECT count(*) FROM wmigrate.ticket");
    // Without a role of its own its tickets are the host's.
    if left != "0" && without != "Role" {
        return harm("a ticket is left", &left);
    }
    let role = "'wm_' || (SELECT oid FROM pg_database WHERE datname = current_database()) || '_p_notes'";
    let door = app.project.psql(&format!(
        "SELECT rolcanlogin OR rolsuper OR rolcreaterole OR rolinherit FROM pg_roles WHERE rolname = {role}"
    ));
    let settings = app.project.psql(&format!(
        "SELECT count(*) FROM pg_db_role_setting WHERE setrole = (SELECT oid FROM pg_roles WHERE rolname = {role})"
    ));
    if settings != "0" {
        return harm("its settings are left", &settings);
    }
    let name = app.project.psql(&format!("SELECT {role}"));
    if door != "f" || try_psql(&app.project.database.as_ref().unwrap().url_as(&name), "SELECT 1").is_ok() {
        return harm("its role can log in", &door);
    }
    app.project.ok(["plugin", "remove", "notes", "--yes"]);
    if app.project.psql("SELECT string_agg(revision, ' ') FROM wmigrate.version") != "a1" {
        return harm("the version rows are changed", "after it was removed");
    }
    let left = app.project.psql(&format!("SELECT count(*) FROM pg_roles WHERE rolname = {role}"));
    let strays = app
        .project
        .psql("SELECT (SELECT count(*) FROM pg_largeobject_metadata) + (SELECT count(*) FROM pg_default_acl)");
    if (left.as_str(), strays.as_str()) == ("0", "0") { Ok(()) } else { harm("something of it is left", &strays) }
}

/// Runs it to its end, which may have to be made: then there is no code.
fn ended<const N: usize>(app: &App, arguments: [&str; N]) -> Output {
    let mut child = app.project.spawn(arguments);
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_mins(1) {
        std::thread::sleep(Duration::from_millis(20));
    }
    if child.try_wait().unwrap().is_none() {
        child.kill().unwrap();
        app.project.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
    }
    child.wait_with_output().unwrap().into()
}

/// All attempts.
pub const TABLES: [(&str, &[Case]); 6] = [
    ("The transaction", TRANSACTION),
    ("The role", ROLES),
    ("What is not the plugin's", REACH),
    ("Version rows and log", BOOKKEEPING),
    ("Time and space", GREED),
    ("Several at once", COMBINED),
];

fn all(cases: &[Case]) {
    let wrong: Vec<_> = cases
        .iter()
        .filter_map(|case| attempt(case, "").err())
        .map(|harm| format!("{}: {}", harm.what, harm.shown))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_transaction_is_the_hosts() {
    all(TRANSACTION);
}

#[test]
fn the_role_is_the_plugins_and_stays_it() {
    all(ROLES);
}

#[test]
fn nothing_else_is_in_reach() {
    all(REACH);
}

#[test]
fn the_bookkeeping_is_the_hosts() {
    all(BOOKKEEPING);
}

#[test]
fn greed_has_an_end() {
    all(GREED);
}

#[test]
fn together_they_are_no_stronger() {
    all(COMBINED);
}

#[test]
fn the_document_shows_the_table() {
    cluster::assert_document("hostile-plugins.md", &document());
}

fn document() -> String {
    let mut text = "# Plugins that mean harm\n\nWhat becomes of them. Written from the table in `tests/plugins/hostile.rs`, which tests run against a real server: each \
                    case is a plugin of its own, run by an operator who is no superuser, with a statement timeout and a CPU limit of two seconds. \
                    After each of them the application's schema, its rows, the version rows and everybody's roles and settings are what they were, \
                    no ticket is left, and the plugin's role cannot log in.\n"
        .to_owned();
    for (title, cases) in TABLES {
        text.push_str(&format!("\n## {title}\n\n| attempt | exit code | what ends it |\n|---|---|---|\n"));
        for Case { what, ends: (code, says), .. } in cases {
            let says = if *code == 0 { "nothing: it does no harm" } else { says };
            text.push_str(&format!("| {what} | {code} | {says} |\n"));
        }
    }
    text.push_str(
        "\n## Without one of the walls\n\nThe same attempts against a program that lacks one of its walls: a build for tests alone (`host/src/walls.rs`, \
         `tests/plugins/weakened.rs`). What is not named ends as above. Two are missing from \
         the tables: start-up options, which go before what a role has set for itself, stand behind the reset of those settings, and nothing comes in where \
         they alone are taken away; and that nothing runs where every role may create objects, which `tests/plugins/input.rs` tries.\n",
    );
    for Without { walls, what, harm } in walls::TABLE {
        text.push_str(&format!("\n### {walls}: {what}\n\n| attempt | then |\n|---|---|\n"));
        for (attempt, then) in *harm {
            text.push_str(&format!("| {attempt} | {then} |\n"));
        }
    }
    text
}
