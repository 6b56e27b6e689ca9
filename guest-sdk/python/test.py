"""Tests of the SDK and the engine under an ordinary Python 3.11 or later, on the host of `fake_host.py`: `python3 test.py`."""

import json
import sys
import unittest
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from struct import pack
from uuid import UUID

import fake_host
from fake_host import Err, types

from wmigrate_engine import library, warm

# What the component's build does to the interpreter is not for this one.
library.gather = library.settle = warm.warm = lambda: None

import engine
from wmigrate import Interval, Json, SqlError, backfill, context, sql
from wmigrate_engine import calls as door
from wmigrate_engine import dates
from wmigrate_engine.arrays import array_from
from wmigrate_engine.batch import run_batch
from wmigrate_engine.errors import record_from
from wmigrate_engine.parameters import JsonList, value_from
from wmigrate_engine.results import rows_from
from wmigrate_engine.revision import Source
from wmigrate_engine.vectors import vector_from

DATABASE_ERROR = types.Error("database", "23505", "duplicate", "Key (id)=(1)", "a hint", 7, [("constraint", "given_pkey"), ("table", "given")])


def text(values):
    nulls = bytes([value is None for value in values]) if None in values else b""
    return types.Vector(nulls, types.Cells_Text("".join(f"{value or ''}\0" for value in values)))


def batch(transform, *inputs):
    columns = [types.Column(f"c{place}", 25, "text") for place in range(len(inputs))]
    return fake_host.backfill.Batch(transform, len(inputs[0]) if inputs else 2, columns, [text(values) for values in inputs])


def bundle(files):
    return json.dumps({"wmigrate-bundle": 1, "main": "main.py", "files": files}, separators=(",", ":"))


def refused():
    raise Err(DATABASE_ERROR)


class Case(unittest.TestCase):
    def setUp(self):
        fake_host.calls.clear()
        fake_host.answers.clear()
        fake_host.answers.update({"context.revision": "r1", "sql.savepoint": 4})
        door._closed = False
        backfill.forget()
        backfill.set_table(lambda: None)
        sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != "Finder"]

    def run_revision(self, payload, way="upgrade"):
        """The record that it ends with, or None."""
        fake_host.answers["context.payload"] = payload
        try:
            getattr(engine.WitWorld(), way)()
        except Err as error:
            return error.value
        return None

    def transformed(self, payload, batch):
        fake_host.answers["context.payload"] = payload
        try:
            return engine.WitWorld().transform(batch)
        except Err as error:
            return error.value

    def logged(self):
        return [(call[1].name, call[2]) for call in fake_host.calls if call[0] == "log.message"]


class Parameters(Case):
    def check(self, value, expected):
        self.assertEqual(value_from(value, "parameter $1"), types.Value_Text(expected))

    def test_as_text(self):
        class Mood(str, Enum):
            OK = "ok"

        self.assertEqual(value_from(None, ""), types.Value_Null())
        self.check("a\u2603\U0001f389", "a\u2603\U0001f389")
        self.check(Mood.OK, "ok")
        self.check(True, "true")
        self.check(2**63, "9223372036854775808")
        self.check(0.1, "0.1")
        self.check(float("-inf"), "-Infinity")
        self.check(float("nan"), "NaN")
        self.check(Decimal("1E+30"), "1E+30")
        self.check(Decimal("0.000"), "0.000")
        self.check(Decimal("-sNaN"), "NaN")
        self.check(date(2026, 11, 22), "2026-11-22")
        self.check(time(14, 10, 0, 5), "14:10:00.000005")
        self.check(datetime(2026, 11, 22, 14, 10), "2026-11-22 14:10:00")
        self.check(datetime(26, 1, 2, tzinfo=timezone(timedelta(hours=-3))), "0026-01-02 00:00:00-03:00")
        self.check(timedelta(hours=-1), "+0 mons +0 days -01:00:00")
        self.check(timedelta(days=2, microseconds=5), "+0 mons +2 days +00:00:00.000005")
        self.check(Interval(-13, 1, -(2**63)), "-13 mons +1 days -9223372036854775808 microseconds")
        self.check(UUID(int=1), "00000000-0000-0000-0000-000000000001")

    def test_bytes(self):
        for value in (b"\0a", bytearray(b"\0a"), memoryview(b"\0a")):
            self.assertEqual(value_from(value, ""), types.Value_Bytea(b"\0a"))

    def test_arrays_and_json(self):
        self.check([1, None, ['a"\\', ""], True], '{"1",NULL,{"a\\"\\\\",""},"true"}')
        self.check([b"\xff", date(2026, 1, 2)], '{"\\\\xff","2026-01-02"}')
        self.check([Interval(1)], '{"+1 mons +0 days +00:00:00"}')
        self.check({"a": [1, None], "ä": date(2026, 1, 2)}, '{"a": [1, null], "ä": "2026-01-02"}')
        self.check(Json([1, "x"]), '[1, "x"]')
        self.check(Json(None), "null")
        self.check(JsonList([1, "x"]), '[1, "x"]')
        self.check([JsonList([1])], '{"[1]"}')

    def test_what_cannot_be_sent_is_named(self):
        itself = []
        itself.append(itself)
        for value in ("\ud800", ["\udfff"], itself, object(), {1, 2}, {"a": float("nan")}, {"a": Decimal(1)}, {"a": "\ud800"}):
            with self.assertRaisesRegex((TypeError, ValueError), r"^parameter \$1"):
                value_from(value, "parameter $1")


class Results(Case):
    def check(self, oid, type_name, cells, expected, nulls=b""):
        result = fake_host.sql.ColumnSet([types.Column("a", oid, type_name)], len(expected), [types.Vector(nulls, cells)])
        found = [row["a"] for row in rows_from(result)]
        self.assertEqual((found, [type(value) for value in found]), (expected, [type(value) for value in expected]))

    def test_text(self):
        def check(oid, name, texts, expected):
            self.check(oid, name, types.Cells_Text("".join(f"{text}\0" for text in texts)), expected)

        check(25, "text", ["a", ""], ["a", ""])
        check(1700, "numeric", ["1.10", "NaN", "-Infinity"][:1], [Decimal("1.10")])
        check(1700, "numeric", ["-Infinity", "0E-20"], [Decimal("-Infinity"), Decimal("0E-20")])
        check(2950, "uuid", ["00000000-0000-0000-0000-000000000001"], [UUID(int=1)])
        check(3802, "jsonb", ['{"a": [1, 12345678901234567890]}', "null"], [{"a": [1, 12345678901234567890]}, None])
        check(114, "json", ['[1, "x"]'], [JsonList([1, "x"])])
        lengths = [timedelta(1, -2, 500_000), Interval(14, -3, 14_706_000_000), timedelta(0), "infinity"]
        check(1186, "interval", ["1 day -00:00:01.5", "1 year 2 mons -3 days +04:05:06", "00:00:00", "infinity"], lengths)
        check(1186, "interval", ["-1 years -2 mons +1 day", "-2562047788:00:54.775808"], [Interval(-14, 1), timedelta(0, 0, -(2**63))])
        check(1009, "text[]", ['{a,"b,\\"\\\\",NULL,"NULL"}', "[0:0]={{}}", "{}"], [["a", 'b,"\\', None, "NULL"], [[]], []])
        check(1016, "bigint[]", ["{{1,NULL},{9007199254740993,3}}"], [[[1, None], [9007199254740993, 3]]])
        check(1182, "date[]", ["{2026-01-02,infinity}"], [[date(2026, 1, 2), "infinity"]])
        check(1185, "timestamp with time zone[]", ['{"2026-01-02 03:04:05.5+00"}'], [[datetime(2026, 1, 2, 3, 4, 5, 500_000, UTC)]])
        check(1001, "bytea[]", ['{"\\\\x00ff"}'], [[b"\0\xff"]])
        check(99_999, "mood[]", ["{sad,\"it's\"}"], [["sad", "it's"]])
        check(1020, "box[]", ["{(1,1),(0,0);(2,2),(1,1)}"], ["{(1,1),(0,0);(2,2),(1,1)}"])
        check(869, "inet", ["::1/64"], ["::1/64"])

    def test_fixed(self):
        def check(oid, form, numbers, expected):
            self.check(oid, "", types.Cells_Fixed(pack(f"<{len(numbers)}{form}", *numbers)), expected)

        check(16, "?", [True, False], [True, False])
        check(20, "q", [-(2**63), 2**53 + 1], [-(2**63), 2**53 + 1])
        check(21, "h", [-1], [-1])
        check(26, "I", [2**32 - 1], [2**32 - 1])
        check(701, "d", [float("-inf"), 0.1], [float("-inf"), 0.1])
        check(1082, "i", [0, -730_120, 2**31 - 1, 2_921_940], [date(2000, 1, 1), "0001-12-31 BC", "infinity", "10000-01-01"])
        check(1083, "q", [86_400_000_000, 1], ["24:00:00", time(0, 0, 0, 1)])
        check(1114, "q", [-1, -(2**63)], [datetime(1999, 12, 31, 23, 59, 59, 999_999), "-infinity"])
        check(1184, "q", [0, -211_813_488_000_000_000], [datetime(2000, 1, 1, tzinfo=UTC), "4714-11-24 00:00:00+00 BC"])

    def test_null(self):
        self.check(20, "bigint", types.Cells_Fixed(pack("<2q", 0, 7)), [None, 7], b"\1\0")
        self.check(1700, "numeric", types.Cells_Text("\0" "1\0"), [None, Decimal(1)], b"\1\0")
        self.check(25, "text", types.Cells_Text("a\0\0\0"), ["a", None, ""], b"\0\1\0")
        self.check(17, "bytea", types.Cells_Bytes([b"", b"a"]), [None, b"a"], b"\1\0")

    def test_rows(self):
        columns = [types.Column("id", 25, "text"), types.Column("count", 25, "text"), types.Column("id", 25, "text")]
        rows = rows_from(fake_host.sql.ColumnSet(columns, 1, [text(["1"]), text([None]), text(["3"])]))
        (row,) = rows
        self.assertEqual((row["id"], row["count"], row[0], row[-1], tuple(row)), ("3", None, "1", "3", ("1", None, "3")))
        self.assertEqual((dict(row), [column.name for column in rows.columns]), ({"id": "3", "count": None}, ["id", "count", "id"]))
        with self.assertRaisesRegex(KeyError, "no column `nme`; it has `id`, `count`"):
            row["nme"]
        self.assertEqual(len(rows_from(fake_host.sql.ColumnSet([], 3, []))), 3)

    def test_what_does_not_fit(self):
        with self.assertRaisesRegex(RuntimeError, "1 values for 2 rows"):
            self.check(25, "text", types.Cells_Text("a\0"), ["a", "b"])
        with self.assertRaisesRegex(RuntimeError, "cast it to text"):
            self.check(600, "point", types.Cells_Fixed(b"12345678"), ["a"])
        with self.assertRaisesRegex(ValueError, "no end"):
            array_from("{a,{b}", str)

    def test_dates_as_the_server_writes_them(self):
        self.assertEqual(dates.timestamp_from(9_223_371_331_199_999_999), "294276-12-31 23:59:59.999999")
        for days in range(-800_000, 3_000_000, 9_973):
            found = dates.date_from(days)
            self.assertEqual(str(found) if isinstance(found, date) else found, "".join(dates._civil(days)))


class Sql(Case):
    def test_calls(self):
        fake_host.answers.update({"sql.execute": 2, "sql.execute_many": 3, "sql.script": 4})
        self.assertEqual(sql.execute("a", (1, None)), 2)
        self.assertEqual(sql.execute_many("b", ([n] for n in range(2))), 3)
        self.assertEqual(sql.script("c"), 4)
        one = types.Value_Text("1")
        self.assertEqual(fake_host.calls, [
            ("sql.execute", "a", [one, types.Value_Null()]),
            ("sql.execute_many", "b", [[types.Value_Text("0")], [one]]),
            ("sql.script", "c"),
        ])

    def test_one(self):
        def answer(*values):
            fake_host.answers["sql.query_columns"] = fake_host.sql.ColumnSet([types.Column("a", 25, "text")], len(values), [text(values)])

        answer()
        self.assertEqual((sql.query_one(""), sql.query_value("")), (None, None))
        answer("x")
        self.assertEqual((sql.query_one("")["a"], sql.query_value("")), ("x", "x"))
        answer("x", "y")
        with self.assertRaisesRegex(ValueError, "2 rows where at most one"):
            sql.query_one("")

    def test_savepoints(self):
        self.assertEqual(sql.savepoint(lambda: 5), 5)
        with sql.savepoint():
            pass
        with self.assertRaises(KeyError), sql.savepoint():
            raise KeyError("x")
        kept = [("sql.savepoint",), ("sql.release_savepoint", 4)]
        undone = [("sql.savepoint",), ("sql.rollback_to_savepoint", 4), ("sql.release_savepoint", 4)]
        self.assertEqual(fake_host.calls, [*kept, *kept, *undone])
        fake_host.answers["sql.rollback_to_savepoint"] = lambda number: refused()
        with self.assertRaises(KeyError), sql.savepoint():
            raise KeyError("the first error explains it")

    def test_errors(self):
        fake_host.answers["sql.execute"] = lambda *arguments: refused()
        with self.assertRaises(SqlError) as caught:
            sql.execute("a")
        error = caught.exception
        self.assertEqual((error.kind, error.sqlstate, error.message, str(error)), ("database", "23505", "duplicate", "duplicate"))
        self.assertEqual((error.constraint, error.column, error.position, error.fields["table"]), ("given_pkey", None, 7, "given"))
        self.assertEqual(record_from(error, Source("r1")), DATABASE_ERROR)

    def test_arguments_are_checked(self):
        for call in (
            lambda: sql.execute(5),
            lambda: sql.execute("a", "b"),
            lambda: sql.execute("\ud800"),
            lambda: sql.execute_many("a", ["b"]),
            lambda: sql.savepoint("a"),
            lambda: context.x(1),
        ):
            with self.assertRaises((TypeError, ValueError)):
                call()
        self.assertEqual(fake_host.calls, [])

    def test_context(self):
        fake_host.answers.update({"context.direction": fake_host.Way.DOWNGRADE, "context.now": 1, "context.server_version": 170_002})
        self.assertEqual((context.revision, context.direction, context.server_version), ("r1", "downgrade", 170_002))
        self.assertEqual((context.now, context.x("a")), (datetime(2000, 1, 1, 0, 0, 0, 1, UTC), None))


class Revisions(Case):
    def test_a_run(self):
        self.assertIsNone(self.run_revision("\ufeff# c\r\nfrom wmigrate import log\r\ndef upgrade():\r\n    log.info('x', 1, None)\r\n"))
        self.assertEqual(self.logged(), [("INFO", "x 1 None")])

    def test_what_is_printed(self):
        self.assertIsNone(self.run_revision("import sys\ndef upgrade():\n    print('a\\nb', end='c')\n    print('\\ud800', file=sys.stderr)"))
        self.assertEqual(self.logged(), [("INFO", "a"), ("WARNING", "\ufffd"), ("INFO", "bc")])

    def test_an_exception_has_its_place(self):
        record = self.run_revision("def upgrade():\n    ä = 1; inner('z')\n\ndef inner(x):\n    return int(x)\n")
        self.assertEqual((record.kind, record.sqlstate), ("exception", "38000"))
        self.assertEqual(record.message, "ValueError: invalid literal for int() with base 10: 'z'")
        fields = dict(record.fields)
        self.assertEqual((fields["line"], fields["column-number"]), ("5", "12"))
        stack = fields["stack"].splitlines()
        self.assertEqual([line for line in stack if "File" in line], ['  File "r1.py", line 2, in upgrade', '  File "r1.py", line 5, in inner'])
        self.assertEqual((stack[0], stack[2]), ("Traceback (most recent call last):", "    ä = 1; inner('z')"))

    def test_messages(self):
        def check(body, message, detail=None):
            record = self.run_revision(f"class Mine(Exception): pass\ndef upgrade():\n    {body}\n")
            self.assertEqual((record.message, record.detail), (message, detail))

        check("raise Mine", "Mine")
        check("raise Mine('x')", "Mine: x")
        check("assert 1 == 2", "AssertionError")
        check("raise SystemExit(3)", "SystemExit: 3")
        check("raise ValueError('\\ud800')", "ValueError: \ufffd")
        check("raise Mine('x') from KeyError('y')", "Mine: x", "caused by: KeyError: 'y'")
        handling = "try: 1/0\n    except ArithmeticError: raise Mine('x')"
        check(handling, "Mine: x", "while handling: ZeroDivisionError: division by zero")
        check("e = Mine('x'); e.add_note('look there'); raise e", "Mine: x", "look there")
        check("upgrade()", "RecursionError: maximum recursion depth exceeded")
        check("class Bad(Exception):\n        def __str__(self): raise KeyError\n    raise Bad", "upgrade.<locals>.Bad: <exception str() failed>")

    def test_what_cannot_be_read(self):
        record = self.run_revision("def upgrade():\n    x = = 1\n")
        fields = dict(record.fields)
        self.assertEqual((record.message, fields["line"], fields["column-number"]), ("SyntaxError: invalid syntax", "2", "9"))
        self.assertIn('  File "r1.py", line 2\n    x = = 1\n        ^', fields["stack"])

    def test_usage(self):
        def check(payload, message, line=None):
            record = self.run_revision(payload)
            self.assertEqual((record.kind, record.sqlstate, dict(record.fields).get("line")), ("usage", "39000", line))
            self.assertIn(message, record.message)

        check(None, "without a revision's text")
        check("", "the revision defines no `upgrade`")
        check("upgrade = 5", "`upgrade` is no function")
        check("async def upgrade(): pass", "returned a coroutine")
        check("def upgrade(): yield", "is a generator")
        check('{"wmigrate-bundle":1,', "bundle cannot be read")
        check('{"wmigrate-bundle":1,"main":"b.py","files":{"a.py":""}}', "no main file 'b.py'")

    def test_an_error_of_the_database_passes_unchanged(self):
        fake_host.answers["sql.execute"] = lambda *arguments: refused()
        self.assertEqual(self.run_revision("from wmigrate import sql\ndef upgrade(): sql.execute('a')"), DATABASE_ERROR)

    def test_what_a_sandbox_has_not(self):
        def check(body, hint):
            self.assertIn(hint, self.run_revision(f"def upgrade():\n    {body}\n").hint)

        check("import no_such_package.x", "`no_such_package` lies beside it")
        check("open('/no/such/file')", "a revision has no files")
        check("import zoneinfo; zoneinfo.ZoneInfo('No/Such')", "`AT TIME ZONE`")
        check("raise ModuleNotFoundError(name='tkinter')", "`tkinter` is part of Python's library but not of this engine")

    def test_a_bundle(self):
        main = """from engine import g
from pkg.deep import f, names
import pkgutil
from wmigrate import log

def upgrade():
    log.info(names, g, pkgutil.get_data("pkg", "note.txt"))
    f()
"""
        files = {
            "main.py": main,
            # Also the name of a module of the engine's own.
            "engine.py": "g = 3",
            # A folder needs no `__init__.py`.
            "pkg/note.txt": "a note",
            "pkg/deep/__init__.py": "from .x import f\nfrom . import x\nnames = x.__name__, x.__file__, __package__\n",
            "pkg/deep/x.py": "def f():\n    1/0\n",
        }
        kept = sys.modules["engine"]
        try:
            record = self.run_revision(bundle(files))
        finally:
            sys.modules["engine"] = kept
        self.assertEqual(record.message, "ZeroDivisionError: division by zero")
        fields = dict(record.fields)
        self.assertIn('  File "r1/main.py", line 8, in upgrade', fields["stack"])
        self.assertIn('  File "r1/pkg/deep/x.py", line 2, in f\n    1/0', fields["stack"])
        self.assertEqual(fields["line"], "8")
        self.assertEqual(self.logged(), [("INFO", "('pkg.deep.x', 'r1/pkg/deep/x.py', 'pkg.deep') 3 b'a note'")])

    def test_what_a_bundle_lacks(self):
        def check(body, message, **files):
            found = self.run_revision(bundle({"main.py": body, **files}))
            self.assertIn(message, f"{found.message} {found.hint}")

        check("import lacking", "if `lacking` is pure Python, put the package into the revision's folder")
        check("import some._fast", "this part of it is not", **{"some/a.py": ""})
        check("", "`json.py` in the revision's folder has the name of a module that is there already", **{"json.py": ""})
        check("import broken", "SyntaxError: invalid syntax", **{"broken.py": "x = = 1"})


class Backfills(Case):
    JOB = {"name": "a", "table": "t", "input": ["b", "c"], "output": ["d"]}

    def spec(self, **change):
        backfill.run(**{**self.JOB, **change})
        return fake_host.calls[-1][1]

    def test_specifications(self):
        @backfill.transform
        def split(b, c):
            return (b,)

        Spec = fake_host.backfill.Spec
        self.assertEqual(self.spec(), Spec("a", "t", [], None, ["b", "c"], ["d"], None, "split/1", []))
        more = {"key": ("x",), "where": "e", "source": "f", "rows_per_second": 10**12, "batch_min": 1, "batch_max": 2, "transform": split}
        settings = [("rows-per-second", "1000000000000"), ("batch-min", "1"), ("batch-max", "2")]
        self.assertEqual(self.spec(**more), Spec("a", "t", ["x"], "f", ["b", "c"], ["d"], "e", "split/1", settings))
        backfill.update(name="a", table="t", set="b = 1")
        self.assertEqual(fake_host.calls[-1][1], fake_host.backfill.UpdateSpec("a", "t", [], "b = 1", None, []))

    def test_specifications_that_cannot_be_meant(self):
        def check(message, table=None, **change):
            backfill.set_table(lambda: table)
            with self.assertRaisesRegex(Exception, message):
                self.spec(**change)

        check("the revision has no transforms: decorate")
        check("must be a dict of functions by their names, not an int", 5)
        check("say with `transform` which one is meant; the revision has `a`, `b`", {"a": len, "b": len})
        check("there is no transform `splt`; the revision has `split`", {"split": len}, transform="splt")
        check("is none of the transforms", {"split": len}, transform=max)
        check("`a` is no function, but an int", {"a": 1})
        check("`input` must be a list of str, not a str", {"a": len}, input="b")
        check(r"`output\[1\]` must be a str", {"a": len}, output=["b", 1])
        check("`batch_max` must be a whole number from 1 on, not 0.5", {"a": len}, batch_max=0.5)
        check("unexpected keyword argument 'wher'", {"a": len}, wher="x")
        self.assertEqual(fake_host.calls, [])

    def check_rows(self, function, batch, *expected):
        backfill.set_table(lambda: {"f": function})
        self.assertEqual(run_batch(batch), list(expected))

    def failure(self, function, batch):
        backfill.set_table(lambda: {"f": function})
        try:
            run_batch(batch)
        except Exception as error:
            record = record_from(error, Source("r1"))
            return record.message, [row for name, row in record.fields if name == "row"]
        return self.fail("nothing was raised")

    def test_rows(self):
        def split(name, phone):
            first, _, last = name.partition(" ")
            return first, last, phone and "".join(filter(str.isdigit, phone))

        expected = text(["Ada", "Žofie"]), text(["King", "Ž"]), text(["123", None])
        self.check_rows(split, batch("f/3", ["Ada King", "Žofie Ž"], ["+1 (2) 3", None]), *expected)
        self.check_rows(split, batch("f/3", [], []), text([]), text([]), text([]))
        # A bare name: as many values as the first row has.
        self.check_rows(lambda a: [a, a], batch("f", ["x"]), text(["x"]), text(["x"]))
        self.check_rows(lambda: ("x",), batch("f/1"), text(["x", "x"]))

    def test_rows_that_fail_are_named_once_each(self):
        def one(a):
            if a == "bad":
                raise ValueError("it is bad")
            return a, 1

        self.assertEqual(self.failure(one, batch("f/2", ["a", "bad", "c", "bad"])), ("ValueError: it is bad", ["1", "3"]))
        self.assertEqual(self.failure(one, batch("f/2", ["bad"] * 300))[1], [str(row) for row in range(100)])

        def check(answer, message):
            found, rows = self.failure(lambda a: answer if a == "b" else (a, a), batch("f/2", ["a", "b"]))
            self.assertEqual(rows, ["1"], found)
            self.assertIn(message, found)

        check(("a",), "`f` returned 1 values, not a tuple of 2 values, one a column of `output`")
        check("ab", "`f` returned a str")
        check(None, "`f` returned None")
        check(iter(()), "`f` returned a tuple_iterator")
        check((n for n in ()), "is a generator")
        check(("a", object()), "value 2 of what `f` returned is an object")
        check(("a\0", "b"), "value 1 of what `f` returned holds U+0000")
        check(("a", "\ud800"), "value 2 of what `f` returned holds half of a surrogate pair")
        self.assertIn("write `return value,`", self.failure(lambda a: a, batch("f/1", ["a"]))[0])

        def stops(a):
            return next(iter(())) if a == "b" else (a,)

        self.assertEqual(self.failure(stops, batch("f/1", ["a", "b", "c"])), ("RuntimeError: the transform raised StopIteration", ["1"]))

    def test_columns(self):
        both = backfill.columns(lambda a, b: (a, a, map(int, b) and [int(n) for n in b]))
        self.check_rows(both, batch("f/3", ["x", None], ["1", "2"]), text(["x", None]), text(["x", None]), text(["1", "2"]))

        def check(answer, message):
            found, rows = self.failure(backfill.columns(lambda a: answer), batch("f/1", ["a", "b"]))
            self.assertEqual(rows, [])
            self.assertIn(message, found)

        check((), "`f` returned 0 columns, not a tuple of 1 column,")
        check(("ab",), "column 1 of what `f` returned is a str, not a list")
        check((["a"],), "has 1 values for 2 rows")

    def test_vectors(self):
        def check(values, expected):
            self.assertEqual(vector_from(values, "a", lambda row, error: self.fail(f"{row}: {error}")), expected)

        mixed = [1, Decimal("2.0"), True, "a", [1], {"a": 1}, date(2026, 1, 2)]
        check(mixed, text(["1", "2.0", "true", "a", '{"1"}', '{"a": 1}', "2026-01-02"]))
        check([1, None], text(["1", None]))
        check([b"a", None], types.Vector(b"\0\1", types.Cells_Bytes([b"a", b""])))
        failed = []
        vector_from([b"a", "x", 5], "a", lambda row, error: failed.append(row))
        self.assertEqual(failed, [1, 2])

    def test_in_an_instance(self):
        payload = (
            "from wmigrate import backfill, context, log, sql\n"
            "@backfill.transform\ndef split(a):\n    log.debug(context.revision)\n    return a.upper(),\n"
            "@backfill.transform\ndef reach(a):\n    return sql.execute('SELECT 1'),\n"
            "def upgrade():\n    log.info(backfill.run(name='n', table='t', input=['a'], output=['b'], transform=split))\n"
        )
        fake_host.answers["backfill.run"] = 2
        self.assertIsNone(self.run_revision(payload))
        self.assertEqual(fake_host.calls[-2][1].transform, "split/1")
        self.assertEqual(self.transformed(payload, batch("split/1", ["a"])), [text(["A"])])
        reached = self.transformed(payload, batch("reach/1", ["a"]))
        self.assertIn("transforms run without a database", reached.message)
        self.assertIn(("row", "0"), reached.fields)
        backfill.forget()
        self.assertIn("the revision has no transforms", self.transformed("", batch("split/1", ["a"])).message)


if __name__ == "__main__":
    unittest.main()
