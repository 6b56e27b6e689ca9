//! Backfills as people read them.

use crate::backfill::{Found, Progress, shown_key};
use crate::runtime::printable;
use crate::state::backfill::{Extent, Job, Quarantined};
use serde_json::json;

/// One line about how far it is.
pub(in crate::cli) fn line(progress: &Progress) -> String {
    let mut line = format!("backfill {}: {}", printable(&progress.name), rows_of(progress));
    if progress.finished {
        line.push_str(", done");
    } else if progress.rate > 0.0 {
        line.push_str(&format!(", {} rows/s{}", whole(progress.rate), left(progress)));
    }
    if progress.throttled >= 0.01 {
        line.push_str(&format!(", {:.0} % of the time waiting", progress.throttled * 100.0));
    }
    if progress.quarantined > 0 {
        line.push_str(&format!(", {} put aside", progress.quarantined));
    }
    if let Some(reason) = &progress.waiting {
        line.push_str(&format!("; waiting: {}", printable(reason)));
    }
    line
}

/// The same with a bar, for a line that is written again and again.
pub(in crate::cli) fn living_line(progress: &Progress) -> String {
    const CELLS: usize = 20;
    let share = (progress.rows as f64 / progress.estimate.max(1) as f64).min(1.0);
    let full = (1..=CELLS).filter(|cell| share * CELLS as f64 >= *cell as f64).count();
    format!("[{}{}] {:>3.0} % {}", "#".repeat(full), "-".repeat(CELLS - full), share * 100.0, line(progress))
}

/// The same for programs.
pub(in crate::cli) fn event(revision: &str, progress: &Progress) -> serde_json::Value {
    json!({
        "event": "backfill", "revision": revision, "name": progress.name, "job": progress.job, "rows": progress.rows,
        "estimate": progress.estimate, "rows_per_second": progress.rate.round(), "throttled": progress.throttled,
        "waiting": progress.waiting, "quarantined": progress.quarantined, "finished": progress.finished,
    })
}

fn rows_of(progress: &Progress) -> String {
    if progress.finished || progress.estimate <= progress.rows {
        return format!("{} rows", thousands(progress.rows));
    }
    format!("{} of about {} rows", thousands(progress.rows), thousands(progress.estimate))
}

fn left(progress: &Progress) -> String {
    let rest = progress.estimate.saturating_sub(progress.rows) as f64 / progress.rate;
    match rest {
        rest if progress.estimate <= progress.rows || !rest.is_finite() => String::new(),
        rest if rest < 90.0 => format!(", {rest:.0} s left"),
        rest if rest < 5400.0 => format!(", {:.0} min left", rest / 60.0),
        rest => format!(", {:.1} h left", rest / 3600.0),
    }
}

fn whole(rate: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
    thousands(rate as u64)
}

/// `1234567` as `1,234,567`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A job on a screen.
pub(super) fn of_job(job: &Job, extent: &Extent, aside: &[Quarantined]) -> Vec<String> {
    let count = |number: i64| thousands(u64::try_from(number).unwrap_or(0));
    let mut lines = vec![
        format!(
            "job {}     {} of revision `{}` ({}), table {}",
            job.id,
            printable(&job.name),
            job.revision,
            job.direction,
            job.target
        ),
        format!(
            "state     {}{}",
            extent.state,
            extent.reason.as_ref().map(|reason| format!(": {}", printable(reason))).unwrap_or_default()
        ),
        format!(
            "rows      {} visited of about {}, {} written, {} put aside (at most {})",
            count(extent.rows),
            count(extent.estimate.max(extent.rows)),
            count(extent.written),
            count(extent.quarantined),
            count(job.max_quarantine),
        ),
        format!(
            "batches   {} done, {} open{}; {} workers within the last minute",
            count(extent.done),
            count(extent.open),
            if extent.cut { ", all cut" } else { ", more to be cut" },
            extent.workers
        ),
    ];
    if extent.state == "running" && extent.cut && extent.open == 0 {
        lines.push("next      `wmigrate upgrade` goes on with the revision: no batch is left".to_owned());
    }
    for row in aside {
        lines.push(format!(
            "aside     {} (tried {} times): {} (SQLSTATE {})",
            printable(&shown_key(&row.key)),
            row.tries,
            printable(&row.error),
            row.sqlstate
        ));
    }
    lines
}

/// What `verify` found.
pub(super) fn of_verification(job: &Job, found: &Found) -> Vec<String> {
    let mut lines = vec![format!(
        "job {}     {} of revision `{}`, table {}",
        job.id,
        printable(&job.name),
        job.revision,
        job.target
    )];
    lines.push(format!(
        "batches   {} done, {} open, {}",
        found.done,
        found.open,
        match (found.gaps, found.cut) {
            (0, true) => "no gap between them up to the last key".to_owned(),
            (0, false) => "no gap between them; a part of the table is not cut into batches yet".to_owned(),
            (gaps, _) => format!("{gaps} gaps between them"),
        }
    ));
    if found.quarantined > 0 {
        lines.push(format!("aside     {} rows: wmigrate backfill retry-quarantined {}", found.quarantined, job.id));
    }
    match found.remaining {
        Some(0) => lines.push("rows      none is left for which its condition holds".to_owned()),
        Some(rows) => {
            lines.push(format!("rows      {rows} are left for which its condition holds (those put aside among them)"));
        }
        None => {}
    }
    lines.push(if found.is_complete() { "complete".to_owned() } else { "not complete".to_owned() });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress() -> Progress {
        Progress {
            name: "split names".to_owned(),
            job: Some(1),
            rows: 1_234_567,
            estimate: 2_000_000,
            rate: 98_765.4,
            throttled: 0.0,
            waiting: None,
            quarantined: 0,
            finished: false,
        }
    }

    #[test]
    fn a_line_says_what_is_known() {
        let check = |progress: Progress, expected: &str| assert_eq!(line(&progress), expected);
        let begun = "backfill split names: 1,234,567 of about 2,000,000 rows, 98,765 rows/s, 8 s left";
        check(progress(), begun);
        let waiting = Progress {
            throttled: 0.254,
            waiting: Some("a standby is 65 MiB behind".to_owned()),
            quarantined: 2,
            ..progress()
        };
        check(waiting, &format!("{begun}, 25 % of the time waiting, 2 put aside; waiting: a standby is 65 MiB behind"));
        check(Progress { finished: true, ..progress() }, "backfill split names: 1,234,567 rows, done");
        check(Progress { estimate: 0, rate: 0.0, rows: 10, ..progress() }, "backfill split names: 10 rows");
    }

    #[test]
    fn a_bar_fills() {
        let line = living_line(&Progress { rows: 1_000_000, ..progress() });
        assert!(line.starts_with("[##########----------]  50 % backfill"), "{line}");
    }
}
