//! What every SDK must do, one case a run: `-x case=…` says which. The same file is there for each language.

use wmigrate_guest::prelude::*;

export!(upgrade, downgrade, transforms: { "split" => split, "picky" => picky });

fn upgrade() -> Result<()> {
    let name = context::x_argument("case").ok_or("no case")?;
    match name.as_str() {
        "values" => values(),
        "parameters" => parameters(),
        "errors" => errors(),
        "savepoints" => savepoints(),
        "script" => script(),
        "log" => messages(),
        "context" => about_this_run(),
        "backfill" => see("rows", people("split").run("split")?),
        "update" => {
            let shout = Backfill::new("shout", "people").filter("id % 2 = 0");
            see("rows", shout.update("last = upper(name)")?)
        }
        "row-error" => people("picky").run("picky").map(drop),
        "fails" => {
            take(1)?;
            bail!("the house is on fire")
        }
        "fails-silently" => bail!(""),
        "unhandled" => sql::execute("INSERT INTO given (id) VALUES (1)", &[]).map(drop),
        "swallowed" => {
            // Without a savepoint the transaction is aborted, whatever is done with the error.
            let _ = sql::execute("INSERT INTO given (id) VALUES (1)", &[]);
            Ok(())
        }
        "trap" => panic!("this is not what I thought"),
        "loop" => loop {
            std::hint::spin_loop();
        },
        "memory" => {
            let mut kept = Vec::new();
            loop {
                kept.push(std::hint::black_box(vec![1_u8; 1 << 20]));
            }
        }
        "stack" => {
            see("depth", deeper(0))
        }
        name => bail!("no case {name}"),
    }
}

fn downgrade() -> Result<()> {
    sql::script("DELETE FROM taken; DELETE FROM seen").map(drop)
}

fn see(key: &str, value: impl std::fmt::Display) -> Result<()> {
    sql::execute("INSERT INTO seen VALUES ($1, $2)", params![key, value.to_string()]).map(drop)
}

fn take(id: i32) -> Result<()> {
    sql::execute("INSERT INTO taken (id) VALUES ($1)", params![id]).map(drop)
}

/// What a failing piece of work failed with; it is undone.
fn failure(work: impl FnOnce() -> Result<u64>) -> Result<Error> {
    match sql::savepoint(work) {
        Ok(_) => bail!("it did not fail"),
        Err(error) => Ok(error),
    }
}

fn values() -> Result<()> {
    for row in sql::query("SELECT * FROM given ORDER BY id", &[])? {
        let names: Vec<_> = row.columns().iter().map(|column| column.name.clone()).collect();
        let places: Vec<_> = (1..=names.len()).map(|place| format!("${place}")).collect();
        let insert = format!("INSERT INTO taken ({}) VALUES ({})", names.join(", "), places.join(", "));
        sql::execute(&insert, row.into_values())?;
    }
    Ok(())
}

fn parameters() -> Result<()> {
    let none: Option<&str> = None;
    see("touched", sql::execute("INSERT INTO taken (id, t) VALUES ($1, $2), ($3, $4)", params![1, "", 2, none])?)?;
    let rows = [3, 4, 5].map(|id| params![id, "m"]);
    see("many", sql::execute_many("INSERT INTO taken (id, t) VALUES ($1, $2)", rows)?)?;
    let too_large = failure(|| sql::execute("INSERT INTO taken (id, i4) VALUES (9, $1)", params![3_000_000_000_i64]))?;
    see("kind", too_large.kind())?;
    see("sqlstate", too_large.sqlstate())?;
    let mut rows = sql::query("SELECT 1 WHERE false", &[])?;
    see("none", if rows.next().is_none() { "none" } else { "some" })?;
    let (exact,): (i64,) = sql::query_one("SELECT 9007199254740993", &[])?;
    see("exact", exact)
}

fn errors() -> Result<()> {
    let duplicate = failure(|| sql::execute("INSERT INTO given (id) VALUES (1)", &[]))?;
    see("sqlstate", duplicate.sqlstate())?;
    see("constraint", duplicate.field("constraint").unwrap_or_default())?;
    see("zero", failure(|| sql::execute("SELECT 1/0", &[]))?.sqlstate())?;
    see("commit", failure(|| sql::execute("COMMIT", &[]))?.kind())
}

fn savepoints() -> Result<()> {
    take(1)?;
    sql::savepoint(|| {
        take(2)?;
        let inner: Result<()> = sql::savepoint(|| {
            take(3)?;
            bail!("not this one")
        });
        ensure!(inner.is_err(), "it was kept");
        Ok(())
    })?;
    take(4)
}

fn script() -> Result<()> {
    see("count", sql::script("SELECT 'a;b'; DO $$ BEGIN PERFORM 1; END $$;\nSELECT 2;")?)?;
    let error = failure(|| sql::script("SELECT 1;\nSELECT nope;").map(u64::from))?;
    see("line", error.field("line").unwrap_or_default())
}

fn messages() -> Result<()> {
    debug!("a debug message");
    info!("an info message");
    notice!("a notice message");
    warning!("a warning message");
    info!("tab\there, escape \x1b[31m, snowman ☃");
    Ok(())
}

fn about_this_run() -> Result<()> {
    see("revision", context::revision())?;
    see("direction", if context::direction() == context::Direction::Upgrade { "upgrade" } else { "downgrade" })?;
    see("x", context::x_argument("given").unwrap_or_default())?;
    see("missing", context::x_argument("missing").unwrap_or("none".into()))?;
    see("server", context::server_version())?;
    let same = "SELECT date_trunc('milliseconds', $1::timestamptz) = date_trunc('milliseconds', now())";
    let (same,): (bool,) = sql::query_one(same, params![context::now()])?;
    see("now", same)
}

fn people(name: &str) -> Backfill {
    Backfill::new(name, "people").read(["id", "name", "phone"]).write(["n", "first", "last", "digits"])
}

type Person<'a> = (i64, Option<&'a str>, Option<&'a str>);

/// One row in, one row out: what is called for the rows of a batch, without a way to the database.
fn split_one<'a>((id, name, phone): Person<'a>) -> (i64, Option<&'a str>, Option<&'a str>, Option<String>) {
    let (first, last) = name.and_then(|name| name.split_once(' ')).unzip();
    (id + 1, first, last, phone.map(|phone| phone.replace(|c: char| !c.is_ascii_digit(), "")))
}

fn split(batch: &Batch, out: &mut Output) -> Result<()> {
    batch.map_rows(out, |person: Person<'_>| Ok(split_one(person)))
}

fn picky(batch: &Batch, out: &mut Output) -> Result<()> {
    batch.map_rows(out, |person: Person<'_>| {
        ensure!(person.0 != 7, "row seven is bad");
        Ok(split_one(person))
    })
}

#[allow(unconditional_recursion, reason = "this is what is tried")]
fn deeper(depth: u64) -> u64 {
    std::hint::black_box(deeper(std::hint::black_box(depth + 1))) + 1
}
