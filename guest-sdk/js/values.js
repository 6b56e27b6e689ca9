// Values between JavaScript and the `value` and `vector` of the contract. Everything an author supplies is checked here,
// because a wrong type, tag or shape does not throw at the border of this engine: it ends the run. No host call is made here.

import { dateText, microsOfDate, timestampText, timeText } from "./dates.js";

/** Parameters of one statement as `list<value>`; `where` begins the message about one that cannot be sent. */
export function parametersFrom(parameters, where = "") {
  if (parameters === undefined || parameters === null) return [];
  if (!Array.isArray(parameters)) throw new TypeError(`${where}parameters must be an array, not ${kindOf(parameters)}`);
  const values = [];
  // By number, so that a hole is visited like any other place, where `map` would leave it for the border to stumble over.
  for (let i = 0; i < parameters.length; i += 1) values.push(valueFrom(parameters[i], `${where}parameter $${i + 1}`));
  return values;
}

/** `text` if it is a string that UTF-8 can hold. */
export function checkedText(text, what) {
  if (typeof text !== "string") throw new TypeError(`${what} must be a string, not ${kindOf(text)}`);
  if (!text.isWellFormed()) throw new TypeError(`${what} holds half of a surrogate pair, which is no character`);
  return text;
}

/** One parameter as a `value`. Numbers and BigInts go as text: the server then reads them as the type it expects, exactly. */
export function valueFrom(value, what) {
  if (value === null || value === undefined) return { tag: "null" };
  // The ordinary parameters first: a revision may send a million of them.
  if (typeof value === "string" || typeof value === "number" || typeof value === "bigint") return { tag: "text", val: textFrom(value, what) };
  if (typeof value === "boolean") return { tag: "boolean", val: value };
  if (value instanceof Uint8Array) return { tag: "bytea", val: new Uint8Array(value) };
  if (value instanceof ArrayBuffer) return { tag: "bytea", val: new Uint8Array(value.slice(0)) };
  if (value instanceof Date) {
    const micros = microsOfDate(checkedDate(value, what));
    // Beyond 2^53 microseconds (1714 to 2285) the border would round: there, text.
    const exact = micros <= BigInt(Number.MAX_SAFE_INTEGER) && micros >= BigInt(Number.MIN_SAFE_INTEGER);
    return exact ? { tag: "timestamptz", val: Number(micros) } : { tag: "text", val: timestampText(micros, "Z") };
  }
  return { tag: "text", val: textFrom(value, what) };
}

/** Rows of a `column-set`: objects with a property a column; the array has `columns`. */
export function rowsFrom({ columns, rows, vectors }) {
  // The border hands u32 over as s32.
  const count = rows >>> 0;
  const described = describe(columns);
  const decoded = columnsFrom(columns, vectors, count);
  const out = new Array(count);
  for (let r = 0; r < count; r += 1) {
    const row = {};
    for (let c = 0; c < decoded.length; c += 1) {
      const name = described[c].name;
      if (name === "__proto__") Object.defineProperty(row, name, { value: decoded[c][r], enumerable: true, configurable: true, writable: true });
      else row[name] = decoded[c][r];
    }
    out[r] = row;
  }
  Object.defineProperty(out, "columns", { value: described });
  return out;
}

/** Columns as the contract has them: an array of values each. */
export function columnsFrom(columns, vectors, count) {
  const described = describe(columns);
  return vectors.map((vector, i) => valuesFrom(vector, count, described[i]));
}

function describe(columns) {
  return columns.map(({ name, oid, typeName }) => ({ name, oid: oid >>> 0, type: typeName }));
}

/** Makes an array of the elements of a typed array without the iterator that `Array.from` goes by. */
const { slice } = Array.prototype;
const BIGINT = (text) => BigInt(text);
const BOOLEAN = (text) => text === "t" || text === "true";
/** Arrays that came out of JSON: sent back they are JSON again, where any other array is one of PostgreSQL's. */
const jsonArrays = new WeakSet();
const JSON_VALUE = (text) => {
  const value = JSON.parse(text);
  if (Array.isArray(value)) jsonArrays.add(value);
  return value;
};
/** How the text form of a type is read, by oid; what is not here stays text. The second number is the type's array. */
const FROM_TEXT = new Map(
  [
    [16, 1000, BOOLEAN],
    [17, 1001, (text) => Uint8Array.from(text.slice(2).match(/../g) ?? [], (hex) => parseInt(hex, 16))],
    [20, 1016, BIGINT],
    [21, 1005, Number],
    [23, 1007, Number],
    [26, 1028, Number],
    [114, 199, JSON_VALUE],
    [700, 1021, Number],
    [701, 1022, Number],
    [3802, 3807, JSON_VALUE],
  ].flatMap(([oid, array, read]) => [[oid, read], [array, (text) => arrayFrom(text, read)]]),
);
/** How the fixed-width form of a type is read, by oid: the array over the bytes, and what each number becomes. */
const FROM_FIXED = new Map([
  [16, [Uint8Array, (n) => n !== 0]],
  [20, [BigInt64Array]],
  [21, [Int16Array]],
  [23, [Int32Array]],
  [26, [Uint32Array]],
  [700, [Float32Array]],
  [701, [Float64Array]],
  [1082, [Int32Array, dateText]],
  [1083, [BigInt64Array, timeText]],
  [1114, [BigInt64Array, (n) => timestampText(n, "")]],
  [1184, [BigInt64Array, (n) => timestampText(n, "Z")]],
]);

function valuesFrom({ nulls, cells }, count, column) {
  const values = cellsFrom(cells, column);
  if (values.length !== count) throw new Error(`column \`${column.name}\` has ${values.length} values for ${count} rows`);
  const read = readerOf(cells.tag, column);
  if (read) for (let i = 0; i < count; i += 1) if (nulls[i] !== 1) values[i] = read(values[i]);
  for (let i = nulls.indexOf(1); i >= 0; i = nulls.indexOf(1, i + 1)) values[i] = null;
  return values;
}

/** An array of the cells as they came, also where they are NULL. */
function cellsFrom({ tag, val }, column) {
  if (tag === "bytes") return val.slice();
  if (tag === "fixed") {
    const [View] = FROM_FIXED.get(column.oid) ?? [];
    if (!View) throw new Error(`column \`${column.name}\` of type \`${column.type}\` arrived in a form this engine does not know: cast it to text`);
    // A copy begins at offset 0 of its own buffer, as the wide views need it.
    return slice.call(new View(new Uint8Array(val).buffer));
  }
  const texts = val.split("\0");
  texts.pop();
  return texts;
}

/** What makes a value of a cell; undefined where the cell is the value. */
function readerOf(tag, column) {
  if (tag === "bytes") return (bytes) => Uint8Array.from(bytes);
  if (tag === "fixed") return FROM_FIXED.get(column.oid)[1];
  return FROM_TEXT.get(column.oid) ?? (isArray(column) ? (text) => arrayFrom(text, String) : undefined);
}

/** `box` is the one type whose arrays have another delimiter; they stay text. */
function isArray({ type }) {
  return type.endsWith("[]") && type !== "box[]";
}

/** A PostgreSQL array literal as nested arrays. Lower bounds (`[0:2]={…}`) are dropped: JavaScript counts from 0. */
function arrayFrom(text, read) {
  let at = text.indexOf("{");
  const list = () => {
    const out = [];
    at += 1;
    while (text[at] !== "}") {
      if (at >= text.length) throw new Error("an array has no end");
      if (text[at] === ",") at += 1;
      else if (text[at] === "{") out.push(list());
      else out.push(element());
    }
    at += 1;
    return out;
  };
  const element = () => {
    if (text[at] === '"') {
      let word = "";
      for (at += 1; text[at] !== '"'; at += 1) {
        if (text[at] === "\\") at += 1;
        if (at >= text.length) throw new Error("an array has no end");
        word += text[at];
      }
      at += 1;
      return read(word);
    }
    const start = at;
    while (at < text.length && text[at] !== "," && text[at] !== "}") at += 1;
    const word = text.slice(start, at);
    return word === "NULL" ? null : read(word);
  };
  return list();
}

function arrayLiteral(values, what, above = []) {
  if (above.includes(values)) throw new TypeError(`${what} contains itself`);
  const parts = Array.from(values, (value, i) => {
    const place = `${what}[${i}]`;
    if (value === null || value === undefined) return "NULL";
    if (Array.isArray(value)) return arrayLiteral(value, place, [...above, values]);
    return `"${textFrom(value, place).replace(/["\\]/g, "\\$&")}"`;
  });
  return `{${parts.join(",")}}`;
}

/** The text of a value as the server reads it in a quoted literal. */
export function textFrom(value, what) {
  switch (typeof value) {
    case "string":
      return checkedText(value, what);
    case "bigint":
      return String(value);
    case "boolean":
      return value ? "t" : "f";
    case "number":
      return numberText(value, what);
    case "object":
      if (Array.isArray(value)) return jsonArrays.has(value) ? jsonText(value, what) : arrayLiteral(value, what);
      if (value instanceof Date) return timestampText(microsOfDate(checkedDate(value, what)), "Z");
      if (value instanceof Uint8Array) return `\\x${Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
      return jsonText(value, what);
    default:
      throw new TypeError(`${what} is ${kindOf(value)}, which has no form in SQL`);
  }
}

function numberText(value, what) {
  // Where a bigint could be meant, a Number may already have lost its last digits: say so instead of storing another number.
  if (Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) <= 2 ** 63) {
    throw new TypeError(`${what} is ${value}, beyond 2^53 where a Number is not exact: use a BigInt (\`${BigInt(value)}n\`), or String(…) for a float`);
  }
  return Object.is(value, -0) ? "-0" : String(value);
}

function jsonText(value, what) {
  const prototype = Array.isArray(value) ? Object.prototype : Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null && typeof value.toJSON !== "function") {
    throw new TypeError(`${what} is ${kindOf(value)}, which has no form in SQL; plain objects are sent as JSON`);
  }
  let text;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new TypeError(`${what} cannot be sent as JSON: ${error.message}`, { cause: error });
  }
  if (text === undefined) throw new TypeError(`${what} has no form in JSON`);
  return checkedText(text, what);
}

function checkedDate(date, what) {
  if (Number.isNaN(date.getTime())) throw new TypeError(`${what} is an invalid Date`);
  return date;
}

export function kindOf(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  const name = Object.getPrototypeOf(value)?.constructor?.name;
  return name && name !== "Object" ? `an object of \`${name}\`` : "an object";
}
