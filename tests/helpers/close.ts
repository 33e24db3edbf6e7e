/**
 * The one comparison of numbers that need not be the same to the last bit.
 *
 * @module
 */

import { assertEquals } from "@std/assert";

/** Allowed difference: `|got - want| <= atol + rtol * |want|`; a number is both. */
export type Tolerance = number | { readonly rtol: number; readonly atol: number };

/** Numbers of any type; as text where JSON has no number. */
type Numbers = ArrayLike<number | bigint | string>;

/** A tensor, as far as it is looked at here. */
interface TensorLike {
  readonly shape: readonly number[];
  readonly dtype: string;
  data(): Numbers;
}

type Values = TensorLike | Numbers | number;

const isTensorLike = (x: Values): x is TensorLike => typeof x === "object" && "dtype" in x;

function listOf(x: Values): Numbers {
  return typeof x === "number" ? [x] : isTensorLike(x) ? x.data() : x;
}

/**
 * Throws unless all numbers are close; NaN is close to NaN, an infinity to itself. Two tensors also
 * have to agree in shape and type.
 *
 * @param what names the numbers in the message
 */
export function assertClose(got: Values, want: Values, tolerance: Tolerance, what = ""): void {
  const { rtol, atol } = typeof tolerance === "number"
    ? { rtol: tolerance, atol: tolerance }
    : tolerance;
  if (isTensorLike(got) && isTensorLike(want)) {
    assertEquals([got.dtype, ...got.shape], [want.dtype, ...want.shape], what);
  }
  const own = listOf(got), wanted = listOf(want);
  assertEquals(own.length, wanted.length, `${what}: number of elements`);
  for (let i = 0; i < own.length; i++) {
    const a = Number(own[i]), b = Number(wanted[i]);
    if (a === b || Object.is(a, b) || Math.abs(a - b) <= atol + rtol * Math.abs(b)) continue;
    throw new Error(`${what}[${i}]: got ${a}, want ${b} (rtol ${rtol}, atol ${atol})`);
  }
}
