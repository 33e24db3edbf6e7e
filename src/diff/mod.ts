/**
 * Derivatives that are not those of the graph of a function.
 *
 * @module
 */

export * as implicit from "./implicit/mod.ts";
export * from "./zero_order/mod.ts";
