//! All revisions of a project with their edges, checked: every parent is present, nothing goes round in circles, every
//! name is unique. Inside, revisions are indexes in load order, and load order breaks every tie. What a target means is
//! in `target`; nothing here knows the database.

use std::collections::HashMap;
use std::sync::Arc;

use super::cycle::{self, Blame, reach};
use super::error::Error;
use super::labels::{self, Lines};
use super::node_set::NodeSet;
use super::revision::Revision;

/// The checked graph.
#[derive(Debug)]
pub struct Map {
    revisions: Vec<Arc<Revision>>,
    /// Ids and labels, which share one namespace.
    names: HashMap<String, usize>,
    /// Labels in load order with the revision that declares each.
    labels: Vec<(String, usize)>,
    /// Labels carried by each revision, as indexes of `labels`.
    carried: Vec<Vec<usize>>,
    /// Parents by `down_revision`, as declared.
    pub(super) down: Vec<Vec<usize>>,
    /// Children by `down_revision`, in load order.
    pub(super) children: Vec<Vec<usize>>,
    /// Parents and dependencies, without dependencies that an ancestor declares already.
    pub(super) below: Vec<Vec<usize>>,
    /// Children and dependents, in load order.
    pub(super) all_children: Vec<Vec<usize>>,
    /// Parents and dependencies, all of them.
    pub(super) all_below: Vec<Vec<usize>>,
    /// Length of the longest way down to a root: whatever lies below a revision has a smaller one.
    pub(super) level: Vec<usize>,
    /// Every revision after its parents and dependencies.
    parents_first: Vec<usize>,
}

impl Map {
    /// Checks `revisions`, which come in load order, and ties them together.
    pub fn new<R: Into<Arc<Revision>>>(revisions: Vec<R>) -> Result<Self, Error> {
        let revisions: Vec<Arc<Revision>> = revisions.into_iter().map(Into::into).collect();
        revisions.iter().try_for_each(|revision| revision.validate())?;
        let mut names = name_revisions(&revisions)?;
        let ids = names.clone();
        let labels = name_labels(&revisions, &mut names)?;
        let down = resolve(&revisions, &ids, "down_revision", |revision| &revision.down_revision)?;
        let dependencies = resolve(&revisions, &names, "depends_on", |revision| &revision.depends_on)?;
        let children = inverse(&down);
        let all_below = joined(&down, &dependencies);
        let all_children = inverse(&all_below);

        let named = |nodes: &[usize]| nodes.iter().map(|&node| revisions[node].id.clone()).collect::<Vec<_>>();
        cycle::parents_first(&down, &children)
            .map_err(|Blame { members, cycle }| Error::Cycle { revisions: named(&members), cycle: named(&cycle) })?;
        let parents_first = cycle::parents_first(&all_below, &all_children).map_err(|Blame { members, cycle }| {
            Error::DependencyCycle { revisions: named(&members), cycle: named(&cycle) }
        })?;

        let mut level = vec![0; revisions.len()];
        for &node in &parents_first {
            level[node] = all_below[node].iter().map(|&parent| level[parent] + 1).max().unwrap_or(0);
        }
        let below = joined(&down, &undeclared_below(&dependencies, &children, &level));
        let declared: Vec<usize> = labels.iter().map(|&(_, node)| node).collect();
        let lines = Lines { down: &down, children: &children, all_children: &all_children, order: &parents_first };
        let carried = labels::spread(&declared, &lines);
        Ok(Self {
            revisions,
            names,
            labels,
            carried,
            down,
            children,
            below,
            all_children,
            all_below,
            level,
            parents_first,
        })
    }

    /// All revisions in load order.
    #[must_use]
    pub fn revisions(&self) -> &[Arc<Revision>] {
        &self.revisions
    }

    /// The revision with exactly this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Revision> {
        self.node(id).map(|node| self.revisions[node].as_ref())
    }

    /// Every revision after its parents and dependencies.
    pub fn parents_first(&self) -> impl Iterator<Item = &Revision> {
        self.parents_first.iter().map(|&node| self.revisions[node].as_ref())
    }

    /// Revisions without children, in load order: what `heads` lists.
    pub fn heads(&self) -> impl Iterator<Item = &Revision> {
        self.head_nodes().map(|node| self.revisions[node].as_ref())
    }

    /// Heads on which no revision depends either: the rows of a database that is up to date.
    pub fn real_heads(&self) -> impl Iterator<Item = &Revision> {
        self.real_head_nodes().map(|node| self.revisions[node].as_ref())
    }

    /// Revisions without parents, in load order.
    pub fn bases(&self) -> impl Iterator<Item = &Revision> {
        self.base_nodes().map(|node| self.revisions[node].as_ref())
    }

    /// Children of `id` by `down_revision`, in load order; none for an unknown id.
    pub fn children(&self, id: &str) -> impl Iterator<Item = &Revision> {
        self.node(id).into_iter().flat_map(|node| &self.children[node]).map(|&child| self.revisions[child].as_ref())
    }

    /// Labels that `id` carries, declared by itself or spread to it.
    #[must_use]
    pub fn labels_of(&self, id: &str) -> Vec<&str> {
        self.node(id).map_or_else(Vec::new, |node| self.node_labels(node))
    }

    /// Whether `name` is the id or the label of some revision.
    #[must_use]
    pub fn is_taken(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// Everything that the version rows imply is applied, in load order.
    pub fn applied(&self, rows: &[String]) -> Result<Vec<&Revision>, Error> {
        let rows = self.row_nodes(rows)?;
        Ok(self.ancestors(&rows).iter().map(|node| self.revisions[node].as_ref()).collect())
    }

    pub(super) fn parents_first_nodes(&self) -> &[usize] {
        &self.parents_first
    }

    pub(super) fn len(&self) -> usize {
        self.revisions.len()
    }

    pub(super) fn id(&self, node: usize) -> &str {
        &self.revisions[node].id
    }

    pub(super) fn ids(&self, nodes: impl IntoIterator<Item = usize>) -> Vec<String> {
        nodes.into_iter().map(|node| self.revisions[node].id.clone()).collect()
    }

    pub(super) fn is_of_plugin(&self, node: usize) -> bool {
        self.revisions[node].of_plugin
    }

    /// The node with exactly this id or label.
    pub(super) fn named(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// The node with exactly this id.
    pub(super) fn node(&self, id: &str) -> Option<usize> {
        self.named(id).filter(|&node| self.revisions[node].id == id)
    }

    /// Ids in load order, then labels: every name with its node.
    pub(super) fn all_names(&self) -> impl Iterator<Item = (&str, usize)> {
        let ids = self.revisions.iter().enumerate().map(|(node, revision)| (revision.id.as_str(), node));
        ids.chain(self.labels.iter().map(|(label, node)| (label.as_str(), *node)))
    }

    pub(super) fn node_labels(&self, node: usize) -> Vec<&str> {
        self.carried[node].iter().map(|&label| self.labels[label].0.as_str()).collect()
    }

    pub(super) fn head_nodes(&self) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(|&node| self.children[node].is_empty())
    }

    pub(super) fn real_head_nodes(&self) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(|&node| self.all_children[node].is_empty())
    }

    pub(super) fn base_nodes(&self) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(|&node| self.down[node].is_empty())
    }

    /// The nodes of version rows. A row is a whole id, never a prefix or a label.
    pub(super) fn row_nodes(&self, rows: &[String]) -> Result<Vec<usize>, Error> {
        let mut nodes = Vec::with_capacity(rows.len());
        let mut seen = NodeSet::none(self.len());
        for row in rows {
            let node = self.node(row).ok_or_else(|| Error::UnknownRow { id: row.clone() })?;
            if seen.insert(node) {
                nodes.push(node);
            }
        }
        Ok(nodes)
    }

    /// `nodes` and all that lies below them, dependencies included.
    pub(super) fn ancestors(&self, nodes: &[usize]) -> NodeSet {
        reach(&self.below, nodes.iter().copied())
    }

    /// The tips of what `rows` imply is applied: members with no applied child by `down_revision`.
    pub(super) fn current(&self, rows: &[usize]) -> Vec<usize> {
        let applied = self.ancestors(rows);
        applied.iter().filter(|&node| !self.children[node].iter().any(|&child| applied.contains(child))).collect()
    }

    /// `nodes` and all that lies above them, dependents included.
    pub(super) fn descendants(&self, nodes: &[usize]) -> NodeSet {
        reach(&self.all_children, nodes.iter().copied())
    }

    /// `nodes` with their ancestors and descendants: by `down_revision` alone, or with dependencies.
    pub(super) fn lineage(&self, nodes: &[usize], dependencies: bool) -> NodeSet {
        let (down, up) = if dependencies { (&self.below, &self.all_children) } else { (&self.down, &self.children) };
        let above = reach(up, nodes.iter().copied());
        let mut all = reach(down, nodes.iter().copied());
        for node in above.iter() {
            all.insert(node);
        }
        all
    }
}

fn name_revisions(revisions: &[Arc<Revision>]) -> Result<HashMap<String, usize>, Error> {
    let mut names: HashMap<String, usize> = HashMap::with_capacity(revisions.len());
    for (node, revision) in revisions.iter().enumerate() {
        if let Some(first) = names.insert(revision.id.clone(), node) {
            let paths = vec![revisions[first].path.clone(), revision.path.clone()];
            return Err(Error::DuplicateRevision { id: revision.id.clone(), paths });
        }
    }
    Ok(names)
}

fn name_labels(revisions: &[Arc<Revision>], names: &mut HashMap<String, usize>) -> Result<Vec<(String, usize)>, Error> {
    let mut labels = Vec::new();
    for (node, revision) in revisions.iter().enumerate() {
        for label in &revision.branch_labels {
            if let Some(other) = names.insert(label.clone(), node) {
                let other = revisions[other].id.clone();
                return Err(Error::DuplicateBranchLabel { label: label.clone(), revision: revision.id.clone(), other });
            }
            labels.push((label.clone(), node));
        }
    }
    Ok(labels)
}

fn resolve(
    revisions: &[Arc<Revision>],
    names: &HashMap<String, usize>,
    field: &'static str,
    references: impl Fn(&Revision) -> &Vec<String>,
) -> Result<Vec<Vec<usize>>, Error> {
    let one = |revision: &Revision, name: &String| {
        names.get(name).copied().ok_or_else(|| Error::MissingParent {
            revision: revision.id.clone(),
            path: revision.path.clone(),
            missing: name.clone(),
            field,
            near: super::target::nearest(name, names.keys().map(String::as_str)),
        })
    };
    revisions
        .iter()
        .map(|revision| {
            let mut nodes = Vec::new();
            for name in references(revision) {
                let node = one(revision, name)?;
                if !nodes.contains(&node) {
                    nodes.push(node);
                }
            }
            Ok(nodes)
        })
        .collect()
}

/// The same edges seen from the other end, in load order.
fn inverse(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut inverse = vec![Vec::new(); edges.len()];
    for (node, targets) in edges.iter().enumerate() {
        for &target in targets {
            inverse[target].push(node);
        }
    }
    inverse
}

fn joined(first: &[Vec<usize>], second: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let join = |(first, second): (&Vec<usize>, &Vec<usize>)| {
        let mut all = first.clone();
        all.extend(second.iter().copied().filter(|node| !first.contains(node)));
        all
    };
    first.iter().zip(second).map(join).collect()
}

/// Dependencies without those that an ancestor by `down_revision` declares too. Only what several revisions declare
/// needs a look, up from all of these and no higher than the highest.
fn undeclared_below(dependencies: &[Vec<usize>], children: &[Vec<usize>], level: &[usize]) -> Vec<Vec<usize>> {
    let mut wanted = dependencies.to_vec();
    let mut seen = vec![usize::MAX; children.len()];
    for (dependency, declarers) in inverse(dependencies).iter().enumerate().filter(|(_, some)| some.len() > 1) {
        let highest = declarers.iter().map(|&node| level[node]).max().unwrap_or(0);
        let mut todo: Vec<usize> = declarers.iter().flat_map(|&node| children[node].iter().copied()).collect();
        while let Some(node) = todo.pop() {
            if level[node] > highest || std::mem::replace(&mut seen[node], dependency) == dependency {
                continue;
            }
            if declarers.binary_search(&node).is_ok() {
                wanted[node].retain(|&other| other != dependency);
            }
            todo.extend(&children[node]);
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::super::order::tests::map;
    use super::*;

    fn kind_and_message(text: &str) -> String {
        let error = super::super::order::tests::try_map(text).expect_err("a broken graph");
        format!("{}: {error}", error.kind())
    }

    #[test]
    fn heads_bases_and_labels() {
        let map = map("a; b<a; c<b #shop; d<b; m<c,d; n #net; o<n +b");
        let ids = |revisions: Vec<&Revision>| revisions.iter().map(|revision| revision.id.clone()).collect::<String>();
        assert_eq!(ids(map.heads().collect()), "mo");
        assert_eq!(ids(map.real_heads().collect()), "mo");
        assert_eq!(ids(map.bases().collect()), "an");
        assert_eq!(map.labels_of("m"), ["shop"]);
        assert_eq!(map.labels_of("b"), [""; 0]);
        assert_eq!(map.labels_of("o"), ["net"]);
        assert_eq!(ids(map.applied(&["o".to_owned()]).expect("known")), "abno");
    }

    #[test]
    fn a_label_spreads_down_a_single_line_only() {
        assert_eq!(map("a; b<a; c<b #x; d<c").labels_of("a"), ["x"]);
        assert_eq!(map("a; b<a; c<b #x; d<c; e<d; f<d").labels_of("b"), [""; 0]);
        assert_eq!(map("a; z<a; b<a; c<b #x").labels_of("b"), ["x"]);
        assert_eq!(map("a; z<a; b<a; c<b #x").labels_of("a"), [""; 0]);
    }

    #[test]
    fn a_dependency_that_an_ancestor_declares_is_dropped() {
        let map = map("a; x; b<a +x; c<b +x,a");
        let c = map.node("c").expect("c");
        assert_eq!(map.ids(map.below[c].iter().copied()), ["b", "a"]);
    }

    #[test]
    fn every_broken_graph_has_its_error() {
        let check = |text: &str, expected: &str| assert_eq!(kind_and_message(text), expected);
        check("a; a", "duplicate_revision: revision `a` is present more than once: `a.sql`, `a.sql`");
        check(
            "abcd; b<abce",
            "missing_parent: revision `b` (b.sql) names `abce` in down_revision, which is not present; the nearest is `abcd`",
        );
        check(
            "a; b<a +zzzzzz",
            "missing_parent: revision `b` (b.sql) names `zzzzzz` in depends_on, which is not present",
        );
        check("a #x; b<x", "missing_parent: revision `b` (b.sql) names `x` in down_revision, which is not present");
        check("a<b; b<a", "cycle: cycle is detected in revisions (`a`, `b`): a -> b -> a");
        check("r; a<r,b; b<a; h<b", "cycle: cycle is detected in revisions (`a`, `b`): a -> b -> a");
        check(
            "a +b; b<a; c<b",
            "dependency_cycle: dependency cycle is detected in revisions (`a`, `b`, `c`): a -> b -> a",
        );
        check("a<a", "self_loop: self-loop is detected in revisions (`a`): it names itself in down_revision");
        check(
            "a +a",
            "dependency_self_loop: dependency self-loop is detected in revisions (`a`): it names itself in depends_on",
        );
        check("a #x; b<a #x", "duplicate_branch_label: branch name `x` in revision `b` already used by revision `a`");
        check("a #b; b<a", "duplicate_branch_label: branch name `b` in revision `a` already used by revision `b`");
    }
}
