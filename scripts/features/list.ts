/**
 * What `scripts/compare_features.ts` asks of each library.
 *
 * @module
 */

/** Questions by the name of the function that answers them in each file. */
export const FEATURES: Readonly<Record<string, string>> = {
  third_order: "gradients of third order",
  forward_mode: "forward mode: a product with the Jacobian",
  hessian: "a Hessian by one call",
  per_example: "gradients of each example by batching a gradient (`vmap`)",
  custom_rule: "a derivative of one's own",
  checkpoint: "intermediate values computed again on the way back",
  adam_differentiable: "gradients through a step of Adam, to its learning rate",
  inplace_module: "differentiable steps on a module, and back to a snapshot",
  optimizer_chain: "optimizers put together from parts (clipping, scaling)",
  learned_schedule: "a rate that is a function of the step",
  implicit_root: "gradients of a solution, by the implicit function theorem",
  implicit_second: "second derivatives of a solution",
  zero_order: "gradients from values alone, by one call",
  linear_solver: "CG without a matrix, with gradients",
  minimize: "L-BFGS",
  scan: "a loop over a sequence as one operation, with gradients",
  while_gradient: "gradients backward through a loop that values end",
  compiled_step: "a training step with its optimizer as one compiled function",
  float64: "float64 in everything",
  complex: "complex numbers",
  sparse: "sparse matrices",
  recurrent_layer: "LSTM as a layer",
  distributions: "distributions with samples that have gradients, and divergences",
  remote_gradient: "gradients through calls to other processes",
  graph_picture: "a picture of the gradient graph",
  without_python: "runs in Deno, without Python",
};
