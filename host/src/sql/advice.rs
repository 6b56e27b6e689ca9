//! What can be said about a SQL revision before any server sees it: its own transaction control, statements the gate
//! would refuse, and statements that cannot run in the transaction a revision has. Only the words at the top level of
//! a statement count; the same word in a string, a comment, a quoted name or a function body means nothing.

use super::outside::Outside;
use super::split::Statement;
use super::words::Words;
use super::{durable, gate};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The revision cannot run, or might fail half-way: it is not built.
    Error,
    /// The revision runs, but its author should know.
    Warning,
}

/// Something to say about one statement of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The statement's first line in the script, from 1.
    pub line: u32,
    /// The statement's first column, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// The fix.
    pub hint: &'static str,
}

/// Reads the statements of one direction of a revision; `transactional` says that it runs in a transaction. The error
/// holds at least one finding, in the order of the script.
pub fn check_script(statements: &[Statement<'_>], transactional: bool) -> Result<(), Vec<Finding>> {
    let mut findings = Vec::new();
    let mut rest = statements;
    if let [begin, middle @ .., commit] = statements
        && first_word_is(begin, &["begin", "start"])
        && first_word_is(commit, &["commit", "end"])
    {
        let message = format!(
            "`{}` here and `{}` in line {} make a transaction of the script's own",
            one_line(begin.text),
            one_line(commit.text),
            commit.line
        );
        findings.push(Finding::error(begin, message, REMOVE_BOTH));
        rest = middle;
    }
    for (index, statement) in rest.iter().enumerate() {
        if let Err(refused) = gate::check(statement.text) {
            findings.push(Finding::error(statement, refused.message, refused.hint));
        } else if transactional {
            if let Some(outside) = Outside::of(statement.text) {
                let message = format!("`{}` cannot run in a transaction", outside.command());
                findings.push(Finding::error(statement, message, outside.way_out()));
            } else if let Some(name) = extended_enum(statement.text) {
                findings.extend(Finding::enum_value(statement, name, &rest[..index], &rest[index + 1..]));
            }
        } else if let Err(refused) = durable::check(statement.text) {
            findings.push(Finding::error(statement, refused.message, refused.hint));
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

const REMOVE_BOTH: &str = "remove both lines: the host runs each revision in its own transaction";

const OWN_REVISION: &str = "give it a revision of its own, before the one that uses the value";

const INTO_CREATE: &str = "list the value in the `CREATE TYPE` of the same script";

/// The longest part of a statement that a message repeats.
const MAX_QUOTED_CHARS: usize = 40;

impl Finding {
    const fn error(statement: &Statement<'_>, message: String, hint: &'static str) -> Self {
        Self { severity: Severity::Error, line: statement.line, column: statement.column, message, hint }
    }

    /// A value added to an enum cannot be used before the transaction that added it has committed. Statements that
    /// follow might use it; those before cannot. PostgreSQL 17 makes an exception for an enum of the same transaction,
    /// older servers do not, and there the value belongs into `CREATE TYPE` anyway.
    fn enum_value(at: &Statement<'_>, name: &str, before: &[Statement<'_>], after: &[Statement<'_>]) -> Option<Self> {
        let is_other = |statement: &Statement<'_>| extended_enum(statement.text).is_none();
        let mut made = before.iter().filter_map(|statement| created_type(statement.text));
        let hint = if made.any(|made| made.eq_ignore_ascii_case(name)) { INTO_CREATE } else { OWN_REVISION };
        let (severity, message) = if after.iter().any(is_other) {
            (
                Severity::Error,
                "the statements after `ALTER TYPE … ADD VALUE` cannot use the value before it is committed",
            )
        } else if before.iter().any(is_other) {
            (Severity::Warning, "`ALTER TYPE … ADD VALUE` shares its revision with other statements")
        } else {
            return None;
        };
        Some(Self { severity, ..Self::error(at, message.to_owned(), hint) })
    }
}

/// The type of an `ALTER TYPE … ADD VALUE`.
fn extended_enum(text: &str) -> Option<&str> {
    let mut words = Words::new(text);
    let name = (words.skip("alter") && words.skip("type")).then(|| words.skip_name())??;
    (words.skip("add") && words.skip("value")).then_some(name)
}

/// The type of a `CREATE TYPE`.
fn created_type(text: &str) -> Option<&str> {
    let mut words = Words::new(text);
    (words.skip("create") && words.skip("type")).then(|| words.skip_name())?
}

fn first_word_is(statement: &Statement<'_>, keywords: &[&str]) -> bool {
    let first = Words::new(statement.text).peek();
    first.is_some_and(|token| keywords.iter().any(|keyword| token.is(keyword)))
}

/// A statement as a message shows it: blanks as one space, cut where it gets long.
fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(MAX_QUOTED_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::split::split;

    /// Each finding as its line and column, its severity unless an error, and its message.
    fn check(script: &str, expected: &[&str]) {
        let findings = check_script(&split(script).unwrap(), true).err().unwrap_or_default();
        let found: Vec<String> = findings.iter().map(show).collect();
        assert_eq!(found, expected, "{script:?}");
    }

    fn show(finding: &Finding) -> String {
        let severity = match finding.severity {
            Severity::Error => "",
            Severity::Warning => " warning",
        };
        format!("{}:{}{severity} {}", finding.line, finding.column, finding.message)
    }

    /// One statement, and the command that the finding names as unable to run in a transaction.
    fn check_outside(command: Option<&str>, statements: &[&str]) {
        for statement in statements {
            let expected = command.map(|command| format!("1:1 `{command}` cannot run in a transaction"));
            check(statement, &expected.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }

    #[test]
    fn own_transaction() {
        let script = "-- up\nBEGIN;\nCREATE TABLE t ();\nCOMMIT;\n";
        check(script, &["2:1 `BEGIN` here and `COMMIT` in line 4 make a transaction of the script's own"]);
        let findings = check_script(&split(script).unwrap(), true).unwrap_err();
        assert_eq!(findings[0].hint, "remove both lines: the host runs each revision in its own transaction");
        check(
            "start\n transaction;; SAVEPOINT a; end work",
            &[
                "1:1 `start transaction` here and `end work` in line 2 make a transaction of the script's own",
                "2:16 `SAVEPOINT` is refused: the host owns the transaction and ends it itself, together with the version row",
            ],
        );
        check(
            "SELECT 1;\nCOMMIT",
            &[
                "2:1 `COMMIT` is refused: the host owns the transaction and ends it itself, together with the version row",
            ],
        );
        assert!(check_script(&split("BEGIN; COMMIT").unwrap(), false).is_err());
    }

    #[test]
    fn concurrently() {
        check_outside(
            Some("CREATE INDEX CONCURRENTLY"),
            &["CREATE INDEX CONCURRENTLY ON t (a)", "create unique /* */ index\nconcurrently if not exists i on t (a)"],
        );
        check_outside(Some("DROP INDEX CONCURRENTLY"), &["DROP INDEX CONCURRENTLY IF EXISTS i"]);
        check_outside(
            Some("REINDEX … CONCURRENTLY"),
            &[
                "REINDEX TABLE CONCURRENTLY t",
                "REINDEX (CONCURRENTLY) INDEX i",
                "REINDEX (VERBOSE, CONCURRENTLY true) TABLE t",
                "REINDEX (VERBOSE) INDEX CONCURRENTLY i",
            ],
        );
        check_outside(
            Some("ALTER TABLE … DETACH PARTITION … CONCURRENTLY"),
            &["ALTER TABLE s.t DETACH PARTITION s.\"p\" CONCURRENTLY"],
        );
        check_outside(
            None,
            &[
                "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
                "CREATE INDEX \"concurrently\" ON t (a)",
                "CREATE INDEX i ON t (concurrently)",
                "REINDEX (CONCURRENTLY off) TABLE t",
                "ALTER TABLE t DETACH PARTITION p",
                "ALTER TABLE t DETACH PARTITION p FINALIZE",
                "SELECT 'CREATE INDEX CONCURRENTLY' -- CREATE INDEX CONCURRENTLY",
                "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN; CREATE INDEX CONCURRENTLY ON t (a); END $$",
                "CREATE PROCEDURE p() BEGIN ATOMIC VACUUM; COMMIT; END",
            ],
        );
    }

    #[test]
    fn others() {
        check_outside(Some("VACUUM"), &["VACUUM", "vacuum (full) t"]);
        check_outside(Some("CREATE DATABASE"), &["CREATE DATABASE d"]);
        check_outside(Some("DROP DATABASE"), &["DROP DATABASE IF EXISTS d"]);
        check_outside(Some("CREATE TABLESPACE"), &["CREATE TABLESPACE s LOCATION '/x'"]);
        check_outside(Some("DROP TABLESPACE"), &["DROP TABLESPACE s"]);
        check_outside(Some("ALTER DATABASE … SET TABLESPACE"), &["ALTER DATABASE \"d\" SET TABLESPACE s"]);
        check_outside(Some("CLUSTER"), &["CLUSTER", "CLUSTER VERBOSE", "CLUSTER (VERBOSE)"]);
        check_outside(Some("REINDEX SCHEMA"), &["REINDEX SCHEMA s"]);
        check_outside(Some("REINDEX DATABASE"), &["REINDEX (CONCURRENTLY) DATABASE d"]);
        check(
            "ALTER SYSTEM SET a = 1",
            &["1:1 `ALTER SYSTEM` is refused: it changes the whole server and cannot run in a transaction"],
        );
        check_outside(
            None,
            &[
                "ANALYZE",
                "CLUSTER t",
                "CLUSTER VERBOSE t USING i",
                "ALTER DATABASE d SET a = 1",
                "CREATE TABLE vacuum ()",
                "REINDEX TABLE t",
            ],
        );
        assert_eq!(check_script(&split("VACUUM").unwrap(), false), Ok(()));
    }

    #[test]
    fn enum_values() {
        let add = "ALTER TYPE s.mood ADD VALUE IF NOT EXISTS 'x'";
        check(add, &[]);
        check(&format!("{add};{add} AFTER 'x';"), &[]);
        check(
            &format!("{add};\nSELECT 1"),
            &["1:1 the statements after `ALTER TYPE … ADD VALUE` cannot use the value before it is committed"],
        );
        check(
            &format!("SELECT 1;\n {add}"),
            &["2:2 warning `ALTER TYPE … ADD VALUE` shares its revision with other statements"],
        );
        let script = format!("CREATE TYPE S.mood AS ENUM ();{add};SELECT 1");
        let findings = check_script(&split(&script).unwrap(), true).unwrap_err();
        assert_eq!(findings[0].hint, "list the value in the `CREATE TYPE` of the same script");
        check("ALTER TYPE t ADD ATTRIBUTE value int; SELECT 1", &[]);
        check("DO $$ BEGIN ALTER TYPE t ADD VALUE 'x'; END $$; SELECT 1", &[]);
    }
}
