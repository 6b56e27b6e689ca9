// /// wmigrate
// revision = "b0d1"
// message = "initials"
// ///
const wm = @import("wmigrate");
const initials = @import("initials.zig");

pub fn upgrade() !void {
    var people = try wm.sql.query("SELECT id, name FROM people", .{});
    while (people.next()) |person| {
        var letters: [20]u8 = undefined;
        const found = initials.of(try person.get([]const u8, "name"), &letters);
        _ = try wm.sql.execute("UPDATE people SET initials = $1 WHERE id = $2", .{ found, try person.get(i32, "id") });
    }
}

pub fn downgrade() !void {
    _ = try wm.sql.execute("UPDATE people SET initials = NULL", .{});
}
