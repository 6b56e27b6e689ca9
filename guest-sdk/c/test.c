// Tests of what in wmigrate.h needs no host. They run on the machine they are compiled on, as C and as C++:
//
//     cc -std=c11 -Wall -Wextra test.c -o test && ./test
//     c++ -x c++ -std=c++20 -Wall -Wextra test.c -o test && ./test

#include "wmigrate.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static int passed, failed;

static void check(int line, bool holds, const char *what) {
    holds ? passed++ : failed++;
    if (!holds) printf("test.c:%d: %s\n", line, what);
}

static void check_text(int line, wm_str text, const char *expected) {
    if (wm_equals(text, expected) && strlen(text.data) == text.length) {
        passed++;
        return;
    }
    failed++;
    printf("test.c:%d: \"%s\", not \"%s\"\n", line, text.data ? text.data : "(null)", expected);
}

#define CHECK(...) check(__LINE__, __VA_ARGS__, #__VA_ARGS__)
#define CHECK_TEXT(text, expected) check_text(__LINE__, text, expected)

/// All that `printf` and `wm_format` both know must come out alike.
#define CHECK_FORMAT(...) \
    do { \
        char expected[1000]; \
        snprintf(expected, sizeof expected, __VA_ARGS__); \
        CHECK_TEXT(wm_format(__VA_ARGS__), expected); \
    } while (0)

static void formats(void) {
    CHECK_FORMAT("plain %% text");
    CHECK_FORMAT("%d %i %5d|%-5d|%05d|%d", 0, -1, 42, 42, -42, -2147483647 - 1);
    CHECK_FORMAT("%u %x %o %08x", 4294967295u, 48879u, 8u, 48879u);
    CHECK_FORMAT("%ld %lld %lu %llu %zu", -1L, -9223372036854775807LL - 1, 1UL, 18446744073709551615ULL, (size_t)7);
    CHECK_FORMAT("%s|%5s|%-5s|%.2s|%.*s|%c", "text", "ab", "ab", "abcdef", 3, "abcdef", 'x');
    CHECK_FORMAT("%*d|%-*d|%.9s", 4, 1, 4, 1, "");
    CHECK_FORMAT("%f %.0f %.1f %.3f %.9f", 1.5, 2.6, 0.05, -3.14159, 1e-9);
    CHECK_FORMAT("%.2f %.2f %f", 0.999, 1e15, 0.1);
    CHECK_TEXT(wm_format("%g %f", (double)INFINITY, -(double)INFINITY), "inf -inf");
    CHECK_TEXT(wm_format("%f", (double)NAN), "nan");
    const char *volatile none = NULL;
    CHECK_TEXT(wm_format("%s", none), "(null)");
    CHECK(wm_format("%f", DBL_MAX).length > 15);
    wm_str longest = wm_format("%s", "");
    for (int turn = 0; turn < 12; turn++) longest = wm_format("%s%sab", longest.data, longest.data);
    CHECK(longest.length == 2 * 4095);
}

static void utf8(void) {
    const char *good[] = {"", "plain text that is longer than eight bytes", "é", "漢字", "😀", "eight b😀s", "\xf4\x8f\xbf\xbf",
                          "\xed\x9f\xbf", "\xef\xbf\xbf"};
    for (size_t place = 0; place < sizeof good / sizeof *good; place++) CHECK(wm_utf8_length_(wm_string(good[place])) == strlen(good[place]));
    // Lone bytes, overlong forms, surrogates, beyond the last character, cut off.
    const char *bad[] = {"\x80", "\xff", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                         "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "\xe2\x98", "\xf0\x9f\x98", "\xe2\x28\xa1", "\xf0\x9f\x28\x80"};
    for (size_t place = 0; place < sizeof bad / sizeof *bad; place++) {
        CHECK(wm_utf8_length_(wm_string(bad[place])) == 0);
        wm_str late = wm_format("seven b%s", bad[place]);
        CHECK(wm_utf8_length_(late) == 7);
        CHECK(wm_utf8_length_(wm_readable_(late)) >= 8);
    }
    CHECK_TEXT(wm_readable_(wm_string("a\xff\xc3z")), "a??z");
    wm_error *error = wm_check_text_(wm_string("ab\xff"), "the text for $", 3);
    CHECK_TEXT(error->message, "the text for $3 is no UTF-8: byte 0xff at place 3");
    CHECK_TEXT(error->sqlstate, "22021");
}

static void dates(void) {
    CHECK(wm_days_of(2000, 1, 1) == 0);
    CHECK(wm_days_of(1999, 12, 31) == -1);
    CHECK(wm_days_of(2000, 2, 29) == 59);
    CHECK(wm_days_of(2000, 3, 1) == 60);
    CHECK(wm_days_of(1970, 1, 1) == -WM_UNIX_TO_SERVER_DAYS);
    CHECK(wm_days_of(2026, 11, 22) == 9822);
    CHECK(wm_days_of(2026, 14, 1) == wm_days_of(2027, 2, 1));
    CHECK(wm_days_of(2026, 0, 1) == wm_days_of(2025, 12, 1));
    bool same = true;
    for (int32_t days = -3000000; days < 3000000; days += 7) {
        wm_day day = wm_day_of(days);
        same = same && wm_days_of(day.year, day.month, day.day) == days && day.day >= 1 && day.day <= 31 && day.month >= 1 && day.month <= 12;
    }
    CHECK(same);
    CHECK_TEXT(wm_date_text(9822), "2026-11-22");
    CHECK_TEXT(wm_date_text(wm_days_of(-43, 3, 15)), "0044-03-15 BC");
    CHECK_TEXT(wm_date_text(wm_days_of(12345, 6, 7)), "12345-06-07");
    CHECK_TEXT(wm_date_text(WM_DATE_INFINITY), "infinity");
    CHECK_TEXT(wm_time_text(86400000000), "24:00:00.000000");
    CHECK_TEXT(wm_timestamp_text(-1), "1999-12-31 23:59:59.999999");
    CHECK_TEXT(wm_timestamp_text(INT64_C(86400000000) * wm_days_of(0, 12, 31) + 3000000), "0001-12-31 00:00:03.000000 BC");
    CHECK_TEXT(wm_timestamp_text(WM_TIMESTAMP_MINUS_INFINITY), "-infinity");
}

static void parameters(void) {
    char changeable[] = "text";
    long long wide = 5;
    unsigned long long widest = 18446744073709551615ULL;
    bool truth = true;
    float small = 1.5f;
    const char *none = NULL;
    CHECK(WM_VALUE(5).tag == WM_INT4 && WM_VALUE(5).as.int4 == 5);
    CHECK(WM_VALUE(wide).tag == WM_INT8 && WM_VALUE(wide++).as.int8 == 5 && wide == 6);
    CHECK(WM_VALUE(widest).tag == WM_NUMERIC && wm_equals(WM_VALUE(widest).as.text, "18446744073709551615"));
    CHECK(WM_VALUE(7u).tag == WM_INT8 && WM_VALUE((short)7).tag == WM_INT2 && WM_VALUE((unsigned short)7).tag == WM_INT4);
    CHECK(WM_VALUE(truth).tag == WM_BOOLEAN && WM_VALUE(small).tag == WM_FLOAT4 && WM_VALUE(1.5).tag == WM_FLOAT8);
    CHECK(WM_VALUE("text").tag == WM_TEXT && WM_VALUE(changeable).tag == WM_TEXT && WM_VALUE("").tag == WM_TEXT);
    CHECK(WM_VALUE(none).tag == WM_NULL && WM_VALUE(wm_null()).tag == WM_NULL);
    CHECK(WM_VALUE(wm_string("x")).tag == WM_TEXT && WM_VALUE(wm_numeric("1.5")).tag == WM_NUMERIC);
    CHECK(WM_VALUE(wm_interval(1, 2, 3)).as.interval.months == 1);
    wm_str items[] = {{"a", 1}, {NULL, 0}};
    CHECK(wm_text_array(items, 2).as.text_array.data[0].present && !wm_text_array(items, 2).as.text_array.data[1].present);
    wm_parameters rows;
    memset(&rows, 0, sizeof rows);
    for (int row = 0; row < 100; row++) wm_add(&rows, row, "x", none);
    CHECK(rows.count == 100 && rows.rows[99].length == 3 && ((const wm_value *)rows.rows[99].data)->as.int4 == 99);
    wm_add(&rows);
    CHECK(rows.rows[100].length == 0);
}

static void memory(void) {
    wm_heap mark = wm_mark();
    void *first = wm_alloc(10);
    wm_alloc(1000000);
    wm_release(mark);
    // Whether in the same block or in a new one: what was given back is used again.
    void *second = wm_alloc(10);
    wm_release(mark);
    CHECK(wm_alloc(10) == second);
    CHECK((uintptr_t)first % 8 == 0 && (uintptr_t)second % 8 == 0);
}

static wm_result refuses(void) {
    return wm_hint(wm_fail("%d %s", 5, "reasons"), "think again");
}

static wm_result passes_on(int *reached) {
    WM_TRY(refuses());
    *reached = 1;
    return wm_ok();
}

static void errors(void) {
    int reached = 0;
    wm_error *error = passes_on(&reached).error;
    CHECK(reached == 0 && error != NULL);
    CHECK_TEXT(error->message, "5 reasons");
    CHECK_TEXT(error->kind, "exception");
    CHECK(wm_is(error, "P0001") && !wm_is(error, "23505") && !wm_is(NULL, "P0001"));
    CHECK_TEXT(error->hint.value, "think again");
    const char *stack = wm_error_field(error, "stack").data;
    CHECK(strstr(stack, "at refuses (test.c:") && strstr(stack, "\n    at passes_on (test.c:"));
    CHECK(wm_error_field(error, "constraint").data == NULL);
    CHECK(wm_fail_with("22023", "%s", "").error->message.length > 0);
}

static wm_result next_and_name(const wm_rows *in, wm_out *out) {
    int64_t id = WM_TRY(wm_get_int8(in, "id"));
    wm_str name = WM_TRY(wm_get_text(in, 1));
    if (id == 7 || id == 9) return wm_fail("%lld is bad", (long long)id);
    return wm_put(out, id + 1, name, WM_TRY(wm_is_null(in, "name")), wm_bytea("\0b", 2));
}

static wm_result twice(const wm_rows *in, wm_out *out) {
    (void)in;
    for (int turn = 0; turn < 2; turn++) WM_TRY(wm_put(out, 1));
    return wm_ok();
}

static wm_result whole(const wm_rows *in, wm_out *out) {
    const int64_t *ids = (const int64_t *)WM_TRY(wm_get_all(in, 0, WM_INT8));
    wm_str names = WM_TRY(wm_get_texts(in, "name"));
    wm_bytes nulls = WM_TRY(wm_get_nulls(in, "name"));
    wm_put_columns(out, 2);
    int64_t *doubled = (int64_t *)wm_put_fixed(out, 0, WM_INT8);
    for (uint32_t row = 0; row < in->count; row++) doubled[row] = 2 * ids[row];
    wm_put_texts(out, 1, names.data, names.length);
    if (nulls.length > 0) memcpy(wm_put_nulls(out, 1), nulls.data, nulls.length);
    return wm_ok();
}

static wm_result mixed(const wm_rows *in, wm_out *out) {
    if (in->row == 0) return wm_put(out, wm_null());
    return in->row == 1 ? wm_put(out, 1) : wm_put(out, "one");
}

static wm_rows people(void) {
    static const char *const names[] = {"id", "name"};
    wm_out cells;
    memset(&cells, 0, sizeof cells);
    cells.rows = 3;
    CHECK(!wm_put(&cells, wm_int8(9007199254740993), "Ada").error);
    CHECK(!wm_put(&cells, wm_int8(8), wm_null()).error);
    CHECK(!wm_put(&cells, wm_int8(-1), "").error);
    CHECK(wm_put(&cells, wm_int8(1), "").error != NULL);
    return wm_test_rows(&cells, names);
}

#define BY_ROW(function) make_entry(#function, function, false)
#define BY_COLUMN(function) make_entry(#function, function, true)

static wm_transform_entry make_entry(const char *name, wm_transform_function function, bool by_column) {
    wm_transform_entry entry = {name, function, by_column};
    return entry;
}

static void transforms(void) {
    wm_rows rows = wm_test_transform(BY_ROW(next_and_name), people()).value;
    CHECK(rows.count == 3 && rows.column_count == 4);
    CHECK(wm_get_int8(&rows, 0).error != NULL);
    CHECK(wm_next(&rows) && wm_get_int8(&rows, 0).value == 9007199254740994);
    CHECK_TEXT(wm_get_text(&rows, 1).value, "Ada");
    CHECK(wm_get_bytes(&rows, 3).value.length == 2 && wm_get_bytes(&rows, 3).value.data[1] == 'b');
    CHECK(wm_next(&rows) && wm_get_text(&rows, 1).value.data == NULL && wm_get_bool(&rows, 2).value && wm_get_value(&rows, 1).value.tag == WM_NULL);
    CHECK(wm_next(&rows) && wm_get_text(&rows, 1).value.length == 0 && wm_get_text(&rows, 1).value.data && !wm_next(&rows));
    CHECK_TEXT(wm_get_int8(&rows, "id").error->message, "there is no column `id`");
    CHECK_TEXT(wm_get_int8(&rows, 4).error->message, "there is no column 4: there are 4, counted from 0");
    CHECK_TEXT(wm_get_int4(&rows, 0).error->message, "column `` is type 20, which does not fit `wm_get_int4`: read it with `wm_get_int8`");

    rows = wm_test_transform(BY_COLUMN(whole), people()).value;
    CHECK(wm_next(&rows) && wm_get_int8(&rows, 0).value == 18014398509481986);
    CHECK(wm_next(&rows) && wm_get_value(&rows, 1).value.tag == WM_NULL && wm_next(&rows) && wm_get_value(&rows, 1).value.tag == WM_TEXT);

    wm_error *error = wm_test_transform(BY_ROW(twice), people()).error;
    CHECK_TEXT(error->message, "the transform wrote 2 rows for one: it calls `wm_put` once a row");
    error = wm_test_transform(BY_ROW(mixed), people()).error;
    CHECK_TEXT(error->message, "output column 1 got text after int4: all rows must have the same types");
    CHECK_TEXT(wm_error_field(error, "row"), "2");
}

static void failing_rows(void) {
    static const char *const names[] = {"id", "name"};
    wm_out cells;
    memset(&cells, 0, sizeof cells);
    cells.rows = 10;
    for (int id = 0; id < 10; id++) CHECK(!wm_put(&cells, wm_int8(id), "x").error);
    wm_error *error = wm_test_transform(BY_ROW(next_and_name), wm_test_rows(&cells, names)).error;
    CHECK_TEXT(error->message, "7 is bad");
    CHECK(error->field_count == 3);
    CHECK_TEXT(error->fields[1].value, "7");
    CHECK_TEXT(error->fields[2].value, "9");
}

int main(void) {
    formats();
    utf8();
    dates();
    parameters();
    memory();
    errors();
    transforms();
    failing_rows();
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
