/**
 * Meta-learning with implicit gradients (Rajeswaran et al., Meta-Learning with Implicit Gradients,
 * NeurIPS 2019): adaptation is the solution of a problem that draws parameters towards data and towards
 * meta-parameters, and its gradient is that of the solution, whatever steps led there.
 *
 * Tasks are clusters in turned coordinates, most of which say nothing, or episodes of handwritten digits.
 * `--style modules` is the object-oriented form, one task after the other; `functions` maps over tasks.
 *
 * @module
 */

import {
  Adam,
  autograd,
  compile,
  diff,
  func,
  Generator,
  linearSolve,
  nn,
  randn,
  SGD,
  stack,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { loadDigits } from "./data/digits.ts";
import { byLabel, type Episode, extended, sampleEpisode } from "./data/episodes.ts";
import { options, run, UsageError } from "./helpers/options.ts";
import { lineChart, savePicture } from "./helpers/plot.ts";
import { track } from "./helpers/progress.ts";

const WAYS = 5, SIGNAL = 4, NUISANCE = 16;

/** Weights and biases of the two layers. */
export type Params = [w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor];

/** How the inner problem is posed and solved. */
export interface Inner {
  /** Weight of the distance to the meta-parameters. */
  readonly reg: number;
  /** Steps of gradient descent. */
  readonly steps: number;
  /** Their size. */
  readonly lr: number;
  /** Solves the linear system of the implicit gradient. */
  readonly solve: linearSolve.LinearSolver;
}

/**
 * For clusters the pull is weak, so that the Hessian need not be positive definite: CG on the normal
 * equations takes any. For digits it is strong, and CG does more in as many products. Steps have to
 * stay short there: as meta-training makes weights larger, the inner loss curves more, and descent with
 * steps of 0.08 ends at no solution, where the implicit gradient is another one.
 */
export const INNER: Readonly<Record<"clusters" | "digits", Inner>> = {
  clusters: {
    reg: 0.5,
    steps: 16,
    lr: 0.2,
    solve: linearSolve.solveNormalCg({ maxiter: 5, atol: 0 }),
  },
  digits: { reg: 3, steps: 24, lr: 0.04, solve: linearSolve.solveCg({ maxiter: 10, rtol: 0 }) },
};

/** Draws episodes. */
export type Source = (generator: Generator) => Episode;

/** Episodes of clusters: few coordinates tell the class, turned among many that do not. */
export function clusters(seed: number): Source {
  const size = SIGNAL + NUISANCE, generator = new Generator(seed);
  // Orthogonal by Gram and Schmidt.
  const rows: Tensor[] = [];
  for (let i = 0; i < size; i++) {
    let row = randn([size], { generator });
    for (const other of rows) row = row.sub(other.mul(row.dot(other)));
    rows.push(row.div(row.norm()));
  }
  const rotation = stack(rows);
  return (generator) => {
    const prototypes = randn([WAYS, 1, SIGNAL], { generator }).mul(2);
    const points = (count: number) => {
      const signal = prototypes.add(randn([WAYS, count, SIGNAL], { generator }).mul(0.5));
      const nuisance = randn([WAYS, count, NUISANCE], { generator }).mul(2);
      const x = signal.pad([0, NUISANCE]).add(nuisance.pad([SIGNAL, 0]));
      return x.reshape([WAYS * count, size]).matmul(rotation);
    };
    const labels = (count: number) =>
      tensor(Array.from({ length: WAYS * count }, (_, i) => Math.floor(i / count)), {
        dtype: "int64",
      });
    return { xSupport: points(1), ySupport: labels(1), xQuery: points(10), yQuery: labels(10) };
  };
}

/** Episodes of digits, turned and reflected: some images of each to learn from, others to test with. */
export async function digits(): Promise<{ train: Source; test: Source }> {
  const { images, labels } = await loadDigits(), shape = { ways: WAYS, shots: 1, queries: 10 };
  const source = (wanted: (i: number) => boolean): Source => {
    const kept = images.map((_, i) => i).filter(wanted);
    const all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    const classes = extended(
      byLabel(kept.map((i) => images[i]), kept.map((i) => labels[i]), all),
      true,
    );
    return (generator) => {
      const e = sampleEpisode(classes, shape, generator);
      return { ...e, xSupport: e.xSupport.flatten(1), xQuery: e.xQuery.flatten(1) };
    };
  };
  return { train: source((i) => i % 4 > 0), test: source((i) => i % 4 === 0) };
}

/** Initial meta-parameters. */
export function makeParams(inputs: number, hidden: number, generator: Generator): Params {
  const uniform = (rows: number, columns: number) =>
    randn([rows, columns], { generator }).div(Math.sqrt(3 * columns)).requiresGrad_();
  const zeros = (n: number) => randn([n], { generator }).mul(0).detach().requiresGrad_();
  return [uniform(hidden, inputs), zeros(hidden), uniform(WAYS, hidden), zeros(WAYS)];
}

function logits([w1, b1, w2, b2]: Params, x: Tensor): Tensor {
  return nn.functional.linear(nn.functional.linear(x, w1, b1).tanh(), w2, b2);
}

/** The inner loss: what is known of the task, and the distance to the meta-parameters. */
function objective(p: Params, meta: Params, { xSupport, ySupport }: Episode, reg: number): Tensor {
  const distance = p.map((x, i) => x.sub(meta[i]).square().sum()).reduce((a, b) => a.add(b));
  return nn.functional.crossEntropy(logits(p, xSupport), ySupport).add(distance.mul(reg / 2));
}

/** Adaptation as a function, with its implicit gradient. */
export function adaptation(
  { reg, steps, lr, solve: linear }: Inner,
): (meta: Params, e: Episode) => Params {
  const slope = func.grad((p: Params, meta: Params, e: Episode) => objective(p, meta, e, reg));
  const solve = diff.implicit.customRoot(slope, {
    argnums: 1,
    solve: linear,
  })((p: Params, meta: Params, e: Episode): Params =>
    func.foriLoop(0, steps, (_, p) => {
      const g = slope(p, meta, e);
      return p.map((x, i) => x.sub(g[i].mul(lr))) as Params;
    }, p)
  );
  return (meta, e) => solve(meta, meta, e);
}

/** Adaptation as a module: `solve()` trains, and leaves parameters that know their derivative. */
abstract class Adapted extends nn.ImplicitMetaGradientModule {
  readonly params: nn.Parameter[];
  readonly meta: Params;
  readonly #inner: Inner;

  constructor(meta: Params, inner: Inner) {
    super(meta);
    this.meta = meta;
    this.params = meta.map((p) => new nn.Parameter(p.detach().clone()));
    this.#inner = inner;
  }

  forward(x: Tensor): Tensor {
    return logits(this.params as unknown as Params, x);
  }

  override objective(e: Episode): Tensor {
    return objective(this.params as unknown as Params, this.meta, e, this.#inner.reg);
  }

  override solve(e: Episode): void {
    const optimizer = new SGD(this.parameters(), { lr: this.#inner.lr });
    for (let k = 0; k < this.#inner.steps; k++) {
      optimizer.zeroGrad();
      this.objective(e).backward();
      optimizer.step();
    }
  }
}

/** A step of meta-training on some episodes, which gives the mean query loss. */
export function metaTrainer(
  meta: Params,
  inner: Inner,
  lr: number,
  style: string,
): (episodes: readonly Episode[]) => Tensor {
  const optimizer = new Adam(meta, { lr }), { crossEntropy } = nn.functional;
  const query = (z: Tensor, e: Episode) => crossEntropy(z, e.yQuery);
  if (style === "modules") {
    class Task extends Adapted {
      static override linearSolve = inner.solve;
    }
    return (episodes) => {
      const losses = episodes.map((e) => {
        const task = new Task(meta, inner);
        task.solve(e);
        return query(task.call(e.xQuery), e);
      });
      const loss = stack(losses).mean();
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss;
    };
  }
  const adapt = adaptation(inner), names = ["xSupport", "ySupport", "xQuery", "yQuery"] as const;
  const step = compile((all: Episode) => {
    const losses = func.vmap((e: Episode) => query(logits(adapt(meta, e), e.xQuery), e))(all);
    const loss = losses.mean(), grads = autograd.grad(loss, meta);
    meta.forEach((p, i) => p.grad = grads[i]);
    optimizer.step();
    return loss;
  });
  return (episodes) =>
    step(
      Object.fromEntries(
        names.map((name) => [name, stack(episodes.map((e) => e[name]))]),
      ) as Episode,
    );
}

/** Accuracies before and after adaptation, means over episodes. */
export function evaluator(meta: Params, inner: Inner): (e: readonly Episode[]) => [number, number] {
  const adapt = adaptation(inner);
  const hit = (p: Params, e: Episode) =>
    logits(p, e.xQuery).argmax(1).eq(e.yQuery).to("float32").mean();
  const both = compile((e: Episode) => [hit(meta, e), hit(adapt(meta, e), e)]);
  return (episodes) => {
    const sums = [0, 0];
    for (const e of episodes) both(e).forEach((x, i) => sums[i] += x.item());
    return [sums[0] / episodes.length, sums[1] / episodes.length];
  };
}

const table = {
  data: ["clusters", "clusters or digits"],
  style: ["functions", "functions (all tasks at once) or modules"],
  iterations: [300, "meta-iterations", "count"],
  tasks: [8, "tasks in each", "count"],
  lr: [3e-3, "learning rate of meta-training", "positive"],
  seed: [0, "seed of parameters and tasks", "seed"],
  out: ["imaml.svg", "picture of the accuracies", "file"],
} as const;

async function main(): Promise<void> {
  const about = "Meta-learning with implicit gradients, on clusters or handwritten digits.";
  const { data, style, iterations, tasks, lr, seed, out } = options(about, table);
  if (data !== "clusters" && data !== "digits") throw new UsageError(`--data is ${data}`);
  if (style !== "functions" && style !== "modules") throw new UsageError(`--style is ${style}`);
  const source = clusters(seed);
  const { train, test } = data === "digits" ? await digits() : { train: source, test: source };
  const inner = INNER[data];
  const generator = new Generator(seed + 1);
  const meta = makeParams(data === "digits" ? 64 : SIGNAL + NUISANCE, 32, new Generator(seed));
  const held = new Generator(seed + 2), fixed = Array.from({ length: 200 }, () => test(held));
  const evaluate = evaluator(meta, inner), step = metaTrainer(meta, inner, lr, style);
  const before: number[] = [], after: number[] = [];
  const assess = () => {
    const [b, a] = evaluate(fixed);
    before.push(b);
    after.push(a);
  };
  assess();
  let ms = 0;
  const status = () => `accuracy after adaptation ${after.at(-1)!.toFixed(3)}`;
  await track("meta-training", { iterations }, status, (i) => {
    const episodes = Array.from({ length: tasks }, () => train(generator));
    const start = performance.now();
    step(episodes).item();
    ms += performance.now() - start;
    if ((i + 1) % Math.max(1, Math.floor(iterations / 10)) === 0) assess();
  });
  console.log("accuracy on 200 episodes    before   after adaptation");
  console.log(`  untrained                 ${before[0].toFixed(3)}    ${after[0].toFixed(3)}`);
  console.log(
    `  after ${String(iterations).padEnd(5)} iterations    ${before.at(-1)!.toFixed(3)}    ` +
      `${after.at(-1)!.toFixed(3)}   ${(ms / iterations).toFixed(1)} ms an iteration`,
  );
  await savePicture(
    out,
    lineChart([
      { name: `after adaptation (${after.at(-1)!.toFixed(3)})`, values: after },
      { name: `before (${before.at(-1)!.toFixed(3)})`, values: before },
    ], {
      title: `iMAML on ${data}: five classes, one example of each`,
      x: "meta-iteration",
      y: "accuracy on new episodes",
      range: [0, iterations],
    }),
  );
}

if (import.meta.main) await run(main);
