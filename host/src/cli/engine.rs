//! `engine`: script engines, of which Python's is added once a machine.

use super::Global;
use super::exit::{CliError, Code};
use super::output::not_written;
use super::print::Printer;
use super::project::engines_folder;
use crate::authoring::python_engine;
use crate::engines::{Engine, JS, PYTHON, SQL};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Script engines: which there are, and adding the one for Python.
#[derive(Args)]
pub struct Engines {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Add an engine to this machine.
    Add(Add),
    /// List the engines.
    List,
    /// Remove an engine that was added.
    Remove {
        /// Which.
        name: Name,
    },
}

/// Add an engine to this machine.
///
/// Python's is built with `componentize-py`, which pip fetches; it comes out the same on every machine, and only that is taken.
#[derive(Args)]
struct Add {
    /// Which.
    name: Name,
    /// Take this file instead of building it: one that `wmigrate engine add` has made elsewhere.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    Python,
}

impl Name {
    fn engine(self) -> &'static Engine {
        match self {
            Self::Python => &PYTHON,
        }
    }
}

impl Engines {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        let folder = engines_folder(global)?;
        match &self.action {
            Action::Add(add) => add.run(&folder, printer),
            Action::List => {
                list(&folder, printer);
                Ok(())
            }
            Action::Remove { name } => remove(name.engine(), &folder, printer),
        }
    }
}

impl Add {
    fn run(&self, folder: &Path, printer: &Printer) -> Result<(), CliError> {
        let engine = self.name.engine();
        if self.from.is_none() && engine.load(folder).is_ok() {
            printer.talk(&format!("the {} is there already", engine.version()));
            return Ok(());
        }
        let bytes = if let Some(path) = &self.from {
            engine.read(path).map_err(|error| {
                CliError::of(Code::Digest, "engine", &error)
                    .hint("take the file of a wmigrate of this version, or leave `--from` out to build it")
            })?
        } else {
            printer.talk(&format!("building the {}; this takes a minute or two", engine.version()));
            let scratch = folder.join(format!("build-{}", std::process::id()));
            let built = python_engine::build(&scratch).map_err(|error| {
                CliError::of(Code::Failed, "engine", &error).hint(
                    "it needs Linux, `python3` with venv and pip, and a C compiler (on Debian: `apt-get install python3-venv gcc`); \
                     or take the file from a machine that has it: `wmigrate engine list` says where, `wmigrate engine add python --from FILE`",
                )
            })?;
            let scratch = folder.join(format!("built-{}.wasm", std::process::id()));
            let held = std::fs::write(&scratch, &built).map_err(|error| not_written(&scratch, &error)).and_then(|()| {
                engine.read(&scratch).map_err(|error| {
                    CliError::of(Code::Digest, "engine", &error)
                        .hint("please report it, with `python3 --version` and the machine's kind; a file from another machine works too: `--from FILE`")
                })
            });
            drop(std::fs::remove_file(&scratch));
            held?
        };
        let path = engine.add(&bytes, folder).map_err(|error| not_written(folder, &error))?;
        printer.lines([path.display().to_string()]);
        Ok(())
    }
}

fn list(folder: &Path, printer: &Printer) {
    let where_is = |engine: &Engine| match engine.place(folder) {
        None => "in the binary".to_owned(),
        Some(path) if path.is_file() => path.display().to_string(),
        Some(_) => "not added".to_owned(),
    };
    let engines = [&SQL, &JS, &PYTHON];
    if printer.json {
        let list: Vec<_> = engines
            .iter()
            .map(|engine| json!({ "name": engine.name, "blake3": engine.digest(), "place": where_is(engine) }))
            .collect();
        printer.json(&json!({ "engines": list }));
    } else {
        printer.lines(engines.iter().map(|engine| format!("{}: {}", engine.version(), where_is(engine))));
    }
}

fn remove(engine: &Engine, folder: &Path, printer: &Printer) -> Result<(), CliError> {
    match engine.place(folder) {
        Some(path) if path.exists() => {
            std::fs::remove_file(&path).map_err(|error| not_written(&path, &error))?;
            printer.talk(&format!("removed {}", path.display()));
        }
        _ => printer.talk(&format!("the {} is not there", engine.version())),
    }
    Ok(())
}
