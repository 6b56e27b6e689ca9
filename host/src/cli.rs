//! The command line: what there is, in one place; what each command does is in a file of its own.

mod ask;
mod backfill;
mod branches;
mod build;
mod bundle;
mod crew;
mod current;
mod db;
mod downgrade;
mod edit;
mod engine;
mod ensure_version;
pub mod exit;
mod heads;
mod history;
mod init;
mod list_templates;
mod log;
mod merge;
mod output;
mod plan;
mod plugin;
pub mod print;
mod progress;
mod project;
mod revision;
mod run;
mod script;
mod shells;
mod show;
mod signals;
mod stamp;
mod stamp_component;
mod status;
mod upgrade;
mod verify;
mod wit;

use crate::runtime::apart;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use exit::{CliError, Code};
use print::{Color, Printer};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Schema and data migrations for PostgreSQL, each revision a sandboxed WebAssembly component.
#[derive(Parser)]
#[command(name = "wmigrate", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Targets: a revision id or its beginning, head, heads, base, +N, -N, id+N, label@head, label@-N, label@id."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
}

/// Options of every command.
#[derive(Args, Clone)]
pub struct Global {
    /// Configuration file; otherwise `wmigrate.toml` here or in a folder above.
    #[arg(short = 'c', long, env = "WMIGRATE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The history: a versions folder or a bundle, instead of those of the configuration; may be repeated.
    #[arg(long, global = true, value_name = "PATH", help_heading = "Global options")]
    pub versions: Vec<PathBuf>,
    /// The database: a URL, a libpq connection string, or `embedded`.
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    pub database_url: Option<String>,
    /// Folder of PostgreSQL's programs, for the embedded server.
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub pg_bin: Option<PathBuf>,
    /// An argument for the revisions, which read it with `context.x-argument`.
    #[arg(short = 'x', global = true, value_name = "KEY=VALUE", help_heading = "Global options")]
    pub x: Vec<String>,
    /// More: full blocks in lists, statements and debug messages in runs.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
    /// Data and errors only.
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub quiet: bool,
    /// Data as JSON on stdout.
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
    /// The same as `--json`.
    #[arg(long, global = true, value_name = "FORMAT", value_parser = ["text", "json"], help_heading = "Global options")]
    pub format: Option<String>,
    /// Colour of messages.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, help_heading = "Global options")]
    pub color: Color,
    /// Do not read `.env`.
    #[arg(long, global = true, help_heading = "Global options")]
    pub no_dotenv: bool,
    /// Never ask; take what is dangerous as meant.
    #[arg(short = 'y', long, global = true, help_heading = "Global options")]
    pub yes: bool,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Start a project: `wmigrate.toml`, `versions/`.
    Init(init::Init),
    /// Write a new revision file.
    #[command(visible_alias = "new")]
    Revision(revision::Revision),
    /// Write a revision that joins several heads.
    Merge(merge::Merge),
    /// Apply revisions up to a target.
    Upgrade(upgrade::Upgrade),
    /// `upgrade` with `head` as the default target.
    #[command(hide = true)]
    Up(upgrade::Up),
    /// Undo revisions down to a target.
    Downgrade(downgrade::Downgrade),
    /// `downgrade` with `-1` as the default target.
    #[command(hide = true)]
    Down(downgrade::Down),
    /// Show which revisions the database is at.
    Current(current::Current),
    /// List revisions, newest first.
    History(history::History),
    /// Show the heads of the history.
    Heads(heads::Heads),
    /// Show where the history branches.
    Branches(branches::Branches),
    /// Show one revision.
    Show(show::Show),
    /// Set the version rows without running anything.
    Stamp(stamp::Stamp),
    /// Open a revision's file in the editor.
    Edit(edit::Edit),
    /// Create wmigrate's schema in the database, if it is missing.
    #[command(name = "ensure_version", alias = "ensure-version")]
    EnsureVersion(ensure_version::EnsureVersion),
    /// List the templates for `init` and `revision`.
    #[command(name = "list_templates", alias = "list-templates")]
    ListTemplates(list_templates::ListTemplates),
    /// Build the revisions' components and write `wmigrate.lock`.
    Build(build::Build),
    /// Pack the history into one file, which runs where there are no sources and no toolchains.
    Bundle(bundle::Bundle),
    /// Make a revision of a component that was built elsewhere.
    StampComponent(stamp_component::StampComponent),
    /// Print the WIT package that revisions are built against.
    Wit(wit::Wit),
    /// Script engines: which there are, and adding the one for Python.
    Engine(engine::Engines),
    /// Show what a command would run.
    Plan(plan::Plan),
    /// One screen: database, heads, what is pending.
    Status(status::Status),
    /// Check digests, lock file, graph and version rows.
    Verify(verify::Verify),
    /// Who ran what, when, how long, and how it ended.
    Log(log::Log),
    /// Look at backfills, and work on them.
    Backfill(backfill::Backfill),
    /// Third parties' migrations: add, grant, run, remove.
    Plugin(plugin::Plugin),
    /// The embedded database of this project.
    Db(db::Db),
    /// Print a completion script for a shell.
    Completions(shells::Completions),
    /// Print the manual page, or write one a command into a folder.
    Man(shells::Man),
    /// Compile a component from stdin to stdout: what wmigrate starts for components of plugins.
    #[command(name = apart::COMMAND, hide = true)]
    CompileApart {
        /// Bytes of stack.
        stack: u64,
    },
}

/// Parses, runs, prints, and says how it went.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match command().try_get_matches_from(&arguments).and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            if error.use_stderr() && asks_for_json(&arguments) {
                let message = error.to_string();
                // The first paragraph; usage and tips stand below it.
                let lines: Vec<_> = message.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
                let first = lines.join(" ");
                let first = first.strip_prefix("error: ").unwrap_or(&first);
                Printer::new(true, false, 0, Color::Never).json(&CliError::usage(first).to_json());
            }
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Code::Usage as u8 } else { 0 });
        }
    };
    let global = cli.global;
    let json = global.json || global.format.as_deref() == Some("json");
    let printer = Printer::new(json, global.quiet, global.verbose, global.color);
    let error = match (run(cli.command, &global, printer), print::lost_output()) {
        (Ok(code), None) => return code,
        (Ok(_), Some(error)) => {
            let message = format!("the command did its work, but its output could not be written: {error}");
            CliError::new(Code::Failed, "output", message)
                .hint("run `wmigrate status` to see where the database stands")
        }
        (Err(error), _) => error,
    };
    error.render(&printer);
    ExitCode::from(error.code as u8)
}

/// A command line that cannot be parsed may still say how its error is to be told.
fn asks_for_json(arguments: &[OsString]) -> bool {
    arguments.iter().any(|argument| argument == "--json" || argument == "--format=json")
        || arguments.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json")
}

/// The whole command line as clap has it, for completions and manual pages too.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

fn run(command: Command, global: &Global, printer: Printer) -> Result<ExitCode, CliError> {
    let done = |result: Result<(), CliError>| result.map(|()| ExitCode::SUCCESS);
    match command {
        Command::Init(init) => done(init.run(global, &printer)),
        Command::Revision(revision) => done(revision.run(global, &printer)),
        Command::Merge(merge) => done(merge.run(global, &printer)),
        Command::Upgrade(upgrade) => done(upgrade.run(global, &printer)),
        Command::Up(up) => done(up.into_upgrade().run(global, &printer)),
        Command::Downgrade(downgrade) => done(downgrade.run(global, &printer)),
        Command::Down(down) => done(down.into_downgrade().run(global, &printer)),
        Command::Current(current) => current.run(global, &printer),
        Command::History(history) => done(history.run(global, &printer)),
        Command::Heads(heads) => done(heads.run(global, &printer)),
        Command::Branches(branches::Branches {}) => done(branches::Branches::run(global, &printer)),
        Command::Show(show) => done(show.run(global, &printer)),
        Command::Stamp(stamp) => done(stamp.run(global, &printer)),
        Command::Edit(edit) => done(edit.run(global, &printer)),
        Command::EnsureVersion(ensure) => done(ensure.run(global, &printer)),
        Command::ListTemplates(list_templates::ListTemplates {}) => {
            list_templates::ListTemplates::run(global, &printer);
            Ok(ExitCode::SUCCESS)
        }
        Command::Build(build) => done(build.run(global, &printer)),
        Command::Bundle(bundle) => done(bundle.run(global, &printer)),
        Command::StampComponent(stamp) => done(stamp.run(global, &printer)),
        Command::Wit(wit) => done(wit.run(&printer)),
        Command::Engine(engines) => done(engines.run(global, &printer)),
        Command::Plan(plan) => plan.run(global, &printer),
        Command::Status(status) => status.run(global, &printer),
        Command::Verify(verify) => done(verify.run(global, &printer)),
        Command::Log(log) => done(log.run(global, &printer)),
        Command::Backfill(backfill) => backfill.run(global, &printer),
        Command::Plugin(plugin) => done(plugin.run(global, &printer)),
        Command::Db(db) => done(db.run(global, &printer)),
        Command::Completions(completions) => {
            completions.run(&printer);
            Ok(ExitCode::SUCCESS)
        }
        Command::Man(man) => done(man.run(&printer)),
        Command::CompileApart { stack } => done(
            apart::child(stack, std::io::stdin().lock(), std::io::stdout().lock())
                .map_err(|message| CliError::new(Code::Failed, "component", message)),
        ),
    }
}

/// Runs the asynchronous part of a command. One thread: what is awaited is one connection.
fn block_on<T>(future: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        CliError::new(Code::Failed, "runtime", format!("the I/O runtime cannot be started: {error}"))
    })?;
    let result = runtime.block_on(future);
    // A thread that still compiles a component nobody waits for must not hold up the end.
    runtime.shutdown_background();
    result
}
