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
        "?",
    ),
    case(
        "an empty `.wasm`",
        &[("3c00.wasm", Bytes(b""))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a truncated component",
        &[("3c00.wasm", Truncated(5000))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a component cut off in its first bytes",
        &[("3c00.wasm", Truncated(6))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a core module instead of a component",
        &[("3c00.wasm", Bytes(b"\0asm\x01\0\0\0"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "WebAssembly of an unknown version",
        &[("3c00.wasm", Bytes(b"\0asm\x63\0\x01\0"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a component without the section `wmigrate:revision`",
        &[("3c00.wasm", Unstamped("(component)"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a component of another world",
        &[("3c00.wasm", Component("(component)"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a component whose `upgrade` has another type",
        &[("3c00.wasm", Component("(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m)) (func $f (canon lift (core func $i \"f\"))) (export \"upgrade\" (func $f)) (export \"downgrade\" (func $f)))"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a component that imports what wmigrate does not offer",
        &[("3c00.wasm", Component("(component (import \"wasi:sockets/tcp@0.2.0\" (instance (export \"f\" (func)))))"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a component whose code is damaged",
        &[("3c00.wasm", Component("(component (core module (func (result i32))))"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a front matter that is not TOML",
        &[("3c00_bad.sql", Bytes(b"-- /// wmigrate\n-- revision = 3c00\n-- ///\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a front matter without an id",
        &[("3c00_bad.sql", Bytes(b"-- /// wmigrate\n-- message = \"x\"\n-- ///\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a source without front matter",
        &[("3c00_bad.sql", Bytes(b"SELECT 1;\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a front matter that does not end",
        &[("3c00_bad.sql", Bytes(b"-- /// wmigrate\n-- revision = \"3c00\"\nSELECT 1;\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "an unknown key in the front matter",
        &[("3c00_bad.sql", Bytes(b"-- /// wmigrate\n-- revision = \"3c00\"\n-- down_revison = \"2b00\"\n-- ///\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a value of the wrong kind in the front matter",
        &[("3c00_bad.sql", Bytes(b"-- /// wmigrate\n-- revision = 12\n-- ///\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a source that is not UTF-8",
        &[("3c00_bad.sql", Bytes(b"-- /// wmigrate\n-- revision = \"3c00\"\n-- ///\n-- wmigrate:upgrade\nSELECT '\xff';\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "an id with a character that targets use",
        &[("3c00_bad.sql", Revision("3c+1", "2b00", ""))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a duplicate id",
        &[("3c00_bad.sql", Revision("1a00", "2b00", ""))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a missing parent",
        &[("3c00_bad.sql", Revision("3c00", "2b0f", ""))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a missing dependency",
        &[("3c00_bad.sql", Revision("3c00", "2b00", "depends_on = [\"9999\"]\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a cycle",
        &[("3c00_bad.sql", Revision("3c00", "4d00", "")), ("4d00_bad.sql", Revision("4d00", "3c00", ""))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a self-loop",
        &[("3c00_bad.sql", Revision("3c00", "3c00", ""))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a dependency cycle",
        &[("3c00_bad.sql", Revision("3c00", "2b00", "depends_on = [\"4d00\"]\n")), ("4d00_bad.sql", Revision("4d00", "3c00", ""))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a label that two revisions declare",
        &[("3c00_bad.sql", Revision("3c00", "2b00", "branch_labels = [\"shop\"]\n")), ("4d00_bad.sql", Revision("4d00", "", "branch_labels = [\"shop\"]\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a label that is also an id",
        &[("3c00_bad.sql", Revision("3c00", "2b00", "branch_labels = [\"1a00\"]\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "an ambiguous prefix",
        &[("3c00_bad.sql", Revision("3c00", "2b00", "")), ("3c99_bad.sql", Revision("3c99", "2b00", ""))],
        "upgrade 3c",
        1,
        "?",
    ),
    case(
        "two heads",
        &[("3c00_bad.sql", Revision("3c00", "2b00", "")), ("4d00_bad.sql", Revision("4d00", "2b00", ""))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a target that does not exist",
        &[],
        "upgrade 2bb0",
        1,
        "?",
    ),
    case(
        "a downgrade further than there is",
        &[],
        "downgrade -3",
        1,
        "?",
    ),
    case(
        "a script's own `BEGIN` and `COMMIT`",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nBEGIN;\nCREATE TABLE t ();\nCOMMIT;\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a `COMMIT` alone",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nCREATE TABLE t ();\nCOMMIT;\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a `COMMIT` in a `DO` block",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nCREATE TABLE t ();\nDO $$ BEGIN COMMIT; END $$;\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a psql meta command",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\n\\i other.sql\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "COPY data",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nCOPY accounts FROM STDIN;\n2\n\\.\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "`CREATE INDEX CONCURRENTLY`",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nCREATE INDEX CONCURRENTLY i ON accounts (id);\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "`VACUUM`",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nVACUUM accounts;\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "`ALTER TYPE … ADD VALUE` whose value is used at once",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nALTER TYPE mood ADD VALUE 'meh';\nINSERT INTO moods VALUES ('meh');\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "`transaction = \"none\"`",
        &[("3c00_bad.sql", SqlWith("transaction = \"none\"\n", "-- wmigrate:upgrade\nSELECT 1;\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "the same in the way down alone",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nSELECT 1;\n-- wmigrate:downgrade\nVACUUM;\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a string that does not end",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nSELECT 1;\nSELECT 'abc;\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a marker with a slip in it",
        &[("3c00_bad.sql", Sql("-- wmigrate: upgrade\nCREATE TABLE t ();\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "statements above the first marker",
        &[("3c00_bad.sql", Sql("CREATE TABLE t ();\n-- wmigrate:downgrade\nDROP TABLE t;\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "an error in a statement",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nCREATE TABLE t ();\nCREATE TABLE u (\n    id int,\n    name txt\n);\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a syntax error",
        &[("3c00_bad.sql", Sql("-- wmigrate:upgrade\nCREATE TABLE t ();\nCREATE TABEL u ();\n"))],
        "upgrade head",
        1,
        "?",
    ),
    case(
        "a front matter that asks for more than it may have",
        &[("3c00_bad.sql", SqlWith("limits = { memory = \"1 GiB\" }\n", "-- wmigrate:upgrade\nSELECT 1;\n"))],
        "upgrade head",
        1,
        "?",
    ),
];
