//! What `history`, `heads`, `current`, `branches` and `show` say: as entries for `--json`, and as Alembic's lines byte
//! for byte. Where Alembic's order is a set's, load order is used. Printing is the caller's.

use serde::Serialize;

use super::error::Error;
use super::map::Map;
use super::node_set::NodeSet;
use super::order::newest_first;
use super::revision::{Revision, printable};
use super::select;
use super::walk::Bound;

/// One revision with its place in the graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry<'m> {
    /// The identifier.
    pub id: &'m str,
    /// Parents, as declared.
    pub down_revision: &'m [String],
    /// Dependencies, as written.
    pub depends_on: &'m [String],
    /// Labels it carries, its own and those spread to it.
    pub branch_labels: Vec<&'m str>,
    /// Children, in load order.
    pub children: Vec<&'m str>,
    /// The whole message.
    pub message: &'m str,
    /// When it was written.
    pub created: Option<&'m str>,
    /// Its file.
    pub path: &'m str,
    /// Whether its author says that there is no way back.
    pub irreversible: bool,
    /// No revision has it as a parent.
    pub is_head: bool,
    /// A head that some other revision depends on.
    pub is_effective_head: bool,
    /// Several revisions have it as a parent.
    pub is_branch_point: bool,
    /// It has several parents.
    pub is_merge_point: bool,
    /// It is a row of the database, where the rows were asked for.
    pub is_current: bool,
    #[serde(skip)]
    revision: &'m Revision,
}

/// A branch point and the revisions it branches into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Branch<'m> {
    /// The branch point.
    #[serde(flatten)]
    pub point: Entry<'m>,
    /// The first revision of each branch, in load order.
    pub branches: Vec<Entry<'m>>,
}

/// Newest first: everything, or `[start]:[end]` with either end blank, any target, a relative one, or `current`. With
/// `indicate_current` the rows are marked; without it and without `current` in the range, `rows` are not looked at.
pub fn history<'m>(
    map: &'m Map,
    range: Option<&str>,
    rows: &[String],
    indicate_current: bool,
) -> Result<Vec<Entry<'m>>, Error> {
    let (start, end) = match range {
        None => ("", ""),
        Some(range) => range
            .trim()
            .split_once(':')
            .filter(|(_, end)| !end.contains(':'))
            .ok_or_else(|| Error::RangeSyntax { range: range.to_owned() })?,
    };
    let bound = |text, default| match text {
        "current" if !rows.is_empty() => Bound::Rows(rows),
        "" | "current" => Bound::Text(default),
        text => Bound::Text(text),
    };
    let selection = select::history(map, bound(start, "base"), bound(end, "heads")).map_err(|error| match range {
        Some(range) => error.in_range(range.trim()),
        None => error,
    })?;
    let marked = if indicate_current { rows } else { &[] };
    Ok(newest_first(map, &selection.nodes, &selection.heads).into_iter().map(|node| entry(map, node, marked)).collect())
}

/// Heads in load order; with `resolve_dependencies` without those that something depends on.
#[must_use]
pub fn heads(map: &Map, resolve_dependencies: bool) -> Vec<Entry<'_>> {
    let kept = |&node: &usize| !resolve_dependencies || map.all_children[node].is_empty();
    map.head_nodes().filter(kept).map(|node| entry(map, node, &[])).collect()
}

/// Where a database with these rows stands: the tips of all that is applied, those implied by dependencies included.
pub fn current<'m>(map: &'m Map, rows: &[String]) -> Result<Vec<Entry<'m>>, Error> {
    let tips = map.current(&map.row_nodes(rows)?);
    Ok(tips.into_iter().map(|node| Entry { is_current: true, ..entry(map, node, &[]) }).collect())
}

/// The revisions that `target` names; `current` names the rows.
pub fn show<'m>(map: &'m Map, target: &str, rows: &[String]) -> Result<Vec<Entry<'m>>, Error> {
    let mut nodes = if target == "current" { map.row_nodes(rows)? } else { map.many(target)? };
    nodes.sort_unstable();
    Ok(nodes.into_iter().map(|node| entry(map, node, &[])).collect())
}

/// Branch points, newest first.
#[must_use]
pub fn branches(map: &Map) -> Vec<Branch<'_>> {
    let mut all = NodeSet::none(map.len());
    for node in 0..map.len() {
        all.insert(node);
    }
    let heads: Vec<usize> = map.real_head_nodes().collect();
    let points = newest_first(map, &all, &heads).into_iter().filter(|&node| map.children[node].len() > 1);
    let branch = |node: usize| Branch {
        point: entry(map, node, &[]),
        branches: map.children[node].iter().map(|&child| entry(map, child, &[])).collect(),
    };
    points.map(branch).collect()
}

/// The lines of `history`.
#[must_use]
pub fn history_lines(entries: &[Entry<'_>], verbose: bool) -> Vec<String> {
    lines(entries, verbose, |entry| {
        format!("{} -> {}{}, {}", entry.origin(), entry.named(true), entry.flags(), printable(entry.revision.summary()))
    })
}

/// The lines of `heads`.
#[must_use]
pub fn heads_lines(entries: &[Entry<'_>], verbose: bool) -> Vec<String> {
    lines(entries, verbose, |entry| format!("{}{}", entry.named(true), entry.head_flag()))
}

/// The lines of `current`, without Alembic's first line of `-v`, which names the database.
#[must_use]
pub fn current_lines(entries: &[Entry<'_>], verbose: bool) -> Vec<String> {
    // A row is not marked `(current)` here, where all are.
    let unmarked: Vec<Entry<'_>> = entries.iter().map(|entry| Entry { is_current: false, ..entry.clone() }).collect();
    lines(&unmarked, verbose, |entry| format!("{}{}", entry.named(false), entry.flags()))
}

/// The lines of `show`.
#[must_use]
pub fn show_lines(entries: &[Entry<'_>]) -> Vec<String> {
    entries.iter().flat_map(Entry::block).collect()
}

/// The lines of `branches`.
#[must_use]
pub fn branches_lines(branches: &[Branch<'_>], verbose: bool) -> Vec<String> {
    let mut all = Vec::new();
    for Branch { point, branches } in branches {
        if verbose {
            all.extend(point.block());
        } else {
            all.push(format!("{}{}", point.named(true), point.flags()));
        }
        let indent = " ".repeat(point.id.chars().count());
        for child in branches {
            let summary = if verbose { format!(", {}", printable(child.revision.summary())) } else { String::new() };
            all.push(format!("{indent} -> {}{}{summary}", child.named(true), child.flags()));
        }
        all.push(String::new());
    }
    all
}

fn lines(entries: &[Entry<'_>], verbose: bool, line: impl Fn(&Entry<'_>) -> String) -> Vec<String> {
    if verbose { show_lines(entries) } else { entries.iter().map(line).collect() }
}

fn entry<'m>(map: &'m Map, node: usize, rows: &[String]) -> Entry<'m> {
    let revision = &map.revisions()[node];
    let is_head = map.children[node].is_empty();
    Entry {
        id: &revision.id,
        down_revision: &revision.down_revision,
        depends_on: &revision.depends_on,
        branch_labels: map.node_labels(node),
        children: map.children[node].iter().map(|&child| map.id(child)).collect(),
        message: &revision.message,
        created: revision.created.as_deref(),
        path: &revision.path,
        irreversible: revision.irreversible,
        is_head,
        is_effective_head: is_head && !map.all_children[node].is_empty(),
        is_branch_point: map.children[node].len() > 1,
        is_merge_point: map.down[node].len() > 1,
        is_current: rows.contains(&revision.id),
        revision,
    }
}

impl Entry<'_> {
    fn parents(&self) -> String {
        if self.down_revision.is_empty() { "<base>".to_owned() } else { self.down_revision.join(", ") }
    }

    fn origin(&self) -> String {
        if self.depends_on.is_empty() {
            self.parents()
        } else {
            format!("{} ({})", self.parents(), self.depends_on.join(", "))
        }
    }

    fn named(&self, labels: bool) -> String {
        if labels && !self.branch_labels.is_empty() {
            format!("{} ({})", self.id, self.branch_labels.join(", "))
        } else {
            self.id.to_owned()
        }
    }

    fn head_flag(&self) -> &'static str {
        match (self.is_head, self.is_effective_head) {
            (true, true) => " (effective head)",
            (true, false) => " (head)",
            (false, _) => "",
        }
    }

    fn flags(&self) -> String {
        let current = if self.is_current { " (current)" } else { "" };
        format!("{}{current}{}", self.head_flag(), self.point_flags())
    }

    fn point_flags(&self) -> &'static str {
        match (self.is_branch_point, self.is_merge_point) {
            (true, true) => " (branchpoint) (mergepoint)",
            (true, false) => " (branchpoint)",
            (false, true) => " (mergepoint)",
            (false, false) => "",
        }
    }

    /// The long form, with the text that Alembic's template would put at the top of the file, and an empty line.
    fn block(&self) -> Vec<String> {
        let head = if self.is_head { " (head)" } else { "" };
        let current = if self.is_current { " (current)" } else { "" };
        let mut block = vec![
            format!("Rev: {}{head}{}{current}", self.id, self.point_flags()),
            format!("{}: {}", if self.is_merge_point { "Merges" } else { "Parent" }, self.parents()),
        ];
        if !self.depends_on.is_empty() {
            block.push(format!("Also depends on: {}", self.depends_on.join(", ")));
        }
        if self.is_branch_point {
            block.push(format!("Branches into: {}", self.children.join(", ")));
        }
        if !self.branch_labels.is_empty() {
            block.push(format!("Branch names: {}", self.branch_labels.join(", ")));
        }
        block.push(format!("Path: {}", printable(self.path)));
        block.push(String::new());
        let message = self.message.trim();
        if message.is_empty() {
            block.push(String::new());
        } else {
            block.extend(printable(message).split('\n').map(|line| format!("    {line}")));
            block.push("    ".to_owned());
            block.push(format!("    Revision ID: {}", self.id));
            block.push(format!("    Revises: {}", self.down_revision.join(", ")));
            block.extend(self.created.map(|created| format!("    Create Date: {}", printable(created))));
        }
        block.push(String::new());
        block
    }
}

#[cfg(test)]
mod tests {
    use super::super::order::tests::map;
    use super::*;

    fn rows(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn lines_of_the_sample_graph() {
        let map = map("1a2b; 2b3c<1a2b; 3c4d<2b3c #shop; 4d5e<2b3c; 5e6f<3c4d,4d5e; 6f7a #net; 7a8b<6f7a +2b3c");
        let all = history(&map, None, &rows("3c4d 4d5e"), true).expect("a history");
        assert_eq!(
            history_lines(&all, false),
            [
                "3c4d, 4d5e -> 5e6f (shop) (head) (mergepoint), make 5e6f",
                "2b3c -> 3c4d (shop) (current), make 3c4d",
                "6f7a (2b3c) -> 7a8b (net) (head), make 7a8b",
                "<base> -> 6f7a (net), make 6f7a",
                "2b3c -> 4d5e (current), make 4d5e",
                "1a2b -> 2b3c (branchpoint), make 2b3c",
                "<base> -> 1a2b, make 1a2b",
            ]
        );
        assert_eq!(heads_lines(&heads(&map, false), false), ["5e6f (shop) (head)", "7a8b (net) (head)"]);
        let now = current(&map, &rows("7a8b")).expect("known rows");
        assert_eq!(current_lines(&now, false), ["2b3c (branchpoint)", "7a8b (head)"]);
        assert_eq!(
            branches_lines(&branches(&map), false),
            ["2b3c (branchpoint)", "     -> 3c4d (shop)", "     -> 4d5e", ""]
        );
        assert_eq!(
            show_lines(&show(&map, "5e6f", &[]).expect("a revision")),
            [
                "Rev: 5e6f (head) (mergepoint)",
                "Merges: 3c4d, 4d5e",
                "Branch names: shop",
                "Path: 5e6f.sql",
                "",
                "    make 5e6f",
                "    ",
                "    Revision ID: 5e6f",
                "    Revises: 3c4d, 4d5e",
                "",
            ]
        );
    }

    #[test]
    fn ranges() {
        let map = map("a; b<a; c<b; d<c #x; e<d");
        let check = |range: &str, current: &str, expected: &str| {
            let got = history(&map, Some(range), &rows(current), false);
            let got =
                got.map_or_else(|e| format!("{}: {e}", e.kind()), |all| all.iter().map(|entry| entry.id).collect());
            assert_eq!(got, expected, "{range}");
        };
        check(":", "c", "edcba");
        check("b:d", "c", "dcb");
        check("-2:", "c", "edc");
        check("current:", "c", "edc");
        check(":current", "c", "cba");
        check("b:+1", "c", "cb");
        check(
            "head-1:",
            "c",
            "unknown_revision: can't locate revision identified by `head-1`: no such revision or branch",
        );
        check(
            "d:b",
            "c",
            "range_not_ancestor: requested range `d:b` does not refer to ancestor/descendant revisions along the same branch",
        );
        check("b", "c", "range_syntax: history range requires [start]:[end], [start]:, or :[end], not `b`");
        check("a:b:c", "c", "range_syntax: history range requires [start]:[end], [start]:, or :[end], not `a:b:c`");
    }
}
