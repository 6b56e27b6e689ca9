//! Makes the data folder. It is made under another name and renamed when complete, so an interrupted `initdb` leaves
//! nothing that looks like a database; the next one removes the remains.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Output, Stdio},
};

use super::{
    Error,
    find::Binaries,
    io_error,
    place::{Identity, Place, private_folder},
    server::Options,
};

/// Major version of the data folder; `None` when there is none yet.
pub(super) fn data_major(options: &Options) -> Result<Option<u16>, Error> {
    major_of(&Place::of(&options.folder)?.data)
}

/// Makes sure that there is data and that these programs can read it. Call it with the lock held.
pub(super) fn ensure_data(place: &Place, binaries: &Binaries) -> Result<(), Error> {
    place.prepare()?;
    match major_of(&place.data)? {
        Some(data) if data == binaries.major => return Ok(()),
        Some(data) => {
            let folder = binaries.folder.clone();
            return Err(Error::VersionMismatch { data, programs: binaries.major, folder });
        }
        None => {}
    }
    sweep(place)?;
    let new = place.beside.join(format!("postgres.new-{}", std::process::id()));
    private_folder(&new, place.identity).map_err(io_error("create", &new))?;
    initdb(&new, binaries, place.identity)?;
    fs::rename(&new, &place.data).map_err(io_error("rename", &new))
}

/// Throws the data away: renamed first, so that a half-removed folder is never taken for a database.
pub(super) fn remove_data(place: &Place) -> Result<(), Error> {
    if place.data.symlink_metadata().is_ok() {
        let old = place.beside.join(format!("postgres.old-{}", std::process::id()));
        fs::rename(&place.data, &old).map_err(io_error("rename", &place.data))?;
    }
    sweep(place)
}

/// A command of PostgreSQL: as the server's user, in a folder that user can reach, and without our environment, which
/// may hold the password of another database and `PG*` variables that change what the server does.
pub(super) fn command(program: &Path, folder: &Path, identity: Option<Identity>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C").stdin(Stdio::null()).current_dir(folder);
    for name in ["PATH", "LD_LIBRARY_PATH", "TZ"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    if let Some(identity) = identity {
        // With `uid` set, the standard library drops root's other groups too.
        command.uid(identity.uid).gid(identity.gid);
    }
    command
}

fn major_of(data: &Path) -> Result<Option<u16>, Error> {
    let file = data.join("PG_VERSION");
    match fs::read_to_string(&file) {
        Ok(text) => Ok(text.trim().split('.').next().and_then(|major| major.parse().ok())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error("read", file)(error)),
    }
}

/// Removes what interrupted runs left, among it a data folder without `PG_VERSION`.
fn sweep(place: &Place) -> Result<(), Error> {
    let entries = fs::read_dir(&place.beside).map_err(io_error("list", &place.beside))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let left_over = name.to_str().is_some_and(|name| {
            name.starts_with("postgres.new-") || name.starts_with("postgres.old-") || name == "postgres"
        });
        let linked = path.symlink_metadata().is_ok_and(|found| found.is_symlink());
        match (left_over, linked) {
            (false, true | false) => {}
            (true, true) => fs::remove_file(&path).map_err(io_error("remove", &path))?,
            (true, false) => fs::remove_dir_all(&path).map_err(io_error("remove", &path))?,
        }
    }
    Ok(())
}

/// `--auth=trust` asks for no password: there is no TCP port, and the socket is in a folder that only this user (and
/// root) can enter. The locale makes the same database on every machine; where libc has no `C.UTF-8` (older macOS) plain
/// `C` is next best. No sync: until the server's first checkpoint there is nothing to lose but the second it took.
fn initdb(data: &Path, binaries: &Binaries, identity: Option<Identity>) -> Result<(), Error> {
    let run = |locale: &[&str]| -> Result<Output, Error> {
        let program = binaries.program("initdb");
        command(&program, data, identity)
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"])
            .args(locale)
            .arg("-D")
            .arg(data)
            .output()
            .map_err(io_error("run", program))
    };
    let mut output = if binaries.major >= 17 {
        run(&["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"])?
    } else {
        run(&["--locale=C.UTF-8"])?
    };
    if !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("invalid locale name") {
        output = run(&["--locale=C"])?;
    }
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(Error::Init(if said.is_empty() { output.status.to_string() } else { said }))
}
