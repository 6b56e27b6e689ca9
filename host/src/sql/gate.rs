//! The keyword gate before every guest statement: refuses what would take the transaction, or the session, out of the
//! host's hands. It is there for a good message; the wall is the protocol (one statement a call) and the transaction
//! id. It reads the first words only, except in the few statements whose meaning lies further on, and it parses nothing.

use super::lex::{Kind, Lexer, Token};
use crate::walls::{Wall, stands};

/// A statement the host will not send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// The refused command, such as `COMMIT`.
    pub what: &'static str,
    /// Why, naming the command.
    pub message: String,
    /// What to do instead.
    pub hint: &'static str,
}

/// The way a `COPY` moves data over the client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCopy {
    /// From the client to the server.
    In,
    /// From the server to the client.
    Out,
}

/// Lets a statement pass, or says why not. Allocates only to refuse.
pub fn check(statement: &str) -> Result<(), Refused> {
    if !stands(Wall::Gate) {
        return Ok(());
    }
    let mut tokens = Lexer::new(statement);
    let first = loop {
        match tokens.next() {
            Some(Ok(token)) if token.kind == Kind::Semicolon => {}
            Some(Ok(token)) => break token,
            Some(Err(error)) => return Err(refused("the statement", &error.to_string(), "close it")),
            None => return Err(refused("the statement", "it is empty", "leave the call out")),
        }
    };
    if first.kind != Kind::Word {
        return Ok(());
    }
    let rule = RULES.iter().find(|rule| first.is(rule.what)).or_else(|| {
        if first.is("alter") {
            next_is(&mut tokens, "system").then_some(&ALTER_SYSTEM)
        } else if first.is("copy") {
            client_copy(statement).map(|way| if way == ClientCopy::In { &COPY_IN } else { &COPY_OUT })
        } else if first.is("create") {
            creates_by_execute(&mut tokens).then_some(&EXECUTE)
        } else if first.is("declare") {
            declares_with_hold(&mut tokens).then_some(&WITH_HOLD)
        } else if first.is("explain") {
            explains_execute(&mut tokens).then_some(&EXECUTE)
        } else if first.is("set") {
            sets_transaction(&mut tokens).then_some(&SET_TRANSACTION)
        } else {
            None
        }
    });
    match rule {
        None => Ok(()),
        Some(rule) => Err(refused(rule.what, rule.why, rule.hint)),
    }
}

/// Whether a statement is a `COPY` to or from the client. The server takes STDIN and STDOUT for the same word.
pub fn client_copy(statement: &str) -> Option<ClientCopy> {
    let mut tokens = TopLevel::new(Lexer::new(statement)).skip_while(|token| token.kind == Kind::Semicolon);
    if !tokens.next()?.is("copy") {
        return None;
    }
    let mut after_dot = false;
    // FROM and TO are reserved words, so unless it follows a dot the first one is the direction.
    let direction = tokens.find(|token| {
        let is_name = after_dot;
        after_dot = token.kind == Kind::Dot;
        !is_name && (token.is("from") || token.is("to"))
    })?;
    let place = tokens.next()?;
    let to_client = place.is("stdin") || place.is("stdout");
    to_client.then_some(if direction.is("from") { ClientCopy::In } else { ClientCopy::Out })
}

struct Rule {
    what: &'static str,
    why: &'static str,
    hint: &'static str,
}

const OWNED: &str = "the host owns the transaction and ends it itself, together with the version row";
const LEAVE_OUT: &str =
    "leave it out: a revision already runs in a transaction, which is rolled back if the revision fails";
const USE_SAVEPOINT: &str =
    "call `savepoint`, `rollback-to-savepoint` and `release-savepoint` of the `sql` interface instead";
const CALLED_DIRECTLY: &str =
    "leave it out and pass the statement itself: the host prepares it and binds its parameters";

/// The host's driver keeps prepared statements of its own under guessable names.
const PREPARED: &str = "prepared statements of a session belong to the host";

const LISTENING: &str = "nobody would hear it: the session ends with the run";

/// Commands refused by their first word alone.
const RULES: &[Rule] = &[
    Rule { what: "ABORT", why: OWNED, hint: USE_SAVEPOINT },
    Rule { what: "BEGIN", why: OWNED, hint: LEAVE_OUT },
    Rule { what: "START", why: OWNED, hint: LEAVE_OUT },
    Rule { what: "COMMIT", why: OWNED, hint: LEAVE_OUT },
    Rule { what: "END", why: OWNED, hint: LEAVE_OUT },
    Rule { what: "ROLLBACK", why: OWNED, hint: USE_SAVEPOINT },
    Rule { what: "SAVEPOINT", why: OWNED, hint: USE_SAVEPOINT },
    Rule { what: "RELEASE", why: OWNED, hint: USE_SAVEPOINT },
    Rule { what: "PREPARE", why: PREPARED, hint: CALLED_DIRECTLY },
    EXECUTE,
    Rule { what: "DEALLOCATE", why: PREPARED, hint: CALLED_DIRECTLY },
    Rule {
        what: "DISCARD",
        why: "it would drop session state that the host relies on",
        hint: "leave it out: the host resets the session after each revision",
    },
    Rule { what: "LISTEN", why: LISTENING, hint: "listen in the application" },
    Rule { what: "UNLISTEN", why: LISTENING, hint: "leave it out" },
    Rule {
        what: "NOTIFY",
        why: "a revision changes the database and signals nobody",
        hint: "notify from whatever runs the upgrade, once it is done",
    },
    Rule {
        what: "LOAD",
        why: "it loads a library into the server process",
        hint: "let the server's administrator name the library in `session_preload_libraries`",
    },
];

const EXECUTE: Rule = Rule { what: "EXECUTE", why: PREPARED, hint: CALLED_DIRECTLY };

const ALTER_SYSTEM: Rule = Rule {
    what: "ALTER SYSTEM",
    why: "it changes the whole server and cannot run in a transaction",
    hint: "use `ALTER DATABASE … SET`, or let the server's administrator run it",
};

const COPY_IN: Rule = Rule {
    what: "COPY … FROM STDIN",
    why: "a statement carries no data stream",
    hint: "insert the rows with `INSERT … VALUES`, or with `execute-many` of the `sql` interface",
};

const COPY_OUT: Rule = Rule {
    what: "COPY … TO STDOUT",
    why: "a statement carries no data stream",
    hint: "read the rows with `query` of the `sql` interface",
};

const WITH_HOLD: Rule = Rule {
    what: "DECLARE … WITH HOLD",
    why: "the cursor would outlive the transaction and reach the next revision",
    hint: "declare it without `WITH HOLD`",
};

const SET_TRANSACTION: Rule = Rule {
    what: "SET TRANSACTION",
    why: "the host owns the transaction and has set its isolation and access mode",
    hint: "leave it out, or take `LOCK TABLE` where other sessions must stay out",
};

fn refused(what: &'static str, why: &str, hint: &'static str) -> Refused {
    let message = if what == "the statement" {
        format!("{what} is refused: {why}")
    } else {
        format!("`{what}` is refused: {why}")
    };
    Refused { what, message, hint }
}

/// The tokens outside all parentheses, up to the first that cannot be read: the server will say what is wrong there.
struct TopLevel<'a> {
    tokens: Lexer<'a>,
    depth: usize,
}

impl<'a> TopLevel<'a> {
    const fn new(tokens: Lexer<'a>) -> Self {
        Self { tokens, depth: 0 }
    }
}

impl<'a> Iterator for TopLevel<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let token = self.tokens.next()?.ok()?;
            if token.kind == Kind::Open {
                self.depth += 1;
            } else if token.kind == Kind::Close {
                self.depth = self.depth.saturating_sub(1);
            } else if self.depth == 0 {
                return Some(token);
            }
        }
    }
}

fn next_is(tokens: &mut Lexer<'_>, keyword: &str) -> bool {
    matches!(tokens.next(), Some(Ok(token)) if token.is(keyword))
}

/// `CREATE … TABLE … AS EXECUTE`. AS is a reserved word, so the first one outside parentheses introduces the query.
fn creates_by_execute(tokens: &mut Lexer<'_>) -> bool {
    let mut words = TopLevel::new(tokens.clone());
    if !words.by_ref().take(4).any(|token| token.is("table")) {
        return false;
    }
    let mut after_dot = false;
    let found = words.find(|token| {
        let is_name = after_dot;
        after_dot = token.kind == Kind::Dot;
        !is_name && token.is("as")
    });
    found.is_some() && words.next().is_some_and(|token| token.is("execute"))
}

/// `EXPLAIN [( … )] [ANALYZE] [VERBOSE] EXECUTE`, or of a `CREATE TABLE … AS EXECUTE`.
fn explains_execute(tokens: &mut Lexer<'_>) -> bool {
    let mut words = TopLevel::new(tokens.clone());
    let command = words.find(|token| !["analyze", "analyse", "verbose"].iter().any(|option| token.is(option)));
    command.is_some_and(|token| token.is("execute") || (token.is("create") && creates_by_execute(&mut words.tokens)))
}

/// The query comes after FOR; before it, WITH can only be that of HOLD.
fn declares_with_hold(tokens: &mut Lexer<'_>) -> bool {
    let mut words = TopLevel::new(tokens.clone()).take_while(|token| !token.is("for"));
    words.any(|token| token.is("with")) && words.next().is_some_and(|token| token.is("hold"))
}

/// `SET [LOCAL | SESSION] TRANSACTION …`, `SET [LOCAL | SESSION] SESSION CHARACTERISTICS …` and the settings that mean
/// the same.
fn sets_transaction(tokens: &mut Lexer<'_>) -> bool {
    let mut words = TopLevel::new(tokens.clone()).peekable();
    while words.next_if(|token| token.is("local") || token.is("session")).is_some() {}
    let Some(name) = words.next() else { return false };
    let settings = ["transaction_isolation", "transaction_read_only", "transaction_deferrable"];
    let mode_follows = words.next().is_some_and(|token| token.kind == Kind::Word);
    ((name.is("transaction") || name.is("characteristics")) && mode_follows) || settings.iter().any(|s| name.is(s))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_all(expected: Option<&str>, statements: &[&str]) {
        for statement in statements {
            assert_eq!(check(statement).err().map(|refused| refused.what), expected, "{statement:?}");
        }
    }

    #[test]
    fn commit_in_every_disguise() {
        check_all(
            Some("COMMIT"),
            &[
                "COMMIT",
                "commit;",
                ";;/* x */COMMIT",
                "\n\t\r\x0c\x0b cOmMiT AND CHAIN",
                "-- x\rCOMMIT",
                "--\n--\nCOMMIT WORK",
                "/* /* */ */ COMMIT PREPARED 'x'",
                "/**/;/**/;COMMIT--",
            ],
        );
        check_all(Some("END"), &["END", "end transaction"]);
        check_all(Some("START"), &["START TRANSACTION"]);
        check_all(Some("ROLLBACK"), &["ROLLBACK TO s", "rollback/**/prepared 'x'"]);
        check_all(Some("ABORT"), &["ABORT"]);
        check_all(Some("BEGIN"), &["BEGIN", "begin isolation level serializable"]);
        check_all(Some("SAVEPOINT"), &["SAVEPOINT s"]);
        check_all(Some("RELEASE"), &["RELEASE s"]);
    }

    #[test]
    fn session_state() {
        check_all(Some("PREPARE"), &["PREPARE TRANSACTION 'x'", "PREPARE p AS SELECT 1"]);
        check_all(
            Some("EXECUTE"),
            &[
                "EXECUTE s0",
                "EXPLAIN (ANALYZE) EXECUTE s0",
                "explain analyze verbose execute s0",
                "CREATE TEMP TABLE t AS EXECUTE s0",
                "EXPLAIN ANALYZE CREATE TABLE IF NOT EXISTS s.as (a) AS EXECUTE s0(1)",
            ],
        );
        check_all(Some("DEALLOCATE"), &["DEALLOCATE ALL"]);
        check_all(Some("DISCARD"), &["DISCARD ALL"]);
        check_all(Some("LISTEN"), &["LISTEN c"]);
        check_all(Some("UNLISTEN"), &["UNLISTEN *"]);
        check_all(Some("NOTIFY"), &["NOTIFY c, 'x'"]);
        check_all(Some("LOAD"), &["LOAD 'x'"]);
        check_all(Some("ALTER SYSTEM"), &["ALTER/**/SYSTEM SET a = 1"]);
        check_all(Some("DECLARE … WITH HOLD"), &["DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT 1"]);
        check_all(
            Some("SET TRANSACTION"),
            &[
                "SET TRANSACTION READ ONLY",
                "SET LOCAL TRANSACTION ISOLATION LEVEL SERIALIZABLE",
                "set session characteristics as transaction read only",
                "SET LOCAL SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
                "SET transaction_read_only = on",
            ],
        );
    }

    #[test]
    fn copy() {
        check_all(
            Some("COPY … FROM STDIN"),
            &[
                "COPY t FROM STDIN",
                "copy t (a, \"from\") from /* */ stdin with (format csv)",
                "COPY s.from FROM STDIN",
                ";COPY BINARY t FROM STDOUT",
            ],
        );
        check_all(
            Some("COPY … TO STDOUT"),
            &["COPY t TO STDOUT", "COPY (SELECT 1 FROM stdin) TO STDOUT", "COPY t TO stdin"],
        );
        check_all(
            None,
            &[
                "COPY t FROM '/tmp/f'",
                "COPY t FROM PROGRAM 'x'",
                "COPY (SELECT a FROM stdin) TO '/tmp/f'",
                "COPY \"stdin\" FROM 'f' WHERE a IS DISTINCT FROM stdin",
                "COPY t FROM \"stdin\"",
            ],
        );
    }

    #[test]
    fn harmless() {
        check_all(
            None,
            &[
                "SELECT 'COMMIT'",
                "\"COMMIT\"",
                "commit_log",
                "CHECKPOINT",
                "SET ROLE r",
                "SET LOCAL ROLE r",
                "RESET SESSION AUTHORIZATION",
                "SET SESSION AUTHORIZATION r",
                "SET search_path TO a",
                "SET session.x = 1",
                "SET transaction.x = 1",
                "SET CONSTRAINTS ALL DEFERRED",
                "DO $$ BEGIN COMMIT; END $$",
                "DECLARE c CURSOR FOR WITH hold AS (SELECT 1) SELECT * FROM hold",
                "DECLARE c CURSOR WITHOUT HOLD FOR SELECT 1",
                "CREATE VIEW v AS SELECT 1 AS execute",
                "CREATE TABLE t AS SELECT 1 AS execute",
                "CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()",
                "GRANT EXECUTE ON FUNCTION f() TO r",
                "EXPLAIN SELECT execute FROM t",
                "(SELECT 1)",
                "ALTER TABLE system ADD COLUMN a int",
            ],
        );
    }

    #[test]
    fn messages() {
        let refused = check("COMMIT").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "`COMMIT` is refused: the host owns the transaction and ends it itself, together with the version row"
        );
        assert_eq!(check(" ; /* */ --").unwrap_err().to_string(), "the statement is refused: it is empty");
        assert_eq!(
            check("\n/* COMMIT").unwrap_err().to_string(),
            "the statement is refused: the comment that begins at line 2 column 1 is never closed"
        );
    }
}
