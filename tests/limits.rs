//! Limits of one revision: a flag, `[revisions.<id>.limits]`, `[limits]` and the default decide in this order, for those
//! that the sandbox keeps and those that the server keeps alike; front matter may ask for less.

use crate::support::{
    Project,
    project::front_matter,
    running::{Session, assert_says, log, wait_until_running},
};

/// A revision that writes down what the server grants it.
fn asks(project: &Project, id: &str, down: &str, limits: &str) {
    let body = "-- wmigrate:upgrade\nCREATE TABLE IF NOT EXISTS seen (id serial, lock text, statement text);\n\
                INSERT INTO seen (lock, statement) VALUES (current_setting('lock_timeout'), current_setting('statement_timeout'));\n\
                -- wmigrate:downgrade\n";
    project.revision(id, "asks", "sql", &format!("{}{body}", front_matter("--", id, down, "asks", limits)));
}

fn configure(project: &Project, more: &str) {
    project.write("wmigrate.toml", format!("versions = [\"versions\"]\n{more}"));
}

#[test]
fn the_servers_limits_are_each_revisions_own() {
    for flags in [&[][..], &["--single-transaction"]] {
        let project = Project::new();
        configure(&project, "[limits]\nlock_timeout = \"3 s\"\n[revisions.a2.limits]\nlock_timeout = \"9 s\"\n");
        asks(&project, "a1", "", "");
        asks(&project, "a2", "a1", "");
        asks(&project, "a3", "a2", "[limits]\nlock_timeout = \"500 ms\"\nstatement_timeout = \"3 s\"\n");
        asks(&project, "a4", "a3", "");
        project.ok(["upgrade", "head"].iter().chain(flags));
        let seen = "SELECT lock, statement FROM seen ORDER BY id";
        assert_eq!(project.psql(seen), "3s|0\n9s|0\n500ms|3s\n3s|0");
        project.psql("DROP TABLE seen; DROP SCHEMA wmigrate CASCADE");
        project.ok(["upgrade", "head", "--lock-timeout", "7 s"].iter().chain(flags));
        assert_eq!(project.psql(seen), "7s|0\n7s|0\n500ms|3s\n7s|0");
    }
}

#[test]
fn front_matter_asks_for_less_of_everything() {
    let less = [
        ("lock_timeout = \"1 h\"", "lock_timeout"),
        ("lock_timeout = \"none\"", "lock_timeout"),
        ("max_tries = 100", "max_tries"),
        ("stack = \"2 MiB\"", "stack"),
    ];
    for (limit, key) in less {
        let project = Project::new();
        asks(&project, "a1", "", &format!("[limits]\n{limit}\n"));
        let text = format!("asks for a larger `{key}` than it may have");
        assert_says(
            &project.wmigrate(["upgrade", "head"]),
            1,
            &[&text, "the database is at base; nothing was changed"],
        );
    }
    // A flag grants as well as the file does.
    let project = Project::new();
    configure(&project, "[limits]\nlock_timeout = \"1 s\"\n");
    asks(&project, "a1", "", "[limits]\nlock_timeout = \"5 s\"\n");
    assert_says(&project.wmigrate(["upgrade", "head"]), 1, &["asks for a larger `lock_timeout`"]);
    project.ok(["upgrade", "head", "--lock-timeout", "6 s"]);
    assert_eq!(project.psql("SELECT lock FROM seen"), "5s");
}

#[test]
fn what_is_reached_says_what_raises_it() {
    let project = Project::new();
    let body = "import { log } from \"wmigrate\";\nexport function upgrade() { for (let i = 0; i < 99; i++) log.debug(\"x\"); }\n\
                export function downgrade() {}\n";
    let front = front_matter("//", "a1", "", "many calls", "[limits]\nhost_calls = 50\n");
    project.revision("a1", "many calls", "js", &format!("{front}{body}"));
    let output = project.wmigrate(["upgrade", "head"]);
    assert_says(
        &output,
        13,
        &["its limit of 50", "hint: if the revision is right to need it: `host_calls` in the revision's front matter"],
    );

    let project = Project::new();
    project.sql("a1", "", "slow", "SELECT pg_sleep(10);", "SELECT 1;");
    let output = project.wmigrate(["upgrade", "head", "--statement-timeout", "50 ms"]);
    assert_says(&output, 1, &["hint: its `statement_timeout` is 50 ms, which is raised by `--statement-timeout …`"]);

    let project = Project::new();
    project.psql("CREATE TABLE t (id int)");
    project.sql("a1", "", "locked", "LOCK TABLE t;", "SELECT 1;");
    let blocker = Session::open(project.url());
    blocker.run("BEGIN; LOCK TABLE t");
    let output = project.wmigrate(["upgrade", "head", "--lock-timeout", "50 ms", "--max-tries", "2"]);
    assert_says(&output, 1, &["`lock_timeout` is 50 ms, and it may be tried 2 times", "`--max-tries …`"]);
}

#[test]
fn a_stack_of_its_own() {
    let project = Project::new();
    let body = "const f = (n) => n ? f(n - 1) + 1 : 0;\nexport function upgrade() { f(1000); }\nexport function downgrade() {}\n";
    project.js("a1", "", "deep", body);
    let small = front_matter("//", "a2", "a1", "shallow", "[limits]\nstack = \"128 KiB\"\n");
    project.revision("a2", "shallow", "js", &format!("{small}{body}"));
    project.js("a3", "a2", "deep again", body);
    let output = project.wmigrate(["upgrade", "head"]);
    assert_says(
        &output,
        13,
        &["Running upgrade a1 -> a2", "more stack than its limit of 128 KiB", "`stack` in the revision's front matter"],
    );
    assert_eq!(log(&project), "a1|upgrade|ok\na2|upgrade|failed");
}

#[test]
fn values_that_no_server_takes_are_refused() {
    let project = Project::new();
    project.sql("a1", "", "one", "SELECT 1;", "SELECT 1;");
    let check = |flag: &str, value: &str, text: &str| {
        assert_says(&project.wmigrate(["upgrade", "head", flag, value]), 2, &[text]);
    };
    check("--lock-timeout", "600 h", "which is 596 h at most");
    check("--stack", "2 GiB", "not a size of a stack, which has 1 GiB at most");
}

#[test]
fn notices_count_as_log_text() {
    let project = Project::new();
    let up = "DO $$ BEGIN FOR i IN 1..200 LOOP RAISE NOTICE '%', repeat('x', 10000); END LOOP; END $$;\n".repeat(5);
    project.sql("a1", "", "talks", &up, "SELECT 1;");
    let output = project.wmigrate(["upgrade", "head", "--log-size", "1 MiB"]);
    assert_says(&output, 13, &["it logged more than its limit of 1 MiB"]);
    assert!(output.stderr.len() < 2 << 20, "{} bytes", output.stderr.len());
}

#[test]
fn a_returned_error_is_shown_in_part() {
    let project = Project::new();
    let body = "export function upgrade() { throw new Error(\"y\".repeat(3e6)); }\nexport function downgrade() {}\n";
    project.js("a1", "", "loud", body);
    let output = project.wmigrate(["upgrade", "head"]);
    assert_says(&output, 1, &["yyyy…"]);
    assert!(output.stderr.len() < 100_000, "{} bytes", output.stderr.len());
}

#[test]
fn one_transaction_for_all_is_tried_again_too() {
    let project = Project::new();
    project.psql("CREATE TABLE t (id int)");
    project.sql("a1", "", "one", "CREATE TABLE a (id int);", "DROP TABLE a;");
    project.sql("a2", "a1", "two", "ALTER TABLE t ADD COLUMN x int;", "SELECT 1;");
    let blocker = Session::open(project.url());
    blocker.run("BEGIN; LOCK TABLE t");
    let child =
        project.spawn(["upgrade", "head", "--single-transaction", "--lock-timeout", "300 ms", "--max-tries", "20"]);
    wait_until_running(&project, "ALTER TABLE t");
    std::thread::sleep(std::time::Duration::from_millis(500));
    blocker.run("COMMIT");
    let output = crate::support::running::finish(child);
    assert_says(&output, 0, &["rolled back, trying again (attempt 2)"]);
    assert_eq!(log(&project), "a1|upgrade|ok\na2|upgrade|ok");
}
