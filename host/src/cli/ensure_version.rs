//! `ensure_version`: create wmigrate's schema, or bring it up to date.

use super::exit::CliError;
use super::print::Printer;
use super::project::Project;
use super::{Global, block_on};
use crate::sql::lock::{self, Key};
use crate::sql::{LockOptions, quote_identifier};
use crate::state::schema;
use clap::Args;
use serde_json::json;

/// Create wmigrate's schema in the database, or bring an older one up to date.
#[derive(Args)]
pub struct EnsureVersion {
    /// Print the SQL script instead of running it.
    #[arg(long)]
    sql: bool,
}

impl EnsureVersion {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        let project = Project::load(global)?;
        let name = project.schema();
        if self.sql {
            printer.lines(schema::statements_for(name, None).iter().map(|statement| format!("{statement};")));
            return Ok(());
        }
        let settings = project.settings(global, printer)?;
        block_on(async {
            let (mut connection, standing) = project.connect(&settings).await?;
            let said = |what: &str| {
                if printer.json {
                    printer.json(&json!({ "schema": name, "did": what }));
                }
            };
            if standing.current {
                said("nothing");
                return Ok(());
            }
            if let Some(reason) = standing.read_only {
                return Err(crate::sql::Error::ReadOnly(reason).into());
            }
            let options = LockOptions { wait: project.config.lock_wait };
            let key = Key::of_schema(name);
            lock::acquire(&mut connection, &settings, key, &options, &mut |_| {}, &|| false).await?;
            let done = schema::ensure(&connection, name).await;
            lock::release_after_error(&connection, key, done).await?;
            lock::release(&connection, key).await?;
            let schema = quote_identifier(name);
            if standing.exists {
                said("update");
                printer.talk(&format!("brought schema {schema} up to date"));
            } else {
                said("create");
                printer.talk(&format!("created schema {schema}"));
            }
            Ok(())
        })
    }
}
