//! Every PostgreSQL type that matters, there and back: from the server through the functions a guest calls, in both shapes,
//! and back as a parameter. The server itself compares.

use std::time::Duration;

use wmigrate::{
    bindings::{Cells, Value, Vector},
    sql::{Begin, CallError, Connection, GuestLimits, Settings, Transaction},
};

use crate::{
    support::{Database, Project, fresh_database},
    values_table::{CASES, NAMED_OIDS, SETUP, WITHOUT_TEXT_FORM},
};

const LIMITS: GuestLimits = GuestLimits { statement_size: 16 << 20, result_size: 64 << 20 };

/// Types made by `SETUP` whose binary form only their maker knows: a column of them is to be cast to text.
const MADE: [&str; 5] = ["vt_mood[]", "vt_percent[]", "vt_row", "vt_row[]", "vt_floats"];

/// One transaction on a database that has the table's types; nothing is committed.
struct Session {
    transaction: Transaction,
    _database: Database,
}

impl Session {
    async fn begin() -> Self {
        let database = fresh_database();
        database.psql(SETUP);
        let settings = Settings::resolve(Some(&database.url), &|_| None).unwrap();
        let connection = Connection::open(&settings).await.unwrap();
        let begin = Begin { lock_timeout: Duration::ZERO, statement_timeout: Duration::ZERO, timed: true };
        let Ok(mut transaction) = Transaction::begin(connection, &begin).await else { panic!("no transaction") };
        transaction.execute("SET LOCAL timezone = 'UTC'", &[], LIMITS).await.unwrap();
        Self { transaction, _database: database }
    }

    /// The cells of the only row.
    async fn row(&mut self, statement: &str, values: &[Value]) -> Vec<Value> {
        let result = self.transaction.query(statement, values, LIMITS).await;
        let mut rows = result.unwrap_or_else(|error| panic!("{statement} {values:?}: {error:?}")).rows;
        assert_eq!(rows.len(), 1, "{statement}");
        rows.remove(0)
    }

    /// The server's text of a value of a type.
    async fn text_of(&mut self, value: Value, ty: &str) -> Value {
        self.row(&format!("SELECT ($1::{ty})::text"), &[value]).await.remove(0)
    }

    /// What the type's output function writes; a cast to text differs for `inet`, `bool` and `char(n)`.
    async fn output_of(&mut self, value: Value, ty: &str) -> Value {
        self.row(&format!("SELECT format('%s', $1::{ty})"), &[value]).await.remove(0)
    }

    /// The first column of a result in the other shape.
    async fn vector(&mut self, statement: &str) -> Result<Vector, CallError> {
        Ok(self.transaction.query_columns(statement, &[], LIMITS).await?.vectors.remove(0))
    }
}

fn run<F: Future<Output = ()>>(test: F) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

fn literals() -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = CASES.iter().chain(WITHOUT_TEXT_FORM).chain(NAMED_OIDS);
    all.flat_map(|(ty, literals)| literals.iter().map(|literal| (*ty, *literal)))
}

#[test]
fn rows_there_and_back() {
    run(async {
        let mut session = Session::begin().await;
        for (ty, literal) in literals() {
            let literal = format!("'{literal}'::{ty}");
            let row = session.row(&format!("SELECT {literal}, ({literal})::text"), &[]).await;
            let [value, expected] = <[Value; 2]>::try_from(row).unwrap();
            assert_eq!(session.text_of(value.clone(), ty).await, expected, "{literal} as {value:?}");
            // Also where the server infers the type by itself, as in an INSERT.
            let created = format!("CREATE TEMP TABLE probe (cell {ty}) ON COMMIT DROP");
            session.transaction.execute(&created, &[], LIMITS).await.unwrap();
            let inserted = session
                .transaction
                .execute("INSERT INTO probe VALUES ($1)", std::slice::from_ref(&value), LIMITS)
                .await;
            assert_eq!(inserted.unwrap(), 1);
            let kept = session.row("SELECT cell::text FROM probe", &[]).await;
            assert_eq!(kept, [expected], "{literal} as {value:?}");
            session.transaction.execute("DROP TABLE probe", &[], LIMITS).await.unwrap();
        }
    });
}

#[test]
fn null_of_every_type() {
    run(async {
        let mut session = Session::begin().await;
        for (ty, _) in CASES.iter().chain(WITHOUT_TEXT_FORM).chain(NAMED_OIDS) {
            assert_eq!(session.row(&format!("SELECT NULL::{ty}"), &[]).await, [Value::Null], "{ty}");
            assert_eq!(session.text_of(Value::Null, ty).await, Value::Null, "{ty}");
            match session.vector(&format!("SELECT NULL::{ty}")).await.unwrap() {
                Vector { nulls, cells: Cells::Text(text) } => {
                    assert_eq!((nulls, text.as_str()), (vec![1], "\0"), "{ty}");
                }
                Vector { nulls, cells: Cells::Fixed(bytes) } => {
                    assert_eq!(nulls, [1], "{ty}");
                    assert!(bytes.iter().all(|byte| *byte == 0), "{ty}");
                }
                Vector { nulls, cells: Cells::Bytes(cells) } => {
                    assert_eq!((nulls, cells), (vec![1], vec![vec![]]), "{ty}");
                }
            }
        }
    });
}

#[test]
fn columns_there_and_back() {
    run(async {
        let mut session = Session::begin().await;
        for (ty, literals) in CASES {
            for literal in *literals {
                let literal = format!("'{literal}'::{ty}");
                let expected = session.row(&format!("SELECT format('%s', {literal})"), &[]).await.remove(0);
                // Two rows with a NULL between them, so that places are right too.
                let statement = format!(
                    "SELECT CASE WHEN n = 2 THEN NULL ELSE {literal} END FROM generate_series(1, 3) n ORDER BY n"
                );
                let vector = match session.vector(&statement).await {
                    Ok(vector) => vector,
                    Err(CallError::Guest(error)) if MADE.contains(ty) => {
                        assert_eq!(error.kind, "result", "{literal}");
                        assert!(error.message.contains("cast it to text"), "{error:?}");
                        continue;
                    }
                    Err(error) => panic!("{literal}: {error:?}"),
                };
                assert!(!MADE.contains(ty), "{ty} has a text form now");
                assert_eq!(vector.nulls, [0, 1, 0], "{literal}");
                let first = match vector.cells {
                    Cells::Text(text) => {
                        let cells: Vec<_> = text.split('\0').collect();
                        assert_eq!(cells[..], [cells[0], "", cells[0], ""], "{literal}");
                        assert_eq!(Value::Text(cells[0].to_owned()), expected, "{literal}");
                        Value::Text(cells[0].to_owned())
                    }
                    Cells::Fixed(bytes) => {
                        let width = bytes.len() / 3;
                        assert_eq!(bytes[..width], bytes[2 * width..], "{literal}");
                        fixed(ty, &bytes[..width])
                    }
                    Cells::Bytes(cells) => {
                        assert_eq!(cells[0], cells[2]);
                        Value::Bytea(cells[0].clone())
                    }
                };
                // PostgreSQL 15 cannot read its own text of the smallest interval.
                if !literal.contains("-9223372036854775808 microseconds") {
                    assert_eq!(session.output_of(first, ty).await, expected, "{literal}");
                }
            }
        }
    });
}

/// Fixed-width bytes as the WIT describes them, as the value of that case.
fn fixed(ty: &str, bytes: &[u8]) -> Value {
    fn of<const N: usize>(bytes: &[u8]) -> [u8; N] {
        bytes.try_into().unwrap()
    }
    match ty {
        "bool" => Value::Boolean(bytes == [1]),
        "int2" => Value::Int2(i16::from_le_bytes(of(bytes))),
        "int4" | "vt_percent" => Value::Int4(i32::from_le_bytes(of(bytes))),
        "int8" => Value::Int8(i64::from_le_bytes(of(bytes))),
        "float4" => Value::Float4(f32::from_le_bytes(of(bytes))),
        "float8" => Value::Float8(f64::from_le_bytes(of(bytes))),
        "date" => Value::Date(i32::from_le_bytes(of(bytes))),
        "time" => Value::Time(i64::from_le_bytes(of(bytes))),
        "timestamp" => Value::Timestamp(i64::from_le_bytes(of(bytes))),
        "timestamptz" => Value::Timestamptz(i64::from_le_bytes(of(bytes))),
        other => panic!("`{other}` is not fixed-width"),
    }
}

#[test]
fn columns_without_a_text_form_say_so() {
    run(async {
        let mut session = Session::begin().await;
        for (ty, literals) in WITHOUT_TEXT_FORM {
            let error = session.vector(&format!("SELECT '{}'::{ty}", literals[0])).await.unwrap_err();
            let CallError::Guest(error) = error else { panic!("{ty}: {error:?}") };
            assert_eq!(error.kind, "result", "{ty}");
            assert!(error.message.contains("cast it to text"), "{error:?}");
        }
        for (ty, literals) in NAMED_OIDS {
            let statement = format!("SELECT '{0}'::{ty}, '{0}'::{ty}::oid::text", literals[0]);
            let vectors = session.transaction.query_columns(&statement, &[], LIMITS).await.unwrap().vectors;
            assert_eq!(vectors[0], vectors[1], "{ty}");
        }
    });
}

/// Cases of `value` where the server says which one a type has, and what it must not become.
#[test]
fn types_have_their_cases() {
    run(async {
        let mut session = Session::begin().await;
        let check = |literal: &str, expected: Value| (literal.to_owned(), expected);
        for (literal, expected) in [
            check("9007199254740993::int8", Value::Int8(9_007_199_254_740_993)),
            check("'NaN'::numeric", Value::Numeric("NaN".into())),
            check("'1.50'::numeric", Value::Numeric("1.50".into())),
            check("'ü'::vt_mood", Value::Text("ü".into())),
            check("7::vt_percent", Value::Int4(7)),
            check("'2000-01-02'::date", Value::Date(1)),
            check("'infinity'::date", Value::Date(i32::MAX)),
            check("'-infinity'::timestamptz", Value::Timestamptz(i64::MIN)),
            check("'2000-01-01 01:00:00+01'::timestamptz", Value::Timestamptz(0)),
            check("'{a,NULL}'::text[]", Value::TextArray(vec![Some("a".into()), None])),
            check("'{1,NULL}'::int8[]", Value::Int8Array(vec![Some(1), None])),
            check("'{ \"a\" : 1.0 }'::json", Value::Json("{ \"a\" : 1.0 }".into())),
            check("'\\xff00'::bytea", Value::Bytea(vec![255, 0])),
            check("'ab'::char(4)", Value::Text("ab  ".into())),
        ] {
            assert_eq!(session.row(&format!("SELECT {literal}"), &[]).await, [expected], "{literal}");
        }
    });
}

/// A parameter is read as the server reads a quoted literal, of the type it expects there.
#[test]
fn parameters_fit_the_type_that_is_expected() {
    run(async {
        let mut session = Session::begin().await;
        let text = |text: &str| Value::Text(text.to_owned());
        for (value, ty, expected) in [
            (Value::Int8(5), "int2", "5"),
            (Value::Int8(5), "numeric", "5"),
            (Value::Float8(0.1), "numeric", "0.1"),
            (text("2024-02-29"), "date", "2024-02-29"),
            (text("{1,2}"), "int4[]", "{1,2}"),
            (text(r"\x00ff"), "bytea", r"\x00ff"),
            (text("it's \\ \"q\""), "text", "it's \\ \"q\""),
            (Value::Int4(1), "text", "1"),
            (Value::Boolean(true), "bool", "true"),
            (
                Value::Uuid("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11".into()),
                "uuid",
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            ),
        ] {
            assert_eq!(session.text_of(value.clone(), ty).await, text(expected), "{value:?} as {ty}");
        }
        // What does not fit is an error of the guest's, and the savepoint brings the transaction back.
        for (value, ty, state) in [
            (Value::Int8(3_000_000_000), "int4", "22003"),
            (text("x"), "int4", "22P02"),
            (text("a\0b"), "text", "22021"),
            (Value::Date(i32::MAX - 1), "date", "22008"),
            (Value::Numeric("1; DROP".into()), "numeric", "22P02"),
        ] {
            let savepoint = session.transaction.savepoint().await.unwrap();
            let statement = format!("SELECT $1::{ty}");
            let error = session.transaction.query(&statement, std::slice::from_ref(&value), LIMITS).await.unwrap_err();
            let CallError::Guest(error) = error else { panic!("{value:?}: {error:?}") };
            session.transaction.rollback_to_savepoint(savepoint).await.unwrap();
            assert_eq!(error.sqlstate, state, "{value:?} as {ty}: {error:?}");
        }
        assert!(session.transaction.is_sound());
    });
}

/// Settings that a revision may change do not change what values mean.
#[test]
fn session_settings_do_not_change_values() {
    run(async {
        let mut session = Session::begin().await;
        for setting in [
            "SET LOCAL datestyle = 'German, DMY'",
            "SET LOCAL intervalstyle = 'sql_standard'",
            "SET LOCAL bytea_output = 'escape'",
            "SET LOCAL timezone = 'Asia/Kathmandu'",
            "SET LOCAL extra_float_digits = -15",
            "SET LOCAL standard_conforming_strings = on",
            "SET LOCAL lc_monetary = 'C'",
        ] {
            session.transaction.execute(setting, &[], LIMITS).await.unwrap();
        }
        let compared =
            ["float4", "float8", "date", "time", "timestamp", "timestamptz", "interval", "bytea", "numeric", "timetz"];
        for (ty, literals) in CASES.iter().filter(|(ty, _)| compared.contains(ty)) {
            for literal in *literals {
                // `timestamptz` without a zone would be read in the session's; the table's have one, or are infinite.
                let literal = format!("'{literal}'::{ty}");
                session.transaction.execute("SET LOCAL intervalstyle = 'postgres'", &[], LIMITS).await.unwrap();
                session.transaction.execute("SET LOCAL datestyle = 'ISO'", &[], LIMITS).await.unwrap();
                let value = session.row(&format!("SELECT {literal}"), &[]).await.remove(0);
                session.transaction.execute("SET LOCAL intervalstyle = 'sql_standard'", &[], LIMITS).await.unwrap();
                session.transaction.execute("SET LOCAL datestyle = 'German, DMY'", &[], LIMITS).await.unwrap();
                let back = session.row(&format!("SELECT $1::{ty}"), std::slice::from_ref(&value)).await.remove(0);
                // NaN is not equal to itself.
                assert_eq!(format!("{back:?}"), format!("{value:?}"), "{literal}");
            }
        }
    });
}

#[test]
fn columns_are_named_as_the_server_names_them() {
    run(async {
        let mut session = Session::begin().await;
        let statement = "SELECT 1::numeric(10,2) AS a, 'x'::varchar(3) AS \"a b\", ARRAY[1] AS a, now()::timestamptz(3), 'ok'::vt_mood, NULL";
        let columns = session.transaction.query(statement, &[], LIMITS).await.unwrap().columns;
        let shown: Vec<_> = columns.iter().map(|column| format!("{}: {}", column.name, column.type_name)).collect();
        assert_eq!(
            shown,
            [
                "a: numeric(10,2)",
                "a b: character varying(3)",
                "a: integer[]",
                "now: timestamp(3) with time zone",
                "vt_mood: vt_mood",
                "?column?: text"
            ]
        );
    });
}

#[test]
fn execute_many_names_the_row_of_an_error() {
    run(async {
        let mut session = Session::begin().await;
        session.transaction.execute("CREATE TABLE many (n int4)", &[], LIMITS).await.unwrap();
        let rows: Vec<_> = (0..200).map(|n| vec![Value::Int4(n)]).collect();
        let insert = "INSERT INTO many VALUES ($1)";
        assert_eq!(session.transaction.execute_many(insert, &rows, LIMITS).await.unwrap(), 200);
        assert_eq!(session.transaction.execute_many(insert, &[], LIMITS).await.unwrap(), 0);
        let savepoint = session.transaction.savepoint().await.unwrap();
        let mut rows = rows;
        rows[130] = vec![Value::Text("x".into())];
        let error = session.transaction.execute_many(insert, &rows, LIMITS).await.unwrap_err();
        let CallError::Guest(error) = error else { panic!("{error:?}") };
        assert!(error.fields.contains(&("row".to_owned(), "130".to_owned())), "{error:?}");
        session.transaction.rollback_to_savepoint(savepoint).await.unwrap();
        assert_eq!(session.row("SELECT count(*) FROM many", &[]).await, [Value::Int8(200)]);
    });
}

/// The table of `wmigrate.d.ts`, kept by the real engine.
#[test]
fn javascript_gets_the_types_it_is_promised() {
    let project = Project::new();
    project.psql(SETUP);
    let checks = [
        ("2::int2", "2"),
        ("2::int4", "2"),
        ("4294967295::oid", "4294967295"),
        ("0.5::float4", "0.5"),
        ("'-0'::float8", "-0"),
        ("'NaN'::float8", "NaN"),
        ("9007199254740993::int8", "9007199254740993n"),
        ("1.50::numeric", "'1.50'"),
        ("true", "true"),
        ("'\\x00ff'::bytea", "Uint8Array.of(0, 255)"),
        ("'2026-11-22'::date", "'2026-11-22'"),
        ("'14:10:00.123456'::time", "'14:10:00.123456'"),
        ("'2026-11-22 14:10:00.123456'::timestamp", "'2026-11-22T14:10:00.123456'"),
        ("'2026-11-22 15:10:00.123456+01'::timestamptz", "'2026-11-22T14:10:00.123456Z'"),
        ("'infinity'::timestamptz", "'infinity'"),
        ("'-infinity'::date", "'-infinity'"),
        ("'{\"a\": [1, null]}'::jsonb", "({ a: [1, null] })"),
        ("'null'::json", "null"),
        ("'{1,NULL,3}'::int4[]", "[1, null, 3]"),
        ("'{{1,2},{3,4}}'::int8[]", "[[1n, 2n], [3n, 4n]]"),
        ("'{a,NULL,\"NULL\"}'::text[]", "['a', null, 'NULL']"),
        ("'it''s \"fine\", \\ really'::vt_mood", "'it\\'s \"fine\", \\\\ really'"),
        ("7::vt_percent", "7"),
        ("'[1,5)'::int4range", "'[1,5)'"),
        ("'10.0.0.1/8'::inet", "'10.0.0.1/8'"),
        ("'1 mon -2 days'::interval", "'1 mon -2 days'"),
        ("NULL::int4", "null"),
    ];
    let lines: Vec<_> = checks
        .iter()
        .map(|(literal, expected)| format!("  check({}, {expected});\n", serde_json::to_string(literal).unwrap()))
        .collect();
    // And back: what came is a parameter again.
    project.js(
        "j1",
        "",
        "types",
        &format!(
            "import {{ sql }} from \"wmigrate\";
const show = value => value === null ? 'null' : `${{typeof value}} ` + (value instanceof Uint8Array ? `bytes ${{[...value]}}`
  : Object.is(value, -0) ? '-0' : typeof value === 'object' ? JSON.stringify(value, (_, v) => typeof v === 'bigint' ? `${{v}}n` : v) : String(value));
function check(literal, expected) {{
  const value = sql.queryValue(`SELECT ${{literal}}`);
  if (show(value) !== show(expected)) throw new Error(`${{literal}}: ${{show(value)}}, expected ${{show(expected)}}`);
  if (value === null) return;
  const type = sql.queryValue(`SELECT pg_typeof(${{literal}})::text`);
  const back = sql.queryValue(`SELECT ($1::${{type}})::text`, [value]);
  if (back !== sql.queryValue(`SELECT (${{literal}})::text`)) throw new Error(`${{literal}} came back as ${{back}}`);
}}
export function upgrade() {{
{}
  const many = sql.executeMany('INSERT INTO kept (a, b, c, d) VALUES ($1, $2, $3, $4)', [[1n, new Date(0), [1, null], {{ a: 'ü' }}], [2, null, undefined, null]]);
  if (many !== 2) throw new Error(many);
}}
export function downgrade() {{}}
",
            lines.concat()
        ),
    );
    project.psql("CREATE TABLE kept (a int8, b timestamptz, c int4[], d jsonb)");
    project.ok(["upgrade", "head"]);
    assert_eq!(
        project.psql("SELECT a, b AT TIME ZONE 'UTC', c, d FROM kept ORDER BY a"),
        "1|1970-01-01 00:00:00|{1,NULL}|{\"a\": \"ü\"}\n2|||"
    );
}
