/** Samples: Kolmogorov-Smirnov tests at fixed seeds, derivatives, and the same numbers everywhere. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  compile,
  distributions,
  func,
  Generator,
  gradcheck,
  GradientError,
  manualSeed,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import { betaCdf, ks, studentCdf } from "./statistics.ts";
import "../helpers/seed.ts";

const {
  AffineTransform,
  Bernoulli,
  Beta,
  Categorical,
  Dirichlet,
  Exponential,
  Gamma,
  Gumbel,
  gumbelSoftmax,
  Independent,
  Laplace,
  LogNormal,
  MixtureSameFamily,
  MultivariateNormal,
  Normal,
  SigmoidTransform,
  StudentT,
  TanhTransform,
  TransformedDistribution,
  TruncatedNormal,
  Uniform,
} = distributions;

type Distribution = distributions.Distribution;

const options = { dtype: "float64" } as const;
const wide = (x: number[] | number[][]) => tensor(x, options);

/** Distributions of one number, and their distribution functions where the class has none. */
const CONTINUOUS: [string, () => Distribution, ((x: number) => number)?][] = [
  ["Normal", () => new Normal(1, 2, options)],
  ["Normal in float32", () => new Normal(1, 2)],
  ["Uniform", () => new Uniform(-1, 3, options)],
  ["Exponential", () => new Exponential(0.7, options)],
  ["Exponential in float32", () => new Exponential(0.7)],
  ["Laplace", () => new Laplace(1, 2, options)],
  ["Gumbel", () => new Gumbel(1, 2, options)],
  ["Gumbel in float32", () => new Gumbel(1, 2)],
  ["LogNormal", () => new LogNormal(0.2, 0.8, options)],
  ["Gamma 0.05", () => new Gamma(0.05, 2, options)],
  ["Gamma 0.7", () => new Gamma(0.7, 2, options)],
  ["Gamma 9 in float32", () => new Gamma(9, 0.5)],
  ["Gamma 2e4", () => new Gamma(2e4, 1, options)],
  ["Beta", () => new Beta(0.5, 2, options), betaCdf(0.5, 2)],
  ["Beta of small parameters", () => new Beta(0.02, 0.6, options), betaCdf(0.02, 0.6)],
  ["Beta of large parameters", () => new Beta(300, 20, options), betaCdf(300, 20)],
  ["StudentT 1.5", () => new StudentT(1.5, 0, 1, options), studentCdf(1.5)],
  ["StudentT 20", () => new StudentT(20, 0, 1, options), studentCdf(20)],
  ["TruncatedNormal", () => new TruncatedNormal(0.5, 1, -0.3, 2, options)],
  ["TruncatedNormal in a tail", () => new TruncatedNormal(2, 0.05, -10, -1, options)],
  ["TruncatedNormal in the other tail", () => new TruncatedNormal(-2, 0.05, 1, 10, options)],
  ["TruncatedNormal with one end", () => new TruncatedNormal(0, 1, 1.5, Infinity, options)],
  [
    "MixtureSameFamily",
    () =>
      new MixtureSameFamily(new Categorical(wide([1, 3])), new Normal(wide([-2, 1]), 0.7, options)),
  ],
  ["TransformedDistribution", () =>
    new TransformedDistribution(new Normal(0, 1, options), [
      new AffineTransform(0.5, -2),
      new SigmoidTransform(),
    ])],
  [
    "TanhTransform",
    () => new TransformedDistribution(new Normal(0.2, 0.7, options), new TanhTransform()),
  ],
];

const COUNT = 4000;

for (const [name, make, cdf] of CONTINUOUS) {
  Deno.test(`samples of ${name} pass a Kolmogorov-Smirnov test`, () => {
    const d = make(), x = d.sample([COUNT], { generator: new Generator(17) });
    const values = [...x.data() as Float64Array].sort((a, b) => a - b);
    const below = cdf === undefined
      ? [...d.cdf(tensor(values, { dtype: x.dtype })).data() as Float64Array]
      : values.map(cdf);
    // The chance of a larger distance is one in ten thousand, once for all: seeds are fixed.
    assert(ks(below) < 2.23 / Math.sqrt(COUNT), `${ks(below) * Math.sqrt(COUNT)}`);
  });
}

Deno.test("samples of Dirichlet and MultivariateNormal pass Kolmogorov-Smirnov tests by part", () => {
  const generator = new Generator(5), a = [0.3, 2, 1.1];
  const weights = new Dirichlet(wide(a)).sample([COUNT], { generator });
  assertClose(weights.sum(-1).data(), new Float64Array(COUNT).fill(1), 1e-12);
  const sorted = (x: Tensor) => [...x.data() as Float64Array].sort((p, q) => p - q);
  a.forEach((own, i) => {
    const cdf = betaCdf(own, 3.4 - own);
    assert(ks(sorted(weights.select(1, i)).map(cdf)) < 2.23 / Math.sqrt(COUNT));
  });
  const normal = new MultivariateNormal(wide([1, -2]), { scaleTril: wide([[2, 0], [1, 0.5]]) });
  const x = normal.sample([COUNT], { generator });
  // Along any direction the variance is that of the covariance.
  for (const direction of [[1, 0], [0, 1], [0.6, -0.8]]) {
    const v = wide(direction),
      one = new Normal(
        v.dot(normal.loc),
        v.matmul(normal.covarianceMatrix).dot(v).sqrt(),
      );
    const along = wide(sorted(x.matmul(v)));
    assert(ks([...one.cdf(along).data() as Float64Array]) < 2.23 / Math.sqrt(COUNT));
  }
});

Deno.test("samples of Bernoulli and Categorical pass chi-square tests", () => {
  const generator = new Generator(3), n = 20_000;
  const chi = (counts: number[], probs: number[]) =>
    counts.reduce((sum, c, i) => sum + (c - n * probs[i]) ** 2 / (n * probs[i]), 0);
  const ones = new Bernoulli(0.3).sample([n], { generator }).sum().item();
  // Quantiles of the chi-square distribution at one in ten thousand.
  assert(chi([n - ones, ones], [0.7, 0.3]) < 15.1);
  const probs = [0.1, 0.2, 0, 0.3, 0.4], d = new Categorical(wide(probs));
  const counts = probs.map(() => 0);
  for (const i of d.sample([n], { generator }).data()) counts[Number(i)]++;
  assertEquals(counts[2], 0);
  assert(chi(counts.filter((_, i) => i !== 2), probs.filter((p) => p > 0)) < 21.1);
  const hard = gumbelSoftmax(d.logits.expand(n, 5), { hard: true, generator }).sum(0);
  const drawn = [...hard.data() as Float64Array];
  assertEquals(drawn[2], 0);
  assert(chi(drawn.filter((_, i) => i !== 2), probs.filter((p) => p > 0)) < 21.1);
});

Deno.test("samples have the moments that the distribution names", () => {
  for (const [name, make] of CONTINUOUS) {
    if (/Transform|StudentT 1.5/.test(name)) continue;
    const d = make(), x = d.sample([COUNT], { generator: new Generator(23) });
    const error = d.stddev.item() / Math.sqrt(COUNT);
    assert(Math.abs(x.mean().item() - d.mean.item()) < 4 * error, `mean of ${name}`);
    // Of the variance, heavy tails make the error large.
    const ratio = x.var(0).item() / d.variance.item();
    assert(ratio > 0.7 && ratio < 1.4, `variance of ${name}: ${ratio}`);
  }
});

/** Reparametrised samples as functions of the parameters, with the same noise at each call. */
const SMOOTH: [string, (...p: Tensor[]) => Distribution, number[]][] = [
  ["Normal", (a, b) => new Normal(a, b), [0.3, 1.2]],
  ["Uniform", (a, b) => new Uniform(a, b), [-1, 1.5]],
  ["Exponential", (a) => new Exponential(a), [0.7]],
  ["Laplace", (a, b) => new Laplace(a, b), [0.3, 1.2]],
  ["Gumbel", (a, b) => new Gumbel(a, b), [0.3, 1.2]],
  ["LogNormal", (a, b) => new LogNormal(a, b), [0.3, 0.5]],
  ["Gamma", (a, b) => new Gamma(a, b), [0.6, 1.4]],
  ["Gamma of a large concentration", (a, b) => new Gamma(a, b), [12.5, 1.4]],
  ["Beta", (a, b) => new Beta(a, b), [0.8, 2.3]],
  ["StudentT", (a, b, c) => new StudentT(a, b, c), [4.5, 0.3, 1.2]],
  ["TruncatedNormal", (a, b, c, d) => new TruncatedNormal(a, b, c, d), [0.3, 1.2, -0.5, 2]],
  ["TruncatedNormal in a tail", (a, b) => new TruncatedNormal(a, b, 5, 7), [0.3, 1.2]],
  [
    "TransformedDistribution",
    (a, b, c) =>
      new TransformedDistribution(new Normal(a, b), [
        new AffineTransform(0.1, c),
        new TanhTransform(),
      ]),
    [0.3, 0.5, 1.1],
  ],
  ["Independent", (a, b) => new Independent(new Normal(a.expand(2), b), 1), [0.3, 1.2]],
  ["Dirichlet", (a, b) => new Dirichlet(a.mul(tensor([1, 2, 0.5], options)).add(b)), [0.7, 0.2]],
];

for (const [name, make, at] of SMOOTH) {
  Deno.test(`rsample() of ${name} has the derivatives of its samples, to order 2`, () => {
    const params = at.map((x) => tensor(x, { ...options, requiresGrad: true }));
    // The dependence on all parts of samples is tested by uneven weights.
    const run = (...p: Tensor[]) => {
      const x = make(...p).rsample([3], { generator: new Generator(9) });
      return x.flatten().square().mul(wide([1, 2, 3, 4, 5, 6, 7, 8, 9].slice(0, x.size))).sum();
    };
    assert(gradcheck(run, params, { order: 2, rtol: 1e-4, atol: 1e-5 }));
  });
}

Deno.test("rsample() is refused where samples are no differentiable function", () => {
  const mixture = new MixtureSameFamily(new Categorical([1, 1]), new Normal([0, 1], 1));
  for (const d of [new Bernoulli(0.5), new Categorical([1, 1]), mixture]) {
    assert(!d.hasRsample);
    assertThrows(() => d.rsample(), GradientError, "no differentiable function");
  }
  const p = tensor(0.5, { requiresGrad: true });
  assert(!new Bernoulli(p).sample([2]).requiresGrad);
  assert(!new Normal(p, 1).sample([2]).requiresGrad);
});

Deno.test("gumbelSoftmax() has the derivatives of its weights", () => {
  const logits = tensor([0.2, -1, 0.7], { ...options, requiresGrad: true });
  const weights = wide([1, 3, -2]);
  const run = (hard: boolean) => (x: Tensor) =>
    gumbelSoftmax(x, { hard, tau: 0.6, generator: new Generator(4) }).mul(weights).sum();
  assert(gradcheck(run(false), [logits], { order: 2 }));
  const soft = func.grad(run(false))(logits), hard = func.grad(run(true))(logits);
  assertClose(hard.data(), soft.data(), 1e-12);
  assertThrows(() => gumbelSoftmax(logits, { tau: 0 }), RangeError, "tau is 0");
});

Deno.test("a seed gives the same samples eager, compiled and in vmap", () => {
  const makes = [...CONTINUOUS.map(([, make]) => make), () => new Categorical(wide([1, 2, 0, 4]))];
  for (const make of makes) {
    const d = make(), name = d.constructor.name;
    manualSeed(8);
    const eager = d.sample([6]);
    const run = compile(() => d.sample([6]));
    run();
    manualSeed(8);
    assertClose(run().data(), eager.data(), 1e-12, name);
    // One draw for each example, one after another.
    const each = func.vmap((x: Tensor) => d.sample([6]).to("float64").add(x), {
      randomness: "different",
    });
    manualSeed(8);
    const batch = each(wide([0, 0, 0]));
    manualSeed(8);
    const first = d.sample([6]), second = d.sample([6]);
    if (d instanceof MixtureSameFamily || d instanceof Beta || d instanceof StudentT) continue;
    assertClose(batch.select(0, 0).data(), first.data(), 1e-12, name);
    assertClose(batch.select(0, 1).data(), second.data(), 1e-12, name);
  }
});
