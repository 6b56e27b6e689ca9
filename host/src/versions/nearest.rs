//! Finds the known word a mistyped one was meant to be, for the "did you mean" of error messages. It decides nothing:
//! a wrong guess costs a useless half-sentence. Used for keys of the front matter and of `wmigrate.toml`.

/// The entry of `known` nearest to `word`, where one is near enough to be worth naming.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    // A third of the letters may be wrong, at least one: `mesage` finds `message`, `color` does not find `cpu`.
    let most = (word.chars().count() / 3).max(1);
    known
        .iter()
        .map(|candidate| (distance(&word.to_lowercase(), candidate), *candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(from != *to)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_nothing_else() {
        let known = ["revision", "down_revision", "message", "cpu"];
        assert_eq!(nearest("revison", &known), Some("revision"));
        assert_eq!(nearest("down-revision", &known), Some("down_revision"));
        assert_eq!(nearest("Message", &known), Some("message"));
        assert_eq!(nearest("cpus", &known), Some("cpu"));
        assert_eq!(nearest("colour", &known), None);
        assert_eq!(nearest("", &known), None);
    }
}
