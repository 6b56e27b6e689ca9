//! Asking whoever sits at the terminal.

use std::io::{IsTerminal as _, Write as _};

/// The answer to a question of yes or no, no unless it is said; none where nobody is there to be asked.
pub(super) fn yes(question: &str) -> Option<bool> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return None;
    }
    let mut terminal = std::io::stderr();
    let _ = write!(terminal, "{question} [y/N] ").and_then(|()| terminal.flush());
    let mut answer = String::new();
    let read = input.read_line(&mut answer);
    Some(read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes"))
}
