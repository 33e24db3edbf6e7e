/**
 * All cases of `nn_ops.json` as the first example of a batch under `func.vmap`: outputs, gradients and
 * Hessian-vector products are those of the reference, whatever the second example is.
 */

import { func, stack, Tensor } from "@torchopt/torchopt";
import { type Case, cases, compare, convert, derive, read } from "../helpers/nn_ops.ts";

/** A batch of `x` and another example. */
function withOther(x: Tensor): Tensor {
  return stack([x.detach(), x.detach().mul(0.5).to(x.dtype)]).requiresGrad_(x.requiresGrad);
}

function check(c: Case): void {
  const inputs = c.inputs.map((t) => withOther(read(t, t.dtype.startsWith("float"))));
  const ints = Object.fromEntries(
    Object.entries(c.int_inputs).map(([k, v]) => [k, stack([read(v), read(v)])]),
  );
  const options = convert(c.options);
  // Statistics that change are those of each example.
  const running = Object.fromEntries(
    ["runningMean", "runningVar"].flatMap((name) =>
      options[name] instanceof Tensor ? [[name, withOther(options[name])]] : []
    ),
  );
  const mapped = func.vmap((xs: Tensor[], is: Record<string, Tensor>, running: typeof is) =>
    derive(c, xs, is, { ...options, ...running })
  );
  const found = mapped(inputs, ints, running) as ReturnType<typeof derive>;
  const first = (x: Tensor | null | undefined) => x?.select(0, 0) ?? null;
  if (c.running_mean_after) {
    compare(`${c.name} running mean`, first(running.runningMean), c.running_mean_after, 1e-10);
    compare(`${c.name} running variance`, first(running.runningVar), c.running_var_after!, 1e-10);
  }
  compare(`${c.name} output`, first(found.output), c.output, 1e-10);
  c.grads?.forEach((g, i) =>
    g && c.cotangent && compare(`${c.name} grad ${i}`, first(found.grads[i]), g, 1e-9)
  );
  c.hvp?.forEach((h, i) =>
    h && c.vector && compare(`${c.name} hvp ${i}`, first(found.products[i]), h, 1e-8)
  );
}

for (const op of new Set(cases.map((c) => c.op))) {
  const own = cases.filter((c) => c.op === op);
  Deno.test(`golden nn_ops under vmap: ${op} (${own.length})`, () => own.forEach(check));
}
