//! What each language needs to become a component. Scripts need nothing but a check; compiled ones need their toolchain.
//! Blocking. Stamping metadata, digests and the lock file are the caller's.

mod c;
mod go;
pub mod rust;
pub mod script;
pub mod sql;
mod typescript;
mod workshop;

pub(super) use c::HEADER;
pub(super) use workshop::{write_if_changed, write_sdk};

use super::component;
use crate::versions::Language;
use std::io;
use std::path::{Path, PathBuf};

/// What is to be built.
#[derive(Debug)]
pub struct Order<'a> {
    /// The file or the folder, as the author would name it.
    pub source: &'a Path,
    /// The id of the revision.
    pub revision: &'a str,
    /// `dependencies` of the front matter, with the keys and values of the language's own table.
    pub dependencies: &'a toml::Table,
    /// A folder of the project for builds, shared by all revisions: the second one is fast.
    pub build_dir: &'a Path,
}

/// What came out.
#[derive(Debug)]
pub struct Built {
    /// The component, without our sections.
    pub component: Vec<u8>,
    /// For the lock file: `rustc 1.95.0`.
    pub toolchain: String,
    /// The compiler's warnings, empty if there were none.
    pub warnings: String,
}

/// What is wrong with a script, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Line in the file, from 1.
    pub line: u32,
    /// Column in the line, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No compiler that can do it; the text says which one to install, and how.
    #[error("{0}")]
    NoToolchain(&'static str),
    /// A program that is there did not start.
    #[error("cannot start `{program}`")]
    Start {
        /// Its name.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The compiler refused the source.
    #[error("`{}` does not compile\n{messages}", path.display())]
    Compile {
        /// The revision.
        path: PathBuf,
        /// What the compiler said, with the name of the source as the author knows it.
        messages: String,
    },
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder's own manifest is no TOML.
    #[error("`{}` is not valid TOML", path.display())]
    Manifest {
        /// Which.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// Something in the source folder is neither file nor folder, or its name is no UTF-8.
    #[error("`{}` is not an ordinary file with an ordinary name", path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// The source is too large to be one.
    #[error("`{}` makes the source larger than {megabytes} MiB or {files} files", path.display())]
    TooLarge {
        /// Where it became too much.
        path: PathBuf,
        /// The limit.
        megabytes: u64,
        /// The other limit.
        files: usize,
    },
    /// The module is larger than any runtime of ours would load.
    #[error("the compiled module of `{}` is larger than {megabytes} MiB", path.display())]
    ModuleTooLarge {
        /// The revision.
        path: PathBuf,
        /// The limit.
        megabytes: u64,
    },
    /// Compiled, but not to a revision.
    #[error(transparent)]
    Component(#[from] component::Error),
}

/// Builds one revision of a compiled language. Builds of a language in one project take turns.
pub fn build(language: Language, order: &Order<'_>) -> Result<Built, Error> {
    match language {
        Language::Rust => rust::build(order),
        Language::Go => go::build(order),
        Language::C | Language::Cpp | Language::Zig => c::build(language, order),
        language => unreachable!("{} is not compiled", language.name()),
    }
}
