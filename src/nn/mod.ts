/**
 * Neural networks.
 *
 * @module
 */

export * as functional from "./functional.ts";
