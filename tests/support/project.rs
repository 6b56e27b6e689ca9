//! A project folder for one test, and the real binary run in it with an environment that holds nothing of ours.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use wmigrate::embedded::{Options, Server};

use super::{Database, cluster, fresh_database};

/// A temporary folder with `wmigrate.toml`, `versions/` and usually a database.
pub struct Project {
    /// The folder.
    pub folder: PathBuf,
    /// The database that `DATABASE_URL` names; `None`: the project is on its own.
    pub database: Option<Database>,
    variables: Vec<(String, String)>,
}

impl Project {
    /// A project with an empty history and a fresh database.
    pub fn new() -> Self {
        let mut project = Self::without_database();
        project.database = Some(fresh_database());
        project
    }

    /// The same without `DATABASE_URL`; its configuration says `embedded`.
    pub fn without_database() -> Self {
        let project = Self::empty();
        project.write("wmigrate.toml", "versions = [\"versions\"]\n\n[database]\nurl = \"embedded\"\n");
        fs::create_dir(project.folder.join("versions")).unwrap();
        project
    }

    /// An empty folder, as a new user has it.
    pub fn empty() -> Self {
        Self { folder: cluster::new_folder("project"), database: None, variables: Vec::new() }
    }

    /// URL of the project's database.
    pub fn url(&self) -> &str {
        &self.database.as_ref().expect("this project has a database").url
    }

    /// Runs statements in the project's database and returns what `psql -At` would print.
    pub fn psql(&self, sql: &str) -> String {
        super::psql(self.url(), sql)
    }

    /// Sets a variable for all commands of this project.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes a file below the folder.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.join(name);
        cluster::write(&path, text);
        path
    }

    /// Writes a SQL revision. `down` is the revision before it: `""` at a base, `"a, b"` for a merge.
    pub fn sql(&self, id: &str, down: &str, message: &str, upgrade: &str, downgrade: &str) -> PathBuf {
        let body = format!("-- wmigrate:upgrade\n{upgrade}\n-- wmigrate:downgrade\n{downgrade}\n");
        self.revision(id, message, "sql", &format!("{}{body}", front_matter("--", id, down, message, "")))
    }

    /// The same for one that is durable: each statement is committed by itself.
    pub fn durable(&self, id: &str, down: &str, message: &str, upgrade: &str, downgrade: &str) -> PathBuf {
        let body = format!("-- wmigrate:upgrade\n{upgrade}\n-- wmigrate:downgrade\n{downgrade}\n");
        let front = front_matter("--", id, down, message, DURABLE);
        self.revision(id, message, "sql", &format!("{front}{body}"))
    }

    /// Writes a durable revision in JavaScript.
    pub fn durable_js(&self, id: &str, down: &str, message: &str, body: &str) -> PathBuf {
        self.revision(id, message, "js", &format!("{}{body}", front_matter("//", id, down, message, DURABLE)))
    }

    /// Writes a JavaScript revision; `body` is the module after the front matter.
    pub fn js(&self, id: &str, down: &str, message: &str, body: &str) -> PathBuf {
        self.revision(id, message, "js", &format!("{}{body}", front_matter("//", id, down, message, "")))
    }

    /// Writes a revision's file with the whole text as given, named as `revision` would name it.
    pub fn revision(&self, id: &str, message: &str, extension: &str, text: &str) -> PathBuf {
        let slug: String = message.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        self.write(&format!("versions/{id}_{}.{extension}", slug.to_lowercase()), text)
    }

    /// Runs the binary to its end.
    pub fn wmigrate<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        self.command(arguments).output().expect("the binary runs").into()
    }

    /// Runs it, expects exit code 0, and returns its standard output.
    pub fn ok<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> String {
        let output = self.wmigrate(arguments);
        assert_eq!(output.code, Some(0), "stdout:\n{}\nstderr:\n{}", output.stdout, output.stderr);
        output.stdout
    }

    /// Starts it and returns at once, for tests that kill it. Its output can be read through the pipes.
    pub fn spawn<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs")
    }

    /// The command with its environment: PATH, a home of its own, one cache for the whole run (each engine is compiled
    /// once), the database.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wmigrate"));
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null()).env_clear();
        let home = cluster::root().join("home");
        fs::create_dir_all(&home).unwrap();
        command.env("HOME", &home).env("WMIGRATE_CACHE_DIR", cluster::root().join("cache"));
        // Rust revisions are built by the machine's own toolchain, whose settings are below the real home.
        let real_home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        for (name, default) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            command.env(name, std::env::var_os(name).unwrap_or_else(|| real_home.join(default).into()));
        }
        for name in ["PATH", "WMIGRATE_PG_BIN", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if let Some(database) = &self.database {
            command.env("DATABASE_URL", &database.url);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The options of this project's embedded server.
    pub fn embedded(&self) -> Options {
        Options::new(self.folder.join(".wmigrate"))
    }
}

impl Default for Project {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if self.folder.join(".wmigrate").is_dir() {
            // A project's own server must not outlive its test; a failure leaves it to the watcher.
            if let Ok(Some(server)) = Server::running(&self.embedded()) {
                drop(server.stop());
            }
        }
        if std::thread::panicking() {
            eprintln!("project of the failed test: {}", self.folder.display());
        } else {
            drop(fs::remove_dir_all(&self.folder));
        }
    }
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl From<std::process::Output> for Output {
    fn from(output: std::process::Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The line of front matter that makes a revision durable.
pub const DURABLE: &str = "transaction = \"none\"\n";

/// The comment block at the top of a revision, in the language's line comments; `more` are further lines of TOML.
pub fn front_matter(comment: &str, id: &str, down: &str, message: &str, more: &str) -> String {
    let parents: Vec<String> =
        down.split(',').map(str::trim).filter(|id| !id.is_empty()).map(|id| format!("{id:?}")).collect();
    let parent = match parents.as_slice() {
        [] => String::new(),
        [one] => format!("down_revision = {one}\n"),
        several => format!("down_revision = [{}]\n", several.join(", ")),
    };
    let toml = format!("revision = {id:?}\n{parent}message = {message:?}\ncreated = 2026-01-01T00:00:00Z\n{more}");
    let lines: Vec<String> = toml.lines().map(|line| format!("{comment} {line}\n")).collect();
    format!("{comment} /// wmigrate\n{}{comment} ///\n", lines.concat())
}

/// The names in a folder, sorted: for tests about what a command leaves behind.
pub fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
