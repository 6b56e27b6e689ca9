//! Bad input for backfills: each has one clear message, nothing is lost, and nothing is done twice.

use super::{SPLIT, assert_split, assert_tiled, module, people, split, table_of, workers};
use crate::support::{
    Output, Project, TestServer,
    running::{Session, assert_says, finish, wait_for},
    sql::try_psql,
};

/// Runs a durable backfill that must not end well.
#[track_caller]
fn refused(project: &Project, body: &str, code: i32, texts: &[&str]) -> Output {
    project.durable_js("a1", "", "split", body);
    let said = project.wmigrate(["upgrade", "head"]);
    assert_says(&said, code, texts);
    said
}

const OUTPUT: &str = "[\"first\", \"last\", \"v\"]";

#[test]
fn specifications_that_make_no_sense() {
    let project = people(10);
    project.psql(
        "CREATE VIEW view AS SELECT * FROM people; CREATE TABLE keyless (id int, v int); \
         CREATE TABLE parent (id int PRIMARY KEY, v int); CREATE TABLE child () INHERITS (parent)",
    );
    let update = |spec: &str| {
        format!(
            "import {{ backfill }} from \"wmigrate\";\nexport function upgrade() {{ backfill.update({{ name: \"n\", {spec} }}); }}\nexport function downgrade() {{}}\n"
        )
    };
    for (spec, texts) in [
        ("table: \"keyless\", set: \"v = 1\"", &["table `keyless` has no primary key", "name columns in `key`"][..]),
        ("table: \"keyless\", key: [\"id\"], set: \"v = 1\"", &["column `id` of the key may be NULL", "SET NOT NULL"]),
        ("table: \"people\", key: [\"v\"], set: \"v = 1\"", &["table `people` has no unique index over exactly v"]),
        ("table: \"people\", key: [\"nope\"], set: \"v = 1\"", &["table `people` has no column `nope`"]),
        ("table: \"missing\", set: \"v = 1\"", &["table `missing` does not exist"]),
        (
            "table: \"parent\", set: \"v = 1\"",
            &["`parent` has child tables that inherit from it", "no key is unique over all of them: use UPDATE"],
        ),
        ("table: \"view\", set: \"v = 1\"", &["`view` is no table"]),
        (
            "table: \"people\", set: \"v = 1; DROP TABLE people\"",
            &["`set` cannot be part of a statement: it holds a `;`"],
        ),
        (
            "table: \"people\", set: \"v = 1\", where: \"true) OR (true\"",
            &["it closes a parenthesis that it does not open"],
        ),
        ("table: \"people\", set: \"v = 1, id = id + 1\"", &["`\"id\"` is part of the key and cannot be written"]),
        ("table: \"people\", set: \"nope = 1\"", &["column \"nope\" of relation \"people\" does not exist"]),
        ("table: \"people\", set: \"v = 1\", batchMax: 1000000", &["`batch-max` is over 100000"]),
    ] {
        refused(&project, &update(spec), 1, texts);
        assert_eq!(project.psql("SELECT count(*) FROM people WHERE v = 0"), "10", "{spec}");
        // Where it had begun, it is taken back.
        project.wmigrate(["downgrade", "-1"]);
    }
    let run = |output: &str| module(output, "", SPLIT);
    refused(&project, &run("[\"id\"]"), 1, &["`id` is part of the key and cannot be written"]);
    project.wmigrate(["downgrade", "-1"]);
    refused(&project, &run("[\"first\", \"first\"]"), 1, &["`first` stands twice in `output`"]);
    project.wmigrate(["downgrade", "-1"]);
    refused(&project, &run("[\"nope\"]"), 1, &["table `people` has no column `nope`"]);
    project.wmigrate(["downgrade", "-1"]);
    refused(&project, &run("[]"), 1, &["`output` is empty"]);
}

#[test]
fn answers_that_are_none() {
    // In JavaScript the SDK sees to the shape; so these say what it lets through.
    let project = people(10);
    for (body, texts) in [
        ("return [name];", &["stopped at row 1", "1 value"][..]),
        ("return [name, name, v, v];", &["stopped at row 1", "4 value"]),
        ("return [name, name, \"many\"];", &["stopped at row 1", "invalid input syntax for type integer: \"many\""]),
        ("return [name, name, NaN];", &["stopped at row 1", "NaN"]),
        ("return [name, \"a\\u0000b\", v];", &["stopped at row 1", "U+0000"]),
        ("return [name, name, 3000000000];", &["stopped at row 1", "out of range"]),
        ("return Promise.resolve([name, name, v]);", &["stopped at row 1", "promise"]),
        ("return [name, name, null];", &["stopped at row 1", "null value in column \"v\""]),
    ] {
        refused(&project, &module(OUTPUT, "", body), 1, texts);
        assert_eq!(project.psql("SELECT count(*) FROM people WHERE v = 0 AND first IS NULL"), "10", "{body}");
        project.ok(["downgrade", "-1"]);
    }
}

/// What one row of ten thousand does, and what is said of it.
fn poisoned(poison: &str, flags: &[&str], texts: &[&str]) {
    let project = people(10_000);
    let transform = format!("if (name === \"First7777 Last7777\") {{ {poison} }} {SPLIT}");
    project.durable_js("a1", "", "split", &module(OUTPUT, "", &transform));
    let command = ["upgrade", "head"].iter().chain(flags).copied();
    let said = project.wmigrate(command.clone());
    assert_says(&said, 1, &[&["backfill `split` (job 1) stopped at row 7777", "`a1` is half-way up"], texts].concat());
    // It is named in the status too, and the rest goes on when it may.
    let status = project.ok(["backfill", "status"]);
    assert!(status.contains("state     failed: row 7777: "), "{status}");
    assert_says(&project.wmigrate(["backfill", "resume", "--max-quarantine", "1"]), 0, &["failed -> running"]);
    assert_says(&project.wmigrate(command), 0, &["a1: 9999 rows", "1 put aside"]);
    assert_eq!(project.psql("SELECT count(*) FILTER (WHERE v = 1), count(*) FILTER (WHERE v = 0), min(id) FILTER (WHERE v = 0) FROM people"), "9999|1|7777");
    assert_eq!(project.psql("SELECT key FROM wmigrate.backfill_quarantine"), "{7777}");
    let said = project.wmigrate(["backfill", "verify"]);
    assert_says(&said, 3, &[]);
    assert!(said.stdout.contains("aside     1 rows: wmigrate backfill retry-quarantined 1\n"), "{}", said.stdout);
}

#[test]
fn one_row_throws() {
    poisoned("throw new Error(\"a name of one word\");", &[], &["a name of one word"]);
}

#[test]
fn one_row_runs_for_ever() {
    poisoned("for (;;) {}", &["--transform-cpu", "2 s"], &["the transform was ended: it ran longer than its limit of"]);
}

#[test]
fn one_row_grows_memory() {
    poisoned(
        "const all = []; for (;;) all.push(new Uint8Array(1 << 20));",
        &["--memory", "64 MiB"],
        &["stopped at row 7777"],
    );
}

#[test]
fn one_row_breaks_a_constraint() {
    let project = people(5_000);
    project.psql("ALTER TABLE people ADD CHECK (last <> 'Last3210')");
    refused(&project, &split(), 1, &["stopped at row 3210", "violates check constraint"]);
    project.psql("ALTER TABLE people DROP CONSTRAINT people_last_check");
    assert_says(&project.wmigrate(["upgrade", "head"]), 0, &["a1: 5000 rows"]);
    assert_split(&project, 5_000);
}

#[test]
fn one_row_breaks_a_deferred_constraint() {
    let project = people(5_000);
    project.psql(
        "CREATE TABLE allowed (name text PRIMARY KEY); INSERT INTO allowed SELECT 'Last' || n FROM generate_series(1, 5000) n WHERE n <> 99; \
         ALTER TABLE people ADD FOREIGN KEY (last) REFERENCES allowed DEFERRABLE INITIALLY DEFERRED",
    );
    refused(&project, &split(), 1, &["stopped at row 99", "violates foreign key constraint"]);
    assert_says(&project.wmigrate(["backfill", "resume", "--max-quarantine", "5"]), 0, &[]);
    assert_says(&project.wmigrate(["upgrade", "head"]), 0, &["1 put aside"]);
    project.psql("INSERT INTO allowed VALUES ('Last99')");
    assert_says(&project.wmigrate(["backfill", "retry-quarantined"]), 0, &["1 rows written, 0 still wrong"]);
    assert_split(&project, 5_000);
    assert_tiled(&project);
}

#[test]
fn several_rows_by_sql() {
    let project = people(5_000);
    let body = "import { backfill } from \"wmigrate\";\n\
         export function upgrade() { backfill.update({ name: \"divide\", table: \"people\", set: \"v = 1 + 10 / (id % 1000)\" }); }\n\
         export function downgrade() {}\n";
    project.durable_js("a1", "", "divide", body);
    assert_says(
        &project.wmigrate(["upgrade", "head", "--max-quarantine", "4"]),
        1,
        &["stopped at row ", "division by zero"],
    );
    assert_says(&project.wmigrate(["backfill", "resume", "--max-quarantine", "5"]), 0, &[]);
    assert_says(&project.wmigrate(["upgrade", "head"]), 0, &["5 put aside"]);
    assert_eq!(
        project.psql("SELECT string_agg(key::text, ' ' ORDER BY key[1]::int) FROM wmigrate.backfill_quarantine"),
        "{1000} {2000} {3000} {4000} {5000}"
    );
    assert_eq!(project.psql("SELECT count(*) FROM people WHERE v > 0"), "4995");
}

#[test]
fn rows_that_come_go_and_change_meanwhile() {
    let project = people(20_000);
    project.durable_js("a1", "", "split", &module(OUTPUT, "batchMax: 200, rowsPerSecond: 10000", SPLIT));
    let child = project.spawn(["upgrade", "head"]);
    wait_for(&project, "SELECT count(*) > 2 FROM wmigrate.backfill_batch WHERE state = 'done'", "t");
    project.psql("INSERT INTO people (id, full_name) VALUES (30000, 'New Row')");
    project.psql("DELETE FROM people WHERE id IN (1, 19999)");
    project.psql("UPDATE people SET full_name = 'First19998x Last19998x' WHERE id = 19998 AND v = 0");
    assert_says(&finish(child), 0, &[]);
    assert_eq!(project.psql("SELECT count(*) FROM people WHERE v <> 1 AND id < 30000"), "0");
    assert_eq!(project.psql("SELECT first, last, v FROM people WHERE id = 19998"), "First19998x|Last19998x|1");
    assert_eq!(project.psql("SELECT v FROM people WHERE id = 30000"), "0", "new rows are the application's");
}

#[test]
fn two_jobs_on_one_table() {
    let project = people(2_000);
    let body = "import { backfill } from \"wmigrate\";\n\
         export function upgrade() {\n\
         backfill.update({ name: \"one\", table: \"people\", set: \"v = v + 1\" });\n\
         backfill.update({ name: \"one\", table: \"people\", set: \"v = v + 1\" });\n}\n\
         export function downgrade() {}\n";
    refused(
        &project,
        body,
        1,
        &["the revision has run a backfill `one` already", "give each backfill of a revision a name of its own"],
    );
    assert_eq!(project.psql("SELECT DISTINCT v FROM people"), "1");
    let twice = body.replacen("\"one\"", "\"two\"", 2).replacen("\"two\"", "\"one\"", 1);
    project.durable_js("a1", "", "split", &twice);
    project.ok(["upgrade", "head"]);
    assert_eq!(project.psql("SELECT DISTINCT v FROM people"), "2");
    // A job that somebody left open there.
    project.psql(
        "INSERT INTO wmigrate.backfill_job (revision, direction, name, target, target_oid, spec, digest, state, max_quarantine, estimate) \
         VALUES ('z9', 'upgrade', 'old', 'people', 'people'::regclass, '{}', '', 'paused', 0, 0)",
    );
    project.durable_js("a2", "a1", "again", &split());
    assert_says(
        &project.wmigrate(["upgrade", "head"]),
        1,
        &["job 3 (backfill `old` of revision `z9`) works on the same table", "wmigrate backfill cancel 3"],
    );
    assert_says(&project.wmigrate(["backfill", "cancel", "3"]), 0, &[]);
    project.psql("UPDATE wmigrate.backfill_job SET closed = true WHERE id = 3");
    project.ok(["upgrade", "head"]);
}

#[test]
fn the_code_changed_since_the_job_began() {
    let project = people(5_000);
    let broken = SPLIT.replace("v + 1", "v + 1 + (name === \"First3000 Last3000\" ? undefined.x : 0)");
    project.durable_js("a1", "", "split", &module(OUTPUT, "batchMax: 500", &broken));
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &["stopped at row 3000"]);
    let done = project.psql("SELECT count(*) FROM people WHERE v = 1");
    project.durable_js("a1", "", "split", &module(OUTPUT, "batchMax: 500", SPLIT));
    assert_says(
        &project.wmigrate(["upgrade", "head"]),
        1,
        &["was begun with another build of its revision's code", "wmigrate backfill resume 1 --accept-changed"],
    );
    assert_says(&project.wmigrate(["backfill", "work"]), 1, &["was begun with another build of its revision's code"]);
    assert_eq!(project.psql("SELECT count(*) FROM people WHERE v = 1"), done);
    project.ok(["backfill", "resume", "--accept-changed"]);
    assert_says(&project.wmigrate(["upgrade", "head"]), 0, &["a1: 5000 rows"]);
    assert_split(&project, 5_000);
}

#[test]
fn a_job_of_another_version() {
    let project = people(2_000);
    let body = module(
        OUTPUT,
        "",
        &format!("if (v === 0 && name.startsWith(\"First1500 \")) throw new Error(\"no\"); {SPLIT}"),
    );
    refused(&project, &body, 1, &["stopped at row 1500"]);
    project.psql("UPDATE wmigrate.backfill_job SET spec = jsonb_set(spec, '{format}', '2')");
    let text = "was begun by another version of wmigrate, whose jobs this one cannot read";
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &[text]);
    assert_says(&project.wmigrate(["backfill", "work"]), 1, &[text]);
}

#[test]
fn the_table_was_renamed() {
    let project = people(2_000);
    let body = module(OUTPUT, "", &format!("if (name.startsWith(\"First1500 \")) throw new Error(\"no\"); {SPLIT}"));
    refused(&project, &body, 1, &["stopped at row 1500"]);
    project.psql("ALTER TABLE people RENAME TO persons");
    let text = "was begun on table `\"public\".\"people\"`, which is called `persons` now";
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &[text, "give the table its name back"]);
    project.psql("DROP TABLE persons");
    project.psql(&table_of(10));
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &["which has been dropped"]);
    assert_eq!(project.psql("SELECT count(*) FROM people WHERE v = 0"), "10");
}

#[test]
fn the_table_is_renamed_while_it_runs() {
    let project = people(20_000);
    project.durable_js("a1", "", "split", &module(OUTPUT, "batchMax: 200, rowsPerSecond: 8000", SPLIT));
    let child = project.spawn(["upgrade", "head"]);
    wait_for(&project, "SELECT count(*) > 2 FROM wmigrate.backfill_batch WHERE state = 'done'", "t");
    project.psql("ALTER TABLE people RENAME TO persons");
    assert_says(&finish(child), 1, &["backfill `split` (job 1) stopped: relation", "does not exist", "half-way up"]);
    project.psql("ALTER TABLE persons RENAME TO people");
    project.psql("UPDATE wmigrate.backfill_batch SET not_before = NULL");
    assert_says(&project.wmigrate(["upgrade", "head"]), 0, &[]);
    assert_split(&project, 20_000);
}

#[test]
fn a_transform_that_asks_the_database() {
    let project = people(10);
    let body = module(OUTPUT, "", &format!("sql.query(\"SELECT 1\"); {SPLIT}"));
    refused(&project, &body, 1, &["stopped at row 1", "transforms run without a database"]);
}

#[test]
fn no_transform_at_all() {
    let project = people(10);
    let body = "import { backfill } from \"wmigrate\";\n\
         export function upgrade() { backfill.run({ name: \"n\", table: \"people\", input: [\"v\"], output: [\"v\"], transform: \"x\" }); }\n\
         export function downgrade() {}\n";
    refused(&project, body, 1, &["the revision exports no `transforms`"]);
}

#[test]
fn the_disk_is_full() {
    // A tablespace is a folder: on a file system of its own of a few MiB where this machine lets us mount one.
    let server = TestServer::start_extra(&[]);
    let mut project = Project::new();
    project.database = Some(server.fresh_database());
    project.psql(&table_of(20_000));
    // `temp_file_limit` is refused with the same class of error (53) as a full disk.
    project.psql("CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF NEW.id = 15000 AND current_setting('app.disk', true) IS DISTINCT FROM 'free' THEN \
         RAISE EXCEPTION 'could not extend file \"base/1/2\": No space left on device' USING ERRCODE = '53100'; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER full_disk BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION full_disk()");
    project.durable_js("a1", "", "split", &split());
    assert_says(
        &project.wmigrate(["upgrade", "head", "--max-quarantine", "1000"]),
        1,
        &["No space left on device", "the server's disk is full", "half-way up"],
    );
    assert_eq!(project.psql("SELECT count(*) FROM wmigrate.backfill_quarantine"), "0", "it is not the row's fault");
    project.psql("DROP TRIGGER full_disk ON people");
    assert_says(&project.wmigrate(["upgrade", "head"]), 0, &[]);
    assert_split(&project, 20_000);
}

#[test]
fn a_trigger_keeps_rows_out() {
    let project = people(1_000);
    project.psql(
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 500 THEN RETURN NULL; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER keep BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION keep()",
    );
    refused(&project, &split(), 1, &["1000 rows were sent and 999 were changed"]);
    assert_eq!(project.psql("SELECT count(*) FROM people WHERE v = 0"), "1000");
}

#[test]
fn workers_of_a_job_that_fails_end_too() {
    let project = people(20_000);
    let body = module(
        OUTPUT,
        "batchMax: 200, rowsPerSecond: 10000",
        &format!("if (name.startsWith(\"First12000 \")) throw new Error(\"no\"); {SPLIT}"),
    );
    project.durable_js("a1", "", "split", &body);
    project.ok(["ensure_version"]);
    let upgrade = project.spawn(["upgrade", "head"]);
    let others = workers(&project, 2);
    assert_says(&finish(upgrade), 1, &["row 12000"]);
    for other in others {
        assert_says(&finish(other), 1, &["row 12000"]);
    }
    let holder = Session::open(project.url());
    assert_eq!(holder.run("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'wmigrate%'"), "0");
    assert!(try_psql(project.url(), "SELECT 1").is_ok());
}
