//! Parameters and positions of a statement as text: writes values into `$1`, `$2` … for the scripts that `--sql`
//! prints, and turns the server's error position into line and column. What is sent to a server never comes from here.

use super::lex::{self, Kind, Lexer, Position};

/// The longest statement with its values written in. `$1` may be repeated, so a few large values could otherwise make
/// a text of any size; four times the largest statement is more than any script for people to read.
pub const MAX_INLINED_BYTES: usize = 64 * 1024 * 1024;

/// Why values cannot be written into a statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The statement cannot be read.
    #[error(transparent)]
    Lex(#[from] lex::Error),
    /// No value for a parameter.
    #[error("`{parameter}` at {at} has no value: {given} were given")]
    NoValue {
        /// The parameter as written.
        parameter: String,
        /// Where it is.
        at: Position,
        /// How many values there are.
        given: usize,
    },
    /// A value that no PostgreSQL text can hold.
    #[error("the value of `${number}` holds a zero byte, which SQL text cannot hold")]
    ZeroByte {
        /// The parameter's number.
        number: usize,
    },
    /// More than `MAX_INLINED_BYTES`.
    #[error("the statement with its values is longer than {MAX_INLINED_BYTES} bytes")]
    TooLong,
}

/// Writes each value as a literal where its `$n` stands, outside quotes and comments; `None` is NULL.
pub fn inline(statement: &str, values: &[Option<String>]) -> Result<String, Error> {
    lex::refuse_zero_byte(statement)?;
    let mut out = String::with_capacity(statement.len());
    let mut copied = 0;
    let mut literal_end = None;
    for token in Lexer::new(statement) {
        let token = token?;
        let is_parameter = token.kind == Kind::Parameter;
        let quotes = is_parameter || matches!(token.kind, Kind::Literal | Kind::Number | Kind::Word);
        push(&mut out, &statement[copied..token.offset])?;
        // Neighbours without a blank would otherwise become one literal.
        if quotes && literal_end == Some(token.offset) {
            push(&mut out, " ")?;
        }
        if is_parameter {
            let no_value = || Error::NoValue {
                parameter: token.text.to_owned(),
                at: lex::position(statement, token.offset),
                given: values.len(),
            };
            let number: usize = token.text[1..].parse().map_err(|_| no_value())?;
            let value = number.checked_sub(1).and_then(|index| values.get(index)).ok_or_else(no_value)?;
            push_literal(&mut out, value.as_deref(), number)?;
        } else {
            push(&mut out, token.text)?;
        }
        copied = token.end();
        literal_end = (is_parameter || (quotes && next_is_parameter(statement, copied))).then_some(copied);
    }
    push(&mut out, &statement[copied..])?;
    Ok(out)
}

/// Turns the server's error position, which counts characters from 1, into line and column, both from 1.
pub fn position_to_line_column(text: &str, position_chars: u32) -> (u32, u32) {
    let (mut line, mut column) = (1, 1);
    let before = usize::try_from(position_chars.saturating_sub(1)).unwrap_or(usize::MAX);
    for c in text.chars().take(before) {
        if c == '\n' {
            line += 1;
            column = 1;
        } else {
            column += 1;
        }
    }
    (line, column)
}

fn next_is_parameter(statement: &str, at: usize) -> bool {
    statement[at..].starts_with('$')
}

fn push(out: &mut String, text: &str) -> Result<(), Error> {
    if out.len() + text.len() > MAX_INLINED_BYTES {
        return Err(Error::TooLong);
    }
    out.push_str(text);
    Ok(())
}

/// A value with a backslash becomes `E'…'`, which means the same whatever `standard_conforming_strings` is.
fn push_literal(out: &mut String, value: Option<&str>, number: usize) -> Result<(), Error> {
    let Some(value) = value else { return push(out, "NULL") };
    if value.contains('\0') {
        return Err(Error::ZeroByte { number });
    }
    let doubled = value.replace('\'', "''");
    if value.contains('\\') {
        push(out, "E'")?;
        push(out, &doubled.replace('\\', r"\\"))?;
    } else {
        push(out, "'")?;
        push(out, &doubled)?;
    }
    push(out, "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(statement: &str, values: &[Option<&str>], expected: &str) {
        let values: Vec<Option<String>> = values.iter().map(|value| value.map(ToOwned::to_owned)).collect();
        let written = inline(statement, &values).unwrap_or_else(|error| format!("! {error}"));
        assert_eq!(written, expected, "{statement:?}");
    }

    #[test]
    fn values() {
        check("SELECT $1, $2::int", &[Some("a"), None], "SELECT 'a', NULL::int");
        check("$2$1", &[Some("it's"), Some("")], "'' 'it''s'");
        check("a=$1", &[Some(r"c:\d'")], r"a=E'c:\\d'''");
        check("$1", &[Some("é🐘\n$1")], "'é🐘\n$1'");
        check("$1 $10", &[Some("x"); 10], "'x' 'x'");
    }

    #[test]
    fn untouched() {
        check(
            "SELECT '$1', \"$1\", $$ $1 $$, E'\\'$1', a$1 /* $1 */ -- $1\n;",
            &[Some("x")],
            "SELECT '$1', \"$1\", $$ $1 $$, E'\\'$1', a$1 /* $1 */ -- $1\n;",
        );
    }

    #[test]
    fn neighbours() {
        check("'a'$1'b'", &[Some("x")], "'a' 'x' 'b'");
        check("1$1", &[Some("\\")], r"1 E'\\'");
        check("$1$$a$$", &[Some("x")], "'x' $$a$$");
        check("-$1-$1", &[Some("x")], "-'x'-'x'");
    }

    #[test]
    fn refused() {
        check("\n $2", &[Some("x")], "! `$2` at line 2 column 2 has no value: 1 were given");
        check("$0", &[Some("x")], "! `$0` at line 1 column 1 has no value: 1 were given");
        check("$1x", &[Some("x")], "! `$1x` at line 1 column 1 has no value: 1 were given");
        check("$99999999999999999999", &[], "! `$99999999999999999999` at line 1 column 1 has no value: 0 were given");
        check("$1", &[Some("\0")], "! the value of `$1` holds a zero byte, which SQL text cannot hold");
        check("'$1", &[Some("x")], "! the string that begins at line 1 column 1 is never closed");
        let large = "x".repeat(MAX_INLINED_BYTES / 2);
        check("$1,$1", &[Some(&large)], "! the statement with its values is longer than 67108864 bytes");
    }

    #[test]
    fn positions() {
        let text = "é\r\n🐘b\nc";
        let places: Vec<_> = (0..=8).map(|n| position_to_line_column(text, n)).collect();
        assert_eq!(places, [(1, 1), (1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (3, 1), (3, 2)]);
        assert_eq!(position_to_line_column(text, u32::MAX), (3, 2));
    }
}
