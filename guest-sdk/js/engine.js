// The engine component for revisions in JavaScript: its exports take the revision's text from `context.payload`, evaluate it as a
// module, call the function that is asked for and turn whatever is thrown into the contract's `error` record.
// One instance runs one revision, or one batch, once: nothing is kept between calls.

import * as hostContext from "wmigrate:migration/context@0.1.0";
import { runBatch } from "./batch.js";
import { closeHost } from "./calls.js";
import { recordFrom, UsageError } from "./errors.js";
import { ModuleError, transform as scriptFrom } from "./module.js";
import { console, sdk, setTransforms } from "./sdk.js";
import { TextDecoder, TextEncoder } from "./text.js";
import { refuseUnfinished } from "./unfinished.js";

for (const [name, value] of Object.entries({ console, TextDecoder, TextEncoder })) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}
// The runtime's own handles, for an async contract; a revision has no use for them.
delete globalThis.__cqjs;
delete globalThis.wit;
// Indirect, so that the revision sees the global scope and nothing of this file.
const evaluate = globalThis.eval;

export function upgrade() {
  inRevision((exports) => run(exports, "upgrade"));
}

export function downgrade() {
  inRevision((exports) => run(exports, "downgrade"));
}

export function transform(batch) {
  closeHost();
  return inRevision((exports) => runBatch(batch, transformsOf(exports)));
}

/** Hands `work` the exports of the revision, as a table of functions that read them. */
function inRevision(work) {
  const source = { name: "revision.js", prefix: 0, lines: [""] };
  try {
    source.name = `${hostContext.revision()}.js`;
    const text = hostContext.payload();
    if (typeof text !== "string") throw new UsageError("this component is the JavaScript engine and was started without a revision's text");
    return work(load(text, source));
  } catch (error) {
    // What an export throws crosses as its `error`; anything but that record would end the run.
    throw recordFrom(error, source);
  }
}

function run(exports, way) {
  setTransforms(() => transformsOf(exports));
  refuseUnfinished(exported(exports, way)(), way);
}

/** Evaluates the module and gives its table of exports; tells `source` what places in stack traces mean. */
function load(text, source) {
  source.lines = text.split("\n");
  const script = scriptFrom(text, Object.keys(sdk));
  source.prefix = script.prefix;
  source.advice = (place) => advice(source.lines, place);
  const door = { module: sdk, exports: undefined };
  Object.defineProperty(globalThis, "$wm", { value: door, configurable: true });
  try {
    evaluate(script.code);
  } finally {
    delete globalThis.$wm;
  }
  // An export is read only now, when everything it can name has been declared.
  return Object.fromEntries(Array.from(script.exports, ([name, place]) => [name, () => read(door.exports[name], place)]));
}

function read(get, { local, line, column }) {
  try {
    return get();
  } catch (error) {
    throw error instanceof ReferenceError ? new ModuleError(`\`${local}\` is exported but not declared`, { line, column }) : error;
  }
}

/** The function to call: an export of that name, or that property of an exported default object. */
function exported(exports, way) {
  if (Object.hasOwn(exports, way)) {
    const found = exports[way]();
    if (typeof found !== "function") throw new UsageError(`the export \`${way}\` is no function`);
    return () => found();
  }
  const whole = defaultOf(exports);
  if (typeof whole?.[way] === "function") return () => whole[way]();
  throw new UsageError(`the revision exports no \`${way}\``);
}

/** The table of transforms, exported like the functions; undefined if there is none. */
function transformsOf(exports) {
  return Object.hasOwn(exports, "transforms") ? exports.transforms() : defaultOf(exports)?.transforms;
}

function defaultOf(exports) {
  return Object.hasOwn(exports, "default") ? exports.default() : undefined;
}

/** QuickJS knows `await` only inside async functions, and elsewhere trips over the word itself or the one behind it. */
function advice(lines, { line, column }) {
  const chars = Array.from(lines[line - 1]);
  const around = /\bawait\s+$/.test(chars.slice(0, column - 1).join("")) || /^await\b/.test(chars.slice(column - 1).join(""));
  return around ? "`await` is not available here; revisions are synchronous" : undefined;
}
