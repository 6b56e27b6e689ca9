//! `plugin`: third parties' migrations: what they ask for, what they were granted, and running them.

mod add;
mod edit;
mod pack;
mod registry;
mod remove;
mod rights;

use super::Global;
use super::downgrade::Downgrade;
use super::exit::{CliError, Code};
use super::print::Printer;
use super::project::configuration;
use super::run::RunArgs;
use super::upgrade::Upgrade;
use crate::config::Config;
use crate::plugins::{self, Installed, Package};
use crate::versions::lock_file::LockFile;
use clap::{Args, Subcommand};
use serde_json::json;

/// Third parties' migrations: add, grant, run, remove.
#[derive(Args)]
pub struct Plugin {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a package of this project's history and its `plugin.toml`.
    Pack(pack::Pack),
    /// Put a package into an OCI registry.
    Push(registry::Push),
    /// Fetch a package from an OCI registry.
    Pull(registry::Pull),
    /// Look at a package, grant what it asks for, and lock it.
    Add(add::Add),
    /// List the plugins.
    List,
    /// Show what a plugin is, asks for and was granted.
    Show(Name),
    /// Apply a plugin's revisions.
    Upgrade(Up),
    /// Undo a plugin's revisions.
    Downgrade(Down),
    /// Take a plugin away, with its data or without.
    Remove(remove::Remove),
    /// Grant a plugin rights.
    Grant(rights::Change),
    /// Take rights from a plugin.
    Revoke(rights::Change),
    /// Check packages, digests, signatures and grants.
    Verify,
}

#[derive(Args)]
struct Name {
    /// The plugin.
    name: String,
}

#[derive(Args)]
struct Up {
    /// The plugin.
    name: String,
    /// Where to, in its line: `head`, a revision id, `+1`.
    #[arg(default_value = "head")]
    target: String,
    /// How to run.
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Args)]
struct Down {
    /// The plugin.
    name: String,
    /// Where to, in its line: `base`, a revision id, `-1`.
    #[arg(allow_hyphen_values = true)]
    target: String,
    /// How to run.
    #[command(flatten)]
    run: RunArgs,
}

impl Plugin {
    pub(super) fn run(self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        match self.action {
            Action::Pack(pack) => pack.run(global, printer),
            Action::Push(push) => push.run(global, printer),
            Action::Pull(pull) => pull.run(global, printer),
            Action::Add(add) => add.run(global, printer),
            Action::List => Plugins::read(global).map(|plugins| plugins.list(printer)),
            Action::Show(Name { name }) => Plugins::read(global)?.show(&name, printer),
            Action::Upgrade(Up { name, target, run }) => {
                Plugins::read(global)?.find(&name)?;
                Upgrade { target: format!("{name}@{target}"), sql: false, run }.run(global, printer)
            }
            Action::Downgrade(Down { name, target, run }) => {
                Plugins::read(global)?.find(&name)?;
                Downgrade { target: format!("{name}@{target}"), sql: false, run }.run(global, printer)
            }
            Action::Remove(remove) => remove.run(global, printer),
            Action::Grant(change) => change.grant(global, printer),
            Action::Revoke(change) => change.revoke(global, printer),
            Action::Verify => Plugins::read(global)?.verify(printer),
        }
    }
}

/// What the project says of its plugins.
struct Plugins {
    config: Config,
    lock: LockFile,
}

impl Plugins {
    fn read(global: &Global) -> Result<Self, CliError> {
        let (config, _) = configuration(global)?;
        let lock = LockFile::read(&config.lock_file()).map_err(crate::components::Error::Lock)?;
        Ok(Self { config, lock })
    }

    fn find(&self, name: &str) -> Result<&Installed, CliError> {
        self.config.plugins.get(name).ok_or_else(|| {
            let known: Vec<_> = self.config.plugins.keys().map(|name| format!("`{name}`")).collect();
            let hint = if known.is_empty() {
                "there is none yet: wmigrate plugin add FILE".to_owned()
            } else {
                format!("there are {}", known.join(", "))
            };
            CliError::usage(format!("there is no plugin `{name}`")).hint(hint)
        })
    }

    fn package(&self, installed: &Installed) -> Result<Package, CliError> {
        Ok(Package::open(&self.config.folder.join(&installed.package), &self.config.database.schema)?)
    }

    fn list(&self, printer: &Printer) {
        let about = |name: &str| self.lock.plugins.get(name);
        if printer.json {
            let list: Vec<_> = self
                .config
                .plugins
                .iter()
                .map(|(name, installed)| {
                    json!({
                        "name": name, "version": about(name).map(|one| &one.version), "publisher": about(name).map(|one| &one.publisher),
                        "index": about(name).map(|one| &one.index), "package": installed.package, "granted": installed.rights().lines(),
                    })
                })
                .collect();
            printer.json(&json!({ "plugins": list }));
            return;
        }
        printer.lines(self.config.plugins.iter().map(|(name, installed)| match about(name) {
            Some(locked) => {
                format!("{name} {} of {}, {}", locked.version, locked.publisher, installed.package.display())
            }
            None => format!("{name}, not locked, {}", installed.package.display()),
        }));
    }

    fn show(&self, name: &str, printer: &Printer) -> Result<(), CliError> {
        let installed = self.find(name)?;
        let package = self.package(installed)?;
        let files = package.files()?;
        if printer.json {
            printer.json(&json!({
                "name": name, "version": package.manifest.version, "publisher": package.manifest.publisher,
                "summary": package.manifest.summary, "index": package.digest(), "schema": installed.schema(name),
                "requested": package.manifest.request.rights().lines(), "granted": installed.rights().lines(),
                "revisions": files.iter().map(|file| &file.revision.id).collect::<Vec<_>>(),
            }));
            return Ok(());
        }
        let mut lines = add::about(&package, installed.schema(name));
        let beyond = package.manifest.request.rights().beyond(&installed.rights());
        lines.push(if beyond.is_empty() {
            "granted   all of it".to_owned()
        } else {
            format!("granted   not: {}", beyond.join(", "))
        });
        lines.extend(files.iter().map(|file| format!("revision  {}, {}", file.revision.id, file.revision.summary())));
        printer.lines(lines);
        Ok(())
    }

    /// Every rule that loading has, of each plugin.
    fn verify(&self, printer: &Printer) -> Result<(), CliError> {
        for (name, installed) in &self.config.plugins {
            let Config { folder, trust, database, .. } = &self.config;
            plugins::installed::load(name, installed, folder, &self.lock, trust, &database.schema)?;
        }
        printer.talk(&format!("{} verified", plural(self.config.plugins.len())));
        Ok(())
    }
}

fn plural(count: usize) -> String {
    if count == 1 { "1 plugin".to_owned() } else { format!("{count} plugins") }
}

impl From<plugins::package::Error> for CliError {
    fn from(error: plugins::package::Error) -> Self {
        let code = if error.is_altered() { Code::Digest } else { Code::Policy };
        let hint = error.hint();
        Self::of(code, "plugin", &error).hint(hint)
    }
}

impl From<plugins::installed::Error> for CliError {
    fn from(error: plugins::installed::Error) -> Self {
        use plugins::installed::Error;
        let hint = error.hint();
        match error {
            Error::Package(error) => error.into(),
            error @ Error::NotLocked { .. } => Self::of(Code::Digest, "plugin", &error).hint(hint),
            error @ (Error::Trust { .. } | Error::NotGranted { .. }) => {
                Self::of(Code::Policy, "plugin", &error).hint(hint)
            }
        }
    }
}
