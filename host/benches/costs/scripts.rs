//! The engines of scripts: compiled, loaded, made an instance of, and rows through a transform of three columns in and four out.

use super::{BATCH, call, column, line, median, numbers, runtime, texts};
use std::path::Path;
use std::time::Duration;
use wmigrate::backfill::Transform as _;
use wmigrate::bindings::Batch;
use wmigrate::engines::{self, Engine};
use wmigrate::runtime::{Code, Door, Recorded, Runtime};

/// Prints the costs of each engine that is there.
pub(super) fn run(folder: &Path) {
    let js = engines::JS.component();
    costs("JavaScript", js, include_str!("../guests/split.js"), "export function upgrade() {}\n", folder);
    // It is not in the binary: `guest-sdk/engines/build-python.sh` makes it.
    match std::env::var_os("WMIGRATE_TEST_PYTHON_ENGINE") {
        Some(path) => {
            let engine: &Engine = &engines::PYTHON;
            let python = engine.read(Path::new(&path)).unwrap();
            costs("Python", &python, include_str!("../guests/split.py"), "def upgrade():\n    pass\n", folder);
        }
        None => println!("Python: skipped, WMIGRATE_TEST_PYTHON_ENGINE names no engine"),
    }
}

fn costs(name: &str, engine: &[u8], transforms: &str, empty: &str, folder: &Path) {
    let cache = folder.join(name);
    // A runtime each, since one keeps the functions that it has compiled.
    let compiled = median(3, || {
        runtime(None).load(name, engine).unwrap();
    });
    line(&format!("{name}: compile the engine ({} kB)", engine.len() / 1024), compiled);
    let cached = runtime(Some(&cache));
    let (code, _) = cached.load(name, engine).unwrap();
    let loaded = median(21, || {
        cached.load(name, engine).unwrap();
    });
    line(&format!("{name}: load it from the cache"), loaded);

    let io = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let instantiated = median(101, || {
        io.block_on(cached.instantiate(&code, call("", 0, Some(empty))));
    });
    line(&format!("{name}: instantiate"), instantiated);
    let run = median(101, || {
        io.block_on(cached.run(&code, &call("", 0, Some(empty)), Door::Script(Recorded::default()))).1.unwrap();
    });
    line(&format!("{name}: instantiate and run an empty revision"), run);
    for transform in ["rows", "columns"] {
        let row = transformed(&cached, &code, transforms, transform, &io);
        line(&format!("{name}: transform by {transform}, a row of 3 in, 4 out"), row);
    }
}

fn transformed(runtime: &Runtime, code: &Code, text: &str, transform: &str, io: &tokio::runtime::Runtime) -> Duration {
    let transformer = runtime.transformer(code, &call("", 0, Some(text))).unwrap();
    let batch = Batch {
        transform: format!("{transform}/4"),
        rows: u32::try_from(BATCH).unwrap(),
        columns: ["second", "name", "name"].map(column).to_vec(),
        vectors: vec![
            numbers(),
            texts(|n| format!("First{n} Last{}", n * 31)),
            texts(|n| format!("(555) {n:03}-{n:04}")),
        ],
    };
    let once = || {
        let vectors = io.block_on(transformer.transform(batch.clone(), Duration::from_secs(10))).unwrap();
        assert_eq!(vectors.len(), 4);
    };
    median(21, once) / u32::try_from(BATCH).unwrap()
}
