//! The rows of a batch that failed, as one error: the first one's, which names them all. The host tries each alone and
//! so gets the message of every one.

use crate::{Error, Result};

/// More rows than this in one batch point at the transform, not at the rows.
const MOST: usize = 100;

#[derive(Default)]
pub(super) struct Failures {
    first: Option<Error>,
    rows: usize,
}

impl Failures {
    pub(super) fn add(&mut self, row: usize, error: Error) {
        self.first.get_or_insert(error).add_row(row);
        self.rows += 1;
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows == MOST
    }

    pub(super) fn into_result(self) -> Result<()> {
        self.first.map_or(Ok(()), Err)
    }
}
