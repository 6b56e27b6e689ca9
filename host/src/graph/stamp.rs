//! `stamp`: moves version rows without running anything. Rows that share a line with a target, dependencies included,
//! become that target; rows elsewhere stay. Several targets are taken one after the other, each from where the one
//! before it left the rows.

use super::error::Error;
use super::map::Map;
use super::node_set::NodeSet;
use super::plan::{Direction, Plan, RowChange, Step, or, starting_rows};
use super::rows::Rows;

/// From `rows` to `targets`; with `purge` as if there were no rows, whatever they name.
pub fn stamp(map: &Map, rows: &[String], targets: &[String], purge: bool) -> Result<Plan, Error> {
    let (kept, purged) = if purge { (&[][..], rows.to_vec()) } else { (rows, Vec::new()) };
    let mut stamping = Stamping { map, current: map.row_nodes(kept)?, rows: Rows::new(kept), steps: Vec::new() };
    if targets.is_empty() {
        stamping.to("base")?;
    }
    for target in targets {
        stamping.to(target)?;
    }
    Ok(Plan { steps: stamping.steps, heads_after: stamping.rows.sorted(), purged })
}

/// `stamp --sql a:b c`: as if the rows were `a`, which only one of the targets may name.
pub fn stamp_range(map: &Map, targets: &[String]) -> Result<Plan, Error> {
    let mut start: Option<&str> = None;
    let mut ends = Vec::with_capacity(targets.len());
    for target in targets {
        let Some((from, to)) = target.split_once(':') else {
            ends.push(target.clone());
            continue;
        };
        if start.replace(from).is_some_and(|other| other != from) {
            return Err(Error::RangeNotAllowed { range: target.clone() });
        }
        ends.push(or(to, "heads").to_owned());
    }
    let rows = starting_rows(map, or(start.unwrap_or_default(), "base"))?;
    stamp(map, &rows, &ends, false)
}

struct Stamping<'m> {
    map: &'m Map,
    /// The nodes of `rows`, in the order in which they came.
    current: Vec<usize>,
    rows: Rows,
    steps: Vec<Step>,
}

impl Stamping<'_> {
    /// 1. The rows on the target's line are what moves.
    /// 2. A target that names nothing (`base`) deletes them, one step a row.
    /// 3. Otherwise each revision that the target names gets a step. A row that is named already stays as it is.
    fn to(&mut self, target: &str) -> Result<(), Error> {
        let map = self.map;
        let moving = map.on_line_of(self.current.clone(), target, true)?;
        let named = map.many(target)?;
        if named.is_empty() {
            for &row in &moving {
                self.current.retain(|&other| other != row);
                self.step(None, vec![row], &[row]);
            }
            return Ok(());
        }
        let touched: Vec<usize> = self.current.iter().chain(&named).copied().collect();
        for &node in named.iter().filter(|node| !moving.contains(node)) {
            let line = map.lineage(&[node], true);
            let from = if moving.iter().any(|&row| line.contains(row)) { moving.clone() } else { Vec::new() };
            self.current.retain(|row| !from.contains(row) || named.contains(row));
            if !self.current.contains(&node) {
                self.current.push(node);
            }
            self.step(Some(node), from, &touched);
        }
        Ok(())
    }

    fn step(&mut self, node: Option<usize>, from: Vec<usize>, touched: &[usize]) {
        let map = self.map;
        let mut covered = NodeSet::none(map.len());
        let below: Vec<usize> = self.current.iter().flat_map(|&row| map.below[row].iter().copied()).collect();
        for ancestor in map.ancestors(&below).iter() {
            covered.insert(ancestor);
        }
        self.current.retain(|&row| !covered.contains(row));
        let current = &self.current;
        let change: RowChange = self.rows.change(map, touched.iter().copied(), |node| current.contains(&node));
        let to = map.ids(node);
        let revision = to.first().cloned().unwrap_or_default();
        let message = String::new();
        self.steps.push(Step { direction: Direction::Stamp, revision, from: map.ids(from), to, message, change });
    }
}

#[cfg(test)]
mod tests {
    use super::super::order::tests::map;
    use super::*;

    #[test]
    fn stamps() {
        let check = |graph: &str, from: &str, targets: &str, purge: bool, expected: &str| {
            let words =
                |text: &str| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
            let plan = stamp(&map(graph), &words(from), &words(targets), purge);
            let got = plan.map_or_else(
                |error| error.kind().to_owned(),
                |plan| {
                    let steps = plan.steps.iter().map(|step| {
                        format!("{} -{} +{}", step.log_line(), step.change.delete.concat(), step.change.insert.concat())
                    });
                    let mut lines: Vec<String> = steps.collect();
                    lines.push(format!("{} purged {}", plan.heads_after.concat(), plan.purged.concat()));
                    lines.join("; ")
                },
            );
            assert_eq!(got, expected, "{graph} from {from} to {targets}");
        };
        let graph = "a; b<a; c<b #shop; d<b; n #net; o<n +b";
        check(graph, "", "b", false, "stamp_revision  -> b - +b; b purged ");
        check(graph, "a", "b", false, "stamp_revision a -> b -a +b; b purged ");
        check(graph, "c d o", "b", false, "stamp_revision c, d, o -> b -cdo +b; b purged ");
        check(graph, "c", "net", false, "stamp_revision  -> n - +n; cn purged ");
        check(graph, "c o", "net@base", false, "stamp_revision o ->  -o +; c purged ");
        check(
            graph,
            "b",
            "heads",
            false,
            "stamp_revision b -> c -b +c; stamp_revision b -> d - +d; stamp_revision b -> o - +o; cdo purged ",
        );
        check(graph, "c", "c", false, "c purged ");
        check(graph, "", "a b", false, "stamp_revision  -> a - +a; stamp_revision a -> b -a +b; b purged ");
        check(graph, "c zz", "b", true, "stamp_revision  -> b - +b; b purged czz");
        check(graph, "c zz", "base", true, " purged czz");
        check(graph, "c zz", "b", false, "unknown_revision");
        check(graph, "", "nosuch@base", false, "no_such_branch");
        check(graph, "", "-1", false, "unknown_revision");
        check(graph, "a", "+1", false, "unknown_revision");
    }

    #[test]
    fn only_one_start_for_a_script() {
        let map = map("a; b<a; c<b");
        let plan = stamp_range(&map, &["a:b".to_owned()]).expect("a plan");
        assert_eq!(plan.steps[0].log_line(), "stamp_revision a -> b");
        let two = stamp_range(&map, &["a:b".to_owned(), "b:c".to_owned()]).expect_err("two starts");
        assert_eq!(two.kind(), "range_not_allowed");
    }
}
