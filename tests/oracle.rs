//! Alembic as the oracle: thousands of random graphs, states and commands with Alembic's own answer to each, made by
//! `oracle/alembic_cases.py`. Ours must be the same, or differ for one of the reasons named in `Class`; anything else
//! fails. The frozen cases need nothing; `fresh_seeds` makes new ones where a Python with alembic is found.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use wmigrate::graph::{Error, Map, Plan, Revision, history, plan};

const FROZEN: &[u8] = include_bytes!("oracle/cases-seed1.jsonl.gz");
const GENERATOR: &str = include_str!("oracle/alembic_cases.py");

/// How many of the frozen cases are equal to the letter. A lower number is a loss of parity.
const EQUAL_SEED_1: usize = 1830;

/// Why an answer may differ from Alembic's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Alembic keeps labels, children or dependencies in sets: the same content in an order that follows its hash seed.
    SetOrder,
    /// Alembic ends in a traceback; we give the right plan or a named error.
    AlembicCrashes,
    /// Alembic leaves rows of which one lies below another; ours are the maximal elements.
    RowsNotMaximal,
    /// A label that does not exist is an error to us even where Alembic never looks at it.
    UnknownLabel,
    /// `-N` with several rows: Alembic silently takes the row that comes first.
    AmbiguousRelative,
    /// The same id in two files: Alembic warns, and the later file wins.
    DuplicateRevision,
    /// A graph that is broken is an error always; Alembic has another, or none, where it never loads the map.
    BrokenGraph,
    /// A row without a file is `unknown_revision`, whatever Alembic stumbles over first.
    UnknownRow,
    /// Several targets of `stamp` are computed one after the other, not each from the rows at the beginning.
    StampInSequence,
    /// `stamp heads` of Alembic forgets a head that is a row already when another row moves; ours keeps it.
    StampForgetsHead,
}

/// What a comparison came to.
enum Verdict {
    Equal,
    Allowed(Class),
    Unexplained(String),
}

/// Our answer to a case.
enum Answer {
    Plan(Plan),
    Lines(Vec<String>),
}

#[test]
fn frozen_cases() {
    let mut text = String::new();
    flate2::read::GzDecoder::new(FROZEN).read_to_string(&mut text).expect("the frozen cases unpack");
    let equal = compare_all("seed 1, frozen", &text);
    assert_eq!(equal, EQUAL_SEED_1, "cases equal to the letter");
}

#[test]
fn fresh_seeds() {
    let Some(python) = python_with_alembic() else {
        say("skipped: no python3 with alembic");
        return;
    };
    let seed = std::env::var("WMIGRATE_ORACLE_SEED").unwrap_or_else(|_| "20261122".to_owned());
    let count = std::env::var("WMIGRATE_ORACLE_COUNT").unwrap_or_else(|_| "1000".to_owned());
    let folder = std::env::temp_dir().join(format!("wmigrate-oracle-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let script = folder.join("alembic_cases.py");
    std::fs::write(&script, GENERATOR).expect("the generator is written");
    let output =
        Command::new(python).arg(&script).args(["--seed", &seed, "--count", &count]).output().expect("python runs");
    std::fs::remove_dir_all(&folder).expect("the temporary folder is removed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    compare_all(&format!("seed {seed}, fresh"), &String::from_utf8(output.stdout).expect("JSON is UTF-8"));
}

fn python_with_alembic() -> Option<PathBuf> {
    let python = std::env::var_os("WMIGRATE_TEST_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let found = Command::new(&python).args(["-c", "import alembic"]).output().ok()?;
    found.status.success().then_some(python)
}

fn compare_all(title: &str, text: &str) -> usize {
    let mut classes: BTreeMap<Class, usize> = BTreeMap::new();
    let mut equal = 0;
    let mut unexplained = Vec::new();
    let mut total = 0;
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("a case is JSON");
        total += 1;
        match compare(&case) {
            Verdict::Equal => equal += 1,
            Verdict::Allowed(class) => *classes.entry(class).or_default() += 1,
            Verdict::Unexplained(why) => {
                let short = |key: &str| case[key].to_string().chars().take(1500).collect::<String>();
                unexplained.push(format!(
                    "case {} {} {} {} rows {}\n  graph  {}\n  alembic {}\n  ours   {why}",
                    case["case"],
                    short("command"),
                    short("target"),
                    short("options"),
                    short("current_heads"),
                    short("graph"),
                    short("expect")
                ));
            }
        }
    }
    say(&format!("{title}: {total} cases, {equal} equal, allowed {classes:?}, unexplained {}", unexplained.len()));
    assert!(total > 0, "no cases at all");
    let first: Vec<String> = unexplained.iter().take(5).cloned().collect();
    assert!(unexplained.is_empty(), "{} unexplained:\n{}", unexplained.len(), first.join("\n"));
    equal
}

fn compare(case: &Value) -> Verdict {
    let ours = answer(case);
    let expect = &case["expect"];
    if case["broken"] == "dup_id" {
        return match ours {
            Err(error) if error.kind() == "duplicate_revision" => Verdict::Allowed(Class::DuplicateRevision),
            Err(error) => Verdict::Unexplained(told(&error)),
            Ok(_) => Verdict::Unexplained("accepted".to_owned()),
        };
    }
    match (expect["error_kind"].as_str(), ours) {
        (Some("crash"), Err(_)) => Verdict::Allowed(Class::AlembicCrashes),
        (Some("crash"), Ok(Answer::Plan(plan))) => {
            if case["command"] == "stamp" || sound(case, &plan) {
                Verdict::Allowed(Class::AlembicCrashes)
            } else {
                Verdict::Unexplained(format!("unsound where Alembic crashes: {plan:?}"))
            }
        }
        (Some("crash"), Ok(Answer::Lines(_))) => Verdict::Allowed(Class::AlembicCrashes),
        (Some(kind), Err(error)) => compare_errors(case, kind, &error),
        (Some(_), Ok(_)) if several_targets(case) => Verdict::Allowed(Class::StampInSequence),
        (Some(kind), Ok(_)) => Verdict::Unexplained(format!("success instead of {kind}")),
        (None, Err(error)) => explain_refusal(case, &error),
        (None, Ok(Answer::Plan(plan))) => compare_plans(case, &plan),
        (None, Ok(Answer::Lines(lines))) => compare_lines(case, &lines),
    }
}

fn answer(case: &Value) -> Result<Answer, Error> {
    let revisions = case["graph"].as_array().expect("a graph").iter().map(revision).collect();
    let map = Map::new(revisions)?;
    let rows = strings(&case["current_heads"]);
    let option = |name: &str| case["options"][name].as_bool().unwrap_or(false);
    let verbose = option("verbose");
    let target = case["target"].as_str();
    let text = target.unwrap_or_default();
    let lines = match case["command"].as_str().expect("a command") {
        "upgrade" => return plan::upgrade(&map, &rows, text).map(Answer::Plan),
        "downgrade" => return plan::downgrade(&map, &rows, text).map(Answer::Plan),
        "stamp" => return plan::stamp(&map, &rows, &strings(&case["target"]), option("purge")).map(Answer::Plan),
        "history" => {
            history::history_lines(&history::history(&map, target, &rows, option("indicate_current"))?, verbose)
        }
        "heads" => history::heads_lines(&history::heads(&map, option("resolve_dependencies")), verbose),
        "branches" => history::branches_lines(&history::branches(&map), verbose),
        "show" => history::show_lines(&history::show(&map, text, &rows)?),
        "current" => {
            let mut lines = history::current_lines(&history::current(&map, &rows)?, false);
            lines.sort();
            lines
        }
        other => panic!("a command of the generator that is not compared: {other}"),
    };
    Ok(Answer::Lines(lines))
}

fn revision(node: &Value) -> Revision {
    let text = |key: &str| node[key].as_str().unwrap_or_default().to_owned();
    Revision {
        id: text("id"),
        down_revision: strings(&node["down_revision"]),
        depends_on: strings(&node["depends_on"]),
        branch_labels: strings(&node["branch_labels"]),
        message: text("message"),
        created: Some("2024-01-02 03:04:05.000000".to_owned()),
        path: format!("{{root}}/versions/{}", text("file")),
        irreversible: false,
        of_plugin: false,
    }
}

/// Null, one string or a list, as strings.
fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(several) => several.iter().flat_map(strings).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

/// The kind must be the same, and whatever Alembic quotes must be in our message too.
fn compare_errors(case: &Value, kind: &str, error: &Error) -> Verdict {
    if kind != error.kind() {
        return match explain_refusal(case, error) {
            Verdict::Unexplained(_) => Verdict::Unexplained(format!("instead of {kind}: {}", told(error))),
            explained => explained,
        };
    }
    let theirs = case["expect"]["error_message"].as_str().unwrap_or_default();
    let message = error.to_string();
    // Alembic pastes the whole argument into its advice, which makes `<branchname>@shop@head` of `shop@head`, and the
    // rows as a Python tuple.
    let id = |text: &str| !text.starts_with("<branchname>@") && text.contains(char::is_alphanumeric);
    let quoted = theirs.split('\'').skip(1).step_by(2).filter(|text| id(text));
    let missing: Vec<&str> = quoted.filter(|id| !message.contains(id)).collect();
    if missing.is_empty() {
        Verdict::Equal
    } else {
        Verdict::Unexplained(format!("{missing:?} is missing in: {}", told(error)))
    }
}

/// Whether an error of ours, where Alembic has none or another, is one of the deliberate differences.
fn explain_refusal(case: &Value, error: &Error) -> Verdict {
    let rows = strings(&case["current_heads"]);
    match error {
        Error::NoSuchBranch { label, .. } | Error::UnknownRevision { id: label, .. }
            if strings(&case["target"]).iter().any(|target| target.contains(&format!("{label}@")))
                && !is_name(case, label) =>
        {
            Verdict::Allowed(Class::UnknownLabel)
        }
        Error::AmbiguousWalk { argument, .. } if rows.len() > 1 && argument.starts_with('-') => {
            Verdict::Allowed(Class::AmbiguousRelative)
        }
        Error::MissingParent { .. } | Error::SelfLoop { .. } | Error::DependencySelfLoop { .. }
            if case["broken"].is_string() =>
        {
            Verdict::Allowed(Class::BrokenGraph)
        }
        Error::Cycle { .. }
        | Error::DependencyCycle { .. }
        | Error::DuplicateBranchLabel { .. }
        | Error::IllegalChar { .. }
            if case["broken"].is_string() =>
        {
            Verdict::Allowed(Class::BrokenGraph)
        }
        Error::UnknownRow { id } if rows.contains(id) && !is_name(case, id) => Verdict::Allowed(Class::UnknownRow),
        _ if several_targets(case) => Verdict::Allowed(Class::StampInSequence),
        other => Verdict::Unexplained(told(other)),
    }
}

fn compare_plans(case: &Value, plan: &Plan) -> Verdict {
    let expect = &case["expect"];
    let log: Vec<String> = plan.steps.iter().map(wmigrate::graph::Step::log_line).collect();
    let (same_log, same_rows) = (log == strings(&expect["log"]), plan.heads_after == strings(&expect["heads_after"]));
    if same_log && same_rows && same_row_changes(expect, plan) {
        return Verdict::Equal;
    }
    let told = || Verdict::Unexplained(format!("{log:?} leaves {:?}", plan.heads_after));
    let same_set = || log.iter().collect::<BTreeSet<_>>() == strings(&expect["log"]).iter().collect::<BTreeSet<_>>();
    if case["command"] == "stamp" {
        if same_log && case["state_kind"] == "overlapping_rows" {
            return Verdict::Allowed(Class::RowsNotMaximal);
        }
        let theirs = strings(&expect["heads_after"]);
        let rows = strings(&case["current_heads"]);
        let kept = plan.heads_after.iter().filter(|row| !theirs.contains(row)).all(|row| rows.contains(row));
        let forgets = same_log && kept && theirs.iter().all(|row| plan.heads_after.contains(row));
        return match (several_targets(case), forgets && strings(&case["target"]).concat().ends_with("heads")) {
            (true, _) => Verdict::Allowed(Class::StampInSequence),
            (false, true) => Verdict::Allowed(Class::StampForgetsHead),
            (false, false) => told(),
        };
    }
    if !sound(case, plan) {
        told()
    } else if same_log {
        // Ours were maximal after every step, so theirs were not, at the end or on the way.
        Verdict::Allowed(Class::RowsNotMaximal)
    } else if same_set() && same_rows && several_dependencies(case) {
        Verdict::Allowed(Class::SetOrder)
    } else {
        told()
    }
}

/// Whether each step moves the rows as Alembic's statements do, taken together.
fn same_row_changes(expect: &Value, plan: &Plan) -> bool {
    let Some(steps) = expect["version_ops"].as_array() else {
        return false;
    };
    steps.len() == plan.steps.len()
        && steps.iter().zip(&plan.steps).all(|(ops, step)| {
            let (mut gone, mut come) = (BTreeSet::new(), BTreeSet::new());
            for op in ops.as_array().into_iter().flatten() {
                match strings(op).as_slice() {
                    [verb, row] if verb == "insert" => _ = come.insert(row.clone()),
                    [verb, row] if verb == "delete" => _ = gone.insert(row.clone()),
                    [verb, from, to] if verb == "update" => _ = (gone.insert(from.clone()), come.insert(to.clone())),
                    other => panic!("an operation that is not compared: {other:?}"),
                }
            }
            gone == step.change.delete.iter().cloned().collect() && come == step.change.insert.iter().cloned().collect()
        })
}

/// Equal lines, or equal but for the order inside lists that Alembic keeps in sets.
fn compare_lines(case: &Value, lines: &[String]) -> Verdict {
    let theirs = strings(&case["expect"]["lines"]);
    let without_order = |lines: &[String]| {
        let sorted = |line: &String| {
            let mut characters: Vec<char> = line.chars().collect();
            characters.sort_unstable();
            characters
        };
        let mut lines: Vec<Vec<char>> = lines.iter().map(sorted).collect();
        lines.sort();
        lines
    };
    if lines == theirs {
        Verdict::Equal
    } else if without_order(lines) == without_order(&theirs) {
        Verdict::Allowed(Class::SetOrder)
    } else {
        Verdict::Unexplained(lines.join("\n         "))
    }
}

/// Topological, and the rows after each step are the maximal elements of what is applied: by a model that shares no
/// code with the crate.
fn sound(case: &Value, plan: &Plan) -> bool {
    let nodes = case["graph"].as_array().expect("a graph");
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for node in nodes {
        let id = strings(&node["id"]).concat();
        names.extend(strings(&node["branch_labels"]).into_iter().map(|label| (label, id.clone())));
        names.insert(id.clone(), id);
    }
    let parents: BTreeMap<String, BTreeSet<String>> = nodes
        .iter()
        .map(|node| {
            let named = strings(&node["down_revision"]).into_iter().chain(strings(&node["depends_on"]));
            (strings(&node["id"]).concat(), named.map(|name| names[&name].clone()).collect())
        })
        .collect();
    let mut applied: BTreeSet<String> = BTreeSet::new();
    let mut todo = strings(&case["current_heads"]);
    while let Some(id) = todo.pop() {
        todo.extend(parents[&id].iter().cloned());
        applied.insert(id);
    }
    let up = case["command"] == "upgrade";
    let mut rows: BTreeSet<String> = strings(&case["current_heads"]).into_iter().collect();
    for step in &plan.steps {
        let id = &step.revision;
        let stands = |applied: &BTreeSet<String>| applied.iter().any(|other| parents[other].contains(id));
        let legal = if up {
            !applied.contains(id) && parents[id].is_subset(&applied)
        } else {
            applied.contains(id) && !stands(&applied)
        };
        if !legal {
            return false;
        }
        if up {
            applied.insert(id.clone());
        } else {
            applied.remove(id);
        }
        rows.retain(|row| !step.change.delete.contains(row));
        rows.extend(step.change.insert.iter().cloned());
        let below: BTreeSet<&String> = applied.iter().flat_map(|id| &parents[id]).collect();
        if applied.iter().filter(|id| !below.contains(id)).cloned().collect::<BTreeSet<_>>() != rows {
            return false;
        }
    }
    rows.into_iter().collect::<Vec<_>>() == plan.heads_after
}

fn several_targets(case: &Value) -> bool {
    case["command"] == "stamp" && strings(&case["target"]).len() > 1
}

fn several_dependencies(case: &Value) -> bool {
    case["graph"].as_array().into_iter().flatten().any(|node| strings(&node["depends_on"]).len() > 1)
}

fn is_name(case: &Value, name: &str) -> bool {
    let nodes = case["graph"].as_array().into_iter().flatten();
    nodes.flat_map(|node| [strings(&node["id"]), strings(&node["branch_labels"])]).flatten().any(|known| known == name)
}

fn told(error: &Error) -> String {
    format!("{}: {error}", error.kind())
}

fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr is open");
}
