/// The first letter of each word, in `letters`.
pub fn of(name: []const u8, letters: []u8) []const u8 {
    var count: usize = 0;
    for (name, 0..) |letter, at| {
        if (letter != ' ' and (at == 0 or name[at - 1] == ' ')) {
            letters[count] = letter;
            count += 1;
        }
    }
    return letters[0..count];
}
