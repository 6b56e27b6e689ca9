//! The gate against a real server: what it lets pass leaves the transaction the one that it was. Statements are put together from
//! what the server's grammar and ours could take for different things; those that are refused are tried too, to see that the
//! test would notice.

use crate::support::{fresh_database, running::rounds};
use std::time::Duration;
use tokio_postgres::{Client, NoTls};
use wmigrate::sql::gate;

/// A sequence of numbers that is the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % count
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

/// What may stand between words; some of it is nothing to one reader and something to another.
const GAPS: &[&str] = &[
    " ",
    " ",
    " ",
    "\t",
    "\n",
    "\r",
    "\x0c",
    "\x0b",
    ";",
    "; ;",
    "/**/",
    "/* x */",
    "/* /* */ */",
    "/* */ */",
    "/*",
    "-- x\n",
    "--\r",
    "-- x",
    "\u{feff}",
    "\u{a0}",
    "\u{2028}",
    "",
    "(",
    ")",
    "\\",
    "$$",
    "'",
    "''",
    "E''",
    "\"",
];

const WORDS: &[&str] = &[
    "COMMIT",
    "commit",
    "CoMmIt",
    "END",
    "ROLLBACK",
    "ABORT",
    "BEGIN",
    "START",
    "SAVEPOINT",
    "RELEASE",
    "PREPARE",
    "EXECUTE",
    "DEALLOCATE",
    "DISCARD",
    "COPY",
    "DECLARE",
    "FETCH",
    "CLOSE",
    "EXPLAIN",
    "ANALYZE",
    "CALL",
    "DO",
    "SET",
    "RESET",
    "SHOW",
    "SELECT",
    "INSERT",
    "TABLE",
    "VALUES",
    "WITH",
    "CREATE",
    "ALTER",
    "DROP",
    "LOCK",
    "TRUNCATE",
    "COMMENT",
    "GRANT",
    "VACUUM",
    "CLUSTER",
    "COMMI\u{0422}",
    "\u{ff23}OMMIT",
    "\"COMMIT\"",
    "U&\"COMMIT\"",
    "U&\"\\0043OMMIT\"",
    "'COMMIT'",
    "COMMIT\\",
];

const TAILS: &[&str] = &[
    "",
    "1",
    "AND CHAIN",
    "AND NO CHAIN",
    "WORK",
    "TRANSACTION",
    "TRANSACTION 'x'",
    "PREPARED 'x'",
    "TO SAVEPOINT fuzz",
    "fuzz",
    "ALL",
    "TEMP",
    "PLANS",
    "$$ BEGIN COMMIT; END $$",
    "$$ BEGIN ROLLBACK; END $$",
    "$$ BEGIN EXECUTE 'COMMIT'; END $$",
    "$a$ BEGIN CALL ends(); END $a$",
    "ends()",
    "c CURSOR WITH HOLD FOR SELECT 1",
    "c CURSOR FOR SELECT 1",
    "t FROM STDIN",
    "t TO STDOUT",
    "t (id) FROM STDIN",
    "\"from\" FROM STDIN",
    "(SELECT 1) TO STDOUT",
    "t FROM STDOUT",
    "TRANSACTION READ ONLY",
    "TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "LOCAL statement_timeout = 0",
    "ROLE NONE",
    "1; COMMIT",
    "1; COMMIT; BEGIN",
    "1 /* ; COMMIT */",
    "E'\\'; COMMIT; --'",
    "'\\'; COMMIT; --'",
    "$x$ ; COMMIT $x$",
    "x AS (SELECT 1) SELECT * FROM x",
    "SCHEMA s CREATE TABLE u (id int)",
    "TABLE u AS EXECUTE p",
    "TABLE t ADD COLUMN v int",
    "INTO t VALUES (1)",
    "set_config('search_path', 'public', false)",
    "pg_advisory_unlock_all()",
    "CONSTRAINTS ALL IMMEDIATE",
];

/// Statements that are whole, of which those that end a transaction are what it is about.
const WHOLE: &[&str] = &[
    "COMMIT",
    "COMMIT AND CHAIN",
    "END",
    "ROLLBACK",
    "ROLLBACK AND CHAIN",
    "ABORT",
    "COMMIT WORK",
    "PREPARE p AS SELECT 1",
    "SELECT 1",
    "TABLE t",
    "VALUES (1)",
    "INSERT INTO t VALUES (1)",
    "WITH x AS (INSERT INTO t VALUES (1) RETURNING id) SELECT * FROM x",
    "SET LOCAL statement_timeout = 0",
    "SET ROLE NONE",
    "RESET ALL",
    "SHOW ALL",
    "DO $$ BEGIN PERFORM 1; END $$",
    "DO $$ BEGIN COMMIT; END $$",
    "DO $$ BEGIN EXECUTE 'COMMIT'; EXCEPTION WHEN OTHERS THEN NULL; END $$",
    "CALL ends()",
    "CREATE TABLE u (id int)",
    "CREATE TABLE u AS SELECT 1",
    "CREATE SCHEMA s CREATE TABLE u (id int)",
    "ALTER TABLE t ADD COLUMN v int",
    "DECLARE c CURSOR FOR SELECT 1",
    "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
    "CLOSE ALL",
    "EXPLAIN ANALYZE SELECT 1",
    "LOCK TABLE t",
    "TRUNCATE t",
    "COPY t FROM STDIN",
    "COPY (SELECT 1) TO STDOUT",
    "COMMENT ON TABLE t IS 'COMMIT'",
    "SET CONSTRAINTS ALL IMMEDIATE",
    "SELECT pg_advisory_unlock_all()",
    "SELECT set_config('role', 'none', false)",
    "GRANT SELECT ON t TO PUBLIC",
];

/// What is nothing to the server's grammar.
const NOTHING: &[&str] =
    &[" ", "\t", "\n", "\r", "\x0c", "\x0b", ";", "/**/", "/* /* */ COMMIT */", "-- COMMIT\n", "--\r"];

fn statement(dice: &mut Dice) -> String {
    if dice.below(2) == 0 {
        return whole(dice);
    }
    let mut text = String::new();
    for _ in 0..dice.below(4) {
        text.push_str(dice.of(GAPS));
    }
    text.push_str(dice.of(WORDS));
    for _ in 0..dice.below(3) {
        text.push_str(if dice.below(3) == 0 { dice.of(GAPS) } else { " " });
        text.push_str(if dice.below(4) == 0 { dice.of(WORDS) } else { dice.of(TAILS) });
    }
    if dice.below(6) == 0 {
        text.push_str(dice.of(GAPS));
    }
    text
}

fn whole(dice: &mut Dice) -> String {
    let gaps = |dice: &mut Dice| (0..dice.below(4)).map(|_| dice.of(NOTHING)).collect::<String>();
    let (before, after) = (gaps(dice), gaps(dice));
    let text: String =
        dice.of(WHOLE).chars().map(|c| if dice.below(4) == 0 { c.to_ascii_lowercase() } else { c }).collect();
    format!("{before}{text}{after}")
}

/// What became of the transaction.
#[derive(Debug, PartialEq, Eq)]
enum After {
    Same {
        done: bool,
    },
    Another,
    /// The server waits for data, and would for ever.
    Silence,
}

/// Sends a statement inside a transaction, and looks whether it is still that one.
async fn send(client: &Client, statement: &str, patience: Duration) -> After {
    const BEGIN: &str = "ROLLBACK; RESET ALL; DROP TABLE IF EXISTS t; DROP PROCEDURE IF EXISTS ends(); BEGIN; CREATE TABLE t (id int); CREATE PROCEDURE ends() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'; SAVEPOINT fuzz";
    const ID: &str = "SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text";
    client.batch_execute(BEGIN).await.unwrap();
    let id = |rows: &[tokio_postgres::Row]| rows[0].get::<_, String>(0);
    let before = id(&client.query_typed(ID, &[]).await.unwrap());
    let sent = tokio::time::timeout(patience, client.execute_typed(statement, &[])).await;
    let Ok(answer) = sent else { return After::Silence };
    // Gone with its block; undone within it.
    let back = client.batch_execute("ROLLBACK TO SAVEPOINT fuzz").await;
    let after = client.query_typed(ID, &[]).await;
    match (back, after) {
        (Ok(()), Ok(rows)) if id(&rows) == before => After::Same { done: answer.is_ok() },
        _ => After::Another,
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[test]
fn what_passes_the_gate_leaves_the_transaction() {
    let database = fresh_database();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client = connect(&database.url).await;
        let mut dice = Dice(0x5EED_CAFE);
        let (mut passed, mut done, mut refused, mut caught) = (0, 0, 0, 0);
        for _ in 0..rounds(6000) {
            let statement = statement(&mut dice);
            if gate::check(&statement).is_ok() {
                passed += 1;
                match send(&client, &statement, Duration::from_secs(30)).await {
                    After::Same { done: true } => done += 1,
                    After::Same { done: false } => {}
                    seen => panic!("{seen:?} after {statement:?}, which the gate lets pass"),
                }
            } else if dice.below(8) == 0 {
                refused += 1;
                match send(&client, &statement, Duration::from_secs(1)).await {
                    After::Same { .. } => {}
                    // The client may be out of step, or gone.
                    After::Another | After::Silence => {
                        caught += 1;
                        client = connect(&database.url).await;
                    }
                }
            }
        }
        let counts = format!(
            "{passed} passed, {done} of them were done; {refused} refused ones tried, {caught} would have ended it"
        );
        assert!(passed > 1000 && done > 500 && refused > 100 && caught > 50, "{counts}");
    });
}
