//! Compiled functions of this run, by their content. The components of one SDK share most of their functions (allocator,
//! conversions, glue), so the second component of a kind compiles only what its author wrote. In memory only: what is kept
//! from run to run is in `cache`, and authenticated.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Mutex;

/// Bytes kept. A Rust revision's functions take some 100 kB; a script engine's do not fit, and are compiled once anyway.
const SIZE: usize = 16 * 1024 * 1024;

/// Longest function kept, so that one giant does not fill the store.
const FUNCTION: usize = 256 * 1024;

#[derive(Debug, Default)]
pub(super) struct Functions(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    functions: HashMap<Vec<u8>, Vec<u8>>,
    size: usize,
}

impl wasmtime::CacheStore for Functions {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        let kept = self.0.lock().expect("no holder of this lock panics");
        kept.functions.get(key).map(|code| Cow::Owned(code.clone()))
    }

    fn insert(&self, key: &[u8], code: Vec<u8>) -> bool {
        let mut kept = self.0.lock().expect("no holder of this lock panics");
        let size = key.len() + code.len();
        if code.len() > FUNCTION || kept.size + size > SIZE {
            return false;
        }
        kept.size += size;
        kept.functions.insert(key.to_owned(), code);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::CacheStore as _;

    #[test]
    fn it_keeps_what_fits() {
        let functions = Functions::default();
        assert!(functions.insert(b"a", vec![1; 10]));
        assert_eq!(functions.get(b"a").as_deref(), Some(&[1; 10][..]));
        assert!(!functions.insert(b"giant", vec![0; FUNCTION + 1]));
        assert!((0u32..1000).any(|n| !functions.insert(&n.to_le_bytes(), vec![0; FUNCTION])), "it never fills up");
        assert!(functions.get(b"giant").is_none());
    }
}
