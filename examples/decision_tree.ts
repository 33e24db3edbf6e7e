/**
 * Zero-order tuning of a decision tree.
 *
 * A tree asks one pixel of a handwritten digit in each node whether it is brighter than a threshold.
 * Its pixels are chosen greedily, with one threshold for all of them (J. Quinlan, Induction of Decision
 * Trees, Machine Learning 1, 1986). Its loss does not change with small changes of the thresholds, but
 * the loss smoothed by noise does: `diff.zeroOrder` estimates its gradient from trees with perturbed
 * thresholds, all in one graph, and Adam follows it.
 *
 * @module
 */

import { Adam, diff, Generator, randn, type Tensor, tensor } from "@torchopt/torchopt";
import { loadDigits } from "./data/digits.ts";
import { options, run, UsageError } from "./helpers/options.ts";
import { lineChart, savePicture } from "./helpers/plot.ts";
import { track } from "./helpers/progress.ts";

const CLASSES = 10, FIRST_THRESHOLD = 0.5;

/** Images `[n, pixels]` and labels. */
export interface Examples {
  readonly images: readonly Float32Array[];
  readonly labels: readonly number[];
}

/** Sum of -p log p, of counts. */
function entropy(counts: ArrayLike<number>): number {
  const all = Array.from(counts), total = all.reduce((a, b) => a + b, 0);
  return all.reduce((sum, c) => c === 0 ? sum : sum - c / total * Math.log(c / total), 0);
}

/** The pixel that tells most about the labels of some images, at the first threshold. */
function bestPixel({ images, labels }: Examples, rows: readonly number[]): number {
  let best = 0, least = Infinity;
  for (let pixel = 0; pixel < images[0].length; pixel++) {
    const counts = [new Float64Array(CLASSES), new Float64Array(CLASSES)];
    for (const r of rows) counts[Number(images[r][pixel] > FIRST_THRESHOLD)][labels[r]]++;
    const rest = counts.reduce((sum, c) => sum + entropy(c) * c.reduce((a, b) => a + b, 0), 0);
    if (rest < least) [best, least] = [pixel, rest];
  }
  return best;
}

/** Pixels of the nodes, level by level: node i leads to 2i + 1 (darker) and 2i + 2 (brighter). */
export function growTree(data: Examples, depth: number): number[] {
  const pixels: number[] = [], parts: number[][] = [data.labels.map((_, i) => i)];
  for (let node = 0; node < 2 ** depth - 1; node++) {
    const rows = parts[node] ?? [], pixel = rows.length > 0 ? bestPixel(data, rows) : 0;
    pixels.push(pixel);
    const bright = (r: number) => data.images[r][pixel] > FIRST_THRESHOLD;
    parts[2 * node + 1] = rows.filter((r) => !bright(r));
    parts[2 * node + 2] = rows.filter(bright);
  }
  return pixels;
}

/** A tree of fixed pixels on fixed images. */
export class Tree {
  readonly depth: number;
  readonly labels: Tensor;
  /** What each node sees of each image, [n, nodes]. */
  readonly #seen: Tensor;

  constructor({ images, labels }: Examples, pixels: readonly number[]) {
    this.depth = Math.log2(pixels.length + 1);
    const seen = images.flatMap((image) => pixels.map((pixel) => image[pixel]));
    this.#seen = tensor(seen, { shape: [images.length, pixels.length] });
    this.labels = tensor([...labels], { dtype: "int64" });
  }

  /** Numbers of the leaves that images reach, [n], with these thresholds, [nodes]. */
  leaves(thresholds: Tensor): Tensor {
    const bright = this.#seen.gt(thresholds).to("float32");
    let at = this.labels.mul(0);
    for (let level = 0; level < this.depth; level++) {
      at = at.mul(2).add(1).add(bright.gather(1, at.unsqueeze(1)).squeeze(1).to("int64"));
    }
    return at.sub(2 ** this.depth - 1);
  }

  /** log-probabilities of the classes in each leaf, [leaves, classes], with one image more of each. */
  tables(thresholds: Tensor): Tensor {
    const counts = Array.from({ length: 2 ** this.depth }, () => new Array(CLASSES).fill(1));
    const labels = this.labels.data();
    this.leaves(thresholds).data().forEach((leaf: number | bigint, i: number) => {
      counts[Number(leaf)][Number(labels[i])]++;
    });
    const table = tensor(counts);
    return table.div(table.sum(1, { keepdim: true })).log();
  }

  /** The mean of -log(probability of the right class). */
  loss(thresholds: Tensor, tables: Tensor): Tensor {
    const logs = tables.index(this.leaves(thresholds));
    return logs.gather(1, this.labels.unsqueeze(1)).mean().neg();
  }

  /** The share of images whose most likely class is right. */
  accuracy(thresholds: Tensor, tables: Tensor): number {
    const guess = tables.argmax(1).index(this.leaves(thresholds));
    return guess.eq(this.labels).to("float32").mean().item();
  }
}

/** What the tuning is made of. */
export interface Settings {
  /** Pairs of perturbed trees in an iteration. */
  readonly pairs: number;
  /** How far their thresholds are moved. */
  readonly sigma: number;
  /** Step size. */
  readonly lr: number;
}

/** Thresholds in tuning. `iterate` is a step; it returns the loss before it. */
export function tuner(train: Tree, o: Settings, generator: Generator): {
  readonly thresholds: Tensor;
  iterate(): number;
} {
  const nodes = 2 ** train.depth - 1;
  const thresholds = tensor(new Float32Array(nodes).fill(FIRST_THRESHOLD), { requiresGrad: true });
  const optimizer = new Adam([thresholds], { lr: o.lr });
  const noise = (shape: readonly number[]) => randn(shape, { generator });
  const estimate = diff.zeroOrder(noise, {
    method: "antithetic",
    numSamples: o.pairs,
    sigma: o.sigma,
    evaluation: "batch",
  });
  const loss = estimate((t: Tensor, tables: Tensor) => train.loss(t, tables));
  return {
    thresholds,
    iterate() {
      // Leaves say what the images in them are; thresholds decide which those are.
      const value = loss(thresholds, train.tables(thresholds.detach()));
      optimizer.zeroGrad();
      value.backward();
      optimizer.step();
      return value.item();
    },
  };
}

/** Digits in random order: `known` to learn from, the last 600 to be tested on. */
export async function digitProblem(
  known: number,
  generator: Generator,
): Promise<{ train: Examples; test: Examples }> {
  const { images, labels } = await loadDigits(), order = [...generator.permutation(labels.length)];
  const held = labels.length - 600;
  if (known > held) throw new UsageError(`--known wants at most ${held} images, got ${known}`);
  const pick = (rows: number[]) => ({
    images: rows.map((r) => images[r]),
    labels: rows.map((r) => labels[r]),
  });
  return { train: pick(order.slice(0, known)), test: pick(order.slice(held)) };
}

const table = {
  depth: [5, "questions that the tree asks about an image", "count"],
  known: [1100, "images to learn from", "count"],
  pairs: [32, "pairs of perturbed trees in an iteration", "count"],
  sigma: [0.1, "how far thresholds are moved", "positive"],
  lr: [0.01, "step size (Adam)", "positive"],
  iterations: [200, "steps of tuning", "count"],
  seed: [0, "seed of the images' order and of the noise", "seed"],
  out: ["decision_tree.svg", "picture of the accuracy", "file"],
} as const;

async function main(): Promise<void> {
  const o = options("Tunes the thresholds of a decision tree without gradients.", table);
  const generator = new Generator(o.seed), data = await digitProblem(o.known, generator);
  const pixels = growTree(data.train, o.depth);
  const train = new Tree(data.train, pixels), test = new Tree(data.test, pixels);
  const { thresholds, iterate } = tuner(train, o, generator);
  const curve: { train: number; test: number }[] = [], losses: number[] = [];
  const measure = () => {
    const now = thresholds.detach(), tables = train.tables(now);
    curve.push({ train: train.accuracy(now, tables), test: test.accuracy(now, tables) });
  };
  const percent = (v: number) => `${(100 * v).toFixed(1)} %`;
  measure();
  const every = Math.ceil(o.iterations / 50);
  const taken = await track("tuning", o, () => percent(curve.at(-1)!.test), (i) => {
    losses.push(iterate());
    if (i % every === 0 || i === o.iterations - 1) measure();
  });
  const [first, last] = [curve[0], curve.at(-1)!];
  console.log(`accuracy of a tree of ${pixels.length} nodes: known images, 600 others`);
  console.log(`  one threshold   ${percent(first.train)}  ${percent(first.test)}`);
  console.log(`  tuned           ${percent(last.train)}  ${percent(last.test)}`);
  console.log(`loss ${losses[0].toFixed(3)} to ${losses.at(-1)!.toFixed(3)}`);
  const ms = (1e3 * taken.seconds / taken.iterations).toFixed(1);
  console.log(`${ms} ms an iteration of ${2 * o.pairs + 1} trees`);
  const curves = [
    { name: "known images", values: curve.map((c) => c.train) },
    { name: "600 others", values: curve.map((c) => c.test) },
  ];
  await savePicture(
    o.out,
    lineChart(curves, {
      title: `a decision tree of depth ${o.depth}, ${o.known} known images`,
      x: "iterations",
      y: "accuracy",
      range: [0, taken.iterations],
    }),
  );
}

if (import.meta.main) await run(main);
