//! What most commands gather first: the configuration, the versions folders, the graph, and where the database is.

use super::Global;
use super::exit::{CliError, Code};
use super::print::Printer;
use crate::components::Components;
use crate::config::Config;
use crate::embedded;
use crate::graph::Map;
use crate::isolation::Plugin;
use crate::plugins::installed::{self, Loaded};
use crate::sql::{Connection, Settings};
use crate::state::{self, Standing};
use crate::versions::Versions;
use crate::versions::lock_file::LockFile;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// The URL that means the project's own PostgreSQL.
const EMBEDDED: &str = "embedded";

/// Variables by name.
pub(super) type Environment = BTreeMap<String, String>;

/// A project on disk.
pub(super) struct Project {
    pub(super) config: Config,
    pub(super) environment: Environment,
    pub(super) versions: Arc<Versions>,
    pub(super) map: Map,
    /// Its plugins, by name.
    pub(super) plugins: BTreeMap<String, Plugin>,
}

impl Project {
    /// Reads configuration and history. Runs nothing and asks no database.
    pub(super) fn load(global: &Global) -> Result<Self, CliError> {
        Self::load_without(global, "")
    }

    /// The same without one of its plugins.
    pub(super) fn load_without(global: &Global, left_out: &str) -> Result<Self, CliError> {
        let (config, environment) = configuration(global)?;
        let mut versions = Versions::load(&config.versions, Some(&config.index_file()))?;
        let mut plugins = BTreeMap::new();
        for (name, loaded) in load_plugins(&config, left_out)? {
            versions.revisions.extend(loaded.files()?);
            let plugin = Plugin {
                digest: loaded.package.digest().to_owned(),
                schema: loaded.installed.schema(&name).to_owned(),
                rights: loaded.installed.rights(),
                budget: loaded.installed.budget,
                manifest: loaded.package.manifest,
            };
            plugins.insert(name, plugin);
        }
        let map = Map::new(versions.graph_revisions())?;
        Ok(Self { config, environment, versions: Arc::new(versions), map, plugins })
    }

    /// Where the database is, after every rule about that.
    pub(super) fn settings(&self, global: &Global, printer: &Printer) -> Result<Settings, CliError> {
        settings(&self.config, &self.environment, global, printer)
    }

    /// Connects and reads the version rows.
    pub(super) async fn connect(&self, settings: &Settings) -> Result<(Connection, Standing), CliError> {
        self.stand_on(Connection::open(settings).await?).await
    }

    /// The same for a session that may run revisions.
    pub(super) async fn connect_to_run(
        &self,
        settings: &Settings,
        flags: crate::versions::Limits,
    ) -> Result<(Connection, Standing), CliError> {
        let granted = Components::granted_to_most(&self.config, flags);
        self.stand_on(Connection::open_to_run(settings, granted.lock_timeout()).await?).await
    }

    async fn stand_on(&self, connection: Connection) -> Result<(Connection, Standing), CliError> {
        let standing = state::read(&connection, self.schema()).await?;
        Ok((connection, standing))
    }

    /// Where the database stands, for commands that only look.
    pub(super) fn standing(&self, global: &Global, printer: &Printer) -> Result<Standing, CliError> {
        let settings = self.settings(global, printer)?;
        super::block_on(async { Ok(self.connect(&settings).await?.1) })
    }

    /// The version rows alone.
    pub(super) fn rows(&self, global: &Global, printer: &Printer) -> Result<Vec<String>, CliError> {
        Ok(self.standing(global, printer)?.rows)
    }

    /// The id of the one revision that `target` names.
    pub(super) fn id_of(&self, target: &str) -> Result<String, CliError> {
        let found = self.map.find_one(target)?;
        found
            .map(|revision| revision.id.clone())
            .ok_or_else(|| CliError::usage(format!("`{target}` names no revision")))
    }

    /// The schema of the bookkeeping.
    pub(super) fn schema(&self) -> &str {
        &self.config.database.schema
    }
}

/// Nothing of a plugin is read, shown or run that is not locked, signed as the operator wants it, and granted.
fn load_plugins(config: &Config, left_out: &str) -> Result<Vec<(String, Loaded)>, CliError> {
    if config.plugins.is_empty() {
        return Ok(Vec::new());
    }
    let lock = LockFile::read(&config.lock_file()).map_err(crate::components::Error::Lock)?;
    let wanted = config.plugins.iter().filter(|(name, _)| *name != left_out);
    wanted
        .map(|(name, installed)| {
            let loaded =
                installed::load(name, installed, &config.folder, &lock, &config.trust, &config.database.schema)?;
            Ok((name.clone(), loaded))
        })
        .collect()
}

/// The folder of the engines that were added, which one may do before there is any project.
pub(super) fn engines_folder(global: &Global) -> Result<PathBuf, CliError> {
    let environment = std::env::vars().collect();
    match engines_of(&environment) {
        Some(folder) => Ok(folder),
        None => Ok(configuration(global)?.0.engines),
    }
}

fn engines_of(environment: &Environment) -> Option<PathBuf> {
    cache_folder(environment).map(|cache| cache.join("engines"))
}

/// The configuration and the environment it was read in: the process's, over what `.env` says.
pub(super) fn configuration(global: &Global) -> Result<(Config, Environment), CliError> {
    let mut environment: Environment =
        if global.no_dotenv { Environment::new() } else { dotenv(global)?.into_iter().collect() };
    environment.extend(
        std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?))),
    );
    let mut config = Config::load(global.config.as_deref(), &environment)?;
    if let Some(folder) = engines_of(&environment) {
        config.engines = folder;
    }
    if !global.versions.is_empty() {
        config.versions.clone_from(&global.versions);
    }
    Ok((config, environment))
}

/// The settings of a connection: flag, `WMIGRATE_DATABASE_URL`, `DATABASE_URL`, configuration, then libpq's own.
fn settings(
    config: &Config,
    environment: &Environment,
    global: &Global,
    printer: &Printer,
) -> Result<Settings, CliError> {
    let url = match global.database_url.clone().or_else(|| config.database.url.clone()) {
        Some(url) if url == EMBEDDED => Some(start_embedded(config, environment, global, printer)?.url()),
        url => url,
    };
    let settings = Settings::resolve(url.as_deref(), &|name| environment.get(name).cloned())?;
    for warning in &settings.warnings {
        printer.talk(&format!("warning: {warning}"));
    }
    Ok(settings)
}

/// Starts the embedded server, or finds it running.
pub(super) fn start_embedded(
    config: &Config,
    environment: &Environment,
    global: &Global,
    printer: &Printer,
) -> Result<embedded::Server, CliError> {
    let options = embedded::Options::new(config.state_folder());
    let say = |line: &str| printer.talk(line);
    with_search(config, environment, global, &say, |search| Ok(embedded::ensure(&options, search)?))
}

/// The psql that belongs to the embedded server.
pub(super) fn psql(config: &Config, environment: &Environment, global: &Global) -> Option<PathBuf> {
    with_search(config, environment, global, &|_| {}, embedded::find_psql)
}

fn with_search<T>(
    config: &Config,
    environment: &Environment,
    global: &Global,
    say: &dyn Fn(&str),
    look: impl FnOnce(&embedded::Search<'_>) -> T,
) -> T {
    let cache = cache_folder(environment).unwrap_or_else(|| config.state_folder());
    look(&embedded::Search {
        explicit: global.pg_bin.as_deref().or(config.database.pg_bin.as_deref()),
        path: environment.get("PATH").map(AsRef::as_ref),
        cache: &cache,
        major: None,
        download: true,
        say,
    })
}

/// The folder of compiled components: `WMIGRATE_CACHE_DIR`, or `wmigrate` in the user's cache folder.
pub(super) fn cache_folder(environment: &Environment) -> Option<PathBuf> {
    use etcetera::BaseStrategy as _;
    environment
        .get("WMIGRATE_CACHE_DIR")
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(etcetera::choose_base_strategy().ok()?.cache_dir().join("wmigrate")))
}

/// Whether a line of `.env` speaks of a variable that we read.
fn is_ours(line: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix("export").map_or(line, str::trim_start);
    ["DATABASE_URL", "WMIGRATE_", "PG"].iter().any(|start| line.starts_with(start))
}

fn dotenv(global: &Global) -> Result<Vec<(String, String)>, CliError> {
    let wrong = |path: &std::path::Path, what: &str| {
        CliError::new(Code::Usage, "configuration", format!("`.env` {what}"))
            .hint(format!("correct {}, or give `--no-dotenv`", path.display()))
    };
    // Beside the configuration where that is named, otherwise here or above, as people expect of `.env`.
    let beside = global.config.as_deref().and_then(std::path::Path::parent).map(|folder| folder.join(".env"));
    let above = || {
        let here = std::env::current_dir().ok()?;
        here.ancestors().map(|folder| folder.join(".env")).find(|path| path.is_file())
    };
    let Some(path) = beside.or_else(above) else { return Ok(Vec::new()) };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(_) => return Err(wrong(&path, "cannot be read")),
    };
    dotenvy::from_read_iter(text.as_bytes())
        .filter(|line| match line {
            // It is other programs' file too, and they may write what we cannot read. A line meant for us that was passed
            // over would send us to another database.
            Err(dotenvy::Error::LineParse(part, _)) => {
                text.lines().any(|line| line.contains(part.as_str()) && is_ours(line))
            }
            Ok(_) | Err(_) => true,
        })
        .collect::<Result<_, _>>()
        .map_err(|_| wrong(&path, "has a line that is not `NAME=value`"))
}

/// `-x key=value` over the configuration's `[x]`.
pub(super) fn x_arguments(config: &Config, global: &Global) -> Result<Arc<Vec<(String, String)>>, CliError> {
    let mut all: Vec<_> = config.x.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    for argument in &global.x {
        let (key, value) = argument.split_once('=').ok_or_else(|| {
            CliError::usage(format!("`-x {argument}` is not `-x key=value`")).hint(format!("write `-x {argument}=…`"))
        })?;
        all.push((key.to_owned(), value.to_owned()));
    }
    Ok(Arc::new(all))
}
