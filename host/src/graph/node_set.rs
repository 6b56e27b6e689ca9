//! A set of revisions by their index in the map. Plain flags: a graph of 10,000 revisions needs 10 kB, and reading one
//! costs no hashing.

/// Which indexes are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeSet(Vec<bool>);

impl NodeSet {
    pub(super) fn none(len: usize) -> Self {
        Self(vec![false; len])
    }

    /// Adds `node`; false when it was there already.
    pub(super) fn insert(&mut self, node: usize) -> bool {
        !std::mem::replace(&mut self.0[node], true)
    }

    pub(super) fn remove(&mut self, node: usize) {
        self.0[node] = false;
    }

    pub(super) fn contains(&self, node: usize) -> bool {
        self.0[node]
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.0.contains(&true)
    }

    /// The members in load order.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().filter_map(|(node, inside)| inside.then_some(node))
    }

    pub(super) fn keep(&mut self, mut wanted: impl FnMut(usize) -> bool) {
        for (node, inside) in self.0.iter_mut().enumerate() {
            *inside = *inside && wanted(node);
        }
    }
}
