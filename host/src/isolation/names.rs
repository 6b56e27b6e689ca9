//! What a plugin's role is called. Roles are the whole cluster's: the name has the database in it.

use crate::sql::{Connection, Error};

/// The roles of one plugin in one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Owns the recorder and the plugins' schemas; nobody logs in as it.
    pub owner: String,
    /// The plugin's.
    pub role: String,
    /// The database.
    pub database: String,
}

impl Names {
    /// Asks which database this is.
    pub async fn of(connection: &Connection, plugin: &str) -> Result<Self, Error> {
        let statement = "SELECT oid::pg_catalog.text, datname::pg_catalog.text FROM pg_catalog.pg_database \
                         WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()";
        let rows = connection.query("asking which database this is", statement, &[]).await?;
        let row = rows.first().expect("one is connected to a database");
        Ok(Self::new(row.get(0), row.get(1), plugin))
    }

    fn new(oid: &str, database: &str, plugin: &str) -> Self {
        Self {
            owner: format!("wm_{oid}_owner"),
            // With a letter between, so that no plugin's name makes it another role's.
            role: format!("wm_{oid}_p_{plugin}"),
            database: database.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn a_plugin_cannot_be_called_as_the_owner_is() {
        let names = Names::new("16384", "app", "owner");
        assert_ne!(names.owner, names.role);
        // The longest of each fits what PostgreSQL keeps of a name.
        assert!(Names::new("4294967295", "app", &"p".repeat(40)).role.len() <= 63);
    }
}
