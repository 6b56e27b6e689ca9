//! Backfills: each row is written once whatever happens, a row that fails is named and hurts no other, and whoever looks sees how
//! far it is.

use std::{process::Child, thread, time::Duration};

use wmigrate::embedded::Server;

use crate::{
    crash::kill_server,
    support::{
        Project, TestServer,
        running::{Session, assert_says, finish, locks, log, rounds, signal, wait_for},
    },
};

mod hostile;
mod input;
mod standby;

/// A table of `rows` people, whose names are to be split.
fn people(rows: usize) -> Project {
    let project = Project::new();
    project.psql(&table_of(rows));
    project
}

fn table_of(rows: usize) -> String {
    format!(
        "CREATE TABLE people (id bigint PRIMARY KEY, full_name text NOT NULL, first text, last text, v int NOT NULL DEFAULT 0); \
         INSERT INTO people (id, full_name) SELECT n, 'First' || n || ' Last' || n FROM generate_series(1, {rows}) n; \
         ANALYZE people"
    )
}

/// A module that splits names; `spec` are further options, `transform` is the body of the function of a name and a value.
fn module(output: &str, spec: &str, transform: &str) -> String {
    format!(
        "import {{ backfill, log, sql }} from \"wmigrate\";\n\
         export const transforms = {{ split(name, v) {{ {transform} }} }};\n\
         export function upgrade() {{\n\
         const rows = backfill.run({{ name: \"split\", table: \"people\", input: [\"full_name\", \"v\"], output: {output}, {spec} }});\n\
         log.info(`${{rows}} rows`);\n}}\n\
         export function downgrade() {{\n\
         backfill.update({{ name: \"unsplit\", table: \"people\", set: \"first = NULL, last = NULL, v = 0\" }});\n}}\n"
    )
}

const SPLIT: &str = "const [first, last] = name.split(\" \"); return [first, last, v + 1];";

fn split() -> String {
    module("[\"first\", \"last\", \"v\"]", "", SPLIT)
}

const WHOLE: &str =
    "SELECT count(*), count(*) FILTER (WHERE v = 1 AND first = 'First' || id AND last = 'Last' || id) FROM people";

fn assert_split(project: &Project, rows: usize) {
    assert_eq!(project.psql(WHOLE), format!("{rows}|{rows}"));
}

/// Every batch is done, and once: they tile the table.
fn assert_tiled(project: &Project) {
    let said = project.wmigrate(["backfill", "verify"]);
    assert_says(&said, 0, &[]);
    assert!(said.stdout.contains("complete\n") && !said.stdout.contains("not complete"), "{}", said.stdout);
}

#[test]
fn in_a_transaction() {
    let project = people(25_000);
    project.js("a1", "", "split", &split());
    let said = project.wmigrate(["upgrade", "head"]);
    assert_says(&said, 0, &["a1: 25000 rows", "a1: backfill split: 25,000 rows, done"]);
    assert_split(&project, 25_000);
    assert_eq!(project.psql("SELECT count(*) FROM wmigrate.backfill_job"), "0", "it has no job");
    project.ok(["downgrade", "-1"]);
    assert_eq!(project.psql("SELECT count(*) FROM people WHERE v = 0 AND first IS NULL"), "25000");
}

#[test]
fn in_a_transaction_an_error_leaves_nothing() {
    let project = people(25_000);
    let transform = format!("if (name === \"First12345 Last12345\") throw new Error(\"not this one\"); {SPLIT}");
    project.js("a1", "", "split", &module("[\"first\", \"last\", \"v\"]", "", &transform));
    let said = project.wmigrate(["upgrade", "head"]);
    assert_says(&said, 1, &["row 12345: Error: not this one", "nothing was changed"]);
    assert_eq!(project.psql("SELECT count(*) FROM people WHERE v = 0 AND first IS NULL"), "25000");
}

#[test]
fn in_a_transaction_a_handled_error_leaves_nothing_of_the_backfill() {
    let project = people(5_000);
    let body = "import { backfill, sql } from \"wmigrate\";\n\
         export function upgrade() {\n\
         sql.execute(\"CREATE TABLE before (id int)\");\n\
         try { backfill.update({ name: \"bad\", table: \"people\", set: \"v = 10 / (id - 4000)\", batchMax: 100 }); }\n\
         catch (error) { sql.execute(\"CREATE TABLE handled AS SELECT $1::text AS message, $2::text AS key\", [error.message, error.fields.key]); }\n}\n\
         export function downgrade() {}\n";
    project.js("a1", "", "handles", body);
    project.ok(["upgrade", "head"]);
    assert_eq!(project.psql("SELECT count(*) FROM people WHERE v = 0"), "5000");
    assert_eq!(project.psql("SELECT key, message LIKE 'row 4000: division by zero%' FROM handled"), "4000|t");
    assert_eq!(project.psql("SELECT count(*) FROM before"), "0");
}

#[test]
fn durable_by_transform_and_by_sql() {
    let project = people(40_000);
    project.durable_js("a1", "", "split", &split());
    let said = project.wmigrate(["upgrade", "head", "--workers", "2"]);
    assert_says(&said, 0, &["a1: 40000 rows", "a1: backfill split: 40,000 rows, done"]);
    assert_split(&project, 40_000);
    assert_tiled(&project);
    assert_eq!(project.psql("SELECT state, closed FROM wmigrate.backfill_job"), "done|t");
    assert_eq!(project.psql("SELECT count(*) FROM wmigrate.journal"), "0");
    project.ok(["downgrade", "-1"]);
    assert_eq!(project.psql("SELECT count(*) FROM people WHERE v = 0 AND first IS NULL"), "40000");
    assert_eq!(log(&project), "a1|upgrade|ok\na1|downgrade|ok");
    assert_eq!(locks(&project), "0");
}

#[test]
fn keys_of_all_kinds() {
    let project = Project::new();
    project.psql(
        "CREATE TABLE composite (tenant text, at timestamptz, n int NOT NULL, v int DEFAULT 0, PRIMARY KEY (tenant, at)); \
         INSERT INTO composite SELECT 't''' || n % 7, '2026-01-01 00:00:00.25+02'::timestamptz + n * interval '1 min', n, 0 FROM generate_series(1, 9000) n; \
         CREATE TABLE by_uuid (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), v int DEFAULT 0); \
         INSERT INTO by_uuid SELECT FROM generate_series(1, 9000); \
         CREATE TABLE round (id text PRIMARY KEY, v int DEFAULT 0); \
         INSERT INTO round SELECT md5(n::text) FROM generate_series(1, 9000) n ORDER BY 1 LIMIT 8000; \
         CREATE TABLE sparse (id bigint PRIMARY KEY, v int DEFAULT 0); \
         INSERT INTO sparse SELECT n::bigint * n * 7919 - 4000000000 FROM generate_series(1, 9000) n; \
         CREATE TABLE \"Odd Name\" (\"The Key\" numeric(20,4) NOT NULL UNIQUE, v int DEFAULT 0); \
         INSERT INTO \"Odd Name\" SELECT n / 3.0, 0 FROM generate_series(1, 9000) n; \
         CREATE TABLE empty (id int PRIMARY KEY, v int); \
         CREATE TABLE parts (id int PRIMARY KEY, v int DEFAULT 0) PARTITION BY RANGE (id); \
         CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM (0) TO (4000); CREATE TABLE part2 PARTITION OF parts DEFAULT; \
         INSERT INTO parts SELECT n FROM generate_series(1, 9000) n",
    );
    let run = |table: &str, key: &str| {
        format!(
            "backfill.run({{ name: {table:?}, table: {table:?}, {key} input: [\"v\"], output: [\"v\"], batchMax: 1000 }});\n"
        )
    };
    let all = [
        run("composite", ""),
        run("by_uuid", ""),
        // As many rows as the first batches have, so that the last of them ends with the last key.
        run("round", ""),
        run("sparse", ""),
        run("\"Odd Name\"", "key: [\"\\\"The Key\\\"\"],"),
        run("empty", ""),
        run("parts", ""),
    ];
    let body = format!(
        "import {{ backfill }} from \"wmigrate\";\nexport const transforms = {{ add(v) {{ return [v + 1]; }} }};\n\
         export function upgrade() {{\n{}}}\nexport function downgrade() {{}}\n",
        all.concat()
    );
    project.durable_js("a1", "", "all", &body);
    project.js("a2", "a1", "all again", &body);
    project.ok(["upgrade", "a1", "--workers", "2"]);
    for (table, value) in [("composite", 1), ("by_uuid", 1), ("sparse", 1), ("\"Odd Name\"", 1), ("parts", 1)] {
        assert_eq!(
            project.psql(&format!("SELECT count(*), min(v), max(v) FROM {table}")),
            format!("9000|{value}|{value}"),
            "{table}"
        );
    }
    assert_eq!(project.psql("SELECT count(*), min(v), max(v) FROM round"), "8000|1|1");
    project.ok(["upgrade", "head"]);
    for table in ["composite", "by_uuid", "sparse", "\"Odd Name\"", "parts"] {
        assert_eq!(project.psql(&format!("SELECT count(*), min(v), max(v) FROM {table}")), "9000|2|2", "{table}");
    }
}

#[test]
fn all_types_go_there_and_back() {
    let project = Project::new();
    let types = [
        "bool",
        "int2",
        "int4",
        "int8",
        "float4",
        "float8",
        "numeric",
        "text",
        "varchar(40)",
        "bytea",
        "date",
        "time",
        "timestamp",
        "timestamptz",
        "interval",
        "uuid",
        "json",
        "jsonb",
        "text[]",
        "int8[]",
        "inet",
        "point",
        "int4range",
    ];
    let values = [
        "true",
        "-7",
        "70000",
        "-9007199254740993",
        "1.5",
        "'NaN'",
        "'12345678901234567890.0120'",
        "E'a\\tb é 漢'",
        "'x'",
        "'\\x00ff'",
        "'1969-12-31'",
        "'23:59:59.999999'",
        "'0099-01-01 BC'",
        "'2026-11-28 12:00:00.000001+02'",
        "'1 mon -2 days 03:00'",
        "'11111111-2222-3333-4444-555555555555'",
        "'{\"a\":[1,null]}'",
        "'{\"b\": 2}'",
        "'{a,NULL,\"c d\"}'",
        "'{1,NULL}'",
        "'10.0.0.1/8'",
        "'(1,2)'",
        "'[1,5)'",
    ];
    let columns = |prefix: &str| {
        types.iter().enumerate().map(|(n, ty)| format!("{prefix}{n} {ty}")).collect::<Vec<_>>().join(", ")
    };
    let list = |prefix: &str| (0..types.len()).map(|n| format!("{prefix}{n}")).collect::<Vec<_>>();
    project.psql(&format!(
        "CREATE TABLE wide (id int PRIMARY KEY, {}, {}); INSERT INTO wide (id, {}) VALUES (1, {}), (2, {})",
        columns("a"),
        columns("b"),
        list("a").join(", "),
        values.join(", "),
        vec!["NULL"; types.len()].join(", ")
    ));
    let quoted = |names: Vec<String>| names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    let body = format!(
        "import {{ backfill }} from \"wmigrate\";\nexport const transforms = {{ copy(...values) {{ return values; }} }};\n\
         export function upgrade() {{ backfill.run({{ name: \"copy\", table: \"wide\", input: [{}], output: [{}] }}); }}\n\
         export function downgrade() {{}}\n",
        quoted(list("a")),
        quoted(list("b"))
    );
    project.durable_js("a1", "", "copy", &body);
    project.ok(["upgrade", "head"]);
    let text = |prefix: &str| list(prefix).iter().map(|name| format!("{name}::text")).collect::<Vec<_>>().join(", ");
    let copied = project.psql(&format!("SELECT {} FROM wide ORDER BY id", text("b")));
    assert_eq!(copied, project.psql(&format!("SELECT {} FROM wide ORDER BY id", text("a"))));
}

#[test]
fn a_source_may_be_a_query() {
    let project = people(3_000);
    project.psql("CREATE TABLE scores (person bigint, score int); INSERT INTO scores SELECT n % 3000 + 1, n FROM generate_series(1, 6000) n");
    let body = "import { backfill } from \"wmigrate\";\n\
         export const transforms = { total(total) { return [Number(total)]; } };\n\
         export function upgrade() { backfill.run({ name: \"totals\", table: \"people\",\n\
         source: \"SELECT person AS id, sum(score) AS total FROM scores GROUP BY person\", input: [\"source.total\"], output: [\"v\"], where: \"people.id > 1000\" }); }\n\
         export function downgrade() {}\n";
    project.durable_js("a1", "", "totals", body);
    project.ok(["upgrade", "head"]);
    let wrong = "SELECT count(*) FROM people p JOIN (SELECT person, sum(score) AS s FROM scores GROUP BY 1) x ON x.person = p.id \
                 WHERE v <> CASE WHEN id > 1000 THEN s ELSE 0 END";
    assert_eq!(project.psql(wrong), "0");
}

#[test]
fn a_source_that_is_written_meanwhile_is_not_older_than_its_row() {
    let project = people(3_000);
    let body = "import { backfill } from \"wmigrate\";\n\
         export const transforms = { copy(name) { return [name]; } };\n\
         export function upgrade() { backfill.run({ name: \"copy\", table: \"people\",\n\
         source: \"SELECT id, full_name FROM people\", input: [\"source.full_name\"], output: [\"first\"] }); }\n\
         export function downgrade() {}\n";
    project.durable_js("a1", "", "copy", body);
    let writer = Session::open(project.url());
    writer.run("BEGIN; UPDATE people SET full_name = 'newer' WHERE id = 1500");
    let child = project.spawn(["upgrade", "head", "--no-throttle"]);
    wait_for(&project, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted", "t");
    writer.run("COMMIT");
    assert_says(&finish(child), 0, &[]);
    assert_eq!(project.psql("SELECT first FROM people WHERE id = 1500"), "newer");
    assert_eq!(project.psql("SELECT count(*) FROM people WHERE first IS DISTINCT FROM full_name"), "0");
}

/// 60 rows of 1 MiB each, of which 16 fit into a batch.
#[test]
fn wide_rows_come_in_small_batches() {
    let project = Project::new();
    project.psql(
        "CREATE TABLE pages (id bigint PRIMARY KEY, body text NOT NULL, size int); ALTER TABLE pages ALTER body SET STORAGE EXTERNAL; \
         INSERT INTO pages SELECT n, repeat('x', 1024 * 1024) FROM generate_series(1, 60) n",
    );
    let transaction = "import { backfill } from \"wmigrate\";\n\
         export const transforms = { measure(body) { return [body.length]; } };\n\
         export function upgrade() { backfill.run({ name: \"measure\", table: \"pages\", input: [\"body\"], output: [\"size\"] }); }\n\
         export function downgrade() { backfill.update({ name: \"forget\", table: \"pages\", set: \"size = NULL\" }); }\n";
    let right = "SELECT count(*) FILTER (WHERE size = 1024 * 1024) FROM pages";
    project.js("a1", "", "measure", transaction);
    project.ok(["upgrade", "head"]);
    assert_eq!(project.psql(right), "60");
    project.ok(["downgrade", "-1"]);
    assert_eq!(project.psql(right), "0");
    project.durable_js("a1", "", "measure", transaction);
    // Once without statistics, and once with them.
    for statistics in ["", "ANALYZE pages"] {
        project.psql(statistics);
        project.ok(["upgrade", "head"]);
        assert_eq!(project.psql(right), "60");
        let batches = "SELECT max(rows) <= 16, sum(rows), sum(written) FROM wmigrate.backfill_batch WHERE job = (SELECT max(id) FROM wmigrate.backfill_job)";
        assert_eq!(project.psql(batches), "t|60|60");
        assert_tiled(&project);
        project.ok(["downgrade", "-1"]);
    }
}

/// Two rows of 400 meet a condition that takes 20 ms a row.
#[test]
fn a_condition_that_is_slow_to_look_for() {
    let project = Project::new();
    project.psql(
        "CREATE TABLE slow (id text PRIMARY KEY, v int NOT NULL DEFAULT 0); \
         INSERT INTO slow SELECT 'k' || n FROM generate_series(1, 400) n; ANALYZE slow",
    );
    let body = "import { backfill } from \"wmigrate\";\n\
         export function upgrade() { backfill.update({ name: \"few\", table: \"slow\", set: \"v = v + 1\", batchMax: 100,\n\
         where: \"pg_sleep(0.02) IS NOT NULL AND id IN ('k7', 'k77')\" }); }\n\
         export function downgrade() {}\n";
    project.durable_js("a1", "", "few", body);
    project.ok(["upgrade", "head", "--statement-timeout", "7 s", "--no-throttle"]);
    assert_eq!(project.psql("SELECT string_agg(id, ',' ORDER BY id) FROM slow WHERE v = 1"), "k7,k77");
    assert_eq!(project.psql("SELECT count(*) >= 4 FROM wmigrate.backfill_batch"), "t");
    assert_tiled(&project);
}

/// Starts `count` workers beside the upgrade, which must have begun the job.
fn workers(project: &Project, count: usize) -> Vec<Child> {
    wait_for(project, "SELECT count(*) > 0 FROM wmigrate.backfill_job", "t");
    (0..count).map(|_| project.spawn(["backfill", "work", "--workers", "1", "--no-throttle"])).collect()
}

fn kill(mut child: Child) {
    drop(child.kill());
    child.wait().unwrap();
}

#[test]
fn kill_9_at_random_moments_with_four_processes() {
    for _ in 0..rounds(1) {
        let rows = 60_000;
        let project = people(rows);
        project.durable_js("a1", "", "split", &module("[\"first\", \"last\", \"v\"]", "batchMax: 500", SPLIT));
        project.ok(["ensure_version"]);
        let mut interrupted = 0;
        for kill_number in 0..8 {
            let upgrade = project.spawn(["upgrade", "head", "--no-throttle"]);
            let others = workers(&project, 3);
            thread::sleep(Duration::from_millis(u64::from(100 + upgrade.id() * 37 % 300)));
            interrupted += usize::from(project.psql("SELECT count(*) FROM wmigrate.version") == "0");
            for (number, child) in [upgrade].into_iter().chain(others).enumerate() {
                if (number + kill_number) % 4 == 0 {
                    kill(child);
                } else {
                    signal(&child, "TERM");
                    finish(child);
                }
            }
        }
        assert_says(&project.wmigrate(["upgrade", "head"]), 0, &[]);
        assert_split(&project, rows);
        assert_tiled(&project);
        assert!(interrupted > 0, "no kill came in time");
    }
}

#[test]
fn the_server_ends_at_once_and_comes_back() {
    let server = TestServer::start_extra(&[("fsync", "on"), ("full_page_writes", "on")]);
    let mut project = Project::new();
    project.database = Some(server.fresh_database());
    project.psql(&table_of(30_000));
    project.durable_js(
        "a1",
        "",
        "split",
        &module("[\"first\", \"last\", \"v\"]", "batchMax: 300, rowsPerSecond: 20000", SPLIT),
    );
    let upgrade = project.spawn(["upgrade", "head"]);
    wait_for(&project, "SELECT count(*) > 10 FROM wmigrate.backfill_batch WHERE state = 'done'", "t");
    kill_server(server.server());
    let said = finish(upgrade);
    let options = wmigrate::embedded::Options::new(server.server().data_folder().parent().unwrap().to_owned());
    let again = Server::start(&options, crate::support::server::binaries()).unwrap();
    assert_says(&said, 15, &["the connection to the database was lost"]);
    assert_says(&project.wmigrate(["upgrade", "head"]), 0, &[]);
    assert_split(&project, 30_000);
    assert_tiled(&project);
    drop(project);
    again.stop().unwrap();
}

#[test]
fn the_first_signal_ends_after_the_batch_and_the_second_at_once() {
    let project = people(20_000);
    project.durable_js(
        "a1",
        "",
        "split",
        &module("[\"first\", \"last\", \"v\"]", "batchMax: 200, rowsPerSecond: 5000", SPLIT),
    );
    project.ok(["ensure_version"]);
    for count in [1, 2] {
        let before = project.psql("SELECT count(*) + 1 FROM wmigrate.backfill_batch WHERE state = 'done'");
        let child = project.spawn(["upgrade", "head"]);
        wait_for(
            &project,
            &format!("SELECT count(*) > {before} FROM wmigrate.backfill_batch WHERE state = 'done'"),
            "t",
        );
        for _ in 0..count {
            signal(&child, "TERM");
            thread::sleep(Duration::from_millis(200));
        }
        assert_says(&finish(child), 143, &["`a1` is half-way up"]);
        let halves = "SELECT count(*) FROM people p WHERE (v = 1) <> EXISTS (SELECT FROM wmigrate.backfill_batch b WHERE b.state = 'done' \
                      AND p.id > coalesce(b.after[1]::bigint, 0) AND p.id <= b.upto[1]::bigint)";
        assert_eq!(project.psql(halves), "0", "a batch is done or not begun");
    }
    project.psql("UPDATE wmigrate.backfill_batch SET not_before = NULL");
    assert_says(&project.wmigrate(["upgrade", "head"]), 0, &[]);
    assert_split(&project, 20_000);
}

#[test]
fn pause_resume_and_cancel() {
    let project = people(20_000);
    project.durable_js(
        "a1",
        "",
        "split",
        &module("[\"first\", \"last\", \"v\"]", "batchMax: 200, rowsPerSecond: 8000", SPLIT),
    );
    let child = project.spawn(["upgrade", "head"]);
    wait_for(&project, "SELECT count(*) > 2 FROM wmigrate.backfill_batch WHERE state = 'done'", "t");
    assert_says(&project.wmigrate(["backfill", "pause"]), 0, &["backfill `split` (job 1): running -> paused"]);
    let status = project.ok(["backfill", "status"]);
    assert!(status.contains("state     paused: by postgres"), "{status}");
    thread::sleep(Duration::from_millis(500));
    let done = project.psql("SELECT count(*) FROM wmigrate.backfill_batch WHERE state = 'done'");
    thread::sleep(Duration::from_secs(1));
    assert_eq!(project.psql("SELECT count(*) FROM wmigrate.backfill_batch WHERE state = 'done'"), done);
    project.ok(["backfill", "resume"]);
    wait_for(&project, &format!("SELECT count(*) > {done} FROM wmigrate.backfill_batch WHERE state = 'done'"), "t");
    project.ok(["backfill", "cancel"]);
    assert_says(
        &finish(child),
        1,
        &["backfill `split` (job 1) was cancelled: by postgres", "wmigrate backfill resume 1", "`a1` is half-way up"],
    );
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &["was cancelled"]);
    // Taken back as if it had arrived.
    project.ok(["downgrade", "-1"]);
    assert_eq!(project.psql("SELECT count(*) FROM people WHERE v = 0 AND first IS NULL"), "20000");
    assert_eq!(project.psql("SELECT count(*) FROM wmigrate.backfill_job WHERE NOT closed"), "0");
    assert_says(&project.wmigrate(["backfill", "pause"]), 1, &["no backfill is open"]);
    for command in ["resume", "work"] {
        assert_says(&project.wmigrate(["backfill", command, "1"]), 1, &["there is no backfill with the number 1"]);
    }
    assert_eq!(project.psql("SELECT count(*) FROM people WHERE v = 0 AND first IS NULL"), "20000");
}

#[test]
fn a_worker_elsewhere_finishes_what_the_upgrade_began() {
    let project = people(20_000);
    project.durable_js(
        "a1",
        "",
        "split",
        &module("[\"first\", \"last\", \"v\"]", "batchMax: 1000, rowsPerSecond: 20000", SPLIT),
    );
    let child = project.spawn(["upgrade", "head"]);
    wait_for(&project, "SELECT count(*) > 1 FROM wmigrate.backfill_batch WHERE state = 'done'", "t");
    kill(child);
    let said = project.wmigrate(["backfill", "work", "--workers", "2"]);
    assert_says(&said, 0, &["no batch is left; `wmigrate upgrade` goes on with the revision"]);
    assert_split(&project, 20_000);
    let status = project.ok(["backfill", "status"]);
    assert!(status.contains("next      `wmigrate upgrade` goes on with the revision: no batch is left"), "{status}");
    assert_says(&project.wmigrate(["upgrade", "head"]), 0, &["a1: 20000 rows"]);
    assert_split(&project, 20_000);
}

#[test]
fn others_hold_rows() {
    let project = people(5_000);
    project.durable_js("a1", "", "split", &module("[\"first\", \"last\", \"v\"]", "batchMax: 500", SPLIT));
    let holder = Session::open(project.url());
    holder.run("BEGIN; SELECT 1 FROM people WHERE id = 2222 FOR UPDATE");
    let child = project.spawn(["upgrade", "head", "--lock-timeout", "200 ms"]);
    wait_for(&project, "SELECT max(tries) >= 3 FROM wmigrate.backfill_batch", "t");
    holder.run("COMMIT");
    assert_says(&finish(child), 0, &[]);
    assert_split(&project, 5_000);
    assert_tiled(&project);
}

#[test]
fn events_for_programs() {
    let project = people(2_000);
    project.durable_js("a1", "", "split", &split());
    let said = project.wmigrate(["upgrade", "head", "--json"]);
    let events: Vec<serde_json::Value> =
        said.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let last = events.iter().rfind(|event| event["event"] == "backfill").expect("there is one");
    assert_eq!((&last["rows"], &last["finished"], &last["name"]), (&2000.into(), &true.into(), &"split".into()));
    let jobs = project.ok(["backfill", "status", "--json"]);
    assert_eq!(jobs.trim(), "[]");
}
