//! Transforms that hand over what is no answer, ask for what they must not have, or do not end: built in Rust on the bare bindings.

use super::people;
use crate::{
    sdk::can_build,
    support::{project::DURABLE, project::front_matter, running::assert_says},
};

const GUEST: &str = include_str!("../guests/hostile_transform.rs");

#[test]
fn none_of_them_changes_a_row() {
    if !can_build() {
        return;
    }
    let project = people(10);
    let text = GUEST.trim_start_matches(|c| c != '\n');
    project.revision("a1", "hostile", "rs", &format!("{}{text}", front_matter("//", "a1", "", "hostile", DURABLE)));
    let limits = ["--transform-cpu", "2 s", "--memory", "32 MiB", "--log-size", "1 MiB"];
    for (how, text) in [
        ("no-columns", "the transform returned 0 columns, and `output` has 2"),
        ("too-many-columns", "the transform returned 3 columns, and `output` has 2"),
        ("short", "the transform returned 0 values for `first`, and got 1 rows"),
        ("long", "the transform returned 2 values for `v`, and got 1 rows"),
        ("ragged", "the transform returned 5 bytes for `v`, whose values have 4 each"),
        ("unterminated", "the transform returned a text for `first` that does not end with U+0000"),
        ("odd-marks", "the transform returned a mark for NULL for `first` that is neither 0 nor 1"),
        ("bytes", "the transform returned bytes for `first`, which is text: text is taken"),
        ("fixed-text", "the transform returned fixed-width cells for `first`, which is text: text is taken"),
        ("asks-sql", "a transform called the host"),
        ("asks-backfill", "a transform called the host"),
        ("asks-time", "a transform called the host"),
        ("panics", "the transform trapped: unreachable code"),
        ("loops", "the transform was ended: it ran longer than its limit of 200ms"),
        ("grows", "the transform was ended: it asked for more memory than its limit of 32 MiB"),
        ("recurses", "the transform was ended: it needed more stack than its limit"),
        ("floods", "the transform was ended: it logged more than its limit of 1 MiB"),
        ("names-others", "whose row?"),
    ] {
        let how_argument = format!("how={how}");
        let command = ["upgrade", "head", "-x", &how_argument, "--quiet"].into_iter().chain(limits);
        let said = project.wmigrate(command);
        assert_says(&said, 1, &["backfill `hostile` (job ", "stopped at row 1", text]);
        assert_eq!(project.psql("SELECT count(*) FROM people WHERE v = 0 AND first IS NULL"), "10", "{how}");
        project.ok(["downgrade", "-1", "--quiet"]);
    }
}
