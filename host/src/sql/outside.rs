//! Statements that the server refuses in a transaction, as far as words can tell, and what each is about: whoever runs
//! one has to find out afterwards whether it was done.

use super::words::Words;

/// Such a statement. Names are as it writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside<'a> {
    /// `CREATE INDEX CONCURRENTLY`
    CreateIndex {
        /// None: the server makes one up.
        name: Option<&'a str>,
        /// The table.
        on: &'a str,
    },
    /// `DROP INDEX CONCURRENTLY`
    DropIndex {
        /// The index.
        name: &'a str,
    },
    /// `REINDEX … CONCURRENTLY`, and `REINDEX` of all that a schema or database holds.
    Reindex {
        /// What is indexed anew.
        what: Indexed,
        /// Its name; a database's may be left out.
        name: Option<&'a str>,
    },
    /// `ALTER TABLE … DETACH PARTITION … CONCURRENTLY`
    Detach {
        /// The partitioned table.
        table: &'a str,
        /// The partition.
        partition: &'a str,
    },
    /// `VACUUM`
    Vacuum,
    /// `CLUSTER` of all tables.
    Cluster,
    /// What is about the server and not about what one database holds.
    Server(&'static str),
}

/// What a `REINDEX` is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indexed {
    /// One index.
    Index,
    /// The indexes of a table.
    Table,
    /// Those of a schema's tables.
    Schema,
    /// Those of all tables.
    Database,
    /// Those of the system's tables.
    System,
}

const DURABLE: &str = "put `transaction = \"none\"` into the front matter: each statement is then committed by itself, \
                       and after a crash the revision goes on where it stopped";

const OUTSIDE_HISTORY: &str =
    "create, move and drop it before or after the upgrade: a revision changes what is inside one database";

impl<'a> Outside<'a> {
    /// What `text` is, if it is one.
    #[must_use]
    pub fn of(text: &'a str) -> Option<Self> {
        let mut words = Words::new(text);
        words.skip_semicolons();
        if words.skip("create") {
            if words.skip("database") {
                return Some(Self::Server("CREATE DATABASE"));
            }
            if words.skip("tablespace") {
                return Some(Self::Server("CREATE TABLESPACE"));
            }
            let _ = words.skip("unique");
            return (words.skip("index") && words.skip("concurrently")).then(|| created(words))?;
        }
        if words.skip("drop") {
            if words.skip("database") {
                return Some(Self::Server("DROP DATABASE"));
            }
            if words.skip("tablespace") {
                return Some(Self::Server("DROP TABLESPACE"));
            }
            if !(words.skip("index") && words.skip("concurrently")) {
                return None;
            }
            let _ = words.skip("if") && words.skip("exists");
            return words.skip_name().map(|name| Self::DropIndex { name });
        }
        if words.skip("alter") {
            if words.skip("table") {
                return detached(words);
            }
            let moves =
                words.skip("database") && words.skip_name().is_some() && words.skip("set") && words.skip("tablespace");
            return moves.then_some(Self::Server("ALTER DATABASE … SET TABLESPACE"));
        }
        if words.skip("vacuum") {
            return Some(Self::Vacuum);
        }
        if words.skip("cluster") {
            let _ = words.skip_options();
            let _ = words.skip("verbose");
            return words.at_end().then_some(Self::Cluster);
        }
        if words.skip("reindex") { reindexed(words) } else { None }
    }

    /// Its name for messages.
    #[must_use]
    pub fn command(&self) -> &'static str {
        match self {
            Self::CreateIndex { .. } => "CREATE INDEX CONCURRENTLY",
            Self::DropIndex { .. } => "DROP INDEX CONCURRENTLY",
            Self::Reindex { what: Indexed::Index | Indexed::Table, .. } => "REINDEX … CONCURRENTLY",
            Self::Reindex { what: Indexed::Schema, .. } => "REINDEX SCHEMA",
            Self::Reindex { what: Indexed::Database, .. } => "REINDEX DATABASE",
            Self::Reindex { what: Indexed::System, .. } => "REINDEX SYSTEM",
            Self::Detach { .. } => "ALTER TABLE … DETACH PARTITION … CONCURRENTLY",
            Self::Vacuum => "VACUUM",
            Self::Cluster => "CLUSTER",
            Self::Server(command) => command,
        }
    }

    /// What whoever wrote it into a revision with a transaction can do.
    #[must_use]
    pub fn way_out(&self) -> &'static str {
        match self {
            Self::Server(_) => OUTSIDE_HISTORY,
            _ => DURABLE,
        }
    }
}

/// `[IF NOT EXISTS] [name] ON [ONLY] table …`
fn created(mut words: Words<'_>) -> Option<Outside<'_>> {
    let _ = words.skip("if") && words.skip("not") && words.skip("exists");
    // ON is a reserved word, so it is no index's name.
    let name = if words.skip("on") { None } else { Some(words.skip_name()?) };
    if name.is_some() && !words.skip("on") {
        return None;
    }
    let _ = words.skip("only");
    words.skip_name().map(|on| Outside::CreateIndex { name, on })
}

/// `[( … )] {INDEX | TABLE | SCHEMA | DATABASE | SYSTEM} [CONCURRENTLY] [name]`
fn reindexed(mut words: Words<'_>) -> Option<Outside<'_>> {
    let option = words.skip_options();
    let kinds = [
        ("index", Indexed::Index),
        ("table", Indexed::Table),
        ("schema", Indexed::Schema),
        ("database", Indexed::Database),
        ("system", Indexed::System),
    ];
    let what = kinds.into_iter().find(|(word, _)| words.skip(word))?.1;
    let concurrently = words.skip("concurrently") || option;
    let name = words.skip_name();
    (concurrently || !matches!(what, Indexed::Index | Indexed::Table)).then_some(Outside::Reindex { what, name })
}

fn detached(mut words: Words<'_>) -> Option<Outside<'_>> {
    let _ = words.skip("if") && words.skip("exists");
    let _ = words.skip("only");
    let table = words.skip_name()?;
    while words.peek().is_some() {
        if words.skip("detach") {
            if words.skip("partition")
                && let Some(partition) = words.skip_name()
                && words.skip("concurrently")
            {
                return Some(Outside::Detach { table, partition });
            }
        } else {
            words.step();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_statement_is_about() {
        let check = |text: &str, expected: Option<Outside<'_>>| assert_eq!(Outside::of(text), expected, "{text}");
        let index = |name, on| Some(Outside::CreateIndex { name, on });
        check("CREATE UNIQUE INDEX CONCURRENTLY i ON ONLY s.t (a)", index(Some("i"), "s.t"));
        check("; create index /* */ concurrently if not exists \"I\" on t (a)", index(Some("\"I\""), "t"));
        check("CREATE INDEX CONCURRENTLY ON t (a)", index(None, "t"));
        check("CREATE INDEX i ON t (a)", None);
        check("DROP INDEX CONCURRENTLY IF EXISTS s.i", Some(Outside::DropIndex { name: "s.i" }));
        let reindex = |what, name| Some(Outside::Reindex { what, name });
        check("REINDEX (VERBOSE, CONCURRENTLY) TABLE s.t", reindex(Indexed::Table, Some("s.t")));
        check("REINDEX INDEX CONCURRENTLY i", reindex(Indexed::Index, Some("i")));
        check("REINDEX (CONCURRENTLY off) INDEX i", None);
        check("REINDEX SCHEMA s", reindex(Indexed::Schema, Some("s")));
        check("REINDEX DATABASE", reindex(Indexed::Database, None));
        let detach = Some(Outside::Detach { table: "s.t", partition: "p" });
        check("ALTER TABLE IF EXISTS s.t DETACH PARTITION p CONCURRENTLY", detach);
        check("ALTER TABLE s.t DETACH PARTITION p", None);
        check("VACUUM (ANALYZE) t", Some(Outside::Vacuum));
        check("CLUSTER;", Some(Outside::Cluster));
        check("CLUSTER t", None);
        check("CREATE DATABASE d", Some(Outside::Server("CREATE DATABASE")));
        check("SELECT 'VACUUM'", None);
    }
}
