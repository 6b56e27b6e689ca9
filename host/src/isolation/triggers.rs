//! Triggers of a plugin that would run as somebody else. Before PostgreSQL 18 an AFTER trigger runs with the rights of whoever's
//! statement fired it: where a plugin's table refers to one of the application's, a DELETE there reaches the plugin's rows, and its
//! triggers run as the application.

use super::{Error, Keeper};
use crate::sql::{self, Connection, Transaction, quote_identifier};
use tokio_postgres::types::Type;

/// The first version in which they run as who queued them.
const SAFE: u32 = 180_000;

/// Enabled AFTER triggers in the plugin's schema, where any table of it refers to another schema's: one DELETE reaches further tables
/// through keys and rules of the plugin's own. (BEFORE triggers run as the table's owner.) No setting of the session's has a say.
const SELECT: &str = "SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text, t.tgname::pg_catalog.text FROM pg_catalog.pg_trigger t \
     JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.tgrelid \
     JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
     WHERE n.nspname OPERATOR(pg_catalog.=) $1::pg_catalog.text::pg_catalog.name AND NOT t.tgisinternal \
     AND t.tgenabled OPERATOR(pg_catalog.<>) 'D'::pg_catalog.\"char\" \
     AND (t.tgtype OPERATOR(pg_catalog.&) 66::pg_catalog.int2) OPERATOR(pg_catalog.=) 0::pg_catalog.int2 \
     AND EXISTS (SELECT FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class o ON o.oid OPERATOR(pg_catalog.=) k.confrelid \
         JOIN pg_catalog.pg_class f ON f.oid OPERATOR(pg_catalog.=) k.conrelid \
         WHERE f.relnamespace OPERATOR(pg_catalog.=) n.oid AND k.contype OPERATOR(pg_catalog.=) 'f'::pg_catalog.\"char\" \
         AND o.relnamespace OPERATOR(pg_catalog.<>) n.oid) ORDER BY 1, 2, 3 LIMIT 1000";

/// A trigger.
struct Trigger {
    table: String,
    name: String,
}

impl Keeper<'_> {
    /// Refuses those that the transaction would leave, and rolls it back.
    pub async fn without_triggers(&self, mut transaction: Transaction) -> Result<Transaction, Error> {
        let refused = match self.triggers(transaction.connection()).await {
            Ok(triggers) => match triggers.into_iter().next() {
                None => return Ok(transaction),
                Some(Trigger { table, name }) => {
                    Error::Trigger { plugin: self.plugin.manifest.name.clone(), table, trigger: name }
                }
            },
            Err(error) => error.into(),
        };
        let _ = transaction.rollback().await;
        Err(refused)
    }

    /// Those that were made inside COMMIT are there now, and are switched off. That is said. The one statement of the host's that
    /// names an object of the plugin's: it runs no code.
    pub async fn disarm(&self) -> Result<Vec<String>, sql::Error> {
        let left = self.triggers(self.host).await?;
        if left.is_empty() {
            return Ok(Vec::new());
        }
        let disable = left
            .iter()
            .map(|Trigger { table, name }| format!("ALTER TABLE {table} DISABLE TRIGGER {}", quote_identifier(name)));
        // As a member of their owner; nothing of the plugin's runs by that.
        self.host.together("switching triggers off", &disable.collect::<Vec<_>>()).await?;
        Ok(left.into_iter().map(|Trigger { table, name }| format!("{name} of {table}")).collect())
    }

    async fn triggers(&self, connection: &Connection) -> Result<Vec<Trigger>, sql::Error> {
        if self.host.server_version() >= SAFE {
            return Ok(Vec::new());
        }
        let rows = connection.query("looking for triggers", SELECT, &[(&self.plugin.schema, Type::TEXT)]).await?;
        let of = |row: &tokio_postgres::Row| -> Result<Trigger, tokio_postgres::Error> {
            let (schema, table): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
            Ok(Trigger {
                table: format!("{}.{}", quote_identifier(schema), quote_identifier(table)),
                name: row.try_get(2)?,
            })
        };
        // In a session whose encoding was changed a name may be no text.
        rows.iter().map(of).collect::<Result<_, _>>().map_err(|error| sql::from_driver("looking for triggers", &error))
    }
}
