//! Bad input gets a clear error, and nothing is lost. One table says for each input the command, the exit code and every
//! word on stderr; after each the database must be exactly where it was. The same table is `docs/bad-input.md`.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails, and says why")]

use std::{
    fs,
    time::{Duration, Instant},
};

use wmigrate::versions::section::{Metadata, WORLD, stamp};

use crate::{
    commands::{has_schema, relations, rows},
    support::{
        Project, TestServer, cluster,
        project::front_matter,
        sql::try_psql,
        transcript::{Filters, compare, words},
    },
};

mod table;

use table::{CASES, Case, Content, SERVERS};

/// The SQL engine: a real component, and large enough to be cut.
const COMPONENT: &[u8] = include_bytes!("../guest-sdk/engines/sql.wasm");

/// Two applied revisions. The cases add a third, `3c00`.
fn project() -> Project {
    let project = Project::new();
    project.sql("1a00", "", "create accounts", "CREATE TABLE accounts (id int PRIMARY KEY);", "DROP TABLE accounts;");
    let mood = "CREATE TYPE mood AS ENUM ('good');\nCREATE TABLE moods (mood mood);";
    project.sql("2b00", "1a00", "create moods", mood, "DROP TABLE moods;\nDROP TYPE mood;");
    project.ok(["upgrade", "head"]);
    project.psql("INSERT INTO accounts VALUES (1)");
    project
}

fn bytes_of(content: Content) -> Vec<u8> {
    match content {
        Content::Bytes(bytes) => bytes.to_vec(),
        Content::Sql(text) => format!("{}{text}", front_matter("--", "3c00", "2b00", "bad", "")).into_bytes(),
        Content::SqlWith(more, text) => {
            format!("{}{text}", front_matter("--", "3c00", "2b00", "bad", more)).into_bytes()
        }
        Content::Revision(id, down, more) => {
            format!("{}-- wmigrate:upgrade\n", front_matter("--", id, down, "bad", more)).into_bytes()
        }
        Content::Truncated(length) => COMPONENT[..length].to_vec(),
        Content::Component(text) => {
            let metadata = Metadata {
                v: 1,
                revision: "3c00".to_owned(),
                down_revision: vec!["2b00".to_owned()],
                depends_on: Vec::new(),
                branch_labels: Vec::new(),
                message: "bad".to_owned(),
                created: None,
                transaction: "revision".to_owned(),
                irreversible: false,
                limits: wmigrate::versions::Limits::default(),
                world: WORLD.to_owned(),
            };
            stamp(&wat::parse_str(text).unwrap(), &metadata, None).unwrap()
        }
        Content::Unstamped(text) => wat::parse_str(text).unwrap(),
    }
}

/// Everything that a failed command must leave alone; a failed run may add a line about itself to the log.
fn state(project: &Project) -> String {
    let rest = project.psql(
        "SELECT (SELECT count(*) FROM wmigrate.log WHERE outcome = 'ok'), (SELECT count(*) FROM accounts), \
         (SELECT count(*) FROM moods), (SELECT count(*) FROM pg_namespace), (SELECT count(*) FROM pg_enum)",
    );
    format!("{} / {} / {rest}", rows(project), relations(project))
}

#[test]
fn the_table() {
    let project = project();
    let filters = Filters::of(&project);
    let before = state(&project);
    let mut wrong = Vec::new();
    for case in CASES {
        let paths: Vec<_> = case
            .files
            .iter()
            .map(|(name, content)| project.write(&format!("versions/{name}"), bytes_of(*content)))
            .collect();
        let output = project.wmigrate(words(case.command));
        let said = filters.apply(&output.stderr);
        let agrees = std::panic::catch_unwind(|| {
            assert_eq!(output.code, Some(case.code));
            compare(&said, case.stderr);
            assert_eq!(output.stdout, "");
            assert_eq!(state(&project), before);
        });
        if agrees.is_err() {
            wrong.push(format!("{}: {:?}\n{said}", case.input, output.code));
        }
        for path in paths {
            fs::remove_file(path).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // And everything goes on from there.
    project.ok(["downgrade", "base"]);
    assert_eq!((rows(&project).as_str(), relations(&project).as_str()), ("", ""));
}

#[test]
fn the_document_shows_the_table() {
    cluster::assert_document("bad-input.md", &document());
}

fn document() -> String {
    let head = "| input | command | exit code | message |\n|---|---|---|---|\n";
    let cell = |stderr: &str| {
        let lines: Vec<_> =
            stderr.trim().lines().map(|line| line.trim().replace('|', "\\|").replace('<', "&lt;")).collect();
        lines.join("<br>")
    };
    let mut text = format!(
        "# Bad input\n\nWhat wmigrate says to it. Written from the tables in `tests/bad_input/table.rs`, which tests run: every \
         command below is one, every message is compared word for word, and after each of them the database is exactly where \
         it was before.\n\n## Files and targets\n\nThe database is at `2b00`; the bad revision is `3c00`; `[PROJECT]` is the \
         project's folder.\n\n{head}"
    );
    for Case { input, command, code, stderr, .. } in CASES {
        text.push_str(&format!("| {input} | `wmigrate {command}` | {code} | {} |\n", cell(stderr)));
    }
    text.push_str(&format!("\n## Servers and databases\n\n{head}"));
    for row in SERVERS {
        let commands: Vec<_> = row.commands.iter().map(|command| format!("`wmigrate {command}`")).collect();
        text.push_str(&format!("| {} | {} | {} | {} |\n", row.input, commands.join(", "), row.code, cell(row.stderr)));
    }
    text
}

/// The rows of the second table that are about this input.
#[track_caller]
fn check_server(project: &Project, hide: &[(&str, &str)], input: &str) {
    let filters = hide.iter().fold(Filters::of(project), |filters, (text, by)| filters.hide(text, by));
    let mut found = false;
    for row in SERVERS.iter().filter(|row| row.input == input) {
        for command in row.commands {
            let output = project.wmigrate(words(command));
            assert_eq!(output.code, Some(row.code), "{command}: {}", output.stderr);
            compare(&filters.apply(&output.stderr), row.stderr);
            assert_eq!(output.stdout, "");
        }
        found = true;
    }
    assert!(found, "no row is about `{input}`");
}

/// A history of one revision.
fn with_history(project: Project) -> Project {
    project.sql("1a00", "", "create t", "CREATE TABLE t (id int);", "DROP TABLE t;");
    project
}

#[test]
fn no_server() {
    let mut project = with_history(Project::without_database());
    project.set("DATABASE_URL", "postgresql://postgres@127.0.0.1:1/app");
    check_server(&project, &[], "nobody listens on the port");
    project.set("DATABASE_URL", "postgresql://postgres@/app?host=/nowhere");
    check_server(&project, &[], "no socket in the folder");
    project.set("DATABASE_URL", "mysql://root@localhost/app");
    check_server(&project, &[], "the URL of another database system");
}

#[test]
fn no_database() {
    let mut project = with_history(Project::new());
    let name = project.database.as_ref().unwrap().name.clone();
    project.set("DATABASE_URL", &project.url().replace(&name, "nowhere"));
    let socket = TestServer::shared().server().socket_folder().display().to_string();
    check_server(&project, &[(&socket, "[SOCKET]")], "a database that does not exist");
}

#[test]
fn a_wrong_password() {
    let server = TestServer::start_extra(&[("password_encryption", "scram-sha-256")]);
    let admin = server.url();
    try_psql(&admin, "CREATE ROLE app LOGIN PASSWORD 'right horse'").unwrap();
    let hba = server.server().data_folder().join("pg_hba.conf");
    fs::write(&hba, "local all postgres trust\nlocal all app scram-sha-256\n").unwrap();
    try_psql(&admin, "SELECT pg_reload_conf()").unwrap();
    let mut project = with_history(Project::without_database());
    let socket = server.server().socket_folder().display().to_string();
    let hide = [(socket.as_str(), "[SOCKET]")];
    let url = |password: &str| format!("postgresql://app{password}@/postgres?host={socket}");
    // The new rules hold once the server has read them.
    let deadline = Instant::now() + Duration::from_secs(10);
    while try_psql(&url(""), "SELECT 1").is_ok() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    project.set("DATABASE_URL", &url(":wrong%20pony"));
    let wrong = project.wmigrate(["upgrade", "head"]);
    assert!(!format!("{wrong:?}").contains("pony"), "{wrong:?}");
    check_server(&project, &hide, "a wrong password");
    project.set("DATABASE_URL", &url(""));
    check_server(&project, &hide, "no password");
    try_psql(&admin, "GRANT CREATE ON DATABASE postgres TO app; GRANT CREATE ON SCHEMA public TO app").unwrap();
    project.set("DATABASE_URL", &url(":right%20horse"));
    let shown = project.wmigrate(["upgrade", "head", "-v"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    for command in ["status", "status --json", "current -v", "log -v"] {
        let output = project.wmigrate(words(command));
        assert!(output.code == Some(0) && !format!("{output:?}").contains("horse"), "{command}: {output:?}");
    }
}

#[test]
fn no_right_to_create_the_schema() {
    let mut project = with_history(Project::new());
    let database = project.database.as_ref().unwrap();
    let role = format!("weak_{}", database.name);
    project.psql(&format!("CREATE ROLE {role} LOGIN"));
    let (url, name) = (database.url_as(&role), database.name.clone());
    project.set("DATABASE_URL", &url);
    check_server(&project, &[], "a role that may not create the schema");
    // It may still look.
    project.ok(["current"]);
    project.ok(["status"]);
    assert!(!has_schema(&project));
    // The hint helps.
    project.psql(&format!("GRANT CREATE ON DATABASE {name} TO {role}; GRANT CREATE ON SCHEMA public TO {role}"));
    project.ok(["upgrade", "head"]);
    assert_eq!(rows(&project), "1a00");
    project.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn a_server_that_takes_no_writes() {
    let mut project = with_history(Project::new());
    let url = format!("{}&options=-cdefault_transaction_read_only%3Don", project.url());
    project.set("DATABASE_URL", &url);
    check_server(&project, &[], "a read-only server");
    assert!(project.ok(["status"]).contains("\nwrites    none: `default_transaction_read_only` is on\n"));
    assert_eq!(project.ok(["current"]), "");
    assert!(!has_schema(&project));
    // At head nothing needs to be written, and so nothing is refused.
    let writable = project.url().to_owned();
    project.set("DATABASE_URL", &writable);
    project.ok(["upgrade", "head"]);
    project.set("DATABASE_URL", &url);
    project.ok(["upgrade", "head"]);
}

#[test]
fn a_version_row_without_a_file() {
    let project = with_history(Project::new());
    project.ok(["upgrade", "head"]);
    project.psql("UPDATE wmigrate.version SET revision = 'beef'");
    check_server(&project, &[], "a version row without a file");
    assert_eq!((rows(&project).as_str(), relations(&project).as_str()), ("beef", "t"));
}

/// What only looks like bad input.
#[test]
fn words_that_mean_nothing_where_they_stand() {
    let project = project();
    let upgrade = "-- BEGIN; COMMIT; VACUUM; CREATE INDEX CONCURRENTLY\n\
        CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'COMMIT; VACUUM; \\i x'; END $$;\n\
        COMMENT ON TABLE accounts IS 'CREATE INDEX CONCURRENTLY; COMMIT;';\n\
        CREATE TABLE vacuum_log (\"commit\" int, concurrently_ text);";
    project.sql("3c00", "2b00", "words", upgrade, "DROP FUNCTION f;\nDROP TABLE vacuum_log;");
    // Alone in its revision it is fine.
    project.sql("4d00", "3c00", "value", "ALTER TYPE mood ADD VALUE 'meh';", "");
    project.sql("5e00", "4d00", "use it", "INSERT INTO moods VALUES ('meh');", "DELETE FROM moods;");
    project.sql("6f00", "5e00", "nothing at all", "", "-- a comment");
    project.ok(["upgrade", "head"]);
    assert_eq!(project.psql("SELECT * FROM moods"), "meh");
    project.ok(["downgrade", "2b00"]);
    assert_eq!(relations(&project), "accounts moods");
}

#[test]
fn a_schema_that_is_not_ours() {
    let project = Project::new();
    project.sql("1a00", "", "create t", "CREATE TABLE t (id int);", "DROP TABLE t;");
    project.psql("CREATE SCHEMA wmigrate; COMMENT ON SCHEMA wmigrate IS 'wmigrate: layout 99'");
    let newer = project.wmigrate(["upgrade", "head"]);
    assert_eq!(newer.code, Some(1), "{}", newer.stderr);
    assert!(newer.stderr.contains("hint: use the newer wmigrate that has been here"), "{}", newer.stderr);
    project.psql("COMMENT ON SCHEMA wmigrate IS 'the migration office'");
    let foreign = project.wmigrate(["upgrade", "head"]);
    assert_eq!(foreign.code, Some(1), "{}", foreign.stderr);
    assert!(foreign.stderr.contains("hint: name another one under `[database] schema`"), "{}", foreign.stderr);
    assert_eq!(project.psql("SELECT count(*) FROM pg_class WHERE relnamespace = 'wmigrate'::regnamespace"), "0");
    // One that an administrator made for us is welcome.
    project.psql("COMMENT ON SCHEMA wmigrate IS NULL");
    project.ok(["upgrade", "head"]);
    assert_eq!(rows(&project), "1a00");
}

#[test]
fn a_configuration_that_is_wrong() {
    let project = Project::new();
    let check = |text: &str, message: &str| {
        project.write("wmigrate.toml", text);
        let output = project.wmigrate(["upgrade", "head"]);
        assert_eq!(output.code, Some(2), "{text}: {}", output.stderr);
        assert!(output.stderr.contains(message), "{text}: {}", output.stderr);
    };
    check("versions = [", "wmigrate.toml`, line 1, is wrong");
    check("version = [\"versions\"]\n", "did you mean `versions`?");
    check("[limits]\nmemory = \"much\"\n", "wmigrate.toml`, line 2, is wrong: `much` is not a size");
    project.write("wmigrate.toml", "versions = [\"elsewhere\"]\n");
    let output = project.wmigrate(["heads"]);
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("elsewhere` does not exist"), "{}", output.stderr);
    assert!(!has_schema(&project));
}

/// In a script of several statements the error says which, and where in the file; everything before it is taken back.
#[test]
fn an_error_in_a_script_has_a_place() {
    let project = project();
    let before = state(&project);
    let check = |name: &str, upgrade: &str, place: &str, statement: &str| {
        let path = project.sql("3c00", "2b00", name, upgrade, "");
        let stderr = project.wmigrate(["upgrade", "head"]).stderr;
        assert!(stderr.contains(&format!("\n    {place} in:\n    {statement}\n")), "{stderr}");
        assert!(stderr.ends_with("the database is at `2b00`; nothing was changed\n"), "{stderr}");
        assert_eq!(state(&project), before);
        fs::remove_file(path).unwrap();
    };
    // The front matter and the marker are seven lines.
    check("first line", "SELEC 1;", "at line 8 column 1", "SELEC 1");
    check("indented", "SELECT 1;\n\n   SELECT 2, nothing;", "at line 10 column 14", "SELECT 2, nothing");
    check("umlauts", "SELECT 'ÄÖÜ🐘', nothing;", "at line 8 column 16", "SELECT 'ÄÖÜ🐘', nothing");
    check("crlf", "SELECT 1;\r\nSELECT nothing;\r\n", "at line 9 column 8", "SELECT nothing");
    check("second on the line", "SELECT 1; SELECT nothing;", "at line 8 column 18", "SELECT nothing");
    // No position from the server: the statement's own.
    check("by value", "CREATE TABLE t ();\n  SELECT 1/0;", "at line 9 column 3", "SELECT 1/0");
    check(
        "unique",
        "INSERT INTO accounts VALUES (2);\nINSERT INTO accounts VALUES (1);",
        "at line 9 column 1",
        "INSERT INTO accounts VALUES (1)",
    );
}

#[test]
fn the_server_s_own_hint_and_detail_are_passed_on() {
    let project = project();
    project.sql("3c00", "2b00", "unique", "INSERT INTO accounts VALUES (1);", "");
    let stderr = project.wmigrate(["upgrade", "head"]).stderr;
    assert!(stderr.contains("  caused by: detail: Key (id)=(1) already exists.\n"), "{stderr}");
    fs::remove_file(project.folder.join("versions/3c00_unique.sql")).unwrap();
    let raise = "DO $$ BEGIN RAISE EXCEPTION 'no' USING HINT = 'ask the owner'; END $$;";
    project.sql("3c00", "2b00", "raise", raise, "");
    let stderr = project.wmigrate(["upgrade", "head"]).stderr;
    assert!(stderr.contains("\nhint: ask the owner\n"), "{stderr}");
}

#[test]
fn another_programs_lines_of_env_are_passed_over_and_ours_are_not() {
    let project = project();
    project.write(".env", "FOO=a b c\nBAR\n");
    project.ok(["heads"]);
    for line in ["WMIGRATE_DATABASE_URL=postgres://a b", "export DATABASE_URL", "PGHOST a"] {
        project.write(".env", format!("FOO=a b c\n{line}\n"));
        let output = project.wmigrate(["heads"]);
        assert_eq!(output.code, Some(2), "{line}: {}", output.stderr);
        assert!(output.stderr.contains("`.env` has a line that is not `NAME=value`"), "{}", output.stderr);
    }
}
