//! The script engines that the binary carries: components that run a script handed to them as data. A revision in SQL or
//! JavaScript needs no toolchain because of them, and a thousand such revisions are compiled once.

use crate::versions::{Language, section};
use std::sync::LazyLock;

/// A prebuilt engine.
pub struct Engine {
    /// For the lock file: `sql engine 3f2a9c1d7e04`.
    pub name: &'static str,
    /// The component.
    pub component: &'static [u8],
    digest: LazyLock<String>,
}

/// Runs SQL revisions.
pub static SQL: Engine = Engine {
    name: "sql engine",
    component: include_bytes!("../../guest-sdk/engines/sql.wasm"),
    digest: LazyLock::new(|| digest_of(SQL.component)),
};

/// Runs JavaScript revisions.
pub static JS: Engine = Engine {
    name: "js engine",
    component: include_bytes!("../../guest-sdk/engines/js.wasm"),
    digest: LazyLock::new(|| digest_of(JS.component)),
};

impl Engine {
    /// The engine of a language, if it is a script's.
    #[must_use]
    pub fn of(language: Language) -> Option<&'static Self> {
        match language {
            Language::Sql => Some(&SQL),
            Language::Js | Language::Ts => Some(&JS),
            _ => None,
        }
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
}

fn digest_of(component: &[u8]) -> String {
    section::code_digest(component).expect("the engines are components, and a test loads them").to_hex().to_string()
}
