// Tests of the engine's parts that call no host: the module transform, values, dates, errors, UTF-8. `npm test` runs them, and with
// them those of backfills.

import "./test-backfill.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";
import { dateText, timestampText } from "./dates.js";
import { authorStack, recordFrom, SqlError } from "./errors.js";
import { inspect } from "./inspect.js";
import { transform } from "./module.js";
import { fromUtf8, utf8 } from "./text.js";
import { tokenize } from "./tokens.js";
import { rowsFrom, valueFrom } from "./values.js";

const MODULE = { sql: "SQL", log: "LOG" };

/** Evaluates a module as the engine does and gives the values of its exports. */
function load(text) {
  globalThis.$wm = { module: MODULE };
  (0, eval)(transform(text, Object.keys(MODULE)).code);
  return Object.fromEntries(Object.entries(globalThis.$wm.exports).map(([name, get]) => [name, get()]));
}

test("exports", () => {
  const check = (text, expected) => assert.deepEqual(load(text), expected, text);
  check("export const a = 1, b = [1, 2][1], { c, d: [e = 5], ...f } = { c: 3, d: [], g: 4 }; export let h", { a: 1, b: 2, c: 3, e: 5, f: { g: 4 }, h: undefined });
  check("export const a = 1\nlet b = 2, c = 3", { a: 1 });
  check("export { a as b, a as 'c d', a as default }; const a = 1", { b: 1, "c d": 1, default: 1 });
  check("export default { a: 1 }\n", { default: { a: 1 } });
  check("const a = 1\nexport { a }\n(2)", { a: 1 });
});

test("exported functions and classes, also without a name", () => {
  const check = (text, name) => {
    assert.equal(typeof load(text)[name], "function", text);
    assert.equal(transform(text, []).code.split("\n").length, text.split("\n").length, text);
  };
  check("export function a() {}", "a");
  check("export async function a() {}", "a");
  check("export function* a() {}", "a");
  check("export class a {}", "a");
  check("export default function () {}\n(1)", "default");
  check("export default async function* () {}", "default");
  check("export default class extends Array {}", "default");
  check("export default function a() {}", "default");
  check("export\ndefault\nfunction\n() {}", "default");
  check("export default () => {}", "default");
});

test("imports", () => {
  const check = (text, expected) => assert.deepEqual(load(`${text}\nexport { a }`).a, expected, text);
  check('import { sql as a } from "wmigrate";', "SQL");
  check('import * as a from "wmigrate"', MODULE);
  check('import a, { sql } from "wmigrate" with { type: "x" };', MODULE);
  check('import { default as a, } from "\\x77migrate";', MODULE);
  check('import "wmigrate"; const a = { import: 1, b: { import(x) { return x } } }.b.import(2)', 2);
  check('\uFEFFimport {\n  sql as a, // one\n  log,\n}\nfrom "wmigrate"', "SQL");
});

test("what cannot be imported or exported is named with its place", () => {
  const check = (text, line, column, message) => assert.throws(() => load(text), (error) => {
    assert.deepEqual([error.line, error.column], [line, column], text);
    return error.message.includes(message);
  }, text);
  check('//\n\nimport fs from "fs"', 3, 16, 'cannot import "fs"');
  check('import {\n  nope } from "wmigrate"', 2, 3, "no export `nope`");
  check('import { sql as if } from "wmigrate"', 1, 17, "`if` cannot be the name");
  check("f(() => import('x'))", 1, 9, "`import()`");
  check("`${`${import.meta}`}`", 1, 7, "`import.meta`");
  check('export * from "./a.js"', 1, 1, "`export *`");
  check('export { a } from "./a.js"', 1, 19, 'cannot import "./a.js"');
  check("export let a\nexport { a }", 2, 10, "`a` is exported twice");
});

test("lines and columns stay in their places", () => {
  const text = 'import { sql } from "wmigrate";\r\nexport const a = 1; export default b;\nexport function b() {}\nlet marker;';
  const { code } = transform(text, ["sql"]);
  const at = (source) => source.split("\n").map((line) => Math.max(line.indexOf("a = 1"), line.indexOf("b()"), line.indexOf("marker")));
  assert.deepEqual(at(code).slice(1), at(text).slice(1));
});

test("a slash is a division or begins a regular expression", () => {
  const check = (text, expected) => assert.deepEqual(tokenize(text).filter((t) => t.type === "regex").map((t) => t.text), expected, text);
  check("a / b / c", []);
  check("a = /b/g.test(c)", ["/b/g"]);
  check("(a) / b / c", []);
  check("if (a) /b/.test(c)", ["/b/"]);
  check("a.if(b) / c / d", []);
  check("a++ / b / c", []);
  check("{} /a/", ["/a/"]);
  check("x = {} / a / b", []);
  check("x = y ? {} : {} / a / b", []);
  check("return /[/\\]\"']/", ["/[/\\]\"']/"]);
  check("`${a / b}` / `${/c/}`", ["/c/"]);
  check("for (const a of /b/g) ;", ["/b/g"]);
  check("a /* /b/ */ // /c/", []);
});

test("an outline leaves out what is in calls, bodies and values, and reads on in the right place", () => {
  const check = (text, expected) => assert.equal(tokenize(text, true).map((token) => token.text).join(" "), expected, text);
  check("export const { a, b: [c] } = f({ d }, `${'}'}`), g = { h: /[}]/ }", "export const { a , b : [ c ] } = f ( ) , g = { }");
  check("function a(b) { if (c) /}/.test(d); return e / f / (g) } import { h } from 'i'", "function a ( ) { } import { h } from 'i'");
  check("a = (b) => { return `${[`}`]}` }; c", "a = ( ) => { } ; c");
});

test("parameters", () => {
  const check = (value, expected) => assert.deepEqual(valueFrom(value, "$1"), expected);
  check(undefined, { tag: "null" });
  check(5, { tag: "text", val: "5" });
  check(0.1, { tag: "text", val: "0.1" });
  check(2n ** 63n, { tag: "text", val: "9223372036854775808" });
  check(new Date(0), { tag: "timestamptz", val: -946684800000000 });
  check([1, null, ['a"\\'], true], { tag: "text", val: '{"1",NULL,{"a\\"\\\\"},"t"}' });
  check({ a: [1] }, { tag: "text", val: '{"a":[1]}' });
  for (const refused of [2 ** 53, "\ud800", () => 1, Symbol("a"), new Map(), new Date(NaN), { a: 1n }, new Int8Array(1)]) {
    assert.throws(() => valueFrom(refused, "parameter $1"), /^TypeError: parameter \$1 /);
  }
});

test("results", () => {
  const check = (oid, typeName, cells, expected) =>
    assert.deepEqual([...rowsFrom({ columns: [{ name: "a", oid, typeName }], rows: expected.length, vectors: [{ nulls: new Uint8Array(0), cells }] })], expected.map((a) => ({ a })));
  check(20, "bigint", { tag: "fixed", val: new Uint8Array(new BigInt64Array([-(2n ** 63n), 2n ** 53n + 1n]).buffer) }, [-(2n ** 63n), 2n ** 53n + 1n]);
  check(25, "text", { tag: "text", val: "a\0\0" }, ["a", ""]);
  check(1009, "text[]", { tag: "text", val: '{a,"b,\\"",NULL,"NULL"}\0[0:0]={{}}\0' }, [["a", 'b,"', null, "NULL"], [[]]]);
  check(3802, "jsonb", { tag: "text", val: '{"a": [1]}\0' }, [{ a: [1] }]);
  assert.throws(() => check(25, "text", { tag: "text", val: "a\0" }, ["a", "b"]), /1 values for 2 rows/);
  // An array that came out of JSON goes back as JSON; one like it is an array of PostgreSQL's.
  const columns = [{ name: "a", oid: 3802, typeName: "jsonb" }];
  const [{ a }] = rowsFrom({ columns, rows: 1, vectors: [{ nulls: new Uint8Array(0), cells: { tag: "text", val: "[1, [2]]\0" } }] });
  assert.deepEqual(valueFrom(a, "a"), { tag: "text", val: "[1,[2]]" });
  assert.deepEqual(valueFrom([...a], "a"), { tag: "text", val: '{"1",{"2"}}' });
});

test("dates", () => {
  assert.equal(dateText(0), "2000-01-01");
  assert.equal(dateText(-730500), "0002-12-17 BC");
  assert.equal(dateText(-(2 ** 31)), "-infinity");
  assert.equal(timestampText(-1n, "Z"), "1999-12-31T23:59:59.999999Z");
  assert.equal(timestampText(9223371331199999999n, ""), "294276-12-31T23:59:59.999999");
  assert.equal(timestampText(2n ** 63n - 1n, "Z"), "infinity");
});

test("errors", () => {
  const source = { name: "r.js", lines: ["// first", "'\u{1f389}'; a.b"], prefix: 10 };
  const stack = "    at <input>:1:2\n    at parse (native)\n    at f (<input>:2:9)\n    at <eval> (<input>:1:13)\n    at eval (native)\n    at run (/engine.js:1:1)";
  assert.deepEqual(authorStack(stack, source), { text: "    at f (r.js:2:6)\n    at r.js:1:3", place: { line: 2, column: 6 } });
  const record = { kind: "database", sqlstate: "23505", message: "dup", detail: null, hint: "h", position: 7, fields: [["constraint", "c"]] };
  assert.equal(new SqlError(record).constraint, "c");
  assert.deepEqual(recordFrom(new SqlError(record), source), record);
  assert.equal(recordFrom("\ud800", source).message, "uncaught \ufffd");
});

test("UTF-8 as the platform does it", () => {
  for (const text of ["", "a\u017e\u20ac\u{1f389}", "\ud800a\udc00"]) assert.deepEqual(utf8(text), new TextEncoder().encode(text));
  let seed = 1;
  for (let round = 0; round < 20000; round += 1) {
    const bytes = Uint8Array.from({ length: 6 }, () => {
      seed = (seed * 48271) % 2147483647;
      return [0x41, 0x80, 0x8f, 0x90, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xe2, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff][seed % 16];
    });
    assert.equal(fromUtf8(bytes), new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes), String(bytes));
  }
});

test("log lines", () => {
  const loop = [1n];
  loop.push(loop);
  assert.equal(inspect({ a: loop, "b c": "x", d: new Map([[1, null]]) }), '{a: [1n, [circular]], "b c": "x", d: Map {1 => null}}');
});
