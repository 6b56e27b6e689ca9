//! What the text of a target means: ids, prefixes, labels, `head`, `heads`, `base` and `branch@…`, and the grammar of
//! relative forms. Steps up and down are in `walk`; which revisions a command then selects is in `select`.

use super::error::Error;
use super::map::Map;
use super::node_set::NodeSet;
use super::revision::Revision;

/// Shortest name that a prefix may stand for: shorter names must be written out.
const MIN_PREFIXED_CHARS: usize = 4;

/// Longest text for which a nearest name is looked up, since the comparison grows with its square.
const MAX_NEAREST_CHARS: usize = 64;

/// A relative form, `(branch@)(symbol)±N`. As in Alembic, text after the digits is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Relative<'t> {
    pub(super) branch: Option<&'t str>,
    pub(super) symbol: Option<&'t str>,
    /// Up if positive. A number that no graph can have is cut to one.
    pub(super) steps: i64,
    /// The sign and digits as typed.
    pub(super) text: &'t str,
}

impl<'t> Relative<'t> {
    pub(super) fn parse(target: &'t str) -> Option<Self> {
        let after_branch = target.match_indices('@').filter(|&(at, _)| at > 0).find_map(|(at, _)| {
            let (symbol, text, steps) = symbol_and_steps(&target[at + 1..])?;
            Some(Self { branch: Some(&target[..at]), symbol, steps, text })
        });
        after_branch.or_else(|| {
            let (symbol, text, steps) = symbol_and_steps(target)?;
            Some(Self { branch: None, symbol, steps, text })
        })
    }
}

fn symbol_and_steps(text: &str) -> Option<(Option<&str>, &str, i64)> {
    let sign = text.find(|c: char| matches!(c, '@' | '-' | '+' | ':' | ',') || c.is_whitespace())?;
    let (symbol, rest) = text.split_at(sign);
    let digits = rest.strip_prefix(['+', '-'])?;
    let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    if length == 0 {
        return None;
    }
    let count = digits[..length].parse().unwrap_or(i64::MAX);
    let steps = if rest.starts_with('-') { -count } else { count };
    Some(((!symbol.is_empty()).then_some(symbol), &rest[..=length], steps))
}

/// What an identifier stands for before it is looked up.
enum Meaning<'t> {
    /// `base`.
    Nothing,
    /// `head` or `heads`.
    Heads(Vec<usize>),
    /// Something to look up.
    Name(&'t str),
}

impl Map {
    /// The revisions that `target` names: none for `base`, several for `heads`. Relative forms are no names.
    pub fn find(&self, target: &str) -> Result<Vec<&Revision>, Error> {
        Ok(self.many(target)?.into_iter().map(|node| self.revisions()[node].as_ref()).collect())
    }

    /// The one revision that `target` names, none for `base`.
    pub fn find_one(&self, target: &str) -> Result<Option<&Revision>, Error> {
        Ok(self.one(target)?.map(|node| self.revisions()[node].as_ref()))
    }

    pub(super) fn many(&self, target: &str) -> Result<Vec<usize>, Error> {
        let (branch, meaning) = self.meaning(target)?;
        match meaning {
            Meaning::Name(name) => Ok(vec![self.lookup(name, branch)?]),
            Meaning::Heads(nodes) => nodes.into_iter().map(|node| self.member(node, branch)).collect(),
            Meaning::Nothing => branch.map_or(Ok(Vec::new()), |branch| self.branch(branch).map(|_| Vec::new())),
        }
    }

    pub(super) fn one(&self, target: &str) -> Result<Option<usize>, Error> {
        let nodes = self.many(target)?;
        if nodes.len() > 1 {
            return Err(Error::MultipleHeads { argument: target.to_owned(), heads: self.ids(nodes) });
        }
        Ok(nodes.first().copied())
    }

    /// The revision that a branch label names. Any id or prefix serves as well.
    pub(super) fn branch(&self, label: &str) -> Result<usize, Error> {
        self.named(label).map_or_else(|| self.lookup(label, None).map_err(|_| self.no_such_branch(label)), Ok)
    }

    /// `node`, if it lies on the line of `branch`.
    pub(super) fn member(&self, node: usize, branch: Option<&str>) -> Result<usize, Error> {
        self.member_as(node, branch, None)
    }

    /// Those of `nodes` that share a line with `target`, which is a branch label or any other target.
    pub(super) fn on_line_of(&self, nodes: Vec<usize>, target: &str, dependencies: bool) -> Result<Vec<usize>, Error> {
        if nodes.is_empty() {
            return self.meaning(target).map(|_| nodes);
        }
        let line = self.line(target, dependencies)?;
        Ok(nodes.into_iter().filter(|&node| line.contains(node)).collect())
    }

    /// The line of `label` by `down_revision`.
    pub(super) fn line_of(&self, label: &str) -> Result<NodeSet, Error> {
        self.line(label, false)
    }

    fn line(&self, target: &str, dependencies: bool) -> Result<NodeSet, Error> {
        let (branch, meaning) = self.meaning(target)?;
        let mut anchors = match meaning {
            Meaning::Nothing => Vec::new(),
            Meaning::Heads(heads) => heads,
            Meaning::Name(name) => vec![self.lookup(name, None)?],
        };
        if let Some(branch) = branch {
            anchors.push(self.lookup(branch, None)?);
        }
        if anchors.is_empty() {
            // `base` is everybody's.
            anchors = (0..self.len()).collect();
        }
        Ok(self.lineage(&anchors, dependencies))
    }

    /// An error unless `label` can be looked up, whether or not there is anything to look up on its line.
    pub(super) fn require_label(&self, label: Option<&str>) -> Result<(), Error> {
        label.map_or(Ok(()), |label| self.line(label, false).map(|_| ()))
    }

    pub(super) fn unknown(&self, id: &str) -> Error {
        Error::UnknownRevision { id: id.to_owned(), near: nearest(id, self.all_names().map(|(name, _)| name)) }
    }

    fn no_such_branch(&self, label: &str) -> Error {
        Error::NoSuchBranch { label: label.to_owned(), near: nearest(label, self.all_names().map(|(name, _)| name)) }
    }

    fn meaning<'t>(&self, target: &'t str) -> Result<(Option<&'t str>, Meaning<'t>), Error> {
        let (branch, symbol) = match target.split_once('@') {
            Some((branch, symbol)) => (Some(branch).filter(|branch| !branch.is_empty()), symbol),
            None => (None, target),
        };
        let heads = || match branch {
            Some(branch) => self.on_line_of(self.head_nodes().collect(), branch, false),
            None => Ok(self.head_nodes().collect()),
        };
        let meaning = match symbol {
            "base" => Meaning::Nothing,
            "heads" if branch.is_none() => Meaning::Heads(self.real_head_nodes().collect()),
            "heads" => Meaning::Heads(heads()?),
            "head" => {
                let mut heads = heads()?;
                if branch.is_none() && heads.len() > 1 && heads.iter().any(|&head| !self.is_of_plugin(head)) {
                    heads.retain(|&head| !self.is_of_plugin(head));
                }
                if heads.len() > 1 {
                    return Err(Error::MultipleHeads { argument: target.to_owned(), heads: self.ids(heads) });
                }
                Meaning::Heads(heads)
            }
            name => Meaning::Name(name),
        };
        Ok((branch, meaning))
    }

    /// The node of an id, a label, or a prefix that only one of them has.
    fn lookup(&self, name: &str, branch: Option<&str>) -> Result<usize, Error> {
        let line = branch.map(|branch| self.branch(branch).map(|anchor| self.lineage(&[anchor], false))).transpose()?;
        let node = if let Some(node) = self.named(name) {
            node
        } else if name.is_empty() {
            return Err(self.unknown(name));
        } else {
            let matches: Vec<(&str, usize)> = self
                .all_names()
                .filter(|(full, _)| full.starts_with(name) && full.chars().nth(MIN_PREFIXED_CHARS - 1).is_some())
                .filter(|&(_, node)| line.as_ref().is_none_or(|line| line.contains(node)))
                .collect();
            match matches.as_slice() {
                [] => return Err(self.unknown(name)),
                &[(_, node)] => node,
                several => {
                    let candidates = several.iter().map(|&(full, _)| full.to_owned()).collect();
                    return Err(Error::AmbiguousPrefix { prefix: name.to_owned(), candidates });
                }
            }
        };
        self.member_as(node, branch, Some(name))
    }

    fn member_as(&self, node: usize, branch: Option<&str>, typed: Option<&str>) -> Result<usize, Error> {
        let Some(branch) = branch else { return Ok(node) };
        if self.lineage(&[self.branch(branch)?], false).contains(node) {
            return Ok(node);
        }
        let revision = self.id(node).to_owned();
        let argument = typed.unwrap_or(&revision).to_owned();
        Err(Error::NotMemberOfBranch { argument, revision, branch: branch.to_owned() })
    }
}

/// The name most like `text`, if one is so near that it may be what was meant: a quarter of the characters or fewer differ.
pub(super) fn nearest<'n>(text: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    let text: Vec<char> = text.chars().take(MAX_NEAREST_CHARS + 1).collect();
    if text.len() > MAX_NEAREST_CHARS {
        return None;
    }
    let allowed = text.len() / 4;
    names
        .filter(|name| name.len() <= 4 * MAX_NEAREST_CHARS)
        .filter_map(|name| distance_within(allowed, &text, name).map(|distance| (distance, name)))
        .min()
        .map(|(_, name)| name.to_owned())
}

/// The number of single-character edits between the two, if it is at most `allowed`.
fn distance_within(allowed: usize, text: &[char], name: &str) -> Option<usize> {
    let name: Vec<char> = name.chars().collect();
    if name.len().abs_diff(text.len()) > allowed {
        return None;
    }
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for (i, &typed) in text.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &real) in name.iter().enumerate() {
            let replaced = diagonal + usize::from(typed != real);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().filter(|&distance| distance <= allowed)
}

#[cfg(test)]
mod tests {
    use super::super::order::tests::map;
    use super::*;

    #[test]
    fn relative_forms() {
        let check = |target: &str, expected: Option<(Option<&str>, Option<&str>, i64)>| {
            let got = Relative::parse(target);
            assert_eq!(got.map(|relative| (relative.branch, relative.symbol, relative.steps)), expected, "{target}");
        };
        check("+2", Some((None, None, 2)));
        check("-1", Some((None, None, -1)));
        check("5e6f+1xyz", Some((None, Some("5e6f"), 1)));
        check("shop@+1", Some((Some("shop"), None, 1)));
        check("shop@head-2", Some((Some("shop"), Some("head"), -2)));
        check("my-branch@+1", Some((Some("my-branch"), None, 1)));
        check("a@b@c+1", Some((Some("a@b"), Some("c"), 1)));
        check("v1.2+1", Some((None, Some("v1.2"), 1)));
        check("+99999999999999999999", Some((None, None, i64::MAX)));
        check("my-branch@head", None);
        check("@head+1", None);
        check("head", None);
        check("+", None);
    }

    #[test]
    fn names() {
        let map = map("aaaa1; aaaa2<aaaa1; bbbb<aaaa2 #shop; cccc<aaaa2 #net");
        let check = |target: &str, expected: &str| {
            let got =
                map.many(target).map_or_else(|error| format!("{}: {error}", error.kind()), |n| map.ids(n).join(" "));
            assert_eq!(got, expected, "{target}");
        };
        check("base", "");
        check("heads", "bbbb cccc");
        check("bb", "bbbb");
        check("shop", "bbbb");
        check("sho", "bbbb");
        check("shop@head", "bbbb");
        check("bb@head", "bbbb");
        check("aaaa1@heads", "bbbb cccc");
        check("shop@aaaa1", "aaaa1");
        check(
            "head",
            "multiple_heads: multiple head revisions are present for given argument `head`: `bbbb`, `cccc`; please specify a specific \
             target revision, `<branchname>@head` to narrow to a specific head, or `heads` for all heads",
        );
        check(
            "aaa",
            "ambiguous_prefix: can't locate revision identified by `aaa`: several revisions start with it: `aaaa1`, `aaaa2`",
        );
        check(
            "aaab1",
            "unknown_revision: can't locate revision identified by `aaab1`: no such revision or branch; the nearest is `aaaa1`",
        );
        check("", "unknown_revision: can't locate revision identified by ``: no such revision or branch");
        check(
            "nosuch@head",
            "unknown_revision: can't locate revision identified by `nosuch`: no such revision or branch",
        );
        check("nosuch@base", "no_such_branch: can't locate revision identified by `nosuch`: no such branch");
        check(
            "nett@cccc",
            "no_such_branch: can't locate revision identified by `nett`: no such branch; the nearest is `net`",
        );
        check(
            "net@bbbb",
            "not_member_of_branch: can't locate revision identified by `bbbb`: revision `bbbb` is not a member of branch `net`",
        );
    }

    #[test]
    fn head_is_the_applications_where_there_are_plugins() {
        let revision = |id: &str, down: &str, label: &str, of_plugin| {
            let list = |text: &str| text.split_whitespace().map(str::to_owned).collect();
            let (down_revision, branch_labels) = (list(down), list(label));
            Revision { id: id.to_owned(), down_revision, branch_labels, of_plugin, ..Revision::default() }
        };
        let check = |revisions: &[Revision], target: &str, expected: &str| {
            let map = Map::new(revisions.iter().cloned().map(std::sync::Arc::new).collect::<Vec<_>>()).unwrap();
            let found =
                map.find(target).map(|found| found.iter().map(|one| one.id.clone()).collect::<Vec<_>>().join(" "));
            assert_eq!(found.unwrap_or_else(|error| error.kind().to_owned()), expected, "{target}");
        };
        let plugins =
            [revision("n1", "", "notes", true), revision("n2", "n1", "", true), revision("t1", "", "tags", true)];
        let with = |own: &[Revision]| own.iter().chain(&plugins).cloned().collect::<Vec<_>>();
        let one = with(&[revision("a1", "", "", false), revision("a2", "a1", "", false)]);
        check(&one, "head", "a2");
        check(&one, "heads", "a2 n2 t1");
        check(&one, "notes@head", "n2");
        check(&with(&[revision("a1", "", "", false), revision("b1", "", "", false)]), "head", "multiple_heads");
        // Where nothing is the application's, the plugins' heads are all there are.
        check(&plugins, "head", "multiple_heads");
    }
}
