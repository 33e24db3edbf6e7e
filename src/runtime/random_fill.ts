/**
 * Random numbers by the compiled ops.
 *
 * @module
 */

import { threadsNow } from "./env.ts";
import { bridge } from "./ops_library.ts";

/** From here on a call is worth it, and from the second several threads are. */
const WORTH_CALL = 1024, WORTH_THREADS = 1 << 17;

/**
 * Fills an array with uniform or normal numbers, those of the generator in `src/tensor/random` to the
 * last bit.
 *
 * @param normal normal numbers, not uniform ones
 * @param out the array
 * @param key both words of the key
 * @param offset number of the first block of four words
 * @returns whether it was done: it is not without the compiled ops, nor for a few numbers
 */
export function fillRandom(
  normal: boolean,
  out: Float32Array | Float64Array,
  key: Uint32Array<ArrayBuffer>,
  offset: number,
): boolean {
  const count = out.length;
  if (count < WORTH_CALL) return false;
  const calls = bridge();
  if (calls === undefined) return false;
  const failed = calls.torchopt_random_fill(
    Number(out instanceof Float64Array),
    Number(normal),
    out as Float32Array<ArrayBuffer>,
    count,
    key,
    offset,
    count < WORTH_THREADS ? 1 : threadsNow(),
  );
  return failed === 0;
}
