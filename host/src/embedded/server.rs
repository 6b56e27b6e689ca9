//! Starts, finds and stops the server of one project. A file lock makes the steps of two `wmigrate` at once one after the
//! other; the server outlives us and is found again by its data folder.

use std::{
    fs::{self, File, TryLockError},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Child,
    thread,
    time::{Duration, Instant},
};

use super::{
    Error,
    find::Binaries,
    init, io_error,
    place::{PORT, Place},
    process::{Phase, interrupt, postmaster},
};

/// A start after a crash replays the log, which may take a while on a slow disk; more than this is a fault.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// A fast shutdown writes one checkpoint.
const STOP_TIMEOUT: Duration = Duration::from_mins(1);
/// The other process may be initialising and starting: a little longer than both together.
const LOCK_TIMEOUT: Duration = Duration::from_secs(90);
/// How long the last sessions of a killed server may still hold its memory.
const CRASH_REST: Duration = Duration::from_secs(10);
/// Between two looks. A start takes about 50 ms, so this is what it may add.
const PAUSE: Duration = Duration::from_millis(2);
/// Lines of the server's log in an error message.
const LOG_TAIL_LINES: usize = 3;

/// Which server, and how it is to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The project's `.wmigrate` folder.
    pub folder: PathBuf,
    /// Settings beyond PostgreSQL's defaults, used when the server is started: `("fsync", "off")`.
    pub settings: Vec<(String, String)>,
}

impl Options {
    /// PostgreSQL's own defaults for the project with this `.wmigrate` folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), settings: Vec::new() }
    }
}

/// A running server.
#[derive(Debug, Clone)]
pub struct Server {
    place: Place,
    pid: i32,
}

impl Server {
    /// The running server of this project; `None` when it does not run. One that is starting is waited for, one that is
    /// stopping is waited out.
    ///
    /// # Errors
    /// [`Error::Start`] when it neither becomes ready nor ends.
    pub fn running(options: &Options) -> Result<Option<Self>, Error> {
        find_running(&Place::of(&options.folder)?)
    }

    /// Finds the running server or starts it, initialising its data first where there is none.
    ///
    /// 1. Take the lock; whoever had it may have started the server meanwhile, so look again.
    /// 2. Make the data folder under another name and rename it.
    /// 3. Start `postgres` in a process group of its own, so that Ctrl-C to us does not stop it.
    /// 4. Wait until its `postmaster.pid` says ready; if the process ends first, show its log.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn start(options: &Options, binaries: &Binaries) -> Result<Self, Error> {
        let place = Place::of(&options.folder)?;
        let _lock = lock(&place.lock)?;
        if let Some(server) = find_running(&place)? {
            return Ok(server);
        }
        init::ensure_data(&place, binaries)?;
        let deadline = Instant::now() + CRASH_REST;
        loop {
            let child = spawn(&place, options, binaries)?;
            match wait_ready(&place, child) {
                Err(Error::Start { tail, .. }) if still_draining(&tail) && Instant::now() < deadline => {
                    thread::sleep(PAUSE * 50);
                }
                outcome => return outcome,
            }
        }
    }

    /// How to connect, for any PostgreSQL client: user `postgres`, database `postgres`, no password, over the socket.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The same for another database of this server.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        let folder = percent_encode(&self.place.socket.to_string_lossy());
        format!("postgresql://postgres@/{}?host={folder}&port={PORT}", percent_encode(database))
    }

    /// The server's process.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The folder of its data.
    #[must_use]
    pub fn data_folder(&self) -> &Path {
        &self.place.data
    }

    /// The folder of its socket.
    #[must_use]
    pub fn socket_folder(&self) -> &Path {
        &self.place.socket
    }

    /// What it writes.
    #[must_use]
    pub fn log_path(&self) -> &Path {
        &self.place.log
    }

    /// User and group the server runs as, when we are root and it is somebody else.
    #[must_use]
    pub fn runs_as(&self) -> Option<(u32, u32)> {
        self.place.identity.map(|identity| (identity.uid, identity.gid))
    }

    /// Ends its sessions, lets it write its data, and waits until it is gone.
    ///
    /// # Errors
    /// [`Error::Stop`] when it takes too long.
    pub fn stop(self) -> Result<(), Error> {
        let _lock = lock(&self.place.lock)?;
        shut_down(&self.place)
    }
}

/// Stops the server of this project, if it runs, and throws its data away. The next start begins with an empty database.
///
/// # Errors
/// [`Error::Stop`], [`Error::Locked`] or [`Error::Io`].
pub fn reset(options: &Options) -> Result<(), Error> {
    let place = Place::of(&options.folder)?;
    let _lock = lock(&place.lock)?;
    shut_down(&place)?;
    if place.beside.is_dir() {
        init::remove_data(&place)?;
    }
    for left in [&place.note, &place.log] {
        match fs::remove_file(left) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io_error("remove", left)(error)),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn find_running(place: &Place) -> Result<Option<Server>, Error> {
    let deadline = Instant::now() + START_TIMEOUT;
    while let Some(found) = postmaster(&place.data) {
        match found.phase {
            Phase::Ready => {
                return Ok(Some(Server { place: place.clone(), pid: found.pid }));
            }
            Phase::Starting | Phase::Stopping if Instant::now() < deadline => thread::sleep(PAUSE),
            Phase::Starting | Phase::Stopping => return Err(start_error(place, "is neither ready nor gone")),
        }
    }
    Ok(None)
}

fn shut_down(place: &Place) -> Result<(), Error> {
    let deadline = Instant::now() + STOP_TIMEOUT;
    let mut asked = None;
    while let Some(found) = postmaster(&place.data) {
        if asked != Some(found.pid) {
            interrupt(found.pid).map_err(io_error("stop the server of", &place.data))?;
            asked = Some(found.pid);
        }
        if Instant::now() > deadline {
            return Err(Error::Stop { pid: found.pid, seconds: STOP_TIMEOUT.as_secs() });
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// Starts `postgres` on its socket only. The log of the time before is kept, once.
fn spawn(place: &Place, options: &Options, binaries: &Binaries) -> Result<Child, Error> {
    if place.log.exists() {
        let previous = place.log.with_extension("log.1");
        fs::rename(&place.log, &previous).map_err(io_error("rename", &place.log))?;
    }
    let log = File::create(&place.log).map_err(io_error("create", &place.log))?;
    let log_again = log.try_clone().map_err(io_error("open", &place.log))?;
    let program = binaries.program("postgres");
    let mut command = init::command(&program, &place.data, place.identity);
    command.arg("-D").arg(&place.data).arg("-k").arg(&place.socket).args(["-p", &PORT.to_string()]);
    for (name, value) in FIXED {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    for (name, value) in &options.settings {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    command.process_group(0).stdout(log).stderr(log_again).spawn().map_err(io_error("run", program))
}

/// No TCP, a private socket, and the log on standard error, which is our file.
const FIXED: [(&str, &str); 3] =
    [("listen_addresses", ""), ("unix_socket_permissions", "0700"), ("logging_collector", "off")];

fn wait_ready(place: &Place, mut child: Child) -> Result<Server, Error> {
    let deadline = Instant::now() + START_TIMEOUT;
    let own = i32::try_from(child.id()).ok();
    loop {
        match postmaster(&place.data) {
            Some(found) if found.phase == Phase::Ready && Some(found.pid) == own => {
                // Somebody has to collect it when it ends while we still run, or its number stays in use: PostgreSQL
                // would take the remains for a live server.
                thread::spawn(move || child.wait());
                return Ok(Server { place: place.clone(), pid: found.pid });
            }
            Some(_) | None => {}
        }
        if let Some(status) = child.try_wait().map_err(io_error("wait for the server of", &place.data))? {
            return Err(start_error(place, &format!("ended at once ({status})")));
        }
        if Instant::now() > deadline {
            // Not ready and still there: it must not linger and take the place of the next try.
            child.kill().map_err(io_error("end the server of", &place.data))?;
            child.wait().map_err(io_error("wait for the server of", &place.data))?;
            return Err(start_error(place, &format!("was not ready within {} s", START_TIMEOUT.as_secs())));
        }
        thread::sleep(PAUSE);
    }
}

/// A server that was killed takes a moment to be gone, and its sessions another to notice; until then its process number
/// and its memory are in use.
fn still_draining(tail: &str) -> bool {
    tail.contains("lock file \"postmaster.pid\" already exists") || tail.contains("pre-existing shared memory block")
}

fn start_error(place: &Place, what: &str) -> Error {
    let text = fs::read(&place.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let tail = lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join(" / ");
    Error::Start { what: what.to_owned(), log: place.log.clone(), tail }
}

/// The lock goes with the file when it is closed, also when we are killed. The server does not inherit it: files of the
/// standard library are closed in children.
fn lock(path: &Path) -> Result<File, Error> {
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(io_error("open", path))?;
    let deadline = Instant::now() + LOCK_TIMEOUT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(PAUSE * 5),
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked { lock: path.to_owned(), seconds: LOCK_TIMEOUT.as_secs() });
            }
            Err(TryLockError::Error(error)) => return Err(io_error("lock", path)(error)),
        }
    }
}

/// For a URL: everything but letters, digits and `/ - _ .` becomes `%XX`.
fn percent_encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => encoded.push(char::from(byte)),
            _ => write!(encoded, "%{byte:02X}").expect("a String takes all text"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_a_url_is_encoded() {
        let check = |text: &str, expected: &str| assert_eq!(percent_encode(text), expected);
        check("/home/ann/shop/.wmigrate/postgres", "/home/ann/shop/.wmigrate/postgres");
        check("/home/ann/my shop&co/50%/é", "/home/ann/my%20shop%26co/50%25/%C3%A9");
    }

    #[test]
    fn the_lock_keeps_others_out_until_it_is_dropped() {
        let path = std::env::temp_dir().join(format!("wmigrate-lock-{}", std::process::id()));
        let held = lock(&path).unwrap();
        let other = File::options().write(true).open(&path).unwrap();
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
        drop(held);
        assert!(other.try_lock().is_ok());
        fs::remove_file(&path).unwrap();
    }
}
