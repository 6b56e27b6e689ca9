// Types of the module `wmigrate`, which the JavaScript engine has built in. For editors and authors; nothing is compiled from it.

declare module "wmigrate" {
  /**
   * A parameter. Numbers and bigints are sent as the type the server expects there, exactly; an integer Number beyond 2^53 is
   * refused, since it may already have lost digits. A Date is a timestamptz, a Uint8Array a bytea, a plain object JSON,
   * an array a PostgreSQL array, but one that a json column gave is JSON again (for a new JSON array, and for a string or boolean that
   * is to be JSON by itself, pass `JSON.stringify(value)`).
   */
  export type Parameter = null | undefined | boolean | number | bigint | string | Date | Uint8Array | ArrayBuffer | Parameter[] | { [key: string]: unknown };

  /**
   * A row: a property a column, the last one where names repeat.
   *
   * | PostgreSQL | JavaScript |
   * |---|---|
   * | int2, int4, oid, float4, float8 | number |
   * | int8 | bigint, always |
   * | numeric | string, exact |
   * | boolean | boolean |
   * | bytea | Uint8Array |
   * | date | `"2026-11-22"` |
   * | time | `"14:10:00.123456"` |
   * | timestamp | `"2026-11-22T14:10:00.123456"` |
   * | timestamptz | `"2026-11-22T14:10:00.123456Z"`; `new Date(text)` reads it and keeps milliseconds |
   * | infinite dates and timestamps | `"infinity"`, `"-infinity"` |
   * | json, jsonb | parsed; cast to text to keep numbers beyond a double |
   * | arrays | arrays, nested as in the database; elements as above, dates and times as the server writes them |
   * | everything else | the server's text |
   */
  export type Row = Record<string, any>;

  export interface Column {
    name: string;
    /** The type's `pg_type.oid`. */
    oid: number;
    /** As `format_type` writes it, for example `numeric(10,2)`. */
    type: string;
  }

  export type Rows<R = Row> = R[] & { readonly columns: readonly Column[] };

  /** SQL in the revision's transaction: one statement a call, parameters `$1`, `$2`, … Failures throw an `SqlError`. */
  export const sql: {
    /** Runs a statement and says how many rows it touched. */
    execute(statement: string, parameters?: Parameter[]): number;
    /** Runs one statement once for each row of parameters, in one call, and says how many rows were touched in all. */
    executeMany(statement: string, rows: Iterable<Parameter[]>): number;
    /** All rows of a result. */
    query<R = Row>(statement: string, parameters?: Parameter[]): Rows<R>;
    /** The only row, or null if there is none; more than one is a RangeError. */
    queryOne<R = Row>(statement: string, parameters?: Parameter[]): R | null;
    /** The only column of the only row, or null if there is no row. */
    queryValue<V = unknown>(statement: string, parameters?: Parameter[]): V | null;
    /** Runs the statements of a script, split where psql splits them, and says how many there were. No parameters. */
    script(text: string): number;
    /**
     * Runs `work` in a savepoint: kept if it returns, undone if it throws (the exception goes on). After an `SqlError` outside a
     * savepoint the transaction is aborted, and catching the error does not help.
     */
    savepoint<T>(work: () => T): T;
  };

  /** A value that a transform gets: like one of a `Row`. */
  export type Cell = any;

  /**
   * One row in, one row out: gets a value for each of `input`, and returns an array with one for each of `output`, as parameters are
   * given. An exception, or an answer that does not fit, is about that row alone.
   */
  export type RowTransform = (...values: Cell[]) => Parameter[];

  /** The same for a whole batch: gets an array for each of `input`, and returns one for each of `output`, all of one length. */
  export type ColumnTransform = (...columns: Cell[][]) => ArrayLike<Parameter>[];

  /**
   * The transforms of a revision: `export const transforms = { name(input) { … } }`. They run without a database, each batch in an
   * engine of its own that evaluates the revision anew: nothing is kept from one batch to the next, only `log` and `context.revision`
   * can be used, and so nothing else may be used outside of functions either.
   */
  export type Transforms = Record<string, RowTransform | ColumnTransform>;

  interface Backfill {
    /** For people, and unique within the revision: progress is kept under it. */
    name: string;
    /** The table whose rows are written, as in FROM: quoted and qualified where that is needed. */
    table: string;
    /** Columns that identify a row: not null, with a unique index over exactly them. The primary key unless given. */
    key?: string[];
    /** As in WHERE, over the table's columns; only these rows are visited. */
    where?: string;
    /** No limit unless given. */
    rowsPerSecond?: number | bigint;
    /** The smallest batch, in rows: 100 unless given. */
    batchMin?: number;
    /** The largest batch, in rows: 10000 unless given. */
    batchMax?: number;
  }

  export interface BackfillRun extends Backfill {
    /** A query to read from instead of the table: it has the key's columns, by which its rows are joined, and what `input` names. */
    source?: string;
    /** What the transform gets: columns or expressions, as in a select list. */
    input: string[];
    /** The columns that are set to what the transform returns. */
    output: string[];
    /** Which of the exported `transforms`, by name or itself; may be left out where there is only one. */
    transform?: string | RowTransform | ColumnTransform;
  }

  export interface BackfillUpdate extends Backfill {
    /** As after SET, over the table's columns. */
    set: string;
  }

  /**
   * Rewriting the rows of a table in batches. With `transaction = "revision"` they are part of the revision's transaction; with `"none"`
   * each is committed by itself, and a run that was interrupted goes on where it was. Visited are the rows whose key is at most the
   * largest there was at the beginning. Failures throw an `SqlError`.
   */
  export const backfill: {
    /** Lets a transform compute the new values, and says how many rows were written. */
    run(job: BackfillRun): number;
    /** Lets SQL do it: no row crosses into the revision. Says how many rows were written. */
    update(job: BackfillUpdate): number;
    /** Marks a transform that takes whole columns, and returns it. */
    columns<T extends ColumnTransform>(transform: T): T;
  };

  /** Messages for whoever watches the run. Anything can be logged; `console.log` and `info` do `info`, `warn` and `error` `warning`. */
  export const log: {
    /** Shown with `-v`. */
    debug(...values: unknown[]): void;
    info(...values: unknown[]): void;
    notice(...values: unknown[]): void;
    warning(...values: unknown[]): void;
  };

  /** What this run is about. The same when the same revision is run again. */
  export const context: {
    /** The id of this revision. */
    readonly revision: string;
    readonly direction: "upgrade" | "downgrade";
    /** Start of the transaction, to the millisecond. */
    readonly now: Date;
    /** The server's `server_version_num`, for example 170002. */
    readonly serverVersion: number;
    /** The value of `-x name=value`, or of that key under `[x]` in `wmigrate.toml`; null if there is none. */
    x(name: string): string | null;
  };

  /** A statement that the server, or the host before it, refused. Not caught, it ends the revision as it is. */
  export class SqlError extends Error {
    private constructor();
    /** `database`, `parameter`, `result`, `denied`, `limit`, `usage`; an open set. */
    readonly kind: string;
    /** Five characters, for example `23505`. */
    readonly sqlstate: string;
    readonly detail?: string;
    readonly hint?: string;
    /** Character of the statement the error points at, from 1. */
    readonly position?: number;
    readonly schema?: string;
    readonly table?: string;
    readonly column?: string;
    readonly datatype?: string;
    readonly constraint?: string;
    readonly where?: string;
    readonly severity?: string;
    /** All fields, those above among them. */
    readonly fields: Record<string, string>;
  }

  const wmigrate: { sql: typeof sql; backfill: typeof backfill; log: typeof log; context: typeof context; SqlError: typeof SqlError };
  export default wmigrate;
}
