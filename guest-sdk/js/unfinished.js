// What a function of the author's may not return: work that would go on later. A revision is synchronous, and nothing runs later.

import { UsageError } from "./errors.js";

export function isThenable(value) {
  return (typeof value === "object" || typeof value === "function") && value !== null && typeof value.then === "function";
}

/** An exception if what `name` returned is a promise or a generator. */
export function refuseUnfinished(answer, name) {
  if (isThenable(answer)) throw new UsageError(`\`${name}\` returned a promise; revisions are synchronous, so leave out \`async\` and \`await\``);
  if (typeof answer?.next === "function") throw new UsageError(`\`${name}\` is a generator, of which nothing has run; leave out the \`*\``);
}
