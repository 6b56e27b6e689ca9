//! `history`, `heads`, `branches`, `show`, `current`: Alembic's lines, from a database or without one.

use crate::{
    commands::{branched, branched_project, has_schema},
    support::{
        Project,
        transcript::{Filters, session},
    },
};

#[test]
fn without_a_database() {
    let mut project = Project::without_database();
    branched(&project);
    // Nothing here may try to connect.
    project.set("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing");
    let filters = Filters::of(&project);
    session(
        &project,
        &filters,
        "$ wmigrate heads
         exit 0
         out 5e00 (shop, blog) (head)
         out 6f00 (audit) (head)
         $ wmigrate branches
         exit 0
         out 2b00 (branchpoint)
         out      -> 3c00 (shop)
         out      -> 4d00 (blog)
         out
         $ wmigrate branches -v
         exit 0
         out Rev: 2b00 (branchpoint)
         out Parent: 1a00
         out Branches into: 3c00, 4d00
         out Path: [PROJECT]/versions/2b00_add_email.sql
         out
         out     add email
         out
         out     Revision ID: 2b00
         out     Revises: 1a00
         out     Create Date: [TIME]
         out
         out      -> 3c00 (shop), create shop
         out      -> 4d00 (blog), create blog
         out
         $ wmigrate history
         exit 0
         out 3c00, 4d00 -> 5e00 (shop, blog) (head) (mergepoint), join shop and blog
         out 2b00 -> 3c00 (shop), create shop
         out <base> (2b00) -> 6f00 (audit) (head), create audit
         out 2b00 -> 4d00 (blog), create blog
         out 1a00 -> 2b00 (branchpoint), add email
         out <base> -> 1a00, create accounts
         $ wmigrate history -r 1a:3c
         exit 0
         out 2b00 -> 3c00 (shop), create shop
         out 1a00 -> 2b00 (branchpoint), add email
         out <base> -> 1a00, create accounts
         $ wmigrate history --rev-range :2b00
         exit 0
         out 1a00 -> 2b00 (branchpoint), add email
         out <base> -> 1a00, create accounts
         $ wmigrate history -r blog:
         exit 0
         out 3c00, 4d00 -> 5e00 (shop, blog) (head) (mergepoint), join shop and blog
         out 2b00 -> 4d00 (blog), create blog
         $ wmigrate show audit
         exit 0
         out Rev: 6f00 (head)
         out Parent: <base>
         out Also depends on: 2b00
         out Branch names: audit
         out Path: [PROJECT]/versions/6f00_create_audit.sql
         out
         out     create audit
         out
         out     Revision ID: 6f00
         out     Revises:
         out     Create Date: [TIME]
         out
         $ wmigrate show 5e
         exit 0
         out Rev: 5e00 (head) (mergepoint)
         out Merges: 3c00, 4d00
         out Branch names: shop, blog
         out Path: [PROJECT]/versions/5e00_join_shop_and_blog.sql
         out
         out     join shop and blog
         out
         out     Revision ID: 5e00
         out     Revises: 3c00, 4d00
         out     Create Date: [TIME]
         out",
    );
    // The long form is one such block a revision.
    let verbose = project.ok(["history", "-v", "-r", "base:shop@3c00"]);
    let heads: Vec<_> = verbose.lines().filter(|line| line.starts_with("Rev: ")).collect();
    assert_eq!(heads, ["Rev: 3c00", "Rev: 2b00 (branchpoint)", "Rev: 1a00"]);
    assert_eq!(project.ok(["heads", "-v"]), project.ok(["show", "heads"]));
}

#[test]
fn with_what_the_database_says() {
    let (project, filters) = branched_project();
    session(
        &project,
        &filters,
        "$ wmigrate current
         exit 0
         $ wmigrate show current
         exit 0
         $ wmigrate history -i -r 1a:2b
         exit 0
         out 1a00 -> 2b00 (branchpoint), add email
         out <base> -> 1a00, create accounts
         $ wmigrate current --check-heads
         exit 3
         err Database is not on all head revisions",
    );
    assert!(!has_schema(&project));
    project.ok(["upgrade", "3c00"]);
    session(
        &project,
        &filters,
        "$ wmigrate current
         exit 0
         out 3c00
         $ wmigrate current -c
         exit 3
         out 3c00
         err Database is not on all head revisions
         $ wmigrate history -i
         exit 0
         out 3c00, 4d00 -> 5e00 (shop, blog) (head) (mergepoint), join shop and blog
         out 2b00 -> 3c00 (shop) (current), create shop
         out <base> (2b00) -> 6f00 (audit) (head), create audit
         out 2b00 -> 4d00 (blog), create blog
         out 1a00 -> 2b00 (branchpoint), add email
         out <base> -> 1a00, create accounts
         $ wmigrate history -r current:5e00
         exit 0
         out 3c00, 4d00 -> 5e00 (shop, blog) (head) (mergepoint), join shop and blog
         out 2b00 -> 3c00 (shop), create shop
         $ wmigrate history -r 2b00:current
         exit 0
         out 2b00 -> 3c00 (shop), create shop
         out 1a00 -> 2b00 (branchpoint), add email",
    );
    let verbose = project.ok(["current", "-v"]);
    assert!(verbose.starts_with("Current revision(s) for postgresql://postgres@"), "{verbose}");
    assert_eq!(verbose.lines().nth(1), Some("Rev: 3c00"));
    project.ok(["upgrade", "heads"]);
    session(
        &project,
        &filters,
        "$ wmigrate current --check-heads
         exit 0
         out 5e00 (head) (mergepoint)
         out 6f00 (head)",
    );
}

#[test]
fn an_empty_history_has_empty_lists() {
    let project = Project::new();
    let filters = Filters::of(&project);
    session(
        &project,
        &filters,
        "$ wmigrate heads
         exit 0
         $ wmigrate history
         exit 0
         $ wmigrate branches
         exit 0
         $ wmigrate current
         exit 0
         $ wmigrate upgrade head
         exit 0
         $ wmigrate upgrade heads
         exit 0
         $ wmigrate downgrade base
         exit 0",
    );
    assert!(!has_schema(&project));
}
