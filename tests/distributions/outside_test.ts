/** Values that cannot occur, and NaN. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  compile,
  distributions,
  func,
  Generator,
  ones,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";

const d = distributions, f64 = { dtype: "float64" } as const;
const all: Record<string, distributions.Distribution> = {
  Normal: new d.Normal(0.2, 2, f64),
  Laplace: new d.Laplace(0.2, 2, f64),
  Gumbel: new d.Gumbel(0.2, 2, f64),
  StudentT: new d.StudentT(3, 0.2, 2, f64),
  LogNormal: new d.LogNormal(0.2, 2, f64),
  Beta: new d.Beta(2, 3, f64),
  Gamma: new d.Gamma(2, 3, f64),
  Exponential: new d.Exponential(2, f64),
  Uniform: new d.Uniform(-1, 2, f64),
  TruncatedNormal: new d.TruncatedNormal(0.2, 2, -1, 2, f64),
  Bernoulli: new d.Bernoulli({ probs: 0.3, ...f64 }),
  Categorical: new d.Categorical({ probs: [0.25, 0.75], ...f64 }),
};

for (const [name, dist] of Object.entries(all)) {
  Deno.test(`${name}.logProb(): NaN is NaN, infinity has no density, also compiled`, () => {
    const x = tensor([NaN, Infinity, -Infinity], f64), want = [NaN, -Infinity, -Infinity];
    const log = (x: Tensor) => dist.logProb(x);
    assertEquals(log(x).toArray(), want);
    assertEquals(compile(log)(x).toArray(), want);
    assertEquals(func.vmap(log)(x).toArray(), want);
    assertEquals(log(x.to("float32")).toArray(), want);
  });
}

Deno.test("discrete distributions: values that cannot occur have the probability 0", () => {
  const { Bernoulli, Categorical } = all, log = Math.log;
  assertEquals(Bernoulli.prob(tensor([-1, 0.5, 2], f64)).toArray(), [0, 0, 0]);
  assertEquals(Bernoulli.logProb(tensor([2, -1], { dtype: "int64" })).toArray(), [
    -Infinity,
    -Infinity,
  ]);
  assertEquals(Categorical.prob(tensor([-1, 0.5, 2], f64)).toArray(), [0, 0, 0]);
  const places = tensor([-1, 0, 1, 2], { dtype: "int64" });
  const logs = [-Infinity, log(0.25), log(0.75), -Infinity];
  assertEquals(Categorical.logProb(places).sub(tensor(logs, f64)).abs().gt(1e-15).any().item(), 0);
  assertEquals(Categorical.logProb(places).isFinite().toArray(), [0, 1, 1, 0].map(Boolean));
});

Deno.test("the slope at a value that cannot occur is 0, not NaN", () => {
  const x = tensor([-1, 0, 1, 2], { dtype: "int64" });
  const slope = func.grad((logits: Tensor) => {
    const log = new d.Categorical({ logits }).logProb(x);
    return log.maskedFill(log.isFinite().logicalNot(), 0).sum();
  });
  assertEquals(slope(tensor([0, 0], f64)).toArray(), [0, 0]);
});

Deno.test("icdf() of what is no probability is NaN, and so is cdf() of NaN", () => {
  const x = tensor([NaN, -0.5, 1.5, Infinity, -Infinity], f64), nan = tensor(NaN, f64);
  for (const [name, dist] of Object.entries(all)) {
    const without = ["StudentT", "Beta", "Categorical"].includes(name);
    if (!without) assertEquals(dist.cdf(nan).item(), NaN, name);
    if (without || name === "Bernoulli") continue;
    assertEquals(dist.icdf(x).toArray(), [NaN, NaN, NaN, NaN, NaN], name);
    const p = tensor([0.1, 0.9], f64);
    assertEquals(dist.cdf(dist.icdf(p)).sub(p).abs().gt(1e-12).any().item(), 0, name);
  }
});

Deno.test("Dirichlet.logProb() is minus infinity off the simplex", () => {
  const dist = new d.Dirichlet(tensor([0.5, 2, 3], f64));
  const log = (x: Tensor) => dist.logProb(x);
  const values = tensor([
    [0.2, 0.3, 0.5],
    [0.2, 0.3, 0.6],
    [0.2, 0.3, 0.4],
    [-0.1, 0.6, 0.5],
    [0.2, 0.3, 0.5 + 1e-5],
    [0.2, 0.3, 0.5 + 1e-7],
    [0.2, NaN, 0.5],
    [0.2, 0.3, Infinity],
  ], f64);
  // Gamma(5.5) / (Gamma(0.5) Gamma(2) Gamma(3)) times the powers.
  const inside = -0.5 * Math.log(0.2) + Math.log(0.3) + 2 * Math.log(0.5) +
    Math.log(52.34277778455352 / (Math.sqrt(Math.PI) * 2));
  const want = [true, false, false, false, false, true, NaN, false];
  for (const fn of [log, compile(log), func.vmap(log)]) {
    (fn(values).toArray() as number[]).forEach((got, i) => {
      if (want[i] === true) assertAlmostEquals(got, inside, 1e-6);
      else assertEquals(got, want[i] === false ? -Infinity : NaN);
    });
  }
  // Samples lie on it, in each type and for many parts.
  for (const dtype of ["float64", "float32", "float16"] as const) {
    const many = new d.Dirichlet(ones([500], { dtype }));
    const found = many.logProb(many.sample([50], { generator: new Generator(3) }));
    assertEquals(found.eq(-Infinity).any().item(), 0, dtype);
  }
});

Deno.test("values off the support have the density 0 in what is made of distributions, too", () => {
  const ends = tensor([-0.5, 0.5, 1.5], f64), dist = new d.Uniform(0, 1, f64);
  const two = new d.Independent(new d.Uniform(tensor([0, 0], f64), 1), 1);
  assertEquals(two.logProb(tensor([[0.5, 0.5], [0.5, 1.5]], f64)).toArray(), [0, -Infinity]);
  const mixture = new d.MixtureSameFamily(
    new d.Categorical({ probs: [0.5, 0.5], ...f64 }),
    new d.Exponential(tensor([1, 2], f64)),
  );
  assertEquals(mixture.logProb(tensor(-1, f64)).item(), -Infinity);
  assertEquals(dist.logProb(ends).toArray(), [-Infinity, 0, -Infinity]);
  const normal = new d.Normal(0, 1, f64), none = -Infinity;
  const made = (t: distributions.Transform) => new d.TransformedDistribution(normal, [t]);
  const edges = tensor([-2, 0, 1, NaN, Infinity, -Infinity], f64);
  const finite = (t: distributions.Transform) =>
    (made(t).logProb(edges).toArray() as number[]).map((x) => Number.isFinite(x) ? "finite" : x);
  const rest = [NaN, none, none];
  assertEquals(finite(new d.ExpTransform()), [none, none, "finite", ...rest]);
  assertEquals(finite(new d.SigmoidTransform()), [none, none, none, ...rest]);
  assertEquals(finite(new d.TanhTransform()), [none, "finite", none, ...rest]);
  assertEquals(finite(new d.AffineTransform(1, 2)), ["finite", "finite", "finite", ...rest]);
  const logNormal = new d.LogNormal(0, 1, f64), exp = made(new d.ExpTransform());
  const some = tensor([-1, 0, 0.5, 2], f64);
  assert(exp.prob(some).allclose(logNormal.prob(some), { rtol: 1e-14 }));
  const slope = func.grad((x: Tensor) => exp.logProb(x).nanToNum({ neginf: 0 }).sum());
  assertEquals(slope(tensor([-1, 1], f64)).toArray(), [0, -1]);
});
