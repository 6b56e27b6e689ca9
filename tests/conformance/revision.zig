// The conformance revision in Zig: what every SDK must be able to do, one case a function. The harness puts the front matter on top and
// names the case with `-x case=…`.

const std = @import("std");
const wm = @import("wmigrate");
const sql = wm.sql;

pub fn upgrade() !void {
    const wanted = wm.context.x("case") orelse return wm.fail("no case given", .{});
    inline for (cases) |case| {
        const name, const run = case;
        if (std.mem.eql(u8, name, wanted)) return run();
    }
    return wm.fail("no case {s}", .{wanted});
}

pub fn downgrade() !void {
    _ = try sql.script("DELETE FROM taken; DELETE FROM seen");
}

/// Leaves a fact for the harness.
fn see(key: []const u8, value: anytype) !void {
    _ = try sql.execute("INSERT INTO seen (key, value) VALUES ($1, $2)", .{ key, value });
}

fn take(id: i32) !void {
    _ = try sql.execute("INSERT INTO taken (id) VALUES ($1)", .{id});
}

const cases = .{
    .{ "values", values },
    .{ "parameters", parameters },
    .{ "errors", errors },
    .{ "savepoints", savepoints },
    .{ "script", script },
    .{ "log", messages },
    .{ "context", aboutThisRun },
    .{ "backfill", backfill },
    .{ "update", update },
    .{ "row-error", rowError },
    .{ "fails", fails },
    .{ "fails-silently", failsSilently },
    .{ "unhandled", unhandled },
    .{ "swallowed", swallowed },
    .{ "trap", trap },
    .{ "loop", loop },
    .{ "memory", memory },
    .{ "stack", stack },
    .{ "invalid-text", invalidText },
};

/// Every value goes back as it came: a `Value` is a parameter like any other.
fn values() !void {
    var given = try sql.query("SELECT * FROM given ORDER BY id", .{});
    var insert: []const u8 = "INSERT INTO taken VALUES ($1";
    for (2..given.columns.len + 1) |place| insert = try std.fmt.allocPrint(wm.allocator, "{s}, ${d}", .{ insert, place });
    insert = try std.fmt.allocPrint(wm.allocator, "{s})", .{insert});
    const row = try wm.allocator.alloc(wm.Value, given.columns.len);
    while (given.next()) |one| {
        for (row, 0..) |*value, place| value.* = try one.get(wm.Value, place);
        _ = try sql.execute(insert, row);
    }
}

fn parameters() !void {
    try see("touched", try sql.execute("INSERT INTO taken (id, t) VALUES ($1, $2), ($3, $4)", .{ 1, "", 2, null }));
    const rows = [_]struct { i32, []const u8 }{ .{ 3, "m" }, .{ 4, "m" }, .{ 5, "m" } };
    try see("many", try sql.executeMany("INSERT INTO taken (id, t) VALUES ($1, $2)", &rows));

    if (sql.savepoint(sql.execute, .{ "INSERT INTO taken (id, i4) VALUES (6, $1)", .{3_000_000_000} })) |_| {
        return wm.fail("an integer column took 3000000000", .{});
    } else |_| {
        const large = wm.failure();
        try see("kind", large.kind);
        try see("sqlstate", large.sqlstate);
    }

    const none = try sql.queryOne("SELECT id FROM taken WHERE id = $1", .{-1});
    try see("none", if (none == null) "none" else "one");
    try see("exact", try sql.queryValue(i64, "SELECT 9007199254740993", .{}));
}

/// An error that is looked at needs a savepoint: without one the transaction is aborted.
fn errors() !void {
    const duplicate = try failureOf("INSERT INTO given (id) VALUES (1)");
    try see("sqlstate", duplicate.sqlstate);
    try see("constraint", duplicate.field("constraint"));
    try see("zero", (try failureOf("SELECT 1/0")).sqlstate);
    try see("commit", (try failureOf("COMMIT")).kind);
}

fn savepoints() !void {
    try take(1);
    try sql.savepoint(takeTwoOfThree, .{});
}

fn script() !void {
    try see("count", try sql.script(
        \\INSERT INTO taken (id, t) VALUES (1, 'a;b');
        \\DO $$ BEGIN PERFORM 1; PERFORM 2; END $$;
        \\UPDATE taken SET t = t || ';' WHERE id = 1;
    ));
    if (sql.savepoint(sql.script, .{"SELECT 1;\nSELECT nope;"})) |_| {
        return wm.fail("a column that there is not", .{});
    } else |_| try see("line", wm.failure().field("line"));
}

fn messages() !void {
    wm.log.debug("a debug message", .{});
    wm.log.info("an info message", .{});
    wm.log.notice("a notice message", .{});
    wm.log.warning("a warning message", .{});
    wm.log.info("tab\there, escape {c}[31m, snowman ☃", .{0x1b});
}

fn aboutThisRun() !void {
    try see("revision", wm.context.revision());
    try see("direction", wm.context.direction());
    try see("x", wm.context.x("given"));
    try see("missing", wm.context.x("missing") orelse "none");
    try see("server", wm.context.serverVersion());
    const same = "SELECT (date_trunc('milliseconds', $1::timestamptz) = date_trunc('milliseconds', now()))::text";
    try see("now", try sql.queryValue([]const u8, same, .{wm.context.now()}));
}

fn backfill() !void {
    try see("rows", try splitPeople("split"));
}

fn rowError() !void {
    _ = try splitPeople("splitButSeven");
}

fn update() !void {
    try see("rows", try wm.backfill.update(.{ .name = "shout", .table = "people", .set = "last = upper(name)", .where = "id % 2 = 0" }));
}

fn fails() !void {
    try take(1);
    return wm.failAt(@src(), "the house is on fire", .{});
}

fn failsSilently() !void {
    return error.HouseOnFire;
}

fn unhandled() !void {
    _ = try sql.execute("INSERT INTO given (id) VALUES (1)", .{});
}

fn swallowed() !void {
    _ = sql.execute("INSERT INTO given (id) VALUES (1)", .{}) catch wm.log.info("never mind: {s}", .{wm.failure().message});
}

fn trap() !void {
    @panic("this is not what I thought");
}

fn loop() !void {
    var turns: u32 = 0;
    while (true) {
        const place: *volatile u32 = &turns;
        place.* +%= 1;
    }
}

fn memory() !void {
    while (true) @memset(try wm.allocator.alloc(u8, 1 << 20), 1);
}

fn stack() !void {
    return wm.fail("a stack without an end: {d}", .{deeper(0)});
}

fn invalidText() !void {
    _ = try sql.execute("INSERT INTO taken (id, t) VALUES (1, $1)", .{"not UTF-8: \xff"});
}

/// Why a statement fails, which is undone.
fn failureOf(statement: []const u8) !wm.Failure {
    _ = sql.savepoint(sql.execute, .{ statement, .{} }) catch return wm.failure();
    return wm.fail("it did not fail: {s}", .{statement});
}

fn takeTwoOfThree() !void {
    try take(2);
    if (sql.savepoint(takeAndFail, .{3})) |_| return wm.fail("a failure that was lost", .{}) else |_| {}
    try take(4);
}

fn takeAndFail(id: i32) !void {
    try take(id);
    return error.NotToStay;
}

fn deeper(depth: u32) u32 {
    var here = depth;
    const place: *volatile u32 = &here;
    return deeper(place.* + 1) +% place.*;
}

fn splitPeople(transform: []const u8) !u64 {
    return wm.backfill.run(.{
        .name = "split",
        .table = "people",
        .input = &.{ "id", "name", "phone" },
        .output = &.{ "n", "first", "last", "digits" },
        .transform = transform,
    });
}

pub const transforms = struct {
    /// One row in, one row out. It runs without a database: what it needs comes in, and what it finds goes out.
    pub fn split(in: wm.Row, out: *wm.Output) !void {
        const id = try in.get(i64, "id");
        var first = try in.get(?[]const u8, "name");
        var last: ?[]const u8 = null;
        if (first) |name| {
            const blank = std.mem.indexOfScalar(u8, name, ' ') orelse name.len;
            first = name[0..blank];
            last = name[@min(blank + 1, name.len)..];
        }
        var digits: ?[]const u8 = null;
        if (try in.get(?[]const u8, "phone")) |phone| {
            const kept = try wm.allocator.alloc(u8, phone.len);
            var count: usize = 0;
            for (phone) |character| {
                if (!std.ascii.isDigit(character)) continue;
                kept[count] = character;
                count += 1;
            }
            digits = kept[0..count];
        }
        try out.put(.{ id + 1, first, last, digits });
    }

    /// The error is about this row alone: the host names it by its key.
    pub fn splitButSeven(in: wm.Row, out: *wm.Output) !void {
        if (try in.get(i64, "id") == 7) return wm.fail("row seven is bad", .{});
        return split(in, out);
    }
};
