//! Durable revisions: no transaction around the whole, but a journal. Each host call with an effect is a numbered step that
//! runs in a transaction of its own together with its row of the journal. After a crash the revision runs again from the top;
//! steps that the journal has answer from there, and work goes on at the first that it does not have. A call that is
//! another one than the journal says ends the run: a revision sees nothing that could differ, unless it was changed.
//!
//! Between two steps nothing is held but the migration lock. The session is as a new one in each, with the settings (SET)
//! that the revision has made so far.

mod backfill;
mod outside;

pub use backfill::{Cause, Halted, Unfit, task_of};

use crate::bindings::{ColumnSet, RowSet, SqlError, Value};
use crate::sql::outside::Outside;
use crate::sql::{self, Begin, CallError, Connection, FinishError, GuestLimits, Transaction, host_error};
use crate::state::journal::{self, StepState};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio_postgres::error::SqlState;

/// What a run of a durable revision is about.
#[derive(Clone)]
pub struct About {
    /// The schema of the bookkeeping.
    pub schema: String,
    /// The revision.
    pub revision: String,
    /// `upgrade` or `downgrade`.
    pub direction: &'static str,
    /// How each step's transaction begins.
    pub begin: Begin,
    /// The component that runs.
    pub digest: String,
    /// How its backfills are worked on.
    pub crew: crate::backfill::Options,
    /// Whether somebody asked to stop: no further step is begun then.
    pub stop: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// A call that changes or reads the database.
#[derive(Debug, Clone, Copy, Serialize)]
pub enum Call<'a> {
    /// `sql.execute`, and each statement of `sql.script`.
    Execute(&'a str, &'a [Value]),
    /// `sql.execute-many`.
    ExecuteMany(&'a str, &'a [Vec<Value>]),
    /// `sql.query`.
    Query(&'a str, &'a [Value]),
    /// `sql.query-columns`.
    QueryColumns(&'a str, &'a [Value]),
}

/// What it gave.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Answer {
    /// Rows that were touched.
    Count(u64),
    /// A result.
    Rows(RowSet),
    /// The same by columns.
    Columns(ColumnSet),
    /// What the server said instead, which the revision handled.
    Refused(SqlError),
}

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The guest is told.
    #[error("{}", .0.message)]
    Guest(SqlError),
    /// The connection failed.
    #[error(transparent)]
    Fatal(sql::Error),
    /// The run is another one than the journal says.
    #[error("{0}")]
    Diverged(Divergence),
    /// The journal refused the step: something changed under it.
    #[error("the journal refused it: {}", .0.message)]
    Journal(SqlError),
    /// A backfill does not go on by itself.
    #[error(transparent)]
    Backfill(Box<Halted>),
    /// Somebody asked to stop.
    #[error("stopped on request")]
    Stopped,
}

/// How a run differs from its journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("step {step} was {was} when it ran first, and is {is} now")]
pub struct Divergence {
    /// The step.
    pub step: i32,
    /// What the journal has.
    pub was: String,
    /// What came now.
    pub is: String,
}

/// Bytes of an answer that the journal keeps.
const ANSWER: usize = 1024 * 1024;

/// Characters of a statement that the journal shows to people.
const SHOWN: usize = 2000;

impl Call<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Execute(..) => "execute",
            Self::ExecuteMany(..) => "execute-many",
            Self::Query(..) => "query",
            Self::QueryColumns(..) => "query-columns",
        }
    }

    fn statement(&self) -> &str {
        match self {
            Self::Execute(statement, _)
            | Self::ExecuteMany(statement, _)
            | Self::Query(statement, _)
            | Self::QueryColumns(statement, _) => statement,
        }
    }
}

/// The steps of one run. Owns the connection, which holds the migration lock.
pub struct Steps {
    about: About,
    /// None after it was lost.
    connection: Option<Connection>,
    /// What earlier runs have done and this one has not come to yet.
    recorded: VecDeque<journal::Step>,
    /// Steps so far.
    number: i32,
    now: i64,
    server_version: u32,
    /// Statements that set something for those that follow.
    settings: Vec<String>,
    /// Steps that the server refused. They are written with the next one: if the revision ends here, they will be tried again.
    refused: Vec<journal::Step>,
    notices: Vec<String>,
}

impl Steps {
    /// Reads the journal, or begins one.
    pub async fn open(connection: Connection, about: About) -> Result<Self, (Option<Connection>, sql::Error)> {
        let server_version = connection.server_version();
        let recorded = match journal::read(&connection, &about.schema, &about.revision, about.direction).await {
            Ok(recorded) => recorded,
            Err(error) => return Err((Some(connection), error)),
        };
        let mut steps = Self {
            about,
            connection: Some(connection),
            recorded: recorded.into(),
            number: 0,
            now: 0,
            server_version,
            settings: Vec::new(),
            refused: Vec::new(),
            notices: Vec::new(),
        };
        match steps.recorded.pop_front() {
            Some(first) => steps.now = first.result.and_then(|now| postcard::from_bytes(&now).ok()).unwrap_or(0),
            None => {
                if let Err(error) = steps.begin_journal().await {
                    return Err((steps.connection, error));
                }
            }
        }
        Ok(steps)
    }

    async fn begin_journal(&mut self) -> Result<(), sql::Error> {
        let connection = self.take()?;
        let begin = Begin { timed: true, ..self.about.begin.clone() };
        let transaction = Transaction::begin(connection, &begin).await.map_err(|(connection, error)| {
            self.connection = Some(connection);
            error
        })?;
        self.now = transaction.now().unwrap_or(0);
        let first = journal::Step {
            number: 0,
            call: "begin".to_owned(),
            statement: None,
            fingerprint: String::new(),
            state: StepState::Done,
            result: Some(postcard::to_allocvec(&self.now).expect("a number can be written")),
            note: None,
        };
        let About { schema, revision, direction, .. } = &self.about;
        // A revision that is taken back half-way may have workers elsewhere, who are not to write behind us.
        let mut statements = crate::state::backfill::give_up(schema, revision, direction);
        statements.push(self.journal_statement(&first, &transaction));
        self.commit(transaction, &statements).await.map_err(|error| match error {
            Error::Fatal(error) => error,
            Error::Guest(error) | Error::Journal(error) => {
                sql::Error::Refused { doing: "beginning the journal", error: Box::new(error) }
            }
            Error::Diverged(_) | Error::Backfill(_) | Error::Stopped => sql::Error::Stopped("beginning the journal"),
        })
    }

    /// Start of the first run, in microseconds since 2000-01-01 UTC: the same in all runs.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.now
    }

    /// `server_version_num`.
    #[must_use]
    pub fn server_version(&self) -> u32 {
        self.server_version
    }

    /// Whether texts were what they seem.
    #[must_use]
    pub fn speaks_utf8(&self) -> bool {
        self.connection.as_ref().is_none_or(Connection::speaks_utf8)
    }

    /// Notices the server sent since this was last asked.
    pub fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// The connection, where it is still of use.
    #[must_use]
    pub fn into_connection(self) -> Option<Connection> {
        self.connection
    }

    /// What the journal has that this run, which has ended well, did not come to.
    pub fn left_over(&self) -> Option<Divergence> {
        self.recorded.front().map(|step| Divergence {
            step: step.number,
            was: shown(&step.call, step.statement.as_deref()),
            is: "nothing: the revision ended before it".to_owned(),
        })
    }

    /// Answers a call: from the journal, or by doing it.
    pub async fn call(&mut self, call: &Call<'_>, limits: GuestLimits) -> Result<Answer, Error> {
        let statement = call.statement();
        if let Some(refused) = sql::gate::check(statement).err().or_else(|| sql::durable::check(statement).err()) {
            return Err(Error::Guest(sql::refused_record(&refused)));
        }
        if sql::durable::is_setting(statement) {
            return self.set(call, limits).await;
        }
        self.number += 1;
        let step = journal::Step {
            number: self.number,
            call: call.name().to_owned(),
            statement: Some(statement.chars().filter(|c| *c != '\0').take(SHOWN).collect()),
            fingerprint: hash_of(call),
            state: StepState::Done,
            result: None,
            note: None,
        };
        let outside = match call {
            Call::Execute(text, _) => Outside::of(text),
            Call::ExecuteMany(..) | Call::Query(..) | Call::QueryColumns(..) => None,
        };
        if let Some(recorded) = self.recorded.pop_front() {
            if let Some(divergence) = differs(&recorded, &step) {
                return Err(Error::Diverged(divergence));
            }
            return match (recorded.state, outside) {
                (StepState::Begun, Some(outside)) => self.resume_outside(step, outside, recorded.note, call).await,
                _ => recorded_answer(&recorded),
            };
        }
        if (self.about.stop)() {
            return Err(Error::Stopped);
        }
        match outside {
            Some(outside) => self.begin_outside(step, outside, call, limits).await,
            None => self.in_transaction(step, call, limits).await,
        }
    }

    /// A setting changes nothing in the database: it is tried once, and made again before each later step.
    async fn set(&mut self, call: &Call<'_>, limits: GuestLimits) -> Result<Answer, Error> {
        let mut transaction = self.begin().await?;
        let answer = answer(&mut transaction, call, limits).await;
        self.roll_back(transaction).await?;
        let answer = answer?;
        self.settings.push(call.statement().trim().trim_end_matches(';').to_owned());
        Ok(answer)
    }

    async fn in_transaction(
        &mut self,
        mut step: journal::Step,
        call: &Call<'_>,
        limits: GuestLimits,
    ) -> Result<Answer, Error> {
        let mut transaction = self.begin().await?;
        let answered = answer(&mut transaction, call, limits).await.and_then(|answer| {
            step.result = Some(encoded(&answer)?);
            Ok(answer)
        });
        self.notices.extend(transaction.take_notices());
        match answered {
            Ok(answer) => match self.record(transaction, &step).await {
                Ok(()) => Ok(answer),
                Err(error) => Err(self.refused(step, error)),
            },
            Err(error @ Error::Guest(_)) => {
                self.roll_back(transaction).await?;
                Err(self.refused(step, error))
            }
            Err(error) => Err(error),
        }
    }

    /// Notes what the server refused, which counts only if the revision goes on.
    fn refused(&mut self, mut step: journal::Step, error: Error) -> Error {
        if let Error::Guest(record) = &error {
            step.state = StepState::Failed;
            step.result = encoded(&Answer::Refused(record.clone())).ok();
            self.refused.push(step);
        }
        error
    }

    /// Writes `step` into the journal and commits it with what the transaction has done.
    async fn record(&mut self, transaction: Transaction, step: &journal::Step) -> Result<(), Error> {
        self.record_with(transaction, Vec::new(), step).await
    }

    /// The same after more statements of the host's.
    async fn record_with(
        &mut self,
        transaction: Transaction,
        mut statements: Vec<String>,
        step: &journal::Step,
    ) -> Result<(), Error> {
        let before = std::mem::take(&mut self.refused);
        statements.extend(before.iter().chain([step]).map(|step| self.journal_statement(step, &transaction)));
        let done = self.commit(transaction, &statements).await;
        if done.is_err() {
            self.refused = before;
        }
        done
    }

    /// A transaction that holds nothing but a row of the journal.
    async fn record_alone(&mut self, step: &journal::Step) -> Result<(), Error> {
        let transaction = self.begin().await?;
        self.record(transaction, step).await
    }

    async fn begin(&mut self) -> Result<Transaction, Error> {
        let connection = self.take().map_err(Error::Fatal)?;
        let mut transaction =
            Transaction::begin(connection, &self.about.begin).await.map_err(|(connection, error)| {
                self.connection = Some(connection);
                Error::Fatal(error)
            })?;
        if !self.settings.is_empty() {
            let settings = sql::joined(&self.settings);
            transaction.host_statement("making the revision's settings", &settings).await.map_err(Error::Fatal)?;
        }
        Ok(transaction)
    }

    async fn roll_back(&mut self, transaction: Transaction) -> Result<(), Error> {
        self.connection = Some(transaction.rollback().await.map_err(Error::Fatal)?);
        Ok(())
    }

    async fn commit(&mut self, transaction: Transaction, last: &[String]) -> Result<(), Error> {
        match transaction.commit(last, None).await {
            Ok(session) => {
                self.connection = session.idle().await;
                Ok(())
            }
            Err((connection, error)) => {
                self.connection = connection;
                Err(match error {
                    FinishError::Deferred(record) => Error::Guest(record),
                    FinishError::Last(record) => Error::Journal(record),
                    FinishError::RolledBack(record) => Error::Guest(record.unwrap_or_else(rolled_back)),
                    // Whether it was committed stands in the journal, for the next run.
                    FinishError::Lost(error) | FinishError::Unknown(_, error) => Error::Fatal(error),
                })
            }
        }
    }

    fn journal_statement(&self, step: &journal::Step, transaction: &Transaction) -> String {
        let About { schema, revision, direction, .. } = &self.about;
        journal::statement(schema, revision, direction, step, transaction.proof())
    }

    fn take(&mut self) -> Result<Connection, sql::Error> {
        self.connection.take().ok_or_else(closed)
    }

    fn connection(&self) -> Result<&Connection, Error> {
        self.connection.as_ref().ok_or_else(|| Error::Fatal(closed()))
    }

    fn connection_mut(&mut self) -> Result<&mut Connection, Error> {
        self.connection.as_mut().ok_or_else(|| Error::Fatal(closed()))
    }
}

fn closed() -> sql::Error {
    sql::Error::Lost { doing: "running a step", cause: "it is closed".to_owned() }
}

/// What a call gives in a transaction.
async fn answer(transaction: &mut Transaction, call: &Call<'_>, limits: GuestLimits) -> Result<Answer, Error> {
    let answer = match *call {
        Call::Execute(statement, values) => transaction.execute(statement, values, limits).await.map(Answer::Count),
        Call::ExecuteMany(statement, rows) => {
            transaction.execute_many(statement, rows, limits).await.map(Answer::Count)
        }
        Call::Query(statement, values) => transaction.query(statement, values, limits).await.map(Answer::Rows),
        Call::QueryColumns(statement, values) => {
            transaction.query_columns(statement, values, limits).await.map(Answer::Columns)
        }
    };
    answer.map_err(|error| match error {
        CallError::Guest(record) => Error::Guest(record),
        CallError::Fatal(error) => Error::Fatal(error),
    })
}

fn recorded_answer(step: &journal::Step) -> Result<Answer, Error> {
    let answer = step.result.as_deref().and_then(|bytes| postcard::from_bytes(bytes).ok());
    match answer {
        Some(Answer::Refused(record)) => Err(Error::Guest(record)),
        Some(answer) => Ok(answer),
        None => Err(Error::Journal(host_error(
            "result",
            &SqlState::DATA_CORRUPTED,
            format!("the journal's answer of step {} cannot be read", step.number),
            None,
        ))),
    }
}

fn encoded(answer: &Answer) -> Result<Vec<u8>, Error> {
    let bytes = postcard::to_allocvec(answer).expect("answers are plain data");
    if bytes.len() <= ANSWER {
        return Ok(bytes);
    }
    let message = format!(
        "the result takes {} bytes, and the journal of a durable revision keeps {}",
        bytes.len(),
        crate::units::Bytes(ANSWER as u64)
    );
    let hint = "read fewer rows, or rewrite them with `backfill`, which keeps none".to_owned();
    Err(Error::Guest(host_error("limit", &SqlState::PROGRAM_LIMIT_EXCEEDED, message, Some(hint))))
}

fn hash_of(what: &impl Serialize) -> String {
    let bytes = postcard::to_allocvec(what).expect("calls are plain data");
    blake3::hash(&bytes).to_hex().to_string()
}

fn differs(recorded: &journal::Step, step: &journal::Step) -> Option<Divergence> {
    let same = recorded.number == step.number && recorded.fingerprint == step.fingerprint;
    (!same).then(|| Divergence {
        step: step.number,
        was: shown(&recorded.call, recorded.statement.as_deref()),
        is: if recorded.statement == step.statement && recorded.call == step.call {
            "the same with other parameters".to_owned()
        } else {
            shown(&step.call, step.statement.as_deref())
        },
    })
}

/// A step for a message.
fn shown(call: &str, statement: Option<&str>) -> String {
    const CHARACTERS: usize = 120;
    let Some(statement) = statement else { return call.to_owned() };
    let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut cut: String = line.chars().take(CHARACTERS).collect();
    if cut.len() < line.len() {
        cut.push('…');
    }
    format!("`{call}` of `{cut}`")
}

fn rolled_back() -> SqlError {
    let message = "the server rolled the step back instead of committing it".to_owned();
    host_error("database", &SqlState::TRANSACTION_ROLLBACK, message, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(call: &Call<'_>, number: i32) -> journal::Step {
        journal::Step {
            number,
            call: call.name().to_owned(),
            statement: Some(call.statement().to_owned()),
            fingerprint: hash_of(call),
            state: StepState::Done,
            result: None,
            note: None,
        }
    }

    #[test]
    fn a_call_that_differs_is_told_from_the_same_one() {
        let check = |was: &Call<'_>, is: &Call<'_>, expected: Option<&str>| {
            let found = differs(&step(was, 3), &step(is, 3)).map(|divergence| divergence.to_string());
            assert_eq!(found.as_deref(), expected);
        };
        let insert = Call::Execute("INSERT INTO t VALUES ($1)", &[Value::Int4(1)]);
        check(&insert, &insert, None);
        check(
            &insert,
            &Call::Execute("INSERT INTO t VALUES ($1)", &[Value::Int4(2)]),
            Some(
                "step 3 was `execute` of `INSERT INTO t VALUES ($1)` when it ran first, and is the same with other parameters now",
            ),
        );
        check(
            &insert,
            &Call::Query("SELECT\n  1", &[]),
            Some(
                "step 3 was `execute` of `INSERT INTO t VALUES ($1)` when it ran first, and is `query` of `SELECT 1` now",
            ),
        );
    }

    #[test]
    fn answers_are_read_as_they_were_written() {
        let value = Value::Float8(f64::NAN);
        let rows = RowSet { columns: Vec::new(), rows: vec![vec![value, Value::Numeric("1.50".to_owned())]] };
        let bytes = encoded(&Answer::Rows(rows)).expect("it is small");
        let recorded = journal::Step { result: Some(bytes), ..step(&Call::Query("SELECT 1", &[]), 1) };
        let Ok(Answer::Rows(back)) = recorded_answer(&recorded) else { panic!("not rows") };
        assert!(matches!(back.rows[0][0], Value::Float8(number) if number.is_nan()));
        assert_eq!(back.rows[0][1], Value::Numeric("1.50".to_owned()));
    }

    #[test]
    fn an_answer_that_is_too_large_for_the_journal_is_an_error() {
        let rows = RowSet { columns: Vec::new(), rows: vec![vec![Value::Text("x".repeat(ANSWER))]] };
        let Err(Error::Guest(record)) = encoded(&Answer::Rows(rows)) else { panic!("it fits") };
        assert_eq!(record.kind, "limit");
    }
}
