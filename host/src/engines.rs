//! The script engines: components that run a script handed to them as data. A revision in a script language needs no toolchain
//! because of them, and a thousand such revisions are compiled once. Those for SQL and JavaScript are in the binary; Python's is
//! added once a machine, and is the one whose digest the binary knows.

use crate::versions::{Language, MAX_COMPONENT, section};
use std::borrow::Cow;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// An engine.
pub struct Engine {
    /// For the lock file: `sql engine 3f2a9c1d7e04`.
    pub name: &'static str,
    /// The component, where the binary carries it.
    carried: Option<&'static [u8]>,
    digest: LazyLock<String>,
}

/// Runs SQL revisions.
pub static SQL: Engine = Engine {
    name: "sql engine",
    carried: Some(include_bytes!("../../guest-sdk/engines/sql.wasm")),
    digest: LazyLock::new(|| digest_of(SQL.component())),
};

/// Runs JavaScript revisions, and what is left of TypeScript ones.
pub static JS: Engine = Engine {
    name: "js engine",
    carried: Some(include_bytes!("../../guest-sdk/engines/js.wasm")),
    digest: LazyLock::new(|| digest_of(JS.component())),
};

/// Runs Python revisions.
pub static PYTHON: Engine = Engine {
    name: "python engine",
    carried: None,
    digest: LazyLock::new(|| include_str!("../../guest-sdk/engines/python.digest").trim().to_owned()),
};

/// Why an engine cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was never added here.
    #[error("the {name} is not on this machine")]
    Missing {
        /// Which.
        name: &'static str,
    },
    /// A file that is not it.
    #[error("`{}` is not the {name} of this wmigrate: its digest is {found}, and not {expected}", .path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// Which it should be.
        name: &'static str,
        /// The digest of what is there.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A file that cannot be read.
    #[error("`{}` cannot be read", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that is no component.
    #[error("`{}` is no component", .path.display())]
    Component {
        /// The file.
        path: PathBuf,
        /// Why.
        source: section::Error,
    },
}

impl Engine {
    /// The engine of a language, if it is a script's.
    #[must_use]
    pub fn of(language: Language) -> Option<&'static Self> {
        match language {
            Language::Sql => Some(&SQL),
            Language::Js | Language::Ts => Some(&JS),
            Language::Py => Some(&PYTHON),
            _ => None,
        }
    }

    /// The component of one that the binary carries.
    #[must_use]
    pub fn component(&self) -> &'static [u8] {
        self.carried.expect("only asked of those that are carried")
    }

    /// blake3 of its code.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Name and version for the lock file.
    #[must_use]
    pub fn version(&self) -> String {
        format!("{} {}", self.name, self.digest().get(..12).unwrap_or_default())
    }

    /// Where one that is added lies; none of one that is carried.
    #[must_use]
    pub fn place(&self, folder: &Path) -> Option<PathBuf> {
        let short = self.digest().get(..16).unwrap_or_default();
        let language = self.name.split(' ').next().unwrap_or_default();
        self.carried.is_none().then(|| folder.join(format!("{language}-{short}.wasm")))
    }

    /// Whether it can be had, without reading it.
    pub fn check(&self, folder: &Path) -> Result<(), Error> {
        match self.place(folder) {
            Some(path) if !path.is_file() => Err(Error::Missing { name: self.name }),
            _ => Ok(()),
        }
    }

    /// Its component, which is what its digest says.
    pub fn load(&self, folder: &Path) -> Result<Cow<'static, [u8]>, Error> {
        self.check(folder)?;
        match (self.carried, self.place(folder)) {
            (Some(carried), _) => Ok(Cow::Borrowed(carried)),
            (None, Some(path)) => self.read(&path).map(Cow::Owned),
            (None, None) => unreachable!("what is not carried has a place"),
        }
    }

    /// The same from any file.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let unreadable = |source| Error::Read { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(unreadable)?;
        file.take(MAX_COMPONENT + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let found = section::code_digest(&bytes)
            .map_err(|source| Error::Component { path: path.to_owned(), source })?
            .to_hex()
            .to_string();
        if found == self.digest() {
            return Ok(bytes);
        }
        let expected = self.digest().to_owned();
        Err(Error::Other { path: path.to_owned(), name: self.name, found, expected })
    }

    /// Puts its component where it is looked for.
    pub fn add(&self, component: &[u8], folder: &Path) -> io::Result<PathBuf> {
        let path = self.place(folder).ok_or_else(|| io::Error::other("the binary carries it"))?;
        fs::create_dir_all(folder)?;
        let scratch = path.with_extension(format!("{}.part", std::process::id()));
        fs::write(&scratch, component)?;
        fs::rename(&scratch, &path)?;
        Ok(path)
    }
}

fn digest_of(component: &[u8]) -> String {
    section::code_digest(component).expect("the engines are components, and a test loads them").to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_must_be_it() {
        let folder = std::env::temp_dir().join(format!("wmigrate-engine-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        assert!(SQL.place(&folder).is_none() && SQL.load(&folder).is_ok());
        let missing = PYTHON.load(&folder).expect_err("it was never added").to_string();
        assert_eq!(missing, "the python engine is not on this machine");
        assert!(PYTHON.check(&folder).is_err());
        let other = PYTHON.add(SQL.component(), &folder).unwrap();
        assert!(PYTHON.check(&folder).is_ok());
        let refused = PYTHON.load(&folder).expect_err("it is another one").to_string();
        let expected = format!(
            "`{}` is not the python engine of this wmigrate: its digest is {}, and not {}",
            other.display(),
            SQL.digest(),
            PYTHON.digest()
        );
        assert_eq!(refused, expected);
        fs::write(&other, "hello").unwrap();
        assert!(matches!(PYTHON.load(&folder), Err(Error::Component { .. })));
        fs::remove_dir_all(&folder).unwrap();
    }
}
