// The conformance revision in C++: what every SDK must be able to do, one case a function. The harness puts the front matter on top and
// names the case with `-x case=…`. The SDK is the same header as in C; parameters and texts may be what the standard library has.

#include "wmigrate.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

std::string_view view(wm_str text) {
    return {text.data, text.length};
}

/// What a text is, where NULL is not the empty text.
std::optional<std::string_view> maybe(wm_str text) {
    if (!text.data) return std::nullopt;
    return view(text);
}

/// Leaves a fact for the harness. Any parameter will do for the value.
template <class Value> wm_result see(const char *key, const Value &value) {
    WM_TRY(wm_execute("INSERT INTO seen (key, value) VALUES ($1, $2)", key, value));
    return wm_ok();
}

/// Every value goes back as it came: a `wm_value` is a parameter like any other.
wm_result values() {
    wm_rows given = WM_TRY(wm_query("SELECT * FROM given ORDER BY id"));
    std::string insert = "INSERT INTO taken VALUES ($1";
    for (unsigned place = 2; place <= given.column_count; place++) insert += ", $" + std::to_string(place);
    insert += ")";
    while (wm_next(&given)) {
        std::vector<wm_value> row;
        for (unsigned place = 0; place < given.column_count; place++) row.push_back(WM_TRY(wm_get_value(&given, int(place))));
        WM_TRY(wm_execute_values(wm_slice(insert.data(), insert.size()), row.data(), row.size()));
    }
    return wm_ok();
}

wm_result parameters() {
    std::optional<std::string> none;
    WM_TRY(see("touched", WM_TRY(wm_execute("INSERT INTO taken (id, t) VALUES ($1, $2), ($3, $4)", 1, std::string(), 2, none))));

    wm_parameters rows = {};
    for (int id : {3, 4, 5}) wm_add(&rows, id, "m");
    WM_TRY(see("many", WM_TRY(wm_execute_many("INSERT INTO taken (id, t) VALUES ($1, $2)", &rows))));

    auto large = WM_SAVEPOINT(wm_execute("INSERT INTO taken (id, i4) VALUES (6, $1)", 3'000'000'000));
    if (!large.error) return wm_fail("an integer column took 3000000000");
    WM_TRY(see("kind", large.error->kind));
    WM_TRY(see("sqlstate", large.error->sqlstate));

    wm_rows row = WM_TRY(wm_query_one("SELECT id FROM taken WHERE id = $1", -1));
    WM_TRY(see("none", row.count == 0 ? "none" : "one"));

    wm_value exact = WM_TRY(wm_query_value("SELECT 9007199254740993"));
    WM_TRY(see("exact", std::to_string(exact.as.int8)));
    return wm_ok();
}

/// An error that is looked at needs a savepoint: without one the transaction is aborted.
wm_result errors() {
    const wm_error *duplicate = WM_SAVEPOINT(wm_execute("INSERT INTO given (id) VALUES ($1)", 1)).error;
    if (!duplicate) return wm_fail("a second row with the id 1");
    WM_TRY(see("sqlstate", duplicate->sqlstate));
    WM_TRY(see("constraint", wm_error_field(duplicate, "constraint")));

    const wm_error *zero = WM_SAVEPOINT(wm_query_value("SELECT 1/0")).error;
    if (!zero) return wm_fail("a division by zero that has a result");
    WM_TRY(see("zero", zero->sqlstate));

    const wm_error *commit = WM_SAVEPOINT(wm_execute("COMMIT")).error;
    if (!commit) return wm_fail("a COMMIT that was let through");
    WM_TRY(see("commit", commit->kind));
    return wm_ok();
}

wm_result take(int id) {
    WM_TRY(wm_execute("INSERT INTO taken (id) VALUES ($1)", id));
    return wm_ok();
}

wm_result savepoints() {
    WM_TRY(take(1));
    // Whatever returns a result can run in a savepoint, a lambda too.
    auto three = []() -> wm_result {
        WM_TRY(take(3));
        return wm_fail("3 is not to stay");
    };
    auto outer = [&]() -> wm_result {
        WM_TRY(take(2));
        if (!WM_SAVEPOINT(three()).error) return wm_fail("a failure that was lost");
        return take(4);
    };
    WM_TRY(WM_SAVEPOINT(outer()));
    return wm_ok();
}

wm_result script() {
    WM_TRY(see("count", WM_TRY(wm_script(R"(
        INSERT INTO taken (id, t) VALUES (1, 'a;b');
        DO $$ BEGIN PERFORM 1; PERFORM 2; END $$;
        UPDATE taken SET t = t || ';' WHERE id = 1;
    )"))));

    const wm_error *wrong = WM_SAVEPOINT(wm_script("SELECT 1;\nSELECT nope;")).error;
    if (!wrong) return wm_fail("a column that there is not");
    WM_TRY(see("line", wm_error_field(wrong, "line")));
    return wm_ok();
}

wm_result messages() {
    wm_debug("a debug message");
    wm_info("an info message");
    wm_notice("a notice message");
    wm_warning("a warning message");
    wm_info("tab\there, escape \x1b[31m, snowman \xe2\x98\x83");
    return wm_ok();
}

wm_result context() {
    WM_TRY(see("revision", wm_revision()));
    WM_TRY(see("direction", wm_direction() == WM_UPGRADE ? "upgrade" : "downgrade"));
    WM_TRY(see("x", wm_x("given")));
    WM_TRY(see("missing", maybe(wm_x("missing")).value_or("none")));
    WM_TRY(see("server", wm_server_version()));
    auto same = "SELECT (date_trunc('milliseconds', $1::timestamptz) = date_trunc('milliseconds', now()))::text";
    WM_TRY(see("now", WM_TRY(wm_query_value(same, wm_timestamptz(wm_now())))));
    return wm_ok();
}

/// One row in, one row out. It runs without a database: what it needs comes in, and what it finds goes out.
wm_result split(const wm_rows *in, wm_out *out) {
    int64_t id = WM_TRY(wm_get_int8(in, "id"));
    auto name = maybe(WM_TRY(wm_get_text(in, "name")));
    auto phone = maybe(WM_TRY(wm_get_text(in, "phone")));

    std::optional<std::string_view> first, last;
    if (name) {
        auto blank = std::min(name->find(' '), name->size());
        first = name->substr(0, blank);
        last = name->substr(std::min(blank + 1, name->size()));
    }
    std::optional<std::string> digits;
    if (phone) {
        digits.emplace();
        std::copy_if(phone->begin(), phone->end(), std::back_inserter(*digits), [](char c) { return c >= '0' && c <= '9'; });
    }
    // An optional without a value is written as NULL.
    return wm_put(out, id + 1, first, last, digits);
}

/// The error is about this row alone: the host names it by its key.
wm_result split_but_seven(const wm_rows *in, wm_out *out) {
    if (WM_TRY(wm_get_int8(in, "id")) == 7) return wm_fail("row seven is bad");
    return split(in, out);
}

wm_result split_people(const char *transform) {
    uint64_t rows = WM_TRY(wm_backfill_run(
        .name = "split",
        .table = "people",
        .input = {"id", "name", "phone"},
        .output = {"n", "first", "last", "digits"},
        .transform = transform));
    return see("rows", rows);
}

wm_result backfill() {
    return split_people("split");
}

wm_result row_error() {
    return split_people("split_but_seven");
}

wm_result update() {
    return see("rows", WM_TRY(wm_backfill_update(.name = "shout", .table = "people", .set = "last = upper(name)", .where = "id % 2 = 0")));
}

wm_result fails() {
    WM_TRY(take(1));
    return wm_fail("the house is on fire");
}

wm_result fails_silently() {
    return wm_fail("%s", "");
}

wm_result unhandled() {
    WM_TRY(wm_execute("INSERT INTO given (id) VALUES (1)"));
    return wm_ok();
}

wm_result swallowed() {
    auto duplicate = wm_execute("INSERT INTO given (id) VALUES (1)");
    if (duplicate.error) wm_info("never mind: %s", duplicate.error->message.data);
    return wm_ok();
}

wm_result trap() {
    __builtin_trap();
}

wm_result loop() {
    for (volatile bool more = true; more;) {}
    return wm_ok();
}

wm_result memory() {
    std::vector<std::string> kept;
    for (;;) kept.emplace_back(1 << 20, 'x');
}

int deeper(int depth) {
    volatile int here = depth;
    return depth < 0 ? 0 : deeper(here + 1) + here;
}

wm_result stack() {
    return wm_fail("a stack without an end: %d", deeper(0));
}

wm_result invalid_text() {
    WM_TRY(wm_execute("INSERT INTO taken (id, t) VALUES (1, $1)", std::string_view("not UTF-8: \xff")));
    return wm_ok();
}

wm_result upgrade() {
    struct Case {
        std::string_view name;
        wm_result (*run)();
    };
    static constexpr Case cases[] = {
        {"values", values}, {"parameters", parameters}, {"errors", errors}, {"savepoints", savepoints}, {"script", script},
        {"log", messages}, {"context", context}, {"backfill", backfill}, {"update", update}, {"row-error", row_error},
        {"fails", fails}, {"fails-silently", fails_silently}, {"unhandled", unhandled}, {"swallowed", swallowed}, {"trap", trap},
        {"loop", loop}, {"memory", memory}, {"stack", stack}, {"invalid-text", invalid_text},
    };
    auto wanted = maybe(wm_x("case")).value_or("given");
    for (auto &one : cases) {
        if (one.name != wanted) continue;
        WM_TRY(one.run());
        return wm_ok();
    }
    return wm_fail("no case %.*s", int(wanted.size()), wanted.data());
}

wm_result downgrade() {
    WM_TRY(wm_script("DELETE FROM taken; DELETE FROM seen"));
    return wm_ok();
}

}  // namespace

WM_REVISION(upgrade, downgrade)
WM_TRANSFORMS(WM_BY_ROW(split), WM_BY_ROW(split_but_seven))
