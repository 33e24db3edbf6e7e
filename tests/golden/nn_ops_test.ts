/**
 * Outputs, gradients and Hessian-vector products of all cases in `nn_ops.json` against the reference.
 * `TORCHOPT_GOLDEN` names the folder, so that other cases of the same format can be run.
 */

import { type Case, cases, compare, convert, derive, read } from "../helpers/nn_ops.ts";

function check(c: Case): void {
  const options = convert(c.options);
  const ints = Object.fromEntries(Object.entries(c.int_inputs).map(([k, v]) => [k, read(v)]));
  const inputs = c.inputs.map((t) => read(t, t.dtype.startsWith("float")));
  const { output, grads, products } = derive(c, inputs, ints, options);
  compare(`${c.name} output`, output, c.output, 1e-10);
  if (c.running_mean_after) {
    compare(`${c.name} running mean`, options.runningMean, c.running_mean_after, 1e-10);
    compare(`${c.name} running variance`, options.runningVar, c.running_var_after!, 1e-10);
  }
  if (c.grads === null || c.cotangent === null) return;
  c.grads.forEach((g, i) => g && compare(`${c.name} grad ${i}`, grads[i], g, 1e-9));
  if (c.hvp === null || c.vector === null) return;
  c.hvp.forEach((h, i) => h && compare(`${c.name} hvp ${i}`, products[i], h, 1e-8));
}

for (const op of new Set(cases.map((c) => c.op))) {
  const own = cases.filter((c) => c.op === op);
  Deno.test(`golden nn_ops: ${op} (${own.length})`, () => own.forEach(check));
}
