/**
 * Learning to reweight noisy labels (Ren et al., Learning to Reweight Examples for Robust Deep
 * Learning, ICML 2018), on real handwritten digits.
 *
 * 80 % of the training labels are replaced at random. Plain training believes them. Reweighted
 * training asks, for each batch, which examples would have helped on 50 clean ones: it takes one
 * gradient step with the weights as variables, and differentiates the clean loss through that step.
 *
 * @module
 */

import {
  adam,
  applyUpdates,
  autograd,
  compile,
  Generator,
  nn,
  randn,
  type Tensor,
  zeros,
} from "@torchopt/torchopt";
import { type Examples, examples, loadDigits } from "./data/digits.ts";
import { options, run } from "./helpers/options.ts";
import { lineChart, savePicture } from "./helpers/plot.ts";
import { track } from "./helpers/progress.ts";

const BATCH = 100, HIDDEN = 64, CLEAN = 50, TEST = 360, NOISE = 0.8, INNER_LR = 0.1;

type Params = { w1: Tensor; b1: Tensor; w2: Tensor; b2: Tensor };

function makeParams(generator: Generator): Params {
  const weight = (rows: number, columns: number) =>
    randn([rows, columns], { generator }).mul(Math.sqrt(2 / columns)).requiresGrad_();
  return {
    w1: weight(HIDDEN, 64),
    b1: zeros([HIDDEN], { requiresGrad: true }),
    w2: weight(10, HIDDEN),
    b2: zeros([10], { requiresGrad: true }),
  };
}

function logits(p: Params, x: Tensor): Tensor {
  const hidden = nn.functional.linear(x, p.w1, p.b1).relu();
  return nn.functional.linear(hidden, p.w2, p.b2);
}

/** Cross-entropy of each example. */
function losses(p: Params, { x, y }: Examples): Tensor {
  return nn.functional.crossEntropy(logits(p, x), y, { reduction: "none" });
}

/** Weights of a batch: how much each example would have lowered the clean loss. */
function exampleWeights(p: Params, batch: Examples, clean: Examples): Tensor {
  const eps = zeros([BATCH], { requiresGrad: true });
  const names = Object.keys(p) as (keyof Params)[];
  const inner = autograd.grad(losses(p, batch).mul(eps).sum(), names.map((k) => p[k]), {
    createGraph: true,
  });
  const stepped = Object.fromEntries(
    names.map((k, i) => [k, p[k].sub(inner[i]!.mul(INNER_LR))]),
  ) as Params;
  const [g] = autograd.grad(losses(stepped, clean).mean(), [eps]);
  const weights = g!.neg().clamp(0);
  return weights.div(weights.sum().clamp(1e-12)).detach();
}

function accuracy(p: Params, { x, y }: Examples): number {
  return logits(p, x).argmax(1).eq(y).to("float32").mean().item();
}

const table = {
  epochs: [100, "epochs", "count"],
  seed: [1, "seed of parameters, noise and order", "seed"],
  out: ["reweight.svg", "picture of the accuracies", "file"],
} as const;

async function main(): Promise<void> {
  const about = "Learning to reweight: digits of which 80 % of the labels are random.";
  const { epochs, seed, out } = options(about, table);
  const digits = await loadDigits();
  const generator = new Generator(seed);
  const order = [...generator.permutation(digits.labels.length)].map(Number);
  const test = examples(digits, order.slice(0, TEST));
  const clean = examples(digits, order.slice(TEST, TEST + CLEAN));
  const train = order.slice(TEST + CLEAN);
  const noisy = [...digits.labels];
  const noise = new Float64Array(2 * train.length);
  generator.fillUniform(noise);
  train.forEach((row, i) => {
    if (noise[2 * i] < NOISE) noisy[row] = Math.floor(10 * noise[2 * i + 1]);
  });

  const runs = [{ name: "plain", reweighted: false }, { name: "reweighted", reweighted: true }].map(
    ({ name, reweighted }) => {
      const params = makeParams(new Generator(seed + 1));
      const optimizer = adam({ lr: 1e-3 });
      const state = optimizer.init(params);
      const step = compile((x: Tensor, y: Tensor) => {
        const batch = { x, y };
        const each = losses(params, batch);
        const loss = reweighted
          ? each.mul(exampleWeights(params, batch, clean)).sum()
          : each.mean();
        const names = Object.keys(params) as (keyof Params)[];
        const grads = autograd.grad(loss, names.map((k) => params[k]));
        const tree = Object.fromEntries(names.map((k, i) => [k, grads[i]])) as Params;
        const [updates] = optimizer.update(tree, state, { params });
        applyUpdates(params, updates);
        return loss;
      });
      return { name, params, step, curve: [] as number[], ms: 0, steps: 0 };
    },
  );

  const shuffle = new Generator(seed + 2);
  const status = () => runs.map((r) => `${r.name} ${r.curve.at(-1)!.toFixed(3)}`).join("  ");
  await track("training", { iterations: epochs }, status, () => {
    const permutation = [...shuffle.permutation(train.length)].map(Number);
    for (let at = 0; at + BATCH <= train.length; at += BATCH) {
      const rows = permutation.slice(at, at + BATCH).map((i) => train[i]);
      const batch = examples(digits, rows, noisy);
      for (const run of runs) {
        const start = performance.now();
        run.step(batch.x, batch.y);
        run.ms += performance.now() - start;
        run.steps++;
      }
    }
    for (const run of runs) run.curve.push(accuracy(run.params, test));
  });

  console.log("accuracy on held-out digits");
  for (const run of runs) {
    console.log(
      `  ${run.name.padEnd(11)} ${run.curve.at(-1)!.toFixed(3)}   ` +
        `${(run.ms / run.steps).toFixed(2)} ms a step (${run.steps} steps)`,
    );
  }
  await savePicture(
    out,
    lineChart(
      runs.map((r) => ({ name: `${r.name} (${r.curve.at(-1)!.toFixed(3)})`, values: r.curve })),
      {
        title: "Accuracy on clean digits, 80 % of the training labels random",
        x: "epoch",
        y: "accuracy on held-out digits",
      },
    ),
  );
}

if (import.meta.main) await run(main);
