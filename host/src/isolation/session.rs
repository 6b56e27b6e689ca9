//! The session that a plugin's statements go through: it logs in as the plugin's role, and can be nothing else. `SET ROLE` on a
//! session of the host's would be no wall: RESET ROLE needs no right, and what runs inside COMMIT runs as who logged in.

use super::{Error, Keeper, Names};
use crate::sql::trace::Counts;
use crate::sql::{Connection, Secret, Settings, Transaction, quote_identifier, quote_literal};
use crate::walls::{Wall, stands};
use std::fmt::Write as _;

/// A plugin's session, with its door shut behind it.
pub struct Admitted {
    /// The session.
    pub connection: Connection,
    /// The server's process: asked for, as a proxy may have given another number.
    pub pid: i32,
    /// What the server has counted of earlier steps.
    pub counts: Counts,
}

impl Keeper<'_> {
    /// Opens a session of the plugin's role, which was made what it should be: by [`Keeper::prepare`] or, behind another step of
    /// the same run, by [`Keeper::tidy`].
    ///
    /// The role can log in only between two statements of ours, with a password that nobody has seen: before the first
    /// statement of the plugin's its door is shut, so that what the plugin finds out or sets about itself opens nothing.
    pub async fn admit(&self, names: &Names) -> Result<Admitted, Error> {
        if !stands(Wall::Role) {
            return self.admit_as_host().await;
        }
        let password = super::password::random();
        self.open(names, &password).await?;
        let opened = Connection::open(&settings(self.settings, self.host.server_version(), names, password)).await;
        let mut connection = match opened {
            Ok(connection) => connection,
            Err(cause) => {
                self.shut(names).await?;
                let (plugin, role) = (self.plugin.manifest.name.clone(), names.role.clone());
                return Err(Error::Login { plugin, role, cause });
            }
        };
        connection.assume(&start_up(self.host.server_version()));
        // The recorder's language is loaded meanwhile, which takes a session some milliseconds. Where the plugin may not use it
        // itself, it is loaded later.
        let load = "DO $load$ BEGIN END $load$";
        let (shut, pid, _) =
            tokio::join!(self.shut(names), connection.ask_pid(), connection.batch("loading plpgsql", load));
        shut?;
        Ok(Admitted { connection, pid: pid?, counts: Counts::new() })
    }

    async fn open(&self, names: &Names, password: &Secret) -> Result<(), crate::sql::Error> {
        let role = quote_literal(&names.role);
        let open = format!(
            "DO $door$ BEGIN EXECUTE pg_catalog.format('ALTER ROLE %I LOGIN PASSWORD %L VALID UNTIL %L', \
             {role}, {}, pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) '1 min'::pg_catalog.interval); \
             IF {} THEN EXECUTE pg_catalog.format('ALTER ROLE %I SET temp_file_limit = %L', {role}, '{}kB'); END IF; END $door$",
            quote_literal(&super::password::verifier(password)),
            may_limit_files(self.host.server_version()),
            (self.plugin.budget.temp_files / 1024).clamp(1, i32::MAX as u64),
        );
        self.host.together("opening the plugin's door", &[NO_WAIT.to_owned(), open]).await
    }

    /// What others do: a session of the host's, which gets the plugin's role in its transaction.
    async fn admit_as_host(&self) -> Result<Admitted, Error> {
        let connection = Connection::open(self.settings).await?;
        let pid = connection.server_pid();
        Ok(Admitted { connection, pid, counts: Counts::new() })
    }

    /// See there: in a session of the plugin's own there is nothing to be lowered.
    pub async fn lower(&self, transaction: &mut Transaction, names: &Names) -> Result<(), crate::sql::Error> {
        if stands(Wall::Role) {
            return Ok(());
        }
        let lower = format!("SET LOCAL ROLE {}", quote_identifier(&names.role));
        transaction.host_statement("taking the plugin's role", &lower).await
    }

    async fn shut(&self, names: &Names) -> Result<(), crate::sql::Error> {
        if !stands(Wall::Door) {
            return Ok(());
        }
        let shut = format!("ALTER ROLE {} NOLOGIN PASSWORD NULL", quote_identifier(&names.role));
        self.host.together("shutting the plugin's door", &[NO_WAIT.to_owned(), shut]).await
    }

    /// What the role has left on itself is taken away: settings for its next session, memberships.
    pub async fn tidy(&self, names: &Names) -> Result<(), crate::sql::Error> {
        let mut script = vec![NO_WAIT.to_owned()];
        script.extend(super::role::scrub(names, self.host.server_version()));
        script.push(format!(
            "DELETE FROM {}.ticket WHERE role OPERATOR(pg_catalog.=) {}",
            quote_identifier(self.bookkeeping),
            quote_literal(&names.role)
        ));
        self.host.together("tidying up behind the plugin", &script).await
    }
}

/// What the host notes for itself need not wait for the disk: after a crash it is done again, and a door that was left open shuts by
/// itself.
const NO_WAIT: &str = "SET LOCAL synchronous_commit = off";

/// A limit that is not everybody's to set, and so not the plugin's to lift.
fn may_limit_files(server_version: u32) -> &'static str {
    if server_version >= 150_000 {
        "pg_catalog.has_parameter_privilege('temp_file_limit', 'SET')"
    } else {
        "(SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) CURRENT_USER)"
    }
}

/// Start-up options go before what a role has set for itself.
fn start_up(server_version: u32) -> Vec<(&'static str, &'static str)> {
    let mut options = vec![
        ("search_path", "pg_catalog"),
        ("synchronous_commit", "on"),
        ("standard_conforming_strings", "on"),
        ("client_encoding", "UTF8"),
        ("default_transaction_isolation", "read committed"),
        ("default_transaction_read_only", "off"),
        ("default_transaction_deferrable", "off"),
        ("lock_timeout", "2000"),
        ("statement_timeout", "60000"),
        ("idle_in_transaction_session_timeout", "0"),
    ];
    if server_version >= 140_000 {
        options.push(("idle_session_timeout", "0"));
    }
    if server_version >= 170_000 {
        options.push(("transaction_timeout", "0"));
    }
    options
}

fn settings(host: &Settings, server_version: u32, names: &Names, password: Secret) -> Settings {
    let mut settings = host.clone();
    settings.user.clone_from(&names.role);
    settings.password = Some(password);
    if !stands(Wall::Options) {
        return settings;
    }
    // None of the host's own options: what an operator sets for himself is not meant for a plugin.
    let mut options = String::new();
    for (name, value) in start_up(server_version) {
        let _ = write!(options, "-c {name}={} ", value.replace(' ', "\\ "));
    }
    settings.options = Some(options.trim_end().to_owned());
    settings
}
