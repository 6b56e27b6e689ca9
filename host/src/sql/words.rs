//! Reads the words at the beginning of a statement, as far as they tell what it is. It knows no grammar.

use super::lex::{Kind, Lexer, Token};

/// Reads a statement token by token, looking one ahead. A text from `split` has no errors; another ends at its first.
pub(super) struct Words<'a> {
    text: &'a str,
    tokens: Lexer<'a>,
    next: Option<Token<'a>>,
}

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut words = Self { text, tokens: Lexer::new(text), next: None };
        words.step();
        words
    }

    pub(super) const fn peek(&self) -> Option<Token<'a>> {
        self.next
    }

    pub(super) fn step(&mut self) {
        self.next = self.tokens.next().and_then(Result::ok);
    }

    /// Steps over the next token if it is this keyword.
    pub(super) fn skip(&mut self, keyword: &str) -> bool {
        let found = self.next.is_some_and(|token| token.is(keyword));
        if found {
            self.step();
        }
        found
    }

    /// Steps over empty statements in front.
    pub(super) fn skip_semicolons(&mut self) {
        while self.next.is_some_and(|token| token.kind == Kind::Semicolon) {
            self.step();
        }
    }

    /// Whether nothing follows but semicolons.
    pub(super) fn at_end(&mut self) -> bool {
        self.skip_semicolons();
        self.next.is_none()
    }

    /// Steps over a name, qualified or not, and returns it as written.
    pub(super) fn skip_name(&mut self) -> Option<&'a str> {
        let first = self.next?;
        let mut end = first.offset;
        while let Some(part) = self.next.filter(|token| matches!(token.kind, Kind::Word | Kind::QuotedName)) {
            end = part.end();
            self.step();
            if self.next.is_none_or(|token| token.kind != Kind::Dot) {
                break;
            }
            self.step();
        }
        (end > first.offset).then(|| &self.text[first.offset..end])
    }

    /// Steps over `( … )` and says whether it turns CONCURRENTLY on: the option alone, or with any value but a false
    /// one. Of an option given twice the last counts.
    pub(super) fn skip_options(&mut self) -> bool {
        let mut concurrently = false;
        if self.next.is_none_or(|token| token.kind != Kind::Open) {
            return false;
        }
        while let Some(token) = self.next {
            self.step();
            if token.kind == Kind::Close {
                break;
            }
            if token.is("concurrently") {
                concurrently = !self.next.is_some_and(is_false);
            }
        }
        concurrently
    }
}

fn is_false(token: Token<'_>) -> bool {
    ["false", "off", "0", "'false'", "'off'"].iter().any(|no| token.text.eq_ignore_ascii_case(no))
}
