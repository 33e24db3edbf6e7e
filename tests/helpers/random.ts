/** Random choices that are the same for the same seed. */

/** Draws of one sequence. */
export interface Next {
  /** A number from 0 up to but without 1. */
  (): number;
  /** A whole number from 0 up to but without `n`. */
  below(n: number): number;
  /** True with this probability. */
  chance(p: number): boolean;
}

/** Mulberry32. */
export function random(seed: number): Next {
  let a = Math.imul(seed + 1, 0x9e3779b1);
  const next = () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n: number) => Math.floor(next() * n);
  return Object.assign(next, { below, chance: (p: number) => next() < p });
}
