//! PostgreSQL servers for tests, started by the project's own embedded code: one shared by the whole run, more for tests
//! that need a server of their own. Databases are made from `template0`, one a test.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use wmigrate::embedded::{Binaries, Options, Search, Server};

use super::{cluster, psql};

/// A server whose data is worth nothing: losing it costs a test run.
const FAST: [(&str, &str); 4] =
    [("fsync", "off"), ("synchronous_commit", "off"), ("full_page_writes", "off"), ("max_connections", "300")];

/// A running server.
pub struct TestServer {
    server: Option<Server>,
}

impl TestServer {
    /// The server of this run, started by the first test that needs it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<TestServer> = OnceLock::new();
        SHARED.get_or_init(|| Self::start_extra(&[]))
    }

    /// A server of the test's own: read-only, with TLS, to be killed. Stopped when dropped.
    pub fn start_extra(conf: &[(&str, &str)]) -> Self {
        let mut options = Options::new(cluster::new_folder("pg").join(".wmigrate"));
        seed(&options.folder);
        options.settings = FAST.iter().chain(conf).map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let server = Server::start(&options, binaries()).unwrap_or_else(|error| panic!("{error}"));
        Self { server: Some(server) }
    }

    /// A standby of `primary`, made by the program `basebackup`, which streams.
    pub fn standby_of(primary: &Self, basebackup: &Path, folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let data = folder.join("postgres");
        let copied = Command::new(basebackup)
            .args(["-R", "-X", "stream", "-c", "fast", "-U", "postgres", "-d", &primary.url(), "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(copied.status.success(), "pg_basebackup: {}", String::from_utf8_lossy(&copied.stderr));
        // Its socket is in its data folder, and would be taken for the primary's.
        for name in super::project::names_in(&data).iter().filter(|name| name.starts_with(".s.PGSQL")) {
            fs::remove_file(data.join(name)).unwrap();
        }
        // It belongs to whoever made it, and the server may be somebody else.
        if let Some((uid, gid)) = primary.server().runs_as() {
            let owned = Command::new("chown").arg("-R").arg(format!("{uid}:{gid}")).arg(&data).status().unwrap();
            assert!(owned.success(), "chown: {owned}");
        }
        let mut options = Options::new(folder.to_owned());
        options.settings = FAST.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let server = Server::start(&options, binaries()).unwrap_or_else(|error| panic!("{error}"));
        Self { server: Some(server) }
    }

    /// What the embedded module says about it.
    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs until it is dropped")
    }

    /// URL of its database `postgres`, as superuser.
    pub fn url(&self) -> String {
        self.server().url()
    }

    /// A new, empty database.
    pub fn fresh_database(&self) -> Database {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        psql(&self.url(), &format!("CREATE DATABASE {name} TEMPLATE template0"));
        Database { url: self.server().url_of(&name), admin: self.url(), name }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // A test may have killed it; the watcher stops what is left.
        if let Some(Err(error)) = self.server.take().map(Server::stop) {
            eprintln!("{error}");
        }
    }
}

/// A database of the shared server.
pub fn fresh_database() -> Database {
    TestServer::shared().fresh_database()
}

/// A database that is dropped at the end of its test, unless the test failed.
pub struct Database {
    /// How to connect, as superuser.
    pub url: String,
    /// Its name.
    pub name: String,
    admin: String,
}

impl Database {
    /// Runs statements in it; see [`psql`].
    pub fn psql(&self, sql: &str) -> String {
        psql(&self.url, sql)
    }

    /// The same database as another user, who may need a password.
    pub fn url_as(&self, user: &str) -> String {
        self.url.replacen("postgres@", &format!("{user}@"), 1)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "database of the failed test: {} (WMIGRATE_TEST_KEEP=1 keeps the server after the run)",
                self.url
            );
            return;
        }
        if let Err(error) = super::sql::try_psql(&self.admin, &format!("DROP DATABASE {} WITH (FORCE)", self.name)) {
            eprintln!("cannot drop `{}`: {error}", self.name);
        }
    }
}

/// Gives a project an initialised data folder by copying one that was made once: `initdb` takes more than a second of
/// processor time, and many tests need a server of their own that is not about initialising.
pub fn seed(folder: &Path) {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    let template = TEMPLATE.get_or_init(|| {
        let options = Options::new(cluster::new_folder("template").join(".wmigrate"));
        let server = Server::start(&options, binaries()).unwrap_or_else(|error| panic!("{error}"));
        let data = server.data_folder().to_owned();
        server.stop().unwrap_or_else(|error| panic!("{error}"));
        data
    });
    fs::create_dir_all(folder).unwrap();
    // `-p` keeps the owner and the mode, which PostgreSQL checks.
    let copied = Command::new("cp").arg("-pR").arg(template).arg(folder.join("postgres")).status().unwrap();
    assert!(copied.success(), "cp: {copied}");
}

/// The programs that the tests run: `WMIGRATE_PG_BIN`, or whatever is installed, or a download.
pub fn binaries() -> &'static Binaries {
    static BINARIES: OnceLock<Binaries> = OnceLock::new();
    BINARIES.get_or_init(|| {
        let explicit = std::env::var_os("WMIGRATE_PG_BIN").map(PathBuf::from);
        let path: Option<OsString> = std::env::var_os("PATH");
        let search = Search {
            explicit: explicit.as_deref(),
            path: path.as_deref(),
            cache: &cluster::root().join("cache"),
            major: None,
            download: true,
            say: &|text| eprintln!("{text}"),
        };
        Binaries::find(&search).unwrap_or_else(|error| panic!("{error}"))
    })
}
