//! A transform that misbehaves in the way that its name says.

use wmigrate_guest::prelude::*;
use wmigrate_guest::raw::backfilling::{Batch as Rows, Guest};
use wmigrate_guest::raw::wmigrate::migration::types::{Cells, Vector};
use wmigrate_guest::raw;

struct Hostile;

impl Guest for Hostile {
    fn upgrade() -> std::result::Result<(), raw::Error> {
        let how = context::x_argument("how").unwrap_or_default();
        let job = Backfill::new("hostile", "people").read(["full_name", "v"]).write(["first", "v"]);
        job.run(how).map(drop).map_err(raw::Error::from)
    }

    fn downgrade() -> std::result::Result<(), raw::Error> {
        Ok(())
    }

    fn transform(batch: Rows) -> std::result::Result<Vec<Vector>, raw::Error> {
        let rows = batch.rows as usize;
        let texts = |count: usize| column(Cells::Text("x\0".repeat(count)));
        let numbers = |count: usize| column(Cells::Fixed(vec![1; 4 * count]));
        Ok(match batch.transform.as_str() {
            "no-columns" => Vec::new(),
            "too-many-columns" => vec![texts(rows), numbers(rows), numbers(rows)],
            "short" => vec![texts(rows - 1), numbers(rows)],
            "long" => vec![texts(rows), numbers(rows + 1)],
            "ragged" => vec![texts(rows), column(Cells::Fixed(vec![1; 4 * rows + 1]))],
            "unterminated" => vec![column(Cells::Text("x\0".repeat(rows) + "y")), numbers(rows)],
            "odd-marks" => vec![Vector { nulls: vec![7; rows], ..texts(rows) }, numbers(rows)],
            "bytes" => vec![column(Cells::Bytes(vec![Vec::new(); rows])), numbers(rows)],
            "fixed-text" => vec![column(Cells::Fixed(vec![0; 8 * rows])), numbers(rows)],
            "asks-sql" => {
                let _ = sql::execute("DROP TABLE people", &[]);
                vec![texts(rows), numbers(rows)]
            }
            "asks-backfill" => {
                let _ = Backfill::new("inner", "people").update("v = 9");
                vec![texts(rows), numbers(rows)]
            }
            "asks-time" => {
                context::now();
                vec![texts(rows), numbers(rows)]
            }
            "panics" => panic!("not today"),
            "loops" => loop {
                std::hint::black_box(());
            },
            "grows" => {
                let mut all = Vec::new();
                loop {
                    all.push(vec![1_u8; 1 << 20]);
                    std::hint::black_box(&all);
                }
            }
            "recurses" => vec![texts(deep(usize::MAX)), numbers(rows)],
            "floods" => loop {
                info!("{}", "x".repeat(100_000));
            },
            "names-others" => {
                let mut error = raw::Error::from(Error::from("whose row?"));
                error.fields = ["-1", "99999999999999999999", "4294967295", "x"].map(|row| ("row".into(), row.into())).to_vec();
                return Err(error);
            }
            other => return Err(raw::Error::from(Error::from(["no way to misbehave: ", other].concat()))),
        })
    }
}

fn column(cells: Cells) -> Vector {
    Vector { nulls: Vec::new(), cells }
}

fn deep(n: usize) -> usize {
    if std::hint::black_box(n) == 0 { 0 } else { deep(n - 1) + std::hint::black_box(1) }
}

wmigrate_guest::raw::backfilling::export_backfilling_revision!(Hostile with_types_in wmigrate_guest::raw::backfilling);
