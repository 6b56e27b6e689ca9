//! The two custom sections of a built revision: `wmigrate:revision`, its metadata as JSON, and `wmigrate:payload`, the
//! text of a script. Writes and reads bytes, knows where sections begin and end, and never looks into the code.

use std::io::{self, Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};

use super::front_matter::{FrontMatter, MAX_FRONT_MATTER, Options, TransactionMode};
use super::limits::Limits;

/// Name of the section with the metadata.
pub const REVISION_SECTION: &str = "wmigrate:revision";
/// Name of the section with the text of a script.
pub const PAYLOAD_SECTION: &str = "wmigrate:payload";
/// The world a revision is built for today.
pub const WORLD: &str = "wmigrate:migration@0.1.0";

/// The metadata is read for every revision: no larger than a source's front matter.
const MAX_METADATA: u64 = MAX_FRONT_MATTER as u64;
/// One read that holds the preamble and, in nearly every file, all of the metadata.
const FIRST_READ: u64 = 4096;
/// No component has so many top-level sections; a file that claims it is made to keep us busy.
const MAX_SECTIONS: usize = 100_000;
const PREAMBLE: usize = 8;
const COMPONENT: [u8; PREAMBLE] = *b"\0asm\x0d\0\x01\0";
const CORE_MODULE: [u8; PREAMBLE] = *b"\0asm\x01\0\0\0";

/// The JSON of `wmigrate:revision`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Version of this JSON: 1.
    pub v: u32,
    /// The id.
    pub revision: String,
    /// Ids of the parents.
    #[serde(default)]
    pub down_revision: Vec<String>,
    /// Ids and labels of revisions that must be applied before.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Labels declared here.
    #[serde(default)]
    pub branch_labels: Vec<String>,
    /// What it is about.
    #[serde(default)]
    pub message: String,
    /// When it was created.
    #[serde(default)]
    pub created: Option<String>,
    /// `revision` or `none`.
    #[serde(default = "default_transaction")]
    pub transaction: String,
    /// There is no way back.
    #[serde(default)]
    pub irreversible: bool,
    /// The limits asked for.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// The world it was built for.
    pub world: String,
}

/// Why bytes are not a stamped component.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading failed.
    #[error("reading failed")]
    Io(#[from] io::Error),
    /// Nothing there.
    #[error("the file is empty")]
    Empty,
    /// Something else.
    #[error("this is not WebAssembly")]
    NotWasm,
    /// A module where a component is needed.
    #[error("this is a core module, not a component")]
    CoreModule,
    /// A version of the binary format that came later, or never.
    #[error("this is WebAssembly of an unknown version")]
    UnknownVersion,
    /// The end is missing.
    #[error("the component is truncated: a section at byte {offset} goes beyond the end of the file")]
    Truncated {
        /// Where the section begins.
        offset: u64,
    },
    /// A length that is none.
    #[error("the component is damaged at byte {offset}")]
    Damaged {
        /// Where.
        offset: u64,
    },
    /// Not stamped.
    #[error("the component has no section `wmigrate:revision`")]
    NoMetadata,
    /// Metadata beyond all measure.
    #[error("section `wmigrate:revision` has {size} bytes; at most 65536 are read")]
    MetadataTooBig {
        /// Its size.
        size: u64,
    },
    /// Metadata that cannot be read.
    #[error("section `wmigrate:revision` does not hold the JSON of a revision")]
    Json(#[from] serde_json::Error),
    /// Metadata of a later tool.
    #[error("section `wmigrate:revision` is of version {0}; this wmigrate knows version 1")]
    NewerVersion(u32),
    /// Neither of the two modes.
    #[error("section `wmigrate:revision` has an unknown `transaction`, `{0}`")]
    Transaction(String),
    /// An empty id.
    #[error("section `wmigrate:revision` has no `revision`")]
    NoRevisionId,
    /// A script that is no text.
    #[error("section `wmigrate:payload` is not UTF-8")]
    Payload,
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::CoreModule | Self::NoMetadata => Some(
                "make a revision of it: `wmigrate stamp-component FILE --message \"…\" --down-revision …`; \
                 `wmigrate build` does it for the sources it builds",
            ),
            Self::Empty | Self::Truncated { .. } | Self::Damaged { .. } => Some("build or copy the file again"),
            Self::NewerVersion(_) | Self::UnknownVersion => Some("use a newer wmigrate"),
            Self::NotWasm => Some("a `.wasm` file in a versions folder must be a component"),
            Self::Io(_)
            | Self::MetadataTooBig { .. }
            | Self::Json(_)
            | Self::Transaction(_)
            | Self::NoRevisionId
            | Self::Payload => None,
        }
    }
}

impl Metadata {
    /// For stamping what was built from a source with this front matter.
    pub fn new(front: &FrontMatter) -> Self {
        Self {
            v: 1,
            revision: front.revision.clone(),
            down_revision: front.down_revision.clone(),
            depends_on: front.depends_on.clone(),
            branch_labels: front.branch_labels.clone(),
            message: front.message.clone(),
            created: front.created.clone(),
            transaction: front.options.transaction.as_str().to_owned(),
            irreversible: front.options.irreversible,
            limits: front.options.limits,
            world: WORLD.to_owned(),
        }
    }

    /// The same as a source's front matter would say it.
    pub fn into_front_matter(self) -> Result<FrontMatter, Error> {
        let transaction = TransactionMode::from_name(&self.transaction).ok_or(Error::Transaction(self.transaction))?;
        Ok(FrontMatter {
            revision: self.revision,
            down_revision: self.down_revision,
            depends_on: self.depends_on,
            branch_labels: self.branch_labels,
            message: self.message,
            created: self.created,
            options: Options { transaction, irreversible: self.irreversible, limits: self.limits, dependencies: None },
        })
    }

    fn from_json(json: &[u8]) -> Result<Self, Error> {
        /// Read first, so that a later version's other changes do not hide the reason.
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        let Version { v } = serde_json::from_slice(json)?;
        if v != 1 {
            return Err(Error::NewerVersion(v));
        }
        let metadata: Self = serde_json::from_slice(json)?;
        if metadata.revision.is_empty() {
            return Err(Error::NoRevisionId);
        }
        Ok(metadata)
    }
}

/// The component with our two sections first, whatever it had of them before.
pub fn stamp(component: &[u8], metadata: &Metadata, payload: Option<&str>) -> Result<Vec<u8>, Error> {
    let json = serde_json::to_vec(metadata)?;
    let mut out = Vec::with_capacity(component.len() + json.len() + payload.map_or(0, str::len) + 64);
    out.extend_from_slice(&COMPONENT);
    push_custom(&mut out, REVISION_SECTION, &json)?;
    if let Some(payload) = payload {
        push_custom(&mut out, PAYLOAD_SECTION, payload.as_bytes())?;
    }
    for section in sections(component)? {
        if section.ours().is_none() {
            out.extend_from_slice(section.whole);
        }
    }
    Ok(out)
}

/// The metadata of a component in memory.
pub fn metadata(component: &[u8]) -> Result<Metadata, Error> {
    read_metadata(&mut io::Cursor::new(component))
}

/// The metadata of a component's file: one small read where it stands first, else a walk over the sections' lengths.
pub fn read_metadata<F: Read + Seek>(file: &mut F) -> Result<Metadata, Error> {
    let end = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    file.take(FIRST_READ).read_to_end(&mut head)?;
    check_preamble(&head)?;
    let mut offset = PREAMBLE as u64;
    for _ in 0..MAX_SECTIONS {
        if offset >= end {
            break;
        }
        // Beyond the first read each header is fetched on its own; the widest is 11 bytes and our longer name.
        let mut far = Vec::new();
        let header: &[u8] = match usize::try_from(offset).ok().and_then(|start| head.get(start..)) {
            Some(near) if near.len() >= 40 || offset + near.len() as u64 == end => near,
            Some(_) | None => {
                file.seek(SeekFrom::Start(offset))?;
                file.take(40).read_to_end(&mut far)?;
                &far
            }
        };
        let (id, rest) = header.split_first().ok_or(Error::Truncated { offset })?;
        let (size, width) = leb(rest).ok_or(Error::Damaged { offset })?;
        let content = offset + 1 + width as u64;
        let next = content + u64::from(size);
        if next > end {
            return Err(Error::Truncated { offset });
        }
        if *id == 0 && custom_name_is(&rest[width..], REVISION_SECTION) {
            let start = content + 1 + REVISION_SECTION.len() as u64;
            let size = next.checked_sub(start).ok_or(Error::Damaged { offset })?;
            if size > MAX_METADATA {
                return Err(Error::MetadataTooBig { size });
            }
            let mut json = Vec::new();
            let near = (usize::try_from(start).ok(), usize::try_from(next).ok());
            if let Some(bytes) = near.0.zip(near.1).and_then(|(start, next)| head.get(start..next)) {
                json.extend_from_slice(bytes);
            } else {
                file.seek(SeekFrom::Start(start))?;
                file.take(size).read_to_end(&mut json)?;
            }
            return Metadata::from_json(&json);
        }
        offset = next;
    }
    Err(Error::NoMetadata)
}

/// The text of a script; none in a compiled component.
pub fn payload(component: &[u8]) -> Result<Option<&str>, Error> {
    for section in sections(component)? {
        if let Some((PAYLOAD_SECTION, content)) = section.ours() {
            return std::str::from_utf8(content).map(Some).map_err(|_| Error::Payload);
        }
    }
    Ok(None)
}

/// What the code is, whatever is stamped on it: the key of compile caches, so a thousand scripts are compiled once.
pub fn code_digest(component: &[u8]) -> Result<blake3::Hash, Error> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&COMPONENT);
    for section in sections(component)? {
        if section.ours().is_none() {
            hasher.update(section.whole);
        }
    }
    Ok(hasher.finalize())
}

/// One digest for what a revision is: its code (without sections of ours), its metadata and its script.
#[must_use]
pub fn identity(code: &str, metadata: &Metadata, payload: Option<&str>) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("wmigrate revision identity 2026");
    let metadata = serde_json::to_vec(metadata).expect("metadata is plain strings, numbers and lists");
    for part in [code.as_bytes(), &metadata, payload.unwrap_or_default().as_bytes()] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    hasher.finalize().to_hex().to_string()
}

/// The bytes of a component without sections of ours, whose blake3 is [`code_digest`].
pub fn code_of(component: &[u8]) -> Result<Vec<u8>, Error> {
    let mut out = COMPONENT.to_vec();
    for section in sections(component)? {
        if section.ours().is_none() {
            out.extend_from_slice(section.whole);
        }
    }
    Ok(out)
}

/// A top-level section.
struct Section<'a> {
    /// With its header.
    whole: &'a [u8],
    id: u8,
    content: &'a [u8],
}

impl<'a> Section<'a> {
    /// Name and content where it is one of ours.
    fn ours(&self) -> Option<(&'static str, &'a [u8])> {
        [REVISION_SECTION, PAYLOAD_SECTION]
            .into_iter()
            .find(|name| self.id == 0 && custom_name_is(self.content, name))
            .map(|name| (name, &self.content[1 + name.len()..]))
    }
}

/// All top-level sections, in order.
fn sections(component: &[u8]) -> Result<Vec<Section<'_>>, Error> {
    check_preamble(component)?;
    let mut found = Vec::new();
    let mut at = PREAMBLE;
    while at < component.len() {
        let offset = at as u64;
        let (size, width) = leb(&component[at + 1..]).ok_or(Error::Damaged { offset })?;
        let content = at + 1 + width;
        let next = usize::try_from(size).ok().and_then(|size| content.checked_add(size));
        let next = next.filter(|next| *next <= component.len()).ok_or(Error::Truncated { offset })?;
        if found.len() == MAX_SECTIONS {
            return Err(Error::Damaged { offset });
        }
        found.push(Section { whole: &component[at..next], id: component[at], content: &component[content..next] });
        at = next;
    }
    Ok(found)
}

fn check_preamble(head: &[u8]) -> Result<(), Error> {
    match head.first_chunk::<PREAMBLE>() {
        Some(&COMPONENT) => Ok(()),
        Some(&CORE_MODULE) => Err(Error::CoreModule),
        Some(other) if other.starts_with(b"\0asm") => Err(Error::UnknownVersion),
        Some(_) => Err(Error::NotWasm),
        None if head.is_empty() => Err(Error::Empty),
        None if b"\0asm".starts_with(head) || head.starts_with(b"\0asm") => Err(Error::Truncated { offset: 0 }),
        None => Err(Error::NotWasm),
    }
}

/// Our names are shorter than 128 bytes, so their length is one byte; a longer encoding of it is legal, but nobody's.
fn custom_name_is(content: &[u8], name: &str) -> bool {
    content
        .split_first()
        .is_some_and(|(length, rest)| usize::from(*length) == name.len() && rest.starts_with(name.as_bytes()))
}

/// An unsigned 32-bit LEB128 number and how many bytes it took.
fn leb(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((u32::try_from(value).ok()?, index + 1));
        }
    }
    None
}

fn push_custom(out: &mut Vec<u8>, name: &str, content: &[u8]) -> Result<(), Error> {
    let size = 1 + name.len() + content.len();
    let mut rest = u32::try_from(size).map_err(|_| Error::MetadataTooBig { size: size as u64 })?;
    out.push(0);
    while rest >= 0x80 {
        out.push(u8::try_from(rest & 0x7f).expect("seven bits fit a byte") | 0x80);
        rest >>= 7;
    }
    out.push(u8::try_from(rest).expect("less than 0x80"));
    out.push(u8::try_from(name.len()).expect("our names are short"));
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(content);
    Ok(())
}

fn default_transaction() -> String {
    TransactionMode::default().as_str().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front() -> FrontMatter {
        let mut front = FrontMatter {
            revision: "3f2a".to_owned(),
            down_revision: vec!["1b07".to_owned()],
            message: "add é".to_owned(),
            created: Some("2026-11-22T14:10:00Z".to_owned()),
            ..FrontMatter::default()
        };
        front.options.limits.set("memory", "1 MiB").unwrap();
        front
    }

    /// A component with one custom section of `size` bytes, as other tools add them.
    fn component(size: usize) -> Vec<u8> {
        let mut bytes = COMPONENT.to_vec();
        push_custom(&mut bytes, "name", &vec![7; size]).unwrap();
        bytes
    }

    #[test]
    fn stamped_and_read_back() {
        let plain = component(300);
        let stamped = stamp(&plain, &Metadata::new(&front()), Some("SELECT 'é'")).unwrap();
        assert_eq!(metadata(&stamped).unwrap().into_front_matter().unwrap(), front());
        assert_eq!(payload(&stamped).unwrap(), Some("SELECT 'é'"));
        assert_eq!(payload(&plain).unwrap(), None);
        // The first section is ours: kind 0, then a length, then the name.
        assert_eq!(stamped[8], 0);
        assert_eq!(&stamped[12..29], b"wmigrate:revision");
    }

    #[test]
    fn json_is_the_documented_one() {
        let json = serde_json::to_string(&Metadata { limits: Limits::default(), ..Metadata::new(&front()) }).unwrap();
        let want = concat!(
            r#"{"v":1,"revision":"3f2a","down_revision":["1b07"],"depends_on":[],"branch_labels":[],"message":"add é","#,
            r#""created":"2026-11-22T14:10:00Z","transaction":"revision","irreversible":false,"world":"wmigrate:migration@0.1.0"}"#
        );
        assert_eq!(json, want);
    }

    #[test]
    fn stamping_again_replaces_and_the_code_stays_the_same() {
        let plain = component(10);
        let once = stamp(&plain, &Metadata::new(&front()), Some("one")).unwrap();
        let twice = stamp(&once, &Metadata::new(&FrontMatter { revision: "other".into(), ..front() }), None).unwrap();
        assert_eq!(metadata(&twice).unwrap().revision, "other");
        assert_eq!(payload(&twice).unwrap(), None);
        assert_eq!(code_digest(&once).unwrap(), blake3::hash(&plain));
        assert_eq!(code_digest(&twice).unwrap(), blake3::hash(&plain));
        assert_ne!(code_digest(&component(11)).unwrap(), blake3::hash(&plain));
    }

    #[test]
    fn found_behind_other_sections() {
        for size in [1, 4000, 4050, 4060, 4080, 100_000] {
            let mut bytes = component(size);
            let json = serde_json::to_vec(&Metadata::new(&front())).unwrap();
            push_custom(&mut bytes, REVISION_SECTION, &json).unwrap();
            assert_eq!(metadata(&bytes).unwrap().revision, "3f2a", "{size}");
        }
    }

    fn check(bytes: &[u8], want: &str) {
        assert_eq!(metadata(bytes).unwrap_err().to_string(), want, "{bytes:?}");
    }

    #[test]
    fn bad_files() {
        check(b"", "the file is empty");
        check(b"\0as", "the component is truncated: a section at byte 0 goes beyond the end of the file");
        check(b"\x7fELF\x02\x01\x01\0\0", "this is not WebAssembly");
        check(b"hi", "this is not WebAssembly");
        check(b"\0asm\x01\0\0\0\x01\x04", "this is a core module, not a component");
        check(b"\0asm\x0e\0\x01\0", "this is WebAssembly of an unknown version");
        check(&component(10), "the component has no section `wmigrate:revision`");
        check(b"\0asm\x0d\0\x01\0\x00\xff\xff\xff\xff\xff", "the component is damaged at byte 8");
        let with = |content: &[u8]| {
            let mut bytes = COMPONENT.to_vec();
            push_custom(&mut bytes, REVISION_SECTION, content).unwrap();
            bytes
        };
        check(&with(b"{"), "section `wmigrate:revision` does not hold the JSON of a revision");
        check(&with(br#"{"v":2}"#), "section `wmigrate:revision` is of version 2; this wmigrate knows version 1");
        check(&with(br#"{"v":1,"revision":"","world":""}"#), "section `wmigrate:revision` has no `revision`");
        check(&with(&vec![b' '; 70_000]), "section `wmigrate:revision` has 70000 bytes; at most 65536 are read");
        let stamped = stamp(&component(10), &Metadata::new(&front()), None).unwrap();
        check(&stamped[..60], "the component is truncated: a section at byte 8 goes beyond the end of the file");
        assert!(code_digest(&stamped[..stamped.len() - 1]).is_err());
    }

    #[test]
    fn no_cut_or_flipped_byte_panics() {
        let stamped = stamp(&component(10), &Metadata::new(&front()), Some("text")).unwrap();
        for at in 0..stamped.len() {
            let mut flipped = stamped.clone();
            flipped[at] ^= 0xff;
            for bytes in [&stamped[..at], &flipped] {
                // Only that they return: what they say is tested above.
                let _ = (metadata(bytes).is_ok(), payload(bytes).is_ok(), code_digest(bytes).is_ok());
            }
        }
    }
}
