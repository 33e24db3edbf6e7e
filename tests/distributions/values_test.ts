/** Densities, moments and divergences against those of PyTorch; see `make_values.py`. */

import { assertEquals, assertThrows } from "@std/assert";
import { autograd, distributions, type Tensor, tensor } from "@torchopt/torchopt";
import {
  logGammaQuantile,
  logGammaSlope,
} from "../../src/distributions/special/incomplete_gamma.ts";
import { assertClose } from "../helpers/close.ts";
import "../helpers/seed.ts";

type Nested = number | string | Nested[];

type Params = Record<string, Nested>;

interface Described {
  name: string;
  params: Params;
}

interface Case extends Described {
  values: Nested[];
  log_prob: Nested;
  grads: Nested[];
  entropy: Nested | null;
  entropy_grads?: Nested[];
  mean: Nested;
  variance: Nested;
  cdf: Nested | null;
  icdf?: Nested;
}

interface Stored {
  unit: number[];
  cases: Case[];
  divergences: { p: Described; q: Described; kl: Nested; grads: Nested[] }[];
  gamma_slopes: { concentration: number; samples: number[]; slopes: number[] }[];
}

const stored: Stored = JSON.parse(
  Deno.readTextFileSync(new URL("values.json", import.meta.url)),
);

type DType = "float64" | "float32";

const numbers = (x: Nested): number[] => Array.isArray(x) ? x.flatMap(numbers) : [Number(x)];

const TOLERANCE = {
  float64: { rtol: 1e-10, atol: 1e-12 },
  float32: { rtol: 2e-4, atol: 2e-5 },
};

/** A distribution by PyTorch's description, and its parameters. */
function make({ name, params }: Described, dtype: DType) {
  const given = Object.fromEntries(
    Object.entries(params).map(([key, value]) => [
      key.replace(/_(.)/g, (_, c) => c.toUpperCase()),
      tensor(value as number, { dtype, requiresGrad: true }),
    ]),
  );
  const { MultivariateNormal, Bernoulli, Categorical } = distributions;
  const d = name === "MultivariateNormal"
    ? new MultivariateNormal(given.loc, { scaleTril: given.scaleTril })
    : name === "Bernoulli"
    ? new Bernoulli(given)
    : name === "Categorical"
    ? new Categorical(given)
    // deno-lint-ignore no-explicit-any
    : new (distributions as any)[name](...Object.values(given)) as distributions.Distribution;
  return { d: d as distributions.Distribution, leaves: Object.values(given) };
}

/** Values against a batch of parameters: one more dimension in front. */
function spread(values: Nested, d: distributions.Distribution, dtype: Tensor["dtype"]): Tensor {
  const x = tensor(values as number[], { dtype });
  return x.reshape([x.shape[0], ...d.batchShape.map(() => 1), ...x.shape.slice(1)]);
}

function checkCase(c: Case, dtype: DType): void {
  const t = TOLERANCE[dtype], { d, leaves } = make(c, dtype);
  const discrete = c.name === "Categorical" || c.name === "Bernoulli";
  const x = spread(c.values, d, c.name === "Categorical" ? "int64" : dtype);
  if (!discrete) x.requiresGrad_();
  const what = (part: string) => `${c.name} ${JSON.stringify(c.params)} ${part}`;
  const log = d.logProb(x);
  assertClose(log.data(), numbers(c.log_prob), t, what("logProb"));
  const grads = autograd.grad(log.sum(), discrete ? leaves : [...leaves, x], { allowUnused: true });
  c.grads.forEach((want, i) => {
    const got = grads[i]?.data() ?? numbers(want).map(() => 0);
    assertClose(got, numbers(want), t, what(`gradient ${i} of logProb`));
  });
  assertClose(d.prob(x).data(), numbers(c.log_prob).map(Math.exp), t, what("prob"));
  assertClose(d.mean.data(), numbers(c.mean), t, what("mean"));
  assertClose(d.variance.data(), numbers(c.variance), t, what("variance"));
  assertClose(d.stddev.data(), numbers(c.variance).map(Math.sqrt), t, what("stddev"));
  if (c.entropy !== null) {
    const entropy = d.entropy();
    assertClose(entropy.data(), numbers(c.entropy), t, what("entropy"));
    const own = entropy.requiresGrad
      ? autograd.grad(entropy.sum(), leaves, { allowUnused: true })
      : [];
    c.entropy_grads!.forEach((want, i) => {
      const got = own[i]?.data() ?? numbers(want).map(() => 0);
      // PyTorch's trigamma function is right to nine digits.
      const loose = { rtol: Math.max(t.rtol, 1e-8), atol: Math.max(t.atol, 1e-9) };
      assertClose(got, numbers(want), loose, what(`gradient ${i} of entropy`));
    });
  }
  // Its incomplete gamma function is right to nine digits.
  const loose = c.name === "Gamma" ? { rtol: Math.max(t.rtol, 1e-8), atol: t.atol } : t;
  if (c.cdf !== null) assertClose(d.cdf(x).data(), numbers(c.cdf), loose, what("cdf"));
  if (c.icdf !== undefined) {
    const u = spread(stored.unit, d, dtype);
    assertClose(d.icdf(u).data(), numbers(c.icdf), t, what("icdf"));
  }
}

for (const dtype of ["float64", "float32"] as const) {
  for (const name of new Set(stored.cases.map((c) => c.name))) {
    Deno.test(`${name} agrees with PyTorch in ${dtype}`, () => {
      for (const c of stored.cases) if (c.name === name) checkCase(c, dtype);
    });
  }

  Deno.test(`klDivergence() agrees with PyTorch in ${dtype}`, () => {
    for (const c of stored.divergences) {
      const p = make(c.p, dtype), q = make(c.q, dtype), t = TOLERANCE[dtype];
      const what = JSON.stringify([c.p, c.q]), kl = distributions.klDivergence(p.d, q.d);
      assertClose(kl.data(), numbers(c.kl), t, what);
      if (!numbers(c.kl).every(Number.isFinite)) continue;
      const grads = autograd.grad(kl.sum(), [...p.leaves, ...q.leaves], { allowUnused: true });
      c.grads.forEach((want, i) => {
        const got = grads[i]?.data() ?? numbers(want).map(() => 0);
        // Terms that cancel leave their rounding errors.
        const loose = dtype === "float64" ? { rtol: 1e-8, atol: 1e-9 } : { rtol: 2e-3, atol: 2e-4 };
        assertClose(got, numbers(want), loose, `${what} gradient ${i}`);
      });
    }
  });
}

Deno.test("Gamma samples have the derivatives that PyTorch gives them", () => {
  for (const { concentration, samples, slopes } of stored.gamma_slopes) {
    const a = tensor(samples.map(() => concentration), { dtype: "float64" });
    const x = tensor(samples, { dtype: "float64" });
    const got = logGammaSlope(a, x.log()).mul(x);
    assertClose(got.data(), slopes, 1e-4, `Gamma(${concentration})`);
    // Samples are the quantiles: of the probability below a sample, it is the sample.
    const u = new distributions.Gamma(a, 1).cdf(x);
    assertClose(logGammaQuantile(a, u).data(), x.log().data(), 1e-6);
  }
  assertEquals(stored.gamma_slopes.length, 6);
});

Deno.test("MultivariateNormal takes a covariance in place of its factor", () => {
  const options = { dtype: "float64" } as const, { MultivariateNormal } = distributions;
  const scaleTril = tensor([[1.5, 0], [-0.4, 0.7]], options);
  const loc = tensor([1, 2], options), x = tensor([[0, 0], [3, -1]], options);
  const d = new MultivariateNormal(loc, { scaleTril });
  const same = new MultivariateNormal(loc, { covarianceMatrix: d.covarianceMatrix });
  assertClose(same.scaleTril, scaleTril, 1e-12);
  assertClose(same.logProb(x), d.logProb(x), 1e-12);
  assertClose(distributions.klDivergence(d, same).item(), 0, 1e-12);
  assertThrows(() => new MultivariateNormal(loc, {}), TypeError, "either scaleTril");
  const both = { scaleTril, covarianceMatrix: scaleTril };
  assertThrows(() => new MultivariateNormal(loc, both), TypeError, "either scaleTril");
});
