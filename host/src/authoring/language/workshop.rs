//! What builds of all languages have in common: a folder that one build at a time may use, a bounded copy of the source in
//! it, a compiler that sees nothing of the project's secrets and whose messages name the author's files.

use super::Error;
use include_dir::Dir;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// An ordinary revision has 40 kB. What is larger than this no runtime of ours will load.
const MODULE_BYTES: u64 = 64 << 20;
/// Compilers repeat themselves; the first errors are the ones to read.
const MESSAGE_BYTES: usize = 64 << 10;
/// A revision is some source text. More means that something else lies in its folder.
const SOURCE_BYTES: u64 = 64 << 20;
const SOURCE_FILES: usize = 10_000;
/// Where the SDK for Rust lies inside of a package, hidden so that no source folder is likely to have one.
pub(super) const RUST_SDK: &str = ".wmigrate-guest";
/// What build tools and git put into a source folder, and the place of ours.
const NOT_SOURCE: &[&str] = &["target", ".git", RUST_SDK];

/// The folder of a language's builds, ours until this is dropped.
pub(super) struct Workshop {
    /// Without links in it: compilers name it so.
    pub(super) folder: PathBuf,
    _turn: File,
}

impl Workshop {
    /// Waits for the builds of other processes.
    pub(super) fn enter(folder: &Path) -> Result<Self, Error> {
        let unwritable = |source| Error::Write { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(unwritable)?;
        let folder = folder.canonicalize().map_err(unwritable)?;
        let turn = File::create(folder.join("lock")).map_err(unwritable)?;
        turn.lock().map_err(unwritable)?;
        Ok(Self { folder, _turn: turn })
    }
}

/// What was copied of a source, and what may still be.
struct Copying {
    bytes_left: u64,
    copied: Vec<PathBuf>,
}

/// Copies a revision's file or folder into `to`, and says what lies there now, as seen from `to`.
pub(super) fn copy_source(source: &Path, to: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut copying = Copying { bytes_left: SOURCE_BYTES, copied: Vec::new() };
    if source.is_dir() {
        copy_folder(source, to, &mut copying)?;
    } else {
        copy_file(source, &to.join(file_name(source)?), &mut copying)?;
    }
    Ok(copying.copied.iter().filter_map(|path| path.strip_prefix(to).ok()).map(Path::to_owned).collect())
}

/// Copies what is source. Links are refused: what they point at is no part of the revision and of its digest.
fn copy_folder(from: &Path, to: &Path, copying: &mut Copying) -> Result<(), Error> {
    let unreadable = |source| Error::Read { path: from.to_owned(), source };
    fs::create_dir_all(to).map_err(|source| Error::Write { path: to.to_owned(), source })?;
    for entry in fs::read_dir(from).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        if NOT_SOURCE.iter().any(|other| name == *other) {
            continue;
        }
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() {
            copy_folder(&entry.path(), &to.join(name), copying)?;
        } else if kind.is_file() {
            copy_file(&entry.path(), &to.join(name), copying)?;
        } else {
            return Err(Error::NotAFile { path: entry.path() });
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path, copying: &mut Copying) -> Result<(), Error> {
    let unreadable = |source| Error::Read { path: from.to_owned(), source };
    let mut text = Vec::new();
    let file = File::open(from).map_err(unreadable)?;
    file.take(copying.bytes_left + 1).read_to_end(&mut text).map_err(unreadable)?;
    let size = u64::try_from(text.len()).unwrap_or(u64::MAX);
    if size > copying.bytes_left || copying.copied.len() == SOURCE_FILES {
        return Err(Error::TooLarge { path: from.to_owned(), megabytes: SOURCE_BYTES >> 20, files: SOURCE_FILES });
    }
    copying.bytes_left -= size;
    copying.copied.push(to.to_owned());
    write_if_changed(to, &text)
}

/// The name of a source, which a compiler must be able to spell.
pub(super) fn file_name(source: &Path) -> Result<&str, Error> {
    let name = source.file_name().and_then(|name| name.to_str());
    name.ok_or_else(|| Error::NotAFile { path: source.to_owned() })
}

/// Empties a folder but for `kept`, whose files keep their time if they stay the same.
pub(super) fn clear(folder: &Path, kept: &str) -> Result<(), Error> {
    let failed = |source| Error::Write { path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name() == kept {
            continue;
        }
        if entry.file_type().map_err(failed)?.is_dir() {
            fs::remove_dir_all(entry.path()).map_err(failed)?;
        } else {
            fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

/// Writes those files of an SDK out that are `wanted`.
pub(in crate::authoring) fn write_sdk(
    folder: &Dir<'_>,
    to: &Path,
    wanted: &impl Fn(&Path) -> bool,
) -> Result<(), Error> {
    for file in folder.files().filter(|file| wanted(file.path())) {
        write_if_changed(&to.join(file.path()), file.contents())?;
    }
    folder.dirs().try_for_each(|inner| write_sdk(inner, to, wanted))
}

/// Writes a file and the folders above it, unless it holds these bytes already.
pub(in crate::authoring) fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let failed = |source| Error::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, bytes).map_err(failed)
}

/// Nothing from around a build may change its bytes, and no source may take a password along. `flags` are the names, or
/// beginnings of names, of what the language's own tools listen to.
pub(super) fn clean_environment(compiler: &mut Command, flags: &[&str]) {
    const SECRETS: [&str; 3] = ["DATABASE_URL", "PG", "WMIGRATE_"];
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if SECRETS.iter().chain(flags).any(|start| text.starts_with(start)) {
            compiler.env_remove(&name);
        }
    }
}

/// Runs a compiler. What it said, if it went well: warnings. `named` turns its messages into the author's.
pub(super) fn run(compiler: &mut Command, source: &Path, named: impl Fn(&str) -> String) -> Result<String, Error> {
    let program = compiler.get_program().to_string_lossy().into_owned();
    let output =
        compiler.stdin(Stdio::null()).output().map_err(|source| Error::Start { program: program.clone(), source })?;
    let said = [&output.stderr[..], &output.stdout[..]].map(String::from_utf8_lossy).concat();
    let messages = shorten(named(&said).trim_end());
    if output.status.success() {
        return Ok(messages);
    }
    Err(Error::Compile { path: source.to_owned(), messages: reason(&program, messages, output.status) })
}

/// A compiler that was killed says nothing; its status does.
fn reason(program: &str, messages: String, status: ExitStatus) -> String {
    if messages.trim().is_empty() { format!("{program} ended with {status}") } else { messages }
}

fn shorten(messages: &str) -> String {
    let end = messages.floor_char_boundary(MESSAGE_BYTES);
    if end == messages.len() { messages.to_owned() } else { format!("{}\n(and more)", &messages[..end]) }
}

/// Reads what a compiler has made of `source`.
pub(super) fn read_module(module: &Path, source: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::Read { path: module.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(module).map_err(unreadable)?;
    file.take(MODULE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|size| size <= MODULE_BYTES) {
        Ok(bytes)
    } else {
        Err(Error::ModuleTooLarge { path: source.to_owned(), megabytes: MODULE_BYTES >> 20 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiler_that_was_killed_is_no_riddle() {
        use std::os::unix::process::ExitStatusExt as _;
        let check = |messages: &str, status: i32, expected: &str| {
            assert_eq!(reason("cargo", messages.to_owned(), ExitStatus::from_raw(status)), expected);
        };
        check("", 9, "cargo ended with signal: 9 (SIGKILL)");
        check("", 101 << 8, "cargo ended with exit status: 101");
        check("error[E0308]: mismatched types", 101 << 8, "error[E0308]: mismatched types");
    }
}
