//! A PgBouncer in front of the shared server. Where it is not installed a test that needs it says so and passes.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, chown},
        net::UnixStream,
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{Database, TestServer, cluster};

/// Part of the socket's name; no TCP port is opened.
const PORT: u16 = 6432;

/// When a server connection goes back to the pool.
#[derive(Debug, Clone, Copy)]
pub enum Pool {
    /// After each transaction.
    Transaction,
    /// When the client leaves.
    Session,
}

/// A running pooler, stopped when dropped.
pub struct PgBouncer {
    folder: PathBuf,
    process: Child,
}

impl PgBouncer {
    /// Starts one; `None`, after a line on standard error, where it is not installed.
    pub fn start(pool: Pool) -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        // Debian puts it where ordinary users do not look.
        let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        let Some(program) = folders.map(|folder| folder.join("pgbouncer")).find(|program| program.is_file()) else {
            eprintln!("skipped: `pgbouncer` is not installed");
            return None;
        };
        let server = TestServer::shared().server();
        let folder = cluster::new_folder("bouncer");
        let configuration = folder.join("pgbouncer.ini");
        cluster::write(&configuration, configuration_text(pool, &folder, server.socket_folder()));
        fs::set_permissions(&configuration, fs::Permissions::from_mode(0o644)).unwrap();

        let log = fs::File::create(folder.join("pgbouncer.log")).unwrap();
        let mut command = Command::new(program);
        command.arg(&configuration).current_dir(&folder).env_clear().stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
        // It refuses to be root, and must get into the server's private folder.
        if let Some((uid, gid)) = server.runs_as() {
            chown(&folder, Some(uid), Some(gid)).unwrap();
            command.uid(uid).gid(gid);
        }
        let mut started = Self { process: command.spawn().expect("pgbouncer runs"), folder };
        started.wait();
        Some(started)
    }

    /// The database through the pooler.
    pub fn url_of(&self, database: &Database) -> String {
        format!("postgresql://postgres@/{}?host={}&port={PORT}", database.name, self.folder.display())
    }

    fn wait(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while UnixStream::connect(self.folder.join(format!(".s.PGSQL.{PORT}"))).is_err() {
            let waiting = self.process.try_wait().unwrap().is_none() && Instant::now() < deadline;
            assert!(waiting, "pgbouncer: {}", fs::read_to_string(self.folder.join("pgbouncer.log")).unwrap());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn configuration_text(pool: Pool, folder: &Path, server: &Path) -> String {
    let mode = match pool {
        Pool::Transaction => "transaction",
        Pool::Session => "session",
    };
    format!(
        "[databases]\n* = host={server} port=5432 user=postgres\n\n[pgbouncer]\nlisten_addr =\nlisten_port = {PORT}\n\
         unix_socket_dir = {folder}\npidfile = {folder}/pgbouncer.pid\nauth_type = any\npool_mode = {mode}\n\
         default_pool_size = 4\nignore_startup_parameters = extra_float_digits\n",
        server = server.display(),
        folder = folder.display(),
    )
}
