//! SQL revisions: which part of a file belongs to which direction, and what can be known to be wrong before it runs.
//!
//! The engine in `guest-sdk/engines/sql` cuts the file the same way when it runs it; a test holds the two together.

use super::Finding;
use crate::bindings::Way;
use crate::sql::advice::{self, Severity};
use crate::sql::split;

/// The marker lines.
const MARKERS: [(&str, Way); 2] = [("-- wmigrate:upgrade", Way::Upgrade), ("-- wmigrate:downgrade", Way::Downgrade)];

/// The part of `text` that runs in `direction`, with every other line left empty, so that lines keep their numbers.
/// A file without any marker is all upgrade.
#[must_use]
pub fn section(text: &str, direction: Way) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = || text.split_inclusive('\n');
    let marked = lines().any(|line| marker(line).is_some());
    let mut part = String::with_capacity(text.len());
    let mut current = if marked { None } else { Some(Way::Upgrade) };
    for line in lines() {
        let way = marker(line);
        current = way.or(current);
        if way.is_none() && current == Some(direction) {
            part.push_str(line);
        } else if line.ends_with('\n') {
            part.push('\n');
        }
    }
    part
}

/// Whether the file says anything about going down, be it that nothing is to be done.
#[must_use]
pub fn has_downgrade(text: &str) -> bool {
    text.lines().any(|line| marker(line) == Some(Way::Downgrade))
}

fn marker(line: &str) -> Option<Way> {
    // The engine knows no other blanks.
    let line = line.trim_ascii();
    MARKERS.iter().find(|(mark, _)| *mark == line).map(|(_, way)| *way)
}

/// The first thing that is wrong with either direction. `transactional` says that it runs in a transaction.
pub fn check(text: &str, transactional: bool) -> Result<(), Finding> {
    check_markers(text)?;
    for direction in [Way::Upgrade, Way::Downgrade] {
        let part = section(text, direction);
        let statements = split::split(&part).map_err(|error| {
            let place = error.position();
            Finding {
                line: place.map_or(1, |place| place.line),
                column: place.map_or(1, |place| place.column),
                message: error.to_string(),
                hint: error.hint().unwrap_or("correct the script; it is split where psql would split it").to_owned(),
            }
        })?;
        let Err(findings) = advice::check_script(&statements, transactional) else { continue };
        if let Some(finding) = findings.into_iter().find(|finding| finding.severity == Severity::Error) {
            return Err(Finding {
                line: finding.line,
                column: finding.column,
                message: finding.message,
                hint: finding.hint.to_owned(),
            });
        }
    }
    Ok(())
}

/// What neither direction would run, though it looks as if one did: a marker with a slip in it, and statements before the
/// first marker.
fn check_markers(text: &str) -> Result<(), Finding> {
    let mut head = String::new();
    let mut seen: Vec<Way> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(way) = marker(line) {
            if seen.contains(&way) {
                let message = format!("`{}` stands here a second time", line.trim());
                return Err(of_line(index, message, "put the statements of one direction into one section"));
            }
            seen.push(way);
        } else if is_nearly_marker(line) {
            return Err(of_line(
                index,
                format!("`{}` is no marker", line.trim()),
                "a section begins with `-- wmigrate:upgrade` or `-- wmigrate:downgrade`, and nothing else in the line",
            ));
        }
        if let Some(tool) = foreign_marker(line) {
            return Err(of_line(
                index,
                format!(
                    "`{}` is a marker of {tool}, and a comment to wmigrate: both directions would run together",
                    line.trim()
                ),
                "begin the sections with `-- wmigrate:upgrade` and `-- wmigrate:downgrade`",
            ));
        }
        if seen.is_empty() {
            head.push_str(line);
            head.push('\n');
        }
    }
    // What cannot be split here is reported with its section, or means nothing.
    let first = if seen.is_empty() { None } else { split::split(&head).ok().and_then(|all| all.into_iter().next()) };
    first.map_or(Ok(()), |statement| {
        Err(Finding {
            line: statement.line,
            column: statement.column,
            message: "this stands before the first marker, so that neither direction would run it".to_owned(),
            hint: "put it below `-- wmigrate:upgrade` or `-- wmigrate:downgrade`".to_owned(),
        })
    })
}

/// A finding about a whole line, counted from 0.
fn of_line(index: usize, message: String, hint: &str) -> Finding {
    Finding { line: u32::try_from(index + 1).unwrap_or(u32::MAX), column: 1, message, hint: hint.to_owned() }
}

/// The tool whose marker a line is.
fn foreign_marker(line: &str) -> Option<&'static str> {
    let words = line.trim().strip_prefix("--")?.trim_start().to_ascii_lowercase();
    [("migrate:up", "dbmate"), ("migrate:down", "dbmate"), ("+goose ", "goose"), ("+migrate ", "sql-migrate")]
        .into_iter()
        .find_map(|(start, tool)| words.starts_with(start).then_some(tool))
}

fn is_nearly_marker(line: &str) -> bool {
    let Some(comment) = line.trim().strip_prefix("--") else { return false };
    let word: String = comment.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    word.strip_prefix("wmigrate:").is_some_and(|rest| {
        ["up", "down", "upgrade", "downgrade"].iter().any(|way| rest.trim_end_matches([';', ':', '.', '-']) == *way)
    })
}

/// What is worth saying about a script that will run all the same.
#[must_use]
pub fn warnings(text: &str, transactional: bool) -> Vec<Finding> {
    let mut all = Vec::new();
    for direction in [Way::Upgrade, Way::Downgrade] {
        let part = section(text, direction);
        let Ok(statements) = split::split(&part) else { continue };
        let Err(findings) = advice::check_script(&statements, transactional) else { continue };
        all.extend(findings.into_iter().filter(|finding| finding.severity == Severity::Warning).map(|finding| {
            Finding {
                line: finding.line,
                column: finding.column,
                message: finding.message,
                hint: finding.hint.to_owned(),
            }
        }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_keeps_the_numbers_of_its_lines() {
        let text = "-- /// wmigrate\n-- ///\n-- wmigrate:upgrade\nUP 1;\n  -- wmigrate:downgrade  \nDOWN;\n-- wmigrate:upgrade\nUP 2;\n";
        assert_eq!(section(text, Way::Upgrade), "\n\n\nUP 1;\n\n\n\nUP 2;\n");
        assert_eq!(section(text, Way::Downgrade), "\n\n\n\n\nDOWN;\n\n\n");
    }

    #[test]
    fn an_empty_downgrade_is_one_and_a_missing_one_is_none() {
        assert!(has_downgrade("-- wmigrate:upgrade\nSELECT 1;\n-- wmigrate:downgrade\n"));
        assert!(!has_downgrade("-- wmigrate:upgrade\nSELECT 1;\n"));
        assert!(!has_downgrade("SELECT 1;\n"));
    }

    #[test]
    fn without_markers_all_is_upgrade() {
        assert_eq!(section("SELECT 1;\n", Way::Upgrade), "SELECT 1;\n");
        assert_eq!(section("SELECT 1;\n", Way::Downgrade), "\n");
    }

    #[test]
    fn what_no_direction_would_run_is_an_error() {
        let check = |text: &str, expected: &str| {
            let found = super::check(text, true).map_err(|f| format!("{}:{} {}", f.line, f.column, f.message));
            assert_eq!(found.err().unwrap_or_default(), expected, "{text}");
        };
        let stray = "this stands before the first marker, so that neither direction would run it";
        check("-- ///\n\n  SELECT 1;\n-- wmigrate:upgrade\nSELECT 2;\n", &format!("3:3 {stray}"));
        check("--wmigrate:upgrade\nSELECT 1;\n", "1:1 `--wmigrate:upgrade` is no marker");
        check("-- Wmigrate: Up\nSELECT 1;\n", "1:1 `-- Wmigrate: Up` is no marker");
        check("-- wmigrate:upgrade\n-- wmigrate:downgrade;\n", "2:1 `-- wmigrate:downgrade;` is no marker");
        check("-- a comment\n;\n-- wmigrate:upgrade\n-- wmigrate: upgrades the table\nSELECT 1;\n", "");
        check("SELECT 1;\n", "");
    }

    #[test]
    fn findings_name_the_line_of_the_file() {
        let check = |text: &str, place: (u32, u32), word: &str| {
            let finding = super::check(text, true).expect_err(text);
            assert_eq!((finding.line, finding.column), place, "{finding:?}");
            assert!(finding.message.contains(word), "{finding:?}");
            assert!(!finding.hint.is_empty());
        };
        check("-- wmigrate:upgrade\n\n  BEGIN;\nSELECT 1;\nCOMMIT;\n", (3, 3), "BEGIN");
        check("-- wmigrate:upgrade\nSELECT 1;\n-- wmigrate:downgrade\nVACUUM;\n", (4, 1), "VACUUM");
        check("CREATE INDEX CONCURRENTLY i ON t (a);\n", (1, 1), "CONCURRENTLY");
        check("\\d\n", (1, 1), "\\d");
        assert_eq!(
            super::check("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$BEGIN NULL; END$$;", true),
            Ok(())
        );
    }
}
