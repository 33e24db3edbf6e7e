/**
 * Numbers as the bits of a float64.
 *
 * @module
 */

const doubles = new Float64Array(1);
const bits = new BigInt64Array(doubles.buffer);

/** The bits of a number. */
export function doubleBits(value: number): bigint {
  doubles[0] = value;
  return bits[0];
}
