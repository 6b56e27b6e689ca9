import { backfill, context, log, sql, SqlError } from "wmigrate";

type Person = [id: bigint, name: string | null, phone: string | null];

/** One row in, one row out: what `backfill.run` calls for each row, without a way to the database. */
function split(id: bigint, name: string | null, phone: string | null): [bigint, string | null, string | null, string | null] {
  const blank = name?.indexOf(" ") ?? -1;
  const first = name?.slice(0, blank) ?? null;
  const last = name?.slice(blank + 1) ?? null;
  return [id + 1n, first, last, phone?.replace(/[^0-9]/g, "") ?? null];
}

export const transforms = {
  split,
  picky(...person: Person) {
    if (person[0] === 7n) throw new Error("row seven is bad");
    return split(...person);
  },
};

const people = { table: "people", input: ["id", "name", "phone"], output: ["n", "first", "last", "digits"] };

function see(key: string, value: unknown): void {
  sql.execute("INSERT INTO seen VALUES ($1, $2)", [key, String(value)]);
}

/** What a failing piece of work failed with; it is undone. */
function failure(work: () => unknown): SqlError {
  try {
    sql.savepoint(work);
  } catch (error) {
    if (error instanceof SqlError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

const cases: Record<string, () => void> = {
  values() {
    for (const row of sql.query("SELECT * FROM given ORDER BY id")) {
      const names = Object.keys(row);
      const places = names.map((_, place) => `$${place + 1}`);
      sql.execute(`INSERT INTO taken (${names.join()}) VALUES (${places.join()})`, Object.values(row));
    }
  },
  parameters() {
    see("touched", sql.execute("INSERT INTO taken (id, t) VALUES ($1, $2), ($3, $4)", [1, "", 2, null]));
    see("many", sql.executeMany("INSERT INTO taken (id, t) VALUES ($1, $2)", [3, 4, 5].map((id) => [id, "m"])));
    const error = failure(() => sql.execute("INSERT INTO taken (id, i4) VALUES (9, $1)", [3_000_000_000]));
    see("kind", error.kind);
    see("sqlstate", error.sqlstate);
    see("none", sql.queryOne("SELECT 1 WHERE false") ?? "none");
    see("exact", sql.queryValue<bigint>("SELECT 9007199254740993"));
  },
  errors() {
    const duplicate = failure(() => sql.execute("INSERT INTO given (id) VALUES (1)"));
    see("sqlstate", duplicate.sqlstate);
    see("constraint", duplicate.constraint);
    see("zero", failure(() => sql.execute("SELECT 1/0")).sqlstate);
    see("commit", failure(() => sql.execute("COMMIT")).kind);
  },
  savepoints() {
    const take = (id: number) => sql.execute("INSERT INTO taken (id) VALUES ($1)", [id]);
    take(1);
    sql.savepoint(() => {
      take(2);
      try {
        sql.savepoint(() => {
          take(3);
          throw new Error("not this one");
        });
      } catch {
        // Undone, and the outer savepoint goes on.
      }
    });
    take(4);
  },
  script() {
    see("count", sql.script("SELECT 'a;b'; DO $$ BEGIN PERFORM 1; END $$;\nSELECT 2;"));
    see("line", failure(() => sql.script("SELECT 1;\nSELECT nope;")).fields.line);
  },
  log() {
    log.debug("a debug message");
    log.info("an info message");
    log.notice("a notice message");
    log.warning("a warning message");
    log.info("tab\there, escape \x1b[31m, snowman ☃");
  },
  context() {
    see("revision", context.revision);
    see("direction", context.direction);
    see("x", context.x("given"));
    see("missing", context.x("missing") ?? "none");
    see("server", context.serverVersion);
    const same = "SELECT date_trunc('milliseconds', $1::timestamptz) = date_trunc('milliseconds', now())";
    see("now", sql.queryValue(same, [context.now]));
  },
  backfill() {
    see("rows", backfill.run({ ...people, name: "split", transform: "split" }));
  },
  update() {
    see("rows", backfill.update({ name: "shout", table: "people", set: "last = upper(name)", where: "id % 2 = 0" }));
  },
  "row-error"() {
    backfill.run({ ...people, name: "picky", transform: transforms.picky });
  },
  fails() {
    sql.execute("INSERT INTO taken (id) VALUES (1)");
    throw new Error("the house is on fire");
  },
  "fails-silently"() {
    throw new TypeError();
  },
  unhandled() {
    sql.execute("INSERT INTO given (id) VALUES (1)");
  },
  swallowed() {
    try {
      sql.execute("INSERT INTO given (id) VALUES (1)");
    } catch {
      // Without a savepoint the transaction is aborted, whatever is caught.
    }
  },
  loop() {
    for (;;);
  },
  memory() {
    const kept: string[] = [];
    for (;;) kept.push("x".repeat(1 << 20) + kept.length);
  },
  stack() {
    const deeper = (depth: number): number => deeper(depth + 1) + 1;
    deeper(0);
  },
  "invalid-text"() {
    see("half a letter", "\ud83d");
  },
};

export function upgrade(): void {
  const name = context.x("case")!;
  const run = cases[name];
  if (!run) throw new Error(`no case ${name}`);
  run();
}

export function downgrade(): void {
  sql.script("DELETE FROM taken; DELETE FROM seen");
}
