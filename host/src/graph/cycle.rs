//! Proves that a graph has no cycle by putting it in order, parents first; where that fails, says which revisions are
//! to blame. Used once for `down_revision` alone and once with dependencies.

use super::node_set::NodeSet;

/// What stands in the way of an order.
pub(super) struct Blame {
    /// Revisions that no path from a base reaches or that reach no head (what Alembic names), else the loop itself.
    pub(super) members: Vec<usize>,
    /// One loop, each member below the one before it.
    pub(super) cycle: Vec<usize>,
}

/// All nodes, parents before children. `below` and `above` are the same edges in both directions, without duplicates.
pub(super) fn parents_first(below: &[Vec<usize>], above: &[Vec<usize>]) -> Result<Vec<usize>, Blame> {
    let mut waiting: Vec<usize> = below.iter().map(Vec::len).collect();
    let mut order: Vec<usize> = (0..below.len()).filter(|&node| waiting[node] == 0).collect();
    let mut next = 0;
    while let Some(&node) = order.get(next) {
        next += 1;
        for &child in &above[node] {
            waiting[child] -= 1;
            if waiting[child] == 0 {
                order.push(child);
            }
        }
    }
    if order.len() == below.len() { Ok(order) } else { Err(blame(below, above, &waiting)) }
}

/// Every node reachable from `starts` along `edges`, the starts included.
pub(super) fn reach(edges: &[Vec<usize>], starts: impl IntoIterator<Item = usize>) -> NodeSet {
    let mut seen = NodeSet::none(edges.len());
    let mut todo: Vec<usize> = starts.into_iter().filter(|&start| seen.insert(start)).collect();
    while let Some(node) = todo.pop() {
        todo.extend(edges[node].iter().copied().filter(|&next| seen.insert(next)));
    }
    seen
}

fn blame(below: &[Vec<usize>], above: &[Vec<usize>], waiting: &[usize]) -> Blame {
    let nodes = 0..below.len();
    let down_from_heads = reach(below, nodes.clone().filter(|&node| above[node].is_empty()));
    let up_from_bases = reach(above, nodes.clone().filter(|&node| below[node].is_empty()));
    let lost: Vec<usize> =
        nodes.filter(|&node| !(down_from_heads.contains(node) && up_from_bases.contains(node))).collect();
    let cycle = find_loop(below, waiting);
    Blame { members: if lost.is_empty() { cycle.clone() } else { lost }, cycle }
}

/// A node that still waits has a parent that still waits, so walking down from one comes round at last.
fn find_loop(below: &[Vec<usize>], waiting: &[usize]) -> Vec<usize> {
    let mut place: Vec<Option<usize>> = vec![None; below.len()];
    let mut path = Vec::new();
    let mut at = waiting.iter().position(|&count| count > 0);
    while let Some(node) = at {
        if let Some(start) = place[node] {
            return path.split_off(start);
        }
        place[node] = Some(path.len());
        path.push(node);
        at = below[node].iter().copied().find(|&parent| waiting[parent] > 0);
    }
    path
}
