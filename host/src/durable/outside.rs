//! Steps that no transaction can hold: first the journal says that one begins, and what there was before; after a crash the
//! catalogue tells whether it was done. What it left half-done is removed, and it runs again.

use super::{Answer, Call, Error, Steps, encoded};
use crate::bindings::SqlError;
use crate::sql::outside::{Indexed, Outside};
use crate::sql::{CallError, Connection, GuestLimits, RESET, host_error, quote_literal};
use crate::state::journal::{self, StepState};
use tokio_postgres::error::SqlState;

/// What a statement has come to.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// It was done.
    Done,
    /// It was not, and nothing of it is left.
    Again,
}

impl Steps {
    /// Writes that it begins, and runs it.
    pub(super) async fn begin_outside(
        &mut self,
        mut step: journal::Step,
        outside: Outside<'_>,
        call: &Call<'_>,
        limits: GuestLimits,
    ) -> Result<Answer, Error> {
        if let Call::Execute(statement, values) = *call {
            crate::sql::fits(statement, values, limits).map_err(told)?;
        }
        self.prepare_session().await?;
        let before = before(self.connection()?, outside).await.map_err(told)?;
        step.state = StepState::Begun;
        step.note = Some(before.join(" "));
        self.record_alone(&step).await?;
        self.run_outside(step, outside, call.statement()).await
    }

    /// The same where an earlier run may have done it.
    pub(super) async fn resume_outside(
        &mut self,
        mut step: journal::Step,
        outside: Outside<'_>,
        note: Option<String>,
        call: &Call<'_>,
    ) -> Result<Answer, Error> {
        step.note = note;
        self.prepare_session().await?;
        match settle(self.connection()?, outside, &noted(&step)).await.map_err(told)? {
            End::Done => self.done_outside(step).await,
            End::Again if (self.about.stop)() => Err(Error::Stopped),
            End::Again => self.run_outside(step, outside, call.statement()).await,
        }
    }

    async fn run_outside(
        &mut self,
        step: journal::Step,
        outside: Outside<'_>,
        statement: &str,
    ) -> Result<Answer, Error> {
        self.prepare_session().await?;
        let ran = match self.connection()?.run(statement).await {
            Ok(_) => verify(self.connection()?, outside).await,
            Err(error) => Err(error),
        };
        if let Some(connection) = &mut self.connection {
            self.notices.extend(connection.take_notices());
        }
        match ran {
            Ok(()) => self.done_outside(step).await,
            Err(CallError::Fatal(error)) => {
                self.connection = None;
                Err(Error::Fatal(error))
            }
            Err(CallError::Guest(mut record)) => {
                record.fields.push(("statement".to_owned(), step.statement.clone().unwrap_or_default()));
                // What is left of it must not stay; where it does, the journal still says that it has begun.
                self.prepare_session().await?;
                settle(self.connection()?, outside, &noted(&step)).await.map_err(told)?;
                self.forget(&step).await?;
                Err(self.refused(step, Error::Guest(record)))
            }
        }
    }

    async fn done_outside(&mut self, mut step: journal::Step) -> Result<Answer, Error> {
        let answer = Answer::Count(0);
        step.state = StepState::Done;
        step.result = Some(encoded(&answer)?);
        self.record_alone(&step).await?;
        Ok(answer)
    }

    async fn forget(&mut self, step: &journal::Step) -> Result<(), Error> {
        let transaction = self.begin().await?;
        let super::About { schema, revision, direction, .. } = &self.about;
        let statement = journal::forget_step(schema, revision, direction, step.number);
        self.commit(transaction, &[statement]).await
    }

    /// The session as a new one would be, with the revision's settings. `lock_timeout` is off: what these statements wait for
    /// is mostly the end of other transactions, and nobody queues behind them meanwhile.
    pub(super) async fn prepare_session(&mut self) -> Result<(), Error> {
        let timeout = self.about.begin.statement_timeout.as_millis();
        let host = format!(
            "{RESET}; SET lock_timeout = 0; SET statement_timeout = {timeout}; SET idle_in_transaction_session_timeout = 0"
        );
        let all = [vec![host], self.settings.clone()].concat().join("; ");
        self.connection()?.batch("preparing the session", &all).await.map_err(Error::Fatal)
    }
}

fn told(error: CallError) -> Error {
    match error {
        CallError::Guest(record) => Error::Guest(record),
        CallError::Fatal(error) => Error::Fatal(error),
    }
}

/// The oids that stood there before.
fn noted(step: &journal::Step) -> Vec<String> {
    step.note.as_deref().unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// What is there already and is none of the statement's doing, as oids.
async fn before(connection: &Connection, outside: Outside<'_>) -> Result<Vec<String>, CallError> {
    match outside {
        Outside::CreateIndex { name: Some(name), on } => {
            Ok(index_on(connection, name, on).await?.into_iter().map(|index| index.oid).collect())
        }
        Outside::Reindex { what, name } => {
            Ok(leftovers(connection, what, name).await?.into_iter().map(|index| index.oid).collect())
        }
        Outside::CreateIndex { name: None, .. }
        | Outside::DropIndex { .. }
        | Outside::Detach { .. }
        | Outside::Vacuum
        | Outside::Cluster
        | Outside::Server(_) => Ok(Vec::new()),
    }
}

/// Finds out what became of a statement that began, and removes what it left half-done.
async fn settle(connection: &Connection, outside: Outside<'_>, before: &[String]) -> Result<End, CallError> {
    match outside {
        Outside::CreateIndex { name: Some(name), on } => match index_on(connection, name, on).await? {
            Some(index) if before.contains(&index.oid) => Ok(End::Again),
            Some(index) if index.valid && index.is_on_table => Ok(End::Done),
            Some(index) if index.is_on_table => {
                drop_index(connection, &index).await?;
                Ok(End::Again)
            }
            Some(_) | None => Ok(End::Again),
        },
        Outside::DropIndex { name } => {
            let gone =
                one(connection, &format!("SELECT pg_catalog.to_regclass({}) IS NULL", quote_literal(name))).await?;
            Ok(if gone { End::Done } else { End::Again })
        }
        Outside::Reindex { what, name } => {
            for index in leftovers(connection, what, name).await? {
                if !before.contains(&index.oid) {
                    drop_index(connection, &index).await?;
                }
            }
            Ok(End::Again)
        }
        Outside::Detach { table, partition } => match detaching(connection, table, partition).await? {
            None => Ok(End::Done),
            Some(false) => Ok(End::Again),
            Some(true) => {
                connection.run(&format!("ALTER TABLE {table} DETACH PARTITION {partition} FINALIZE")).await?;
                Ok(End::Done)
            }
        },
        Outside::CreateIndex { name: None, .. } | Outside::Vacuum | Outside::Cluster | Outside::Server(_) => {
            Ok(End::Again)
        }
    }
}

/// A success that is none is an error: IF NOT EXISTS passes over an index that is there and cannot be used.
async fn verify(connection: &Connection, outside: Outside<'_>) -> Result<(), CallError> {
    let Outside::CreateIndex { name: Some(name), on } = outside else { return Ok(()) };
    match index_on(connection, name, on).await? {
        Some(index) if !index.valid => Err(CallError::Guest(invalid(&index.shown))),
        Some(_) | None => Ok(()),
    }
}

fn invalid(index: &str) -> SqlError {
    let message = format!("index {index} was there before and is INVALID: an earlier build of it has failed");
    let hint = format!("DROP INDEX CONCURRENTLY {index}, and run the same command again");
    host_error("database", &SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message, Some(hint))
}

/// An index as the catalogue has it.
struct Index {
    oid: String,
    /// Its qualified name, quoted.
    shown: String,
    valid: bool,
    is_on_table: bool,
}

/// The index of this name in the schema of the table `on`, where CREATE INDEX makes it.
async fn index_on(connection: &Connection, name: &str, on: &str) -> Result<Option<Index>, CallError> {
    let statement = format!(
        "SELECT c.oid::text, pg_catalog.format('%I.%I', n.nspname, c.relname), \
         coalesce(i.indisvalid AND i.indisready AND i.indislive, true), coalesce(i.indrelid = t.oid, false) \
         FROM pg_catalog.pg_class t \
         JOIN pg_catalog.pg_class c ON c.relnamespace = t.relnamespace \
         AND c.relname = (pg_catalog.parse_ident({}))[1]::name \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid \
         WHERE t.oid = pg_catalog.to_regclass({})",
        quote_literal(name),
        quote_literal(on)
    );
    Ok(indexes(connection, &statement).await?.into_iter().next())
}

/// What REINDEX CONCURRENTLY leaves when it is interrupted: an invalid index beside the one that it was to replace.
async fn leftovers(connection: &Connection, what: Indexed, name: Option<&str>) -> Result<Vec<Index>, CallError> {
    let named = quote_literal(name.unwrap_or_default());
    let table = match what {
        Indexed::Index => format!(
            "SELECT x.indrelid FROM pg_catalog.pg_index x WHERE x.indexrelid = pg_catalog.to_regclass({named}) \
             OR x.indexrelid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass({named})) p)"
        ),
        Indexed::Table => format!(
            "SELECT pg_catalog.to_regclass({named})::oid \
             UNION SELECT p.relid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass({named})) p \
             UNION SELECT r.reltoastrelid FROM pg_catalog.pg_class r WHERE r.oid = pg_catalog.to_regclass({named})"
        ),
        Indexed::Schema => format!(
            "SELECT r.oid FROM pg_catalog.pg_class r WHERE r.relnamespace = pg_catalog.to_regnamespace({named})"
        ),
        Indexed::Database | Indexed::System => "SELECT r.oid FROM pg_catalog.pg_class r".to_owned(),
    };
    let statement = format!(
        "SELECT c.oid::text, pg_catalog.format('%I.%I', n.nspname, c.relname), false, true \
         FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' AND i.indrelid IN ({table}) ORDER BY c.oid"
    );
    indexes(connection, &statement).await
}

async fn indexes(connection: &Connection, statement: &str) -> Result<Vec<Index>, CallError> {
    let (_, rows) = connection.raw_rows(statement).await?;
    Ok(rows
        .iter()
        .map(|row| Index { oid: row.get(0), shown: row.get(1), valid: row.get(2), is_on_table: row.get(3) })
        .collect())
}

async fn drop_index(connection: &Connection, index: &Index) -> Result<(), CallError> {
    connection.run(&format!("DROP INDEX CONCURRENTLY IF EXISTS {}", index.shown)).await.map(drop)
}

/// Whether a partition is being detached; none where it is none of the table's any more.
async fn detaching(connection: &Connection, table: &str, partition: &str) -> Result<Option<bool>, CallError> {
    let statement = format!(
        "SELECT i.inhdetachpending FROM pg_catalog.pg_inherits i \
         WHERE i.inhparent = pg_catalog.to_regclass({}) AND i.inhrelid = pg_catalog.to_regclass({})",
        quote_literal(table),
        quote_literal(partition)
    );
    let (_, rows) = connection.raw_rows(&statement).await?;
    Ok(rows.first().map(|row| row.get(0)))
}

async fn one(connection: &Connection, statement: &str) -> Result<bool, CallError> {
    let (_, rows) = connection.raw_rows(statement).await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}
