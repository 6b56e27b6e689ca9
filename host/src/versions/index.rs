//! The index: what was read of each file's metadata, by path, size and time of last writing. A cache and no more: it may
//! be missing, damaged or in a folder that is not writable, and nothing that is run is ever taken from it.
//!
//! The format is ours, since ten thousand entries must be read in a few milliseconds: a line with its version, the
//! blake3 of the rest, then for each file numbers (8 bytes, little-endian) and texts (4 bytes of length before each).

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::front_matter::{FrontMatter, Options, TransactionMode};
use super::limits::Limits;

/// The tool's version is part of it: another version may read the same file differently.
const MAGIC: &[u8] = concat!("wmigrate index 1 ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();
/// Larger than any history within `MAX_FILES` makes it.
const MAX_INDEX: u64 = 256 * 1024 * 1024;
/// Kernels stamp files with the time of their last tick, up to 10 ms old; a file written twice within one looks the same.
const TICK: Duration = Duration::from_millis(20);
/// File systems without fractions of a second.
const COARSE_TICK: Duration = Duration::from_secs(2);

/// What is known, by path.
#[derive(Default)]
pub(super) struct Index(HashMap<String, (u64, i64, FrontMatter)>);

impl Index {
    /// Empty where there is no index, or none that can be used.
    pub(super) fn read(file: &Path) -> Self {
        let small = fs::metadata(file).is_ok_and(|stat| stat.is_file() && stat.len() <= MAX_INDEX);
        let bytes = if small { fs::read(file).unwrap_or_default() } else { Vec::new() };
        decode(&bytes).map(Self).unwrap_or_default()
    }

    /// What is known of this file, if it is still the same file. What nobody takes is stale.
    pub(super) fn take(&mut self, path: &str, size: u64, mtime: i64) -> Option<FrontMatter> {
        let (known_size, known_mtime, front) = self.0.remove(path)?;
        (known_size == size && known_mtime == mtime).then_some(front)
    }

    /// True where everything was taken.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Replaces the index as one step: whoever reads it meanwhile sees the old or the new one. Failing is fine.
pub(super) fn write<'a>(file: &Path, entries: impl Iterator<Item = (&'a str, u64, i64, &'a FrontMatter)>) {
    let body = encode(entries, SystemTime::now());
    let mut random = [0; 8];
    let (Some(folder), Ok(())) = (file.parent(), getrandom::fill(&mut random)) else {
        return;
    };
    let temporary = folder.join(format!(".index.{}.{:x}", std::process::id(), u64::from_ne_bytes(random)));
    let written = fs::create_dir_all(folder).and_then(|()| {
        let mut out = fs::File::create_new(&temporary)?;
        out.write_all(MAGIC)?;
        out.write_all(blake3::hash(&body).as_bytes())?;
        out.write_all(&body)
    });
    if written.and_then(|()| fs::rename(&temporary, file)).is_err() {
        // A full disk leaves a part behind; where this fails too there is nothing more to do for a cache.
        drop(fs::remove_file(&temporary));
    }
}

fn encode<'a>(entries: impl Iterator<Item = (&'a str, u64, i64, &'a FrontMatter)>, now: SystemTime) -> Vec<u8> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut out = Writer(Vec::new());
    for (path, size, mtime, front) in entries {
        let Ok(nanos) = u64::try_from(mtime) else { continue };
        let tick = if nanos.is_multiple_of(1_000_000_000) { COARSE_TICK } else { TICK };
        if nanos == 0 || Duration::from_nanos(nanos) + tick > now {
            continue;
        }
        out.text(path);
        out.number(size);
        out.number(nanos);
        out.front(front);
    }
    out.0
}

fn decode(bytes: &[u8]) -> Option<HashMap<String, (u64, i64, FrontMatter)>> {
    let (digest, body) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<32>()?;
    if blake3::hash(body) != *digest {
        return None;
    }
    let mut input = Reader(body);
    let mut known = HashMap::with_capacity(body.len() / 200);
    while !input.0.is_empty() {
        let path = input.text()?;
        let size = input.number()?;
        let mtime = i64::try_from(input.number()?).ok()?;
        known.insert(path, (size, mtime, input.front()?));
    }
    Some(known)
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        let length = u32::try_from(text.len()).expect("front matter and paths are far below 4 GiB");
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn texts(&mut self, texts: &[String]) {
        self.0.extend_from_slice(&u32::try_from(texts.len()).expect("a list in 64 KiB").to_le_bytes());
        for text in texts {
            self.text(text);
        }
    }

    fn optional(&mut self, text: Option<&String>) {
        self.texts(text.map(std::slice::from_ref).unwrap_or_default());
    }

    fn front(&mut self, front: &FrontMatter) {
        self.text(&front.revision);
        self.texts(&front.down_revision);
        self.texts(&front.depends_on);
        self.texts(&front.branch_labels);
        self.text(&front.message);
        self.optional(front.created.as_ref());
        self.text(front.options.transaction.as_str());
        self.0.push(u8::from(front.options.irreversible));
        // Nearly always empty, so pairs of text are good enough.
        let limits = front.options.limits.entries().into_iter().flat_map(|(key, text)| [key.to_owned(), text]);
        self.texts(&limits.collect::<Vec<_>>());
        self.optional(front.options.dependencies.as_ref());
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn length(&mut self) -> Option<usize> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        usize::try_from(u32::from_le_bytes(*number)).ok()
    }

    fn text(&mut self) -> Option<String> {
        let length = self.length()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(std::str::from_utf8(text).ok()?.to_owned())
    }

    /// Grows with what is really there, whatever the count says.
    fn texts(&mut self) -> Option<Vec<String>> {
        (0..self.length()?).map(|_| self.text()).collect()
    }

    #[allow(clippy::option_option, reason = "the outer one is the index's end, the inner one the value's absence")]
    fn optional(&mut self) -> Option<Option<String>> {
        Some(self.texts()?.pop())
    }

    fn flag(&mut self) -> Option<bool> {
        let (flag, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*flag != 0)
    }

    fn front(&mut self) -> Option<FrontMatter> {
        Some(FrontMatter {
            revision: self.text()?,
            down_revision: self.texts()?,
            depends_on: self.texts()?,
            branch_labels: self.texts()?,
            message: self.text()?,
            created: self.optional()?,
            options: Options {
                transaction: TransactionMode::from_name(&self.text()?)?,
                irreversible: self.flag()?,
                limits: self.limits()?,
                dependencies: self.optional()?,
            },
        })
    }

    fn limits(&mut self) -> Option<Limits> {
        let mut limits = Limits::default();
        for pair in self.texts()?.chunks(2) {
            let [key, text] = pair else { return None };
            limits.set(key, text).ok()?;
        }
        Some(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front() -> FrontMatter {
        let mut front = FrontMatter {
            revision: "m".into(),
            down_revision: vec!["a".into(), "b".into()],
            depends_on: vec!["net".into()],
            branch_labels: vec!["l".into()],
            message: "é".into(),
            created: Some("2026".into()),
            ..FrontMatter::default()
        };
        front.options.transaction = TransactionMode::None;
        front.options.irreversible = true;
        front.options.limits.set("cpu", "1 s").unwrap();
        front.options.dependencies = Some("serde = \"1\"\n".into());
        front
    }

    fn file(body: &[u8]) -> Vec<u8> {
        [MAGIC, blake3::hash(body).as_bytes(), body].concat()
    }

    #[test]
    fn there_and_back() {
        let (full, empty) = (front(), FrontMatter::default());
        let now = UNIX_EPOCH + Duration::from_secs(100);
        let entries = [("a", 1, 7, &full), ("b", 2, 8, &empty), ("just now", 3, 99_990_000_000, &empty)];
        let bytes = file(&encode(entries.into_iter(), now));
        let mut index = Index(decode(&bytes).unwrap());
        assert_eq!(index.take("a", 1, 7), Some(full));
        assert_eq!(index.take("b", 2, 9), None);
        assert_eq!(index.take("just now", 3, 99_990_000_000), None);
        assert!(index.is_empty());
    }

    #[test]
    fn any_damage_is_no_index() {
        let full = front();
        let body = encode([("a", 1, 7, &full)].into_iter(), SystemTime::now());
        let bytes = file(&body);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(decode(&flipped).is_none(), "{at}");
        }
        // Cut with a digest that fits: only the reader's own care is left.
        for at in 1..body.len() {
            assert!(decode(&file(&body[..at])).is_none(), "{at}");
        }
    }
}
