//! The command line as a user meets it: what is on stdout and what on stderr, byte for byte, and what the exit code says.
//! One small branched history serves nearly all of it; a module here is a group of commands.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails, and says why")]

mod errors;
mod lists;
mod output;
mod rows;
mod runs;

use crate::support::{Project, project::front_matter, transcript::Filters};

/// A base, a branch point, two labelled branches that meet again, and a base of its own that depends on the branch point:
///
/// ```text
/// 1a00 - 2b00 - 3c00 (shop) - 5e00
///            \  4d00 (blog) -/
/// 6f00 (audit), depends on 2b00
/// ```
pub(crate) fn branched(project: &Project) {
    let revision = |id: &str, down: &str, message: &str, more: &str, up: &str, back: &str| {
        let front = front_matter("--", id, down, message, more);
        let text = format!("{front}-- wmigrate:upgrade\n{up};\n-- wmigrate:downgrade\n{back};\n");
        project.revision(id, message, "sql", &text);
    };
    let label = |name: &str| format!("branch_labels = [{name:?}]\n");
    revision("1a00", "", "create accounts", "", "CREATE TABLE accounts (id int PRIMARY KEY)", "DROP TABLE accounts");
    revision("2b00", "1a00", "add email", "", "ALTER TABLE accounts ADD email text", "ALTER TABLE accounts DROP email");
    revision("3c00", "2b00", "create shop", &label("shop"), "CREATE TABLE shop (id int)", "DROP TABLE shop");
    revision("4d00", "2b00", "create blog", &label("blog"), "CREATE TABLE blog (id int)", "DROP TABLE blog");
    let view = "CREATE VIEW joined AS SELECT id FROM shop UNION SELECT id FROM blog";
    revision("5e00", "3c00, 4d00", "join shop and blog", "", view, "DROP VIEW joined");
    let audit = format!("{}depends_on = [\"2b00\"]\n", label("audit"));
    revision("6f00", "", "create audit", &audit, "CREATE TABLE audit (id int)", "DROP TABLE audit");
}

/// A project with that history, and what its transcripts hide.
pub(crate) fn branched_project() -> (Project, Filters) {
    let project = Project::new();
    branched(&project);
    let filters = Filters::of(&project);
    (project, filters)
}

/// Whether the bookkeeping's schema is there.
pub(crate) fn has_schema(project: &Project) -> bool {
    project.psql("SELECT to_regnamespace('wmigrate') IS NOT NULL") == "t"
}

/// The version rows, sorted, separated by blanks.
pub(crate) fn rows(project: &Project) -> String {
    project.psql("SELECT coalesce(string_agg(revision, ' ' ORDER BY revision), '') FROM wmigrate.version")
}

/// The user's tables and views, sorted, separated by blanks.
pub(crate) fn relations(project: &Project) -> String {
    project.psql("SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')")
}
