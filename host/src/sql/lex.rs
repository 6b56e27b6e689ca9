//! PostgreSQL's lexical structure: cuts SQL text into tokens, skipping blanks and comments. It knows no grammar and
//! allocates nothing. `split`, `gate`, `advice` and `parameters` all read through it, so they agree on what is quoted.
//! The rules are those of the server's own scanner with `standard_conforming_strings` on.

use std::fmt;

/// A place in a text, both counted from 1; a column counts characters, and a byte-order mark counts nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line; lines end with a line feed.
    pub line: u32,
    /// The character within the line.
    pub column: u32,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A keyword or an unquoted name.
    Word,
    /// `"…"` or `U&"…"`.
    QuotedName,
    /// Any string or bit literal, dollar-quoted ones and continued ones included.
    Literal,
    /// A number.
    Number,
    /// `$1`, with whatever letters are stuck to it.
    Parameter,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `;`
    Semicolon,
    /// `.`
    Dot,
    /// `\`, which begins a psql command and has no place in SQL.
    Backslash,
    /// Operators and all other punctuation.
    Symbol,
}

/// A token and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its text, quotes included.
    pub text: &'a str,
    /// The byte it begins at.
    pub offset: usize,
}

/// Why a text cannot be cut into tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text ends inside a quote or comment.
    #[error("the {what} that begins at {at} is never closed")]
    Unterminated {
        /// The thing left open.
        what: &'static str,
        /// Where it was opened.
        at: Position,
    },
    /// PostgreSQL's text has no U+0000, not even in a comment.
    #[error("a zero byte at {at}, which SQL text cannot hold")]
    ZeroByte {
        /// Where it is.
        at: Position,
    },
}

impl Error {
    /// Where in the text.
    pub const fn position(&self) -> Position {
        match self {
            Self::Unterminated { at, .. } | Self::ZeroByte { at } => *at,
        }
    }
}

/// Reads tokens one by one; after an error it yields nothing more.
#[derive(Debug, Clone)]
pub struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

/// The mark some editors put at the start of a UTF-8 file.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

/// The place of a byte offset, which must lie on a character boundary.
pub fn position(text: &str, offset: usize) -> Position {
    let before = &text[..offset];
    let before = before.strip_prefix(BYTE_ORDER_MARK).unwrap_or(before);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Position { line: count(before.matches('\n').count()), column: count(before[line_start..].chars().count()) }
}

/// Fails at the first U+0000, which tokens alone would not show inside a quote or comment.
pub fn refuse_zero_byte(text: &str) -> Result<(), Error> {
    text.find('\0').map_or(Ok(()), |offset| Err(Error::ZeroByte { at: position(text, offset) }))
}

impl Token<'_> {
    /// Whether this is the given keyword, in any case. A quoted name is never a keyword.
    pub fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// The byte after the token.
    pub const fn end(&self) -> usize {
        self.offset + self.text.len()
    }
}

impl<'a> Lexer<'a> {
    /// Reads `text` from its beginning.
    pub const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Reads `text` from a byte offset on; offsets and positions stay those of the whole text.
    pub const fn starting_at(text: &'a str, offset: usize) -> Self {
        Self { text, at: offset }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn advance_while(&mut self, wanted: impl Fn(u8) -> bool) {
        self.at += self.rest().iter().take_while(|byte| wanted(**byte)).count();
    }

    fn unterminated(&self, what: &'static str, start: usize) -> Error {
        Error::Unterminated { what, at: position(self.text, start) }
    }

    fn skip_blanks_and_comments(&mut self) -> Result<(), Error> {
        loop {
            self.advance_while(is_space);
            if self.rest().starts_with(b"--") {
                self.advance_while(is_not_newline);
            } else if self.rest().starts_with(b"/*") {
                self.skip_block_comment()?;
            } else {
                return Ok(());
            }
        }
    }

    fn skip_block_comment(&mut self) -> Result<(), Error> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'/'), Some(b'*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                (Some(_), _) => self.at += 1,
                (None, _) => return Err(self.unterminated("comment", start)),
            }
        }
    }

    /// Steps over the next token, which `first` begins. Anything not ASCII is part of a name, so every other token
    /// begins and ends on a character boundary.
    fn token(&mut self, first: u8) -> Result<Kind, Error> {
        let start = self.at;
        let (second, third) = (self.peek(1), self.peek(2));
        match (first, second, third) {
            (b'\'', _, _) => self.literal(start, 1, false),
            (b'e' | b'E', Some(b'\''), _) => self.literal(start, 2, true),
            (b'b' | b'B' | b'x' | b'X' | b'n' | b'N', Some(b'\''), _) => self.literal(start, 2, false),
            (b'u' | b'U', Some(b'&'), Some(b'\'')) => self.literal(start, 3, false),
            (b'u' | b'U', Some(b'&'), Some(b'"')) => self.quoted_name(start, 3),
            (b'"', _, _) => self.quoted_name(start, 1),
            (b'$', _, _) => self.dollar(start),
            (b'0'..=b'9', _, _) | (b'.', Some(b'0'..=b'9'), _) => {
                self.number();
                Ok(Kind::Number)
            }
            (byte, _, _) if begins_name(byte) => {
                self.advance_while(continues_name);
                Ok(Kind::Word)
            }
            (byte, _, _) if is_operator(byte) => {
                self.operator();
                Ok(Kind::Symbol)
            }
            (byte, _, _) => {
                self.at += 1;
                Ok(match byte {
                    b'(' => Kind::Open,
                    b')' => Kind::Close,
                    b';' => Kind::Semicolon,
                    b'.' => Kind::Dot,
                    b'\\' => Kind::Backslash,
                    _ => Kind::Symbol,
                })
            }
        }
    }

    /// A doubled quote and, where escapes count, a backslash before the quote do not end the literal. Nor does its
    /// end, if only blanks with a newline among them lie before the next quote: then SQL reads both as one.
    fn literal(&mut self, start: usize, prefix: usize, escapes: bool) -> Result<Kind, Error> {
        self.at += prefix;
        loop {
            match self.peek(0) {
                Some(b'\\') if escapes => self.at += 2,
                Some(b'\'') => {
                    self.at += 1;
                    if self.peek(0) == Some(b'\'') {
                        self.at += 1;
                    } else if let Some(next) = self.continuation() {
                        self.at = next;
                    } else {
                        return Ok(Kind::Literal);
                    }
                }
                Some(_) => self.at += 1,
                None => return Err(self.unterminated("string", start)),
            }
        }
    }

    /// The byte after the quote that continues the literal just closed, if one does. `--` comments may lie between,
    /// `/* */` may not.
    fn continuation(&self) -> Option<usize> {
        let mut ahead = self.clone();
        let mut newline = false;
        loop {
            match ahead.peek(0)? {
                b'\n' | b'\r' => newline = true,
                byte if is_space(byte) => {}
                b'-' if ahead.peek(1) == Some(b'-') => {
                    ahead.advance_while(is_not_newline);
                    continue;
                }
                b'\'' if newline => return Some(ahead.at + 1),
                _ => return None,
            }
            ahead.at += 1;
        }
    }

    fn quoted_name(&mut self, start: usize, prefix: usize) -> Result<Kind, Error> {
        self.at += prefix;
        loop {
            self.advance_while(|byte| byte != b'"');
            match (self.peek(0), self.peek(1)) {
                (Some(_), Some(b'"')) => self.at += 2,
                (Some(_), _) => {
                    self.at += 1;
                    return Ok(Kind::QuotedName);
                }
                (None, _) => return Err(self.unterminated("quoted name", start)),
            }
        }
    }

    /// `$1`, a dollar-quoted string, or a lone `$`.
    fn dollar(&mut self, start: usize) -> Result<Kind, Error> {
        self.at += 1;
        if self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
            self.advance_while(|byte| byte.is_ascii_digit());
            self.advance_glued_name();
            return Ok(Kind::Parameter);
        }
        if self.peek(0).is_some_and(begins_name) {
            self.advance_while(|byte| continues_name(byte) && byte != b'$');
        }
        if self.peek(0) != Some(b'$') {
            self.at = start + 1;
            return Ok(Kind::Symbol);
        }
        self.at += 1;
        let delimiter = &self.text[start..self.at];
        let length = self.text[self.at..].find(delimiter);
        let length = length.ok_or_else(|| self.unterminated("dollar-quoted string", start))?;
        self.at += length + delimiter.len();
        Ok(Kind::Literal)
    }

    /// Takes letters stuck to the number with it, as the server does before it reports them.
    fn number(&mut self) {
        self.advance_while(|byte| byte.is_ascii_digit());
        if self.peek(0) == Some(b'.') && self.peek(1) != Some(b'.') {
            self.at += 1;
            self.advance_while(|byte| byte.is_ascii_digit());
        }
        if matches!((self.peek(0), self.peek(1)), (Some(b'e' | b'E'), Some(b'+' | b'-'))) {
            self.at += 2;
            self.advance_while(|byte| byte.is_ascii_digit());
        }
        self.advance_glued_name();
    }

    fn advance_glued_name(&mut self) {
        if self.peek(0).is_some_and(begins_name) {
            self.advance_while(continues_name);
        }
    }

    /// An operator ends where a comment begins.
    fn operator(&mut self) {
        while self.peek(0).is_some_and(is_operator) && !matches!(&self.rest(), [b'-', b'-', ..] | [b'/', b'*', ..]) {
            self.at += 1;
        }
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Result<Token<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.skip_blanks_and_comments().and_then(|()| {
            let offset = self.at;
            let Some(first) = self.peek(0) else { return Ok(None) };
            let kind = self.token(first)?;
            Ok(Some(Token { kind, text: &self.text[offset..self.at], offset }))
        });
        if read.is_err() {
            self.at = self.text.len();
        }
        read.transpose()
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)
    }
}

/// Counts from 1. Texts are far smaller than 4 GiB wherever they come from; a larger one gets the largest number.
fn count(before: usize) -> u32 {
    u32::try_from(before).map_or(u32::MAX, |n| n.saturating_add(1))
}

/// `\v` is a blank since PostgreSQL 16; older servers refuse it outside quotes, so it can do no harm here.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c | 0x0b)
}

const fn is_not_newline(byte: u8) -> bool {
    !matches!(byte, b'\n' | b'\r')
}

const fn begins_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

const fn continues_name(byte: u8) -> bool {
    begins_name(byte) || byte.is_ascii_digit() || byte == b'$'
}

const fn is_operator(byte: u8) -> bool {
    matches!(
        byte,
        b'~' | b'!'
            | b'@'
            | b'#'
            | b'^'
            | b'&'
            | b'|'
            | b'`'
            | b'?'
            | b'+'
            | b'-'
            | b'*'
            | b'/'
            | b'%'
            | b'<'
            | b'>'
            | b'='
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each token as one letter for its kind and its text.
    fn check(text: &str, expected: &[&str]) {
        let tokens: Vec<String> = Lexer::new(text)
            .map(|token| token.map_or_else(|error| format!("! {error}"), |t| format!("{} {}", letter(t.kind), t.text)))
            .collect();
        assert_eq!(tokens, expected, "{text:?}");
    }

    const fn letter(kind: Kind) -> char {
        match kind {
            Kind::Word => 'w',
            Kind::QuotedName => 'q',
            Kind::Literal => 'l',
            Kind::Number => 'n',
            Kind::Parameter => 'p',
            Kind::Open | Kind::Close | Kind::Semicolon | Kind::Dot | Kind::Backslash | Kind::Symbol => 's',
        }
    }

    #[test]
    fn quotes() {
        check("'a''b'c", &["l 'a''b'", "w c"]);
        check(r"'a\'b", &[r"l 'a\'", "w b"]);
        check(r"E'a\'b'c", &[r"l E'a\'b'", "w c"]);
        check(r"e'\\'c", &[r"l e'\\'", "w c"]);
        check(r"U&'\0041' U&a", &[r"l U&'\0041'", "w U", "s &", "w a"]);
        check(r#""a""b" u&"\00e9""#, &[r#"q "a""b""#, r#"q u&"\00e9""#]);
        check("b'01' X'ff' n'a' be'x'", &["l b'01'", "l X'ff'", "l n'a'", "w be", "l 'x'"]);
        check("é'é'🐘", &["w é", "l 'é'", "w 🐘"]);
    }

    #[test]
    fn continued_strings() {
        check("'a'\n 'b'", &["l 'a'\n 'b'"]);
        check("'a' -- why\r\n--\n\t'b;'", &["l 'a' -- why\r\n--\n\t'b;'"]);
        check("'a' 'b'", &["l 'a'", "l 'b'"]);
        check("'a' /*\n*/ 'b'", &["l 'a'", "l 'b'"]);
        check("'a'\n- 'b'", &["l 'a'", "s -", "l 'b'"]);
        check("e'a'\n'\\'b'", &["l e'a'\n'\\'b'"]);
    }

    #[test]
    fn dollar_quotes() {
        check("$$a;'b$$c", &["l $$a;'b$$", "w c"]);
        check("$a$ $$ $b$ $A$ $a$", &["l $a$ $$ $b$ $A$ $a$"]);
        check("$a$ $b$a$x", &["l $a$ $b$a$", "w x"]);
        check("$é_1$x$é_1$", &["l $é_1$x$é_1$"]);
        check("a$b$ c$$", &["w a$b$", "w c$$"]);
        check("$1$$a$$ $2x", &["p $1", "l $$a$$", "p $2x"]);
        check("1$$a$$ $ $a", &["n 1", "l $$a$$", "s $", "s $", "w a"]);
    }

    #[test]
    fn comments_and_operators() {
        check("a--b\rc", &["w a", "w c"]);
        check("/* /* ; */ ' */a/**/b/*/ */", &["w a", "w b"]);
        check("1+/*x*/2*--x\n3", &["n 1", "s +", "n 2", "s *", "n 3"]);
        check("a@-b<=-c::d", &["w a", "s @-", "w b", "s <=-", "w c", "s :", "s :", "w d"]);
        check(
            "1.5e-3 .5 1..2 0x1F 1e x.y",
            &["n 1.5e-3", "n .5", "n 1", "s .", "n .2", "n 0x1F", "n 1e", "w x", "s .", "w y"],
        );
    }

    #[test]
    fn left_open() {
        check("a\n 'b''", &["w a", "! the string that begins at line 2 column 2 is never closed"]);
        check(r"E'b\'", &["! the string that begins at line 1 column 1 is never closed"]);
        check("\"é\" \"", &["q \"é\"", "! the quoted name that begins at line 1 column 5 is never closed"]);
        check("$a$ $b$ $$", &["! the dollar-quoted string that begins at line 1 column 1 is never closed"]);
        check("/*/", &["! the comment that begins at line 1 column 1 is never closed"]);
    }

    #[test]
    fn zero_byte() {
        assert_eq!(
            refuse_zero_byte("\u{feff}--é\n 'a\0'").map_err(|e| e.to_string()),
            Err("a zero byte at line 2 column 4, which SQL text cannot hold".to_owned())
        );
    }
}
