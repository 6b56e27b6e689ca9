//! `--json` on failure, and every kind of exit code 10.

use crate::{
    commands::branched,
    support::{Output, Project, transcript::words},
};

fn failure(output: &Output) -> (Option<i32>, String, String) {
    let json: serde_json::Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let error = &json["error"];
    let message = error["message"].as_str().unwrap().to_owned();
    // People get the same words on stderr.
    assert!(output.stderr.contains(&message), "{output:?}");
    assert!(error["hint"].is_string() || error["hint"].is_null(), "{output:?}");
    (output.code, error["kind"].as_str().unwrap().to_owned(), message)
}

#[test]
fn every_kind_of_target_error() {
    let mut project = Project::without_database();
    branched(&project);
    project.sql("2bff", "", "shares its beginning", "", "");
    project.set("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing");
    let check = |command: &str, kind: &str| {
        let output = project.wmigrate(words(&format!("{command} --json")));
        let (code, got, message) = failure(&output);
        assert_eq!((code, got.as_str()), (Some(10), kind), "{command}: {message}");
        let json: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        assert!(json["error"]["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{command} has no hint");
    };
    check("show zzzz", "unknown_revision");
    check("plan upgrade heads --from beef", "unknown_revision");
    check("show 2b", "ambiguous_prefix");
    check("plan upgrade head --from ''", "multiple_heads");
    check("show nope@1a00", "no_such_branch");
    check("show shop@6f00", "not_member_of_branch");
    check("history -r 3c00:4d00", "range_not_ancestor");
    check("plan downgrade 5e00 --from 1a00", "range_not_ancestor");
    check("history -r 1a00", "range_syntax");
    check("downgrade --sql 5e00", "range_syntax");
    check("plan upgrade 1a00:2b00 --from ''", "range_not_allowed");
    check("plan upgrade +1 --from 5e00", "relative_no_migrations");
    check("plan downgrade -9 --from 1a00", "relative_no_migrations");
    check("plan upgrade 2b00+1 --from ''", "ambiguous_walk");
    check("plan downgrade -1 --from 3c00,4d00", "ambiguous_walk");
    check("plan upgrade 5e00+3 --from ''", "walked_too_far");
    check("plan downgrade 1a00-3 --from 5e00", "walked_too_far");
    check("plan upgrade +1 --from 3c00,4d00", "ambiguous_upgrade");
    check("plan downgrade audit@2b00 --from 5e00,6f00", "invalid_downgrade_target");
    check("plan upgrade heads --from 2b00,3c00", "overlapping_revisions");
    check("revision --rev-id 1a00 --head shop@head", "duplicate_revision");
    check("revision --rev-id a@b --head shop@head", "illegal_revision_char");
    check("revision --branch-label audit --head shop@head", "duplicate_branch_label");
    check("revision --head 1a00", "not_a_head");
}

#[test]
fn every_kind_of_graph_error() {
    let check = |kind: &str, revisions: &[(&str, &str, &str)]| {
        let project = Project::without_database();
        for (id, down, more) in revisions {
            let front = crate::support::project::front_matter("--", id, down, id, more);
            // The file's name does not depend on the id, which may be one that no file could have.
            let name = format!("versions/{}_{}.sql", &id[..1], down.len() + more.len());
            let name = if project.folder.join(&name).exists() { format!("{name}.again.sql") } else { name };
            project.write(&name, format!("{front}-- wmigrate:upgrade\n"));
        }
        for command in [["heads", "--json"], ["history", "--json"]] {
            let (code, got, message) = failure(&project.wmigrate(command));
            assert_eq!((code, got.as_str()), (Some(10), kind), "{message}");
        }
    };
    check("cycle", &[("a1", "c3", ""), ("b2", "a1", ""), ("c3", "b2", "")]);
    check("dependency_cycle", &[("a1", "", "depends_on = [\"b2\"]\n"), ("b2", "a1", "")]);
    check("self_loop", &[("a1", "", ""), ("b2", "b2", "")]);
    check("dependency_self_loop", &[("a1", "", ""), ("b2", "a1", "depends_on = [\"b2\"]\n")]);
    check(
        "duplicate_branch_label",
        &[("a1", "", "branch_labels = [\"x\"]\n"), ("b2", "", "branch_labels = [\"x\"]\n")],
    );
    check("duplicate_revision", &[("a1", "", ""), ("a1", "", "")]);
    check("missing_parent", &[("a1", "", ""), ("b2", "zz", "")]);
    check("missing_parent", &[("a1", "", ""), ("b2", "a1", "depends_on = [\"zz\"]\n")]);
    check("illegal_revision_char", &[("a:1", "", "")]);
}

#[test]
fn a_file_without_an_id_is_a_graph_error() {
    let project = Project::without_database();
    for text in ["SELECT 1;\n", "-- /// wmigrate\n-- message = \"x\"\n-- ///\n"] {
        project.write("versions/a.sql", text);
        let output = project.wmigrate(["heads", "--json"]);
        let (code, kind, _) = failure(&output);
        assert_eq!((code, kind.as_str()), (Some(10), "no_revision_id"));
    }
}

#[test]
fn a_command_line_that_cannot_be_read_is_told_in_json_too() {
    let project = Project::without_database();
    let check = |command: &str, expected: &str| {
        let (code, kind, message) = failure(&project.wmigrate(words(command)));
        assert_eq!((code, kind.as_str(), message.as_str()), (Some(2), "usage", expected));
    };
    check("upgrade head --json --bogus", "unexpected argument '--bogus' found");
    check("bogus --format json", "unrecognized subcommand 'bogus'");
    check(
        "upgrade head --memory lots --json",
        "`--memory lots`: `lots` is not a size: a whole number and one of B, KiB, MiB, GiB, as in `64 MiB`",
    );
    // Help is no failure.
    assert_eq!(project.wmigrate(["upgrade", "--help", "--json"]).code, Some(0));
}

#[test]
fn a_failed_revision_is_told_in_json_with_where_the_database_stands() {
    let project = Project::new();
    branched(&project);
    project.sql("7a00", "2b00", "fail", "SELECT 1;\nSELECT nothing;", "");
    let output = project.wmigrate(["upgrade", "7a00", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(output.code, Some(1));
    assert_eq!(
        document,
        serde_json::json!({ "error": {
            "kind": "revision_failed",
            "message": "revision `7a00` (fail) failed in `upgrade`",
            "causes": ["column \"nothing\" does not exist (SQLSTATE 42703)\nat line 9 column 8 in:\nSELECT nothing"],
            "hint": null,
            "standing": "the database is at `2b00`; 2 revisions done and kept, the failed one left nothing behind",
        }})
    );
}

#[test]
fn what_its_author_ruled_out_is_not_undone() {
    let project = Project::new();
    branched(&project);
    let front = crate::support::project::front_matter("--", "7a00", "2b00", "drop it", "irreversible = true\n");
    project.revision(
        "7a00",
        "drop it",
        "sql",
        &format!("{front}-- wmigrate:upgrade\nALTER TABLE accounts DROP email;\n"),
    );
    project.ok(["upgrade", "7a00"]);
    for command in ["downgrade 1a00", "downgrade -1", "downgrade --sql 7a00:1a00"] {
        let refused = project.wmigrate(words(command));
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{command}");
        assert!(
            refused
                .stderr
                .starts_with("error: revision `7a00` is irreversible: its author says that there is no way back\n"),
            "{}",
            refused.stderr
        );
    }
    assert_eq!(project.ok(["current"]), "7a00 (head)\n");
}
