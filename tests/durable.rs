//! Revisions without a transaction (`transaction = "none"`): what no transaction can hold works, each step is done once whatever
//! interrupts it, and a run that is another one than before stops.

use std::{fmt::Write as _, thread, time::Duration};

use crate::support::{
    Project,
    running::{Session, assert_says, finish, id, locks, log, rounds, signal, wait_for, wait_until_running},
    sql::try_psql,
};

/// What the steps of a revision have left, to be compared with what an undisturbed run leaves.
fn schema(project: &Project) -> String {
    project.psql(
        "SELECT c.relname, c.relkind, pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready \
         FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1; \
         SELECT attrelid::regclass, attname, format_type(atttypid, atttypmod) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid \
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND attnum > 0 ORDER BY 1, attnum",
    )
}

const ITEMS: &str = "CREATE TABLE items (id int PRIMARY KEY, name text, price int);\n\
                     INSERT INTO items SELECT n, 'item ' || n, n FROM generate_series(1, 1000) n;";

const JOURNAL: &str = "SELECT count(*) FROM wmigrate.journal";

#[test]
fn what_no_transaction_can_hold() {
    let project = Project::new();
    project.sql(
        "a1",
        "",
        "items",
        &format!("{ITEMS}\nCREATE TYPE mood AS ENUM ('good');"),
        "DROP TABLE items;\nDROP TYPE mood;",
    );
    project.durable(
        "a2",
        "a1",
        "index",
        "SET maintenance_work_mem = '32MB';\n\
         CREATE INDEX CONCURRENTLY items_name ON items (name);\n\
         ALTER TYPE mood ADD VALUE 'bad';\n\
         ALTER TABLE items ADD COLUMN mood mood DEFAULT 'bad';\n\
         REINDEX INDEX CONCURRENTLY items_name;\n\
         VACUUM (ANALYZE) items;\n\
         CREATE TABLE parts (id int) PARTITION BY LIST (id);\n\
         CREATE TABLE part1 PARTITION OF parts FOR VALUES IN (1);\n\
         ALTER TABLE parts DETACH PARTITION part1 CONCURRENTLY;",
        "DROP INDEX CONCURRENTLY items_name;\nALTER TABLE items DROP COLUMN mood;\nDROP TABLE parts, part1;",
    );
    project.ok(["upgrade", "head"]);
    assert_eq!(project.psql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'items_name'::regclass"), "t");
    assert_eq!(project.psql("SELECT last_vacuum IS NOT NULL FROM pg_stat_user_tables WHERE relname = 'items'"), "t");
    assert_eq!(project.psql("SELECT count(*) FROM pg_inherits"), "0");
    assert_eq!(project.psql("SELECT DISTINCT mood FROM items"), "bad");
    assert_eq!(project.psql(JOURNAL), "0", "nothing stays of a revision that is done");
    project.ok(["downgrade", "-1"]);
    assert_eq!(project.psql("SELECT to_regclass('items_name') IS NULL"), "t");
    assert_eq!(log(&project), "a1|upgrade|ok\na2|upgrade|ok\na2|downgrade|ok");
    assert_eq!(locks(&project), "0");
}

/// Twenty steps: tables, data that must not be written twice, two indexes.
fn twenty_steps(project: &Project) {
    let mut up = String::from("CREATE TABLE ran (step int);\n");
    for step in 2..=18 {
        match step {
            9 => up.push_str("CREATE INDEX CONCURRENTLY ran_step ON ran (step);\n"),
            15 => up.push_str("CREATE UNIQUE INDEX CONCURRENTLY ran_once ON ran (step);\n"),
            5 | 12 => writeln!(up, "CREATE TABLE t{step} (id int PRIMARY KEY, note text);").unwrap(),
            _ => writeln!(up, "INSERT INTO ran SELECT {step} FROM pg_sleep(0.03);").unwrap(),
        }
    }
    up.push_str("ALTER TABLE ran ADD COLUMN note text DEFAULT 'x';\nUPDATE ran SET note = note || 'y';\n");
    let down = "DROP TABLE ran, t5, t12;";
    project.durable("b1", "", "twenty steps", &up, down);
}

fn assert_twenty_steps(project: &Project, undisturbed: &str) {
    assert_eq!(schema(project), undisturbed);
    assert_eq!(
        project.psql("SELECT count(*), count(DISTINCT step), sum(step), string_agg(DISTINCT note, ',') FROM ran"),
        "13|13|129|xy"
    );
    assert_eq!(project.psql("SELECT revision FROM wmigrate.version"), "b1");
    assert_eq!(project.psql("SELECT count(*) FROM wmigrate.log WHERE outcome = 'ok'"), "1");
    assert_eq!(project.psql(JOURNAL), "0");
}

#[test]
fn kill_9_at_each_step() {
    let undisturbed = Project::new();
    twenty_steps(&undisturbed);
    undisturbed.ok(["upgrade", "head"]);
    let expected = schema(&undisturbed);
    for _ in 0..rounds(1) {
        let project = Project::new();
        twenty_steps(&project);
        project.ok(["ensure_version"]);
        for step in 1..=20 {
            let mut child = project.spawn(["upgrade", "head"]);
            let reached = format!("SELECT count(*) >= {step} FROM wmigrate.journal WHERE step > 0 AND state = 'done'");
            wait_for(&project, &format!("SELECT ({reached}) OR EXISTS (SELECT FROM wmigrate.version)"), "t");
            drop(child.kill());
            child.wait().unwrap();
        }
        assert_says(&project.wmigrate(["upgrade", "head"]), 0, &[]);
        assert_twenty_steps(&project, &expected);
        project.ok(["downgrade", "base"]);
        assert_eq!(schema(&project), "");
    }
}

#[test]
fn kill_9_at_random_moments() {
    let undisturbed = Project::new();
    twenty_steps(&undisturbed);
    undisturbed.ok(["upgrade", "head"]);
    let expected = schema(&undisturbed);
    for _ in 0..rounds(1) {
        let project = Project::new();
        twenty_steps(&project);
        for kill in 0..12 {
            let mut child = project.spawn(["upgrade", "head"]);
            thread::sleep(Duration::from_millis(u64::from(20 + 7 * kill + child.id() % 60)));
            drop(child.kill());
            child.wait().unwrap();
        }
        assert_says(&project.wmigrate(["upgrade", "head"]), 0, &[]);
        assert_twenty_steps(&project, &expected);
    }
}

/// An index whose build waits for `holder`, which has written to the table.
fn index_that_waits(statement: &str) -> (Project, Session) {
    let project = Project::new();
    project.sql("a1", "", "items", ITEMS, "DROP TABLE items;");
    project.ok(["upgrade", "head"]);
    project.durable("a2", "a1", "index", statement, "DROP INDEX CONCURRENTLY items_name;");
    let holder = Session::open(project.url());
    holder.run("BEGIN; UPDATE items SET price = price + 1 WHERE id = 1");
    (project, holder)
}

const INDEX: &str = "CREATE INDEX CONCURRENTLY items_name ON items (name);";

/// Ends the process, and its session, which would otherwise go on with its statement for a moment.
fn kill_while_it_runs(project: &Project, text: &str) {
    let mut child = project.spawn(["upgrade", "head"]);
    wait_until_running(project, text);
    drop(child.kill());
    child.wait().unwrap();
    wait_for(
        project,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'wmigrate%'",
        "0",
    );
}

#[test]
fn kill_9_inside_an_index_build() {
    let (project, holder) = index_that_waits(INDEX);
    for _ in 0..rounds(2) {
        kill_while_it_runs(&project, "INDEX CONCURRENTLY");
        assert_eq!(project.psql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'items_name'::regclass"), "f");
        let status = project.ok(["status"]);
        assert!(
            status.contains("half-way  upgrade a2, 0 steps done, last `CREATE INDEX CONCURRENTLY items_name"),
            "{status}"
        );
    }
    holder.run("COMMIT");
    assert_says(&project.wmigrate(["upgrade", "head"]), 0, &[]);
    assert_eq!(project.psql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'items_name'::regclass"), "t");
    assert_eq!(project.psql("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");
}

#[test]
fn kill_9_inside_a_reindex_leaves_nothing_behind() {
    let (project, holder) = index_that_waits("REINDEX TABLE CONCURRENTLY items;");
    kill_while_it_runs(&project, "REINDEX");
    assert_ne!(project.psql("SELECT count(*) FROM pg_class WHERE relname LIKE '%\\_ccnew%'"), "0");
    holder.run("COMMIT");
    assert_says(&project.wmigrate(["upgrade", "head"]), 0, &[]);
    assert_eq!(project.psql("SELECT count(*) FROM pg_class WHERE relname ~ '_cc(new|old)'"), "0");
}

#[test]
fn a_build_that_fails_leaves_no_index() {
    let project = Project::new();
    project.sql("a1", "", "items", &format!("{ITEMS}\nUPDATE items SET name = 'same';"), "DROP TABLE items;");
    project.durable(
        "a2",
        "a1",
        "index",
        "CREATE UNIQUE INDEX CONCURRENTLY items_name ON items (name);",
        "DROP INDEX CONCURRENTLY items_name;",
    );
    let output = project.wmigrate(["upgrade", "head"]);
    assert_says(&output, 1, &["could not create unique index", "CREATE UNIQUE INDEX CONCURRENTLY"]);
    assert_eq!(project.psql("SELECT to_regclass('items_name') IS NULL"), "t");
    project.psql("UPDATE items SET name = 'item ' || id");
    project.ok(["upgrade", "head"]);
    assert_eq!(project.psql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'items_name'::regclass"), "t");
}

#[test]
fn an_invalid_index_of_somebody_else_is_not_taken_for_ours() {
    let (project, holder) = index_that_waits("CREATE INDEX CONCURRENTLY IF NOT EXISTS items_name ON items (name);");
    let sign = if project.url().contains('?') { '&' } else { '?' };
    let impatient = format!("{}{sign}options=-c%20statement_timeout%3D300", project.url());
    let failed = try_psql(&impatient, INDEX).unwrap_err();
    assert!(failed.starts_with("57014"), "{failed}");
    assert_eq!(project.psql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'items_name'::regclass"), "f");
    holder.run("COMMIT");
    let output = project.wmigrate(["upgrade", "head"]);
    assert_says(&output, 1, &["is INVALID: an earlier build of it has failed", "DROP INDEX CONCURRENTLY"]);
    assert_eq!(project.psql("SELECT to_regclass('items_name') IS NULL"), "f", "what is not ours stays");
    project.psql("DROP INDEX items_name");
    project.ok(["upgrade", "head"]);
}

#[test]
fn a_run_that_is_another_one_stops() {
    let project = Project::new();
    let steps = |second: &str| format!("CREATE TABLE a (id int);\n{second}\nINSERT INTO a SELECT 1/0;");
    project.durable("a1", "", "three", &steps("INSERT INTO a VALUES (1);"), "DROP TABLE a;");
    let output = project.wmigrate(["upgrade", "head"]);
    assert_says(
        &output,
        1,
        &[
            "division by zero",
            "`a1` is half-way up: 2 of its steps are done and kept, and the same command goes on from there",
        ],
    );
    project.durable("a1", "", "three", &steps("INSERT INTO a VALUES (2);"), "DROP TABLE a;");
    let output = project.wmigrate(["upgrade", "head"]);
    assert_says(
        &output,
        1,
        &[
            "it does not do what it did before it was interrupted: step 2 was `execute` of `INSERT INTO a VALUES (1)` when it ran first, \
             and is `execute` of `INSERT INTO a VALUES (2)` now",
            "put back what the revision's steps depend on",
            "wmigrate stamp a1",
        ],
    );
    assert_eq!(project.psql("SELECT string_agg(id::text, ',') FROM a"), "1", "nothing is lost, and nothing done twice");
    // Put back and mended where it had not come to.
    let mended = steps("INSERT INTO a VALUES (1);").replace("1/0", "7");
    project.durable("a1", "", "three", &mended, "DROP TABLE a;");
    project.ok(["upgrade", "head"]);
    assert_eq!(project.psql("SELECT string_agg(id::text, ',' ORDER BY id) FROM a"), "1,7");
}

#[test]
fn what_a_revision_reads_is_what_it_read_first() {
    let project = Project::new();
    let module = |last: &str| {
        format!(
            "import {{ sql, context }} from \"wmigrate\";\n\
             export function upgrade() {{\n\
             const [row] = sql.query(\"SELECT count(*) AS n FROM seen\");\n\
             sql.execute(\"CREATE TABLE IF NOT EXISTS a (n int8, at timestamptz)\");\n\
             sql.execute(\"INSERT INTO a VALUES ($1, $2)\", [row.n, context.now]);\n\
             {last}\n}}\n\
             export function downgrade() {{ sql.execute(\"DROP TABLE a\"); }}\n"
        )
    };
    project.psql("CREATE TABLE seen (id int)");
    project.durable_js("a1", "", "reads", &module("sql.execute(\"SELECT 1/0\");"));
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &["division by zero"]);
    // The count is another one now, and the clock has gone on.
    project.psql("INSERT INTO seen VALUES (1)");
    project.durable_js(
        "a1",
        "",
        "reads",
        &module("sql.execute(\"INSERT INTO a VALUES ($1, $2)\", [row.n, context.now]);"),
    );
    project.ok(["upgrade", "head"]);
    assert_eq!(project.psql("SELECT count(*), count(DISTINCT (n, at)), min(n) FROM a"), "2|1|0");
}

#[test]
fn an_error_that_is_handled_is_remembered() {
    let project = Project::new();
    project.durable_js(
        "a1",
        "",
        "handles",
        "import { sql } from \"wmigrate\";\n\
         export function upgrade() {\n\
         try { sql.execute(\"DROP TABLE missing\"); } catch (error) { sql.execute(\"CREATE TABLE was_missing (id int)\"); }\n\
         sql.execute(\"INSERT INTO was_missing SELECT 1 FROM pg_sleep(3)\");\n}\n\
         export function downgrade() { sql.execute(\"DROP TABLE was_missing\"); }\n",
    );
    kill_while_it_runs(&project, "pg_sleep");
    // The other branch would be taken now, if the table were asked for again.
    project.psql("CREATE TABLE missing (id int)");
    project.ok(["upgrade", "head"]);
    assert_eq!(project.psql("SELECT count(*) FROM was_missing"), "1");
    assert_eq!(project.psql("SELECT to_regclass('missing') IS NOT NULL"), "t");
}

#[test]
fn a_half_done_upgrade_can_be_taken_back() {
    let project = Project::new();
    project.sql("a1", "", "base", "CREATE TABLE base (id int);", "DROP TABLE base;");
    project.durable("a2", "a1", "fails", "CREATE TABLE a (id int);\nSELECT 1/0;", "DROP TABLE IF EXISTS a;");
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &["`a2` is half-way up: 1 of its steps is done"]);
    assert_eq!(project.psql("SELECT revision FROM wmigrate.version"), "a1");
    project.ok(["downgrade", "-1"]);
    assert_eq!(project.psql("SELECT to_regclass('a') IS NULL, (SELECT revision FROM wmigrate.version)"), "t|a1");
    assert_eq!(project.psql(JOURNAL), "0");
    assert_eq!(log(&project), "a1|upgrade|ok\na2|upgrade|failed\na2|downgrade|ok");
    // Another target would leave it where it is.
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &[]);
    project.sql("c1", "a1", "other line", "CREATE TABLE c (id int);", "DROP TABLE c;");
    let output = project.wmigrate(["upgrade", "c1"]);
    assert_says(&output, 10, &["revision `a2` is half-way up, and this would leave it there"]);
    project.ok(["downgrade", "base"]);
    assert_eq!(project.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

#[test]
fn a_stamp_settles_what_is_half_done() {
    let project = Project::new();
    project.durable("a1", "", "fails", "CREATE TABLE a (id int);\nSELECT 1/0;", "DROP TABLE a;");
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &[]);
    assert_says(&project.wmigrate(["stamp", "head"]), 0, &["revision `a1` was half-way up: its journal is given up"]);
    assert_eq!(project.psql(JOURNAL), "0");
    assert_eq!(project.psql("SELECT revision FROM wmigrate.version"), "a1");
}

#[test]
fn a_signal_lets_the_step_end() {
    let project = Project::new();
    project.durable(
        "a1",
        "",
        "slow",
        "CREATE TABLE a (id int);\nINSERT INTO a SELECT 1 FROM pg_sleep(1.5);\nINSERT INTO a VALUES (2);",
        "DROP TABLE a;",
    );
    let child = project.spawn(["upgrade", "head"]);
    wait_until_running(&project, "pg_sleep");
    signal(&child, "TERM");
    assert_says(
        &finish(child),
        143,
        &["it was stopped on request", "`a1` is half-way up: 2 of its steps are done and kept"],
    );
    project.ok(["upgrade", "head"]);
    assert_eq!(project.psql("SELECT string_agg(id::text, ',' ORDER BY id) FROM a"), "1,2");
}

#[test]
fn a_second_signal_ends_the_step() {
    let project = Project::new();
    project.durable(
        "a1",
        "",
        "slow",
        "CREATE TABLE a (id int);\nINSERT INTO a SELECT 1 FROM pg_sleep(30);",
        "DROP TABLE a;",
    );
    let child = project.spawn(["upgrade", "head"]);
    wait_until_running(&project, "pg_sleep");
    signal(&child, "INT");
    thread::sleep(Duration::from_millis(300));
    signal(&child, "INT");
    assert_says(&finish(child), 130, &["`a1` is half-way up: 1 of its steps is done and kept"]);
    assert_eq!(project.psql("SELECT count(*) FROM a"), "0");
}

#[test]
fn modes_that_are_one_transaction_refuse_it() {
    let project = Project::new();
    project.durable("a1", "", "durable", "CREATE TABLE a (id int);", "DROP TABLE a;");
    for mode in ["--dry-run", "--single-transaction"] {
        let expected =
            format!("error: revision `a1` is durable (`transaction = \"none\"`), and cannot be part of `{mode}`");
        assert_says(&project.wmigrate(["upgrade", "head", mode]), 2, &[&expected]);
    }
    assert_eq!(project.psql("SELECT to_regclass('a') IS NULL"), "t");
    let script = project.ok(["upgrade", "base:head", "--sql"]);
    let (statement, bookkeeping) = (script.find("CREATE TABLE a").unwrap(), script.rfind("BEGIN;").unwrap());
    let before = script[..statement].matches("BEGIN;").count() - script[..statement].matches("COMMIT;").count();
    assert!(before == 0 && statement < bookkeeping, "it stands in no transaction: {script}");
}

#[test]
fn eight_runners_wait_while_an_index_is_built() {
    for _ in 0..rounds(1) {
        let (project, holder) = index_that_waits(INDEX);
        project.sql("a3", "a2", "after", "CREATE TABLE c (id int);", "DROP TABLE c;");
        let children: Vec<_> = (0..8).map(|_| project.spawn(["upgrade", "head"])).collect();
        wait_until_running(&project, "INDEX CONCURRENTLY");
        thread::sleep(Duration::from_millis(500));
        holder.run("COMMIT");
        for child in children {
            assert_says(&finish(child), 0, &[]);
        }
        assert_eq!(log(&project), "a1|upgrade|ok\na2|upgrade|ok\na3|upgrade|ok");
        assert_eq!(project.psql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'items_name'::regclass"), "t");
        assert_eq!(locks(&project), "0");
    }
}

#[test]
fn transactional_revisions_around_it_are_as_ever() {
    let project = Project::new();
    for number in 1..=6 {
        let (id, parent) = (id(number), if number == 1 { String::new() } else { id(number - 1) });
        let (up, down) = (format!("CREATE TABLE t{number} (id int);"), format!("DROP TABLE t{number};"));
        if number % 2 == 0 {
            project.durable(&id, &parent, "durable", &up, &down);
        } else {
            project.sql(&id, &parent, "plain", &up, &down);
        }
    }
    project.ok(["upgrade", "head"]);
    assert_eq!(project.psql("SELECT count(*) FROM wmigrate.log WHERE outcome = 'ok'"), "6");
    project.ok(["downgrade", "base"]);
    assert_eq!(project.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

#[test]
fn taking_back_goes_on_after_a_kill() {
    let project = Project::new();
    project.sql("a1", "", "base", "CREATE TABLE base (id int);", "DROP TABLE base;");
    let up = "CREATE TABLE a (id int);\nSELECT 1/0;";
    project.durable("a2", "a1", "fails", up, "DROP TABLE IF EXISTS a;\nSELECT 1 FROM pg_sleep(30);");
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &["half-way up"]);
    let mut child = project.spawn(["downgrade", "-1"]);
    wait_until_running(&project, "pg_sleep");
    drop(child.kill());
    child.wait().unwrap();
    assert_says(&project.wmigrate(["upgrade", "head"]), 10, &["revision `a2` is half-way down"]);
    project.durable("a2", "a1", "fails", up, "DROP TABLE IF EXISTS a;");
    project.ok(["downgrade", "-1"]);
    assert_eq!(project.psql("SELECT to_regclass('a') IS NULL, (SELECT revision FROM wmigrate.version)"), "t|a1");
    assert_eq!(project.psql(JOURNAL), "0");
}

#[test]
fn an_index_of_the_same_name_elsewhere_is_not_dropped() {
    let project = Project::new();
    project.psql(
        "CREATE SCHEMA tenant; CREATE TABLE tenant.items (id int); CREATE INDEX items_id ON tenant.items (id); \
         CREATE TABLE items (id int); CREATE INDEX items_id ON items (id)",
    );
    project.durable("a1", "", "drop", "SET search_path = tenant, public;\nDROP INDEX CONCURRENTLY items_id;", "");
    let holder = Session::open(project.url());
    holder.run("BEGIN; INSERT INTO tenant.items VALUES (1)");
    kill_while_it_runs(&project, "DROP INDEX");
    holder.run("COMMIT");
    // As if the server had come to the end of it.
    project.psql("DROP INDEX tenant.items_id");
    project.ok(["upgrade", "head"]);
    assert_eq!(project.psql("SELECT to_regclass('public.items_id') IS NOT NULL"), "t");
}

#[test]
fn a_half_done_revision_stays_durable() {
    let project = Project::new();
    let steps = "CREATE TABLE a (id int);\nSELECT 1/0;";
    project.durable("a1", "", "fails", steps, "DROP TABLE a;");
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &[]);
    project.sql("a1", "", "fails", steps, "DROP TABLE a;");
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &["its steps would be done twice", "put the line back"]);
}

#[test]
fn settings_hold_for_later_steps_and_comments_swallow_none() {
    let project = Project::new();
    project.psql("CREATE SCHEMA tenant");
    let body = |last: &str| {
        format!(
            "import {{ sql }} from \"wmigrate\";\n\
             export function upgrade() {{\n\
             sql.execute(\"SET work_mem = '64MB' -- to sort\");\n\
             sql.execute(\"SET search_path = tenant\");\n\
             sql.execute(\"CREATE TABLE one (id int)\");\n{last}\n}}\n\
             export function downgrade() {{}}\n"
        )
    };
    project.durable_js("a1", "", "settings", &body("sql.execute(\"SELECT 1/0\");"));
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &["division by zero"]);
    project.durable_js(
        "a1",
        "",
        "settings",
        &body("sql.execute(\"CREATE TABLE two AS SELECT current_setting('work_mem') AS m\");"),
    );
    project.ok(["upgrade", "head"]);
    assert_eq!(project.psql("SELECT to_regclass('tenant.one') IS NOT NULL, (SELECT m FROM tenant.two)"), "t|64MB");
}

#[test]
fn a_second_signal_does_not_wait_for_the_index() {
    let (project, holder) = index_that_waits(INDEX);
    let child = project.spawn(["upgrade", "head"]);
    wait_until_running(&project, "INDEX CONCURRENTLY");
    signal(&child, "INT");
    thread::sleep(Duration::from_millis(300));
    signal(&child, "INT");
    assert_says(&finish(child), 130, &["`a2` is half-way up"]);
    holder.run("COMMIT");
    project.ok(["upgrade", "head"]);
    assert_eq!(project.psql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'items_name'::regclass"), "t");
}
