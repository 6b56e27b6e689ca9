//! How the version row gets into a plugin's transaction: the host puts down a ticket for exactly this transaction of exactly this
//! session, after the guest is gone; the recorder takes it.

use super::Keeper;
use crate::sql::{self, Connection, FinishError, Proof, Transaction, quote_identifier};
use crate::state::log::HOST_VERSION;
use crate::state::record::Step;
use crate::walls::{Wall, stands};
use tokio_postgres::types::{ToSql, Type};

impl Keeper<'_> {
    /// Deferred triggers run now, while there is no ticket: what they do is the plugin's own doing.
    pub async fn settle(&self, mut transaction: Transaction) -> Result<Transaction, FinishError> {
        if !stands(Wall::Role) {
            let _ = transaction.host_statement("being the host again", "RESET ROLE").await;
        }
        if !stands(Wall::Constraints) {
            return Ok(transaction);
        }
        match transaction.settle_constraints().await {
            Ok(()) => Ok(transaction),
            Err(error) => Err(undone(transaction, error).await),
        }
    }

    /// The end of a step: ticket, recorder, COMMIT. The session's own word about how that went counts for nothing: see
    /// [`Keeper::confirm`].
    pub async fn record(
        &self,
        transaction: Transaction,
        pid: i32,
        role: &str,
        step: &Step,
    ) -> Result<(Proof, Connection), FinishError> {
        let ticket = match self.put_down(&transaction, pid, role, step).await {
            Ok(ticket) => ticket,
            Err(error) => return Err(undone(transaction, FinishError::Lost(error)).await),
        };
        transaction.commit_by(&self.recorder(), &ticket).await
    }

    fn recorder(&self) -> String {
        format!("SELECT {}.record_plugin($1)", quote_identifier(self.bookkeeping))
    }

    async fn put_down(
        &self,
        transaction: &Transaction,
        pid: i32,
        role: &str,
        step: &Step,
    ) -> Result<Vec<u8>, sql::Error> {
        let ticket = super::password::fresh::<32>().to_vec();
        let role = if stands(Wall::Role) { role } else { &self.settings.user };
        let statement = format!(
            "INSERT INTO {}.ticket (hash, role, pid, xid, expires, revision, direction, digest, started, host_version, client, gone, come) \
             VALUES (pg_catalog.sha256($1), $2::pg_catalog.text::pg_catalog.name, $3, $4::pg_catalog.text::pg_catalog.xid8, \
             pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) '1 min'::pg_catalog.interval, $5, $6, $7, \
             pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.make_interval(secs => $8), $9, \
             pg_catalog.concat_ws(' ', pg_catalog.current_setting('application_name'), pg_catalog.inet_client_addr()), $10, $11)",
            quote_identifier(self.bookkeeping)
        );
        let parameters: [(&(dyn ToSql + Sync), Type); 11] = [
            (&ticket, Type::BYTEA),
            (&role, Type::TEXT),
            (&pid, Type::INT4),
            (&transaction.proof().xid, Type::TEXT),
            (&step.revision, Type::TEXT),
            (&step.direction, Type::TEXT),
            (&step.digest, Type::TEXT),
            (&step.seconds, Type::FLOAT8),
            (&HOST_VERSION, Type::TEXT),
            (&step.delete, Type::TEXT_ARRAY),
            (&step.insert, Type::TEXT_ARRAY),
        ];
        self.host.query("putting down the plugin's ticket", &statement, &parameters).await?;
        Ok(ticket)
    }

    /// Whether the transaction is committed, as the host's own session sees it. Before this says so nobody is told that the
    /// revision is applied: behind it stands a write of the host's own that waits for the disk. A trigger inside COMMIT can
    /// turn waiting off for the plugin's transaction, which comes before ours in the log and is on the disk with it.
    pub async fn confirm(&self, revision: &str, proof: &Proof) -> Result<Option<bool>, sql::Error> {
        if !stands(Wall::Confirmation) {
            return Ok(Some(true));
        }
        let committed = crate::state::outcome_of(self.host, self.bookkeeping, revision, proof).await?;
        if committed == Some(true) {
            let ran = format!(
                "UPDATE {}.plugin SET ran = pg_catalog.clock_timestamp() WHERE name = {}",
                quote_identifier(self.bookkeeping),
                sql::quote_literal(&self.plugin.manifest.name)
            );
            let script = ["SET LOCAL synchronous_commit = on".to_owned(), ran];
            self.host.together("waiting for the disk", &script).await?;
        }
        Ok(committed)
    }
}

/// What the role has locked, itself among it, is free when this returns. Without a connection the server sees to it.
async fn undone(transaction: Transaction, error: FinishError) -> FinishError {
    let _ = transaction.rollback().await;
    error
}
