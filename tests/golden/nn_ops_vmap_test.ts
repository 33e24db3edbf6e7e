/**
 * All cases of `nn_ops.json` as the first example of a batch under `func.vmap`: outputs, gradients and
 * Hessian-vector products are those of the reference, whatever the second example is.
 */

import { assert } from "@std/assert";
import { func, stack, type Tensor } from "@torchopt/torchopt";
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
  const mapped = func.vmap((xs: Tensor[], is: Record<string, Tensor>) =>
    derive(c, xs, is, convert(c.options))
  );
  const found = mapped(inputs, ints) as ReturnType<typeof derive>;
  const first = (x: Tensor | null | undefined) => x?.select(0, 0) ?? null;
  compare(`${c.name} output`, first(found.output), c.output, 1e-10);
  c.grads?.forEach((g, i) =>
    g && c.cotangent && compare(`${c.name} grad ${i}`, first(found.grads[i]), g, 1e-9)
  );
  c.hvp?.forEach((h, i) =>
    h && c.vector && compare(`${c.name} hvp ${i}`, first(found.products[i]), h, 1e-8)
  );
}

for (const op of new Set(cases.map((c) => c.op))) {
  // A batch with statistics of its own cannot be noted in those that all examples share.
  const own = cases.filter((c) => c.op === op && !c.running_mean_after);
  Deno.test(`golden nn_ops under vmap: ${op} (${own.length})`, () => {
    assert(own.length > 0);
    own.forEach(check);
  });
}
