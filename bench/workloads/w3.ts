/** W3: MAML on sinusoids; the meta-loss of 25 tasks in one compiled function. W9 uses one task of it. */

import {
  adam,
  applyUpdates,
  autograd,
  compile,
  func,
  nn,
  stack,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { mlp, uniform } from "./data.ts";
import { descend, type Form, norm, parameters, perceptron } from "./meta.ts";
import { report, time } from "./timing.ts";

const SHOTS = 10, INNER_LR = 0.01;

/** Support and query sets of all tasks, each `[tasks, 10, 1]`. */
export interface Tasks {
  /** Support inputs and targets. */
  readonly xs: Tensor;
  readonly ys: Tensor;
  /** Query inputs and targets. */
  readonly xq: Tensor;
  readonly yq: Tensor;
}

/** The first tasks of the workload. */
export function sinusoids(count: number): Tasks {
  const amplitude = uniform(count, 300).map((u) => 0.1 + 4.9 * u);
  const phase = uniform(count, 301).map((u) => Math.PI * u);
  const shape = [count, SHOTS, 1];
  const points = (stream: number) => {
    const x = uniform(count * SHOTS, stream).map((u) => -5 + 10 * u);
    const y = x.map((v, i) => {
      const t = Math.floor(i / SHOTS);
      return amplitude[t] * Math.sin(v + phase[t]);
    });
    return [x, y].map((v) => tensor(Float32Array.from(v), { shape }));
  };
  const [xs, ys] = points(302), [xq, yq] = points(303);
  return { xs, ys, xq, yq };
}

/** Initial parameters of the workload. */
export function sinusoidParameters(): Tensor[] {
  return parameters(mlp([1, 40, 40, 1], 310, 1));
}

/** Query loss of one task after `steps` steps on its support set. */
function taskLoss(params: readonly Tensor[], { xs, ys, xq, yq }: Tasks, steps: number): Tensor {
  const { mseLoss, relu } = nn.functional;
  const loss = (p: readonly Tensor[], x: Tensor, y: Tensor) => mseLoss(perceptron(p, x, relu), y);
  let adapted = params;
  for (let k = 0; k < steps; k++) adapted = descend(adapted, loss(adapted, xs, ys), INNER_LR);
  return loss(adapted, xq, yq);
}

/** Mean over the tasks of the query loss after `steps` steps on the support set. */
export function metaLoss(
  params: readonly Tensor[],
  tasks: Tasks,
  steps: number,
  form: Form = "loop",
): Tensor {
  const each = (task: Tasks) => taskLoss(params, task, steps);
  if (form === "vmap") return func.vmap(each)(tasks).mean();
  const losses = Array.from({ length: tasks.xs.shape[0] }, (_, t) => {
    const [xs, ys, xq, yq] = [tasks.xs, tasks.ys, tasks.xq, tasks.yq].map((v) => v.select(0, t));
    return each({ xs, ys, xq, yq });
  });
  return stack(losses).mean();
}

/** Runs W3 with 1 (a) or 5 (b) inner steps. */
export function w3(variant: "a" | "b", form: Form = "loop"): void {
  const params = sinusoidParameters(), tasks = sinusoids(25);
  const optimizer = adam({ lr: 1e-3, useAcceleratedOp: true });
  const state = optimizer.init(params);
  const step = compile((tasks: Tasks) => {
    const loss = metaLoss(params, tasks, variant === "a" ? 1 : 5, form);
    const grads = autograd.grad(loss, params);
    const [updates] = optimizer.update(grads, state, { params });
    applyUpdates(params, updates);
    return { loss, grads };
  });
  const begin = performance.now();
  const first = step(tasks);
  const check = [first.loss.item(), norm(first.grads as Tensor[])];
  const firstCall = performance.now() - begin;
  for (let i = 0; i < 4; i++) step(tasks);
  check.push(step(tasks).loss.item());
  const times = time(() => void step(tasks).loss.item());
  report(`w3${variant}_maml_sinusoid`, times, check, { first_call_ms: firstCall, form });
}
