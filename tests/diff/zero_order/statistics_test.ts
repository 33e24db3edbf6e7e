/**
 * What estimates are on average, and how far they scatter. Seeds are fixed: each test passes or fails
 * once for all; where it names standard errors, a right estimator fails one in a million times at 5.
 */

import { assert } from "@std/assert";
import {
  autograd,
  diff,
  distributions,
  func,
  Generator,
  manualSeed,
  randn,
  stack,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import { assertClose } from "../../helpers/close.ts";
import "../../helpers/seed.ts";

type Options = diff.ZeroOrderOptions;

const noise = (shape: readonly number[]) => randn(shape, { dtype: "float64" });
/** The same noise, drawn for all samples at once. */
const standard = new distributions.Normal(0, 1, { dtype: "float64" });
const vector = (data: number[]) => tensor(data, { dtype: "float64", requiresGrad: true });

type Objective = (x: Tensor) => Tensor;

/** Independent estimates: [count, n]. */
function estimates(fn: Objective, x: Tensor, options: Options, count: number, seed = 1): Tensor {
  manualSeed(seed);
  const one = func.grad(diff.zeroOrder(standard, options)(fn));
  // An argument with one number for each estimate says how many there are.
  const each = func.vmap((_: Tensor) => one(x), { randomness: "different" });
  return each(zeros([count]));
}

/** Mean of estimates, and its standard error. */
function meanOf(x: Tensor): { mean: number[]; error: number[] } {
  const list = (t: Tensor) => [...t.data() as Float64Array];
  return { mean: list(x.mean(0)), error: list(x.std(0).div(Math.sqrt(x.shape[0]))) };
}

/** The variance of estimates, summed over their parts. */
const scatter = (x: Tensor) => x.var(0).sum().item();

function assertMean(x: Tensor, want: readonly number[], what: string, errors = 5): void {
  const { mean, error } = meanOf(x);
  want.forEach((w, i) =>
    assert(Math.abs(mean[i] - w) <= errors * error[i] + 1e-12, `${what}[${i}]: ${mean[i]}, ${w}`)
  );
}

const a = tensor([[2, 0.5, 0], [0.5, 1, -0.3], [0, -0.3, 3]], { dtype: "float64" });
const b = tensor([1, -2, 0.5], { dtype: "float64" });

/** x A x / 2 + b x: smoothed by noise, its gradient is the same. */
const quadratic: Objective = (x) => x.matmul(a).dot(x).mul(0.5).add(x.dot(b)).add(3);
const slope = (x: Tensor) => [...a.matmul(x).add(b).data() as Float64Array];
/** The sum of cubes: smoothed by noise, its gradient is 3 (x ** 2 + sigma ** 2). */
const cubic: Objective = (x) => x.pow(3).sum();

const at = () => vector([0.7, -0.4, 1.1]);

Deno.test("estimates of a quadratic and a cubic have the gradient of the smoothed function as mean", () => {
  const x = at(), cubes = (sigma: number) => [0.7, -0.4, 1.1].map((v) => 3 * (v * v + sigma ** 2));
  const variants: Options[] = [
    {},
    { baseline: "mean" },
    { mirrored: true },
    { orthogonal: true },
    { orthogonal: true, mirrored: true },
    { orthogonal: true, baseline: "mean" },
    { method: "forward" },
    { method: "forward", orthogonal: true },
    { method: "antithetic" },
    { method: "antithetic", orthogonal: true },
    { method: "antithetic", commonRandomNumbers: true },
  ];
  for (const sigma of [0.3, 1]) {
    for (const variant of variants) {
      const options = { sigma, numSamples: 4, ...variant }, what = JSON.stringify(options);
      assertMean(estimates(quadratic, x, options, 4000), slope(x), `quadratic ${what}`);
      assertMean(estimates(cubic, x, options, 4000, 2), cubes(sigma), `cubic ${what}`);
    }
  }
});

Deno.test("the variance falls as one over the number of samples", () => {
  for (const method of ["naive", "forward", "antithetic"] as const) {
    const spread = [1, 4, 16, 64].map((numSamples) =>
      scatter(estimates(cubic, at(), { method, numSamples, sigma: 0.5 }, 4000))
    );
    spread.slice(1).forEach((v, i) => {
      const ratio = spread[i] / v;
      assert(ratio > 3.2 && ratio < 5, `${method}: ${ratio}`);
    });
  }
});

Deno.test("antithetic estimates scatter less than naive ones on smooth functions", () => {
  const smooth: [string, Objective][] = [
    ["quadratic", quadratic],
    ["cubic", cubic],
    ["sines", (x) => x.sin().sum().add(2)],
    ["exponential", (x) => x.sum().exp()],
  ];
  for (const [name, fn] of smooth) {
    const spread = (["naive", "forward", "antithetic"] as const).map((method) =>
      scatter(estimates(fn, at(), { method, numSamples: 8, sigma: 0.3 }, 1000))
    );
    assert(spread[1] < spread[0] && spread[2] < spread[0], `${name}: ${spread}`);
    assert(spread[2] < spread[1] * 1.1, `${name}: ${spread}`);
  }
});

Deno.test("each reduction of variance scatters less than plain estimates", () => {
  const x = at(), options = { numSamples: 12, sigma: 0.4 };
  const plain = (more: Options = {}, fn = quadratic) =>
    scatter(estimates(fn, x, { ...options, ...more }, 1000));
  const naive = plain();
  assert(plain({ baseline: "mean" }) < 0.5 * naive);
  assert(plain({ mirrored: true }) < 0.5 * naive);
  // Perpendicular directions: beside a method that does not scatter for other reasons.
  const antithetic: Options = { method: "antithetic" };
  assert(plain({ ...antithetic, orthogonal: true }) < 0.8 * plain(antithetic));
  // Random numbers in the function itself.
  const noisy: Objective = (x) => quadratic(x).add(noise([]).mul(50));
  for (const method of ["forward", "antithetic"] as const) {
    assert(plain({ method, commonRandomNumbers: true }, noisy) < 0.1 * plain({ method }, noisy));
  }
  // Ranks: relative to the length of the mean, where the values have outliers.
  const outliers: Objective = (x) => x.sum().mul(4).exp();
  const relative = (more: Options) => {
    const all = estimates(outliers, x, { ...options, sigma: 1, ...more }, 1000);
    return scatter(all) / all.mean(0).square().sum().item();
  };
  assert(relative({ shaping: "ranks" }) < 0.5 * relative({}));
});

Deno.test("ranks give a direction that neither scale nor offset of the values changes", () => {
  const x = at(), options: Options = { shaping: "ranks", numSamples: 20, sigma: 0.3 };
  for (const method of ["naive", "antithetic"] as const) {
    const run = (fn: Objective) => estimates(fn, x, { ...options, method }, 5).data();
    assertClose(run((x) => quadratic(x).mul(1e3).add(7)), run(quadratic), 1e-12);
    assertClose(run((x) => quadratic(x).mul(0.01).exp()), run(quadratic), 1e-12);
    assertClose(run((x) => x.sum().mul(0)), new Float64Array(15), 0);
    // It is the direction of descent.
    const mean = estimates(quadratic, x, { ...options, method }, 400).mean(0);
    const g = tensor(slope(x), { dtype: "float64" });
    assert(mean.dot(g).div(mean.norm().mul(g.norm())).item() > 0.98);
  }
});

// Scenario A13: one estimate of many antithetic pairs, with values far from 0.

Deno.test("40 000 antithetic pairs: factors of sigma and of the number, and large offsets", () => {
  const linear: Objective = (x) => x.dot(tensor([1, -2, 3], { dtype: "float64" })).add(1e6);
  const errors = [0.0194, 0.0212, 0.0240], want = [1, -2, 3], x = at();
  const run = (fn: Objective, x: Tensor, options: Options, distribution: diff.Samplable) => {
    const f = diff.zeroOrder(distribution, { method: "antithetic", ...options })(fn);
    return [...autograd.grad(f(x), [x])[0]!.data() as Float64Array];
  };
  const pairs = [
    { sampleBatch: true, distribution: standard as diff.Samplable },
    { sampleBatch: false, distribution: { sample: noise } },
  ];
  for (const { sampleBatch, distribution } of pairs) {
    manualSeed(13);
    const numSamples = sampleBatch ? 40_000 : 4_000, more = Math.sqrt(40_000 / numSamples);
    for (const sigma of [1e-3, 1, 100]) {
      for (const variant of [{}, { commonRandomNumbers: true }]) {
        const got = run(linear, x, { sigma, numSamples, ...variant }, distribution);
        got.forEach((v, i) => assert(Math.abs(v - want[i]) < 5 * errors[i] * more, `${got}`));
      }
      // Mirrored naive estimates are the same differences.
      const got = run(
        linear,
        x,
        { method: "naive", mirrored: true, sigma, numSamples: 2 * numSamples },
        distribution,
      );
      got.forEach((v, i) => assert(Math.abs(v - want[i]) < 5 * errors[i] * more, `${got}`));
    }
  }
  const one = vector([1]);
  const [got] = run(cubic, one, { sigma: 0.5, numSamples: 40_000 }, standard);
  assert(Math.abs(got - 3.75) < 5 * 0.0324, `${got}`);
  // Fewer pairs: the same mean, with an error larger by the root of 40.
  const few = estimates(linear, x, { method: "antithetic", numSamples: 1000 }, 200);
  assertMean(few, want, "1000 pairs");
  [...few.std(0).data() as Float64Array].forEach((s, i) => {
    const ratio = s / (errors[i] * Math.sqrt(40));
    assert(ratio > 0.8 && ratio < 1.25, `${ratio}`);
  });
});

Deno.test("the same offset costs forward differences and baselines nothing but rounding", () => {
  const x = at(), offset: Objective = (x) => quadratic(x).add(1e6);
  for (
    const options of [
      { method: "forward" },
      { method: "naive", baseline: "mean" },
      { method: "naive", shaping: "ranks" },
    ] as Options[]
  ) {
    const own = { numSamples: 50, sigma: 0.5, ...options };
    const plain = estimates(quadratic, x, own, 20);
    assertClose(estimates(offset, x, own, 20).data(), plain.data(), 1e-6, JSON.stringify(own));
  }
});

Deno.test("a seed gives the same estimate in one graph, one after another, and from a generator", () => {
  const x = at(), options: Options = { numSamples: 30, sigma: 0.2, method: "antithetic" };
  const draw = () => {
    const generator = new Generator(77);
    return (shape: readonly number[]) => randn(shape, { dtype: "float64", generator });
  };
  const all = (["batch", "loop", "auto"] as const).map((evaluation) => {
    const f = diff.zeroOrder(draw(), { ...options, evaluation })(cubic);
    return autograd.grad(f(x), [x])[0]!;
  });
  const [first] = all;
  assertClose(stack(all).data(), stack(all.map(() => first)).data(), 1e-10);
});
