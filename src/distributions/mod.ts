/**
 * Probability distributions: samples, densities, moments and divergences.
 *
 * @module
 */

export * from "./bernoulli.ts";
export * from "./beta.ts";
export * from "./categorical.ts";
export * from "./dirichlet.ts";
export * from "./distribution.ts";
export * from "./exponential.ts";
export * from "./gamma.ts";
export * from "./gumbel.ts";
export * from "./gumbel_softmax.ts";
export * from "./independent.ts";
export * from "./kl_divergence.ts";
export * from "./laplace.ts";
export * from "./log_normal.ts";
export * from "./mixture_same_family.ts";
export * from "./multivariate_normal.ts";
export * from "./normal.ts";
export * from "./student_t.ts";
export * from "./transformed.ts";
export * from "./transforms.ts";
export * from "./truncated_normal.ts";
export * from "./types.ts";
export * from "./uniform.ts";
