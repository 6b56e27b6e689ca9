//! Rights on objects of the application: what a plugin asks for, and what the operator grants. Everything that is not named
//! here it does not get; its own schema it always has.

use serde::Deserialize;
use std::fmt;

/// Entries of one list: a plugin that needs more is no plugin but the application.
const MOST: usize = 200;

/// PostgreSQL cuts longer names silently.
const NAME_BYTES: usize = 63;

/// Rights, as a manifest requests them and `[plugins.<name>]` grants them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// Tables or columns to read: SELECT.
    pub read: Vec<Table>,
    /// Tables or columns to write: INSERT, UPDATE and, of whole tables, DELETE.
    pub write: Vec<Table>,
    /// Tables or columns that foreign keys may point at: REFERENCES.
    pub reference: Vec<Table>,
    /// Extensions that must be there; wmigrate creates them.
    pub extensions: Vec<String>,
}

/// A table, or columns of it: `public.author`, `public.author(id, name)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Table {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// None: all of it.
    pub columns: Option<Vec<String>>,
}

/// What is wrong with a right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not `schema.table` or `schema.table(column, …)`.
    #[error("`{0}` is not `schema.table` or `schema.table(column, …)`")]
    Form(String),
    /// A schema that no plugin gets near.
    #[error("`{right}` is in the schema `{schema}`, of which nothing is granted to a plugin")]
    Forbidden {
        /// As it was written.
        right: String,
        /// The schema.
        schema: String,
    },
    /// A list that is too long.
    #[error("`{list}` has {count} entries; at most {MOST} are taken")]
    TooMany {
        /// The list.
        list: &'static str,
        /// Its length.
        count: usize,
    },
    /// The name of an extension.
    #[error("`{0}` cannot be the name of an extension")]
    Extension(String),
}

impl Rights {
    /// Whether all of it may be asked for. `bookkeeping` is wmigrate's own schema.
    pub fn check(&self, bookkeeping: &str) -> Result<(), Error> {
        for (list, tables) in self.lists() {
            if tables.len() > MOST {
                return Err(Error::TooMany { list, count: tables.len() });
            }
            for table in tables {
                let schema = &table.schema;
                let system = schema.starts_with("pg_") || schema == "information_schema" || schema == bookkeeping;
                if system {
                    return Err(Error::Forbidden { right: table.to_string(), schema: schema.clone() });
                }
            }
        }
        if self.extensions.len() > MOST {
            return Err(Error::TooMany { list: "extensions", count: self.extensions.len() });
        }
        let plain = |name: &&String| {
            !name.is_empty()
                && name.len() <= NAME_BYTES
                && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        };
        match self.extensions.iter().find(|name| !plain(name)) {
            Some(name) => Err(Error::Extension(name.clone())),
            None => Ok(()),
        }
    }

    /// What is asked for here and not granted there, one line a right.
    #[must_use]
    pub fn beyond(&self, granted: &Self) -> Vec<String> {
        let lists = self.lists().into_iter().zip(granted.lists());
        let tables = lists.flat_map(|((list, asked), (_, granted))| {
            asked
                .iter()
                .filter(|table| !granted.iter().any(|grant| grant.covers(table)))
                .map(move |table| format!("{list} {table}"))
        });
        let extensions = self.extensions.iter().filter(|name| !granted.extensions.contains(name));
        tables.chain(extensions.map(|name| format!("extension {name}"))).collect()
    }

    /// Each right in a line.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.beyond(&Self::default())
    }

    /// The lists of tables with their names.
    #[must_use]
    pub fn lists(&self) -> [(&'static str, &Vec<Table>); 3] {
        [("read", &self.read), ("write", &self.write), ("reference", &self.reference)]
    }
}

impl Table {
    /// Whether who has this has `other` too.
    fn covers(&self, other: &Self) -> bool {
        self.schema == other.schema
            && self.name == other.name
            && match (&self.columns, &other.columns) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(mine), Some(wanted)) => wanted.iter().all(|column| mine.contains(column)),
            }
    }

    /// Understands `schema.table(column, …)`, with quotes where SQL would want them.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Form(text.to_owned());
        let mut rest = text.trim();
        let schema = name(&mut rest).ok_or_else(wrong)?;
        rest = rest.strip_prefix('.').ok_or_else(wrong)?;
        let table = name(&mut rest).ok_or_else(wrong)?;
        rest = rest.trim_start();
        let columns = match rest.strip_prefix('(') {
            None if rest.is_empty() => None,
            None => return Err(wrong()),
            Some(inner) => {
                let mut inner = inner.strip_suffix(')').ok_or_else(wrong)?;
                let mut columns = Vec::new();
                loop {
                    inner = inner.trim_start();
                    columns.push(name(&mut inner).ok_or_else(wrong)?);
                    inner = inner.trim_start();
                    if inner.is_empty() {
                        break;
                    }
                    inner = inner.strip_prefix(',').ok_or_else(wrong)?;
                }
                Some(columns)
            }
        };
        Ok(Self { schema, name: table, columns })
    }
}

/// Takes a name off the front: folded to lower case unless it is quoted, as the server does.
fn name(rest: &mut &str) -> Option<String> {
    let taken = if let Some(quoted) = rest.strip_prefix('"') {
        let mut name = String::new();
        let mut chars = quoted.char_indices().peekable();
        loop {
            match chars.next()? {
                (_, '"') if chars.next_if(|(_, next)| *next == '"').is_some() => name.push('"'),
                (end, '"') => {
                    *rest = &quoted[end + 1..];
                    break;
                }
                (_, letter) => name.push(letter),
            }
        }
        name
    } else {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$'))).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        *rest = behind;
        name.to_lowercase()
    };
    let fits = !taken.is_empty() && taken.len() <= NAME_BYTES && !taken.contains('\0');
    fits.then_some(taken)
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", shown(&self.schema), shown(&self.name))?;
        match &self.columns {
            None => Ok(()),
            Some(columns) => {
                write!(f, "({})", columns.iter().map(|name| shown(name)).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

fn shown(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

impl TryFrom<String> for Table {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_as_sql_reads_it() {
        let check = |text: &str, expected: &str| {
            let got = Table::parse(text).map_or_else(|error| error.to_string(), |table| table.to_string());
            assert_eq!(got, expected);
            if let Ok(table) = Table::parse(text) {
                assert_eq!(Table::parse(&table.to_string()), Ok(table));
            }
        };
        check("public.author", "public.author");
        check(" Public.Author ( ID, Name ) ", "public.author(id, name)");
        check("public.\"Odd \"\"name\"", "public.\"Odd \"\"name\"");
        for wrong in ["author", "public.author(", "public.author()", "a.b.c", "public.author; DROP", "\"a.b", ""] {
            check(wrong, &format!("`{wrong}` is not `schema.table` or `schema.table(column, …)`"));
        }
    }

    fn rights(read: &[&str], extensions: &[&str]) -> Rights {
        Rights {
            read: read.iter().map(|text| Table::parse(text).unwrap()).collect(),
            extensions: extensions.iter().map(|name| (*name).to_owned()).collect(),
            ..Rights::default()
        }
    }

    #[test]
    fn what_was_granted_covers_what_is_asked() {
        let check = |asked: &Rights, granted: &Rights, expected: &[&str]| {
            assert_eq!(asked.beyond(granted), expected);
        };
        let asked = rights(&["public.a(id)", "public.b"], &["pg_trgm"]);
        check(&asked, &asked, &[]);
        check(&asked, &rights(&["public.a", "public.b"], &["pg_trgm"]), &[]);
        check(&asked, &rights(&["public.a(id, x)", "public.b(id)"], &[]), &["read public.b", "extension pg_trgm"]);
        check(&asked, &Rights::default(), &["read public.a(id)", "read public.b", "extension pg_trgm"]);
    }

    #[test]
    fn some_things_cannot_be_asked_for() {
        let check = |rights: Rights, expected: &str| {
            assert_eq!(rights.check("wmigrate").unwrap_err().to_string(), expected);
        };
        for schema in ["pg_catalog", "information_schema", "wmigrate", "pg_toast"] {
            let right = format!("{schema}.x");
            let text = format!("`{right}` is in the schema `{schema}`, of which nothing is granted to a plugin");
            check(rights(&[&right], &[]), &text);
        }
        check(rights(&[], &["x; DROP TABLE y"]), "`x; DROP TABLE y` cannot be the name of an extension");
        check(rights(&["a.b"; 201], &[]), "`read` has 201 entries; at most 200 are taken");
        assert_eq!(rights(&["public.a"], &["uuid-ossp"]).check("wmigrate"), Ok(()));
    }
}
