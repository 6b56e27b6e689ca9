//! Many rows at once, for the host's own batches: raw cells out of the server, binary COPY into it.

use super::connection::Connection;
use super::error::{ends_connection, from_driver, guest_error, host_error};
use super::guest::CallError;
use super::value::Kind;
use super::wire::WireColumn;
use super::{guest, value};
use crate::bindings::Column;
use bytes::Bytes;
use futures_util::SinkExt as _;
use postgres_types::Type;
use std::pin::pin;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Row, Statement};

/// Names of types that are kept. More are no types of a schema but made up to fill our memory.
const KNOWN_TYPES: usize = 10_000;

impl Connection {
    /// The rows of one of the host's statements over a user's table, with what their columns are.
    pub async fn raw_rows(&self, statement: &str) -> Result<(Vec<WireColumn>, Vec<Row>), CallError> {
        self.wire.lift_limits();
        let rows = self.client.query_typed(statement, &[]).await;
        let described = self.wire.take_columns().unwrap_or_default();
        self.forget_columns();
        Ok((described, rows.map_err(|error| self.call_error(&error))?))
    }

    /// The first rows of one of the host's statements over a user's table, as long as `wanted` wants them, and whether there
    /// were more. Those are read and forgotten.
    pub async fn first_rows(
        &self,
        statement: &str,
        mut wanted: impl FnMut(&Row) -> bool,
    ) -> Result<(Vec<Row>, bool), CallError> {
        use futures_util::TryStreamExt as _;
        self.wire.lift_limits();
        let none: [(&i32, Type); 0] = [];
        let read = async {
            let mut stream = pin!(self.client.query_typed_raw(statement, none).await?);
            let (mut rows, mut more) = (Vec::new(), false);
            while let Some(row) = stream.try_next().await? {
                more = more || !wanted(&row);
                if !more {
                    rows.push(row);
                }
            }
            Ok((rows, more))
        };
        let read: Result<_, tokio_postgres::Error> = read.await;
        self.forget_columns();
        read.map_err(|error| self.call_error(&error))
    }

    /// Runs one of the host's statements over a user's table, and says how many rows it touched.
    pub async fn run(&self, statement: &str) -> Result<u64, CallError> {
        self.wire.lift_limits();
        let done = self.client.execute_typed(statement, &[]).await;
        self.forget_columns();
        done.map_err(|error| self.call_error(&error))
    }

    /// Several statements in one message, with no result.
    pub async fn run_all(&self, statements: &str) -> Result<(), CallError> {
        self.wire.lift_limits();
        let done = self.client.batch_execute(statements).await;
        self.forget_columns();
        done.map_err(|error| self.call_error(&error))
    }

    /// A COPY from us that will be run many times.
    pub async fn prepare_copy(&self, statement: &str) -> Result<Statement, CallError> {
        let prepared = self.client.prepare(statement).await;
        self.forget_columns();
        prepared.map_err(|error| self.call_error(&error))
    }

    /// Runs it with its data.
    pub async fn copy_in(&self, statement: &Statement, data: Bytes) -> Result<u64, CallError> {
        let copied = async {
            let mut sink = pin!(self.client.copy_in(statement).await?);
            sink.send(data).await?;
            sink.finish().await
        };
        let copied: Result<u64, tokio_postgres::Error> = copied.await;
        self.forget_columns();
        copied.map_err(|error| self.call_error(&error))
    }

    /// Tells a user's errors from the end of the connection.
    pub(super) fn call_error(&self, error: &tokio_postgres::Error) -> CallError {
        match guest_error(error) {
            Some(record) if !ends_connection(error) => CallError::Guest(record),
            Some(_) => CallError::Fatal(from_driver("running a statement", error)),
            None if self.client.is_closed() => CallError::Fatal(from_driver("running a statement", error)),
            None => {
                let message = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
                CallError::Guest(host_error("parameter", &SqlState::INVALID_PARAMETER_VALUE, message, None))
            }
        }
    }

    /// Names the columns' types as `format_type` does, asking the server for those not seen before.
    pub async fn name_types(&mut self, described: Vec<WireColumn>) -> Result<(Vec<Column>, Vec<Kind>), CallError> {
        let unknown: Vec<_> = described
            .iter()
            .map(|column| (column.oid, column.typmod))
            .filter(|key| !self.types.contains_key(key))
            .collect();
        if !unknown.is_empty() {
            let pairs = unknown
                .iter()
                // The revision's search path may hold types of its own with these names.
                .map(|(oid, modifier)| format!("({oid}::pg_catalog.oid,{modifier}::pg_catalog.int4)"))
                .collect::<Vec<_>>();
            if self.types.len() + unknown.len() > KNOWN_TYPES {
                self.types.clear();
                return Box::pin(self.name_types(described)).await;
            }
            let statement = format!(
                "SELECT t.o, t.m, pg_catalog.format_type(t.o, t.m), \
                 (SELECT y.typtype OPERATOR(pg_catalog.=) 'e'::\"char\" OR y.typname OPERATOR(pg_catalog.=) 'citext'::pg_catalog.name \
                 FROM pg_catalog.pg_type y WHERE y.oid OPERATOR(pg_catalog.=) t.o) \
                 FROM (VALUES {}) t(o, m)",
                pairs.join(",")
            );
            let (_, rows) = self.raw_rows(&statement).await?;
            // In a session whose encoding was changed a name may be no text.
            let no_text = |error| CallError::Fatal(from_driver("naming types", &error));
            for row in rows {
                let is_text = row.try_get::<_, Option<bool>>(3).map_err(no_text)?.unwrap_or(false);
                let name = row.try_get(2).map_err(no_text)?;
                self.types.insert((row.get(0), row.get(1)), (name, is_text));
            }
        }
        let mut columns = Vec::with_capacity(described.len());
        let mut kinds = Vec::with_capacity(described.len());
        for column in described {
            let (type_name, is_text) = self.types.get(&(column.oid, column.typmod)).cloned().unwrap_or_default();
            kinds.push(if is_text { Kind::TextLike } else { value::kind_of(column.oid).unwrap_or(Kind::Other) });
            columns.push(Column { name: column.name, oid: column.oid, type_name });
        }
        Ok((columns, kinds))
    }
}

/// A cell of a row as it came.
#[must_use]
pub fn cell(row: &Row, index: usize) -> Option<&[u8]> {
    guest::raw(row, index)
}
