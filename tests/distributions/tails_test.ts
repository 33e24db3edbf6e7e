/** Scenario A14 and its relatives: normal tails far beyond where probabilities are numbers. */

import { assert, assertEquals } from "@std/assert";
import {
  autograd,
  distributions,
  Generator,
  gradcheck,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import "../helpers/seed.ts";

const { Normal, TruncatedNormal } = distributions;

const options = { dtype: "float64" } as const;
const leaf = (x: number | number[]) => tensor(x, { ...options, requiresGrad: true });

Deno.test("TruncatedNormal.logProb() 60 standard deviations away, with its derivatives", () => {
  for (const mirror of [1, -1]) {
    const loc = leaf(2 * mirror), scale = leaf(0.05);
    const [low, high] = mirror === 1 ? [-10, -1] : [1, 10];
    const d = new TruncatedNormal(loc, scale, low, high);
    const slopes = (at: number) => {
      const x = leaf(at * mirror), log = d.logProb(x);
      return [log.item(), ...autograd.grad(log, [x, loc, scale]).map((g) => g!.item())];
    };
    const [value, dx, dloc, dscale] = slopes(-1.5);
    assertClose([value, dx * mirror], [-642.909645579084, 1400], { rtol: 1e-9, atol: 0 });
    assertClose([dloc * mirror, dscale], [-199.666851595178, 25960.0110957], {
      rtol: 1e-6,
      atol: 0,
    });
    const near = slopes(-1.0005);
    assertClose(near[0], 6.49030442091646, { rtol: 1e-9, atol: 0 });
    assertClose(near[2] * mirror, 0.133148404822, { rtol: 1e-6, atol: 0 });
    // Outside nothing occurs.
    assertEquals(d.logProb(tensor(-0.9 * mirror, options)).item(), -Infinity);
    assertEquals(d.logProb(tensor(NaN, options)).item(), NaN);
  }
});

Deno.test("Normal.logCdf() in the tails, with its slopes", () => {
  const x = leaf([-6, -20, -40]), d = new Normal(0, 1, options);
  const log = d.logCdf(x);
  assertClose(log.data(), [-20.7367689499747, -203.917155371097, -804.608442013754], {
    rtol: 1e-9,
    atol: 0,
  });
  assertClose(autograd.grad(log.sum(), [x])[0]!.data(), [
    6.1584826045446,
    20.0497530685,
    40.0249688472,
  ], {
    rtol: 1e-9,
    atol: 0,
  });
  // Moved and stretched, in single precision, and in the other tail.
  const moved = new Normal(3, 2, options);
  assertClose(moved.logCdf(tensor([-9, -37, -77], options)).data(), log.data(), 1e-9);
  const single = new Normal(0, 1).logCdf(tensor([-6, -20, -40, -400]));
  assertClose(single.data(), [-20.73677, -203.91716, -804.60846, -80006.91], 1e-6);
  const upper = new Normal(0, 1, options).logCdf(tensor([6, 9, 40], options));
  assertClose(upper.data(), [-9.865876454243755e-10, -1.1285884059538406e-19, 0], {
    rtol: 1e-9,
    atol: 0,
  });
  assert(
    gradcheck((x) => d.logCdf(x).sum(), [leaf([-30, -14.2, -13.8, -3, 0, 2, 7])], { order: 2 }),
  );
});

Deno.test("TruncatedNormal has moments, quantiles and samples in its tail", () => {
  const d = new TruncatedNormal(2, 0.05, -10, -1, options);
  // Beyond the end it is nearly exponential, with the rate of the density's logarithm there.
  const rate = 60.016652 / 0.05;
  assertClose(d.mean.item(), -1 - 1 / rate, 1e-6);
  assertClose(d.stddev.item() * rate, 1, 2e-3);
  assertClose(d.entropy().item(), 1 - Math.log(rate), 1e-3);
  const x = d.sample([2000], { generator: new Generator(1) });
  assert(x.le(-1).all().item() && x.ge(-10).all().item());
  assertClose(x.mean().item(), d.mean.item(), 1e-4);
  const u = tensor([0.01, 0.3, 0.9, 0.999], options);
  assertClose(d.cdf(d.icdf(u)).data(), u.data(), 1e-9);
  assertEquals(d.cdf(tensor([-11, -10, -1, 0], options)).toArray(), [0, 0, 1, 1]);
});

Deno.test("TruncatedNormal without ends is the normal distribution", () => {
  const d = new TruncatedNormal(1, 2, -Infinity, Infinity, options), n = new Normal(1, 2, options);
  const x = tensor([-3, 0, 1, 5], options);
  assertClose(d.logProb(x).data(), n.logProb(x).data(), 1e-12);
  assertClose(d.cdf(x).data(), n.cdf(x).data(), 1e-12);
  assertClose(
    [d.mean.item(), d.variance.item(), d.entropy().item()],
    [1, 4, n.entropy().item()],
    1e-12,
  );
});

Deno.test("TruncatedNormal has the derivatives of its formulas, to order 2", () => {
  const parts: [string, (d: distributions.TruncatedNormal) => Tensor][] = [
    ["logProb", (d) => d.logProb(tensor([0.1, 1.5], options)).sum()],
    ["mean", (d) => d.mean],
    ["variance", (d) => d.variance],
    ["entropy", (d) => d.entropy()],
    ["cdf", (d) => d.cdf(tensor([0.1, 1.5], options)).sum()],
    ["icdf", (d) => d.icdf(tensor([0.1, 0.8], options)).sum()],
  ];
  for (const [name, run] of parts) {
    for (const loc of [-2, 0.5, 4]) {
      const at = [leaf(loc), leaf(0.8), leaf(-0.3), leaf(1.9)];
      const make = (...p: Tensor[]) => run(new TruncatedNormal(p[0], p[1], p[2], p[3]));
      assert(gradcheck(make, at, { order: 2, rtol: 1e-3, atol: 1e-4 }), name);
    }
    // Towards an infinite end there is nothing to differentiate in it.
    const half = (l: Tensor, s: Tensor) => run(new TruncatedNormal(l, s, -0.3, Infinity));
    assert(gradcheck(half, [leaf(0.5), leaf(0.8)], { order: 2, rtol: 1e-3, atol: 1e-4 }), name);
  }
});
