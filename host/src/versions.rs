//! Reads the versions folders: which files are revisions, what each says of itself, and its source text with digest.
//! Nothing is compiled or run here, and what the ids mean together is `graph`'s. Metadata may come from the index, a
//! cache; text, bytes and digests always come from the files themselves.

pub mod bundle;
pub mod front_matter;
mod index;
pub mod language;
pub mod limits;
pub mod lock_file;
pub mod nearest;
pub mod section;
pub mod source;

use std::fs::{self, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::front_matter::{FrontMatter, Options, TransactionMode};
pub use self::language::Language;
pub use self::limits::Limits;
pub use self::source::{Content, Source, read_source};
use crate::graph;

/// A source is read whole, hashed and handed to a compiler: what people write is a thousand times smaller.
pub const MAX_SOURCE: u64 = 16 * 1024 * 1024;
/// A component is held in memory and compiled; the largest known engine, `CPython`, has 18 MB.
pub const MAX_COMPONENT: u64 = 64 * 1024 * 1024;
/// Entries of all versions folders together: ten times the history we measure with.
pub const MAX_FILES: usize = 100_000;
/// The folder of built components inside a versions folder; never a revision.
pub const BUILT: &str = "built";

/// The first read of a source: holds the front matter of nearly every file.
const FIRST_READ: usize = 4096;
/// From here on a second thread pays for itself.
const MANY: usize = 64;

/// All revisions of the configured folders, in load order.
#[derive(Debug, Clone)]
pub struct Versions {
    /// In load order: folders as configured, files by name.
    pub revisions: Vec<File>,
}

/// One revision's file or folder.
#[derive(Debug, Clone)]
pub struct File {
    /// What the graph needs to know.
    pub revision: Arc<graph::Revision>,
    /// The file; of a folder its main file.
    pub path: PathBuf,
    /// The folder, where the revision is one.
    pub folder: Option<PathBuf>,
    /// What it is written in.
    pub language: Language,
    /// How it is to be run.
    pub front: Options,
    /// Bytes of the (main) file.
    pub size: u64,
    /// When the (main) file was last written, in nanoseconds since 1970.
    pub mtime: i64,
    /// Its place in a bundle, if it is in one: then there is no such file.
    pub bundled: Option<bundle::Bundled>,
    /// The plugin that it belongs to.
    pub plugin: Option<Arc<str>>,
}

/// Why the folders cannot be read. The path is always part of the message; details are in `source()`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A configured folder is not there.
    #[error("versions folder `{path}` does not exist")]
    NoFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot read `{path}`")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
    /// Too many entries.
    #[error("versions folder `{path}` brings the number of files above {MAX_FILES}")]
    TooManyFiles {
        /// The folder.
        path: PathBuf,
    },
    /// A pipe, a device, a socket.
    #[error("`{path}` is not a regular file")]
    NotAFile {
        /// What is none.
        path: PathBuf,
    },
    /// A name that cannot be stored or printed.
    #[error("the name of `{path}` is not UTF-8")]
    Name {
        /// The path, as well as it can be shown.
        path: PathBuf,
    },
    /// A Rust folder without code.
    #[error("folder `{path}` has a `Cargo.toml`, but no `src/lib.rs`")]
    NoMainFile {
        /// The folder.
        path: PathBuf,
    },
    /// The front matter is wrong.
    #[error("the front matter of `{path}`{} is wrong", at(.source.line()))]
    FrontMatter {
        /// The file.
        path: PathBuf,
        /// What is wrong, and in which line.
        source: front_matter::Error,
    },
    /// The component is wrong.
    #[error("`{path}` is not a revision's component")]
    Component {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: section::Error,
    },
    /// The bundle is wrong.
    #[error("bundle `{path}` cannot be used")]
    Bundle {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: bundle::Error,
    },
    /// Too large.
    #[error("`{path}` has {size} bytes; at most {limit} are read")]
    TooLarge {
        /// The file or folder.
        path: PathBuf,
        /// Its size, or what was counted until it was too much.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// A source that is no text.
    #[error("`{path}` is not UTF-8 from byte {offset} on")]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The first byte that is wrong.
        offset: usize,
    },
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoFolder { .. } => {
                Some("`versions` in `wmigrate.toml` names the folders; `wmigrate init` makes a new project".to_owned())
            }
            Self::FrontMatter { source, .. } => source.hint(),
            Self::Component { source, .. } => source.hint().map(str::to_owned),
            Self::Bundle { source, .. } => Some(source.hint().to_owned()),
            Self::NotUtf8 { .. } => Some("save the file as UTF-8".to_owned()),
            Self::NoMainFile { .. } => Some("the front matter and the code go in `src/lib.rs`".to_owned()),
            Self::Io { .. }
            | Self::TooManyFiles { .. }
            | Self::NotAFile { .. }
            | Self::Name { .. }
            | Self::TooLarge { .. } => None,
        }
    }

    /// Whether a bundle is not what its digests say.
    pub fn is_altered(&self) -> bool {
        matches!(self, Self::Bundle { source: bundle::Error::Altered(_) | bundle::Error::Length { .. }, .. })
    }

    /// The kind for `--json`, where this is one of the graph's.
    pub fn kind(&self) -> Option<&'static str> {
        match self {
            Self::FrontMatter {
                source: front_matter::Error::NoRevisionId { .. } | front_matter::Error::NoBlock { .. },
                ..
            }
            | Self::Component { source: section::Error::NoRevisionId | section::Error::NoMetadata, .. } => {
                Some("no_revision_id")
            }
            Self::FrontMatter { .. }
            | Self::Component { .. }
            | Self::NoFolder { .. }
            | Self::Io { .. }
            | Self::TooManyFiles { .. }
            | Self::NotAFile { .. }
            | Self::Name { .. }
            | Self::NoMainFile { .. }
            | Self::Bundle { .. }
            | Self::TooLarge { .. }
            | Self::NotUtf8 { .. } => None,
        }
    }
}

impl Versions {
    /// Reads the metadata of every revision in `folders`, of which some may be bundles. With a fresh `index_file` this is one stat a file; the index
    /// is renewed where it is stale, and a folder that cannot be written to is no reason to fail.
    pub fn load(folders: &[PathBuf], index_file: Option<&Path>) -> Result<Self, Error> {
        // The two halves of the work at head: waiting for the system here, decoding there.
        let (found, bundles, mut index) = std::thread::scope(|scope| {
            let index = scope.spawn(|| index_file.map(index::Index::read).unwrap_or_default());
            let mut found = Vec::new();
            let mut bundles = Vec::new();
            let listed = folders.iter().try_for_each(|folder| {
                if !bundle::is_bundle(folder) {
                    return list(folder, &mut found);
                }
                let read = bundle::Bundle::open(folder).and_then(|bundle| Arc::new(bundle).files(folder));
                // Load order: behind what was found so far.
                bundles.push((found.len(), read.map_err(|source| Error::Bundle { path: folder.clone(), source })?));
                Ok(())
            });
            let index = index.join().expect("decoding returns whatever the bytes are");
            listed.map(|()| (found, bundles, index))
        })?;
        let known: Vec<Option<FrontMatter>> =
            found.iter().map(|found| index.take(&found.key, found.size, found.mtime)).collect();
        let stale = !index.is_empty() || known.iter().any(Option::is_none);
        let read = read_missing(&found, known)?;
        if let Some(file) = index_file.filter(|_| stale) {
            let entries = found.iter().zip(&read);
            index::write(file, entries.map(|(found, front)| (found.key.as_str(), found.size, found.mtime, front)));
        }
        let mut revisions: Vec<File> =
            found.into_iter().zip(read).map(|(found, front)| found.into_file(front)).collect();
        for (place, files) in bundles.into_iter().rev() {
            revisions.splice(place..place, files);
        }
        Ok(Self { revisions })
    }

    /// What [`graph::Map::new`] takes.
    pub fn graph_revisions(&self) -> Vec<Arc<graph::Revision>> {
        self.revisions.iter().map(|file| Arc::clone(&file.revision)).collect()
    }

    /// The revision with exactly this id.
    pub fn find(&self, id: &str) -> Option<&File> {
        self.revisions.iter().find(|file| file.revision.id == id)
    }
}

/// A revision's place, before its metadata is known.
struct Found {
    path: PathBuf,
    folder: Option<PathBuf>,
    language: Language,
    /// The path as text.
    key: String,
    size: u64,
    mtime: i64,
}

impl Found {
    fn into_file(self, front: FrontMatter) -> File {
        File {
            revision: Arc::new(graph::Revision {
                id: front.revision,
                down_revision: front.down_revision,
                depends_on: front.depends_on,
                branch_labels: front.branch_labels,
                message: front.message,
                created: front.created,
                path: self.key,
                irreversible: front.options.irreversible,
                of_plugin: false,
            }),
            path: self.path,
            folder: self.folder,
            language: self.language,
            front: front.options,
            size: self.size,
            mtime: self.mtime,
            bundled: None,
            plugin: None,
        }
    }
}

/// Adds the revisions of one folder, sorted by name as Alembic sorts: by the bytes of the whole name.
fn list(folder: &Path, found: &mut Vec<Found>) -> Result<(), Error> {
    let entries = fs::read_dir(folder).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::NoFolder { path: folder.to_owned() },
        _ => Error::Io { path: folder.to_owned(), source },
    })?;
    let mut named = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| Error::Io { path: folder.to_owned(), source })?;
        // Counted before anything is skipped: the listing itself is what must end.
        if named.len() + found.len() >= MAX_FILES {
            return Err(Error::TooManyFiles { path: folder.to_owned() });
        }
        named.push((entry.file_name(), entry));
    }
    named.sort_unstable_by(|a, b| a.0.as_encoded_bytes().cmp(b.0.as_encoded_bytes()));
    for (name, entry) in named {
        // A name that is not UTF-8 is compared as it would be shown; `place` refuses it where it is a revision's.
        if let Some(place) = place(&name.to_string_lossy(), &entry)? {
            found.push(place);
        }
    }
    Ok(())
}

fn place(name: &str, entry: &fs::DirEntry) -> Result<Option<Found>, Error> {
    if is_ignored(name) {
        return Ok(None);
    }
    let path = entry.path();
    let io = |source| Error::Io { path: entry.path(), source };
    // A symbolic link counts as what it points at.
    let linked = || fs::metadata(entry.path());
    if let Some(language) = Language::of_file(name) {
        let stat = entry.metadata().and_then(|stat| if stat.is_symlink() { linked() } else { Ok(stat) }).map_err(io)?;
        if !stat.is_dir() {
            return found(path, None, language, &stat).map(Some);
        }
    }
    let kind = entry.file_type().map_err(io)?;
    let is_folder = kind.is_dir() || (kind.is_symlink() && linked().is_ok_and(|stat| stat.is_dir()));
    if is_folder && name.contains('_') { main_file(path) } else { Ok(None) }
}

/// A revision's folder is one that holds the main file of a language; any other is somebody else's.
fn main_file(folder: PathBuf) -> Result<Option<Found>, Error> {
    for language in Language::ALL {
        let Some(main) = language.main_file().map(|main| folder.join(main)) else {
            continue;
        };
        match fs::metadata(&main) {
            Ok(stat) => return found(main, Some(folder), language, &stat).map(Some),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {}
            Err(source) => return Err(Error::Io { path: main, source }),
        }
    }
    if folder.join("Cargo.toml").exists() {
        return Err(Error::NoMainFile { path: folder });
    }
    Ok(None)
}

fn found(path: PathBuf, folder: Option<PathBuf>, language: Language, stat: &Metadata) -> Result<Found, Error> {
    if !stat.is_file() {
        return Err(Error::NotAFile { path });
    }
    let limit = if language == Language::Wasm { MAX_COMPONENT } else { MAX_SOURCE };
    if stat.len() > limit {
        return Err(Error::TooLarge { path, size: stat.len(), limit });
    }
    let Some(key) = path.to_str().map(str::to_owned) else {
        return Err(Error::Name { path });
    };
    Ok(Found { path, folder, language, key, size: stat.len(), mtime: mtime(stat) })
}

/// Hidden files, editors' backups and what a versions folder holds for people.
fn is_ignored(name: &str) -> bool {
    name.starts_with('.')
        || name.starts_with("__init__")
        || name.starts_with("README")
        || Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("md"))
        || name.ends_with('~')
        || name == BUILT
}

/// Zero where the file system has none, or one beyond our numbers: never found in the index then.
fn mtime(stat: &Metadata) -> i64 {
    let since = stat.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}

/// Reads what the index did not know. Opening ten thousand files is waiting for the system, so two threads share it.
fn read_missing(found: &[Found], mut known: Vec<Option<FrontMatter>>) -> Result<Vec<FrontMatter>, Error> {
    let missing = known.iter().filter(|front| front.is_none()).count();
    let middle = if missing < MANY { found.len() } else { found.len() / 2 };
    let (first, second) = known.split_at_mut(middle);
    let fill = |found: &[Found], known: &mut [Option<FrontMatter>]| -> Result<(), Error> {
        for (found, front) in found.iter().zip(known).filter(|(_, front)| front.is_none()) {
            *front = Some(read_front(found)?);
        }
        Ok(())
    };
    if second.is_empty() {
        fill(found, first)?;
    } else {
        let (one, two) = std::thread::scope(|scope| {
            let other = scope.spawn(|| fill(&found[middle..], second));
            let one = fill(&found[..middle], first);
            (one, other.join().expect("reading files does not panic"))
        });
        // The first wrong file in load order is the one to tell of.
        one?;
        two?;
    }
    Ok(known.into_iter().map(|front| front.expect("every missing one was read above")).collect())
}

fn read_front(found: &Found) -> Result<FrontMatter, Error> {
    let path = &found.path;
    let io = |source| Error::Io { path: path.clone(), source };
    let mut file = fs::File::open(path).map_err(io)?;
    if found.language == Language::Wasm {
        let metadata = section::read_metadata(&mut file).and_then(section::Metadata::into_front_matter);
        return metadata.map_err(|source| Error::Component { path: path.clone(), source });
    }
    let mut head = Vec::with_capacity(FIRST_READ);
    (&mut file).take(FIRST_READ as u64).read_to_end(&mut head).map_err(io)?;
    let mut whole = head.len() < FIRST_READ;
    let mut front = front_matter::parse(whole_lines(&head, whole), found.language);
    if front.is_err() && !whole {
        let rest = front_matter::MAX_FRONT_MATTER - FIRST_READ + 1;
        whole = (&mut file).take(rest as u64).read_to_end(&mut head).map_err(io)? < rest;
        front = match front_matter::parse(whole_lines(&head, whole), found.language) {
            Err(front_matter::Error::NotClosed { .. }) if !whole => Err(front_matter::Error::TooBig),
            other => other,
        };
    }
    front.map_err(|source| Error::FrontMatter { path: path.clone(), source })
}

/// A part of a file ends in the middle of a line, perhaps of a letter: that line is left out.
fn whole_lines(head: &[u8], whole: bool) -> &[u8] {
    if whole {
        return head;
    }
    head.iter().rposition(|byte| *byte == b'\n').map_or(&[], |end| &head[..=end])
}

fn at(line: Option<usize>) -> String {
    line.map(|line| format!(", line {line},")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    pub(super) struct Folder(pub(super) PathBuf);

    impl Folder {
        pub(super) fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("wmigrate-versions-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
            let path = self.0.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            path
        }

        fn load(&self) -> Result<Versions, Error> {
            Versions::load(std::slice::from_ref(&self.0), None)
        }

        /// `message / cause` of the failure, without the folder's name.
        fn fails(&self) -> String {
            let error = self.load().unwrap_err();
            let cause = error.source().map(|cause| format!(" / {cause}")).unwrap_or_default();
            format!("{error}{cause}").replace(self.0.to_str().unwrap(), "V")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    pub(super) fn source(comment: &str, id: &str) -> String {
        format!("{comment} /// wmigrate\n{comment} revision = \"{id}\"\n{comment} ///\n")
    }

    #[test]
    fn load_order_and_what_is_no_revision() {
        let one = Folder::new("order-one");
        let two = Folder::new("order-two");
        one.write("b_x.sql", source("--", "b"));
        one.write("B_x.js", source("//", "B"));
        one.write("a_x/src/lib.rs", source("//", "a"));
        one.write("a_x/Cargo.toml", "");
        one.write("c_x/index.js", source("//", "c"));
        let front = FrontMatter { revision: "w".into(), ..FrontMatter::default() };
        let wasm = section::stamp(b"\0asm\x0d\0\x01\0", &section::Metadata::new(&front), None).unwrap();
        one.write("d_x.wasm", wasm);
        for ignored in [
            ".b.sql",
            ".#b_x.sql",
            "__init__.py",
            "README.sql",
            "notes.md",
            "b_x.sql~",
            "built/b_x.wasm",
            "lib_x/a.txt",
            "b.orig",
            "w.d.ts",
        ] {
            one.write(ignored, "no front matter");
        }
        two.write("a_x.sql", source("--", "z"));
        let loaded = Versions::load(&[one.0.clone(), two.0.clone()], None).unwrap();
        let ids: Vec<_> = loaded.revisions.iter().map(|file| (file.revision.id.as_str(), file.language)).collect();
        let want = [
            ("B", Language::Js),
            ("a", Language::Rust),
            ("b", Language::Sql),
            ("c", Language::Js),
            ("w", Language::Wasm),
            ("z", Language::Sql),
        ];
        assert_eq!(ids, want);
        assert_eq!(loaded.find("a").unwrap().folder, Some(one.0.join("a_x")));
        assert_eq!(loaded.find("a").unwrap().path, one.0.join("a_x/src/lib.rs"));
        assert!(loaded.find("B").unwrap().folder.is_none());
    }

    #[test]
    fn bad_files_are_named() {
        let check = |name: &str, content: &[u8], want: &str| {
            let folder = Folder::new("bad");
            folder.write(name, content);
            assert_eq!(folder.fails(), want);
        };
        check(
            "a.sql",
            b"SELECT 1",
            "the front matter of `V/a.sql` is wrong / there is no `-- /// wmigrate` block at the top",
        );
        check(
            "a.sql",
            b"-- /// wmigrate\n-- revision = x\n-- ///\n",
            "the front matter of `V/a.sql`, line 2, is wrong / the block is not TOML: string values must be quoted, expected literal string",
        );
        check(
            "a.js",
            b"// /// wmigrate\n// message = \"x\"\n// ///\n",
            "the front matter of `V/a.js`, line 1, is wrong / the block has no `revision`, the id",
        );
        check(
            "a.wasm",
            b"\0asm\x01\0\0\0",
            "`V/a.wasm` is not a revision's component / this is a core module, not a component",
        );
        check("a.wasm", b"", "`V/a.wasm` is not a revision's component / the file is empty");
        check("a_b/Cargo.toml", b"", "folder `V/a_b` has a `Cargo.toml`, but no `src/lib.rs`");
        let long = format!("-- /// wmigrate\n-- revision = \"a\"\n{}-- ///\n", "-- # filling\n".repeat(6000));
        check(
            "a.sql",
            long.as_bytes(),
            "the front matter of `V/a.sql` is wrong / the `/// wmigrate` block does not end within the first 64 KiB of the file",
        );
    }

    #[test]
    fn a_missing_folder_and_a_pipe() {
        let missing = std::env::temp_dir().join("wmigrate-versions-none");
        let error = Versions::load(std::slice::from_ref(&missing), None).unwrap_err();
        assert_eq!(error.to_string(), format!("versions folder `{}` does not exist", missing.display()));
        let folder = Folder::new("pipe");
        std::os::unix::net::UnixListener::bind(folder.0.join("a.sql")).unwrap();
        assert_eq!(folder.fails(), "`V/a.sql` is not a regular file");
        let folder = Folder::new("broken");
        std::os::unix::fs::symlink("nowhere", folder.0.join("a.sql")).unwrap();
        assert!(folder.fails().starts_with("cannot read `V/a.sql` / "));
    }

    #[test]
    fn a_source_too_large_is_not_opened() {
        let folder = Folder::new("large");
        fs::File::create(folder.0.join("a.sql")).unwrap().set_len(MAX_SOURCE + 1).unwrap();
        assert_eq!(folder.fails(), "`V/a.sql` has 16777217 bytes; at most 16777216 are read");
    }

    #[test]
    fn a_long_head_before_the_block_is_read() {
        let folder = Folder::new("head");
        folder.write("a.sql", format!("{}{}", "-- licence é\n".repeat(1000), source("--", "a")));
        assert_eq!(folder.load().unwrap().revisions[0].revision.id, "a");
    }

    #[test]
    fn the_index_answers_until_a_file_changes() {
        let folder = Folder::new("index");
        let index = folder.0.join(".index");
        let load = || Versions::load(std::slice::from_ref(&folder.0), Some(&index)).unwrap().revisions;
        let touch = |path: &Path, seconds: u64| {
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        };
        let path = folder.write("a_x.sql", source("--", "a"));
        touch(&path, 1000);
        assert_eq!(load()[0].revision.id, "a");
        // The same size and time: only the index can still say `a`.
        fs::write(&path, source("--", "b")).unwrap();
        touch(&path, 1000);
        assert_eq!(load()[0].revision.id, "a");
        touch(&path, 1001);
        assert_eq!(load()[0].revision.id, "b");
        // A damaged index is as good as none.
        let mut bytes = fs::read(&index).unwrap();
        let end = bytes.len() - 1;
        bytes[end] ^= 1;
        fs::write(&index, bytes).unwrap();
        fs::write(&path, source("--", "c")).unwrap();
        touch(&path, 1001);
        assert_eq!(load()[0].revision.id, "c");
        // A file written just now may be written again within the clock's tick.
        fs::write(&path, source("--", "d")).unwrap();
        load();
        let just_now = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, source("--", "e")).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(just_now).unwrap();
        assert_eq!(load()[0].revision.id, "e");
    }

    #[test]
    fn an_index_that_cannot_be_written_is_no_failure() {
        let folder = Folder::new("read-only");
        folder.write("a_x.sql", source("--", "a"));
        let index = folder.0.join("a_x.sql/index");
        assert_eq!(Versions::load(std::slice::from_ref(&folder.0), Some(&index)).unwrap().revisions.len(), 1);
    }
}
