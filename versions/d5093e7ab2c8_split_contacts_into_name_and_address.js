// /// wmigrate
// revision = "d5093e7ab2c8"
// down_revision = "a90c5d27e3b4"
// message = "split contacts into name and address"
// created = 2026-03-30T08:47:00Z
// ///
import { sql, log } from "wmigrate";

// 'Ada Lovelace <ada@example.org>', 'ada@example.org', or whatever else somebody typed.
const NAME_AND_ADDRESS = /^([^<>]*)<\s*([^\s<>@]+@[^\s<>@]+)\s*>$/u;
const ADDRESS = /^[^\s<>@]+@[^\s<>@]+$/u;

export function upgrade() {
  sql.script(`
    ALTER TABLE publisher
      ADD COLUMN contact_name  text NOT NULL DEFAULT '',
      ADD COLUMN contact_email text;
  `);
  const publishers = sql.query("SELECT id, name, contact FROM publisher ORDER BY id");
  const changes = publishers.map(({ id, name, contact }) => {
    const { person, email } = parse(contact);
    if (email === null) {
      log.warning(`${name}: no address in '${contact}', kept as the name`);
    }
    return [id, person, email];
  });
  // One call for all rows, and ids are bigints: nothing is rounded on the way.
  const count = sql.executeMany("UPDATE publisher SET contact_name = $2, contact_email = $3 WHERE id = $1", changes);
  sql.execute("ALTER TABLE publisher DROP COLUMN contact");
  log.info(`${count} contacts split`);
}

// The old column comes back with everything that was typed since. What parsing threw away (the case of a domain, doubled
// blanks) does not: nothing that an e-mail would notice.
export function downgrade() {
  sql.execute("ALTER TABLE publisher ADD COLUMN contact text");
  sql.execute(`
    UPDATE publisher SET contact = CASE
      WHEN contact_email IS NULL THEN contact_name
      WHEN contact_name = ''     THEN contact_email
      ELSE contact_name || ' <' || contact_email || '>'
    END`);
  sql.script(`
    ALTER TABLE publisher ALTER COLUMN contact SET NOT NULL;
    ALTER TABLE publisher DROP COLUMN contact_email, DROP COLUMN contact_name;
  `);
}

function parse(contact) {
  const text = contact.normalize("NFC").trim();
  const both = NAME_AND_ADDRESS.exec(text);
  if (both !== null) {
    return { person: both[1].trim().replace(/\s+/gu, " "), email: normalized(both[2]) };
  }
  return ADDRESS.test(text) ? { person: "", email: normalized(text) } : { person: text, email: null };
}

// Only the domain is free of case (RFC 5321, 2.4).
function normalized(email) {
  const at = email.lastIndexOf("@");
  return email.slice(0, at) + email.slice(at).toLowerCase();
}
