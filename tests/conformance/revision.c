// The conformance revision in C: what every SDK must be able to do, one case a function. The harness puts the front matter on top and
// names the case with `-x case=…`.

#include "wmigrate.h"

/// Leaves a fact for the harness. Any parameter will do for the value.
#define see(key, value) see_value(key, WM_VALUE(value))

static wm_result see_value(const char *key, wm_value value) {
    WM_TRY(wm_execute("INSERT INTO seen (key, value) VALUES ($1, $2)", key, value));
    return wm_ok();
}

/// Every value goes back as it came: a `wm_value` is a parameter like any other.
static wm_result values(void) {
    wm_rows given = WM_TRY(wm_query("SELECT * FROM given ORDER BY id"));
    wm_str places = wm_string("$1");
    for (uint32_t place = 2; place <= given.column_count; place++) places = wm_format("%s, $%u", places.data, (unsigned)place);
    wm_str insert = wm_format("INSERT INTO taken VALUES (%s)", places.data);
    wm_value *row = wm_alloc(given.column_count * sizeof *row);
    while (wm_next(&given)) {
        for (uint32_t place = 0; place < given.column_count; place++) row[place] = WM_TRY(wm_get_value(&given, place));
        WM_TRY(wm_execute_values(insert, row, given.column_count));
    }
    return wm_ok();
}

static wm_result parameters(void) {
    uint64_t touched = WM_TRY(wm_execute("INSERT INTO taken (id, t) VALUES ($1, $2), ($3, $4)", 1, "", 2, NULL));
    WM_TRY(see("touched", touched));

    wm_parameters rows = {0};
    for (int id = 3; id <= 5; id++) wm_add(&rows, id, "m");
    WM_TRY(see("many", WM_TRY(wm_execute_many("INSERT INTO taken (id, t) VALUES ($1, $2)", &rows))));

    wm_count_result large = WM_SAVEPOINT(wm_execute("INSERT INTO taken (id, i4) VALUES (6, $1)", INT64_C(3000000000)));
    if (!large.error) return wm_fail("an integer column took 3000000000");
    WM_TRY(see("kind", large.error->kind));
    WM_TRY(see("sqlstate", large.error->sqlstate));

    wm_rows none = WM_TRY(wm_query_one("SELECT id FROM taken WHERE id = $1", -1));
    WM_TRY(see("none", none.count == 0 ? "none" : "one"));

    wm_value exact = WM_TRY(wm_query_value("SELECT 9007199254740993"));
    WM_TRY(see("exact", wm_format("%lld", exact.as.int8)));
    return wm_ok();
}

/// An error that is looked at needs a savepoint: without one the transaction is aborted.
static wm_result errors(void) {
    wm_error *duplicate = WM_SAVEPOINT(wm_execute("INSERT INTO given (id) VALUES ($1)", 1)).error;
    if (!duplicate) return wm_fail("a second row with the id 1");
    WM_TRY(see("sqlstate", duplicate->sqlstate));
    WM_TRY(see("constraint", wm_error_field(duplicate, "constraint")));

    wm_error *zero = WM_SAVEPOINT(wm_query_value("SELECT 1/0")).error;
    if (!zero) return wm_fail("a division by zero that has a result");
    WM_TRY(see("zero", zero->sqlstate));

    wm_error *commit = WM_SAVEPOINT(wm_execute("COMMIT")).error;
    if (!commit) return wm_fail("a COMMIT that was let through");
    WM_TRY(see("commit", commit->kind));
    return wm_ok();
}

static wm_result take(int id) {
    WM_TRY(wm_execute("INSERT INTO taken (id) VALUES ($1)", id));
    return wm_ok();
}

static wm_result take_and_fail(int id) {
    WM_TRY(take(id));
    return wm_fail("%d is not to stay", id);
}

/// Whatever returns a result can run in a savepoint, which can lie in another one.
static wm_result take_two_of_three(void) {
    WM_TRY(take(2));
    if (!WM_SAVEPOINT(take_and_fail(3)).error) return wm_fail("a failure that was lost");
    WM_TRY(take(4));
    return wm_ok();
}

static wm_result savepoints(void) {
    WM_TRY(take(1));
    WM_TRY(WM_SAVEPOINT(take_two_of_three()));
    return wm_ok();
}

static wm_result script(void) {
    uint64_t count = WM_TRY(wm_script(
        "INSERT INTO taken (id, t) VALUES (1, 'a;b');\n"
        "DO $$ BEGIN PERFORM 1; PERFORM 2; END $$;\n"
        "UPDATE taken SET t = t || ';' WHERE id = 1;\n"));
    WM_TRY(see("count", count));

    wm_error *wrong = WM_SAVEPOINT(wm_script("SELECT 1;\nSELECT nope;")).error;
    if (!wrong) return wm_fail("a column that there is not");
    WM_TRY(see("line", wm_error_field(wrong, "line")));
    return wm_ok();
}

static wm_result messages(void) {
    wm_debug("a debug message");
    wm_info("an info message");
    wm_notice("a notice message");
    wm_warning("a warning message");
    wm_info("tab\there, escape \x1b[31m, snowman \xe2\x98\x83");
    return wm_ok();
}

static wm_result context(void) {
    WM_TRY(see("revision", wm_revision()));
    WM_TRY(see("direction", wm_direction() == WM_UPGRADE ? "upgrade" : "downgrade"));
    WM_TRY(see("x", wm_x("given")));
    WM_TRY(see("missing", wm_x("missing").data ? "there" : "none"));
    WM_TRY(see("server", wm_server_version()));
    const char *same = "SELECT (date_trunc('milliseconds', $1::timestamptz) = date_trunc('milliseconds', now()))::text";
    WM_TRY(see("now", WM_TRY(wm_query_value(same, wm_timestamptz(wm_now())))));
    return wm_ok();
}

/// One row in, one row out. It runs without a database: what it needs comes in, and what it finds goes out.
static wm_result split(const wm_rows *in, wm_out *out) {
    int64_t id = WM_TRY(wm_get_int8(in, "id"));
    wm_str name = WM_TRY(wm_get_text(in, "name"));
    wm_str phone = WM_TRY(wm_get_text(in, "phone"));

    // A NULL has no data, and what has no data is written as NULL.
    wm_str first = name, last = {0};
    if (name.data) {
        first.length = 0;
        while (first.length < name.length && name.data[first.length] != ' ') first.length++;
        size_t rest = first.length < name.length ? first.length + 1 : first.length;
        last = wm_slice(name.data + rest, name.length - rest);
    }

    wm_str digits = {0};
    if (phone.data) {
        char *kept = wm_alloc(phone.length);
        for (size_t at = 0; at < phone.length; at++) {
            if (phone.data[at] >= '0' && phone.data[at] <= '9') kept[digits.length++] = phone.data[at];
        }
        digits.data = kept;
    }
    return wm_put(out, id + 1, first, last, digits);
}

/// The error is about this row alone: the host names it by its key.
static wm_result split_but_seven(const wm_rows *in, wm_out *out) {
    if (WM_TRY(wm_get_int8(in, "id")) == 7) return wm_fail("row seven is bad");
    return split(in, out);
}

static wm_result split_people(const char *transform) {
    uint64_t rows = WM_TRY(wm_backfill_run(
        .name = "split",
        .table = "people",
        .input = {"id", "name", "phone"},
        .output = {"n", "first", "last", "digits"},
        .transform = transform));
    return see("rows", rows);
}

static wm_result backfill(void) {
    return split_people("split");
}

static wm_result row_error(void) {
    return split_people("split_but_seven");
}

static wm_result update(void) {
    return see("rows", WM_TRY(wm_backfill_update(.name = "shout", .table = "people", .set = "last = upper(name)", .where = "id % 2 = 0")));
}

static wm_result fails(void) {
    WM_TRY(take(1));
    return wm_fail("the house is on fire");
}

static wm_result fails_silently(void) {
    return wm_fail("%s", "");
}

static wm_result unhandled(void) {
    WM_TRY(wm_execute("INSERT INTO given (id) VALUES (1)"));
    return wm_ok();
}

static wm_result swallowed(void) {
    wm_count_result duplicate = wm_execute("INSERT INTO given (id) VALUES (1)");
    if (duplicate.error) wm_info("never mind: %s", duplicate.error->message.data);
    return wm_ok();
}

static wm_result trap(void) {
    __builtin_trap();
}

static wm_result loop(void) {
    for (volatile unsigned turns = 0;; turns++) {}
}

static wm_result memory(void) {
    for (;;) wm_alloc(1 << 20);
}

static int deeper(int depth) {
    volatile int here = depth;
    return depth < 0 ? 0 : deeper(here + 1) + here;
}

static wm_result stack(void) {
    return wm_fail("a stack without an end: %d", deeper(0));
}

static wm_result invalid_text(void) {
    WM_TRY(wm_execute("INSERT INTO taken (id, t) VALUES (1, $1)", "not UTF-8: \xff"));
    return wm_ok();
}

static wm_result upgrade(void) {
    static const struct {
        const char *name;
        wm_result (*run)(void);
    } cases[] = {
        {"values", values}, {"parameters", parameters}, {"errors", errors}, {"savepoints", savepoints}, {"script", script},
        {"log", messages}, {"context", context}, {"backfill", backfill}, {"update", update}, {"row-error", row_error},
        {"fails", fails}, {"fails-silently", fails_silently}, {"unhandled", unhandled}, {"swallowed", swallowed}, {"trap", trap},
        {"loop", loop}, {"memory", memory}, {"stack", stack}, {"invalid-text", invalid_text},
    };
    wm_str wanted = wm_x("case");
    for (size_t place = 0; place < sizeof cases / sizeof *cases; place++) {
        if (!wm_equals(wanted, cases[place].name)) continue;
        WM_TRY(cases[place].run());
        return wm_ok();
    }
    return wm_fail("no case %s", wanted.data ? wanted.data : "given");
}

static wm_result downgrade(void) {
    WM_TRY(wm_script("DELETE FROM taken; DELETE FROM seen"));
    return wm_ok();
}

WM_REVISION(upgrade, downgrade)
WM_TRANSFORMS(WM_BY_ROW(split), WM_BY_ROW(split_but_seven))
