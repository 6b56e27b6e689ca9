//! Where things are printed and how: `--json`, `-q`, `-v`, `-x`, colour, what only looks and so writes nothing, and the
//! commands that print texts of the tool's own.

use crate::{
    commands::{branched_project, has_schema},
    support::{
        Project,
        project::names_in,
        transcript::{Filters, session},
    },
};

#[test]
fn commands_that_look_write_nothing() {
    let (project, _) = branched_project();
    for command in [
        "current",
        "current -v",
        "history -i",
        "show current",
        "heads",
        "branches",
        "status",
        "log",
        "verify",
        "plan upgrade heads",
        "plan downgrade base",
        "plan stamp 5e00",
        "upgrade --sql shop@head",
        "upgrade --dry-run shop@head",
    ] {
        project.ok(command.split(' '));
        assert!(!has_schema(&project), "{command}");
    }
    assert_eq!(
        project.psql("SELECT count(*) FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$|^public$'"),
        "0"
    );
    assert!(!project.folder.join("wmigrate.lock").exists());
}

#[test]
fn quiet_verbose_and_colour() {
    let (project, filters) = branched_project();
    session(
        &project,
        &filters,
        "$ wmigrate upgrade 1a00 -q
         exit 0
         $ wmigrate -v upgrade 2b00
         exit 0
         out ALTER TABLE accounts ADD email text;
         err Running upgrade 1a00 -> 2b00, add email
         $ wmigrate show zz -q
         exit 10
         err error: can't locate revision identified by `zz`: no such revision or branch
         err hint: `wmigrate history` lists all revisions",
    );
    let red = project.wmigrate(["show", "zz", "--color", "always"]).stderr;
    assert!(red.starts_with("\u{1b}[1;31merror:\u{1b}[0m can't"), "{red:?}");
}

#[test]
fn json_has_the_data_of_every_list() {
    let (project, _) = branched_project();
    project.ok(["upgrade", "2b00"]);
    let json = |command: &str| -> serde_json::Value {
        let text = project.ok(command.split(' ').chain(["--json"]));
        assert_eq!(text, project.ok(command.split(' ').chain(["--format", "json"])));
        serde_json::from_str(&text).unwrap()
    };
    let ids = |value: &serde_json::Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&json("heads")), ["5e00", "6f00"]);
    assert_eq!(ids(&json("current")), ["2b00"]);
    assert_eq!(ids(&json("history -r :2b00")), ["2b00", "1a00"]);
    let shown = json("show 5e");
    assert_eq!(shown[0]["down_revision"], serde_json::json!(["3c00", "4d00"]));
    assert_eq!(shown[0]["branch_labels"], serde_json::json!(["shop", "blog"]));
    assert_eq!(shown[0]["is_head"], true);
    let branches = json("branches");
    assert_eq!(branches[0]["id"], "2b00");
    assert_eq!(ids(&branches[0]["branches"]), ["3c00", "4d00"]);
    assert_eq!(json("verify"), serde_json::json!({ "revisions": 6, "findings": [], "ok": true }));

    // A run: what was done on stdout, its lines on stderr still.
    let run = project.wmigrate(["upgrade", "3c00", "--json"]);
    let done: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&done["done"], &done["heads"]), (&serde_json::json!(["3c00"]), &serde_json::json!(["3c00"])));
    assert_eq!(run.stderr, "Running upgrade 2b00 -> 3c00, create shop\n");
    let again: serde_json::Value = serde_json::from_str(&project.ok(["upgrade", "3c00", "--json"])).unwrap();
    assert_eq!(again, serde_json::json!({ "done": [], "steps": [], "heads": ["3c00"] }));
    let stamped: serde_json::Value = serde_json::from_str(&project.ok(["stamp", "2b00", "--json"])).unwrap();
    assert_eq!(stamped["heads"], serde_json::json!(["2b00"]));
}

#[test]
fn a_revision_reads_what_the_command_line_gives_it() {
    let mut project = Project::new();
    project.js(
        "1a00",
        "",
        "create what was asked for",
        "import { context, log, sql } from \"wmigrate\";\n\
         export function upgrade() {\n\
         \x20 log.info(`for ${context.x(\"tenant\")}`);\n\
         \x20 log.debug(\"only with -v\");\n\
         \x20 sql.execute(`CREATE TABLE ${context.x(\"table\")} (id int)`);\n\
         }\n\
         export function downgrade() { sql.execute(`DROP TABLE ${context.x(\"table\")}`); }\n",
    );
    project.write("wmigrate.toml", "versions = [\"versions\"]\n[x]\ntenant = \"acme\"\ntable = \"from_file\"\n");
    let filters = Filters::of(&project);
    session(
        &project,
        &filters,
        "$ wmigrate upgrade head -x table=from_flag -x tenant=a=b
         exit 0
         err Running upgrade  -> 1a00, create what was asked for
         err   1a00: for a=b
         $ wmigrate downgrade base -x table=from_flag
         exit 0
         err Running downgrade 1a00 -> , create what was asked for
         $ wmigrate -v upgrade head
         exit 0
         out CREATE TABLE from_file (id int);
         err Running upgrade  -> 1a00, create what was asked for
         err   1a00: for acme
         err   1a00: debug: only with -v
         $ wmigrate upgrade head -x table
         exit 2
         err error: `-x table` is not `-x key=value`
         err hint: write `-x table=…`",
    );
    project.set("WMIGRATE_X_TABLE", "from_file");
    project.ok(["downgrade", "base"]);
    assert_eq!(project.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

#[test]
fn edit_opens_the_file() {
    let (mut project, filters) = branched_project();
    let editor = project.write("editor.sh", "for last; do :; done\necho \"$1 $last\" > edited\n");
    project.set("EDITOR", &format!("sh {} --wait", editor.display()));
    session(&project, &filters, "$ wmigrate edit shop@head\nexit 0");
    let edited = std::fs::read_to_string(project.folder.join("edited")).unwrap();
    let path = project.folder.join("versions/5e00_join_shop_and_blog.sql").display().to_string();
    assert_eq!(edited.trim(), format!("--wait {path}"));
    project.ok(["stamp", "1a00"]);
    project.ok(["edit", "current"]);
    assert!(std::fs::read_to_string(project.folder.join("edited")).unwrap().contains("1a00_create_accounts.sql"));
    project.set("VISUAL", "false");
    session(
        &project,
        &filters,
        "$ wmigrate edit 1a
         exit 1
         err error: the editor `false` ended with exit status: 1
         $ wmigrate edit base
         exit 2
         err error: `base` names no revision that has a file",
    );
    project.set("VISUAL", "").set("EDITOR", "");
    session(
        &project,
        &filters,
        "$ wmigrate edit 1a
         exit 2
         err error: no editor is set
         err hint: EDITOR=vi wmigrate edit 1a",
    );
}

#[test]
fn texts_of_the_tool_itself() {
    let project = Project::empty();
    let filters = Filters::of(&project);
    for (shell, mark) in [("bash", "_wmigrate()"), ("zsh", "#compdef wmigrate"), ("fish", "complete -c wmigrate")] {
        let script = project.ok(["completions", shell]);
        assert!(script.contains(mark) && script.contains("upgrade"), "{shell}");
    }
    assert!(project.ok(["man"]).contains(".TH wmigrate 1"));
    project.ok(["man", "--out", "man"]);
    let pages = names_in(&project.folder.join("man"));
    for page in ["wmigrate.1", "wmigrate-upgrade.1", "wmigrate-db.1"] {
        assert!(pages.iter().any(|name| name == page), "{pages:?}");
    }
    let listed = project.ok(["list_templates"]);
    assert!(listed.starts_with("Available templates:\n\n"), "{listed}");
    assert!(listed.lines().any(|line| line.starts_with("sql - ")), "{listed}");
    let version = project.ok(["--version"]);
    assert_eq!(version, format!("wmigrate {}\n", env!("CARGO_PKG_VERSION")));
    for command in ["lint", "test", "backfill", "plugin", "check"] {
        assert_eq!(project.wmigrate([command]).code, Some(2), "{command} is not there yet");
    }
    session(
        &project,
        &filters,
        "$ wmigrate heads
         exit 2
         err error: there is no `wmigrate.toml` in `[PROJECT]` or a folder above it
         err hint: `wmigrate init` makes a project here; `-c FILE` names a configuration elsewhere",
    );
}
