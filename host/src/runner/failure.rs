//! Why a run ended early: one error, with the step it belongs to and whose fault it is.

use crate::components::{self, Granted};
use crate::graph::{Direction, Step};
use crate::isolation::{self, watch::Over};
use crate::runtime::{self, Failure};
use crate::sql::{self, FinishError, Proof};
use crate::state::record::{Doubt, doubt_of};
use std::path::PathBuf;

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A revision failed.
    #[error(transparent)]
    Step(Box<StepFailure>),
    /// Its source or component cannot be had.
    #[error(transparent)]
    Component(#[from] components::Error),
    /// Its component cannot be used.
    #[error("revision `{revision}` (`{}`) cannot be run", .path.display())]
    Unusable {
        /// The revision.
        revision: String,
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: runtime::Error,
    },
    /// A thread of ours ended early.
    #[error("the next revision could not be made ready: {cause}")]
    Preparing {
        /// Why.
        cause: String,
    },
    /// The database said no to the host.
    #[error(transparent)]
    Sql(#[from] sql::Error),
    /// The bookkeeping found that something had changed under the step.
    #[error("revision `{revision}` was rolled back: {}", doubt_text(*.doubt))]
    Doubt {
        /// The revision.
        revision: String,
        /// What had changed.
        doubt: Doubt,
    },
    /// The bookkeeping itself was refused.
    #[error("the bookkeeping of revision `{revision}` was refused: {} (SQLSTATE {})", .error.message, .error.sqlstate)]
    Bookkeeping {
        /// The revision.
        revision: String,
        /// The server's words.
        error: Box<crate::bindings::SqlError>,
    },
    /// The connection ended during COMMIT.
    #[error("it is not known whether revision `{revision}` was committed: the connection was lost during COMMIT")]
    Unknown {
        /// The revision.
        revision: String,
        /// The transaction.
        proof: Proof,
        /// What happened.
        #[source]
        cause: sql::Error,
    },
    /// A plugin cannot be kept where it belongs.
    #[error("revision `{revision}` was {}", if *.ran { "rolled back" } else { "not run" })]
    Isolation {
        /// The revision.
        revision: String,
        /// Whether it did anything before that was known.
        ran: bool,
        /// Why.
        #[source]
        cause: Box<isolation::Error>,
    },
    /// A plugin's revision took more than it may, and was ended.
    #[error("revision `{revision}` was ended: {over}")]
    Over {
        /// The revision.
        revision: String,
        /// The plugin.
        plugin: String,
        /// What it used up.
        over: Over,
    },
    /// Somebody asked us to stop, and we did between two steps.
    #[error("stopped on request, between two revisions")]
    Interrupted,
}

/// A revision that failed, and how.
#[derive(Debug, thiserror::Error)]
#[error("revision `{revision}`{} failed in `{}`", message_of(.message), super::name_of(*.direction))]
pub struct StepFailure {
    /// The revision.
    pub revision: String,
    /// Its message.
    pub message: String,
    /// Which export.
    pub direction: Direction,
    /// How.
    #[source]
    pub failure: Failure,
    /// The plugin that it is of.
    pub plugin: Option<String>,
    /// What it was granted.
    pub granted: Option<Granted>,
    /// The error of a statement that it went on after, where the failure is a consequence.
    pub swallowed: Option<Box<crate::bindings::SqlError>>,
}

impl Error {
    /// The revision that failed, where it was one.
    #[must_use]
    pub fn step(&self) -> Option<&StepFailure> {
        match self {
            Self::Step(step) => Some(step),
            _ => None,
        }
    }

    pub(crate) fn of_finish(step: &Step, error: FinishError, granted: Option<&Granted>) -> Self {
        let revision = step.revision.clone();
        match error {
            FinishError::Last(error) => match doubt_of(&error) {
                Some(doubt) => Self::Doubt { revision, doubt },
                None => Self::Bookkeeping { revision, error: Box::new(error) },
            },
            FinishError::Unknown(proof, cause) => Self::Unknown { revision, proof, cause },
            error @ (FinishError::Deferred(_) | FinishError::RolledBack(_) | FinishError::Lost(_)) => {
                Self::failed(step, error.into(), granted)
            }
        }
    }

    /// A failure of a step that was granted this much, where it ran at all.
    pub(crate) fn failed(step: &Step, failure: Failure, granted: Option<&Granted>) -> Self {
        Self::Step(Box::new(StepFailure {
            revision: step.revision.clone(),
            message: step.message.clone(),
            direction: step.direction,
            failure,
            plugin: None,
            granted: granted.copied(),
            swallowed: None,
        }))
    }

    /// As a plugin's.
    pub(super) fn of_plugin(mut self, name: &str) -> Self {
        if let Self::Step(step) = &mut self {
            step.plugin = Some(name.to_owned());
        }
        self
    }

    /// With the error that had aborted the transaction before this one came of it.
    pub(super) fn after(mut self, first: Option<&crate::bindings::SqlError>) -> Self {
        if let Self::Step(step) = &mut self
            && matches!(&step.failure, Failure::Returned(error) if error.sqlstate == "25P02")
        {
            step.swallowed = first.cloned().map(Box::new);
        }
        self
    }

    /// Whether the same step may well succeed when it is run again: somebody else held a lock (55P03), or the server chose
    /// this transaction as the victim (40P01, 40001).
    #[must_use]
    pub fn retryable(&self) -> bool {
        let step = match self {
            Self::Step(step) => step,
            Self::Bookkeeping { error, .. } => return retryable(error),
            Self::Component(_)
            | Self::Unusable { .. }
            | Self::Preparing { .. }
            | Self::Sql(_)
            | Self::Doubt { .. }
            | Self::Unknown { .. }
            | Self::Isolation { .. }
            | Self::Over { .. }
            | Self::Interrupted => return false,
        };
        let error = match &step.failure {
            Failure::Returned(error) | Failure::Swallowed(Some(error)) | Failure::Journal(error) => error,
            Failure::Swallowed(None)
            | Failure::Limit(_)
            | Failure::Trap { .. }
            | Failure::Unanswerable(_)
            | Failure::Connection(_)
            | Failure::Ended
            | Failure::Diverged(_)
            | Failure::Backfill(_)
            | Failure::Stopped => return false,
        };
        retryable(error)
    }

    /// Whether the run was stopped on request.
    #[must_use]
    pub fn stopped(&self) -> bool {
        match self {
            Self::Interrupted => true,
            Self::Step(step) => matches!(step.failure, Failure::Stopped),
            Self::Component(_)
            | Self::Unusable { .. }
            | Self::Preparing { .. }
            | Self::Sql(_)
            | Self::Doubt { .. }
            | Self::Bookkeeping { .. }
            | Self::Isolation { .. }
            | Self::Over { .. }
            | Self::Unknown { .. } => false,
        }
    }

    /// The innermost reason, in one line.
    #[must_use]
    pub fn reason(&self) -> String {
        let mut cause: &dyn std::error::Error = self;
        while let Some(next) = cause.source() {
            cause = next;
        }
        cause.to_string()
    }
}

fn retryable(error: &crate::bindings::SqlError) -> bool {
    error.kind == "database" && matches!(error.sqlstate.as_str(), "55P03" | "40P01" | "40001")
}

fn message_of(message: &str) -> String {
    match message.lines().next() {
        Some(line) if !line.is_empty() => format!(" ({line})"),
        _ => String::new(),
    }
}

fn doubt_text(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::Transaction => "it ended the host's transaction and began another one",
        Doubt::Lock => "the migration lock was given away while it ran",
        Doubt::Rows => "the version rows were changed by somebody else while it ran",
        Doubt::Journal => "its journal was written by another run",
    }
}
