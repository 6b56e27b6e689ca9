//! `sql`: to the server where a transaction stands behind the door, into a script where `--sql` asked for one.

use super::{Door, Recorded, State};
use crate::bindings::wmigrate::migration::sql::Host;
use crate::bindings::{ColumnSet, RowSet, SqlError, Value};
use crate::durable::{self, Answer as Recollected, Call, Steps};
use crate::runtime::outcome::Stop;
use crate::runtime::{Event, printable, shown_statement};
use crate::sql::{self, CallError, GuestLimits};
use std::sync::atomic::Ordering;
use tokio_postgres::error::SqlState;

type Answer<T> = wasmtime::Result<Result<T, SqlError>>;

/// Why a call gives nothing.
pub(super) enum Refusal {
    /// The guest is told.
    Guest(SqlError),
    /// The run is over.
    Stop(Stop),
}

impl From<SqlError> for Refusal {
    fn from(record: SqlError) -> Self {
        Self::Guest(record)
    }
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Guest(record) => Self::Guest(record),
            CallError::Fatal(error) => Self::Stop(Stop::Connection(error)),
        }
    }
}

impl From<durable::Error> for Refusal {
    fn from(error: durable::Error) -> Self {
        match error {
            durable::Error::Guest(record) => Self::Guest(record),
            error => Self::Stop(Stop::Durable(error)),
        }
    }
}

impl Host for State {
    async fn execute(&mut self, statement: String, parameters: Vec<Value>) -> Answer<u64> {
        self.enter_host()?;
        self.tell_statement(&statement);
        let limits = self.guest_limits();
        let done = match self.door() {
            Door::Live(transaction) => {
                transaction.execute(&statement, &parameters, limits).await.map_err(Refusal::from)
            }
            Door::Durable(steps) => count(steps.call(&Call::Execute(&statement, &parameters), limits).await),
            Door::Script(recorded) => recorded.statement(&statement, &parameters).map(|()| 0).map_err(Refusal::from),
        };
        self.answer(done)
    }

    async fn execute_many(&mut self, statement: String, parameters: Vec<Vec<Value>>) -> Answer<u64> {
        self.enter_host()?;
        self.tell_statement(&statement);
        let limits = self.guest_limits();
        let done = match self.door() {
            Door::Live(transaction) => {
                transaction.execute_many(&statement, &parameters, limits).await.map_err(Refusal::from)
            }
            Door::Durable(steps) => count(steps.call(&Call::ExecuteMany(&statement, &parameters), limits).await),
            Door::Script(recorded) => {
                let written = parameters.iter().try_for_each(|row| recorded.statement(&statement, row));
                written.map(|()| 0).map_err(Refusal::from)
            }
        };
        self.answer(done)
    }

    async fn query(&mut self, statement: String, parameters: Vec<Value>) -> Answer<RowSet> {
        self.enter_host()?;
        self.tell_statement(&statement);
        let limits = self.guest_limits();
        let done = match self.door() {
            Door::Live(transaction) => transaction.query(&statement, &parameters, limits).await.map_err(Refusal::from),
            Door::Durable(steps) => match steps.call(&Call::Query(&statement, &parameters), limits).await {
                Ok(Recollected::Rows(rows)) => Ok(rows),
                Ok(_) => unreachable!("a query is answered with rows"),
                Err(error) => Err(error.into()),
            },
            Door::Script(_) => return Err(reads(&statement)),
        };
        self.answer(done)
    }

    async fn query_columns(&mut self, statement: String, parameters: Vec<Value>) -> Answer<ColumnSet> {
        self.enter_host()?;
        self.tell_statement(&statement);
        let limits = self.guest_limits();
        let done = match self.door() {
            Door::Live(transaction) => {
                transaction.query_columns(&statement, &parameters, limits).await.map_err(Refusal::from)
            }
            Door::Durable(steps) => match steps.call(&Call::QueryColumns(&statement, &parameters), limits).await {
                Ok(Recollected::Columns(columns)) => Ok(columns),
                Ok(_) => unreachable!("a query is answered with columns"),
                Err(error) => Err(error.into()),
            },
            Door::Script(_) => return Err(reads(&statement)),
        };
        self.answer(done)
    }

    async fn script(&mut self, text: String) -> Answer<u32> {
        self.enter_host()?;
        let limits = self.guest_limits();
        let events = std::sync::Arc::clone(&self.call.events);
        let stopping = std::sync::Arc::clone(&self.stopping);
        let mut begin = |statement: &str| {
            events(Event::Statement(shown_statement(statement)));
            !stopping.load(Ordering::Relaxed)
        };
        let done = match self.door() {
            Door::Live(transaction) => transaction.script(&text, limits, &mut begin).await.map_err(Refusal::from),
            Door::Durable(steps) => script_in_steps(steps, &text, limits, &mut begin).await,
            Door::Script(recorded) => recorded.script(&text).map_err(Refusal::from),
        };
        self.answer(done)
    }

    async fn savepoint(&mut self) -> Answer<u32> {
        self.enter_host()?;
        let done = match self.door() {
            Door::Live(transaction) => transaction.savepoint().await.map_err(Refusal::from),
            Door::Durable(_) => Err(no_savepoints().into()),
            Door::Script(recorded) => Ok(recorded.savepoint()),
        };
        self.answer(done)
    }

    async fn rollback_to_savepoint(&mut self, savepoint: u32) -> Answer<()> {
        self.enter_host()?;
        let done = match self.door() {
            Door::Live(transaction) => transaction.rollback_to_savepoint(savepoint).await.map_err(Refusal::from),
            Door::Durable(_) => Err(no_savepoints().into()),
            Door::Script(recorded) => recorded.back_to(savepoint, "ROLLBACK TO SAVEPOINT", true).map_err(Refusal::from),
        };
        self.answer(done)
    }

    async fn release_savepoint(&mut self, savepoint: u32) -> Answer<()> {
        self.enter_host()?;
        let done = match self.door() {
            Door::Live(transaction) => transaction.release_savepoint(savepoint).await.map_err(Refusal::from),
            Door::Durable(_) => Err(no_savepoints().into()),
            Door::Script(recorded) => recorded.back_to(savepoint, "RELEASE SAVEPOINT", false).map_err(Refusal::from),
        };
        self.answer(done)
    }
}

impl State {
    fn tell_statement(&self, statement: &str) {
        self.tell(Event::Statement(shown_statement(statement)));
    }

    /// Passes on notices, starts the guest's clock again, and ends the run where the connection did.
    pub(super) fn answer<T>(&mut self, done: Result<T, Refusal>) -> Answer<T> {
        let heard = match self.door() {
            Door::Live(transaction) => Some((transaction.speaks_utf8(), transaction.take_notices())),
            Door::Durable(steps) => Some((steps.speaks_utf8(), steps.take_notices())),
            Door::Script(_) => None,
        };
        if let Some((utf8, notices)) = heard {
            for notice in notices {
                self.log(&notice)?;
                self.tell(Event::Notice(printable(&notice)));
            }
            // Its bytes would be taken for other text, by the server or by us.
            if !utf8 {
                return Err(Stop::Encoding.into());
            }
        }
        self.leave_host();
        match done {
            Ok(value) => Ok(Ok(value)),
            Err(Refusal::Guest(error)) => Ok(Err(error)),
            Err(Refusal::Stop(stop)) => Err(stop.into()),
        }
    }
}

fn count(answer: Result<Recollected, durable::Error>) -> Result<u64, Refusal> {
    match answer? {
        Recollected::Count(rows) => Ok(rows),
        Recollected::Rows(_) | Recollected::Columns(_) | Recollected::Refused(_) => {
            unreachable!("a statement is answered with a number")
        }
    }
}

/// Each statement is a step of its own.
async fn script_in_steps(
    steps: &mut Steps,
    text: &str,
    limits: GuestLimits,
    begin: &mut (dyn FnMut(&str) -> bool + Send),
) -> Result<u32, Refusal> {
    let statements = sql::split_script(text)?;
    for statement in &statements {
        if !begin(statement.text) {
            return Err(Refusal::Stop(Stop::Stopped));
        }
        if let Err(error) = steps.call(&Call::Execute(statement.text, &[]), limits).await {
            return Err(match error {
                durable::Error::Guest(record) => sql::in_script(CallError::Guest(record), statement).into(),
                error => error.into(),
            });
        }
    }
    Ok(u32::try_from(statements.len()).expect("the splitter's limit is far below 2^32"))
}

fn no_savepoints() -> SqlError {
    let message = "a durable revision has no savepoints: each of its statements is committed by itself".to_owned();
    let hint = "handle the error of the statement itself, of which nothing stays".to_owned();
    sql::host_error("usage", &SqlState::S_E_INVALID_SPECIFICATION, message, Some(hint))
}

fn reads(statement: &str) -> wasmtime::Error {
    let statement = shown_statement(statement.trim());
    Stop::Unanswerable(format!("it reads from the database, which a script cannot do: {statement}")).into()
}

impl Recorded {
    fn statement(&mut self, statement: &str, parameters: &[Value]) -> Result<(), CallError> {
        sql::gate::check(statement).map_err(|refused| sql::refused_record(&refused))?;
        let literals = parameters
            .iter()
            .map(sql::value::parameter::to_literal_text)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| parameter_error(error.to_string()))?;
        let text = sql::parameters::inline(statement, &literals).map_err(|error| parameter_error(error.to_string()))?;
        self.statements.push(text.trim().trim_end_matches(';').trim_end().to_owned());
        Ok(())
    }

    fn script(&mut self, text: &str) -> Result<u32, CallError> {
        let statements = sql::split_script(text)?;
        for statement in &statements {
            self.statement(statement.text, &[]).map_err(|error| sql::in_script(error, statement))?;
        }
        Ok(u32::try_from(statements.len()).expect("the splitter's limit is far below 2^32"))
    }

    fn savepoint(&mut self) -> u32 {
        self.last_savepoint += 1;
        self.savepoints.push(self.last_savepoint);
        self.statements.push(format!("SAVEPOINT wmigrate_{}", self.last_savepoint));
        self.last_savepoint
    }

    fn back_to(&mut self, savepoint: u32, command: &str, keep: bool) -> Result<(), CallError> {
        let depth = self.savepoints.iter().position(|known| *known == savepoint).ok_or_else(|| {
            let message = format!("savepoint {savepoint} is not open");
            sql::host_error("usage", &SqlState::S_E_INVALID_SPECIFICATION, message, None)
        })?;
        self.savepoints.truncate(if keep { depth + 1 } else { depth });
        self.statements.push(format!("{command} wmigrate_{savepoint}"));
        Ok(())
    }
}

fn parameter_error(message: String) -> SqlError {
    sql::host_error("parameter", &SqlState::INVALID_PARAMETER_VALUE, message, None)
}
