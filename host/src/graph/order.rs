//! The order in which selected revisions are visited, newest first. It is Alembic's order to the letter, ties included,
//! found without Alembic's ancestor sets: whether a revision must still wait is a count, not a search.

use super::map::Map;
use super::node_set::NodeSet;

/// The members of `todo` in topological order, each before all that lies below it. `heads` are where the walk begins.
///
/// 1. Open heads are sorted by load order; the walk begins at the first.
/// 2. A head that lies below another open head waits: go on at the first such head.
/// 3. Otherwise emit it and put its first parent that is not open yet in its place, further parents at the end of the
///    list. With no parent left it leaves the list, and the walk goes on one place to the left.
pub(super) fn newest_first(map: &Map, todo: &NodeSet, heads: &[usize]) -> Vec<usize> {
    let mut left = todo.clone();
    let starts = starts(map, todo, heads);
    let mut waiting = Waiting::new(map, &starts);
    let mut open = OpenHeads::new(map.len(), &starts);
    let mut search = Search::new(map);
    let mut output = Vec::new();
    let mut current = open.first();
    while let Some(candidate) = current {
        if waiting.count[candidate] > 0 {
            let above = search.first_above(map, &open, &left, candidate);
            current = Some(above.expect("a revision waits only for selected ones, each of them below an open head"));
            continue;
        }
        output.push(candidate);
        left.remove(candidate);
        waiting.release(map, candidate, todo);

        let mut parents = map.below[candidate].iter().copied().filter(|&p| left.contains(p) && !open.contains(p));
        if let Some(first) = parents.next() {
            let others: Vec<usize> = parents.collect();
            open.replace(candidate, first);
            for other in others {
                open.push(other);
            }
            current = Some(first);
        } else {
            current = open.remove(candidate);
        }
    }
    output
}

/// The selected heads, and whatever else is selected but hangs below no selected revision: a range that follows
/// `down_revision` alone may cut a dependency's line in two.
fn starts(map: &Map, todo: &NodeSet, heads: &[usize]) -> Vec<usize> {
    let mut hangs = NodeSet::none(map.len());
    for node in todo.iter() {
        for &parent in &map.below[node] {
            hangs.insert(parent);
        }
    }
    let mut named = NodeSet::none(map.len());
    for &head in heads {
        named.insert(head);
    }
    todo.iter().filter(|&node| !hangs.contains(node) || named.contains(node)).collect()
}

/// For each revision below the starts, on how many revisions directly above it the walk has yet to come by.
struct Waiting {
    count: Vec<usize>,
    freed: Vec<usize>,
}

impl Waiting {
    fn new(map: &Map, starts: &[usize]) -> Self {
        let mut count = vec![0; map.len()];
        for node in map.ancestors(starts).iter() {
            for &parent in &map.below[node] {
                count[parent] += 1;
            }
        }
        Self { count, freed: Vec::new() }
    }

    /// `node` was emitted. Revisions that are not selected are passed through as soon as nothing is left above them.
    fn release(&mut self, map: &Map, node: usize, todo: &NodeSet) {
        self.freed.push(node);
        while let Some(node) = self.freed.pop() {
            for &parent in &map.below[node] {
                self.count[parent] -= 1;
                if self.count[parent] == 0 && !todo.contains(parent) {
                    self.freed.push(parent);
                }
            }
        }
    }
}

/// The list of open heads, linked, so that leaving it costs the same anywhere. A place keeps its number when another
/// revision takes it, and later places have higher numbers.
struct OpenHeads {
    first: Option<usize>,
    last: Option<usize>,
    next: Vec<Option<usize>>,
    previous: Vec<Option<usize>>,
    /// For each revision in the list the number of its place.
    place: Vec<Option<usize>>,
    places: usize,
}

impl OpenHeads {
    fn new(len: usize, starts: &[usize]) -> Self {
        let (next, previous, place) = (vec![None; len], vec![None; len], vec![None; len]);
        let mut open = Self { first: None, last: None, next, previous, place, places: 0 };
        for &start in starts {
            open.push(start);
        }
        open
    }

    fn first(&self) -> Option<usize> {
        self.first
    }

    fn contains(&self, node: usize) -> bool {
        self.place[node].is_some()
    }

    fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(self.first, |&node| self.next[node])
    }

    fn push(&mut self, node: usize) {
        self.place[node] = Some(self.places);
        self.places += 1;
        self.link(self.last, Some(node));
        self.link(Some(node), None);
    }

    fn replace(&mut self, node: usize, by: usize) {
        self.place[by] = self.place[node].take();
        self.link(self.previous[node], Some(by));
        self.link(Some(by), self.next[node]);
    }

    /// Takes `node` out and gives its left neighbour, or what is first now.
    fn remove(&mut self, node: usize) -> Option<usize> {
        self.place[node] = None;
        self.link(self.previous[node], self.next[node]);
        self.previous[node].or(self.first)
    }

    fn link(&mut self, left: Option<usize>, right: Option<usize>) {
        match left {
            Some(left) => self.next[left] = right,
            None => self.first = right,
        }
        match right {
            Some(right) => self.previous[right] = left,
            None => self.last = left,
        }
    }
}

/// How many revisions a look upwards may visit before the search turns to the heads instead. Mostly a handful is left
/// above a revision that waits; where a trunk has thousands of branches, the first head will do.
const MAX_LOOK_UP: usize = 64;

/// Looks for the first open head above a revision. First parents make a tree, in which "above" is a comparison of two
/// numbers; only revisions with further parents have to be visited, and the marks of one search serve all its heads.
struct Search {
    /// Place in a walk through the tree of first parents; the subtree of a revision follows it without a gap.
    start: Vec<usize>,
    size: Vec<usize>,
    /// The next revision with several parents on the way down the tree, itself included.
    merge: Vec<Option<usize>>,
    seen: Vec<usize>,
    round: usize,
    todo: Vec<usize>,
}

impl Search {
    fn new(map: &Map) -> Self {
        let mut size = vec![1; map.len()];
        for &node in map.parents_first_nodes().iter().rev() {
            if let Some(&parent) = map.below[node].first() {
                size[parent] += size[node];
            }
        }
        let (mut start, mut next, mut roots) = (vec![0; map.len()], vec![0; map.len()], 0);
        let mut merge = vec![None; map.len()];
        for &node in map.parents_first_nodes() {
            let slot = map.below[node].first().map_or(&mut roots, |&parent| &mut next[parent]);
            start[node] = *slot;
            *slot += size[node];
            next[node] = start[node] + 1;
            merge[node] = match map.below[node].as_slice() {
                [] => None,
                &[parent] => merge[parent],
                _ => Some(node),
            };
        }
        Self { start, size, merge, seen: vec![0; map.len()], round: 0, todo: Vec::new() }
    }

    fn first_above(&mut self, map: &Map, open: &OpenHeads, left: &NodeSet, wanted: usize) -> Option<usize> {
        if let Some(found) = self.look_up(map, open, left, wanted) {
            return Some(found);
        }
        self.round += 1;
        open.iter().find(|&head| head != wanted && self.reaches(map, head, wanted))
    }

    /// All that is left above `wanted`, if that is little and nothing above it was left out of the selection.
    fn look_up(&mut self, map: &Map, open: &OpenHeads, left: &NodeSet, wanted: usize) -> Option<usize> {
        self.round += 1;
        self.todo.clear();
        self.todo.push(wanted);
        let mut first: Option<(usize, usize)> = None;
        let mut visits = 0;
        while let Some(node) = self.todo.pop() {
            for &above in &map.all_children[node] {
                visits += 1;
                if visits > MAX_LOOK_UP {
                    return None;
                }
                if !left.contains(above) || std::mem::replace(&mut self.seen[above], self.round) == self.round {
                    continue;
                }
                if let Some(place) = open.place[above] {
                    first = Some(first.map_or((place, above), |other| other.min((place, above))));
                }
                self.todo.push(above);
            }
        }
        first.map(|(_, head)| head)
    }

    fn reaches(&mut self, map: &Map, head: usize, wanted: usize) -> bool {
        self.todo.clear();
        self.todo.push(head);
        while let Some(node) = self.todo.pop() {
            if self.start[wanted] <= self.start[node] && self.start[node] < self.start[wanted] + self.size[wanted] {
                return true;
            }
            let mut merge = self.merge[node];
            while let Some(at) = merge.filter(|&at| map.level[at] > map.level[wanted]) {
                if std::mem::replace(&mut self.seen[at], self.round) == self.round {
                    break;
                }
                self.todo.extend(&map.below[at][1..]);
                merge = self.merge[map.below[at][0]];
            }
        }
        false
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::error::Error;
    use super::super::revision::Revision;
    use super::*;

    /// A graph from a line such as `a; b<a; c<a #label; m<b,c +x`: `<` parents, `+` dependencies, `#` labels.
    pub(in super::super) fn try_map(text: &str) -> Result<Map, Error> {
        let revision = |text: &str| {
            let list = |mark: char| {
                let part = text.split_once(mark).map_or("", |(_, rest)| rest);
                let part = part.split(['<', '+', '#', ' ']).next().unwrap_or_default();
                part.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>()
            };
            let id = text.split(['<', ' ']).next().unwrap_or_default().to_owned();
            Revision {
                message: format!("make {id}"),
                path: format!("{id}.sql"),
                down_revision: list('<'),
                depends_on: list('+'),
                branch_labels: list('#'),
                id,
                ..Revision::default()
            }
        };
        Map::new(text.split(';').map(|part| revision(part.trim())).collect())
    }

    pub(in super::super) fn map(text: &str) -> Map {
        try_map(text).expect("a sound graph")
    }

    #[test]
    fn order_of_whole_graphs() {
        let check = |text: &str, expected: &str| {
            let map = map(text);
            let all = reach_all(&map);
            let heads: Vec<usize> = map.real_head_nodes().collect();
            assert_eq!(map.ids(newest_first(&map, &all, &heads)).concat(), expected, "{text}");
        };
        check("a; b<a; c<b", "cba");
        check("c<b; b<a; a", "cba");
        check("a; b<a; c<a; d<b; e<c", "dbeca");
        check("a; b<a; c<a; m<b,c", "mbca");
        check("a; b<a; c<a; m<c,b", "mcba");
        check("a; x; b<a +x; c<x", "bacx");
        check("a; b<a; c<a; d<a", "bcda");
    }

    fn reach_all(map: &Map) -> NodeSet {
        let mut all = NodeSet::none(map.len());
        for node in 0..map.len() {
            all.insert(node);
        }
        all
    }
}
