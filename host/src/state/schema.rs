//! Creating the schema, and knowing which layout one has.
//!
//! The layout's number stands in the schema's comment: it can be read with the rows in one round trip, and needs no table.

use super::StateError;
use crate::sql::{Connection, Error, quote_identifier, quote_literal};

/// The layout this version writes.
const LAYOUT: u32 = 4;

const COMMENT: &str = "wmigrate: layout ";

/// What is in the database under the schema's name.
pub(super) struct Found<'a> {
    pub(super) comment: Option<&'a str>,
    pub(super) has_table: bool,
    pub(super) has_procedure: bool,
}

/// Whether the schema is one of ours, and as this version writes it.
pub(super) fn is_current(schema: &str, found: &Found<'_>) -> Result<bool, StateError> {
    let layout =
        found.comment.and_then(|text| text.strip_prefix(COMMENT)).and_then(|number| number.trim().parse().ok());
    let whole = found.has_table && found.has_procedure;
    match layout {
        Some(found) if found > LAYOUT => Err(StateError::TooNew { schema: schema.to_owned(), found, known: LAYOUT }),
        Some(found) => Ok(whole && found == LAYOUT),
        // An empty schema that an administrator made for us is welcome; a comment may have been edited.
        None if found.comment.is_none() || found.has_table => Ok(whole),
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
        super::record::create(schema),
        super::journal::create(schema),
        super::journal::create_procedure(schema),
    ]
    .into_iter()
    .chain(super::backfill::create(schema))
    .collect()
}

/// What brings an older layout up to date, on top of those.
fn changes(schema: &str) -> [String; 3] {
    let name = quote_identifier(schema);
    // Layout 1 had what each revision paid for without need.
    [
        format!("DROP INDEX IF EXISTS {name}.log_revision"),
        format!(
            "ALTER TABLE {name}.log DROP CONSTRAINT IF EXISTS log_direction_check, \
             DROP CONSTRAINT IF EXISTS log_outcome_check"
        ),
        // Layout 2 had a function where there is a procedure now.
        format!(
            "DROP FUNCTION IF EXISTS {name}.record(text, text, text, double precision, text, xid8, bigint, text[], text[], text[])"
        ),
    ]
}

/// Whether the schema is there, and whether our role owns it.
pub(crate) async fn owned(connection: &Connection, schema: &str) -> Result<Option<bool>, Error> {
    let statement = format!(
        "SELECT pg_catalog.pg_has_role(nspowner, 'USAGE') FROM pg_catalog.pg_namespace \
         WHERE oid OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace({})",
        quote_literal(&quote_identifier(schema))
    );
    let rows = connection.query("looking for the schema", &statement, &[]).await?;
    Ok(rows.first().map(|row| row.get(0)))
}

/// Those that a role may need: one that may not create schemas, or comment on another's, can still be given one.
pub(crate) fn statements_for(schema: &str, owned: Option<bool>) -> Vec<String> {
    let done_already = match owned {
        None => 0,
        Some(true) => 1,
        Some(false) => 2,
    };
    let mut needed = statements(schema).split_off(done_already);
    needed.extend(changes(schema));
    needed
}

/// Creates the schema and what is in it, or brings it up to date, in one transaction. The caller holds the migration lock.
pub async fn ensure(connection: &Connection, schema: &str) -> Result<(), Error> {
    let statements = statements_for(schema, owned(connection, schema).await?);
    connection.together("creating the schema for its bookkeeping", &statements).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_ours_ours_to_come_or_foreign() {
        let check = |comment, has_table, has_procedure, expected: &str| {
            let got = match is_current("wmigrate", &Found { comment, has_table, has_procedure }) {
                Ok(true) => "current".to_owned(),
                Ok(false) => "to be created".to_owned(),
                Err(error) => error.to_string(),
            };
            assert_eq!(got, expected);
        };
        check(Some("wmigrate: layout 4"), true, true, "current");
        check(Some("wmigrate: layout 4"), true, false, "to be created");
        check(Some("wmigrate: layout 3"), true, true, "to be created");
        check(None, true, true, "current");
        check(None, false, false, "to be created");
        check(Some("edited by hand"), true, true, "current");
        check(
            Some("wmigrate: layout 5"),
            true,
            true,
            "schema `wmigrate` has layout 5, and this wmigrate knows layouts up to 4",
        );
        check(Some("billing"), false, false, "schema `wmigrate` exists, and it is not one of wmigrate's");
    }
}
