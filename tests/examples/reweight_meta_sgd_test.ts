import { assert, assertAlmostEquals } from "@std/assert";
import { Generator } from "@torchopt/torchopt";
import {
  Classifier,
  compare,
  Problem,
  reweightedTrainer,
} from "../../examples/reweight_meta_sgd.ts";

Deno.test("reweight_meta_sgd: weights are not negative and sum to 1", () => {
  const problem = new Problem(new Generator(0));
  const net = new Classifier(10, 8, new Generator(1));
  const step = reweightedTrainer(net, problem.sample(20, 0.5), { inner: 0.1, outer: 0.01 });
  const before = net.hidden.weight.data().slice();
  const { weights } = step(problem.sample(50, 0.9));
  const values = Array.from(weights.data(), Number);
  assert(values.every((w) => w >= 0));
  assertAlmostEquals(values.reduce((a, b) => a + b), 1, 1e-5);
  assert(net.hidden.weight.isLeaf);
  assert(net.hidden.weight.data().some((v, i) => v !== before[i]));
});

Deno.test("reweight_meta_sgd: reweighting beats plain training on unequal classes", () => {
  const experiment = { epochs: 8, examples: 1000, batch: 50, seed: 0, lr: 2e-3 };
  const last = [...compare(experiment)].at(-1)!;
  assert(last.reweighted > last.plain + 0.15, JSON.stringify(last));
});
