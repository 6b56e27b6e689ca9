//! The SQL that selects a range of the key. A key travels as the text of its parts, with ISO dates in UTC.

use super::spec::{Spec, What};
use super::target::Target;
use crate::sql::quote_literal;

/// Rows whose key is above one and at most another, or the row of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    pub(super) after: Option<Vec<String>>,
    pub(super) upto: Vec<String>,
    /// Only the row of the last key.
    alone: bool,
}

impl Range {
    /// Above `after`, or from the first on, and at most `upto`.
    #[must_use]
    pub fn between(after: Option<Vec<String>>, upto: Vec<String>) -> Self {
        Self { after, upto, alone: false }
    }

    /// One row alone.
    #[must_use]
    pub fn only(key: Vec<String>) -> Self {
        Self { after: None, upto: key, alone: true }
    }
}

impl Target {
    /// The key's columns, qualified.
    #[must_use]
    pub fn key_columns(&self) -> Vec<String> {
        self.key.iter().map(|key| format!("{}.{}", self.alias, key.name)).collect()
    }

    /// `(a, b)`, or the one column.
    fn key_row(&self) -> String {
        row(&self.key_columns())
    }

    /// A key as an expression of the key's types.
    fn literal(&self, key: &[String]) -> String {
        let parts: Vec<_> = key
            .iter()
            .zip(&self.key)
            .map(|(part, column)| format!("{}::{}", quote_literal(part), column.type_name))
            .collect();
        row(&parts)
    }

    /// The condition of a range.
    #[must_use]
    pub fn within(&self, range: &Range) -> String {
        if range.alone {
            return format!("{} = {}", self.key_row(), self.literal(&range.upto));
        }
        let upto = format!("{} <= {}", self.key_row(), self.literal(&range.upto));
        match &range.after {
            Some(after) => format!("{} > {} AND {upto}", self.key_row(), self.literal(after)),
            None => upto,
        }
    }

    /// The rows of a range for the transform: the key's columns, then the input. At most `limit`, locked.
    #[must_use]
    pub fn select(&self, spec: &Spec, within: &str, limit: u64) -> String {
        let (source, input) = match &spec.work {
            What::Transform { source, input, .. } => (self.source(source.as_deref()), input.as_slice()),
            What::Sql(_) => (self.table.clone(), [].as_slice()),
        };
        let columns = [self.key_columns(), input.to_vec()].concat().join(", ");
        format!(
            "SELECT {columns} FROM {source} WHERE {within}{} ORDER BY {} LIMIT {limit} FOR NO KEY UPDATE OF {}",
            and(spec.condition.as_deref()),
            self.key_columns().join(", "),
            self.alias
        )
    }

    /// Locks the first rows of a range, as `select` does.
    #[must_use]
    pub fn lock(&self, spec: &Spec, within: &str, limit: u64) -> String {
        format!(
            "SELECT 1 FROM {} WHERE {within}{} ORDER BY {} LIMIT {limit} FOR NO KEY UPDATE",
            self.table,
            and(spec.condition.as_deref()),
            self.key_columns().join(", ")
        )
    }

    /// The largest key.
    #[must_use]
    pub fn last_key(&self) -> String {
        let columns = self.key_columns();
        let descending: Vec<_> = columns.iter().map(|column| format!("{column} DESC")).collect();
        format!("SELECT {} FROM {} ORDER BY {} LIMIT 1", columns.join(", "), self.table, descending.join(", "))
    }

    /// The keys of `count` rows of a range, from the `nth` on.
    #[must_use]
    pub fn nth_key(&self, spec: &Spec, range: &Range, nth: u64, count: u64) -> String {
        let columns = self.key_columns().join(", ");
        format!(
            "SELECT {columns} FROM {} WHERE {}{} ORDER BY {columns} OFFSET {} LIMIT {count}",
            self.table,
            self.within(range),
            and(spec.condition.as_deref()),
            nth.saturating_sub(1)
        )
    }

    /// The rows of a range, counted.
    #[must_use]
    pub fn count(&self, spec: &Spec, range: &Range) -> String {
        format!("SELECT count(*) FROM {} WHERE {}{}", self.table, self.within(range), and(spec.condition.as_deref()))
    }

    /// The last keys of the next batches of `size` rows above `after`.
    #[must_use]
    pub fn boundaries(&self, condition: Option<&str>, range: &Range, size: u64, batches: u64) -> String {
        let numbered: Vec<_> = (0..self.key.len()).map(|number| format!("k{number}")).collect();
        let keys: Vec<_> = numbered.iter().map(|name| format!("n.{name}")).collect();
        let named: Vec<_> =
            self.key_columns().iter().zip(&numbered).map(|(column, name)| format!("{column} AS {name}")).collect();
        let rows = size.saturating_mul(batches);
        format!(
            "SELECT {} FROM (SELECT x.*, row_number() OVER (ORDER BY {order}) AS wmigrate_number FROM (\
             SELECT {} FROM {} WHERE {}{} ORDER BY {} LIMIT {rows}) AS x) AS n \
             WHERE n.wmigrate_number % {size} = 0 ORDER BY {}",
            keys.join(", "),
            named.join(", "),
            self.table,
            self.within(range),
            and(condition),
            self.key_columns().join(", "),
            keys.join(", "),
            order = numbered.iter().map(|name| format!("x.{name}")).collect::<Vec<_>>().join(", "),
        )
    }

    /// The statement of a job in SQL.
    #[must_use]
    pub fn update(&self, spec: &Spec, set: &str, within: &str) -> String {
        format!("UPDATE {} SET {set} WHERE {within}{}", self.table, and(spec.condition.as_deref()))
    }
}

fn and(condition: Option<&str>) -> String {
    condition.map(|condition| format!(" AND ({condition})")).unwrap_or_default()
}

fn row(parts: &[String]) -> String {
    match parts {
        [one] => one.clone(),
        _ => format!("({})", parts.join(", ")),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::backfill::target::KeyColumn;
    use crate::sql::value::Kind;

    pub(crate) fn target(key: &[(&str, &str)]) -> Target {
        let key = key
            .iter()
            .map(|(name, type_name)| KeyColumn {
                name: format!("\"{name}\""),
                type_name: (*type_name).to_owned(),
                oid: 20,
                kind: if *type_name == "bigint" { Kind::Int8 } else { Kind::TextLike },
            })
            .collect();
        Target {
            table: "\"s\".\"t\"".to_owned(),
            alias: "\"t\"".to_owned(),
            oid: 1,
            key,
            output: Vec::new(),
            input: Vec::new(),
            estimate: 0,
            width: 0,
        }
    }

    fn texts(parts: &[&str]) -> Vec<String> {
        parts.iter().map(|part| (*part).to_owned()).collect()
    }

    #[test]
    fn a_range_is_open_below_and_closed_above() {
        let one = target(&[("id", "bigint")]);
        let range = Range::between(Some(texts(&["10"])), texts(&["20"]));
        assert_eq!(one.within(&range), "\"t\".\"id\" > '10'::bigint AND \"t\".\"id\" <= '20'::bigint");
        let first = Range::between(None, texts(&["it's"]));
        assert_eq!(target(&[("a", "text")]).within(&first), "\"t\".\"a\" <= 'it''s'::text");
        assert_eq!(one.within(&Range::only(texts(&["7"]))), "\"t\".\"id\" = '7'::bigint");
        // Where nothing is left, nothing is found.
        let none = Range::between(Some(texts(&["7"])), texts(&["7"]));
        assert_eq!(one.within(&none), "\"t\".\"id\" > '7'::bigint AND \"t\".\"id\" <= '7'::bigint");
        let two = target(&[("a", "bigint"), ("b", "text")]);
        let range = Range::between(Some(texts(&["1", "x"])), texts(&["2", "y"]));
        assert_eq!(
            two.within(&range),
            "(\"t\".\"a\", \"t\".\"b\") > ('1'::bigint, 'x'::text) AND (\"t\".\"a\", \"t\".\"b\") <= ('2'::bigint, 'y'::text)"
        );
    }
}
