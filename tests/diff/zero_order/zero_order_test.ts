/** `diff.zeroOrder`: what it takes, what it refuses, and where it works. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  autograd,
  compile,
  diff,
  DTypeError,
  func,
  GradientError,
  manualSeed,
  noGrad,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import "../../helpers/seed.ts";

type Options = diff.ZeroOrderOptions;

const noise = (shape: readonly number[]) => randn(shape, { dtype: "float64" });
const vector = (data: number[]) => tensor(data, { dtype: "float64", requiresGrad: true });
const cubes = (x: Tensor) => x.pow(3).sum();

function gradient(fn: (x: Tensor) => Tensor, options: Options, x = vector([1, -2])): number[] {
  manualSeed(11);
  return autograd.grad(diff.zeroOrder(noise, options)(fn)(x), [x])[0]!.toArray() as number[];
}

const flat = (x: Tensor) => [...x.data() as Float64Array];

const near = (a: readonly number[], b: readonly number[], tolerance = 1e-9) =>
  a.forEach((v, i) => assert(Math.abs(v - b[i]) <= tolerance * (1 + Math.abs(b[i])), `${a}, ${b}`));

Deno.test("zeroOrder() refuses options that are wrong or contradict each other", () => {
  const wrong: [unknown, RegExp][] = [
    [{ method: "backward" }, /method is "backward", wants "naive", "forward", "antithetic"/],
    [{ numSamples: 0 }, /numSamples is 0, wants a whole number >= 1/],
    [{ numSamples: 1.5 }, /numSamples is 1.5/],
    [{ sigma: 0 }, /sigma is 0, wants a finite number > 0/],
    [{ sigma: -1 }, /sigma is -1/],
    [{ sigma: NaN }, /sigma is NaN/],
    [{ sigma: Infinity }, /sigma is Infinity/],
    [{ sigma: tensor(1) }, /sigma is a tensor/],
    [{ argnums: -1 }, /argnums is \[-1\]/],
    [{ argnums: [0, 0] }, /argnums is \[0, 0\]/],
    [{ argnums: [] }, /argnums is \[\]/],
    [{ orthogonal: 1 }, /orthogonal is 1, wants true or false/],
    [{ mirrored: true, method: "antithetic", numSamples: 2 }, /leave mirrored out/],
    [{ mirrored: true, numSamples: 3 }, /even numSamples, got 3/],
    [{ baseline: "mean", method: "forward", numSamples: 3 }, /leave it out/],
    [{ baseline: "mean" }, /numSamples >= 2/],
    [{ baseline: "mean", mirrored: true, numSamples: 4 }, /cancels in the pairs/],
    [{ baseline: "median" }, /baseline is "median"/],
    [{ shaping: "ranks", method: "forward" }, /shaping goes with/],
    [{ shaping: "rank" }, /shaping is "rank"/],
    [{ nonFinite: "drop" }, /nonFinite is "drop"/],
    [{ commonRandomNumbers: true }, /"forward" or "antithetic"/],
    [{ evaluation: "vmap" }, /evaluation is "vmap"/],
    [{ samples: 3 }, /there is no option samples/],
  ];
  for (const [options, message] of wrong) {
    const error = assertThrows(() => diff.zeroOrder(noise, options as Options)) as Error;
    assert(message.test(error.message), error.message);
  }
  assertThrows(() => diff.zeroOrder(3 as never), TypeError, "the distribution is 3");
  assertThrows(() => diff.zeroOrder({} as never), TypeError, "sample(shape)");
  assertThrows(() => diff.zeroOrder(noise)(3 as never), TypeError, "wants a function");
  assertThrows(
    () => diff.zeroOrder(noise)((async (x: Tensor) => await x) as never),
    TypeError,
    "async function",
  );
});

Deno.test("zeroOrder() names what a function or a distribution did wrong", () => {
  const x = vector([1, 2]);
  for (const evaluation of ["batch", "loop"] as const) {
    const wrap = diff.zeroOrder(noise, { evaluation });
    assertThrows(() => wrap((x) => x.mul(2))(x), ShapeError, "returned a tensor of shape [2]");
    assertThrows(() => wrap((() => 3) as never)(x), TypeError, "what the function returned is 3");
    assertThrows(() => wrap((x) => x.sum().to("int64"))(x), DTypeError, "returned int64");
    const given = (z: unknown) => () =>
      autograd.grad(diff.zeroOrder(() => z as Tensor, { evaluation })(cubes)(x), [x]);
    assertThrows(given(zeros([3])), ShapeError, "noise of shape [3], wants [2]");
    assertThrows(given(zeros([])), ShapeError, "noise of shape [], wants [2]");
    assertThrows(given(0.5), TypeError, "what the distribution gave is 0.5");
    const batch = { sample: noise, sampleBatch: () => zeros([2]) };
    const run = () =>
      autograd.grad(diff.zeroOrder(batch, { evaluation, numSamples: 4 })(cubes)(x), [x]);
    assertThrows(run, ShapeError, "noise of shape [2], wants [4, 2]");
  }
  assertThrows(
    () => diff.zeroOrder(noise, { argnums: 1 })(cubes)(x),
    RangeError,
    "argnums 1 is out of range for 1 argument(s)",
  );
  const whole = tensor([1, 2], { dtype: "int64" });
  assertThrows(() => diff.zeroOrder(noise)(cubes)(whole), DTypeError, "is int64");
});

Deno.test("zeroOrder() gives the same estimate in a batch and in a loop", () => {
  const methods: Options[] = [
    { method: "naive" },
    { method: "naive", baseline: "mean" },
    { method: "naive", mirrored: true, orthogonal: true },
    { method: "naive", shaping: "ranks" },
    { method: "naive", shaping: (v) => v.sub(v.mean()).div(v.std()) },
    { method: "forward" },
    { method: "forward", commonRandomNumbers: true, nonFinite: "skip" },
    { method: "antithetic" },
    { method: "antithetic", shaping: "ranks", nonFinite: "skip" },
    { method: "antithetic", commonRandomNumbers: true },
  ];
  for (const method of methods) {
    const options = { ...method, numSamples: 6, sigma: 0.3 };
    const wanted = gradient(cubes, { ...options, evaluation: "loop" });
    near(gradient(cubes, { ...options, evaluation: "batch" }), wanted);
    near(gradient(cubes, options), wanted);
    // Compiled: noise is drawn before each run, in the same order.
    const x = vector([1, -2]);
    const run = compile((x: Tensor) =>
      autograd.grad(diff.zeroOrder(noise, options)(cubes)(x), [x])[0] as Tensor
    );
    run(x);
    manualSeed(11);
    near(run(x).toArray() as number[], wanted);
  }
});

Deno.test("zeroOrder() calls functions that read values in a loop", () => {
  let calls = 0;
  const opaque = (x: Tensor) => {
    calls++;
    const [a, b] = x.toArray() as number[];
    return tensor(a ** 3 + b ** 3, { dtype: "float64" });
  };
  for (const method of ["naive", "forward", "antithetic"] as const) {
    const options = { method, numSamples: 5, sigma: 0.2 };
    near(gradient(opaque, options), gradient(cubes, options));
    assertThrows(
      () => gradient(opaque, { ...options, evaluation: "batch" }),
      GradientError,
      "values are not known",
    );
  }
  // It is not traced again after it could not be.
  const wrapped = diff.zeroOrder(noise, { numSamples: 5 })(opaque), x = vector([1, 2]);
  autograd.grad(wrapped(x), [x]);
  calls = 0;
  autograd.grad(wrapped(x), [x]);
  assertEquals(calls, 6);
  // A branch on a value, with a graph in each branch.
  const branches = (x: Tensor) => x.sum().item() > 0 ? cubes(x) : cubes(x).neg();
  assert(gradient(branches, { numSamples: 3 }).every(Number.isFinite));
  // Inside of a trace nothing can be read.
  assertThrows(
    () => compile((x: Tensor) => autograd.grad(wrapped(x), [x])[0] as Tensor)(x),
    GradientError,
    "values are not known",
  );
});

Deno.test("zeroOrder() estimates of functions that read values have no derivative", () => {
  const opaque = (x: Tensor) => tensor(Number(x.data()[0]) ** 2, { dtype: "float64" });
  const x = vector([3]);
  const f = diff.zeroOrder(noise, { numSamples: 2 });
  const [g] = autograd.grad(f(opaque)(x), [x], { createGraph: true });
  assertThrows(() => autograd.grad(g!.sum(), [x]), GradientError, "differentiated again");
  // That of an ordinary one is the derivative of the formula with the noise that was drawn.
  const one = (shape: readonly number[]) => tensor(1, { dtype: "float64" }).expand(shape);
  const smooth = diff.zeroOrder(one, { method: "antithetic", sigma: 0.5 })(cubes);
  const [first] = autograd.grad(smooth(x), [x], { createGraph: true });
  const [second] = autograd.grad(first!.sum(), [x]);
  near([first!.item(), second!.item()], [27 + 0.25, 18]);
});

Deno.test("zeroOrder() differentiates trees in the arguments that argnums names", () => {
  type Params = { b: Tensor; a: Tensor; name: string };
  const ones = (shape: readonly number[]) => tensor(1, { dtype: "float64" }).expand(shape);
  const f = (scale: Tensor, { a, b, name }: Params) => {
    assertEquals(name, "p");
    return a.square().sum().add(b.sum().square()).mul(scale);
  };
  const scale = tensor(2, { dtype: "float64", requiresGrad: true });
  const p = { b: vector([5]).sum(), a: vector([1, 2]), name: "p" };
  const wrapped = diff.zeroOrder(ones, { argnums: [1], method: "antithetic" })(f);
  const value = wrapped(scale, p);
  assertEquals(value.item(), 60);
  // Along the direction 1 in all places: each gets the sum of the derivatives. Other arguments keep
  // their own.
  const grads = autograd.grad(value, [p.a, p.b, scale]);
  assertEquals(grads.map((g) => g!.toArray()), [[32, 32], 32, 30]);
});

Deno.test("zeroOrder() takes empty and scalar arguments, and single precision", () => {
  const x = zeros([0], { requiresGrad: true }), y = tensor(2, { requiresGrad: true });
  const f = diff.zeroOrder((shape) => randn(shape), { argnums: [0, 1], numSamples: 3 })((x, y) =>
    y.square().add(x.sum())
  );
  const value = f(x, y), [gx, gy] = autograd.grad(value, [x, y]);
  assertEquals([gx!.shape, gy!.shape, gy!.dtype], [[0], [], "float32"]);
  assert(Number.isFinite(gy!.item()));
  // Noise takes the type of what it moves.
  const wide = diff.zeroOrder(noise)((y: Tensor) => {
    assertEquals(y.dtype, "float32");
    return y;
  });
  assertEquals(autograd.grad(wide(y), [y])[0]!.dtype, "float32");
  // Nothing to differentiate: no noise is drawn.
  const never = () => {
    throw new Error("drawn");
  };
  assertEquals(noGrad(() => diff.zeroOrder(never)(cubes)(y)).item(), 8);
});

Deno.test("zeroOrder() works inside and outside of vmap, grad and compile", () => {
  const xs = tensor([[1, 2], [3, 4], [-1, 0]], { dtype: "float64" });
  const f = diff.zeroOrder(noise, { method: "antithetic", numSamples: 400, sigma: 0.1 })(cubes);
  const inside = func.vmap(func.grad(f), { randomness: "different" });
  const outside = func.grad((xs: Tensor) =>
    func.vmap((x: Tensor) => f(x), { randomness: "different" })(xs).sum()
  );
  const exact = flat(xs.square().mul(3));
  for (const run of [inside, outside, compile(inside), compile(outside)]) {
    const got = flat(run(xs));
    got.forEach((v, i) => assert(Math.abs(v - exact[i]) < 12, `${got}`));
  }
  manualSeed(3);
  const first = flat(inside(xs));
  manualSeed(3);
  assertEquals(flat(inside(xs)), first);
  const compiled = compile(inside);
  compiled(xs);
  manualSeed(3);
  near(flat(compiled(xs)), first);
});

Deno.test("zeroOrder() leaves values that are not finite in, or skips their samples", () => {
  // Every second sample is not a number.
  let turn = 0;
  const halves = (shape: readonly number[]) =>
    tensor(turn++ % 2 === 0 ? 1 : -1, { dtype: "float64" }).expand(shape);
  const log = (x: Tensor) => x.log().sum(), x = vector([0.5]);
  const run = (options: Options) => {
    turn = 0;
    const f = diff.zeroOrder(halves, { numSamples: 4, ...options })(log);
    return autograd.grad(f(x), [x])[0]!.item();
  };
  for (const evaluation of ["batch", "loop"] as const) {
    assertEquals(run({ evaluation }), NaN);
    near([run({ evaluation, nonFinite: "skip" })], [Math.log(1.5)]);
    near([run({ evaluation, nonFinite: "skip", baseline: "mean" })], [0]);
    assertEquals(run({ evaluation, shaping: "ranks" }), NaN);
    near([run({ evaluation, shaping: "ranks", nonFinite: "skip" })], [0]);
    // Both values of a difference have to be there.
    assertEquals(run({ evaluation, method: "antithetic", nonFinite: "skip" }), 0);
    near([run({ evaluation, method: "forward", nonFinite: "skip" })], [Math.log(3)]);
  }
});

Deno.test("zeroOrder() draws what the function draws anew for each sample", () => {
  // f(x) = sum(x) + a large random number: it cancels where both values see the same one.
  const noisy = (x: Tensor) => x.sum().add(randn([], { dtype: "float64" }).mul(1e6));
  for (const evaluation of ["batch", "loop"] as const) {
    for (const method of ["forward", "antithetic"] as const) {
      const options = { method, numSamples: 3, evaluation };
      assert(gradient(noisy, options).some((v) => Math.abs(v) > 1e3));
      const common = { ...options, commonRandomNumbers: true };
      assert(gradient(noisy, common).every((v) => Math.abs(v) < 10), method + evaluation);
    }
  }
});

Deno.test("zeroOrder() leaves what the function reads its own derivative", () => {
  const w = vector([2, 3]), x = vector([1, 1]);
  const f = diff.zeroOrder(noise)((x) => x.mul(w).sum());
  assertEquals(autograd.grad(f(x), [w])[0]!.toArray(), [1, 1]);
});
