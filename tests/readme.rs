//! The pages keep what they promise: every `console` block of README.md, versions/README.md and docs/ is run in a copy of
//! the example history and its output compared, and every revision shown in a block is run, up and down.
//!
//! In a block, `$ ` begins a command and `> ` goes on with it; what follows is its output on both streams, where a line `…`
//! stands for any lines and a `…` at the end of a line for the rest of it. No output means that only success is checked.
//! A block under an HTML comment `not run: reason` is left out.

#![allow(clippy::unwrap_used, reason = "a page that cannot be read is a failed test")]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    languages,
    support::{Project, cluster, transcript::Filters},
};

/// One fenced block.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    language: String,
    /// Of the opening fence, from 1.
    line: usize,
    text: String,
    run: bool,
}

/// A command of a console block and the output that is shown for it.
#[derive(Debug, PartialEq, Eq)]
struct Example {
    command: String,
    output: Vec<String>,
}

#[test]
fn commands_on_every_page_print_what_they_say() {
    let mut commands = 0;
    let mut wrong = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let blocks = blocks(&text);
        if !blocks.iter().any(|block| block.language == "console" && block.run) {
            continue;
        }
        let project = example_project();
        let mut folder = project.folder.clone();
        for block in blocks.iter().filter(|block| block.language == "console" && block.run) {
            for example in examples(&block.text) {
                let checked = check(&project, &mut folder, &example);
                wrong.extend(checked.err().map(|why| format!("{}:{}: {why}", page.display(), block.line)));
                commands += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(commands > 20, "only {commands} commands were found");
}

#[test]
fn revisions_on_every_page_load_and_run() {
    let project = example_project();
    languages::add_python(&project);
    let mut shown = BTreeMap::new();
    for page in pages() {
        for block in blocks(&fs::read_to_string(&page).unwrap()) {
            let (extension, comment) = match block.language.as_str() {
                "sql" => ("sql", "--"),
                "js" | "ts" | "go" | "c" | "cpp" | "zig" => (block.language.as_str(), "//"),
                "rust" => ("rs", "//"),
                "python" => ("py", "#"),
                _ => continue,
            };
            if !block.text.starts_with(&format!("{comment} /// wmigrate\n")) {
                continue;
            }
            let id = block.text.lines().find_map(|line| line.split_once("revision = \"")).unwrap().1;
            let id = id.split('"').next().unwrap().to_owned();
            project.write(&format!("versions/{id}_shown.{extension}"), &block.text);
            shown.insert(id, extension.to_owned());
        }
    }
    for (extension, _) in languages::BODIES {
        assert!(shown.values().any(|found| found == extension), "no page shows a revision in {extension}");
    }
    for (id, extension) in shown {
        let up = project.wmigrate(["upgrade", &id]);
        if languages::is_here(&up, &extension) {
            assert_eq!(up.code, Some(0), "{id}: {}", up.stderr);
            project.ok(["downgrade", "5c7e0d94b3fa"]);
        }
    }
}

#[test]
fn the_example_history_goes_up_down_and_up_to_the_same_schema() {
    let project = example_project();
    let schema = || {
        project.psql(
            "SELECT table_name, column_name, data_type, is_nullable, column_default
             FROM information_schema.columns WHERE table_schema = 'public'
             UNION ALL SELECT tablename, indexname, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'public'
             UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '' FROM pg_constraint
                       WHERE connamespace = 'public'::regnamespace
             UNION ALL SELECT viewname, definition, '', '', '' FROM pg_views WHERE schemaname = 'public'
             UNION ALL SELECT proname, prosrc, '', '', '' FROM pg_proc WHERE pronamespace = 'public'::regnamespace
             ORDER BY 1, 2, 3",
        )
    };
    project.ok(["upgrade", "a90c5d27e3b4"]);
    let contacts = "SELECT name, contact FROM publisher ORDER BY name";
    let typed = project.psql(contacts);
    project.ok(["upgrade", "head"]);
    let first = schema();
    assert!(first.contains("plugin_catalogue"), "{first}");
    assert_eq!(
        project.psql(
            "SELECT newest_version, installed FROM plugin_catalogue WHERE slug IN ('notes', 'tapes') ORDER BY slug"
        ),
        "1.10.0|1\nspring 1973|0"
    );
    assert_eq!(
        project.psql("SELECT contact_name, contact_email FROM publisher WHERE name = 'hopper'"),
        "Grace Hopper|grace.hopper@example.com"
    );
    project.ok(["downgrade", "a90c5d27e3b4"]);
    // What parsing threw away stays away; the rest is as it was typed.
    let tidied = typed
        .replace("Example.ORG", "example.org")
        .replace("  Grace   Hopper  < grace.hopper@example.com >", "Grace Hopper <grace.hopper@example.com>");
    assert_eq!(project.psql(contacts), tidied);
    project.ok(["downgrade", "base"]);
    assert_eq!(schema(), "");
    project.ok(["upgrade", "head"]);
    assert_eq!(schema(), first);
    assert_eq!(project.ok(["current"]), "5c7e0d94b3fa (head)\n");
    project.ok(["verify"]);
}

/// The repository's own configuration and history, in a folder and a database of the test's own.
fn example_project() -> Project {
    let project = Project::new();
    let root = root();
    for name in ["wmigrate.toml", "wmigrate.lock"] {
        project.write(name, fs::read(root.join(name)).unwrap());
    }
    for folder in ["versions", "versions/built"] {
        for entry in fs::read_dir(root.join(folder)).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                let name = entry.file_name().into_string().unwrap();
                project.write(&format!("{folder}/{name}"), fs::read(entry.path()).unwrap());
            }
        }
    }
    project
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in the repository").to_owned()
}

fn pages() -> Vec<PathBuf> {
    let root = root();
    let mut pages = vec![root.join("README.md"), root.join("versions/README.md")];
    for folder in ["docs", "docs/languages"] {
        let docs = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        pages.extend(docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    pages.sort();
    pages
}

/// Runs a command in a shell, with `wmigrate` on the PATH, and compares. `cd` leads to a project of its own, where the
/// database is what that project's configuration says.
fn check(project: &Project, folder: &mut PathBuf, example: &Example) -> Result<(), String> {
    if let Some(into) = example.command.strip_prefix("cd ") {
        *folder = folder.join(into);
        return if folder.is_dir() { Ok(()) } else { Err(format!("there is no folder `{into}`")) };
    }
    let text = example.command.replace("cargo run --release -- ", "wmigrate ");
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec 2>&1\n{text}")]).current_dir(&*folder).stdin(Stdio::null()).env_clear();
    for (name, value) in project.command(["--version"]).get_envs() {
        let Some(value) = value else { continue };
        if name == "PATH" {
            let folders = std::iter::once(programs()).chain(std::env::split_paths(value));
            command.env(name, std::env::join_paths(folders).unwrap());
        } else if name != "DATABASE_URL" || *folder == project.folder {
            command.env(name, value);
        }
    }
    let output = command.output().expect("`sh` runs");
    let filters = Filters::of(project);
    let printed = filters.apply(&String::from_utf8_lossy(&output.stdout));
    if !output.status.success() {
        return Err(format!("`{}` ended with {}\n{printed}", example.command, output.status));
    }
    let wanted: Vec<String> = example.output.iter().map(|line| filters.apply(line)).collect();
    let got: Vec<&str> = printed.trim_end().lines().map(str::trim_end).collect();
    if wanted.is_empty() || fits(&wanted, &got) {
        return Ok(());
    }
    Err(format!("`{}` prints\n\n{printed}\nthe page says\n\n{}\n", example.command, wanted.join("\n")))
}

/// A folder with `wmigrate` in it.
fn programs() -> PathBuf {
    let folder = cluster::root().join("programs");
    // Another test may have made it just now.
    if fs::create_dir(&folder).is_ok() {
        symlink(env!("CARGO_BIN_EXE_wmigrate"), folder.join("wmigrate")).unwrap();
    }
    folder
}

/// Whether the output is what the page shows.
fn fits(wanted: &[String], got: &[&str]) -> bool {
    let Some((first, rest)) = wanted.split_first() else { return got.is_empty() };
    if first == "…" {
        return (0..=got.len()).any(|skipped| fits(rest, &got[skipped..]));
    }
    let Some((line, others)) = got.split_first() else { return false };
    let same = match first.strip_suffix('…') {
        Some(beginning) => line.starts_with(beginning),
        None => line == first,
    };
    same && fits(rest, others)
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    let mut run = true;
    for (number, line) in (1..).zip(page.lines()) {
        if open {
            if line == "```" {
                open = false;
            } else if let Some(block) = blocks.last_mut() {
                block.text.push_str(line);
                block.text.push('\n');
            }
        } else if let Some(language) = line.strip_prefix("```") {
            blocks.push(Block { language: language.to_owned(), line: number, text: String::new(), run });
            (open, run) = (true, true);
        } else if line.starts_with("<!-- not run: ") {
            run = false;
        } else if !line.trim().is_empty() {
            run = true;
        }
    }
    blocks
}

fn examples(block: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for line in block.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            examples.push(Example { command: command.to_owned(), output: Vec::new() });
        } else if let Some(last) = examples.last_mut() {
            match line.strip_prefix("> ") {
                Some(more) if last.output.is_empty() => {
                    last.command.push('\n');
                    last.command.push_str(more);
                }
                Some(_) | None => last.output.push(line.trim_end().to_owned()),
            }
        }
    }
    for example in &mut examples {
        while example.output.last().is_some_and(String::is_empty) {
            example.output.pop();
        }
    }
    examples
}

#[test]
fn pages_are_read_as_people_read_them() {
    let page = "text\n```console\n$ a\n> b\nout …\n\n$ c\n```\n\n<!-- not run: why -->\n\n```console\n$ d\n```\n```sql\nx\n```\n";
    let found = blocks(page);
    let seen: Vec<_> = found.iter().map(|block| (block.language.as_str(), block.line, block.run)).collect();
    assert_eq!(seen, [("console", 2, true), ("console", 12, false), ("sql", 15, true)]);
    let wanted = [
        Example { command: "a\nb".to_owned(), output: vec!["out …".to_owned()] },
        Example { command: "c".to_owned(), output: Vec::new() },
    ];
    assert_eq!(examples(&found[0].text), wanted);

    let check = |wanted: &[&str], got: &[&str], expected: bool| {
        let wanted: Vec<String> = wanted.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(fits(&wanted, got), expected, "{wanted:?} {got:?}");
    };
    check(&["a", "…", "c"], &["a", "b", "b", "c"], true);
    check(&["a", "…"], &["a"], true);
    check(&["a …"], &["a b"], true);
    check(&["a"], &["a", "b"], false);
    check(&["a", "b"], &["a"], false);
    check(&["…", "b"], &["b", "a"], false);
}
