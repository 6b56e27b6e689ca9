//! How a branch label spreads from the revision that declares it: to all descendants along `down_revision`, and to
//! ancestors as long as the line is a single one. As a *name* in a target a label still means its own revision only.

use std::rc::Rc;

/// The parts of the graph that labels follow.
pub(super) struct Lines<'a> {
    pub(super) down: &'a [Vec<usize>],
    pub(super) children: &'a [Vec<usize>],
    /// Children and dependents.
    pub(super) all_children: &'a [Vec<usize>],
    /// Parents first.
    pub(super) order: &'a [usize],
}

/// For each node the labels it carries, as ascending numbers of `declared` (label number → declaring node). Most nodes
/// carry what their parent carries, so equal sets are shared.
pub(super) fn spread(declared: &[usize], lines: &Lines<'_>) -> Vec<Vec<usize>> {
    let empty: Rc<[usize]> = Rc::from([]);
    let mut carried: Vec<Rc<[usize]>> = vec![empty; lines.down.len()];
    if declared.is_empty() {
        return vec![Vec::new(); lines.down.len()];
    }
    let mut own: Vec<Vec<usize>> = vec![Vec::new(); lines.down.len()];
    for (label, &node) in declared.iter().enumerate() {
        own[node].push(label);
    }
    for &node in lines.order {
        carried[node] = match (lines.down[node].as_slice(), own[node].as_slice()) {
            (&[parent], []) => Rc::clone(&carried[parent]),
            (parents, own) => {
                let inherited = parents.iter().flat_map(|&parent| carried[parent].iter().copied());
                union(own.iter().copied().chain(inherited))
            }
        };
    }
    let mut carried: Vec<Vec<usize>> = carried.iter().map(|labels| labels.to_vec()).collect();
    for (label, &node) in declared.iter().enumerate() {
        for ancestor in single_line_below(node, lines) {
            if let Err(place) = carried[ancestor].binary_search(&label) {
                carried[ancestor].insert(place, label);
            }
        }
    }
    carried
}

/// Ancestors that share the label of `node`: none unless everything above it is one line to a head, and then down to
/// the first revision that branches (dependents count) or merges, which is left out.
fn single_line_below(node: usize, lines: &Lines<'_>) -> Vec<usize> {
    let plain = |at: usize| lines.all_children[at].len() < 2 && lines.down[at].len() < 2;
    let mut tip = node;
    while plain(tip) {
        match lines.children[tip].first() {
            Some(&child) => tip = child,
            None => break,
        }
    }
    let mut found = Vec::new();
    let mut at = node;
    if plain(tip) {
        while let Some(&parent) = lines.down[at].first() {
            if !plain(parent) {
                break;
            }
            found.push(parent);
            at = parent;
        }
    }
    found
}

fn union(labels: impl Iterator<Item = usize>) -> Rc<[usize]> {
    let mut labels: Vec<usize> = labels.collect();
    labels.sort_unstable();
    labels.dedup();
    labels.into()
}
