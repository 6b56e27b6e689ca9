//! What a dry run says of each statement: which tables it locks, writes anew, reads whole.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails, and says why")]

use crate::support::{Project, running::assert_says};

/// What is said of `statements` on a table with a thousand rows.
fn trace(statements: &str) -> Vec<String> {
    let project = Project::new();
    let table = "CREATE TABLE big (id int PRIMARY KEY, v int, t text);\nINSERT INTO big SELECT i, i, 'x' FROM generate_series(1, 1000) i;\nCREATE TABLE other (id int PRIMARY KEY);";
    project.sql("a1", "", "a table", table, "DROP TABLE big;");
    project.ok(["upgrade", "head"]);
    let before = project.psql("SELECT pg_relation_filenode('big'), count(*) FROM pg_class");
    project.sql("a2", "a1", "a change", statements, "SELECT 1;");
    let output = project.wmigrate(["upgrade", "head", "--dry-run"]);
    assert_says(&output, 0, &["dry run: 1 revision rolled back, nothing was changed"]);
    assert_eq!(project.psql("SELECT pg_relation_filenode('big'), count(*) FROM pg_class"), before);
    let said = output.stderr.lines().filter_map(|line| line.strip_prefix("  a2: "));
    // How long it was is not what is compared.
    // From version 18 on NOT NULL is a constraint with a name.
    let said = said.filter(|line| !line.contains("_not_null of "));
    said.map(|line| line.split(" for ").next().unwrap_or(line).to_owned()).collect()
}

#[test]
fn each_statement_says_what_it_does_to_what_was_there() {
    const EXCLUSIVE: &str = "ACCESS EXCLUSIVE on public.big: blocks reads and writes";
    const HELD: &str = "public.big: reads and writes blocked";
    let check = |statements: &str, expected: &[&str]| assert_eq!(trace(statements), expected, "{statements}");
    check("INSERT INTO big VALUES (0, 0, '');\nSELECT count(*) FROM big;", &[]);
    check("CREATE TABLE new (id int);\nALTER TABLE new ADD COLUMN v int;\nDROP TABLE new;", &[]);
    check("ALTER TABLE big ADD COLUMN w int;", &[EXCLUSIVE, HELD]);
    check("ALTER TABLE big ALTER COLUMN v TYPE bigint;", &[EXCLUSIVE, "rewrote public.big", HELD]);
    check("ALTER TABLE big ALTER COLUMN t SET NOT NULL;", &[EXCLUSIVE, "read all of public.big, 1000 rows", HELD]);
    check(
        "ALTER TABLE big ADD CONSTRAINT positive CHECK (v > 0) NOT VALID;\nALTER TABLE big VALIDATE CONSTRAINT positive;",
        &[
            EXCLUSIVE,
            "constraint positive of public.big is there, not valid yet",
            "read all of public.big, 1000 rows",
            "constraint positive of public.big holds from now on",
            HELD,
        ],
    );
    check(
        "CREATE INDEX big_v ON big (v);\nDROP TABLE other;",
        &[
            "SHARE on public.big: blocks writes",
            "read all of public.big, 1000 rows",
            "ACCESS EXCLUSIVE on public.other: blocks reads and writes",
            "dropped public.other",
            "public.big: writes blocked",
            "public.other: reads and writes blocked",
        ],
    );
    check("TRUNCATE big;", &[EXCLUSIVE, "rewrote public.big", HELD]);
    check(
        "COMMENT ON TABLE big IS 'large';",
        &["SHARE UPDATE EXCLUSIVE on public.big: blocks schema changes and VACUUM"],
    );
}

#[test]
fn without_another_connection_a_dry_run_shows_less() {
    let mut project = Project::new();
    project.sql("a1", "", "a table", "CREATE TABLE big (id int);", "DROP TABLE big;");
    project.ok(["upgrade", "head"]);
    project.sql("a2", "a1", "a change", "ALTER TABLE big ADD COLUMN v int;", "SELECT 1;");
    let database = project.database.as_ref().unwrap();
    let role = format!("single_{}", database.name);
    let url = database.url_as(&role);
    project.psql(&format!(
        "CREATE ROLE {role} LOGIN CONNECTION LIMIT 1; GRANT CREATE ON SCHEMA public TO {role}; ALTER TABLE big OWNER TO {role}; \
         GRANT USAGE ON SCHEMA wmigrate TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA wmigrate TO {role}"
    ));
    project.set("DATABASE_URL", &url);
    assert_says(
        &project.wmigrate(["upgrade", "head", "--dry-run"]),
        0,
        &["note: locks are not looked at: ", "dry run: 1 revision rolled back, nothing was changed"],
    );
}
