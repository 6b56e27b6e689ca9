//! What a hostile or broken revision cannot do: components written by hand where the misbehaviour is the core's, JavaScript
//! where it is the author's. After each the database is as it was.

use std::{fs, os::unix::fs::MetadataExt, path::Path, process::Command, sync::Arc};

use wmigrate::{
    runtime::{Cache, Runtime},
    versions::section::{self, Metadata},
};

use crate::support::{
    Output, Project,
    project::{front_matter, names_in},
};

const TEMPLATE: &str = include_str!("guests/revision.wat");

/// Room that is never given back: a guest of these tests needs little.
const REALLOC: &str = "(global.get $next)
    (global.set $next (i32.and (i32.add (i32.add (global.get $next) (local.get $size)) (i32.const 15)) (i32.const -16)))";

/// What an export answers that has nothing to say.
const OK: &str = "(i32.const 4096)";

/// A component whose `upgrade` makes table `half` and goes on with `$upgrade` of `main`.
fn guest(main: &str) -> Vec<u8> {
    guest_with(REALLOC, main)
}

fn guest_with(realloc: &str, main: &str) -> Vec<u8> {
    let text = TEMPLATE.replace("REALLOC", realloc).replace("MAIN", main);
    // The head of the template speaks of both words.
    let text = text.split_once("(component").map(|(_, rest)| format!("(component{rest}")).unwrap();
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn metadata(id: &str) -> Metadata {
    serde_json::from_value(serde_json::json!({ "v": 1, "revision": id, "message": "by hand", "world": section::WORLD }))
        .unwrap()
}

fn add(project: &Project, id: &str, component: &[u8]) {
    let stamped = section::stamp(component, &metadata(id), None).unwrap();
    project.write(&format!("versions/{id}_by_hand.wasm"), stamped);
}

/// Runs `upgrade head` with a revision that must fail, and checks that nothing of it is left.
#[track_caller]
fn fails(project: &Project, arguments: &[&str], code: i32, words: &[&str]) -> Output {
    let mut command = vec!["upgrade", "head"];
    command.extend(arguments);
    let output = project.wmigrate(command);
    assert_eq!(output.code, Some(code), "{}", output.stderr);
    for word in words {
        assert!(output.stderr.contains(word), "no `{word}` in:\n{}", output.stderr);
    }
    assert!(!output.stderr.contains('\x1b'), "{:?}", output.stderr);
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    assert_eq!(project.psql("SELECT to_regclass('half'), (SELECT count(*) FROM wmigrate.version)"), "|0");
    output
}

#[track_caller]
fn core_fails(component: &[u8], arguments: &[&str], words: &[&str]) {
    let project = Project::new();
    add(&project, "w1", component);
    fails(&project, arguments, 13, words);
    assert_eq!(project.psql("SELECT revision, outcome FROM wmigrate.log"), "w1|failed");
}

#[track_caller]
fn js_fails(body: &str, arguments: &[&str], code: i32, words: &[&str]) -> Output {
    let project = Project::new();
    project.js("j1", "", "broken", &js("sql.execute('CREATE TABLE half ()');", body));
    fails(&project, arguments, code, words)
}

fn js(before: &str, body: &str) -> String {
    format!(
        "import {{ sql, log, context, SqlError }} from \"wmigrate\";\nexport function upgrade() {{\n{before}\n{body}\n}}\n\
         export function downgrade() {{}}\n"
    )
}

/// Runs one JavaScript revision that must succeed; its standard error.
#[track_caller]
fn js_runs(body: &str) -> String {
    let project = Project::new();
    project.js("j1", "", "fine", &js("", body));
    let output = project.wmigrate(["upgrade", "head"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    output.stderr
}

#[test]
fn a_guest_that_behaves_is_kept() {
    let project = Project::new();
    add(&project, "w1", &guest(&format!("(func $upgrade (result i32) {OK})")));
    project.ok(["upgrade", "head"]);
    assert_eq!(project.psql("SELECT to_regclass('half'), (SELECT revision FROM wmigrate.version)"), "half|w1");
    project.ok(["downgrade", "base"]);
}

#[test]
fn a_trap_half_way_keeps_nothing() {
    core_fails(&guest("(func $upgrade (result i32) unreachable)"), &[], &["it trapped", "unreachable"]);
    core_fails(
        &guest("(func $upgrade (result i32) (i32.div_s (i32.const 1) (i32.const 0)))"),
        &[],
        &["it trapped", "divide by zero"],
    );
    core_fails(
        &guest("(func $upgrade (result i32) (i32.load (i32.const -4)))"),
        &[],
        &["it trapped", "out of bounds memory access"],
    );
}

#[test]
fn endless_loops_end() {
    let words = ["it ran longer than its limit of 300ms", "hint:", "--cpu", "cpu = "];
    let arguments = ["--cpu", "300 ms"];
    let endless = "(loop $l (br $l))";
    core_fails(&guest(&format!("(func $upgrade (result i32) {endless} unreachable)")), &arguments, &words);
    // In the start function, before the export runs.
    core_fails(
        &guest(&format!("(func $s {endless}) (start $s) (func $upgrade (result i32) {OK})")),
        &arguments,
        &words,
    );
    // In the guest's allocator, called by the host for an answer.
    let asks = format!(
        "(func $upgrade (result i32)
           (call $execute (i32.const 1100) (i32.const 10) (i32.const 0) (i32.const 0) (i32.const 2048)) {OK})"
    );
    core_fails(&guest_with(&format!("{endless} unreachable"), &asks), &arguments, &words);
    // Between host calls that take no time.
    let logs = "(func $upgrade (result i32)
        (loop $l (call $message (i32.const 0) (i32.const 1024) (i32.const 0)) (br $l)) unreachable)";
    core_fails(&guest(logs), &["--cpu", "300 ms", "--host-calls", "1000000000"], &["its limit of 300ms"]);
}

#[test]
fn sleep_takes_no_time() {
    let project = Project::new();
    let component = wat::parse_str(include_str!("guests/sleeper.wat")).unwrap();
    add(&project, "w1", &component);
    let mut child = project.spawn(["upgrade", "head"]);
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if std::time::Instant::now() > deadline {
            child.kill().unwrap();
            panic!("it still sleeps");
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    assert!(status.success(), "{status}");
}

#[test]
fn memory_and_tables_are_bounded() {
    let grow =
        |pages: u32| guest(&format!("(func $upgrade (result i32) (drop (memory.grow (i32.const {pages}))) {OK})"));
    core_fails(&grow(20_000), &[], &["more memory than its limit of 256 MiB", "--memory", "memory = "]);
    core_fails(&grow(100), &["--memory", "2 MiB"], &["more memory than its limit of 2 MiB"]);
    let bomb = "(func $upgrade (result i32) (loop $l (drop (memory.grow (i32.const 1))) (br $l)) unreachable)";
    core_fails(&guest(bomb), &[], &["more memory than its limit"]);
    let table = format!(
        "(table $t 0 funcref)
         (func $upgrade (result i32) (drop (table.grow $t (ref.null func) (i32.const 100000000))) {OK})"
    );
    core_fails(&guest(&table), &[], &["more tables"]);
}

#[test]
fn deep_recursion_names_the_stack() {
    let main = "(func $r (param i64) (result i64) (i64.add (call $r (local.get 0)) (i64.const 1)))
        (func $upgrade (result i32) (i32.wrap_i64 (call $r (i64.const 1))))";
    core_fails(&guest(main), &[], &["more stack than its limit of 1 MiB", "--stack"]);
    core_fails(&guest(main), &["--stack", "64 KiB"], &["more stack than its limit of 64 KiB"]);
    js_fails("const f = () => f() + 1; f();", &[], 13, &["more stack than its limit of 1 MiB"]);
}

#[test]
fn wrong_answers_and_arguments_are_traps() {
    let answers = |main: &str, words: &[&str]| core_fails(&guest(main), &[], words);
    // The result's discriminant, its place, its alignment.
    answers(
        "(func $upgrade (result i32) (i32.store8 (i32.const 4096) (i32.const 7)) (i32.const 4096))",
        &["it trapped"],
    );
    answers("(func $upgrade (result i32) (i32.const -16))", &["it trapped"]);
    answers("(func $upgrade (result i32) (i32.const 4097))", &["it trapped"]);
    // An error whose strings are outside the memory.
    answers(
        "(func $upgrade (result i32) (i32.store8 (i32.const 4096) (i32.const 1))
           (i32.store (i32.const 4100) (i32.const -8)) (i32.store (i32.const 4104) (i32.const 100)) (i32.const 4096))",
        &["it trapped"],
    );
    let asks = |statement: u32, length: u32, parameters: i64, count: u32| {
        guest(&format!(
            "(data (i32.const 1200) \"SELECT '\\ff'\")
             (func $upgrade (result i32)
               (call $execute (i32.const {statement}) (i32.const {length}) (i32.const {parameters}) (i32.const {count})
                 (i32.const 2048)) {OK})"
        ))
    };
    core_fails(&asks(1200, 10, 0, 0), &[], &["it trapped", "utf-8"]);
    core_fails(&asks(1024, u32::MAX, 0, 0), &[], &["it trapped"]);
    core_fails(&asks(1024, 20, 0, u32::MAX / 16), &[], &["it trapped"]);
    core_fails(&asks(1024, 20, 4, 1), &[], &["it trapped"]);
    // A log level that is none.
    answers(
        &format!("(func $upgrade (result i32) (call $message (i32.const 9) (i32.const 0) (i32.const 0)) {OK})"),
        &["it trapped"],
    );
    // An allocator that points outside.
    let main = format!(
        "(func $upgrade (result i32)
           (call $execute (i32.const 1100) (i32.const 10) (i32.const 0) (i32.const 0) (i32.const 2048)) {OK})"
    );
    core_fails(&guest_with("(i32.const -64)", &main), &[], &["it trapped"]);
}

/// Ten thousand texts of 60 kB are little memory to a guest if they are one text: they must not be 600 MB to the host.
#[test]
fn one_text_many_times_is_counted_many_times() {
    let fill = |place: u32, size: u32, stores: &str| {
        format!(
            "(local $i i32) (local $p i32) (local.set $p (i32.const {place}))
             (loop $l {stores}
               (local.set $p (i32.add (local.get $p) (i32.const {size})))
               (local.set $i (i32.add (local.get $i) (i32.const 1)))
               (br_if $l (i32.lt_u (local.get $i) (i32.const 10000))))"
        )
    };
    let values = fill(
        131_072,
        24,
        "(i32.store8 (local.get $p) (i32.const 8)) (i32.store offset=8 (local.get $p) (i32.const 4096))
         (i32.store offset=12 (local.get $p) (i32.const 60000))",
    );
    let words = ["handed over more than 256 MiB in one call"];
    core_fails(
        &guest(&format!(
            "(func $upgrade (result i32) {values}
               (call $execute (i32.const 1024) (i32.const 20) (i32.const 131072) (i32.const 10000) (i32.const 2048)) {OK})"
        )),
        &[],
        &words,
    );
    // The same in the error that the export returns: `fields` is at 4096 + 4 + 56.
    let fields = fill(
        131_072,
        16,
        "(i32.store (local.get $p) (i32.const 66000)) (i32.store offset=4 (local.get $p) (i32.const 60000))",
    );
    core_fails(
        &guest(&format!(
            "(func $upgrade (result i32) {fields} (i32.store8 (i32.const 4096) (i32.const 1))
               (i32.store (i32.const 4156) (i32.const 131072)) (i32.store (i32.const 4160) (i32.const 10000))
               {OK})"
        )),
        &[],
        &words,
    );
}

#[test]
fn calls_and_log_are_counted() {
    let main = "(func $upgrade (result i32)
        (loop $l (call $message (i32.const 0) (i32.const 4096) (i32.const 60000)) (br $l)) unreachable)";
    core_fails(&guest(main), &["--host-calls", "100"], &["more host calls than its limit of 100", "--host-calls"]);
    core_fails(&guest(main), &["--log-size", "1 MiB"], &["it logged more than its limit of 1 MiB", "--log-size"]);
    js_fails("for (;;) sql.execute('SELECT 1');", &["--host-calls", "50"], 13, &["host calls than its limit of 50"]);
}

/// Ends of lines and tabs are left; all else that a terminal would obey is shown.
#[test]
fn nothing_reaches_the_terminal_as_a_command() {
    let shown = js_runs(
        r#"log.info("in\x1b[2Jfo\r\u009b31m\u202e"); log.warning("wa\x07rn");
           sql.execute("DO $$BEGIN RAISE NOTICE 'no%tice', chr(27); END$$");"#,
    );
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{shown:?}");
    for part in ["in\\u{1b}[2Jfo\\r\\u{9b}31m\\u{202e}", "wa\\u{7}rn", "no\\u{1b}tice"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    js_fails("throw new Error('bo\\x1b[2Jom');", &[], 1, &["bo\\u{1b}[2Jom"]);
    let raise = "sql.execute(\"DO $$BEGIN RAISE EXCEPTION 'm%', chr(27) USING DETAIL = chr(27) || 'd', HINT = chr(27) || 'h'; END$$\");";
    js_fails(raise, &[], 1, &["m\\u{1b}", "\\u{1b}d", "\\u{1b}h"]);
    // The statement shown with a syntax error.
    js_fails("sql.script('SELECT 1;\\nSELECT \\x1b[2J;');", &[], 1, &["\\u{1b}[2J"]);
    // Names inside a component that cannot be used.
    let project = Project::new();
    let named = r#"(component (core module $m (import "a\1b[2J" "f" (func))) (core instance (instantiate $m)))"#;
    // Not valid, but encoded all the same.
    let named = wat::parse_str(named).unwrap();
    add(&project, "w1", &named);
    fails(&project, &[], 1, &["valid WebAssembly component"]);
}

#[test]
fn a_result_that_is_too_large_is_an_error_the_guest_may_survive() {
    js_runs(
        "const kind = statement => {
           try { sql.savepoint(() => sql.query(statement)); } catch (error) { if (error instanceof SqlError) return error.kind; throw error; }
           return 'none';
         };
         for (const statement of [\"SELECT repeat('x', 1000000000)\", \"SELECT repeat('x', 1000) FROM generate_series(1, 70000)\"]) {
           if (kind(statement) !== 'limit') throw new Error(statement + ': ' + kind(statement));
         }
         if (sql.queryValue('SELECT 7') !== 7) throw new Error('the connection is lost');",
    );
    let words = ["the result is over the limit of 64 MiB", "`result_size`"];
    js_fails("sql.query(\"SELECT repeat('x', 100000000)\");", &[], 13, &words);
    js_fails("sql.query(\"SELECT repeat('x', 3000)\");", &["--result-size", "2 KiB"], 13, &["limit of 2 KiB"]);
}

/// What is small on the wire and large in memory: text of numerics, rows without columns, NULLs.
#[test]
fn a_result_may_not_grow_in_memory() {
    let words = ["take more than 4 times the limit of 64 MiB", "`result_size`"];
    js_fails("sql.query('SELECT 1e131071::numeric FROM generate_series(1, 3000)');", &[], 13, &words);
    js_fails(
        "const columns = Array(40).fill('1e131071::numeric').join(); sql.query(`SELECT ${columns} FROM generate_series(1, 100)`);",
        &[],
        13,
        &words,
    );
    js_fails("sql.query('SELECT FROM generate_series(1, 6000000)');", &[], 13, &words);
}

#[test]
fn a_statement_that_is_too_large_is_refused() {
    let words = ["over the limit of 16 MiB", "`statement_size`"];
    js_fails("sql.execute(\"SELECT '\" + 'x'.repeat(17 * 1024 * 1024) + \"'\");", &[], 13, &words);
    js_fails("sql.execute('SELECT $1::text', ['x'.repeat(17 * 1024 * 1024)]);", &[], 13, &words);
    js_fails("sql.execute('SELECT 12345678901');", &["--statement-size", "16 B"], 13, &["over the limit of 16 bytes"]);
    // A limit beyond what can be counted is no limit; it must not wrap around.
    let project = Project::new();
    project.js("j1", "", "fine", &js("", "sql.query('SELECT 1');"));
    project.ok(["upgrade", "head", "--result-size", "17179869183 GiB", "--statement-size", "17179869183 GiB"]);
}

#[test]
fn a_javascript_memory_bomb_names_the_limit() {
    let bomb = "const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1));";
    js_fails(bomb, &[], 13, &["more memory than its limit of 256 MiB"]);
    js_fails("for (;;);", &["--cpu", "500 ms"], 13, &["it ran longer than its limit of 500ms"]);
}

/// Type names of the host's own question about types, made anew in a schema that is searched first.
#[test]
fn a_search_path_cannot_confuse_the_host() {
    js_runs(
        "sql.script('CREATE SCHEMA evil; CREATE DOMAIN evil.int4 AS int2; CREATE DOMAIN evil.oid AS int8; CREATE DOMAIN evil.text AS int2; SET search_path = evil, pg_catalog');
         const rows = sql.query(\"SELECT 'a'::pg_catalog.varchar(7) AS v, 1.5::numeric(9,3) AS n\");
         if (rows.columns.map(c => c.type).join() !== 'character varying(7),numeric(9,3)') throw new Error(JSON.stringify(rows.columns));",
    );
}

/// Only the server ends a session: an SQLSTATE that a revision raises is an error like another.
#[test]
fn a_raised_sqlstate_is_not_a_lost_connection() {
    for state in ["57P01", "08006", "40003"] {
        let body = format!("sql.execute(\"DO $$BEGIN RAISE EXCEPTION 'mine' USING ERRCODE = '{state}'; END$$\");");
        js_fails(&body, &[], 1, &["mine", &format!("SQLSTATE {state}")]);
    }
    js_runs(
        "try { sql.savepoint(() => sql.execute(\"DO $$BEGIN RAISE EXCEPTION 'mine' USING ERRCODE = '57P01'; END$$\")); }
         catch (error) { if (error.sqlstate !== '57P01') throw error; }",
    );
}

#[test]
fn an_error_that_is_swallowed_fails_the_revision() {
    js_fails("try { sql.execute('SELECT 1/0'); } catch {}", &[], 1, &["reported success", "division by zero"]);
}

#[test]
fn limits_come_from_everywhere_and_front_matter_asks_for_less() {
    let endless = js("", "for (;;) log.debug('x');");
    let project = Project::new();
    project.js("j1", "", "endless", &endless);
    let toml = |more: &str| {
        project.write("wmigrate.toml", format!("versions = [\"versions\"]\n{more}"));
    };
    toml("[limits]\nhost_calls = 300\n");
    fails(&project, &[], 13, &["its limit of 300", "host_calls"]);
    fails(&project, &["--host-calls", "200"], 13, &["its limit of 200"]);
    toml("[limits]\nhost_calls = 300\n[revisions.j1.limits]\nhost_calls = 400\n");
    fails(&project, &[], 13, &["its limit of 400"]);

    let file = |more: &str| {
        project.revision("j1", "endless", "js", &format!("{}{endless}", front_matter("//", "j1", "", "endless", more)))
    };
    toml("[limits]\nhost_calls = 300\n");
    file("[limits]\nhost_calls = 100\n");
    fails(&project, &[], 13, &["its limit of 100"]);
    file("[limits]\nhost_calls = 301\n");
    let output = project.wmigrate(["upgrade", "head"]);
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(output.stderr.contains("asks for a larger `host_calls` than it may have"), "{}", output.stderr);
    assert!(output.stderr.contains("[revisions.j1.limits]"), "{}", output.stderr);
}

#[test]
fn the_clock_stands_still_and_chance_repeats() {
    let project = Project::new();
    let body = "const server = () => Number(sql.queryValue('SELECT floor(extract(epoch FROM now()) * 1000)::int8'));
        const before = Date.now();
        sql.execute('SELECT pg_sleep(0.05)');
        if (before !== Date.now() || before !== server() || context.now.getTime() !== before || new Date().getTime() !== before) {
          throw new Error(`${before} ${Date.now()} ${server()} ${context.now.getTime()}`);
        }
        log.notice('chance', Math.random(), Math.random());";
    project.js("j1", "", "time", &js("", body));
    let run = || {
        let output = project.wmigrate(["upgrade", "head"]);
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        project.ok(["downgrade", "base"]);
        output.stderr.lines().find(|line| line.contains("chance")).unwrap().to_owned()
    };
    assert_eq!(run(), run());
}

#[test]
fn nothing_of_the_machine_is_there() {
    js_runs(
        "for (const name of ['process', 'require', 'std', 'os', 'fetch', 'setTimeout', 'WebSocket', 'Deno', 'Bun', 'WebAssembly']) {
           if (typeof globalThis[name] !== 'undefined') throw new Error(name);
         }",
    );
    js_fails("await_ = import('fs');", &[], 1, &[]);
    let project = Project::new();
    project.js(
        "j1",
        "",
        "import",
        "import fs from 'fs';\nexport function upgrade() {}\nexport function downgrade() {}\n",
    );
    assert_eq!(project.wmigrate(["upgrade", "head"]).code, Some(1));
}

#[test]
fn two_runs_make_the_same_calls() {
    let body = "for (let i = 0; i < 5; i++) {
          const keys = [...new Set([Math.random(), Date.now() % 2 < 2, i])];
          sql.execute(`SELECT ${keys.map(key => `'${key}'`).join()}`);
        }";
    let calls = || {
        let project = Project::new();
        project.js("j1", "", "calls", &js("", body));
        let output = project.wmigrate(["upgrade", "head", "--dry-run"]);
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        output.stdout
    };
    let first = calls();
    assert_eq!(first.matches("SELECT").count(), 5, "{first}");
    assert_eq!(first, calls());
}

#[test]
fn a_revision_sees_nothing_of_the_one_before() {
    let project = Project::new();
    let leave = "globalThis.left = 1; Array.prototype.left = 2; Object.prototype.left = 3; sql.execute = null;
        sql.script(\"SET search_path = pg_catalog; SET ROLE pg_monitor; PREPARE\" + \"_\")";
    let leave = leave.replace("; PREPARE\" + \"_\"", "\"").replace("sql.execute = null;", "");
    project.js("j1", "", "leave", &js("", &leave));
    project.js(
        "j2",
        "j1",
        "look",
        &js(
            "",
            "if ('left' in globalThis || 'left' in [] || 'left' in {}) throw new Error('state of another revision');
             const [row] = sql.query(\"SELECT current_user AS who, current_setting('search_path') AS path\");
             if (row.who !== 'postgres' || !row.path.includes('public')) throw new Error(JSON.stringify(row));",
        ),
    );
    for mode in [&["upgrade", "head"][..], &["upgrade", "head", "--single-transaction"]] {
        project.ok(mode);
        project.ok(["downgrade", "base"]);
    }
}

#[test]
fn components_that_are_none_are_refused() {
    let check = |bytes: &[u8], words: &[&str]| {
        let project = Project::new();
        project.write("versions/w1_x.wasm", bytes);
        let output = project.wmigrate(["upgrade", "head"]);
        assert!(matches!(output.code, Some(1 | 10)), "{}", output.stderr);
        for word in words {
            assert!(output.stderr.contains(word), "no `{word}` in:\n{}", output.stderr);
        }
        assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    };
    let stamped = |component: &[u8]| section::stamp(component, &metadata("w1"), None).unwrap();
    let text = |text: &str| wat::parse_str(text).unwrap();
    let good = stamped(&guest(&format!("(func $upgrade (result i32) {OK})")));
    check(b"", &["empty"]);
    check(b"not wasm", &["not WebAssembly"]);
    check(&text("(module)"), &["core module"]);
    check(&text("(component)"), &["no section `wmigrate:revision`"]);
    check(&good[..good.len() - 1], &["truncated"]);
    check(&stamped(&text("(component)")), &["not of the world"]);
    check(
        &stamped(&text("(component (import \"evil:net/socket@1.0.0\" (instance (export \"open\" (func)))))")),
        &["it imports `evil:net/socket@1.0.0`", "does not offer"],
    );
    check(
        &stamped(&text("(component (import \"wasi:keyvalue/store@0.2.0\" (instance (export \"open\" (func)))))")),
        &["wasi:keyvalue/store@0.2.0"],
    );
    // Memory that threads share would not be counted.
    check(&stamped(&text("(component (core module (memory 1 1 shared)))")), &["not a valid WebAssembly component"]);
}

/// Any prefix and any altered byte of a component: refused or accepted, never a panic.
#[test]
fn damaged_components_panic_nowhere() {
    let good = section::stamp(&guest(&format!("(func $upgrade (result i32) {OK})")), &metadata("w1"), Some("payload"))
        .unwrap();
    let runtime = runtime();
    let look = |bytes: &[u8], load: bool| {
        let read = section::metadata(bytes).is_ok();
        let _ = section::payload(bytes);
        if load && let Ok(digest) = section::code_digest(bytes) {
            let _ = runtime.load(digest.to_hex().as_str(), bytes);
        }
        read
    };
    for end in 0..good.len() {
        let whole = look(&good[..end], end % 16 == 0);
        assert!(!whole || end > 100, "{end}");
    }
    for place in 0..good.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut altered = good.clone();
            altered[place] ^= mask;
            look(&altered, place % 8 == 0);
        }
    }
}

fn runtime() -> Runtime {
    let stopping = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    Runtime::new(Arc::new(Cache::open(None).0), 1 << 20, stopping).unwrap()
}

/// A project with one SQL revision and a cache of its own.
fn cached() -> (Project, std::path::PathBuf) {
    let mut project = Project::new();
    let cache = project.folder.join("cache");
    project.set("WMIGRATE_CACHE_DIR", cache.to_str().unwrap());
    project.sql("s1", "", "table", "CREATE TABLE t ();", "DROP TABLE t;");
    (project, cache)
}

/// The one compiled component below the cache folder, wherever in it.
fn entry(cache: &Path) -> std::path::PathBuf {
    let mut found = Vec::new();
    let mut folders = vec![cache.to_owned()];
    while let Some(folder) = folders.pop() {
        for name in names_in(&folder) {
            let path = folder.join(&name);
            if path.is_dir() {
                folders.push(path);
            } else if name != "key" {
                found.push(path);
            }
        }
    }
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn a_component_is_compiled_once() {
    let (project, cache) = cached();
    project.ok(["upgrade", "head"]);
    let entry = entry(&cache);
    let stamp = |path: &Path| {
        let meta = fs::metadata(path).unwrap();
        (meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.mode() & 0o777)
    };
    let first = stamp(&entry);
    assert_eq!(first.3, 0o600);
    project.ok(["downgrade", "base"]);
    project.ok(["upgrade", "head"]);
    assert_eq!(stamp(&entry), first, "it was written again");
}

#[test]
fn a_tampered_entry_is_compiled_anew() {
    let (project, cache) = cached();
    project.ok(["upgrade", "head"]);
    let entry = entry(&cache);
    let good = fs::read(&entry).unwrap();
    for bytes in [
        good.iter().enumerate().map(|(place, byte)| if place == good.len() / 2 { byte ^ 1 } else { *byte }).collect(),
        good[..good.len() / 2].to_vec(),
        Vec::new(),
        vec![0; 64],
    ] {
        fs::write(&entry, &bytes).unwrap();
        let output = project.wmigrate(["downgrade", "base"]);
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        project.ok(["upgrade", "head"]);
        assert!(fs::read(&entry).unwrap() != bytes, "the damaged entry is still there");
    }
}

#[test]
fn an_unusable_cache_is_a_note() {
    let (project, cache) = cached();
    fs::write(&cache, "in the way").unwrap();
    let output = project.wmigrate(["upgrade", "head"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_eq!(output.stderr.matches("note: compiled components are not cached").count(), 1, "{}", output.stderr);
}

#[test]
fn a_full_disk_under_the_cache_is_a_note() {
    let (project, cache) = cached();
    fs::create_dir(&cache).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs"]).arg(&cache).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: a small tmpfs cannot be mounted here");
        return;
    }
    project.js("j1", "s1", "large engine", &js("", ""));
    let output = project.wmigrate(["upgrade", "head"]);
    let left: Vec<_> = names_in(&cache);
    assert!(Command::new("umount").arg(&cache).status().unwrap().success());
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(output.stderr.contains("note: compiled components are not cached"), "{}", output.stderr);
    assert!(left.iter().all(|name| !name.contains(".part")), "{left:?}");
}
