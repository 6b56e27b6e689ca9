//! From an empty folder to an applied revision, what a project can make its own, and what happens to a revision that is
//! changed after it ran.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails, and says why")]

use std::{fs, path::PathBuf};

use crate::{
    commands::{branched, branched_project, relations, rows},
    support::{
        Project, fresh_database,
        project::names_in,
        transcript::{Filters, session},
    },
};

fn path_of(project: &Project, name: &str) -> PathBuf {
    project.folder.join("versions").join(name)
}

/// Replaces a text that must be in the file.
fn edit(project: &Project, name: &str, from: &str, to: &str) {
    let path = path_of(project, name);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn from_nothing_to_an_applied_revision() {
    let mut project = Project::empty();
    project.database = Some(fresh_database());
    let filters = Filters::of(&project);
    session(
        &project,
        &filters,
        "$ wmigrate init
         exit 0
         err Generating ./versions/README.md ...  done
         err Generating ./wmigrate.toml ...  done
         err Generating ./.gitignore ...  done
         err next: wmigrate revision -m \"create the first table\", edit the file, wmigrate upgrade head
         $ wmigrate init
         exit 1
         err error: `./wmigrate.toml` exists already
         err hint: nothing was changed; `wmigrate revision -m \"…\"` adds a revision to a project
         $ wmigrate revision -m 'Create  the Users, ÄÖ!' --rev-id 1a00
         exit 0
         out [PROJECT]/versions/1a00_create_the_users_äö.sql
         err Generating [PROJECT]/versions/1a00_create_the_users_äö.sql ...  done
         $ wmigrate new -m 'fill them' --lang js --rev-id 2b00
         exit 0
         out [PROJECT]/versions/2b00_fill_them.js
         err Generating [PROJECT]/versions/wmigrate.d.ts ...  done
         err Generating [PROJECT]/versions/tsconfig.json ...  done
         err Generating [PROJECT]/versions/2b00_fill_them.js ...  done",
    );
    // As they are, with nothing in them, both run.
    project.ok(["upgrade", "head"]);
    project.ok(["downgrade", "base"]);
    edit(&project, "1a00_create_the_users_äö.sql", "-- What brings", "CREATE TABLE users (id int);\n-- What brings");
    edit(&project, "1a00_create_the_users_äö.sql", "-- What takes", "DROP TABLE users;\n-- What takes");
    let insert = "upgrade() {\n  sql.execute(\"INSERT INTO users VALUES ($1)\", [7]);";
    edit(&project, "2b00_fill_them.js", "upgrade() {", insert);
    session(
        &project,
        &filters,
        "$ wmigrate upgrade head
         exit 0
         err Running upgrade  -> 1a00, Create  the Users, ÄÖ!
         err Running upgrade 1a00 -> 2b00, fill them
         $ wmigrate downgrade -1
         exit 0
         err Running downgrade 2b00 -> 1a00, fill them",
    );
    assert_eq!(project.psql("SELECT id FROM users"), "7");
    assert_eq!(names_in(&project.folder), [".gitignore", ".wmigrate", "versions", "wmigrate.toml"]);
}

#[test]
fn ids_are_made_up_and_files_never_written_over() {
    let project = Project::new();
    let path = project.ok(["revision", "-m", "first"]);
    let name = path.trim().rsplit('/').next().unwrap();
    let (id, rest) = name.split_once('_').unwrap();
    assert_eq!(rest, "first.sql");
    assert!(id.len() == 12 && id.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()), "{id}");
    let next = project.ok(["revision"]);
    let next_id = next.trim().rsplit('/').next().unwrap().trim_end_matches("_.sql").trim_end_matches(".sql").to_owned();
    let filters = Filters::of(&project).hide(id, "[FIRST]").hide(&next_id, "[NEXT]");
    session(
        &project,
        &filters,
        "$ wmigrate history
         exit 0
         out [FIRST] -> [NEXT] (head),
         out <base> -> [FIRST], first",
    );
    let before = names_in(&project.folder.join("versions"));
    let taken = project.wmigrate(["revision", "-m", "again", "--rev-id", id]);
    assert_eq!(taken.code, Some(10));
    assert_eq!(
        filters.apply(&taken.stderr),
        "error: revision `[FIRST]` exists already, in `[PROJECT]/versions/[FIRST]_first.sql`\n\
         hint: leave out `--rev-id`, or choose another\n"
    );
    assert_eq!(names_in(&project.folder.join("versions")), before);
}

#[test]
fn where_a_new_revision_goes() {
    let (project, filters) = branched_project();
    session(
        &project,
        &filters,
        "$ wmigrate revision -m x
         exit 10
         err error: multiple head revisions are present for given argument `head`: `5e00`, `6f00`; please specify a specific target revision, `<branchname>@head` to narrow to a specific head, or `heads` for all heads
         err hint: `--head <revision>` builds on one of them; `wmigrate merge heads -m \"…\"` makes one head of them first
         $ wmigrate revision -m x --head 2b00
         exit 10
         err error: Revision 2b00 is not a head revision; please specify --splice to create a new branch from this revision
         err hint: add `--splice`, or leave `--head` out to build on the head
         $ wmigrate revision -m 'on the shop' --head shop@head --rev-id 7000 -q
         exit 0
         out [PROJECT]/versions/7000_on_the_shop.sql
         $ wmigrate revision -m 'a branch' --head 2b00 --splice --branch-label side --depends-on audit --depends-on 3c --rev-id 8000 -q
         exit 0
         out [PROJECT]/versions/8000_a_branch.sql
         $ wmigrate revision -m 'a base' --head base --branch-label other --rev-id 9000 -q
         exit 0
         out [PROJECT]/versions/9000_a_base.sql
         $ wmigrate heads
         exit 0
         out 6f00 (audit) (effective head)
         out 7000 (shop, blog) (head)
         out 8000 (side) (head)
         out 9000 (other) (head)
         $ wmigrate merge 7000 side@head -m 'together again' --rev-id a000 -q
         exit 0
         out [PROJECT]/versions/a000_together_again.sql
         $ wmigrate merge 7000 9000
         exit 10
         err error: Revision 7000 is not a head revision; please specify --splice to create a new branch from this revision
         err hint: add `--splice`, or leave `--head` out to build on the head
         $ wmigrate merge a000
         exit 2
         err error: a merge joins two revisions or more
         err hint: wmigrate heads shows what there is to join
         $ wmigrate history -r 8000:
         exit 0
         out 7000, 8000 -> a000 (shop, blog, side) (head) (mergepoint), together again
         out 2b00 (audit, 3c00) -> 8000 (side), a branch
         $ wmigrate merge heads -m 'one head' --rev-id b000 -q
         exit 0
         out [PROJECT]/versions/b000_one_head.sql
         $ wmigrate upgrade heads -q
         exit 0
         $ wmigrate current
         exit 0
         out 6f00 (effective head)
         out b000 (head) (mergepoint)
         $ wmigrate downgrade base -q
         exit 0",
    );
    assert_eq!((rows(&project).as_str(), relations(&project).as_str()), ("", ""));
}

#[test]
fn a_project_may_have_templates_of_its_own() {
    let project = Project::new();
    let filters = Filters::of(&project);
    project.write(
        "templates/revision.sql",
        "{{ front_matter }}\n\n-- wmigrate:upgrade\nCREATE TABLE of_template_{{ revision }} ();\n",
    );
    session(
        &project,
        &filters,
        "$ wmigrate revision -m mine --rev-id 1a00 -q
         exit 0
         out [PROJECT]/versions/1a00_mine.sql
         $ wmigrate upgrade head
         exit 0
         err Running upgrade  -> 1a00, mine",
    );
    assert_eq!(relations(&project), "of_template_1a00");
    let before = names_in(&project.folder.join("versions"));
    project.write("templates/revision.sql", "{{ no_such_thing }}");
    let wrong = project.wmigrate(["revision", "-m", "x"]);
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.stderr.contains("templates/revision.sql` is wrong"), "{}", wrong.stderr);
    project.write("templates/revision.sql", "-- nothing at the top\n");
    let wrong = project.wmigrate(["revision", "-m", "x"]);
    assert!(wrong.stderr.contains("makes a file without the front matter it was given"), "{}", wrong.stderr);
    assert_eq!(names_in(&project.folder.join("versions")), before);
}

#[test]
fn a_built_component_works_in_another_project() {
    let project = Project::new();
    project.sql("1a00", "", "create users", "CREATE TABLE users (id int);", "DROP TABLE users;");
    let body = "import { sql } from \"wmigrate\";\nexport function upgrade() { sql.execute(\"INSERT INTO users VALUES (7)\"); }\nexport function downgrade() { sql.execute(\"DELETE FROM users\"); }\n";
    project.js("2b00", "1a00", "fill users", body);
    let filters = Filters::of(&project);
    session(
        &project,
        &filters,
        "$ wmigrate build --out out
         exit 0
         err 2 revisions ready, 2 changed in [PROJECT]/wmigrate.lock",
    );
    assert_eq!(names_in(&project.folder.join("out")), ["1a00.wasm", "2b00.wasm"]);

    let other = Project::new();
    for name in ["1a00.wasm", "2b00.wasm"] {
        fs::copy(project.folder.join("out").join(name), path_of(&other, name)).unwrap();
    }
    let filters = Filters::of(&other);
    session(
        &other,
        &filters,
        "$ wmigrate history
         exit 0
         out 1a00 -> 2b00 (head), fill users
         out <base> -> 1a00, create users
         $ wmigrate upgrade head
         exit 0
         err Running upgrade  -> 1a00, create users
         err Running upgrade 1a00 -> 2b00, fill users
         $ wmigrate verify
         exit 0
         err 2 revisions verified",
    );
    assert_eq!(other.psql("SELECT id FROM users"), "7");
    other.ok(["downgrade", "base"]);
    assert_eq!(relations(&other), "");
    // The same component, whichever way it came.
    project.ok(["upgrade", "head"]);
    let digests = "SELECT DISTINCT split_part(digest, ' ', 1) FROM wmigrate.log ORDER BY 1";
    assert_eq!(project.psql(digests), other.psql(digests));
}

#[test]
fn locked_runs_what_was_built_and_nothing_else() {
    let (project, filters) = branched_project();
    let refused = "
         exit 12
         err error: revision `1a00` (`[PROJECT]/versions/1a00_create_accounts.sql`) is not in wmigrate.lock
         err hint: run `wmigrate build` and commit wmigrate.lock, or put the file back";
    session(
        &project,
        &filters,
        &format!(
            "$ wmigrate upgrade 1a00 --locked{refused}\n         err the database is at base; nothing was changed"
        ),
    );
    project.ok(["build"]);
    let lock = fs::read_to_string(project.folder.join("wmigrate.lock")).unwrap();
    assert!(lock.contains("version = 1") && lock.matches("[[revision]]").count() == 6, "{lock}");
    assert!(!lock.contains(&project.folder.display().to_string()), "{lock}");
    session(
        &project,
        &filters,
        "$ wmigrate build
         exit 0
         err 6 revisions ready, 0 changed in [PROJECT]/wmigrate.lock
         $ wmigrate build --locked
         exit 0
         err 6 revisions ready, 0 changed in [PROJECT]/wmigrate.lock
         $ wmigrate upgrade 1a00 --locked
         exit 0
         err Running upgrade  -> 1a00, create accounts",
    );
    assert_eq!(fs::read_to_string(project.folder.join("wmigrate.lock")).unwrap(), lock);
    edit(&project, "2b00_add_email.sql", "email text", "email varchar");
    let changed = project.wmigrate(["upgrade", "2b00", "--locked"]);
    assert_eq!(changed.code, Some(12), "{}", changed.stderr);
    assert!(changed.stderr.contains("has another source than wmigrate.lock says"), "{}", changed.stderr);
    assert_eq!(project.wmigrate(["build", "--locked"]).code, Some(12));
    assert_eq!(project.wmigrate(["verify", "--offline"]).code, Some(12));
    assert_eq!(fs::read_to_string(project.folder.join("wmigrate.lock")).unwrap(), lock);
    assert_eq!(rows(&project), "1a00");
    // Without --locked the stale source is simply built.
    project.ok(["upgrade", "2b00"]);
}

#[test]
fn three_verdicts_on_a_revision_that_has_run() {
    let (project, filters) = branched_project();
    let file = "1a00_create_accounts.sql";
    project.ok(["upgrade", "2b00"]);
    let text = fs::read_to_string(path_of(&project, file)).unwrap();

    // Line endings are no part of a revision.
    fs::write(path_of(&project, file), text.replace('\n', "\r\n")).unwrap();
    session(
        &project,
        &filters,
        "$ wmigrate verify
         exit 0
         err 6 revisions verified
         $ wmigrate verify -v
         exit 0
         out 1a00 line-endings: the file has CR LF line endings; they are not part of a revision
         err 6 revisions verified
         $ wmigrate upgrade 4d00
         exit 0
         err Running upgrade 2b00 -> 4d00, create blog",
    );
    fs::write(path_of(&project, file), &text).unwrap();

    // The same source, built to something else: told, and no obstacle.
    project.psql(
        "UPDATE wmigrate.log SET digest = repeat('0', 64) || ' ' || split_part(digest, ' ', 2) WHERE revision = '1a00'",
    );
    session(
        &project,
        &filters,
        "$ wmigrate verify
         exit 0
         out 1a00 rebuilt: the same source, built to another component (compiler, SDK or engine)
         err 6 revisions verified
         $ wmigrate downgrade 2b00
         exit 0
         err Running downgrade 4d00 -> 2b00, create blog",
    );

    // Another source: nothing runs until somebody has said what is meant.
    edit(&project, file, "id int", "id bigint");
    let edited = "
         exit 12
         err error: revision `1a00` (`[PROJECT]/versions/1a00_create_accounts.sql`) was changed after it had been applied
         err hint: put the file back (`git checkout -- [PROJECT]/versions/1a00_create_accounts.sql`) and write a new revision for the change; if the edit is meant: wmigrate verify --accept 1a00
         err the database is at `2b00`; nothing was changed";
    for command in ["upgrade shop@head", "upgrade shop@head --dry-run", "downgrade base"] {
        session(&project, &filters, &format!("$ wmigrate {command}{edited}"));
    }
    session(
        &project,
        &filters,
        "$ wmigrate verify
         exit 12
         out 1a00 edited: the source was changed after it had been applied
         err error: 1 revision is not what it was: `1a00`
         err hint: put the files back and write new revisions for the changes; if an edit is meant: wmigrate verify --accept REVISION
         $ wmigrate upgrade 3c00 --allow-changed
         exit 0
         err Running upgrade 2b00 -> 3c00, create shop
         $ wmigrate verify --accept 4d00
         exit 2
         err error: revision `4d00` is not applied, so there is nothing to accept
         $ wmigrate verify --accept 1a
         exit 0
         err accepted `1a00` as it is now
         err 6 revisions verified
         $ wmigrate upgrade blog
         exit 0
         err Running upgrade 2b00 -> 4d00, create blog",
    );
}

#[test]
fn a_failed_verify_is_one_document() {
    let (project, _) = branched_project();
    project.ok(["upgrade", "2b00"]);
    project.ok(["build"]);
    edit(&project, "1a00_create_accounts.sql", "id int", "id bigint");
    let output = project.wmigrate(["verify", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(output.code, Some(12));
    assert_eq!(document["error"]["kind"], "digest_mismatch");
    // Found twice, against the lock file and against the log, but it is one revision.
    assert_eq!(document["error"]["message"], "1 revision is not what it was: `1a00`");
    let verdicts: Vec<_> = document["findings"].as_array().unwrap().iter().map(|f| f["verdict"].clone()).collect();
    assert_eq!(verdicts, ["lock", "edited"]);
    assert_eq!(document["ok"], false);
}

#[test]
fn a_database_at_head_needs_no_sources_that_work() {
    let mut project = Project::new();
    branched(&project);
    project.ok(["upgrade", "heads"]);
    // Not even what the cache holds is asked for.
    project.set("WMIGRATE_CACHE_DIR", "/nonexistent/cache");
    edit(&project, "1a00_create_accounts.sql", "CREATE TABLE", "BEGIN; CREATE TABLE");
    let output = project.wmigrate(["upgrade", "heads"]);
    assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (Some(0), "", ""));
}

#[test]
fn what_cannot_go_down_is_refused_before_anything_does() {
    let project = Project::new();
    project.js("a1", "", "one way", "export function upgrade() {}\n");
    project.sql("a2", "a1", "both ways", "CREATE TABLE a (id int);", "DROP TABLE a;");
    project.ok(["upgrade", "head"]);
    let output = project.wmigrate(["downgrade", "base"]);
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(output.stderr.contains("has no downgrade"), "{}", output.stderr);
    assert!(output.stderr.contains("wmigrate verify --accept a1"), "{}", output.stderr);
    assert_eq!(project.psql("SELECT revision FROM wmigrate.version"), "a2");
}

#[test]
fn an_error_of_a_statement_says_which_and_what_came_before() {
    let project = Project::new();
    let body = "import { sql } from \"wmigrate\";\nexport function upgrade() { UP }\nexport function downgrade() {}\n";
    let check = |upgrade: &str, words: &[&str]| {
        project.js("a1", "", "fails", &body.replace("UP", upgrade));
        let output = project.wmigrate(["upgrade", "head"]);
        assert_eq!(output.code, Some(1), "{}", output.stderr);
        for word in words {
            assert!(output.stderr.contains(word), "no `{word}` in:\n{}", output.stderr);
        }
    };
    check("sql.execute('SELECT titel FROM nowhere')", &["at character 19 in:", "SELECT titel FROM nowhere"]);
    check(
        "try { sql.execute('SELECT 1/0'); } catch {} sql.execute('CREATE TABLE x ()');",
        &["SQLSTATE 25P02", "the statement that failed first: division by zero"],
    );
    check(
        "sql.execute('DO $$ BEGIN PERFORM 1/0; END $$')",
        &["division by zero", "PL/pgSQL function inline_code_block line 1 at PERFORM"],
    );
}
