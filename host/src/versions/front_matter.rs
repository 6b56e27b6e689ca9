//! The comment block at the top of a revision's source that holds its metadata as TOML: finding, reading and writing it.
//! Works on text only; files and folders are `versions`' business, and what the ids mean is `graph`'s.

use toml::de::{DeTable, DeValue};

use super::language::Language;
use super::limits::{self, Limits};
use super::nearest::nearest;

/// The block must end within this many bytes of the file: a thousand times the usual one, and little enough to read for
/// every revision.
pub const MAX_FRONT_MATTER: usize = 64 * 1024;

/// The keys at the top level of the block.
const KEYS: [&str; 10] = [
    "revision",
    "down_revision",
    "depends_on",
    "branch_labels",
    "message",
    "created",
    "transaction",
    "irreversible",
    "limits",
    "dependencies",
];

/// Everything the block says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrontMatter {
    /// The id.
    pub revision: String,
    /// Ids of the parents: none at a base, several at a merge.
    pub down_revision: Vec<String>,
    /// Ids and labels of revisions that must be applied before.
    pub depends_on: Vec<String>,
    /// Labels declared here.
    pub branch_labels: Vec<String>,
    /// What it is about.
    pub message: String,
    /// When it was created, as written (RFC 3339 in files of ours).
    pub created: Option<String>,
    /// How it is to be run.
    pub options: Options,
}

/// How a revision is to be run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Around what a transaction goes.
    pub transaction: TransactionMode,
    /// There is no way back.
    pub irreversible: bool,
    /// The limits asked for; only lower ones than the project's are granted.
    pub limits: Limits,
    /// Cargo's `[dependencies]` of a Rust revision: the lines under that header.
    pub dependencies: Option<String>,
}

/// Around what a transaction goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TransactionMode {
    /// One transaction around the revision.
    #[default]
    Revision,
    /// None around the whole: durable, step by step.
    None,
}

impl TransactionMode {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Revision => "revision",
            Self::None => "none",
        }
    }

    /// From how it is written.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Revision, Self::None].into_iter().find(|mode| mode.as_str() == name)
    }
}

/// What is wrong with a block. [`Error::line`] says where, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file has no block.
    #[error("there is no `{comment} /// wmigrate` block at the top")]
    NoBlock {
        /// The language's comment sign.
        comment: &'static str,
    },
    /// There is a block, but below code or behind another comment sign.
    #[error("the `/// wmigrate` block must stand before the first code, each line behind `{comment}`")]
    Misplaced {
        /// The language's comment sign.
        comment: &'static str,
        /// Where it is.
        line: usize,
    },
    /// No closing line.
    #[error("the `/// wmigrate` block is not closed by a line `{comment} ///`")]
    NotClosed {
        /// The language's comment sign.
        comment: &'static str,
        /// The first line that does not belong to it.
        line: usize,
    },
    /// Longer than [`MAX_FRONT_MATTER`].
    #[error("the `/// wmigrate` block does not end within the first 64 KiB of the file")]
    TooBig,
    /// Not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8 {
        /// Where.
        line: usize,
    },
    /// Not TOML.
    #[error("the block is not TOML: {message}")]
    NotToml {
        /// The parser's words.
        message: String,
        /// Where.
        line: usize,
    },
    /// A key nobody knows.
    #[error("unknown key `{key}`{}", suggestion(.meant.as_ref()))]
    UnknownKey {
        /// The key.
        key: String,
        /// What it was meant to be.
        meant: Option<String>,
        /// Where.
        line: usize,
    },
    /// A value of the wrong type or content.
    #[error("`{key}` must be {wanted}, not {found}")]
    Value {
        /// The key.
        key: String,
        /// What fits.
        wanted: String,
        /// What is there.
        found: String,
        /// Where.
        line: usize,
    },
    /// No id.
    #[error("the block has no `revision`, the id")]
    NoRevisionId {
        /// The opening line.
        line: usize,
    },
}

impl Error {
    /// The line in the file, where one can be named.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::NoBlock { .. } | Self::TooBig => None,
            Self::Misplaced { line, .. }
            | Self::NotClosed { line, .. }
            | Self::NotUtf8 { line }
            | Self::NotToml { line, .. }
            | Self::UnknownKey { line, .. }
            | Self::Value { line, .. }
            | Self::NoRevisionId { line } => Some(*line),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoBlock { comment } => Some(format!(
                "`wmigrate revision` writes one; by hand it is `{comment} /// wmigrate`, `{comment} revision = \"…\"`, `{comment} ///`"
            )),
            Self::NotUtf8 { .. } => Some("save the file as UTF-8".to_owned()),
            Self::NotToml { .. } => Some("text goes in double quotes, as in `revision = \"3f2a9c1d7e04\"`".to_owned()),
            Self::NoRevisionId { .. } => Some("add `revision = \"…\"`; `wmigrate revision` makes up an id".to_owned()),
            Self::UnknownKey { key, .. } if limits::KEYS.contains(&key.as_str()) => {
                Some(format!("limits go in a table: `limits = {{ {key} = … }}`"))
            }
            Self::UnknownKey { .. } => Some(format!("the keys are {}", KEYS.map(|key| format!("`{key}`")).join(", "))),
            Self::Misplaced { .. } | Self::NotClosed { .. } | Self::TooBig | Self::Value { .. } => None,
        }
    }
}

/// Reads the block from the beginning of a file: all of it, or at least as much as holds the block.
pub fn parse(head: &[u8], language: Language) -> Result<FrontMatter, Error> {
    let comment = language.comment().unwrap_or("--");
    let text =
        std::str::from_utf8(head).map_err(|bad| Error::NotUtf8 { line: 1 + newlines(&head[..bad.valid_up_to()]) })?;
    let block = Block::find(text, comment)?;
    let table = DeTable::parse(&block.toml)
        .map_err(|bad| Error::NotToml { message: bad.message().to_owned(), line: block.line_of(bad.span()) })?;
    block.interpret(table.get_ref(), language)
}

/// The block for a new file, ending in a newline.
pub fn render(front: &FrontMatter, language: Language) -> String {
    let mut lines = vec!["/// wmigrate".to_owned(), format!("revision = {}", quoted(&front.revision))];
    let mut ids = |key: &str, ids: &[String]| match ids {
        [] => {}
        [one] => lines.push(format!("{key} = {}", quoted(one))),
        many => lines.push(format!("{key} = {}", list(many))),
    };
    ids("down_revision", &front.down_revision);
    ids("depends_on", &front.depends_on);
    lines.push(format!("message = {}", quoted(&front.message)));
    if let Some(created) = &front.created {
        let bare = created.parse::<toml::value::Datetime>().is_ok();
        lines.push(format!("created = {}", if bare { created.clone() } else { quoted(created) }));
    }
    if !front.branch_labels.is_empty() {
        lines.push(format!("branch_labels = {}", list(&front.branch_labels)));
    }
    if front.options.transaction != TransactionMode::default() {
        lines.push(format!("transaction = {}", quoted(front.options.transaction.as_str())));
    }
    if front.options.irreversible {
        lines.push("irreversible = true".to_owned());
    }
    if !front.options.limits.is_empty() {
        lines.push("[limits]".to_owned());
        lines.extend(front.options.limits.entries().iter().map(|(key, text)| format!("{key} = {}", quoted(text))));
    }
    if let Some(dependencies) = &front.options.dependencies {
        lines.push("[dependencies]".to_owned());
        lines.extend(dependencies.lines().map(str::to_owned));
    }
    lines.push("///".to_owned());
    let comment = language.comment().unwrap_or("--");
    lines.iter().map(|line| format!("{comment} {line}\n")).collect()
}

/// The TOML of a block and where it stands.
struct Block {
    toml: String,
    /// The opening line, counted from 1; the first line of `toml` is the next.
    line: usize,
}

impl Block {
    /// Blank lines, a `#!` line and other line comments (a licence, `@ts-check`) may stand before the block.
    fn find(text: &str, comment: &'static str) -> Result<Self, Error> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
        let opening = lines.by_ref().find_map(|(number, line)| match line.strip_prefix(comment) {
            Some(rest) => (rest.trim() == "/// wmigrate").then_some(Ok(number)),
            None if line.is_empty() || (number == 1 && line.starts_with("#!")) => None,
            None => Some(Err(number)),
        });
        let line = match opening {
            Some(Ok(line)) => line,
            Some(Err(first_code)) => return Err(no_block_above(text, first_code, comment)),
            None => return Err(Error::NoBlock { comment }),
        };
        let mut toml = String::new();
        for (number, content) in lines {
            let Some(rest) = content.strip_prefix(comment) else {
                return Err(Error::NotClosed { comment, line: number });
            };
            if rest.trim() == "///" {
                return Ok(Self { toml, line });
            }
            toml.push_str(rest.strip_prefix(' ').unwrap_or(rest));
            toml.push('\n');
        }
        Err(Error::NotClosed { comment, line })
    }

    fn line_of(&self, span: Option<std::ops::Range<usize>>) -> usize {
        let end = span.map_or(0, |span| span.start.min(self.toml.len()));
        // An error at the very end is one of the last line, not of the closing one.
        let before = &self.toml.as_bytes()[..end];
        let lines = newlines(before);
        self.line + 1 + lines.min(self.toml.lines().count().saturating_sub(1))
    }

    fn interpret(&self, table: &DeTable<'_>, language: Language) -> Result<FrontMatter, Error> {
        let mut front = FrontMatter::default();
        for (key, value) in table {
            let field = Field { key: key.get_ref(), value: value.get_ref(), line: self.line_of(Some(key.span())) };
            match field.key {
                "revision" => front.revision = field.id()?,
                "down_revision" => front.down_revision = field.texts()?,
                "depends_on" => front.depends_on = field.texts()?,
                "branch_labels" => front.branch_labels = field.texts()?,
                "message" => front.message = field.text()?,
                "created" => front.created = Some(field.moment()?),
                "transaction" => front.options.transaction = field.transaction()?,
                "irreversible" => {
                    front.options.irreversible =
                        field.value.as_bool().ok_or_else(|| field.wrong("`true` or `false`"))?;
                }
                "limits" => front.options.limits = self.limits(&field)?,
                "dependencies" if language == Language::Rust => {
                    front.options.dependencies = Some(field.dependencies()?);
                }
                "dependencies" => {
                    return Err(Error::Value {
                        key: field.key.to_owned(),
                        wanted: "left out: only Rust revisions have dependencies".to_owned(),
                        found: field.value.type_str().to_owned(),
                        line: field.line,
                    });
                }
                unknown => {
                    return Err(Error::UnknownKey {
                        key: unknown.to_owned(),
                        meant: nearest(unknown, &KEYS).map(str::to_owned),
                        line: field.line,
                    });
                }
            }
        }
        if table.get("revision").is_none() {
            return Err(Error::NoRevisionId { line: self.line });
        }
        Ok(front)
    }

    fn limits(&self, field: &Field<'_>) -> Result<Limits, Error> {
        let mut read = Limits::default();
        for (key, value) in field.value.as_table().ok_or_else(|| field.wrong("a table"))? {
            let line = self.line_of(Some(key.span()));
            let key: &str = key.get_ref();
            let text = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) => number.as_str().to_owned(),
                other => other.type_str().to_owned(),
            };
            read.set(key, &text).map_err(|bad| match bad {
                limits::Error::UnknownKey(_) => Error::UnknownKey {
                    key: format!("limits.{key}"),
                    meant: nearest(key, &limits::KEYS).map(str::to_owned),
                    line,
                },
                limits::Error::Size(_)
                | limits::Error::Duration(_)
                | limits::Error::Long(_)
                | limits::Error::Stack(_)
                | limits::Error::Count(_) => Error::Value {
                    key: format!("limits.{key}"),
                    wanted: bad
                        .to_string()
                        .split_once(" is not ")
                        .map_or_else(String::new, |(_, wanted)| wanted.to_owned()),
                    found: format!("`{text}`"),
                    line,
                },
            })?;
        }
        Ok(read)
    }
}

/// One key of the block and its value.
struct Field<'a> {
    key: &'a str,
    value: &'a DeValue<'a>,
    line: usize,
}

impl Field<'_> {
    fn wrong(&self, wanted: &str) -> Error {
        let found = match self.value {
            DeValue::String(text) if text.is_empty() => "empty".to_owned(),
            DeValue::String(text) => format!("`{}`", text.chars().take(40).collect::<String>()),
            DeValue::Array(_) => "a list".to_owned(),
            other => format!("a TOML {}", other.type_str()),
        };
        Error::Value { key: self.key.to_owned(), wanted: wanted.to_owned(), found, line: self.line }
    }

    fn text(&self) -> Result<String, Error> {
        self.value.as_str().map(str::to_owned).ok_or_else(|| self.wrong("text in quotes"))
    }

    fn id(&self) -> Result<String, Error> {
        let id = self.text()?;
        if id.is_empty() { Err(Error::NoRevisionId { line: self.line }) } else { Ok(id) }
    }

    /// A list, or one text for a list of one.
    fn texts(&self) -> Result<Vec<String>, Error> {
        let wanted = "an id in quotes or a list of them";
        let texts: Option<Vec<String>> = match self.value {
            DeValue::String(text) => Some(vec![text.to_string()]),
            DeValue::Array(list) => list.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        let texts = texts.ok_or_else(|| self.wrong(wanted))?;
        if texts.iter().any(String::is_empty) {
            return Err(Error::Value {
                key: self.key.to_owned(),
                wanted: "left out where there is none".to_owned(),
                found: "empty".to_owned(),
                line: self.line,
            });
        }
        Ok(texts)
    }

    fn moment(&self) -> Result<String, Error> {
        match self.value {
            DeValue::Datetime(moment) => Ok(moment.to_string()),
            DeValue::String(text) => Ok(text.to_string()),
            _ => Err(self.wrong("a time, as in `2026-11-22T14:10:00Z`")),
        }
    }

    fn transaction(&self) -> Result<TransactionMode, Error> {
        let mode = self.value.as_str().and_then(TransactionMode::from_name);
        mode.ok_or_else(|| self.wrong("\"revision\" or \"none\""))
    }

    fn dependencies(&self) -> Result<String, Error> {
        let table = self.value.as_table().ok_or_else(|| self.wrong("a table"))?;
        let lines =
            table.iter().map(|(name, value)| format!("{} = {}\n", key(name.get_ref()), inline(value.get_ref())));
        Ok(lines.collect())
    }
}

/// A value on one line, whatever form it was written in.
fn inline(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(moment) => moment.to_string(),
        DeValue::Array(items) => {
            format!("[{}]", items.iter().map(|item| inline(item.get_ref())).collect::<Vec<_>>().join(", "))
        }
        DeValue::Table(table) => {
            let pairs =
                table.iter().map(|(name, value)| format!("{} = {}", key(name.get_ref()), inline(value.get_ref())));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { name.to_owned() } else { quoted(name) }
}

/// TOML's basic string, always on one line: a block is made of lines.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Line and paragraph separator end a line in JavaScript.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                out.push_str(&format!("\\u{:04X}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

/// Tells a block that stands in the wrong place from none at all.
fn no_block_above(text: &str, first_code: usize, comment: &'static str) -> Error {
    let below =
        text.lines().enumerate().skip(first_code - 1).find(|(_, line)| line.trim_end().ends_with("/// wmigrate"));
    below.map_or(Error::NoBlock { comment }, |(number, _)| Error::Misplaced { comment, line: number + 1 })
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count() - 1
}

fn suggestion(meant: Option<&String>) -> String {
    meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQL: &str = "-- /// wmigrate\n-- revision = \"b\"\n-- down_revision = \"a\"\n-- ///\nSELECT 1;\n";

    /// `line: message` of what is wrong, or the ids.
    fn check(text: &str, want: &str) {
        check_in(Language::Sql, text, want);
    }

    fn check_in(language: Language, text: &str, want: &str) {
        let got = match parse(text.as_bytes(), language) {
            Ok(front) => format!("{} <- {}", front.revision, front.down_revision.join(",")),
            Err(error) => format!("{}: {error}", error.line().unwrap_or(0)),
        };
        assert_eq!(got, want, "{text}");
    }

    fn block(lines: &str) -> String {
        let body: String = lines.lines().map(|line| format!("-- {line}\n")).collect();
        format!("-- /// wmigrate\n{body}-- ///\n")
    }

    #[test]
    fn found_in_every_dress() {
        check(SQL, "b <- a");
        check(&SQL.replace('\n', "\r\n"), "b <- a");
        check(&format!("\u{feff}{SQL}"), "b <- a");
        check(&format!("\n\n-- licence\n{SQL}"), "b <- a");
        check(&SQL.replace("-- ", "  --   "), "b <- a");
        check_in(Language::Py, &format!("#!/usr/bin/python3\n{}", SQL.replace("--", "#")), "b <- a");
        check_in(Language::Js, &format!("#!/usr/bin/env node\n// @ts-check\n{}", SQL.replace("--", "//")), "b <- a");
        check_in(Language::Rust, &SQL.replace("--", "//"), "b <- a");
        check(&block("revision = \"m\"\ndown_revision = [\n  \"a\",\n  \"b\" ]"), "m <- a,b");
    }

    #[test]
    fn bad_blocks() {
        check("", "0: there is no `-- /// wmigrate` block at the top");
        check("SELECT 1;\n", "0: there is no `-- /// wmigrate` block at the top");
        check(
            &format!("SELECT 1;\n{SQL}"),
            "2: the `/// wmigrate` block must stand before the first code, each line behind `--`",
        );
        check_in(
            Language::Js,
            "# /// wmigrate\n# revision = \"a\"\n# ///\n",
            "1: the `/// wmigrate` block must stand before the first code, each line behind `//`",
        );
        check("-- /// wmigrate\n-- revision = \"a\"\n", "1: the `/// wmigrate` block is not closed by a line `-- ///`");
        check(
            "-- /// wmigrate\n-- revision = \"a\"\nSELECT 1;",
            "3: the `/// wmigrate` block is not closed by a line `-- ///`",
        );
        check(&block(""), "1: the block has no `revision`, the id");
        check(&block("revision = \"\""), "2: the block has no `revision`, the id");
        check(&block("message = \"x\""), "1: the block has no `revision`, the id");
        check(&block("revision = 12"), "2: `revision` must be text in quotes, not a TOML integer");
        check(&block("revision = [\"a\"]"), "2: `revision` must be text in quotes, not a list");
        check(&block("message = \"x\"\nrevison = \"a\""), "3: unknown key `revison`; did you mean `revision`?");
        check(&block("revision = \"a\"\ncolour = 1"), "3: unknown key `colour`");
        check(
            &block("revision = \"a\"\ndown_revision = \"\""),
            "3: `down_revision` must be left out where there is none, not empty",
        );
        check(
            &block("revision = \"a\"\ndepends_on = [1]"),
            "3: `depends_on` must be an id in quotes or a list of them, not a list",
        );
        check(
            &block("revision = \"a\"\ntransaction = \"no\""),
            "3: `transaction` must be \"revision\" or \"none\", not `no`",
        );
        check(
            &block("revision = \"a\"\nirreversible = \"yes\""),
            "3: `irreversible` must be `true` or `false`, not `yes`",
        );
        check(
            &block("revision = \"a\"\nlimits = { cpu = \"1 d\" }"),
            "3: `limits.cpu` must be a duration: a whole number and one of ms, s, min, h, as in `10 s`, not `1 d`",
        );
        check(
            &block("revision = \"a\"\n[limits]\nmemry = \"1 MiB\""),
            "4: unknown key `limits.memry`; did you mean `memory`?",
        );
        check(
            &block("revision = \"a\"\n[dependencies]\nserde = \"1\""),
            "3: `dependencies` must be left out: only Rust revisions have dependencies, not table",
        );
    }

    #[test]
    fn not_toml_names_the_line() {
        let line = |text: &str| match parse(block(text).as_bytes(), Language::Sql) {
            Err(Error::NotToml { line, message }) => {
                assert!(!message.contains('\n'), "{message}");
                line
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(line("revision = 3f2a9c1d7e04"), 2);
        assert_eq!(line("revision = \"a\"\nmessage = add a column"), 3);
        assert_eq!(line("revision = \"a\"\nrevision = \"b\""), 3);
        assert_eq!(line("revision = \"a\"\nmessage = \"open"), 3);
    }

    #[test]
    fn not_utf8_names_the_line() {
        let mut text = b"-- /// wmigrate\n-- message = \"caf".to_vec();
        text.push(0xE9);
        assert_eq!(parse(&text, Language::Sql), Err(Error::NotUtf8 { line: 2 }));
    }

    #[test]
    fn written_as_the_documentation_shows() {
        let mut front = FrontMatter {
            revision: "3f2a9c1d7e04".to_owned(),
            down_revision: vec!["1b07c2aa9e11".to_owned()],
            message: "add \"last\"\nlogin".to_owned(),
            created: Some("2026-11-22T14:10:00Z".to_owned()),
            ..FrontMatter::default()
        };
        let want = "-- /// wmigrate
-- revision = \"3f2a9c1d7e04\"
-- down_revision = \"1b07c2aa9e11\"
-- message = \"add \\\"last\\\"\\nlogin\"
-- created = 2026-11-22T14:10:00Z
-- ///
";
        assert_eq!(render(&front, Language::Sql), want);

        front.down_revision.push("other".to_owned());
        front.depends_on.push("net".to_owned());
        front.branch_labels = vec!["a".to_owned(), "b".to_owned()];
        front.options.transaction = TransactionMode::None;
        front.options.irreversible = true;
        front.options.limits.set("memory", "64 MiB").unwrap();
        front.options.dependencies = Some("serde = { features = [\"derive\"], version = \"1\" }\n".to_owned());
        let text = render(&front, Language::Rust);
        assert_eq!(parse(text.as_bytes(), Language::Rust), Ok(front), "{text}");
    }
}
