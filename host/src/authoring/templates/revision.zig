{{ front_matter }}
const wm = @import("wmigrate");

/// Brings the change.
pub fn upgrade() !void {
    // _ = try wm.sql.execute("UPDATE plugin SET name = $1 WHERE id = $2", .{ "a name", 5 });
}

/// Takes it back, last thing first.
pub fn downgrade() !void {}
