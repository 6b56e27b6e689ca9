//! One session with the server, in no transaction. Everything the host itself asks goes through here.

use super::connect::{self, CancelHandle, Connected};
use super::error::{Error, from_driver};
use super::lock::Key;
use super::settings::Settings;
use super::transaction::{self, Defaults};
use super::wire::Wire;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, SimpleQueryMessage, SimpleQueryRow};

/// How columns of types that are not built in are handled, by (type oid, type modifier).
pub(super) type TypeNames = HashMap<(u32, i32), (String, bool)>;

/// A session.
pub struct Connection {
    pub(super) client: Client,
    pub(super) wire: Wire,
    pub(super) cancel: CancelHandle,
    pub(super) notices: Receiver<connect::Notice>,
    pub(super) server_version: u32,
    pub(super) types: TypeNames,
    /// The settings that the session begins with. None: not asked yet.
    pub(super) defaults: Option<Defaults>,
    /// The migration lock that the session holds.
    pub(super) lock: Option<Key>,
}

/// Cancels what a connection is running, from outside.
#[derive(Clone)]
pub struct Cancel(CancelHandle);

impl Cancel {
    /// Asks the server to cancel the running statement. Errors are of no use to anybody: the statement may have ended.
    pub async fn cancel(&self) {
        let _ = self.0.cancel().await;
    }
}

impl Connection {
    /// Connects and authenticates.
    pub async fn open(settings: &Settings) -> Result<Self, Error> {
        /// The first version with 64-bit transaction ids in SQL (`xid8`).
        const OLDEST: u32 = 130_000;
        let Connected { client, wire, cancel, notices, server_version_num, .. } = connect::connect(settings).await?;
        if server_version_num < OLDEST {
            return Err(Error::TooOld(server_version_num));
        }
        Ok(Self {
            client,
            wire,
            cancel,
            notices,
            server_version: server_version_num,
            types: TypeNames::new(),
            defaults: None,
            lock: None,
        })
    }

    /// The same for a session that will run revisions: what their transactions need is its default then, and need not be
    /// set in each. Only a saving: what is not the default is set.
    pub async fn open_to_run(settings: &Settings, lock_timeout: Duration) -> Result<Self, Error> {
        let own = settings.options.as_deref().unwrap_or_default();
        let mut with = settings.clone();
        with.options = Some(format!("{own} {}", transaction::options(lock_timeout)));
        match Self::open(&with).await {
            Err(Error::Connect(error)) if error.refuses_options() => Self::open(settings).await,
            done => done,
        }
    }

    /// `server_version_num`, for example 170002.
    #[must_use]
    pub fn server_version(&self) -> u32 {
        self.server_version
    }

    /// The settings that it was started with: then it is not asked for them.
    pub(crate) fn assume(&mut self, settings: &[(&str, &str)]) {
        self.defaults = Some(Defaults::known(settings.iter().copied()));
    }

    /// What its stream tells.
    #[must_use]
    pub fn wire(&self) -> Wire {
        self.wire.clone()
    }

    /// Whether the session has taken a migration lock.
    #[must_use]
    pub fn holds_lock(&self) -> bool {
        self.lock.is_some()
    }

    /// A handle that cancels what this connection runs.
    #[must_use]
    pub fn cancel_handle(&self) -> Cancel {
        Cancel(self.cancel.clone())
    }

    /// Rows of one of the host's own statements. Types are given, so nothing is ever prepared by name.
    pub async fn query(
        &self,
        doing: &'static str,
        statement: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, Error> {
        self.wire.lift_limits();
        let rows = self.client.query_typed(statement, parameters).await.map_err(|error| from_driver(doing, &error));
        self.forget_columns();
        rows
    }

    /// Runs statements of the host's own, with no parameters and no result.
    pub async fn batch(&self, doing: &'static str, statements: &str) -> Result<(), Error> {
        self.wire.lift_limits();
        let done = self.client.batch_execute(statements).await.map_err(|error| from_driver(doing, &error));
        self.forget_columns();
        done
    }

    /// Runs statements of the host's own in one transaction, which is rolled back where one of them fails.
    pub async fn together(&self, doing: &'static str, statements: &[String]) -> Result<(), Error> {
        let script = format!("BEGIN; SET LOCAL client_min_messages = warning; {}; COMMIT", statements.join("; "));
        let done = self.batch(doing, &script).await;
        if done.is_err() {
            // The failed transaction is still open; what matters is the first error.
            let _ = self.batch("rolling back", "ROLLBACK").await;
        }
        done
    }

    /// Runs statements of the host's own and gives the rows of all of them.
    pub async fn batch_rows(&self, doing: &'static str, statements: &str) -> Result<Vec<SimpleQueryRow>, Error> {
        self.wire.lift_limits();
        let messages = self.client.simple_query(statements).await.map_err(|error| from_driver(doing, &error))?;
        self.forget_columns();
        Ok(messages
            .into_iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            })
            .collect())
    }

    /// Whether texts were what they seem: a statement can change the encoding of the session.
    #[must_use]
    pub fn speaks_utf8(&self) -> bool {
        !self.wire.saw_foreign_encoding()
    }

    /// Notices the server sent since this was last asked.
    pub fn take_notices(&mut self) -> Vec<String> {
        let mut notices = Vec::new();
        while let Ok(notice) = self.notices.try_recv() {
            notices.push(format!("{}: {}", notice.severity, notice.message));
        }
        notices
    }

    /// Row descriptions that nobody asks for must not wait for a guest's statement.
    pub(super) fn forget_columns(&self) {
        while self.wire.take_columns().is_some() {}
    }

    /// The server's process: asked for, as a proxy may have given another number.
    pub(crate) async fn ask_pid(&self) -> Result<i32, Error> {
        let rows = self.query("asking for the server's process", "SELECT pg_catalog.pg_backend_pid()", &[]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// The process id given at the start; it is not the server's where a proxy answered.
    pub(crate) fn server_pid(&self) -> i32 {
        self.wire.backend_pid()
    }
}
