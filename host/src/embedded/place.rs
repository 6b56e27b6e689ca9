//! Where the embedded server lives and as whom it runs: data folder, socket folder, lock, log. Decides names and
//! checks who can reach them; starting and stopping is `server`'s business.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt, chown},
    },
    path::{Path, PathBuf},
};

use super::{Error, io_error};

/// Port in the socket's file name; no TCP port is ever opened.
pub(super) const PORT: u16 = 5432;

/// Longest folder for a socket: `sun_path` holds 103 bytes and a zero on macOS (107 on Linux), of which
/// `/.s.PGSQL.5432` takes 14.
const MAX_SOCKET_FOLDER: usize = 103 - 14;

/// Where data goes that the server's user could not reach inside the project; only root can write to the first.
const SYSTEM_FOLDERS: [&str; 2] = ["/var/lib/wmigrate", "/var/tmp/wmigrate"];

/// The unprivileged user the server runs as when we are root. `None` everywhere means: as ourselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Identity {
    /// Whom the server must run as: `postgres`, else `nobody`, when we are root.
    pub(super) fn of_server() -> Result<Option<Self>, Error> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").map_err(io_error("read", "/etc/passwd"))?;
        let user = user_in(&users, "postgres").or_else(|| user_in(&users, "nobody"));
        user.map(Some).ok_or(Error::NoUser)
    }
}

/// All names of one project's server.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The data folder (`PGDATA`).
    pub(super) data: PathBuf,
    /// Beside it, new data is made and old data is thrown away: same file system, so that a rename is enough.
    pub(super) beside: PathBuf,
    /// Where `.s.PGSQL.5432` is.
    pub(super) socket: PathBuf,
    /// What the server writes.
    pub(super) log: PathBuf,
    /// Held while the server is made, started or stopped.
    pub(super) lock: PathBuf,
    /// For people: where the data is, when it is not in the project. Never read by us, as a repository could bring it.
    pub(super) note: PathBuf,
    /// Whom the server runs as.
    pub(super) identity: Option<Identity>,
}

impl Place {
    /// Decides the names for the project whose `.wmigrate` folder this is, and creates that folder.
    pub(super) fn of(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(io_error("create", folder))?;
        let folder = folder.canonicalize().map_err(io_error("find", folder))?;
        let identity = Identity::of_server()?;
        let name = blake3::hash(folder.as_os_str().as_bytes()).to_hex()[..16].to_owned();
        let beside = match identity {
            Some(identity) => root_for(&folder, &name, identity),
            None => folder.clone(),
        };
        let data = beside.join("postgres");
        Ok(Self {
            socket: socket_folder(&data, &name, &std::env::temp_dir()),
            data,
            beside,
            log: folder.join("postgres.log"),
            lock: folder.join("postgres.lock"),
            note: folder.join("postgres.location"),
            identity,
        })
    }

    /// Makes the folder that data goes to and, where it is outside the project, the note that says so.
    pub(super) fn prepare(&self) -> Result<(), Error> {
        fs::create_dir_all(&self.beside).map_err(io_error("create", &self.beside))?;
        if Some(self.beside.as_path()) != self.note.parent() {
            self.write_note().map_err(io_error("write", &self.note))?;
        }
        self.prepare_socket()
    }

    /// Removed and made anew, so that root never writes through a link that came with the project.
    fn write_note(&self) -> io::Result<()> {
        match fs::remove_file(&self.note) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = fs::File::create_new(&self.note)?;
        writeln!(file, "{}", self.data.display())
    }

    /// The socket folder in the temporary folder: made private, or checked to be so, since others can write there.
    fn prepare_socket(&self) -> Result<(), Error> {
        if self.socket == self.data {
            return Ok(());
        }
        let owner = self.identity.map_or_else(|| rustix::process::geteuid().as_raw(), |identity| identity.uid);
        match private_folder(&self.socket, self.identity) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io_error("create", &self.socket)(error)),
        }
        let found = fs::symlink_metadata(&self.socket).map_err(io_error("look at", &self.socket))?;
        if found.is_dir() && found.uid() == owner && !allows(&found, 0o077) {
            return Ok(());
        }
        Err(Error::SocketFolder(self.socket.clone()))
    }
}

/// Creates a 0700 folder that belongs to the server's user. Fails when the name is taken.
pub(super) fn private_folder(path: &Path, identity: Option<Identity>) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path)?;
    match identity {
        Some(identity) => chown(path, Some(identity.uid), Some(identity.gid)),
        None => Ok(()),
    }
}

/// Can this user get to `path` and into it, by the mode bits of every folder on the way?
pub(super) fn reachable(path: &Path, identity: Identity) -> bool {
    path.canonicalize().is_ok_and(|path| {
        path.ancestors().all(|folder| {
            fs::metadata(folder).is_ok_and(|found| {
                let bit = match () {
                    () if found.uid() == identity.uid => 0o100,
                    () if found.gid() == identity.gid => 0o010,
                    () => 0o001,
                };
                allows(&found, bit)
            })
        })
    })
}

/// Is one of these permission bits set?
fn allows(found: &fs::Metadata, bits: u32) -> bool {
    found.mode() & bits != 0
}

/// Root only: inside the project when the server's user gets there, else a system folder. Data that already went to
/// a system folder stays there, even when the project has become reachable since.
fn root_for(folder: &Path, name: &str, identity: Identity) -> PathBuf {
    let elsewhere = SYSTEM_FOLDERS.map(|root| Path::new(root).join(name));
    if let Some(used) = elsewhere.iter().find(|place| place.join("postgres").is_dir() && owned_by_root(place)) {
        return used.clone();
    }
    if reachable(folder, identity) {
        return folder.to_owned();
    }
    let usable = elsewhere.iter().find(|place| fs::create_dir_all(place).is_ok() && owned_by_root(place));
    usable.unwrap_or(&elsewhere[0]).clone()
}

/// `/var/tmp` is writable for all: a folder there counts only when root made it and its parent.
fn owned_by_root(place: &Path) -> bool {
    let root_only = |path: &Path| {
        fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == 0 && !allows(&found, 0o022))
    };
    root_only(place) && place.parent().is_some_and(root_only)
}

/// The data folder itself is 0700 and so the natural place of the socket. A name that is too long for a socket, or that
/// a connection URL or `unix_socket_directories` would read as a list, moves it to the temporary folder.
fn socket_folder(data: &Path, name: &str, temp: &Path) -> PathBuf {
    let usable = |path: &Path| {
        path.as_os_str().len() <= MAX_SOCKET_FOLDER
            && path.to_str().is_some_and(|text| {
                !text.contains([',', '"', '\'', '\\']) && !text.contains(char::is_control) && text.trim() == text
            })
    };
    let short = temp.join(format!("wmigrate-{name}"));
    match () {
        () if usable(data) => data.to_owned(),
        () if usable(&short) => short,
        () => Path::new("/tmp").join(format!("wmigrate-{name}")),
    }
}

/// The user of that name in the text of `/etc/passwd`.
fn user_in(passwd: &str, name: &str) -> Option<Identity> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    let identity = Identity { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? };
    (identity.uid != 0).then_some(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_in_the_data_folder_while_its_name_fits() {
        let check = |data: &str, temp: &str, expected: &str| {
            assert_eq!(socket_folder(Path::new(data), "0123456789abcdef", Path::new(temp)), Path::new(expected));
        };
        check("/home/ann/shop/.wmigrate/postgres", "/tmp", "/home/ann/shop/.wmigrate/postgres");
        check("/home/ann/my shop/.wmigrate/postgres", "/tmp", "/home/ann/my shop/.wmigrate/postgres");
        check("/home/a,b/.wmigrate/postgres", "/tmp", "/tmp/wmigrate-0123456789abcdef");
        let fits = format!("/{}", "x".repeat(88));
        check(&fits, "/tmp", &fits);
        check(&format!("/{}", "x".repeat(89)), "/tmp", "/tmp/wmigrate-0123456789abcdef");
        check(&format!("/{}", "x".repeat(89)), &format!("/{}", "y".repeat(80)), "/tmp/wmigrate-0123456789abcdef");
    }

    #[test]
    fn users_are_read_from_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\npostgresql:x:7:7::/:/x\npostgres:x:101:104:P:/var:/bin/bash\n";
        assert_eq!(user_in(passwd, "postgres"), Some(Identity { uid: 101, gid: 104 }));
        assert_eq!(user_in(passwd, "nobody"), None);
        assert_eq!(user_in(passwd, "root"), None);
        assert_eq!(user_in("nobody:*:-2:-2::/:/x", "nobody"), None);
    }

    #[test]
    fn a_private_parent_is_not_reachable_for_others() {
        let folder = std::env::temp_dir().join(format!("wmigrate-reach-{}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
        fs::create_dir(folder.join("inside")).unwrap();
        let stranger = Identity { uid: 4_000_001, gid: 4_000_001 };
        assert!(!reachable(&folder.join("inside"), stranger));
        assert!(reachable(Path::new("/tmp"), stranger));
        assert!(!reachable(&folder.join("missing"), stranger));
        fs::remove_dir_all(&folder).unwrap();
    }
}
