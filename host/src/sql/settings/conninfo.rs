//! `host=… user=… password='it\'s'`: libpq's key=value strings. Errors say where, not what: a word in the wrong place
//! may be half of a password that wanted quotes.

use super::Error;
use super::parameters::Parameters;
use std::iter::Peekable;
use std::str::CharIndices;

/// Splits the string into parameters.
pub(super) fn parse(text: &str) -> Result<Parameters, Error> {
    let mut parameters = Parameters::default();
    let mut rest = text.char_indices().peekable();
    let mut may_show = true;
    loop {
        skip_blanks(&mut rest);
        let Some(&(start, _)) = rest.peek() else {
            return Ok(parameters);
        };
        let mut name = String::new();
        while let Some((_, c)) = rest.next_if(|(_, c)| *c != '=' && !c.is_ascii_whitespace()) {
            name.push(c);
        }
        skip_blanks(&mut rest);
        if rest.next_if(|(_, c)| *c == '=').is_none() {
            return Err(error("the database setting is neither a URL nor key=value pairs", text, start));
        }
        skip_blanks(&mut rest);
        let value = value(&mut rest, text)?;
        parameters.set(&name, value, may_show)?;
        may_show &= name != "password";
    }
}

fn value(rest: &mut Peekable<CharIndices<'_>>, text: &str) -> Result<String, Error> {
    let mut value = String::new();
    let quoted = rest.next_if(|(_, c)| *c == '\'').map(|(start, _)| start);
    loop {
        match (rest.peek().map(|(_, c)| *c), quoted) {
            (None, Some(start)) => return Err(error("a quote in the database setting is not closed", text, start)),
            (None, None) => return Ok(value),
            (Some('\''), Some(_)) => {
                rest.next();
                return Ok(value);
            }
            (Some(c), None) if c.is_ascii_whitespace() => return Ok(value),
            (Some('\\'), _) => {
                rest.next();
                value.extend(rest.next().map(|(_, c)| c));
            }
            (Some(c), _) => {
                rest.next();
                value.push(c);
            }
        }
    }
}

fn skip_blanks(rest: &mut Peekable<CharIndices<'_>>) {
    while rest.next_if(|(_, c)| c.is_ascii_whitespace()).is_some() {}
}

fn error(reason: &'static str, text: &str, byte: usize) -> Error {
    let at = text[..byte].chars().count() + 1;
    Error::Conninfo { reason, at, hint: "postgresql://user@host:5432/database, or host=… dbname=…" }
}
