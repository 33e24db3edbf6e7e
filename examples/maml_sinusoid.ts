/**
 * Model-agnostic meta-learning on sinusoids (Finn, Abbeel, Levine, Model-Agnostic Meta-Learning for
 * Fast Adaptation of Deep Networks, ICML 2017, section 5.1).
 *
 * A task is a sine wave of unknown amplitude and phase, of which ten points are known. Meta-training
 * looks for initial parameters from which one step of gradient descent on those points goes far: it
 * differentiates the error after the step with respect to the parameters before it.
 *
 * Adaptation is written for one task. `func.vmap` makes one graph of all tasks of an iteration.
 *
 * @module
 */

import {
  adam,
  applyUpdates,
  autograd,
  compile,
  type Compiled,
  devices,
  type DType,
  func,
  Generator,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { checkedOptions, helpText, run } from "./helpers/options.ts";
import { type Curve, lineChart } from "./helpers/plot.ts";
import { standardError, track } from "./helpers/progress.ts";

/** Weights `[in, out]` and biases of a perceptron with two hidden layers. */
export type Params = Record<"w1" | "b1" | "w2" | "b2" | "w3" | "b3", Tensor>;

/** Known points and points to predict, each `[points, 1]`. */
export interface Task {
  /** Known points. */
  readonly xSupport: Tensor;
  readonly ySupport: Tensor;
  /** Points to predict. */
  readonly xQuery: Tensor;
  readonly yQuery: Tensor;
}

/** Several tasks: each tensor is `[tasks, points, 1]`. */
export type Tasks = Task;

/** How tasks are adapted to. */
export interface Inner {
  /** Steps of gradient descent. */
  readonly steps: number;
  /** Their size. */
  readonly lr: number;
}

const names = ["w1", "b1", "w2", "b2", "w3", "b3"] as const;

/** Initial parameters, uniform in plus and minus one over the square root of the number of inputs. */
export function makeParams(generator: Generator, hidden = 40): Params {
  const draw = (shape: number[], inputs: number) => {
    const data = new Float64Array(shape.reduce((a, b) => a * b, 1));
    generator.fillUniform(data);
    const bound = 1 / Math.sqrt(inputs);
    return tensor(Float32Array.from(data, (u) => bound * (2 * u - 1)), {
      shape,
      requiresGrad: true,
    });
  };
  return {
    w1: draw([1, hidden], 1),
    b1: draw([hidden], 1),
    w2: draw([hidden, hidden], hidden),
    b2: draw([hidden], hidden),
    w3: draw([hidden, 1], hidden),
    b3: draw([1], hidden),
  };
}

function predict(p: Params, x: Tensor): Tensor {
  const h1 = x.matmul(p.w1).add(p.b1).relu();
  return h1.matmul(p.w2).add(p.b2).relu().matmul(p.w3).add(p.b3);
}

/** Mean squared error. */
function error(p: Params, x: Tensor, y: Tensor): Tensor {
  return predict(p, x).sub(y).square().mean();
}

/** Parameters after every step on the known points of a task, those before the first in front. */
export function adapt(params: Params, task: Task, inner: Inner): Params[] {
  const path = [params];
  for (let k = 0; k < inner.steps; k++) {
    const p = path[k], loss = error(p, task.xSupport, task.ySupport);
    const grads = autograd.grad(loss, names.map((n) => p[n]), { createGraph: true });
    path.push(
      Object.fromEntries(names.map((n, i) => [n, p[n].sub(grads[i]!.mul(inner.lr))])) as Params,
    );
  }
  return path;
}

/** Mean error over the tasks on the points to predict, after adaptation. */
export function metaLoss(params: Params, tasks: Tasks, inner: Inner): Tensor {
  const taskLoss = (task: Task) =>
    error(adapt(params, task, inner)[inner.steps], task.xQuery, task.yQuery);
  return func.vmap(taskLoss)(tasks).mean();
}

/** A compiled function that takes one step on the initial parameters and returns the meta-loss. */
export function metaTrainer(
  params: Params,
  inner: Inner,
  lr: number,
): Compiled<(tasks: Tasks) => Tensor> {
  const optimizer = adam({ lr });
  const state = optimizer.init(params);
  return compile((tasks: Tasks) => {
    const loss = metaLoss(params, tasks, inner);
    const grads = autograd.grad(loss, names.map((n) => params[n]));
    const tree = Object.fromEntries(names.map((n, i) => [n, grads[i]])) as Params;
    const [updates] = optimizer.update(tree, state, { params });
    applyUpdates(params, updates);
    return loss;
  });
}

/** A compiled function that gives the mean error before adaptation and after each of its steps. */
export function evaluator(params: Params, inner: Inner): Compiled<(tasks: Tasks) => Tensor[]> {
  const path = (task: Task) =>
    adapt(params, task, inner).map((p) => error(p, task.xQuery, task.yQuery));
  return compile((tasks: Tasks) => {
    const errors: Tensor[] = func.vmap(path)(tasks);
    return errors.map((e) => e.mean());
  });
}

/** Sine waves by amplitude and phase: `y = amplitude * sin(x - phase)`. */
export interface Waves {
  readonly amplitude: readonly number[];
  readonly phase: readonly number[];
}

/** Tensors of tasks: `xSupport[t]` and `xQuery[t]` are the points of wave `t`. */
export function makeTasks(
  { amplitude, phase }: Waves,
  xSupport: readonly (readonly number[])[],
  xQuery: readonly (readonly number[])[],
  dtype: DType = "float32",
): Tasks {
  const pack = (rows: readonly (readonly number[])[]) =>
    tensor(rows.flat(), { dtype, shape: [rows.length, rows[0].length, 1] });
  const wave = (rows: readonly (readonly number[])[]) =>
    rows.map((row, t) => row.map((x) => amplitude[t] * Math.sin(x - phase[t])));
  return {
    xSupport: pack(xSupport),
    ySupport: pack(wave(xSupport)),
    xQuery: pack(xQuery),
    yQuery: pack(wave(xQuery)),
  };
}

/** Random tasks: amplitude from 0.1 to 5, phase from 0 to pi, `shots` known points from -5 to 5. */
export function sampleTasks(
  generator: Generator,
  count: number,
  shots: number,
  xQuery?: readonly number[],
): Tasks {
  const draw = (n: number, low: number, high: number) => {
    const data = new Float64Array(n);
    generator.fillUniform(data);
    return Array.from(data, (u) => low + (high - low) * u);
  };
  const points = () => Array.from({ length: count }, () => draw(shots, -5, 5));
  const waves = { amplitude: draw(count, 0.1, 5), phase: draw(count, 0, Math.PI) };
  return makeTasks(waves, points(), xQuery ? Array(count).fill(xQuery) : points());
}

/** `count` points from -5 to 5 at equal distances. */
export function grid(count: number): number[] {
  return Array.from({ length: count }, (_, i) => -5 + 10 * i / (count - 1));
}

/** Wave of the picture: 200 points to predict, and known points only on its left. */
function pictureTask(generator: Generator, shots: number): Tasks {
  const support = new Float64Array(shots);
  generator.fillUniform(support);
  const waves = { amplitude: [4], phase: [1] };
  return makeTasks(waves, [Array.from(support, (u) => -5 + 5 * u)], [grid(200)]);
}

const values = (t: Tensor): number[] => Array.from(t.data(), Number);

/** Predictions for one wave with shared and with adapted parameters. */
function predictions(params: Params, task: Task, inner: Inner): Curve[] {
  const path = adapt(params, task, inner);
  const curve = (k: number) => values(predict(path[k], task.xQuery));
  return [
    { name: "before adaptation", values: curve(0) },
    { name: "after 1 step", values: curve(1) },
    { name: `after ${inner.steps} steps`, values: curve(inner.steps) },
  ];
}

/** Steps of adaptation for which errors are shown. */
const SHOWN = [0, 1, 2, 5, 10];

/** Errors before and after meta-training, as text. */
export function errorTable(rows: Readonly<Record<string, readonly number[]>>): string {
  const line = (name: string, cells: readonly string[]) =>
    `  ${name.padEnd(16)}${cells.map((c) => c.padStart(8)).join("")}`;
  return [
    line("inner steps", SHOWN.map(String)),
    ...Object.entries(rows).map(([name, row]) => line(name, SHOWN.map((k) => row[k].toFixed(3)))),
  ].join("\n");
}

const table = {
  iterations: [1_000_000, "meta-training iterations at most", "count"],
  seconds: [30, "seconds of meta-training at most", "positive"],
  tasks: [10, "tasks in each iteration", "count"],
  shots: [10, "known points of a task", "count"],
  lr: [3e-3, "step size of meta-training (Adam)", "positive"],
  "inner-lr": [0.01, "step size of adaptation", "positive"],
  seed: [0, "seed of parameters and tasks", "seed"],
  out: ["maml_sinusoid.svg", "picture of one adaptation", "file"],
} as const;

/** What the demo learned and how long it took. */
export interface DemoResult {
  /** Waves on which the errors were measured. */
  readonly waves: number;
  /** Mean squared errors after each number of inner steps, before and after meta-training. */
  readonly errors: Readonly<Record<"untrained" | "meta-trained", readonly number[]>>;
  /** Iterations of meta-training. */
  readonly iterations: number;
  /** Seconds that they took. */
  readonly seconds: number;
  /** File of the picture. */
  readonly picture: string;
}

/**
 * Meta-trains, and draws one adaptation.
 *
 * @param args command-line options
 * @param settings whether progress is left out
 * @throws {UsageError} for options that are wrong, and a picture that cannot be written
 */
export async function demo(
  args: readonly string[],
  { quiet = false }: { readonly quiet?: boolean } = {},
): Promise<DemoResult> {
  const o = checkedOptions(table, args), screen = standardError();
  const { loaded, why } = devices()[0].ops;
  if (!loaded && !quiet) {
    screen.write(`no compiled kernels, so fewer iterations in the same time: ${why}\n`);
  }
  const params = makeParams(new Generator(o.seed));
  const test = sampleTasks(new Generator(o.seed + 1), 200, o.shots, grid(50));
  const inner = { steps: 10, lr: o["inner-lr"] };
  const evaluate = evaluator(params, inner);
  const before = evaluate(test).map((t) => t.item());

  const step = metaTrainer(params, { ...inner, steps: 1 }, o.lr);
  const generator = new Generator(o.seed + 2);
  let recent: number | undefined;
  const taken = await track(
    "meta-training",
    o,
    () => `error after one step ${recent!.toFixed(3)}`,
    () => {
      const loss = step(sampleTasks(generator, o.tasks, o.shots)).item();
      recent = 0.99 * (recent ?? loss) + 0.01 * loss;
    },
    quiet ? { ...screen, terminal: false, write: () => {} } : screen,
  );

  const after = evaluate(test).map((t) => t.item());
  const one = pictureTask(new Generator(o.seed + 3), o.shots);
  const truth = { name: "true curve", values: values(one.yQuery) };
  const known = { name: "known points", x: values(one.xSupport), y: values(one.ySupport) };
  const text = {
    title: `A new wave from ${o.shots} points`,
    x: "x",
    y: "y",
    range: [-5, 5],
  } as const;
  const picture = lineChart([truth, ...predictions(params, one, inner)], text, [known]);
  await Deno.writeTextFile(o.out, picture);
  const errors = { "untrained": before, "meta-trained": after };
  return { waves: test.xSupport.shape[0], errors, ...taken, picture: o.out };
}

/** What the demo prints. */
export function asText({ waves, errors, iterations, seconds, picture }: DemoResult): string {
  return [
    `mean squared error on ${waves} waves that were not trained on`,
    errorTable(errors),
    `${iterations} iterations in ${seconds.toFixed(1)} s, ` +
    `${(1e3 * seconds / iterations).toFixed(2)} ms each`,
    `picture: ${picture}`,
  ].join("\n");
}

async function main(): Promise<void> {
  if (Deno.args.includes("--help")) {
    const about = "MAML on sinusoids: meta-learn parameters that adapt in one step.";
    return console.log(helpText(about, table));
  }
  console.log(asText(await demo(Deno.args)));
}

if (import.meta.main) await run(main);
