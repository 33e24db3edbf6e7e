/**
 * Comparing numbers.
 *
 * @module
 */

/** Throws unless two numbers are close. */
export function close(got: number, want: number, tolerance = 1e-5): void {
  if (!(Math.abs(got - want) <= tolerance)) throw new Error(`got ${got}, wants ${want}`);
}
