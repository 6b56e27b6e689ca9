//! File names of revisions, as Alembic makes them: `<id>_<slug>.<ext>`, the slug being the words of the message.

/// Characters after which Alembic cuts a slug (`truncate_slug_length`).
const MAX_SLUG: usize = 40;

/// The words of the message, joined by `_`, in lower case; a long one is cut after 40 characters and then back to the
/// last `_`, which stays, as a sign that something is missing.
pub fn slug(message: &str) -> String {
    // Python's `\w` and this differ in combining marks only: they separate words there, here they belong to theirs.
    let words = message.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let slug = words.collect::<Vec<_>>().join("_").to_lowercase();
    let Some((cut, _)) = slug.char_indices().nth(MAX_SLUG) else {
        return slug;
    };
    let kept = &slug[..cut];
    format!("{}_", kept.rsplit_once('_').map_or(kept, |(before, _)| before))
}

/// The name of a revision's file; without a message it ends in `_`, as Alembic's do.
pub fn file_name(id: &str, message: &str, extension: &str) -> String {
    format!("{id}_{}.{extension}", slug(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_alembics() {
        let check = |message: &str, want: &str| assert_eq!(slug(message), want, "{message}");
        check("add last_login", "add_last_login");
        check("Add: Last-Login!", "add_last_login");
        check("", "");
        check("...", "");
        check("größe für ÄÖ", "größe_für_äö");
        check("../../etc/passwd", "etc_passwd");
        check("__a__ b", "__a___b");
        // 40 characters stay, the 41st cuts.
        check("abcdefghi abcdefghi abcdefghi abcdefghij", "abcdefghi_abcdefghi_abcdefghi_abcdefghij");
        check("abcdefghi abcdefghi abcdefghi abcdefghijk", "abcdefghi_abcdefghi_abcdefghi_");
        check(&"x".repeat(50), &format!("{}_", "x".repeat(40)));
        check(&format!("{} y", "é".repeat(40)), &format!("{}_", "é".repeat(40)));
    }

    #[test]
    fn file_names() {
        assert_eq!(file_name("3f2a9c1d7e04", "add users", "sql"), "3f2a9c1d7e04_add_users.sql");
        assert_eq!(file_name("3f2a9c1d7e04", "", "js"), "3f2a9c1d7e04_.js");
    }
}
