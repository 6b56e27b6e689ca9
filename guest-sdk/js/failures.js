// The rows of a batch that failed, until all have been tried. The host runs those that are named alone, and so gets the message of
// every one.

import { RowsError } from "./errors.js";

/** More rows than this in one batch point at the transform, not at the rows. */
const MOST = 100;

export class Failures {
  #rows = new Map();

  add(row, error) {
    if (!this.full && !this.#rows.has(row)) this.#rows.set(row, error);
  }

  get full() {
    return this.#rows.size >= MOST;
  }

  /** Throws what has failed, if anything has. */
  check() {
    if (this.#rows.size === 0) return;
    const rows = [...this.#rows.keys()].sort((a, b) => a - b);
    throw new RowsError(this.#rows.get(rows[0]), rows);
  }
}
