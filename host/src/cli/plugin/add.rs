//! `plugin add`: shows what a package asks for, asks, and writes down what was decided.

use super::registry::Fetched;
use super::{Plugins, edit};
use crate::cli::exit::{CliError, Code};
use crate::cli::print::Printer;
use crate::cli::project::Project;
use crate::cli::{Global, ask};
use crate::graph::Map;
use crate::plugins::installed::Error;
use crate::plugins::{Installed, Package};
use crate::versions::lock_file;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Look at a package, grant what it asks for, and lock it.
///
/// Writes `[plugins.<name>]` into `wmigrate.toml` and the package's digest into `wmigrate.lock`. Runs nothing.
#[derive(Args)]
pub(super) struct Add {
    /// The package, or where a registry has it: `oci://registry.example/acme/notes:1.0`.
    package: PathBuf,
    /// Its schema in the database; its name by default.
    #[arg(long, value_name = "NAME")]
    schema: Option<String>,
}

impl Add {
    pub(super) fn run(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        let Plugins { config, mut lock } = Plugins::read(global)?;
        let fetched = Fetched::if_remote(&self.package, &config)?;
        let path = fetched.as_ref().map_or(&*self.package, Fetched::path);
        let package = Package::open(path, &config.database.schema)?;
        let name = package.manifest.name.clone();
        let key = config.trust.judge(&package).map_err(|source| Error::Trust { name: name.clone(), source })?;
        if let Some(known) = lock.plugins.get(&name) {
            refuse_replacement(&package, known)?;
        }
        let before = config.plugins.get(&name);
        let request = &package.manifest.request;
        let installed = Installed {
            package: relative(path, &config.folder)?,
            schema: self.schema.clone().or_else(|| before.and_then(|before| before.schema.clone())),
            read: request.read.clone(),
            write: request.write.clone(),
            reference: request.reference.clone(),
            extensions: request.extensions.clone(),
            limits: request.limits,
            budget: before.map(|before| before.budget).unwrap_or_default(),
        };
        // Its revisions must fit beside all others before anybody is asked.
        let project = Project::load_without(global, &name)?;
        let others = project.versions.graph_revisions();
        let own = package.files()?.into_iter().map(|file| file.revision);
        Map::new(others.into_iter().chain(own).collect())?;

        let mut shown = about(&package, installed.schema(&name));
        shown.push(match (&key, &package.signature) {
            (Some(key), _) => format!("signed    by `{key}`"),
            (None, Some(_)) => "signed    by a key that is not under [trust.keys]: nobody's word".to_owned(),
            (None, None) => "signed    by nobody".to_owned(),
        });
        if let Some(before) = before {
            let more = request.rights().beyond(&before.rights());
            shown.push(if more.is_empty() {
                "new       nothing that it was not granted before".to_owned()
            } else {
                format!("new       {}", more.join(", "))
            });
        }
        shown.extend(warnings(&installed));
        if !printer.json {
            printer.lines(shown);
        }
        confirm(global, &name)?;
        if let Some(fetched) = fetched {
            fetched.keep();
        }
        edit::write(&config, &name, Some(&installed))?;
        lock.plugins.insert(
            name.clone(),
            lock_file::Plugin {
                version: package.manifest.version.clone(),
                publisher: package.manifest.publisher.clone(),
                index: package.digest().to_owned(),
                key,
            },
        );
        lock.write(&config.lock_file()).map_err(crate::components::Error::Lock)?;
        if printer.json {
            printer.json(
                &json!({ "name": name, "version": package.manifest.version, "granted": installed.rights().lines() }),
            );
        }
        printer.talk(&format!("`{name}` is added; to run it: wmigrate plugin upgrade {name}"));
        Ok(())
    }
}

/// What is shown of a package before anybody decides.
pub(super) fn about(package: &Package, schema: &str) -> Vec<String> {
    let manifest = &package.manifest;
    let mut lines =
        vec![format!("plugin    {} {}", manifest.name, manifest.version), format!("publisher {}", manifest.publisher)];
    if !manifest.summary.is_empty() {
        lines.push(format!("about     {}", manifest.summary));
    }
    lines.push(format!("asks for  a schema of its own, `{schema}`"));
    lines.extend(manifest.request.rights().lines().into_iter().map(|line| format!("          {line}")));
    lines
        .extend(manifest.request.limits.entries().into_iter().map(|(key, value)| format!("          {key} = {value}")));
    lines.push(format!("index     {}", package.digest()));
    lines
}

/// What a right means beyond its name.
fn warnings(installed: &Installed) -> Vec<String> {
    let mut lines = Vec::new();
    if !installed.write.is_empty() {
        lines.push("careful   what it writes there, the application's own triggers and readers will meet".to_owned());
    }
    lines
}

fn refuse_replacement(package: &Package, known: &lock_file::Plugin) -> Result<(), CliError> {
    let manifest = &package.manifest;
    if manifest.publisher != known.publisher {
        let message = format!(
            "the plugin `{}` of {} is not added: there is a plugin of that name, of {}",
            manifest.name, manifest.publisher, known.publisher
        );
        return Err(CliError::new(Code::Policy, "plugin", message)
            .hint(format!("to be rid of that one first: wmigrate plugin remove {}", manifest.name)));
    }
    if manifest.is_older_than(&known.version) {
        let message = format!(
            "the plugin `{}` {} is not added: its version {} was",
            manifest.name, manifest.version, known.version
        );
        return Err(CliError::new(Code::Policy, "plugin", message).hint("add a later version"));
    }
    Ok(())
}

/// As `wmigrate.toml` names it: other machines have the project elsewhere.
fn relative(path: &std::path::Path, folder: &std::path::Path) -> Result<PathBuf, CliError> {
    let whole = |path: &std::path::Path| {
        path.canonicalize().map_err(|error| CliError::usage(format!("`{}` cannot be found: {error}", path.display())))
    };
    let (path, folder) = (whole(path)?, whole(folder)?);
    Ok(path.strip_prefix(&folder).map(PathBuf::from).unwrap_or(path))
}

fn confirm(global: &Global, name: &str) -> Result<(), CliError> {
    let refused = |message: String| {
        CliError::new(Code::Policy, "plugin", message).hint("to grant it without being asked: `--yes`")
    };
    if global.yes {
        return Ok(());
    }
    match ask::yes(&format!("Grant this to `{name}`?")) {
        Some(true) => Ok(()),
        Some(false) => Err(refused(format!("`{name}` is not added"))),
        None => Err(refused(format!("`{name}` is not added: nobody is there to be asked"))),
    }
}
