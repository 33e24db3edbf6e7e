/** Statistics, and distribution functions that have no closed form, by plain loops. */

/** The Kolmogorov-Smirnov distance, from the distribution function at sorted samples. */
export function ks(below: readonly number[]): number {
  const n = below.length;
  return below.reduce((most, p, i) => Math.max(most, p - i / n, (i + 1) / n - p), 0);
}

/** log gamma by Lanczos' formula (g = 7), an implementation of its own. */
function logGamma(x: number): number {
  const c = [
    676.5203681218851,
    -1259.1392167224028,
    771.32342877765313,
    -176.61502916214059,
    12.507343278686905,
    -0.13857109526572012,
    9.9843695780195716e-6,
    1.5056327351493116e-7,
  ];
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const sum = c.reduce((s, v, i) => s + v / (x + i), 0.99999999999980993), t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

/** The continued fraction of the incomplete beta function (W. Lentz). */
function fraction(x: number, a: number, b: number): number {
  const tiny = 1e-300, safe = (v: number) => Math.abs(v) < tiny ? tiny : v;
  let c = 1, d = 1 / safe(1 - (a + b) * x / (a + 1)), f = d;
  for (let m = 1; m < 2000; m++) {
    const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / safe(1 + even * d);
    c = safe(1 + even / c);
    f *= d * c;
    const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / safe(1 + odd * d);
    c = safe(1 + odd / c);
    f *= d * c;
    if (Math.abs(d * c - 1) < 1e-14) break;
  }
  return f;
}

/** The distribution function of the beta distribution. */
export function betaCdf(a: number, b: number): (x: number) => number {
  const constant = logGamma(a + b) - logGamma(a) - logGamma(b);
  return (x) => {
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    const front = Math.exp(constant + a * Math.log(x) + b * Math.log1p(-x));
    return x < (a + 1) / (a + b + 2)
      ? front * fraction(x, a, b) / a
      : 1 - front * fraction(1 - x, b, a) / b;
  };
}

/** The distribution function of Student's t distribution. */
export function studentCdf(df: number): (x: number) => number {
  const beta = betaCdf(df / 2, 0.5);
  return (x) => {
    const tail = 0.5 * beta(df / (df + x * x));
    return x < 0 ? tail : 1 - tail;
  };
}
