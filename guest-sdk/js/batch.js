// Runs a transform on one batch: columns in, columns out, and for what fails the numbers of the rows. No host call is made here.
// This is the part of the engine that a million rows pass through, so it leaves the loops to QuickJS's own functions where it can.

import { checkTransform, parseHandle, takesColumns } from "./backfill.js";
import { ROW_LOOP, UsageError } from "./errors.js";
import { Failures } from "./failures.js";
import { refuseUnfinished } from "./unfinished.js";
import { columnsFrom, kindOf } from "./values.js";
import { vectorFrom } from "./vectors.js";

const evaluate = globalThis.eval;
const { slice } = Array.prototype;

/** The vectors of the output columns. */
export function runBatch({ transform: handle, rows: count, columns, vectors }, transforms) {
  const { name, outputs } = parseHandle(handle);
  checkTransform(transforms, name);
  // The border hands u32 over as s32.
  const rows = count >>> 0;
  const job = { transforms, name, inputs: columnsFrom(columns, vectors, rows), rows, outputs, failures: new Failures() };
  const answer = takesColumns(transforms[name]) ? byColumn(job) : byRow(job);
  const failed = (row, error) => job.failures.add(row, error);
  const out = answer.map((values, i) => vectorFrom(values, `value ${i + 1} of what \`${name}\` returned`, failed));
  job.failures.check();
  return out;
}

function byColumn(job) {
  const { transforms, name, inputs, rows, outputs } = job;
  const answer = transforms[name](...inputs);
  if (!Array.isArray(answer) || answer.length !== (outputs ?? answer.length)) throw mistake(job, answer, outputs, "columns");
  return Array.from(answer, (column, i) => {
    if (!Array.isArray(column) && !isTyped(column)) throw misuse(job, `column ${i + 1} of what \`${name}\` returned is ${kindOf(column)}, not an array`);
    if (column.length !== rows) throw misuse(job, `column ${i + 1} of what \`${name}\` returned has ${column.length} values for ${rows} rows`);
    // A copy, since it is changed later on: the author may have returned a column that came in, or one twice.
    return slice.call(column);
  });
}

function isTyped(column) {
  return ArrayBuffer.isView(column) && !(column instanceof DataView);
}

function byRow(job) {
  const { transforms, name, inputs, rows, outputs, failures } = job;
  const out = Array.from({ length: outputs ?? 0 }, () => []);
  const caught = (row, error) => {
    failures.add(row, error);
    // No hole, which would make a slow array of a fast one.
    for (const column of out) column[row] = null;
    return failures.full;
  };
  const refused = (answer, expected) => mistake(job, answer, expected, "values");
  rowLoop(name, inputs.length, outputs)(transforms, rows, inputs, out, { isArray: Array.isArray, refused, caught });
  return out;
}

/**
 * The loop over the rows, made for its numbers of columns: a call with spread arguments and a loop over the values it returns would
 * take longer.
 */
function rowLoop(name, inputs, outputs) {
  const list = (count, make) => Array.from({ length: count ?? 0 }, (_, i) => make(i)).join(", ");
  // A host that gives a bare name does not say how many values a row has: as many as the first.
  const store = outputs === undefined ? "out.forEach((value, j) => { (outs[j] ??= [])[i] = value; })" : list(outputs, (j) => `out${j}[i] = out[${j}]`);
  return evaluate(`"use strict"; (function ${ROW_LOOP}(transforms, rows, [${list(inputs, (j) => `in${j}`)}], outs, { isArray, refused, caught }) {
    const [${list(outputs, (j) => `out${j}`)}] = outs;
    let count = ${outputs};
    for (let i = 0; i < rows; i += 1) {
      try {
        const out = transforms[${JSON.stringify(name)}](${list(inputs, (j) => `in${j}[i]`)});
        if (!isArray(out) || out.length !== (count ${outputs === undefined ? "??= out.length" : ""})) throw refused(out, count);
        ${store};
      } catch (error) {
        if (caught(i, error)) return;
      }
    }
  })`);
}

/** What is wrong with an answer that is no array, or one of another length. */
function mistake(job, answer, expected, things) {
  try {
    refuseUnfinished(answer, job.name);
  } catch (error) {
    return misuse(job, error.message);
  }
  const found = Array.isArray(answer) ? `${answer.length} ${things}` : kindOf(answer);
  const wanted = expected === undefined ? `an array of ${things}` : `an array of ${expected} ${things}, one a column of \`output\``;
  return misuse(job, `\`${job.name}\` returned ${found}, not ${wanted}`);
}

/** The mistake is in what was returned, which has no stack: QuickJS says where the function begins. */
function misuse({ transforms, name }, message) {
  const { lineNumber: line, columnNumber: column } = transforms[name];
  return new UsageError(message, typeof line === "number" ? { line, column } : undefined);
}
