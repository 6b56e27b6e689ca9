//! What the sandbox costs: compiling, loading, instantiating, calling, and rows across the boundary. `cargo bench`.
//!
//! Prints a table of medians. Nothing here asserts a time: a busy machine is not a failure. Needs a Rust toolchain with
//! the wasm32 target, to build the guest, and a PostgreSQL that the embedded server can find; for Python also its engine.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench prints, and a failed step is its end"
)]

mod scripts;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use wmigrate::authoring::language::{Order, build};
use wmigrate::backfill::Transform as _;
use wmigrate::bindings::{Batch, Cells, Column, Vector, Way};
use wmigrate::embedded::{Options, Search, ensure};
use wmigrate::runtime::{Cache, Call, Code, Door, Limits, Recorded, Runtime};
use wmigrate::sql::{Begin, Connection, Settings, Transaction};
use wmigrate::versions::Language;

fn main() {
    let folder = std::env::temp_dir().join(format!("wmigrate-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    run(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
}

fn run(folder: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/guests/costs.rs");
    let dependencies = toml::Table::new();
    let guest = build(
        Language::Rust,
        &Order { source: &source, revision: "be0c4ba5e000", dependencies: &dependencies, build_dir: folder },
    )
    .unwrap()
    .component;

    println!("{:56} {:>12}", "what", "median");
    // A runtime each, since one keeps the functions that it has compiled.
    line(
        &format!("compile a Rust component ({} kB)", guest.len() / 1024),
        median(9, || {
            runtime(None).load("none", &guest).unwrap();
        }),
    );
    let cached = runtime(Some(&folder.join("cache")));
    let (code, _) = cached.load("guest", &guest).unwrap();
    line(
        "load the Rust component from the cache",
        median(51, || {
            cached.load("guest", &guest).unwrap();
        }),
    );

    let io = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let once = |work: &str, count: u64| {
        io.block_on(cached.run(&code, &call(work, count, None), Door::Script(Recorded::default()))).1.unwrap();
    };
    line("instantiate and run an empty Rust revision", median(201, || once("nothing", 0)));
    let calls = 500_000;
    line("a host call (context.now)", median(5, || once("calls", calls)) / u32::try_from(calls).unwrap());

    let row = |transform: &str, second: &Vector| {
        let transformer = cached.transformer(&code, &call("", 0, None)).unwrap();
        let batch = Batch {
            transform: transform.to_owned(),
            rows: u32::try_from(BATCH).unwrap(),
            columns: ["name", "second"].map(column).to_vec(),
            vectors: vec![texts(|n| format!("First{n} Last{}", n * 31)), second.clone()],
        };
        let once = || {
            let vectors = io.block_on(transformer.transform(batch.clone(), Duration::from_secs(10))).unwrap();
            assert!(!vectors.is_empty());
        };
        median(51, once) / u32::try_from(BATCH).unwrap()
    };
    line("transform, a row of text and int8, int8 back", row("read", &numbers()));
    line("transform, a row of text and int8 and back", row("cross", &numbers()));
    line("transform, a row: split a name, tidy a phone", row("split", &texts(|n| format!("(555) {n:03}-{n:04}"))));

    scripts::run(folder);
    with_database(folder, &io, &cached, &code);
}

/// Rows of a batch, each of which has an instance of its own.
const BATCH: usize = 10_000;

fn column(name: &str) -> Column {
    Column { name: name.to_owned(), oid: if name == "name" { 25 } else { 20 }, type_name: String::new() }
}

fn texts(text: impl Fn(usize) -> String) -> Vector {
    let all = (0..BATCH).map(|n| text(n) + "\0").collect();
    Vector { nulls: Vec::new(), cells: Cells::Text(all) }
}

fn numbers() -> Vector {
    Vector { nulls: Vec::new(), cells: Cells::Fixed((0..BATCH as u64).flat_map(u64::to_le_bytes).collect()) }
}

/// What needs a server, each beside the same work of the bare driver in this very process.
fn with_database(folder: &Path, io: &tokio::runtime::Runtime, runtime: &Runtime, code: &Code) {
    let search = Search {
        explicit: None,
        path: std::env::var_os("PATH").as_deref().map(|path| Box::leak(path.to_owned().into_boxed_os_str()) as &_),
        cache: folder,
        major: None,
        download: true,
        say: &|text| println!("{text}"),
    };
    let server = ensure(&Options::new(folder.join("state")), &search).unwrap();
    let settings = Settings::resolve(Some(&server.url()), &|_| None).unwrap();
    let begin = Begin { lock_timeout: Duration::from_secs(2), statement_timeout: Duration::ZERO, timed: true };
    let mut connection = io.block_on(Connection::open(&settings)).unwrap();
    io.block_on(connection.batch("preparing", "CREATE TABLE bench_many (id bigint, name text)")).unwrap();

    let mut timed = |work: &str, count: u64, rounds: usize| {
        let mut times = Vec::new();
        for _ in 0..rounds {
            let taken = std::mem::replace(&mut connection, io.block_on(Connection::open(&settings)).unwrap());
            let transaction = io.block_on(Transaction::begin(taken, &begin)).map_err(|(_, error)| error).unwrap();
            let begun = Instant::now();
            let (door, outcome) =
                io.block_on(runtime.run(code, &call(work, count, None), Door::Live(Box::new(transaction))));
            times.push(begun.elapsed());
            outcome.unwrap();
            let Door::Live(transaction) = door else { unreachable!() };
            connection = io.block_on(transaction.rollback()).unwrap();
        }
        times.sort();
        times[rounds / 2]
    };
    let statements = 2_000;
    line("sql.execute(\"SELECT 1\")", timed("executes", statements, 5) / u32::try_from(statements).unwrap());
    line("sql.execute-many, a row of 2 columns", timed("many", 20_000, 3) / 20_000);
    let rows = 100_000;
    line("sql.query, a row of 4 columns", timed("rows", rows, 5) / u32::try_from(rows).unwrap());
    line("sql.query-columns, a row of 4 columns", timed("columns", rows, 5) / u32::try_from(rows).unwrap());
    drop(connection);
    server.stop().unwrap();
}

fn runtime(cache: Option<&Path>) -> Runtime {
    Runtime::new(Arc::new(Cache::open(cache).0), Limits::default().stack, Arc::new(AtomicBool::new(false))).unwrap()
}

fn call(work: &str, count: u64, payload: Option<&str>) -> Call {
    let arguments = vec![("work".to_owned(), work.to_owned()), ("count".to_owned(), count.to_string())];
    Call {
        revision: "be0c4ba5e000".to_owned(),
        direction: Way::Upgrade,
        x_arguments: Arc::new(arguments),
        payload: payload.map(Into::into),
        limits: Limits::default(),
        events: Arc::new(|_| {}),
    }
}

fn median(rounds: usize, mut work: impl FnMut()) -> Duration {
    let mut times: Vec<_> = (0..rounds)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[rounds / 2]
}

fn line(what: &str, took: Duration) {
    let text = match took.as_nanos() {
        ns if ns < 10_000 => format!("{ns} ns"),
        ns if ns < 10_000_000 => format!("{:.1} µs", took.as_secs_f64() * 1e6),
        _ => format!("{:.1} ms", took.as_secs_f64() * 1e3),
    };
    println!("{what:56} {text:>12}");
}
