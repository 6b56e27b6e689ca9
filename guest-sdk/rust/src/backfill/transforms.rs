//! From a batch as the host sends it to the transform it names, and the vectors back.

use super::{Batch, Output};
use crate::raw::wmigrate::migration::backfill as host;
use crate::raw::wmigrate::migration::types::Vector;
use crate::{Error, Result};
use std::cell::Cell;

/// A transform: reads the rows of a batch and writes one row for each.
pub type Transform = fn(&Batch, &mut Output) -> Result<()>;

/// Those of a revision, by their names.
pub type Transforms = &'static [(&'static str, Transform)];

thread_local! {
    /// What `export!` was given; none in a test, or where the exports are made by hand.
    static KNOWN: Cell<Option<Transforms>> = const { Cell::new(None) };
}

pub(crate) fn set_known(transforms: Transforms) {
    KNOWN.set(Some(transforms));
}

/// Refuses a name that the revision is known not to have.
pub(super) fn check(name: &str) -> Result<()> {
    KNOWN.get().map_or(Ok(()), |transforms| find(transforms, name).map(drop))
}

/// Runs the transform that the batch names.
pub(crate) fn apply(transforms: Transforms, batch: host::Batch) -> Result<Vec<Vector>> {
    let transform = find(transforms, &batch.transform)?;
    let batch = Batch::from(batch);
    let mut out = Output::new(batch.len());
    transform(&batch, &mut out)?;
    out.into_columns()
}

fn find(transforms: Transforms, name: &str) -> Result<Transform> {
    let found = transforms.iter().find(|(known, _)| *known == name);
    found.map(|(_, transform)| *transform).ok_or_else(|| unknown(transforms, name))
}

#[cold]
fn unknown(transforms: Transforms, name: &str) -> Error {
    let names: Vec<&str> = transforms.iter().map(|(name, _)| *name).collect();
    let there = match &*names {
        [] => "none: name it in `export!(upgrade, downgrade, transforms: { … })`".to_owned(),
        names => ["`", &names.join("`, `"), "`"].concat(),
    };
    Error::usage("42704", ["this revision has no transform `", name, "`; it has ", &there].concat())
}

/// Whether no name stands there twice: the second transform would never run. For [`export!`](crate::export), which asks
/// while it is compiled.
#[must_use]
pub const fn are_distinct(names: &[&str]) -> bool {
    let mut second = 0;
    while second < names.len() {
        let mut first = 0;
        while first < second {
            if equal(names[first].as_bytes(), names[second].as_bytes()) {
                return false;
            }
            first += 1;
        }
        second += 1;
    }
    true
}

/// `==`, which is not const.
const fn equal(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Transforms = &[("keep", keep), ("fail", |_, _| Err("no".into()))];

    fn keep(batch: &Batch, out: &mut Output) -> Result<()> {
        batch.map_rows(out, |text: Option<&str>| Ok(text))
    }

    fn batch(transform: &str) -> host::Batch {
        let mut cells = Output::new(2);
        cells.push(Some("a")).and_then(|()| cells.push(None::<&str>)).expect("room for two");
        host::Batch { transform: transform.into(), ..cells.into_batch().expect("whole") }
    }

    #[test]
    fn the_batch_says_which_transform_runs() {
        let vectors = apply(TWO, batch("keep")).expect("right");
        assert_eq!(vectors, batch("keep").vectors);
        let check = |transforms, name: &str, expected: &str| {
            assert_eq!(apply(transforms, batch(name)).expect_err("must fail").message(), expected);
        };
        check(TWO, "fail", "no");
        check(TWO, "Keep", "this revision has no transform `Keep`; it has `keep`, `fail`");
        check(
            &[],
            "keep",
            "this revision has no transform `keep`; it has none: name it in `export!(upgrade, downgrade, transforms: { … })`",
        );
    }

    #[test]
    fn a_job_names_a_transform_that_is_there() {
        assert!(check("anything").is_ok(), "nothing is known outside `export!`");
        set_known(TWO);
        assert!(check("keep").is_ok() && check("other").is_err());
    }

    #[test]
    fn names_are_told_apart() {
        assert!(are_distinct(&[]) && are_distinct(&["a", "b", "ab", "ba"]));
        assert!(!are_distinct(&["a", "b", "a"]));
    }
}
