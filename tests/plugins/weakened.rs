//! What each wall around a plugin keeps out: the attempts of `hostile.rs` once more, without that wall. In a build for tests alone:
//! `cargo test --features weakened --test it plugins::weakened`; the usual one has no way to take a wall away.

use super::hostile::{Case, TABLES, attempt};
use super::walls::{TABLE, Without};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

type Seen = Vec<(&'static str, &'static str)>;

/// Makes these attempts without `walls`, several at a time.
fn seen(walls: &str, which: impl Fn(&Case) -> bool) -> Seen {
    let cases: Vec<_> = TABLES.iter().flat_map(|(_, cases)| cases.iter()).filter(|case| which(case)).collect();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(harm) = attempt(case, walls) {
                        found.lock().unwrap().push((case.what, harm.what));
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.sort_by_key(|(what, _)| cases.iter().position(|case| case.what == *what));
    found
}

/// The entries of the table that are not as it says, where these attempts are made.
fn wrong(which: impl Fn(&Without, &Case) -> bool) -> Vec<String> {
    let differs = |without: &'static Without| {
        let got = seen(without.walls, |case| which(without, case));
        (got != *without.harm).then(|| format!("without {}: {got:#?}", without.walls))
    };
    TABLE.iter().filter_map(differs).collect()
}

#[test]
fn each_wall_keeps_something_out() {
    let wrong = wrong(|without, case| without.harm.iter().any(|(what, _)| *what == case.what));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// But for the door: without it every role can log in, whatever was attempted, and the table has one attempt for all.
#[test]
#[ignore = "ten minutes: every attempt without every wall"]
fn and_nothing_else_comes_in() {
    let listed = |without: &Without, case: &Case| without.harm.iter().any(|(what, _)| *what == case.what);
    let wrong = wrong(|without, case| without.walls != "Door" || listed(without, case));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
