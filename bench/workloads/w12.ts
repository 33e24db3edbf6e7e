/**
 * W12: dense linear systems, one large one or a batch of small ones.
 *
 * @module
 */

import { compile, linalg, tensor } from "@torchopt/torchopt";
import { sym } from "./data.ts";
import { report, time } from "./timing.ts";

/** Runs W12: `count` systems of size n. */
export function w12(n: number, count = 1): void {
  const entries = sym([count, n, n], 1200, 1), strong = Math.sqrt(n);
  for (let i = 0; i < count * n; i++) entries[i * n + i % n] += strong;
  const shape = count === 1 ? [n, n] : [count, n, n];
  const A = tensor(entries, { shape }),
    b = tensor(sym([count * n], 1201, 1), {
      shape: shape.slice(0, -1),
    });
  const solve = compile(linalg.solve);
  let x: Float32Array = new Float32Array();
  const times = time(() => x = solve(A, b).data() as Float32Array);
  let sum = 0, square = 0;
  for (const v of x) {
    sum += v;
    square += v * v;
  }
  report(`w12_solve_${count === 1 ? n : `${count}x${n}`}`, times, [Math.sqrt(square), sum]);
}
