//! Cuts a SQL script into the statements psql would send, so that each can go to the server on its own. What psql
//! itself acts on (backslash commands, COPY data) is an error with its line; psql variables stay as they are written.
//! Whether a statement is allowed is not decided here but in `gate` and `advice`.

use super::gate::{self, ClientCopy};
use super::lex::{self, BYTE_ORDER_MARK, Kind, Lexer, Position, Token};

/// The longest script: as much as one statement may have, since a script may be one statement.
pub const MAX_SCRIPT_BYTES: usize = 16 * 1024 * 1024;

/// The most statements of one script. A million `;a` would fit in a script and cost a round trip each.
pub const MAX_STATEMENTS: usize = 100_000;

/// The longest part of a psql command that an error repeats.
const MAX_COMMAND_CHARS: usize = 20;

/// One statement of a script, from its first token to its last, without the `;`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement<'a> {
    /// A slice of the script, comments between the tokens included.
    pub text: &'a str,
    /// The byte of the script it begins at.
    pub offset: usize,
    /// The line of its first token, from 1.
    pub line: u32,
    /// The column of its first token in characters, from 1.
    pub column: u32,
}

/// Why a script cannot be cut into statements.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An open quote or comment, or a zero byte.
    #[error(transparent)]
    Lex(#[from] lex::Error),
    /// More than `MAX_SCRIPT_BYTES`.
    #[error("the script has {bytes} bytes, more than the {MAX_SCRIPT_BYTES} it may have")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// More than `MAX_STATEMENTS`.
    #[error("the script has more than the {MAX_STATEMENTS} statements it may have, the first one too many at {at}")]
    TooMany {
        /// Where the first one too many begins.
        at: Position,
    },
    /// A backslash outside quotes.
    #[error("the psql command `{command}` at {at} is not SQL")]
    PsqlCommand {
        /// The command with its backslash.
        command: String,
        /// Where the backslash is.
        at: Position,
    },
    /// `COPY … FROM STDIN`, which wants lines of data after it.
    #[error("`COPY … FROM STDIN` at {at} needs a data stream, which a script does not have")]
    CopyData {
        /// Where the statement begins.
        at: Position,
    },
    /// A `(` without its `)`, which makes the rest of the script one statement.
    #[error("the `(` at {at} is never closed")]
    OpenParenthesis {
        /// Where it is.
        at: Position,
    },
    /// A function body without its `END`, which makes the rest of the script one statement.
    #[error("the function body that opens with `BEGIN` at {at} has no matching `END`")]
    OpenBody {
        /// Where the `BEGIN` is.
        at: Position,
    },
}

impl Error {
    /// Where in the script, where it is one place.
    pub const fn position(&self) -> Option<Position> {
        match self {
            Self::Lex(error) => Some(error.position()),
            Self::TooLong { .. } => None,
            Self::TooMany { at }
            | Self::PsqlCommand { at, .. }
            | Self::CopyData { at }
            | Self::OpenParenthesis { at }
            | Self::OpenBody { at } => Some(*at),
        }
    }

    /// What to do about it, where there is something to say.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Lex(_) | Self::OpenParenthesis { .. } => None,
            Self::TooLong { .. } | Self::TooMany { .. } => {
                Some("divide the script into several revisions, or generate the rows in SQL or in code")
            }
            Self::PsqlCommand { .. } => Some("remove the line: only psql itself understands commands with a backslash"),
            Self::CopyData { .. } => {
                Some("write the rows as `INSERT … VALUES`, or insert them from code with `execute-many`")
            }
            Self::OpenBody { .. } => {
                Some("add the `END`; a name that is spelled `begin`, `case` or `end` needs double quotes")
            }
        }
    }
}

/// Cuts a script into its statements, in order. Pieces without a token yield nothing.
///
/// A `;` ends a statement unless it stands in parentheses or in an SQL-standard function body. Two things psql
/// gets wrong are not repeated, here the server's rule counts: psql forgets the `E` of a string that goes on in the next
/// line, and takes the `:a` of `x[1:a$b$]` for one of its variables and so `$b$` for a quote.
pub fn split(script: &str) -> Result<Vec<Statement<'_>>, Error> {
    if script.len() > MAX_SCRIPT_BYTES {
        return Err(Error::TooLong { bytes: script.len() });
    }
    lex::refuse_zero_byte(script)?;
    let begin = if script.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
    let mut splitter = Splitter {
        script,
        statements: Vec::new(),
        counted: begin,
        place: Position { line: 1, column: 1 },
        piece: None,
        parentheses: Nesting::default(),
        body: Body::default(),
    };
    for token in Lexer::starting_at(script, begin) {
        splitter.token(token?)?;
    }
    splitter.end()?;
    Ok(splitter.statements)
}

struct Splitter<'a> {
    script: &'a str,
    statements: Vec<Statement<'a>>,
    /// How far lines have been counted, and the place that is.
    counted: usize,
    place: Position,
    /// The bytes of the statement being read.
    piece: Option<(usize, usize)>,
    parentheses: Nesting,
    body: Body,
}

impl<'a> Splitter<'a> {
    fn token(&mut self, token: Token<'a>) -> Result<(), Error> {
        match token.kind {
            Kind::Semicolon if self.parentheses.depth == 0 && self.body.begins.depth == 0 => return self.finish(),
            Kind::Semicolon => {
                self.body.semicolon = true;
                return Ok(());
            }
            Kind::Backslash => return Err(self.psql_command(token.offset)),
            Kind::Open => self.parentheses.open(token.offset),
            Kind::Close => self.parentheses.close(),
            Kind::Word => self.body.word(token, self.parentheses.depth == 0),
            Kind::QuotedName | Kind::Literal | Kind::Number | Kind::Parameter | Kind::Dot | Kind::Symbol => {}
        }
        self.body.runs_on |= self.body.semicolon;
        self.piece = Some((self.piece.map_or(token.offset, |(start, _)| start), token.end()));
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.body = Body::default();
        let Some((start, end)) = self.piece.take() else {
            return Ok(());
        };
        let text = &self.script[start..end];
        let at = self.advance_place(start);
        if gate::client_copy(text) == Some(ClientCopy::In) {
            return Err(Error::CopyData { at });
        }
        if self.statements.len() == MAX_STATEMENTS {
            return Err(Error::TooMany { at });
        }
        self.statements.push(Statement { text, offset: start, line: at.line, column: at.column });
        Ok(())
    }

    /// At the end psql sends what it has. An open parenthesis there can only be a mistake, and so is an open body
    /// which has swallowed other statements; without any, `begin` was just the name of something.
    fn end(&mut self) -> Result<(), Error> {
        if self.parentheses.depth > 0 {
            return Err(Error::OpenParenthesis { at: lex::position(self.script, self.parentheses.outermost) });
        }
        if self.body.begins.depth > 0 && self.body.runs_on {
            return Err(Error::OpenBody { at: lex::position(self.script, self.body.begins.outermost) });
        }
        self.finish()
    }

    fn psql_command(&self, offset: usize) -> Error {
        let command = self.script[offset..].chars().take(MAX_COMMAND_CHARS);
        let command = command.take_while(|c| !c.is_whitespace() && !c.is_control()).collect();
        Error::PsqlCommand { command, at: lex::position(self.script, offset) }
    }

    /// Counts on from the last place asked for, so that a long script is counted once.
    fn advance_place(&mut self, offset: usize) -> Position {
        for c in self.script[self.counted..offset].chars() {
            if c == '\n' {
                self.place = Position { line: self.place.line + 1, column: 1 };
            } else {
                self.place.column += 1;
            }
        }
        self.counted = offset;
        self.place
    }
}

/// How deep we are, and where the outermost level was opened.
#[derive(Default)]
struct Nesting {
    depth: usize,
    outermost: usize,
}

impl Nesting {
    const fn open(&mut self, offset: usize) {
        if self.depth == 0 {
            self.outermost = offset;
        }
        self.depth += 1;
    }

    const fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }
}

/// Follows `BEGIN ATOMIC … END` by psql's own rule: in a statement that begins with CREATE [OR REPLACE]
/// {FUNCTION | PROCEDURE}, outside parentheses, BEGIN opens a level, END closes one, and so do CASE and its END within.
/// The rule knows words and not grammar, as psql's; being cleverer would cut some scripts elsewhere than psql does.
#[derive(Default)]
struct Body {
    head: Head,
    begins: Nesting,
    /// A `;` has been passed over, and after it something else came.
    semicolon: bool,
    runs_on: bool,
}

/// How much of `CREATE [OR REPLACE] {FUNCTION | PROCEDURE}` has been read.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Head {
    #[default]
    Start,
    Create,
    CreateOr,
    CreateOrReplace,
    Routine,
    /// `CREATE SCHEMA`, whose elements are CREATE statements too; functions among them since PostgreSQL 19.
    Schema(Element),
    Other,
}

/// The same, for the element of a `CREATE SCHEMA` being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    Create,
    CreateOr,
    CreateOrReplace,
    Routine,
    Other,
}

impl Body {
    fn word(&mut self, token: Token<'_>, top_level: bool) {
        self.head = self.head.next(token, self.begins.depth > 0);
        if !top_level || !matches!(self.head, Head::Routine | Head::Schema(Element::Routine)) {
            return;
        }
        if token.is("begin") || (token.is("case") && self.begins.depth > 0) {
            self.begins.open(token.offset);
        } else if token.is("end") {
            self.begins.close();
        }
    }
}

impl Head {
    fn next(self, token: Token<'_>, in_body: bool) -> Self {
        let routine = token.is("function") || token.is("procedure");
        match self {
            Self::Start if token.is("create") => Self::Create,
            Self::Create if token.is("or") => Self::CreateOr,
            Self::Create if token.is("schema") => Self::Schema(Element::Other),
            Self::CreateOr if token.is("replace") => Self::CreateOrReplace,
            Self::Create | Self::CreateOrReplace if routine => Self::Routine,
            Self::Schema(element) if !in_body => Self::Schema(element.next(token, routine)),
            Self::Routine | Self::Schema(_) => self,
            Self::Start | Self::Create | Self::CreateOr | Self::CreateOrReplace | Self::Other => Self::Other,
        }
    }
}

impl Element {
    fn next(self, token: Token<'_>, routine: bool) -> Self {
        if token.is("create") {
            return Self::Create;
        }
        match self {
            Self::Create if token.is("or") => Self::CreateOr,
            Self::CreateOr if token.is("replace") => Self::CreateOrReplace,
            Self::Create | Self::CreateOrReplace if routine => Self::Routine,
            Self::Routine => self,
            Self::Create | Self::CreateOr | Self::CreateOrReplace | Self::Other => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{advice, parameters};

    fn check(script: &str, expected: &[&str]) {
        let texts: Vec<&str> = split(script).unwrap().iter().map(|statement| statement.text).collect();
        assert_eq!(texts, expected, "{script:?}");
    }

    fn check_error(script: &str, expected: &str) {
        assert_eq!(split(script).unwrap_err().to_string(), expected, "{script:?}");
    }

    #[test]
    fn plain() {
        check("", &[]);
        check("\u{feff}", &[]);
        check(" ;; /* ; */ ; -- ;\n;", &[]);
        check("-- only\r\n/* comments */", &[]);
        check("SELECT 1", &["SELECT 1"]);
        check("\u{feff}SELECT 1;\r\nSELECT 2;\r\n", &["SELECT 1", "SELECT 2"]);
        check("a;b ; c -- d\n", &["a", "b", "c"]);
        check("-- a;\nSELECT /* ; */ 1 -- ;\n, 2; -- b", &["SELECT /* ; */ 1 -- ;\n, 2"]);
        check("SELECT 'é;' , \"ü;\";ñ", &["SELECT 'é;' , \"ü;\"", "ñ"]);
    }

    #[test]
    fn quotes() {
        check(r"SELECT E'a\';b', 'c\'; d", &[r"SELECT E'a\';b', 'c\'", "d"]);
        check("SELECT e'a'\n'\\';' ; b", &["SELECT e'a'\n'\\';'", "b"]);
        check("/* it's /* nested; */ ; */ SELECT 1; -- don't;\nb", &["SELECT 1", "b"]);
        check("DO $$ BEGIN; ' END $$; b", &["DO $$ BEGIN; ' END $$", "b"]);
        check("a $f$ ; $$ ; $g$ ; $f; $f$ ; b", &["a $f$ ; $$ ; $g$ ; $f; $f$", "b"]);
        check("a$b$;c$b$;$1;", &["a$b$", "c$b$", "$1"]);
        check("x[1:a$$ ;b$$]", &["x[1:a$$", "b$$]"]);
        check("U&'\\';b", &["U&'\\'", "b"]);
    }

    #[test]
    fn parentheses() {
        check(
            "CREATE RULE r AS ON INSERT TO t DO (DELETE FROM u; NOTIFY x); b",
            &["CREATE RULE r AS ON INSERT TO t DO (DELETE FROM u; NOTIFY x)", "b"],
        );
        check("a); b", &["a)", "b"]);
        check_error("a;\n (b;c\n(;", "the `(` at line 2 column 2 is never closed");
    }

    #[test]
    fn function_bodies() {
        let plain = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END";
        check(&format!("{plain}; b"), &[plain, "b"]);
        let nested = "create or replace procedure p(begin int)\nbegin atomic select case when true then 1 end; \
                      select (case 1 when 1 then (case 2 when 2 then 1 end) end); end";
        check(&format!("{nested};{nested}"), &[nested, nested]);
        check("CREATE TABLE t (); BEGIN; END; b", &["CREATE TABLE t ()", "BEGIN", "END", "b"]);
        check("CREATE VIEW function AS SELECT begin; b", &["CREATE VIEW function AS SELECT begin", "b"]);
        check("CREATE FUNCTION \"begin\"(); b", &["CREATE FUNCTION \"begin\"()", "b"]);
        check("CREATE FUNCTION begin() RETURN 1;", &["CREATE FUNCTION begin() RETURN 1"]);
        let schema = "CREATE SCHEMA s CREATE TABLE t () CREATE FUNCTION f() BEGIN ATOMIC CREATE; SELECT CASE 1 END; END \
                      CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC ; END CREATE VIEW v AS SELECT begin";
        check(&format!("{schema};b"), &[schema, "b"]);
        check_error(
            "\nCREATE FUNCTION f() BEGIN ATOMIC SELECT 1; SELECT 2",
            "the function body that opens with `BEGIN` at line 2 column 21 has no matching `END`",
        );
    }

    #[test]
    fn psql_only() {
        check_error("SELECT 1;\n\\i other.sql\n", "the psql command `\\i` at line 2 column 1 is not SQL");
        check_error("SELECT 1 \\gset x_", "the psql command `\\gset` at line 1 column 10 is not SQL");
        check_error("a\\; b", "the psql command `\\;` at line 1 column 2 is not SQL");
        check_error("1\n2\t3\n\\.\n", "the psql command `\\.` at line 3 column 1 is not SQL");
        check_error(
            "a;\n  COPY t (a) FROM stdin;\n1\tit's\n\\.\n",
            "`COPY … FROM STDIN` at line 2 column 3 needs a data stream, which a script does not have",
        );
        check("COPY t TO STDOUT", &["COPY t TO STDOUT"]);
    }

    #[test]
    fn limits() {
        check_error("a'", "the string that begins at line 1 column 2 is never closed");
        check_error("a;\0", "a zero byte at line 1 column 3, which SQL text cannot hold");
        let most = "a;".repeat(MAX_STATEMENTS);
        assert_eq!(split(&most).unwrap().len(), MAX_STATEMENTS);
        check_error(
            &format!("{most}\nb"),
            "the script has more than the 100000 statements it may have, the first one too many at line 2 column 1",
        );
        check_error(
            &" ".repeat(MAX_SCRIPT_BYTES + 1),
            "the script has 16777217 bytes, more than the 16777216 it may have",
        );
    }

    #[test]
    fn places() {
        let script = "\u{feff}é; b;\n\n  c\r\n;ü d";
        let places: Vec<_> = split(script).unwrap().iter().map(|s| (s.text, s.offset, s.line, s.column)).collect();
        assert_eq!(places, [("é", 3, 1, 1), ("b", 7, 1, 4), ("c", 13, 3, 3), ("ü d", 17, 4, 2)]);
    }

    /// Pieces that mean something to the scanner, so that random runs of them meet its corners.
    const PIECES: &[&str] = &[
        "'",
        "''",
        "E'",
        "e'\\'",
        "U&'",
        "U&\"",
        "b'",
        "n'",
        "\"",
        "$$",
        "$a$",
        "$é$",
        "$1",
        "$",
        "a$",
        "--",
        "/*",
        "*/",
        "\n",
        "\r\n",
        "\r",
        " ",
        "\t",
        ";",
        ";",
        ";",
        "(",
        ")",
        ".",
        ",",
        "+",
        "-",
        "1",
        "1e",
        "1e-",
        "0x",
        "é",
        "🐘",
        "\u{feff}",
        "CREATE ",
        "OR ",
        "REPLACE ",
        "FUNCTION ",
        "SCHEMA ",
        "BEGIN ",
        "CASE ",
        " END",
        "COPY ",
        "FROM ",
        "TO ",
        "STDIN",
        "SET ",
        "SESSION ",
        "ALTER ",
        "TYPE ",
        "ADD VALUE ",
        "REINDEX ",
        "CONCURRENTLY ",
        "DECLARE ",
        "WITH ",
        "HOLD ",
        "COMMIT",
        "x",
        "\\",
        "\0",
    ];

    #[test]
    fn random_scripts() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed % u64::try_from(below).unwrap()).unwrap()
        };
        let (mut cut, mut statements) = (0, 0);
        for _ in 0..20_000 {
            // The last two pieces always fail, so most scripts do without them.
            let pieces = PIECES.len() - if random(10) == 0 { 0 } else { 2 };
            let script: String = (0..random(24)).map(|_| PIECES[random(pieces)]).collect();
            let _ = parameters::inline(&script, &[Some("a\\'".to_owned())]);
            let Ok(found) = split(&script) else { continue };
            cut += 1;
            statements += found.len();
            let mut end = 0;
            for statement in &found {
                assert!(statement.offset >= end, "{script:?}");
                end = statement.offset + statement.text.len();
                assert_eq!(&script[statement.offset..end], statement.text, "{script:?}");
                let at = lex::position(&script, statement.offset);
                assert_eq!((statement.line, statement.column), (at.line, at.column), "{script:?}");
                // Only at the start of a script is the mark no part of a name.
                if !statement.text.starts_with(BYTE_ORDER_MARK) {
                    let again: Vec<_> = split(statement.text).unwrap().iter().map(|s| s.text).collect();
                    assert_eq!(again, [statement.text], "{script:?}");
                }
                let _ = gate::check(statement.text);
            }
            let _ = advice::check_script(&found, true);
        }
        assert!(cut > 2_000 && statements > 4_000, "{cut} scripts, {statements} statements");
    }
}
