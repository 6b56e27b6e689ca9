//! Compiled code on disk, so that a component is compiled once a machine and not once a run.
//!
//! A compiled component is native code: loading one that somebody else wrote would run their code outside the sandbox. So
//! the cache is the user's own folder (0700), and each entry carries a keyed blake3 of its bytes, checked on the very bytes
//! that are then loaded. An entry that fails the check is compiled anew. Nothing here is ever read from a project.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of the code an entry authenticates itself with.
const MAC: usize = 32;

/// A compiled component is five to ten times its wasm, and components end at 64 MiB.
const ENTRY_LIMIT: u64 = 1024 * 1024 * 1024;

/// The folder and its key.
#[derive(Debug)]
pub struct Cache {
    place: Option<(PathBuf, [u8; 32])>,
}

/// Authenticated code, still behind its authenticator: an engine's is some 50 MB, which nobody moves for 32 bytes.
#[derive(Debug, PartialEq)]
pub(super) struct Entry(Vec<u8>);

impl std::ops::Deref for Entry {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0[MAC..]
    }
}

/// Something about the cache that the user should hear once; it never fails a run.
#[derive(Debug, thiserror::Error)]
pub enum CacheNote {
    /// The folder cannot be used.
    #[error("compiled components are not cached: `{}`: {cause}", .path.display())]
    Unusable {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

impl Cache {
    /// Opens the cache in `folder`, making it where it is missing. Without a folder, or with one that cannot be used,
    /// everything works and nothing is kept.
    #[must_use]
    pub fn open(folder: Option<&Path>) -> (Self, Option<CacheNote>) {
        let Some(folder) = folder else { return (Self { place: None }, None) };
        match prepare(folder).and_then(|()| key_of(folder)) {
            Ok(key) => (Self { place: Some((folder.to_owned(), key)) }, None),
            Err(cause) => (Self { place: None }, Some(CacheNote::Unusable { path: folder.to_owned(), cause })),
        }
    }

    /// The compiled code kept under `name`, if its bytes are those that were stored.
    #[must_use]
    pub(super) fn get(&self, name: &str) -> Option<Entry> {
        let (folder, key) = self.place.as_ref()?;
        let path = folder.join(name);
        if fs::metadata(&path).ok()?.len() > ENTRY_LIMIT {
            return None;
        }
        let entry = fs::read(&path).ok()?;
        let (stored, code) = entry.split_first_chunk::<MAC>()?;
        // `blake3::Hash` compares in constant time.
        (mac(key, name, code) == *stored).then_some(Entry(entry))
    }

    /// Keeps `code` under `name`. A reader sees all of it or nothing, and a full disk leaves nothing behind.
    pub(super) fn put(&self, name: &str, code: &[u8]) -> Option<CacheNote> {
        /// Two threads may compile the same code, which two revisions share: each writes a file of its own.
        static WRITES: AtomicU64 = AtomicU64::new(0);
        let (folder, key) = self.place.as_ref()?;
        let path = folder.join(name);
        let write = WRITES.fetch_add(1, Ordering::Relaxed);
        let scratch = folder.join(format!("{name}.{}.{write}.part", std::process::id()));
        let written = || -> io::Result<()> {
            let mut file = owner_only(fs::OpenOptions::new().write(true).create(true).truncate(true)).open(&scratch)?;
            file.write_all(mac(key, name, code).as_bytes())?;
            file.write_all(code)?;
            file.flush()?;
            fs::rename(&scratch, &path)
        };
        written().err().map(|cause| {
            let _ = fs::remove_file(&scratch);
            CacheNote::Unusable { path, cause }
        })
    }
}

/// The name is part of what is authenticated: an entry copied over another one is as foreign as any other.
fn mac(key: &[u8; 32], name: &str, code: &[u8]) -> blake3::Hash {
    blake3::Hasher::new_keyed(key).update(name.as_bytes()).update(&[0]).update(code).finalize()
}

fn prepare(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let meta = fs::metadata(folder)?;
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user"));
    }
    if meta.mode() & 0o077 != 0 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    if meta.mode() & 0o022 != 0 {
        // Others could write here: whoever left this key may have left entries that it vouches for.
        match fs::remove_file(folder.join("key")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn key_of(folder: &Path) -> io::Result<[u8; 32]> {
    let path = folder.join("key");
    if let Ok(bytes) = fs::read(&path)
        && let Ok(key) = <[u8; 32]>::try_from(bytes.as_slice())
    {
        return Ok(key);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
    // Two first runs at once: the rename decides, and the loser's entries merely fail their check.
    let scratch = folder.join(format!("key.{}.part", std::process::id()));
    owner_only(fs::OpenOptions::new().write(true).create(true).truncate(true)).open(&scratch)?.write_all(&key)?;
    fs::rename(&scratch, &path)?;
    let bytes = fs::read(&path)?;
    <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| io::Error::other("its key file is damaged"))
}

fn owner_only(options: &mut fs::OpenOptions) -> &mut fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("wmigrate-cache-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn an_entry_comes_back_only_as_it_was_stored() {
        let path = folder("entry");
        let (cache, note) = Cache::open(Some(&path));
        assert!(note.is_none());
        assert!(cache.put("a", b"native code").is_none());
        assert_eq!(cache.get("a").as_deref(), Some(&b"native code"[..]));

        // Altered, cut short, or another entry's bytes: each is as if it were missing.
        let stored = fs::read(path.join("a")).unwrap();
        let mut altered = stored.clone();
        *altered.last_mut().unwrap() ^= 1;
        for bytes in [&altered[..], &stored[..stored.len() - 1], &stored[..10], &[]] {
            fs::write(path.join("a"), bytes).unwrap();
            assert_eq!(cache.get("a"), None);
        }
        fs::write(path.join("b"), &stored).unwrap();
        assert_eq!(cache.get("b"), None);

        let (again, _) = Cache::open(Some(&path));
        fs::write(path.join("a"), &stored).unwrap();
        assert_eq!(again.get("a").as_deref(), Some(&b"native code"[..]), "the key outlives the process");
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn a_key_that_others_could_have_left_vouches_for_nothing() {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder("open");
        let (cache, _) = Cache::open(Some(&path));
        assert!(cache.put("a", b"code").is_none());
        for (mode, kept) in [(0o755, true), (0o730, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let (again, note) = Cache::open(Some(&path));
            assert!(note.is_none());
            assert_eq!(again.get("a").is_some(), kept, "{mode:o}");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        }
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn without_a_usable_folder_nothing_is_kept_and_nothing_fails() {
        let path = folder("file");
        fs::write(&path, b"in the way").unwrap();
        let (cache, note) = Cache::open(Some(&path.join("cache")));
        assert!(note.is_some());
        assert!(cache.put("a", b"code").is_none());
        assert_eq!(cache.get("a"), None);
        fs::remove_file(&path).unwrap();
    }
}
