//! What a statement means where each is committed by itself: which are settings of the session, and which would count on
//! something that is gone with the step.

use super::gate::Refused;
use super::outside::Outside;
use super::words::Words;

/// Refuses what a durable revision cannot do, beyond what no revision can.
pub fn check(statement: &str) -> Result<(), Refused> {
    let refused = |what: &'static str, why: &str, hint| {
        Err(Refused { what, message: format!("`{what}` is refused in a durable revision: {why}"), hint })
    };
    match Outside::of(statement) {
        Some(Outside::Server(what)) => {
            return refused(what, "it is about the server, and not about one database", "run it before or after");
        }
        Some(outside @ Outside::CreateIndex { name: None, .. }) => {
            return refused(
                outside.command(),
                "without a name it is not known, after a crash, whether the index is there",
                "give the index a name: `CREATE INDEX CONCURRENTLY name ON …`",
            );
        }
        Some(_) | None => {}
    }
    if calls_set_config(statement) {
        return refused(
            "set_config",
            "the setting is gone with its statement",
            "write `SET`: it counts for the statements that follow, also after a crash",
        );
    }
    let mut words = Words::new(statement);
    words.skip_semicolons();
    if words.skip("set") {
        if words.skip("constraints") {
            return refused(
                "SET CONSTRAINTS",
                "each statement is a transaction of its own, whose constraints are checked at its end",
                "leave it out",
            );
        }
        if words.skip("local") {
            return refused(
                "SET LOCAL",
                "the transaction that it is for ends with it",
                "write `SET`: it counts for the statements that follow, also after a crash",
            );
        }
        let session = words.skip("session");
        if words.skip("role") || (session && words.skip("authorization")) {
            return refused(
                "SET ROLE",
                "the role is put back after each statement",
                "run wmigrate as that role, or hand objects over with `ALTER … OWNER TO`",
            );
        }
    } else if words.skip("create") {
        let _ = words.skip("or") && words.skip("replace");
        let _ = words.skip("local") || words.skip("global");
        if words.skip("temp") || words.skip("temporary") {
            return refused(
                "CREATE TEMPORARY",
                "it is gone with its statement, and after a crash",
                "use an ordinary table, and drop it at the end",
            );
        }
    } else if words.skip("lock") {
        return refused("LOCK", "the lock is gone with its statement", "leave it out");
    } else if words.skip("declare") {
        return refused("DECLARE", "the cursor is gone with its statement", "read the rows with `query`");
    }
    Ok(())
}

/// Whether a statement makes a setting with a function. What a function's body does is not seen.
fn calls_set_config(statement: &str) -> bool {
    let mut words = Words::new(statement);
    while let Some(token) = words.peek() {
        if token.is("set_config") {
            return true;
        }
        words.step();
    }
    false
}

/// Whether a statement is a setting of the session: it changes nothing in the database, and counts for what follows.
#[must_use]
pub fn is_setting(statement: &str) -> bool {
    let mut words = Words::new(statement);
    words.skip_semicolons();
    words.skip("set") || words.skip("reset")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_on_more_than_its_step_is_refused() {
        let check = |statement: &str, expected: Option<&str>| {
            assert_eq!(check(statement).err().map(|refused| refused.what), expected, "{statement}");
        };
        check("SET LOCAL lock_timeout = 1", Some("SET LOCAL"));
        check("SET CONSTRAINTS ALL DEFERRED", Some("SET CONSTRAINTS"));
        check("SELECT pg_catalog.set_config('search_path', 't', false)", Some("set_config"));
        check("SELECT 'set_config'", None);
        check("SET ROLE app", Some("SET ROLE"));
        check("set session role app", Some("SET ROLE"));
        check("SET SESSION AUTHORIZATION app", Some("SET ROLE"));
        check("SET SESSION lock_timeout = 1", None);
        check("SET maintenance_work_mem = '1GB'", None);
        check("CREATE LOCAL TEMP TABLE t ()", Some("CREATE TEMPORARY"));
        check("create or replace temporary view v as select 1", Some("CREATE TEMPORARY"));
        check("CREATE TABLE temp ()", None);
        check("CREATE INDEX CONCURRENTLY ON t (a)", Some("CREATE INDEX CONCURRENTLY"));
        check("CREATE INDEX CONCURRENTLY i ON t (a)", None);
        check("CREATE DATABASE d", Some("CREATE DATABASE"));
        check("LOCK TABLE t", Some("LOCK"));
        check("DECLARE c CURSOR FOR SELECT 1", Some("DECLARE"));
        check("VACUUM t", None);
        check("INSERT INTO t VALUES (1)", None);
    }
}
