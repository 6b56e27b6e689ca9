//! Tests of what in wmigrate.zig needs no host:
//!
//!     zig test --dep wmigrate -Mroot=test.zig -Mwmigrate=wmigrate.zig

const std = @import("std");
const wm = @import("wmigrate");

const transforms = struct {
    pub fn split(in: wm.Row, out: *wm.Output) !void {
        const name = try in.get([]const u8, "contact_name");
        const blank = std.mem.lastIndexOfScalar(u8, name, ' ') orelse return wm.fail("one word", .{});
        try out.put(.{ name[0..blank], name[blank + 1 ..], @as(?i64, null), wm.Bytes{ .data = "ab" } });
    }

    pub fn all(in: wm.Rows, out: *wm.Output) !void {
        const ids = try in.fixed(i64, "id");
        const names = try in.texts(1);
        out.putColumns(2);
        for (out.fixed(i64, 0), ids) |*to, id| to.* = id * 2;
        const copy = try wm.allocator.dupe(u8, names);
        out.texts(1, copy);
        const nulls = try in.nulls(1);
        if (nulls.len > 0) @memcpy(out.nulls(1), nulls);
    }
};

test "a transform by row names the rows that fail" {
    const rows = try wm.Rows.from(&.{"contact_name"}, .{ .{"Ada King Lovelace"}, .{"Alan Turing"} });
    var written = try rows.apply(transforms.split);
    const first = written.next().?;
    try std.testing.expectEqualStrings("Ada King", try first.get([]const u8, 0));
    try std.testing.expectEqualStrings("Lovelace", try first.get([]const u8, 1));
    try std.testing.expectEqual(null, try first.get(?i64, 2));
    const bad = try wm.Rows.from(&.{"contact_name"}, .{ .{"Ada Lovelace"}, .{"Plato"}, .{"Alan Turing"}, .{"Sokrates"} });
    try std.testing.expectError(error.WmigrateFailed, bad.apply(transforms.split));
    try std.testing.expectEqualStrings("1", wm.failure().field("row").?);
    try std.testing.expectEqual(2, wm.failure().fields.len);
}

test "a transform by column" {
    const rows = try wm.Rows.from(&.{ "id", "name" }, .{ .{ @as(i64, 9007199254740993), "a" }, .{ @as(i64, 2), null } });
    var written = try rows.apply(transforms.all);
    try std.testing.expectEqual(18014398509481986, try written.next().?.get(i64, 0));
    const second = written.next().?;
    try std.testing.expectEqual(null, try second.get(?[]const u8, 1));
    try std.testing.expectError(error.WmigrateFailed, second.get([]const u8, 1));
    try std.testing.expectEqualStrings("column `` is NULL: read it as `?[]const u8`", wm.failure().message);
    try std.testing.expectError(error.WmigrateFailed, second.get(i32, 0));
    try std.testing.expectError(error.WmigrateFailed, second.get(i32, "x"));
}

test "dates" {
    try std.testing.expectEqual(wm.Date{ .days = 9822 }, wm.Date.of(2026, 11, 22));
    try std.testing.expectEqual(wm.Date{ .days = -1 }, wm.Date.of(1999, 12, 31));
    try std.testing.expectEqual(wm.Date{ .days = 60 }, wm.Date.of(2000, 3, 1));
    try std.testing.expectEqual(wm.Date{ .days = -10957 }, wm.Date.of(1970, 1, 1));
    try std.testing.expectEqual(wm.Date.of(2027, 2, 1), wm.Date.of(2026, 14, 1));
}

test "parameters" {
    try std.testing.expectEqual(wm.Value.Tag.numeric, wm.Value.of(@as(u64, 18446744073709551615)).tag);
    try std.testing.expectEqual(wm.Value.Tag.null, wm.Value.of(null).tag);
    try std.testing.expectEqual(wm.Value.Tag.int4, wm.Value.of(@as(u16, 5)).tag);
    try std.testing.expectEqual(wm.Value.Tag.int8, wm.Value.of(5).tag);
    try std.testing.expectEqual(wm.Value.Tag.text, wm.Value.of("x").tag);
    try std.testing.expectEqual(wm.Value.Tag.numeric, wm.Value.of(1 << 70).tag);
    try std.testing.expectEqual(wm.Value.Tag.text, wm.Value.of(wm.context.Direction.upgrade).tag);
}
