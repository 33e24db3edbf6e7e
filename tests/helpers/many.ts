/**
 * How much a test of many cases does: a part of them in each run, all where `TORCHOPT_MANY` is set.
 *
 * @module
 */

/** `all` where `TORCHOPT_MANY` is set, else `few`. */
export function many(few: number, all: number): number {
  return Deno.env.get("TORCHOPT_MANY") === undefined ? few : all;
}
