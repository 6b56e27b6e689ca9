//! How many rows the next batch should have: as many as take a good moment, and never a long one.

use std::time::Duration;

/// What a batch should take. Its rows are locked meanwhile.
const GOOD: Duration = Duration::from_millis(200);

/// What it must not take again.
pub(super) const LONG: Duration = Duration::from_millis(600);

/// Rows of the first batches, of which nobody knows yet how long they take.
pub(super) const FIRST: u64 = 2000;

/// The size after a batch of `rows` rows, which was to have `size` and took `took`.
#[must_use]
pub(super) fn next_size(size: u64, rows: u64, took: Duration, bounds: (u64, u64)) -> u64 {
    let (least, most) = bounds;
    let next = if took > LONG {
        size / 2
    } else if rows == 0 {
        size
    } else {
        // Of a batch that was not full the time says something all the same.
        let fits = GOOD.as_secs_f64() / took.as_secs_f64().max(1e-6) * rows as f64;
        let grown = size.saturating_add(size / 2);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
        let fits = fits as u64;
        fits.clamp(size.saturating_sub(size / 4), grown)
    };
    next.clamp(least, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_grows_slowly_and_falls_at_once() {
        let check = |size: u64, rows: u64, millis: u64, expected: u64| {
            assert_eq!(next_size(size, rows, Duration::from_millis(millis), (100, 10_000)), expected);
        };
        check(2000, 2000, 10, 3000);
        check(8000, 8000, 40, 10_000);
        check(2000, 2000, 200, 2000);
        check(2000, 2000, 220, 1818);
        check(2000, 2000, 500, 1500);
        check(2000, 2000, 700, 1000);
        check(150, 150, 700, 100);
        check(2000, 0, 1, 2000);
    }
}
