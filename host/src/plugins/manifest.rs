//! `plugin.toml`: who a plugin is, and what it requests.

use super::rights::{self, Rights};
use crate::versions::Limits;
use serde::Deserialize;

/// Name of the file in a plugin's folder.
pub const FILE_NAME: &str = "plugin.toml";

/// A manifest is written by hand, and shown whole.
pub const MAX_MANIFEST: u64 = 256 * 1024;

/// Characters of what is shown in a line.
const LINE: usize = 200;

/// A name is part of the role's, which has the database's oid too, and is the schema's.
const NAME: usize = 40;

/// What a manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Its name: label of its line of revisions, and of its schema.
    pub name: String,
    /// `1.2.0`; later versions compare greater, number by number.
    pub version: String,
    /// Who publishes it.
    pub publisher: String,
    /// One line.
    #[serde(default)]
    pub summary: String,
    /// What it asks for.
    #[serde(default)]
    pub request: Request,
}

/// What a plugin asks for beside its own schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Request {
    /// Tables to read: see [`Rights`].
    pub read: Vec<rights::Table>,
    /// Tables to write.
    pub write: Vec<rights::Table>,
    /// Tables to point at.
    pub reference: Vec<rights::Table>,
    /// Extensions.
    pub extensions: Vec<String>,
    /// Limits beyond the defaults.
    pub limits: Limits,
}

impl Request {
    /// The rights alone.
    #[must_use]
    pub fn rights(&self) -> Rights {
        Rights {
            read: self.read.clone(),
            write: self.write.clone(),
            reference: self.reference.clone(),
            extensions: self.extensions.clone(),
        }
    }
}

/// What is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not TOML, or not with these keys.
    #[error("`{FILE_NAME}`{} is wrong: {message}", .line.map(|line| format!(", line {line},")).unwrap_or_default())]
    Syntax {
        /// Where.
        line: Option<usize>,
        /// The parser's words.
        message: String,
    },
    /// The name cannot be a plugin's.
    #[error(
        "`{0}` cannot be a plugin's name: lower-case letters, digits and `_`, at most {NAME}, beginning with a letter"
    )]
    Name(String),
    /// The version is none.
    #[error("`{0}` is not a version: numbers with dots between them, as in `1.2.0`")]
    Version(String),
    /// A line that is empty, too long, or moves the cursor of who reads it.
    #[error("`{0}` in `{FILE_NAME}` must be one line of text, of at most {LINE} characters")]
    Line(&'static str),
    /// A right that nobody can have.
    #[error(transparent)]
    Rights(#[from] rights::Error),
}

impl Manifest {
    /// Understands the text. `bookkeeping` is wmigrate's own schema.
    pub fn parse(text: &str, bookkeeping: &str) -> Result<Self, Error> {
        let manifest: Self = toml::from_str(text).map_err(|bad| Error::Syntax {
            line: bad.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count()),
            message: bad.message().to_owned(),
        })?;
        check_name(&manifest.name, bookkeeping)?;
        if numbers(&manifest.version).is_none() {
            return Err(Error::Version(manifest.version));
        }
        let lines = [("publisher", &manifest.publisher, false), ("summary", &manifest.summary, true)];
        for (key, line, may_be_empty) in lines {
            let fits = line.chars().count() <= LINE && !line.chars().any(char::is_control);
            if !fits || (!may_be_empty && line.trim().is_empty()) {
                return Err(Error::Line(key));
            }
        }
        manifest.request.rights().check(bookkeeping)?;
        Ok(manifest)
    }

    /// Whether it is an older version than `other`.
    #[must_use]
    pub fn is_older_than(&self, other: &str) -> bool {
        numbers(&self.version) < numbers(other)
    }
}

/// Whether a plugin may be called so.
pub fn check_name(name: &str, bookkeeping: &str) -> Result<(), Error> {
    /// Schemas that are somebody's, and words that targets use.
    const TAKEN: [&str; 7] = ["public", "information_schema", "wmigrate", "head", "heads", "base", "current"];
    let plain = name.len() <= NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain && !TAKEN.contains(&name) && !name.starts_with("pg_") && name != bookkeeping {
        Ok(())
    } else {
        Err(Error::Name(name.chars().filter(|c| !c.is_control()).take(LINE).collect()))
    }
}

/// A version as numbers, without zeroes at its end.
fn numbers(version: &str) -> Option<Vec<u32>> {
    let mut numbers = version
        .split('.')
        .map(|part| if part.starts_with('+') { None } else { part.parse().ok() })
        .collect::<Option<Vec<u32>>>()
        .filter(|numbers| (1..=4).contains(&numbers.len()))?;
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Manifest, String> {
        Manifest::parse(text, "wmigrate").map_err(|error| error.to_string())
    }

    #[test]
    fn a_manifest_is_read() {
        let text = "name = \"notes\"\nversion = \"1.2.0\"\npublisher = \"Acme\"\n[request]\nread = [\"public.author(id)\"]\n\
                    [request.limits]\nmemory = \"512 MiB\"\n";
        let manifest = parse(text).unwrap();
        assert_eq!(manifest.request.rights().lines(), ["read public.author(id)"]);
        assert_eq!(manifest.request.limits.memory, Some(512 << 20));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |text: &str, expected: &str| assert_eq!(parse(text).unwrap_err(), expected);
        let with = |name: &str, version: &str, more: &str| {
            format!("name = \"{name}\"\nversion = \"{version}\"\npublisher = \"Acme\"\n{more}")
        };
        check("name = 1", "`plugin.toml`, line 1, is wrong: invalid type: integer `1`, expected a string");
        for name in ["", "Notes", "1st", "public", "pg_notes", "a-b", "wmigrate", "head"] {
            check(
                &with(name, "1", ""),
                &format!(
                    "`{name}` cannot be a plugin's name: lower-case letters, digits and `_`, at most 40, beginning with a letter"
                ),
            );
        }
        for version in ["", "v1", "1..2", "1.2.3.4.5", "+1"] {
            check(
                &with("notes", version, ""),
                &format!("`{version}` is not a version: numbers with dots between them, as in `1.2.0`"),
            );
        }
        check(
            &with("notes", "1", "summary = \"a\\nb\"\n"),
            "`summary` in `plugin.toml` must be one line of text, of at most 200 characters",
        );
        check(
            &with("notes", "1", "[request]\nread = [\"pg_catalog.pg_authid\"]\n"),
            "`pg_catalog.pg_authid` is in the schema `pg_catalog`, of which nothing is granted to a plugin",
        );
        assert!(parse(&with("notes", "1", "[request]\nadmin = true\n")).unwrap_err().contains("unknown field `admin`"));
    }

    #[test]
    fn versions_are_compared_by_number() {
        let of = |version: &str| parse(&format!("name = \"a\"\nversion = \"{version}\"\npublisher = \"b\"")).unwrap();
        assert!(of("1.9").is_older_than("1.10"));
        assert!(!of("1.10").is_older_than("1.9"));
        assert!(!of("1.0").is_older_than("1"));
    }
}
