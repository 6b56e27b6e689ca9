//! What an engine is handed for a revision that is a script: its text, mostly.

use super::{Finding, sql, typescript};
use crate::versions::{self, File, Language, source};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file in a folder of JavaScript or TypeScript that a bundler has made of the rest: it is run in place of the main file.
pub const BUNDLED: &str = "bundle.js";

/// Why there is nothing to hand over.
#[derive(Debug)]
pub enum Error {
    /// Something in the text.
    Finding(Finding),
    /// Another file of the folder.
    Versions(versions::Error),
}

impl From<Finding> for Error {
    fn from(finding: Finding) -> Self {
        Self::Finding(finding)
    }
}

impl From<versions::Error> for Error {
    fn from(error: versions::Error) -> Self {
        Self::Versions(error)
    }
}

/// The JavaScript in a text of TypeScript.
pub fn erase(text: &str) -> Result<String, Finding> {
    typescript::erase(text)
}

/// The payload of a revision whose main file holds `text`.
pub fn payload(file: &File, text: String) -> Result<String, Error> {
    Ok(match file.language {
        Language::Js | Language::Ts => match bundled(file)? {
            Some(bundle) => bundle,
            None if file.language == Language::Ts => typescript::erase(&text)?,
            None => text,
        },
        Language::Py => match &file.folder {
            Some(folder) => package(folder)?,
            None => text,
        },
        _ => text,
    })
}

/// The same, after what can be known to be wrong with it.
pub fn checked(file: &File, text: String, transactional: bool) -> Result<String, Error> {
    if file.language == Language::Sql {
        sql::check(&text, transactional)?;
    }
    payload(file, text)
}

/// The file whose text is run, for messages.
#[must_use]
pub fn place(file: &File) -> PathBuf {
    let bundle = file.folder.as_ref().map(|folder| folder.join(BUNDLED));
    bundle.filter(|path| path.exists()).unwrap_or_else(|| file.path.clone())
}

/// All texts of a folder in Python, as its engine imports them.
fn package(folder: &Path) -> Result<String, versions::Error> {
    let files: BTreeMap<String, String> = source::texts(folder)?.into_iter().collect();
    // In this order: the engine knows by the beginning what it is.
    let files = serde_json::to_string(&files).expect("texts by names are JSON");
    Ok(format!("{{\"wmigrate-bundle\":1,\"main\":\"main.py\",\"files\":{files}}}"))
}

fn bundled(file: &File) -> Result<Option<String>, versions::Error> {
    let Some(path) = file.folder.as_ref().map(|folder| folder.join(BUNDLED)).filter(|path| path.exists()) else {
        return Ok(None);
    };
    source::read_text(&path).map(Some)
}
