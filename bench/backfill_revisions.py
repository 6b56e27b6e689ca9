"""The work of backfill.py: as SQL, and as revisions of wmigrate."""

COLUMNS = {
    "first_name": "split_part(full_name, ' ', 1)",
    "last_name": "substr(full_name, strpos(full_name, ' ') + 1)",
    "phone_e164": r"CASE WHEN length(regexp_replace(phone, '\D', '', 'g')) = 10 THEN '+1' ELSE '+' END || regexp_replace(phone, '\D', '', 'g')",
}
SET = ", ".join(f"{column} = {expression}" for column, expression in COLUMNS.items())

HEAD = '''// /// wmigrate
// revision = "bbbbbbbbbbbb"
// down_revision = "aaaaaaaaaaaa"
// message = "names"
// transaction = "none"
// ///
'''
FIRST = '-- /// wmigrate\n-- revision = "aaaaaaaaaaaa"\n-- ///\n-- wmigrate:upgrade\nSELECT 1;\n-- wmigrate:downgrade\nSELECT 1;\n'

RUST = HEAD + '''use wmigrate_guest::prelude::*;

fn upgrade() -> Result<()> {
    Backfill::new("names", "contacts")
        .read(["full_name", "phone"])
        .write(["first_name", "last_name", "phone_e164"])
        .run("split")?;
    Ok(())
}

fn downgrade() -> Result<()> {
    Ok(())
}

fn split(batch: &Batch, out: &mut Output) -> Result<()> {
    batch.map_rows(out, |(name, phone): (&str, &str)| {
        let (first, last) = name.split_once(' ').unwrap_or((name, ""));
        let mut e164 = String::with_capacity(16);
        e164.push('+');
        e164.extend(phone.chars().filter(char::is_ascii_digit));
        if e164.len() == 1 + 10 {
            e164.insert(1, '1');
        }
        Ok((first, last, e164))
    })
}

export!(upgrade, downgrade, transforms: { "split" => split });
'''

JAVASCRIPT = HEAD + '''import { backfill } from "wmigrate";

export function upgrade() {
    backfill.run({
        name: "names", table: "contacts", input: ["full_name", "phone"],
        output: ["first_name", "last_name", "phone_e164"], transform: "split",
    });
}

export function downgrade() {}

export const transforms = {
    split(full_name, phone) {
        const space = full_name.indexOf(" ");
        const digits = phone.replace(/\\D/g, "");
        return [
            space < 0 ? full_name : full_name.slice(0, space),
            space < 0 ? "" : full_name.slice(space + 1),
            (digits.length === 10 ? "+1" : "+") + digits,
        ];
    },
};
'''

# The expression is that of the SQL variants.
UPDATE = HEAD + f'''import {{ backfill }} from "wmigrate";

export function upgrade() {{
    backfill.update({{ name: "names", table: "contacts", set: String.raw`{SET}` }});
}}

export function downgrade() {{}}
'''
