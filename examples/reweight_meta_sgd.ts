/**
 * Learning to reweight examples (Ren, Zeng, Yang, Urtasun, Learning to Reweight Examples for Robust
 * Deep Learning, ICML 2018) with a differentiable optimizer, on classes of unequal size.
 *
 * 98 % of the training examples are of one class. Plain training answers with that class. Reweighting
 * gives each example of a batch a weight, lets `MetaSGD` take one step on the weighted loss, and asks
 * how the weights should have been for the loss on a few balanced examples: it differentiates through
 * the step.
 *
 * @module
 */

import {
  Adam,
  autograd,
  compile,
  type Compiled,
  extractStateDict,
  Generator,
  MetaSGD,
  nn,
  randn,
  recoverStateDict,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import { options, run } from "./helpers/options.ts";
import { lineChart, savePicture } from "./helpers/plot.ts";
import { track } from "./helpers/progress.ts";

/** Perceptron with one hidden layer that gives the probability of class 1. */
export class Classifier extends nn.Module {
  hidden: nn.Linear;
  output: nn.Linear;

  constructor(inputs: number, width: number, generator: Generator) {
    super();
    this.hidden = new nn.Linear(inputs, width, { generator });
    this.output = new nn.Linear(width, 1, { generator });
  }

  override forward(x: Tensor): Tensor {
    return this.output.call(this.hidden.call(x).relu()).sigmoid().squeeze(1);
  }
}

/** Inputs `[n, features]` and classes `[n]`, 0 or 1. */
export interface Examples {
  readonly x: Tensor;
  readonly y: Tensor;
}

/** Cross-entropy of each example. */
function losses(net: Classifier, { x, y }: Examples): Tensor {
  const p = net.call(x), tiny = 1e-10;
  const one = y.mul(p.add(tiny).log());
  const zero = y.neg().add(1).mul(p.neg().add(1).add(tiny).log());
  return one.add(zero).neg();
}

/** What a reweighted step returns. */
export interface Step {
  /** Loss on the balanced examples after the imagined step. */
  readonly outer: Tensor;
  /** Its gradient in the weights. */
  readonly gradient: Tensor;
  /** The weights. */
  readonly weights: Tensor;
  /** Weighted loss of the batch. */
  readonly loss: Tensor;
}

/** Step sizes. */
export interface Rates {
  /** Of the imagined step. */
  readonly inner: number;
  /** Of training (Adam). */
  readonly outer: number;
}

/** A compiled step of reweighted training. */
export function reweightedTrainer(
  net: Classifier,
  balanced: Examples,
  rates: Rates,
): Compiled<(batch: Examples) => Step> {
  const inner = new MetaSGD(net, { lr: rates.inner });
  const optimizer = new Adam(net.parameters(), { lr: rates.outer });
  return compile((batch: Examples) => {
    const before = extractStateDict(net), stateBefore = extractStateDict(inner);
    const w = zeros(batch.y.shape, { dtype: batch.x.dtype, requiresGrad: true });
    inner.step(losses(net, batch).mul(w).sum());
    const outer = nn.functional.binaryCrossEntropy(net.call(balanced.x), balanced.y);
    const [gradient] = autograd.grad(outer, [w]) as Tensor[];
    recoverStateDict(net, before);
    recoverStateDict(inner, stateBefore);

    const useful = gradient.neg().relu(), sum = useful.sum();
    const weights = useful.div(sum.add(sum.eq(0).to(sum.dtype))).detach();
    const loss = losses(net, batch).mul(weights).sum();
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return { outer, gradient, weights, loss };
  });
}

/** A compiled step of plain training. */
export function plainTrainer(net: Classifier, lr: number): Compiled<(batch: Examples) => Tensor> {
  const optimizer = new Adam(net.parameters(), { lr });
  return compile((batch: Examples) => {
    const loss = losses(net, batch).mean();
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss;
  });
}

/** Share of examples whose class is found. */
export function accuracy(net: Classifier, { x, y }: Examples): number {
  return net.call(x).gt(0.5).to(y.dtype).eq(y).to("float32").mean().item();
}

const FEATURES = 10;

/** The synthetic problem: two normal distributions around plus and minus one direction. */
export class Problem {
  readonly #direction: Float32Array;
  readonly #generator: Generator;

  constructor(generator: Generator) {
    this.#generator = generator;
    const d = randn([FEATURES], { generator }).data() as Float32Array;
    const length = Math.hypot(...d);
    this.#direction = d.map((v) => v / length);
  }

  /** `count` examples, of which the share `positive` is of class 1. */
  sample(count: number, positive: number): Examples {
    const x = randn([count, FEATURES], { generator: this.#generator }).data()
      .slice() as Float32Array;
    const ones = Math.round(positive * count);
    const y = Float32Array.from({ length: count }, (_, i) => i < ones ? 1 : 0);
    x.forEach((_, i) => {
      const sign = 2 * y[Math.floor(i / FEATURES)] - 1;
      x[i] += sign * this.#direction[i % FEATURES];
    });
    return { x: tensor(x, { shape: [count, FEATURES] }), y: tensor(y) };
  }
}

/** Sizes of an experiment. */
export interface Experiment {
  readonly epochs: number;
  readonly examples: number;
  readonly batch: number;
  readonly seed: number;
  readonly lr: number;
}

/** Test accuracies after an epoch. */
export interface Epoch {
  readonly plain: number;
  readonly reweighted: number;
}

/** Trains both ways on the same batches; yields after each epoch. */
export function* compare(e: Experiment): IterableIterator<Epoch> {
  const problem = new Problem(new Generator(e.seed));
  const train = problem.sample(e.examples, 0.98);
  const balanced = problem.sample(20, 0.5), test = problem.sample(1000, 0.5);
  const net = () => new Classifier(FEATURES, 32, new Generator(e.seed + 1));
  const plainNet = net(), net2 = net();
  const plain = plainTrainer(plainNet, e.lr);
  const reweighted = reweightedTrainer(net2, balanced, { inner: e.lr, outer: e.lr });
  const shuffle = new Generator(e.seed + 2);
  for (let epoch = 0; epoch < e.epochs; epoch++) {
    const order = tensor(shuffle.permutation(e.examples), { dtype: "int64" });
    for (let at = 0; at + e.batch <= e.examples; at += e.batch) {
      const rows = order.narrow(0, at, e.batch);
      const batch = { x: train.x.indexSelect(0, rows), y: train.y.indexSelect(0, rows) };
      plain(batch);
      reweighted(batch);
    }
    yield { plain: accuracy(plainNet, test), reweighted: accuracy(net2, test) };
  }
}

const table = {
  epochs: [30, "epochs", "count"],
  seed: [0, "seed of data and parameters", "seed"],
  lr: [1e-3, "step sizes", "positive"],
  out: ["reweight_meta_sgd.svg", "picture of the accuracies", "file"],
} as const;

async function main(): Promise<void> {
  const o = options("Learning to reweight with MetaSGD, 98 % of the examples in one class.", table);
  const epochs: Epoch[] = [];
  const status = () => {
    const { plain, reweighted } = epochs.at(-1)!;
    return `plain ${plain.toFixed(3)}  reweighted ${reweighted.toFixed(3)}`;
  };
  const runs = compare({ epochs: o.epochs, examples: 2000, batch: 100, seed: o.seed, lr: o.lr });
  const bounds = { iterations: o.epochs };
  const { seconds } = await track("training", bounds, status, () => {
    epochs.push(runs.next().value);
  });
  const curves = (["plain", "reweighted"] as const).map((name) => ({
    name,
    values: epochs.map((e) => e[name]),
  }));
  console.log("accuracy on balanced examples, after epochs 1, 5, 10, 20, 30, …");
  for (const { name, values } of curves) {
    const shown = values.filter((_, i) => i === 0 || i === 4 || i % 10 === 9);
    console.log(`  ${name.padEnd(11)}${shown.map((v) => v.toFixed(3)).join(" ")}`);
  }
  console.log(`${seconds.toFixed(1)} s`);
  await savePicture(
    o.out,
    lineChart(curves, {
      title: "98 % of the training examples are of one class",
      x: "epoch",
      y: "accuracy on balanced examples",
    }),
  );
}

if (import.meta.main) await run(main);
