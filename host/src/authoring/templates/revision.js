{{ front_matter }}
import { sql } from "wmigrate";

// Brings the change.
export function upgrade() {
}

// Takes it back, last thing first.
export function downgrade() {
}
