//! The process, the connection or the server ends at any moment, or somebody asks to stop: the database is always in a
//! state that the same command goes on from.

use std::{
    process::Child,
    thread,
    time::{Duration, Instant},
};

use wmigrate::embedded::Server;

use crate::support::{
    Project, TestServer,
    running::{
        assert_once, assert_says, chain, chain_with, finish, locks, log, rounds, signal, wait_for, wait_until_running,
    },
};

/// kill -9 this many times by default; `WMIGRATE_TEST_ROUNDS` says more, and then the history is longer too.
const KILLS: usize = 10;

#[test]
fn kill_9_at_random_moments() {
    let kills = rounds(KILLS);
    let revisions = if kills > KILLS { 100 } else { 30 };
    // How long a whole run takes here, so that the moments are spread over it.
    let measured = Project::new();
    chain_with(&measured, revisions, "SELECT pg_sleep(0.005);");
    let begun = Instant::now();
    measured.ok(["upgrade", "head"]);
    let whole = begun.elapsed();

    let mut project = Project::new();
    chain_with(&project, revisions, "SELECT pg_sleep(0.005);");
    let mut interrupted = 0;
    for kill in 0..kills {
        let mut child = project.spawn(["upgrade", "head"]);
        // Spread evenly with a shift that differs from run to run: the process id is random enough.
        let share = (u32::try_from(kill).unwrap() * 1000 + child.id() % 1000) % (u32::try_from(kills).unwrap() * 1000);
        thread::sleep(whole * share / (u32::try_from(kills).unwrap() * 1000));
        drop(child.kill());
        let status = child.wait().unwrap();
        interrupted += usize::from(!status.success());
        // Every other time the next kill hits the run that goes on.
        if kill % 2 == 0 {
            assert_says(&project.wmigrate(["upgrade", "head"]), 0, &[]);
            assert_once(&project, revisions);
            // Begin again on an empty database.
            project.database = Some(crate::support::fresh_database());
        }
    }
    assert_says(&project.wmigrate(["upgrade", "head"]), 0, &[]);
    assert_once(&project, revisions);
    assert_eq!(project.psql("SELECT count(*) FROM wmigrate.log WHERE outcome <> 'ok'"), "0");
    assert!(interrupted > 0, "no kill came in time");
}

#[test]
fn kill_9_in_a_long_statement() {
    // The server would run the statement to its end, with the lock held, if nobody told it to look whether we live.
    let (project, mut child) = sleeping(600.0);
    drop(child.kill());
    child.wait().unwrap();
    sleepy(&project, 0.0);
    let output = project.wmigrate(["upgrade", "head", "--lock-wait", "20 s"]);
    assert_says(&output, 0, &["waiting for the migration lock, held by pid "]);
    assert_eq!(log(&project), "a1|upgrade|ok\na2|upgrade|ok\na3|upgrade|ok");
}

#[test]
fn kill_9_during_a_downgrade() {
    let project = Project::new();
    chain(&project, 10);
    project.ok(["upgrade", "head"]);
    for milliseconds in [5, 20, 40, 80] {
        let mut child = project.spawn(["downgrade", "base"]);
        thread::sleep(Duration::from_millis(milliseconds));
        drop(child.kill());
        child.wait().unwrap();
    }
    assert_says(&project.wmigrate(["downgrade", "base"]), 0, &[]);
    let downs = "SELECT count(*), count(DISTINCT revision) FROM wmigrate.log WHERE direction = 'downgrade'";
    assert_eq!(project.psql(downs), "10|10");
    assert_eq!(project.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

/// Three revisions, the second of which sleeps.
fn sleepy(project: &Project, seconds: f64) {
    project.sql("a1", "", "before", "CREATE TABLE a (id int);", "DROP TABLE a;");
    let slow = format!("CREATE TABLE b (id int);\nSELECT pg_sleep({seconds});");
    project.sql("a2", "a1", "slow", &slow, "DROP TABLE b;");
    project.sql("a3", "a2", "after", "CREATE TABLE c (id int);", "DROP TABLE c;");
}

fn sleeping(seconds: f64) -> (Project, Child) {
    let project = Project::new();
    sleepy(&project, seconds);
    let child = project.spawn(["upgrade", "head"]);
    wait_until_running(&project, "pg_sleep");
    (project, child)
}

#[test]
fn the_first_signal_lets_the_revision_end() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let (project, child) = sleeping(1.0);
        signal(&child, name);
        assert_says(
            &finish(child),
            code,
            &[
                "stopping after the running revision",
                "error: stopped on request, between two revisions",
                "hint: run the same command again to go on",
                "the database is at `a2`; 2 revisions done and kept\n",
            ],
        );
        assert_eq!(log(&project), "a1|upgrade|ok\na2|upgrade|ok");
        project.ok(["upgrade", "head"]);
        assert_eq!(log(&project), "a1|upgrade|ok\na2|upgrade|ok\na3|upgrade|ok");
    }
}

#[test]
fn a_signal_during_the_last_revision_changes_nothing() {
    let project = Project::new();
    project.sql("a1", "", "slow", "CREATE TABLE a (id int);\nSELECT pg_sleep(1);", "DROP TABLE a;");
    let child = project.spawn(["upgrade", "head"]);
    wait_until_running(&project, "pg_sleep");
    signal(&child, "TERM");
    // All that was asked for is done.
    assert_says(&finish(child), 0, &["stopping after the running revision"]);
    assert_eq!(log(&project), "a1|upgrade|ok");
}

#[test]
fn the_second_signal_cancels_and_rolls_back() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let (project, child) = sleeping(30.0);
        signal(&child, name);
        thread::sleep(Duration::from_millis(300));
        signal(&child, name);
        assert_says(
            &finish(child),
            code,
            &[
                "stopping now: cancelling the statement",
                "error: revision `a2` (slow) failed in `upgrade`",
                "caused by: it was stopped on request",
                "the database is at `a1`; 1 revision done and kept",
            ],
        );
        assert_eq!(log(&project), "a1|upgrade|ok\na2|upgrade|cancelled");
        assert_eq!(project.psql("SELECT to_regclass('b') IS NULL"), "t");
        assert_eq!(locks(&project), "0");
    }
}

/// The second signal, while the revision `text` sleeps; what matters is that it was not committed.
#[track_caller]
fn check_second_signal(project: &Project, flags: &[&str], log_rows: &str) {
    let child = project.spawn(["upgrade", "head"].iter().chain(flags));
    wait_until_running(project, "%");
    let sleeping =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    wait_for(project, sleeping, "1");
    signal(&child, "INT");
    thread::sleep(Duration::from_millis(300));
    signal(&child, "INT");
    assert_says(&finish(child), 130, &["caused by: it was stopped on request"]);
    assert_eq!(log(project), log_rows);
    assert_eq!(project.psql("SELECT to_regclass('b') IS NULL"), "t");
}

#[test]
fn a_revision_cannot_swallow_the_second_signal() {
    // By leaving the transaction aborted, or by a savepoint that makes it whole again.
    for work in ["try { sleep(); } catch {}", "try { sql.savepoint(sleep); } catch {}"] {
        let project = Project::new();
        let body = format!(
            "import {{ sql }} from \"wmigrate\";\nconst sleep = () => sql.query(\"SELECT pg_sleep(30)\");\n\
             export function upgrade() {{ sql.execute(\"CREATE TABLE b (id int)\"); {work} }}\nexport function downgrade() {{}}\n"
        );
        project.js("a1", "", "stubborn", &body);
        check_second_signal(&project, &[], "a1|upgrade|cancelled");
    }
}

#[test]
fn the_second_signal_reaches_the_end_of_a_revision() {
    // A deferred trigger sleeps while the host ends the step.
    let project = Project::new();
    let up = "CREATE TABLE b (id int);\n\
              CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$;\n\
              CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON b DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow();\n\
              INSERT INTO b VALUES (1);";
    project.sql("a1", "", "deferred", up, "DROP TABLE b; DROP FUNCTION slow();");
    check_second_signal(&project, &[], "a1|upgrade|cancelled");
    check_second_signal(&project, &["--single-transaction"], "a1|upgrade|cancelled\na1|upgrade|cancelled");
}

#[test]
fn the_second_signal_ends_code_that_never_returns() {
    let project = Project::new();
    let body = "import { sql } from \"wmigrate\";\nexport function upgrade() { sql.execute(\"CREATE TABLE b (id int)\"); \
                sql.query(\"SELECT pg_sleep(0.5)\"); for (;;) {} }\nexport function downgrade() {}\n";
    project.js("a1", "", "endless", body);
    let child = project.spawn(["upgrade", "head"]);
    wait_until_running(&project, "pg_sleep");
    signal(&child, "TERM");
    thread::sleep(Duration::from_secs(1));
    signal(&child, "TERM");
    assert_says(&finish(child), 143, &["caused by: it was stopped on request"]);
    assert_eq!(log(&project), "a1|upgrade|cancelled");
}

#[test]
fn the_second_signal_ends_a_script_of_many_statements() {
    let project = Project::new();
    let up = format!("CREATE TABLE b (id int);\n{}", "SELECT pg_sleep(0.01);\n".repeat(3000));
    project.sql("a1", "", "long", &up, "DROP TABLE b;");
    check_second_signal(&project, &[], "a1|upgrade|cancelled");
}

#[test]
fn a_signal_before_the_first_revision_starts_none() {
    // The engine is compiled first, which takes far longer than the signal.
    let mut project = Project::new();
    let cache = project.folder.join("cache");
    project.set("WMIGRATE_CACHE_DIR", cache.to_str().unwrap());
    project.js("a1", "", "one", "export function upgrade() {}\nexport function downgrade() {}\n");
    let child = project.spawn(["upgrade", "head"]);
    wait_for(&project, "SELECT to_regclass('wmigrate.version') IS NOT NULL", "t");
    signal(&child, "INT");
    let output = finish(child);
    assert_says(&output, 130, &["the database is at base; nothing was changed"]);
    assert!(!output.stderr.contains("Running upgrade"), "{}", output.stderr);
    assert_eq!(log(&project), "");
}

#[test]
fn signals_in_a_single_transaction_undo_everything() {
    let project = Project::new();
    sleepy(&project, 1.0);
    let child = project.spawn(["upgrade", "head", "--single-transaction"]);
    wait_until_running(&project, "pg_sleep");
    signal(&child, "INT");
    assert_says(&finish(child), 130, &["the database is at base; nothing was changed"]);
    assert_eq!(project.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

#[test]
fn a_killed_connection_is_an_unknown_outcome_that_is_found_out() {
    let (project, child) = sleeping(30.0);
    project.psql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
         AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()",
    );
    assert_says(
        &finish(child),
        15,
        &[
            "error: revision `a2` (slow) failed in `upgrade`",
            "the connection to the database was lost",
            "hint: run `wmigrate status`",
            "the database is at `a1`; 1 revision done and kept",
        ],
    );
    assert_eq!(project.psql("SELECT to_regclass('b') IS NULL"), "t");
}

/// A revision whose deferred trigger sleeps, so that the connection can be killed while it is being committed.
fn killed_in_commit(flags: &[&str]) {
    let project = Project::new();
    project.sql("a1", "", "before", "CREATE TABLE a (id int);", "DROP TABLE a;");
    let up = "CREATE TABLE b (id int);\n\
              CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$;\n\
              CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON b DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow();\n\
              INSERT INTO b VALUES (1);";
    project.sql("a2", "a1", "deferred", up, "DROP TABLE b; DROP FUNCTION slow();");
    let child = project.spawn(["upgrade", "head"].iter().chain(flags));
    // The end of `a1` begins with the same words, but does not sleep.
    let sleeping = "datname = current_database() AND query LIKE 'SET CONSTRAINTS%' AND wait_event = 'PgSleep'";
    wait_for(&project, &format!("SELECT count(*) FROM pg_stat_activity WHERE {sleeping}"), "1");
    project.psql(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {sleeping}"));
    // With one transaction for all, COMMIT is sent after the last revision's checks and not with them.
    let words = if flags.is_empty() {
        ["revision `a2` was committed", "; it was not committed", "the database is at `a1`; 1 revision done"]
    } else {
        [
            "revision `a2` (deferred) failed",
            "the connection to the database was lost",
            "the database is at base; nothing",
        ]
    };
    assert_says(&finish(child), 15, &words);
    assert_eq!(project.psql("SELECT to_regclass('b') IS NULL"), "t");
}

#[test]
fn a_connection_killed_in_the_commit() {
    killed_in_commit(&[]);
    killed_in_commit(&["--single-transaction"]);
}

#[test]
fn a_connection_killed_after_the_commit() {
    // COMMIT waits for a standby that does not exist; by then the transaction is durable on this server.
    let server = TestServer::start_extra(&[("synchronous_standby_names", "nobody")]);
    for flags in [&[][..], &["--single-transaction"]] {
        let project = on(&server);
        project.sql("a1", "", "before", "CREATE TABLE a (id int);", "DROP TABLE a;");
        project.sql(
            "a2",
            "a1",
            "durable",
            "CREATE TABLE b (id int);\nSET LOCAL synchronous_commit = on;",
            "DROP TABLE b;",
        );
        project.sql("a3", "a2", "after", "CREATE TABLE c (id int);", "DROP TABLE c;");
        let child = project.spawn(["upgrade", "a2"].iter().chain(flags));
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'SyncRep'";
        wait_for(&project, waiting, "1");
        project.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
             AND wait_event = 'SyncRep'",
        );
        assert_says(
            &finish(child),
            15,
            &[
                "revision `a2` was committed: the connection was lost during COMMIT; it was committed",
                "hint: run the same command again to go on",
                "the database is at `a2`; 2 revisions done and kept\n",
            ],
        );
        assert_says(&project.wmigrate(["upgrade", "head"]), 0, &[]);
        assert_eq!(log(&project), "a1|upgrade|ok\na2|upgrade|ok\na3|upgrade|ok");
    }
}

/// A project on a server of its own.
fn on(server: &TestServer) -> Project {
    let mut project = Project::without_database();
    project.database = Some(server.fresh_database());
    project
}

/// `pg_ctl stop -m immediate`: SIGQUIT to the postmaster.
pub fn kill_server(server: &Server) {
    let sent = std::process::Command::new("kill").args(["-QUIT", &server.pid().to_string()]).status();
    assert!(sent.expect("`kill` runs").success());
}

#[test]
fn a_server_killed_mid_run() {
    let server = TestServer::start_extra(&[("fsync", "on")]);
    let project = on(&server);
    sleepy(&project, 30.0);
    let child = project.spawn(["upgrade", "head"]);
    wait_until_running(&project, "pg_sleep");
    kill_server(server.server());
    assert_says(
        &finish(child),
        15,
        &[
            "the connection to the database was lost",
            "hint: run `wmigrate status`",
            "the database cannot be reached now",
        ],
    );
    // Once it is back, the same command goes on, with the sleep taken out of the revision that never ran.
    let options = wmigrate::embedded::Options::new(server.server().data_folder().parent().unwrap().to_owned());
    let again = Server::start(&options, crate::support::server::binaries()).unwrap();
    sleepy(&project, 0.0);
    assert_says(&project.wmigrate(["upgrade", "head"]), 0, &[]);
    assert_eq!(log(&project), "a1|upgrade|ok\na2|upgrade|ok\na3|upgrade|ok");
    drop(project);
    again.stop().unwrap();
}
