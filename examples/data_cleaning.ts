/**
 * Data cleaning as a bilevel problem (Franceschi et al., Forward and reverse gradient-based
 * hyperparameter optimization, ICML 2017), on real handwritten digits.
 *
 * Half of the training labels are wrong. Each training example has a weight; the inner problem is a
 * regularized softmax regression on the weighted examples, solved by L-BFGS. The outer problem lowers the
 * loss on a few clean examples by changing the weights: its gradient comes from the implicit function
 * theorem, so that no step of the solver is recorded.
 *
 * @module
 */

import {
  adam,
  applyUpdates,
  autograd,
  compile,
  diff,
  Generator,
  nn,
  realize,
  solvers,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import { type Examples, examples, loadDigits } from "./data/digits.ts";
import { options, run } from "./helpers/options.ts";
import { lineChart, savePicture } from "./helpers/plot.ts";
import { track } from "./helpers/progress.ts";

const TRAIN = 400, CLEAN = 150, TEST = 600, NOISE = 0.5, RIDGE = 1e-3;

/** Weights `w` [10, 64] and biases `b` [10] of a softmax regression. */
export type Model = { readonly w: Tensor; readonly b: Tensor };

export function losses({ w, b }: Model, { x, y }: Examples): Tensor {
  return nn.functional.crossEntropy(nn.functional.linear(x, w, b), y, { reduction: "none" });
}

function accuracy({ w, b }: Model, { x, y }: Examples): number {
  return nn.functional.linear(x, w, b).argmax(1).eq(y).to("float32").mean().item();
}

/** The best model for weighted examples, as a differentiable function of the weights. */
export function fit(train: Examples, weights: Tensor, start: Model): Model {
  const total = weights.sum();
  return solvers.minimize(
    (m: Model) =>
      losses(m, train).mul(weights).sum().div(total)
        .add(m.w.square().sum().add(m.b.square().sum()).mul(RIDGE)),
    start,
    { atol: 1e-4, maxiter: 100, solve: diff.implicit.truncatedCg(30) },
  ).value;
}

const table = {
  iterations: [60, "steps of the weights", "count"],
  lr: [0.5, "rate of Adam for the weights", "positive"],
  seed: [0, "seed of order and noise", "seed"],
  out: ["data_cleaning.svg", "picture of the accuracies", "file"],
} as const;

async function main(): Promise<void> {
  const about =
    "Data cleaning: digits of which half of the labels are wrong, weighed by implicit gradients.";
  const { iterations, lr, seed, out } = options(about, table);
  const digits = await loadDigits();
  const generator = new Generator(seed);
  const order = [...generator.permutation(digits.labels.length)].map(Number);
  const test = examples(digits, order.slice(0, TEST));
  const clean = examples(digits, order.slice(TEST, TEST + CLEAN));
  const rows = order.slice(TEST + CLEAN, TEST + CLEAN + TRAIN);
  const noisy = [...digits.labels], noise = new Float64Array(2 * TRAIN);
  generator.fillUniform(noise);
  rows.forEach((row, i) => {
    // Another label than the right one.
    if (noise[2 * i] < NOISE) noisy[row] = (noisy[row] + 1 + Math.floor(9 * noise[2 * i + 1])) % 10;
  });
  const train = examples(digits, rows, noisy);
  const wrong = rows.map((row) => noisy[row] !== digits.labels[row]);

  const logits = zeros([TRAIN], { requiresGrad: true });
  const optimizer = adam({ lr }), state = optimizer.init([logits]);
  const step = compile((w: Tensor, b: Tensor) => {
    const model = fit(train, logits.sigmoid(), { w, b });
    const loss = losses(model, clean).mean();
    const [updates] = optimizer.update(autograd.grad(loss, [logits]), state);
    applyUpdates([logits], updates);
    return [model.w.detach(), model.b.detach(), loss.detach()];
  });

  let model: Model = { w: zeros([10, 64]), b: zeros([10]) };
  const curves = { test: [] as number[], found: [] as number[] };
  const status = () => `accuracy ${(curves.test.at(-1) ?? 0).toFixed(3)}`;
  const start = performance.now();
  await track("cleaning", { iterations }, status, () => {
    const [w, b, loss] = step(model.w, model.b);
    realize(w, b, loss);
    model = { w, b };
    curves.test.push(accuracy(model, test));
    const kept = logits.toArray() as number[];
    const right = kept.filter((v, i) => (v < 0) === wrong[i]).length;
    curves.found.push(right / TRAIN);
  });
  const ms = (performance.now() - start) / iterations;

  const onClean = fit(clean, tensor(new Array(CLEAN).fill(1)), {
    w: zeros([10, 64]),
    b: zeros([10]),
  });
  console.log(`${wrong.filter(Boolean).length} of ${TRAIN} training labels are wrong`);
  console.log("accuracy on held-out digits");
  console.log(`  all examples alike      ${curves.test[0].toFixed(3)}`);
  console.log(`  ${CLEAN} clean ones alone    ${accuracy(onClean, test).toFixed(3)}`);
  console.log(`  weighed                 ${curves.test.at(-1)!.toFixed(3)}`);
  console.log(`labels judged rightly     ${curves.found.at(-1)!.toFixed(3)}`);
  console.log(`${ms.toFixed(1)} ms a step of the weights, with the inner problem solved anew`);
  await savePicture(
    out,
    lineChart(
      [
        {
          name: `accuracy on held-out digits (${curves.test.at(-1)!.toFixed(3)})`,
          values: curves.test,
        },
        {
          name: `labels judged rightly (${curves.found.at(-1)!.toFixed(3)})`,
          values: curves.found,
        },
      ],
      { title: "Half of the labels are wrong", x: "step of the weights", y: "part" },
    ),
  );
}

if (import.meta.main) await run(main);
