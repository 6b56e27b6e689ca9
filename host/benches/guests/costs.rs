// /// wmigrate
// revision = "be0c4ba5e000"
// message = "the guest of the benches: does what `-x work=…` says"
// ///
use wmigrate_guest::prelude::*;

fn upgrade() -> Result<()> {
    let count: u64 = context::x_argument("count").and_then(|text| text.parse().ok()).unwrap_or(0);
    match context::x_argument("work").as_deref() {
        Some("calls") => (0..count).for_each(|_| {
            context::now();
        }),
        Some("executes") => {
            for _ in 0..count {
                sql::execute("SELECT 1", &[])?;
            }
        }
        Some("many") => {
            let rows: Vec<_> = (0..count).map(|n| vec![Value::from(n as i64), Value::from("some text")]).collect();
            sql::execute_many("INSERT INTO bench_many VALUES ($1, $2)", rows)?;
        }
        Some("rows") => {
            sql::query(&rows_of(count), &[])?;
        }
        Some("columns") => {
            sql::query_columns(&rows_of(count), &[])?;
        }
        _ => {}
    }
    Ok(())
}

fn rows_of(count: u64) -> String {
    let mut text =
        String::from("SELECT n, 'name ' || n, 'a longer text of row ' || n, now() FROM generate_series(1::bigint, ");
    text.push_str(&count.to_string());
    text.push_str(") n");
    text
}

fn downgrade() -> Result<()> {
    Ok(())
}

/// The way there: every cell is looked at, and a number comes back.
fn read(batch: &Batch, out: &mut Output) -> Result<()> {
    for (name, second) in batch.rows::<(&str, i64)>()? {
        out.push(second + name.len() as i64)?;
    }
    Ok(())
}

/// Nothing but the way there and back.
fn cross(batch: &Batch, out: &mut Output) -> Result<()> {
    batch.map_rows(out, |row: (&str, i64)| Ok(row))
}

/// The work of `bench/backfill.py`.
fn split(batch: &Batch, out: &mut Output) -> Result<()> {
    batch.map_rows(out, |(name, phone): (&str, &str)| {
        let (first, last) = name.split_once(' ').unwrap_or((name, ""));
        let mut e164 = String::with_capacity(16);
        e164.push('+');
        e164.extend(phone.chars().filter(char::is_ascii_digit));
        if e164.len() == 11 {
            e164.insert(1, '1');
        }
        Ok((first, last, e164))
    })
}

export!(upgrade, downgrade, transforms: { "read" => read, "cross" => cross, "split" => split });
