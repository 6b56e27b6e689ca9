//! Reads what is to be built: the text of a script, the files of a folder, the bytes of a component, each with the digest
//! that `wmigrate.lock` and the log record. Always from the files themselves and always bounded.

use std::borrow::Cow;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::{Error, File, Language, MAX_COMPONENT, MAX_FILES, MAX_SOURCE};

/// A revision's source as it was read, and its identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What was read.
    pub content: Content,
    /// blake3, in hex: of the normalised text; of a folder, of all its files; of a component, of its bytes.
    pub digest: String,
    /// Lines ended in CR LF: the digest does not tell, a diff of bytes would.
    pub had_crlf: bool,
}

/// What a source consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text without byte order mark and with LF at the ends of lines; of a folder, its main file's.
    Text(String),
    /// An already built component.
    Component(Vec<u8>),
}

impl Source {
    /// The text; none of a component.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            Content::Component(_) => None,
        }
    }
}

/// Reads a revision's source. What is digested is what is handed out: the file is read once.
pub fn read_source(file: &File) -> Result<Source, Error> {
    if file.language == Language::Wasm {
        let bytes = read(&file.path, MAX_COMPONENT)?;
        let digest = blake3::hash(&bytes).to_hex().to_string();
        return Ok(Source { content: Content::Component(bytes), digest, had_crlf: false });
    }
    let bytes = read(&file.path, MAX_SOURCE)?;
    let (text, mut had_crlf) = normalised(&file.path, &bytes)?;
    let digest = match &file.folder {
        None => blake3::hash(text.as_bytes()).to_hex().to_string(),
        Some(folder) => {
            let (digest, crlf) = folder_digest(folder)?;
            had_crlf |= crlf;
            digest
        }
    };
    Ok(Source { content: Content::Text(text), digest, had_crlf })
}

/// A further text of a revision, without byte order mark and with LF at the ends of lines.
pub fn read_text(path: &Path) -> Result<String, Error> {
    Ok(normalised(path, &read(path, MAX_SOURCE)?)?.0)
}

/// All texts of a folder, in the order of their names, with `/` between folders. What is no text is left out.
pub fn texts(folder: &Path) -> Result<Vec<(String, String)>, Error> {
    let mut files = Vec::new();
    walk(folder, "", &mut files)?;
    files.sort_unstable();
    let mut total = 0;
    let mut texts = Vec::new();
    for (name, path) in files {
        let text = match read_text(&path) {
            Err(Error::NotUtf8 { .. }) => continue,
            text => text?,
        };
        total += text.len() as u64;
        if total > MAX_SOURCE {
            return Err(Error::TooLarge { path: folder.to_owned(), size: total, limit: MAX_SOURCE });
        }
        texts.push((name, text));
    }
    Ok(texts)
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let file = fs::File::open(path).map_err(io)?;
    // With room for one more byte the end is seen by the read that reaches it.
    let size = file.metadata().map_err(io)?.len().min(limit) + 1;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    file.take(limit + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge { path: path.to_owned(), size: bytes.len() as u64, limit });
    }
    Ok(bytes)
}

fn normalised(path: &Path, bytes: &[u8]) -> Result<(String, bool), Error> {
    let text = std::str::from_utf8(bytes)
        .map_err(|bad| Error::NotUtf8 { path: path.to_owned(), offset: bad.valid_up_to() })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Ok((text.replace("\r\n", "\n"), text.contains("\r\n")))
}

/// Over names and contents in the order of the names, each behind its length, so that nothing can move from one to the
/// next unseen. Text files are taken with LF, as a checkout on another system may have changed them.
fn folder_digest(folder: &Path) -> Result<(String, bool), Error> {
    let mut files = Vec::new();
    walk(folder, "", &mut files)?;
    files.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    let (mut total, mut had_crlf) = (0, false);
    for (name, path) in files {
        let bytes = read(&path, MAX_SOURCE)?;
        total += bytes.len() as u64;
        if total > MAX_COMPONENT {
            return Err(Error::TooLarge { path: folder.to_owned(), size: total, limit: MAX_COMPONENT });
        }
        let content = match normalised(&path, &bytes) {
            Ok((text, crlf)) if !bytes.contains(&0) => {
                had_crlf |= crlf;
                Cow::Owned(text.into_bytes())
            }
            Ok(_) | Err(_) => Cow::Borrowed(&bytes[..]),
        };
        for part in [name.as_bytes(), &content] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    Ok((hasher.finalize().to_hex().to_string(), had_crlf))
}

/// All files below, as (name with `/`, path). A symbolic link is refused: what it points at is not the revision's.
fn walk(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> Result<(), Error> {
    let io = |source| Error::Io { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let path = entry.path();
        let Ok(name) = entry.file_name().into_string() else {
            return Err(Error::Name { path });
        };
        if is_not_source(&name) {
            continue;
        }
        if files.len() >= MAX_FILES {
            return Err(Error::TooManyFiles { path: folder.to_owned() });
        }
        let kind = entry.file_type().map_err(io)?;
        if kind.is_dir() {
            walk(&path, &format!("{prefix}{name}/"), files)?;
        } else if kind.is_file() {
            files.push((format!("{prefix}{name}"), path));
        } else {
            return Err(Error::NotAFile { path });
        }
    }
    Ok(())
}

/// Outputs of builds, other people's packages, and what editors and desktops leave behind.
fn is_not_source(name: &str) -> bool {
    matches!(name, "target" | "node_modules" | "__pycache__" | ".git" | ".DS_Store")
        || name.starts_with(".#")
        || name.ends_with('~')
}

#[cfg(test)]
mod tests {
    use super::super::Versions;
    use super::super::tests::{Folder, source};
    use super::*;

    fn read_only(folder: &Folder) -> Result<Source, Error> {
        let loaded = Versions::load(std::slice::from_ref(&folder.0), None).unwrap();
        read_source(&loaded.revisions[0])
    }

    #[test]
    fn line_ends_and_byte_order_mark_make_no_difference() {
        let folder = Folder::new("source");
        let text = source("--", "a");
        folder.write("a_x.sql", &text);
        let plain = read_only(&folder).unwrap();
        assert_eq!(plain.text(), Some(text.as_str()));
        assert_eq!(plain.digest, blake3::hash(text.as_bytes()).to_hex().to_string());
        assert!(!plain.had_crlf);
        folder.write("a_x.sql", format!("\u{feff}{}", text.replace('\n', "\r\n")));
        assert_eq!(read_only(&folder).unwrap(), Source { had_crlf: true, ..plain.clone() });
        folder.write("a_x.sql", format!("{text} "));
        assert_ne!(read_only(&folder).unwrap().digest, plain.digest);
    }

    #[test]
    fn a_folder_is_all_its_sources() {
        let folder = Folder::new("folder");
        folder.write("a_x/src/lib.rs", source("//", "a"));
        folder.write("a_x/Cargo.toml", "[package]\n");
        folder.write("a_x/data.bin", [0xff, 13, 10, 0]);
        let first = read_only(&folder).unwrap();
        folder.write("a_x/target/out", "x");
        folder.write("a_x/Cargo.toml", "[package]\r\n");
        assert_eq!(read_only(&folder).unwrap(), Source { had_crlf: true, ..first.clone() });
        folder.write("a_x/data.bin", [0xff, 10, 0]);
        assert_ne!(read_only(&folder).unwrap().digest, first.digest);
        std::os::unix::fs::symlink("/etc/passwd", folder.0.join("a_x/link")).unwrap();
        assert!(matches!(read_only(&folder), Err(Error::NotAFile { .. })));
    }

    #[test]
    fn a_source_that_is_no_text() {
        let folder = Folder::new("latin1");
        let mut bytes = source("--", "a").into_bytes();
        bytes.extend_from_slice(b"SELECT '\xe9'");
        let path = folder.write("a_x.sql", &bytes);
        // The metadata cannot be read either; a longer file shows it only here.
        let file = File {
            revision: crate::graph::Revision::default().into(),
            path: path.clone(),
            folder: None,
            language: Language::Sql,
            front: super::super::Options::default(),
            size: 0,
            mtime: 0,
            bundled: None,
            plugin: None,
        };
        let want = format!("`{}` is not UTF-8 from byte {} on", path.display(), bytes.len() - 2);
        assert_eq!(read_source(&file).unwrap_err().to_string(), want);
    }
}
