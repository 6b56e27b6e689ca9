//! What a revision asks for, checked as far as words can be.

use super::usage;
use crate::bindings::{BackfillSpec, BackfillUpdate, SqlError};
use crate::sql::split::split;
use serde::{Deserialize, Serialize};

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Unique within the revision.
    pub name: String,
    /// As in FROM.
    pub table: String,
    /// Columns; empty: the primary key.
    pub key: Vec<String>,
    /// As in WHERE.
    pub condition: Option<String>,
    /// What is done to the rows.
    pub work: What,
    /// Rows a second, over all workers.
    pub rows_per_second: Option<u64>,
    /// Fewest rows of a batch, as far as there are.
    pub batch_min: u64,
    /// Most rows of a batch.
    pub batch_max: u64,
}

/// What is done to the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// They go through code.
    Transform {
        /// A query instead of the table's columns.
        source: Option<String>,
        /// Columns or expressions.
        input: Vec<String>,
        /// Columns.
        output: Vec<String>,
        /// For the code, to pick by.
        transform: String,
    },
    /// As after SET.
    Sql(String),
}

/// A job as the database keeps it, for whoever works on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Of this form.
    format: u32,
    /// Statements that make the session as the revision wants it.
    pub session: Vec<String>,
    /// What is to be done.
    pub spec: Spec,
}

/// The form that this version writes.
const FORMAT: u32 = 1;

impl Order {
    /// A new one.
    #[must_use]
    pub fn new(spec: Spec, session: Vec<String>) -> Self {
        Self { format: FORMAT, session, spec }
    }

    /// As the database keeps it.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("it is plain data")
    }

    /// From what the database has; none of another version.
    #[must_use]
    pub fn from_json(json: &str) -> Option<Self> {
        serde_json::from_str::<Self>(json).ok().filter(|order| order.format == FORMAT)
    }
}

/// Characters of a name.
const NAME: usize = 200;

/// Columns of either side. A table has 1,600 at most.
const COLUMNS: usize = 1600;

/// Rows of a batch, unless told otherwise.
const BATCH: (u64, u64) = (100, 10_000);

/// Rows of a batch that nobody may ask for more than: they are in memory at once.
const LARGEST: u64 = 100_000;

impl Spec {
    /// From `backfill.run`.
    pub fn of_run(spec: BackfillSpec) -> Result<Self, SqlError> {
        if spec.input.is_empty() {
            return Err(usage("`input` is empty: the transform would get nothing".to_owned(), None));
        }
        if spec.output.is_empty() {
            return Err(usage("`output` is empty: nothing would be written".to_owned(), None));
        }
        if spec.input.len() > COLUMNS || spec.output.len() > COLUMNS {
            return Err(usage(format!("more than {COLUMNS} columns"), None));
        }
        for part in spec.input.iter().chain(&spec.source) {
            one_piece(part, "`input` or `source`")?;
        }
        let BackfillSpec { name, table, key, source, input, output, condition, transform, settings } = spec;
        let work = What::Transform { source, input, output, transform };
        Self::new(name, table, key, condition, work, &settings)
    }

    /// Whether rows come from a query of the revision's own.
    #[must_use]
    pub fn has_source(&self) -> bool {
        matches!(&self.work, What::Transform { source: Some(_), .. })
    }

    /// From `backfill.update`.
    pub fn of_update(spec: BackfillUpdate) -> Result<Self, SqlError> {
        one_piece(&spec.set, "`set`")?;
        let BackfillUpdate { name, table, key, set, condition, settings } = spec;
        Self::new(name, table, key, condition, What::Sql(set), &settings)
    }

    fn new(
        name: String,
        table: String,
        key: Vec<String>,
        condition: Option<String>,
        work: What,
        settings: &[(String, String)],
    ) -> Result<Self, SqlError> {
        if name.is_empty() || name.chars().count() > NAME || name.chars().any(char::is_control) {
            return Err(usage(
                format!("the name of a backfill has 1 to {NAME} characters, and no control characters"),
                None,
            ));
        }
        for part in condition.iter().chain(&key).chain([&table]) {
            one_piece(part, "`condition`, `key` or `table`")?;
        }
        let mut spec =
            Self { name, table, key, condition, work, rows_per_second: None, batch_min: BATCH.0, batch_max: BATCH.1 };
        for (setting, text) in settings {
            let number = text.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
                usage(format!("the setting `{setting}` is `{text}`, and not a whole number above zero"), None)
            })?;
            match setting.as_str() {
                "rows-per-second" => spec.rows_per_second = Some(number),
                "batch-min" => spec.batch_min = number,
                "batch-max" => spec.batch_max = number,
                _ => {
                    let hint = Some("there are `rows-per-second`, `batch-min` and `batch-max`");
                    return Err(usage(format!("there is no setting `{setting}`"), hint));
                }
            }
        }
        if spec.batch_max > LARGEST {
            return Err(usage(format!("`batch-max` is over {LARGEST}, and a batch is in memory"), None));
        }
        spec.batch_min = spec.batch_min.min(spec.batch_max);
        Ok(spec)
    }
}

/// A part of a statement must not bring another one, nor close a parenthesis that is not its own.
fn one_piece(text: &str, what: &str) -> Result<(), SqlError> {
    use crate::sql::lex::{Kind, Lexer};
    let wrong = |why: &str| Err(usage(format!("{what} cannot be part of a statement: {why}"), None));
    if text.trim().is_empty() {
        return wrong("it is empty");
    }
    let mut depth = 0_u32;
    let mut end = 0;
    for token in Lexer::new(text) {
        let Ok(token) = token else {
            return wrong(&split(text).err().map_or_else(|| "it cannot be read".to_owned(), |error| error.to_string()));
        };
        end = token.end();
        match token.kind {
            Kind::Semicolon => return wrong("it holds a `;`"),
            Kind::Open => depth += 1,
            Kind::Close if depth == 0 => return wrong("it closes a parenthesis that it does not open"),
            Kind::Close => depth -= 1,
            _ => {}
        }
    }
    // A comment at the end would swallow what the host writes behind it.
    if depth > 0 {
        return wrong("it opens a parenthesis that it does not close");
    }
    if text[end..].contains("--") {
        return wrong("it ends in a comment");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_stays_within_its_place() {
        let check = |text: &str, expected: &str| {
            let found = one_piece(text, "it").err().map(|error| error.message).unwrap_or_default();
            assert_eq!(
                found,
                if expected.is_empty() {
                    String::new()
                } else {
                    format!("it cannot be part of a statement: {expected}")
                }
            );
        };
        check("lower(name)", "");
        check("a = 'x;y' AND b = $$;$$", "");
        check("-- why\n a", "");
        check("", "it is empty");
        check("a; DROP TABLE t", "it holds a `;`");
        check("a) OR (b", "it closes a parenthesis that it does not open");
        check("f(a", "it opens a parenthesis that it does not close");
        check("a -- b", "it ends in a comment");
        check("'a", "the string that begins at line 1 column 1 is never closed");
    }

    #[test]
    fn settings_are_read_or_refused() {
        let update = |settings: &[(&str, &str)]| {
            let settings = settings.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            Spec::of_update(BackfillUpdate {
                name: "n".to_owned(),
                table: "t".to_owned(),
                key: Vec::new(),
                set: "a = 1".to_owned(),
                condition: None,
                settings,
            })
            .map_err(|error| error.message)
        };
        let spec = update(&[("rows-per-second", "500"), ("batch-max", "50")]).expect("it is right");
        assert_eq!((spec.rows_per_second, spec.batch_min, spec.batch_max), (Some(500), 50, 50));
        assert_eq!(update(&[("pace", "1")]), Err("there is no setting `pace`".to_owned()));
        let zero = "the setting `batch-min` is `0`, and not a whole number above zero";
        assert_eq!(update(&[("batch-min", "0")]), Err(zero.to_owned()));
        assert!(update(&[("batch-max", "1000000")]).is_err());
    }
}
