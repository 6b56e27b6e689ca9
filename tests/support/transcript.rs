//! Compares a command's exit code, standard output and standard error with a literal, after replacing what differs from
//! run to run: folders, times, durations and whatever the test names.

use super::{Output, Project};

/// Replacements, applied in the order in which they were made, then the built-in ones.
#[derive(Default)]
pub struct Filters {
    pairs: Vec<(String, String)>,
}

impl Filters {
    /// Knows the project's folder and database.
    pub fn of(project: &Project) -> Self {
        let filters = Self::default().hide(&project.folder.display().to_string(), "[PROJECT]");
        match &project.database {
            Some(database) => filters.hide(&database.url, "[URL]").hide(&database.name, "[DATABASE]"),
            None => filters,
        }
    }

    /// Replaces a text, for instance an id that the command made up.
    #[must_use]
    pub fn hide(mut self, text: &str, by: &str) -> Self {
        self.pairs.push((text.to_owned(), by.to_owned()));
        self
    }

    /// The text with everything replaced.
    pub fn apply(&self, text: &str) -> String {
        let named = self.pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
        let mut result = String::with_capacity(named.len());
        let mut rest = named.as_str();
        while let Some(first) = rest.chars().next() {
            let inside_word = result.chars().next_back().is_some_and(|c| c.is_ascii_alphanumeric() || c == '.');
            let found =
                if inside_word || !first.is_ascii_digit() { None } else { time(rest).or_else(|| duration(rest)) };
            let length = if let Some((length, by)) = found {
                result.push_str(by);
                length
            } else {
                result.push(first);
                first.len_utf8()
            };
            rest = &rest[length..];
        }
        result
    }
}

/// Runs the commands of a transcript one after the other, and compares the whole. A command is a line `$ wmigrate …`, its
/// words quoted with `'` where need be; below it the exit code, then lines marked `out` and `err`:
///
/// ```text
/// $ wmigrate current
/// exit 0
/// out 3f2a9c1d7e04 (head)
/// ```
#[track_caller]
pub fn session(project: &Project, filters: &Filters, expected: &str) {
    let commands = expected.lines().filter_map(|line| line.trim().strip_prefix("$ wmigrate "));
    let actual: String = commands.map(|command| render(command, &project.wmigrate(words(command)))).collect();
    compare(&filters.apply(&actual), expected);
}

/// The words of a command line, as a shell would part them.
pub fn words(command: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for c in command.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => all.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    all.extend(word);
    all
}

/// A command and what it did, as text.
pub fn render(command: &str, output: &Output) -> String {
    let code = output.code.map_or_else(|| "by signal".to_owned(), |code| code.to_string());
    let lines = |mark: &str, text: &str| {
        text.lines().map(|line| format!("{mark} {line}").trim_end().to_owned() + "\n").collect::<String>()
    };
    format!("$ wmigrate {command}\nexit {code}\n{}{}", lines("out", &output.stdout), lines("err", &output.stderr))
}

/// Panics with both texts, lines that differ marked. Indentation of the expected literal does not count.
#[track_caller]
pub fn compare(actual: &str, expected: &str) {
    let expected: Vec<&str> = expected.trim().lines().map(str::trim).collect();
    let actual: Vec<&str> = actual.trim().lines().map(str::trim).collect();
    if actual == expected {
        return;
    }
    let mut shown = Vec::new();
    for index in 0..actual.len().max(expected.len()) {
        match (expected.get(index), actual.get(index)) {
            (Some(wanted), Some(got)) if wanted == got => shown.push(format!("  {got}")),
            (wanted, got) => {
                shown.extend(wanted.map(|line| format!("- {line}")));
                shown.extend(got.map(|line| format!("+ {line}")));
            }
        }
    }
    panic!("the transcript differs (- expected, + actual):\n{}", shown.join("\n"));
}

/// `2026-11-22T14:10:00.123Z`, also with a blank, without a fraction, with an offset.
fn time(text: &str) -> Option<(usize, &'static str)> {
    const SHAPE: &[u8] = b"dddd-dd-dd dd:dd:dd";
    let bytes = text.as_bytes().get(..SHAPE.len())?;
    let fits = bytes.iter().zip(SHAPE).all(|(byte, shape)| match shape {
        b'd' => byte.is_ascii_digit(),
        b' ' => matches!(byte, b' ' | b'T'),
        shape => byte == shape,
    });
    let zone = |c: char| c.is_ascii_digit() || matches!(c, '.' | ':' | '+' | 'Z');
    let more = text.get(SHAPE.len()..)?;
    let tail = more.find(|c| !zone(c)).unwrap_or(more.len());
    fits.then_some((SHAPE.len() + tail, "[TIME]"))
}

/// `12ms`, `1.2 s`, `340 µs`, `2m`: a number and a unit that ends there.
fn duration(text: &str) -> Option<(usize, &'static str)> {
    let number = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let blank = usize::from(text[number..].starts_with(' '));
    let rest = &text[number + blank..];
    let unit = ["ns", "µs", "us", "ms", "min", "s", "m", "h"].into_iter().find(|unit| {
        rest.strip_prefix(unit).is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })?;
    Some((number + blank + unit.len(), "[DURATION]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_replaced() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Filters::default().hide("/tmp/p1", "[PROJECT]").apply(text), expected);
        };
        check("done in 12ms", "done in [DURATION]");
        check("(1.25 s), then 340 µs.", "([DURATION]), then [DURATION].");
        check("at 2026-11-22T14:10:00.123Z, 2026-11-22 14:10:00+00", "at [TIME], [TIME]");
        check("/tmp/p1/versions/a.sql", "[PROJECT]/versions/a.sql");
        // Neither is a duration: an id, a count, a version.
        check("3f2a9c1d7e04 and 5 statements, 15.12", "3f2a9c1d7e04 and 5 statements, 15.12");
        check("1b07m 2sql 4.5", "1b07m 2sql 4.5");
    }
}
