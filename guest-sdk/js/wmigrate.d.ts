// Types of the module `wmigrate`, which the JavaScript engine has built in. For editors and authors; nothing is compiled from it.

declare module "wmigrate" {
  /**
   * A parameter. Numbers and bigints are sent as the type the server expects there, exactly; an integer Number beyond 2^53 is
   * refused, since it may already have lost digits. A Date is a timestamptz, a Uint8Array a bytea, a plain object JSON,
   * an array a PostgreSQL array (for a json column that holds an array pass `JSON.stringify(array)`).
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

  const wmigrate: { sql: typeof sql; log: typeof log; context: typeof context; SqlError: typeof SqlError };
  export default wmigrate;
}
