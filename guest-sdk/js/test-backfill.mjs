// Tests of backfills without a component: what an author writes as the contract has it, and transforms on batches. The last ones run
// the whole engine on a host made of stubs. `test.mjs` runs them.

import assert from "node:assert/strict";
import { register } from "node:module";
import { test } from "node:test";
import { columns, specFrom, updateSpecFrom } from "./backfill.js";
import { runBatch } from "./batch.js";
import { recordFrom } from "./errors.js";
import { vectorFrom } from "./vectors.js";

const SOURCE = { name: "r.js", lines: [""], prefix: 0 };
const text = (values) => ({
  nulls: values.includes(null) ? Uint8Array.from(values, (value) => (value === null ? 1 : 0)) : new Uint8Array(0),
  cells: { tag: "text", val: values.map((value) => `${value ?? ""}\0`).join("") },
});
const batch = (transform, ...inputs) => ({
  transform,
  rows: inputs[0].length,
  columns: inputs.map((_, i) => ({ name: `c${i}`, oid: 25, typeName: "text" })),
  vectors: inputs.map(text),
});
const split = {
  split(fullName, phone) {
    const blank = fullName.lastIndexOf(" ");
    if (blank < 0) throw new Error(`${fullName} is one word`);
    return [fullName.slice(0, blank), fullName.slice(blank + 1), phone?.replace(/\D+/g, "")];
  },
};

/** The error record of what is thrown, with the rows it names. */
function failure(work) {
  try {
    work();
  } catch (error) {
    const record = recordFrom(error, SOURCE);
    return { kind: record.kind, message: record.message, rows: record.fields.filter(([name]) => name === "row").map(([, row]) => row) };
  }
  return assert.fail("nothing was thrown");
}

test("a specification", () => {
  const job = { name: "a", table: "t", input: ["b", "c"], output: ["d"], transform: "split" };
  const common = { name: "a", table: "t", key: [], condition: null, settings: [] };
  assert.deepEqual(specFrom(job, split), { ...common, source: null, input: ["b", "c"], output: ["d"], transform: "split/1" });
  const more = { key: ["x"], where: "e", source: "f", rowsPerSecond: 10n ** 12n, batchMin: 1, batchMax: 2 };
  assert.deepEqual(specFrom({ ...job, ...more, transform: split.split }, { other() {}, ...split }), {
    name: "a", table: "t", key: ["x"], condition: "e", source: "f", input: ["b", "c"], output: ["d"], transform: "split/1",
    settings: [["rows-per-second", "1000000000000"], ["batch-min", "1"], ["batch-max", "2"]],
  });
  assert.equal(specFrom({ ...job, transform: undefined }, split).transform, "split/1");
  assert.deepEqual(updateSpecFrom({ name: "a", table: "t", set: "b = 1" }), { ...common, set: "b = 1" });
});

test("a specification that cannot be meant", () => {
  const job = { name: "a", table: "t", input: ["b"], output: ["d"] };
  const check = (change, transforms, message) => assert.throws(() => specFrom({ ...job, ...change }, transforms), (error) => {
    assert.ok(error.message.includes(message), error.message);
    return true;
  });
  check({}, undefined, "exports no `transforms`");
  check({}, 5, "must be an object of functions, not a number");
  check({}, {}, "`transforms` is empty");
  check({}, { a() {}, b() {} }, "`transforms` has `a`, `b`");
  check({ transform: "splt" }, split, "no transform `splt`; `transforms` has `split`");
  check({ transform: "toString" }, split, "no transform `toString`");
  check({ transform: () => [] }, split, "is none of the exported `transforms`");
  check({ transform: "a" }, { a: 1 }, "`a` is no function");
  check({ input: "b" }, split, "`input` must be an array of strings");
  check({ output: ["b", 1] }, split, "`output[1]` must be a string");
  check({ table: undefined }, split, "`table` must be a string");
  check({ batchMax: 0.5 }, split, "`batchMax` must be a whole number from 1 on, not 0.5");
  check({ wher: "x" }, split, "has no option `wher`");
  assert.throws(() => updateSpecFrom({ name: "a", table: "t", set: "b", input: [] }), /no option `input`/);
  assert.throws(() => columns({}), /takes a function/);
});

test("a transform of rows", () => {
  assert.deepEqual(runBatch(batch("split/3", ["Ada King Lovelace", "Žofie Ž"], ["+1 (2) 3", null]), split), [
    text(["Ada King", "Žofie"]),
    text(["Lovelace", "Ž"]),
    text(["123", null]),
  ]);
  // A bare name: as many values as the first row has.
  assert.deepEqual(runBatch(batch("split", ["A B"], ["1"]), split), [text(["A"]), text(["B"]), text(["1"])]);
  assert.deepEqual(runBatch(batch("split/3", [], []), split), [text([]), text([]), text([])]);
  const self = { twice(a) { return [this.once(a) + this.once(a)]; }, once: (a) => a };
  assert.deepEqual(runBatch(batch("twice/1", ["x"]), self), [text(["xx"])]);
});

test("a transform of columns", () => {
  const transforms = { both: columns((a, b) => [a, a, Int32Array.from(b, Number)]) };
  assert.deepEqual(runBatch(batch("both/3", ["x", null], ["1", "2"]), transforms), [text(["x", null]), text(["x", null]), text(["1", "2"])]);
  // What is returned may be the author's to keep.
  const kept = { f: columns(() => [Object.freeze([1, "b"]), BigInt64Array.of(1n, -2n)]) };
  assert.deepEqual(runBatch(batch("f/2", ["a", "b"]), kept), [text(["1", "b"]), text(["1", "-2"])]);
  const check = (answer, message) => {
    const found = failure(() => runBatch(batch("f/1", ["a", "b"]), { f: columns(() => answer) }));
    assert.deepEqual(found.rows, []);
    assert.ok(found.message.includes(message), found.message);
  };
  check([], "`f` returned 0 columns, not an array of 1 columns");
  check("a", "`f` returned a string");
  check(["ab"], "column 1 of what `f` returned is a string, not an array");
  check([["a"]], "has 1 values for 2 rows");
  check(Promise.resolve(), "returned a promise");
});

test("rows that fail are named once each", () => {
  const found = failure(() => runBatch(batch("split/3", ["A B", "one", "C D", "two"], ["1", "2", "3", "4"]), split));
  assert.deepEqual(found, { kind: "exception", message: "Error: one is one word", rows: ["1", "3"] });
  const many = failure(() => runBatch(batch("split/3", Array(300).fill("one"), Array(300).fill("")), split));
  assert.deepEqual(many.rows, Array.from({ length: 100 }, (_, i) => String(i)));
  const check = (answer, message) => {
    const wrong = failure(() => runBatch(batch("f/2", ["a", "b"]), { f: (a) => (a === "b" ? answer : [a, a]) }));
    assert.deepEqual(wrong.rows, ["1"], message);
    assert.ok(wrong.message.includes(message), wrong.message);
  };
  check(["a"], "`f` returned 1 values, not an array of 2 values, one a column of `output`");
  check("ab", "`f` returned a string");
  check(undefined, "`f` returned undefined");
  check((async () => {})(), "returned a promise");
  check((function* () {})(), "is a generator");
  check(["a", Symbol("b")], "value 2 of what `f` returned is a symbol");
  check(["a\0", "b"], "value 1 of what `f` returned holds U+0000");
  check(["a", "\ud800"], "value 2 of what `f` returned holds half of a surrogate pair");
  check(["a", 2 ** 60], "use a BigInt");
});

test("values of a transform", () => {
  const never = (row, error) => assert.fail(`${row}: ${error}`);
  const check = (values, expected) => assert.deepEqual(vectorFrom(values, "a", never), expected);
  check([1, 2n, true, "a", [1], { a: 1 }, new Date(0)], text(["1", "2", "t", "a", '{"1"}', '{"a":1}', "1970-01-01T00:00:00.000000Z"]));
  check([undefined, ""], { nulls: Uint8Array.of(1, 0), cells: { tag: "text", val: "\0\0" } });
  check([Uint8Array.of(1), null], { nulls: Uint8Array.of(0, 1), cells: { tag: "bytes", val: [Uint8Array.of(1), new Uint8Array(0)] } });
  const failed = [];
  vectorFrom([Uint8Array.of(1), "x", 5], "a", (row, error) => failed.push([row, error.message]));
  assert.deepEqual(failed.map(([row]) => row), [1, 2]);
});

test("the engine on a host of stubs", async (t) => {
  if (register === undefined) return t.skip("this Node.js has no module hooks");
  const calls = [];
  const host = {
    context: { revision: () => "r1", payload: () => host.payload, direction: () => "upgrade", now: () => 0, serverVersion: () => 1, xArgument: () => null },
    log: { message: (level, line) => calls.push([level, line]) },
    backfill: { run: (spec) => calls.push(spec) && 2, update: (spec) => calls.push(spec) && 3 },
    sql: { execute: () => assert.fail("a transform reached the database") },
  };
  globalThis.wmigrateStubs = host;
  // `import * as a` of a stub needs no list of names: the stub is its own namespace.
  const hook = `export async function resolve(name, context, next) {
    return name.startsWith("wmigrate:") ? { url: name, shortCircuit: true } : next(name, context);
  }
  export async function load(url, context, next) {
    const found = /^wmigrate:migration\\/(\\w+)@/.exec(url);
    if (!found) return next(url, context);
    const names = ${JSON.stringify(Object.fromEntries(Object.entries(host).map(([name, calls]) => [name, Object.keys(calls)])))}[found[1]];
    const source = names.map((name) => "export const " + name + " = (...all) => globalThis.wmigrateStubs." + found[1] + "." + name + "(...all);").join("");
    return { format: "module", source, shortCircuit: true };
  }`;
  register(`data:text/javascript,${encodeURIComponent(hook)}`);
  const kept = { console: globalThis.console, TextEncoder: globalThis.TextEncoder, TextDecoder: globalThis.TextDecoder };
  const engine = await import("./engine.js");
  Object.assign(globalThis, kept);
  const thrown = (work) => {
    try {
      work();
    } catch (record) {
      return record;
    }
    return assert.fail("nothing was thrown");
  };

  host.payload = `import { backfill, context, log, sql } from "wmigrate";
    export const transforms = {
      split(a) { log.debug(context.revision); return [a.toUpperCase()]; },
      reach(a) { return [sql.execute("SELECT 1")]; },
    };
    export function upgrade() {
      const job = { name: "n", table: "t" };
      log.info(backfill.run({ ...job, input: ["a"], output: ["b"], transform: transforms.split }) + backfill.update({ ...job, set: "a = 1" }));
    }
    export default { downgrade() { backfill.run({ name: "n", table: "t", input: ["a"], output: ["b"], transform: "no" }); } };`;
  engine.upgrade();
  assert.equal(calls[0].transform, "split/1");
  assert.equal(calls[1].set, "a = 1");
  assert.deepEqual(calls[2], ["info", "5"]);
  assert.match(thrown(engine.downgrade).message, /no transform `no`/);

  // From here on the host is closed, as in an instance that runs a batch.
  assert.deepEqual(engine.transform(batch("split/1", ["a"])), [text(["A"])]);
  assert.deepEqual(calls[3], ["debug", "r1"]);
  const reached = thrown(() => engine.transform(batch("reach/1", ["a"])));
  assert.match(reached.message, /transforms run without a database/);
  assert.ok(reached.fields.some(([name, value]) => name === "row" && value === "0"));
  host.payload = "export function upgrade() {}";
  assert.deepEqual(
    [thrown(() => engine.transform(batch("split/1", ["a"])))].map(({ kind, message }) => [kind, message.slice(0, 39)]),
    [["usage", "the revision exports no `transforms`: `"]],
  );
  host.payload = "export default { transforms: { split: (a) => [a] } }";
  assert.deepEqual(engine.transform(batch("split/1", ["a"])), [text(["a"])]);
});
