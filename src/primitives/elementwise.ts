/**
 * All elementwise primitives and their node builders.
 *
 * @module
 */

export { num } from "./elementwise_define.ts";
export * from "./arithmetic.ts";
export * from "./unary.ts";
export * from "./logic.ts";
export * from "./slopes.ts";
export * from "./smooth.ts";
