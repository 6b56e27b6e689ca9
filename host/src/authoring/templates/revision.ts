{{ front_matter }}
import { sql } from "wmigrate";

// Brings the change.
export function upgrade(): void {
}

// Takes it back, last thing first.
export function downgrade(): void {
}
