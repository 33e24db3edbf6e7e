/**
 * Derivatives that are not those of the graph of a function.
 *
 * @module
 */

export * from "./zero_order/mod.ts";
