// /// wmigrate
// revision = "be0c4ba5e001"
// message = "a transform of three columns in and four out"
// ///
import { backfill } from "wmigrate";

export const transforms = {
  rows(number, name, phone) {
    const space = name.indexOf(" ");
    return [number + 1n, name.slice(0, space), name.slice(space + 1), phone.replace(/[^0-9]+/g, "")];
  },
  columns: backfill.columns((numbers, names, phones) => {
    const spaces = names.map((name) => name.indexOf(" "));
    return [
      numbers.map((number) => number + 1n),
      names.map((name, i) => name.slice(0, spaces[i])),
      names.map((name, i) => name.slice(spaces[i] + 1)),
      phones.join("\0").replace(/[^0-9\0]+/g, "").split("\0"),
    ];
  }),
};

export function upgrade() {}

export function downgrade() {}
