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

export!(upgrade, downgrade);
