/**
 * Normal numbers from uniform ones.
 *
 * The logarithm, sine and cosine are written out: those of JavaScript and of C differ in their last
 * digits from one system to the next, while these operations, in this order, give the same bits here
 * and in `ops/random`.
 *
 * @module
 */

const number = new Float64Array(1), halves = new Int32Array(number.buffer);

/** log(x) for x > 0 that is not tiny (fdlibm's e_log.c). */
export function logarithm(x: number): number {
  number[0] = x;
  const high = halves[1], e = (high >>> 20) - 1023;
  halves[1] = (high & 0xfffff) | 0x3ff00000;
  const m = number[0], large = m > 1.4142135623730951;
  const k = large ? e + 1 : e, f = (large ? m * 0.5 : m) - 1;
  const s = f / (2 + f), z = s * s, w = z * z;
  const t1 = w *
    (3.999999999940941908e-1 + w * (2.222219843214978396e-1 + w * 1.531383769920937332e-1));
  const t2 = z *
    (6.66666666666673513e-1 +
      w * (2.857142874366239149e-1 +
          w * (1.818357216161805012e-1 + w * 1.479819860511658591e-1)));
  const r = t2 + t1, half = 0.5 * f * f;
  return k * 6.9314718036912381649e-1 -
    ((half - (s * (half + r) + k * 1.90821492927058770002e-10)) - f);
}

/**
 * Two independent normal numbers (G. Box, M. Muller, 1958).
 *
 * @param u a uniform number from (0, 1]
 * @param v another one from [0, 1)
 * @param out where they go
 */
export function boxMuller(u: number, v: number, out: Float64Array): void {
  const radius = Math.sqrt(-2 * logarithm(u));
  // The quarter of the turn, and what is left of it, exactly.
  const t = 4 * v, q = (t + 0.5) | 0, a = (t - q) * 1.5707963267948966, z = a * a;
  // fdlibm's k_sin.c and k_cos.c.
  const s = a +
    a * z *
      (-1.66666666666666324348e-1 +
        z * (8.33333333332248946124e-3 +
            z * (-1.98412698298579493134e-4 +
                z * (2.75573137070700676789e-6 +
                    z * (-2.50507602534068634195e-8 + z * 1.58969099521155010221e-10)))));
  const c = (1 - 0.5 * z) +
    z * z *
      (4.16666666666666019037e-2 +
        z * (-1.38888888888741095749e-3 +
            z * (2.48015872894767294178e-5 +
                z * (-2.75573143513906633035e-7 +
                    z * (2.0875723212981748279e-9 + z * -1.13596475577881948265e-11)))));
  const odd = q === 1 || q === 3, cosine = odd ? s : c, sine = odd ? c : s;
  out[0] = radius * (q === 1 || q === 2 ? -cosine : cosine);
  out[1] = radius * (q === 2 || q === 3 ? -sine : sine);
}
