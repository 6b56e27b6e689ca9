//! Why a plugin cannot be kept where it belongs, and then does not run.

use crate::sql;

/// Why a plugin does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database said no.
    #[error(transparent)]
    Sql(#[from] sql::Error),
    /// The host's role may not make roles.
    #[error(
        "the plugin `{plugin}` is not run: the role `{user}` may not create roles, and without one of its own a plugin can be kept from nothing"
    )]
    NoCreateRole {
        /// The plugin.
        plugin: String,
        /// Whose session it is.
        user: String,
    },
    /// Another operator made the roles.
    #[error("the plugin `{plugin}` is not run: the role `{user}` may not change {}, which another operator's has made", .roles.join(" and "))]
    Withheld {
        /// The plugin.
        plugin: String,
        /// Whose session it is.
        user: String,
        /// The roles.
        roles: Vec<String>,
    },
    /// A role of that name is somebody's.
    #[error("the plugin `{plugin}` is not run: the role `{role}` exists, and wmigrate did not make it")]
    ForeignRole {
        /// The plugin.
        plugin: String,
        /// The role.
        role: String,
    },
    /// A schema of that name is somebody's.
    #[error("the plugin `{plugin}` is not run: the schema `{schema}` exists, and wmigrate did not make it")]
    ForeignSchema {
        /// The plugin.
        plugin: String,
        /// The schema.
        schema: String,
    },
    /// Another publisher's plugin of that name is there.
    #[error("the plugin `{plugin}` of {publisher} is not run: the database has a plugin of that name, of {known}")]
    OtherPublisher {
        /// The plugin.
        plugin: String,
        /// Whose it is.
        publisher: String,
        /// Whose the other is.
        known: String,
    },
    /// A later version has been here.
    #[error("the plugin `{plugin}` {version} is not run: the database has seen its version {known}")]
    Older {
        /// The plugin.
        plugin: String,
        /// Its version.
        version: String,
        /// The later one.
        known: String,
    },
    /// Its role could do more than was granted.
    #[error("the plugin `{plugin}` is not run: its role could create objects in {place}, as every role can")]
    OpenSchema {
        /// The plugin.
        plugin: String,
        /// Where.
        place: String,
    },
    /// Code of its that would run as somebody else.
    #[error(
        "the plugin `{plugin}` would leave the trigger `{trigger}` on {table}, and its tables refer to others that are not its own: before PostgreSQL 18 \
         it would run with the rights of whoever deletes there"
    )]
    Trigger {
        /// The plugin.
        plugin: String,
        /// Its table.
        table: String,
        /// The trigger.
        trigger: String,
    },
    /// A dry run, which writes no bookkeeping of its own, found none.
    #[error("the plugin `{plugin}` is not run: wmigrate's own schema is not there, or of an earlier layout")]
    NoBookkeeping {
        /// The plugin.
        plugin: String,
    },
    /// Its role could not log in.
    #[error("the plugin `{plugin}` is not run: its role `{role}` could not log in")]
    Login {
        /// The plugin.
        plugin: String,
        /// The role.
        role: String,
        /// Why.
        #[source]
        cause: sql::Error,
    },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Sql(_) => return None,
            Self::NoCreateRole { user, .. } => {
                format!("as an administrator: ALTER ROLE {} CREATEROLE", sql::quote_identifier(user))
            }
            Self::Withheld { user, roles, .. } => {
                let roles: Vec<_> = roles.iter().map(|role| sql::quote_identifier(role)).collect();
                format!(
                    "as the one who has, or an administrator: GRANT {} TO {} WITH ADMIN OPTION",
                    roles.join(", "),
                    sql::quote_identifier(user)
                )
            }
            Self::ForeignRole { role, .. } => format!(
                "look at what it is for; if nothing needs it: DROP OWNED BY {0}; DROP ROLE {0}",
                sql::quote_identifier(role)
            ),
            Self::ForeignSchema { plugin, .. } => {
                format!("give the plugin another one: `schema = \"…\"` under `[plugins.{plugin}]` in wmigrate.toml")
            }
            Self::OtherPublisher { plugin, .. } => format!(
                "two plugins of one name cannot be in one database; to be rid of the other: wmigrate plugin remove {plugin}"
            ),
            Self::Older { plugin, known, .. } => {
                format!("add the package of version {known} or a later one: wmigrate plugin add FILE (it replaces `{plugin}`)")
            }
            Self::OpenSchema { place, .. } => {
                format!("as the owner or an administrator: REVOKE CREATE ON {place} FROM PUBLIC")
            }
            Self::Trigger { plugin, .. } => format!(
                "its publisher must do without AFTER triggers, or without the foreign key; until then: wmigrate plugin remove {plugin}; from version 18 on it may stay"
            ),
            Self::NoBookkeeping { .. } => "make it: wmigrate ensure_version".to_owned(),
            Self::Login { .. } => {
                "let roles log in with a password over this connection: a line like the present one in pg_hba.conf, with `scram-sha-256`; \
                 a pooler in between is no way for it"
                    .to_owned()
            }
        })
    }
}
