/**
 * `@std/assert` for the tests and the examples of the documentation.
 *
 * The registry that holds `@std` is not reachable from every build machine, so the npm copy of the
 * same files serves. It ships no types; `std_assert.d.ts` gives them. Where the registry is at
 * hand, pointing `@std/assert` in `deno.json` at the original package replaces this file.
 *
 * @module
 */

// @ts-types="./std_assert.d.ts"
export * from "npm:deno-std@1.4.0/assert/mod.js";
