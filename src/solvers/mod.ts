/**
 * Solvers of nonlinear problems.
 *
 * @module
 */

// Names one by one would be left out of the documentation of the namespace.
export * from "./anderson.ts";
export * from "./bfgs.ts";
export * from "./bisection.ts";
export * from "./broyden.ts";
export * from "./chord.ts";
export * from "./dogleg.ts";
export * from "./fixed_point.ts";
export * from "./gauss_newton.ts";
export * from "./gradient_descent.ts";
export * from "./lbfgs.ts";
export * from "./lbfgs_optimizer.ts";
export * from "./least_squares.ts";
export * from "./levenberg_marquardt.ts";
export * from "./line_search.ts";
export * from "./minimize.ts";
export * from "./minimum.ts";
export * from "./newton.ts";
export * from "./nonlinear_cg.ts";
export * from "./picard.ts";
export * from "./root_find.ts";
export * from "./types.ts";
