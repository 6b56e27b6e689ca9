//! What may be planned while a durable revision is half-way: to finish it, or to take it back, before anything else.

use super::error::Error;
use super::map::Map;
use super::plan::{self, Direction, Plan, RowChange};

/// A revision that has begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HalfDone {
    /// The revision.
    pub revision: String,
    /// The export that began. Its version rows are still those of before.
    pub direction: Direction,
}

/// From `rows` up to `target`. A revision that is half-way up comes first.
pub fn upgrade(map: &Map, rows: &[String], half: Option<&HalfDone>, target: &str) -> Result<Plan, Error> {
    let plan = plan::upgrade(map, rows, target)?;
    match half {
        None => Ok(plan),
        Some(half) if half.direction == Direction::Upgrade => first(map, rows, plan, half),
        Some(half) => Err(refused(half)),
    }
}

/// From `rows` down to `target`. A revision that is half-way down comes first; one that is half-way up is taken back as if
/// it had arrived.
pub fn downgrade(map: &Map, rows: &[String], half: Option<&HalfDone>, target: &str) -> Result<Plan, Error> {
    let Some(half) = half else { return plan::downgrade(map, rows, target) };
    let arrived_once = map.applied(rows)?.iter().any(|revision| revision.id == half.revision);
    if arrived_once {
        return match half.direction {
            Direction::Downgrade => first(map, rows, plan::downgrade(map, rows, target)?, half),
            Direction::Upgrade | Direction::Stamp => Err(refused(half)),
        };
    }
    // Half-way up, or half-way back from there.
    let up = plan::upgrade(map, rows, &half.revision)?;
    let [arrival] = up.steps.as_slice() else { return Err(refused(half)) };
    let mut arrived = rows.to_vec();
    arrival.change.apply(&mut arrived);
    let mut plan = if target == "-1" {
        plan::only(map, &arrived, &half.revision, Direction::Downgrade)?
    } else {
        // One that stands where it began is what remains when it is taken back.
        let down = plan::downgrade(map, &arrived, target)?;
        first(map, &arrived, down, half)?
    };
    if let Some(step) = plan.steps.first_mut() {
        step.change = RowChange::default();
    }
    Ok(plan)
}

/// The same steps with that of `half` in front: nothing of the plan lies before it, or it could not have begun.
fn first(map: &Map, rows: &[String], plan: Plan, half: &HalfDone) -> Result<Plan, Error> {
    match plan.steps.iter().position(|step| step.revision == half.revision) {
        Some(0) => Ok(plan),
        Some(place) => {
            let mut order: Vec<&str> = plan.steps.iter().map(|step| step.revision.as_str()).collect();
            let it = order.remove(place);
            order.insert(0, it);
            plan::in_order(map, rows, &order, half.direction)
        }
        None => Err(refused(half)),
    }
}

fn refused(half: &HalfDone) -> Error {
    Error::HalfDone { revision: half.revision.clone(), up: half.direction == Direction::Upgrade }
}

#[cfg(test)]
mod tests {
    use super::super::order::tests::map;
    use super::*;

    fn shown(plan: Result<Plan, Error>) -> String {
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => return error.to_string(),
        };
        let steps = plan.steps.iter().map(|step| {
            let signed =
                |sign: &str, rows: &[String]| rows.iter().map(|row| format!(" {sign}{row}")).collect::<String>();
            format!("{}{}{}", step.revision, signed("-", &step.change.delete), signed("+", &step.change.insert))
        });
        format!("{} | {}", steps.collect::<Vec<_>>().join("; "), plan.heads_after.join(" "))
    }

    const GRAPH: &str = "a; b<a; c<b #shop; d<b; m<c,d";

    fn rows(text: &str) -> Vec<String> {
        text.split(' ').filter(|row| !row.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn it_is_finished_first() {
        let check = |from: &str, half: &str, target: &str, expected: &str| {
            let half = HalfDone { revision: half.to_owned(), direction: Direction::Upgrade };
            assert_eq!(shown(upgrade(&map(GRAPH), &rows(from), Some(&half), target)), expected);
        };
        check("b", "d", "m", "d -b +d; c +c; m -c -d +m | m");
        check("b", "c", "m", "c -b +c; d +d; m -c -d +m | m");
        check("b", "c", "d", "revision `c` is half-way up, and this would leave it there");
        check("m", "m", "m", "revision `m` is half-way up, and this would leave it there");
    }

    #[test]
    fn it_is_taken_back_without_having_a_row() {
        let check = |from: &str, half: &str, target: &str, expected: &str| {
            let half = HalfDone { revision: half.to_owned(), direction: Direction::Upgrade };
            assert_eq!(shown(downgrade(&map(GRAPH), &rows(from), Some(&half), target)), expected);
        };
        check("b", "c", "-1", "c | b");
        check("b", "c", "b", "c | b");
        check("b", "c", "base", "c; b -b +a; a -a | ");
        check("c d", "m", "-1", "m | c d");
        check("", "a", "-1", "a | ");
        check("", "a", "base", "a | ");
    }

    #[test]
    fn taking_it_back_goes_on_after_an_interruption() {
        let half = HalfDone { revision: "c".to_owned(), direction: Direction::Downgrade };
        let down = |target: &str| shown(downgrade(&map(GRAPH), &rows("b"), Some(&half), target));
        assert_eq!(down("-1"), "c | b");
        assert_eq!(down("base"), "c; b -b +a; a -a | ");
        let up = shown(upgrade(&map(GRAPH), &rows("b"), Some(&half), "c"));
        assert_eq!(up, "revision `c` is half-way down, and this would leave it there");
    }

    #[test]
    fn half_way_down_is_finished_and_nothing_else() {
        let half = HalfDone { revision: "c".to_owned(), direction: Direction::Downgrade };
        let down = |target: &str| shown(downgrade(&map(GRAPH), &rows("c d"), Some(&half), target));
        assert_eq!(down("base"), "c -c; d -d +b; b -b +a; a -a | ");
        assert_eq!(down("shop@b"), "c -c | d");
        let up = shown(upgrade(&map(GRAPH), &rows("c d"), Some(&half), "m"));
        assert_eq!(up, "revision `c` is half-way down, and this would leave it there");
    }
}
