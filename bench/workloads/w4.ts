/** W4: MAML of a convolutional network. */

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
import { treeMap } from "@torchopt/torchopt/pytree";
import { type Array32, sym, uniform } from "./data.ts";
import { descend, type Form, norm, parameters } from "./meta.ts";
import { report, time } from "./timing.ts";

const CLASSES = 5, PIXELS = 28 * 28, CHANNELS = 64, BLOCKS = 4, INNER_STEPS = 5, INNER_LR = 0.01;

type Images = {
  x: Tensor;
  y: Tensor;
};

/** Images that mix a pattern of their class with noise of their own. Streams from `base` on. */
function images(count: number, base: number, stream: number): Images {
  const pattern = uniform(CLASSES * PIXELS, base), own = uniform(count * PIXELS, base + stream);
  const x = own.map((u, i) => {
    const label = Math.floor(i / PIXELS) % CLASSES;
    return 0.5 * pattern[label * PIXELS + i % PIXELS] + 0.5 * u;
  });
  return {
    x: tensor(Float32Array.from(x), { shape: [count, 1, 28, 28] }),
    y: tensor(Array.from({ length: count }, (_, i) => i % CLASSES), { dtype: "int64" }),
  };
}

function convParameters(): Tensor[] {
  const arrays: Array32[] = [];
  const ones = { shape: [CHANNELS], data: new Float32Array(CHANNELS).fill(1) };
  const zeros = { shape: [CHANNELS], data: new Float32Array(CHANNELS) };
  for (let l = 0; l < BLOCKS; l++) {
    const shape = [CHANNELS, l === 0 ? 1 : CHANNELS, 3, 3];
    arrays.push(
      { shape, data: sym(shape, 410 + 4 * l, Math.sqrt(6 / (9 * shape[1]))) },
      { shape: [CHANNELS], data: sym([CHANNELS], 411 + 4 * l, 0.1) },
      ones,
      zeros,
    );
  }
  const shape = [CLASSES, CHANNELS];
  arrays.push(
    { shape, data: sym(shape, 430, Math.sqrt(3 / CHANNELS)) },
    { shape: [CLASSES], data: sym([CLASSES], 431, 0.1) },
  );
  return parameters(arrays);
}

function logits(params: readonly Tensor[], x: Tensor): Tensor {
  const { batchNorm, conv2d, linear, maxPool2d } = nn.functional;
  for (let l = 0; l < BLOCKS; l++) {
    const [w, b, weight, bias] = params.slice(4 * l, 4 * l + 4);
    x = conv2d(x, w, b, { padding: 1 });
    x = maxPool2d(batchNorm(x, null, null, { weight, bias, training: true }).relu(), 2);
  }
  return linear(x.flatten(1), params[4 * BLOCKS], params[4 * BLOCKS + 1]);
}

/** Support and query set of each task of a meta-batch. */
type Task = {
  support: Images;
  query: Images;
};

/** Loss on the support set before adaptation, and on the query set after it. */
function adapt(params: readonly Tensor[], { support, query }: Task): [Tensor, Tensor] {
  const losses = (p: readonly Tensor[], { x, y }: Images) =>
    nn.functional.crossEntropy(logits(p, x), y);
  const first = losses(params, support);
  let adapted = descend(params, first, INNER_LR);
  for (let k = 1; k < INNER_STEPS; k++) {
    adapted = descend(adapted, losses(adapted, support), INNER_LR);
  }
  return [first, losses(adapted, query)];
}

/** `count` tasks, along the first dimension of each tensor; the first is the task of W4. */
function tasks(count: number): Task {
  const each = Array.from({ length: count }, (_, t) => ({
    support: images(5, 400 + 1000 * t, 1),
    query: images(15, 400 + 1000 * t, 2),
  }));
  const all = (pick: (t: Task) => Tensor) => stack(each.map(pick));
  return {
    support: { x: all((t) => t.support.x), y: all((t) => t.support.y) },
    query: { x: all((t) => t.query.x), y: all((t) => t.query.y) },
  };
}

/** Losses of each task of a meta-batch. */
function losses(params: readonly Tensor[], batch: Task, form: Form): [Tensor, Tensor] {
  if (form === "vmap") return func.vmap((task: Task) => adapt(params, task))(batch);
  const count = batch.support.x.shape[0];
  const each = Array.from({ length: count }, (_, t) => {
    const task = treeMap((x: Tensor) => x.select(0, t), batch);
    return adapt(params, task as Task);
  });
  return [stack(each.map(([first]) => first)), stack(each.map(([, last]) => last))];
}

/** One iteration of W4 with `count` tasks in the meta-batch. */
export function mamlConv(
  count = 1,
  form: Form = "loop",
): () => { first: Tensor; loss: Tensor; grads: Tensor[] } {
  const params = convParameters(), batch = tasks(count);
  const optimizer = adam({ lr: 1e-3, useAcceleratedOp: true });
  const state = optimizer.init(params);
  const run = compile((batch: Task) => {
    const [first, last] = losses(params, batch, form).map((x) => x.mean());
    const grads = autograd.grad(last, params) as Tensor[];
    const [updates] = optimizer.update(grads, state, { params });
    applyUpdates(params, updates);
    return { first, loss: last, grads };
  });
  return () => run(batch);
}

/** Runs iterations 1 to 4; returns the check and the time of the first. */
export function checkConv(
  iterate: ReturnType<typeof mamlConv>,
): { check: number[]; first: number } {
  const begin = performance.now();
  const { first, loss, grads } = iterate();
  const check = [first.item(), loss.item(), norm(grads)];
  const firstCall = performance.now() - begin;
  for (let i = 0; i < 2; i++) iterate();
  check.push(iterate().loss.item());
  return { check, first: firstCall };
}

/** Runs W4 with 1 or 4 tasks in the meta-batch. */
export function w4(count = 1, form: Form = "loop"): void {
  const iterate = mamlConv(count, form);
  const { check, first } = checkConv(iterate);
  const times = time(() => void iterate().loss.item());
  const name = count === 1 ? "w4_maml_conv" : `w4x${count}_maml_conv`;
  report(name, times, check, { first_call_ms: first, form });
}
