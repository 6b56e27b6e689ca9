// Calls of the host, through one door: a failure is thrown as an `SqlError`, and where a transform runs nothing goes out, since the
// host would end the instance there without a word about the author's line.

import { SqlError } from "./errors.js";

let closed = false;

/** From here on every call is an exception. `context.revision`, `context.payload` and `log` do not come through here. */
export function closeHost() {
  closed = true;
}

/** Runs a host call. */
export function called(call) {
  if (closed) {
    throw new Error(
      "transforms run without a database, and the text around them is evaluated again for each batch: " +
        "`sql`, `backfill` and `context` (but for `context.revision`) can be used only inside `upgrade` and `downgrade`",
    );
  }
  try {
    return call();
  } catch (error) {
    const record = error?.payload;
    throw typeof record?.kind === "string" ? new SqlError(record) : error;
  }
}
