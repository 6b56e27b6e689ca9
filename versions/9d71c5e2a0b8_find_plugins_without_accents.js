// /// wmigrate
// revision = "9d71c5e2a0b8"
// down_revision = "3b6e8f20d7c4"
// message = "find plugins without accents"
// created = 2026-04-21T09:05:00Z
// transaction = "none"
// ///
import { backfill, log, sql } from "wmigrate";

// What people type into a search box has no accents. The first step adds an empty column, which takes a moment however large the
// table is; then its rows are filled in batches, each committed by itself, beside whoever uses the table.
export function upgrade() {
  sql.execute("ALTER TABLE plugin ADD COLUMN search_text text");
  const rows = backfill.run({
    name: "search text",
    table: "plugin",
    input: ["slug", "title", "description"],
    output: ["search_text"],
    where: "search_text IS NULL",
  });
  log.info(`${rows} plugins can be found`);
}

export function downgrade() {
  sql.execute("ALTER TABLE plugin DROP COLUMN IF EXISTS search_text");
}

export const transforms = {
  fold(slug, title, description) {
    const text = [slug, title, description].join(" ").normalize("NFD").replace(/\p{M}+/gu, "");
    return [text.toLowerCase().replace(/\s+/gu, " ").trim()];
  },
};
