// What an author writes about a backfill, checked and in the shape of the contract's `spec` and `update-spec`. No host call is made
// here. `batch.js` is the other half: what runs the transforms.

import { UsageError } from "./errors.js";
import { checkedText, kindOf } from "./values.js";

const SETTINGS = { rowsPerSecond: "rows-per-second", batchMin: "batch-min", batchMax: "batch-max" };
const COMMON = ["name", "table", "key", "where", ...Object.keys(SETTINGS)];
const RUN = [...COMMON, "source", "input", "output", "transform"];
const UPDATE = [...COMMON, "set"];

/** Transforms that take whole columns. The function itself is the key, so that it still can be named by itself in `run`. */
const byColumn = new WeakSet();

export function columns(transform) {
  if (typeof transform !== "function") throw new TypeError(`\`backfill.columns\` takes a function, not ${kindOf(transform)}`);
  byColumn.add(transform);
  return transform;
}

export function takesColumns(transform) {
  return byColumn.has(transform);
}

/** The `spec` for `backfill.run`; `transforms` is the revision's table of them, or undefined where it has none. */
export function specFrom(options, transforms) {
  known(options, RUN, "backfill.run");
  const output = texts(options, "output");
  return {
    ...common(options),
    source: optionalText(options, "source"),
    input: texts(options, "input"),
    output,
    transform: handle(nameOf(options.transform, transforms), output.length),
  };
}

/** The `update-spec` for `backfill.update`. */
export function updateSpecFrom(options) {
  known(options, UPDATE, "backfill.update");
  return { ...common(options), set: text(options, "set") };
}

/**
 * What the host is told the transform is called. A batch does not say how many columns are to come back, so that goes with the name:
 * without it a row with a value too few could not be told from the others.
 */
function handle(name, outputs) {
  return `${name}/${outputs}`;
}

/** `{ name, outputs }` of a handle; of a bare name, which is no handle of ours, only the name. */
export function parseHandle(handle) {
  const found = /^(.*)\/(\d+)$/s.exec(handle);
  return found ? { name: found[1], outputs: Number(found[2]) } : { name: handle, outputs: undefined };
}

/** The transform called `name`, or an error that says which there are. */
export function checkTransform(transforms, name) {
  if (transforms === undefined) throw new UsageError("the revision exports no `transforms`: `export const transforms = { name(input) { … } }`");
  if ((typeof transforms !== "object" && typeof transforms !== "function") || transforms === null) {
    throw new UsageError(`the export \`transforms\` must be an object of functions, not ${kindOf(transforms)}`);
  }
  if (name === undefined) return;
  if (!Object.hasOwn(transforms, name)) throw new UsageError(`there is no transform \`${name}\`; ${listed(transforms)}`);
  if (typeof transforms[name] !== "function") throw new UsageError(`the transform \`${name}\` is no function`);
}

/** The name of what `transform` says: a name, one of the functions, or nothing where there is only one. */
function nameOf(transform, transforms) {
  checkTransform(transforms);
  const names = Object.keys(transforms);
  let name = transform;
  if (transform === undefined || transform === null) {
    if (names.length !== 1) throw new UsageError(`say with \`transform\` which one is meant; ${listed(transforms)}`);
    [name] = names;
  } else if (typeof transform === "function") {
    name = names.find((key) => transforms[key] === transform);
    if (name === undefined) {
      throw new UsageError(`the function given as \`transform\` is none of the exported \`transforms\`, where each batch looks for it; ${listed(transforms)}`);
    }
  }
  checkTransform(transforms, checkedText(name, "`transform`"));
  return name;
}

function listed(transforms) {
  const names = Object.keys(transforms).map((name) => `\`${name}\``);
  return names.length === 0 ? "`transforms` is empty" : `\`transforms\` has ${names.join(", ")}`;
}

function known(options, names, what) {
  if (typeof options !== "object" || options === null) throw new TypeError(`\`${what}\` takes an object, not ${kindOf(options)}`);
  const other = Object.keys(options).find((name) => !names.includes(name));
  if (other !== undefined) throw new TypeError(`\`${what}\` has no option \`${other}\` (it has ${names.join(", ")})`);
}

function common(options) {
  return {
    name: text(options, "name"),
    table: text(options, "table"),
    key: options.key === undefined || options.key === null ? [] : texts(options, "key"),
    condition: optionalText(options, "where"),
    settings: Object.entries(SETTINGS).flatMap(([name, setting]) => {
      const value = options[name];
      return value === undefined || value === null ? [] : [[setting, whole(value, name)]];
    }),
  };
}

function text(options, name) {
  return checkedText(options[name], `\`${name}\``);
}

function optionalText(options, name) {
  return options[name] === undefined || options[name] === null ? null : text(options, name);
}

function texts(options, name) {
  const values = options[name];
  if (!Array.isArray(values)) throw new TypeError(`\`${name}\` must be an array of strings, not ${kindOf(values)}`);
  return Array.from(values, (value, i) => checkedText(value, `\`${name}[${i}]\``));
}

function whole(value, name) {
  if (!Number.isSafeInteger(typeof value === "bigint" ? Number(value) : value) || value < 1) {
    throw new TypeError(`\`${name}\` must be a whole number from 1 on, not ${typeof value === "number" ? value : kindOf(value)}`);
  }
  return String(value);
}
