//! Relative targets: so many steps up or down from a point, along `down_revision` only. An upgrade and a downgrade read
//! the same text differently (`+1` counts from the rows, `-1` means something to a downgrade only), so there is one
//! reader for each.

use super::error::Error;
use super::map::Map;
use super::node_set::NodeSet;
use super::target::Relative;

/// Where a command starts from, or ends: version rows, or text of the user's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound<'a> {
    Rows(&'a [String]),
    Text(&'a str),
}

impl Bound<'_> {
    pub(super) fn nodes(self, map: &Map) -> Result<Vec<usize>, Error> {
        match self {
            Self::Rows(rows) => map.row_nodes(rows),
            Self::Text(text) => map.many(text),
        }
    }

    /// For messages.
    pub(super) fn shown(self) -> String {
        match self {
            Self::Rows([]) => "base".to_owned(),
            Self::Rows(rows) => rows.join(", "),
            Self::Text(text) => text.to_owned(),
        }
    }
}

/// What becomes of a walk that reaches the end of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtTheEnd {
    Fail,
    Stay,
}

/// Where a walk ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    At(usize),
    Base,
    Beyond,
}

impl Place {
    fn of(node: Option<usize>) -> Self {
        node.map_or(Self::Base, Self::At)
    }
}

/// The revisions that an upgrade or the end of a history range asks for; `base` asks for none.
pub(super) fn upgrade_target(map: &Map, from: Bound<'_>, target: &str, end: AtTheEnd) -> Result<Vec<usize>, Error> {
    let Some(relative) = Relative::parse(target) else {
        return map.many(target);
    };
    let Relative { branch, symbol, steps, .. } = relative;
    let place = match symbol {
        None if steps <= 0 => return Err(no_migrations(&relative)),
        None => {
            let start = upgrade_start(map, from, &relative, target)?;
            let walked = up(map, start, steps, branch, target, end)?;
            map.require_label(branch)?;
            if walked == Place::Beyond {
                return Err(no_migrations(&relative));
            }
            walked
        }
        Some(symbol) if steps > 0 => {
            let walked = up(map, Place::of(map.one(symbol)?), steps, branch, target, end)?;
            map.require_label(branch)?;
            walked
        }
        Some(symbol) => down(map, symbol_on_branch(map, branch, symbol)?, steps, target, end)?,
    };
    match place {
        Place::At(node) => Ok(vec![node]),
        Place::Base => Ok(Vec::new()),
        Place::Beyond => Err(Error::WalkedTooFar { argument: target.to_owned() }),
    }
}

/// What a downgrade goes down to, and the revision whose line it keeps to if one was named.
pub(super) fn downgrade_target(
    map: &Map,
    from: Bound<'_>,
    target: &str,
    end: AtTheEnd,
) -> Result<(Option<Line>, Option<usize>), Error> {
    let Some(relative) = Relative::parse(target) else {
        let (branch, symbol) =
            target.rsplit_once('@').map_or((None, target), |(branch, symbol)| (Some(branch), symbol));
        let node = map.one(symbol)?;
        return Ok((Line::named(map, branch.filter(|branch| !branch.is_empty()))?, node));
    };
    let Relative { branch, symbol, steps, .. } = relative;
    let place = match symbol {
        None if steps >= 0 => return Err(no_migrations(&relative)),
        None => {
            let (line, start) = downgrade_start(map, from, &relative, target)?;
            return match down(map, Place::At(start), steps, target, end)? {
                Place::At(node) => Ok((Some(line), Some(node))),
                Place::Base => Ok((Some(line), None)),
                Place::Beyond => Err(no_migrations(&relative)),
            };
        }
        Some(symbol) if steps >= 0 => match up(map, Place::of(map.one(symbol)?), steps, branch, target, end)? {
            Place::At(node) => Place::At(node),
            Place::Base | Place::Beyond => Place::Beyond,
        },
        Some(symbol) => down(map, symbol_on_branch(map, branch, symbol)?, steps, target, end)?,
    };
    let line = Line::named(map, branch)?;
    match place {
        Place::At(node) => Ok((line, Some(node))),
        Place::Base => Ok((line, None)),
        Place::Beyond => Err(Error::WalkedTooFar { argument: target.to_owned() }),
    }
}

/// The line that a downgrade keeps to.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) node: usize,
}

impl Line {
    fn named(map: &Map, branch: Option<&str>) -> Result<Option<Self>, Error> {
        branch.map(|branch| Ok(Self { name: branch.to_owned(), node: map.branch(branch)? })).transpose()
    }
}

/// From where `+N` counts: the one row; on a branch the row on its line, else the tip of what is applied there, else base.
fn upgrade_start(map: &Map, from: Bound<'_>, relative: &Relative<'_>, target: &str) -> Result<Place, Error> {
    let ambiguous = |nodes: Vec<usize>| Error::AmbiguousUpgrade { argument: target.to_owned(), rows: map.ids(nodes) };
    let Some(branch) = relative.branch else {
        return match from {
            Bound::Text(text) => map.one(text).map(Place::of),
            Bound::Rows([]) => Ok(Place::Base),
            Bound::Rows(rows) => match map.row_nodes(rows)?.as_slice() {
                &[node] => Ok(Place::At(node)),
                several => Err(ambiguous(several.to_vec())),
            },
        };
    };
    let rows = from.nodes(map)?;
    let mut starts = map.on_line_of(rows.clone(), branch, false)?;
    if starts.is_empty() {
        let active = map.on_line_of(map.ancestors(&rows).iter().collect(), branch, false)?;
        let covered: Vec<usize> = active.iter().flat_map(|&node| map.below[node].iter().copied()).collect();
        let mut tips = NodeSet::none(map.len());
        for node in active {
            tips.insert(node);
        }
        for node in covered {
            tips.remove(node);
        }
        starts = tips.iter().collect();
    }
    match starts.as_slice() {
        [] => Ok(Place::Base),
        &[node] => Ok(Place::At(node)),
        several => Err(ambiguous(several.to_vec())),
    }
}

/// From where `-N` counts. Alembic takes whichever row comes first; with several rows we ask instead.
fn downgrade_start(map: &Map, from: Bound<'_>, relative: &Relative<'_>, target: &str) -> Result<(Line, usize), Error> {
    let only = |nodes: Vec<usize>| match nodes.as_slice() {
        [] => Err(no_migrations(relative)),
        &[node] => Ok(node),
        several => Err(Error::AmbiguousWalk { argument: target.to_owned(), choices: map.ids(several.iter().copied()) }),
    };
    let rows = match from {
        // A range's far end is read as it stands, a name on its own line.
        Bound::Text(text) if relative.branch.is_none() => {
            let node = map.one(&format!("{text}@{text}"))?.ok_or_else(|| no_migrations(relative))?;
            return Ok((Line { name: text.to_owned(), node: map.branch(text)? }, node));
        }
        Bound::Text(text) => vec![map.branch(text).map_err(|_| map.unknown(text))?],
        Bound::Rows(rows) => map.row_nodes(rows)?,
    };
    let Some(branch) = relative.branch else {
        let node = only(rows)?;
        return Ok((Line { name: map.id(node).to_owned(), node }, node));
    };
    let mut starts = map.on_line_of(rows.clone(), branch, false)?;
    map.require_label(Some(branch))?;
    if starts.is_empty() {
        starts = map.on_line_of(map.current(&rows), branch, false)?;
    }
    let node = map.member(only(starts)?, Some(branch))?;
    Ok((Line { name: branch.to_owned(), node: map.branch(branch)? }, node))
}

fn symbol_on_branch(map: &Map, branch: Option<&str>, symbol: &str) -> Result<Place, Error> {
    branch.map_or_else(|| map.one(symbol), |branch| map.one(&format!("{branch}@{symbol}"))).map(Place::of)
}

fn up(map: &Map, start: Place, steps: i64, branch: Option<&str>, target: &str, end: AtTheEnd) -> Result<Place, Error> {
    let mut at = start;
    let mut line: Option<NodeSet> = None;
    for _ in 0..steps {
        let mut choices: Vec<usize> = match at {
            Place::At(node) => map.children[node].clone(),
            Place::Base | Place::Beyond => map.base_nodes().collect(),
        };
        if let Some(branch) = branch {
            // Looked up once: a walk may be as long as the graph.
            let line = match &mut line {
                Some(line) => line,
                none => none.insert(map.line_of(branch)?),
            };
            choices.retain(|&choice| line.contains(choice));
        }
        match choices.as_slice() {
            [] => return Ok(if end == AtTheEnd::Fail { Place::Beyond } else { at }),
            &[child] => at = Place::At(child),
            several => return Err(ambiguous(map, target, several)),
        }
    }
    Ok(at)
}

/// Down from base leads nowhere: Alembic reads `base-1` as the head, which nobody can mean.
pub(super) fn down(map: &Map, start: Place, steps: i64, target: &str, end: AtTheEnd) -> Result<Place, Error> {
    let mut at = start;
    for _ in 0..steps.unsigned_abs() {
        at = match at {
            Place::At(node) => match map.down[node].as_slice() {
                [] => Place::Base,
                &[parent] => Place::At(parent),
                several => return Err(ambiguous(map, target, several)),
            },
            Place::Base | Place::Beyond => {
                return Ok(if end == AtTheEnd::Fail { Place::Beyond } else { Place::Base });
            }
        };
    }
    Ok(at)
}

fn ambiguous(map: &Map, target: &str, choices: &[usize]) -> Error {
    Error::AmbiguousWalk { argument: target.to_owned(), choices: map.ids(choices.iter().copied()) }
}

fn no_migrations(relative: &Relative<'_>) -> Error {
    Error::RelativeNoMigrations { argument: relative.text.to_owned(), steps: relative.steps.unsigned_abs() }
}
