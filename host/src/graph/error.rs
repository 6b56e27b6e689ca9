//! Everything that can be wrong with a set of revisions, with a target, or with the two together. Wording follows
//! Alembic's messages, which is what people search for, with the detail added that Alembic loses on the way. `kind` and
//! `hint` are part of what users see; exit codes are decided elsewhere.

use super::revision::printable;

/// Longest list in a message. A graph may have thousands of heads; nobody reads more than a screen of them.
const MAX_LISTED: usize = 20;

/// Longest text from outside that a message repeats, in characters: twice a legal id.
const MAX_QUOTED: usize = 400;

/// Why a graph, a target or a plan is impossible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what its fields are")]
pub enum Error {
    #[error("can't locate revision identified by {}: no such revision or branch{}", quoted(.id), nearest(.near.as_deref()))]
    UnknownRevision { id: String, near: Option<String> },
    #[error(
        "can't locate revision identified by {}: the database says it is applied, but no file in the versions folders has that id",
        quoted(.id)
    )]
    UnknownRow { id: String },
    #[error("can't locate revision identified by {}: several revisions start with it: {}", quoted(.prefix), listed(.candidates))]
    AmbiguousPrefix { prefix: String, candidates: Vec<String> },
    #[error(
        "multiple head revisions are present for given argument {}: {}; please specify a specific target revision, `<branchname>@head` to narrow to a specific head, or `heads` for all heads",
        quoted(.argument), listed(.heads)
    )]
    MultipleHeads { argument: String, heads: Vec<String> },
    #[error("can't locate revision identified by {}: no such branch{}", quoted(.label), nearest(.near.as_deref()))]
    NoSuchBranch { label: String, near: Option<String> },
    #[error("can't locate revision identified by {}: revision {} is not a member of branch {}", quoted(.argument), quoted(.revision), quoted(.branch))]
    NotMemberOfBranch { argument: String, revision: String, branch: String },
    #[error("requested range `{start}:{end}` does not refer to ancestor/descendant revisions along the same branch")]
    RangeNotAncestor { start: String, end: String },
    #[error("destination {} is not a valid downgrade target from current head(s) {}: nothing above it is applied", quoted(.target), listed(.rows))]
    NothingToDrop { target: String, rows: Vec<String> },
    #[error("history range requires [start]:[end], [start]:, or :[end], not {}", quoted(.range))]
    RangeSyntax { range: String },
    #[error("downgrade with --sql requires <fromrev>:<torev>, not {}", quoted(.range))]
    DowngradeNeedsRange { range: String },
    #[error("range revision not allowed: {}", quoted(.range))]
    RangeNotAllowed { range: String },
    #[error("relative revision {} didn't produce {steps} migrations", quoted(.argument))]
    RelativeNoMigrations { argument: String, steps: u64 },
    #[error("ambiguous walk: {} could go to any of {}", quoted(.argument), listed(.choices))]
    AmbiguousWalk { argument: String, choices: Vec<String> },
    #[error("walked too far: {} leaves the graph", quoted(.argument))]
    WalkedTooFar { argument: String },
    #[error("ambiguous upgrade from multiple current revisions: {} could start at any of {}", quoted(.argument), listed(.rows))]
    AmbiguousUpgrade { argument: String, rows: Vec<String> },
    #[error("not a valid downgrade target from current heads: {} leads to nothing on the line of {}", quoted(.target), quoted(.branch))]
    InvalidDowngradeTarget { target: String, branch: String },
    #[error("requested revision {} overlaps with other requested revisions {}", quoted(.revision), listed(.others))]
    OverlappingRevisions { revision: String, others: Vec<String> },
    #[error("cycle is detected in revisions ({}): {}", listed(.revisions), path(.cycle))]
    Cycle { revisions: Vec<String>, cycle: Vec<String> },
    #[error("dependency cycle is detected in revisions ({}): {}", listed(.revisions), path(.cycle))]
    DependencyCycle { revisions: Vec<String>, cycle: Vec<String> },
    #[error("self-loop is detected in revisions ({}): it names itself in down_revision", quoted(.revision))]
    SelfLoop { revision: String },
    #[error("dependency self-loop is detected in revisions ({}): it names itself in depends_on", quoted(.revision))]
    DependencySelfLoop { revision: String },
    #[error("branch name {} in revision {} already used by revision {}", quoted(.label), quoted(.revision), quoted(.other))]
    DuplicateBranchLabel { label: String, revision: String, other: String },
    #[error("revision {} is present more than once: {}", quoted(.id), listed(.paths))]
    DuplicateRevision { id: String, paths: Vec<String> },
    #[error("revision {} ({}) names {} in {field}, which is not present{}", quoted(.revision), printable(.path), quoted(.missing), nearest(.near.as_deref()))]
    MissingParent { revision: String, path: String, missing: String, field: &'static str, near: Option<String> },
    #[error("character(s) {} not allowed in revision identifier {}", characters(.found), quoted(.id))]
    IllegalChar { id: String, found: Vec<char> },
    #[error("revision identifier `{start}…` is longer than {limit} characters")]
    IdTooLong { start: String, limit: usize },
    #[error("could not determine revision id from filename {}", quoted(.path))]
    NoRevisionId { path: String },
    #[error("revision {} is half-way {}, and this would leave it there", quoted(.revision), if *.up { "up" } else { "down" })]
    HalfDone { revision: String, up: bool },
}

impl Error {
    /// The stable name of the kind, as `--json` prints it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UnknownRevision { .. } | Self::UnknownRow { .. } => "unknown_revision",
            Self::AmbiguousPrefix { .. } => "ambiguous_prefix",
            Self::MultipleHeads { .. } => "multiple_heads",
            Self::NoSuchBranch { .. } => "no_such_branch",
            Self::NotMemberOfBranch { .. } => "not_member_of_branch",
            Self::RangeNotAncestor { .. } | Self::NothingToDrop { .. } => "range_not_ancestor",
            Self::RangeSyntax { .. } | Self::DowngradeNeedsRange { .. } => "range_syntax",
            Self::RangeNotAllowed { .. } => "range_not_allowed",
            Self::RelativeNoMigrations { .. } => "relative_no_migrations",
            Self::AmbiguousWalk { .. } => "ambiguous_walk",
            Self::WalkedTooFar { .. } => "walked_too_far",
            Self::AmbiguousUpgrade { .. } => "ambiguous_upgrade",
            Self::InvalidDowngradeTarget { .. } => "invalid_downgrade_target",
            Self::OverlappingRevisions { .. } => "overlapping_revisions",
            Self::Cycle { .. } => "cycle",
            Self::DependencyCycle { .. } => "dependency_cycle",
            Self::SelfLoop { .. } => "self_loop",
            Self::DependencySelfLoop { .. } => "dependency_self_loop",
            Self::DuplicateBranchLabel { .. } => "duplicate_branch_label",
            Self::DuplicateRevision { .. } => "duplicate_revision",
            Self::MissingParent { .. } => "missing_parent",
            Self::HalfDone { .. } => "half_done",
            Self::IllegalChar { .. } | Self::IdTooLong { .. } => "illegal_revision_char",
            Self::NoRevisionId { .. } => "no_revision_id",
        }
    }

    /// The same error, told about the whole target as it was typed.
    pub(super) fn about(self, target: &str) -> Self {
        match self {
            Self::MultipleHeads { heads, .. } => Self::MultipleHeads { argument: target.to_owned(), heads },
            other => other,
        }
    }

    /// The same error, told about the ends of a history range.
    pub(super) fn in_range(self, range: &str) -> Self {
        match self {
            Self::MultipleHeads { argument, heads } => {
                Self::MultipleHeads { argument: format!("{argument} (in {range})"), heads }
            }
            other => other,
        }
    }

    /// What to do about it, with the command that does it where there is one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::UnknownRevision { near: Some(near), .. } => {
                format!("did you mean `{near}`? `wmigrate history` lists all")
            }
            Self::UnknownRevision { near: None, .. } => "`wmigrate history` lists all revisions".to_owned(),
            Self::UnknownRow { .. } => {
                "the database is probably ahead of these files: use a newer checkout; if the revision \
                 is gone for good, `wmigrate stamp --purge <revision>` records what is really applied"
                    .to_owned()
            }
            Self::AmbiguousPrefix { .. } => "give more characters of the id".to_owned(),
            Self::MultipleHeads { .. } => {
                "`wmigrate merge heads -m \"…\"` makes one head of them; `wmigrate upgrade heads` goes to all"
                    .to_owned()
            }
            Self::NoSuchBranch { near: Some(near), .. } => format!("did you mean `{near}`?"),
            Self::NoSuchBranch { near: None, .. }
            | Self::NotMemberOfBranch { .. }
            | Self::InvalidDowngradeTarget { .. } => {
                "`wmigrate history` shows each revision with its branch labels".to_owned()
            }
            Self::RangeNotAncestor { .. } => {
                "`wmigrate history` shows what lies above what; a range is written older:newer".to_owned()
            }
            Self::NothingToDrop { .. } => "`wmigrate current` shows what is applied".to_owned(),
            Self::RangeSyntax { .. } => "for example `wmigrate history -r base:head`".to_owned(),
            Self::DowngradeNeedsRange { .. } => "for example `wmigrate downgrade --sql head:base`".to_owned(),
            Self::RangeNotAllowed { .. } => {
                "ranges go with --sql; otherwise the database says where to start".to_owned()
            }
            Self::RelativeNoMigrations { .. } | Self::WalkedTooFar { .. } => {
                "`wmigrate current` and `wmigrate history` show how many there are".to_owned()
            }
            Self::AmbiguousWalk { .. } => "name the revision, or `<branchname>@` before the steps".to_owned(),
            Self::AmbiguousUpgrade { .. } => "write `<branchname>@+N` to choose one".to_owned(),
            Self::OverlappingRevisions { revision, .. } => {
                format!(
                    "`{}` includes the others, so naming it is enough; for rows of the database, `wmigrate stamp --purge` with the right revisions",
                    printable(revision)
                )
            }
            Self::Cycle { .. } | Self::SelfLoop { .. } => "correct `down_revision` in one of these files".to_owned(),
            Self::DependencyCycle { .. } | Self::DependencySelfLoop { .. } => {
                "correct `depends_on` in one of these files".to_owned()
            }
            Self::DuplicateBranchLabel { .. } => {
                "rename the label in one of these files; labels and ids share one namespace".to_owned()
            }
            Self::DuplicateRevision { .. } => "give one of these files another `revision`".to_owned(),
            Self::MissingParent { near: Some(near), .. } => {
                format!("did you mean `{near}`? Or is a file missing from this checkout?")
            }
            Self::MissingParent { near: None, .. } => "is a file missing from this checkout?".to_owned(),
            Self::IllegalChar { .. } | Self::IdTooLong { .. } => {
                "leave `revision` to `wmigrate revision`, or choose letters, digits and underscores".to_owned()
            }
            Self::HalfDone { revision, up: true } => {
                let id = printable(revision);
                format!("finish it: wmigrate upgrade {id}; or take it back: wmigrate downgrade -1")
            }
            Self::HalfDone { .. } => "finish it with the `wmigrate downgrade` that was interrupted".to_owned(),
            Self::NoRevisionId { .. } => "the front matter needs a line `revision = \"…\"`".to_owned(),
        };
        Some(hint)
    }
}

fn quoted(text: &str) -> String {
    let mut cut: String = text.chars().take(MAX_QUOTED).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("`{}`", printable(&cut.replace('\n', "\\n")))
}

fn listed(texts: &[String]) -> String {
    if texts.is_empty() {
        return "none".to_owned();
    }
    let shown: Vec<String> = texts.iter().take(MAX_LISTED).map(|text| quoted(text)).collect();
    let more = texts.len() - shown.len();
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

fn path(cycle: &[String]) -> String {
    let ids: Vec<&str> = cycle.iter().take(MAX_LISTED).map(String::as_str).collect();
    let gap = if cycle.len() > MAX_LISTED { " -> …" } else { "" };
    format!("{}{gap} -> {}", ids.join(" -> "), ids.first().copied().unwrap_or_default())
}

fn nearest(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; the nearest is {}", quoted(near)))
}

fn characters(found: &[char]) -> String {
    let shown: Vec<String> = found.iter().map(|c| quoted(&c.to_string())).collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut() {
        let heads: Vec<String> = (0..25).map(|n| format!("h{n}")).collect();
        let message = Error::MultipleHeads { argument: "head".to_owned(), heads }.to_string();
        assert!(message.contains("`h19` and 5 more;"), "{message}");
    }

    #[test]
    fn text_from_outside_cannot_carry_escapes_or_be_endless() {
        let message = Error::UnknownRevision { id: "\u{1b}[2J".to_owned() + &"x".repeat(5000), near: None }.to_string();
        assert!(message.starts_with("can't locate revision identified by `\\u{1b}[2Jxxx"), "{message}");
        assert!(message.len() < 600, "{}", message.len());
    }
}
