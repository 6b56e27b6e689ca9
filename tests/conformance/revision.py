# One revision that does a bit of everything: `-x case=NAME` says what. The same in every language; see the other files here.
import os

from wmigrate import SqlError, backfill, context, log, sql


def upgrade():
    case = context.x("case")
    if case not in CASES:
        raise ValueError(f"no case {case}")
    CASES[case]()


def downgrade():
    sql.script("DELETE FROM taken; DELETE FROM seen")


def seen(key, value):
    sql.execute("INSERT INTO seen (key, value) VALUES ($1, $2)", [key, value])


def values():
    # What comes out of a row goes back as it came, whatever its type. A row is a tuple, so it can be the parameters.
    for row in sql.query("SELECT * FROM given ORDER BY id"):
        places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
        sql.execute(f"INSERT INTO taken VALUES ({places})", row)


def parameters():
    seen("touched", sql.execute("INSERT INTO taken (id, t) VALUES ($1, $2), ($3, $4)", [1, "", 2, None]))
    seen("many", sql.execute_many("INSERT INTO taken (id, t) VALUES ($1, $2)", [(number, "m") for number in (3, 4, 5)]))
    try:
        with sql.savepoint():
            sql.execute("INSERT INTO taken (id, i4) VALUES ($1, $2)", [6, 3_000_000_000])
    except SqlError as error:
        seen("kind", error.kind)
        seen("sqlstate", error.sqlstate)
    seen("none", "none" if sql.query_one("SELECT 1 WHERE false") is None else "a row")
    seen("exact", str(sql.query_value("SELECT 9007199254740993")))


def errors():
    def refused(statement, parameters=()):
        # Without the savepoint the transaction would be aborted, and catching the error would not help.
        try:
            sql.savepoint(lambda: sql.execute(statement, parameters))
        except SqlError as error:
            return error
        raise AssertionError(f"{statement} was not refused")

    duplicate = refused("INSERT INTO given (id) VALUES ($1)", [1])
    seen("sqlstate", duplicate.sqlstate)
    seen("constraint", duplicate.constraint)
    seen("zero", refused("SELECT 1/0").sqlstate)
    seen("commit", refused("COMMIT").kind)


def savepoints():
    take = "INSERT INTO taken (id) VALUES ($1)"
    sql.execute(take, [1])
    with sql.savepoint():
        sql.execute(take, [2])
        try:
            with sql.savepoint():
                sql.execute(take, [3])
                raise LookupError("three is undone")
        except LookupError:
            pass
    sql.execute(take, [4])


def script():
    count = sql.script("""
        INSERT INTO taken (id, t) VALUES (1, 'one; still one');
        DO $$ BEGIN PERFORM 1; PERFORM 2; END $$;
        UPDATE taken SET t = t || '.';
    """)
    seen("count", count)
    try:
        with sql.savepoint():
            sql.script("SELECT 1;\nSELECT nope;")
    except SqlError as error:
        seen("line", error.fields["line"])


def messages():
    log.debug("a debug message")
    log.info("an info message")
    log.notice("a notice message")
    log.warning("a warning message")
    log.info("tab\there, escape \x1b[31m, snowman ☃")


def about():
    seen("revision", context.revision)
    seen("direction", context.direction)
    seen("x", context.x("given"))
    seen("missing", "none" if context.x("missing") is None else "something")
    seen("server", context.server_version)
    same = "SELECT (date_trunc('milliseconds', $1::timestamptz) = date_trunc('milliseconds', now()))::text"
    seen("now", sql.query_value(same, [context.now]))


@backfill.transform
def split(number, name, phone):
    first, blank, last = (None, None, None) if name is None else name.partition(" ")
    digits = None if phone is None else "".join([sign for sign in phone if "0" <= sign <= "9"])
    return number + 1, first, last if blank else None, digits


@backfill.transform
def all_but_seven(number, name, phone):
    if number == 7:
        raise ValueError("row seven is bad")
    return split(number, name, phone)


def fill(transform):
    return backfill.run(
        name="split",
        table="people",
        input=["id", "name", "phone"],
        output=["n", "first", "last", "digits"],
        transform=transform,
    )


def update():
    seen("rows", backfill.update(name="shout", table="people", set="last = upper(name)", where="id % 2 = 0"))


def fails():
    sql.execute("INSERT INTO taken (id) VALUES (1)")
    raise RuntimeError("the house is on fire")


def fails_silently():
    raise RuntimeError


def unhandled():
    sql.execute("INSERT INTO given (id) VALUES (1)")


def swallowed():
    try:
        unhandled()
    except SqlError:
        # Not in a savepoint: PostgreSQL has aborted the transaction, and the host does not take this for success.
        pass


def loop():
    while True:
        pass


def memory():
    held = []
    while True:
        held.append(bytearray(1024 * 1024))


def stack():
    return stack()


def invalid_text():
    # Half of a surrogate pair: a `str` holds it, UTF-8 cannot.
    sql.execute("INSERT INTO taken (id, t) VALUES (1, $1)", ["\ud800"])


CASES = {
    "values": values,
    "parameters": parameters,
    "errors": errors,
    "savepoints": savepoints,
    "script": script,
    "log": messages,
    "context": about,
    "backfill": lambda: seen("rows", fill(split)),
    "update": update,
    "row-error": lambda: fill("all_but_seven"),
    "fails": fails,
    "fails-silently": fails_silently,
    "unhandled": unhandled,
    "swallowed": swallowed,
    "trap": os.abort,
    "loop": loop,
    "memory": memory,
    "stack": stack,
    "invalid-text": invalid_text,
}
