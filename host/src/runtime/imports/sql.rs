//! `sql`: to the server where a transaction stands behind the door, into a script where `--sql` asked for one.

use super::{Door, Recorded, State};
use crate::bindings::wmigrate::migration::sql::Host;
use crate::bindings::{ColumnSet, RowSet, SqlError, Value};
use crate::runtime::outcome::Stop;
use crate::runtime::{Event, printable, shown_statement};
use crate::sql::{self, CallError};
use std::sync::atomic::Ordering;
use tokio_postgres::error::SqlState;

type Answer<T> = wasmtime::Result<Result<T, SqlError>>;

impl Host for State {
    async fn execute(&mut self, statement: String, parameters: Vec<Value>) -> Answer<u64> {
        self.enter_host()?;
        self.tell_statement(&statement);
        let limits = self.guest_limits();
        let done = match self.door() {
            Door::Live(transaction) => transaction.execute(&statement, &parameters, limits).await,
            Door::Script(recorded) => recorded.statement(&statement, &parameters).map(|()| 0),
        };
        self.answer(done)
    }

    async fn execute_many(&mut self, statement: String, parameters: Vec<Vec<Value>>) -> Answer<u64> {
        self.enter_host()?;
        self.tell_statement(&statement);
        let limits = self.guest_limits();
        let done = match self.door() {
            Door::Live(transaction) => transaction.execute_many(&statement, &parameters, limits).await,
            Door::Script(recorded) => {
                parameters.iter().try_for_each(|row| recorded.statement(&statement, row)).map(|()| 0)
            }
        };
        self.answer(done)
    }

    async fn query(&mut self, statement: String, parameters: Vec<Value>) -> Answer<RowSet> {
        self.enter_host()?;
        self.tell_statement(&statement);
        let limits = self.guest_limits();
        let done = match self.door() {
            Door::Live(transaction) => transaction.query(&statement, &parameters, limits).await,
            Door::Script(_) => return Err(reads(&statement)),
        };
        self.answer(done)
    }

    async fn query_columns(&mut self, statement: String, parameters: Vec<Value>) -> Answer<ColumnSet> {
        self.enter_host()?;
        self.tell_statement(&statement);
        let limits = self.guest_limits();
        let done = match self.door() {
            Door::Live(transaction) => transaction.query_columns(&statement, &parameters, limits).await,
            Door::Script(_) => return Err(reads(&statement)),
        };
        self.answer(done)
    }

    async fn script(&mut self, text: String) -> Answer<u32> {
        self.enter_host()?;
        let limits = self.guest_limits();
        let events = std::sync::Arc::clone(&self.call.events);
        let stopping = std::sync::Arc::clone(&self.stopping);
        let done = match self.door() {
            Door::Live(transaction) => {
                let mut begin = |statement: &str| {
                    events(Event::Statement(shown_statement(statement)));
                    !stopping.load(Ordering::Relaxed)
                };
                transaction.script(&text, limits, &mut begin).await
            }
            Door::Script(recorded) => recorded.script(&text),
        };
        self.answer(done)
    }

    async fn savepoint(&mut self) -> Answer<u32> {
        self.enter_host()?;
        let done = match self.door() {
            Door::Live(transaction) => transaction.savepoint().await,
            Door::Script(recorded) => Ok(recorded.savepoint()),
        };
        self.answer(done)
    }

    async fn rollback_to_savepoint(&mut self, savepoint: u32) -> Answer<()> {
        self.enter_host()?;
        let done = match self.door() {
            Door::Live(transaction) => transaction.rollback_to_savepoint(savepoint).await,
            Door::Script(recorded) => recorded.back_to(savepoint, "ROLLBACK TO SAVEPOINT", true),
        };
        self.answer(done)
    }

    async fn release_savepoint(&mut self, savepoint: u32) -> Answer<()> {
        self.enter_host()?;
        let done = match self.door() {
            Door::Live(transaction) => transaction.release_savepoint(savepoint).await,
            Door::Script(recorded) => recorded.back_to(savepoint, "RELEASE SAVEPOINT", false),
        };
        self.answer(done)
    }
}

impl State {
    fn tell_statement(&self, statement: &str) {
        self.tell(Event::Statement(shown_statement(statement)));
    }

    /// Passes on notices, starts the guest's clock again, and ends the run where the connection did.
    fn answer<T>(&mut self, done: Result<T, CallError>) -> Answer<T> {
        if let Door::Live(transaction) = self.door() {
            let utf8 = transaction.speaks_utf8();
            let notices = transaction.take_notices();
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
            Err(CallError::Guest(error)) => Ok(Err(error)),
            Err(CallError::Fatal(error)) => Err(Stop::Connection(error).into()),
        }
    }
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
