//! The roles and schemas of plugins: made once, put right before each run, taken away at the end.

use super::{Error, Keeper, Names};
use crate::plugins::{Rights, Table};
use crate::sql::{self, Connection, quote_identifier, quote_literal};
use crate::state::record;
use crate::walls::{Wall, stands};
use tokio_postgres::types::Type;

/// By these comments we know what we have made.
const ROLE: &str = "wmigrate: role of the plugin ";
const OWNER: &str = "wmigrate: owns the schemas of plugins";
const SCHEMA: &str = "wmigrate: schema of the plugin ";

/// The first version in which CREATEROLE alone changes nobody else's roles, and a membership says what it is good for.
const BY_GRANT: u32 = 160_000;

/// What the database knows of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Its name.
    pub name: String,
    /// The latest version that ran here.
    pub version: String,
    /// Who publishes it.
    pub publisher: String,
    /// Its schema.
    pub schema: String,
    /// The rights that it was given, a line each.
    pub granted: String,
}

/// The plugins that have run in this database.
pub async fn registered(connection: &Connection, bookkeeping: &str) -> Result<Vec<Registered>, sql::Error> {
    if !has_table(connection, bookkeeping, "plugin").await? {
        return Ok(Vec::new());
    }
    let name = quote_identifier(bookkeeping);
    let select =
        format!("SELECT name, version, publisher, schema, granted FROM {name}.plugin ORDER BY name COLLATE \"C\"");
    let rows = connection.query("looking for plugins", &select, &[]).await?;
    Ok(rows
        .iter()
        .map(|row| Registered {
            name: row.get(0),
            version: row.get(1),
            publisher: row.get(2),
            schema: row.get(3),
            granted: row.get(4),
        })
        .collect())
}

/// Whether the bookkeeping has a table that came with the first plugin.
pub(super) async fn has_table(connection: &Connection, bookkeeping: &str, table: &str) -> Result<bool, sql::Error> {
    let name = quote_literal(&format!("{}.{table}", quote_identifier(bookkeeping)));
    let there = format!("SELECT pg_catalog.to_regclass({name}) IS NOT NULL");
    let rows = connection.query("looking for plugins", &there, &[]).await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

/// What is there under the names that we are about to use.
struct Found {
    user: String,
    may_create_roles: bool,
    owner: Option<String>,
    role: Option<String>,
    schema: Option<String>,
    has_owner: bool,
    has_role: bool,
    has_schema: bool,
    recorder: bool,
    /// Of these two roles, those that we made and this operator's role may not change.
    withheld: Vec<String>,
    /// Whether it can be the owner.
    may_be_owner: bool,
}

impl Keeper<'_> {
    /// Makes what is missing, refuses what is somebody else's, and puts the role in the state that we want: no settings, no
    /// rights but those that were granted.
    pub async fn prepare(&self, names: &Names) -> Result<(), Error> {
        let plugin = &self.plugin.manifest.name;
        let found = self.look(names).await?;
        if !found.may_create_roles {
            return Err(Error::NoCreateRole { plugin: plugin.clone(), user: found.user });
        }
        // From version 16 on CREATEROLE is about the roles that one has made, or was given.
        if self.host.server_version() >= BY_GRANT && !found.withheld.is_empty() {
            return Err(Error::Withheld { plugin: plugin.clone(), user: found.user, roles: found.withheld });
        }
        if !found.has_owner || !found.recorder {
            self.make_recorder(names, &found).await?;
        } else if !found.may_be_owner {
            let join = format!("GRANT {} TO CURRENT_USER", quote_identifier(&names.owner));
            self.host.batch("joining the owner of plugins", &join).await?;
        }
        self.make_own(names, &found).await?;
        let before = self.register().await?;
        self.put_right(names, before.as_ref()).await?;
        self.refuse_open_places(names).await
    }

    /// Whether its schema is there already.
    pub async fn has_schema(&self) -> Result<bool, sql::Error> {
        let statement = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)";
        let rows = self.host.query("looking for the schema", statement, &[(&self.plugin.schema, Type::TEXT)]).await?;
        Ok(rows.first().is_some_and(|row| row.get(0)))
    }

    async fn look(&self, names: &Names) -> Result<Found, sql::Error> {
        let statement = "SELECT CURRENT_USER::pg_catalog.text, (SELECT rolcreaterole OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = CURRENT_USER), \
             (SELECT pg_catalog.shobj_description(oid, 'pg_authid') FROM pg_catalog.pg_roles WHERE rolname = $1), \
             (SELECT pg_catalog.shobj_description(oid, 'pg_authid') FROM pg_catalog.pg_roles WHERE rolname = $2), \
             (SELECT pg_catalog.obj_description(oid, 'pg_namespace') FROM pg_catalog.pg_namespace WHERE nspname = $3), \
             EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1), EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $2), \
             EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $3), \
             pg_catalog.to_regprocedure($4) IS NOT NULL AND pg_catalog.to_regclass($5) IS NOT NULL, \
             ARRAY(SELECT rolname::pg_catalog.text FROM pg_catalog.pg_roles WHERE rolname IN ($1, $2) \
                 AND pg_catalog.shobj_description(oid, 'pg_authid') LIKE 'wmigrate: %' \
                 AND NOT pg_catalog.pg_has_role(oid, 'USAGE WITH ADMIN OPTION') ORDER BY 1), \
             EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1 AND pg_catalog.pg_has_role(oid, $6))";
        let privilege = if self.host.server_version() >= BY_GRANT { "SET" } else { "MEMBER" };
        let recorder = format!("{}.record_plugin(pg_catalog.bytea)", quote_identifier(self.bookkeeping));
        let trace = format!("{}.plugin_trace", quote_identifier(self.bookkeeping));
        let rows = self
            .host
            .query(
                "looking at the plugin's role",
                statement,
                &[
                    (&names.owner, Type::TEXT),
                    (&names.role, Type::TEXT),
                    (&self.plugin.schema, Type::TEXT),
                    (&recorder, Type::TEXT),
                    (&trace, Type::TEXT),
                    (&privilege, Type::TEXT),
                ],
            )
            .await?;
        let row = rows.first().expect("a SELECT without FROM gives one row");
        Ok(Found {
            user: row.get(0),
            may_create_roles: row.get(1),
            owner: row.get(2),
            role: row.get(3),
            schema: row.get(4),
            has_owner: row.get(5),
            has_role: row.get(6),
            has_schema: row.get(7),
            recorder: row.get(8),
            withheld: row.get(9),
            may_be_owner: row.get(10),
        })
    }

    /// The recorder, its tickets, and the role that owns both: it has the rights that the recorder needs, and no others.
    async fn make_recorder(&self, names: &Names, found: &Found) -> Result<(), Error> {
        let (schema, owner) = (quote_identifier(self.bookkeeping), quote_identifier(&names.owner));
        if found.has_owner && found.owner.as_deref() != Some(OWNER) {
            let plugin = self.plugin.manifest.name.clone();
            return Err(Error::ForeignRole { plugin, role: names.owner.clone() });
        }
        let mut script = Vec::new();
        if !found.has_owner {
            script.push(format!("CREATE ROLE {owner} NOLOGIN"));
            script.push(format!("COMMENT ON ROLE {owner} IS {}", quote_literal(OWNER)));
        }
        script.push(format!("GRANT {owner} TO CURRENT_USER"));
        script.push(format!(
            "CREATE TABLE IF NOT EXISTS {schema}.plugin (name text PRIMARY KEY, version text NOT NULL, publisher text NOT NULL, \
             digest text NOT NULL, schema text NOT NULL, granted text NOT NULL DEFAULT '', ran timestamptz)"
        ));
        script.push(super::flight::create(self.bookkeeping));
        script.push(format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {owner}"));
        script.push(format!("GRANT SELECT, INSERT, DELETE ON {schema}.version TO {owner}"));
        script.push(format!("GRANT INSERT ON {schema}.log TO {owner}"));
        script.push(format!("SET LOCAL ROLE {owner}"));
        script.push(format!(
            "CREATE TABLE IF NOT EXISTS {schema}.ticket (hash bytea PRIMARY KEY, role name NOT NULL, pid int NOT NULL, \
             xid xid8 NOT NULL, expires timestamptz NOT NULL, revision text NOT NULL, direction text NOT NULL, digest text, \
             started timestamptz NOT NULL, host_version text NOT NULL, client text NOT NULL, gone text[] NOT NULL, come text[] NOT NULL)"
        ));
        script.push(recorder(self.bookkeeping));
        script.push(format!("REVOKE ALL ON FUNCTION {schema}.record_plugin(pg_catalog.bytea) FROM PUBLIC"));
        script.push("RESET ROLE".to_owned());
        script.push(format!("REVOKE CREATE ON SCHEMA {schema} FROM {owner}"));
        Ok(self.host.together("making the recorder of plugins", &script).await?)
    }

    /// The plugin's own role and schema.
    async fn make_own(&self, names: &Names, found: &Found) -> Result<(), Error> {
        let plugin = &self.plugin.manifest.name;
        let (role, owner) = (quote_identifier(&names.role), quote_identifier(&names.owner));
        let schema = quote_identifier(&self.plugin.schema);
        let (ours, our_schema) = (format!("{ROLE}{plugin}"), format!("{SCHEMA}{plugin}"));
        if found.has_role && found.role.as_deref() != Some(&ours) {
            return Err(Error::ForeignRole { plugin: plugin.clone(), role: names.role.clone() });
        }
        if found.has_schema && found.schema.as_deref() != Some(&our_schema) {
            return Err(Error::ForeignSchema { plugin: plugin.clone(), schema: self.plugin.schema.clone() });
        }
        let mut script = Vec::new();
        if !found.has_role {
            script.push(format!("CREATE ROLE {role} NOLOGIN NOINHERIT NOCREATEDB NOCREATEROLE CONNECTION LIMIT 2"));
            script.push(format!("COMMENT ON ROLE {role} IS {}", quote_literal(&ours)));
        }
        if !found.has_schema {
            script.push(format!("CREATE SCHEMA {schema} AUTHORIZATION {owner}"));
            script.push(format!("SET LOCAL ROLE {owner}"));
            script.push(format!("COMMENT ON SCHEMA {schema} IS {}", quote_literal(&our_schema)));
            script.push("RESET ROLE".to_owned());
        }
        if script.is_empty() {
            return Ok(());
        }
        Ok(self.host.together("making the plugin's role and schema", &script).await?)
    }

    /// Notes who it is, and gives what was noted before; refuses another publisher's, and an older version.
    async fn register(&self) -> Result<Option<Registered>, Error> {
        let manifest = &self.plugin.manifest;
        let known = registered(self.host, self.bookkeeping).await?;
        let before = known.into_iter().find(|known| known.name == manifest.name);
        if let Some(known) = &before {
            if known.publisher != manifest.publisher {
                return Err(Error::OtherPublisher {
                    plugin: manifest.name.clone(),
                    publisher: manifest.publisher.clone(),
                    known: known.publisher.clone(),
                });
            }
            if manifest.is_older_than(&known.version) {
                return Err(Error::Older {
                    plugin: manifest.name.clone(),
                    version: manifest.version.clone(),
                    known: known.version.clone(),
                });
            }
        }
        let statement = format!(
            "INSERT INTO {}.plugin (name, version, publisher, digest, schema) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (name) DO UPDATE SET version = excluded.version, digest = excluded.digest, schema = excluded.schema",
            quote_identifier(self.bookkeeping)
        );
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 5] = [
            (&manifest.name, Type::TEXT),
            (&manifest.version, Type::TEXT),
            (&manifest.publisher, Type::TEXT),
            (&self.plugin.digest, Type::TEXT),
            (&self.plugin.schema, Type::TEXT),
        ];
        self.host.query("noting the plugin", &statement, &parameters).await?;
        Ok(before)
    }

    /// What was noted for a dry run is taken back to how it was `before`. Its rights go with the next run, which gives its own.
    pub async fn unregister(&self, before: &Registered) -> Result<(), sql::Error> {
        let statement = format!(
            "UPDATE {}.plugin SET version = $2, schema = $3, granted = 'those of a dry run' WHERE name = $1",
            quote_identifier(self.bookkeeping)
        );
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
            [(&before.name, Type::TEXT), (&before.version, Type::TEXT), (&before.schema, Type::TEXT)];
        self.host.query("noting the plugin", &statement, &parameters).await.map(drop)
    }

    /// What the role may have changed about itself is undone, and what it was granted is granted.
    async fn put_right(&self, names: &Names, before: Option<&Registered>) -> Result<(), Error> {
        let (role, owner) = (quote_identifier(&names.role), quote_identifier(&names.owner));
        let (schema, bookkeeping) = (quote_identifier(&self.plugin.schema), quote_identifier(self.bookkeeping));
        let mut script = scrub(names, self.host.server_version());
        script.extend([
            format!("SET LOCAL ROLE {owner}"),
            format!("REVOKE ALL ON SCHEMA {schema} FROM PUBLIC"),
            format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}"),
            format!("GRANT EXECUTE ON FUNCTION {bookkeeping}.record_plugin(pg_catalog.bytea) TO {role}"),
            "RESET ROLE".to_owned(),
            format!("GRANT USAGE ON SCHEMA {bookkeeping} TO {role}"),
        ]);
        let granted = self.plugin.rights.lines().join("\n");
        if before.is_none_or(|before| before.granted != granted) {
            script.extend(self.revocations(names).await?);
            script.extend(grants(&self.plugin.rights, &role));
            if !stands(Wall::Grants) {
                script.push(format!("GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"));
            }
            if !stands(Wall::Bookkeeping) {
                script.push(format!("GRANT ALL ON ALL TABLES IN SCHEMA {bookkeeping} TO {role}"));
            }
            script.push(format!(
                "UPDATE {bookkeeping}.plugin SET granted = {} WHERE name = {}",
                quote_literal(&granted),
                quote_literal(&self.plugin.manifest.name)
            ));
        }
        Ok(self.host.together("putting the plugin's role right", &script).await?)
    }

    /// Everything that the role holds on what is not its own.
    async fn revocations(&self, names: &Names) -> Result<Vec<String>, sql::Error> {
        let statement = "WITH p AS (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1) \
             SELECT DISTINCT pg_catalog.format('TABLE %I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, p \
                 WHERE c.relowner <> p.oid AND (EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) a WHERE a.grantee = p.oid) \
                 OR EXISTS (SELECT FROM pg_catalog.pg_attribute t, pg_catalog.aclexplode(t.attacl) a \
                     WHERE t.attrelid = c.oid AND a.grantee = p.oid)) \
             UNION ALL SELECT pg_catalog.format('SCHEMA %I', n.nspname) FROM pg_catalog.pg_namespace n, p \
                 WHERE n.nspname <> $2 AND n.nspname <> $3 AND EXISTS (SELECT FROM pg_catalog.aclexplode(n.nspacl) a WHERE a.grantee = p.oid)";
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
            [(&names.role, Type::TEXT), (&self.plugin.schema, Type::TEXT), (&self.bookkeeping, Type::TEXT)];
        let rows = self.host.query("looking at what the plugin holds", statement, &parameters).await?;
        let role = quote_identifier(&names.role);
        Ok(rows.iter().map(|row| format!("REVOKE ALL ON {} FROM {role}", row.get::<_, &str>(0))).collect())
    }

    /// Where every role may create, a plugin's may too: what it leaves there could be called by others.
    async fn refuse_open_places(&self, names: &Names) -> Result<(), Error> {
        let statement = "SELECT pg_catalog.format('SCHEMA %I', nspname) FROM pg_catalog.pg_namespace \
             WHERE nspname <> $2 AND nspname !~ '^pg_(temp|toast_temp)_' AND pg_catalog.has_schema_privilege($1, oid, 'CREATE') \
             UNION ALL SELECT pg_catalog.format('DATABASE %I', pg_catalog.current_database()) \
             WHERE pg_catalog.has_database_privilege($1, pg_catalog.current_database(), 'CREATE') LIMIT 1";
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
            [(&names.role, Type::TEXT), (&self.plugin.schema, Type::TEXT)];
        let rows = self.host.query("looking at what the plugin could do", statement, &parameters).await?;
        match rows.first() {
            Some(row) if stands(Wall::Places) => {
                Err(Error::OpenSchema { plugin: self.plugin.manifest.name.clone(), place: row.get(0) })
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// A role may set defaults for its own sessions, role-wide and for one database; neither reset does the other. Before 15 it
/// may also give its own membership away.
pub(super) fn scrub(names: &Names, server_version: u32) -> Vec<String> {
    let (role, database) = (quote_identifier(&names.role), quote_identifier(&names.database));
    // Who is a member may end its sessions, and needs no more than that.
    let member = if server_version >= BY_GRANT && stands(Wall::Role) { " WITH INHERIT TRUE, SET FALSE" } else { "" };
    if !stands(Wall::Scrub) {
        return vec![format!("GRANT {role} TO CURRENT_USER{member}")];
    }
    let mut script = vec![
        format!("ALTER ROLE {role} RESET ALL"),
        format!("ALTER ROLE {role} IN DATABASE {database} RESET ALL"),
        format!("GRANT {role} TO CURRENT_USER{member}"),
    ];
    if server_version < 150_000 {
        script.push(format!(
            "DO $members$ DECLARE one pg_catalog.text; BEGIN FOR one IN SELECT m.rolname FROM pg_catalog.pg_auth_members a \
             JOIN pg_catalog.pg_roles m ON m.oid OPERATOR(pg_catalog.=) a.member JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) a.roleid \
             WHERE r.rolname OPERATOR(pg_catalog.=) {} AND m.rolname OPERATOR(pg_catalog.<>) CURRENT_USER LOOP \
             EXECUTE pg_catalog.format('REVOKE %I FROM %I', {0}, one); END LOOP; END $members$",
            quote_literal(&names.role)
        ));
    }
    script
}

fn grants(rights: &Rights, role: &str) -> Vec<String> {
    let mut script: Vec<String> = rights
        .extensions
        .iter()
        .map(|name| format!("CREATE EXTENSION IF NOT EXISTS {}", quote_identifier(name)))
        .collect();
    let mut schemas: Vec<&str> =
        rights.lists().into_iter().flat_map(|(_, tables)| tables.iter().map(|table| table.schema.as_str())).collect();
    schemas.sort_unstable();
    schemas.dedup();
    script.extend(schemas.iter().map(|schema| format!("GRANT USAGE ON SCHEMA {} TO {role}", quote_identifier(schema))));
    for (list, tables) in rights.lists() {
        for table in tables {
            let (whole, of_columns): (&[&str], &[&str]) = match list {
                "read" => (&["SELECT"], &["SELECT"]),
                "write" => (&["INSERT", "UPDATE", "DELETE"], &["INSERT", "UPDATE"]),
                _ => (&["REFERENCES"], &["REFERENCES"]),
            };
            script.push(grant(table, if table.columns.is_none() { whole } else { of_columns }, role));
        }
    }
    script
}

fn grant(table: &Table, privileges: &[&str], role: &str) -> String {
    let columns = table.columns.as_ref().map(|columns| {
        format!(" ({})", columns.iter().map(|column| quote_identifier(column)).collect::<Vec<_>>().join(", "))
    });
    let columns = columns.unwrap_or_default();
    let privileges: Vec<_> = privileges.iter().map(|privilege| format!("{privilege}{columns}")).collect();
    format!(
        "GRANT {} ON TABLE {}.{} TO {role}",
        privileges.join(", "),
        quote_identifier(&table.schema),
        quote_identifier(&table.name)
    )
}

/// The statement that creates the recorder.
fn recorder(bookkeeping: &str) -> String {
    let mut text = include_str!("recorder.sql").to_owned();
    if !stands(Wall::Path) {
        text = text.replace(" SET search_path = pg_catalog, pg_temp", "");
        for operator in ["=", ">", "<>", "-"] {
            text = text.replace(&format!("OPERATOR(pg_catalog.{operator})"), operator);
        }
        text = text.replace("pg_catalog.", "");
    }
    if !stands(Wall::Transaction) {
        text = text.replace("            AND k.xid OPERATOR(pg_catalog.=) pg_catalog.pg_current_xact_id()\n", "");
    }
    record::filled(bookkeeping, &text)
}

/// Takes a plugin away: its role, its schema and all that is in it, what is noted of it. The caller has taken its revisions
/// down, or off the version rows.
pub async fn remove(
    connection: &Connection,
    bookkeeping: &str,
    plugin: &Registered,
    data_too: bool,
) -> Result<(), sql::Error> {
    let names = Names::of(connection, &plugin.name).await?;
    let (role, owner) = (quote_identifier(&names.role), quote_identifier(&names.owner));
    let note =
        format!("DELETE FROM {}.plugin WHERE name = {}", quote_identifier(bookkeeping), quote_literal(&plugin.name));
    let statement = "SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1)";
    let rows = connection.query("looking for the plugin's role", statement, &[(&names.role, Type::TEXT)]).await?;
    let has_role = rows.first().is_some_and(|row| row.get(0));
    let mut script = vec![note];
    if has_role {
        // Where it cannot set the role, the host still owns nothing of it: dropping needs membership alone.
        script.push(format!("GRANT {role} TO CURRENT_USER"));
        if data_too {
            script.push(format!("DROP OWNED BY {role}"));
            script.push(format!("SET LOCAL ROLE {owner}"));
            script.push(format!("DROP SCHEMA IF EXISTS {} CASCADE", quote_identifier(&plugin.schema)));
            script.push("RESET ROLE".to_owned());
        } else {
            // What it made becomes the owner's, who is nobody: it stays, and the application may be given it.
            script.push(format!("REASSIGN OWNED BY {role} TO {owner}"));
            script.push(format!("DROP OWNED BY {role}"));
        }
        script.push(format!("DROP ROLE {role}"));
    }
    connection.together("removing the plugin", &script).await
}
