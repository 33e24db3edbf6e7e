/**
 * Kullback-Leibler divergences between distributions.
 *
 * @module
 */

import { checkFunction, describe } from "../tensor/describe.ts";
import { where } from "../tensor/functions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Bernoulli } from "./bernoulli.ts";
import { Beta } from "./beta.ts";
import { Categorical } from "./categorical.ts";
import { Dirichlet } from "./dirichlet.ts";
import { Distribution } from "./distribution.ts";
import { Exponential } from "./exponential.ts";
import { sumLast, timesLog } from "./formulas.ts";
import { Gamma } from "./gamma.ts";
import { Gumbel } from "./gumbel.ts";
import { Independent } from "./independent.ts";
import { Laplace } from "./laplace.ts";
import { LogNormal } from "./log_normal.ts";
import { MultivariateNormal } from "./multivariate_normal.ts";
import { Normal } from "./normal.ts";
import { solveLower } from "./solve_lower.ts";
import { digamma, EULER, lbeta, lgamma } from "./special/gamma.ts";
import { Uniform } from "./uniform.ts";

/** A class of distributions. */
// deno-lint-ignore no-explicit-any
export type DistributionClass<D extends Distribution = Distribution> = new (...args: any[]) => D;

type Formula = (p: Distribution, q: Distribution) => Tensor;

const formulas = new Map<DistributionClass, Map<DistributionClass, Formula>>();

/**
 * Registers the divergence between two classes of distributions. The formula of the nearest classes
 * serves for their subclasses.
 *
 * @param from the class of p
 * @param to the class of q
 * @param formula the divergence of p from q, one number for each distribution of the batch
 *
 * @example
 * ```ts
 * import { distributions } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const { Beta, registerKlDivergence, klDivergence, Uniform } = distributions;
 * registerKlDivergence(Beta, Uniform, (p) => p.entropy().neg());
 * assertEquals(klDivergence(new Beta(1, 1), new Uniform(0, 1)).item(), 0);
 * ```
 */
export function registerKlDivergence<P extends Distribution, Q extends Distribution>(
  from: DistributionClass<P>,
  to: DistributionClass<Q>,
  formula: (p: P, q: Q) => Tensor,
): void {
  checkFunction("registerKlDivergence", from, "the first class");
  checkFunction("registerKlDivergence", to, "the second class");
  checkFunction("registerKlDivergence", formula, "the formula");
  let own = formulas.get(from);
  if (own === undefined) formulas.set(from, own = new Map());
  own.set(to, formula as unknown as Formula);
}

/** The classes of an object, the most derived one first. */
function classesOf(d: Distribution): DistributionClass[] {
  const found: DistributionClass[] = [];
  for (let p = Object.getPrototypeOf(d); p !== null; p = Object.getPrototypeOf(p)) {
    found.push(p.constructor);
  }
  return found;
}

/**
 * The Kullback-Leibler divergence of `p` from `q`, the mean of log p(x) - log q(x) over samples of p:
 * one number for each distribution of the batch, infinite where p has values that q has not.
 *
 * @param p the distribution of the samples
 * @param q the other one
 * @throws {TypeError} where there is no closed form for the pair; `registerKlDivergence` adds one
 *
 * @example
 * ```ts
 * import { distributions } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const { klDivergence, Normal } = distributions;
 * assertEquals(klDivergence(new Normal(1, 1), new Normal(3, 1)).item(), 2);
 * ```
 */
export function klDivergence(p: Distribution, q: Distribution): Tensor {
  for (const d of [p, q]) {
    if (d instanceof Distribution) continue;
    throw new TypeError(`klDivergence: got ${describe(d)}, wants two distributions.`);
  }
  for (const from of classesOf(p)) {
    for (const to of classesOf(q)) {
      const formula = formulas.get(from)?.get(to);
      if (formula !== undefined) return formula(p, q);
    }
  }
  throw new TypeError(
    `klDivergence: there is no formula for ${p.constructor.name} and ${q.constructor.name}; ` +
      `registerKlDivergence() adds one, or take the mean of logProb over samples.`,
  );
}

registerKlDivergence(Normal, Normal, (p, q) => {
  const ratio = p.scale.div(q.scale).square();
  const apart = p.loc.sub(q.loc).div(q.scale).square();
  return ratio.add(apart).sub(1).sub(ratio.log()).mul(0.5);
});

registerKlDivergence(LogNormal, LogNormal, (p, q) => klDivergence(p.base, q.base));

registerKlDivergence(MultivariateNormal, MultivariateNormal, (p, q) => {
  const logDet = (d: MultivariateNormal) => d.scaleTril.diagonal(0, -2, -1).log().sum(-1);
  const trace = solveLower(q.scaleTril, p.scaleTril).square().sum([-2, -1]);
  const apart = solveLower(q.scaleTril, q.loc.sub(p.loc).unsqueeze(-1)).square().sum([
    -2,
    -1,
  ]);
  return trace.add(apart).sub(p.eventShape[0]).mul(0.5).add(logDet(q)).sub(logDet(p));
});

registerKlDivergence(Bernoulli, Bernoulli, (p, q) => {
  const zero = p.logProb(0).sub(q.logProb(0)), one = p.logProb(1).sub(q.logProb(1));
  return timesLog(p.probs, one).add(timesLog(p.probs.rsub(1), zero));
});

registerKlDivergence(Categorical, Categorical, (p, q) => {
  const some = p.probs.ne(0);
  // Where neither occurs, the difference of the logs is NaN and has no weight.
  return timesLog(p.probs, where(some, p.logits, 0).sub(where(some, q.logits, 0))).sum(-1);
});

registerKlDivergence(Uniform, Uniform, (p, q) => {
  const log = q.high.sub(q.low).div(p.high.sub(p.low)).log();
  return log.maskedFill(q.low.gt(p.low).logicalOr(q.high.lt(p.high)), Infinity);
});

registerKlDivergence(Exponential, Exponential, (p, q) => {
  const ratio = q.rate.div(p.rate);
  return ratio.sub(1).sub(ratio.log());
});

registerKlDivergence(Gamma, Gamma, (p, q) => {
  const a = p.concentration, b = q.concentration;
  return b.mul(p.rate.div(q.rate).log()).add(lgamma(b)).sub(lgamma(a))
    .add(a.sub(b).mul(digamma(a))).add(q.rate.sub(p.rate).mul(a.div(p.rate)));
});

const asGamma = (d: Exponential) => new Gamma(d.rate.detach().mul(0).add(1), d.rate);

registerKlDivergence(Exponential, Gamma, (p, q) => klDivergence(asGamma(p), q));

registerKlDivergence(Gamma, Exponential, (p, q) => klDivergence(p, asGamma(q)));

registerKlDivergence(Beta, Beta, (p, q) => {
  const [a, b] = [p.concentration1, p.concentration0];
  const [c, d] = [q.concentration1, q.concentration0];
  return lbeta(c, d).sub(lbeta(a, b)).add(a.sub(c).mul(digamma(a))).add(b.sub(d).mul(digamma(b)))
    .add(c.add(d).sub(a).sub(b).mul(digamma(a.add(b))));
});

registerKlDivergence(Dirichlet, Dirichlet, (p, q) => {
  const a = p.concentration, b = q.concentration, total = a.sum(-1);
  const mean = digamma(a).sub(digamma(total).unsqueeze(-1));
  return lgamma(total).sub(lgamma(b.sum(-1))).sub(lgamma(a).sub(lgamma(b)).sum(-1))
    .add(a.sub(b).mul(mean).sum(-1));
});

registerKlDivergence(Laplace, Laplace, (p, q) => {
  const ratio = p.scale.div(q.scale), apart = p.loc.sub(q.loc).abs();
  return ratio.mul(apart.div(p.scale).neg().exp()).add(apart.div(q.scale)).sub(1).sub(ratio.log());
});

registerKlDivergence(Gumbel, Gumbel, (p, q) => {
  const ratio = p.scale.div(q.scale), apart = q.loc.sub(p.loc).div(q.scale);
  return ratio.log().neg().add(ratio.sub(1).mul(EULER)).sub(apart).sub(1)
    .add(apart.add(lgamma(ratio.add(1))).exp());
});

registerKlDivergence(Uniform, Normal, (p, q) => {
  const half = p.mean.sub(q.loc).square().add(p.variance).div(q.scale.square()).mul(0.5);
  return half.add(q.scale.log()).add(0.5 * Math.log(2 * Math.PI)).sub(p.entropy());
});

registerKlDivergence(Independent, Independent, (p, q) => {
  const n = p.reinterpretedBatchNdims;
  if (n !== q.reinterpretedBatchNdims) {
    throw new TypeError(
      `klDivergence: reinterpretedBatchNdims are ${n} and ${q.reinterpretedBatchNdims}; they must ` +
        `be equal.`,
    );
  }
  return sumLast(klDivergence(p.base, q.base), n);
});
