//! Write wmigrate revisions in Zig: this one file is the whole SDK. It is the root of the module, finds `upgrade`, `downgrade` and `transforms`
//! in the revision, and exports them.
//!
//!     const wm = @import("wmigrate");
//!
//!     pub fn upgrade() !void {
//!         _ = try wm.sql.execute("ALTER TABLE author ADD COLUMN family_name text", .{});
//!         var authors = try wm.sql.query("SELECT id, name FROM author WHERE name <> $1", .{""});
//!         while (authors.next()) |author| {
//!             const id = try author.get(i64, "id");
//!             const name = try author.get(?[]const u8, "name") orelse return wm.fail("author {d} has no name", .{id});
//!             _ = try wm.sql.execute("UPDATE author SET family_name = $1 WHERE id = $2", .{ familyOf(name), id });
//!         }
//!     }
//!
//!     pub fn downgrade() !void {
//!         _ = try wm.sql.script("ALTER TABLE author DROP COLUMN family_name");
//!     }
//!
//! * What the host refuses is `error.WmigrateFailed`, and `wm.failure()` says why. Not handled, it ends the revision as it is. Any other error
//!   becomes one of kind `exception` with its name; `wm.fail` makes one with a message.
//! * Memory that the SDK hands out lives until the export has returned; `wm.allocator` is the same for the revision.
//! * A panic goes to the log with its message, then traps.

const std = @import("std");
const builtin = @import("builtin");

const on_host = builtin.target.cpu.arch == .wasm32;

var arena = std.heap.ArenaAllocator.init(if (on_host) std.heap.wasm_allocator else std.heap.page_allocator);

/// What it hands out is freed when the export has returned.
pub const allocator = arena.allocator();

// Running out of memory is a limit of the sandbox, which ends the run with its own words.
fn alloc(comptime T: type, count: usize) []T {
    return allocator.alloc(T, count) catch @trap();
}

fn print(comptime format: []const u8, arguments: anytype) []const u8 {
    return std.fmt.allocPrint(allocator, format, arguments) catch @trap();
}

// -----------------------------------------------------------------------------------------------------------------------------------------
// Types as they lie in memory by the canonical ABI.

/// A text or bytes.
const Slice = extern struct {
    data: ?[*]const u8 = null,
    length: usize = 0,

    fn of(text: []const u8) Slice {
        // Where nothing is, Zig may have an address that the host refuses.
        return if (text.len == 0) .{} else .{ .data = text.ptr, .length = text.len };
    }

    fn slice(self: Slice) []const u8 {
        return if (self.length == 0) "" else self.data.?[0..self.length];
    }
};

const List = extern struct {
    data: ?*const anyopaque = null,
    length: usize = 0,

    fn of(items: anytype) List {
        return if (items.len == 0) .{} else .{ .data = items.ptr, .length = items.len };
    }
};

const OptionalSlice = extern struct {
    present: bool = false,
    value: Slice = .{},

    fn of(text: ?[]const u8) OptionalSlice {
        return if (text) |some| .{ .present = true, .value = .of(some) } else .{};
    }

    fn slice(self: OptionalSlice) ?[]const u8 {
        return if (self.present) self.value.slice() else null;
    }
};

const OptionalInt8 = extern struct { present: bool = false, value: i64 = 0 };

/// The two texts of a pair.
const Pair = extern struct { name: Slice, value: Slice };

const Record = extern struct {
    kind: Slice,
    sqlstate: Slice,
    message: Slice,
    detail: OptionalSlice,
    hint: OptionalSlice,
    has_position: bool,
    position: u32,
    fields: List,
};

const WireColumn = extern struct { name: Slice, oid: u32, type_name: Slice };

const Cells = enum(u8) { text, fixed, bytes, _ };

const WireVector = extern struct { nulls: Slice = .{}, cells: Cells = .text, data: Slice = .{} };

const ColumnSet = extern struct { columns: List, rows: u32, vectors: List };

fn Answer(comptime Success: type) type {
    return extern struct {
        failed: bool,
        as: extern union { success: Success, record: Record },
    };
}

/// A value of any type, as a parameter takes it and `Row.get(Value, …)` gives it.
pub const Value = extern struct {
    tag: Tag = .null,
    as: extern union {
        boolean: bool,
        int2: i16,
        int4: i32,
        int8: i64,
        float4: f32,
        float8: f64,
        text: Slice,
        interval: Interval,
        list: List,
        other: extern struct { oid: u32, text: bool, data: Slice },
    } = .{ .int8 = 0 },

    pub const Tag = enum(u8) {
        null,
        boolean,
        int2,
        int4,
        int8,
        float4,
        float8,
        numeric,
        text,
        bytea,
        date,
        time,
        timestamp,
        timestamptz,
        interval,
        uuid,
        json,
        jsonb,
        text_array,
        int8_array,
        other,

        /// Bytes a cell of a vector; 0 where they differ.
        fn width(tag: Tag) usize {
            return switch (tag) {
                .boolean => 1,
                .int2 => 2,
                .int4, .float4, .date => 4,
                .int8, .float8, .time, .timestamp, .timestamptz => 8,
                else => 0,
            };
        }
    };

    /// Integers, floating-point numbers, `bool`, texts (`[]const u8`), `null`, optionals, and the types of this file.
    pub fn of(given: anytype) Value {
        const Given = @TypeOf(given);
        switch (Given) {
            Value => return given,
            bool => return .{ .tag = .boolean, .as = .{ .boolean = given } },
            comptime_int => return if (given < std.math.minInt(i64) or given > std.math.maxInt(i64))
                ofText(.numeric, std.fmt.comptimePrint("{d}", .{given}))
            else
                of(@as(i64, given)),
            comptime_float => return of(@as(f64, given)),
            f32 => return .{ .tag = .float4, .as = .{ .float4 = given } },
            f64 => return .{ .tag = .float8, .as = .{ .float8 = given } },
            Numeric => return ofText(.numeric, given.text),
            Bytes => return ofText(.bytea, given.data),
            Date => return .{ .tag = .date, .as = .{ .int4 = given.days } },
            Time => return .{ .tag = .time, .as = .{ .int8 = given.microseconds } },
            Timestamp => return .{ .tag = .timestamp, .as = .{ .int8 = given.microseconds } },
            Timestamptz => return .{ .tag = .timestamptz, .as = .{ .int8 = given.microseconds } },
            Interval => return .{ .tag = .interval, .as = .{ .interval = given } },
            else => {},
        }
        return switch (@typeInfo(Given)) {
            .null => .{},
            .optional => if (given) |some| of(some) else .{},
            .int => |int| if (int.bits <= 16 and int.signedness == .signed)
                .{ .tag = .int2, .as = .{ .int2 = given } }
            else if (int.bits <= 32 and (int.signedness == .signed or int.bits < 32))
                .{ .tag = .int4, .as = .{ .int4 = given } }
            else if (int.bits <= 64 and (int.signedness == .signed or int.bits < 64))
                .{ .tag = .int8, .as = .{ .int8 = given } }
            else
                // No integer type of the server's holds it.
                ofText(.numeric, print("{d}", .{given})),
            .pointer => if (Given == []const ?[]const u8 or Given == []?[]const u8)
                ofTexts(given)
            else if (Given == []const ?i64 or Given == []?i64)
                ofIntegers(given)
            else
                ofText(.text, @as([]const u8, given)),
            .@"enum" => ofText(.text, @tagName(given)),
            else => @compileError("no parameter of a statement can be made of " ++ @typeName(Given)),
        };
    }

    fn ofText(tag: Tag, given: []const u8) Value {
        return .{ .tag = tag, .as = .{ .text = .of(given) } };
    }

    fn ofTexts(given: []const ?[]const u8) Value {
        const copies = alloc(OptionalSlice, given.len);
        for (copies, given) |*copy, text| copy.* = .of(text);
        return .{ .tag = .text_array, .as = .{ .list = .of(copies) } };
    }

    fn ofIntegers(given: []const ?i64) Value {
        const copies = alloc(OptionalInt8, given.len);
        for (copies, given) |*copy, number| copy.* = .{ .present = number != null, .value = number orelse 0 };
        return .{ .tag = .int8_array, .as = .{ .list = .of(copies) } };
    }

    /// A value of any other type in its binary form. (In its text form it is a text.)
    pub fn ofOther(oid: u32, data: []const u8) Value {
        return .{ .tag = .other, .as = .{ .other = .{ .oid = oid, .text = false, .data = .of(data) } } };
    }

    /// As `T`, if it is one or a narrower one.
    fn to(value: Value, comptime T: type) ?T {
        return switch (T) {
            Value => value,
            bool => if (value.tag == .boolean) value.as.boolean else null,
            i16 => if (value.tag == .int2) value.as.int2 else null,
            i32 => if (value.tag == .int4) value.as.int4 else if (value.to(i16)) |narrow| narrow else null,
            i64 => if (value.tag == .int8) value.as.int8 else if (value.to(i32)) |narrow| narrow else null,
            f32 => if (value.tag == .float4) value.as.float4 else null,
            f64 => if (value.tag == .float8) value.as.float8 else if (value.to(f32)) |narrow| narrow else null,
            []const u8 => if (value.tag == .text) value.as.text.slice() else null,
            Numeric => if (value.tag == .text) .{ .text = value.as.text.slice() } else null,
            Bytes => if (value.tag == .bytea) .{ .data = value.as.text.slice() } else null,
            Date => if (value.tag == .date) .{ .days = value.as.int4 } else null,
            Time => if (value.tag == .time) .{ .microseconds = value.as.int8 } else null,
            Timestamp => if (value.tag == .timestamp) .{ .microseconds = value.as.int8 } else null,
            Timestamptz => if (value.tag == .timestamptz) .{ .microseconds = value.as.int8 } else null,
            else => @compileError("no cell can be read as " ++ @typeName(T)),
        };
    }

    /// The server would not see a text that is no UTF-8: the run would end without a word about where it came from.
    fn check(value: Value, place: usize) Error!void {
        switch (value.tag) {
            .numeric, .text, .uuid, .json, .jsonb => try checkText(value.as.text.slice(), "the text for $", place),
            .text_array => {
                const texts: [*]const OptionalSlice = @ptrCast(@alignCast(value.as.list.data));
                for (texts[0..value.as.list.length]) |text| try checkText(text.value.slice(), "a text of the array for $", place);
            },
            else => {},
        }
    }
};

comptime {
    if (on_host) {
        std.debug.assert(@sizeOf(Value) == 24);
        std.debug.assert(@sizeOf(Record) == 64);
        std.debug.assert(@sizeOf(WireVector) == 20);
        std.debug.assert(@sizeOf(Answer(u64)) == 72);
    }
}

/// Decimal text, exact: also `NaN`, `Infinity`, `-Infinity`.
pub const Numeric = struct { text: []const u8 };

/// bytea.
pub const Bytes = struct { data: []const u8 };

/// PostgreSQL's interval as a parameter, its three parts kept apart as the server keeps them. Read, it is text.
pub const Interval = extern struct { microseconds: i64 = 0, days: i32 = 0, months: i32 = 0 };

/// Days since 2000-01-01; the smallest and the largest are -infinity and infinity.
pub const Date = struct {
    days: i32,

    pub const infinity: Date = .{ .days = std.math.maxInt(i32) };
    pub const minus_infinity: Date = .{ .days = std.math.minInt(i32) };

    /// A day of the Gregorian calendar; the year before 1 is 0. A month or day that is too large goes on into the next ones.
    pub fn of(year: i32, month: i32, day: i32) Date {
        // Years begin in March here, so that the leap day is the last; 400 years are 146,097 days.
        const months = @as(i64, year) * 12 + month - 3;
        const years = @divFloor(months, 12);
        const of_era = @mod(years, 400);
        const of_year = @divFloor(153 * @mod(months, 12) + 2, 5) + day - 1;
        const of_centuries = of_era * 365 + @divFloor(of_era, 4) - @divFloor(of_era, 100);
        return .{ .days = @intCast(@divFloor(years, 400) * 146097 + of_centuries + of_year - 730425) };
    }
};

/// Microseconds since midnight.
pub const Time = struct { microseconds: i64 };

/// Microseconds since 2000-01-01 00:00, no zone; the smallest and the largest are -infinity and infinity.
pub const Timestamp = struct { microseconds: i64 };

/// Microseconds since 2000-01-01 00:00 UTC; the smallest and the largest are -infinity and infinity.
pub const Timestamptz = struct {
    microseconds: i64,

    /// From 1970-01-01 to 2000-01-01, to go between Unix time and the server's.
    pub const unix_epoch_microseconds = 946_684_800_000_000;
};

// -----------------------------------------------------------------------------------------------------------------------------------------
// Errors.

/// A call was refused, or the revision gives up; `failure` says why.
pub const Error = error{WmigrateFailed};

pub const Field = struct { name: []const u8, value: []const u8 };

/// Why a call, or the revision, failed: the record of the contract.
pub const Failure = struct {
    /// `database`, `parameter`, `result`, `denied`, `limit`, `usage`, `exception` (the revision's own), or whatever comes later.
    kind: []const u8,
    /// Five characters, for example `23505` for a violated unique constraint.
    sqlstate: []const u8,
    message: []const u8,
    detail: ?[]const u8 = null,
    hint: ?[]const u8 = null,
    /// Character of the statement the error points at, counted from 1.
    position: ?u32 = null,
    /// `schema`, `table`, `column`, `datatype`, `constraint`, `where`, `line` and so on.
    fields: []const Field = &.{},

    pub fn is(self: Failure, sqlstate: []const u8) bool {
        return std.mem.eql(u8, self.sqlstate, sqlstate);
    }

    pub fn field(self: Failure, name: []const u8) ?[]const u8 {
        for (self.fields) |one| if (std.mem.eql(u8, one.name, name)) return one.value;
        return null;
    }

    fn fromRecord(record: Record) Failure {
        const pairs: [*]const Pair = @ptrCast(@alignCast(record.fields.data orelse undefined));
        const fields = alloc(Field, record.fields.length);
        for (fields, 0..) |*one, place| one.* = .{ .name = pairs[place].name.slice(), .value = pairs[place].value.slice() };
        return .{
            .kind = record.kind.slice(),
            .sqlstate = record.sqlstate.slice(),
            .message = record.message.slice(),
            .detail = record.detail.slice(),
            .hint = record.hint.slice(),
            .position = if (record.has_position) record.position else null,
            .fields = fields,
        };
    }

    fn toRecord(self: Failure) Record {
        const pairs = alloc(Pair, self.fields.len);
        for (pairs, self.fields) |*pair, one| pair.* = .{ .name = .of(readable(one.name)), .value = .of(readable(one.value)) };
        return .{
            .kind = .of(readable(self.kind)),
            .sqlstate = .of(readable(self.sqlstate)),
            .message = .of(readable(self.message)),
            .detail = .of(if (self.detail) |text| readable(text) else null),
            .hint = .of(if (self.hint) |text| readable(text) else null),
            .has_position = self.position != null,
            .position = self.position orelse 0,
            .fields = .of(pairs),
        };
    }

    fn add(self: *Failure, name: []const u8, value: []const u8) void {
        const fields = alloc(Field, self.fields.len + 1);
        @memcpy(fields[0..self.fields.len], self.fields);
        fields[self.fields.len] = .{ .name = name, .value = value };
        self.fields = fields;
    }
};

var last_failure: Failure = .{ .kind = "exception", .sqlstate = "P0001", .message = "an error without a message" };

/// What the last `error.WmigrateFailed` was about.
pub fn failure() Failure {
    return last_failure;
}

/// `return wm.fail("author {d} has no name", .{id})`: an error of the revision's own. SQLSTATE P0001, as `RAISE EXCEPTION` has in PL/pgSQL.
pub fn fail(comptime format: []const u8, arguments: anytype) Error {
    return failAs("exception", "P0001", print(format, arguments));
}

/// The same with the place of the call: `return wm.failAt(@src(), "author {d} has no name", .{id})`.
pub fn failAt(place: std.builtin.SourceLocation, comptime format: []const u8, arguments: anytype) Error {
    const thrown = fail(format, arguments);
    last_failure.add("stack", print("    at {s} ({s}:{d})", .{ place.fn_name, std.fs.path.basename(place.file), place.line }));
    return thrown;
}

/// Fails with this record.
pub fn failWith(what: Failure) Error {
    last_failure = what;
    return error.WmigrateFailed;
}

fn failAs(kind: []const u8, sqlstate: []const u8, message: []const u8) Error {
    return failWith(.{ .kind = kind, .sqlstate = sqlstate, .message = if (message.len > 0) message else "an error without a message" });
}

/// The record of any error that leaves the revision.
fn failureOf(thrown: anyerror) Failure {
    if (thrown == error.WmigrateFailed) return last_failure;
    return .{ .kind = "exception", .sqlstate = "P0001", .message = print("error.{s}", .{@errorName(thrown)}) };
}

/// Messages must not be lost because of a stray byte.
fn readable(text: []const u8) []const u8 {
    if (std.unicode.utf8ValidateSlice(text)) return text;
    const copy = alloc(u8, text.len);
    for (copy, text) |*to, byte| to.* = if (byte < 0x80) byte else '?';
    return copy;
}

fn checkText(text: []const u8, what: []const u8, number: usize) Error!void {
    if (std.unicode.utf8ValidateSlice(text)) return;
    return failAs("parameter", "22021", if (number > 0) print("{s}{d} is no UTF-8", .{ what, number }) else print("{s} is no UTF-8", .{what}));
}

fn check(answer: anytype) Error!@TypeOf(answer.as.success) {
    if (answer.failed) return failWith(.fromRecord(answer.as.record));
    return answer.as.success;
}

// -----------------------------------------------------------------------------------------------------------------------------------------
// SQL.

const Nothing = extern struct { unused: u32 = 0 };

const sql_imports = struct {
    extern "wmigrate:migration/sql@0.1.0" fn execute(?[*]const u8, usize, ?*const anyopaque, usize, *Answer(u64)) void;
    extern "wmigrate:migration/sql@0.1.0" fn @"execute-many"(?[*]const u8, usize, ?*const anyopaque, usize, *Answer(u64)) void;
    extern "wmigrate:migration/sql@0.1.0" fn @"query-columns"(?[*]const u8, usize, ?*const anyopaque, usize, *Answer(ColumnSet)) void;
    extern "wmigrate:migration/sql@0.1.0" fn script(?[*]const u8, usize, *Answer(u32)) void;
    extern "wmigrate:migration/sql@0.1.0" fn savepoint(*Answer(u32)) void;
    extern "wmigrate:migration/sql@0.1.0" fn @"rollback-to-savepoint"(u32, *Answer(Nothing)) void;
    extern "wmigrate:migration/sql@0.1.0" fn @"release-savepoint"(u32, *Answer(Nothing)) void;
};

/// SQL in the revision's transaction: one statement a call. Parameters are a tuple, `.{ 5, "x", null }`, or a slice of `Value`.
pub const sql = struct {
    /// Runs a statement and says how many rows it touched.
    pub fn execute(statement: []const u8, parameters: anytype) Error!u64 {
        const values = try valuesOf(statement, parameters);
        var answer: Answer(u64) = undefined;
        const text: Slice = .of(statement);
        sql_imports.execute(text.data, text.length, values.data, values.length, &answer);
        return check(answer);
    }

    /// Runs one statement once for each row of parameters (a slice or an array of tuples), in one call, and says how many rows were touched in
    /// all.
    pub fn executeMany(statement: []const u8, rows: anytype) Error!u64 {
        const lists = alloc(List, rows.len);
        for (lists, rows, 0..) |*list, row, place| {
            list.* = valuesOf(statement, row) catch |failed| {
                last_failure.add("row", print("{d}", .{place}));
                return failed;
            };
        }
        const text: Slice = .of(statement);
        const all: List = .of(lists);
        var answer: Answer(u64) = undefined;
        sql_imports.@"execute-many"(text.data, text.length, all.data, all.length, &answer);
        return check(answer);
    }

    /// All rows of a result.
    pub fn query(statement: []const u8, parameters: anytype) Error!Rows {
        const values = try valuesOf(statement, parameters);
        var answer: Answer(ColumnSet) = undefined;
        const text: Slice = .of(statement);
        sql_imports.@"query-columns"(text.data, text.length, values.data, values.length, &answer);
        const set = try check(answer);
        return .of(set.columns, set.rows, set.vectors);
    }

    /// The only row, or null if there is none. More than one is an error.
    pub fn queryOne(statement: []const u8, parameters: anytype) Error!?Row {
        var rows = try query(statement, parameters);
        if (rows.count > 1) return failAs("result", "P0003", print("query returned {d} rows where one was expected", .{rows.count}));
        return rows.next();
    }

    /// The only column of the only row, or null if there is no row or NULL in it.
    pub fn queryValue(comptime T: type, statement: []const u8, parameters: anytype) Error!?T {
        const row = try queryOne(statement, parameters) orelse return null;
        if (row.columns.len == 1) return row.get(?T, 0);
        return failAs("result", "42804", print("query returned {d} columns where one was expected", .{row.columns.len}));
    }

    /// Runs the statements of a script, split where psql splits them, and says how many there were. No parameters.
    pub fn script(statements: []const u8) Error!u32 {
        try checkText(statements, "the script", 0);
        const text: Slice = .of(statements);
        var answer: Answer(u32) = undefined;
        sql_imports.script(text.data, text.length, &answer);
        return check(answer);
    }

    /// Calls a function in a savepoint: what it did is kept if it returns well, and undone if it returns an error, which goes on.
    ///
    ///     const added = sql.savepoint(sql.execute, .{ "INSERT INTO tag (name) VALUES ($1)", .{"red"} });
    pub fn savepoint(comptime function: anytype, arguments: anytype) @TypeOf(@call(.auto, function, arguments)) {
        var answer: Answer(u32) = undefined;
        sql_imports.savepoint(&answer);
        const number = try check(answer);
        var done: Answer(Nothing) = undefined;
        const result = @call(.auto, function, arguments) catch |thrown| {
            // Should this fail too, the first error is the one that explains it, and the transaction stays aborted.
            sql_imports.@"rollback-to-savepoint"(number, &done);
            if (!done.failed) sql_imports.@"release-savepoint"(number, &done);
            return thrown;
        };
        sql_imports.@"release-savepoint"(number, &done);
        _ = try check(done);
        return result;
    }
};

fn valuesOf(statement: []const u8, parameters: anytype) Error!List {
    try checkText(statement, "the statement", 0);
    const Parameters = @TypeOf(parameters);
    const values: []const Value = if (Parameters == []const Value or Parameters == []Value) parameters else made: {
        const made = alloc(Value, parameters.len);
        inline for (parameters, 0..) |parameter, place| made[place] = .of(parameter);
        break :made made;
    };
    for (values, 1..) |value, place| try value.check(place);
    return .of(values);
}

// -----------------------------------------------------------------------------------------------------------------------------------------
// Rows: the result of a query, and what a transform gets. They are kept a column at a time, as they come.

/// A column of a result.
pub const Column = struct {
    name: []const u8,
    /// The type's `pg_type.oid`.
    oid: u32,
    /// As `format_type` writes it, for example `numeric(10,2)`.
    type_name: []const u8,
};

/// The values of a column as they came.
pub const Vector = struct {
    /// Empty: no value is NULL. Otherwise one byte a row, 1 where it is NULL.
    nulls: []const u8,
    cells: Cells,
    /// Texts, each with a zero byte behind it; or the cells of a fixed width, little-endian; or a list.
    data: Slice,
    /// Where each text begins, and at the end where one more would; made when the first one is looked at.
    starts: ?[]u32 = null,

    fn index(vector: *Vector, rows: u32) []const u32 {
        if (vector.starts) |starts| return starts;
        const starts = alloc(u32, rows + 1);
        const text = vector.data.slice();
        var at: usize = 0;
        for (starts[0..rows]) |*start| {
            start.* = @intCast(at);
            at = if (std.mem.indexOfScalarPos(u8, text, at, 0)) |end| end + 1 else text.len;
        }
        starts[rows] = @intCast(at);
        vector.starts = starts;
        return starts;
    }

    /// Which value the cells are.
    fn tag(vector: Vector, oid: u32) Value.Tag {
        return switch (vector.cells) {
            .text => .text,
            .bytes => .bytea,
            .fixed => switch (oid) {
                16 => .boolean,
                21 => .int2,
                23 => .int4,
                20 => .int8,
                700 => .float4,
                701 => .float8,
                1082 => .date,
                1083 => .time,
                1114 => .timestamp,
                1184 => .timestamptz,
                // A width that only a later host knows.
                else => .null,
            },
            _ => .null,
        };
    }
};

pub const Rows = struct {
    columns: []const Column,
    vectors: []Vector,
    count: u32,
    at: u32 = 0,

    pub fn next(rows: *Rows) ?Row {
        if (rows.at >= rows.count) return null;
        defer rows.at += 1;
        return rows.row(rows.at);
    }

    /// A row by its number, counted from 0.
    pub fn row(rows: Rows, number: u32) Row {
        return .{ .columns = rows.columns, .vectors = rows.vectors, .count = rows.count, .number = number };
    }

    fn of(columns: List, count: u32, vectors: List) Rows {
        const wire_columns: [*]const WireColumn = @ptrCast(@alignCast(columns.data orelse undefined));
        const wire_vectors: [*]const WireVector = @ptrCast(@alignCast(vectors.data orelse undefined));
        const length = @min(columns.length, vectors.length);
        const own_columns = alloc(Column, length);
        const own_vectors = alloc(Vector, length);
        for (own_columns, own_vectors, 0..) |*column, *vector, place| {
            const wire = wire_columns[place];
            column.* = .{ .name = wire.name.slice(), .oid = wire.oid, .type_name = wire.type_name.slice() };
            const cells = wire_vectors[place];
            vector.* = .{ .nulls = cells.nulls.slice(), .cells = cells.cells, .data = cells.data };
        }
        return .{ .columns = own_columns, .vectors = own_vectors, .count = count };
    }

    // Whole columns, for a transform that takes them.

    /// All cells of a column of a fixed width: `i64`, `f64`, `Date` and so on. What is NULL is zero in it.
    pub fn fixed(rows: Rows, comptime T: type, column: anytype) Error![]align(1) const T {
        const row_of_all = rows.row(0);
        const place = try row_of_all.find(column);
        const vector = rows.vectors[place];
        const wanted = comptime Value.of(std.mem.zeroes(T)).tag;
        if (vector.tag(rows.columns[place].oid) != wanted) return row_of_all.mismatch(place, @typeName(T));
        const bytes = vector.data.slice();
        return @ptrCast(bytes[0 .. rows.count * @sizeOf(T)]);
    }

    /// All texts of a column, each with a zero byte behind it. What is NULL is empty in it.
    pub fn texts(rows: Rows, column: anytype) Error![]const u8 {
        const row_of_all = rows.row(0);
        const place = try row_of_all.find(column);
        if (rows.vectors[place].cells != .text) return row_of_all.mismatch(place, "texts");
        return rows.vectors[place].data.slice();
    }

    /// A byte a row, 1 where the column is NULL; none at all where nothing is.
    pub fn nulls(rows: Rows, column: anytype) Error![]const u8 {
        return rows.vectors[try rows.row(0).find(column)].nulls;
    }

    /// Rows for a test of a transform: names of the columns, and an array or tuple of tuples with a value for each.
    pub fn from(names: []const []const u8, rows: anytype) Error!Rows {
        var out: Output = .{ .rows = rows.len };
        inline for (rows) |one| try out.put(one);
        var made = out.asRows();
        if (made.columns.len != names.len) return fail("{d} names for {d} columns", .{ names.len, made.columns.len });
        const columns = alloc(Column, names.len);
        for (columns, made.columns, names) |*column, before, name| column.* = .{ .name = name, .oid = before.oid, .type_name = before.type_name };
        made.columns = columns;
        return made;
    }

    /// What a transform makes of these rows, for a test of it. The columns have no names.
    pub fn apply(rows: Rows, comptime transform: anytype) Error!Rows {
        var out: Output = .{ .rows = rows.count };
        try runTransform(transform, rows, &out);
        return out.asRows();
    }
};

/// One row. A cell is read by the column's name or its place, counted from 0.
pub const Row = struct {
    columns: []const Column,
    vectors: []Vector,
    count: u32,
    number: u32,

    /// `bool`, `i16`, `i32`, `i64`, `f32`, `f64` (or a wider one than the column), `Date`, `Time`, `Timestamp`, `Timestamptz`, `Bytes`, `Numeric`,
    /// `[]const u8` for every other type in the server's text form, and optionals of them where a cell may be NULL; `Value` is any of them.
    pub fn get(self: Row, comptime T: type, column: anytype) Error!T {
        const place = try self.find(column);
        const value = try self.cell(place);
        if (@typeInfo(T) == .optional) {
            if (value.tag == .null) return null;
            return value.to(@typeInfo(T).optional.child) orelse self.mismatch(place, @typeName(T));
        }
        if (T == Value) return value;
        return value.to(T) orelse if (value.tag == .null) self.isNull(place, @typeName(T)) else self.mismatch(place, @typeName(T));
    }

    fn find(self: Row, column: anytype) Error!usize {
        if (@typeInfo(@TypeOf(column)) != .pointer) {
            if (column < self.columns.len) return column;
            return failAs("result", "42703", print("there is no column {d}: there are {d}, counted from 0", .{ column, self.columns.len }));
        }
        for (self.columns, 0..) |one, place| if (std.mem.eql(u8, one.name, column)) return place;
        return failAs("result", "42703", print("there is no column `{s}`", .{column}));
    }

    fn cell(self: Row, place: usize) Error!Value {
        const vector = &self.vectors[place];
        if (self.number < vector.nulls.len and vector.nulls[self.number] != 0) return .{};
        const tag = vector.tag(self.columns[place].oid);
        if (tag == .text) {
            const starts = vector.index(self.count);
            const start = starts[self.number];
            const end = @max(starts[self.number + 1], start + 1) - 1;
            return Value.ofText(.text, vector.data.slice()[start..end]);
        }
        if (tag == .bytea and self.number < vector.data.length) {
            const cells: [*]const Slice = @ptrCast(@alignCast(vector.data.data));
            return Value.ofText(.bytea, cells[self.number].slice());
        }
        const width = tag.width();
        const start = self.number * width;
        if (width == 0 or start + width > vector.data.length) return failAs("result", "XX000", print(
            "the host sent no cells of column `{s}` that are known here: cast it to text",
            .{self.columns[place].name},
        ));
        var value: Value = .{ .tag = tag };
        @memcpy(std.mem.asBytes(&value.as)[0..width], vector.data.data.?[start..][0..width]);
        return value;
    }

    fn isNull(self: Row, place: usize, wanted: []const u8) Error {
        return failAs("result", "22004", print("column `{s}` is NULL: read it as `?{s}`", .{ self.columns[place].name, wanted }));
    }

    fn mismatch(self: Row, place: usize, wanted: []const u8) Error {
        const column = self.columns[place];
        return failAs("result", "42804", print("column `{s}` is {s}, which does not fit `{s}`", .{ column.name, column.type_name, wanted }));
    }
};

// -----------------------------------------------------------------------------------------------------------------------------------------
// What a transform writes: a vector a column, whose types the first row that is not NULL decides.

const OutputColumn = struct {
    tag: Value.Tag = .null,
    nulls: []u8 = &.{},
    data: []u8 = &.{},
    length: usize = 0,

    fn room(column: *OutputColumn, more: usize) []u8 {
        if (column.length + more > column.data.len) {
            // Lists of bytes lie in it too.
            const larger = std.mem.sliceAsBytes(alloc(u64, ((column.length + more) * 2 + 256) / 8));
            @memcpy(larger[0..column.length], column.data[0..column.length]);
            column.data = larger;
        }
        defer column.length += more;
        return column.data[column.length..][0..more];
    }

    fn blank(column: *OutputColumn, cells: usize) void {
        const width = if (column.tag == .bytea) @sizeOf(Slice) else @max(column.tag.width(), 1);
        @memset(column.room(width * cells), 0);
    }

    fn push(column: *OutputColumn, given: Value, written: usize, rows: usize, place: usize) Error!void {
        const tag: Value.Tag = switch (given.tag) {
            .numeric, .uuid, .json, .jsonb => .text,
            else => |tag| tag,
        };
        if (tag == .null) {
            if (column.nulls.len == 0) {
                column.nulls = alloc(u8, rows);
                @memset(column.nulls, 0);
            }
            column.nulls[written] = 1;
            if (column.tag != .null) column.blank(1);
            return;
        }
        if (tag != .text and tag != .bytea and tag.width() == 0) {
            return failAs("usage", "42804", print("output column {d} got {s}: write it as text", .{ place + 1, @tagName(tag) }));
        }
        if (column.tag == .null) {
            column.tag = tag;
            // Only NULLs until now.
            column.blank(written);
        }
        if (column.tag != tag) return failAs("usage", "42804", print(
            "output column {d} got {s} after {s}: all rows must have the same types",
            .{ place + 1, @tagName(tag), @tagName(column.tag) },
        ));
        switch (tag) {
            .text => {
                const text = given.as.text.slice();
                try checkText(text, "the text for output column ", place + 1);
                if (std.mem.indexOfScalar(u8, text, 0) != null) {
                    const message = print("the text for output column {d} holds U+0000, which no PostgreSQL text can", .{place + 1});
                    return failAs("parameter", "22021", message);
                }
                const to = column.room(text.len + 1);
                @memcpy(to[0..text.len], text);
                to[text.len] = 0;
            },
            .bytea => {
                const copy: Slice = .of(allocator.dupe(u8, given.as.text.slice()) catch @trap());
                @memcpy(column.room(@sizeOf(Slice)), std.mem.asBytes(&copy));
            },
            else => @memcpy(column.room(tag.width()), std.mem.asBytes(&given.as)[0..tag.width()]),
        }
    }

    fn vector(column: *OutputColumn, rows: usize) WireVector {
        if (column.tag == .null) {
            column.tag = .text;
            column.blank(rows);
        }
        return .{
            .nulls = if (column.nulls.len > 0) .of(column.nulls) else .{},
            .cells = switch (column.tag) {
                .text => .text,
                .bytea => .bytes,
                else => .fixed,
            },
            .data = if (column.length == 0) .{} else .{
                .data = column.data.ptr,
                .length = if (column.tag == .bytea) column.length / @sizeOf(Slice) else column.length,
            },
        };
    }
};

/// Takes what a transform writes: as many rows as came in, in their order.
pub const Output = struct {
    rows: usize,
    written: usize = 0,
    columns: []OutputColumn = &.{},

    /// Writes the next row: a tuple with a value for each column of `output`, of exactly its type (`@as(i32, 1)` for an integer column), or
    /// text, which fits every type.
    pub fn put(out: *Output, row: anytype) Error!void {
        if (out.columns.len == 0) out.open(row.len);
        if (out.written == out.rows) {
            const message = print("more rows written than the {d} that came in: each row goes out once", .{out.rows});
            return failAs("usage", "22023", message);
        }
        if (row.len != out.columns.len) return failAs("usage", "42804", print(
            "a row of {d} values after one of {d}: write one for each column of `output`",
            .{ row.len, out.columns.len },
        ));
        inline for (row, 0..) |value, place| try out.columns[place].push(.of(value), out.written, out.rows, place);
        out.written += 1;
    }

    fn open(out: *Output, columns: usize) void {
        out.columns = alloc(OutputColumn, columns);
        @memset(out.columns, .{});
    }

    // The same a column at a time, for speed: once for each column, and no `put`.

    /// Says how many columns there will be.
    pub fn putColumns(out: *Output, columns: usize) void {
        out.open(columns);
        out.written = out.rows;
    }

    /// A place for each row of a column of fixed width, all of them zero: `i64`, `f64`, `Date` and so on.
    pub fn fixed(out: *Output, comptime T: type, column: usize) []align(1) T {
        out.columns[column].tag = comptime Value.of(std.mem.zeroes(T)).tag;
        out.columns[column].blank(out.rows);
        return @ptrCast(out.columns[column].data[0..out.columns[column].length]);
    }

    /// The texts of all rows, each with a zero byte behind it. Nothing is copied.
    pub fn texts(out: *Output, column: usize, data: []u8) void {
        out.columns[column].tag = .text;
        out.columns[column].data = data;
        out.columns[column].length = data.len;
    }

    /// Marks for the rows that are NULL, 1 a row that is; all of them 0 so far.
    pub fn nulls(out: *Output, column: usize) []u8 {
        const to = &out.columns[column];
        if (to.nulls.len == 0) {
            to.nulls = alloc(u8, out.rows);
            @memset(to.nulls, 0);
        }
        return to.nulls;
    }

    fn vectors(out: *Output) []WireVector {
        const made = alloc(WireVector, out.columns.len);
        for (made, out.columns) |*vector, *column| vector.* = column.vector(out.rows);
        return made;
    }

    fn asRows(out: *Output) Rows {
        const columns = alloc(Column, out.columns.len);
        const made = alloc(Vector, out.columns.len);
        for (columns, made, out.vectors(), out.columns) |*column, *vector, wire, from| {
            const oid: u32 = switch (from.tag) {
                .boolean => 16,
                .int2 => 21,
                .int4 => 23,
                .int8 => 20,
                .float4 => 700,
                .float8 => 701,
                .date => 1082,
                .time => 1083,
                .timestamp => 1114,
                .timestamptz => 1184,
                .bytea => 17,
                else => 25,
            };
            column.* = .{ .name = "", .oid = oid, .type_name = @tagName(from.tag) };
            vector.* = .{ .nulls = wire.nulls.slice(), .cells = wire.cells, .data = wire.data };
        }
        return .{ .columns = columns, .vectors = made, .count = @intCast(out.rows) };
    }
};

/// More rows than this in one batch point at the transform, not at the rows.
const most_failures = 100;

/// A transform gets a `Row` and writes one, or gets all `Rows` and writes all.
fn runTransform(comptime transform: anytype, rows: Rows, out: *Output) Error!void {
    if (@FieldType(std.meta.ArgsTuple(@TypeOf(transform)), "0") == Rows) {
        transform(rows, out) catch |thrown| return failWith(failureOf(thrown));
        if (out.written == out.rows) return;
        return failAs("usage", "22023", print("the transform wrote {d} of {d} rows: each row that comes in must go out", .{ out.written, out.rows }));
    }
    var first: ?Failure = null;
    var failures: usize = 0;
    for (0..rows.count) |number| {
        const before = out.written;
        if (transform(rows.row(@intCast(number)), out)) {
            if (out.written != before + 1) {
                return failAs("usage", "22023", print("the transform wrote {d} rows for one: it calls `put` once a row", .{out.written - before}));
            }
        } else |thrown| {
            if (first == null) first = failureOf(thrown);
            first.?.add("row", print("{d}", .{number}));
            failures += 1;
            if (failures == most_failures) break;
        }
        // After a failure nothing of the batch is used: the other rows are only tried.
        if (first != null) {
            out.written = 0;
            for (out.columns) |*column| column.length = 0;
        }
    }
    if (first) |failed| return failWith(failed);
}

// -----------------------------------------------------------------------------------------------------------------------------------------
// Backfills: rewriting the rows of a table in batches. The host owns the loop.

const backfill_imports = struct {
    extern "wmigrate:migration/backfill@0.1.0" fn run(*const Spec, *Answer(u64)) void;
    extern "wmigrate:migration/backfill@0.1.0" fn update(
        name: ?[*]const u8,
        name_length: usize,
        table: ?[*]const u8,
        table_length: usize,
        key: ?*const anyopaque,
        key_count: usize,
        set: ?[*]const u8,
        set_length: usize,
        has_condition: bool,
        condition: ?[*]const u8,
        condition_length: usize,
        settings: ?*const anyopaque,
        setting_count: usize,
        answer: *Answer(u64),
    ) void;
};

const Spec = extern struct {
    name: Slice,
    table: Slice,
    key: List,
    source: OptionalSlice,
    input: List,
    output: List,
    condition: OptionalSlice,
    transform: Slice,
    settings: List,
};

pub const backfill = struct {
    pub const Job = struct {
        /// For people, and unique within the revision: progress is kept under it.
        name: []const u8,
        /// The table whose rows are written, as in FROM: quoted and qualified where that is needed.
        table: []const u8,
        /// What the transform gets: columns or expressions, as in a select list.
        input: []const []const u8,
        /// The columns that are set to what the transform writes, in its order.
        output: []const []const u8,
        /// Which of `transforms`, by name; may be left out where there is only one.
        transform: ?[]const u8 = null,
        /// A query to read from instead of the table: it has the key's columns, by which its rows are joined, and what `input` names.
        source: ?[]const u8 = null,
        /// As in WHERE, over the table's columns; only these rows are visited.
        where: ?[]const u8 = null,
        /// Columns that identify a row: not null, with a unique index over exactly them. The primary key unless given.
        key: []const []const u8 = &.{},
        settings: Settings = .{},
    };

    pub const Update = struct {
        name: []const u8,
        table: []const u8,
        /// As after SET, over the table's columns.
        set: []const u8,
        where: ?[]const u8 = null,
        key: []const []const u8 = &.{},
        settings: Settings = .{},
    };

    pub const Settings = struct {
        /// No limit unless given.
        rows_per_second: ?u64 = null,
        /// The smallest and the largest batch, in rows: 100 and 10000 unless given.
        batch_min: ?u32 = null,
        batch_max: ?u32 = null,

        fn list(settings: Settings) List {
            const pairs = alloc(Pair, 3);
            var count: usize = 0;
            inline for (.{ "rows_per_second", "batch_min", "batch_max" }, .{ "rows-per-second", "batch-min", "batch-max" }) |field, name| {
                if (@field(settings, field)) |value| {
                    pairs[count] = .{ .name = .of(name), .value = .of(print("{d}", .{value})) };
                    count += 1;
                }
            }
            return .of(pairs[0..count]);
        }
    };

    /// Lets a transform compute the new values, and says how many rows were written.
    pub fn run(job: Job) Error!u64 {
        // Else a wrong name would go unnoticed for as long as the table is empty.
        const transform = job.transform orelse if (transform_names.len == 1) transform_names[0] else "";
        for (transform_names) |name| {
            if (std.mem.eql(u8, name, transform)) break;
        } else return unknownTransform(transform);
        inline for (.{ job.name, job.table, job.source orelse "", job.where orelse "" }) |text| try checkText(text, "a text of the job", 0);
        const spec: Spec = .{
            .name = .of(job.name),
            .table = .of(job.table),
            .key = try names(job.key),
            .source = .of(job.source),
            .input = try names(job.input),
            .output = try names(job.output),
            .condition = .of(job.where),
            .transform = .of(transform),
            .settings = job.settings.list(),
        };
        var answer: Answer(u64) = undefined;
        backfill_imports.run(&spec, &answer);
        return check(answer);
    }

    /// Lets SQL compute them: no row crosses into the revision.
    pub fn update(job: Update) Error!u64 {
        inline for (.{ job.name, job.table, job.set, job.where orelse "" }) |text| try checkText(text, "a text of the job", 0);
        const key = try names(job.key);
        const settings = job.settings.list();
        const where: OptionalSlice = .of(job.where);
        const name: Slice = .of(job.name);
        const table: Slice = .of(job.table);
        const set: Slice = .of(job.set);
        var answer: Answer(u64) = undefined;
        backfill_imports.update(
            name.data,
            name.length,
            table.data,
            table.length,
            key.data,
            key.length,
            set.data,
            set.length,
            where.present,
            where.value.data,
            where.value.length,
            settings.data,
            settings.length,
            &answer,
        );
        return check(answer);
    }

    fn names(given: []const []const u8) Error!List {
        const slices = alloc(Slice, given.len);
        for (slices, given) |*slice, name| {
            try checkText(name, "a name of the job", 0);
            slice.* = .of(name);
        }
        return .of(slices);
    }
};

fn unknownTransform(name: []const u8) Error {
    var there: []const u8 = "none: declare `pub const transforms = struct { … }`";
    for (transform_names, 0..) |known, place| there = if (place == 0) print("`{s}`", .{known}) else print("{s}, `{s}`", .{ there, known });
    return failAs("usage", "42704", print("this revision has no transform `{s}`; it has {s}", .{ name, there }));
}

// -----------------------------------------------------------------------------------------------------------------------------------------
// Messages and the run.

const log_imports = struct {
    extern "wmigrate:migration/log@0.1.0" fn message(u32, ?[*]const u8, usize) void;
};

/// Messages for whoever watches the run, formatted as `std.fmt` does: 10 MiB a run; more ends it.
pub const log = struct {
    /// Shown with `-v`.
    pub fn debug(comptime format: []const u8, arguments: anytype) void {
        message(0, print(format, arguments));
    }

    pub fn info(comptime format: []const u8, arguments: anytype) void {
        message(1, print(format, arguments));
    }

    pub fn notice(comptime format: []const u8, arguments: anytype) void {
        message(2, print(format, arguments));
    }

    pub fn warning(comptime format: []const u8, arguments: anytype) void {
        message(3, print(format, arguments));
    }

    fn message(level: u32, text: []const u8) void {
        const shown: Slice = .of(readable(text));
        log_imports.message(level, shown.data, shown.length);
    }
};

const context_imports = struct {
    extern "wmigrate:migration/context@0.1.0" fn revision(*Slice) void;
    extern "wmigrate:migration/context@0.1.0" fn direction() u32;
    extern "wmigrate:migration/context@0.1.0" fn @"x-argument"(?[*]const u8, usize, *OptionalSlice) void;
    extern "wmigrate:migration/context@0.1.0" fn @"server-version"() u32;
    extern "wmigrate:migration/context@0.1.0" fn now() i64;
};

/// What this run is about. All of it is the same when the same revision is run again, and nothing fails.
pub const context = struct {
    pub const Direction = enum { upgrade, downgrade };

    /// The id of this revision.
    pub fn revision() []const u8 {
        var answer: Slice = undefined;
        context_imports.revision(&answer);
        return answer.slice();
    }

    pub fn direction() Direction {
        return if (context_imports.direction() == 0) .upgrade else .downgrade;
    }

    /// The value of `-x name=value`, or of the same key under `[x]` in `wmigrate.toml`.
    pub fn x(name: []const u8) ?[]const u8 {
        const wanted: Slice = .of(readable(name));
        var answer: OptionalSlice = undefined;
        context_imports.@"x-argument"(wanted.data, wanted.length, &answer);
        return answer.slice();
    }

    /// The server's `server_version_num`, for example 170002.
    pub fn serverVersion() u32 {
        return context_imports.@"server-version"();
    }

    /// Start of the transaction. The only clock there is.
    pub fn now() Timestamptz {
        return .{ .microseconds = context_imports.now() };
    }
};

// -----------------------------------------------------------------------------------------------------------------------------------------
// The exports, where this file is the root of a module for the host.

const is_root = on_host and @import("root") == @This();

const has_transforms = is_root and @hasDecl(@import("revision"), "transforms");

/// The names of the revision's transforms.
const transform_names: []const []const u8 = if (!has_transforms) &.{} else names: {
    const declarations = std.meta.declarations(@import("revision").transforms);
    var names: [declarations.len][]const u8 = undefined;
    // Before Zig 0.17 a declaration is a struct with a name.
    for (&names, declarations) |*name, one| name.* = if (@typeInfo(@TypeOf(one)) == .@"struct") one.name else one;
    const all = names;
    break :names &all;
};

/// A trap carries no text: without this line a panic would be an `unreachable` without a reason.
pub const panic = std.debug.FullPanic(struct {
    fn panicked(message: []const u8, _: ?usize) noreturn {
        log.message(3, print("panicked: {s}", .{message}));
        @trap();
    }
}.panicked);

fn answered(comptime function: anytype) *const Answer(Nothing) {
    const place = struct {
        var answer: Answer(Nothing) = undefined;
    };
    place.answer = .{ .failed = false, .as = .{ .success = .{} } };
    // A function that cannot fail is fine too.
    if (@typeInfo(@typeInfo(@TypeOf(function)).@"fn".return_type.?) != .error_union) {
        function();
    } else function() catch |thrown| {
        place.answer = .{ .failed = true, .as = .{ .record = failureOf(thrown).toRecord() } };
    };
    return &place.answer;
}

const exports = struct {
    fn upgrade() callconv(.c) *const Answer(Nothing) {
        return answered(@import("revision").upgrade);
    }

    fn downgrade() callconv(.c) *const Answer(Nothing) {
        return answered(@import("revision").downgrade);
    }

    fn transform(
        name: [*]const u8,
        name_length: usize,
        count: u32,
        columns: ?*const anyopaque,
        column_count: usize,
        vectors: ?*const anyopaque,
        vector_count: usize,
    ) callconv(.c) *const Answer(List) {
        const place = struct {
            var answer: Answer(List) = undefined;
        };
        const rows: Rows = .of(.{ .data = columns, .length = column_count }, count, .{ .data = vectors, .length = vector_count });
        var out: Output = .{ .rows = count };
        if (transformNamed(name[0..name_length], rows, &out)) {
            place.answer = .{ .failed = false, .as = .{ .success = .of(out.vectors()) } };
        } else |_| {
            place.answer = .{ .failed = true, .as = .{ .record = last_failure.toRecord() } };
        }
        return &place.answer;
    }

    fn transformNamed(name: []const u8, rows: Rows, out: *Output) Error!void {
        inline for (transform_names) |known| {
            if (std.mem.eql(u8, known, name)) return runTransform(@field(@import("revision").transforms, known), rows, out);
        }
        return unknownTransform(name);
    }

    /// Where the host puts what it hands over.
    fn realloc(piece: ?[*]u8, old_size: usize, alignment: usize, size: usize) callconv(.c) [*]u8 {
        if (alignment > 8) @trap();
        const larger = std.mem.sliceAsBytes(alloc(u64, (size + 7) / 8 + 1));
        const kept = @min(old_size, size);
        if (kept > 0) @memcpy(larger[0..kept], piece.?[0..kept]);
        return larger.ptr;
    }

    /// The host calls this when it has read the answer.
    fn after(_: *const anyopaque) callconv(.c) void {
        _ = arena.reset(.retain_capacity);
    }
};

comptime {
    if (is_root) {
        for (.{ "upgrade", "downgrade" }) |name| {
            if (!@hasDecl(@import("revision"), name)) @compileError("the revision has no `pub fn " ++ name ++ "() !void`");
        }
        @export(&exports.upgrade, .{ .name = "upgrade" });
        @export(&exports.downgrade, .{ .name = "downgrade" });
        @export(&exports.realloc, .{ .name = "cabi_realloc" });
        @export(&exports.after, .{ .name = "cabi_post_upgrade" });
        @export(&exports.after, .{ .name = "cabi_post_downgrade" });
        if (has_transforms) {
            @export(&exports.transform, .{ .name = "transform" });
            @export(&exports.after, .{ .name = "cabi_post_transform" });
        }
    }
}
