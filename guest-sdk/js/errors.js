// Errors between JavaScript and the `error` record of the contract. A database error crosses unchanged in both directions;
// any other exception becomes a record with the author's line. Nothing here may throw: an exception in an export ends the run
// without a message.

import { utf8 } from "./text.js";

/** `external_routine_exception`: what PostgreSQL says of an exception in a procedural language. */
const EXCEPTION = "38000";
/** `external_routine_invocation_exception`: the revision was called, or answered, in a way that cannot work. */
const INVOCATION = "39000";
/** The function that `batch.js` makes to call a transform. It is no file's, so QuickJS gives it places like those of the author's text. */
export const ROW_LOOP = "$wm$rows";

/** A statement that the server, or the host before it, refused. */
export class SqlError extends Error {
  constructor(record) {
    super(record.message);
    Object.defineProperty(this, "name", { value: "SqlError" });
    Object.defineProperty(this, "record", { value: record });
    this.kind = record.kind;
    this.sqlstate = record.sqlstate;
    this.detail = record.detail ?? undefined;
    this.hint = record.hint ?? undefined;
    // The border hands u32 over as s32.
    this.position = typeof record.position === "number" ? record.position >>> 0 : undefined;
    this.fields = Object.fromEntries(record.fields);
    for (const name of ["schema", "table", "column", "datatype", "constraint", "where", "severity"]) this[name] = this.fields[name];
  }
}

/**
 * A mistake in how the revision meets the contract, not an exception of its code. `place` is where QuickJS says the mistake is, if the
 * stack does not: for what a function returned, the function.
 */
export class UsageError extends Error {
  constructor(message, place) {
    super(message);
    this.place = place;
  }
}

/** What some rows of a batch threw: the first one's exception, and the numbers of them all. */
export class RowsError extends Error {
  constructor(first, rows) {
    super("some rows failed");
    this.first = first;
    this.rows = rows;
  }
}

/**
 * The `error` record of whatever was thrown. `source` gives the author's file: its `name`, its `lines`, the length in bytes of the
 * `prefix` before the first of them, and for the place of a syntax error a better `advice`, if there is one.
 */
export function recordFrom(thrown, source) {
  try {
    if (thrown instanceof RowsError) return named(recordFrom(thrown.first, source), thrown.rows);
    if (thrown instanceof SqlError) return recordOfSql(thrown.record);
    if (thrown instanceof UsageError) return recordOfUsage(thrown, source);
    return recordOfException(thrown, source);
  } catch {
    // Only literals: what brought us here may be a revision that replaced methods of the language.
    const message = "an exception that cannot be read was thrown";
    return { kind: "exception", sqlstate: EXCEPTION, message, detail: null, hint: null, position: null, fields: [] };
  }
}

/** The frames of a stack that lie in the author's file, with its name and its columns, one a line; and the first one's place. */
export function authorStack(stack, source) {
  const lines = String(stack ?? "").split("\n");
  const frames = [];
  let place;
  lines.forEach((frame, i) => {
    const found = /^\s*at (?:(.*) \()?<input>:(\d+):(\d+)\)?$/.exec(frame);
    if (!found) return;
    // A place without a function is that of a syntax error: in our text only if our `eval` reported it, else in a text of
    // the author's (JSON, a regular expression), which has lines of its own.
    if (found[1] === undefined && !/^\s*at eval \(native\)$/.test(lines[i + 1] ?? "")) return;
    if (found[1] === ROW_LOOP) return;
    const at = authorPlace({ line: Number(found[2]), column: Number(found[3]) }, source);
    if (!at) return;
    place ??= at;
    const where = `${source.name}:${at.line}:${at.column}`;
    frames.push(found[1] === undefined || found[1] === "<eval>" ? `    at ${where}` : `    at ${found[1].replace("$wm$d", "default")} (${where})`);
  });
  return { text: frames.join("\n"), place };
}

/** A place as QuickJS tells it in the author's file; none if it is in code of the engine's own, such as the start of a class. */
function authorPlace(place, source) {
  if (!place || place.line < 1) return undefined;
  const line = Math.min(place.line, source.lines.length);
  return { line, column: characters(source.lines[line - 1], place.line === 1 ? place.column - source.prefix : place.column) };
}

/** A column in characters; QuickJS counts bytes. */
function characters(line, column) {
  let bytes = 1;
  let count = 1;
  for (const char of line) {
    if (bytes >= column) break;
    bytes += utf8(char).length;
    count += 1;
  }
  return count;
}

function recordOfException(thrown, source) {
  // QuickJS throws null when not even the error fits into memory any more.
  if (thrown === null) return record("exception", EXCEPTION, "uncaught null (also what is thrown when memory runs out)");
  if (!(thrown instanceof Error)) return record("exception", EXCEPTION, `uncaught ${shown(thrown)}`);
  let { text, place } = authorStack(thrown.stack, source);
  if (typeof thrown.line === "number" && typeof thrown.column === "number" && thrown.name === "SyntaxError") {
    place = { line: thrown.line, column: thrown.column };
    text = `    at ${source.name}:${place.line}:${place.column}`;
  }
  const advice = thrown instanceof SyntaxError && place ? source.advice?.(place) : undefined;
  const message = `${thrown.name}: ${advice ?? thrown.message}`;
  const fields = [["stack", text ? `${message}\n${text}` : message], ...placeFields(place)];
  return record("exception", EXCEPTION, message, causeOf(thrown), fields);
}

function recordOfUsage(thrown, source) {
  const place = authorStack(thrown.stack, source).place ?? authorPlace(thrown.place, source);
  return record("usage", INVOCATION, thrown.message, null, placeFields(place));
}

function placeFields(place) {
  return place ? [["line", String(place.line)], ["column-number", String(place.column)]] : [];
}

/** The same record about rows of a batch, which the host then tries alone. */
function named(found, rows) {
  return { ...found, fields: [...found.fields, ...rows.map((row) => ["row", String(row)])] };
}

function causeOf({ cause }) {
  if (cause === undefined) return null;
  if (cause instanceof SqlError) return `caused by: ${cause.message} (SQLSTATE ${cause.sqlstate})`;
  return `caused by: ${cause instanceof Error ? `${cause.name}: ${cause.message}` : shown(cause)}`;
}

function record(kind, sqlstate, message, detail = null, fields = []) {
  return { kind, sqlstate, message: wellFormed(message), detail: optional(detail), hint: null, position: null, fields: fields.map(pair) };
}

/** The host's own record, again in the shape the border wants: nothing missing, u32 as s32. */
function recordOfSql({ kind, sqlstate, message, detail, hint, position, fields }) {
  return {
    kind: wellFormed(kind),
    // An author can make an SqlError too.
    sqlstate: /^[0-9A-Z]{5}$/.test(sqlstate) ? sqlstate : EXCEPTION,
    message: wellFormed(message),
    detail: optional(detail),
    hint: optional(hint),
    position: typeof position === "number" ? position | 0 : null,
    fields: fields.map(pair),
  };
}

function pair([name, value]) {
  return [wellFormed(name), wellFormed(value)];
}

function optional(text) {
  return text === null || text === undefined ? null : wellFormed(text);
}

function wellFormed(text) {
  return String(text).toWellFormed();
}

function shown(value) {
  if (typeof value === "string") return value;
  return typeof value === "object" && value !== null ? (JSON.stringify(value) ?? String(value)) : String(value);
}
