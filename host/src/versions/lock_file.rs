//! `wmigrate.lock`: what each revision was built from and into, committed beside the sources so that every machine can
//! tell whether it has the same. Reads, writes and updates the file; comparing digests with files is the caller's.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::front_matter::quoted;

/// Name of the file, beside `wmigrate.toml`.
pub const FILE_NAME: &str = "wmigrate.lock";

/// 300 bytes for each of `MAX_FILES` revisions, and room.
const MAX_LOCK_FILE: u64 = 64 * 1024 * 1024;
const VERSION: u32 = 1;
const HEADER: &str = "# What each revision was built from and into. Written by `wmigrate build`; commit it.\n\
                      # After a merge conflict keep both sides and run `wmigrate build`.\n";

/// The lock file's content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockFile {
    /// By revision id, which is also the order in the file: two branches that each add one seldom touch the same lines.
    pub revisions: BTreeMap<String, Entry>,
    /// By plugin.
    pub plugins: BTreeMap<String, Plugin>,
}

/// What was added as a plugin: nothing else runs under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugin {
    /// Its version.
    pub version: String,
    /// Who publishes it.
    pub publisher: String,
    /// blake3 of its package's index, in hex.
    pub index: String,
    /// The name of the key that signed it.
    pub key: Option<String>,
}

/// One revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The file or folder, as seen from the lock file's folder.
    pub file: String,
    /// blake3 of the source, in hex.
    pub source: String,
    /// blake3 of the component, in hex.
    pub component: String,
    /// What built it: `sql engine 0123456789ab`, `rustc 1.95.0`.
    pub built_with: String,
}

/// Why the lock file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} `{path}`")]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// Beyond all measure.
    #[error("`{path}` is larger than any lock file")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A merge was left half-way.
    #[error("`{path}`, line {line}, holds a merge conflict")]
    Conflict {
        /// The file.
        path: PathBuf,
        /// Where.
        line: usize,
    },
    /// Not a lock file.
    #[error("`{path}`{} is not a lock file: {message}", .line.map(|line| format!(", line {line},")).unwrap_or_default())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where.
        line: Option<usize>,
        /// The parser's words.
        message: String,
    },
    /// Written by a later tool.
    #[error("`{path}` is of version {version}; this wmigrate knows version 1")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// One revision or plugin twice.
    #[error("`{path}` has `{id}` twice")]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// The revision or plugin.
        id: String,
    },
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Conflict { .. } => {
                Some("keep the entries of both sides, remove the marker lines, then run `wmigrate build`")
            }
            Self::Duplicate { .. } => Some("remove both entries, then run `wmigrate build`"),
            Self::Version { .. } => Some("use a newer wmigrate"),
            Self::Syntax { .. } | Self::TooLarge { .. } => {
                Some("restore it from version control, or delete it and run `wmigrate build`")
            }
            Self::Io { .. } => None,
        }
    }
}

impl LockFile {
    /// Reads the file; one that does not exist is empty.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Io { action: "read", path: path.to_owned(), source };
        let file = match fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(failed(source)),
        };
        let mut text = String::new();
        file.take(MAX_LOCK_FILE + 1).read_to_string(&mut text).map_err(failed)?;
        if text.len() as u64 > MAX_LOCK_FILE {
            return Err(Error::TooLarge { path: path.to_owned() });
        }
        Self::parse(&text, path)
    }

    /// Understands the text; `path` is for messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let marker = |line: &str| ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|marker| line.starts_with(marker));
        if let Some(line) = text.lines().position(marker) {
            return Err(Error::Conflict { path: path.to_owned(), line: line + 1 });
        }
        let raw: RawFile = toml::from_str(text).map_err(|bad| Error::Syntax {
            path: path.to_owned(),
            line: bad.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count()),
            message: bad.message().to_owned(),
        })?;
        if raw.version != VERSION {
            return Err(Error::Version { path: path.to_owned(), version: raw.version });
        }
        let mut revisions = BTreeMap::new();
        for RawEntry { id, file, source, component, built_with } in raw.revision {
            let entry = Entry { file, source, component, built_with };
            if revisions.insert(id.clone(), entry).is_some() {
                return Err(Error::Duplicate { path: path.to_owned(), id });
            }
        }
        let mut plugins = BTreeMap::new();
        for RawPlugin { name, version, publisher, index, key } in raw.plugin {
            let plugin = Plugin { version, publisher, index, key };
            if plugins.insert(name.clone(), plugin).is_some() {
                return Err(Error::Duplicate { path: path.to_owned(), id: name });
            }
        }
        Ok(Self { revisions, plugins })
    }

    /// Sets one revision's entry and says whether that changed anything.
    pub fn update(&mut self, id: &str, entry: Entry) -> bool {
        let changed = self.revisions.get(id) != Some(&entry);
        if changed {
            self.revisions.insert(id.to_owned(), entry);
        }
        changed
    }

    /// Forgets the revisions that are not among `ids` and says whether there were any.
    pub fn retain(&mut self, ids: &[&str]) -> bool {
        let before = self.revisions.len();
        let ids: std::collections::HashSet<&str> = ids.iter().copied().collect();
        self.revisions.retain(|id, _| ids.contains(id.as_str()));
        self.revisions.len() != before
    }

    /// The file's text.
    pub fn render(&self) -> String {
        let entries = self.revisions.iter().map(|(id, entry)| {
            format!(
                "\n[[revision]]\nid = {}\nfile = {}\nsource = {}\ncomponent = {}\nbuilt_with = {}\n",
                quoted(id),
                quoted(&entry.file),
                quoted(&entry.source),
                quoted(&entry.component),
                quoted(&entry.built_with)
            )
        });
        let plugins = self.plugins.iter().map(|(name, plugin)| {
            let key = plugin.key.as_ref().map(|key| format!("key = {}\n", quoted(key))).unwrap_or_default();
            format!(
                "\n[[plugin]]\nname = {}\nversion = {}\npublisher = {}\nindex = {}\n{key}",
                quoted(name),
                quoted(&plugin.version),
                quoted(&plugin.publisher),
                quoted(&plugin.index),
            )
        });
        format!("{HEADER}version = {VERSION}\n{}", entries.chain(plugins).collect::<String>())
    }

    /// Replaces the file as one step, after its content is on the disk: a crash leaves the old or the new one.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let failed = |source| Error::Io { action: "write", path: path.to_owned(), source };
        let temporary = path.with_extension(format!("lock.{}", std::process::id()));
        let written = fs::File::create(&temporary).and_then(|mut out| {
            out.write_all(self.render().as_bytes())?;
            out.sync_all()
        });
        written.and_then(|()| fs::rename(&temporary, path)).map_err(|source| {
            // The first failure is the one to tell of.
            drop(fs::remove_file(&temporary));
            failed(source)
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    version: u32,
    #[serde(default)]
    revision: Vec<RawEntry>,
    #[serde(default)]
    plugin: Vec<RawPlugin>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlugin {
    name: String,
    version: String,
    publisher: String,
    index: String,
    key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    id: String,
    file: String,
    source: String,
    component: String,
    built_with: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(file: &str) -> Entry {
        Entry { file: file.into(), source: "aa".into(), component: "bb".into(), built_with: "rustc 1.95.0".into() }
    }

    #[test]
    fn written_sorted_and_read_back() {
        let mut lock = LockFile::default();
        assert!(lock.update("b", entry("versions/b_y.rs")));
        assert!(lock.update("a", entry("versions/a_x.sql")));
        assert!(!lock.update("a", entry("versions/a_x.sql")));
        let want = "# What each revision was built from and into. Written by `wmigrate build`; commit it.
# After a merge conflict keep both sides and run `wmigrate build`.
version = 1

[[revision]]
id = \"a\"
file = \"versions/a_x.sql\"
source = \"aa\"
component = \"bb\"
built_with = \"rustc 1.95.0\"

[[revision]]
id = \"b\"
file = \"versions/b_y.rs\"
source = \"aa\"
component = \"bb\"
built_with = \"rustc 1.95.0\"
";
        assert_eq!(lock.render(), want);
        let path = std::env::temp_dir().join(format!("wmigrate-lock-{}", std::process::id()));
        lock.write(&path).unwrap();
        assert_eq!(LockFile::read(&path).unwrap(), lock);
        fs::remove_file(&path).unwrap();
        assert_eq!(LockFile::read(&path).unwrap(), LockFile::default());
        let plugin =
            Plugin { version: "1.2".into(), publisher: "Acme".into(), index: "cc".into(), key: Some("acme".into()) };
        lock.plugins.insert("notes".to_owned(), plugin);
        assert_eq!(LockFile::parse(&lock.render(), Path::new("L")).unwrap(), lock);
        assert!(lock.retain(&["b"]));
        assert!(!lock.retain(&["b"]));
        assert_eq!(lock.revisions.len(), 1);
    }

    #[test]
    fn bad_files() {
        let check = |text: &str, want: &str| {
            assert_eq!(LockFile::parse(text, Path::new("L")).unwrap_err().to_string(), want);
        };
        check("version = 1\n<<<<<<< HEAD\n", "`L`, line 2, holds a merge conflict");
        check("version = 2\n", "`L` is of version 2; this wmigrate knows version 1");
        check("\n[[revision]]\n", "`L`, line 2, is not a lock file: missing field `id`");
        check(
            "x = 1",
            "`L`, line 1, is not a lock file: unknown field `x`, expected one of `version`, `revision`, `plugin`",
        );
        let one = "[[revision]]\nid='a'\nfile=''\nsource=''\ncomponent=''\nbuilt_with=''\n";
        check(&format!("version = 1\n{one}{one}"), "`L` has `a` twice");
        let one = "[[plugin]]\nname='a'\nversion=''\npublisher=''\nindex=''\n";
        check(&format!("version = 1\n{one}{one}"), "`L` has `a` twice");
    }
}
