//! Which revisions a command is about, before they are put in order: what an upgrade still needs, what a downgrade must
//! take away, what a history range holds.

use super::cycle::reach;
use super::error::Error;
use super::map::Map;
use super::node_set::NodeSet;
use super::target::Relative;
use super::walk::{AtTheEnd, Bound, Place, downgrade_target, upgrade_target};

/// Selected revisions, and the ones from which a walk through them begins.
pub(super) struct Selection {
    pub(super) nodes: NodeSet,
    pub(super) heads: Vec<usize>,
}

/// Everything that `target` needs and the rows do not imply.
pub(super) fn upgrade(map: &Map, rows: &[String], target: &str) -> Result<Selection, Error> {
    let heads = upgrade_target(map, Bound::Rows(rows), target, AtTheEnd::Fail)?;
    refuse_overlap(map, &heads)?;
    let current = map.row_nodes(rows)?;
    refuse_overlap(map, &current)?;
    let applied = map.ancestors(&current);
    let mut nodes = map.ancestors(&heads);
    nodes.keep(|node| !applied.contains(node));
    Ok(Selection { nodes, heads })
}

/// Everything applied that stands on top of `target`, dependents on any branch included.
pub(super) fn downgrade(map: &Map, rows: &[String], target: &str) -> Result<Selection, Error> {
    let (line, destination) = downgrade_target(map, Bound::Rows(rows), target, AtTheEnd::Fail)?;
    let mut roots = match destination {
        None => map.base_nodes().collect(),
        Some(node) => map.children[node].clone(),
    };
    if let Some(line) = line.filter(|_| roots.len() > 1) {
        let below = reach(&map.down, [line.node]);
        roots.retain(|&root| below.contains(root));
        if roots.is_empty() {
            return Err(Error::InvalidDowngradeTarget { target: target.to_owned(), branch: line.name });
        }
    }
    let heads = map.row_nodes(rows)?;
    let applied = map.ancestors(&heads);
    let mut nodes = map.descendants(&roots);
    nodes.keep(|node| applied.contains(node));
    if nodes.is_empty() && destination.is_some_and(|node| !heads.contains(&node)) {
        return Err(Error::NothingToDrop { target: target.to_owned(), rows: rows.to_vec() });
    }
    Ok(Selection { nodes, heads })
}

/// What lies between the two ends of a history range, both included.
pub(super) fn history(map: &Map, start: Bound<'_>, end: Bound<'_>) -> Result<Selection, Error> {
    let not_ancestor = || Error::RangeNotAncestor { start: start.shown(), end: end.shown() };
    let mut heads = match end {
        Bound::Rows(rows) => map.row_nodes(rows)?,
        Bound::Text(text) => upgrade_target(map, start, text, AtTheEnd::Stay)?,
    };
    if let Bound::Text(text) = start
        && let Some((branch, _)) = text.split_once('@')
    {
        keep_branch(map, branch, &mut heads)?;
    }
    refuse_overlap(map, &heads)?;
    let needed = map.ancestors(&heads);

    let mut current = Vec::new();
    for place in range_start(map, start, end)? {
        match place {
            Place::At(node) if needed.contains(node) => current.push(node),
            Place::At(_) | Place::Base => return Err(not_ancestor()),
            Place::Beyond => {}
        }
    }
    refuse_overlap(map, &current)?;
    let mut nodes = needed;
    if !current.is_empty() {
        let applied = map.ancestors(&current);
        let above = reach(&map.children, current.iter().copied());
        nodes.keep(|node| current.contains(&node) || (!applied.contains(node) && above.contains(node)));
    }
    Ok(Selection { nodes, heads })
}

/// `branch@…` as the start of a range narrows its end to that branch. An id stands for the branch it is on.
fn keep_branch(map: &Map, branch: &str, heads: &mut Vec<usize>) -> Result<(), Error> {
    let Some(node) = map.one(branch)? else { return Ok(()) };
    let labels = map.node_labels(node);
    if map.id(node) != branch {
        heads.retain(|&head| map.node_labels(head).contains(&branch));
    } else if let &[label] = labels.as_slice() {
        heads.retain(|&head| map.node_labels(head).contains(&label));
    } else {
        let line = map.lineage(&[node], false);
        heads.retain(|&head| line.contains(head));
    }
    Ok(())
}

/// Where a range begins. `-N` counts down from every head, or, where that leaves the graph, from the range's end.
fn range_start(map: &Map, start: Bound<'_>, end: Bound<'_>) -> Result<Vec<Place>, Error> {
    let at = |nodes: Vec<usize>| nodes.into_iter().map(Place::At).collect();
    let text = match start {
        Bound::Rows(rows) => return map.row_nodes(rows).map(at),
        Bound::Text(text) => text,
    };
    let steps = Relative::parse(text).filter(|relative| relative.symbol.is_none() && relative.steps < 0);
    let Some(relative) = steps else {
        return map.many(text).map(at);
    };
    let mut heads: Vec<usize> = map.real_head_nodes().collect();
    if let Some(branch) = relative.branch {
        heads.retain(|&head| map.node_labels(head).contains(&branch));
        map.require_label(Some(branch))?;
    }
    let places: Vec<Place> =
        heads.iter().map(|&head| walk_down(map, head, &relative, text)).collect::<Result<_, _>>()?;
    if places.first() != Some(&Place::Beyond) {
        return Ok(places);
    }
    let (_, node) = downgrade_target(map, end, text, AtTheEnd::Stay)?;
    Ok(at(node.into_iter().collect()))
}

fn walk_down(map: &Map, head: usize, relative: &Relative<'_>, text: &str) -> Result<Place, Error> {
    super::walk::down(map, Place::At(head), relative.steps, text, AtTheEnd::Fail)
}

/// Two targets, or two rows, of which one lies below the other cannot both be meant.
fn refuse_overlap(map: &Map, nodes: &[usize]) -> Result<(), Error> {
    if nodes.len() < 2 {
        return Ok(());
    }
    let parents = nodes.iter().flat_map(|&node| map.below[node].iter().copied());
    let covered = reach(&map.below, parents);
    if !nodes.iter().any(|&node| covered.contains(node)) {
        return Ok(());
    }
    for &node in nodes {
        let below = map.ancestors(&[node]);
        let others: Vec<usize> =
            nodes.iter().copied().filter(|&other| other != node && below.contains(other)).collect();
        if !others.is_empty() {
            return Err(Error::OverlappingRevisions { revision: map.id(node).to_owned(), others: map.ids(others) });
        }
    }
    Ok(())
}
