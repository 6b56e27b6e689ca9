//! Steps that no transaction can hold: first the journal says that one begins, and what there was before; after a crash the
//! catalogue tells whether it was done. What it left half-done is removed, and it runs again.

use super::{Answer, Call, Error, Steps, encoded};
use crate::bindings::SqlError;
use crate::sql::outside::{Indexed, Outside};
use crate::sql::{CallError, Connection, GuestLimits, RESET, host_error, joined, quote_literal};
use crate::state::journal::{self, StepState};
use std::sync::atomic::Ordering;
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
        let before = match self.look_before(outside, call, limits).await {
            Ok(before) => before,
            Err(error) => return Err(self.refused(step, error)),
        };
        step.state = StepState::Begun;
        step.note = Some(before.join(" "));
        self.record_alone(&step).await.map_err(ours)?;
        self.run_outside(step, outside, call.statement()).await
    }

    async fn look_before(
        &mut self,
        outside: Outside<'_>,
        call: &Call<'_>,
        limits: GuestLimits,
    ) -> Result<Vec<String>, Error> {
        if let Call::Execute(statement, values) = *call {
            crate::sql::fits(statement, values, limits).map_err(told)?;
        }
        self.prepare_session(Whose::Revision).await?;
        before(self.connection()?, outside).await.map_err(told)
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
        match self.settled(outside, &step).await? {
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
        self.prepare_session(Whose::Revision).await?;
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
            // To clear up may wait for the very session that the statement waited for. The journal says that it has begun,
            // and the next run clears up.
            Err(CallError::Guest(_)) if self.about.crew.stop_now.load(Ordering::Relaxed) => Err(Error::Stopped),
            Err(CallError::Guest(mut record)) => {
                record.fields.push(("statement".to_owned(), step.statement.clone().unwrap_or_default()));
                // What is left of it must not stay; where it does, the journal still says that it has begun.
                match self.settled(outside, &step).await? {
                    // The error came when all was done, or clearing up has done the rest.
                    End::Done => self.done_outside(step).await,
                    End::Again => {
                        self.forget(&step).await.map_err(ours)?;
                        Err(self.refused(step, Error::Guest(record)))
                    }
                }
            }
        }
    }

    /// What became of it, after clearing up. What the server says against that is not the revision's to handle.
    async fn settled(&mut self, outside: Outside<'_>, step: &journal::Step) -> Result<End, Error> {
        self.prepare_session(Whose::Host).await?;
        settle(self.connection()?, outside, &noted(step)).await.map_err(told).map_err(ours)
    }

    async fn done_outside(&mut self, mut step: journal::Step) -> Result<Answer, Error> {
        let answer = Answer::Count(0);
        step.state = StepState::Done;
        step.result = Some(encoded(&answer)?);
        self.record_alone(&step).await.map_err(ours)?;
        Ok(answer)
    }

    async fn forget(&mut self, step: &journal::Step) -> Result<(), Error> {
        let transaction = self.begin().await?;
        let super::About { schema, revision, direction, .. } = &self.about;
        let statement = journal::forget_step(schema, revision, direction, step.number);
        self.commit(transaction, &[statement]).await
    }

    /// The session as a new one would be, with the revision's settings, which name what it means. `lock_timeout` is off: what these
    /// statements wait for is mostly the end of other transactions, and nobody queues behind them meanwhile. No setting of the server
    /// ends the session for the time that one takes.
    pub(super) async fn prepare_session(&mut self, whose: Whose) -> Result<(), Error> {
        let timeout = match whose {
            Whose::Revision => self.about.begin.statement_timeout.as_millis(),
            Whose::Host => 0,
        };
        let host = format!(
            "SELECT pg_catalog.set_config(s.name, CASE s.name WHEN 'statement_timeout' THEN '{timeout}' ELSE '0' END, false) \
             FROM pg_catalog.pg_settings s WHERE s.name IN ('lock_timeout', 'statement_timeout', 'transaction_timeout', \
             'idle_session_timeout', 'idle_in_transaction_session_timeout')"
        );
        let settings = self.settings.clone();
        let all = match whose {
            // A timeout that the revision sets is meant for its statements.
            Whose::Revision => [vec![RESET.to_owned(), host], settings].concat(),
            Whose::Host => [vec![RESET.to_owned()], settings, vec![host]].concat(),
        };
        self.connection()?.batch("preparing the session", &joined(&all)).await.map_err(Error::Fatal)
    }
}

/// Whose statements a session is prepared for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Revision,
    Host,
}

/// An error while a step has begun and is not done is none that the revision could handle: its next call would take the step's
/// place.
fn ours(error: Error) -> Error {
    match error {
        Error::Guest(record) => Error::Journal(record),
        error => error,
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
        Outside::DropIndex { name } => Ok(oid_of(connection, name).await?.into_iter().collect()),
        Outside::Detach { .. } if connection.server_version() < DETACH_SINCE => {
            let message = "`DETACH PARTITION … CONCURRENTLY` is there from PostgreSQL 14 on".to_owned();
            Err(CallError::Guest(host_error("database", &SqlState::FEATURE_NOT_SUPPORTED, message, None)))
        }
        Outside::Detach { table, partition } => {
            let attached = detaching(connection, table, partition).await?.is_some();
            Ok(attached.then(|| "attached".to_owned()).into_iter().collect())
        }
        Outside::CreateIndex { name: None, .. } | Outside::Vacuum | Outside::Cluster | Outside::Server(_) => {
            Ok(Vec::new())
        }
    }
}

/// The version with `DETACH PARTITION … CONCURRENTLY`.
const DETACH_SINCE: u32 = 140_000;

async fn oid_of(connection: &Connection, name: &str) -> Result<Option<String>, CallError> {
    let statement = format!("SELECT pg_catalog.to_regclass({})::oid::text", quote_literal(name));
    let (_, rows) = connection.raw_rows(&statement).await?;
    Ok(rows.first().and_then(|row| row.get(0)))
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
            // Without one there was nothing to drop, and the statement says so once more.
            let Some(oid) = before.first() else { return Ok(End::Again) };
            let there = format!("SELECT count(*) > 0 FROM pg_catalog.pg_class WHERE oid = {oid}");
            if !one(connection, &there).await? {
                return Ok(End::Done);
            }
            // The name may mean another index by now, which nobody wanted to drop.
            match oid_of(connection, name).await? {
                Some(now) if now == *oid => Ok(End::Again),
                Some(_) | None => {
                    let message = format!("`{name}` is not the index any more that it was when this step began");
                    let hint = "give the index its name back, or drop it by hand".to_owned();
                    let state = &SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE;
                    Err(CallError::Guest(host_error("database", state, message, Some(hint))))
                }
            }
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
            // One that never was a partition is not done, but wrong.
            None if before.is_empty() => Ok(End::Again),
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
        Some(index) if !index.is_on_table => Err(CallError::Guest(elsewhere(&index.shown, on))),
        Some(index) if !index.valid => Err(CallError::Guest(invalid(&index.shown))),
        Some(_) | None => Ok(()),
    }
}

fn elsewhere(found: &str, table: &str) -> SqlError {
    let message = format!("{found} was there before and is no index of {table}");
    let hint = "give the new index another name".to_owned();
    host_error("database", &SqlState::DUPLICATE_TABLE, message, Some(hint))
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
             UNION SELECT p.relid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass({named})) p"
        ),
        Indexed::Schema => format!(
            "SELECT r.oid FROM pg_catalog.pg_class r WHERE r.relnamespace = pg_catalog.to_regnamespace({named})"
        ),
        Indexed::Database | Indexed::System => "SELECT r.oid FROM pg_catalog.pg_class r".to_owned(),
    };
    // The indexes of what is stored out of line are rebuilt with a table's own.
    let statement = format!(
        "WITH t AS ({table}) SELECT c.oid::text, pg_catalog.format('%I.%I', n.nspname, c.relname), false, true \
         FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' AND i.indrelid IN (SELECT * FROM t \
         UNION SELECT r.reltoastrelid FROM pg_catalog.pg_class r WHERE r.oid IN (SELECT * FROM t)) ORDER BY c.oid"
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
