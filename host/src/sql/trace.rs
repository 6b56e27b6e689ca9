//! What each statement does to objects that were there before its transaction: locks that keep others out, tables that are
//! rewritten or read whole under such a lock, constraints that come.
//!
//! Locks are read by a session of the host's own, in which a guest cannot interfere, and which does not see what the transaction
//! has made itself: so that is left out. Files, scans and constraints can only be seen from inside the transaction; what is asked
//! there depends on no setting of the session.

use super::connection::Connection;
use super::error::{Error, from_driver};
use super::guest::CallError;
use super::transaction::Transaction;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// What one statement did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The statement, or its beginning.
    pub statement: String,
    /// How long it took.
    pub took: Duration,
    /// What it did; empty for most.
    pub effects: Vec<Effect>,
}

/// One thing that a statement did to an object that was there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// It took a lock that keeps others out until the transaction ends.
    Locked(String, Mode),
    /// It wrote all of it anew.
    Rewrote(String),
    /// It read all of it while others were kept out: so many rows.
    Read(String, i64),
    /// It added a constraint, or made one valid.
    Constraint {
        /// Of this table.
        table: String,
        /// Its name.
        name: String,
        /// Whether it holds for the rows that are there.
        valid: bool,
    },
    /// It dropped it.
    Dropped(String),
    /// Nobody can tell any more: the session that looked is gone.
    Unseen,
}

/// A lock that keeps somebody out, weakest first. The others only keep out those.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// `SHARE UPDATE EXCLUSIVE`
    ShareUpdateExclusive,
    /// `SHARE`
    Share,
    /// `SHARE ROW EXCLUSIVE`
    ShareRowExclusive,
    /// `EXCLUSIVE`
    Exclusive,
    /// `ACCESS EXCLUSIVE`
    AccessExclusive,
}

impl Mode {
    /// As `pg_locks` calls it.
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "ShareUpdateExclusiveLock" => Self::ShareUpdateExclusive,
            "ShareLock" => Self::Share,
            "ShareRowExclusiveLock" => Self::ShareRowExclusive,
            "ExclusiveLock" => Self::Exclusive,
            "AccessExclusiveLock" => Self::AccessExclusive,
            _ => return None,
        })
    }

    /// As SQL calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::Share => "SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::Exclusive => "EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    /// What nobody else can do until it is given up.
    #[must_use]
    pub fn blocks(self) -> &'static str {
        match self {
            Self::ShareUpdateExclusive => "schema changes and VACUUM",
            Self::Share | Self::ShareRowExclusive | Self::Exclusive => "writes",
            Self::AccessExclusive => "reads and writes",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked(table, mode) => write!(f, "{} on {table}: blocks {}", mode.name(), mode.blocks()),
            Self::Rewrote(table) => write!(f, "rewrote {table}"),
            Self::Read(table, 1) => write!(f, "read all of {table}, 1 row"),
            Self::Read(table, rows) => write!(f, "read all of {table}, {rows} rows"),
            Self::Constraint { table, name, valid: true } => {
                write!(f, "constraint {name} of {table} holds from now on")
            }
            Self::Constraint { table, name, valid: false } => {
                write!(f, "constraint {name} of {table} is there, not valid yet")
            }
            Self::Dropped(table) => write!(f, "dropped {table}"),
            Self::Unseen => f.write_str("locks are not looked at any more: the session that did is gone"),
        }
    }
}

/// A lock that was held until now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What was locked.
    pub table: String,
    /// How.
    pub mode: Mode,
    /// Since the statement began that took it.
    pub time: Duration,
}

/// Where traces go.
pub type Report = Arc<dyn Fn(Trace) + Send + Sync>;

/// Looks at one transaction after each of its statements.
pub struct Tracer {
    observer: Arc<Connection>,
    pid: i32,
    report: Report,
    known: BTreeMap<u32, Object>,
    before: Counts,
    begun: Instant,
}

/// Scans of tables, and rows that these gave, as the server counts them.
pub type Counts = BTreeMap<u32, (i64, i64)>;

/// What is known of an object that the transaction has locked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Object {
    name: String,
    lock: Option<(Mode, Instant)>,
    inside: Option<Inside>,
}

/// What the transaction sees of it; none where it was dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Inside {
    file: u32,
    scans: i64,
    rows: i64,
    /// Name, and whether it is valid.
    constraints: BTreeSet<(String, bool)>,
}

/// Characters of a statement.
const STATEMENT: usize = 1000;

impl Inside {
    /// With the counts of before the transaction; the server may have begun anew since.
    fn counted_from(self, before: Option<(i64, i64)>) -> Self {
        let (scans, rows) = before.unwrap_or_default();
        Self { scans, rows, ..self }
    }
}

/// Objects of one transaction that are looked at; the rest goes unseen.
const OBJECTS: i64 = 1000;

impl Tracer {
    /// `observer` is another session than that of `pid`, whose counts were these before: the server adds transactions up for a while.
    #[must_use]
    pub fn new(observer: Arc<Connection>, pid: i32, before: Counts, report: Report) -> Self {
        Self { observer, pid, report, known: BTreeMap::new(), before, begun: Instant::now() }
    }

    /// What the server has counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let inside = self.known.iter().filter_map(|(oid, object)| Some((*oid, object.inside.as_ref()?)));
        inside.map(|(oid, inside)| (oid, (inside.scans, inside.rows))).collect()
    }

    /// The locks that were taken since it looks, are held now, and keep others from reading or writing.
    #[must_use]
    pub fn held(&self) -> Vec<Held> {
        let held = self.known.values().filter_map(|object| {
            let (mode, since) = object.lock.filter(|(mode, since)| *mode >= Mode::Share && *since >= self.begun)?;
            Some(Held { table: object.name.clone(), mode, time: since.elapsed() })
        });
        held.collect()
    }

    /// What is locked, as the observer sees it: with the files and constraints of before the transaction.
    async fn locked(&self) -> Result<BTreeMap<u32, Object>, Error> {
        let statement = "SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.array_agg(DISTINCT l.mode), c.relfilenode, \
             ARRAY(SELECT pg_catalog.concat(k.convalidated, ' ', k.conname) FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid ORDER BY k.oid LIMIT 100) \
             FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE l.pid = $1 AND l.locktype = 'relation' AND l.granted AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
             AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
             AND c.relkind NOT IN ('i', 'I', 'S') GROUP BY c.oid, n.nspname, c.relname, c.relfilenode LIMIT $2";
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
            [(&self.pid, Type::INT4), (&OBJECTS, Type::INT8)];
        let rows = self.observer.query("looking at locks", statement, &parameters).await?;
        let now = Instant::now();
        let object = |row: &Row| -> Result<_, tokio_postgres::Error> {
            let mode = row.try_get::<_, Vec<&str>>(2)?.into_iter().filter_map(Mode::of).max();
            let constraints = constraints(&row.try_get::<_, Vec<&str>>(4)?);
            let inside = Inside { file: row.try_get(3)?, scans: 0, rows: 0, constraints };
            let object = Object { name: row.try_get(1)?, lock: mode.map(|mode| (mode, now)), inside: Some(inside) };
            Ok((row.try_get(0)?, object))
        };
        rows.iter().map(object).collect::<Result<_, _>>().map_err(|error| from_driver("looking at locks", &error))
    }
}

impl Transaction {
    /// From now on each statement is traced. What another tracer has learnt of this transaction is kept.
    pub fn trace(&mut self, mut tracer: Tracer) {
        if let Some(before) = self.tracer.take() {
            tracer.known = before.known;
        }
        self.tracer = Some(Box::new(tracer));
    }

    /// Who traces it.
    #[must_use]
    pub fn tracer(&self) -> Option<&Tracer> {
        self.tracer.as_deref()
    }

    /// Looks at what a statement has done that began at `begun`.
    pub(super) async fn traced(&mut self, statement: &str, begun: Instant) -> Result<(), CallError> {
        let took = begun.elapsed();
        let Some(mut tracer) = self.tracer.take() else { return Ok(()) };
        if !self.speaks_utf8() {
            // That ends the run; names may be no text now.
            return Ok(());
        }
        let looked = self.look(&mut tracer, begun).await.map_err(CallError::Fatal);
        let statement = statement.chars().take(STATEMENT).collect();
        match looked {
            Ok(Some(effects)) => {
                (tracer.report)(Trace { statement, took, effects });
                self.tracer = Some(tracer);
                Ok(())
            }
            // Whoever looks on is no part of the work.
            Ok(None) => {
                (tracer.report)(Trace { statement, took, effects: vec![Effect::Unseen] });
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// None: the observer is gone.
    async fn look(&self, tracer: &mut Tracer, begun: Instant) -> Result<Option<Vec<Effect>>, Error> {
        let Ok(mut now) = tracer.locked().await else { return Ok(None) };
        let oids: Vec<u32> = now.keys().copied().collect();
        let mut inside = if oids.is_empty() { BTreeMap::new() } else { self.inside(&oids).await? };
        let mut effects = Vec::new();
        for (oid, object) in &mut now {
            let committed = object.inside.take().map(|inside| inside.counted_from(tracer.before.get(oid).copied()));
            object.inside = inside.remove(oid);
            let before = tracer.known.get(oid);
            object.lock = match (object.lock, before.and_then(|before| before.lock)) {
                // A stronger lock of the same object is news, and its time begins anew.
                (Some((mode, _)), Some((known, since))) if mode <= known => Some((mode, since)),
                (Some((mode, _)), _) => Some((mode, begun)),
                (None, _) => None,
            };
            let seen = before.map_or(committed.as_ref(), |before| before.inside.as_ref());
            effects.extend(effects_on(object, before.and_then(|before| before.lock), seen));
        }
        tracer.known = now;
        Ok(Some(effects))
    }

    /// What the transaction itself sees of these objects.
    async fn inside(&self, oids: &[u32]) -> Result<BTreeMap<u32, Inside>, Error> {
        let statement = "SELECT c.oid, c.relfilenode, pg_catalog.pg_stat_get_xact_numscans(c.oid), pg_catalog.pg_stat_get_xact_tuples_returned(c.oid), \
             ARRAY(SELECT pg_catalog.concat(k.convalidated, ' ', k.conname) FROM pg_catalog.pg_constraint k \
                 WHERE k.conrelid OPERATOR(pg_catalog.=) c.oid ORDER BY k.oid LIMIT 100) \
             FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) ANY ($1)";
        let rows =
            self.connection.query("looking at what a statement did", statement, &[(&oids, Type::OID_ARRAY)]).await?;
        let inside = |row: &Row| -> Result<_, tokio_postgres::Error> {
            let constraints = constraints(&row.try_get::<_, Vec<&str>>(4)?);
            let inside = Inside { file: row.try_get(1)?, scans: row.try_get(2)?, rows: row.try_get(3)?, constraints };
            Ok((row.try_get(0)?, inside))
        };
        let failed = |error| from_driver("looking at what a statement did", &error);
        rows.iter().map(inside).collect::<Result<_, _>>().map_err(failed)
    }
}

fn constraints(texts: &[&str]) -> BTreeSet<(String, bool)> {
    texts.iter().filter_map(|text| text.split_once(' ')).map(|(valid, name)| (name.to_owned(), valid == "t")).collect()
}

/// How an object differs from what was `seen` of it before; `lock` is what was held then.
fn effects_on(object: &Object, lock: Option<(Mode, Instant)>, seen: Option<&Inside>) -> Vec<Effect> {
    let name = || object.name.clone();
    let mut effects = Vec::new();
    let mode = object.lock.map(|(mode, _)| mode);
    if let Some(mode) = mode.filter(|mode| lock.is_none_or(|(known, _)| *mode > known)) {
        effects.push(Effect::Locked(name(), mode));
    }
    match (seen, &object.inside) {
        (Some(before), Some(now)) => {
            if now.file != before.file {
                effects.push(Effect::Rewrote(name()));
            } else if now.scans > before.scans && mode.is_some() {
                effects.push(Effect::Read(name(), (now.rows - before.rows).max(0)));
            }
            for (constraint, valid) in now.constraints.difference(&before.constraints) {
                effects.push(Effect::Constraint { table: name(), name: constraint.clone(), valid: *valid });
            }
        }
        (Some(_), None) => effects.push(Effect::Dropped(name())),
        (None, _) => {}
    }
    effects
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(file: u32, scans: i64, rows: i64, of: &[(&str, bool)]) -> Inside {
        let constraints = of.iter().map(|(name, valid)| ((*name).to_owned(), *valid)).collect();
        Inside { file, scans, rows, constraints }
    }

    fn check(mode: Option<Mode>, held: Option<Mode>, before: &Inside, now: Option<Inside>, expected: &[&str]) {
        let at = Instant::now();
        let object = Object { name: "public.a".to_owned(), lock: mode.map(|mode| (mode, at)), inside: now };
        let effects = effects_on(&object, held.map(|mode| (mode, at)), Some(before));
        assert_eq!(effects.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_said_is_what_is_new() {
        use Mode::{AccessExclusive, Share};
        let plain = inside(1, 0, 0, &[("a_pkey", true)]);
        check(None, None, &plain, Some(inside(1, 3, 99, &[("a_pkey", true)])), &[]);
        check(Some(Share), None, &plain, Some(plain.clone()), &["SHARE on public.a: blocks writes"]);
        check(Some(Share), Some(AccessExclusive), &plain, Some(plain.clone()), &[]);
        check(
            Some(AccessExclusive),
            Some(Share),
            &plain,
            Some(inside(2, 1, 10, &[("a_pkey", true)])),
            &["ACCESS EXCLUSIVE on public.a: blocks reads and writes", "rewrote public.a"],
        );
        check(
            Some(Share),
            Some(Share),
            &plain,
            Some(inside(1, 1, 10, &[("a_pkey", true), ("b", true), ("c", false)])),
            &[
                "read all of public.a, 10 rows",
                "constraint b of public.a holds from now on",
                "constraint c of public.a is there, not valid yet",
            ],
        );
        check(Some(AccessExclusive), Some(AccessExclusive), &plain, None, &["dropped public.a"]);
    }

    #[test]
    fn modes_are_those_that_keep_others_out() {
        assert_eq!(Mode::of("RowExclusiveLock"), None);
        assert_eq!(Mode::of("ShareUpdateExclusiveLock").map(Mode::blocks), Some("schema changes and VACUUM"));
        assert!(Mode::AccessExclusive > Mode::Exclusive && Mode::Exclusive > Mode::ShareUpdateExclusive);
    }
}
