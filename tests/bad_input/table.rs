//! The table: inputs that are files or targets. Words on stderr are compared line by line, blanks at the ends aside.

/// One bad input.
pub struct Case {
    /// What is wrong.
    pub input: &'static str,
    /// Files in `versions/` that make it so.
    pub files: &'static [(&'static str, Content)],
    /// What is typed.
    pub command: &'static str,
    /// Exit code.
    pub code: i32,
    /// Everything on stderr.
    pub stderr: &'static str,
}

/// What is in a file.
#[derive(Clone, Copy)]
pub enum Content {
    /// The file as it is.
    Bytes(&'static [u8]),
    /// Revision `3c00` on `2b00`; the text is what follows the front matter.
    Sql(&'static str),
    /// The same with more lines of front matter.
    SqlWith(&'static str, &'static str),
    /// A revision that does nothing: id, parents, more front matter.
    Revision(&'static str, &'static str, &'static str),
    /// So many bytes of a real component.
    Truncated(usize),
    /// A component from its text form, stamped as revision `3c00` on `2b00`.
    Component(&'static str),
    /// The same without the stamp.
    Unstamped(&'static str),
}

use Content::{Bytes, Component, Revision, Sql, SqlWith, Truncated, Unstamped};

const fn case(
    input: &'static str,
    files: &'static [(&'static str, Content)],
    command: &'static str,
    code: i32,
    stderr: &'static str,
) -> Case {
    Case { input, files, command, code, stderr }
}

/// All of them.
pub const CASES: &[Case] = &[
    case(
        "a `.wasm` that is text",
        &[("3c00.wasm", Bytes(b"hello"))],
        "upgrade head",
        1,
        "error: `[PROJECT]/versions/3c00.wasm` is not a revision's component
         caused by: this is not WebAssembly
         hint: a `.wasm` file in a versions folder must be a component",
    ),
    case(
        "an empty `.wasm`",
        &[("3c00.wasm", Bytes(b""))],
        "upgrade head",
        1,
        "error: `[PROJECT]/versions/3c00.wasm` is not a revision's component
         caused by: the file is empty
         hint: build or copy the file again",
    ),
    case(
        "a truncated component",
        &[("3c00.wasm", Truncated(20))],
        "upgrade head",
        1,
        "error: `[PROJECT]/versions/3c00.wasm` is not a revision's component
         caused by: the component is truncated: a section at byte 8 goes beyond the end of the file
         hint: build or copy the file again",
    ),
    case(
        "a component cut off in its first bytes",
        &[("3c00.wasm", Truncated(6))],
        "upgrade head",
        1,
        "error: `[PROJECT]/versions/3c00.wasm` is not a revision's component
         caused by: the component is truncated: a section at byte 0 goes beyond the end of the file
         hint: build or copy the file again",
    ),
    case(
        "a core module instead of a component",
        &[("3c00.wasm", Bytes(b"\0asm\x01\0\0\0"))],
        "upgrade head",
        1,
        "error: `[PROJECT]/versions/3c00.wasm` is not a revision's component
         caused by: this is a core module, not a component
         hint: make a revision of it: `wmigrate stamp-component FILE --message \"…\" --down-revision …`; `wmigrate build` does it for the sources it builds",
    ),
    case(
        "WebAssembly of an unknown version",
        &[("3c00.wasm", Bytes(b"\0asm\x63\0\x01\0"))],
        "upgrade head",
        1,
        "error: `[PROJECT]/versions/3c00.wasm` is not a revision's component
         caused by: this is WebAssembly of an unknown version
         hint: use a newer wmigrate",
    ),
    case(
        "a component without the section `wmigrate:revision`",
        &[("3c00.wasm", Unstamped("(component)"))],
        "upgrade head",
        10,
        "error: `[PROJECT]/versions/3c00.wasm` is not a revision's component
         caused by: the component has no section `wmigrate:revision`
         hint: make a revision of it: `wmigrate stamp-component FILE --message \"…\" --down-revision …`; `wmigrate build` does it for the sources it builds",
    ),
    case(
        "a component of another world",
        &[("3c00.wasm", Component("(component)"))],
        "upgrade head",
        1,
        "error: revision `3c00` (`[PROJECT]/versions/3c00.wasm`) cannot be run
         caused by: it is not of the world `wmigrate:migration/revision`: no export `downgrade` found
         hint: rebuild it for the world that `wit/` describes, or take the revision out of the versions folder
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "a component whose `upgrade` has another type",
        &[("3c00.wasm", Component("(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m)) (func $f (canon lift (core func $i \"f\"))) (export \"upgrade\" (func $f)) (export \"downgrade\" (func $f)))"))],
        "upgrade head",
        1,
        "error: revision `3c00` (`[PROJECT]/versions/3c00.wasm`) cannot be run
         caused by: it is not of the world `wmigrate:migration/revision`: type-checking export func `downgrade`: expected 1-tuple, found 0-tuple
         hint: rebuild it for the world that `wit/` describes, or take the revision out of the versions folder
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "a component that wants the network of WASI",
        &[("3c00.wasm", Component("(component (import \"wasi:sockets/tcp@0.2.0\" (instance (export \"f\" (func)))))"))],
        "upgrade head",
        1,
        "error: revision `3c00` (`[PROJECT]/versions/3c00.wasm`) cannot be run
         caused by: it is not of the world `wmigrate:migration/revision`: component imports instance `wasi:sockets/tcp@0.2.0`, but a matching implementation was not found in the linker: instance export `f` has the wrong type: function implementation is missing
         hint: rebuild it for the world that `wit/` describes, or take the revision out of the versions folder
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "a component that imports an interface of somebody else",
        &[("3c00.wasm", Component("(component (import \"acme:billing/ledger@1.0.0\" (instance (export \"f\" (func)))))"))],
        "upgrade head",
        1,
        "error: revision `3c00` (`[PROJECT]/versions/3c00.wasm`) cannot be run
         caused by: it imports `acme:billing/ledger@1.0.0`, which this wmigrate does not offer
         hint: rebuild it for the world that `wit/` describes, or take the revision out of the versions folder
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "a component whose code is damaged",
        &[("3c00.wasm", Component("(component (core module (func (result i32))))"))],
        "upgrade head",
        1,
        "error: revision `3c00` (`[PROJECT]/versions/3c00.wasm`) cannot be run
         caused by: it is not a valid WebAssembly component: failed to compile: wasm[0]::function[0]: WebAssembly translation error: Invalid input WebAssembly code at offset 252: type mismatch: expected i32 but nothing on stack
         hint: rebuild it for the world that `wit/` describes, or take the revision out of the versions folder
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "a front matter that is not TOML",
        &[("3c00_bad.sql", Bytes(b"-- /// wmigrate\n-- revision = 3c00\n-- ///\n"))],
        "upgrade head",
        1,
        "error: the front matter of `[PROJECT]/versions/3c00_bad.sql`, line 2, is wrong
         caused by: the block is not TOML: string values must be quoted, expected literal string
         hint: text goes in double quotes, as in `revision = \"3f2a9c1d7e04\"`",
    ),
    case(
        "a front matter without an id",
        &[("3c00_bad.sql", Bytes(b"-- /// wmigrate\n-- message = \"x\"\n-- ///\n"))],
        "upgrade head",
        10,
        "error: the front matter of `[PROJECT]/versions/3c00_bad.sql`, line 1, is wrong
         caused by: the block has no `revision`, the id
         hint: add `revision = \"…\"`; `wmigrate revision` makes up an id",
    ),
    case(
        "a source without front matter",
        &[("3c00_bad.sql", Bytes(b"SELECT 1;\n"))],
        "upgrade head",
        10,
        "error: the front matter of `[PROJECT]/versions/3c00_bad.sql` is wrong
         caused by: there is no `-- /// wmigrate` block at the top
         hint: `wmigrate revision` writes one; by hand it is `-- /// wmigrate`, `-- revision = \"…\"`, `-- ///`",
    ),
    case(
        "a front matter that does not end",
        &[("3c00_bad.sql", Bytes(b"-- /// wmigrate\n-- revision = \"3c00\"\nSELECT 1;\n"))],
        "upgrade head",
        1,
        "error: the front matter of `[PROJECT]/versions/3c00_bad.sql`, line 3, is wrong
         caused by: the `/// wmigrate` block is not closed by a line `-- ///`",
    ),
    case(
        "an unknown key in the front matter",
        &[("3c00_bad.sql", Bytes(b"-- /// wmigrate\n-- revision = \"3c00\"\n-- down_revison = \"2b00\"\n-- ///\n"))],
        "upgrade head",
        1,
        "error: the front matter of `[PROJECT]/versions/3c00_bad.sql`, line 3, is wrong
         caused by: unknown key `down_revison`; did you mean `down_revision`?
         hint: the keys are `revision`, `down_revision`, `depends_on`, `branch_labels`, `message`, `created`, `transaction`, `irreversible`, `limits`, `dependencies`",
    ),
    case(
        "a value of the wrong kind in the front matter",
        &[("3c00_bad.sql", Bytes(b"-- /// wmigrate\n-- revision = 12\n-- ///\n"))],
        "upgrade head",
        1,
        "error: the front matter of `[PROJECT]/versions/3c00_bad.sql`, line 2, is wrong
         caused by: `revision` must be text in quotes, not a TOML integer",
    ),
    case(
        "a source that is not UTF-8",
        &[("3c00_bad.sql", Bytes(b"-- /// wmigrate\n-- revision = \"3c00\"\n-- ///\n-- wmigrate:upgrade\nSELECT '\xff';\n"))],
        "upgrade head",
        1,
        "error: the front matter of `[PROJECT]/versions/3c00_bad.sql`, line 5, is wrong
         caused by: the text is not UTF-8
         hint: save the file as UTF-8",
    ),
    case(
        "an id with a character that targets use",
        &[("3c00_bad.sql", Revision("3c+1", "2b00", ""))],
        "upgrade head",
        10,
        "error: character(s) `+` not allowed in revision identifier `3c+1`
         hint: leave `revision` to `wmigrate revision`, or choose letters, digits and underscores",
    ),
    case(
        "a duplicate id",
        &[("3c00_bad.sql", Revision("1a00", "2b00", ""))],
        "upgrade head",
        10,
        "error: revision `1a00` is present more than once: `[PROJECT]/versions/1a00_create_accounts.sql`, `[PROJECT]/versions/3c00_bad.sql`
         hint: give one of these files another `revision`",
    ),
    case(
        "a missing parent",
        &[("3c00_bad.sql", Revision("3c00", "2b0f", ""))],
        "upgrade head",
        10,
        "error: revision `3c00` ([PROJECT]/versions/3c00_bad.sql) names `2b0f` in down_revision, which is not present; the nearest is `2b00`
         hint: did you mean `2b00`? Or is a file missing from this checkout?",
    ),
    case(
        "a missing dependency",
        &[("3c00_bad.sql", Revision("3c00", "2b00", "depends_on = [\"9999\"]\n"))],
        "upgrade head",
        10,
        "error: revision `3c00` ([PROJECT]/versions/3c00_bad.sql) names `9999` in depends_on, which is not present
         hint: is a file missing from this checkout?",
    ),
    case(
        "a cycle",
        &[("3c00_bad.sql", Revision("3c00", "4d00", "")), ("4d00_bad.sql", Revision("4d00", "3c00", ""))],
        "upgrade head",
        10,
        "error: cycle is detected in revisions (`3c00`, `4d00`): 3c00 -> 4d00 -> 3c00
         hint: correct `down_revision` in one of these files",
    ),
    case(
        "a self-loop",
        &[("3c00_bad.sql", Revision("3c00", "3c00", ""))],
        "upgrade head",
        10,
        "error: self-loop is detected in revisions (`3c00`): it names itself in down_revision
         hint: correct `down_revision` in one of these files",
    ),
    case(
        "a dependency cycle",
        &[("3c00_bad.sql", Revision("3c00", "2b00", "depends_on = [\"4d00\"]\n")), ("4d00_bad.sql", Revision("4d00", "3c00", ""))],
        "upgrade head",
        10,
        "error: dependency cycle is detected in revisions (`1a00`, `2b00`, `3c00`, `4d00`): 3c00 -> 4d00 -> 3c00
         hint: correct `depends_on` in one of these files",
    ),
    case(
        "a label that two revisions declare",
        &[("3c00_bad.sql", Revision("3c00", "2b00", "branch_labels = [\"shop\"]\n")), ("4d00_bad.sql", Revision("4d00", "", "branch_labels = [\"shop\"]\n"))],
        "upgrade head",
        10,
        "error: branch name `shop` in revision `4d00` already used by revision `3c00`
         hint: rename the label in one of these files; labels and ids share one namespace",
    ),
    case(
        "a label that is also an id",
        &[("3c00_bad.sql", Revision("3c00", "2b00", "branch_labels = [\"1a00\"]\n"))],
        "upgrade head",
        10,
        "error: branch name `1a00` in revision `3c00` already used by revision `1a00`
         hint: rename the label in one of these files; labels and ids share one namespace",
    ),
    case(
        "an ambiguous prefix",
        &[("3c00_bad.sql", Revision("3c00", "2b00", "")), ("3c99_bad.sql", Revision("3c99", "2b00", ""))],
        "upgrade 3c",
        10,
        "error: can't locate revision identified by `3c`: several revisions start with it: `3c00`, `3c99`
         hint: give more characters of the id",
    ),
    case(
        "two heads",
        &[("3c00_bad.sql", Revision("3c00", "2b00", "")), ("4d00_bad.sql", Revision("4d00", "2b00", ""))],
        "upgrade head",
        10,
        "error: multiple head revisions are present for given argument `head`: `3c00`, `4d00`; please specify a specific target revision, `<branchname>@head` to narrow to a specific head, or `heads` for all heads
         hint: `wmigrate merge heads -m \"…\"` makes one head of them; `wmigrate upgrade heads` goes to all",
    ),
    case(
        "a target that does not exist",
        &[],
        "upgrade 2bb0",
        10,
        "error: can't locate revision identified by `2bb0`: no such revision or branch; the nearest is `2b00`
         hint: did you mean `2b00`? `wmigrate history` lists all",
    ),
    case(
        "a downgrade further than there is",
        &[],
        "downgrade -3",
        10,
        "error: relative revision `-3` didn't produce 3 migrations
         hint: `wmigrate current` and `wmigrate history` show how many there are",
    ),
    case(
        "a script's own `BEGIN` and `COMMIT`",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nBEGIN;\nCREATE TABLE t ();\nCOMMIT;\n"))],
        "upgrade head",
        1,
        "error: revision `3c00`: [PROJECT]/versions/3c00_bad.sql:8:1: `BEGIN` here and `COMMIT` in line 10 make a transaction of the script's own
         hint: remove both lines: the host runs each revision in its own transaction
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "a `COMMIT` alone",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nCREATE TABLE t ();\nCOMMIT;\n"))],
        "upgrade head",
        1,
        "error: revision `3c00`: [PROJECT]/versions/3c00_bad.sql:9:1: `COMMIT` is refused: the host owns the transaction and ends it itself, together with the version row
         hint: leave it out: a revision already runs in a transaction, which is rolled back if the revision fails
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "a `COMMIT` in a `DO` block",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nCREATE TABLE t ();\nDO $$ BEGIN COMMIT; END $$;\n"))],
        "upgrade head",
        1,
        "Running upgrade 2b00 -> 3c00, bad
         error: revision `3c00` (bad) failed in `upgrade`
         caused by: invalid transaction termination (SQLSTATE 2D000)
         at line 9 column 1 in:
         DO $$ BEGIN COMMIT; END $$
         caused by: PL/pgSQL function inline_code_block line 1 at COMMIT
         hint: write what it does as statements; in a durable revision each of them is committed by itself
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "a psql meta command",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\n\\i other.sql\n"))],
        "upgrade head",
        1,
        "error: revision `3c00`: [PROJECT]/versions/3c00_bad.sql:8:1: the psql command `\\i` at line 8 column 1 is not SQL
         hint: remove the line: only psql itself understands commands with a backslash
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "COPY data",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nCOPY accounts FROM STDIN;\n2\n\\.\n"))],
        "upgrade head",
        1,
        "error: revision `3c00`: [PROJECT]/versions/3c00_bad.sql:8:1: `COPY … FROM STDIN` at line 8 column 1 needs a data stream, which a script does not have
         hint: write the rows as `INSERT … VALUES`, or insert them from code with `execute-many`
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "`CREATE INDEX CONCURRENTLY`",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nCREATE INDEX CONCURRENTLY i ON accounts (id);\n"))],
        "upgrade head",
        1,
        "error: revision `3c00`: [PROJECT]/versions/3c00_bad.sql:8:1: `CREATE INDEX CONCURRENTLY` cannot run in a transaction
         hint: put `transaction = \"none\"` into the front matter: each statement is then committed by itself, and after a crash the revision goes on where it stopped
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "`VACUUM`",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nVACUUM accounts;\n"))],
        "upgrade head",
        1,
        "error: revision `3c00`: [PROJECT]/versions/3c00_bad.sql:8:1: `VACUUM` cannot run in a transaction
         hint: put `transaction = \"none\"` into the front matter: each statement is then committed by itself, and after a crash the revision goes on where it stopped
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "`ALTER TYPE … ADD VALUE` whose value is used at once",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nALTER TYPE mood ADD VALUE 'meh';\nINSERT INTO moods VALUES ('meh');\n"))],
        "upgrade head",
        1,
        "error: revision `3c00`: [PROJECT]/versions/3c00_bad.sql:8:1: the statements after `ALTER TYPE … ADD VALUE` cannot use the value before it is committed
         hint: give it a revision of its own, before the one that uses the value
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "a durable revision in a dry run",
        &[("3c00_bad.sql", SqlWith("transaction = \"none\"\n", "-- wmigrate:upgrade\nSELECT 1;\n"))],
        "upgrade head --dry-run",
        2,
        "error: revision `3c00` is durable (`transaction = \"none\"`), and cannot be part of `--dry-run`
         hint: its steps are committed one by one; leave `--dry-run` out, or use it up to the revision before `3c00`
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "a concurrent index without a name in a durable revision",
        &[(
            "3c00_bad.sql",
            SqlWith(
                "transaction = \"none\"\n",
                "-- wmigrate:upgrade\nCREATE INDEX CONCURRENTLY ON accounts (id);\n",
            ),
        )],
        "upgrade head",
        1,
        "error: revision `3c00`: [PROJECT]/versions/3c00_bad.sql:9:1: `CREATE INDEX CONCURRENTLY` is refused in a durable revision: without a name it is not known, after a crash, whether the index is there
         hint: give the index a name: `CREATE INDEX CONCURRENTLY name ON …`
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "`SET ROLE` in a durable revision",
        &[("3c00_bad.sql", SqlWith("transaction = \"none\"\n", "-- wmigrate:upgrade\nSET ROLE postgres;\n"))],
        "upgrade head",
        1,
        "error: revision `3c00`: [PROJECT]/versions/3c00_bad.sql:9:1: `SET ROLE` is refused in a durable revision: the role is put back after each statement
         hint: run wmigrate as that role, or hand objects over with `ALTER … OWNER TO`
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "`ALTER SYSTEM` in a durable revision",
        &[("3c00_bad.sql", SqlWith("transaction = \"none\"\n", "-- wmigrate:upgrade\nALTER SYSTEM SET work_mem = '1GB';\n"))],
        "upgrade head",
        1,
        "error: revision `3c00`: [PROJECT]/versions/3c00_bad.sql:9:1: `ALTER SYSTEM` is refused: it changes the whole server and cannot run in a transaction
         hint: use `ALTER DATABASE … SET`, or let the server's administrator run it
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "`VACUUM` in the way down alone",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nSELECT 1;\n-- wmigrate:downgrade\nVACUUM;\n"))],
        "upgrade head",
        1,
        "error: revision `3c00`: [PROJECT]/versions/3c00_bad.sql:10:1: `VACUUM` cannot run in a transaction
         hint: put `transaction = \"none\"` into the front matter: each statement is then committed by itself, and after a crash the revision goes on where it stopped
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "a string that does not end",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nSELECT 1;\nSELECT 'abc;\n"))],
        "upgrade head",
        1,
        "error: revision `3c00`: [PROJECT]/versions/3c00_bad.sql:9:8: the string that begins at line 9 column 8 is never closed
         hint: correct the script; it is split where psql would split it
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "the markers of another tool",
        &[("3c00_bad.sql", Sql("-- migrate:up\nCREATE TABLE t ();\n-- migrate:down\nDROP TABLE t;\n"))],
        "upgrade head",
        1,
        "error: revision `3c00`: [PROJECT]/versions/3c00_bad.sql:7:1: `-- migrate:up` is a marker of dbmate, and a comment to wmigrate: both directions would run together
         hint: begin the sections with `-- wmigrate:upgrade` and `-- wmigrate:downgrade`
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "a marker with a slip in it",
        &[("3c00_bad.sql", Sql("-- wmigrate: upgrade\nCREATE TABLE t ();\n"))],
        "upgrade head",
        1,
        "error: revision `3c00`: [PROJECT]/versions/3c00_bad.sql:7:1: `-- wmigrate: upgrade` is no marker
         hint: a section begins with `-- wmigrate:upgrade` or `-- wmigrate:downgrade`, and nothing else in the line
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "a marker that stands there twice",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nCREATE TABLE t ();\n-- wmigrate:upgrade\nDROP TABLE t;\n"))],
        "upgrade head",
        1,
        "error: revision `3c00`: [PROJECT]/versions/3c00_bad.sql:9:1: `-- wmigrate:upgrade` stands here a second time
         hint: put the statements of one direction into one section
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "statements above the first marker",
        &[("3c00_bad.sql", Sql("CREATE TABLE t ();\n-- wmigrate:downgrade\nDROP TABLE t;\n"))],
        "upgrade head",
        1,
        "error: revision `3c00`: [PROJECT]/versions/3c00_bad.sql:7:1: this stands before the first marker, so that neither direction would run it
         hint: put it below `-- wmigrate:upgrade` or `-- wmigrate:downgrade`
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "an error in a statement",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nCREATE TABLE t ();\nCREATE TABLE u (\n    id int,\n    name txt\n);\n"))],
        "upgrade head",
        1,
        "Running upgrade 2b00 -> 3c00, bad
         error: revision `3c00` (bad) failed in `upgrade`
         caused by: type \"txt\" does not exist (SQLSTATE 42704)
         at line 11 column 10 in:
         CREATE TABLE u (
         id int,
         name txt
         )
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "a syntax error",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nCREATE TABLE t ();\nCREATE TABEL u ();\n"))],
        "upgrade head",
        1,
        "Running upgrade 2b00 -> 3c00, bad
         error: revision `3c00` (bad) failed in `upgrade`
         caused by: syntax error at or near \"TABEL\" (SQLSTATE 42601)
         at line 9 column 8 in:
         CREATE TABEL u ()
         the database is at `2b00`; nothing was changed",
    ),
    case(
        "a front matter that asks for more than it may have",
        &[("3c00_bad.sql", SqlWith("limits = { memory = \"1 GiB\" }\n", "-- wmigrate:upgrade\nSELECT 1;\n"))],
        "upgrade head",
        1,
        "error: revision `3c00` (`[PROJECT]/versions/3c00_bad.sql`) asks for a larger `memory` than it may have
         hint: raise `memory` under `[limits]` or `[revisions.3c00.limits]` in wmigrate.toml, or lower it in the front matter
         the database is at `2b00`; nothing was changed",
    ),
];

/// A bad server, database or role; the test of that name sets it up.
pub struct Row {
    /// What is wrong.
    pub input: &'static str,
    /// What is typed; each of these says the same.
    pub commands: &'static [&'static str],
    /// Exit code.
    pub code: i32,
    /// Everything on stderr.
    pub stderr: &'static str,
}

const fn row(input: &'static str, commands: &'static [&'static str], code: i32, stderr: &'static str) -> Row {
    Row { input, commands, code, stderr }
}

/// All of them.
pub const SERVERS: &[Row] = &[
    row(
        "nobody listens on the port",
        &["upgrade head", "current", "stamp head", "status", "log", "ensure_version"],
        1,
        "error: cannot reach the database at 127.0.0.1:1
         caused by: Connection refused (os error 111)
         hint: is the server running there, and does it listen on TCP? Check host and port",
    ),
    row(
        "no socket in the folder",
        &["upgrade head"],
        1,
        "error: cannot reach the database at /nowhere/.s.PGSQL.5432
         caused by: No such file or directory (os error 2)
         hint: is the server running, with this socket folder and port? A server elsewhere needs a host name",
    ),
    row(
        "the URL of another database system",
        &["upgrade head"],
        2,
        "error: `mysql://` is no PostgreSQL database
         hint: wmigrate takes postgresql://user@host:5432/database",
    ),
    row(
        "a database that does not exist",
        &["upgrade head", "current"],
        1,
        "error: the database at [SOCKET]/.s.PGSQL.5432 refused the connection: database \"nowhere\" does not exist (SQLSTATE 3D000)
         hint: create it: createdb nowhere",
    ),
    row(
        "a wrong password",
        &["upgrade head", "current"],
        1,
        "error: the database at [SOCKET]/.s.PGSQL.5432 refused the connection: password authentication failed for user \"app\" (SQLSTATE 28P01)
         hint: the password for `app` is wrong, or the role does not exist: check the URL, PGPASSWORD and ~/.pgpass",
    ),
    row(
        "no password",
        &["upgrade head", "current"],
        1,
        "error: the database at [SOCKET]/.s.PGSQL.5432 wants a password for `app`, and none was given
         hint: give it by PGPASSWORD, a line in ~/.pgpass, or postgresql://user:password@…",
    ),
    row(
        "a role that may not create the schema",
        &["upgrade head", "stamp head", "ensure_version"],
        1,
        "error: the database refused while creating the schema for its bookkeeping: permission denied for database [DATABASE] (SQLSTATE 42501)
         hint: the role needs CREATE on the database for the first run, and owns wmigrate's schema after it: GRANT CREATE ON DATABASE … TO …; where it is another role's, that role runs `wmigrate ensure_version`",
    ),
    row(
        "a read-only server",
        &["upgrade head", "upgrade head --dry-run", "stamp head", "ensure_version"],
        1,
        "error: the server is read-only: `default_transaction_read_only` is on
         hint: give wmigrate the primary server's address",
    ),
    row(
        "a version row without a file",
        &["upgrade head", "downgrade base", "stamp head", "current", "verify"],
        10,
        "error: can't locate revision identified by `beef`: the database says it is applied, but no file in the versions folders has that id
         hint: the database is probably ahead of these files: use a newer checkout; if the revision is gone for good, `wmigrate stamp --purge <revision>` records what is really applied",
    ),
];
