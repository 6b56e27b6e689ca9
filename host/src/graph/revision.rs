//! One revision as its file declares it, and which ids and labels are legal. It knows nothing of other revisions: what
//! holds them together is in `map`. The fields are plain; `Map::new` validates them.

use super::error::Error;

/// Longest id or label, in characters. Ids stand in file names, of which file systems allow 255 bytes.
pub const MAX_ID_CHARS: usize = 200;

/// What a revision file says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// The identifier.
    pub id: String,
    /// Parents by full id; empty at a base, several at a merge.
    pub down_revision: Vec<String>,
    /// Further revisions that must be applied first, as written: ids or labels.
    pub depends_on: Vec<String>,
    /// Names of the branch that this revision begins.
    pub branch_labels: Vec<String>,
    /// May be empty, may have several paragraphs.
    pub message: String,
    /// When it was written, as text for display.
    pub created: Option<String>,
    /// The file, for display.
    pub path: String,
    /// Whether its author says that there is no way back.
    pub irreversible: bool,
    /// Whether it is a third party's: `head` alone is the application's.
    pub of_plugin: bool,
}

impl Revision {
    /// The message up to its first blank line: what lists and log lines show.
    #[must_use]
    pub fn summary(&self) -> &str {
        let message = self.message.trim();
        message.split("\n\n").next().unwrap_or(message)
    }

    /// Checks all that can be checked without the other revisions.
    pub(super) fn validate(&self) -> Result<(), Error> {
        if self.id.is_empty() {
            return Err(Error::NoRevisionId { path: self.path.clone() });
        }
        if self.down_revision.contains(&self.id) {
            return Err(Error::SelfLoop { revision: self.id.clone() });
        }
        if self.depends_on.contains(&self.id) {
            return Err(Error::DependencySelfLoop { revision: self.id.clone() });
        }
        validate_id(&self.id)?;
        self.branch_labels.iter().try_for_each(|label| validate_label(label))
    }
}

/// Whether `id` may name a revision: `@ - + :` are the grammar of targets, the comma and blanks separate ids in lists.
pub fn validate_id(id: &str) -> Result<(), Error> {
    validate(id, &['@', '-', '+', ':', ','])
}

/// Whether `label` may name a branch. Unlike an id it may hold `-` and `+`, since `my-branch@head` can be told apart.
pub fn validate_label(label: &str) -> Result<(), Error> {
    validate(label, &['@', ':', ','])
}

fn validate(id: &str, forbidden: &[char]) -> Result<(), Error> {
    if id.is_empty() {
        return Err(Error::NoRevisionId { path: String::new() });
    }
    if id.chars().count() > MAX_ID_CHARS {
        return Err(Error::IdTooLong { start: id.chars().take(40).collect(), limit: MAX_ID_CHARS });
    }
    let mut found: Vec<char> =
        id.chars().filter(|c| forbidden.contains(c) || c.is_whitespace() || c.is_control()).collect();
    found.sort_unstable();
    found.dedup();
    if found.is_empty() { Ok(()) } else { Err(Error::IllegalChar { id: id.to_owned(), found }) }
}

/// Text from a file as it may be printed: control characters are escaped, so that a message cannot move the cursor of
/// the person who reads the list.
pub(super) fn printable(text: &str) -> std::borrow::Cow<'_, str> {
    let harmful = |c: char| c.is_control() && c != '\n' && c != '\t';
    if !text.contains(harmful) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if harmful(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_and_illegal_ids() {
        let check = |id: &str, expected: &str| {
            let got = validate_id(id).map_or_else(|error| format!("{}: {error}", error.kind()), |()| "ok".to_owned());
            assert_eq!(got, expected, "{id:?}");
        };
        check("3f2a9c1d7e04", "ok");
        check("add_users.v2", "ok");
        check("größe", "ok");
        check("a+b", "illegal_revision_char: character(s) `+` not allowed in revision identifier `a+b`");
        check("b-a@", "illegal_revision_char: character(s) `-`, `@` not allowed in revision identifier `b-a@`");
        check("a b", "illegal_revision_char: character(s) ` ` not allowed in revision identifier `a b`");
        check("a\u{1b}", "illegal_revision_char: character(s) `\\u{1b}` not allowed in revision identifier `a\\u{1b}`");
        check("a,b", "illegal_revision_char: character(s) `,` not allowed in revision identifier `a,b`");
        check(&"x".repeat(200), "ok");
        assert_eq!(validate_id(&"x".repeat(201)).expect_err("too long").kind(), "illegal_revision_char");
        assert_eq!(validate_id("").expect_err("empty").kind(), "no_revision_id");
        assert!(validate_label("my-branch+1").is_ok());
        assert!(validate_label("my@branch").is_err());
    }

    #[test]
    fn summary_ends_at_the_first_blank_line() {
        let check = |message: &str, expected: &str| {
            assert_eq!(Revision { message: message.to_owned(), ..Revision::default() }.summary(), expected);
        };
        check("", "");
        check("add users", "add users");
        check("\nadd users\nand items\n\nlong story", "add users\nand items");
    }

    #[test]
    fn control_characters_are_shown_escaped() {
        assert_eq!(printable("a\u{1b}[31mb\r\n\tc"), "a\\u{1b}[31mb\\r\n\tc");
    }
}
