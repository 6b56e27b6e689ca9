//! Creating the schema, and knowing which layout one has.
//!
//! The layout's number stands in the schema's comment: it can be read with the rows in one round trip, and needs no table.

use super::StateError;
use crate::sql::{Connection, Error, quote_identifier, quote_literal};

/// The layout this version writes. A later one upgrades it here, in the transaction that creates.
const LAYOUT: u32 = 1;

const COMMENT: &str = "wmigrate: layout ";

/// Whether a schema of this name is one of ours, and one we know.
pub(super) fn check(schema: &str, comment: Option<&str>, has_table: bool) -> Result<(), StateError> {
    let layout = comment.and_then(|text| text.strip_prefix(COMMENT)).and_then(|number| number.trim().parse().ok());
    match layout {
        Some(found) if found > LAYOUT => Err(StateError::TooNew { schema: schema.to_owned(), found, known: LAYOUT }),
        Some(_) => Ok(()),
        // An empty schema that an administrator made for us is welcome; a comment may have been edited.
        None if comment.is_none() || has_table => Ok(()),
        None => Err(StateError::Foreign(schema.to_owned())),
    }
}

/// The statements that create everything, for `--sql` too. Each may run again without harm.
#[must_use]
pub fn statements(schema: &str) -> Vec<String> {
    let name = quote_identifier(schema);
    vec![
        format!("CREATE SCHEMA IF NOT EXISTS {name}"),
        format!("COMMENT ON SCHEMA {name} IS {}", quote_literal(&format!("{COMMENT}{LAYOUT}"))),
        format!("CREATE TABLE IF NOT EXISTS {name}.version (\n    revision text PRIMARY KEY\n)"),
        super::log::create(schema),
        format!("CREATE INDEX IF NOT EXISTS log_revision ON {name}.log (revision, id)"),
    ]
}

/// Creates the schema and its tables, in one transaction. The caller holds the migration lock.
pub async fn ensure(connection: &Connection, schema: &str) -> Result<(), Error> {
    let mut all = statements(schema);
    // A role that may not create schemas can still be given one.
    let exists = connection
        .query(
            "looking for the schema",
            &format!("SELECT pg_catalog.to_regnamespace({}) IS NOT NULL", quote_literal(&quote_identifier(schema))),
            &[],
        )
        .await?;
    if exists.first().is_some_and(|row| row.get(0)) {
        all.remove(0);
    }
    let script = format!("BEGIN; SET LOCAL client_min_messages = warning; {}; COMMIT", all.join("; "));
    let done = connection.batch("creating the schema for its bookkeeping", &script).await;
    if done.is_err() {
        // The failed transaction is still open; what matters is the first error.
        let _ = connection.batch("rolling back", "ROLLBACK").await;
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_ours_ours_to_come_or_foreign() {
        let check = |comment, has_table, expected: &str| {
            let got =
                check("wmigrate", comment, has_table).map_or_else(|error| error.to_string(), |()| "ok".to_owned());
            assert_eq!(got, expected);
        };
        check(Some("wmigrate: layout 1"), true, "ok");
        check(None, true, "ok");
        check(None, false, "ok");
        check(Some("edited by hand"), true, "ok");
        check(
            Some("wmigrate: layout 2"),
            true,
            "schema `wmigrate` has layout 2, and this wmigrate knows layouts up to 1",
        );
        check(Some("billing"), false, "schema `wmigrate` exists, and it is not one of wmigrate's");
    }
}
