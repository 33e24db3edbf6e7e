/**
 * The strong-Wolfe line search of `LBFGS`, on values that are read.
 *
 * @module
 */

/** A step length with value, gradient and slope there. */
export interface Trial {
  readonly t: number;
  readonly f: number;
  readonly g: Float64Array;
  readonly slope: number;
}

const C1 = 1e-4, C2 = 0.9;

/** The minimum of the cubic through two trials, within bounds. */
function cubic(a: Trial, b: Trial, low = Math.min(a.t, b.t), high = Math.max(a.t, b.t)): number {
  const d = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t);
  const square = d * d - a.slope * b.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const [left, right] = a.t <= b.t ? [a, b] : [b, a], root = Math.sqrt(square);
  const part = (right.slope + root - d) / (right.slope - left.slope + 2 * root);
  return Math.min(Math.max(right.t - (right.t - left.t) * part, low), high);
}

/**
 * Finds a step that fulfils the strong Wolfe conditions (Nocedal & Wright, Numerical optimization, 2006,
 * algorithms 3.5 and 3.6).
 *
 * @param at evaluates a step
 * @param start the step 0
 * @param first the step to try first
 * @param most how many further steps may be tried
 * @param tolerance length of an interval, in x, that is not divided any more
 */
export function strongWolfeOnHost(
  at: (t: number) => Trial,
  start: Trial,
  first: number,
  most: number,
  largest: number,
  tolerance: number,
): { found: Trial; evaluations: number } {
  let evaluations = 0;
  const evaluate = (t: number) => {
    evaluations++;
    return at(t);
  };
  const tooHigh = (x: Trial) => !(x.f <= start.f + C1 * x.t * start.slope);
  const flat = (x: Trial) => Math.abs(x.slope) <= -C2 * start.slope;
  let before = start, now = evaluate(first), tries = 0;
  let bracket: [Trial, Trial] | null = null;
  for (; tries < most; tries++) {
    if (tooHigh(now) || (tries > 1 && now.f >= before.f) || now.slope >= 0) {
      if (!tooHigh(now) && !(tries > 1 && now.f >= before.f) && flat(now)) {
        return { found: now, evaluations };
      }
      bracket = [before, now];
      break;
    }
    if (flat(now)) return { found: now, evaluations };
    const t = cubic(before, now, now.t + 0.01 * (now.t - before.t), now.t * 10);
    before = now;
    now = evaluate(t);
  }
  let [low, high] = bracket ?? [start, now];
  if (!(low.f <= high.f)) [low, high] = [high, low];
  for (let slow = false; tries < most; tries++) {
    const left = Math.min(low.t, high.t), right = Math.max(low.t, high.t);
    if ((right - left) * largest < tolerance) break;
    let t = cubic(low, high);
    // A point near an end is moved in, at the latest at the second time.
    const margin = 0.1 * (right - left);
    if (Math.min(right - t, t - left) < margin) {
      if (slow || t >= right || t <= left) {
        t = Math.abs(t - right) < Math.abs(t - left) ? right - margin : left + margin;
        slow = false;
      } else slow = true;
    } else slow = false;
    const x = evaluate(t);
    if (tooHigh(x) || x.f >= low.f) {
      high = x;
      if (!(low.f <= high.f)) [low, high] = [high, low];
      continue;
    }
    if (flat(x)) return { found: x, evaluations };
    if (x.slope * (high.t - low.t) >= 0) high = low;
    low = x;
  }
  return { found: low, evaluations };
}
