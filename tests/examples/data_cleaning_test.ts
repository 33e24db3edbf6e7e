import { assert, assertAlmostEquals } from "@std/assert";
import { autograd, type Tensor, tensor, zeros } from "@torchopt/torchopt";
import { fit, losses } from "../../examples/data_cleaning.ts";
import { examples, loadDigits } from "../../examples/data/digits.ts";

const digits = await loadDigits();
const rows = Array.from({ length: 60 }, (_, i) => i);

/** Loss on clean examples of the model for some weights. */
function cleanLoss(weights: Tensor): Tensor {
  const train = examples(digits, rows.slice(0, 40)), clean = examples(digits, rows.slice(40));
  const model = fit(train, weights, { w: zeros([10, 64]), b: zeros([10]) });
  return losses(model, clean).mean();
}

Deno.test("data_cleaning: the implicit gradient of the weights is that of the fits", () => {
  const weights = tensor(new Float32Array(40).fill(0.5), { requiresGrad: true });
  const [g] = autograd.grad(cleanLoss(weights), [weights]);
  const along = new Float32Array(40).map((_, i) => (i % 2 === 0 ? 1 : -1) * 0.1);
  const at = (t: number) => cleanLoss(weights.detach().add(tensor(along).mul(t))).item();
  const wanted = (at(1) - at(-1)) / 2, got = g!.mul(tensor(along)).sum().item();
  assertAlmostEquals(got, wanted, 0.05 * Math.abs(wanted) + 1e-4);
});

Deno.test("data_cleaning: steps along it raise the weight of right labels over that of wrong ones", () => {
  const labels = digits.labels.map((y, i) => i < 20 ? (y + 3) % 10 : y);
  const train = examples(digits, rows.slice(0, 40), labels);
  const clean = examples(digits, Array.from({ length: 100 }, (_, i) => 100 + i));
  let logits = zeros([40]);
  for (let k = 0; k < 5; k++) {
    const a = logits.detach().requiresGrad_();
    const model = fit(train, a.sigmoid(), { w: zeros([10, 64]), b: zeros([10]) });
    const [g] = autograd.grad(losses(model, clean).mean(), [a]);
    logits = a.detach().sub(g!.mul(100));
  }
  const found = logits.toArray() as number[];
  const mean = (list: number[]) => list.reduce((s, v) => s + v, 0) / list.length;
  assert(mean(found.slice(0, 20)) < mean(found.slice(20)) - 0.5, String(found));
});
