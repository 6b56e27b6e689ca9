//! For tests about what happens while a command runs: histories of many revisions, sessions that hold something, waiting
//! for a moment, signals, and the end of a process that was started.

use std::{
    fmt::Write as _,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::{Output, Project, sql::try_psql};

/// Longer than anything takes on a busy machine; reaching it is a failure.
const PATIENCE: Duration = Duration::from_mins(1);

/// A second opinion about what ran: each revision of [`chain`] adds a row, in its own transaction.
const RAN: &str = "SELECT count(*), count(DISTINCT revision) FROM ran";

/// Writes `count` revisions `r001`, `r002`, … in one line. The first makes the table `ran`, each adds its row to it.
pub fn chain(project: &Project, count: usize) {
    chain_with(project, count, "");
}

/// The same, with another statement in each upgrade.
pub fn chain_with(project: &Project, count: usize, more: &str) {
    for number in 1..=count {
        let (id, parent) = (id(number), if number == 1 { String::new() } else { id(number - 1) });
        let (mut up, mut down) = (String::new(), format!("DROP TABLE t{number};"));
        if number == 1 {
            up.push_str("CREATE TABLE ran (revision text, at timestamptz DEFAULT clock_timestamp());\n");
            down.push_str("\nDROP TABLE ran;");
        } else {
            write!(down, "\nDELETE FROM ran WHERE revision = '{id}';").unwrap();
        }
        write!(up, "CREATE TABLE t{number} (id int PRIMARY KEY);\nINSERT INTO ran VALUES ('{id}');\n{more}").unwrap();
        project.sql(&id, &parent, &format!("step {number}"), &up, &down);
    }
}

/// Id of a revision of [`chain`].
pub fn id(number: usize) -> String {
    format!("r{number:03}")
}

/// Asserts that each of `count` revisions is applied, and ran well exactly once.
#[track_caller]
pub fn assert_once(project: &Project, count: usize) {
    assert_eq!(project.psql("SELECT revision FROM wmigrate.version"), id(count));
    let once =
        "SELECT count(*), count(DISTINCT revision) FROM wmigrate.log WHERE outcome = 'ok' AND direction = 'upgrade'";
    assert_eq!(project.psql(once), format!("{count}|{count}"));
    assert_eq!(project.psql(RAN), format!("{count}|{count}"));
}

/// Rows of the log, oldest first, as `revision|direction|outcome`.
pub fn log(project: &Project) -> String {
    project.psql("SELECT revision, direction, outcome FROM wmigrate.log ORDER BY id")
}

/// How many sessions hold an advisory lock in the project's database.
pub fn locks(project: &Project) -> String {
    project.psql(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
}

/// Waits until a query answers `expected`.
#[track_caller]
pub fn wait_for(project: &Project, sql: &str, expected: &str) {
    let begun = Instant::now();
    loop {
        let answer = try_psql(project.url(), sql).unwrap_or_else(|error| error);
        if answer == expected {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "`{sql}` never answered `{expected}`, but `{answer}`");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until a statement that contains `text` runs in a session of wmigrate's.
#[track_caller]
pub fn wait_until_running(project: &Project, text: &str) {
    let sql = format!(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
         AND pid <> pg_backend_pid() AND query LIKE '%{text}%' AND application_name LIKE 'wmigrate%'"
    );
    wait_for(project, &sql, "t");
}

/// Sends a signal, `INT` or `TERM`.
pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status().unwrap();
    assert!(sent.success(), "kill -{name}: {sent}");
}

/// Waits for the end and collects the output.
#[track_caller]
pub fn finish(mut child: Child) -> Output {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            drop(child.kill());
            let output = child.wait_with_output().unwrap();
            panic!("it hangs; it said:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap().into()
}

/// Asserts the exit code and that each text is in the error output.
#[track_caller]
pub fn assert_says(output: &Output, code: i32, texts: &[&str]) {
    let all = format!("exit {:?}\nstdout:\n{}\nstderr:\n{}", output.code, output.stdout, output.stderr);
    assert_eq!(output.code, Some(code), "{all}");
    for text in texts {
        assert!(output.stderr.contains(text), "`{text}` is missing\n{all}");
    }
}

/// A session that stays open between statements, to hold locks and transactions.
pub struct Session {
    runtime: tokio::runtime::Runtime,
    client: tokio_postgres::Client,
}

impl Session {
    /// Connects.
    pub fn open(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        });
        Self { runtime, client }
    }

    /// Runs statements; the first cell of the last row, or nothing.
    pub fn run(&self, sql: &str) -> String {
        let messages =
            self.runtime.block_on(self.client.simple_query(sql)).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        rows.last().unwrap_or_default().to_owned()
    }
}

/// How often a test about chance is repeated: `WMIGRATE_TEST_ROUNDS`, or `usual`.
pub fn rounds(usual: usize) -> usize {
    match std::env::var("WMIGRATE_TEST_ROUNDS") {
        Ok(text) if !text.is_empty() => text.parse().expect("WMIGRATE_TEST_ROUNDS is a number"),
        _ => usual,
    }
}
