/**
 * Model-agnostic meta-learning on sinusoids (Finn, Abbeel, Levine, Model-Agnostic Meta-Learning for
 * Fast Adaptation of Deep Networks, ICML 2017, section 5.1).
 *
 * A task is a sine wave of unknown amplitude and phase, of which ten points are known. Meta-training
 * looks for initial parameters from which one step of gradient descent on those points goes far: it
 * differentiates the error after the step with respect to the parameters before it.
 *
 * All tasks of an iteration are adapted at once: their parameters have one more dimension in front.
 *
 * @module
 */

import $ from "dax";
import {
  adam,
  applyUpdates,
  autograd,
  compile,
  type Compiled,
  type DType,
  Generator,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { options } from "./options.ts";
import { lineChart } from "./plot.ts";

/** Weights `[in, out]` and biases of a perceptron with two hidden layers. */
export type Params = Record<"w1" | "b1" | "w2" | "b2" | "w3" | "b3", Tensor>;

/** Known points and points to predict, each `[tasks, points, 1]`. */
export interface Tasks {
  /** Known points. */
  readonly xSupport: Tensor;
  readonly ySupport: Tensor;
  /** Points to predict. */
  readonly xQuery: Tensor;
  readonly yQuery: Tensor;
}

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

/** A copy of the parameters for each of `tasks` tasks. */
function perTask(p: Params, tasks: number): Params {
  const copy = (t: Tensor) =>
    t.ndim === 1
      ? t.reshape([1, 1, t.size]).expand([tasks, 1, t.size])
      : t.unsqueeze(0).expand([tasks, ...t.shape]);
  return Object.fromEntries(names.map((n) => [n, copy(p[n])])) as Params;
}

function predict(p: Params, x: Tensor): Tensor {
  const h1 = x.matmul(p.w1).add(p.b1).relu();
  return h1.matmul(p.w2).add(p.b2).relu().matmul(p.w3).add(p.b3);
}

/** Mean squared error of each task. */
function errors(p: Params, x: Tensor, y: Tensor): Tensor {
  return predict(p, x).sub(y).square().mean([1, 2]);
}

/** Parameters of each task after every step on its known points, those before the first in front. */
export function adapt(params: Params, tasks: Tasks, inner: Inner): Params[] {
  const path = [perTask(params, tasks.xSupport.shape[0])];
  for (let k = 0; k < inner.steps; k++) {
    const p = path[k];
    // The tasks do not share parameters, so the gradient of the sum holds that of each.
    const loss = errors(p, tasks.xSupport, tasks.ySupport).sum();
    const grads = autograd.grad(loss, names.map((n) => p[n]), { createGraph: true });
    path.push(
      Object.fromEntries(names.map((n, i) => [n, p[n].sub(grads[i]!.mul(inner.lr))])) as Params,
    );
  }
  return path;
}

/** Mean error on the points to predict, after adaptation. */
export function metaLoss(params: Params, tasks: Tasks, inner: Inner): Tensor {
  const adapted = adapt(params, tasks, inner)[inner.steps];
  return errors(adapted, tasks.xQuery, tasks.yQuery).mean();
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
  return compile((tasks: Tasks) =>
    adapt(params, tasks, inner).map((p) => errors(p, tasks.xQuery, tasks.yQuery).mean())
  );
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

/** True curve of one task, and its predictions with shared and with adapted parameters. */
function curves(params: Params, tasks: Tasks, inner: Inner): { name: string; values: number[] }[] {
  const path = adapt(params, tasks, inner);
  const read = (t: Tensor) => Array.from(t.data(), Number);
  return [
    { name: "true curve", values: read(tasks.yQuery) },
    { name: "before adaptation", values: read(predict(path[0], tasks.xQuery)) },
    { name: "after 1 step", values: read(predict(path[1], tasks.xQuery)) },
    { name: `after ${inner.steps} steps`, values: read(predict(path[inner.steps], tasks.xQuery)) },
  ];
}

const table = {
  iterations: [2000, "meta-training iterations"],
  tasks: [10, "tasks in each iteration"],
  shots: [10, "known points of a task"],
  lr: [1e-3, "step size of meta-training (Adam)"],
  "inner-lr": [0.01, "step size of adaptation"],
  seed: [0, "seed of parameters and tasks"],
  out: ["maml_sinusoid.svg", "picture of one adaptation"],
} as const;

async function main(): Promise<void> {
  const o = options("MAML on sinusoids: meta-learn parameters that adapt in one step.", table);
  const params = makeParams(new Generator(o.seed));
  const test = sampleTasks(new Generator(o.seed + 1), 200, o.shots, grid(50));
  const evaluate = evaluator(params, { steps: 10, lr: o["inner-lr"] });
  const before = evaluate(test).map((t) => t.item());

  const step = metaTrainer(params, { steps: 1, lr: o["inner-lr"] }, o.lr);
  const generator = new Generator(o.seed + 2);
  const progress = $.progress("meta-training", { length: o.iterations });
  let recent = 0;
  const start = performance.now();
  await progress.with(() => {
    for (let i = 1; i <= o.iterations; i++) {
      const loss = step(sampleTasks(generator, o.tasks, o.shots)).item();
      recent = i === 1 ? loss : 0.99 * recent + 0.01 * loss;
      if (i % 20 === 0) {
        progress.message(`error after one step ${recent.toFixed(3)}`);
        progress.increment(20);
        progress.forceRender();
      }
    }
  });
  const ms = (performance.now() - start) / o.iterations;

  const after = evaluate(test).map((t) => t.item());
  console.log(`mean squared error on ${test.xSupport.shape[0]} new waves, by adaptation steps`);
  console.log(
    `  ${"steps".padEnd(14)}${[0, 1, 2, 5, 10].map((k) => String(k).padStart(8)).join("")}`,
  );
  for (const [name, row] of [["untrained", before], ["meta-trained", after]] as const) {
    const cells = [0, 1, 2, 5, 10].map((k) => row[k].toFixed(3).padStart(8));
    console.log(`  ${name.padEnd(14)}${cells.join("")}`);
  }
  console.log(`${ms.toFixed(2)} ms an iteration`);
  const one = makeTasks({ amplitude: [4], phase: [1] }, [grid(o.shots)], [grid(200)]);
  await Deno.writeTextFile(
    o.out,
    lineChart(curves(params, one, { steps: 10, lr: o["inner-lr"] }), {
      title: `A new wave from ${o.shots} points`,
      x: "x",
      y: "y",
      range: [-5, 5],
    }),
  );
  console.log(`picture: ${o.out}`);
}

if (import.meta.main) await main();
