//! Finds the programs of a PostgreSQL server: where the user says, on PATH, where the usual installers put them, among
//! earlier downloads. Runs `postgres --version` for what it found, since a folder's name proves nothing.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Error, download, place::Identity, place::reachable};

/// Where to look, and for what.
pub struct Search<'a> {
    /// `--pg-bin` or `WMIGRATE_PG_BIN`: this folder and no other.
    pub explicit: Option<&'a Path>,
    /// The variable `PATH`.
    pub path: Option<&'a OsStr>,
    /// wmigrate's cache folder of this user; downloads go to `postgresql` in it.
    pub cache: &'a Path,
    /// The major version that existing data needs: programs of that version come first.
    pub major: Option<u16>,
    /// Download when nothing is installed?
    pub download: bool,
    /// Told what is being downloaded.
    pub say: &'a dyn Fn(&str),
}

/// A folder with `postgres` and `initdb` that run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// The folder.
    pub folder: PathBuf,
    /// Major version of the server.
    pub major: u16,
}

impl Binaries {
    /// Looks in order: the explicit folder (then nowhere else), PATH, `pg_config --bindir`, the usual folders newest
    /// first, earlier downloads, a download.
    ///
    /// # Errors
    /// [`Error::NotBinaries`] for an explicit folder without a server, [`Error::NotFound`] with all places looked at.
    pub fn find(search: &Search<'_>) -> Result<Self, Error> {
        let identity = Identity::of_server()?;
        if let Some(folder) = search.explicit {
            return probe(folder, identity).map_err(|reason| Error::NotBinaries { folder: folder.to_owned(), reason });
        }
        let mut looked = vec!["PATH".to_owned(), "`pg_config --bindir`".to_owned()];
        looked.extend(USUAL.iter().map(|pattern| format!("`{pattern}`")));
        let downloads = download::folder(search.cache, identity);
        looked.push(format!("`{}`", downloads.display()));

        let mut other_version = None;
        for folder in candidates(search.path, &downloads) {
            match probe(&folder, identity) {
                Ok(found) if search.major.is_none_or(|major| major == found.major) => return Ok(found),
                Ok(found) => other_version = other_version.or(Some(found)),
                Err(_not_here) => {}
            }
        }
        // Programs of another version are still an answer: the server says which two versions do not fit.
        if let Some(found) = other_version {
            return Ok(found);
        }
        if !search.download {
            return Err(Error::NotFound { looked, download: "downloads are off".to_owned() });
        }
        let fetched = download::fetch(&downloads, search.path, search.say);
        fetched
            .and_then(|folder| probe(&folder, identity))
            .map_err(|reason| Error::NotFound { looked, download: format!("no download: {reason}") })
    }

    /// A program of this folder.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// `psql`, from the same places as the server; the server's own folder need not have one.
#[must_use]
pub fn find_psql(search: &Search<'_>) -> Option<PathBuf> {
    let downloads = download::folder(search.cache, None);
    let folders = search.explicit.map(Path::to_owned).into_iter().chain(candidates(search.path, &downloads));
    folders.map(|folder| folder.join("psql")).find(|program| program.is_file())
}

/// Where installers put PostgreSQL: Debian, Fedora, Homebrew on both Macs, Postgres.app. `*` is one folder's name.
const USUAL: [&str; 5] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// All folders to look into, in order; each is asked only when the ones before it had nothing.
fn candidates(path: Option<&OsStr>, downloads: &Path) -> impl Iterator<Item = PathBuf> {
    let on_path: Vec<PathBuf> = path.map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    let downloaded = format!("{}/*/bin", downloads.display());
    let usual = USUAL.into_iter().map(str::to_owned).chain([downloaded]);
    on_path
        .into_iter()
        .filter(|folder| folder.is_absolute())
        .chain(std::iter::once_with(pg_config_bindir).flatten())
        .chain(usual.flat_map(|pattern| expand(&pattern)))
}

/// The folders that match a pattern with one `*`, highest version first.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let Some((parent, prefix)) = before.rsplit_once('/') else {
        return Vec::new();
    };
    let Ok(entries) = fs::read_dir(if parent.is_empty() { "/" } else { parent }) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort_by_key(|name| std::cmp::Reverse(numbers(name)));
    names.into_iter().map(|name| PathBuf::from(format!("{parent}/{name}{after}"))).collect()
}

/// The numbers in a name, so that 9.6 comes before 15 and 15 before 17.10.
fn numbers(name: &str) -> Vec<u32> {
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

fn pg_config_bindir() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").stdin(Stdio::null()).output().ok()?;
    let folder = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim_end());
    (output.status.success() && folder.is_absolute()).then_some(folder)
}

/// Does this folder hold a server that runs here, and that the server's user can run too?
fn probe(folder: &Path, identity: Option<Identity>) -> Result<Binaries, String> {
    for program in ["postgres", "initdb"] {
        if !folder.join(program).is_file() {
            return Err(format!("there is no `{program}` in it"));
        }
    }
    let postgres = folder.join("postgres").canonicalize().map_err(|error| error.to_string())?;
    if identity.is_some_and(|identity| !postgres.parent().is_some_and(|parent| reachable(parent, identity))) {
        return Err("as root we run it as another user, who cannot reach that folder".to_owned());
    }
    let output = Command::new(&postgres)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("`postgres` does not run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let major = major_in(&text).ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("`postgres --version` said `{}`", said.lines().chain(text.lines()).next().unwrap_or_default())
    })?;
    Ok(Binaries { folder: folder.to_owned(), major })
}

/// `postgres (PostgreSQL) 15.12 (Debian …)` → 15.
fn major_in(version: &str) -> Option<u16> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_postgres_says() {
        let check = |text: &str, expected: Option<u16>| assert_eq!(major_in(text), expected);
        check("postgres (PostgreSQL) 15.12 (Debian 15.12-0+deb12u2)\n", Some(15));
        check("postgres (PostgreSQL) 18beta1\n", Some(18));
        check("postgres (EnterpriseDB) 15\n", None);
        check("", None);
    }

    #[test]
    fn folders_come_newest_first() {
        let root = std::env::temp_dir().join(format!("wmigrate-find-{}", std::process::id()));
        for version in ["9.6", "17", "15", "other"] {
            fs::create_dir_all(root.join(format!("postgresql@{version}"))).unwrap();
        }
        fs::create_dir_all(root.join("mysql@99")).unwrap();
        let found = expand(&format!("{}/postgresql@*/bin", root.display()));
        let names: Vec<_> = found.iter().map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["postgresql@17/bin", "postgresql@15/bin", "postgresql@9.6/bin", "postgresql@other/bin"]);
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn an_explicit_folder_is_the_only_place() {
        let path = std::env::var_os("PATH");
        let search = Search {
            explicit: Some(Path::new("/nonexistent/bin")),
            path: path.as_deref(),
            cache: Path::new("/nonexistent/cache"),
            major: None,
            download: false,
            say: &|_| {},
        };
        let error = Binaries::find(&search).unwrap_err().to_string();
        assert_eq!(error, "`/nonexistent/bin` holds no PostgreSQL server: there is no `postgres` in it");
    }
}
