//! Revisions share a connection, and yet each finds the session as a new one would be: nothing that one leaves behind
//! reaches the next, in transactions of their own or in one for all.

use crate::support::{
    Project,
    running::{Session, assert_says, locks},
};

/// Runs `first`, then `probe` in the next revision, which must answer `expected`; apart and in a single transaction.
#[track_caller]
fn check(first: &str, probe: &str, expected: &str) {
    for flags in [&["upgrade", "head"][..], &["upgrade", "head", "--single-transaction"]] {
        let project = Project::new();
        check_in(&project, first, probe, expected, flags);
    }
}

#[track_caller]
fn check_in(project: &Project, first: &str, probe: &str, expected: &str, flags: &[&str]) {
    project.sql(
        "a1",
        "",
        "leaves something",
        &format!("CREATE TABLE public.answer (text text);\n{first}"),
        "DROP TABLE public.answer;",
    );
    project.sql("a2", "a1", "looks", &format!("INSERT INTO public.answer SELECT ({probe})::text;"), "SELECT 1;");
    let output = project.wmigrate(flags);
    assert_says(&output, 0, &[]);
    assert_eq!(project.psql("SELECT text FROM public.answer"), expected, "{first} ({flags:?})");
    assert_eq!(project.psql("SELECT revision FROM wmigrate.version"), "a2");
}

#[test]
fn settings() {
    check("SET work_mem = '17MB';", "SELECT current_setting('work_mem')", "4MB");
    check("SET SESSION statement_timeout = '1h';", "SELECT current_setting('statement_timeout')", "0");
    check("SET lock_timeout = '1h';", "SELECT current_setting('lock_timeout')", "2s");
    check("SELECT set_config('my.thing', 'x', false);", "SELECT coalesce(current_setting('my.thing', true), '')", "");
    check("SET TIME ZONE 'Asia/Tokyo';", "SELECT current_setting('TimeZone') <> 'Asia/Tokyo'", "true");
    check("SET session_replication_role = replica;", "SELECT current_setting('session_replication_role')", "origin");
    check(
        "DO $$ BEGIN EXECUTE 'SET default_transaction_read_only = on'; END $$;",
        "SELECT current_setting('transaction_read_only')",
        "off",
    );
    check("SET bytea_output = escape;", "SELECT current_setting('bytea_output')", "hex");
    check("SET standard_conforming_strings = off;", r"SELECT 'a\\b'", r"a\\b");
}

#[test]
fn the_search_path() {
    let first = "CREATE SCHEMA other;\nCREATE TABLE other.t (id int);\nSET search_path = other;";
    check(first, "SELECT current_setting('search_path') || to_regclass('t') IS NULL", "true");
    // pg_dump's opening line, which takes even `public` away.
    check("SELECT pg_catalog.set_config('search_path', '', false);", "SELECT to_regclass('answer')", "answer");
}

#[test]
fn a_hostile_search_path_does_not_reach_the_bookkeeping() {
    let first = "CREATE SCHEMA evil;\n\
        CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT 1 / 0 ; SELECT now() $$;\n\
        CREATE FUNCTION evil.ne(bigint, bigint) RETURNS bool LANGUAGE sql AS $$ SELECT true $$;\n\
        CREATE OPERATOR evil.<> (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.ne);\n\
        CREATE TEMP TABLE pg_locks AS SELECT 1 AS x;\nCREATE TEMP TABLE pg_database AS SELECT 1 AS x;\n\
        SET search_path = evil, pg_temp, pg_catalog, public;";
    check(&first.replace("SELECT 1 / 0 ; ", ""), "SELECT 1", "1");
}

#[test]
fn roles() {
    for (number, set) in ["SET ROLE {}", "SET SESSION AUTHORIZATION {}", "SET LOCAL ROLE {}"].into_iter().enumerate() {
        for flags in [&["upgrade", "head"][..], &["upgrade", "head", "--single-transaction"]] {
            let project = Project::new();
            let role = format!("role_{}_{number}", project.database.as_ref().unwrap().name);
            let first = format!("CREATE ROLE {role};\n{};", set.replace("{}", &role));
            check_in(&project, &first, "SELECT current_user || ' ' || session_user", "postgres postgres", flags);
            assert_eq!(project.psql("SELECT DISTINCT db_user FROM wmigrate.log"), "postgres");
            project.psql(&format!("DROP ROLE {role}"));
        }
    }
}

#[test]
fn a_failure_under_another_role_is_still_written_down() {
    let project = Project::new();
    let role = format!("role_{}", project.database.as_ref().unwrap().name);
    project.psql(&format!("CREATE ROLE {role}"));
    project.sql("a1", "", "powerless", &format!("SET SESSION AUTHORIZATION {role};\nCREATE SCHEMA x;"), "SELECT 1;");
    let output = project.wmigrate(["upgrade", "head"]);
    project.psql(&format!("DROP ROLE {role}"));
    assert_says(&output, 1, &["permission denied"]);
    assert!(!output.stderr.contains("could not be written"), "{}", output.stderr);
    assert_eq!(project.psql("SELECT outcome, db_user FROM wmigrate.log"), "failed|postgres");
}

#[test]
fn a_role_that_is_dropped() {
    let first = "CREATE ROLE short_lived; SET ROLE short_lived; RESET ROLE; DROP ROLE short_lived;";
    check(first, "SELECT current_user", "postgres");
}

#[test]
fn temporary_tables() {
    check("CREATE TEMP TABLE t (id int);", "SELECT to_regclass('t') IS NULL", "true");
    // One that hides a real table.
    check(
        "CREATE TABLE u (id int);\nCREATE TEMP TABLE u (id int);",
        "SELECT 'u'::regclass = 'public.u'::regclass",
        "true",
    );
    // With rows that a deferred trigger still waits for.
    let first = "CREATE TEMP TABLE p (id int PRIMARY KEY);\n\
                 CREATE TEMP TABLE c (id int REFERENCES p DEFERRABLE INITIALLY DEFERRED);\n\
                 INSERT INTO p VALUES (1);\nINSERT INTO c VALUES (1);";
    check(first, "SELECT to_regclass('c') IS NULL", "true");
}

#[test]
fn prepared_statements() {
    let first = "DO $$ BEGIN EXECUTE 'PREPARE p AS SELECT 1'; END $$;";
    check(first, "SELECT count(*) FROM pg_prepared_statements", "0");
    check("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$;", "SELECT 1", "1");
    check("DO $$ BEGIN EXECUTE 'PREPARE s0 AS SELECT 1'; EXECUTE 'PREPARE s1 AS SELECT 2'; END $$;", "SELECT 1", "1");
}

#[test]
fn cursors() {
    let first = "DO $$ BEGIN EXECUTE 'DECLARE c CURSOR WITH HOLD FOR SELECT 1'; END $$;";
    let probe = "SELECT count(*) FROM pg_cursors WHERE name = 'c'";
    for flags in [&["upgrade", "head"][..], &["upgrade", "head", "--single-transaction"]] {
        // Some servers let plpgsql do it, some do not; in no case is there one afterwards.
        let project = Project::new();
        let handled = first
            .replace("EXECUTE 'DECLARE", "BEGIN EXECUTE 'DECLARE")
            .replace("; END $$", "; EXCEPTION WHEN feature_not_supported THEN NULL; END; END $$");
        check_in(&project, &handled, probe, "0", flags);
    }
    check("DECLARE c CURSOR FOR SELECT 1;", probe, "0");
    let project = Project::new();
    project.sql("a1", "", "hold", "DECLARE c CURSOR WITH HOLD FOR SELECT 1;", "SELECT 1;");
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &["WITH HOLD` is refused"]);
}

#[test]
fn sequences() {
    let first = "CREATE SEQUENCE s;\nSELECT nextval('s');";
    let probe = "SELECT nextval('s')";
    check(first, probe, "2");
    let project = Project::new();
    project.sql("a1", "", "uses", first, "DROP SEQUENCE s;");
    project.sql("a2", "a1", "asks", "SELECT currval('s');", "SELECT 1;");
    for flags in [&["upgrade", "head", "--single-transaction"][..], &["upgrade", "head"]] {
        assert_says(&project.wmigrate(flags), 1, &["currval of sequence \"s\" is not yet defined in this session"]);
    }
}

#[test]
fn listening() {
    let first = "DO $$ BEGIN EXECUTE 'LISTEN c'; END $$;";
    let project = Project::new();
    check_in(&project, first, "SELECT count(*) FROM pg_listening_channels()", "0", &["upgrade", "head"]);
    let project = Project::new();
    project.sql("a1", "", "listens", "LISTEN c;", "SELECT 1;");
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &["`LISTEN` is refused"]);
}

#[test]
fn advisory_locks() {
    // A revision's locks end with it, and the migration lock, which is one too, is never free meanwhile.
    let probe =
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid IN (42, 43) AND pid = pg_backend_pid()";
    for first in ["SELECT pg_advisory_lock(42), pg_advisory_lock(42);", "SELECT pg_advisory_xact_lock(43);"] {
        check_in(&Project::new(), first, probe, "0", &["upgrade", "head"]);
    }
    let project = Project::new();
    project.sql("a1", "", "locks", "SELECT pg_advisory_lock(42);", "SELECT 1;");
    project.ok(["upgrade", "head"]);
    assert_eq!(locks(&project), "0");
}

#[test]
fn idle_timeouts_of_the_server() {
    let project = Project::new();
    project.psql(&format!(
        "ALTER DATABASE {} SET idle_in_transaction_session_timeout = '150ms'",
        project.database.as_ref().unwrap().name
    ));
    let body = "import { sql } from \"wmigrate\";\nexport function upgrade() { sql.execute(\"CREATE TABLE a (id int)\"); \
                for (let i = 0; i < 2e7; i++) {} sql.execute(\"INSERT INTO a VALUES (1)\"); }\nexport function downgrade() {}\n";
    project.js("a1", "", "thinks", body);
    project.ok(["upgrade", "head"]);
    assert_eq!(project.psql("SELECT id FROM a"), "1");
}

#[test]
fn encodings() {
    // What a dump begins with is fine; any other encoding would make other text of what is sent.
    let insert = "CREATE TABLE a (t text);\nINSERT INTO a VALUES ('Größe');";
    let project = Project::new();
    project.sql("a1", "", "dump", &format!("SET client_encoding = 'UTF8';\n{insert}"), "DROP TABLE a;");
    project.ok(["upgrade", "head"]);
    assert_eq!(project.psql("SELECT t FROM a"), "Größe");
    for (set, back) in [("SET client_encoding = 'LATIN1'", ""), ("SET NAMES 'LATIN1'", "RESET client_encoding;")] {
        let project = Project::new();
        project.sql("a1", "", "old dump", &format!("{set};\n{insert}\n{back}"), "DROP TABLE a;");
        let output = project.wmigrate(["upgrade", "head"]);
        assert_says(&output, 13, &["it set `client_encoding`", "the database is at base; nothing was changed"]);
        assert_eq!(project.psql("SELECT to_regclass('a') IS NULL"), "t");
    }
}

#[test]
fn settings_of_the_role() {
    // What an administrator has set for a role is the start of every session, and is what each revision finds again;
    // but how scripts are read does not depend on it.
    let mut project = Project::new();
    let role = format!("odd_{}", project.database.as_ref().unwrap().name);
    let name = project.database.as_ref().unwrap().name.clone();
    project.psql(&format!(
        "CREATE ROLE {role} LOGIN SUPERUSER; ALTER ROLE {role} SET standard_conforming_strings = off; \
         ALTER ROLE {role} SET work_mem = '9MB'; ALTER ROLE {role} SET statement_timeout = '7s'; \
         ALTER DATABASE {name} SET search_path = public, pg_catalog; ALTER ROLE {role} SET DateStyle = 'German'; \
         ALTER ROLE {role} SET IntervalStyle = 'iso_8601'; ALTER ROLE {role} SET bytea_output = 'escape'; \
         ALTER ROLE {role} SET default_transaction_isolation = 'serializable'; ALTER ROLE {role} SET row_security = off"
    ));
    let url = project.database.as_ref().unwrap().url_as(&role);
    project.set("DATABASE_URL", &url);
    let probe =
        r"SELECT concat_ws(' ', current_setting('work_mem'), 'a\', current_setting('standard_conforming_strings'))";
    check_in(&project, "SET work_mem = '17MB';", probe, r"9MB a\ on", &["upgrade", "head"]);
    assert_says(&project.wmigrate(["log", "--json"]), 0, &[]);
    assert_says(&project.wmigrate(["downgrade", "base"]), 0, &[]);
    assert_eq!(project.psql("SELECT count(*), count(DISTINCT db_user) FROM wmigrate.log"), "4|1");
    project.psql(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
}

#[test]
fn the_next_revision_after_a_retry_finds_a_new_session() {
    let project = Project::new();
    project.sql("a1", "", "one", "CREATE TABLE a (id int);", "DROP TABLE a;");
    project.ok(["upgrade", "head"]);
    let up = "DO $$ BEGIN IF current_setting('my.tried', true) = 'yes' THEN RAISE EXCEPTION 'leaked'; END IF; END $$;\n\
              SET my.tried = 'yes';\nSELECT pg_advisory_xact_lock(7);\nLOCK TABLE a;";
    project.sql("a2", "a1", "two", up, "SELECT 1;");
    let blocker = Session::open(project.url());
    blocker.run("BEGIN; LOCK TABLE a");
    let output = project.wmigrate(["upgrade", "head", "--lock-timeout", "50 ms"]);
    assert_says(&output, 1, &["lock timeout"]);
    assert!(!output.stderr.contains("leaked"), "{}", output.stderr);
}
