/**
 * An ensemble of networks trained side by side (deep ensembles: Lakshminarayanan, Pritzel, Blundell,
 * Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles, NeurIPS 2017; own
 * training data for each member: Breiman, Bagging Predictors, Machine Learning 24, 1996).
 *
 * The members are small perceptrons on handwritten digits, of which few are known. A step of training
 * is written for one network; `func.vmap` makes it a step of all, in which the members' weights and
 * optimizer states have one more dimension in front. The ensemble's answer is the mean of the
 * probabilities that its members give.
 *
 * @module
 */

import {
  adam,
  applyUpdates,
  compile,
  type Compiled,
  func,
  Generator,
  nn,
  randint,
  randn,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import { treeMap } from "@torchopt/torchopt/pytree";
import { loadDigits } from "./data/digits.ts";
import { options, run, UsageError } from "./helpers/options.ts";
import { lineChart, savePicture } from "./helpers/plot.ts";
import { track } from "./helpers/progress.ts";

const CLASSES = 10;

/** Weights `[out, in]` and biases of a network; those of an ensemble have the members in front. */
export type Params = Record<"w1" | "b1" | "w2" | "b2", Tensor>;

/** Images `[n, pixels]` and their labels `[n]`. */
export interface Examples {
  readonly x: Tensor;
  readonly y: Tensor;
}

/** A network in training, or an ensemble of them. */
export interface Learner {
  readonly params: Params;
  /** State of the optimizer. */
  readonly state: ReturnType<ReturnType<typeof adam>["init"]>;
}

/** What a step of training returns. */
export interface Step {
  readonly learner: Learner;
  /** Loss before the step, one for each member. */
  readonly loss: Tensor;
}

/** Initial parameters of `members` networks (He et al., 2015). */
export function makeParams(
  members: number,
  pixels: number,
  hidden: number,
  generator: Generator,
): Params {
  const weight = (rows: number, columns: number) =>
    randn([members, rows, columns], { generator }).mul(Math.sqrt(2 / columns));
  return {
    w1: weight(hidden, pixels),
    b1: zeros([members, hidden]),
    w2: weight(CLASSES, hidden),
    b2: zeros([members, CLASSES]),
  };
}

/** Unnormalised scores `[n, 10]` of one network. */
function logits(p: Params, x: Tensor): Tensor {
  return nn.functional.linear(nn.functional.linear(x, p.w1, p.b1).relu(), p.w2, p.b2);
}

/** A step of one network on the examples in some rows. */
function oneStep({ x, y }: Examples, lr: number): (learner: Learner, rows: Tensor) => Step {
  const optimizer = adam({ lr });
  const lossOf = (p: Params, rows: Tensor) =>
    nn.functional.crossEntropy(logits(p, x.indexSelect(0, rows)), y.indexSelect(0, rows));
  return ({ params, state }, rows) => {
    const [loss, grads] = func.valueAndGrad(lossOf)(params, rows);
    const [updates, next] = optimizer.update(grads, state, { params, inplace: false });
    const stepped = applyUpdates(params, updates, { inplace: false }) as Params;
    return { learner: { params: stepped, state: next }, loss };
  };
}

/** Parameters with the state that training starts from. */
export function startOf(params: Params): Learner {
  const optimizer = adam(); // the size of the steps is no part of the state
  return { params, state: func.vmap((p: Params) => optimizer.init(p))(params) };
}

/** A compiled step of one network on rows `[batch]` of the examples. */
export function networkTrainer(
  train: Examples,
  lr: number,
): Compiled<(learner: Learner, rows: Tensor) => Step> {
  return compile(oneStep(train, lr));
}

/**
 * A compiled step of all members at once. Rows `[batch]` are the same for all of them, of
 * `[members, batch]` each gets its own.
 */
export function ensembleTrainer(
  train: Examples,
  lr: number,
): Compiled<(learners: Learner, rows: Tensor) => Step> {
  const step = oneStep(train, lr);
  return compile((learners: Learner, rows: Tensor) =>
    func.vmap(step, { inAxes: [0, rows.ndim === 1 ? null : 0] })(learners, rows)
  );
}

/** Shares of images that are classified correctly. */
export interface Accuracy {
  /** By each member alone. */
  readonly members: number[];
  /** By the mean of their probabilities. */
  readonly vote: number;
}

/** A function that tests an ensemble. */
export function tester({ x, y }: Examples): (params: Params) => Accuracy {
  const run = compile((params: Params) => {
    const probabilities = func.vmap((p: Params) => logits(p, x).softmax(1))(params) as Tensor;
    const hits = (p: Tensor) => p.argmax(-1).eq(y).to("float32").mean(-1);
    return [hits(probabilities), hits(probabilities.mean(0))];
  });
  return (params) => {
    const [members, vote] = run(params);
    return { members: Array.from(members.data(), Number), vote: vote.item() };
  };
}

/**
 * Digits in random order: the first `known` to learn from, the last 600 to be tested on.
 *
 * @throws {UsageError} where there are not so many
 */
export async function digitProblem(
  known: number,
  generator: Generator,
): Promise<{ train: Examples; test: Examples }> {
  const { images, labels } = await loadDigits();
  const order = [...generator.permutation(labels.length)];
  const pick = (rows: number[]) => ({
    x: tensor(rows.flatMap((r) => [...images[r]]), { shape: [rows.length, images[0].length] }),
    y: tensor(rows.map((r) => labels[r]), { dtype: "int64" }),
  });
  const held = labels.length - 600;
  if (known > held) throw new UsageError(`--known wants at most ${held} images, got ${known}`);
  return { train: pick(order.slice(0, known)), test: pick(order.slice(held)) };
}

/**
 * Draws the rows of each step. With a bootstrap sample each member has a training set of its own, drawn
 * with replacement; otherwise all members see the same rows.
 */
export function rowSampler(
  known: number,
  members: number,
  batch: number,
  bootstrap: boolean,
  generator: Generator,
): () => Tensor {
  const own = bootstrap ? randint(0, known, [members, known], { generator }) : null;
  return () => {
    if (own === null) return randint(0, known, [batch], { generator });
    return own.gather(1, randint(0, known, [members, batch], { generator }));
  };
}

/** Milliseconds for a step of all members, one after the other, after the first step. */
function timeLoop(step: ReturnType<typeof networkTrainer>, all: Learner, rows: Tensor[]): number {
  const members = all.params.b1.shape[0];
  const learners = Array.from(
    { length: members },
    (_, m) => treeMap((t: Tensor) => t.select(0, m).clone(), all as never) as unknown as Learner,
  );
  const parts = rows.map((r) => learners.map((_, m) => r.ndim === 1 ? r : r.select(0, m).clone()));
  parts.flat().forEach((r) => r.data()); // computed before the clock runs
  let start = 0;
  parts.forEach((part, i) => {
    if (i === 1) start = performance.now();
    const losses = part.map((r, m) => {
      const next = step(learners[m], r);
      learners[m] = next.learner;
      return next.loss;
    });
    losses.forEach((loss) => loss.item());
  });
  return (performance.now() - start) / (rows.length - 1);
}

const table = {
  members: [10, "networks in the ensemble", "count"],
  hidden: [32, "hidden units of each", "count"],
  known: [300, "images to learn from", "count"],
  data: ["bootstrap", "bootstrap: a sample of these for each member; same: all of them"],
  batch: [32, "images in an iteration, for each member", "count"],
  iterations: [1000, "steps of training", "count"],
  lr: [3e-3, "step size (Adam)", "positive"],
  compare: [50, "iterations that are timed as a loop over the members; 0: none", "seed"],
  seed: [0, "seed of parameters and data", "seed"],
  out: ["ensemble.svg", "picture of the accuracy", "file"],
} as const;

async function main(): Promise<void> {
  const o = options("An ensemble of networks on handwritten digits, trained side by side.", table);
  if (o.data !== "bootstrap" && o.data !== "same") {
    throw new UsageError(`--data wants bootstrap or same, got ${o.data}`);
  }
  const generator = new Generator(o.seed);
  const { train, test } = await digitProblem(o.known, generator);
  const params = makeParams(o.members, train.x.shape[1], o.hidden, generator);
  const initial = startOf(params);
  const draw = rowSampler(o.known, o.members, o.batch, o.data === "bootstrap", generator);
  const step = ensembleTrainer(train, o.lr), assess = tester(test);
  const every = Math.ceil(o.iterations / 50), curve: Accuracy[] = [];
  let learners = initial, stepped = 0;
  const percent = (v: number) => `${(100 * v).toFixed(1)} %`;
  await track("training", o, () => `vote ${percent(curve.at(-1)!.vote)}`, (i) => {
    const rows = draw(), start = performance.now();
    const next = step(learners, rows);
    learners = next.learner;
    next.loss.data();
    if (i > 0) stepped += performance.now() - start; // the first one compiles
    if (i % every === 0 || i === o.iterations - 1) curve.push(assess(learners.params));
  });

  const { members, vote } = curve.at(-1)!;
  const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
  console.log(`accuracy on ${test.y.size} other images, after ${o.known} known ones`);
  console.log(`  members   ${members.map(percent).join("  ")}`);
  console.log(`  mean      ${percent(mean(members))}, best ${percent(Math.max(...members))}`);
  console.log(`  vote      ${percent(vote)}`);
  if (o.iterations > 1) {
    const ms = (stepped / (o.iterations - 1)).toFixed(2);
    console.log(`${ms} ms an iteration, all ${o.members} members at once`);
  }
  if (o.compare > 0) {
    const rows = Array.from({ length: o.compare + 1 }, draw);
    const ms = timeLoop(networkTrainer(train, o.lr), initial, rows).toFixed(2);
    console.log(`${ms} ms an iteration, one member after the other, compiled as well`);
  }
  const curves = [
    { name: "vote", values: curve.map((a) => a.vote) },
    { name: "best member", values: curve.map((a) => Math.max(...a.members)) },
    { name: "mean of the members", values: curve.map((a) => mean(a.members)) },
    { name: "worst member", values: curve.map((a) => Math.min(...a.members)) },
  ];
  await savePicture(
    o.out,
    lineChart(curves, {
      title: `${o.members} networks, ${o.known} known images`,
      x: "iterations",
      y: "accuracy on other images",
      range: [0, o.iterations],
    }),
  );
}

if (import.meta.main) await run(main);
