/**
 * What repeated measurements tell: medians, how sure they are, and whether one program is slower.
 *
 * @module
 */

/** Middle value; the mean of the two middle ones. NaN without values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b), middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Where the median of a distribution lies, judged by a sample. */
export interface Interval {
  /** Lower end. */
  readonly low: number;
  /** Upper end. */
  readonly high: number;
  /** Probability with which it holds the median. */
  readonly confidence: number;
}

/**
 * The narrowest interval between two values of the sample, equally far from its ends, that holds the
 * median with at least the wanted probability; else that between least and greatest. It assumes nothing
 * about the distribution: the number of values below the median is binomial.
 */
export function medianInterval(values: readonly number[], confidence = 0.95): Interval {
  const sorted = [...values].sort((a, b) => a - b), n = sorted.length;
  let best: Interval = { low: -Infinity, high: Infinity, confidence: 1 };
  // Probability that at most k of n values lie below the median.
  let term = 0.5 ** n, below = term;
  for (let k = 0; k < n / 2; k++) {
    const sure = 1 - 2 * below;
    if (k > 0 && sure < confidence) break;
    best = { low: sorted[k], high: sorted[n - 1 - k], confidence: sure };
    term *= (n - k) / (k + 1);
    below += term;
  }
  return best;
}

/** What pairs of measurements say. */
export interface Comparison {
  /** Median of the ratios: above 1 where the second is slower. */
  readonly ratio: number;
  readonly interval: Interval;
  /** `"unclear"`: the measurements do not tell. */
  readonly verdict: "slower" | "faster" | "same" | "unclear";
}

/**
 * Compares two programs that ran in turns, so that what else the machine did met both.
 *
 * @param first times of the one
 * @param second times of the other, in the same order
 * @param options what still counts as the same (0.05: 5 %), and how many comparisons are made at once: a
 * whole set of them shall be right with the wanted probability
 */
export function compare(
  first: readonly number[],
  second: readonly number[],
  { threshold = 0.05, confidence = 0.95, comparisons = 1 } = {},
): Comparison {
  const ratios = second.map((time, i) => time / first[i]);
  const interval = medianInterval(ratios, 1 - (1 - confidence) / comparisons);
  const { low, high } = interval;
  const verdict = low > 1 + threshold
    ? "slower"
    : high < 1 / (1 + threshold)
    ? "faster"
    : low > 1 / (1 + threshold) && high < 1 + threshold
    ? "same"
    : "unclear";
  return { ratio: median(ratios), interval, verdict };
}
