//! Bundles: a whole history in one file, with every component and script in it, for machines that have neither sources nor
//! toolchains. What is read is checked against its digests, all of it, before anything of it is used.
//!
//! ```text
//! wmigrate-bundle 1
//! <length of the index in bytes, decimal>
//! <blake3 of the index, hex>
//! <the index: JSON>
//! <the blobs, one behind the other, in the index's order>
//! ```
//!
//! Code that several revisions share (an engine) is one blob. There is no time and no name of a machine in it: the same
//! components give the same bytes.

use super::section::{self, Metadata};
use super::{File, Found, Language, MAX_COMPONENT, MAX_FILES};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The extension, by which a path in `versions` is known to be one.
pub const EXTENSION: &str = "wmigrate";

/// Read whole: a history of ten thousand scripts with three engines has some 50 MiB.
const MAX_BUNDLE: u64 = 1 << 30;

const MAGIC: &str = "wmigrate-bundle ";
const FORMAT: &str = "1";

/// Why a bundle cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot read it")]
    Io(#[from] std::io::Error),
    /// Something else.
    #[error("it does not begin as a bundle does")]
    NotABundle,
    /// A later tool's.
    #[error("it is a bundle of format {0}, and this wmigrate knows format {FORMAT}")]
    Newer(String),
    /// Beyond all measure.
    #[error("it has {size} bytes; at most {limit} are read")]
    TooLarge {
        /// Its size.
        size: u64,
        /// The most that is read.
        limit: u64,
    },
    /// The end is missing, or there is more than there should be.
    #[error("it has {size} bytes, and its index says {expected}")]
    Length {
        /// How many there are.
        size: usize,
        /// How many there should be.
        expected: u64,
    },
    /// Something in it is not what its digest says.
    #[error("{0} is not what its digest says")]
    Altered(String),
    /// An index that makes no sense, although its digest is right.
    #[error("its index is wrong: {0}")]
    Index(String),
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io(_) => "check the path and its rights",
            Self::Newer(_) => "use a newer wmigrate, or make the bundle again with this one",
            Self::NotABundle | Self::TooLarge { .. } | Self::Index(_) => "make one with `wmigrate bundle -o FILE`",
            Self::Length { .. } | Self::Altered(_) => "copy it again; nothing of it was run",
        }
    }
}

/// What is packed of a revision.
pub struct Packed {
    /// The name of its file.
    pub file: String,
    /// Its metadata.
    pub metadata: Metadata,
    /// blake3 of its source.
    pub source: String,
    /// What it is, as `wmigrate.lock` has it.
    pub component: String,
    /// What built it.
    pub built_with: String,
    /// Its code, without sections of ours.
    pub code: Arc<[u8]>,
    /// Its script.
    pub payload: Option<Arc<str>>,
}

#[derive(Serialize, Deserialize)]
struct Index {
    /// The text of `plugin.toml`, where it is a plugin's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plugin: Option<String>,
    revisions: Vec<Entry>,
    /// In the order in which they lie.
    blobs: Vec<Blob>,
}

#[derive(Serialize, Deserialize)]
struct Blob {
    digest: String,
    size: u64,
}

/// A revision in a bundle.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// The name of its source's file.
    file: String,
    metadata: Metadata,
    /// blake3 of its source.
    pub source: String,
    /// What it is, as `wmigrate.lock` has it.
    pub component: String,
    /// What built it.
    pub built_with: String,
    /// blake3 of its code.
    pub code: String,
    /// blake3 of its script.
    payload: Option<String>,
}

/// The bytes of a bundle of these revisions; of a plugin's with its manifest.
pub fn pack(revisions: &[Packed], plugin: Option<&str>) -> Result<Vec<u8>, Error> {
    let mut blobs: Vec<(Blob, &[u8])> = Vec::new();
    let mut known = HashSet::new();
    let mut add = |bytes| -> String {
        let digest = digest_of(bytes);
        if known.insert(digest.clone()) {
            blobs.push((Blob { digest: digest.clone(), size: bytes.len() as u64 }, bytes));
        }
        digest
    };
    let entries = revisions.iter().map(|packed| Entry {
        file: packed.file.clone(),
        metadata: packed.metadata.clone(),
        source: packed.source.clone(),
        component: packed.component.clone(),
        built_with: packed.built_with.clone(),
        code: add(&packed.code),
        payload: packed.payload.as_ref().map(|payload| add(payload.as_bytes())),
    });
    let revisions = entries.collect();
    let (blobs, contents): (Vec<_>, Vec<_>) = blobs.into_iter().unzip();
    let index = Index { plugin: plugin.map(str::to_owned), revisions, blobs };
    let index = serde_json::to_string(&index).map_err(|error| Error::Index(error.to_string()))?;
    let head = format!("{MAGIC}{FORMAT}\n{}\n{}\n", index.len(), digest_of(index.as_bytes()));
    Ok([head.as_bytes(), index.as_bytes()].into_iter().chain(contents).collect::<Vec<_>>().concat())
}

fn digest_of(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// The bytes of a file that should be a bundle, if they are not more than `limit`.
pub fn bytes_of(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let file = std::fs::File::open(path)?;
    let size = file.metadata()?.len();
    if size > limit {
        return Err(Error::TooLarge { size, limit });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A bundle in memory, found to be whole.
#[derive(Debug)]
pub struct Bundle {
    plugin: Option<String>,
    digest: String,
    entries: Vec<Entry>,
    blobs: HashMap<String, Arc<[u8]>>,
}

impl Bundle {
    /// Reads and checks one.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::read(&bytes_of(path, MAX_BUNDLE)?)
    }

    /// The same of bytes in memory.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut rest = bytes;
        let mut line = |most: usize| -> Option<&str> {
            let end = rest.iter().take(most).position(|byte| *byte == b'\n')?;
            let (line, behind) = (&rest[..end], &rest[end + 1..]);
            rest = behind;
            std::str::from_utf8(line).ok()
        };
        let format = line(64).and_then(|line| line.strip_prefix(MAGIC)).ok_or(Error::NotABundle)?;
        if format != FORMAT {
            return Err(Error::Newer(format.chars().take(20).collect()));
        }
        let length: usize = line(32).and_then(|line| line.parse().ok()).ok_or(Error::NotABundle)?;
        let digest = line(128).ok_or(Error::NotABundle)?;
        let cut = |expected: u64| Error::Length { size: bytes.len(), expected };
        let head = bytes.len() - rest.len();
        let index = rest.get(..length).ok_or_else(|| cut((head as u64).saturating_add(length as u64)))?;
        if digest_of(index) != digest {
            return Err(Error::Altered("its index".to_owned()));
        }
        let digest = digest.to_owned();
        let index: Index = serde_json::from_slice(index).map_err(|error| Error::Index(error.to_string()))?;
        let blobs = blobs(&index.blobs, &bytes[head + length..], |size| cut((head + length) as u64 + size))?;
        let bundle = Self { plugin: index.plugin, digest, entries: index.revisions, blobs };
        bundle.check()?;
        Ok(bundle)
    }

    /// Every revision has what it names, and is what it says.
    fn check(&self) -> Result<(), Error> {
        if self.entries.len() > MAX_FILES {
            return Err(Error::Index(format!("more than {MAX_FILES} revisions")));
        }
        for entry in &self.entries {
            let id = &entry.metadata.revision;
            let has = |digest: &String| self.blobs.contains_key(digest);
            if !has(&entry.code) || !entry.payload.as_ref().is_none_or(has) {
                return Err(Error::Index(format!("revision `{id}` names code or a script that is not there")));
            }
            if self.payload_of(entry).is_some_and(|payload| std::str::from_utf8(payload).is_err()) {
                return Err(Error::Index(format!("the script of revision `{id}` is not UTF-8")));
            }
            if section::identity(&entry.code, &entry.metadata, self.payload(entry)) != entry.component {
                return Err(Error::Altered(format!("revision `{id}`")));
            }
        }
        Ok(())
    }

    /// The text of `plugin.toml`, where it is a plugin's.
    #[must_use]
    pub fn plugin(&self) -> Option<&str> {
        self.plugin.as_deref()
    }

    /// blake3 of its index, which has the digests of all that is in it.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Its code.
    #[must_use]
    pub fn code(&self, entry: &Entry) -> Arc<[u8]> {
        Arc::clone(&self.blobs[&entry.code])
    }

    fn payload_of(&self, entry: &Entry) -> Option<&[u8]> {
        entry.payload.as_ref().map(|digest| &*self.blobs[digest])
    }

    /// Its script.
    #[must_use]
    pub fn payload(&self, entry: &Entry) -> Option<&str> {
        self.payload_of(entry).map(|bytes| std::str::from_utf8(bytes).expect("it was checked"))
    }

    /// What a versions folder would hold.
    pub fn files(self: Arc<Self>, path: &Path) -> Result<Vec<File>, Error> {
        let bundle = self;
        let files = (0..bundle.entries.len()).map(|number| {
            let entry = &bundle.entries[number];
            let front = entry.metadata.clone().into_front_matter();
            let front = front.map_err(|error| Error::Index(error.to_string()))?;
            let place = path.join(&entry.file);
            Ok(File {
                bundled: Some(Bundled { bundle: Arc::clone(&bundle), number }),
                ..Found {
                    key: place.display().to_string(),
                    path: place,
                    folder: None,
                    language: Language::Wasm,
                    size: 0,
                    mtime: 0,
                }
                .into_file(front)
            })
        });
        files.collect()
    }
}

fn blobs(listed: &[Blob], mut rest: &[u8], cut: impl Fn(u64) -> Error) -> Result<HashMap<String, Arc<[u8]>>, Error> {
    let expected = listed.iter().fold(0, |sum: u64, blob| sum.saturating_add(blob.size));
    if expected != rest.len() as u64 {
        return Err(cut(expected));
    }
    let mut blobs = HashMap::with_capacity(listed.len());
    for Blob { digest, size } in listed {
        if *size > MAX_COMPONENT {
            return Err(Error::Index(format!("a part of {size} bytes; at most {MAX_COMPONENT} are read")));
        }
        let (blob, behind) = rest.split_at(usize::try_from(*size).unwrap_or(usize::MAX).min(rest.len()));
        rest = behind;
        if digest_of(blob) != *digest {
            return Err(Error::Altered(format!("the part {}", digest.get(..12).unwrap_or(digest))));
        }
        blobs.insert(digest.clone(), blob.into());
    }
    Ok(blobs)
}

/// A revision's place in a bundle.
#[derive(Debug, Clone)]
pub struct Bundled {
    /// The bundle.
    pub bundle: Arc<Bundle>,
    number: usize,
}

impl Bundled {
    /// What the bundle says of it.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.bundle.entries[self.number]
    }
}

/// Whether a configured path is a bundle, and not a folder.
#[must_use]
pub fn is_bundle(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == EXTENSION) && !path.is_dir()
}

/// The name of a revision's file in a bundle.
#[must_use]
pub fn name_of(file: &File) -> String {
    let path: &PathBuf = file.folder.as_ref().unwrap_or(&file.path);
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::versions::FrontMatter;

    fn packed(id: &str, code: &[u8], payload: Option<&str>) -> Packed {
        let metadata = Metadata::new(&FrontMatter { revision: id.to_owned(), ..FrontMatter::default() });
        Packed {
            file: format!("{id}_x.sql"),
            source: "5".repeat(64),
            component: section::identity(&digest_of(code), &metadata, payload),
            metadata,
            built_with: "sql engine".to_owned(),
            code: code.into(),
            payload: payload.map(Into::into),
        }
    }

    fn two() -> Vec<u8> {
        pack(&[packed("a", b"engine", Some("SELECT 1")), packed("b", b"engine", Some("SELECT 'é'"))], None)
            .expect("packed")
    }

    #[test]
    fn there_and_back() {
        let bytes = two();
        let bundle = Bundle::read(&bytes).expect("a bundle");
        assert_eq!(bundle.blobs.len(), 3);
        let [one, other] = bundle.entries.as_slice() else { panic!("two revisions") };
        assert_eq!((bundle.payload(one), bundle.payload(other)), (Some("SELECT 1"), Some("SELECT 'é'")));
        assert_eq!(&*bundle.code(other), b"engine");
        assert_eq!(bytes, two());
        let files = Arc::new(bundle).files(Path::new("/p/app.wmigrate")).expect("files");
        assert_eq!(files[1].path, Path::new("/p/app.wmigrate/b_x.sql"));
        assert_eq!(files[1].bundled.as_ref().map(|bundled| bundled.entry().file.as_str()), Some("b_x.sql"));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_seen() {
        let bytes = two();
        for end in 0..bytes.len() {
            assert!(Bundle::read(&bytes[..end]).is_err(), "cut at {end}");
        }
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[place] ^= 1 << bit;
                assert!(Bundle::read(&flipped).is_err(), "bit {bit} of byte {place}");
            }
        }
        let mut longer = bytes.clone();
        longer.push(0);
        let message = Bundle::read(&longer).expect_err("longer").to_string();
        assert_eq!(message, format!("it has {} bytes, and its index says {}", bytes.len() + 1, bytes.len()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |bytes: &[u8], expected: &str| {
            let error = Bundle::read(bytes).expect_err("must fail");
            assert_eq!(error.to_string(), expected);
        };
        check(b"", "it does not begin as a bundle does");
        check(b"PK\x03\x04", "it does not begin as a bundle does");
        check(b"wmigrate-bundle 2\n", "it is a bundle of format 2, and this wmigrate knows format 1");
        check(b"wmigrate-bundle 1\n99\nabc\n{", "it has 26 bytes, and its index says 124");
        check(
            b"wmigrate-bundle 1\n18446744073709551615\nabc\n{",
            "it has 44 bytes, and its index says 18446744073709551615",
        );
        let bytes = two();
        let index = bytes.windows(5).position(|part| part == b"\"_x.s").unwrap_or(200);
        let mut altered = bytes.clone();
        altered[index] ^= 1;
        check(&altered, "its index is not what its digest says");
        let mut altered = bytes.clone();
        *altered.last_mut().expect("bytes") ^= 1;
        let message = Bundle::read(&altered).expect_err("altered").to_string();
        assert!(message.starts_with("the part ") && message.ends_with(" is not what its digest says"), "{message}");
        // An index with a digest of its own, which says that a revision is another one.
        let mut forged = packed("a", b"engine", Some("SELECT 1"));
        forged.metadata.message = "harmless".to_owned();
        check(&pack(&[forged], None).expect("packed"), "revision `a` is not what its digest says");
    }
}
