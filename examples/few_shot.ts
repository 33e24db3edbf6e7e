/**
 * Few-shot classification with model-agnostic meta-learning (Finn, Abbeel, Levine, ICML 2017), on
 * handwritten digits that were never seen in meta-training.
 *
 * Digits 0 to 6, turned by quarters and reflected, are 56 classes to learn from; 7, 8 and 9 give 24
 * others to be tested on. `--omniglot images_background` takes the characters of Omniglot instead
 * (turned by quarters, the last fifth of the characters held back).
 *
 * The network has one block of convolution, batch norm, ReLU and pooling for each halving of the
 * image, then a linear layer.
 *
 * @module
 */

import {
  adam,
  applyUpdates,
  autograd,
  compile,
  type Compiled,
  func,
  Generator,
  nn,
  ones,
  randn,
  stack,
  type Tensor,
  zeros,
} from "@torchopt/torchopt";
import { treeMap } from "@torchopt/torchopt/pytree";
import { loadDigits } from "./data/digits.ts";
import {
  byLabel,
  type Episode,
  extended,
  type ImageClass,
  sampleEpisode,
} from "./data/episodes.ts";
import { loadOmniglot } from "./data/omniglot.ts";
import { options, run } from "./helpers/options.ts";
import { lineChart, savePicture } from "./helpers/plot.ts";
import { track } from "./helpers/progress.ts";

/** Kernel, bias, and batch norm's factor and summand of a block. */
type Block = Record<"kernel" | "bias" | "scale" | "shift", Tensor>;

/** Parameters of the network. */
export interface Params {
  readonly blocks: readonly Block[];
  readonly weight: Tensor;
  readonly bias: Tensor;
}

/** How the network adapts to an episode. */
export interface Inner {
  /** Steps of gradient descent. */
  readonly steps: number;
  /** Their size. */
  readonly lr: number;
}

/** Initial parameters for images of `size` pixels in a row (He et al., 2015). */
export function makeParams(
  generator: Generator,
  size: number,
  ways: number,
  channels = 32,
): Params {
  const blocks: Block[] = [];
  for (let side = size, inputs = 1; side > 1; side = Math.floor(side / 2), inputs = channels) {
    const kernel = randn([channels, inputs, 3, 3], { generator }).mul(Math.sqrt(2 / (9 * inputs)));
    blocks.push({
      kernel: kernel.requiresGrad_(),
      bias: zeros([channels], { requiresGrad: true }),
      scale: ones([channels], { requiresGrad: true }),
      shift: zeros([channels], { requiresGrad: true }),
    });
  }
  const weight = randn([ways, channels], { generator }).mul(1 / Math.sqrt(channels));
  return { blocks, weight: weight.requiresGrad_(), bias: zeros([ways], { requiresGrad: true }) };
}

const leaves = ({ blocks, weight, bias }: Params): Tensor[] => [
  ...blocks.flatMap((b) => [b.kernel, b.bias, b.scale, b.shift]),
  weight,
  bias,
];

function fromLeaves(list: readonly Tensor[]): Params {
  const blocks: Block[] = [];
  for (let i = 0; i + 4 < list.length; i += 4) {
    const [kernel, bias, scale, shift] = list.slice(i, i + 4);
    blocks.push({ kernel, bias, scale, shift });
  }
  return { blocks, weight: list.at(-2)!, bias: list.at(-1)! };
}

function logits(p: Params, x: Tensor): Tensor {
  const { batchNorm, conv2d, linear, maxPool2d } = nn.functional;
  for (const { kernel, bias, scale, shift } of p.blocks) {
    x = conv2d(x, kernel, bias, { padding: 1 });
    // Pooling first: fewer values to normalise.
    x = batchNorm(maxPool2d(x, 2), null, null, { weight: scale, bias: shift, training: true })
      .relu();
  }
  return linear(x.flatten(1), p.weight, p.bias);
}

/** Parameters after adaptation to the known images. */
export function adapt(params: Params, { xSupport, ySupport }: Episode, inner: Inner): Params {
  let p = params;
  for (let k = 0; k < inner.steps; k++) {
    const before = leaves(p);
    const loss = nn.functional.crossEntropy(logits(p, xSupport), ySupport);
    const grads = autograd.grad(loss, before, { createGraph: true });
    p = fromLeaves(before.map((t, i) => t.sub(grads[i]!.mul(inner.lr))));
  }
  return p;
}

/** Loss and accuracy on the images to classify. */
function assess(p: Params, { xQuery, yQuery }: Episode): { loss: Tensor; accuracy: Tensor } {
  const z = logits(p, xQuery);
  return {
    loss: nn.functional.crossEntropy(z, yQuery),
    accuracy: z.argmax(1).eq(yQuery).to("float32").mean(),
  };
}

/** What a step of meta-training returns: means over its episodes. */
export interface Step {
  readonly loss: Tensor;
  readonly accuracy: Tensor;
}

/** A compiled step of meta-training on some episodes. */
export function metaTrainer(
  params: Params,
  inner: Inner,
  lr: number,
): Compiled<(episodes: readonly Episode[]) => Step> {
  const optimizer = adam({ lr }), list = leaves(params);
  const state = optimizer.init(list);
  return compile((episodes: readonly Episode[]) => {
    // All episodes at once: each network has kernels of its own after the first step.
    const all = treeMap((...parts: Tensor[]) => stack(parts), ...(episodes as [Episode]));
    const results: Step = func.vmap((e: Episode) => assess(adapt(params, e, inner), e))(all);
    const loss = results.loss.mean();
    const [updates] = optimizer.update(autograd.grad(loss, list), state, { params: list });
    applyUpdates(list, updates);
    return { loss, accuracy: results.accuracy.mean() };
  });
}

/** A compiled function that gives the accuracies before and after adaptation. */
export function evaluator(
  params: Params,
  inner: Inner,
): Compiled<(episode: Episode) => [Tensor, Tensor]> {
  return compile((episode: Episode) => [
    assess(params, episode).accuracy,
    assess(adapt(params, episode, inner), episode).accuracy,
  ]);
}

/** Mean accuracies over episodes, before and after adaptation. */
export function evaluate(
  evaluateOne: ReturnType<typeof evaluator>,
  episodes: readonly Episode[],
): [number, number] {
  let before = 0, after = 0;
  for (const episode of episodes) {
    const [b, a] = evaluateOne(episode);
    before += b.item() / episodes.length;
    after += a.item() / episodes.length;
  }
  return [before, after];
}

/** Classes for meta-training and for testing, from the digits. */
export async function digitClasses(): Promise<{ train: ImageClass[]; test: ImageClass[] }> {
  const { images, labels } = await loadDigits();
  return {
    train: extended(byLabel(images, labels, [0, 1, 2, 3, 4, 5, 6]), true),
    test: extended(byLabel(images, labels, [7, 8, 9]), true),
  };
}

async function omniglotClasses(
  folder: string,
): Promise<{ train: ImageClass[]; test: ImageClass[] }> {
  const all = await loadOmniglot(folder);
  const kept = Math.floor(0.8 * all.length);
  return {
    train: extended(all.slice(0, kept), false),
    test: extended(all.slice(kept), false),
  };
}

const table = {
  omniglot: ["", "folder images_background of Omniglot (digits without it)"],
  iterations: [300, "meta-training iterations", "count"],
  tasks: [4, "episodes in each iteration", "count"],
  ways: [5, "classes of an episode", "count"],
  shots: [1, "known images of a class", "count"],
  queries: [5, "images of a class to classify", "count"],
  steps: [5, "steps of adaptation", "count"],
  "inner-lr": [0.1, "size of those steps", "positive"],
  lr: [3e-3, "step size of meta-training (Adam)", "positive"],
  seed: [0, "seed of parameters and episodes", "seed"],
  out: ["few_shot.svg", "picture of the accuracy", "file"],
} as const;

async function main(): Promise<void> {
  const o = options("Few-shot classification with MAML.", table);
  const { train, test } = o.omniglot === ""
    ? await digitClasses()
    : await omniglotClasses(o.omniglot);
  const inner = { steps: o.steps, lr: o["inner-lr"] };
  const params = makeParams(new Generator(o.seed), train[0].size, o.ways);
  const held = new Generator(o.seed + 1);
  const episodes = Array.from({ length: 100 }, () => sampleEpisode(test, o, held));
  const evaluateOne = evaluator(params, inner);
  const untrained = evaluate(evaluateOne, episodes);

  const step = metaTrainer(params, inner, o.lr), generator = new Generator(o.seed + 2);
  const curve: number[] = [];
  let recent = 1 / o.ways, stepped = 0;
  const status = () => `accuracy after adaptation ${recent.toFixed(3)}`;
  await track("meta-training", o, status, () => {
    const batch = Array.from({ length: o.tasks }, () => sampleEpisode(train, o, generator));
    const start = performance.now();
    recent = 0.95 * recent + 0.05 * step(batch).accuracy.item();
    stepped += performance.now() - start;
    curve.push(recent);
  });
  const trained = evaluate(evaluateOne, episodes);
  const percent = (v: number) => `${(100 * v).toFixed(1)} %`;
  console.log(
    `accuracy on ${episodes.length} episodes of new classes, before and after adaptation`,
  );
  console.log(`  untrained     ${untrained.map(percent).join("  ")}`);
  console.log(`  meta-trained  ${trained.map(percent).join("  ")}`);
  console.log(`${(stepped / o.iterations).toFixed(1)} ms an iteration`);
  await savePicture(
    o.out,
    lineChart([{ name: "after adaptation", values: curve }], {
      title: `${o.ways} classes, ${o.shots} image(s) of each`,
      x: "iteration",
      y: "accuracy on training classes",
    }),
  );
}

if (import.meta.main) await run(main);
