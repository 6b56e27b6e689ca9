//! One behaviour everywhere: one revision, the same in each language, and what each of its cases must do. The results are the table
//! in `docs/languages/README.md`: each language holds its column against what it has just seen, and writes it anew with
//! `WMIGRATE_UPDATE_DOCS=1`.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails, and says why")]

mod cases;

use std::{
    collections::BTreeMap,
    fs,
    sync::{Mutex, PoisonError},
};

use crate::support::{Output, Project, project::front_matter};
use cases::{CASES, Case, FIXTURE};

/// The page with the table.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/languages/README.md");

/// A language and what can be done with it here.
pub struct Guest {
    /// For people.
    pub title: &'static str,
    /// As `--lang` has it.
    pub extension: &'static str,
    text: &'static str,
    /// Cases that the language has no way to, with the reason.
    without: &'static [(&'static str, &'static str)],
}

/// Nothing in a script ends the process but its end.
const NO_CRASH: (&str, &str) = ("trap", "a script has no crash: what goes wrong is an exception");

macro_rules! guest {
    ($title:literal, $extension:literal, $without:expr) => {
        Guest {
            title: $title,
            extension: $extension,
            text: include_str!(concat!("conformance/revision.", $extension)),
            without: $without,
        }
    };
}

const GUESTS: &[Guest] = &[
    Guest { title: "JavaScript", extension: "js", text: "", without: &[NO_CRASH] },
    guest!("TypeScript", "ts", &[NO_CRASH]),
    guest!("Python", "py", &[NO_CRASH]),
    guest!("Rust", "rs", &[("invalid-text", "a text of Rust's is UTF-8, or there is none")]),
    guest!("Go", "go", &[]),
    guest!("C", "c", &[]),
    guest!("C++", "cpp", &[]),
    guest!("Zig", "zig", &[]),
];

/// Cells of the table by language and case.
type Cells = BTreeMap<(String, String), String>;

/// Around the table.
const MARKS: (&str, &str) = ("<!-- cases -->\n", "<!-- /cases -->");

/// What the page says.
fn cells_of(table: &str) -> Cells {
    let row = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    };
    let mut lines = table.lines().filter(|line| line.starts_with('|')).map(row);
    let languages = lines.next().unwrap_or_default();
    let mut cells = Cells::new();
    for line in lines.skip(1) {
        for (language, cell) in languages.iter().zip(&line).skip(2) {
            cells.insert((language.clone(), line[0].clone()), cell.clone());
        }
    }
    cells
}

fn table_of(cells: &Cells) -> String {
    let titles: Vec<_> = GUESTS.iter().map(|guest| guest.title).collect();
    let mut table =
        format!("| case | what is tried | {} |\n|---|---|{}\n", titles.join(" | "), "---|".repeat(titles.len()));
    for case in CASES {
        let cell = |title: &&str| cells.get(&((*title).to_owned(), case.name.to_owned())).map_or("?", String::as_str);
        let row: Vec<_> = titles.iter().map(cell).collect();
        table.push_str(&format!("| `{}` | {} | {} |\n", case.name, case.what, row.join(" | ")));
    }
    table
}

/// Holds the page against what was seen of one language, or writes it.
fn compare_page(guest: &Guest, seen: &[(&str, &str)]) {
    static PAGE_IN_USE: Mutex<()> = Mutex::new(());
    let _turn = PAGE_IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    let page = fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(MARKS.0).expect("the page has a place for the table");
    let (table, after) = rest.split_once(MARKS.1).expect("the table has an end");
    let mut cells = cells_of(table);
    for (case, cell) in seen {
        cells.insert((guest.title.to_owned(), (*case).to_owned()), (*cell).to_owned());
    }
    let wanted = format!("{before}{}{}{}{after}", MARKS.0, table_of(&cells), MARKS.1);
    if std::env::var_os("WMIGRATE_UPDATE_DOCS").is_some() {
        fs::write(PAGE, wanted).unwrap();
        return;
    }
    assert!(page == wanted, "{PAGE} says something else of {}: WMIGRATE_UPDATE_DOCS=1 writes it anew", guest.title);
}

/// JavaScript is what is left of the TypeScript, so that the two cannot drift apart.
fn text_of(guest: &Guest) -> String {
    if guest.extension != "js" {
        return guest.text.to_owned();
    }
    let typed = GUESTS.iter().find(|guest| guest.extension == "ts").unwrap();
    wmigrate::authoring::language::script::erase(typed.text).unwrap()
}

/// Adds Python's engine, if the one who runs the tests has built it. Only that takes a minute, and a compiler from the network.
fn can_run_python(project: &Project) -> bool {
    let Some(engine) = std::env::var_os("WMIGRATE_TEST_PYTHON_ENGINE") else {
        eprintln!(
            "skipped: Python: WMIGRATE_TEST_PYTHON_ENGINE does not name what guest-sdk/engines/build-python.sh has made"
        );
        return false;
    };
    let arguments = ["engine".as_ref(), "add".as_ref(), "python".as_ref(), "--from".as_ref(), engine.as_os_str()];
    project.ok(arguments);
    true
}

fn project(guest: &Guest) -> Project {
    let project = Project::new();
    let comment = if guest.extension == "py" { "#" } else { "//" };
    let front = front_matter(comment, "c0f0", "", "conformance", "");
    project.revision("c0f0", "conformance", guest.extension, &format!("{front}{}", text_of(guest)));
    project
}

/// Runs one case in an empty database.
fn run(project: &Project, case: &Case) -> Output {
    project.psql("DROP SCHEMA IF EXISTS wmigrate CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    project.psql(FIXTURE);
    let which = format!("case={}", case.name);
    let arguments = ["upgrade", "head", "-x", &which].into_iter().chain(case.arguments.iter().copied());
    project.wmigrate(arguments)
}

/// What is wrong; nothing, mostly.
fn wrong(project: &Project, case: &Case, output: &Output) -> Option<String> {
    let shown = || format!("exit {:?}\n{}{}", output.code, output.stdout, output.stderr);
    if !output.code.is_some_and(|code| case.codes.contains(&code)) {
        return Some(format!("wanted exit {:?}, got {}", case.codes, shown()));
    }
    if let Some(text) = case.says.iter().find(|text| !output.stderr.contains(**text)) {
        return Some(format!("`{text}` was not said: {}", shown()));
    }
    case.checks.iter().find_map(|(query, expected)| {
        let found = project.psql(query);
        (found != *expected).then(|| format!("`{query}` gives `{found}`, not `{expected}`\n{}", shown()))
    })
}

/// All cases of one language. A case that fails stops none of the others.
fn conforms(extension: &str) {
    let guest = GUESTS.iter().find(|guest| guest.extension == extension).unwrap();
    let project = project(guest);
    if guest.extension == "py" && !can_run_python(&project) {
        return;
    }
    let built = project.wmigrate(["build"]);
    if let Some(missing) =
        built.stderr.lines().find(|line| line.contains("found: ") || line.contains("cannot build for"))
    {
        eprintln!("skipped: {}: {}", guest.title, missing.trim());
        return;
    }
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    let mut bad = Vec::new();
    let mut seen = Vec::new();
    for case in CASES {
        if guest.without.iter().any(|(name, _)| *name == case.name) {
            seen.push((case.name, "–"));
            continue;
        }
        let output = run(&project, case);
        let wrong = wrong(&project, case, &output);
        seen.push((case.name, if wrong.is_none() { "yes" } else { "no" }));
        if let Some(wrong) = &wrong {
            bad.push(format!("{}: {wrong}", case.name));
        }
    }
    assert!(bad.is_empty(), "{}:\n{}", guest.title, bad.join("\n\n"));
    // The way down, and that a second way up finds nothing of the first.
    run(&project, &CASES[1]);
    project.ok(["downgrade", "base"]);
    assert_eq!(project.psql("SELECT (SELECT count(*) FROM taken) + (SELECT count(*) FROM seen)"), "0");
    compare_page(guest, &seen);
}

#[test]
fn javascript() {
    conforms("js");
}

#[test]
fn typescript() {
    conforms("ts");
}

#[test]
fn python() {
    conforms("py");
}

#[test]
fn rust() {
    conforms("rs");
}

#[test]
fn go() {
    conforms("go");
}

#[test]
fn c() {
    conforms("c");
}

#[test]
fn cpp() {
    conforms("cpp");
}

#[test]
fn zig() {
    conforms("zig");
}
