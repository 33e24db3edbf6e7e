/**
 * The version of this package; `tests/cli` compares it with `deno.json`, which no npm package holds.
 *
 * @module
 */

/** Version of this package. */
export const VERSION = "0.1.0";
