/**
 * Checking line searches.
 *
 * @module
 */

import { describe } from "../tensor/describe.ts";

/** Throws unless an option is a line search. */
export function checkSearch(op: string, search: unknown): void {
  if (typeof search === "object" && search !== null && "run" in search) return;
  throw new TypeError(
    `${op}: lineSearch is ${describe(search)}, wants backtracking() or strongWolfe().`,
  );
}
