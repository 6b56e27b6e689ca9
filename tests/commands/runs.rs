//! `upgrade` and `downgrade`: every form of target, the lines they print, and the ways to run: dry, in one transaction.

use crate::{
    commands::{branched_project, has_schema, relations, rows},
    support::{Project, project::front_matter, transcript::session},
};

#[test]
fn every_form_of_target() {
    let (project, filters) = branched_project();
    session(
        &project,
        &filters,
        "$ wmigrate upgrade 1a
         exit 0
         err Running upgrade  -> 1a00, create accounts
         $ wmigrate upgrade +1
         exit 0
         err Running upgrade 1a00 -> 2b00, add email
         $ wmigrate upgrade +1
         exit 10
         err error: ambiguous walk: `+1` could go to any of `3c00`, `4d00`
         err hint: name the revision, or `<branchname>@` before the steps
         $ wmigrate upgrade blog@+1
         exit 0
         err Running upgrade 2b00 -> 4d00, create blog
         $ wmigrate upgrade shop@3c00
         exit 0
         err Running upgrade 2b00 -> 3c00, create shop
         $ wmigrate current
         exit 0
         out 3c00
         out 4d00
         $ wmigrate upgrade 3c00+1
         exit 0
         err Running upgrade 3c00, 4d00 -> 5e00, join shop and blog
         $ wmigrate upgrade shop@head
         exit 0
         $ wmigrate upgrade audit
         exit 0
         err Running upgrade  -> 6f00, create audit
         $ wmigrate upgrade heads
         exit 0
         $ wmigrate current
         exit 0
         out 5e00 (head) (mergepoint)
         out 6f00 (head)",
    );
    assert_eq!(relations(&project), "accounts audit blog joined shop");
    session(
        &project,
        &filters,
        "$ wmigrate downgrade -1
         exit 10
         err error: ambiguous walk: `-1` could go to any of `5e00`, `6f00`
         err hint: name the revision, or `<branchname>@` before the steps
         $ wmigrate downgrade audit@-1
         exit 0
         err Running downgrade 6f00 -> , create audit
         $ wmigrate downgrade shop@2b00
         exit 0
         err Running downgrade 5e00 -> 3c00, 4d00, join shop and blog
         err Running downgrade 3c00 -> 2b00, create shop
         $ wmigrate current
         exit 0
         out 4d00
         $ wmigrate downgrade 4d00-1
         exit 0
         err Running downgrade 4d00 -> 2b00, create blog
         $ wmigrate downgrade -1
         exit 0
         err Running downgrade 2b00 -> 1a00, add email
         $ wmigrate downgrade base
         exit 0
         err Running downgrade 1a00 -> , create accounts
         $ wmigrate downgrade base
         exit 0
         $ wmigrate upgrade audit@head
         exit 0
         err Running upgrade  -> 1a00, create accounts
         err Running upgrade 1a00 -> 2b00, add email
         err Running upgrade  -> 6f00, create audit
         $ wmigrate downgrade audit@base
         exit 0
         err Running downgrade 6f00 -> , create audit
         $ wmigrate current
         exit 0
         out 2b00 (branchpoint)",
    );
    assert_eq!((rows(&project).as_str(), relations(&project).as_str()), ("2b00", "accounts"));
}

#[test]
fn what_other_tools_call_it() {
    let (project, filters) = branched_project();
    for name in ["3c00_create_shop.sql", "5e00_join_shop_and_blog.sql", "6f00_create_audit.sql"] {
        std::fs::remove_file(project.folder.join("versions").join(name)).unwrap();
    }
    session(
        &project,
        &filters,
        "$ wmigrate up
         exit 0
         err Running upgrade  -> 1a00, create accounts
         err Running upgrade 1a00 -> 2b00, add email
         err Running upgrade 2b00 -> 4d00, create blog
         $ wmigrate down
         exit 0
         err Running downgrade 4d00 -> 2b00, create blog
         $ wmigrate down -2
         exit 0
         err Running downgrade 2b00 -> 1a00, add email
         err Running downgrade 1a00 -> , create accounts
         $ wmigrate up +1
         exit 0
         err Running upgrade  -> 1a00, create accounts",
    );
}

#[test]
fn a_dry_run_shows_each_statement_and_changes_nothing() {
    let (project, filters) = branched_project();
    let upgrade = "
         err Running upgrade  -> 1a00, create accounts
         err Running upgrade 1a00 -> 2b00, add email
         err Running upgrade 2b00 -> 4d00, create blog
         err Running upgrade 2b00 -> 3c00, create shop
         err Running upgrade 3c00, 4d00 -> 5e00, join shop and blog";
    session(
        &project,
        &filters,
        &format!(
            "$ wmigrate upgrade shop@head --dry-run
         exit 0
         out CREATE TABLE accounts (id int PRIMARY KEY);
         out ALTER TABLE accounts ADD email text;
         out CREATE TABLE blog (id int);
         out CREATE TABLE shop (id int);
         out CREATE VIEW joined AS SELECT id FROM shop UNION SELECT id FROM blog;{upgrade}
         err dry run: 5 revisions rolled back, nothing was changed"
        ),
    );
    assert!(!has_schema(&project));
    assert_eq!(relations(&project), "");

    session(&project, &filters, &format!("$ wmigrate upgrade shop@head\nexit 0{upgrade}"));
    let before = project.psql("SELECT count(*) FROM wmigrate.log");
    session(
        &project,
        &filters,
        "$ wmigrate downgrade 2b00 --dry-run
         exit 0
         out DROP VIEW joined;
         out DROP TABLE shop;
         out DROP TABLE blog;
         err Running downgrade 5e00 -> 3c00, 4d00, join shop and blog
         err   5e00: ACCESS EXCLUSIVE on public.joined: blocks reads and writes
         err   5e00: dropped public.joined
         err   5e00: public.joined: reads and writes blocked for [DURATION]
         err Running downgrade 3c00 -> 2b00, create shop
         err   3c00: ACCESS EXCLUSIVE on public.shop: blocks reads and writes
         err   3c00: dropped public.shop
         err   3c00: public.shop: reads and writes blocked for [DURATION]
         err Running downgrade 4d00 -> 2b00, create blog
         err   4d00: ACCESS EXCLUSIVE on public.blog: blocks reads and writes
         err   4d00: dropped public.blog
         err   4d00: public.blog: reads and writes blocked for [DURATION]
         err dry run: 3 revisions rolled back, nothing was changed
         $ wmigrate downgrade 5e00 --dry-run
         exit 0",
    );
    assert_eq!((rows(&project).as_str(), relations(&project).as_str()), ("5e00", "accounts blog joined shop"));
    assert_eq!(project.psql("SELECT count(*) FROM wmigrate.log"), before);
}

#[test]
fn a_failing_dry_run_leaves_no_trace() {
    let (project, filters) = branched_project();
    project.sql("7a00", "6f00", "fail", "SELECT 1/0;", "");
    session(
        &project,
        &filters,
        "$ wmigrate upgrade 7a00 --dry-run
         exit 1
         out CREATE TABLE accounts (id int PRIMARY KEY);
         out ALTER TABLE accounts ADD email text;
         out CREATE TABLE audit (id int);
         out SELECT 1/0;
         err Running upgrade  -> 1a00, create accounts
         err Running upgrade 1a00 -> 2b00, add email
         err Running upgrade  -> 6f00, create audit
         err Running upgrade 6f00 -> 7a00, fail
         err error: revision `7a00` (fail) failed in `upgrade`
         err   caused by: division by zero (SQLSTATE 22012)
         err     at line 8 column 1 in:
         err     SELECT 1/0
         err the database is at base; nothing was changed",
    );
    assert!(!has_schema(&project));
    assert_eq!(relations(&project), "");
}

#[test]
fn single_transaction_is_all_or_nothing() {
    let (project, filters) = branched_project();
    project.sql("7a00", "6f00", "fail", "SELECT 1/0;", "");
    session(
        &project,
        &filters,
        "$ wmigrate upgrade 7a00 --single-transaction
         exit 1
         err Running upgrade  -> 1a00, create accounts
         err Running upgrade 1a00 -> 2b00, add email
         err Running upgrade  -> 6f00, create audit
         err Running upgrade 6f00 -> 7a00, fail
         err error: revision `7a00` (fail) failed in `upgrade`
         err   caused by: division by zero (SQLSTATE 22012)
         err     at line 8 column 1 in:
         err     SELECT 1/0
         err the database is at base; nothing was changed",
    );
    assert_eq!((rows(&project).as_str(), relations(&project).as_str()), ("", ""));
    // The failure itself is on record, and nothing else.
    assert_eq!(project.psql("SELECT revision, direction, outcome FROM wmigrate.log"), "7a00|upgrade|failed");

    project.ok(["upgrade", "6f00", "--single-transaction"]);
    assert_eq!((rows(&project).as_str(), relations(&project).as_str()), ("6f00", "accounts audit"));
    // One transaction, and so one id.
    let ids = project.psql("SELECT count(*), count(DISTINCT xid) FROM wmigrate.log WHERE outcome = 'ok'");
    assert_eq!(ids, "3|1");
}

#[test]
fn what_was_done_before_a_failure_stays() {
    let (project, filters) = branched_project();
    project.sql("7a00", "6f00", "fail", "CREATE TABLE half (a int);\nSELECT 1/0;", "");
    session(
        &project,
        &filters,
        "$ wmigrate upgrade 7a00
         exit 1
         err Running upgrade  -> 1a00, create accounts
         err Running upgrade 1a00 -> 2b00, add email
         err Running upgrade  -> 6f00, create audit
         err Running upgrade 6f00 -> 7a00, fail
         err error: revision `7a00` (fail) failed in `upgrade`
         err   caused by: division by zero (SQLSTATE 22012)
         err     at line 9 column 1 in:
         err     SELECT 1/0
         err the database is at `6f00`; 3 revisions done and kept, the failed one left nothing behind",
    );
    assert_eq!((rows(&project).as_str(), relations(&project).as_str()), ("6f00", "accounts audit"));
    assert_eq!(
        project.psql("SELECT revision, outcome, error FROM wmigrate.log ORDER BY id"),
        "1a00|ok|\n2b00|ok|\n6f00|ok|\n7a00|failed|division by zero (SQLSTATE 22012)"
    );
}

#[test]
fn several_versions_folders_are_one_history() {
    let (project, filters) = branched_project();
    project.write("wmigrate.toml", "versions = [\"versions\", \"billing/versions\"]\n");
    let front = crate::support::project::front_matter("--", "7b00", "5e00", "bill the shop", "");
    let body = "-- wmigrate:upgrade\nCREATE TABLE bill (id int);\n-- wmigrate:downgrade\nDROP TABLE bill;\n";
    project.write("billing/versions/7b00_bill_the_shop.sql", format!("{front}{body}"));
    session(
        &project,
        &filters,
        "$ wmigrate heads
         exit 0
         out 6f00 (audit) (head)
         out 7b00 (shop, blog) (head)
         $ wmigrate show 7b
         exit 0
         out Rev: 7b00 (head)
         out Parent: 5e00
         out Branch names: shop, blog
         out Path: [PROJECT]/billing/versions/7b00_bill_the_shop.sql
         out
         out     bill the shop
         out
         out     Revision ID: 7b00
         out     Revises: 5e00
         out     Create Date: [TIME]
         out
         $ wmigrate upgrade heads -q
         exit 0
         $ wmigrate downgrade 5e00
         exit 0
         err Running downgrade 7b00 -> 5e00, bill the shop",
    );
    // A new revision goes beside its parent.
    let path = project.ok(["revision", "-m", "more bills", "--head", "7b00", "--rev-id", "8c00"]);
    assert_eq!(path.trim(), project.folder.join("billing/versions/8c00_more_bills.sql").display().to_string());
    let path = project.ok(["revision", "-m", "x", "--head", "8c00", "--rev-id", "9d00", "--version-path", "versions"]);
    assert!(path.trim().ends_with("/versions/9d00_x.sql") && !path.contains("billing"), "{path}");
}

/// A revision that says nothing about going down is not quietly forgotten.
#[test]
fn a_revision_without_downgrade_is_refused_on_the_way_down() {
    let project = Project::new();
    project.sql("a1", "", "first", "CREATE TABLE first (id int);", "DROP TABLE first;");
    project.revision(
        "b2",
        "second",
        "sql",
        &format!(
            "{}-- wmigrate:upgrade\nCREATE TABLE second (id int);\n",
            front_matter("--", "b2", "a1", "second", "")
        ),
    );
    project.ok(["upgrade", "head"]);
    let output = project.wmigrate(["downgrade", "base"]);
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("revision `b2` (`"), "{}", output.stderr);
    assert!(output.stderr.contains("has no downgrade"), "{}", output.stderr);
    assert!(output.stderr.contains("the line alone says that nothing is to be done"), "{}", output.stderr);
    assert!(output.stderr.contains("the database is at `b2`; nothing was changed"), "{}", output.stderr);
    assert_eq!(project.psql("SELECT count(*) FROM pg_class WHERE relname IN ('first', 'second')"), "2");
}
