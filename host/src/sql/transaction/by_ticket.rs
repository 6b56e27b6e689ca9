//! How the transaction of a role that is not the host's ends: the host's bookkeeping is done by a function that this role may
//! call, and nothing that the session says about the end is believed by itself.

use super::finish::{FinishError, refused_or_lost, send};
use super::{Proof, Transaction};
use crate::sql::Connection;
use tokio_postgres::types::Type;

impl Transaction {
    /// Cursors first: COMMIT would run the query of one that is held. Then deferred constraints, whose errors are the
    /// revision's.
    pub async fn settle_constraints(&mut self) -> Result<(), FinishError> {
        self.connection.wire.lift_limits();
        let settled = self.connection.client.batch_execute("CLOSE ALL; SET CONSTRAINTS ALL IMMEDIATE").await;
        self.connection.forget_columns();
        settled.map_err(|error| refused_or_lost(&error, FinishError::Deferred))
    }

    /// Calls `recorder` with the ticket, as a parameter: a statement's text can be seen by other sessions of the role. Then
    /// commits.
    pub async fn commit_by(self, recorder: &str, ticket: &[u8]) -> Result<(Proof, Connection), FinishError> {
        self.connection.wire.lift_limits();
        let recorded = self.connection.client.query_typed(recorder, &[(&ticket, Type::BYTEA)]).await;
        self.connection.forget_columns();
        if let Err(error) = recorded {
            let error = refused_or_lost(&error, FinishError::Last);
            let _ = self.rollback().await;
            return Err(error);
        }
        let commits = self.connection.wire.commits();
        let answers = send(&self.connection, "SET LOCAL synchronous_commit = on; COMMIT").await;
        if self.connection.wire.commits() > commits && answers.error.is_none() {
            return Ok((self.proof, self.connection));
        }
        let Some(error) = answers.error else {
            return Err(FinishError::RolledBack(self.last_error));
        };
        Err(match refused_or_lost(&error, |record| FinishError::RolledBack(Some(record))) {
            FinishError::Lost(error) => FinishError::Unknown(self.proof, error),
            error => error,
        })
    }
}
