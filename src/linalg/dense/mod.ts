/**
 * Dense linear algebra: factorizations, systems, determinants, least squares, norms.
 *
 * @module
 */

// Names one by one would be left out of the documentation of the namespace.
export * from "./cholesky.ts";
export * from "./determinants.ts";
export * from "./functions.ts";
export * from "./least_squares.ts";
export * from "./lu.ts";
export * from "./norms.ts";
export * from "./qr.ts";
export * from "./spectral.ts";
export * from "./systems.ts";
