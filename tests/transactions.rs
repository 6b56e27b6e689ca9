//! One transaction a revision, which only the host ends: what fails is undone alone, what was done stays, and no disguise
//! of COMMIT gets through.

use std::{thread, time::Duration};

use crate::support::{
    Project,
    running::{Session, assert_once, assert_says, chain, finish, log, wait_for, wait_until_running},
};

/// A JavaScript revision with this upgrade.
fn js(project: &Project, id: &str, down: &str, upgrade: &str) {
    let body = format!(
        "import {{ sql, log }} from \"wmigrate\";\nexport function upgrade() {{\n{upgrade}\n}}\nexport function downgrade() {{}}\n"
    );
    project.js(id, down, "in code", &body);
}

#[test]
fn a_failed_revision_is_undone_alone() {
    let project = Project::new();
    project.sql("a1", "", "fine", "CREATE TABLE a (id int PRIMARY KEY);", "DROP TABLE a;");
    project.sql("a2", "a1", "broken", "CREATE TABLE b (id int);\nINSERT INTO a VALUES (1), (1);", "DROP TABLE b;");
    project.sql("a3", "a2", "never", "CREATE TABLE c (id int);", "DROP TABLE c;");
    let output = project.wmigrate(["upgrade", "head"]);
    assert_says(
        &output,
        1,
        &[
            "error: revision `a2` (broken) failed in `upgrade`",
            "duplicate key value violates unique constraint \"a_pkey\" (SQLSTATE 23505)",
            "the database is at `a1`; 1 revision done and kept, the failed one left nothing behind",
        ],
    );
    assert_eq!(log(&project), "a1|upgrade|ok\na2|upgrade|failed");
    let error = project.psql("SELECT error, xid IS NULL FROM wmigrate.log WHERE outcome = 'failed'");
    assert_eq!(error, "duplicate key value violates unique constraint \"a_pkey\" (SQLSTATE 23505)|t");
    assert_eq!(project.psql("SELECT to_regclass('a') IS NOT NULL, to_regclass('b') IS NULL"), "t|t");
    // An `ok` row has the id of the transaction that made the table.
    assert_eq!(
        project.psql("SELECT (SELECT xmin::text FROM pg_class WHERE relname = 'a') = xid::text FROM wmigrate.log WHERE outcome = 'ok'"),
        "t"
    );
}

#[test]
fn a_failed_downgrade_keeps_its_row() {
    let project = Project::new();
    project.sql("a1", "", "one", "CREATE TABLE a (id int);", "DROP TABLE a;\nSELECT 1 / 0;");
    project.ok(["upgrade", "head"]);
    assert_says(&project.wmigrate(["downgrade", "base"]), 1, &["failed in `downgrade`", "division by zero"]);
    assert_eq!(project.psql("SELECT revision FROM wmigrate.version"), "a1");
    assert_eq!(project.psql("SELECT to_regclass('a') IS NOT NULL"), "t");
    assert_eq!(log(&project), "a1|upgrade|ok\na1|downgrade|failed");
}

#[test]
fn single_transaction_is_all_or_nothing() {
    let project = Project::new();
    chain(&project, 3);
    project.sql("r004", "r003", "broken", "SELECT 1 / 0;", "SELECT 1;");
    let output = project.wmigrate(["upgrade", "head", "--single-transaction"]);
    assert_says(&output, 1, &["revision `r004` (broken) failed", "the database is at base; nothing was changed"]);
    assert_eq!(log(&project), "r004|upgrade|failed");
    assert_eq!(project.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");

    assert_says(&project.wmigrate(["upgrade", "r003", "--single-transaction"]), 0, &[]);
    assert_once(&project, 3);
    assert_eq!(project.psql("SELECT count(DISTINCT xid) FROM wmigrate.log WHERE outcome = 'ok'"), "1");
}

#[test]
fn a_dry_run_leaves_nothing() {
    let project = Project::new();
    chain(&project, 3);
    let output = project.wmigrate(["upgrade", "head", "--dry-run"]);
    assert_says(&output, 0, &["dry run: 3 revisions rolled back, nothing was changed"]);
    assert!(output.stdout.contains("CREATE TABLE t1 (id int PRIMARY KEY);"), "{}", output.stdout);
    assert_eq!(project.psql("SELECT to_regnamespace('wmigrate') IS NULL, to_regclass('t1') IS NULL"), "t|t");

    project.ok(["upgrade", "r001"]);
    let output = project.wmigrate(["upgrade", "head", "--dry-run"]);
    assert_says(&output, 0, &["dry run: 2 revisions rolled back"]);
    assert!(!output.stderr.contains("already exists"), "{}", output.stderr);
    assert_says(&project.wmigrate(["downgrade", "base", "--dry-run"]), 0, &["dry run: 1 revision rolled back"]);
    assert_eq!(log(&project), "r001|upgrade|ok");

    project.sql("r004", "r003", "broken", "SELECT 1 / 0;", "SELECT 1;");
    let output = project.wmigrate(["upgrade", "head", "--dry-run"]);
    assert_says(&output, 1, &["division by zero", "the database is at `r001`; nothing was changed"]);
    assert_eq!(log(&project), "r001|upgrade|ok");
}

#[test]
fn a_dry_run_needs_no_right_to_create_what_is_there() {
    let mut project = Project::new();
    chain(&project, 2);
    project.ok(["upgrade", "r001"]);
    let role = format!("dry_{}", project.database.as_ref().unwrap().name);
    project.psql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA wmigrate TO {role}; GRANT ALL ON SCHEMA public TO {role}; \
         GRANT ALL ON ALL TABLES IN SCHEMA wmigrate, public TO {role}"
    ));
    let url = project.database.as_ref().unwrap().url_as(&role);
    project.set("DATABASE_URL", &url);
    let output = project.wmigrate(["upgrade", "head", "--dry-run"]);
    let real = project.wmigrate(["upgrade", "head"]);
    project.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    assert_says(&output, 0, &[]);
    assert_says(&real, 0, &[]);
}

#[test]
fn a_lock_that_is_soon_free_costs_a_retry() {
    let project = Project::new();
    project.sql("a1", "", "one", "CREATE TABLE a (id int);", "DROP TABLE a;");
    project.ok(["upgrade", "head"]);
    project.sql("a2", "a1", "two", "CREATE TABLE b (id int);\nALTER TABLE a ADD COLUMN x int;", "DROP TABLE b;");
    let blocker = Session::open(project.url());
    blocker.run("BEGIN; LOCK TABLE a");
    let child = project.spawn(["upgrade", "head", "--lock-timeout", "300 ms"]);
    wait_until_running(&project, "ALTER TABLE a");
    thread::sleep(Duration::from_millis(500));
    blocker.run("COMMIT");
    let output = finish(child);
    assert_says(
        &output,
        0,
        &["a2: canceling statement due to lock timeout (SQLSTATE 55P03); rolled back, trying again (attempt 2)"],
    );
    assert_eq!(log(&project), "a1|upgrade|ok\na2|upgrade|ok");
}

#[test]
fn a_lock_that_is_never_free_is_given_up() {
    let project = Project::new();
    project.sql("a1", "", "one", "CREATE TABLE a (id int);", "DROP TABLE a;");
    project.ok(["upgrade", "head"]);
    project.sql("a2", "a1", "two", "ALTER TABLE a ADD COLUMN x int;", "ALTER TABLE a DROP COLUMN x;");
    let blocker = Session::open(project.url());
    blocker.run("BEGIN; LOCK TABLE a");
    let output = project.wmigrate(["upgrade", "head", "--lock-timeout", "50 ms"]);
    assert_says(
        &output,
        1,
        &["(attempt 5)", "lock timeout (SQLSTATE 55P03)", "hint: another session holds a lock it needs"],
    );
    assert_eq!(output.stderr.matches("trying again").count(), 4, "{}", output.stderr);
    assert_eq!(log(&project), "a1|upgrade|ok\na2|upgrade|failed");
    let output = project.wmigrate(["upgrade", "head", "--lock-timeout", "50 ms", "--max-tries", "2"]);
    assert_eq!(output.stderr.matches("trying again").count(), 1, "{}", output.stderr);
}

#[test]
fn a_serialisation_failure_is_tried_again() {
    // The second time a sequence, which no rollback takes back, says that it is the second time.
    for (code, place) in [("40001", "at once"), ("40P01", "at once"), ("40001", "deferred")] {
        let project = Project::new();
        project.psql("CREATE SEQUENCE tries");
        let raise =
            format!("IF nextval('tries') = 1 THEN RAISE EXCEPTION 'try again' USING ERRCODE = '{code}'; END IF;");
        let up = if place == "at once" {
            format!("CREATE TABLE a (id int);\nDO $$ BEGIN {raise} END $$;")
        } else {
            format!(
                "CREATE TABLE a (id int);\n\
                 CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {raise} RETURN NULL; END $$;\n\
                 CREATE CONSTRAINT TRIGGER t AFTER INSERT ON a INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f();\n\
                 INSERT INTO a VALUES (1);"
            )
        };
        project.sql("a1", "", "one", &up, "DROP TABLE a;");
        assert_says(&project.wmigrate(["upgrade", "head"]), 0, &["trying again (attempt 2)"]);
        assert_eq!(log(&project), "a1|upgrade|ok");
    }
}

#[test]
fn a_deadlock_is_tried_again() {
    let project = Project::new();
    project.sql("a1", "", "one", "CREATE TABLE a (id int);\nCREATE TABLE b (id int);", "DROP TABLE a; DROP TABLE b;");
    project.ok(["upgrade", "head"]);
    project.sql("a2", "a1", "two", "LOCK TABLE a;\nSELECT pg_sleep(0.5);\nLOCK TABLE b;", "SELECT 1;");
    let other = Session::open(project.url());
    other.run("SET deadlock_timeout = '10s'; BEGIN; LOCK TABLE b");
    let child = project.spawn(["upgrade", "head", "--lock-timeout", "20 s"]);
    wait_until_running(&project, "pg_sleep");
    // Waits for `a`, and wmigrate then for `b`: the server ends the one whose patience ends first, which is wmigrate's.
    other.run("LOCK TABLE a; COMMIT");
    assert_says(&finish(child), 0, &["deadlock detected (SQLSTATE 40P01); rolled back, trying again"]);
    assert_eq!(log(&project), "a1|upgrade|ok\na2|upgrade|ok");
}

/// A table whose foreign key is checked at the end.
const DEFERRED: &str = "CREATE TABLE parent (id int PRIMARY KEY);\n\
    CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);";

#[test]
fn a_constraint_violated_at_the_end_is_the_revisions_error() {
    let project = Project::new();
    project.sql("a1", "", "tables", DEFERRED, "DROP TABLE child; DROP TABLE parent;");
    project.sql("a2", "a1", "orphan", "INSERT INTO child VALUES (1);", "DELETE FROM child;");
    for flags in [&["upgrade", "head"][..], &["upgrade", "head", "--single-transaction"]] {
        let output = project.wmigrate(flags);
        assert_says(
            &output,
            1,
            &[
                "error: revision `a2` (orphan) failed in `upgrade`",
                "violates foreign key constraint \"child_id_fkey\"",
                "(SQLSTATE 23503)",
            ],
        );
        assert!(
            project.psql("SELECT outcome FROM wmigrate.log WHERE revision = 'a2' ORDER BY id DESC LIMIT 1") == "failed"
        );
    }
}

#[test]
fn deferred_constraints_are_deferred_in_every_revision() {
    let project = Project::new();
    project.sql("a1", "", "tables", DEFERRED, "DROP TABLE child; DROP TABLE parent;");
    let up = "INSERT INTO child VALUES (1);\nINSERT INTO parent VALUES (1);";
    project.sql("a2", "a1", "child first", up, "DELETE FROM child; DELETE FROM parent;");
    let more = "CREATE TABLE other (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);\n\
                INSERT INTO other VALUES (2);\nINSERT INTO child VALUES (2);\nINSERT INTO parent VALUES (2);";
    project.sql("a3", "a2", "more", more, "DROP TABLE other;");
    assert_says(&project.wmigrate(["upgrade", "head", "--dry-run"]), 0, &[]);
    assert_says(&project.wmigrate(["upgrade", "head", "--single-transaction"]), 0, &[]);
    assert_eq!(project.psql("SELECT count(*) FROM child"), "2");
}

/// Runs `upgrade` as one SQL statement of a JavaScript revision that catches every error, and expects that nothing ends
/// the transaction: either the statement fails and the revision with it, or it means nothing.
#[track_caller]
fn check_no_end(project: &Project, statement: &str, says: &str) {
    let number = project.psql("SELECT count(*) FROM wmigrate.log");
    let id = format!("x{number}");
    let text = serde_json::to_string(statement).expect("a text is JSON");
    js(project, &id, "a1", &format!("sql.execute(\"CREATE TABLE made (id int)\");\nsql.execute({text});"));
    let output = project.wmigrate(["upgrade", &id]);
    assert_says(&output, 1, &[&format!("error: revision `{id}` (in code) failed in `upgrade`"), says]);
    assert_eq!(project.psql("SELECT to_regclass('made') IS NULL"), "t", "{statement}");
    assert_eq!(project.psql("SELECT revision FROM wmigrate.version"), "a1", "{statement}");
    std::fs::remove_file(project.folder.join(format!("versions/{id}_in_code.js"))).expect("it was just written");
}

#[test]
fn commit_in_every_disguise() {
    let project = Project::new();
    let setup = "CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;\n\
                 CREATE PROCEDURE rolls_back() LANGUAGE plpgsql AS $$ BEGIN ROLLBACK; END $$;";
    project.sql("a1", "", "procedures", setup, "DROP PROCEDURE commits; DROP PROCEDURE rolls_back;");
    project.ok(["upgrade", "head"]);
    let refused = "is refused: the host owns the transaction";
    let server = "invalid transaction termination (SQLSTATE 2D000)";
    for (statement, says) in [
        ("COMMIT", refused),
        ("/* x */ COMMIT", refused),
        (";COMMIT", refused),
        ("--\n;; /* /* */ */ commit and chain", refused),
        ("END", refused),
        ("ROLLBACK", refused),
        ("ABORT", refused),
        ("BEGIN", refused),
        ("PREPARE TRANSACTION 'x'", "`PREPARE` is refused"),
        ("ROLLBACK PREPARED 'x'", refused),
        ("DO $$ BEGIN COMMIT; END $$", server),
        ("DO $$ BEGIN ROLLBACK; END $$", server),
        ("CALL commits()", server),
        ("CALL rolls_back()", server),
        ("DO $$ BEGIN CALL commits(); END $$", server),
        ("DO $$ BEGIN EXECUTE 'COMMIT'; END $$", "EXECUTE of transaction commands is not implemented (SQLSTATE 0A000)"),
        (
            "DO $$ BEGIN EXECUTE 'PREPARE TRANSACTION ''x'''; END $$",
            "EXECUTE of transaction commands is not implemented",
        ),
        ("SELECT 1; COMMIT", "cannot insert multiple commands into a prepared statement"),
        ("SELECT 1;COMMIT;BEGIN", "cannot insert multiple commands into a prepared statement"),
        // The words in a string or a name are only words.
        ("SELECT 'COMMIT'::int", "invalid input syntax for type integer"),
    ] {
        check_no_end(&project, statement, says);
    }
    assert_eq!(project.psql("SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"), "0");
}

#[test]
fn a_commit_hidden_in_a_handled_block_ends_nothing() {
    let project = Project::new();
    let up = "CREATE TABLE a (id int);\n\
              DO $$ BEGIN BEGIN COMMIT; EXCEPTION WHEN OTHERS THEN NULL; END; END $$;\nSELECT 1 / 0;";
    project.sql("a1", "", "hidden", up, "DROP TABLE a;");
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &["division by zero"]);
    assert_eq!(project.psql("SELECT to_regclass('a') IS NULL"), "t");
}

#[test]
fn a_swallowed_error_is_a_failure() {
    let project = Project::new();
    js(
        &project,
        "a1",
        "",
        "sql.execute(\"CREATE TABLE a (id int)\");\ntry { sql.execute(\"SELECT 1 / 0\"); } catch {}",
    );
    let output = project.wmigrate(["upgrade", "head"]);
    assert_says(
        &output,
        1,
        &[
            "it reported success, but one of its statements had failed and aborted the transaction: division by zero (SQLSTATE 22012)",
        ],
    );
    assert_eq!(log(&project), "a1|upgrade|failed");
    assert_eq!(project.psql("SELECT to_regclass('a') IS NULL, (SELECT count(*) FROM wmigrate.version)"), "t|0");
}

#[test]
fn an_error_undone_by_a_savepoint_is_none() {
    let project = Project::new();
    let body = "sql.execute(\"CREATE TABLE a (id int)\");\n\
                try { sql.savepoint(() => { sql.execute(\"INSERT INTO a VALUES (1)\"); sql.execute(\"SELECT 1 / 0\"); }); } catch {}\n\
                sql.execute(\"INSERT INTO a VALUES (2)\");";
    js(&project, "a1", "", body);
    project.ok(["upgrade", "head"]);
    assert_eq!(project.psql("SELECT string_agg(id::text, ' ') FROM a"), "2");
}

#[test]
fn an_error_that_only_looks_like_a_lost_connection() {
    let project = Project::new();
    for code in ["08006", "57P01"] {
        let up = format!("DO $$ BEGIN RAISE EXCEPTION 'far away' USING ERRCODE = '{code}'; END $$;");
        project.sql("a1", "", "remote", &up, "SELECT 1;");
        assert_says(&project.wmigrate(["upgrade", "head"]), 1, &[&format!("far away (SQLSTATE {code})")]);
    }
    assert_eq!(log(&project), "a1|upgrade|failed\na1|upgrade|failed");
}

/// While `a2` sleeps, somebody else changes the version rows.
#[track_caller]
fn check_doubt(change: &str, after: &str, flags: &[&str]) {
    let project = Project::new();
    project.sql("a1", "", "one", "CREATE TABLE a (id int);", "DROP TABLE a;");
    project.ok(["upgrade", "head"]);
    project.sql("a2", "a1", "two", "CREATE TABLE b (id int);\nSELECT pg_sleep(1);", "DROP TABLE b;");
    let child = project.spawn(["upgrade", "head"].iter().chain(flags));
    wait_until_running(&project, "pg_sleep");
    project.psql(change);
    assert_says(
        &finish(child),
        1,
        &[
            "error: revision `a2` was rolled back: the version rows were changed by somebody else while it ran",
            "hint: ",
        ],
    );
    assert_eq!(
        project.psql("SELECT coalesce(string_agg(revision, ' ' ORDER BY revision), '') FROM wmigrate.version"),
        after
    );
    assert_eq!(project.psql("SELECT to_regclass('b') IS NULL"), "t");
    assert_eq!(log(&project), "a1|upgrade|ok\na2|upgrade|failed");
}

#[test]
fn version_rows_changed_by_somebody_else() {
    check_doubt("DELETE FROM wmigrate.version", "", &[]);
    check_doubt("UPDATE wmigrate.version SET revision = 'a2'", "a2", &[]);
    check_doubt("INSERT INTO wmigrate.version VALUES ('a2')", "a1 a2", &[]);
    check_doubt("INSERT INTO wmigrate.version VALUES ('zz')", "a1 zz", &[]);
    check_doubt("DELETE FROM wmigrate.version", "", &["--single-transaction"]);
}

#[test]
fn a_revision_that_drops_the_bookkeeping_is_undone() {
    let project = Project::new();
    project.sql("a1", "", "one", "CREATE TABLE a (id int);", "DROP TABLE a;");
    project.sql("a2", "a1", "vandal", "DROP SCHEMA wmigrate CASCADE;", "SELECT 1;");
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &["revision `a2`", "the database is at `a1`"]);
    assert_eq!(log(&project), "a1|upgrade|ok\na2|upgrade|failed");
    wait_for(&project, "SELECT revision FROM wmigrate.version", "a1");
}

#[test]
fn a_reader_that_goes_away_stops_no_run() {
    let project = Project::new();
    chain(&project, 3);
    let mut child = project.spawn(["upgrade", "head", "-v"]);
    drop(child.stdout.take());
    assert_says(&finish(child), 0, &[]);
    assert_once(&project, 3);
}

#[test]
fn a_full_disk_under_the_output_stops_no_run() {
    let project = Project::new();
    chain(&project, 3);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = project.command(["upgrade", "head", "-v"]).stdout(full).output().unwrap();
    let errors = String::from_utf8_lossy(&status.stderr);
    assert_eq!(status.status.code(), Some(1), "{errors}");
    assert!(errors.contains("error: the command did its work, but its output could not be written"), "{errors}");
    assert_once(&project, 3);
}

#[test]
fn what_was_taken_down_may_be_changed() {
    let project = Project::new();
    project.sql("a1", "", "one", "CREATE TABLE a (id int);", "DROP TABLE a;");
    project.ok(["upgrade", "head"]);
    project.ok(["downgrade", "base"]);
    project.sql("a1", "", "one", "CREATE TABLE a (id bigint);", "DROP TABLE a;");
    project.ok(["stamp", "head"]);
    project.sql("a2", "a1", "two", "SELECT 1;", "SELECT 1;");
    project.ok(["upgrade", "head"]);
}

#[test]
fn rows_of_a_script_that_nobody_takes_are_no_limit() {
    let project = Project::new();
    let up = "SELECT repeat('x', 1000) FROM generate_series(1, 3000);\nCREATE TABLE a (id int);";
    project.sql("a1", "", "looks", up, "DROP TABLE a;");
    project.ok(["upgrade", "head", "--result-size", "1 MiB"]);
    assert_eq!(log(&project), "a1|upgrade|ok");
}
