//! Plugins: from a package to applied revisions and back, bad input, and code that means harm.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails, and says why")]

mod backfill;
mod budget;
mod hostile;
mod input;
mod life;
#[cfg(feature = "oci")]
mod oci;
mod trace;
mod triggers;
mod walls;
#[cfg(feature = "weakened")]
mod weakened;

use crate::support::{Output, Project, project::front_matter};

/// An application with an operator who is no superuser: he owns the database and may create roles.
pub struct App {
    /// The application's project.
    pub project: Project,
    /// The operator's role.
    pub admin: String,
}

impl App {
    /// At `a1`: a table with a secret in it.
    pub fn new() -> Self {
        let mut project = Project::new();
        let database = project.database.as_ref().unwrap();
        let (name, admin) = (database.name.clone(), format!("admin_{}", database.name));
        let url = database.url_as(&admin);
        project.psql(&format!("CREATE ROLE {admin} LOGIN CREATEROLE; ALTER DATABASE {name} OWNER TO {admin}"));
        // As it is from version 15 on.
        project.psql(&format!("REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT ALL ON SCHEMA public TO {admin}"));
        project.set("DATABASE_URL", &url);
        project.sql(
            "a1",
            "",
            "authors",
            "CREATE TABLE author (id int PRIMARY KEY, name text, secret text);\nINSERT INTO author VALUES (1, 'Ada', 'swordfish');",
            "DROP TABLE author;",
        );
        project.ok(["upgrade", "head"]);
        Self { project, admin }
    }

    /// Makes a package out of these revisions (file name and text without front matter), one behind the other.
    pub fn package(&self, manifest: &Manifest<'_>, revisions: &[(&str, &str)]) -> String {
        let author = Project::without_database();
        let Manifest { name, version, publisher, request } = manifest;
        author.write(
            "plugin.toml",
            format!("name = \"{name}\"\nversion = \"{version}\"\npublisher = \"{publisher}\"\n[request]\n{request}"),
        );
        let mut down = String::new();
        for (index, (language, body)) in revisions.iter().enumerate() {
            let id = format!("{name}{}", index + 1);
            let comment = if *language == "sql" { "--" } else { "//" };
            let more = if index == 0 { "depends_on = \"a1\"\n" } else { "" };
            author.revision(
                &id,
                "a step",
                language,
                &format!("{}{body}", front_matter(comment, &id, &down, "a step", more)),
            );
            down = id;
        }
        let out = self.project.folder.join(format!("{name}-{version}.wmigrate")).display().to_string();
        author.ok(["plugin", "pack", "-o", &out]);
        out
    }

    /// The same, added and granted what it asks for.
    pub fn with_plugin(&self, manifest: &Manifest<'_>, revisions: &[(&str, &str)]) -> String {
        let package = self.package(manifest, revisions);
        self.project.ok(["plugin", "add", &package, "--yes"]);
        package
    }

    /// Runs its revisions.
    pub fn upgrade(&self, name: &str) -> Output {
        self.project.wmigrate(["plugin", "upgrade", name])
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // Roles are the server's, and outlive the database; one that still owns something stays until the server goes.
        let roles = "SELECT string_agg(quote_ident(rolname), ',') FROM pg_roles WHERE rolname LIKE \
                     'wm\\_' || (SELECT oid FROM pg_database WHERE datname = current_database()) || '\\_%'";
        let roles = self.project.psql(roles);
        if !std::thread::panicking() && !roles.is_empty() {
            self.project.psql(&format!("DROP OWNED BY {roles} CASCADE; DROP ROLE {roles}"));
        }
    }
}

/// What a package says of itself.
#[derive(Clone, Copy)]
pub struct Manifest<'a> {
    pub name: &'a str,
    pub version: &'a str,
    pub publisher: &'a str,
    /// The lines under `[request]`.
    pub request: &'a str,
}

/// A plugin that asks for little.
pub const NOTES: Manifest<'static> = Manifest {
    name: "notes",
    version: "1.0",
    publisher: "Acme",
    request: "read = [\"public.author(id, name)\"]\nreference = [\"public.author(id)\"]\n",
};

/// Signs a package as its publisher does; gives the public key as `[trust.keys]` has it.
pub fn sign(package: &str) -> String {
    let minisign::KeyPair { pk, sk } = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let bytes = std::fs::read(package).unwrap();
    let signature = minisign::sign(Some(&pk), &sk, &bytes[..], None, None).unwrap();
    std::fs::write(format!("{package}.minisig"), signature.into_string()).unwrap();
    pk.to_base64()
}

/// A SQL revision of these statements, up and down.
pub fn sql(up: &str, down: &str) -> String {
    format!("-- wmigrate:upgrade\n{up}\n-- wmigrate:downgrade\n{down}\n")
}
