//! `wmigrate.toml`: finding it, reading it, and letting `WMIGRATE_*` variables go before it. The result is plain data
//! with every default filled in where the default is ours to give; nothing is connected to or created here.

mod backfill;
mod variables;

pub use backfill::Backfill;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use crate::plugins::{self, Installed, Trust};
use crate::versions::limits::{self, Limits};
use crate::versions::nearest::nearest;

/// Name of the file.
pub const FILE_NAME: &str = "wmigrate.toml";
/// Name of the folder for outputs and the embedded database, beside the file.
pub const STATE_FOLDER: &str = ".wmigrate";
/// How long to wait for the migration lock: most upgrades end within it, and a deployment that hangs says so soon. (Flyway waits 50 s.)
pub const DEFAULT_LOCK_WAIT: Duration = Duration::from_mins(1);

/// A configuration file is written by hand.
const MAX_CONFIG: u64 = 1024 * 1024;

/// Everything `wmigrate.toml` and its variables say.
///
/// | key | variable | default |
/// |---|---|---|
/// | – (the file itself, `-c`) | `WMIGRATE_CONFIG` | `wmigrate.toml` here or in a folder above |
/// | `versions` | `WMIGRATE_VERSIONS`, separated as `PATH` | `["versions"]` |
/// | `database.url` | `WMIGRATE_DATABASE_URL`, `DATABASE_URL` | – |
/// | `database.schema` | `WMIGRATE_DATABASE_SCHEMA` | `wmigrate` |
/// | `database.pg_bin` | `WMIGRATE_PG_BIN` | – |
/// | `lock.wait` | `WMIGRATE_LOCK_WAIT` | `1 min` |
/// | `backfill.<key>` | `WMIGRATE_BACKFILL_<KEY>` | those of who obeys |
/// | `limits.<key>` | `WMIGRATE_LIMITS_<KEY>` | the runtime's |
/// | `build.locked` | `WMIGRATE_BUILD_LOCKED` | `false` |
/// | `build.cargo` | `WMIGRATE_BUILD_CARGO` | `cargo` |
/// | `templates.folder` | `WMIGRATE_TEMPLATES_FOLDER` | `templates` |
/// | `x.<key>` | `WMIGRATE_X_<KEY>`, key in lower case | – |
/// | `revisions.<id>.limits` | – | – |
/// | `plugins.<name>.<key>` | – | what `wmigrate plugin add` wrote: see [`Installed`] |
/// | `trust.unsigned` | – | `allow` |
/// | `trust.keys.<name>` | – | – |
///
/// Folders in the file are seen from the file, those in variables from the current folder. An empty variable is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file that was read.
    pub file: PathBuf,
    /// The project's folder, where the file lies.
    pub folder: PathBuf,
    /// Versions folders, in load order.
    pub versions: Vec<PathBuf>,
    /// `[database]`
    pub database: Database,
    /// `[lock] wait`
    pub lock_wait: Duration,
    /// `[limits]`: what was set for all revisions.
    pub limits: Limits,
    /// `[backfill]`
    pub backfill: Backfill,
    /// `[build]`
    pub build: Build,
    /// `[templates] folder`
    pub templates: PathBuf,
    /// Engines that were added; the project's own folder unless there is one for all projects.
    pub engines: PathBuf,
    /// `[x]`
    pub x: BTreeMap<String, String>,
    /// `[revisions.<id>.limits]`
    pub revisions: BTreeMap<String, Limits>,
    /// `[plugins.<name>]`
    pub plugins: BTreeMap<String, Installed>,
    /// `[trust]`
    pub trust: Trust,
}

/// `[database]`. Shown without the URL, which may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Database {
    /// A URL or `embedded`.
    pub url: Option<String>,
    /// Schema of our own tables.
    pub schema: String,
    /// Folder with PostgreSQL's programs.
    pub pg_bin: Option<PathBuf>,
}

/// `[build]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// A stale source is an error instead of a reason to build.
    pub locked: bool,
    /// The cargo to call.
    pub cargo: PathBuf,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No file here or above.
    #[error("there is no `{FILE_NAME}` in `{start}` or a folder above it")]
    NotFound {
        /// Where the search began.
        start: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot read `{path}`")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
    /// Beyond all measure.
    #[error("`{path}` is larger than any configuration file")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Not TOML, or a value of the wrong kind.
    #[error("`{path}`{} is wrong: {message}", .line.map(|line| format!(", line {line},")).unwrap_or_default())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where.
        line: Option<usize>,
        /// The parser's words, without values: one of them may be a password.
        message: String,
    },
    /// A key nobody knows.
    #[error("`{path}`, line {line}, has an unknown key `{key}`{}", .meant.as_ref().map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// Where.
        line: usize,
        /// The key with its table.
        key: String,
        /// What it was meant to be.
        meant: Option<String>,
    },
    /// A value that makes no sense, in the file or a variable.
    #[error("{place} is wrong: {message}")]
    Value {
        /// The key or variable, in backticks.
        place: String,
        /// What is wrong with it.
        message: String,
    },
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotFound { .. } => {
                Some("`wmigrate init` makes a project here; `-c FILE` names a configuration elsewhere")
            }
            Self::Io { .. }
            | Self::TooLarge { .. }
            | Self::Syntax { .. }
            | Self::UnknownKey { .. }
            | Self::Value { .. } => None,
        }
    }
}

impl Config {
    /// Reads the configuration: `explicit` (`-c`), else `WMIGRATE_CONFIG`, else the nearest file from the current folder up.
    pub fn load(explicit: Option<&Path>, env: &BTreeMap<String, String>) -> Result<Self, Error> {
        let current = std::env::current_dir().map_err(|source| Error::Io { path: PathBuf::from("."), source })?;
        let named = explicit.map(Path::to_owned).or_else(|| variables::get(env, "WMIGRATE_CONFIG").map(PathBuf::from));
        let file = match named {
            Some(path) if path.is_dir() => current.join(path).join(FILE_NAME),
            Some(path) => current.join(path),
            None => find(&current)?,
        };
        let text = read(&file)?;
        Self::parse(&text, file, env)
    }

    /// Understands the text of the file.
    pub fn parse(text: &str, file: PathBuf, env: &BTreeMap<String, String>) -> Result<Self, Error> {
        let raw = parse_raw(text, &file)?;
        let folder = file.parent().map(Path::to_owned).unwrap_or_default();
        let mut config = Self {
            versions: raw.versions.iter().map(|path| folder.join(path)).collect(),
            database: Database {
                url: raw.database.url,
                schema: raw.database.schema.unwrap_or_else(|| "wmigrate".to_owned()),
                pg_bin: raw.database.pg_bin.map(|path| folder.join(path)),
            },
            lock_wait: DEFAULT_LOCK_WAIT,
            limits: raw.limits,
            backfill: raw.backfill,
            build: Build {
                locked: raw.build.locked,
                // A bare name is looked up in PATH, anything else is a place in the project.
                cargo: raw.build.cargo.map_or_else(
                    || PathBuf::from("cargo"),
                    |path| {
                        if path.components().count() > 1 { folder.join(path) } else { path }
                    },
                ),
            },
            templates: folder.join(raw.templates.folder.unwrap_or_else(|| PathBuf::from("templates"))),
            engines: folder.join(STATE_FOLDER).join("engines"),
            x: raw.x,
            revisions: raw.revisions.into_iter().map(|(id, revision)| (id, revision.limits)).collect(),
            plugins: raw.plugins,
            trust: raw.trust,
            file,
            folder,
        };
        if let Some(wait) = raw.lock.wait {
            let wrong = |bad: limits::Error| Error::Value { place: "`lock.wait`".to_owned(), message: bad.to_string() };
            config.lock_wait = limits::duration_from(&wait).map_err(wrong)?;
        }
        variables::apply(&mut config, env)?;
        config.check()?;
        Ok(config)
    }

    /// The folder for outputs and the embedded database.
    pub fn state_folder(&self) -> PathBuf {
        self.folder.join(STATE_FOLDER)
    }

    /// The lock file.
    pub fn lock_file(&self) -> PathBuf {
        self.folder.join(crate::versions::lock_file::FILE_NAME)
    }

    /// The cache of the versions folders' metadata.
    pub fn index_file(&self) -> PathBuf {
        self.state_folder().join("index")
    }

    fn check(&self) -> Result<(), Error> {
        let wrong =
            |place: &str, message: &str| Err(Error::Value { place: place.to_owned(), message: message.to_owned() });
        if self.versions.is_empty() {
            return wrong("`versions`", "at least one folder is needed");
        }
        // PostgreSQL cuts longer names silently; NUL cannot be sent at all.
        match self.database.schema.as_str() {
            "" => wrong("`database.schema`", "it is empty"),
            name if name.len() > 63 => wrong("`database.schema`", "a name has at most 63 bytes"),
            name if name.contains('\0') => wrong("`database.schema`", "it holds a NUL character"),
            name if name.starts_with("pg_") => {
                wrong("`database.schema`", "names that begin with `pg_` are PostgreSQL's own")
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, schema, pg_bin } = self;
        let url = url.as_ref().map(|url| if url == "embedded" { "embedded" } else { "…" });
        f.debug_struct("Database").field("url", &url).field("schema", schema).field("pg_bin", pg_bin).finish()
    }
}

/// The file in `start` or the nearest folder above.
fn find(start: &Path) -> Result<PathBuf, Error> {
    let found = start.ancestors().map(|folder| folder.join(FILE_NAME)).find(|file| file.is_file());
    found.ok_or_else(|| Error::NotFound { start: start.to_owned() })
}

fn read(file: &Path) -> Result<String, Error> {
    let io = |source| Error::Io { path: file.to_owned(), source };
    let mut text = String::new();
    fs::File::open(file).map_err(io)?.take(MAX_CONFIG + 1).read_to_string(&mut text).map_err(io)?;
    if text.len() as u64 > MAX_CONFIG {
        return Err(Error::TooLarge { path: file.to_owned() });
    }
    Ok(text)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default = "default_versions")]
    versions: Vec<PathBuf>,
    #[serde(default)]
    database: RawDatabase,
    #[serde(default)]
    lock: RawLock,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    backfill: Backfill,
    #[serde(default)]
    build: RawBuild,
    #[serde(default)]
    templates: RawTemplates,
    #[serde(default)]
    x: BTreeMap<String, String>,
    #[serde(default)]
    revisions: BTreeMap<String, RawRevision>,
    #[serde(default)]
    plugins: BTreeMap<String, Installed>,
    #[serde(default)]
    trust: Trust,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDatabase {
    url: Option<String>,
    schema: Option<String>,
    pg_bin: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLock {
    wait: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawBuild {
    locked: bool,
    cargo: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTemplates {
    folder: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRevision {
    #[serde(default)]
    limits: Limits,
}

fn default_versions() -> Vec<PathBuf> {
    vec![PathBuf::from("versions")]
}

/// The keys of each table, for naming what a wrong one was meant to be. serde refuses them in any case; a test keeps the
/// two alike.
fn keys(table: &str) -> Option<&'static [&'static str]> {
    match table {
        "" => Some(&[
            "versions",
            "database",
            "lock",
            "limits",
            "backfill",
            "build",
            "templates",
            "x",
            "revisions",
            "plugins",
            "trust",
        ]),
        "database" => Some(&["url", "schema", "pg_bin"]),
        "lock" => Some(&["wait"]),
        "limits" => Some(&limits::KEYS),
        "backfill" => Some(&backfill::KEYS),
        "build" => Some(&["locked", "cargo"]),
        "templates" => Some(&["folder"]),
        "revisions.*" => Some(&["limits"]),
        "plugins.*" => Some(&plugins::KEYS),
        "plugins.*.limits" => Some(&limits::KEYS),
        "plugins.*.budget" => Some(&plugins::BUDGET_KEYS),
        "trust" => Some(&["unsigned", "keys"]),
        "revisions.*.limits" => Some(&limits::KEYS),
        _ => None,
    }
}

fn parse_raw(text: &str, file: &Path) -> Result<Raw, Error> {
    let line_of = |at: usize| 1 + text[..at.min(text.len())].matches('\n').count();
    let syntax = |bad: &toml::de::Error| Error::Syntax {
        path: file.to_owned(),
        line: bad.span().map(|span| line_of(span.start)),
        message: without_value(bad.message()),
    };
    toml::from_str(text).map_err(|bad| match DeTable::parse(text).map(|table| unknown_key(table.get_ref(), "", "")) {
        Ok(Some(UnknownKey { shown, at, meant })) => {
            Error::UnknownKey { path: file.to_owned(), line: line_of(at), key: shown, meant }
        }
        Ok(None) | Err(_) => syntax(&bad),
    })
}

struct UnknownKey {
    shown: String,
    at: usize,
    meant: Option<String>,
}

/// The first unknown key. `pattern` is the table's place with `*` for ids, `shown` the same as users wrote it.
fn unknown_key(table: &DeTable<'_>, pattern: &str, shown: &str) -> Option<UnknownKey> {
    let join = |left: &str, right: &str| {
        if left.is_empty() { right.to_owned() } else { format!("{left}.{right}") }
    };
    table.iter().find_map(|(key, value)| {
        let name: &str = key.get_ref();
        let known = keys(pattern);
        if let Some(known) = known.filter(|known| !known.contains(&name)) {
            let meant = nearest(name, known).map(str::to_owned);
            return Some(UnknownKey { shown: join(shown, name), at: key.span().start, meant });
        }
        match value.get_ref() {
            DeValue::Table(inner) => {
                let name_in_pattern = if matches!(pattern, "revisions" | "plugins") { "*" } else { name };
                unknown_key(inner, &join(pattern, name_in_pattern), &join(shown, name))
            }
            _ => None,
        }
    })
}

/// serde repeats a value of the wrong type: ``invalid type: string "postgres://…", expected a table``.
fn without_value(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(start), Some(end)) if start < end => format!("{}{}", message[..start].trim_end(), &message[end + 1..]),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn parse(text: &str, env: &[(&str, &str)]) -> Result<Config, Error> {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::parse(text, PathBuf::from("/p/wmigrate.toml"), &env)
    }

    fn check(text: &str, want: &str) {
        assert_eq!(parse(text, &[]).unwrap_err().to_string(), want, "{text}");
    }

    #[test]
    fn defaults() {
        let config = parse("", &[]).unwrap();
        assert_eq!(config.versions, [PathBuf::from("/p/versions")]);
        assert_eq!(config.database, Database { url: None, schema: "wmigrate".into(), pg_bin: None });
        assert_eq!(config.lock_wait, Duration::from_mins(1));
        assert!(config.limits.is_empty());
        assert_eq!(config.build, Build { locked: false, cargo: "cargo".into() });
        assert_eq!(config.templates, PathBuf::from("/p/templates"));
        assert_eq!(config.index_file(), PathBuf::from("/p/.wmigrate/index"));
        assert_eq!(config.lock_file(), PathBuf::from("/p/wmigrate.lock"));
    }

    #[test]
    fn one_revision_has_limits_of_its_own() {
        let text = "[limits]\nmemory = \"1 GiB\"\ncpu = \"5 s\"\n[revisions.a.limits]\nmemory = \"2 GiB\"\n";
        let config = parse(text, &[]).unwrap();
        let shown = |limits: Limits| limits.entries().into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(shown(config.limits), ["1 GiB", "5 s"]);
        assert_eq!(shown(config.revisions["a"]), ["2 GiB"]);
    }

    #[test]
    fn wrong_files_name_line_and_key() {
        check("version = []", "`/p/wmigrate.toml`, line 1, has an unknown key `version`; did you mean `versions`?");
        check(
            "[database]\nurls = \"\"",
            "`/p/wmigrate.toml`, line 2, has an unknown key `database.urls`; did you mean `url`?",
        );
        check(
            "[revisions.a.limits]\nmemoy = \"\"",
            "`/p/wmigrate.toml`, line 2, has an unknown key `revisions.a.limits.memoy`; did you mean `memory`?",
        );
        check("[colours]", "`/p/wmigrate.toml`, line 1, has an unknown key `colours`");
        check(
            "[build]\nlocked = 1",
            "`/p/wmigrate.toml`, line 2, is wrong: invalid type: integer `1`, expected a boolean",
        );
        check(
            "[limits]\nmemory = \"1 MB\"",
            "`/p/wmigrate.toml`, line 2, is wrong: `1 MB` is not a size: a whole number and one of B, KiB, MiB, GiB, as in `64 MiB`",
        );
        check(
            "[lock]\nwait = \"soon\"",
            "`lock.wait` is wrong: `soon` is not a duration: a whole number and one of ms, s, min, h, as in `10 s`",
        );
        check("versions = []", "`versions` is wrong: at least one folder is needed");
        check(
            "database.schema = \"pg_me\"",
            "`database.schema` is wrong: names that begin with `pg_` are PostgreSQL's own",
        );
    }

    #[test]
    fn a_password_is_in_no_message() {
        for text in [
            "database = \"postgres://u:secret@h/d\"",
            "versions = \"postgres://u:secret@h/d\"",
            "[database]\nurl = [\"postgres://u:secret@h/d\"]",
            "[database]\nurl = postgres://u:secret@h/d",
            "[database]\nurl = \"postgres://u:secret@h/d\nschema = 1",
            "[lock]\nwait = { url = \"postgres://u:secret@h/d\" }",
            "[build]\nlocked = \"postgres://u:secret@h/d\"",
        ] {
            let error = parse(text, &[]).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
        let config = parse("[database]\nurl = \"postgres://u:secret@h/d\"", &[]).unwrap();
        assert!(!format!("{config:?}").contains("secret"));
    }

    #[test]
    fn found_by_walking_up_and_missed_with_a_hint() {
        let top = std::env::temp_dir().join(format!("wmigrate-config-{}", std::process::id()));
        fs::create_dir_all(top.join("a/b")).unwrap();
        let error = find(&top.join("a/b")).unwrap_err();
        assert!(error.hint().unwrap().contains("wmigrate init"), "{error}");
        fs::write(top.join(FILE_NAME), "").unwrap();
        assert_eq!(find(&top.join("a/b")).unwrap(), top.join(FILE_NAME));
        fs::remove_dir_all(&top).unwrap();
        assert!(
            Config::load(Some(&top.join("none.toml")), &BTreeMap::new())
                .unwrap_err()
                .to_string()
                .starts_with("cannot read")
        );
    }
}
