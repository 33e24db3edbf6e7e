import { assert } from "@std/assert";
import { func, type Tensor, tensor, zeros } from "@torchopt/torchopt";
import { assess, fit, splits } from "../../examples/implicit_ridge.ts";

Deno.test("implicit_ridge: the slope in the penalties lowers the validation loss", async () => {
  const [train, validation] = await splits(60, 0), start = zeros([64, 10]);
  const loss = (p: Tensor) => assess(fit(p, train, start), validation);
  const before = tensor(new Float32Array(64).fill(-3));
  const [value, g] = func.valueAndGrad(loss)(before);
  const after = loss(before.sub(g.div(g.norm())));
  const promised = g.norm().item(), fell = value.item() - after.item();
  assert(fell > 0.3 * promised && fell < 1.5 * promised, `${fell} of ${promised}`);
});
