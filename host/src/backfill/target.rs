//! Which table, key and columns a specification means, as the catalogue has them now.

use super::rows::key_of;
use super::spec::{Spec, What};
use super::{Error, usage};
use crate::bindings::{Column, SqlError};
use crate::sql::lex::{self, Lexer};
use crate::sql::value::{self, Kind};
use crate::sql::{Connection, quote_identifier, quote_literal};
use tokio_postgres::Row;

/// A table and the columns that a job uses.
#[derive(Debug, Clone)]
pub struct Target {
    /// Qualified and quoted.
    pub table: String,
    /// Its name alone, quoted: what its columns are qualified with.
    pub alias: String,
    /// `pg_class.oid`.
    pub oid: u32,
    /// In the order of the index.
    pub key: Vec<KeyColumn>,
    /// Those that are set, in the order of the specification; none for SQL.
    pub output: Vec<OutputColumn>,
    /// What the transform gets, with how each is handled; none for SQL.
    pub input: Vec<(Column, Kind)>,
    /// Rows, as the server's statistics have it.
    pub estimate: i64,
    /// Bytes of a row on disk, roughly; 0 where nothing is known.
    pub width: u64,
}

/// A column of the key.
#[derive(Debug, Clone)]
pub struct KeyColumn {
    /// Quoted.
    pub name: String,
    /// Its type without modifier, as a cast has it.
    pub type_name: String,
    /// Its base type's oid.
    pub oid: u32,
    /// How it is handled.
    pub kind: Kind,
}

impl KeyColumn {
    /// Whether ranges of it can be computed.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        matches!(self.kind, Kind::Int2 | Kind::Int4 | Kind::Int8)
    }
}

/// A column that is set.
#[derive(Debug, Clone)]
pub struct OutputColumn {
    /// Quoted.
    pub name: String,
    /// As the user knows it, for messages.
    pub shown: String,
    /// Its base type without modifier, as a cast has it.
    pub type_name: String,
    /// How it is handled.
    pub kind: Kind,
    /// Whether a text is assigned as it is, so that one that is too long is an error and not cut.
    pub takes_text: bool,
}

/// A column of the catalogue.
struct Attribute {
    name: String,
    type_name: String,
    oid: u32,
    kind: Kind,
    not_null: bool,
    takes_text: bool,
}

impl Target {
    /// Finds it, or says what is wrong with the specification.
    pub async fn find(connection: &mut Connection, spec: &Spec) -> Result<Self, Error> {
        let (_, found) = connection.raw_rows(&table_query(&spec.table)).await?;
        let Some(table) = found.first() else {
            let message = format!("table `{}` does not exist", spec.table);
            return Err(Error::Record(SqlError {
                sqlstate: "42P01".to_owned(),
                ..usage(message, Some("`table` is written as after FROM: quoted and qualified where that is needed"))
            }));
        };
        let oid: u32 = table.get(0);
        let (schema, name, kind): (&str, &str, i8) = (table.get(1), table.get(2), table.get(3));
        if !matches!(kind.cast_unsigned(), b'r' | b'p') {
            return Err(Error::Record(usage(format!("`{}` is no table", spec.table), Some("name the table itself"))));
        }
        if table.get(6) {
            let message = format!("`{}` has child tables that inherit from it", spec.table);
            return Err(Error::Record(usage(message, Some("no key is unique over all of them: use UPDATE"))));
        }
        let attributes = attributes(connection, oid).await?;
        let estimate = table.get::<_, i64>(4).max(0);
        let alias = quote_identifier(name);
        let mut target = Self {
            table: format!("{}.{alias}", quote_identifier(schema)),
            alias,
            oid,
            key: key(connection, spec, oid, &attributes).await?,
            output: Vec::new(),
            input: Vec::new(),
            estimate,
            width: u64::try_from(table.get::<_, i64>(5) / estimate.max(1)).unwrap_or(0),
        };
        let (source, input, output) = match &spec.work {
            What::Transform { source, input, output, .. } => (source, input, output),
            What::Sql(set) => {
                let names = assigned(set);
                match target.key.iter().find(|key| names.contains(&key.name)) {
                    Some(key) => return Err(Error::Record(key_is_written(&key.name))),
                    None => return Ok(target),
                }
            }
        };
        for name in output {
            let attribute = named(name, &attributes, spec)?;
            let column = OutputColumn {
                name: quote_identifier(&attribute.name),
                shown: attribute.name.clone(),
                type_name: attribute.type_name.clone(),
                kind: attribute.kind,
                takes_text: attribute.takes_text,
            };
            if target.key.iter().any(|key| key.name == column.name) {
                return Err(Error::Record(key_is_written(name)));
            }
            if target.output.iter().any(|other| other.name == column.name) {
                return Err(Error::Record(usage(format!("`{name}` stands twice in `output`"), None)));
            }
            target.output.push(column);
        }
        let source = target.source(source.as_deref());
        let nothing = format!("SELECT {} FROM {source} LIMIT 0", input.join(", "));
        let (described, _) = connection.raw_rows(&nothing).await?;
        if described.len() != input.len() {
            let message = format!("`input` names {} columns and gives {}", input.len(), described.len());
            return Err(Error::Record(usage(message, Some("write one expression for each, and no `*`"))));
        }
        let (columns, kinds) = connection.name_types(described).await?;
        target.input = columns.into_iter().zip(kinds).collect();
        Ok(target)
    }

    /// The largest key there is; none in an empty table.
    pub async fn last(&self, connection: &Connection) -> Result<Option<Vec<String>>, Error> {
        let (_, rows) = connection.raw_rows(&self.last_key()).await?;
        rows.first().map(|row| key_of(self, row).map_err(Error::Record)).transpose()
    }

    /// What stands after FROM.
    #[must_use]
    pub fn source(&self, query: Option<&str>) -> String {
        match query {
            None => self.table.clone(),
            Some(query) => {
                let joined: Vec<_> =
                    self.key.iter().map(|key| format!("{0}.{1} = source.{1}", self.alias, key.name)).collect();
                format!("{} JOIN ({query}) AS source ON {}", self.table, joined.join(" AND "))
            }
        }
    }
}

fn table_query(table: &str) -> String {
    format!(
        "SELECT c.oid, n.nspname, c.relname, c.relkind, coalesce(s.rows, 0), coalesce(s.size, 0), \
         c.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, LATERAL (\
         SELECT sum(greatest(p.reltuples, 0))::int8 AS rows, sum(pg_catalog.pg_table_size(p.oid))::int8 AS size \
         FROM pg_catalog.pg_class p WHERE p.oid = c.oid OR p.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid) \
         WHERE isleaf)) AS s WHERE c.oid = pg_catalog.to_regclass({})",
        quote_literal(table)
    )
}

/// All columns of a table. Of a domain the type below it counts: values travel in its form, and the assignment checks the rest.
async fn attributes(connection: &Connection, table: u32) -> Result<Vec<Attribute>, Error> {
    let statement = format!(
        "SELECT a.attname, pg_catalog.format_type(t.oid, -1), t.oid, t.typtype = 'e', t.typname = 'citext', a.attnotnull \
         FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = (WITH RECURSIVE base AS (\
         SELECT y.oid, y.typtype, y.typbasetype FROM pg_catalog.pg_type y WHERE y.oid = a.atttypid UNION ALL \
         SELECT y.oid, y.typtype, y.typbasetype FROM base JOIN pg_catalog.pg_type y ON y.oid = base.typbasetype \
         WHERE base.typtype = 'd') SELECT oid FROM base WHERE typtype <> 'd') \
         WHERE a.attrelid = {table} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
    );
    let (_, rows) = connection.raw_rows(&statement).await?;
    Ok(rows.iter().map(attribute).collect())
}

fn attribute(row: &Row) -> Attribute {
    /// text, varchar, char(n), name.
    const TEXTS: [u32; 4] = [25, 1043, 1042, 19];
    let oid: u32 = row.get(2);
    let (is_enum, is_citext): (bool, bool) = (row.get(3), row.get(4));
    let kind = if is_enum || is_citext { Kind::TextLike } else { value::kind_of(oid).unwrap_or(Kind::Other) };
    Attribute {
        name: row.get(0),
        type_name: row.get(1),
        oid,
        kind,
        not_null: row.get(5),
        takes_text: is_citext || TEXTS.contains(&oid),
    }
}

fn key_is_written(name: &str) -> SqlError {
    let hint = Some("a key that changes would be visited twice: write it in a revision of its own, with SQL");
    usage(format!("`{name}` is part of the key and cannot be written"), hint)
}

/// The columns that a SET list assigns, quoted: what stands at the beginning of each item, alone or in parentheses.
fn assigned(set: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut depth, mut begins, mut listed) = (0_u32, true, false);
    for token in Lexer::new(set).map_while(Result::ok) {
        match token.kind {
            lex::Kind::Open => {
                listed |= begins && depth == 0;
                depth += 1;
            }
            lex::Kind::Close => {
                depth = depth.saturating_sub(1);
                listed &= depth > 0;
                begins = false;
            }
            lex::Kind::Symbol if token.text == "," && (depth == 0 || listed) => begins = true,
            lex::Kind::Word | lex::Kind::QuotedName if begins => {
                names.push(quote_identifier(&plain(token.text)));
                begins = false;
            }
            _ => begins = false,
        }
    }
    names
}

/// A name as the catalogue has it.
fn plain(name: &str) -> String {
    match name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_lowercase(),
    }
}

/// The column that `name` means, quoted or not.
fn named<'a>(name: &str, attributes: &'a [Attribute], spec: &Spec) -> Result<&'a Attribute, Error> {
    let plain = plain(name);
    attributes.iter().find(|attribute| attribute.name == plain).ok_or_else(|| {
        let message = format!("table `{}` has no column `{name}`", spec.table);
        Error::Record(SqlError { sqlstate: "42703".to_owned(), ..usage(message, None) })
    })
}

async fn key(
    connection: &Connection,
    spec: &Spec,
    table: u32,
    attributes: &[Attribute],
) -> Result<Vec<KeyColumn>, Error> {
    let mut wanted = Vec::new();
    for name in &spec.key {
        let attribute = named(name, attributes, spec)?;
        if !attribute.not_null {
            let message = format!(
                "column `{}` of the key may be NULL, and rows where it is would be passed over",
                attribute.name
            );
            let hint = format!("ALTER TABLE {} ALTER COLUMN {name} SET NOT NULL, or name another key", spec.table);
            return Err(Error::Record(usage(message, Some(&hint))));
        }
        wanted.push(attribute.name.clone());
    }
    wanted.sort_unstable();
    let statement = format!(
        "SELECT i.indisprimary, (SELECT array_agg(a.attname::text ORDER BY k.place) \
         FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place) \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number WHERE k.place <= i.indnkeyatts) \
         FROM pg_catalog.pg_index i WHERE i.indrelid = {table} AND i.indisunique AND i.indisvalid AND i.indpred IS NULL \
         AND i.indexprs IS NULL ORDER BY i.indisprimary DESC, i.indexrelid"
    );
    let (_, rows) = connection.raw_rows(&statement).await?;
    let mut unique =
        rows.iter().map(|row| (row.get::<_, bool>(0), row.get::<_, Option<Vec<String>>>(1).unwrap_or_default()));
    let found = unique.find(|(primary, columns)| {
        if wanted.is_empty() {
            return *primary;
        }
        let mut columns = columns.clone();
        columns.sort_unstable();
        columns == wanted
    });
    let Some((_, columns)) = found else {
        let (message, hint) = if wanted.is_empty() {
            (
                format!("table `{}` has no primary key", spec.table),
                "name columns in `key` that are not null and have a unique index, or add one: CREATE UNIQUE INDEX CONCURRENTLY",
            )
        } else {
            (
                format!("table `{}` has no unique index over exactly {}", spec.table, wanted.join(", ")),
                "add one: CREATE UNIQUE INDEX CONCURRENTLY, or leave `key` out to use the primary key",
            )
        };
        return Err(Error::Record(usage(message, Some(hint))));
    };
    columns
        .iter()
        .map(|name| {
            let attribute = attributes.iter().find(|attribute| attribute.name == *name);
            let attribute = attribute.ok_or_else(|| Error::Record(usage(format!("no column `{name}`"), None)))?;
            if attribute.kind == Kind::Interval {
                let message = format!("key column `{name}` is an interval, whose text depends on the session");
                return Err(Error::Record(usage(message, Some("name another key, with a unique index of its own"))));
            }
            Ok(KeyColumn {
                name: quote_identifier(name),
                type_name: attribute.type_name.clone(),
                oid: attribute.oid,
                kind: attribute.kind,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::assigned;

    #[test]
    fn what_a_set_list_assigns() {
        let check = |set: &str, expected: &[&str]| assert_eq!(assigned(set), expected, "{set}");
        check("a = 1", &["\"a\""]);
        check("A = f(b, c), \"The B\" = (SELECT x, y FROM z)", &["\"a\"", "\"The B\""]);
        check("(a, b) = (1, 2), c[1] = id", &["\"a\"", "\"b\"", "\"c\""]);
        check("a = 'x, id = 1', b = id", &["\"a\"", "\"b\""]);
    }
}
