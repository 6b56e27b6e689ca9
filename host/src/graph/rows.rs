//! The version rows while a plan is made, so that each step can say which rows it deletes and inserts.

use std::collections::BTreeSet;

use super::map::Map;
use super::plan::RowChange;

/// The rows as they would stand now.
pub(super) struct Rows(BTreeSet<String>);

impl Rows {
    pub(super) fn new(rows: &[String]) -> Self {
        Self(rows.iter().cloned().collect())
    }

    /// Makes each of `nodes` a row or none, as `is_row` says, and tells the difference.
    pub(super) fn change(
        &mut self,
        map: &Map,
        nodes: impl Iterator<Item = usize>,
        is_row: impl Fn(usize) -> bool,
    ) -> RowChange {
        let mut nodes: Vec<usize> = nodes.collect();
        nodes.sort_unstable();
        nodes.dedup();
        let mut change = RowChange::default();
        for node in nodes {
            let id = map.id(node);
            if is_row(node) {
                if self.0.insert(id.to_owned()) {
                    change.insert.push(id.to_owned());
                }
            } else if self.0.remove(id) {
                change.delete.push(id.to_owned());
            }
        }
        change
    }

    pub(super) fn sorted(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}
