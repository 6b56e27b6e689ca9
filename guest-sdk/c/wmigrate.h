// Write wmigrate revisions in C and C++: this one header is the whole SDK. It holds the bindings of the contract in wit/0.1.0, written by
// hand, the exports that the host calls, an allocator, and on top of them what an author uses. Nothing else is needed, not even a libc.
//
//     static wm_result upgrade(void) {
//         WM_TRY(wm_execute("ALTER TABLE author ADD COLUMN family_name text"));
//         wm_rows authors = WM_TRY(wm_query("SELECT id, name FROM author WHERE name <> $1", ""));
//         while (wm_next(&authors)) {
//             int64_t id = WM_TRY(wm_get_int8(&authors, "id"));
//             wm_str name = WM_TRY(wm_get_text(&authors, "name"));
//             if (name.length > 200) return wm_fail("author %lld has a name of %zu bytes", (long long)id, name.length);
//             WM_TRY(wm_execute("UPDATE author SET family_name = $1 WHERE id = $2", family_of(name), id));
//         }
//         return wm_ok();
//     }
//
//     WM_REVISION(upgrade, downgrade)
//
// * What may fail returns a result. `WM_TRY(call)` is its value, or returns from the function, which returns a `wm_result` itself. A function
//   that has a result is not to be called without it or a look at `.error`; compilers warn.
// * Parameters of statements are written as they are: integers, floating-point numbers, `bool`, C strings, `wm_str`, `wm_bytes`, NULL. What C has
//   no type of is made by `wm_numeric("1.50")`, `wm_date(days)`, `wm_null()` and so on.
// * Memory that the SDK hands out lives until the export has returned, and nothing needs to be freed. A loop that goes on for very long can
//   give back what it used: `wm_mark` and `wm_release`.
// * Names that end with an underscore are for the header itself.
//
// C11 or C++17 with statement expressions, which clang and `zig cc` have. For a test, it also compiles for the machine it is on: calls of the
// host trap there, all else works.

#ifndef WMIGRATE_H
#define WMIGRATE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __wasm__
#define WM_IMPORT_(module, name) __attribute__((import_module("wmigrate:migration/" module "@0.1.0"), import_name(name))) extern
#define WM_EXPORT_(name) __attribute__((export_name(name), used))
#else
#include <stdlib.h>
#define WM_IMPORT_(module, name) __attribute__((weak)) extern
#define WM_EXPORT_(name) __attribute__((used))
#endif

#define WM_CHECKED_ __attribute__((warn_unused_result))
// One copy of each, or a small revision would be a large one.
#define WM_SHARED_ __attribute__((noinline, unused)) static
#define WM_COLD_ __attribute__((cold, noinline, unused)) static
#define WM_PRINTF_(place, first) __attribute__((format(printf, place, first)))

#ifdef __cplusplus
#define WM_NONE_ = {}
#define WM_AUTO_ auto
extern "C" {
#else
#define WM_NONE_
#define WM_AUTO_ __auto_type
#endif

// ---------------------------------------------------------------------------------------------------------------------------------------------
// Values and errors. Each type lies in memory as the canonical ABI of the contract wants it, so nothing is converted on the way to the host.

/// Text in UTF-8. From the host it is always followed by a zero byte, so `data` is a C string too. `data` is NULL for what is not there.
typedef struct wm_str {
    const char *data;
    size_t length;
} wm_str;

/// bytea.
typedef struct wm_bytes {
    const uint8_t *data;
    size_t length;
} wm_bytes;

/// PostgreSQL's interval, its three parts kept apart as the server keeps them.
typedef struct wm_interval_parts {
    int64_t microseconds;
    int32_t days;
    int32_t months;
} wm_interval_parts;

typedef struct wm_optional_text {
    bool present;
    wm_str value;
} wm_optional_text;

typedef struct wm_optional_int8 {
    bool present;
    int64_t value;
} wm_optional_int8;

typedef struct wm_optional_position {
    bool present;
    uint32_t value;
} wm_optional_position;

/// What a `wm_value` holds.
enum {
    WM_NULL, WM_BOOLEAN, WM_INT2, WM_INT4, WM_INT8, WM_FLOAT4, WM_FLOAT8, WM_NUMERIC, WM_TEXT, WM_BYTEA, WM_DATE, WM_TIME, WM_TIMESTAMP,
    WM_TIMESTAMPTZ, WM_INTERVAL, WM_UUID, WM_JSON, WM_JSONB, WM_TEXT_ARRAY, WM_INT8_ARRAY, WM_OTHER,
    WM_END_ = 255
};

/// One SQL value: `tag` says which member of `as` counts. Texts are `as.text`, also those of numeric, uuid and json.
typedef struct wm_value {
    uint8_t tag;
    union wm_value_as {
        bool boolean;
        int16_t int2;
        int32_t int4;
        int64_t int8;
        float float4;
        double float8;
        wm_str text;
        wm_bytes bytes;
        /// Days since 2000-01-01.
        int32_t date;
        /// Microseconds: of a time since midnight, of a timestamp since 2000-01-01 00:00 (UTC, of a timestamptz).
        int64_t time;
        wm_interval_parts interval;
        struct wm_text_array {
            const wm_optional_text *data;
            size_t length;
        } text_array;
        struct wm_int8_array {
            const wm_optional_int8 *data;
            size_t length;
        } int8_array;
        struct wm_other_value {
            uint32_t oid;
            bool text;
            wm_bytes data;
        } other;
    } as;
} wm_value;

/// Further facts of an error, by name.
typedef struct wm_field {
    wm_str name;
    wm_str value;
} wm_field;

/// Why a call, or the revision, failed: the record of the contract. `wm_error_field` finds `constraint`, `table`, `line` and the like.
typedef struct wm_error {
    /// `database`, `parameter`, `result`, `denied`, `limit`, `usage`, `exception` (the revision's own), or whatever comes later.
    wm_str kind;
    /// Five characters, for example `23505` for a violated unique constraint.
    wm_str sqlstate;
    wm_str message;
    wm_optional_text detail;
    wm_optional_text hint;
    /// Character of the statement the error points at, counted from 1.
    wm_optional_position position;
    wm_field *fields;
    size_t field_count;
} wm_error;

/// A column of a result.
typedef struct wm_column {
    wm_str name;
    /// The type's `pg_type.oid`.
    uint32_t oid;
    /// As `format_type` writes it, for example `numeric(10,2)`.
    wm_str type_name;
} wm_column;

enum { WM_CELLS_TEXT_, WM_CELLS_FIXED_, WM_CELLS_BYTES_ };

/// A column's values as they cross the border.
typedef struct wm_wire_vector_ {
    wm_bytes nulls;
    uint8_t cells;
    const char *data;
    size_t length;
} wm_wire_vector_;

/// A list of anything, as a parameter of an import or a part of a record.
typedef struct wm_list_ {
    const void *data;
    size_t length;
} wm_list_;

typedef struct wm_column_set_ {
    const wm_column *columns;
    size_t column_count;
    uint32_t rows;
    const wm_wire_vector_ *vectors;
    size_t vector_count;
} wm_column_set_;

typedef struct wm_spec_ {
    wm_str name, table;
    wm_list_ key;
    wm_optional_text source;
    wm_list_ input, output;
    wm_optional_text condition;
    wm_str transform;
    wm_list_ settings;
} wm_spec_;

// What imports leave in memory: which case it is, and the case.
typedef struct wm_answer_ {
    bool failed;
    union {
        wm_error error;
        uint32_t number;
        wm_column_set_ set;
        wm_list_ vectors;
    } as;
} wm_answer_;

typedef struct wm_count_answer_ {
    bool failed;
    union {
        wm_error error;
        uint64_t count;
    } as;
} wm_count_answer_;

#ifdef __wasm32__
#ifdef __cplusplus
#define WM_SIZE_(type, bytes) static_assert(sizeof(type) == (bytes), "the canonical ABI has " #bytes " bytes for a " #type)
#else
#define WM_SIZE_(type, bytes) _Static_assert(sizeof(type) == (bytes), "the canonical ABI has " #bytes " bytes for a " #type)
#endif
WM_SIZE_(wm_value, 24);
WM_SIZE_(wm_error, 64);
WM_SIZE_(wm_column, 20);
WM_SIZE_(wm_wire_vector_, 20);
WM_SIZE_(wm_column_set_, 20);
WM_SIZE_(wm_spec_, 80);
WM_SIZE_(wm_answer_, 68);
WM_SIZE_(wm_count_answer_, 72);
WM_SIZE_(wm_optional_int8, 16);
#endif

// ---------------------------------------------------------------------------------------------------------------------------------------------
// The imports, flattened: a text and a list are an address and a length, and an answer comes at an address that is handed over.

WM_IMPORT_("sql", "execute") void wm_import_execute_(const char *, size_t, const wm_value *, size_t, wm_count_answer_ *);
WM_IMPORT_("sql", "execute-many") void wm_import_execute_many_(const char *, size_t, const wm_list_ *, size_t, wm_count_answer_ *);
WM_IMPORT_("sql", "query-columns") void wm_import_query_columns_(const char *, size_t, const wm_value *, size_t, wm_answer_ *);
WM_IMPORT_("sql", "script") void wm_import_script_(const char *, size_t, wm_answer_ *);
WM_IMPORT_("sql", "savepoint") void wm_import_savepoint_(wm_answer_ *);
WM_IMPORT_("sql", "rollback-to-savepoint") void wm_import_rollback_to_savepoint_(uint32_t, wm_answer_ *);
WM_IMPORT_("sql", "release-savepoint") void wm_import_release_savepoint_(uint32_t, wm_answer_ *);
WM_IMPORT_("log", "message") void wm_import_message_(int, const char *, size_t);
WM_IMPORT_("context", "revision") void wm_import_revision_(wm_str *);
WM_IMPORT_("context", "direction") int wm_import_direction_(void);
WM_IMPORT_("context", "x-argument") void wm_import_x_argument_(const char *, size_t, wm_optional_text *);
WM_IMPORT_("context", "server-version") uint32_t wm_import_server_version_(void);
WM_IMPORT_("context", "now") int64_t wm_import_now_(void);
WM_IMPORT_("backfill", "run") void wm_import_run_(const wm_spec_ *, wm_count_answer_ *);
WM_IMPORT_("backfill", "update")
void wm_import_update_(const char *name, size_t name_length, const char *table, size_t table_length, const void *key, size_t key_count,
                       const char *set, size_t set_length, int has_condition, const char *condition, size_t condition_length,
                       const void *settings, size_t setting_count, wm_count_answer_ *answer);

// ---------------------------------------------------------------------------------------------------------------------------------------------
// Memory. It is handed out one piece after the other and given back as a whole. It is taken from the end of the linear memory only, so that
// a libc's `malloc` and this do not get in each other's way.

typedef struct wm_heap {
    /// Where the block at hand begins, where it is free, where it ends.
    uintptr_t start, next, end;
} wm_heap;

/// One for all files of a revision.
__attribute__((weak)) wm_heap wm_heap_;

#define WM_ALIGNMENT_ ((size_t)8)
#define WM_PAGE_ ((size_t)65536)
#define WM_BLOCK_ (4 * WM_PAGE_)

WM_COLD_ void wm_grow_(size_t size) {
    size_t pages = ((size > WM_BLOCK_ ? size : WM_BLOCK_) + WM_PAGE_ - 1) / WM_PAGE_;
#ifdef __wasm__
    size_t before = __builtin_wasm_memory_grow(0, pages);
    if (before == SIZE_MAX) __builtin_trap();
    uintptr_t start = (uintptr_t)before * WM_PAGE_;
#else
    uintptr_t start = (uintptr_t)malloc(pages * WM_PAGE_);
    if (start == 0) __builtin_trap();
#endif
    if (start != wm_heap_.end || start == 0) wm_heap_.start = wm_heap_.next = start;
    wm_heap_.end = start + pages * WM_PAGE_;
}

/// Memory for whatever the revision likes, fit for every type. It is not cleared.
static inline void *wm_alloc(size_t size) {
    if (size > SIZE_MAX - WM_BLOCK_) __builtin_trap();
    size = (size + WM_ALIGNMENT_ - 1) & ~(WM_ALIGNMENT_ - 1);
    if (size > wm_heap_.end - wm_heap_.next) wm_grow_(size);
    void *piece = (void *)wm_heap_.next;
    wm_heap_.next += size;
    return piece;
}

/// Remembers how much memory is in use.
static inline wm_heap wm_mark(void) {
    return wm_heap_;
}

/// Gives back everything that the SDK has handed out since `wm_mark`: rows, texts, errors, `wm_alloc`.
static inline void wm_release(wm_heap mark) {
    bool same_block = mark.next >= wm_heap_.start && mark.next <= wm_heap_.end;
    wm_heap_.next = same_block ? mark.next : wm_heap_.start;
}

/// A larger piece with the same content; the same one where it is the last and has room behind it.
WM_SHARED_ void *wm_realloc_(void *piece, size_t used, size_t size) {
    size_t rounded = (used + WM_ALIGNMENT_ - 1) & ~(WM_ALIGNMENT_ - 1);
    if (piece && (uintptr_t)piece + rounded == wm_heap_.next && size <= wm_heap_.end - (uintptr_t)piece) {
        wm_heap_.next = (uintptr_t)piece;
        return wm_alloc(size);
    }
    void *larger = wm_alloc(size);
    if (used > 0) __builtin_memcpy(larger, piece, used);
    return larger;
}

#ifdef __wasm__
/// Where the host puts what it hands over. One zero byte more than asked for: so every text is a C string as well.
WM_EXPORT_("cabi_realloc") __attribute__((weak)) void *cabi_realloc(void *piece, size_t old_size, size_t align, size_t size) {
    if (align > WM_ALIGNMENT_ || size == SIZE_MAX) __builtin_trap();
    char *larger = (char *)wm_realloc_(piece, old_size < size ? old_size : size, size + 1);
    larger[size] = 0;
    return larger;
}
#endif

// ---------------------------------------------------------------------------------------------------------------------------------------------
// Text.

static inline size_t wm_length_(const char *text) {
    size_t length = 0;
    while (text[length]) length++;
    return length;
}

/// A C string as a `wm_str`. NULL stays NULL.
WM_SHARED_ wm_str wm_string(const char *text) {
    wm_str string = {text, text ? wm_length_(text) : 0};
    return string;
}

/// Some bytes of text as a `wm_str`. Nothing is copied.
static inline wm_str wm_slice(const char *data, size_t length) {
    wm_str string = {data, length};
    return string;
}

static inline wm_str wm_same_str_(wm_str text) {
    return text;
}

/// Whether a text is this one. NULL is equal to nothing.
WM_SHARED_ bool wm_equals(wm_str text, const char *other) {
    size_t place = 0;
    if (!text.data || !other) return false;
    while (place < text.length && other[place] && text.data[place] == other[place]) place++;
    return place == text.length && !other[place];
}

static inline bool wm_same_(wm_str one, wm_str other) {
    if (one.length != other.length) return false;
    for (size_t place = 0; place < one.length; place++) {
        if (one.data[place] != other.data[place]) return false;
    }
    return true;
}

/// Where the first zero byte from `at` on is; `length` if there is none.
static inline size_t wm_zero_(const char *data, size_t at, size_t length) {
    uint64_t eight;
    // Skips eight bytes of which none is zero.
    for (; length - at >= sizeof eight; at += sizeof eight) {
        __builtin_memcpy(&eight, data + at, sizeof eight);
        if ((eight - 0x0101010101010101u) & ~eight & 0x8080808080808080u) break;
    }
    while (at < length && data[at]) at++;
    return at;
}

/// How many bytes from the start are UTF-8: all of them, or up to the first mistake.
WM_SHARED_ size_t wm_utf8_length_(wm_str text) {
    const uint8_t *bytes = (const uint8_t *)text.data;
    size_t at = 0;
    while (at < text.length) {
        uint64_t eight;
        while (text.length - at >= sizeof eight) {
            __builtin_memcpy(&eight, bytes + at, sizeof eight);
            if (eight & 0x8080808080808080u) break;
            at += sizeof eight;
        }
        if (at == text.length) break;
        uint8_t first = bytes[at];
        size_t more = first < 0x80 ? 0 : first < 0xc2 ? 4 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : 4;
        if (more == 4 || more >= text.length - at) break;
        if (more > 0) {
            // The second byte says what the first leaves open: no overlong forms, no surrogates, nothing beyond U+10FFFF.
            uint8_t second = bytes[at + 1];
            uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
            uint8_t most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
            if (second < least || second > most) break;
            if (more > 1 && (bytes[at + 2] & 0xc0) != 0x80) break;
            if (more > 2 && (bytes[at + 3] & 0xc0) != 0x80) break;
        }
        at += 1 + more;
    }
    return at;
}

/// Text that is being put together, always with a zero byte behind it.
typedef struct wm_writer_ {
    char *data;
    size_t length, capacity;
} wm_writer_;

WM_SHARED_ void wm_write_(wm_writer_ *to, const char *data, size_t length) {
    if (length >= to->capacity - to->length) {
        size_t capacity = (to->length + length + 32) * 2;
        if (capacity < length) __builtin_trap();
        to->data = (char *)wm_realloc_(to->data, to->length, capacity);
        to->capacity = capacity;
    }
    if (length > 0) __builtin_memcpy(to->data + to->length, data, length);
    to->length += length;
    to->data[to->length] = 0;
}

static inline wm_str wm_written_(wm_writer_ *to) {
    wm_write_(to, "", 0);
    return wm_slice(to->data, to->length);
}

/// The text itself, or a copy in which `?` stands for what is no UTF-8: for messages, which must not be lost for such a reason.
WM_SHARED_ wm_str wm_readable_(wm_str text) {
    if (wm_utf8_length_(text) == text.length) return text;
    wm_writer_ to = {NULL, 0, 0};
    while (text.length > 0) {
        size_t good = wm_utf8_length_(text);
        wm_write_(&to, text.data, good);
        if (good == text.length) break;
        wm_write_(&to, "?", 1);
        text = wm_slice(text.data + good + 1, text.length - good - 1);
    }
    return wm_written_(&to);
}

/// One number of a format, in base 10 or 16.
WM_SHARED_ void wm_write_number_(wm_writer_ *to, uint64_t number, bool negative, unsigned base, int width, bool zeros, bool left) {
    char digits[20];
    int count = 0;
    do {
        digits[sizeof digits - 1 - (size_t)count++] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0);
    int fill = width - count - negative;
    if (!zeros && !left) for (; fill > 0; fill--) wm_write_(to, " ", 1);
    if (negative) wm_write_(to, "-", 1);
    if (zeros && !left) for (; fill > 0; fill--) wm_write_(to, "0", 1);
    wm_write_(to, digits + sizeof digits - count, (size_t)count);
    for (; fill > 0; fill--) wm_write_(to, " ", 1);
}

/// A floating-point number for people: rounded to so many places, of a very large one 17 digits and an exponent.
WM_SHARED_ void wm_write_float_(wm_writer_ *to, double number, int places) {
    if (number != number) {
        wm_write_(to, "nan", 3);
        return;
    }
    if (number < 0) {
        wm_write_(to, "-", 1);
        number = -number;
    }
    if (number > 1.7976931348623157e308) {
        wm_write_(to, "inf", 3);
        return;
    }
    unsigned exponent = 0;
    for (; number >= 1e17; exponent++) number /= 10;
    uint64_t scale = 1;
    for (int place = 0; place < places && place < 9; place++) scale *= 10;
    uint64_t whole = (uint64_t)number;
    uint64_t part = (uint64_t)((number - (double)whole) * (double)scale + 0.5);
    if (part >= scale) {
        whole++;
        part -= scale;
    }
    wm_write_number_(to, whole, false, 10, 0, false, false);
    if (exponent > 0) {
        wm_write_(to, "e+", 2);
        wm_write_number_(to, exponent, false, 10, 0, false, false);
    } else if (scale > 1) {
        wm_write_(to, ".", 1);
        wm_write_number_(to, part, false, 10, places < 9 ? places : 9, true, false);
    }
}

/// What `wm_format` does. It knows `%d %i %u %x %o` with `l`, `ll`, `z`, `t`, `h`, `hh` and `j`; `%c`, `%s` and `%.*s`, `%p`, `%%`; and `%f`, `%g`
/// and `%e`, which are one here; flags `-` and `0`, widths and precisions.
WM_SHARED_ wm_str wm_format_list_(const char *format, va_list values) {
    wm_writer_ to = {NULL, 0, 0};
    while (*format) {
        const char *plain = format;
        while (*format && *format != '%') format++;
        wm_write_(&to, plain, (size_t)(format - plain));
        if (!*format) break;
        const char *directive = format++;
        bool left = false, zeros = false;
        for (; *format == '-' || *format == '0' || *format == '+' || *format == ' ' || *format == '#'; format++) {
            left |= *format == '-';
            zeros |= *format == '0';
        }
        int numbers[2] = {0, -1};
        for (int part = 0; part < 2; part++) {
            if (part == 1) {
                if (*format != '.') break;
                format++;
                numbers[1] = 0;
            }
            if (*format == '*') {
                numbers[part] = va_arg(values, int);
                format++;
            }
            for (; *format >= '0' && *format <= '9'; format++) numbers[part] = numbers[part] * 10 + (*format - '0');
        }
        if (numbers[0] < 0) {
            left = true;
            numbers[0] = -numbers[0];
        }
        size_t size = sizeof(int);
        for (; *format == 'l' || *format == 'z' || *format == 'j' || *format == 't' || *format == 'h'; format++) {
            if (*format == 'j' || (*format == 'l' && format[1] == 'l')) size = sizeof(long long);
            else if (*format == 'l' && size < sizeof(long)) size = sizeof(long);
            else if (*format == 'z' || *format == 't') size = sizeof(size_t);
        }
        switch (*format) {
            case 'd':
            case 'i': {
                int64_t number = size == sizeof(int) ? va_arg(values, int)
                    : size == sizeof(long) ? va_arg(values, long)
                    : va_arg(values, long long);
                uint64_t magnitude = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
                wm_write_number_(&to, magnitude, number < 0, 10, numbers[0], zeros, left);
                break;
            }
            case 'u':
            case 'x':
            case 'X':
            case 'o': {
                uint64_t number = size == sizeof(int) ? va_arg(values, unsigned)
                    : size == sizeof(long) ? va_arg(values, unsigned long)
                    : va_arg(values, unsigned long long);
                wm_write_number_(&to, number, false, *format == 'u' ? 10 : *format == 'o' ? 8 : 16, numbers[0], zeros, left);
                break;
            }
            case 'p':
                wm_write_number_(&to, (uintptr_t)va_arg(values, void *), false, 16, numbers[0], zeros, left);
                break;
            case 'f':
            case 'g':
            case 'e':
                wm_write_float_(&to, va_arg(values, double), numbers[1] < 0 ? 6 : numbers[1]);
                break;
            case 'c':
            case 's': {
                char one[1] = {0};
                const char *text = one;
                size_t length = 1;
                if (*format == 'c') {
                    one[0] = (char)va_arg(values, int);
                } else {
                    text = va_arg(values, const char *);
                    if (!text) text = "(null)";
                    // With a precision there need not be a zero byte.
                    for (length = 0; (numbers[1] < 0 || length < (size_t)numbers[1]) && text[length];) length++;
                }
                size_t fill = numbers[0] > 0 && (size_t)numbers[0] > length ? (size_t)numbers[0] - length : 0;
                if (left) wm_write_(&to, text, length);
                for (; fill > 0; fill--) wm_write_(&to, " ", 1);
                if (!left) wm_write_(&to, text, length);
                break;
            }
            case '%':
                wm_write_(&to, "%", 1);
                break;
            default:
                // Not known here: what is left is shown as it was written, as the values can no longer be told apart.
                wm_write_(&to, directive, wm_length_(directive));
                return wm_written_(&to);
        }
        format++;
    }
    return wm_written_(&to);
}

/// A text, put together as `printf` does.
WM_PRINTF_(1, 2) static inline wm_str wm_format(const char *format, ...) {
    va_list values;
    va_start(values, format);
    wm_str text = wm_format_list_(format, values);
    va_end(values);
    return text;
}

// ---------------------------------------------------------------------------------------------------------------------------------------------
// Results. Each has an error, NULL where all went well, and a value.

#define WM_RESULT_TYPE_(name, type) \
    typedef struct name { \
        wm_error *error; \
        type value; \
    } name

/// What functions of a revision return.
WM_RESULT_TYPE_(wm_result, bool);
WM_RESULT_TYPE_(wm_count_result, uint64_t);
WM_RESULT_TYPE_(wm_bool_result, bool);
WM_RESULT_TYPE_(wm_int2_result, int16_t);
WM_RESULT_TYPE_(wm_int4_result, int32_t);
WM_RESULT_TYPE_(wm_int8_result, int64_t);
WM_RESULT_TYPE_(wm_float4_result, float);
WM_RESULT_TYPE_(wm_float8_result, double);
WM_RESULT_TYPE_(wm_text_result, wm_str);
WM_RESULT_TYPE_(wm_bytes_result, wm_bytes);
WM_RESULT_TYPE_(wm_value_result, wm_value);

/// The value of a result; if it is an error, returns from the function with it. The error remembers the functions it went through.
#define WM_TRY(...) \
    (__extension__({ \
        WM_AUTO_ wm_tried_ = (__VA_ARGS__); \
        if (wm_tried_.error) return wm_passed_on_(wm_tried_.error, __FILE_NAME__, __LINE__, __func__); \
        wm_tried_.value; \
    }))

/// Returned where all went well.
static inline wm_result wm_ok(void) {
    wm_result result = {NULL, true};
    return result;
}

/// Returns an error as it is.
static inline wm_result wm_failed(wm_error *error) {
    wm_result result = {error, false};
    return result;
}

/// `return wm_fail("author %lld has no name", id)`: an error of the revision's own. SQLSTATE P0001, as `RAISE EXCEPTION` has in PL/pgSQL.
#define wm_fail(...) wm_fail_with("P0001", __VA_ARGS__)

/// The same with another SQLSTATE.
#define wm_fail_with(sqlstate, ...) \
    wm_passed_on_(wm_new_error_("exception", sqlstate, wm_format(__VA_ARGS__)), __FILE_NAME__, __LINE__, __func__)

WM_COLD_ wm_error *wm_new_error_(const char *kind, const char *sqlstate, wm_str message) {
    wm_error *error = (wm_error *)wm_alloc(sizeof *error);
    __builtin_memset(error, 0, sizeof *error);
    error->kind = wm_string(kind);
    error->sqlstate = wm_string(sqlstate);
    error->message = message.length > 0 ? message : wm_string("an error without a message");
    return error;
}

WM_COLD_ void wm_add_field_(wm_error *error, const char *name, wm_str value) {
    wm_field *fields = (wm_field *)wm_alloc((error->field_count + 1) * sizeof *fields);
    if (error->field_count > 0) __builtin_memcpy(fields, error->fields, error->field_count * sizeof *fields);
    fields[error->field_count].name = wm_string(name);
    fields[error->field_count].value = value;
    error->fields = fields;
    error->field_count++;
}

/// A further fact of an error: `schema`, `table`, `column`, `datatype`, `constraint`, `where`, `line` and so on. `data` is NULL if it is not there.
static inline wm_str wm_error_field(const wm_error *error, const char *name) {
    for (size_t place = 0; place < error->field_count; place++) {
        if (wm_equals(error->fields[place].name, name)) return error->fields[place].value;
    }
    return wm_slice(NULL, 0);
}

/// Whether an error, if it is one, has this SQLSTATE: `wm_is(added.error, "23505")`.
static inline bool wm_is(const wm_error *error, const char *sqlstate) {
    return error && wm_equals(error->sqlstate, sqlstate);
}

/// Adds a hint to a result that failed: what the person who reads it may do.
static inline wm_result wm_hint(wm_result result, const char *hint) {
    if (result.error) {
        result.error->hint.present = true;
        result.error->hint.value = wm_string(hint);
    }
    return result;
}

/// Notes where an error went through, innermost first, in the field that the host shows as a stack.
WM_COLD_ wm_result wm_passed_on_(wm_error *error, const char *file, int line, const char *function) {
    wm_str place = wm_format("    at %s (%s:%d)", function, file, line);
    for (size_t field = 0; field < error->field_count; field++) {
        if (!wm_equals(error->fields[field].name, "stack")) continue;
        // A recursion is not worth more.
        if (error->fields[field].value.length > 2000) return wm_failed(error);
        error->fields[field].value = wm_format("%s\n%s", error->fields[field].value.data, place.data);
        return wm_failed(error);
    }
    wm_add_field_(error, "stack", place);
    return wm_failed(error);
}

/// An error that the host has left in an answer, kept beyond it.
WM_COLD_ wm_error *wm_kept_(const wm_error *answered) {
    wm_error *error = (wm_error *)wm_alloc(sizeof *error);
    *error = *answered;
    return error;
}

/// The host takes texts that are UTF-8; anything else would end the run without a word about where it came from.
WM_SHARED_ wm_error *wm_check_text_(wm_str text, const char *what, size_t number) {
    size_t good = wm_utf8_length_(text);
    if (good == text.length) return NULL;
    wm_str name = number > 0 ? wm_format("%s%zu", what, number) : wm_string(what);
    unsigned byte = (uint8_t)text.data[good];
    return wm_new_error_("parameter", "22021", wm_format("%s is no UTF-8: byte 0x%02x at place %zu", name.data, byte, good + 1));
}

// ---------------------------------------------------------------------------------------------------------------------------------------------
// Parameters: one function a type, and `WM_VALUE`, which finds it by the type of what it is given.

#define WM_VALUE_OF_(function, type, case_tag, member) \
    static inline wm_value function(type given) { \
        wm_value value; \
        __builtin_memset(&value, 0, sizeof value); \
        value.tag = case_tag; \
        value.as.member = given; \
        return value; \
    }

WM_VALUE_OF_(wm_bool, bool, WM_BOOLEAN, boolean)
WM_VALUE_OF_(wm_int2, int16_t, WM_INT2, int2)
WM_VALUE_OF_(wm_int4, int32_t, WM_INT4, int4)
WM_VALUE_OF_(wm_int8, int64_t, WM_INT8, int8)
WM_VALUE_OF_(wm_float4, float, WM_FLOAT4, float4)
WM_VALUE_OF_(wm_float8, double, WM_FLOAT8, float8)
/// Days since 2000-01-01; WM_DATE_INFINITY and WM_DATE_MINUS_INFINITY.
WM_VALUE_OF_(wm_date, int32_t, WM_DATE, date)
/// Microseconds since midnight.
WM_VALUE_OF_(wm_time, int64_t, WM_TIME, time)
/// Microseconds since 2000-01-01 00:00, no zone; WM_TIMESTAMP_INFINITY and WM_TIMESTAMP_MINUS_INFINITY.
WM_VALUE_OF_(wm_timestamp, int64_t, WM_TIMESTAMP, time)
/// Microseconds since 2000-01-01 00:00 UTC.
WM_VALUE_OF_(wm_timestamptz, int64_t, WM_TIMESTAMPTZ, time)
WM_VALUE_OF_(wm_interval_value_, wm_interval_parts, WM_INTERVAL, interval)
WM_VALUE_OF_(wm_bytea_value_, wm_bytes, WM_BYTEA, bytes)

/// NULL.
static inline wm_value wm_null(void) {
    wm_value value;
    __builtin_memset(&value, 0, sizeof value);
    return value;
}

static inline wm_value wm_end_(void) {
    wm_value value = wm_null();
    value.tag = WM_END_;
    return value;
}

static inline wm_value wm_text_value_(wm_str text, uint8_t tag) {
    wm_value value = wm_null();
    if (!text.data && text.length == 0) return value;
    value.tag = tag;
    value.as.text = text;
    return value;
}

static inline wm_value wm_text_of_str_(wm_str text) {
    return wm_text_value_(text, WM_TEXT);
}

/// Text, which fits every type: the server reads it as it reads a quoted literal. NULL is NULL. Here and below.
static inline wm_value wm_text(const char *text) {
    return wm_text_value_(wm_string(text), WM_TEXT);
}

/// Decimal text, exact: also `NaN`, `Infinity`, `-Infinity`.
static inline wm_value wm_numeric(const char *text) {
    return wm_text_value_(wm_string(text), WM_NUMERIC);
}

static inline wm_value wm_uuid(const char *text) {
    return wm_text_value_(wm_string(text), WM_UUID);
}

static inline wm_value wm_json(const char *text) {
    return wm_text_value_(wm_string(text), WM_JSON);
}

static inline wm_value wm_jsonb(const char *text) {
    return wm_text_value_(wm_string(text), WM_JSONB);
}

static inline wm_value wm_bytea(const void *data, size_t length) {
    wm_bytes bytes = {(const uint8_t *)data, length};
    return wm_bytea_value_(bytes);
}

static inline wm_value wm_interval(int32_t months, int32_t days, int64_t microseconds) {
    wm_interval_parts parts = {microseconds, days, months};
    return wm_interval_value_(parts);
}

/// `text[]`: an item whose `data` is NULL is a NULL.
WM_SHARED_ wm_value wm_text_array(const wm_str *items, size_t count) {
    wm_optional_text *copies = (wm_optional_text *)wm_alloc(count * sizeof *copies);
    for (size_t item = 0; item < count; item++) {
        copies[item].present = items[item].data != NULL;
        copies[item].value = items[item];
    }
    wm_value value = wm_null();
    value.tag = WM_TEXT_ARRAY;
    value.as.text_array.data = copies;
    value.as.text_array.length = count;
    return value;
}

/// `bigint[]` without NULL; with NULL make `as.int8_array` by hand, or write the array as text: `"{1,NULL}"`.
WM_SHARED_ wm_value wm_int8_array(const int64_t *items, size_t count) {
    wm_optional_int8 *copies = (wm_optional_int8 *)wm_alloc(count * sizeof *copies);
    for (size_t item = 0; item < count; item++) {
        copies[item].present = true;
        copies[item].value = items[item];
    }
    wm_value value = wm_null();
    value.tag = WM_INT8_ARRAY;
    value.as.int8_array.data = copies;
    value.as.int8_array.length = count;
    return value;
}

/// A value of any other type in its binary form. (In its text form `wm_text` does it.)
static inline wm_value wm_other(uint32_t oid, const void *data, size_t length) {
    wm_value value = wm_null();
    value.tag = WM_OTHER;
    value.as.other.oid = oid;
    value.as.other.data.data = (const uint8_t *)data;
    value.as.other.data.length = length;
    return value;
}

static inline wm_value wm_same_value_(wm_value value) {
    return value;
}

WM_SHARED_ wm_value wm_unsigned_(unsigned long long number) {
    // Beyond int8 there is numeric.
    return number <= INT64_MAX ? wm_int8((int64_t)number) : wm_numeric(wm_format("%llu", number).data);
}

static inline wm_value wm_pointer_(const void *null) {
    // Only NULL has no type of its own: for any other address there is nothing to send.
    if (null) __builtin_trap();
    return wm_null();
}

#ifndef __cplusplus
/// Any value as a parameter. `true` and `false` are integers in C before C23: `wm_bool(true)`.
#define WM_VALUE(...) \
    (__extension__({ \
        __auto_type wm_given_ = (__VA_ARGS__); \
        _Generic((wm_given_), \
            _Bool: wm_bool, signed char: wm_int2, unsigned char: wm_int2, short: wm_int2, unsigned short: wm_int4, int: wm_int4, \
            unsigned: wm_int8, long: wm_int8, unsigned long: wm_unsigned_, long long: wm_int8, unsigned long long: wm_unsigned_, \
            float: wm_float4, double: wm_float8, char *: wm_text, const char *: wm_text, void *: wm_pointer_, wm_str: wm_text_of_str_, \
            wm_bytes: wm_bytea_value_, wm_interval_parts: wm_interval_value_, wm_value: wm_same_value_)(wm_given_); \
    }))

/// A statement, a name: a C string or a `wm_str`.
#define WM_STR_(text) _Generic((text), wm_str: wm_same_str_, default: wm_string)(text)

// `WM_EACH_(macro, a, b, c)` is `macro(a), macro(b), macro(c),`: each rescan of `WM_SCAN_` does one more, and 256 are enough for a table.
#define WM_SCAN_(...) WM_SCAN_4_(WM_SCAN_4_(WM_SCAN_4_(WM_SCAN_4_(__VA_ARGS__))))
#define WM_SCAN_4_(...) WM_SCAN_16_(WM_SCAN_16_(WM_SCAN_16_(WM_SCAN_16_(__VA_ARGS__))))
#define WM_SCAN_16_(...) WM_SCAN_64_(WM_SCAN_64_(WM_SCAN_64_(WM_SCAN_64_(__VA_ARGS__))))
#define WM_SCAN_64_(...) WM_SCAN_256_(WM_SCAN_256_(WM_SCAN_256_(WM_SCAN_256_(__VA_ARGS__))))
#define WM_SCAN_256_(...) __VA_ARGS__
#define WM_NOTHING_
#define WM_LATER_(name) name WM_NOTHING_
#define WM_EACH_(macro, ...) __VA_OPT__(WM_SCAN_(WM_EACH_STEP_(macro, __VA_ARGS__)))
#define WM_EACH_STEP_(macro, first, ...) macro(first), __VA_OPT__(WM_LATER_(WM_EACH_AGAIN_)()(macro, __VA_ARGS__))
#define WM_EACH_AGAIN_() WM_EACH_STEP_

/// The values of a call, as an array that says itself where it ends.
#define WM_VALUES_(...) ((const wm_value[]){WM_EACH_(WM_VALUE, __VA_ARGS__) wm_end_()}), WM_UNTIL_END_
#endif

/// A number of values that is not known: they end with `wm_end_()`.
#define WM_UNTIL_END_ SIZE_MAX

static inline size_t wm_count_(const wm_value *values, size_t count) {
    if (count != WM_UNTIL_END_) return count;
    for (count = 0; values[count].tag != WM_END_;) count++;
    return count;
}

WM_SHARED_ wm_error *wm_check_value_(const wm_value *value, size_t number) {
    switch (value->tag) {
        case WM_NUMERIC:
        case WM_TEXT:
        case WM_UUID:
        case WM_JSON:
        case WM_JSONB:
            return wm_check_text_(value->as.text, "the text for $", number);
        case WM_TEXT_ARRAY:
            for (size_t item = 0; item < value->as.text_array.length; item++) {
                wm_error *error = wm_check_text_(value->as.text_array.data[item].value, "a text of the array for $", number);
                if (error) return error;
            }
            return NULL;
        default:
            return NULL;
    }
}

WM_SHARED_ wm_error *wm_check_call_(wm_str statement, const wm_value *values, size_t count) {
    wm_error *error = wm_check_text_(statement, "the statement", 0);
    for (size_t place = 0; place < count && !error; place++) error = wm_check_value_(&values[place], place + 1);
    return error;
}

// ---------------------------------------------------------------------------------------------------------------------------------------------
// Rows: the result of a query, and what a transform gets. They are kept a column at a time, as they come.

typedef struct wm_vector {
    wm_bytes nulls;
    uint8_t cells;
    const char *data;
    size_t length;
    /// Where each text begins, and at the end where one more would; made when the first one is looked at.
    const uint32_t *starts;
} wm_vector;

/// Rows, and the one at hand.
typedef struct wm_rows {
    const wm_column *columns;
    wm_vector *vectors;
    uint32_t column_count;
    /// How many rows there are.
    uint32_t count;
    /// The row at hand, counted from 0.
    uint32_t row;
    uint32_t next_;
} wm_rows;

WM_RESULT_TYPE_(wm_rows_result, wm_rows);

/// Goes to the next row, the first one at first. False where there is none.
static inline bool wm_next(wm_rows *rows) {
    if (rows->next_ >= rows->count) return false;
    rows->row = rows->next_++;
    return true;
}

/// Bytes a cell; 0 where they differ.
static inline size_t wm_width_(uint8_t tag) {
    switch (tag) {
        case WM_BOOLEAN: return 1;
        case WM_INT2: return 2;
        case WM_INT4:
        case WM_FLOAT4:
        case WM_DATE: return 4;
        case WM_INT8:
        case WM_FLOAT8:
        case WM_TIME:
        case WM_TIMESTAMP:
        case WM_TIMESTAMPTZ: return 8;
        default: return 0;
    }
}

/// Which value the cells of a column are.
static inline uint8_t wm_tag_(const wm_column *column, const wm_vector *vector) {
    if (vector->cells == WM_CELLS_TEXT_) return WM_TEXT;
    if (vector->cells == WM_CELLS_BYTES_) return WM_BYTEA;
    switch (column->oid) {
        case 16: return WM_BOOLEAN;
        case 21: return WM_INT2;
        case 23: return WM_INT4;
        case 20: return WM_INT8;
        case 700: return WM_FLOAT4;
        case 701: return WM_FLOAT8;
        case 1082: return WM_DATE;
        case 1083: return WM_TIME;
        case 1114: return WM_TIMESTAMP;
        case 1184: return WM_TIMESTAMPTZ;
        // A width that only a later host knows.
        default: return WM_NULL;
    }
}

/// A column, named by its place from 0 or by its name.
typedef struct wm_which_ {
    const char *name;
    uint32_t place;
} wm_which_;

static inline wm_which_ wm_named_(const char *name) {
    wm_which_ which = {name, 0};
    return which;
}

static inline wm_which_ wm_placed_(uint32_t place) {
    wm_which_ which = {NULL, place};
    return which;
}

#ifndef __cplusplus
#define WM_WHICH_(column) _Generic((column), char *: wm_named_, const char *: wm_named_, default: wm_placed_)(column)
#endif

WM_SHARED_ wm_error *wm_find_(const wm_rows *rows, wm_which_ which, uint32_t *place) {
    if (!which.name && which.place < rows->column_count) {
        *place = which.place;
        return NULL;
    }
    for (*place = 0; which.name && *place < rows->column_count; ++*place) {
        if (wm_equals(rows->columns[*place].name, which.name)) return NULL;
    }
    if (which.name) return wm_new_error_("result", "42703", wm_format("there is no column `%s`", which.name));
    const char *message = "there is no column %u: there are %u, counted from 0";
    return wm_new_error_("result", "42703", wm_format(message, (unsigned)which.place, (unsigned)rows->column_count));
}

/// The index of the texts. The host has promised one zero byte a row; where it is not so, what is missing is empty.
WM_SHARED_ void wm_index_(wm_vector *vector, uint32_t rows) {
    uint32_t *starts = (uint32_t *)wm_alloc(((size_t)rows + 1) * sizeof *starts);
    size_t at = 0;
    starts[0] = 0;
    for (uint32_t row = 0; row < rows; row++) {
        at = wm_zero_(vector->data, at, vector->length);
        if (at < vector->length) at++;
        starts[row + 1] = (uint32_t)at;
    }
    vector->starts = starts;
}

/// The cell of a column in the row at hand.
WM_SHARED_ wm_error *wm_cell_(const wm_rows *rows, wm_which_ which, wm_value *value, uint32_t *place) {
    wm_error *error = wm_find_(rows, which, place);
    if (error) return error;
    const wm_column *column = &rows->columns[*place];
    wm_vector *vector = &rows->vectors[*place];
    uint32_t row = rows->row;
    *value = wm_null();
    if (row >= rows->count) return wm_new_error_("usage", "24000", wm_string("there is no row here: `wm_next` goes to one"));
    if (row < vector->nulls.length && vector->nulls.data[row]) return NULL;
    uint8_t tag = wm_tag_(column, vector);
    size_t width = wm_width_(tag);
    if (tag == WM_TEXT) {
        if (!vector->starts) wm_index_(vector, rows->count);
        size_t length = vector->starts[row + 1] - vector->starts[row];
        value->as.text = wm_slice(length > 0 ? vector->data + vector->starts[row] : "", length > 0 ? length - 1 : 0);
    } else if (tag == WM_BYTEA && row < vector->length) {
        value->as.bytes = ((const wm_bytes *)vector->data)[row];
        // An empty list may be nowhere, but it is not NULL.
        if (!value->as.bytes.data) value->as.bytes.data = (const uint8_t *)"";
    } else if (width > 0 && (row + (size_t)1) * width <= vector->length) {
        __builtin_memcpy(&value->as, vector->data + row * width, width);
    } else {
        wm_str name = column->name;
        return wm_new_error_("result", "XX000", wm_format("the host sent no cells of column `%s` that are known here: cast it to text", name.data));
    }
    value->tag = tag;
    return NULL;
}

WM_COLD_ wm_error *wm_mismatch_(const wm_rows *rows, uint32_t place, uint8_t tag, const char *wanted) {
    static const char *const getters[] = {
        "", "wm_get_bool", "wm_get_int2", "wm_get_int4", "wm_get_int8", "wm_get_float4", "wm_get_float8", "wm_get_text", "wm_get_text",
        "wm_get_bytes", "wm_get_date", "wm_get_time", "wm_get_timestamp", "wm_get_timestamptz",
    };
    const wm_column *column = &rows->columns[place];
    if (tag == WM_NULL) {
        const char *message = "column `%s` is NULL, which `%s` has no value for: ask `wm_is_null` before";
        return wm_new_error_("result", "22004", wm_format(message, column->name.data, wanted));
    }
    const char *getter = tag < sizeof getters / sizeof *getters ? getters[tag] : "wm_get_value";
    const char *message = "column `%s` is %s, which does not fit `%s`: read it with `%s`";
    return wm_new_error_("result", "42804", wm_format(message, column->name.data, column->type_name.data, wanted, getter));
}

/// One getter: the cases it takes, and for each what it gives.
#define WM_GETTER_(name, result_type, cases) \
    static inline WM_CHECKED_ result_type name##_at_(const wm_rows *rows, wm_which_ which) { \
        result_type result; \
        __builtin_memset(&result, 0, sizeof result); \
        wm_value value; \
        uint32_t place; \
        result.error = wm_cell_(rows, which, &value, &place); \
        if (result.error) return result; \
        switch (value.tag) { \
            cases \
            default: result.error = wm_mismatch_(rows, place, value.tag, #name); return result; \
        } \
    }
#define WM_CASE_(tag, expression) case tag: result.value = expression; return result;

WM_GETTER_(wm_get_bool, wm_bool_result, WM_CASE_(WM_BOOLEAN, value.as.boolean))
WM_GETTER_(wm_get_int2, wm_int2_result, WM_CASE_(WM_INT2, value.as.int2))
WM_GETTER_(wm_get_int4, wm_int4_result, WM_CASE_(WM_INT2, value.as.int2) WM_CASE_(WM_INT4, value.as.int4))
WM_GETTER_(wm_get_int8, wm_int8_result, WM_CASE_(WM_INT2, value.as.int2) WM_CASE_(WM_INT4, value.as.int4) WM_CASE_(WM_INT8, value.as.int8))
WM_GETTER_(wm_get_float4, wm_float4_result, WM_CASE_(WM_FLOAT4, value.as.float4))
WM_GETTER_(wm_get_float8, wm_float8_result, WM_CASE_(WM_FLOAT4, (double)value.as.float4) WM_CASE_(WM_FLOAT8, value.as.float8))
WM_GETTER_(wm_get_text, wm_text_result, WM_CASE_(WM_TEXT, value.as.text) WM_CASE_(WM_NULL, wm_slice(NULL, 0)))
WM_GETTER_(wm_get_bytes, wm_bytes_result, WM_CASE_(WM_BYTEA, value.as.bytes) case WM_NULL: return result;)
WM_GETTER_(wm_get_date, wm_int4_result, WM_CASE_(WM_DATE, value.as.date))
WM_GETTER_(wm_get_time, wm_int8_result, WM_CASE_(WM_TIME, value.as.time))
WM_GETTER_(wm_get_timestamp, wm_int8_result, WM_CASE_(WM_TIMESTAMP, value.as.time))
WM_GETTER_(wm_get_timestamptz, wm_int8_result, WM_CASE_(WM_TIMESTAMPTZ, value.as.time))

static inline WM_CHECKED_ wm_value_result wm_get_value_at_(const wm_rows *rows, wm_which_ which) {
    wm_value_result result;
    uint32_t place;
    result.value = wm_null();
    result.error = wm_cell_(rows, which, &result.value, &place);
    return result;
}

static inline WM_CHECKED_ wm_bool_result wm_is_null_at_(const wm_rows *rows, wm_which_ which) {
    wm_value_result cell = wm_get_value_at_(rows, which);
    wm_bool_result result = {cell.error, cell.value.tag == WM_NULL};
    return result;
}

#ifndef __cplusplus
/// The cell of a column in the row at hand; the column is named by its name, or by its place counted from 0.
#define wm_get_bool(rows, column) wm_get_bool_at_(rows, WM_WHICH_(column))
#define wm_get_int2(rows, column) wm_get_int2_at_(rows, WM_WHICH_(column))
/// int4 and int2.
#define wm_get_int4(rows, column) wm_get_int4_at_(rows, WM_WHICH_(column))
/// int8, int4 and int2.
#define wm_get_int8(rows, column) wm_get_int8_at_(rows, WM_WHICH_(column))
#define wm_get_float4(rows, column) wm_get_float4_at_(rows, WM_WHICH_(column))
/// float8 and float4.
#define wm_get_float8(rows, column) wm_get_float8_at_(rows, WM_WHICH_(column))
/// Every type that has no getter of its own, in the server's text form: numeric, uuid, json, arrays, intervals, enums. `data` is NULL for NULL.
#define wm_get_text(rows, column) wm_get_text_at_(rows, WM_WHICH_(column))
/// bytea; `data` is NULL for NULL.
#define wm_get_bytes(rows, column) wm_get_bytes_at_(rows, WM_WHICH_(column))
/// Days since 2000-01-01.
#define wm_get_date(rows, column) wm_get_date_at_(rows, WM_WHICH_(column))
/// Microseconds since midnight.
#define wm_get_time(rows, column) wm_get_time_at_(rows, WM_WHICH_(column))
/// Microseconds since 2000-01-01 00:00.
#define wm_get_timestamp(rows, column) wm_get_timestamp_at_(rows, WM_WHICH_(column))
/// Microseconds since 2000-01-01 00:00 UTC.
#define wm_get_timestamptz(rows, column) wm_get_timestamptz_at_(rows, WM_WHICH_(column))
/// Whatever it is, also NULL: as it can be handed on as a parameter.
#define wm_get_value(rows, column) wm_get_value_at_(rows, WM_WHICH_(column))
#define wm_is_null(rows, column) wm_is_null_at_(rows, WM_WHICH_(column))
#endif

WM_RESULT_TYPE_(wm_fixed_result, const void *);

/// All cells of a column of a fixed width, as an array of its type, for a transform that takes whole columns. What is NULL is zero in it.
WM_SHARED_ WM_CHECKED_ wm_fixed_result wm_get_all_at_(const wm_rows *rows, wm_which_ which, uint8_t tag) {
    wm_fixed_result result = {NULL, NULL};
    uint32_t place;
    result.error = wm_find_(rows, which, &place);
    if (result.error) return result;
    const wm_vector *vector = &rows->vectors[place];
    uint8_t found = wm_tag_(&rows->columns[place], vector);
    if (found != tag || wm_width_(tag) * rows->count != vector->length) {
        const char *message = "column `%s` is %s, which is no array of the type that is asked for";
        const wm_column *column = &rows->columns[place];
        result.error = wm_new_error_("result", "42804", wm_format(message, column->name.data, column->type_name.data));
    }
    result.value = vector->data;
    return result;
}

/// All texts of a column, each with a zero byte behind it. What is NULL is empty in it.
WM_SHARED_ WM_CHECKED_ wm_text_result wm_get_texts_at_(const wm_rows *rows, wm_which_ which) {
    wm_text_result result = {NULL, {NULL, 0}};
    uint32_t place;
    result.error = wm_find_(rows, which, &place);
    if (result.error) return result;
    if (rows->vectors[place].cells != WM_CELLS_TEXT_) result.error = wm_mismatch_(rows, place, WM_INT8, "wm_get_texts");
    result.value = wm_slice(rows->vectors[place].data, rows->vectors[place].length);
    return result;
}

/// A byte a row, 1 where the column is NULL; `length` is 0 where nothing is.
WM_SHARED_ WM_CHECKED_ wm_bytes_result wm_get_nulls_at_(const wm_rows *rows, wm_which_ which) {
    wm_bytes_result result = {NULL, {NULL, 0}};
    uint32_t place;
    result.error = wm_find_(rows, which, &place);
    if (!result.error) result.value = rows->vectors[place].nulls;
    return result;
}

#ifndef __cplusplus
/// `const int64_t *ids = WM_TRY(wm_get_all(in, "id", WM_INT8))`.
#define wm_get_all(rows, column, tag) wm_get_all_at_(rows, WM_WHICH_(column), tag)
#define wm_get_texts(rows, column) wm_get_texts_at_(rows, WM_WHICH_(column))
#define wm_get_nulls(rows, column) wm_get_nulls_at_(rows, WM_WHICH_(column))
#endif

/// Rows from vectors that the host has made.
WM_SHARED_ wm_rows wm_rows_from_(const wm_column *columns, size_t column_count, uint32_t count, const wm_wire_vector_ *vectors) {
    wm_rows rows;
    __builtin_memset(&rows, 0, sizeof rows);
    rows.columns = columns;
    rows.column_count = (uint32_t)column_count;
    rows.count = count;
    rows.row = UINT32_MAX;
    rows.vectors = (wm_vector *)wm_alloc(column_count * sizeof *rows.vectors);
    for (size_t column = 0; column < column_count; column++) {
        rows.vectors[column].nulls = vectors[column].nulls;
        rows.vectors[column].cells = vectors[column].cells;
        rows.vectors[column].data = vectors[column].data;
        rows.vectors[column].length = vectors[column].length;
        rows.vectors[column].starts = NULL;
    }
    return rows;
}

// ---------------------------------------------------------------------------------------------------------------------------------------------
// SQL. The functions take values as an array; the short forms below take them one by one.

WM_SHARED_ wm_count_result wm_counted_(const wm_count_answer_ *answer) {
    wm_count_result result = {NULL, 0};
    if (answer->failed) result.error = wm_kept_(&answer->as.error);
    else result.value = answer->as.count;
    return result;
}

WM_SHARED_ WM_CHECKED_ wm_count_result wm_execute_values(wm_str statement, const wm_value *values, size_t count) {
    wm_count_result result = {NULL, 0};
    count = wm_count_(values, count);
    result.error = wm_check_call_(statement, values, count);
    if (result.error) return result;
    wm_count_answer_ answer;
    wm_import_execute_(statement.data, statement.length, values, count, &answer);
    return wm_counted_(&answer);
}

WM_SHARED_ WM_CHECKED_ wm_rows_result wm_query_values(wm_str statement, const wm_value *values, size_t count) {
    wm_rows_result result;
    __builtin_memset(&result, 0, sizeof result);
    count = wm_count_(values, count);
    result.error = wm_check_call_(statement, values, count);
    if (result.error) return result;
    wm_answer_ answer;
    wm_import_query_columns_(statement.data, statement.length, values, count, &answer);
    if (answer.failed) {
        result.error = wm_kept_(&answer.as.error);
        return result;
    }
    wm_column_set_ set = answer.as.set;
    size_t columns = set.column_count < set.vector_count ? set.column_count : set.vector_count;
    result.value = wm_rows_from_(set.columns, columns, set.rows, set.vectors);
    return result;
}

WM_SHARED_ WM_CHECKED_ wm_rows_result wm_query_one_values(wm_str statement, const wm_value *values, size_t count) {
    wm_rows_result result = wm_query_values(statement, values, count);
    if (!result.error && result.value.count > 1) {
        result.error = wm_new_error_("result", "P0003", wm_format("query returned %u rows where one was expected", (unsigned)result.value.count));
    }
    if (!result.error) wm_next(&result.value);
    return result;
}

WM_SHARED_ WM_CHECKED_ wm_value_result wm_query_value_values(wm_str statement, const wm_value *values, size_t count) {
    wm_value_result result = {NULL, wm_null()};
    wm_rows_result row = wm_query_one_values(statement, values, count);
    result.error = row.error;
    if (result.error) return result;
    if (row.value.column_count != 1) {
        wm_str message = wm_format("query returned %u columns where one was expected", (unsigned)row.value.column_count);
        result.error = wm_new_error_("result", "42804", message);
        return result;
    }
    return row.value.count > 0 ? wm_get_value_at_(&row.value, wm_placed_(0)) : result;
}

/// Rows of parameters for `wm_execute_many`. All zeros is none: `wm_parameters rows = {0};`
typedef struct wm_parameters {
    wm_list_ *rows;
    size_t count;
    size_t capacity_;
} wm_parameters;

/// Adds a row. Values are copied, what their texts point at is not.
WM_SHARED_ void wm_add_values(wm_parameters *to, const wm_value *values, size_t count) {
    count = wm_count_(values, count);
    if (to->count == to->capacity_) {
        to->capacity_ = to->capacity_ * 2 + 16;
        to->rows = (wm_list_ *)wm_realloc_(to->rows, to->count * sizeof *to->rows, to->capacity_ * sizeof *to->rows);
    }
    wm_value *copies = (wm_value *)wm_alloc(count * sizeof *copies);
    if (count > 0) __builtin_memcpy(copies, values, count * sizeof *copies);
    to->rows[to->count].data = copies;
    to->rows[to->count].length = count;
    to->count++;
}

WM_SHARED_ WM_CHECKED_ wm_count_result wm_execute_many_(wm_str statement, const wm_parameters *rows) {
    wm_count_result result = {NULL, 0};
    result.error = wm_check_text_(statement, "the statement", 0);
    for (size_t row = 0; row < rows->count && !result.error; row++) {
        const wm_value *values = (const wm_value *)rows->rows[row].data;
        for (size_t place = 0; place < rows->rows[row].length && !result.error; place++) result.error = wm_check_value_(&values[place], place + 1);
        if (result.error) wm_add_field_(result.error, "row", wm_format("%zu", row));
    }
    if (result.error) return result;
    wm_count_answer_ answer;
    wm_import_execute_many_(statement.data, statement.length, rows->rows, rows->count, &answer);
    return wm_counted_(&answer);
}

WM_SHARED_ WM_CHECKED_ wm_count_result wm_script_(wm_str text) {
    wm_count_result result = {NULL, 0};
    result.error = wm_check_text_(text, "the script", 0);
    if (result.error) return result;
    wm_answer_ answer;
    wm_import_script_(text.data, text.length, &answer);
    if (answer.failed) result.error = wm_kept_(&answer.as.error);
    else result.value = answer.as.number;
    return result;
}

#ifndef __cplusplus
/// Runs a statement with its parameters, and says how many rows it touched.
#define wm_execute(statement, ...) wm_execute_values(WM_STR_(statement), WM_VALUES_(__VA_ARGS__))
/// All rows of a result. `wm_next` goes to the first.
#define wm_query(statement, ...) wm_query_values(WM_STR_(statement), WM_VALUES_(__VA_ARGS__))
/// The only row, already at hand; `count` is 0 if there is none. More than one is an error.
#define wm_query_one(statement, ...) wm_query_one_values(WM_STR_(statement), WM_VALUES_(__VA_ARGS__))
/// The only column of the only row, or NULL if there is no row.
#define wm_query_value(statement, ...) wm_query_value_values(WM_STR_(statement), WM_VALUES_(__VA_ARGS__))
/// Adds a row of parameters.
#define wm_add(parameters, ...) wm_add_values(parameters, WM_VALUES_(__VA_ARGS__))
/// Runs one statement once for each row of parameters, in one call, and says how many rows were touched in all.
#define wm_execute_many(statement, parameters) wm_execute_many_(WM_STR_(statement), parameters)
/// Runs the statements of a script, split where psql splits them, and says how many there were. No parameters.
#define wm_script(text) wm_script_(WM_STR_(text))
#endif

/// What is done to a savepoint by hand; `WM_SAVEPOINT` is what most revisions need.
WM_SHARED_ WM_CHECKED_ wm_count_result wm_savepoint_begin(void) {
    wm_count_result result = {NULL, 0};
    wm_answer_ answer;
    wm_import_savepoint_(&answer);
    if (answer.failed) result.error = wm_kept_(&answer.as.error);
    else result.value = answer.as.number;
    return result;
}

/// Undoes what came after; the savepoint itself lives on.
WM_SHARED_ WM_CHECKED_ wm_result wm_savepoint_rollback(uint64_t savepoint) {
    wm_answer_ answer;
    wm_import_rollback_to_savepoint_((uint32_t)savepoint, &answer);
    return answer.failed ? wm_failed(wm_kept_(&answer.as.error)) : wm_ok();
}

/// Keeps what came after, and forgets the savepoint.
WM_SHARED_ WM_CHECKED_ wm_result wm_savepoint_release(uint64_t savepoint) {
    wm_answer_ answer;
    wm_import_release_savepoint_((uint32_t)savepoint, &answer);
    return answer.failed ? wm_failed(wm_kept_(&answer.as.error)) : wm_ok();
}

/// Keeps what was done since the savepoint, or undoes it if it was an error, which goes on.
WM_SHARED_ wm_error *wm_savepoint_end_(uint64_t savepoint, wm_error *error) {
    if (!error) return wm_savepoint_release(savepoint).error;
    // Should this fail too, the first error is the one that explains it, and the transaction stays aborted.
    if (!wm_savepoint_rollback(savepoint).error) (void)wm_savepoint_release(savepoint).error;
    return error;
}

/// A call of anything that returns a result, in a savepoint: what it did is kept if it went well and undone if not. The result is that of the call.
///
///     wm_count_result added = WM_SAVEPOINT(wm_execute("INSERT INTO tag (name) VALUES ($1)", "red"));
///     if (wm_is(added.error, "23505")) wm_info("the tag was there already");
///     else WM_TRY(added);
#define WM_SAVEPOINT(...) \
    (__extension__({ \
        __typeof__(__VA_ARGS__) wm_done_; \
        __builtin_memset(&wm_done_, 0, sizeof wm_done_); \
        wm_count_result wm_savepoint_ = wm_savepoint_begin(); \
        wm_done_.error = wm_savepoint_.error; \
        if (!wm_done_.error) { \
            wm_done_ = (__VA_ARGS__); \
            wm_done_.error = wm_savepoint_end_(wm_savepoint_.value, wm_done_.error); \
        } \
        wm_done_; \
    }))

// ---------------------------------------------------------------------------------------------------------------------------------------------
// Messages for whoever watches the run, as `printf` writes them: 10 MiB a run; more ends it.

WM_SHARED_ void wm_message_(int level, const char *format, va_list values) {
    wm_heap mark = wm_mark();
    wm_str text = wm_readable_(wm_format_list_(format, values));
    wm_import_message_(level, text.data, text.length);
    wm_release(mark);
}

#define WM_LEVEL_(name, level) \
    WM_PRINTF_(1, 2) static inline void name(const char *format, ...) { \
        va_list values; \
        va_start(values, format); \
        wm_message_(level, format, values); \
        va_end(values); \
    }

/// Shown with `-v`.
WM_LEVEL_(wm_debug, 0)
WM_LEVEL_(wm_info, 1)
WM_LEVEL_(wm_notice, 2)
WM_LEVEL_(wm_warning, 3)

// ---------------------------------------------------------------------------------------------------------------------------------------------
// What this run is about. All of it is the same when the same revision is run again, and nothing fails.

enum wm_way { WM_UPGRADE, WM_DOWNGRADE };

/// The id of this revision.
static inline wm_str wm_revision(void) {
    wm_str revision;
    wm_import_revision_(&revision);
    return revision;
}

/// Which of the two functions is running.
static inline enum wm_way wm_direction(void) {
    return wm_import_direction_() == WM_UPGRADE ? WM_UPGRADE : WM_DOWNGRADE;
}

/// The value of `-x name=value`, or of the same key under `[x]` in `wmigrate.toml`; `data` is NULL if there is none.
WM_SHARED_ wm_str wm_x(const char *name) {
    wm_optional_text value;
    wm_str readable = wm_readable_(wm_string(name));
    wm_import_x_argument_(readable.data, readable.length, &value);
    return value.present ? value.value : wm_slice(NULL, 0);
}

/// The server's `server_version_num`, for example 170002.
static inline uint32_t wm_server_version(void) {
    return wm_import_server_version_();
}

/// Start of the transaction in microseconds since 2000-01-01 00:00 UTC, as a `wm_timestamptz` has it. The only clock there is.
static inline int64_t wm_now(void) {
    return wm_import_now_();
}

// ---------------------------------------------------------------------------------------------------------------------------------------------
// Dates and times. For arithmetic on calendars let SQL do the work; from text to a date goes any text that is a parameter for one.

#define WM_DATE_INFINITY INT32_MAX
#define WM_DATE_MINUS_INFINITY INT32_MIN
#define WM_TIMESTAMP_INFINITY INT64_MAX
#define WM_TIMESTAMP_MINUS_INFINITY INT64_MIN

/// From 1970-01-01 00:00 to 2000-01-01 00:00, to go between Unix time and the server's.
#define WM_UNIX_TO_SERVER_DAYS 10957
#define WM_UNIX_TO_SERVER_MICROSECONDS INT64_C(946684800000000)

/// A day of the Gregorian calendar. The year before 1 is 0.
typedef struct wm_day {
    int32_t year;
    int month, day;
} wm_day;

/// Days since 2000-01-01 as `wm_date` wants them. A month or day that is too large goes on into the next ones.
WM_SHARED_ int32_t wm_days_of(int32_t year, int month, int day) {
    // Years begin in March here, so that the leap day is the last; 400 years are 146,097 days.
    int64_t months = (int64_t)year * 12 + month - 3;
    int64_t years = months >= 0 ? months / 12 : -((11 - months) / 12);
    int64_t of_year = months - years * 12;
    int64_t era = years >= 0 ? years / 400 : -((399 - years) / 400);
    int64_t of_era = years - era * 400;
    return (int32_t)(era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * of_year + 2) / 5 + day - 1 - 730425);
}

/// Which day that is.
WM_SHARED_ wm_day wm_day_of(int32_t days) {
    int64_t since_march = (int64_t)days + 730425;
    int64_t era = since_march >= 0 ? since_march / 146097 : -((146096 - since_march) / 146097);
    int64_t of_era = since_march - era * 146097;
    int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
    int64_t month = (5 * of_year + 2) / 153;
    wm_day day;
    day.day = (int)(of_year - (153 * month + 2) / 5 + 1);
    day.month = (int)(month < 10 ? month + 3 : month - 9);
    day.year = (int32_t)(years + era * 400 + (day.month <= 2));
    return day;
}

/// `2026-11-22`, `0044-03-15 BC`, `infinity`: as the server writes a date, and reads it as a parameter.
WM_SHARED_ wm_str wm_date_text(int32_t days) {
    if (days == WM_DATE_INFINITY) return wm_string("infinity");
    if (days == WM_DATE_MINUS_INFINITY) return wm_string("-infinity");
    wm_day day = wm_day_of(days);
    bool christ = day.year > 0;
    return wm_format("%04d-%02d-%02d%s", (int)(christ ? day.year : 1 - day.year), day.month, day.day, christ ? "" : " BC");
}

/// `14:10:00.123456`.
WM_SHARED_ wm_str wm_time_text(int64_t microseconds) {
    int seconds = (int)(microseconds / 1000000);
    return wm_format("%02d:%02d:%02d.%06d", seconds / 3600, seconds / 60 % 60, seconds % 60, (int)(microseconds % 1000000));
}

/// `2026-11-22 14:10:00.123456`. Of a timestamptz it is the time in UTC.
WM_SHARED_ wm_str wm_timestamp_text(int64_t microseconds) {
    if (microseconds == WM_TIMESTAMP_INFINITY) return wm_string("infinity");
    if (microseconds == WM_TIMESTAMP_MINUS_INFINITY) return wm_string("-infinity");
    const int64_t day = INT64_C(86400000000);
    int64_t days = microseconds >= 0 ? microseconds / day : -((day - 1 - microseconds) / day);
    wm_str date = wm_date_text((int32_t)days);
    wm_str time = wm_time_text(microseconds - days * day);
    // The era stands behind the time.
    bool christ = date.data[date.length - 1] != 'C';
    return wm_format("%.*s %s%s", (int)(christ ? date.length : date.length - 3), date.data, time.data, christ ? "" : " BC");
}

// ---------------------------------------------------------------------------------------------------------------------------------------------
// What a transform writes: a vector a column, whose types the first row that is not NULL decides.

typedef struct wm_out_column_ {
    /// WM_NULL before a value was written.
    uint8_t tag;
    /// Made with the first NULL.
    uint8_t *nulls;
    char *data;
    /// Bytes, of bytea lists.
    size_t length, capacity;
} wm_out_column_;

/// Takes what a transform writes: as many rows as came in, in their order.
typedef struct wm_out {
    uint32_t rows;
    uint32_t written;
    uint32_t column_count;
    wm_out_column_ *columns;
} wm_out;

WM_SHARED_ void wm_out_room_(wm_out_column_ *column, size_t more) {
    if (more <= column->capacity - column->length) return;
    column->capacity = (column->length + more) * 2 + 256;
    column->data = (char *)wm_realloc_(column->data, column->length, column->capacity);
}

/// Adds a cell without a value in the column's own form.
WM_SHARED_ void wm_out_blank_(wm_out_column_ *column, uint32_t cells) {
    size_t width = column->tag == WM_BYTEA ? sizeof(wm_bytes) : wm_width_(column->tag);
    size_t size = (width > 0 ? width : 1) * cells;
    wm_out_room_(column, size);
    if (size > 0) __builtin_memset(column->data + column->length, 0, size);
    column->length += size;
}

/// The tag a value is written with: texts of all types are text.
static inline uint8_t wm_out_tag_(uint8_t tag) {
    switch (tag) {
        case WM_NUMERIC:
        case WM_UUID:
        case WM_JSON:
        case WM_JSONB: return WM_TEXT;
        default: return tag;
    }
}

WM_COLD_ wm_error *wm_out_refused_(const wm_value *value, const wm_out_column_ *column, uint32_t place) {
    static const char *const names[] = {
        "NULL", "boolean", "int2", "int4", "int8", "float4", "float8", "numeric", "text", "bytea", "date", "time", "timestamp", "timestamptz",
        "interval", "uuid", "json", "jsonb", "text[]", "int8[]", "a value of another type",
    };
    const char *given = value->tag < sizeof names / sizeof *names ? names[value->tag] : "?";
    if (wm_out_tag_(value->tag) != WM_TEXT && wm_out_tag_(value->tag) != WM_BYTEA && wm_width_(value->tag) == 0) {
        return wm_new_error_("usage", "42804", wm_format("output column %u got %s: write it as text", (unsigned)place + 1, given));
    }
    const char *message = "output column %u got %s after %s: all rows must have the same types";
    return wm_new_error_("usage", "42804", wm_format(message, (unsigned)place + 1, given, names[column->tag]));
}

WM_SHARED_ wm_error *wm_out_cell_(wm_out *out, uint32_t place, const wm_value *value) {
    wm_out_column_ *column = &out->columns[place];
    uint8_t tag = wm_out_tag_(value->tag);
    if (tag == WM_NULL) {
        if (!column->nulls) {
            column->nulls = (uint8_t *)wm_alloc(out->rows);
            if (out->rows > 0) __builtin_memset(column->nulls, 0, out->rows);
        }
        column->nulls[out->written] = 1;
        if (column->tag != WM_NULL) wm_out_blank_(column, 1);
        return NULL;
    }
    if (column->tag == WM_NULL && (tag == WM_TEXT || tag == WM_BYTEA || wm_width_(tag) > 0)) {
        column->tag = tag;
        // Only NULLs until now.
        wm_out_blank_(column, out->written);
    }
    if (column->tag != tag) return wm_out_refused_(value, column, place);
    if (tag == WM_TEXT) {
        wm_str text = value->as.text;
        wm_error *error = wm_check_text_(text, "the text for output column ", place + 1);
        if (error) return error;
        if (wm_zero_(text.data, 0, text.length) < text.length) {
            const char *message = "the text for output column %u holds U+0000, which no PostgreSQL text can";
            return wm_new_error_("parameter", "22021", wm_format(message, (unsigned)place + 1));
        }
        wm_out_room_(column, text.length + 1);
        if (text.length > 0) __builtin_memcpy(column->data + column->length, text.data, text.length);
        column->data[column->length + text.length] = 0;
        column->length += text.length + 1;
    } else if (tag == WM_BYTEA) {
        wm_bytes copy = {NULL, value->as.bytes.length};
        uint8_t *bytes = (uint8_t *)wm_alloc(copy.length);
        if (copy.length > 0) __builtin_memcpy(bytes, value->as.bytes.data, copy.length);
        copy.data = bytes;
        wm_out_room_(column, sizeof copy);
        __builtin_memcpy(column->data + column->length, &copy, sizeof copy);
        column->length += sizeof copy;
    } else {
        size_t width = wm_width_(tag);
        wm_out_room_(column, width);
        __builtin_memcpy(column->data + column->length, &value->as, width);
        column->length += width;
    }
    return NULL;
}

static inline void wm_out_open_(wm_out *out, uint32_t columns) {
    out->column_count = columns;
    out->columns = (wm_out_column_ *)wm_alloc(columns * sizeof *out->columns);
    if (columns > 0) __builtin_memset(out->columns, 0, columns * sizeof *out->columns);
}

WM_SHARED_ WM_CHECKED_ wm_result wm_put_values(wm_out *out, const wm_value *values, size_t count) {
    count = wm_count_(values, count);
    if (!out->columns) wm_out_open_(out, (uint32_t)count);
    if (out->written == out->rows) {
        const char *message = "more rows written than the %u that came in: each row goes out once";
        return wm_failed(wm_new_error_("usage", "22023", wm_format(message, (unsigned)out->rows)));
    }
    if (count != out->column_count) {
        const char *message = "a row of %zu values after one of %u: write one for each column of `output`";
        return wm_failed(wm_new_error_("usage", "42804", wm_format(message, count, (unsigned)out->column_count)));
    }
    for (uint32_t place = 0; place < count; place++) {
        wm_error *error = wm_out_cell_(out, place, &values[place]);
        if (error) return wm_failed(error);
    }
    out->written++;
    return wm_ok();
}

#ifndef __cplusplus
/// Writes the next row: a value for each column of `output`, of exactly its type (`wm_int4(1)` for an integer column), or text, which fits
/// every type.
#define wm_put(out, ...) wm_put_values(out, WM_VALUES_(__VA_ARGS__))
#endif

// For a transform that takes whole columns. A column is written by one of these, once, and the rows need no `wm_put`.

/// Says how many columns there will be.
static inline void wm_put_columns(wm_out *out, uint32_t columns) {
    wm_out_open_(out, columns);
    out->written = out->rows;
}

/// Room for a cell a row of a type of fixed width, in which all are zero: `int64_t *ids = wm_put_fixed(out, 0, WM_INT8)`.
static inline void *wm_put_fixed(wm_out *out, uint32_t place, uint8_t tag) {
    wm_out_column_ *column = &out->columns[place];
    column->tag = tag;
    column->length = 0;
    wm_out_blank_(column, out->rows);
    return column->data;
}

/// The texts of all rows, each with a zero byte behind it. Nothing is copied.
static inline void wm_put_texts(wm_out *out, uint32_t place, const char *data, size_t length) {
    wm_out_column_ *column = &out->columns[place];
    column->tag = WM_TEXT;
    column->data = (char *)(uintptr_t)data;
    column->length = column->capacity = length;
}

/// Marks for the rows that are NULL: a byte a row, all of them 0 so far.
static inline uint8_t *wm_put_nulls(wm_out *out, uint32_t place) {
    wm_out_column_ *column = &out->columns[place];
    if (!column->nulls) {
        column->nulls = (uint8_t *)wm_alloc(out->rows);
        if (out->rows > 0) __builtin_memset(column->nulls, 0, out->rows);
    }
    return column->nulls;
}

WM_SHARED_ wm_wire_vector_ wm_out_vector_(const wm_out *out, wm_out_column_ *column) {
    wm_wire_vector_ vector;
    __builtin_memset(&vector, 0, sizeof vector);
    if (column->tag == WM_NULL) {
        column->tag = WM_TEXT;
        wm_out_blank_(column, out->rows);
    }
    if (column->nulls) {
        vector.nulls.data = column->nulls;
        vector.nulls.length = out->rows;
    }
    vector.cells = column->tag == WM_TEXT ? WM_CELLS_TEXT_ : column->tag == WM_BYTEA ? WM_CELLS_BYTES_ : WM_CELLS_FIXED_;
    vector.data = column->data;
    vector.length = column->tag == WM_BYTEA ? column->length / sizeof(wm_bytes) : column->length;
    return vector;
}

// ---------------------------------------------------------------------------------------------------------------------------------------------
// Transforms. One is pure: it runs in an instance of its own, where only log messages and `wm_revision` answer, and any other call ends it.

/// Reads `in`, writes `out`. Of one row at a time it gets `in` with that row at hand; of whole columns all rows.
typedef wm_result (*wm_transform_function)(const wm_rows *in, wm_out *out);

typedef struct wm_transform_entry {
    const char *name;
    wm_transform_function function;
    bool by_column;
} wm_transform_entry;

typedef struct wm_transform_table {
    const wm_transform_entry *entries;
    size_t count;
} wm_transform_table;

#ifdef __wasm__
/// What WM_TRANSFORMS was given, in whichever file; at no address where there is none.
extern __attribute__((weak)) const wm_transform_table wm_transforms_;
#define WM_KNOWN_TRANSFORMS_ (&wm_transforms_)
#else
#define WM_KNOWN_TRANSFORMS_ ((const wm_transform_table *)NULL)
#endif

static inline void wm_out_forget_(wm_out *out) {
    out->written = 0;
    for (uint32_t place = 0; place < out->column_count; place++) out->columns[place].length = 0;
}

/// More rows than this in one batch point at the transform, not at the rows.
enum { WM_MOST_FAILURES_ = 100 };

/// Runs a transform on each row. Rows that fail are named in the first one's error, and the host goes on with the others without them.
WM_SHARED_ wm_result wm_each_row_(wm_transform_function function, wm_rows *in, wm_out *out) {
    wm_error *first = NULL;
    uint32_t failures = 0;
    for (in->row = 0; in->row < in->count && failures < WM_MOST_FAILURES_; in->row++) {
        uint32_t before = out->written;
        wm_error *error = function(in, out).error;
        if (!error && out->written != before + 1) {
            const char *message = "the transform wrote %u rows for one: it calls `wm_put` once a row";
            error = wm_new_error_("usage", "22023", wm_format(message, (unsigned)(out->written - before)));
        }
        // After a failure nothing of the batch is used: the other rows are only tried.
        if (error || first) wm_out_forget_(out);
        if (!error) continue;
        if (!first) first = error;
        wm_add_field_(first, "row", wm_format("%u", (unsigned)in->row));
        failures++;
    }
    return first ? wm_failed(first) : wm_ok();
}

WM_SHARED_ wm_result wm_run_transform_(const wm_transform_entry *entry, wm_rows *in, wm_out *out) {
    if (!entry->by_column) return wm_each_row_(entry->function, in, out);
    wm_result result = entry->function(in, out);
    if (result.error || out->written == out->rows) return result;
    const char *message = "the transform wrote %u of %u rows: each row that comes in must go out";
    return wm_failed(wm_new_error_("usage", "22023", wm_format(message, (unsigned)out->written, (unsigned)out->rows)));
}

WM_COLD_ wm_error *wm_unknown_transform_(const wm_transform_table *known, wm_str name) {
    wm_str there = wm_string("");
    for (size_t place = 0; place < known->count; place++) {
        there = wm_format("%s%s`%s`", there.data, place > 0 ? ", " : "", known->entries[place].name);
    }
    const char *message = name.length > 0 ? "this revision has no transform `%s`; it has %s" : "%sname the transform that is meant: there are %s";
    return wm_new_error_("usage", "42704", wm_format(message, name.data ? name.data : "", there.data));
}

WM_SHARED_ const wm_transform_entry *wm_find_transform_(const wm_transform_table *known, wm_str name) {
    if (name.length == 0 && known->count == 1) return known->entries;
    for (size_t place = 0; place < known->count; place++) {
        if (wm_equals(name, known->entries[place].name)) return &known->entries[place];
    }
    return NULL;
}

// For a test of a transform, on any machine.

/// The rows that were put into `cells` (`wm_out cells = {.rows = 2}`), with these names, one a column.
WM_SHARED_ wm_rows wm_test_rows(wm_out *cells, const char *const *names) {
    static const uint32_t oids[] = {25, 16, 21, 23, 20, 700, 701, 25, 25, 17, 1082, 1083, 1114, 1184};
    wm_column *columns = (wm_column *)wm_alloc(cells->column_count * sizeof *columns);
    wm_wire_vector_ *vectors = (wm_wire_vector_ *)wm_alloc(cells->column_count * sizeof *vectors);
    for (uint32_t place = 0; place < cells->column_count; place++) {
        vectors[place] = wm_out_vector_(cells, &cells->columns[place]);
        columns[place].name = wm_string(names ? names[place] : "");
        columns[place].oid = oids[cells->columns[place].tag];
        columns[place].type_name = wm_format("type %u", (unsigned)columns[place].oid);
    }
    return wm_rows_from_(columns, cells->column_count, cells->written, vectors);
}

/// What a transform makes of rows; its columns have no names.
WM_SHARED_ WM_CHECKED_ wm_rows_result wm_test_transform(wm_transform_entry transform, wm_rows in) {
    wm_rows_result result;
    __builtin_memset(&result, 0, sizeof result);
    wm_out out;
    __builtin_memset(&out, 0, sizeof out);
    out.rows = in.count;
    result.error = wm_run_transform_(&transform, &in, &out).error;
    if (!result.error) result.value = wm_test_rows(&out, NULL);
    return result;
}

// ---------------------------------------------------------------------------------------------------------------------------------------------
// Backfills: rewriting the rows of a table in batches. The host owns the loop.

enum { WM_NAMES_ = 128 };

/// A job. What is not given is left zero. In C++ the members stand in this order.
typedef struct wm_backfill {
    /// For people, and unique within the revision: progress is kept under it.
    const char *name WM_NONE_;
    /// The table whose rows are written, as in FROM: quoted and qualified where that is needed.
    const char *table WM_NONE_;
    /// Columns that identify a row: not null, with a unique index over exactly them. The primary key unless given.
    const char *key[33] WM_NONE_;
    /// A query to read from instead of the table: it has the key's columns, by which its rows are joined, and what `input` names.
    const char *source WM_NONE_;
    /// What the transform gets: columns or expressions, as in a select list.
    const char *input[WM_NAMES_] WM_NONE_;
    /// The columns that are set to what the transform writes, in its order.
    const char *output[WM_NAMES_] WM_NONE_;
    /// For `wm_backfill_update`: as after SET, over the table's columns.
    const char *set WM_NONE_;
    /// As in WHERE, over the table's columns; only these rows are visited.
    const char *where WM_NONE_;
    /// Which of WM_TRANSFORMS, by name; may be left out where there is only one.
    const char *transform WM_NONE_;
    /// No limit unless given.
    uint64_t rows_per_second WM_NONE_;
    /// The smallest and the largest batch, in rows: 100 and 10000 unless given.
    uint32_t batch_min WM_NONE_;
    uint32_t batch_max WM_NONE_;
} wm_backfill;

/// Names up to the first NULL.
WM_SHARED_ wm_list_ wm_names_(const char *const *names, size_t most) {
    wm_list_ list = {NULL, 0};
    while (list.length < most && names[list.length]) list.length++;
    wm_str *copies = (wm_str *)wm_alloc(list.length * sizeof *copies);
    for (size_t place = 0; place < list.length; place++) copies[place] = wm_readable_(wm_string(names[place]));
    list.data = copies;
    return list;
}

WM_SHARED_ wm_optional_text wm_maybe_(const char *text) {
    wm_optional_text maybe = {text != NULL, wm_readable_(wm_string(text))};
    return maybe;
}

WM_SHARED_ wm_str wm_given_(const char *text) {
    return wm_readable_(wm_string(text ? text : ""));
}

WM_SHARED_ wm_list_ wm_settings_(const wm_backfill *job) {
    static const char *const names[] = {"rows-per-second", "batch-min", "batch-max"};
    const uint64_t values[] = {job->rows_per_second, job->batch_min, job->batch_max};
    wm_field *settings = (wm_field *)wm_alloc(3 * sizeof *settings);
    wm_list_ list = {settings, 0};
    for (int place = 0; place < 3; place++) {
        if (values[place] == 0) continue;
        settings[list.length].name = wm_string(names[place]);
        settings[list.length].value = wm_format("%llu", (unsigned long long)values[place]);
        list.length++;
    }
    return list;
}

static inline wm_count_result wm_wrong_job_(const char *message) {
    wm_count_result result = {wm_new_error_("usage", "22023", wm_string(message)), 0};
    return result;
}

WM_SHARED_ WM_CHECKED_ wm_count_result wm_backfill_run_(wm_backfill job) {
    if (job.set) return wm_wrong_job_("`set` is for `wm_backfill_update`: `wm_backfill_run` lets a transform compute the values");
    wm_spec_ spec;
    __builtin_memset(&spec, 0, sizeof spec);
    spec.transform = wm_given_(job.transform);
    const wm_transform_table *known = WM_KNOWN_TRANSFORMS_;
    if (!known) return wm_wrong_job_("this revision has no transform: name its functions with WM_TRANSFORMS(…) beside WM_REVISION(…)");
    // Else a wrong name would go unnoticed for as long as the table is empty.
    const wm_transform_entry *entry = wm_find_transform_(known, spec.transform);
    if (!entry) {
        wm_count_result result = {wm_unknown_transform_(known, spec.transform), 0};
        return result;
    }
    spec.transform = wm_string(entry->name);
    spec.name = wm_given_(job.name);
    spec.table = wm_given_(job.table);
    spec.key = wm_names_(job.key, sizeof job.key / sizeof *job.key);
    spec.source = wm_maybe_(job.source);
    spec.input = wm_names_(job.input, WM_NAMES_);
    spec.output = wm_names_(job.output, WM_NAMES_);
    spec.condition = wm_maybe_(job.where);
    spec.settings = wm_settings_(&job);
    wm_count_answer_ answer;
    wm_import_run_(&spec, &answer);
    return wm_counted_(&answer);
}

WM_SHARED_ WM_CHECKED_ wm_count_result wm_backfill_update_(wm_backfill job) {
    if (job.source || job.input[0] || job.output[0] || job.transform) {
        return wm_wrong_job_("`source`, `input`, `output` and `transform` are for `wm_backfill_run`: an update has its columns in `set`");
    }
    wm_str name = wm_given_(job.name), table = wm_given_(job.table), set = wm_given_(job.set);
    wm_list_ key = wm_names_(job.key, sizeof job.key / sizeof *job.key), settings = wm_settings_(&job);
    wm_optional_text condition = wm_maybe_(job.where);
    wm_count_answer_ answer;
    wm_import_update_(name.data, name.length, table.data, table.length, key.data, key.length, set.data, set.length, condition.present,
                      condition.value.data, condition.value.length, settings.data, settings.length, &answer);
    return wm_counted_(&answer);
}

/// Lets a transform compute the new values, and says how many rows were written. The members of `wm_backfill` are given by name:
///
///     uint64_t rows = WM_TRY(wm_backfill_run(.name = "split names", .table = "contact", .input = {"full_name", "phone"},
///                                            .output = {"first_name", "last_name", "digits"}, .where = "first_name IS NULL"));
#define wm_backfill_run(...) wm_backfill_run_(WM_JOB_(__VA_ARGS__))
/// Lets SQL compute them, with `.set = "email = lower(email)"`: no row crosses into the revision.
#define wm_backfill_update(...) wm_backfill_update_(WM_JOB_(__VA_ARGS__))
#ifdef __cplusplus
#define WM_JOB_(...) (wm_backfill{__VA_ARGS__})
#else
#define WM_JOB_(...) ((wm_backfill){__VA_ARGS__})
#endif

// ---------------------------------------------------------------------------------------------------------------------------------------------
// The exports.

/// The texts of an error as the host takes them.
WM_SHARED_ void wm_make_readable_(wm_error *error) {
    error->kind = wm_readable_(error->kind);
    error->sqlstate = wm_readable_(error->sqlstate);
    error->message = wm_readable_(error->message);
    error->detail.value = wm_readable_(error->detail.value);
    error->hint.value = wm_readable_(error->hint.value);
    for (size_t field = 0; field < error->field_count; field++) {
        error->fields[field].name = wm_readable_(error->fields[field].name);
        error->fields[field].value = wm_readable_(error->fields[field].value);
    }
}

/// The answer of an export, where the host finds it.
static inline wm_answer_ *wm_answered_(wm_answer_ *answer, wm_error *error) {
    answer->failed = error != NULL;
    if (error) {
        wm_make_readable_(error);
        answer->as.error = *error;
    }
    return answer;
}

WM_SHARED_ wm_answer_ *wm_transform_(wm_answer_ *answer, const wm_transform_table *known, wm_str name, uint32_t count, const wm_column *columns,
                                        size_t column_count, const wm_wire_vector_ *vectors, size_t vector_count) {
    const wm_transform_entry *entry = wm_find_transform_(known, name);
    if (!entry) return wm_answered_(answer, wm_unknown_transform_(known, name));
    wm_rows in = wm_rows_from_(columns, column_count < vector_count ? column_count : vector_count, count, vectors);
    wm_out out;
    __builtin_memset(&out, 0, sizeof out);
    out.rows = count;
    wm_result result = wm_run_transform_(entry, &in, &out);
    if (result.error) return wm_answered_(answer, result.error);
    wm_wire_vector_ *written = (wm_wire_vector_ *)wm_alloc(out.column_count * sizeof *written);
    for (uint32_t place = 0; place < out.column_count; place++) written[place] = wm_out_vector_(&out, &out.columns[place]);
    answer->as.vectors.data = written;
    answer->as.vectors.length = out.column_count;
    return wm_answered_(answer, NULL);
}

// ---------------------------------------------------------------------------------------------------------------------------------------------
// C++: what is a macro above is an overloaded function here, with anything that has `data()` and `size()` as text or bytes, and anything
// that has `has_value()` as NULL where it has none.

#ifdef __cplusplus
}

inline wm_value wm_value_of(bool value) { return wm_bool(value); }
inline wm_value wm_value_of(signed char value) { return wm_int2(value); }
inline wm_value wm_value_of(unsigned char value) { return wm_int2(value); }
inline wm_value wm_value_of(short value) { return wm_int2(value); }
inline wm_value wm_value_of(unsigned short value) { return wm_int4(value); }
inline wm_value wm_value_of(int value) { return wm_int4(value); }
inline wm_value wm_value_of(unsigned value) { return wm_int8(value); }
inline wm_value wm_value_of(long value) { return wm_int8(value); }
inline wm_value wm_value_of(unsigned long value) { return wm_unsigned_(value); }
inline wm_value wm_value_of(long long value) { return wm_int8(value); }
inline wm_value wm_value_of(unsigned long long value) { return wm_unsigned_(value); }
inline wm_value wm_value_of(float value) { return wm_float4(value); }
inline wm_value wm_value_of(double value) { return wm_float8(value); }
inline wm_value wm_value_of(const char *value) { return wm_text(value); }
inline wm_value wm_value_of(decltype(nullptr)) { return wm_null(); }
inline wm_value wm_value_of(wm_str value) { return wm_text_of_str_(value); }
inline wm_value wm_value_of(wm_bytes value) { return wm_bytea_value_(value); }
inline wm_value wm_value_of(wm_interval_parts value) { return wm_interval_value_(value); }
inline wm_value wm_value_of(const wm_value &value) { return value; }
template <class T> wm_value wm_value_of(const T *) {
    // Else it would be `true`.
    static_assert(sizeof(T) == 0, "a pointer is no parameter: pass what it points at");
    return wm_null();
}
template <class T> auto wm_value_of(const T &text) -> decltype(wm_str{text.data(), text.size()}, wm_value()) {
    // An empty text is not NULL, wherever it is.
    return text.size() > 0 ? wm_text_of_str_(wm_slice(text.data(), text.size())) : wm_text("");
}
template <class T> auto wm_value_of(const T &bytes) -> decltype(wm_bytes{bytes.data(), bytes.size()}, wm_value()) {
    return wm_bytea(bytes.data(), bytes.size());
}
template <class T> auto wm_value_of(const T &optional) -> decltype(optional.has_value(), *optional, wm_value()) {
    return optional.has_value() ? wm_value_of(*optional) : wm_null();
}

#define WM_VALUE(...) wm_value_of(__VA_ARGS__)

/// A statement, a name: a C string, a `wm_str`, or what has `data()` and `size()`.
struct wm_statement_ {
    wm_str text;
    wm_statement_(const char *given) : text(wm_string(given)) {}
    wm_statement_(wm_str given) : text(given) {}
    template <class T, class = decltype(wm_str{((const T *)nullptr)->data(), ((const T *)nullptr)->size()})>
    wm_statement_(const T &given) : text(wm_slice(given.data(), given.size())) {}
};

#define WM_CALL_(name, result_type, first_type, first) \
    template <class... Values> inline WM_CHECKED_ result_type name(first_type to, const Values &...given) { \
        const wm_value values[] = {wm_value_of(given)..., wm_end_()}; \
        return name##_values(first, values, sizeof...(given)); \
    }
WM_CALL_(wm_execute, wm_count_result, const wm_statement_ &, to.text)
WM_CALL_(wm_query, wm_rows_result, const wm_statement_ &, to.text)
WM_CALL_(wm_query_one, wm_rows_result, const wm_statement_ &, to.text)
WM_CALL_(wm_query_value, wm_value_result, const wm_statement_ &, to.text)
WM_CALL_(wm_put, wm_result, wm_out *, to)

template <class... Values> inline void wm_add(wm_parameters *to, const Values &...given) {
    const wm_value values[] = {wm_value_of(given)..., wm_end_()};
    wm_add_values(to, values, sizeof...(given));
}
inline WM_CHECKED_ wm_count_result wm_execute_many(const wm_statement_ &statement, const wm_parameters *rows) {
    return wm_execute_many_(statement.text, rows);
}
inline WM_CHECKED_ wm_count_result wm_script(const wm_statement_ &text) {
    return wm_script_(text.text);
}

#define WM_GETTERS_(name, result_type) \
    inline WM_CHECKED_ result_type name(const wm_rows *rows, const char *column) { return name##_at_(rows, wm_named_(column)); } \
    inline WM_CHECKED_ result_type name(const wm_rows *rows, int column) { return name##_at_(rows, wm_placed_((uint32_t)column)); }
WM_GETTERS_(wm_get_bool, wm_bool_result)
WM_GETTERS_(wm_get_int2, wm_int2_result)
WM_GETTERS_(wm_get_int4, wm_int4_result)
WM_GETTERS_(wm_get_int8, wm_int8_result)
WM_GETTERS_(wm_get_float4, wm_float4_result)
WM_GETTERS_(wm_get_float8, wm_float8_result)
WM_GETTERS_(wm_get_text, wm_text_result)
WM_GETTERS_(wm_get_bytes, wm_bytes_result)
WM_GETTERS_(wm_get_date, wm_int4_result)
WM_GETTERS_(wm_get_time, wm_int8_result)
WM_GETTERS_(wm_get_timestamp, wm_int8_result)
WM_GETTERS_(wm_get_timestamptz, wm_int8_result)
WM_GETTERS_(wm_get_value, wm_value_result)
WM_GETTERS_(wm_is_null, wm_bool_result)
WM_GETTERS_(wm_get_texts, wm_text_result)
WM_GETTERS_(wm_get_nulls, wm_bytes_result)

inline WM_CHECKED_ wm_fixed_result wm_get_all(const wm_rows *rows, const char *column, uint8_t tag) {
    return wm_get_all_at_(rows, wm_named_(column), tag);
}
inline WM_CHECKED_ wm_fixed_result wm_get_all(const wm_rows *rows, int column, uint8_t tag) {
    return wm_get_all_at_(rows, wm_placed_((uint32_t)column), tag);
}

#define WM_C_ extern "C"
#else
#define WM_C_
#endif

// ---------------------------------------------------------------------------------------------------------------------------------------------
// What an author writes beside the functions of a revision.

#define WM_WAY_(name, function) \
    WM_C_ WM_EXPORT_(#name) wm_answer_ *wm_export_##name##_(void); \
    WM_C_ wm_answer_ *wm_export_##name##_(void) { \
        static wm_answer_ answer; \
        return wm_answered_(&answer, function().error); \
    } \
    WM_AFTER_(name)

/// The host calls this when it has read the answer: all memory is free again.
#define WM_AFTER_(name) \
    WM_C_ WM_EXPORT_("cabi_post_" #name) void wm_after_##name##_(wm_answer_ *); \
    WM_C_ void wm_after_##name##_(wm_answer_ *answer) { \
        (void)answer; \
        wm_heap_.next = wm_heap_.start; \
    }

/// Makes two functions, `static wm_result name(void)`, the `upgrade` and the `downgrade` of this revision. Once a revision.
#define WM_REVISION(upgrade_function, downgrade_function) WM_WAY_(upgrade, upgrade_function) WM_WAY_(downgrade, downgrade_function)

/// Names the transforms of this revision, `static wm_result name(const wm_rows *in, wm_out *out)`, once a revision:
/// `WM_TRANSFORMS(WM_BY_ROW(split), WM_BY_COLUMN(digits))`.
#define WM_TRANSFORMS(...) \
    static const wm_transform_entry wm_transform_entries_[] = {__VA_ARGS__}; \
    const wm_transform_table wm_transforms_ = {wm_transform_entries_, sizeof wm_transform_entries_ / sizeof *wm_transform_entries_}; \
    WM_C_ WM_EXPORT_("transform") wm_answer_ *wm_export_transform_(const char *, size_t, uint32_t, const wm_column *, size_t, \
                                                                   const wm_wire_vector_ *, size_t); \
    WM_C_ wm_answer_ *wm_export_transform_(const char *name, size_t name_length, uint32_t rows, const wm_column *columns, size_t column_count, \
                                           const wm_wire_vector_ *vectors, size_t vector_count) { \
        static wm_answer_ answer; \
        wm_str wanted = wm_slice(name, name_length); \
        return wm_transform_(&answer, &wm_transforms_, wanted, rows, columns, column_count, vectors, vector_count); \
    } \
    WM_AFTER_(transform)

/// A transform that gets one row and writes one with `wm_put`. What it returns as an error is about that row alone.
#define WM_BY_ROW(function) {#function, function, false}

/// A transform that gets whole columns and writes whole columns, for speed: with `wm_get_all`, `wm_get_texts` and `wm_get_nulls`, and with
/// `wm_put_columns` and the functions beside it. What it returns as an error is about the whole batch, unless it has fields `row`.
#define WM_BY_COLUMN(function) {#function, function, true}

/// The only transform of this revision, row by row.
#define WM_TRANSFORM(function) WM_TRANSFORMS(WM_BY_ROW(function))

#endif
