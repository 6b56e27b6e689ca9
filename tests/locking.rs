//! One wmigrate at a time: any number of runners may start at once, and each revision still runs once. Also who waits for
//! whom, for how long, and what stands in the way of a session lock.

use std::process::Child;

use crate::support::{
    Project,
    pgbouncer::{PgBouncer, Pool},
    running::{
        Session, assert_once, assert_says, chain, finish, id, locks, log, rounds, signal, wait_for, wait_until_running,
    },
};

fn upgrade_together(runners: usize, revisions: usize) {
    let project = Project::new();
    chain(&project, revisions);
    let children: Vec<Child> = (0..runners).map(|_| project.spawn(["upgrade", "head"])).collect();
    for child in children {
        assert_says(&finish(child), 0, &[]);
    }
    assert_once(&project, revisions);
    assert_eq!(project.psql("SELECT count(*) FROM wmigrate.log"), revisions.to_string(), "no other rows");
    assert_eq!(locks(&project), "0");
    // The order of the log is the order of the revisions.
    let order = project.psql("SELECT string_agg(revision, ' ' ORDER BY id) FROM wmigrate.log");
    assert_eq!(order, (1..=revisions).map(id).collect::<Vec<_>>().join(" "));
}

#[test]
fn eight_runners_on_an_empty_database() {
    for _ in 0..rounds(1) {
        upgrade_together(8, 20);
    }
}

#[test]
fn thirty_two_runners_on_an_empty_database() {
    for _ in 0..rounds(1) {
        upgrade_together(32, 5);
    }
}

#[test]
fn upgrades_and_downgrades_mixed() {
    let project = Project::new();
    chain(&project, 6);
    project.ok(["upgrade", "head"]);
    let commands = [["upgrade", "head"], ["downgrade", "base"], ["upgrade", "head"], ["downgrade", "base"]];
    for _ in 0..rounds(1) {
        let children: Vec<Child> = commands.iter().map(|command| project.spawn(command)).collect();
        for child in children {
            assert_says(&finish(child), 0, &[]);
        }
        // Whatever the order was, what ran and what the rows say agree, and nothing ran twice in a row.
        let twice = "SELECT count(*) FROM (SELECT direction = lag(direction) OVER (PARTITION BY revision ORDER BY id) AS same \
                     FROM wmigrate.log) l WHERE same";
        assert_eq!(project.psql(twice), "0");
        assert_eq!(project.psql("SELECT count(*) FROM wmigrate.log WHERE outcome <> 'ok'"), "0");
        let tables = project.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'");
        let expected = if project.psql("SELECT count(*) FROM wmigrate.version") == "0" { "0" } else { "7" };
        assert_eq!(tables, expected);
    }
}

#[test]
fn relative_downgrades_are_decided_after_the_wait() {
    let project = Project::new();
    chain(&project, 6);
    project.ok(["upgrade", "head"]);
    let children: Vec<Child> = (0..4).map(|_| project.spawn(["downgrade", "-1"])).collect();
    for child in children {
        assert_says(&finish(child), 0, &[]);
    }
    assert_eq!(project.psql("SELECT revision FROM wmigrate.version"), "r002");
}

/// A project with one slow revision, which another wmigrate runs at the moment.
fn busy() -> (Project, Child) {
    let project = Project::new();
    project.sql("a1", "", "slow", "CREATE TABLE a (id int);\nSELECT pg_sleep(3);", "DROP TABLE a;");
    let first = project.spawn(["upgrade", "head"]);
    wait_until_running(&project, "pg_sleep");
    (project, first)
}

#[test]
fn waiting_names_the_holder_and_ends_with_nothing_to_do() {
    let (project, first) = busy();
    let holder = project.psql(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep%' \
         AND pid <> pg_backend_pid()",
    );
    let second = project.wmigrate(["upgrade", "head"]);
    assert_says(&second, 0, &[&format!("waiting for the migration lock, held by pid {holder} (wmigrate")]);
    assert!(!second.stderr.contains("Running"), "{}", second.stderr);
    assert_says(&finish(first), 0, &[]);
    assert_eq!(log(&project), "a1|upgrade|ok");
}

#[test]
fn the_wait_has_an_end() {
    let (project, first) = busy();
    let second = project.wmigrate(["upgrade", "head", "--lock-wait", "300 ms"]);
    assert_says(
        &second,
        11,
        &[
            "error: the migration lock was not free within 300ms; it is held by pid ",
            "(wmigrate",
            "hint: ",
            "--lock-wait",
        ],
    );
    let none = project.wmigrate(["upgrade", "head", "--lock-wait", "1 ms", "--json"]);
    assert_eq!(none.code, Some(11));
    assert!(none.stdout.contains("\"kind\": \"lock_timeout\""), "{}", none.stdout);
    assert_says(&finish(first), 0, &[]);
    assert_eq!(log(&project), "a1|upgrade|ok");
}

#[test]
fn a_signal_ends_the_wait() {
    let (project, first) = busy();
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let second = project.spawn(["upgrade", "head"]);
        // Between connecting and listening a signal has its usual effect; the wait proper has other statements.
        wait_for(
            &project,
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
             AND query LIKE '%pg_stat_activity a%'",
            "t",
        );
        signal(&second, name);
        assert_says(
            &finish(second),
            code,
            &["stopped on request while waiting for the migration lock", "nothing was run"],
        );
    }
    assert_says(&finish(first), 0, &[]);
    assert_eq!(log(&project), "a1|upgrade|ok");
}

#[test]
fn a_stamp_waits_too() {
    let (project, first) = busy();
    let stamp = project.wmigrate(["stamp", "base"]);
    assert_says(&stamp, 0, &["waiting for the migration lock, held by pid "]);
    assert_says(&finish(first), 0, &[]);
    assert_eq!(project.psql("SELECT count(*) FROM wmigrate.version"), "0");
}

#[test]
fn two_schemas_do_not_wait_for_each_other() {
    let (project, first) = busy();
    let mut other = Project::without_database();
    other.set("DATABASE_URL", project.url());
    other.write("wmigrate.toml", "[database]\nschema = \"billing\"\n");
    other.sql("b1", "", "quick", "CREATE TABLE b (id int);", "DROP TABLE b;");
    let output = other.wmigrate(["upgrade", "head", "--lock-wait", "1 ms"]);
    assert_says(&output, 0, &[]);
    assert!(!output.stderr.contains("waiting"), "{}", output.stderr);
    assert_says(&finish(first), 0, &[]);
    assert_eq!(project.psql("SELECT revision FROM billing.version"), "b1");
    assert_eq!(log(&project), "a1|upgrade|ok");
}

#[test]
fn somebody_elses_advisory_locks_are_no_obstacle() {
    let project = Project::new();
    chain(&project, 1);
    let other = Session::open(project.url());
    other.run("SELECT pg_advisory_lock(1), pg_advisory_lock(2, 3)");
    project.ok(["upgrade", "head", "--lock-wait", "1 ms"]);
}

#[test]
fn a_transaction_pooler_is_refused_and_keeps_no_lock() {
    let mut project = Project::new();
    chain(&project, 2);
    let Some(pooler) = PgBouncer::start(Pool::Transaction) else { return };
    let direct = project.url().to_owned();
    let pooled = pooler.url_of(project.database.as_ref().unwrap());
    project.set("DATABASE_URL", &pooled);
    let output = project.wmigrate(["upgrade", "head"]);
    assert_says(
        &output,
        1,
        &[
            "error: a transaction pooler stands between wmigrate and the server",
            "hint: give wmigrate the server's own address",
        ],
    );
    // A lock left on a pooled session would stop everybody until the pool lets that session go.
    assert_eq!(locks(&project), "0");
    project.set("DATABASE_URL", &direct);
    assert_says(&project.wmigrate(["upgrade", "head", "--lock-wait", "1 ms"]), 0, &[]);
    assert_once(&project, 2);
}

#[test]
fn a_session_pooler_works() {
    let mut project = Project::new();
    chain(&project, 5);
    let Some(pooler) = PgBouncer::start(Pool::Session) else { return };
    let direct = project.url().to_owned();
    let pooled = pooler.url_of(project.database.as_ref().unwrap());
    project.set("DATABASE_URL", &pooled);
    assert_says(&project.wmigrate(["upgrade", "head"]), 0, &[]);
    // More runners than the pool has sessions.
    let children: Vec<Child> = (0..6).map(|_| project.spawn(["downgrade", "base"])).collect();
    for child in children {
        assert_says(&finish(child), 0, &[]);
    }
    project.set("DATABASE_URL", &direct);
    assert_eq!(project.psql("SELECT count(*) FROM wmigrate.version"), "0");
    assert_eq!(locks(&project), "0");
}

#[test]
fn a_revision_that_gives_the_lock_away_is_rolled_back() {
    for flags in [&["upgrade", "head"][..], &["upgrade", "head", "--single-transaction"]] {
        let project = Project::new();
        project.sql("a1", "", "fine", "CREATE TABLE a (id int);", "DROP TABLE a;");
        project.sql("a2", "a1", "thief", "CREATE TABLE b (id int);\nSELECT pg_advisory_unlock_all();", "DROP TABLE b;");
        let output = project.wmigrate(flags);
        assert_says(
            &output,
            1,
            &["error: revision `a2` was rolled back: the migration lock was given away while it ran"],
        );
        assert_eq!(project.psql("SELECT to_regclass('b') IS NULL"), "t");
        let rest = if flags.len() == 2 { "a1|upgrade|ok\n" } else { "" };
        assert_eq!(log(&project), format!("{rest}a2|upgrade|failed"));
    }
}

#[test]
fn a_revision_that_shares_the_lock_is_rolled_back() {
    let project = Project::new();
    let up = "DO $$ DECLARE l record; BEGIN\n\
              SELECT classid::bigint << 32 | objid::bigint AS key INTO l FROM pg_locks\n\
              WHERE locktype = 'advisory' AND pid = pg_backend_pid();\n\
              PERFORM pg_advisory_unlock_all(), pg_advisory_lock_shared(l.key); END $$;";
    project.sql("a1", "", "sharer", up, "SELECT 1;");
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &["the migration lock was given away while it ran"]);
}

#[test]
fn a_held_cursor_does_not_run_after_the_last_check() {
    let project = Project::new();
    let up = "DO $$ BEGIN EXECUTE 'DECLARE c CURSOR WITH HOLD FOR SELECT pg_advisory_unlock_all()'; END $$;";
    project.sql("a1", "", "holder", up, "SELECT 1;");
    project.sql("a2", "a1", "next", "SELECT 1;", "SELECT 1;");
    project.ok(["upgrade", "head"]);
    assert_eq!(log(&project), "a1|upgrade|ok\na2|upgrade|ok");
}

#[test]
fn a_retry_does_not_take_back_a_lock_that_was_given_away() {
    let project = Project::new();
    project.sql("a1", "", "one", "CREATE TABLE a (id int);", "DROP TABLE a;");
    project.ok(["upgrade", "head"]);
    project.sql("a2", "a1", "thief", "SELECT pg_advisory_unlock_all();\nLOCK TABLE a;", "SELECT 1;");
    let blocker = Session::open(project.url());
    blocker.run("BEGIN; LOCK TABLE a");
    let output = project.wmigrate(["upgrade", "head", "--lock-timeout", "50 ms"]);
    assert_says(&output, 1, &["a revision has given the migration lock away", "run the same command again"]);
    blocker.run("COMMIT");
    assert_eq!(project.psql("SELECT count(*) FROM wmigrate.version"), "1");
}

#[test]
fn a_failed_run_leaves_no_lock() {
    let project = Project::new();
    project.sql("a1", "", "broken", "SELECT 1 / 0;", "SELECT 1;");
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &["division by zero"]);
    wait_for(
        &project,
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
              (SELECT oid FROM pg_database WHERE datname = current_database())",
        "0",
    );
}
