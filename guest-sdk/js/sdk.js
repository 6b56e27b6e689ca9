// The module `wmigrate` that a revision imports: `sql`, `backfill`, `log`, `context` and `SqlError`, over the interfaces of the
// contract. `wmigrate.d.ts` says for authors what each does. All rows come by `query-columns`: `query` would round an int8.

import * as hostBackfill from "wmigrate:migration/backfill@0.1.0";
import * as hostContext from "wmigrate:migration/context@0.1.0";
import * as hostLog from "wmigrate:migration/log@0.1.0";
import * as hostSql from "wmigrate:migration/sql@0.1.0";
import { columns, specFrom, updateSpecFrom } from "./backfill.js";
import { called } from "./calls.js";
import { dateOfMicros } from "./dates.js";
import { SqlError, UsageError } from "./errors.js";
import { inspect } from "./inspect.js";
import { isThenable } from "./unfinished.js";
import { checkedText, parametersFrom, rowsFrom } from "./values.js";

const sql = Object.freeze({
  execute(text, parameters) {
    const values = parametersFrom(parameters);
    return called(() => hostSql.execute(statement(text), values));
  },

  executeMany(text, rows) {
    if (typeof rows?.[Symbol.iterator] !== "function") throw new TypeError("rows must be an array of arrays of parameters");
    const values = Array.from(rows, (row, i) => {
      if (!Array.isArray(row)) throw new TypeError(`row ${i} must be an array of parameters`);
      return parametersFrom(row, `row ${i}: `);
    });
    return called(() => hostSql.executeMany(statement(text), values));
  },

  query(text, parameters) {
    const values = parametersFrom(parameters);
    return rowsFrom(called(() => hostSql.queryColumns(statement(text), values)));
  },

  queryOne(text, parameters) {
    const rows = sql.query(text, parameters);
    if (rows.length > 1) throw new RangeError(`the query returned ${rows.length} rows where at most one was expected`);
    return rows[0] ?? null;
  },

  queryValue(text, parameters) {
    const rows = sql.query(text, parameters);
    if (rows.length > 1) throw new RangeError(`the query returned ${rows.length} rows where at most one was expected`);
    if (rows.columns.length !== 1) throw new RangeError(`the query returned ${rows.columns.length} columns where one was expected`);
    return rows.length === 0 ? null : rows[0][rows.columns[0].name];
  },

  script(text) {
    return called(() => hostSql.script(statement(text))) >>> 0;
  },

  savepoint(work) {
    if (typeof work !== "function") throw new TypeError("savepoint takes a function");
    // The border takes u32 as s32.
    const savepoint = called(() => hostSql.savepoint()) | 0;
    let result;
    try {
      result = work();
      if (isThenable(result)) throw new UsageError("the function given to `sql.savepoint` returned a promise; revisions are synchronous");
    } catch (error) {
      called(() => hostSql.rollbackToSavepoint(savepoint));
      called(() => hostSql.releaseSavepoint(savepoint));
      throw error;
    }
    called(() => hostSql.releaseSavepoint(savepoint));
    return result;
  },
});

/** Reads the revision's table of transforms; `engine.js` says how. */
let readTransforms = () => undefined;

export function setTransforms(read) {
  readTransforms = read;
}

const backfill = Object.freeze({
  run(options) {
    const spec = specFrom(options, readTransforms());
    return called(() => hostBackfill.run(spec));
  },

  update(options) {
    const spec = updateSpecFrom(options);
    return called(() => hostBackfill.update(spec));
  },

  columns,
});

function logger(level) {
  // A message must not fail: what is no character is replaced.
  return (...values) => hostLog.message(level, values.map((value) => inspect(value)).join(" ").toWellFormed());
}

const log = Object.freeze({
  debug: logger("debug"),
  info: logger("info"),
  notice: logger("notice"),
  warning: logger("warning"),
});

const context = Object.freeze({
  get revision() {
    return hostContext.revision();
  },
  get direction() {
    return called(() => hostContext.direction());
  },
  get now() {
    return dateOfMicros(called(() => hostContext.now()));
  },
  get serverVersion() {
    return called(() => hostContext.serverVersion()) >>> 0;
  },
  x(name) {
    const checked = checkedText(name, "the name");
    return called(() => hostContext.xArgument(checked)) ?? null;
  },
});

/** What `import` finds. */
export const sdk = Object.freeze({ sql, backfill, log, context, SqlError });

export const console = Object.freeze({ debug: log.debug, log: log.info, info: log.info, warn: log.warning, error: log.warning });

function statement(text) {
  return checkedText(text, "the statement");
}
