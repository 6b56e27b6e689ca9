// /// wmigrate
// revision = "b0d1"
// message = "initials"
// ///
import { sql } from "wmigrate";
import initials from "initials";

interface Named { id: number; name: string }

export function upgrade(): void {
  for (const { id, name } of sql.query<Named>("SELECT id, name FROM people")) {
    sql.execute("UPDATE people SET initials = $1 WHERE id = $2", [initials(name), id]);
  }
}

export function downgrade(): void {
  sql.execute("UPDATE people SET initials = NULL");
}
