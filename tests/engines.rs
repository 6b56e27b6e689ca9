//! The engines that the binary carries: what they import, that they load, and that the SQL engine cuts a file where the
//! host does when it checks it.

use std::{
    path::Path,
    process::Command,
    sync::{Arc, atomic::AtomicBool},
};

use wmigrate::{
    authoring::language::sql::section,
    bindings::Way,
    engines::{Engine, JS, SQL},
    runtime::{Cache, Call, Code, Door, Limits, Recorded, Runtime},
    sql::split,
};

use crate::support::Project;

fn runtime() -> Runtime {
    Runtime::new(Arc::new(Cache::open(None).0), 1 << 20, Arc::new(AtomicBool::new(false))).unwrap()
}

fn imports_of(component: &[u8]) -> Vec<String> {
    let engine = wasmtime::Engine::default();
    let component = wasmtime::component::Component::new(&engine, component).unwrap();
    component.component_type().imports(&engine).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn engines_load_and_import_only_what_they_may() {
    let runtime = runtime();
    let ours = |name: &str| name.starts_with("wmigrate:migration/");
    let empty_wasi = |name: &str| {
        ["wasi:cli/", "wasi:io/", "wasi:clocks/", "wasi:filesystem/", "wasi:random/"]
            .iter()
            .any(|own| name.starts_with(own))
    };
    let sql = imports_of(SQL.component());
    assert!(!sql.is_empty() && sql.iter().all(|name| ours(name)), "{sql:?}");
    let js = imports_of(JS.component());
    assert!(js.iter().all(|name| ours(name) || empty_wasi(name)), "{js:?}");
    assert!(!js.iter().any(|name| name.contains("socket") || name.contains("http")), "{js:?}");
    for engine in [&SQL, &JS] {
        runtime.load(engine.digest(), engine.component()).unwrap();
    }
}

/// Statements that the SQL engine gives to the host for a file, or the error it passes on.
fn run(runtime: &Runtime, code: &Code, text: &str, direction: Way) -> Result<Vec<String>, String> {
    let call = Call {
        revision: "r".to_owned(),
        direction,
        x_arguments: Arc::default(),
        payload: Some(text.into()),
        limits: Limits::default(),
        events: Arc::new(drop),
    };
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (door, outcome) = executor.block_on(runtime.run(code, &call, Door::Script(Recorded::default())));
    let Door::Script(recorded) = door else { panic!("a door comes back as it went in") };
    outcome.map(|()| recorded.statements).map_err(|failure| failure.to_string())
}

/// The same by the host's own cut.
fn expected(text: &str, direction: Way) -> Result<Vec<String>, String> {
    let part = section(text, direction);
    let statements = split::split(&part).map_err(|error| error.to_string())?;
    Ok(statements.iter().map(|s| s.text.trim().trim_end_matches(';').trim_end().to_owned()).collect())
}

#[test]
fn the_engine_cuts_where_the_host_does() {
    let runtime = runtime();
    let code = load(&runtime, &SQL);
    for text in [
        "",
        "\n",
        "SELECT 1",
        "SELECT 1;\nSELECT 2;\n",
        "-- wmigrate:upgrade\nSELECT 'up';\n-- wmigrate:downgrade\nSELECT 'down';\n",
        "-- wmigrate:downgrade\nSELECT 'down';\n-- wmigrate:upgrade\nSELECT 'up';",
        "SELECT 'before';\n-- wmigrate:upgrade\nSELECT 'up';\n",
        "-- wmigrate:upgrade\nA;\n-- wmigrate:downgrade\nB;\n-- wmigrate:upgrade\nC;\n-- wmigrate:upgrade\nD;\n",
        // A marker inside a string, a comment, a dollar quote: it cuts all the same, in both.
        "-- wmigrate:upgrade\nSELECT 1;\nSELECT 'x\n-- wmigrate:downgrade\ny';\n",
        "-- wmigrate:upgrade\n/*\n-- wmigrate:downgrade\n*/ SELECT 2;\n",
        "-- wmigrate:upgrade\nSELECT $$\n-- wmigrate:downgrade\n$$;\n",
        // Ends of lines.
        "-- wmigrate:upgrade\r\nSELECT 'a\r\nb';\r\n-- wmigrate:downgrade\r\nSELECT 2;\r\n",
        "-- wmigrate:upgrade\rSELECT 1;\r",
        "\u{feff}-- wmigrate:downgrade\nSELECT 1;\n",
        // Nearly markers.
        "--wmigrate:upgrade\nSELECT 1;\n",
        "-- wmigrate:upgrade now\nSELECT 1;\n",
        "-- WMIGRATE:UPGRADE\nSELECT 1;\n",
        "\t -- wmigrate:downgrade \t\nSELECT 1;\n",
        "\u{a0}-- wmigrate:downgrade\nSELECT 1;\n",
        "-- wmigrate:downgrade\u{3000}\nSELECT 1;\n",
        "\u{b}-- wmigrate:downgrade\u{c}\nSELECT 1;\n",
        "\u{2028}-- wmigrate:downgrade\nSELECT 1;\n",
        "-- wmigrate:downgrade",
        "-- /// wmigrate\n-- revision = \"a\"\n-- ///\n-- wmigrate:upgrade\nCREATE TABLE t (a int); -- x\n",
    ] {
        for direction in [Way::Upgrade, Way::Downgrade] {
            assert_eq!(run(&runtime, &code, text, direction), expected(text, direction), "{direction:?} of {text:?}");
        }
    }
}

#[test]
fn lines_of_errors_are_lines_of_the_file() {
    for (end, last) in [("\n", "\n"), ("\r\n", ""), ("\n", "")] {
        let project = Project::new();
        let lines = [
            "-- /// wmigrate",
            "-- revision = \"s1\"",
            "-- message = \"m\"",
            "-- ///",
            "-- wmigrate:downgrade",
            "SELECT 1;",
            "-- wmigrate:upgrade",
            "SELECT 1;",
            "SELECT 'ü',",
            "  missing;",
        ];
        project.write("versions/s1_m.sql", lines.join(end) + last);
        let output = project.wmigrate(["upgrade", "head"]);
        assert_eq!(output.code, Some(1), "{}", output.stderr);
        assert!(output.stderr.contains("at line 10 column 3"), "{}", output.stderr);
        assert!(output.stderr.contains("42703"), "{}", output.stderr);
    }
}

#[test]
fn the_javascript_engine_passes_its_own_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk/js");
    let node =
        Command::new("node").arg("--test").arg("test.mjs").current_dir(folder).env_remove("NODE_OPTIONS").output();
    let Ok(output) = node else {
        eprintln!("skipped: `node` is not installed");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn load(runtime: &Runtime, engine: &Engine) -> Code {
    runtime.load(engine.digest(), engine.component()).unwrap().0
}
