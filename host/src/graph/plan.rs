//! What an upgrade, a downgrade or a stamp would do, step by step, as data. `--dry-run`, `plan`, `--sql` and the real
//! run all look at the same `Plan`; carrying it out is the runner's business.

use serde::Serialize;

use super::error::Error;
use super::map::Map;
use super::node_set::NodeSet;
use super::order::newest_first;
use super::rows::Rows;
use super::select;
pub use super::stamp::{stamp, stamp_range};

/// Which way a step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The revision's upgrade runs.
    Upgrade,
    /// The revision's downgrade runs.
    Downgrade,
    /// Only the version rows move.
    Stamp,
}

/// The version rows that a step removes and adds, in load order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowChange {
    /// Rows that go.
    pub delete: Vec<String>,
    /// Rows that come.
    pub insert: Vec<String>,
}

impl RowChange {
    /// Makes the change in `rows`, whose order does not matter.
    pub fn apply(&self, rows: &mut Vec<String>) {
        rows.retain(|row| !self.delete.contains(row));
        rows.extend(self.insert.iter().cloned());
    }
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which way.
    pub direction: Direction,
    /// The revision that runs; for a stamp the one that is stamped, empty for base.
    pub revision: String,
    /// Where the log line says the step comes from.
    pub from: Vec<String>,
    /// Where the log line says the step goes to.
    pub to: Vec<String>,
    /// The revision's message up to its first blank line; empty for a stamp.
    pub message: String,
    /// What happens to the version rows.
    #[serde(skip)]
    pub change: RowChange,
}

impl Step {
    /// What follows `Running ` in the log: `upgrade a, b -> c, message`.
    #[must_use]
    pub fn log_line(&self) -> String {
        let verb = match self.direction {
            Direction::Upgrade => "upgrade",
            Direction::Downgrade => "downgrade",
            Direction::Stamp => "stamp_revision",
        };
        let move_ = format!("{verb} {} -> {}", self.from.join(", "), self.to.join(", "));
        if self.message.is_empty() { move_ } else { format!("{move_}, {}", super::revision::printable(&self.message)) }
    }
}

/// Steps in order, and the version rows when all are done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// In the order in which they are carried out.
    pub steps: Vec<Step>,
    /// Sorted.
    pub heads_after: Vec<String>,
    /// Rows that `stamp --purge` deletes before the first step. Empty for everything else.
    #[serde(skip)]
    pub purged: Vec<String>,
}

/// From `rows` up to `target`.
pub fn upgrade(map: &Map, rows: &[String], target: &str) -> Result<Plan, Error> {
    refuse_range(target)?;
    let selection = select::upgrade(map, rows, target).map_err(|error| error.about(target))?;
    let mut order = newest_first(map, &selection.nodes, &selection.heads);
    order.reverse();
    Ok(steps(map, rows, &order, Direction::Upgrade))
}

/// From `rows` down to `target`.
pub fn downgrade(map: &Map, rows: &[String], target: &str) -> Result<Plan, Error> {
    refuse_range(target)?;
    let selection = select::downgrade(map, rows, target).map_err(|error| error.about(target))?;
    let order = newest_first(map, &selection.nodes, &selection.heads);
    Ok(steps(map, rows, &order, Direction::Downgrade))
}

/// The one step of `revision`, whatever a target would mean.
pub(super) fn only(map: &Map, rows: &[String], revision: &str, direction: Direction) -> Result<Plan, Error> {
    in_order(map, rows, &[revision], direction)
}

/// Steps of these revisions in this order, which the caller knows to be possible.
pub(super) fn in_order(map: &Map, rows: &[String], order: &[&str], direction: Direction) -> Result<Plan, Error> {
    let node = |id: &&str| map.node(id).ok_or_else(|| Error::UnknownRevision { id: (*id).to_owned(), near: None });
    let order = order.iter().map(node).collect::<Result<Vec<_>, _>>()?;
    Ok(steps(map, rows, &order, direction))
}

/// `upgrade --sql a:b`: as if the rows were `a`. A blank or missing `a` is base, a blank `b` is heads.
pub fn upgrade_range(map: &Map, range: &str) -> Result<Plan, Error> {
    let (start, target) = range.split_once(':').unwrap_or(("", range));
    let rows = starting_rows(map, or(start, "base"))?;
    upgrade(map, &rows, or(target, "heads"))
}

/// `downgrade --sql a:b`: as if the rows were `a`. A blank `a` is heads, a blank `b` is base; the colon must be there.
pub fn downgrade_range(map: &Map, range: &str) -> Result<Plan, Error> {
    let (start, target) =
        range.split_once(':').ok_or_else(|| Error::DowngradeNeedsRange { range: range.to_owned() })?;
    let rows = starting_rows(map, or(start, "heads"))?;
    downgrade(map, &rows, or(target, "base"))
}

pub(super) fn starting_rows(map: &Map, start: &str) -> Result<Vec<String>, Error> {
    Ok(map.ids(map.many(start)?))
}

pub(super) fn or<'t>(text: &'t str, default: &'t str) -> &'t str {
    if text.is_empty() { default } else { text }
}

fn refuse_range(target: &str) -> Result<(), Error> {
    if target.contains(':') { Err(Error::RangeNotAllowed { range: target.to_owned() }) } else { Ok(()) }
}

fn steps(map: &Map, rows: &[String], order: &[usize], direction: Direction) -> Plan {
    let known: Vec<usize> = rows.iter().filter_map(|row| map.node(row)).collect();
    let mut applied = Applied::new(map, &known);
    let mut rows = Rows::new(rows);
    // Rows of which one lies below another are put right by the first step, whatever it is.
    let mut untidy: Vec<usize> = known;
    let mut steps = Vec::with_capacity(order.len());
    for &node in order {
        if direction == Direction::Upgrade {
            applied.add(node);
        } else {
            applied.remove(node);
        }
        let touched = map.all_below[node].iter().copied().chain([node]).chain(untidy.drain(..));
        let change = rows.change(map, touched, |node| applied.is_maximal(node));
        let revision = &map.revisions()[node];
        let (here, parents) = (vec![revision.id.clone()], revision.down_revision.clone());
        let (from, to) = if direction == Direction::Upgrade { (parents, here) } else { (here, parents) };
        let message = revision.summary().to_owned();
        steps.push(Step { direction, revision: revision.id.clone(), from, to, message, change });
    }
    Plan { steps, heads_after: rows.sorted(), purged: Vec::new() }
}

/// The applied set. Version rows are by definition its maximal elements: members on which no member stands.
struct Applied<'m> {
    map: &'m Map,
    members: NodeSet,
    /// For each revision the number of members directly above it.
    above: Vec<usize>,
}

impl<'m> Applied<'m> {
    fn new(map: &'m Map, rows: &[usize]) -> Self {
        let members = map.ancestors(rows);
        let mut above = vec![0; map.len()];
        for node in members.iter() {
            for &parent in &map.all_below[node] {
                above[parent] += 1;
            }
        }
        Self { map, members, above }
    }

    fn is_maximal(&self, node: usize) -> bool {
        self.members.contains(node) && self.above[node] == 0
    }

    fn add(&mut self, node: usize) {
        self.members.insert(node);
        for &parent in &self.map.all_below[node] {
            self.above[parent] += 1;
        }
    }

    fn remove(&mut self, node: usize) {
        self.members.remove(node);
        for &parent in &self.map.all_below[node] {
            self.above[parent] -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::order::tests::{map, try_map};
    use super::*;

    fn shown(plan: Result<Plan, Error>) -> String {
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => return format!("{}: {error}", error.kind()),
        };
        let steps = plan.steps.iter().map(|step| {
            let signed =
                |sign: &str, rows: &[String]| rows.iter().map(|row| format!(" {sign}{row}")).collect::<String>();
            format!("{}{}{}", step.revision, signed("-", &step.change.delete), signed("+", &step.change.insert))
        });
        format!("{} | {}", steps.collect::<Vec<_>>().join("; "), plan.heads_after.join(" "))
    }

    fn rows(text: &str) -> Vec<String> {
        text.split(' ').filter(|row| !row.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn upgrades() {
        let check = |graph: &str, from: &str, target: &str, expected: &str| {
            assert_eq!(shown(upgrade(&map(graph), &rows(from), target)), expected, "{graph} from {from} to {target}");
        };
        let branched = "a; b<a; c<b #shop; d<b; m<c,d";
        check(branched, "", "m", "a +a; b -a +b; d -b +d; c +c; m -c -d +m | m");
        check(branched, "d", "+1", "c +c; m -c -d +m | m");
        check(branched, "m", "b", " | m");
        check(branched, "b", "shop", "c -b +c | c");
        check(branched, "c", "base", " | c");
        check(branched, "", "a:b", "range_not_allowed: range revision not allowed: `a:b`");
        check(branched, "b", "+1", "ambiguous_walk: ambiguous walk: `+1` could go to any of `c`, `d`");
        check(
            branched,
            "c d",
            "+1",
            "ambiguous_upgrade: ambiguous upgrade from multiple current revisions: `+1` could start at any of `c`, `d`",
        );
        check(branched, "c", "+2", "relative_no_migrations: relative revision `+2` didn't produce 2 migrations");
        check(
            branched,
            "m b",
            "m",
            "overlapping_revisions: requested revision `m` overlaps with other requested revisions `b`",
        );
        check(
            branched,
            "zz",
            "m",
            "unknown_revision: can't locate revision identified by `zz`: the database says it is applied, but no file in the versions folders has that id",
        );
        // Alembic's first open defect: the merge also depends on an ancestor of its parents.
        check("a; b<a; c<a; m<b,c +a", "", "head", "a +a; c -a +c; b +b; m -b -c +m | m");
        check("a; x +a; y<x", "", "x", "a +a; x -a +x | x");
    }

    #[test]
    fn downgrades() {
        let check = |graph: &str, from: &str, target: &str, expected: &str| {
            assert_eq!(shown(downgrade(&map(graph), &rows(from), target)), expected, "{graph} from {from} to {target}");
        };
        let branched = "a; b<a; c<b #shop; d<b; m<c,d";
        check(branched, "m", "-1", "ambiguous_walk: ambiguous walk: `-1` could go to any of `c`, `d`");
        check(branched, "m", "c", "m -m +c +d | c d");
        check(branched, "c d", "b", "c -c; d -d +b | b");
        check(branched, "c d", "-1", "ambiguous_walk: ambiguous walk: `-1` could go to any of `c`, `d`");
        check(branched, "c d", "shop@-1", "c -c | d");
        check(branched, "b", "+1", "relative_no_migrations: relative revision `+1` didn't produce 1 migrations");
        check(branched, "b", "b-3", "walked_too_far: walked too far: `b-3` leaves the graph");
        check(branched, "b", "base-1", "walked_too_far: walked too far: `base-1` leaves the graph");
        check(
            branched,
            "b",
            "c",
            "range_not_ancestor: destination `c` is not a valid downgrade target from current head(s) `b`: nothing above it is applied",
        );
        // Alembic drops everything here.
        check(
            branched,
            "b",
            "nosuch@base",
            "no_such_branch: can't locate revision identified by `nosuch`: no such branch",
        );
        // Alembic's second open defect: un-merging while another head exists.
        check("a; b +a; z; m<a,b", "m z", "b", "m -m +b | b z");
        check("a; n #net; o<n +a", "o", "net@base", "o -o +a +n; n -n | a");
    }

    #[test]
    fn ranges() {
        let map = map("aaaa; bbbb<aaaa; cccc<bbbb");
        assert_eq!(shown(upgrade_range(&map, "aaa:")), "bbbb -aaaa +bbbb; cccc -bbbb +cccc | cccc");
        assert_eq!(shown(upgrade_range(&map, "bbbb")), "aaaa +aaaa; bbbb -aaaa +bbbb | bbbb");
        assert_eq!(shown(downgrade_range(&map, "head:aaaa")), "cccc -cccc +bbbb; bbbb -bbbb +aaaa | aaaa");
        assert_eq!(
            shown(downgrade_range(&map, "aaaa")),
            "range_syntax: downgrade with --sql requires <fromrev>:<torev>, not `aaaa`"
        );
    }

    #[test]
    fn log_lines() {
        let map = map("a; b<a; c<a; m<c,b");
        let lines = |plan: Plan| plan.steps.iter().map(Step::log_line).collect::<Vec<_>>().join("; ");
        let up = upgrade(&map, &rows("b"), "m").expect("a plan");
        assert_eq!(lines(up), "upgrade a -> c, make c; upgrade c, b -> m, make m");
        let down = downgrade(&map, &rows("a"), "base").expect("a plan");
        assert_eq!(lines(down), "downgrade a -> , make a");
        let first = upgrade(&map, &[], "a").expect("a plan");
        assert_eq!(lines(first), "upgrade  -> a, make a");
    }

    /// Random graphs and states: every step stands on what is applied, and rows are the maximal elements of it.
    #[test]
    fn steps_are_topological_and_rows_maximal() {
        let mut seed: u64 = 7;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).expect("31 bits") % below
        };
        let mut planned = 0;
        for _ in 0..3000 {
            let size = 1 + random(12);
            let mut parts = Vec::new();
            for node in 0..size {
                let mut some = |chance: usize| {
                    let mut picks: Vec<String> = Vec::new();
                    while node > 0 && random(100) < chance && picks.len() < 3 {
                        picks.push(format!("r{}x", random(node)));
                    }
                    picks.join(",")
                };
                let (down, depends) = (some(60), some(20));
                let mark = |sign: &str, list: String| if list.is_empty() { list } else { format!("{sign}{list}") };
                parts.push(format!("r{node}x{} {}", mark("<", down), mark("+", depends)));
            }
            let graph = parts.join("; ");
            let map = try_map(&graph).expect("a sound graph");
            let top = [random(size), random(size)];
            let applied = map.ancestors(&top);
            let maximal = |applied: &NodeSet| {
                let above = |node: usize| applied.iter().any(|other| map.all_below[other].contains(&node));
                let mut rows = map.ids(applied.iter().filter(|&node| !above(node)));
                rows.sort();
                rows
            };
            let target = format!("r{}x", random(size));
            for (plan, up) in [
                (upgrade(&map, &maximal(&applied), &target), true),
                (downgrade(&map, &maximal(&applied), &target), false),
            ] {
                let Ok(plan) = plan else { continue };
                planned += 1;
                let mut now = applied.clone();
                let mut rows = maximal(&applied);
                for step in &plan.steps {
                    let node = map.node(&step.revision).expect("a revision of the map");
                    assert_eq!(now.contains(node), !up, "{graph}");
                    if up {
                        assert!(map.all_below[node].iter().all(|&parent| now.contains(parent)), "{graph}");
                        now.insert(node);
                    } else {
                        now.remove(node);
                        assert!(!now.iter().any(|other| map.all_below[other].contains(&node)), "{graph}");
                    }
                    rows.retain(|row| !step.change.delete.contains(row));
                    rows.extend(step.change.insert.iter().cloned());
                    rows.sort();
                    assert_eq!(rows, maximal(&now), "{graph} to {target}");
                }
                assert_eq!(plan.heads_after, rows);
            }
        }
        assert!(planned > 3000, "{planned}");
    }
}
