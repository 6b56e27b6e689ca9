//! What looks at the version rows or moves them without running anything: `stamp`, `plan`, `status`, `verify`, `log`,
//! `ensure_version`.

use crate::{
    commands::{branched, branched_project, has_schema, relations, rows},
    support::{
        Project,
        transcript::{Filters, session},
    },
};

#[test]
fn stamp_moves_the_rows_alone() {
    let (project, filters) = branched_project();
    session(
        &project,
        &filters,
        "$ wmigrate stamp 3c00 4d00
         exit 0
         err Running stamp_revision  -> 3c00
         err Running stamp_revision  -> 4d00
         $ wmigrate stamp 5e00
         exit 0
         err Running stamp_revision 3c00, 4d00 -> 5e00
         $ wmigrate stamp 5e00
         exit 0
         $ wmigrate stamp heads
         exit 0
         err Running stamp_revision  -> 6f00
         $ wmigrate stamp 2b
         exit 0
         err Running stamp_revision 5e00, 6f00 -> 2b00
         $ wmigrate stamp base
         exit 0
         err Running stamp_revision 2b00 ->",
    );
    assert_eq!((rows(&project).as_str(), relations(&project).as_str()), ("", ""));
    let log = project.psql("SELECT direction, revision, outcome FROM wmigrate.log ORDER BY id");
    assert_eq!(
        log.lines().collect::<Vec<_>>(),
        ["stamp|3c00|ok", "stamp|4d00|ok", "stamp|5e00|ok", "stamp|6f00|ok", "stamp|2b00|ok", "stamp|base|ok"]
    );
}

#[test]
fn a_stamp_that_makes_no_sense_leaves_an_empty_database_empty() {
    let (project, filters) = branched_project();
    session(
        &project,
        &filters,
        "$ wmigrate stamp 9999
         exit 10
         err error: can't locate revision identified by `9999`: no such revision or branch
         err hint: `wmigrate history` lists all revisions",
    );
    assert!(!has_schema(&project));
}

#[test]
fn only_a_purge_removes_rows_that_nobody_knows() {
    let (project, filters) = branched_project();
    project.ok(["upgrade", "2b00"]);
    project.psql("INSERT INTO wmigrate.version VALUES ('beef')");
    let ahead = "
         exit 10
         err error: can't locate revision identified by `beef`: the database says it is applied, but no file in the versions folders has that id
         err hint: the database is probably ahead of these files: use a newer checkout; if the revision is gone for good, `wmigrate stamp --purge <revision>` records what is really applied";
    for command in
        ["upgrade heads", "downgrade base", "stamp 3c00", "current", "show current", "history -r current:", "verify"]
    {
        session(&project, &filters, &format!("$ wmigrate {command}{ahead}"));
    }
    assert_eq!(rows(&project), "2b00 beef");
    session(
        &project,
        &filters,
        "$ wmigrate stamp --purge 2b00
         exit 0
         err Running stamp_revision  -> 2b00",
    );
    assert_eq!((rows(&project).as_str(), relations(&project).as_str()), ("2b00", "accounts"));
    project.psql("INSERT INTO wmigrate.version VALUES ('beef')");
    session(
        &project,
        &filters,
        "$ wmigrate stamp --purge base
         exit 0
         err Running stamp_revision 2b00, beef ->",
    );
    assert_eq!(rows(&project), "");
    let log = project.psql("SELECT revision, direction FROM wmigrate.log ORDER BY id DESC LIMIT 2");
    assert_eq!(log, "base|stamp\n2b00|stamp");
}

#[test]
fn a_plan_needs_no_database() {
    let mut project = Project::without_database();
    branched(&project);
    project.set("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing");
    let filters = Filters::of(&project);
    session(
        &project,
        &filters,
        "$ wmigrate plan upgrade shop@head --from ''
         exit 0
         out upgrade  -> 1a00, create accounts
         out upgrade 1a00 -> 2b00, add email
         out upgrade 2b00 -> 4d00, create blog
         out upgrade 2b00 -> 3c00, create shop
         out upgrade 3c00, 4d00 -> 5e00, join shop and blog
         err would run 5 step(s); the database would then be at 5e00
         $ wmigrate plan downgrade -1 --from 2b00 --exit-code
         exit 3
         out downgrade 2b00 -> 1a00, add email
         err would run 1 step(s); the database would then be at 1a00
         $ wmigrate plan downgrade base --from 3c00,4d00
         exit 0
         out downgrade 3c00 -> 2b00, create shop
         out downgrade 4d00 -> 2b00, create blog
         out downgrade 2b00 -> 1a00, add email
         out downgrade 1a00 -> , create accounts
         err would run 4 step(s); the database would then be at base
         $ wmigrate plan stamp 5e00 --from 3c00,4d00
         exit 0
         out stamp_revision 3c00, 4d00 -> 5e00
         err would move the version rows in 1 step(s); the database would then be at 5e00
         $ wmigrate plan upgrade heads --from 5e00,6f00 --exit-code
         exit 0
         err nothing to do",
    );
    let plan = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&project.ok([&["plan"], arguments, &["--json"]].concat())).unwrap()
    };
    assert_eq!(
        plan(&["upgrade", "heads", "--from", "3c00,4d00"]),
        serde_json::json!({
            "steps": [
                { "direction": "upgrade", "revision": "6f00", "from": [], "to": ["6f00"], "message": "create audit" },
                { "direction": "upgrade", "revision": "5e00", "from": ["3c00", "4d00"], "to": ["5e00"], "message": "join shop and blog" },
            ],
            "heads_after": ["5e00", "6f00"],
        })
    );
    assert_eq!(
        plan(&["downgrade", "shop@2b00", "--from", "5e00"]),
        serde_json::json!({
            "steps": [
                { "direction": "downgrade", "revision": "5e00", "from": ["5e00"], "to": ["3c00", "4d00"], "message": "join shop and blog" },
                { "direction": "downgrade", "revision": "3c00", "from": ["3c00"], "to": ["2b00"], "message": "create shop" },
            ],
            "heads_after": ["4d00"],
        })
    );
    assert_eq!(
        plan(&["stamp", "6f00", "2b00", "--from", ""]),
        serde_json::json!({
            "steps": [
                { "direction": "stamp", "revision": "6f00", "from": [], "to": ["6f00"], "message": "" },
                { "direction": "stamp", "revision": "2b00", "from": ["6f00"], "to": ["2b00"], "message": "" },
            ],
            "heads_after": ["2b00"],
        })
    );
    let nothing = serde_json::json!({ "steps": [], "heads_after": ["6f00"] });
    assert_eq!(plan(&["upgrade", "audit@head", "--from", "6f00"]), nothing);
}

#[test]
fn a_plan_is_what_then_runs() {
    let (project, _) = branched_project();
    for command in [["upgrade", "heads"], ["downgrade", "1a00"]] {
        let planned = project.ok(["plan", command[0], command[1]]);
        let ran = project.wmigrate(command);
        let ran: String =
            ran.stderr.lines().filter_map(|line| line.strip_prefix("Running ")).map(|l| format!("{l}\n")).collect();
        assert_eq!(planned, ran);
        assert!(!planned.is_empty());
    }
}

#[test]
fn status_is_one_screen() {
    let (project, _) = branched_project();
    let server = project.psql("SHOW server_version_num").parse::<u32>().unwrap();
    let shown = serde_json::from_str::<serde_json::Value>(&project.ok(["status", "--json"])).unwrap();
    assert_eq!(shown["server_version"], server);
    let database = shown["database"].as_str().unwrap().to_owned();
    let filters = Filters::default()
        .hide(&format!("{database} (PostgreSQL {}.{})", server / 10_000, server % 10_000), "[SERVER]");
    session(
        &project,
        &filters,
        "$ wmigrate status
         exit 0
         out database  [SERVER]
         out at        base (nothing applied)
         out heads     5e00, 6f00
         out pending   6 revisions
         out           1a00 create accounts
         out           2b00 add email
         out           4d00 create blog
         out           6f00 create audit
         out           3c00 create shop
         out           5e00 join shop and blog",
    );
    assert!(!has_schema(&project));
    assert_eq!(project.wmigrate(["status", "--exit-code"]).code, Some(3));
    project.ok(["upgrade", "heads"]);
    session(
        &project,
        &filters,
        "$ wmigrate status --exit-code
         exit 0
         out database  [SERVER]
         out at        5e00, 6f00
         out heads     5e00, 6f00
         out last      upgrade 5e00 ok by postgres at [TIME]
         out pending   nothing",
    );
    project.psql("UPDATE wmigrate.version SET revision = 'beef' WHERE revision = '6f00'");
    session(
        &project,
        &filters,
        "$ wmigrate status --exit-code
         exit 3
         out database  [SERVER]
         out at        5e00, beef
         out heads     5e00, 6f00
         out last      upgrade 5e00 ok by postgres at [TIME]
         out unknown   beef (no file in the versions folders; a newer checkout has it?)",
    );
    let shown = serde_json::from_str::<serde_json::Value>(&project.ok(["status", "--json"])).unwrap();
    assert_eq!(shown["rows"], serde_json::json!(["5e00", "beef"]));
    assert_eq!(shown["unknown_rows"], serde_json::json!(["beef"]));
    assert_eq!(shown["heads"], serde_json::json!(["5e00", "6f00"]));
    assert_eq!((&shown["pending"], &shown["lock"]), (&serde_json::json!([]), &serde_json::Value::Null));
    assert_eq!(shown["last"]["revision"], "5e00");
}

#[test]
fn the_log_tells_who_ran_what() {
    let (project, _) = branched_project();
    assert_eq!(project.ok(["log"]), "");
    project.ok(["upgrade", "2b00"]);
    project.sql("7a00", "2b00", "fail", "SELECT 1/0;", "");
    assert_eq!(project.wmigrate(["upgrade", "7a00"]).code, Some(1));
    project.ok(["downgrade", "-1"]);
    let entries: serde_json::Value = serde_json::from_str(&project.ok(["log", "--json"])).unwrap();
    let short: Vec<String> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|e| format!("{} {} {} {}", e["direction"], e["revision"], e["outcome"], e["error"]).replace('"', ""))
        .collect();
    assert_eq!(
        short,
        [
            "downgrade 2b00 ok null",
            "upgrade 7a00 failed division by zero (SQLSTATE 22012)",
            "upgrade 2b00 ok null",
            "upgrade 1a00 ok null"
        ]
    );
    assert!(entries[0]["db_user"] == "postgres" && entries[0]["client"].as_str().unwrap().starts_with("wmigrate"));
    let text = project.ok(["log", "-n", "2"]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].contains("  downgrade 2b00 ok"), "{text}");
    assert_eq!(lines[2], "    division by zero (SQLSTATE 22012)");
    assert_eq!(project.ok(["log", "1a"]).lines().count(), 1);
}

/// What earlier layouts had and this one has not.
const EARLIER: [&str; 3] = [
    "DROP PROCEDURE wmigrate.record; COMMENT ON SCHEMA wmigrate IS 'wmigrate: layout 1'; \
     CREATE INDEX log_revision ON wmigrate.log (revision, id); \
     ALTER TABLE wmigrate.log ADD CHECK (direction IN ('upgrade', 'downgrade', 'stamp')), ADD CHECK (outcome <> 'odd')",
    "DROP PROCEDURE wmigrate.record; COMMENT ON SCHEMA wmigrate IS 'wmigrate: layout 2'; \
     CREATE FUNCTION wmigrate.record(text, text, text, double precision, text, xid8, bigint, text[], text[], text[]) \
     RETURNS void LANGUAGE sql AS ''",
    "DROP TABLE wmigrate.journal, wmigrate.backfill_job, wmigrate.backfill_batch, wmigrate.backfill_quarantine; \
     DROP PROCEDURE wmigrate.step; COMMENT ON SCHEMA wmigrate IS 'wmigrate: layout 3'",
];

#[test]
fn an_older_layout_is_brought_up_to_date_by_what_writes() {
    let layout = "SELECT obj_description('wmigrate'::regnamespace), \
                  (SELECT string_agg(prokind::text, ',') FROM pg_proc WHERE pronamespace = 'wmigrate'::regnamespace), \
                  to_regclass('wmigrate.log_revision') IS NULL, (SELECT count(*) FROM wmigrate.log)";
    for (earlier, command) in EARLIER.into_iter().flat_map(|earlier| {
        ["upgrade 3c00", "downgrade -1", "stamp 1a00", "ensure_version"].map(|command| (earlier, command))
    }) {
        let (project, filters) = branched_project();
        project.ok(["upgrade", "2b00"]);
        project.psql(earlier);
        if command == "stamp 1a00" {
            project.psql("COMMENT ON SCHEMA wmigrate IS NULL");
        }
        let before = project.psql(layout);
        for reader in ["current", "history", "status", "verify", "log", "upgrade 2b00", "upgrade 3c00 --dry-run"] {
            project.ok(reader.split(' '));
            assert_eq!(project.psql(layout), before, "{reader}");
        }
        let said = project.wmigrate(command.split(' '));
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        let rows = if command == "ensure_version" { 2 } else { 3 };
        assert_eq!(project.psql(layout), format!("wmigrate: layout 4|p,p|t|{rows}"), "{command}");
        if command == "ensure_version" {
            assert_eq!(filters.apply(&said.stderr), "brought schema \"wmigrate\" up to date\n");
        }
    }
}

#[test]
fn a_schema_of_an_administrators_is_enough() {
    let (mut project, _) = branched_project();
    let database = project.database.as_ref().unwrap();
    let (role, name) = (format!("guest_{}", database.name), database.name.clone());
    let url = database.url_as(&role);
    project.psql(&format!(
        "CREATE ROLE {role} LOGIN; CREATE SCHEMA wmigrate; COMMENT ON SCHEMA wmigrate IS 'of the migrations'; \
         COMMENT ON SCHEMA wmigrate IS NULL; GRANT ALL ON SCHEMA wmigrate, public TO {role}; REVOKE CREATE ON DATABASE {name} FROM {role}"
    ));
    project.set("DATABASE_URL", &url);
    project.ok(["upgrade", "2b00", "--dry-run"]);
    assert_eq!(project.psql("SELECT to_regclass('wmigrate.version') IS NULL"), "t");
    project.ok(["upgrade", "2b00"]);
    project.ok(["downgrade", "base"]);
    project.psql(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
}

#[test]
fn ensure_version_makes_the_schema_and_nothing_else() {
    let (project, filters) = branched_project();
    session(
        &project,
        &filters,
        "$ wmigrate ensure_version
         exit 0
         err created schema \"wmigrate\"
         $ wmigrate ensure_version
         exit 0
         $ wmigrate ensure_version --json
         exit 0
         out {
         out   \"did\": \"nothing\",
         out   \"schema\": \"wmigrate\"
         out }
         $ wmigrate current
         exit 0",
    );
    assert!(has_schema(&project));
    assert_eq!((rows(&project).as_str(), relations(&project).as_str()), ("", ""));
    // Its script does the same, as often as it is run, and from every layout.
    let (other, _) = branched_project();
    let script = project.ok(["ensure_version", "--sql"]);
    other.psql(&script);
    for earlier in EARLIER {
        other.psql(earlier);
        other.psql(&script);
        assert!(other.ok(["ensure_version", "--json"]).contains("\"nothing\""), "{earlier}");
    }
    other.psql(&script);
    let columns = "SELECT string_agg(table_name || '.' || column_name || ' ' || data_type, ', ' ORDER BY table_name, ordinal_position) FROM information_schema.columns WHERE table_schema = 'wmigrate'";
    assert_eq!(other.psql(columns), project.psql(columns));
}

#[test]
fn the_schema_may_have_another_name() {
    let (project, _) = branched_project();
    project.write("wmigrate.toml", "versions = [\"versions\"]\n[database]\nschema = \"My history\"\n");
    project.ok(["upgrade", "2b00"]);
    assert_eq!(project.psql("SELECT revision FROM \"My history\".version"), "2b00");
    assert!(!has_schema(&project));
    assert_eq!(project.ok(["current"]), "2b00 (branchpoint)\n");
}
