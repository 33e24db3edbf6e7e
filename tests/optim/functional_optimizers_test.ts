/** All functional optimizers: formulas, modes, derivatives, refusals. */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  applyUpdates,
  autograd,
  gradcheck,
  type GradientTransformation,
  schedule,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { treeLeaves, treeMap } from "@torchopt/torchopt/pytree";
import { assertClose } from "../helpers/close.ts";
import { cases, table } from "../helpers/optimizer_table.ts";

type Params = { w: Tensor; b: Tensor };

const start = [1.5, -0.75, 0.4];
const gradients = [[0.5, -1.25, 2], [1, -0.5, -3], [-2, 0.75, 0.1], [0.3, 1.5, 0], [1, 1, 1], [
  -0.5,
  2,
  0.25,
], [0.125, -1, 1]];

const params = (dtype: "float64" | "float32" = "float64"): Params => ({
  w: tensor(start.slice(0, 2), { dtype }),
  b: tensor(start[2], { dtype }),
});

const grads = (step: number, dtype: "float64" | "float32" = "float64"): Params => ({
  w: tensor(gradients[step].slice(0, 2), { dtype }),
  b: tensor(gradients[step][2], { dtype }),
});

const flat = ({ w, b }: Params) => [...w.data(), b.item()].map(Number);

/** Parameters after each step. */
function run(optimizer: GradientTransformation, inplace: boolean): number[][] {
  let current = params(), state = optimizer.init(current);
  return gradients.map((_, t) => {
    const [updates, next] = optimizer.update(grads(t), state, { params: current, inplace });
    current = applyUpdates(current, updates, { inplace });
    state = next;
    return flat(current);
  });
}

for (const { name, make, variants, formulas } of table) {
  Deno.test(`${name}() follows its formulas, in place and not`, () => {
    for (const options of variants) {
      const steps = start.map(() => formulas(options));
      let expected = start;
      const inPlace = run(make(options), true), functional = run(make(options), false);
      gradients.forEach((g, t) => {
        expected = expected.map((p, i) => steps[i](g[i], p));
        expected.forEach((value, i) => {
          assertAlmostEquals(inPlace[t][i], value, 1e-12);
          assertAlmostEquals(functional[t][i], value, 1e-12);
        });
      });
    }
  });
}

for (const { name, make, refused } of table) {
  Deno.test(`${name}() refuses options out of range and says what is allowed`, () => {
    for (const [options, error, message] of refused) {
      assertThrows(() => make(options), error, message);
    }
  });
}

Deno.test("optimizers take a schedule and a tensor as learning rate", () => {
  for (const { label, entry: { make }, options } of cases) {
    const constant = run(make(options), true);
    const lr = tensor(options.lr, { dtype: "float64" });
    assertEquals(run(make({ ...options, lr }), true), constant, label);
    const flatSchedule = schedule.linearSchedule(options.lr, options.lr, 3);
    run(make({ ...options, lr: flatSchedule }), true).forEach((row, t) =>
      assertClose(row, constant[t], 1e-12, label)
    );
    const none = run(make({ ...options, lr: schedule.linearSchedule(0, 0, 3) }), true);
    assertEquals(none.at(-1), start, label);
  }
});

Deno.test("a tensor as learning rate is read at each update", () => {
  for (const { entry: { make }, options } of cases) {
    const lr = tensor(0, { dtype: "float64" });
    const optimizer = make({ ...options, lr });
    const current = params(), state = optimizer.init(current);
    for (const rate of [0, 0.5]) {
      lr.fill_(rate);
      const [updates] = optimizer.update(grads(0), state, { params: current });
      applyUpdates(current, updates);
      assertEquals(flat(current).every((p, i) => p === start[i]), rate === 0);
    }
  }
});

Deno.test("optimizers leave gradients, and without inplace everything, as they were", () => {
  for (const { label, entry: { make }, options } of cases) {
    const optimizer = make(options), current = params(), state = optimizer.init(current);
    const g = grads(0);
    const before = treeLeaves<Tensor>(state).map((t) => Array.from(t.data(), Number));
    optimizer.update(g, state, { params: current, inplace: false });
    assertEquals(treeLeaves<Tensor>(state).map((t) => Array.from(t.data(), Number)), before, label);
    const [updates, same] = optimizer.update(g, state, { params: current });
    applyUpdates(current, updates);
    assert(same === state, label);
    assertEquals(flat(g), gradients[0], label);
  }
});

Deno.test("an absent gradient skips its parameter and keeps its state", () => {
  for (const { label, entry: { make, formulas, oneCount = false }, options } of cases) {
    for (const inplace of [true, false]) {
      const optimizer = make(options);
      let current = params(), state = optimizer.init(current), expected = start[2];
      const step = formulas(options);
      gradients.slice(0, 4).forEach((g, t) => {
        const given = t % 2 === 0 ? grads(t) : { w: grads(t).w, b: null };
        const before = current.b.item();
        if (t % 2 === 0) expected = step(g[2], expected);
        const [updates, next] = optimizer.update(given, state, { params: current, inplace });
        current = applyUpdates(current, updates, { inplace });
        state = next;
        assertEquals(current.b.item() === before, t % 2 === 1, label);
        // Formulas of one parameter do not fit where the count goes on without it.
        if (!oneCount) assertAlmostEquals(current.b.item(), expected, 1e-12, label);
      });
    }
  }
});

Deno.test("a state of other parameters is refused, and nothing is changed", () => {
  const other = { w: tensor([1, 2, 3], { dtype: "float64" }), b: tensor(0, { dtype: "float64" }) };
  for (const { label, entry: { make }, options } of cases) {
    const optimizer = make(options), state = optimizer.init(other);
    const tensors = treeLeaves<Tensor>(state);
    if (!tensors.some((t) => t.ndim > 0)) continue;
    const before = tensors.map((t) => Array.from(t.data(), Number));
    assertThrows(
      () => optimizer.update(grads(0), state, { params: params() }),
      TypeError,
      "the state belongs to another tree than the updates",
      label,
    );
    assertThrows(
      () => optimizer.update({ v: other.w }, state, { params: { v: other.w } }),
      TypeError,
      "'v'",
      label,
    );
    assertEquals(tensors.map((t) => Array.from(t.data(), Number)), before, label);
    assertThrows(
      () => optimizer.update(grads(0), undefined, { params: params() }),
      TypeError,
      "init(params) makes it",
      label,
    );
  }
});

Deno.test("weight decay without parameters is refused", () => {
  for (const { entry: { make }, options } of cases) {
    if (!options.weightDecay) continue;
    const optimizer = make(options), state = optimizer.init(params());
    assertThrows(() => optimizer.update(grads(0), state), TypeError, "{ params }");
  }
});

/** Away from kinks: the gradients of both steps keep their signs and order. */
const point = tensor([0.9, 1.4], { dtype: "float64" });
const shift = tensor([0.6, -3.1], { dtype: "float64" });

for (const { label, entry: { name, make, moments }, options } of cases) {
  Deno.test(`derivatives of order 2 through two steps: ${label}`, () => {
    // These two have moments that never require gradients, and no such option.
    const fixed = name === "adagrad" || name === "rmsprop";
    const trained = fixed ? {} : { momentRequiresGrad: moments.length > 0 };
    const twoSteps = (p: Tensor, c: Tensor, lr: Tensor, ...initial: Tensor[]) => {
      const optimizer = make({ ...options, lr, ...trained });
      let current = { p }, state = optimizer.init({ p: point });
      let at = 0;
      if (initial.length > 0) {
        // The moments of a new state are arguments as well. RAdam starts late enough to be rectified.
        const late = name === "radam" && options.betas !== undefined;
        const count = (t: Tensor) => late ? tensor(8, { dtype: "int64" }) : t;
        state = treeMap((t: Tensor) => t.requiresGrad ? initial[at++] : count(t), state);
      }
      for (let t = 0; t < 2; t++) {
        const g = { p: current.p.square().add(c) };
        const [updates, next] = optimizer.update(g, state, { params: current, inplace: false });
        current = applyUpdates(current, updates, { inplace: false });
        state = next;
      }
      return current.p;
    };
    const trainable = name === "sgd" && !options.momentum ? [] : moments;
    const initial = trainable.map((_, i) => tensor([0.2 + i, 0.7 - 0.3 * i], { dtype: "float64" }));
    const lr = tensor(options.lr, { dtype: "float64" });
    assert(gradcheck(twoSteps, [point, shift, lr, ...initial], {
      order: 2,
      eps: 1e-4,
      rtol: 1e-5,
      atol: 1e-6,
    }));
  });
}

Deno.test("gradients that are 0 give finite derivatives", () => {
  for (const { label, entry: { make }, options } of cases) {
    const optimizer = make(options);
    const p = tensor([0, 1], { dtype: "float64", requiresGrad: true });
    let current = { p }, state = optimizer.init(current);
    for (let t = 0; t < 2; t++) {
      const g = { p: current.p.mul(p.mul(0)) };
      const [updates, next] = optimizer.update(g, state, { params: current, inplace: false });
      current = applyUpdates(current, updates, { inplace: false });
      state = next;
    }
    const [d] = autograd.grad(current.p.sum(), [p]);
    assert(Array.from(d!.data(), Number).every(Number.isFinite), `${label}: ${d}`);
  }
});
