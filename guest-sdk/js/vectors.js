// What a transform returned for one column, as a `vector` of the contract. Every value is looked at once, and the rest is left to
// functions of QuickJS's own: a million rows pass here. The way in is in `values.js`.

import { kindOf, textFrom } from "./values.js";

const NO_NULLS = new Uint8Array(0);

/**
 * The vector of an array of values, which is changed on the way. `what` begins the message about a value that cannot be sent; `failed`
 * is told its row and the error, and its place is filled.
 */
export function vectorFrom(values, what, failed) {
  let nulls = NO_NULLS;
  let bytes = 0;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i];
    if (typeof value === "string") continue;
    if (value === null || value === undefined) {
      if (nulls === NO_NULLS) nulls = new Uint8Array(values.length);
      nulls[i] = 1;
    } else if (value instanceof Uint8Array || value instanceof ArrayBuffer) {
      bytes += 1;
    } else {
      values[i] = textOf(value, i, what, failed);
    }
  }
  return { nulls, cells: bytes === 0 ? textCells(values, what, failed) : byteCells(values, what, failed) };
}

/** Text that is left may hold what the border does not take: it is joined anyway, so that the whole is looked at once. */
function textCells(values, what, failed) {
  const whole = values.join("");
  // `includes` is slower: it compares at each place, where `split` looks for the character.
  if (whole.split("\0").length > 1 || !whole.isWellFormed()) refuse(values, what, failed);
  // `join` takes null for an empty text, which is what the place of a NULL is filled with.
  return { tag: "text", val: values.length === 0 ? "" : `${values.join("\0")}\0` };
}

/** What cannot be sent is found in a second look, which only a batch with such a value gets. */
function refuse(values, what, failed) {
  for (let i = 0; i < values.length; i += 1) {
    if (typeof values[i] !== "string") continue;
    const text = textOf(values[i], i, what, failed);
    values[i] = text.includes("\0") ? unsent(i, `${what} holds U+0000, which no text in PostgreSQL can`, failed) : text;
  }
}

function byteCells(values, what, failed) {
  const cell = (value, i) => {
    if (value === null || value === undefined) return NO_NULLS;
    if (value instanceof Uint8Array) return new Uint8Array(value);
    if (value instanceof ArrayBuffer) return new Uint8Array(value.slice(0));
    unsent(i, `${what} is ${kindOf(value)}, where other rows have bytes`, failed);
    return NO_NULLS;
  };
  return { tag: "bytes", val: Array.from(values, cell) };
}

function textOf(value, row, what, failed) {
  try {
    return textFrom(value, what);
  } catch (error) {
    failed(row, error);
    return "";
  }
}

function unsent(row, message, failed) {
  failed(row, new TypeError(message));
  return "";
}
