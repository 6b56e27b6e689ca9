//! From an error of any module to what a person reads and a script gets: the fault, the exit code, the hint. The table of
//! codes in the documentation is this file.

use super::print::Printer;
use crate::authoring::language::script;
use crate::components::Granted;
use crate::durable::{Cause, Halted};
use crate::isolation::watch::Over;
use crate::runtime::{Failure, Limit, printable};
use crate::versions::File;
use crate::versions::limits::duration_to;
use crate::{authoring, components, config, embedded, graph, runner, runtime, sql, state, versions};
use serde_json::json;

/// Exit codes. Scripts rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A revision or the database failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Differs, pending or not at head; only where it was asked for.
    Differs = 3,
    /// The revision graph or the target is wrong.
    Graph = 10,
    /// The migration lock was not obtained in time.
    Lock = 11,
    /// An applied or locked revision was changed.
    Digest = 12,
    /// The sandbox stopped a guest.
    Sandbox = 13,
    /// A plugin asked for what it was not granted, or cannot be kept where it belongs.
    Policy = 14,
    /// The outcome is unknown, or the connection was lost.
    Unknown = 15,
    /// SIGINT: 128 + 2, as shells have it.
    Interrupted = 130,
    /// SIGTERM: 128 + 15.
    Terminated = 143,
}

/// An error on its way to the terminal.
#[derive(Debug)]
pub struct CliError {
    /// Exit code.
    pub code: Code,
    /// For programs.
    pub kind: &'static str,
    /// What + which.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// The command that fixes it.
    pub hint: Option<String>,
    /// Where the database stands now.
    pub standing: Option<String>,
    /// What `--json` shows beside the error: one command, one document.
    pub data: Option<serde_json::Value>,
}

impl CliError {
    /// An error with a message alone.
    #[must_use]
    pub fn new(code: Code, kind: &'static str, message: impl Into<String>) -> Self {
        Self { code, kind, message: message.into(), causes: Vec::new(), hint: None, standing: None, data: None }
    }

    /// Wrong use of the command line.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, "usage", message)
    }

    /// With a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With an optional hint.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    /// An error with its chain of causes.
    #[must_use]
    pub fn of(code: Code, kind: &'static str, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(next) = cause {
            causes.push(next.to_string());
            cause = next.source();
        }
        Self { causes, ..Self::new(code, kind, error.to_string()) }
    }

    /// An engine knows a script by its revision's id; people and their editors know its file.
    pub fn name_source(&mut self, file: &File) {
        let place = script::place(file).display().to_string();
        let id = &file.revision.id;
        for (theirs, ours) in [
            (format!(" at {id}.js:"), format!(" at {place}:")),
            (format!("({id}.js:"), format!("({place}:")),
            (format!("File \"{id}.py\""), format!("File \"{place}\"")),
        ] {
            for text in self.causes.iter_mut().filter(|text| text.contains(&theirs)) {
                *text = text.replace(&theirs, &ours);
            }
        }
    }

    /// As `--json` prints it.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut error = json!({ "kind": self.kind, "message": self.message, "hint": self.hint });
        if !self.causes.is_empty() {
            error["causes"] = json!(self.causes);
        }
        if let Some(standing) = &self.standing {
            error["standing"] = json!(standing);
        }
        let mut document = self.data.clone().unwrap_or_else(|| json!({}));
        document["error"] = error;
        document
    }

    /// Prints it where it belongs.
    pub fn render(&self, printer: &Printer) {
        if printer.json {
            printer.json(&self.to_json());
        }
        // Whatever text of a guest, a file or a server an error took along: here at the latest it is made harmless.
        printer.alarm(&format!("{} {}", printer.red("error:"), printable(&self.message)));
        for cause in &self.causes {
            printer.alarm(&format!("  caused by: {}", printable(&cause.replace('\n', "\n    "))));
        }
        if let Some(hint) = &self.hint {
            printer.alarm(&format!("{} {}", printer.cyan("hint:"), printable(hint)));
        }
        if let Some(standing) = &self.standing {
            printer.alarm(&printable(standing));
        }
    }
}

impl From<graph::Error> for CliError {
    fn from(error: graph::Error) -> Self {
        Self::of(Code::Graph, error.kind(), &error).maybe_hint(error.hint())
    }
}

impl From<versions::Error> for CliError {
    fn from(error: versions::Error) -> Self {
        let (code, kind) = match error.kind() {
            Some(kind) => (Code::Graph, kind),
            None if error.is_altered() => (Code::Digest, "altered"),
            None => (Code::Failed, "versions"),
        };
        Self::of(code, kind, &error).maybe_hint(error.hint())
    }
}

impl From<config::Error> for CliError {
    fn from(error: config::Error) -> Self {
        Self::of(Code::Usage, "configuration", &error).maybe_hint(error.hint().map(str::to_owned))
    }
}

impl From<embedded::Error> for CliError {
    fn from(error: embedded::Error) -> Self {
        Self::of(Code::Failed, "embedded", &error).maybe_hint(error.hint().map(str::to_owned))
    }
}

impl From<authoring::Error> for CliError {
    fn from(error: authoring::Error) -> Self {
        let (code, kind) = match error.kind() {
            Some(kind) => (Code::Graph, kind),
            None => (Code::Failed, "authoring"),
        };
        Self::of(code, kind, &error).maybe_hint(error.hint())
    }
}

impl From<sql::settings::Error> for CliError {
    fn from(error: sql::settings::Error) -> Self {
        Self::of(Code::Usage, "database_url", &error).maybe_hint(error.hint())
    }
}

impl From<sql::Error> for CliError {
    fn from(error: sql::Error) -> Self {
        let (code, kind) = of_sql(&error);
        Self::of(code, kind, &error).maybe_hint(error.hint())
    }
}

fn of_sql(error: &sql::Error) -> (Code, &'static str) {
    match error {
        sql::Error::Connect(_) => (Code::Failed, "connect"),
        sql::Error::Lost { .. } => (Code::Unknown, "connection_lost"),
        sql::Error::Refused { .. } => (Code::Failed, "database"),
        sql::Error::Locked { .. } => (Code::Lock, "lock_timeout"),
        sql::Error::LockLost => (Code::Failed, "lock_lost"),
        sql::Error::Pooler => (Code::Failed, "pooler"),
        sql::Error::TooOld(_) => (Code::Failed, "server_version"),
        sql::Error::ReadOnly(_) => (Code::Failed, "read_only"),
        sql::Error::Stopped(_) => (Code::Failed, "stopped"),
    }
}

impl From<state::StateError> for CliError {
    fn from(error: state::StateError) -> Self {
        match error {
            state::StateError::Sql(error) => error.into(),
            error @ state::StateError::TooNew { .. } => {
                Self::of(Code::Failed, "layout", &error).hint("use the newer wmigrate that has been here")
            }
            error @ state::StateError::Foreign(_) => Self::of(Code::Failed, "layout", &error)
                .hint("name another one under `[database] schema` in wmigrate.toml"),
        }
    }
}

impl From<components::Error> for CliError {
    fn from(error: components::Error) -> Self {
        let (code, kind) = match &error {
            components::Error::Changed { .. } | components::Error::NotLocked { .. } => {
                (Code::Digest, "digest_mismatch")
            }
            components::Error::Durable { .. } => (Code::Usage, "durable"),
            components::Error::OfPlugin { .. } => (Code::Usage, "plugin"),
            components::Error::NoDowngrade { .. } => (Code::Failed, "no_downgrade"),
            components::Error::Script { .. } | components::Error::Build { .. } => (Code::Failed, "build"),
            components::Error::Versions { .. } => (Code::Failed, "versions"),
            components::Error::Component { .. } => (Code::Failed, "component"),
            components::Error::Engine { .. } => (Code::Failed, "engine"),
            components::Error::Lock(_) => (Code::Failed, "lock_file"),
            components::Error::AsksMore { .. } => (Code::Failed, "limits"),
        };
        Self::of(code, kind, &error).maybe_hint(error.hint())
    }
}

impl From<runner::Error> for CliError {
    fn from(error: runner::Error) -> Self {
        match error {
            runner::Error::Component(error) => error.into(),
            runner::Error::Sql(error) => error.into(),
            runner::Error::Step(step) => of_step(&step),
            error @ runner::Error::Unusable { cause: runtime::Error::NoCode(_), .. } => {
                Self::of(Code::Failed, "engine", &error).hint("add the engine again: wmigrate engine add python")
            }
            error @ runner::Error::Unusable { .. } => Self::of(Code::Failed, "component", &error)
                .hint("rebuild it for the world that `wit/` describes, or take the revision out of the versions folder"),
            error @ runner::Error::Preparing { .. } => Self::of(Code::Failed, "preparing", &error)
                .hint("run the same command again; if it fails again, please report it"),
            error @ runner::Error::Bookkeeping { .. } => Self::of(Code::Failed, "bookkeeping", &error)
                .hint("the role needs INSERT, UPDATE and DELETE on the tables of wmigrate's schema; `wmigrate ensure_version` mends a schema that lacks something"),
            error @ runner::Error::Doubt { .. } => Self::of(Code::Failed, "doubt", &error)
                .hint("run the same command again once the other change is understood: `wmigrate log` shows who ran what"),
            error @ runner::Error::Unknown { .. } => Self::of(Code::Unknown, "outcome_unknown", &error)
                .hint("run `wmigrate log` in a while: the revision is applied once it has an `ok` row of this time; then run the same command again"),
            runner::Error::Isolation { ref cause, .. } => {
                let hint = cause.hint();
                Self::of(Code::Policy, "plugin", &error).maybe_hint(hint)
            }
            runner::Error::Over { ref plugin, ref over, .. } => {
                let hint = hint_of_over(plugin, over);
                let code = if matches!(over, Over::Blocks { .. }) { Code::Policy } else { Code::Sandbox };
                Self::of(code, "limit", &error).hint(hint)
            }
            error @ runner::Error::Interrupted => Self::of(Code::Interrupted, "interrupted", &error)
                .hint("run the same command again to go on"),
        }
    }
}

fn of_step(step: &runner::StepFailure) -> CliError {
    let mut error = CliError::of(Code::Failed, "revision_failed", step);
    match &step.failure {
        Failure::Returned(record) | Failure::Swallowed(Some(record)) => {
            if let Some(place) = place_of(record)
                && let Some(cause) = error.causes.first_mut()
            {
                cause.push_str(&place);
            }
            if let Some(detail) = &record.detail {
                error.causes.push(format!("detail: {}", crate::runtime::printable(detail)));
            }
            for field in ["stack", "where"] {
                if let Some((_, text)) = record.fields.iter().find(|(name, _)| name == field) {
                    error.causes.push(crate::runtime::printable(text.trim_end()));
                }
            }
            if let Some(first) = &step.swallowed {
                error.causes.push(format!("the statement that failed first: {}", printable(&first.message)));
            }
            error.hint = record
                .hint
                .as_deref()
                .map(crate::runtime::printable)
                .or_else(|| step.plugin.as_deref().and_then(|plugin| hint_of_plugin(record, plugin)))
                .or_else(|| hint_of(record, step.granted.as_ref()));
            if record.kind == "limit" {
                error.code = Code::Sandbox;
                error.kind = "limit";
            }
        }
        Failure::Swallowed(None) => {
            error.hint = Some(
                "pass the errors of statements on, or wrap what may fail in a savepoint; `-v` shows the statements"
                    .to_owned(),
            );
        }
        Failure::Ended => {
            error.kind = "transaction_ended";
            error.hint = Some(
                "what it had done before may be committed without a version row: look at what it touches, \
                 and please report how it did that"
                    .to_owned(),
            );
        }
        Failure::Limit(limit) => {
            error.code = Code::Sandbox;
            error.kind = "limit";
            error.hint = hint_of_limit(*limit, step.granted.as_ref());
        }
        Failure::Trap { frames, output, .. } => {
            error.code = Code::Sandbox;
            error.kind = "trap";
            if !output.is_empty() {
                error.causes.push(output.clone());
            }
            if !frames.is_empty() {
                error.causes.push(format!("at {}", frames.join("\n   ")));
            }
            error.hint = Some("mend the revision's code; `-v` shows the statements that it ran before".to_owned());
        }
        Failure::Unanswerable(_) => error.kind = "reads_in_script",
        Failure::Connection(cause) => {
            (error.code, error.kind) = of_sql(cause);
            error.hint = cause.hint();
        }
        Failure::Diverged(_) => {
            error.kind = "diverged";
            let by_hand = match step.direction {
                graph::Direction::Downgrade => {
                    "or finish by hand and stamp the revision before it: wmigrate stamp …".to_owned()
                }
                graph::Direction::Upgrade | graph::Direction::Stamp => format!(
                    "or take it back: wmigrate downgrade -1; or finish by hand and say so: wmigrate stamp {}",
                    step.revision
                ),
            };
            error.hint = Some(format!(
                "put back what the revision's steps depend on (its code, what it reads, `-x`) and run the same command again; {by_hand}"
            ));
        }
        Failure::Journal(_) => {
            error.kind = "journal";
            error.hint = Some("`wmigrate log` shows who ran what; then run the same command again".to_owned());
        }
        Failure::Backfill(halted) => {
            error.kind = "backfill";
            error.hint = Some(hint_of_halted(halted));
        }
        Failure::Stopped => {
            error.code = Code::Interrupted;
            error.kind = "interrupted";
            error.hint = Some("run the same command again to go on".to_owned());
        }
    }
    error
}

/// `at line 3 column 14 in:` and the statement; of a statement that is no script's, the line and column within it.
fn place_of(record: &crate::bindings::SqlError) -> Option<String> {
    let field = |wanted: &str| record.fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let statement = field("statement");
    let mut place = match (field("line"), statement) {
        (Some(line), _) => {
            let column = field("column-number").map(|column| format!(" column {column}"));
            format!("\nat line {line}{}", column.unwrap_or_default())
        }
        (None, Some(text)) => match record.position.map(|at| crate::sql::parameters::position_to_line_column(text, at))
        {
            Some((1, column)) => format!("\nat character {column}"),
            Some((line, column)) => format!("\nat line {line} column {column} of the statement"),
            None => "\n".to_owned(),
        },
        (None, None) => return None,
    };
    if let Some(statement) = statement {
        let word = if place == "\n" { "in" } else { " in" };
        place.push_str(&format!("{word}:\n{}", crate::runtime::printable(&shortened(statement))));
    }
    Some(place)
}

fn shortened(statement: &str) -> String {
    const LINES: usize = 12;
    let mut lines: Vec<_> = statement.lines().take(LINES).collect();
    if statement.lines().count() > LINES {
        lines.push("…");
    }
    lines.join("\n")
}

fn hint_of(record: &crate::bindings::SqlError, granted: Option<&Granted>) -> Option<String> {
    let hint = match record.sqlstate.as_str() {
        "55P03" => {
            let limit = granted.map(|granted| {
                format!(
                    " (`lock_timeout` is {}, and it may be tried {} times; raise them with {} and {})",
                    duration_to(granted.lock_timeout()),
                    granted.tries(),
                    granted.raised_by("lock_timeout"),
                    granted.raised_by("max_tries"),
                )
            });
            return Some(format!(
                "another session holds a lock it needs{}; see who: SELECT * FROM pg_stat_activity WHERE state <> 'idle'",
                limit.unwrap_or_default()
            ));
        }
        "57014" => match granted {
            Some(granted) if !granted.statement_timeout().is_zero() => {
                return Some(format!(
                    "its `statement_timeout` is {}, which is raised by {}; or an administrator cancelled it",
                    duration_to(granted.statement_timeout()),
                    granted.raised_by("statement_timeout")
                ));
            }
            Some(_) | None => "an administrator cancelled the statement",
        },
        "42501" => "the role lacks this right; grant it, or run with a role that has it",
        "42883" if record.message.contains("binary output") => "cast the column to text: `column::text`",
        "53100" => "the server's disk is full",
        "25001" => {
            "the server wants it outside of a transaction, and wmigrate does not know how to tell afterwards whether it was done: \
             run it by hand, before or after"
        }
        "2D000" => "write what it does as statements; in a durable revision each of them is committed by itself",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// What lets a job go on.
pub(super) fn hint_of_halted(halted: &Halted) -> String {
    let job = halted.job;
    match &halted.cause {
        Cause::Row { allowed, .. } => format!(
            "correct the row and run the same command again; or let failing rows be put aside: \
             wmigrate backfill resume {job} --max-quarantine {}; if the code is corrected: wmigrate backfill resume {job} --accept-changed",
            allowed + 1
        ),
        Cause::Record(record) => match record.hint.as_deref() {
            Some(hint) => printable(hint),
            None => hint_of(record, None).unwrap_or_else(|| {
                "remove the cause and run the same command again: it goes on with the batches that are left".to_owned()
            }),
        },
        Cause::Failed(_) => {
            "remove the cause and run the same command again: it goes on with the batches that are left".to_owned()
        }
        Cause::Cancelled(_) => {
            format!(
                "to go on: wmigrate backfill resume {job}, then the same command again; to undo a half-done upgrade: wmigrate downgrade -1"
            )
        }
        Cause::Changed => format!(
            "rows that are done stay as the old code made them; if that is right: wmigrate backfill resume {job} --accept-changed; \
             else put the revision's file back"
        ),
        Cause::Table { .. } => "give the table its name back, and run the same command again".to_owned(),
        Cause::Version => "run it with the version of wmigrate that began it".to_owned(),
    }
}

/// What an error means that a plugin's role runs into, and another role does not.
fn hint_of_plugin(record: &crate::bindings::SqlError, plugin: &str) -> Option<String> {
    match record.sqlstate.as_str() {
        "42501" => Some(format!(
            "the plugin has the rights that it was granted, and no others: see `wmigrate plugin show {plugin}`; what it asks for is granted by \
             `wmigrate plugin grant {plugin}`, more is not"
        )),
        "53400" if record.message.contains("temp_file_limit") => Some(format!(
            "if it is right to need more: `temp_files` under `[plugins.{plugin}.budget]` in wmigrate.toml"
        )),
        _ => None,
    }
}

fn hint_of_over(plugin: &str, over: &Over) -> String {
    let mended = format!("whoever publishes the plugin must mend it; until then: wmigrate plugin remove {plugin}");
    match over.key() {
        Some(key) => format!(
            "if it is right to need more: `{key}` under `[plugins.{plugin}.budget]` in wmigrate.toml; else {mended}"
        ),
        None => format!(
            "if it is right to take so long: `statement_timeout` in `limits` under `[plugins.{plugin}]` in wmigrate.toml; else {mended}"
        ),
    }
}

fn hint_of_limit(limit: Limit, granted: Option<&Granted>) -> Option<String> {
    let key = limit.key()?;
    let raised_by = granted.map_or_else(|| format!("`{key}`"), |granted| granted.raised_by(key));
    Some(format!("if the revision is right to need it: {raised_by}"))
}
