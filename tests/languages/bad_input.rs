//! Bad revisions in every language: what is said to each, and that nothing of it stays. The same table is
//! `docs/languages/bad-input.md`.

use std::fs;

use super::{MISSING, WRONG_ENGINE, is_here, with_python};
use crate::bundle::ALTERED;
use crate::support::{Project, cluster, project::front_matter};

/// One bad revision.
struct Bad {
    input: &'static str,
    language: &'static str,
    text: Text,
    code: i32,
    /// What stands on stderr. A compiler's own words differ from version to version, and are not among them.
    says: &'static [&'static str],
}

/// The revision, less its front matter.
enum Text {
    /// Only `upgrade`, with a good `downgrade` put to it.
    Up(&'static str),
    Whole(&'static str),
}

use Text::{Up, Whole};

const fn bad(input: &'static str, language: &'static str, text: Text, code: i32, says: &'static [&'static str]) -> Bad {
    Bad { input, language, text, code, says }
}

const SYNTAX: &str = "a syntax error";
const EXPORT: &str = "a missing export";
const ERROR: &str = "an exception or error with a message";
const WORDLESS: &str = "one without a message";
const PANIC: &str = "a panic";
const PROMISE: &str = "a promise that never settles";
const RETURN: &str = "a wrong return type";
const UTF8: &str = "a statement that is no UTF-8";
const FILES: &str = "code that needs files";
const NETWORK: &str = "code that needs the network";
const MODULE: &str = "a module that is not there";

const CASES: &[Bad] = &[
    bad(
        SYNTAX,
        "js",
        Up("export function upgrade() { let = ; }"),
        1,
        &["SyntaxError: variable name expected", "3c00_bad.js:7:33"],
    ),
    bad(
        SYNTAX,
        "ts",
        Up("export function upgrade(): void { const a: = 1; }"),
        1,
        &["3c00_bad.ts:7:44: Unexpected token `=`.", "hint: correct the source"],
    ),
    bad(SYNTAX, "py", Up("def upgrade()\n    pass"), 1, &["SyntaxError: expected ':'", "3c00_bad.py\", line 7"]),
    bad(
        SYNTAX,
        "rs",
        Up("fn upgrade() -> Result<()> { let = 1; Ok(()) }"),
        1,
        &["does not compile", "3c00_bad.rs:10:34"],
    ),
    bad(
        SYNTAX,
        "go",
        Up("func upgrade() error {\n\tx := \n\treturn nil\n}"),
        1,
        &["does not compile", "3c00_bad.go:15:2: syntax error"],
    ),
    bad(
        SYNTAX,
        "c",
        Up("static wm_result upgrade(void) { return wm_ok() }"),
        1,
        &["does not compile", "3c00_bad.c:9:48: error: expected ';'"],
    ),
    bad(
        SYNTAX,
        "cpp",
        Up("static wm_result upgrade() { return wm_ok() }"),
        1,
        &["does not compile", "3c00_bad.cpp:9:44: error: expected ';'"],
    ),
    bad(
        SYNTAX,
        "zig",
        Up("pub fn upgrade() !void { const a = ; }"),
        1,
        &["does not compile", "3c00_bad.zig:9:36: error: "],
    ),
    bad(EXPORT, "js", Up(""), 1, &["the revision exports no `upgrade`"]),
    bad(EXPORT, "ts", Up(""), 1, &["the revision exports no `upgrade`"]),
    bad(EXPORT, "py", Up(""), 1, &["the revision defines no `upgrade`: `def upgrade(): …`"]),
    bad(
        EXPORT,
        "rs",
        Whole("use wmigrate_guest::prelude::*;\npub fn upgrade() -> Result<()> { Ok(()) }\n"),
        1,
        &["could not be built", "the compiled module is no revision: it does not export `upgrade`"],
    ),
    bad(
        EXPORT,
        "go",
        Whole("package main\n\nfunc main() {}\n"),
        1,
        &["the compiled module is no revision: it does not export `upgrade`"],
    ),
    bad(
        EXPORT,
        "c",
        Whole("#include \"wmigrate.h\"\n"),
        1,
        &["the compiled module is no revision: it does not export `upgrade`"],
    ),
    bad(
        EXPORT,
        "cpp",
        Whole("#include \"wmigrate.h\"\n"),
        1,
        &["the compiled module is no revision: it does not export `upgrade`"],
    ),
    bad(EXPORT, "zig", Up(""), 1, &["the revision has no `pub fn upgrade() !void`"]),
    bad(
        ERROR,
        "js",
        Up("export function upgrade() { throw new Error(\"no names\"); }"),
        1,
        &["caused by: Error: no names", "3c00_bad.js:7:39"],
    ),
    bad(
        ERROR,
        "ts",
        Up("export function upgrade(): void { throw new TypeError(\"no names\"); }"),
        1,
        &["caused by: TypeError: no names", "3c00_bad.ts:7:45"],
    ),
    bad(
        ERROR,
        "py",
        Up("def upgrade():\n    raise ValueError(\"no names\")"),
        1,
        &["caused by: ValueError: no names", "3c00_bad.py\", line 8, in upgrade"],
    ),
    bad(ERROR, "rs", Up("fn upgrade() -> Result<()> { bail!(\"no names\") }"), 1, &["caused by: no names"]),
    bad(ERROR, "go", Up("func upgrade() error { return errorf(\"no names\") }"), 1, &["caused by: no names"]),
    bad(
        ERROR,
        "c",
        Up("static wm_result upgrade(void) { return wm_fail(\"no names\"); }"),
        1,
        &["caused by: no names", "at upgrade (3c00_bad.c:9)"],
    ),
    bad(
        ERROR,
        "cpp",
        Up("static wm_result upgrade() { return wm_fail(\"no names\"); }"),
        1,
        &["caused by: no names", "at upgrade (3c00_bad.cpp:9)"],
    ),
    bad(ERROR, "zig", Up("pub fn upgrade() !void { return wm.fail(\"no names\", .{}); }"), 1, &["caused by: no names"]),
    bad(WORDLESS, "js", Up("export function upgrade() { throw undefined; }"), 1, &["caused by: uncaught undefined"]),
    bad(
        WORDLESS,
        "ts",
        Up("export function upgrade(): void { throw new Error(); }"),
        1,
        &["caused by: Error: ", "3c00_bad.ts:7:45"],
    ),
    bad(
        WORDLESS,
        "py",
        Up("def upgrade():\n    raise ValueError"),
        1,
        &["caused by: ValueError", "line 8, in upgrade"],
    ),
    bad(
        WORDLESS,
        "rs",
        Up("fn upgrade() -> Result<()> { bail!(\"\") }"),
        1,
        &["caused by: an error without a message"],
    ),
    bad(
        WORDLESS,
        "go",
        Up("func upgrade() error { return errorf(\"\") }"),
        1,
        &["caused by: an error of type *errors.errorString without a message"],
    ),
    bad(
        WORDLESS,
        "c",
        Up("static wm_result upgrade(void) { return wm_fail(\"\"); }"),
        1,
        &["caused by: an error without a message", "at upgrade (3c00_bad.c:9)"],
    ),
    bad(WORDLESS, "zig", Up("pub fn upgrade() !void { return error.NoNames; }"), 1, &["caused by: error.NoNames"]),
    bad(
        PANIC,
        "rs",
        Up("fn upgrade() -> Result<()> { panic!(\"no names\") }"),
        13,
        &["it trapped: unreachable code", "panicked at 3c00_bad.rs:10: no names"],
    ),
    bad(
        PANIC,
        "go",
        Up("func upgrade() error { panic(\"no names\") }"),
        13,
        &["it trapped: unreachable code", "panic: no names", "at main.upgrade (3c00_bad.go:13)"],
    ),
    bad(PANIC, "c", Up("static wm_result upgrade(void) { __builtin_trap(); }"), 13, &["it trapped: unreachable code"]),
    bad(
        PANIC,
        "zig",
        Up("pub fn upgrade() !void { @panic(\"no names\"); }"),
        13,
        &["it trapped: unreachable code", "no names"],
    ),
    bad(
        PROMISE,
        "js",
        Up("export async function upgrade() { await new Promise(() => {}); }"),
        1,
        &["`upgrade` returned a promise; revisions are synchronous, so leave out `async` and `await`"],
    ),
    bad(
        PROMISE,
        "ts",
        Up("export function upgrade(): Promise<void> { return new Promise(() => {}); }"),
        1,
        &["`upgrade` returned a promise; revisions are synchronous, so leave out `async` and `await`"],
    ),
    bad(
        PROMISE,
        "py",
        Up("async def upgrade():\n    pass"),
        1,
        &["`upgrade` returned a coroutine; revisions are synchronous, so leave out `async` and `await`"],
    ),
    bad(
        RETURN,
        "js",
        Up("export function* upgrade() { yield 1; }"),
        1,
        &["`upgrade` is a generator, of which nothing has run; leave out the `*`"],
    ),
    bad(
        RETURN,
        "py",
        Up("def upgrade():\n    yield 1"),
        1,
        &["`upgrade` is a generator, of which nothing has run; leave out `yield`"],
    ),
    bad(RETURN, "rs", Up("fn upgrade() -> i32 { 5 }"), 1, &["does not compile", "3c00_bad.rs:8:1"]),
    bad(RETURN, "go", Up("func upgrade() int { return 5 }"), 1, &["does not compile", "3c00_bad.go:11:"]),
    bad(
        RETURN,
        "c",
        Up("static int upgrade(void) { return 5; }"),
        1,
        &["does not compile", "3c00_bad.c:10:1: error: "],
    ),
    bad(
        RETURN,
        "zig",
        Up("pub fn upgrade() i32 { return 5; }"),
        1,
        &["does not compile", "value of type 'i32' ignored"],
    ),
    bad(
        UTF8,
        "go",
        Up("func upgrade() error { _, err := wmigrate.Execute(\"SELECT '\\xff'\"); return err }"),
        1,
        &["the statement is not valid UTF-8 (SQLSTATE 22021)"],
    ),
    bad(
        UTF8,
        "c",
        Up("static wm_result upgrade(void) { WM_TRY(wm_execute(\"SELECT '\\xff'\")); return wm_ok(); }"),
        1,
        &["the statement is no UTF-8: byte 0xff at place 9 (SQLSTATE 22021)", "at upgrade (3c00_bad.c:9)"],
    ),
    bad(
        UTF8,
        "zig",
        Up("pub fn upgrade() !void { _ = try wm.sql.execute(\"SELECT '\\xff'\", .{}); }"),
        1,
        &["the statement is no UTF-8 (SQLSTATE 22021)"],
    ),
    bad(
        FILES,
        "js",
        Up("import fs from \"fs\";\nexport function upgrade() {}"),
        1,
        &[
            "SyntaxError: cannot import \"fs\": a revision is one file and imports only \"wmigrate\"",
            "3c00_bad.js:7:16",
        ],
    ),
    bad(
        FILES,
        "py",
        Up("def upgrade():\n    open(\"/etc/passwd\")"),
        1,
        &[
            "FileNotFoundError",
            "line 8, in upgrade",
            "hint: a revision has no files, no network, no processes and no threads: it reaches the database, by `sql`, and nothing else",
        ],
    ),
    bad(
        FILES,
        "rs",
        Up("fn upgrade() -> Result<()> { std::fs::read(\"/etc/passwd\").map_err(|error| error.to_string())?; Ok(()) }"),
        1,
        &["operation not supported on this platform"],
    ),
    bad(
        FILES,
        "go",
        Up("func upgrade() error { _, err := os.ReadFile(\"/etc/passwd\"); return err }"),
        1,
        &["open /etc/passwd: Bad file number"],
    ),
    bad(
        FILES,
        "c",
        Up(
            "#include <stdio.h>\nstatic wm_result upgrade(void) { if (!fopen(\"/etc/passwd\", \"r\")) return wm_fail(\"no such file\"); return wm_ok(); }",
        ),
        1,
        &["caused by: no such file"],
    ),
    bad(
        NETWORK,
        "js",
        Up("export function upgrade() { fetch(\"http://example.org\"); }"),
        1,
        &["ReferenceError: fetch is not defined", "3c00_bad.js:7:29"],
    ),
    bad(
        NETWORK,
        "py",
        Up("import socket\n\n\ndef upgrade():\n    socket.create_connection((\"example.org\", 80))"),
        1,
        &["socket.gaierror", "line 11, in upgrade", "hint: a revision has no files, no network"],
    ),
    bad(
        NETWORK,
        "rs",
        Up(
            "fn upgrade() -> Result<()> { std::net::TcpStream::connect(\"example.org:80\").map_err(|error| error.to_string())?; Ok(()) }",
        ),
        1,
        &["operation not supported on this platform"],
    ),
    bad(
        NETWORK,
        "go",
        Up("func upgrade() error { _, err := net.Dial(\"tcp\", \"example.org:80\"); return err }"),
        1,
        &["dial tcp: lookup example.org"],
    ),
    bad(
        MODULE,
        "js",
        Up("import left from \"left-pad\";\nexport function upgrade() {}"),
        1,
        &["cannot import \"left-pad\": a revision is one file and imports only \"wmigrate\""],
    ),
    bad(
        MODULE,
        "py",
        Up("import numpy\n\n\ndef upgrade():\n    pass"),
        1,
        &[
            "ModuleNotFoundError: No module named 'numpy'",
            "hint: a revision imports `wmigrate`, modules of Python's own, and what lies in its folder",
        ],
    ),
    bad(
        MODULE,
        "rs",
        Up("use nothing_such::A;\nfn upgrade() -> Result<()> { Ok(()) }"),
        1,
        &["does not compile", "nothing_such"],
    ),
    bad(
        MODULE,
        "go",
        Whole("package main\n\nimport _ \"example.org/left\"\n\nfunc main() {}\n"),
        1,
        &["could not be built", "example.org/left"],
    ),
    bad(
        MODULE,
        "c",
        Up("#include \"left.h\"\nstatic wm_result upgrade(void) { return wm_ok(); }"),
        1,
        &["does not compile", "'left.h' file not found"],
    ),
    bad(
        MODULE,
        "zig",
        Up("const left = @import(\"left\");\npub fn upgrade() !void { left.pad(); }"),
        1,
        &["does not compile", "no module named 'left'"],
    ),
];

/// The file with what every revision of its language has.
fn text_of(case: &Bad) -> String {
    let comment = if case.language == "py" { "#" } else { "//" };
    let front = front_matter(comment, "3c00", "1a00", "bad", "");
    let up = match case.text {
        Whole(text) => return front + text,
        Up(text) => text,
    };
    let body = match case.language {
        "js" | "ts" => format!("{up}\nexport function downgrade() {{}}\n"),
        "py" => format!("{up}\n\n\ndef downgrade():\n    pass\n"),
        "rs" => format!(
            "use wmigrate_guest::prelude::*;\nexport!(upgrade, downgrade);\nfn downgrade() -> Result<()> {{ Ok(()) }}\n{up}\n"
        ),
        "go" => {
            let packages: String = ["net", "os"]
                .iter()
                .filter(|name| up.contains(&format!("{name}.")))
                .map(|name| format!("import \"{name}\"\n"))
                .collect();
            // Lines stay where they are, whatever is imported.
            let (errors, errorf) = if up.contains("errorf(") {
                ("import \"errors\"", "func errorf(text string) error { return errors.New(text) }")
            } else {
                ("", "")
            };
            format!(
                "package main\n\nimport \"wmigrate\"; {} {errors}\nfunc downgrade() error {{ return nil }}; {errorf}\n\
                 func main() {{ wmigrate.Export(upgrade, downgrade) }}\n\n{up}\n",
                packages.trim().replace('\n', "; ")
            )
        }
        "c" | "cpp" => format!(
            "#include \"wmigrate.h\"\nstatic wm_result downgrade(void) {{ return wm_ok(); }}\n{up}\nWM_REVISION(upgrade, downgrade)\n"
        ),
        "zig" => format!("const wm = @import(\"wmigrate\");\npub fn downgrade() !void {{}}\n{up}\n"),
        other => panic!("no frame for {other}"),
    };
    front + &body
}

/// The cases of one language, and what is wrong with them.
fn check(language: &str) {
    let project = with_python();
    project.sql("1a00", "", "before", "CREATE TABLE t (id int);", "DROP TABLE t;");
    project.ok(["upgrade", "head"]);
    let state = |project: &Project| {
        project.psql(
            "SELECT (SELECT string_agg(revision, ' ') FROM wmigrate.version), (SELECT count(*) FROM wmigrate.log WHERE outcome = 'ok'), \
             (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace)",
        )
    };
    let before = state(&project);
    let mut wrong = Vec::new();
    for case in CASES.iter().filter(|case| case.language == language) {
        let path = project.write(&format!("versions/3c00_bad.{language}"), text_of(case));
        let output = project.wmigrate(["upgrade", "head"]);
        fs::remove_file(path).unwrap();
        if !is_here(&output, language) {
            return;
        }
        let missed = case.says.iter().find(|text| !output.stderr.contains(**text));
        let place = "the database is at `1a00`; nothing was changed";
        if output.code != Some(case.code)
            || missed.is_some()
            || !output.stderr.contains(place)
            || state(&project) != before
        {
            wrong.push(format!("{}: {:?}, without {missed:?}\n{}", case.input, output.code, output.stderr));
        }
    }
    assert!(wrong.is_empty(), "{language}:\n{}", wrong.join("\n"));
    project.ok(["downgrade", "base"]);
}

#[test]
fn javascript_and_typescript() {
    check("js");
    check("ts");
}

#[test]
fn python() {
    check("py");
}

#[test]
fn rust() {
    check("rs");
}

#[test]
fn go() {
    check("go");
}

#[test]
fn c_and_cpp() {
    check("c");
    check("cpp");
}

#[test]
fn zig() {
    check("zig");
}

#[test]
fn the_document_shows_the_table() {
    cluster::assert_document("languages/bad-input.md", &document());
}

fn document() -> String {
    let cell = |text: &str| text.replace('|', "\\|").replace('<', "&lt;");
    let mut text = "# Bad revisions\n\nWhat `wmigrate upgrade head` says to them. Written from the tables in `tests/languages/`, which tests run: \
                    the parts of each message are looked for word for word, and after each the database is at the revision before, which the \
                    message says too. A compiler's own words, which differ from version to version, are left out. Bad files, bundles and \
                    servers, whatever the language: [bad input](../bad-input.md).\n\n\
                    | input | language | exit code | message |\n|---|---|---|---|\n"
        .to_owned();
    for Bad { input, language, code, says, .. } in CASES {
        let says: Vec<_> = says.iter().map(|part| cell(part.trim())).collect();
        text.push_str(&format!("| {input} | {language} | {code} | {} |\n", says.join("<br>")));
    }
    text.push_str("\n## Missing toolchains\n\nWith an empty `PATH` and an empty cache. The exit code is 1.\n\n| language | message |\n|---|---|\n");
    for (language, says) in MISSING {
        text.push_str(&format!("| {language} | {} |\n", cell(says)));
    }
    text.push_str("\n## Engines and bundles\n\nThe exit code is 12, and nothing was run.\n\n| input | command | message |\n|---|---|---|\n");
    let engine = ("a file that is not the engine", "engine add python --from FILE", WRONG_ENGINE);
    let bundles = ALTERED.map(|(input, says)| (input, "upgrade head --versions app.wmigrate", says));
    for (input, command, says) in [engine].into_iter().chain(bundles) {
        let says: Vec<_> = says.iter().map(|part| cell(part.trim())).collect();
        text.push_str(&format!("| {input} | `wmigrate {command}` | {} |\n", says.join("<br>")));
    }
    text
}
