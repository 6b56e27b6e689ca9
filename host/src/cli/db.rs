//! `db`: the embedded database of this project.

use super::Global;
use super::exit::{CliError, Code};
use super::print::Printer;
use super::project::{self, configuration};
use crate::embedded::{Options, Server, reset};
use clap::{Args, Subcommand};
use serde_json::json;
use std::os::unix::process::CommandExt as _;

/// The embedded database of this project.
#[derive(Args)]
pub struct Db {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Start it, or find it running.
    Start,
    /// Stop it; the data stays.
    Stop,
    /// Stop it and throw its data away.
    Reset,
    /// Open psql on it.
    Psql {
        /// Arguments for psql.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Print its URL, starting it where it does not run.
    Url,
}

impl Db {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        let (config, environment) = configuration(global)?;
        let options = Options::new(config.state_folder());
        let start = || project::start_embedded(&config, &environment, global, printer);
        match &self.action {
            Action::Start => {
                let server = start()?;
                if printer.json {
                    printer.json(&json!({ "url": server.url(), "pid": server.pid() }));
                } else {
                    printer.talk(&format!("running, pid {}, log {}", server.pid(), server.log_path().display()));
                }
            }
            Action::Stop => {
                let server = Server::running(&options)?;
                let stopped = server.is_some();
                if let Some(server) = server {
                    server.stop()?;
                }
                if printer.json {
                    printer.json(&json!({ "stopped": stopped }));
                } else {
                    printer.talk(if stopped { "stopped" } else { "it was not running" });
                }
            }
            Action::Reset => {
                confirm(global)?;
                reset(&options)?;
                if printer.json {
                    printer.json(&json!({ "reset": true }));
                } else {
                    printer.talk("its data is gone; the next start begins with an empty database");
                }
            }
            Action::Url => {
                let server = start()?;
                if printer.json {
                    printer.json(&json!({ "url": server.url() }));
                } else {
                    printer.lines([server.url()]);
                }
            }
            Action::Psql { arguments } => {
                let server = start()?;
                let psql = project::psql(&config, &environment, global).ok_or_else(|| {
                    CliError::new(Code::Failed, "psql", "no psql was found")
                        .hint("install it, or connect with another client: wmigrate db url")
                })?;
                let failed = std::process::Command::new(psql).arg(server.url()).args(arguments).exec();
                return Err(CliError::new(Code::Failed, "psql", format!("psql cannot be started: {failed}")));
            }
        }
        Ok(())
    }
}

/// Data is about to be lost: somebody has to say so.
fn confirm(global: &Global) -> Result<(), CliError> {
    if global.yes {
        return Ok(());
    }
    match super::ask::yes("Throw the embedded database of this project away?") {
        Some(true) => Ok(()),
        Some(false) => Err(CliError::new(Code::Failed, "declined", "nothing was changed")),
        None => Err(CliError::usage("`db reset` throws the embedded database away, and nobody is here to ask")
            .hint("wmigrate db reset --yes")),
    }
}
