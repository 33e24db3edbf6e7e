/** Single transformations: what the golden cases do not show. */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  adamw,
  applyUpdates,
  autograd,
  compile,
  DTypeError,
  GradientError,
  hook,
  type Tensor,
  tensor,
  transform,
} from "@torchopt/torchopt";
import { treeMap } from "@torchopt/torchopt/pytree";

const f64 = (data: number | number[]) => tensor(data, { dtype: "float64" });
const numbers = (t: Tensor) => Array.from(t.data(), Number);

Deno.test("trace() keeps the mark of its first step in the state", () => {
  const momentum = transform.trace({ momentum: 0.5, dampening: 0.25 });
  const g = [f64(4)];
  for (let round = 0; round < 2; round++) {
    // The second round uses the transformation again, with a new state.
    let state = momentum.init(g);
    const seen = [0, 1, 2].map(() => {
      const [[u], next] = momentum.update(g, state, { inplace: false }) as [Tensor[], never];
      state = next;
      return u.item();
    });
    assertEquals(seen, [4, 5, 5.5]);
  }
});

Deno.test("trace() differentiates with respect to its first sum as PyTorch does", () => {
  const momentum = transform.trace({ momentum: 0.5, momentRequiresGrad: true });
  const state = momentum.init([f64(4)]) as transform.TraceState;
  const first = (state.trace as Tensor[])[0];
  const [[u]] = momentum.update([f64(4)], state, { inplace: false }) as [Tensor[], unknown];
  assertEquals(autograd.grad(u, [first])[0]!.item(), 1);
});

Deno.test("scaleByRss() gives 0 and a finite derivative where nothing was seen", () => {
  const scaling = transform.scaleByRss({ eps: 0 });
  const g = tensor([0, 2], { dtype: "float64", requiresGrad: true });
  const [[u]] = scaling.update([g], scaling.init([g]), { inplace: false }) as [Tensor[], unknown];
  assertEquals(numbers(u), [0, 1]);
  assertEquals(numbers(autograd.grad(u.sum(), [g])[0]!), [0, 0]);
});

Deno.test("scaleByStddev() takes a variance that rounding makes negative for 0", () => {
  // Equal gradients: the variance is 2 ** -t * (1 - 2 ** -t) * g ** 2, less than its rounding error
  // from about step 24 in float32, where g / (sqrt(0) + eps) is the largest update there can be.
  for (const dtype of ["float32", "float64"] as const) {
    const scaling = transform.scaleByStddev({ alpha: 0.5, eps: 1e-2 });
    const g = tensor([0.1, 0.3, 0.7, 1.1, -2.3], { dtype, requiresGrad: true });
    let state = scaling.init([g]), u = g;
    for (let t = 1; t <= 100; t++) {
      const [updates, next] = scaling.update([g], state, { inplace: false });
      [u, state] = [(updates as Tensor[])[0], next];
      assert(numbers(u.div(g)).every((x) => x > 0 && x <= 100.001), `${dtype}, step ${t}: ${u}`);
    }
    assert(numbers(autograd.grad(u.sum(), [g])[0]!).every(Number.isFinite), dtype);
  }
});

Deno.test("scaleByRms() and scaleByStddev() keep their means where alpha is 1", () => {
  const g = [f64([3, -4])];
  for (const scaling of [transform.scaleByRms, transform.scaleByStddev]) {
    const rms = scaling({ alpha: 1, initialScale: 4, eps: 0 });
    const state = rms.init(g);
    for (let t = 0; t < 2; t++) {
      const [[u]] = rms.update(g, state) as [Tensor[], unknown];
      assertEquals(numbers(u), [1.5, -2]); // g / sqrt(4)
    }
  }
});

Deno.test("scaleByAcceleratedAdam() has the derivative of scaleByAdam(), also with epsRoot", () => {
  const options = { b1: 0.6, b2: 0.7, epsRoot: 1e-2, eps: 1e-3 };
  const derivative = (scaling: ReturnType<typeof transform.scaleByAdam>) => {
    const g = tensor([0.3, -2], { dtype: "float64", requiresGrad: true });
    let state = scaling.init([g]), update = g;
    for (let t = 1; t <= 2; t++) {
      const [updates, next] = scaling.update([g.mul(t)], state, { inplace: false });
      [update, state] = [(updates as Tensor[])[0], next];
    }
    return numbers(autograd.grad(update.sum(), [g])[0]!);
  };
  const exact = derivative(transform.scaleByAdam(options));
  derivative(transform.scaleByAcceleratedAdam(options)).forEach((d, i) =>
    assertAlmostEquals(d, exact[i], 1e-14)
  );
});

Deno.test("scaleByAdam() counts the steps of each leaf, also when compiled", () => {
  const scaling = transform.scaleByAdam();
  for (const compiled of [false, true]) {
    const g = { a: f64([1, 2]), b: f64(3) as Tensor | null };
    const state = scaling.init(g);
    const run = (gradients: typeof g) => scaling.update(gradients, state)[0];
    const step = compiled ? compile(run) : run;
    treeMap((u: Tensor) => u.data(), step(g));
    for (let t = 0; t < 2; t++) treeMap((u: Tensor) => u.data(), step({ ...g, b: null }));
    const count = state.count as { a: Tensor; b: Tensor };
    assertEquals([count.a.item(), count.b.item()], [3, 1]);
  }
});

Deno.test("scaleBySchedule() calls a schedule of plain numbers at each update", () => {
  let rate = 1;
  const scaling = transform.scaleBySchedule(() => rate);
  const g = [f64(2)], state = scaling.init(g);
  const step = () => (scaling.update(g, state)[0] as Tensor[])[0].item();
  assertEquals(step(), 2);
  rate = 3;
  assertEquals(step(), 6);
});

Deno.test("scaleBySchedule() refuses schedules of anything but single numbers", () => {
  for (const [value, message] of [[[1], "an array of 1"], [null, "null"], ["1", '"1"']] as const) {
    const scaling = transform.scaleBySchedule(() => value as never), state = scaling.init([f64(1)]);
    assertThrows(() => scaling.update([f64(1)], state), TypeError, `the schedule gave ${message}`);
    assertEquals((state.count as Tensor[])[0].item(), 0);
  }
  const vector = transform.scaleBySchedule(() => f64([0.5]));
  assertThrows(
    () => vector.update([f64(1)], vector.init([f64(1)])),
    TypeError,
    "the schedule gave a tensor of shape [1], wants a number or a 0-d tensor",
  );
});

Deno.test("masked() takes a tree, a prefix of it, and a function", () => {
  const params = { layer: { w: f64([1, 2]), b: f64(3) }, head: f64(4) };
  const double = transform.scale(2);
  const sums = (mask: transform.Mask, updates: typeof params = params) => {
    const t = transform.masked(double, mask);
    const [u] = t.update(updates, t.init(params)) as [typeof params, unknown];
    return [u.layer.w.sum().item(), u.layer.b.item(), u.head.item()];
  };
  assertEquals(sums({ layer: { w: true, b: false }, head: false }), [6, 3, 4]);
  assertEquals(sums({ layer: false, head: true }), [3, 3, 8]);
  assertEquals(sums({ layer: true, head: false }), [6, 6, 4]);
  assertEquals(sums(true), [6, 6, 8]);
  assertEquals(sums((tree) => treeMap((leaf: Tensor) => leaf.ndim > 0, tree)), [6, 3, 4]);
});

Deno.test("masked() lets absent updates through and says what is wrong with a mask", () => {
  const params = { w: f64([1, 2]), b: f64(3) };
  const t = transform.masked(transform.scaleByAdam(), { w: true, b: false });
  const state = t.init(params);
  const [u] = t.update({ w: null, b: null }, state) as [Record<string, unknown>, unknown];
  assertEquals(u, { w: null, b: null });
  assertThrows(
    () => transform.masked(t, { w: true, c: false }).init(params),
    TypeError,
    "the mask is no prefix of the tree of parameters",
  );
  assertThrows(
    () => transform.masked(t, { w: 1, b: false } as never).init(params),
    TypeError,
    "the mask at w is 1, wants a boolean",
  );
  assertThrows(() => t.update(params, undefined as never), TypeError, "an object with innerState");
  assertThrows(() => transform.masked({} as never, true), TypeError, "wants a gradient transform");
});

Deno.test("adamw() takes its mask as tree, prefix tree and function", () => {
  const decayed = (mask: transform.Mask) => {
    const params = { layer: { w: f64([1, 1]), b: f64(1) } };
    const zero = { layer: { w: f64([0, 0]), b: f64(0) } };
    const optimizer = adamw({ lr: 1, weightDecay: 0.5, mask });
    const [u] = optimizer.update(zero, optimizer.init(params), { params });
    applyUpdates(params, u);
    return [numbers(params.layer.w)[0], params.layer.b.item()];
  };
  assertEquals(decayed({ layer: { w: true, b: false } }), [0.5, 1]);
  assertEquals(decayed({ layer: true }), [0.5, 0.5]);
  assertEquals(decayed((tree) => treeMap((p: Tensor) => p.ndim > 0, tree)), [0.5, 1]);
});

Deno.test("init() refuses parameters that are no floating-point tensors", () => {
  const scaling = transform.scaleByAdam();
  assertThrows(() => scaling.init({ w: 1 } as never), TypeError, "the parameter at w is 1");
  assertThrows(
    () => scaling.init({ w: tensor([1], { dtype: "int64" }) }),
    DTypeError,
    "at w is int64",
  );
});

Deno.test("update() refuses leaves that are no tensors", () => {
  assertThrows(
    () => transform.scale(2).update({ w: [1, "a"] } as never, {}),
    TypeError,
    "scale: the update at w[0] is 1, wants a tensor or null",
  );
});

Deno.test("update() refuses whole numbers, of which a step of 0.5 would make 0", () => {
  assertThrows(
    () => transform.scale(0.5).update([tensor([3], { dtype: "int64" })], {}),
    DTypeError,
    "scale: the update at [0] is int64, wants floating point",
  );
});

Deno.test("transformations refuse options out of range", () => {
  assertThrows(() => transform.scale(NaN), RangeError, "stepSize is NaN");
  assertThrows(
    () => transform.scaleByAdam({ b1: 1 }),
    RangeError,
    "b1 is 1, wants a number in [0, 1)",
  );
  assertThrows(() => transform.scaleByRms({ alpha: -1 }), RangeError, "alpha is -1");
  assertThrows(
    () => transform.trace({ nesterov: true, momentum: 0 }),
    RangeError,
    "nesterov is true",
  );
  assertThrows(() => transform.scaleBySchedule(1 as never), TypeError, "stepSizeFn is 1");
  assertThrows(
    () => transform.addDecayedWeights({ weightDecay: -1 }),
    RangeError,
    "weightDecay is -1",
  );
});

Deno.test("registerHook() refuses updates without history and what is no function", () => {
  assertThrows(() => hook.registerHook(1 as never), TypeError, "wants a function of a gradient");
  const t = hook.registerHook((g) => g);
  assertThrows(() => t.update([f64(1)], {}), GradientError);
  assert(t.init([]) !== null);
});
