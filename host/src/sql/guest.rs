//! The statements of a guest, inside a transaction that is lent to it: the gate, the limits, and values both ways.
//!
//! What the guest may handle is an error record; [`CallError::Fatal`] is the end of the run.

use super::error::{Error, host_error};
use super::gate;
use super::split::{self, Statement};
use super::transaction::Transaction;
use super::value::parameter::{self, Parameter};
use super::value::vector::VectorBuilder;
use super::value::{self, Kind};
use crate::bindings::{Column, ColumnSet, RowSet, SqlError, Value};
use crate::units::Bytes;
use futures_util::stream::FuturesOrdered;
use futures_util::{FutureExt as _, StreamExt as _};
use std::pin::pin;
use std::time::Instant;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Row, RowStream, error::SqlState};

/// The limits of a statement.
#[derive(Debug, Clone, Copy)]
pub struct GuestLimits {
    /// Bytes of a statement with its parameters.
    pub statement_size: u64,
    /// Bytes the server may send in answer.
    pub result_size: u64,
}

/// Why a guest's call did not work.
#[derive(Debug)]
pub enum CallError {
    /// The guest is told.
    Guest(SqlError),
    /// The run is over.
    Fatal(Error),
}

impl From<SqlError> for CallError {
    fn from(error: SqlError) -> Self {
        Self::Guest(error)
    }
}

/// What a message may have beyond the rows that the limit counts.
const MESSAGE_ROOM: u64 = 64 * 1024;

/// What a result may take in memory for each byte the server may send: a NULL is four bytes there and 24 here, and ten
/// bytes of a numeric can be 128 KiB of text.
const GROWTH: u64 = 4;

/// PostgreSQL's protocol counts parameters in 16 bits.
const PARAMETERS: usize = 65_535;

impl Transaction {
    /// `sql.execute`.
    pub async fn execute(&mut self, statement: &str, values: &[Value], limits: GuestLimits) -> Result<u64, CallError> {
        let parameters = prepare(statement, values, limits)?;
        self.limit(limits);
        let begun = Instant::now();
        let done = self.connection.client.execute_typed(statement, &borrowed(&parameters)).await;
        self.connection.forget_columns();
        // Rows over the limit were dropped, as nobody asked for any.
        let count = self.answered(done).map_err(|error| of_statement(error, statement))?;
        self.traced(statement, begun).await?;
        Ok(count)
    }

    /// `sql.execute-many`: the statements go out together and the answers are read after.
    pub async fn execute_many(
        &mut self,
        statement: &str,
        rows: &[Vec<Value>],
        limits: GuestLimits,
    ) -> Result<u64, CallError> {
        /// Statements on the wire before the first answer is read. Enough to hide the latency of a distant server.
        const IN_FLIGHT: usize = 64;
        self.limit(limits);
        let begun = Instant::now();
        let mut total = 0;
        // Each carries the statement's text, so that long ones must be few.
        let in_flight = usize::try_from(limits.statement_size).unwrap_or(usize::MAX) / statement.len().max(1);
        let in_flight = in_flight.clamp(1, IN_FLIGHT);
        for (chunk, first) in rows.chunks(in_flight).zip((0..).step_by(in_flight)) {
            let mut sets = Vec::with_capacity(chunk.len());
            for values in chunk {
                sets.push(prepare(statement, values, limits)?);
            }
            let client = &self.connection.client;
            let sets: Vec<_> = sets.iter().map(|set| borrowed(set)).collect();
            let answers =
                futures_util::future::join_all(sets.iter().map(|set| client.execute_typed(statement, set))).await;
            self.connection.forget_columns();
            for (answer, row) in answers.into_iter().zip(first..) {
                total += self.answered(answer).map_err(|error| of_statement(in_row(error, row), statement))?;
            }
        }
        self.traced(statement, begun).await?;
        Ok(total)
    }

    /// `sql.query`.
    pub async fn query(&mut self, statement: &str, values: &[Value], limits: GuestLimits) -> Result<RowSet, CallError> {
        let (columns, kinds, rows) = self.rows(statement, values, limits).await?;
        let mut room = in_memory(limits);
        let mut cells = Vec::with_capacity(rows.len());
        for row in rows {
            let mut line = Vec::with_capacity(kinds.len());
            room.take(size_of::<Vec<Value>>())?;
            for (index, (column, kind)) in columns.iter().zip(&kinds).enumerate() {
                let value = value::decode(*kind, column.oid, raw(&row, index))
                    .map_err(|error| unfit(column, &error.to_string()))?;
                room.take(value::size(&value))?;
                line.push(value);
            }
            cells.push(line);
        }
        Ok(RowSet { columns, rows: cells })
    }

    /// `sql.query-columns`.
    pub async fn query_columns(
        &mut self,
        statement: &str,
        values: &[Value],
        limits: GuestLimits,
    ) -> Result<ColumnSet, CallError> {
        let (columns, kinds, rows) = self.rows(statement, values, limits).await?;
        let count = u32::try_from(rows.len()).map_err(|_| too_large(limits))?;
        let mut room = in_memory(limits);
        let mut vectors = Vec::with_capacity(columns.len());
        for (index, (column, kind)) in columns.iter().zip(kinds).enumerate() {
            let mut vector = VectorBuilder::new(kind, column.oid, rows.len()).with_limit(room.left());
            for row in &rows {
                vector.push(raw(row, index)).map_err(|error| match error {
                    value::Error::TooLarge { .. } => too_large_in_memory(limits),
                    error => unfit(column, &error.to_string()),
                })?;
            }
            room.take(vector.size())?;
            vectors.push(vector.finish());
        }
        Ok(ColumnSet { columns, rows: count, vectors })
    }

    /// `sql.script`: while a statement runs, the next ones are on their way. After an error the server refuses those.
    /// `begin` hears each statement before it is sent, and says whether it may be.
    pub async fn script(
        &mut self,
        text: &str,
        limits: GuestLimits,
        begin: &mut (dyn FnMut(&str) -> bool + Send),
    ) -> Result<u32, CallError> {
        /// Statements on the wire. A few hide the way there and back; each more would run on after a cancel that came
        /// between two of them.
        const IN_FLIGHT: usize = 4;
        let statements = split_script(text)?;
        if self.tracer.is_some() {
            return self.script_by_statement(&statements, limits, begin).await;
        }
        let mut unsent = statements.iter();
        let mut under_way = FuturesOrdered::new();
        let mut stop = None;
        let mut failed = None;
        self.limit(limits);
        loop {
            while under_way.len() < IN_FLIGHT
                && stop.is_none()
                && failed.is_none()
                && let Some(statement) = unsent.next()
            {
                if !begin(statement.text) {
                    stop = Some(CallError::Fatal(Error::Stopped("running a script")));
                } else if let Err(refused) = prepare(statement.text, &[], limits) {
                    stop = Some(in_script(refused, statement));
                } else {
                    let answer = self.connection.client.execute_typed(statement.text, &[]);
                    under_way.push_back(answer.map(move |answer| (statement, answer)));
                }
            }
            let Some((statement, answer)) = under_way.next().await else { break };
            if failed.is_none() {
                failed = answer.err().map(|error| (statement, error));
            }
        }
        drop(under_way);
        self.connection.forget_columns();
        // What was sent comes before what was not.
        if let Some((statement, error)) = failed {
            return Err(in_script(self.refused(&error), statement));
        }
        stop.map_or_else(|| Ok(u32::try_from(statements.len()).expect("the splitter's limit is far below 2^32")), Err)
    }

    /// The same one by one: who looks at each wants nothing else under way.
    async fn script_by_statement(
        &mut self,
        statements: &[Statement<'_>],
        limits: GuestLimits,
        begin: &mut (dyn FnMut(&str) -> bool + Send),
    ) -> Result<u32, CallError> {
        for statement in statements {
            if !begin(statement.text) {
                return Err(CallError::Fatal(Error::Stopped("running a script")));
            }
            self.execute(statement.text, &[], limits).await.map_err(|error| in_script(error, statement))?;
        }
        Ok(u32::try_from(statements.len()).expect("the splitter's limit is far below 2^32"))
    }

    /// `sql.savepoint`.
    pub async fn savepoint(&mut self) -> Result<u32, CallError> {
        let number = self.next_savepoint;
        self.plain(&format!("SAVEPOINT wmigrate_{number}")).await?;
        self.next_savepoint += 1;
        self.savepoints.push(number);
        Ok(number)
    }

    /// `sql.rollback-to-savepoint`.
    pub async fn rollback_to_savepoint(&mut self, number: u32) -> Result<(), CallError> {
        let depth = self.depth_of(number)?;
        self.plain(&format!("ROLLBACK TO SAVEPOINT wmigrate_{number}")).await?;
        self.savepoints.truncate(depth + 1);
        self.last_error = None;
        Ok(())
    }

    /// `sql.release-savepoint`.
    pub async fn release_savepoint(&mut self, number: u32) -> Result<(), CallError> {
        let depth = self.depth_of(number)?;
        self.plain(&format!("RELEASE SAVEPOINT wmigrate_{number}")).await?;
        self.savepoints.truncate(depth);
        Ok(())
    }

    /// Whether texts were what they seem: a statement can change the encoding of the session.
    #[must_use]
    pub fn speaks_utf8(&self) -> bool {
        self.connection.speaks_utf8()
    }

    /// Notices the server sent since this was last asked.
    pub fn take_notices(&mut self) -> Vec<String> {
        self.connection.take_notices()
    }

    fn depth_of(&self, number: u32) -> Result<usize, CallError> {
        self.savepoints.iter().position(|known| *known == number).ok_or_else(|| {
            let message = format!("savepoint {number} is not open");
            host_error("usage", &SqlState::S_E_INVALID_SPECIFICATION, message, None).into()
        })
    }

    async fn plain(&mut self, statement: &str) -> Result<(), CallError> {
        let done = self.connection.client.batch_execute(statement).await;
        self.answered(done)
    }

    /// Bounds what the server may send in answer to each of the statements that follow.
    fn limit(&self, limits: GuestLimits) {
        self.connection.wire.set_limits(limits.result_size, limits.result_size.saturating_add(MESSAGE_ROOM));
    }

    async fn rows(
        &mut self,
        statement: &str,
        values: &[Value],
        limits: GuestLimits,
    ) -> Result<(Vec<Column>, Vec<Kind>, Vec<Row>), CallError> {
        let parameters = prepare(statement, values, limits)?;
        self.limit(limits);
        let begun = Instant::now();
        let asked = borrowed(&parameters);
        let answer =
            match self.connection.client.query_typed_raw(statement, asked.iter().map(|(p, t)| (*p, t.clone()))).await {
                Ok(stream) => collect(stream, in_memory(limits)).await,
                Err(error) => Err(error),
            };
        let described = self.connection.wire.take_columns().unwrap_or_default();
        self.connection.forget_columns();
        let rows = self.answered(answer).map_err(|error| of_statement(error, statement))?;
        self.within_size(limits)?;
        let rows = rows?;
        let named = self.connection.name_types(described).await;
        let (columns, kinds) = named.inspect_err(|error| self.note(error))?;
        self.traced(statement, begun).await?;
        Ok((columns, kinds, rows))
    }

    fn answered<T>(&mut self, answer: Result<T, tokio_postgres::Error>) -> Result<T, CallError> {
        answer.map_err(|error| self.refused(&error))
    }

    /// Tells the guest's errors from the end of the connection.
    fn refused(&mut self, error: &tokio_postgres::Error) -> CallError {
        let error = self.connection.call_error(error);
        self.note(&error);
        error
    }

    /// What comes after the first error is only "transaction is aborted"; the first one is the news.
    pub(crate) fn note(&mut self, error: &CallError) {
        if let CallError::Guest(record) = error
            && record.sqlstate != "25P02"
        {
            self.last_error = Some(record.clone());
        }
    }

    fn within_size(&self, limits: GuestLimits) -> Result<(), CallError> {
        if self.connection.wire.overflowed() { Err(too_large(limits).into()) } else { Ok(()) }
    }
}

/// Everything that is checked before the server is asked.
pub(crate) fn prepare<'v>(
    statement: &str,
    values: &'v [Value],
    limits: GuestLimits,
) -> Result<Vec<Parameter<'v>>, CallError> {
    gate::check(statement).map_err(|refused| refused_record(&refused))?;
    if values.len() > PARAMETERS {
        let message = format!("{} parameters are more than the {PARAMETERS} that a statement can have", values.len());
        return Err(host_error("limit", &SqlState::PROGRAM_LIMIT_EXCEEDED, message, None).into());
    }
    let mut size = statement.len();
    let mut parameters = Vec::with_capacity(values.len());
    for (value, number) in values.iter().zip(1..) {
        let parameter = parameter::encode(value).map_err(|error| {
            let message = format!("parameter ${number}: {error}");
            host_error(error.kind(), &SqlState::from_code(error.sqlstate()), message, None)
        })?;
        size += parameter.size();
        parameters.push(parameter);
    }
    if size as u64 > limits.statement_size {
        let message = format!(
            "a statement of {size} bytes with its parameters is over the limit of {}",
            Bytes(limits.statement_size)
        );
        let hint = Some("raise `statement_size` under `[limits]` in wmigrate.toml".to_owned());
        return Err(host_error("limit", &SqlState::PROGRAM_LIMIT_EXCEEDED, message, hint).into());
    }
    Ok(parameters)
}

/// Splits a script, with the splitter's complaint as the guest's error.
pub(crate) fn split_script(text: &str) -> Result<Vec<Statement<'_>>, SqlError> {
    split::split(text).map_err(|error| host_error("usage", &SqlState::SYNTAX_ERROR, error.to_string(), None))
}

/// What the gate says, as the guest's error.
pub(crate) fn refused_record(refused: &gate::Refused) -> SqlError {
    host_error("denied", &SqlState::FEATURE_NOT_SUPPORTED, refused.message.clone(), Some(refused.hint.to_owned()))
}

fn too_large(limits: GuestLimits) -> SqlError {
    over_size(format!("the result is over the limit of {}", Bytes(limits.result_size)))
}

fn too_large_in_memory(limits: GuestLimits) -> SqlError {
    over_size(format!(
        "the values of the result take more than {GROWTH} times the limit of {}",
        Bytes(limits.result_size)
    ))
}

fn over_size(message: String) -> SqlError {
    let hint = Some(
        "read fewer rows or columns at a time, or raise `result_size` under `[limits]` in wmigrate.toml".to_owned(),
    );
    host_error("limit", &SqlState::PROGRAM_LIMIT_EXCEEDED, message, hint)
}

fn unfit(column: &Column, reason: &str) -> SqlError {
    let message = format!("column `{}` of type {} cannot be handed over: {reason}", column.name, column.type_name);
    host_error("result", &SqlState::FEATURE_NOT_SUPPORTED, message, Some("cast it to text: `column::text`".to_owned()))
}

fn in_row(error: CallError, row: usize) -> CallError {
    match error {
        CallError::Guest(mut record) => {
            record.fields.push(("row".to_owned(), row.to_string()));
            CallError::Guest(record)
        }
        CallError::Fatal(error) => CallError::Fatal(error),
    }
}

/// Statements in an error are cut here: a person looks at them.
const SHOWN: usize = 2000;

/// A revision of many statements fails in one of them.
fn of_statement(error: CallError, statement: &str) -> CallError {
    match error {
        CallError::Guest(mut record) => {
            record.fields.push(("statement".to_owned(), statement.chars().take(SHOWN).collect()));
            CallError::Guest(record)
        }
        CallError::Fatal(error) => CallError::Fatal(error),
    }
}

pub(crate) fn in_script(error: CallError, statement: &Statement<'_>) -> CallError {
    let CallError::Guest(mut record) = error else {
        return error;
    };
    let (mut line, mut column) = (statement.line, statement.column);
    if let Some(position) = record.position {
        let (down, right) = super::parameters::position_to_line_column(statement.text, position);
        column = if down == 1 { column + right - 1 } else { right };
        line += down - 1;
    }
    record.fields.push(("line".to_owned(), line.to_string()));
    record.fields.push(("column-number".to_owned(), column.to_string()));
    record.fields.push(("statement".to_owned(), statement.text.chars().take(SHOWN).collect()));
    CallError::Guest(record)
}

fn borrowed<'p>(parameters: &'p [Parameter<'_>]) -> Vec<(&'p (dyn ToSql + Sync), Type)> {
    parameters.iter().map(|p| (p as &(dyn ToSql + Sync), p.pg_type())).collect()
}

/// All rows, or the limit that their number reached: a row of no columns is seven bytes on the wire. The stream is read to
/// its end all the same, as the connection's next statement needs it.
async fn collect(stream: RowStream, mut room: Room) -> Result<Result<Vec<Row>, SqlError>, tokio_postgres::Error> {
    use futures_util::TryStreamExt as _;
    /// What the driver holds for a cell: where it begins and ends.
    const CELL: usize = size_of::<Option<std::ops::Range<usize>>>();
    let mut stream = pin!(stream);
    let mut rows = Ok(Vec::new());
    while let Some(row) = stream.try_next().await? {
        if let Ok(kept) = &mut rows {
            match room.take(size_of::<Row>() + CELL * row.len()) {
                Ok(()) => kept.push(row),
                Err(error) => rows = Err(error),
            }
        }
    }
    Ok(rows)
}

/// Memory that a result may still take.
struct Room {
    left: usize,
    limits: GuestLimits,
}

fn in_memory(limits: GuestLimits) -> Room {
    let left = usize::try_from(limits.result_size.saturating_mul(GROWTH)).unwrap_or(usize::MAX);
    Room { left, limits }
}

impl Room {
    fn left(&self) -> usize {
        self.left
    }

    fn take(&mut self, bytes: usize) -> Result<(), SqlError> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| too_large_in_memory(self.limits))?;
        Ok(())
    }
}

/// A cell as it came, of whatever type.
struct Raw<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

pub(super) fn raw(row: &Row, index: usize) -> Option<&[u8]> {
    row.get::<_, Raw<'_>>(index).0
}
