/**
 * The error function and its relatives as graphs of simpler functions, in the manner of
 * `approximations.ts`.
 *
 * @module
 */

import type { Node } from "../graph/node.ts";
import { polynomial, withSignOf } from "./approximations.ts";
import {
  abs,
  add,
  div,
  eq,
  erf as erfNode,
  exp,
  log,
  lt,
  minimum,
  mul,
  neg,
  num,
  round,
  sqrt,
  square,
  sub,
  where,
} from "./elementwise.ts";

/**
 * Error function: the rational approximations of W. J. Cody, "Rational Chebyshev approximations for
 * the error function", Math. Comp. 23 (1969). His third interval is not needed: from 4 on, erfc is
 * below 2e-8 and the second one is accurate enough for 1 - erfc.
 */
export function erf(x: Node): Node {
  const z = square(x);
  const small = div(
    mul(
      x,
      polynomial(z, [
        1.85777706184603153e-1,
        3.16112374387056560,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
      ]),
    ),
    polynomial(z, [
      1,
      2.36012909523441209e1,
      2.44024637934444173e2,
      1.28261652607737228e3,
      2.84423683343917062e3,
    ]),
  );
  const a = minimum(abs(x), num(6, x)); // erf(6) is 1 in float64
  const erfc = div(
    mul(
      exp(neg(square(a))),
      polynomial(a, [
        2.15311535474403846e-8,
        5.64188496988670089e-1,
        8.88314979438837594,
        6.61191906371416295e1,
        2.98635138197400131e2,
        8.81952221241769090e2,
        1.71204761263407058e3,
        2.05107837782607147e3,
        1.23033935479799725e3,
      ]),
    ),
    polynomial(a, [
      1,
      1.57449261107098347e1,
      1.17693950891312499e2,
      5.37181101862009858e2,
      1.62138957456669019e3,
      3.29079923573345963e3,
      4.36261909014324716e3,
      3.43936767414372164e3,
      1.23033935480374942e3,
    ]),
  );
  const large = withSignOf(x, sub(num(1, x), erfc));
  return where(lt(abs(x), num(0.46875, x)), small, large);
}

/**
 * (1 + 2 a) exp(a ** 2) erfc(a) for a >= 0, which varies between 1 and 1.3, as a polynomial in
 * (a - start) / (a + start) (M. M. Shepherd and J. G. Laframboise, "Chebyshev approximation of
 * (1 + 2x) exp(x^2) erfc x", Math. Comp. 36 (1981)).
 */
const scaledErfc = {
  float32: {
    start: 3,
    coefficients: [
      8.007454975e-05,
      -9.253769126e-05,
      -0.0007340820504,
      0.001875060246,
      0.002506778672,
      -0.0237635597,
      0.06831319672,
      -0.1192752814,
      0.1296447209,
      -0.04756215615,
      -0.1356211001,
      1.253008056,
    ],
  },
  float64: {
    start: 3.75,
    coefficients: [
      4.434959070009628e-10,
      3.110310719839165e-10,
      -5.28428697963142e-09,
      -3.743568033634583e-09,
      3.8965452548985966e-08,
      2.3261913276696566e-08,
      -2.591069687796658e-07,
      -5.721597255990987e-08,
      1.752057970166318e-06,
      -9.735619015182663e-07,
      -1.1444412439171722e-05,
      2.2384240314224437e-05,
      5.1649211390702855e-05,
      -0.0002901540809795271,
      0.0002937136342850081,
      0.0017556258530017257,
      -0.009746579552504244,
      0.028362277418940665,
      -0.058693398590212366,
      0.09230432116037876,
      -0.10880393014171785,
      0.08227673849014516,
      0.003585415485463775,
      -0.14024059858554697,
      1.2375126308378275,
    ],
  },
};

/** The same for any operand from 0 on. */
function scaled(a: Node): Node {
  const { start, coefficients } = scaledErfc[a.dtype === "float64" ? "float64" : "float32"];
  const s = num(start, a);
  return polynomial(div(sub(a, s), add(a, s)), coefficients);
}

/** exp(-factor * a ** 2): the square of 16ths is exact, and what is left of a ** 2 is small. */
function gaussian(a: Node, factor: number): Node {
  const sixteen = num(16, a), head = div(round(mul(a, sixteen)), sixteen), by = num(-factor, a);
  const rest = mul(sub(a, head), add(a, head));
  return mul(exp(mul(square(head), by)), exp(mul(rest, by)));
}

/** 1 - erf(x) */
export function erfc(x: Node): Node {
  const one = num(1, x), two = num(2, x), a = minimum(abs(x), num(30, x));
  const y = div(mul(gaussian(a, 1), scaled(a)), add(mul(two, a), one));
  return where(lt(x, num(0, x)), sub(two, y), y);
}

/**
 * Distribution function of the normal law. In float32, ONNX Runtime's fast kernel of the error function
 * serves, with which a result below 1e-7 has no digits; the long formula would take 40 times as long.
 */
export function normalCdf(x: Node): Node {
  const one = num(1, x), two = num(2, x), root = num(Math.SQRT1_2, x);
  if (x.dtype !== "float64") return mul(num(0.5, x), add(one, erfNode(mul(x, root))));
  const size = minimum(abs(x), num(40, x)), a = mul(size, root);
  const y = div(mul(gaussian(size, 0.5), scaled(a)), add(mul(num(4, a), a), two));
  return where(lt(x, num(0, x)), y, sub(one, y));
}

/**
 * Inverse of the error function, by the quantiles of the normal law of M. J. Wichura, "Algorithm AS
 * 241", Appl. Statist. 37 (1988).
 */
export function erfinv(x: Node): Node {
  const half = mul(num(0.5, x), x), z = sub(num(0.180625, x), square(half));
  const ratio = (t: Node, above: readonly number[], below: readonly number[]) =>
    div(polynomial(t, above), polynomial(t, below));
  const middle = mul(half, ratio(z, MIDDLE, MIDDLE_BELOW));
  const size = abs(x), t = sqrt(neg(log(mul(num(0.5, x), sub(num(1, x), size)))));
  const tail = ratio(sub(t, num(1.6, x)), TAIL, TAIL_BELOW);
  const far = ratio(sub(t, num(5, x)), FAR, FAR_BELOW);
  const outer = where(lt(num(5, x), t), far, tail);
  const ends = where(eq(size, num(1, x)), num(Infinity, x), outer);
  const normal = where(lt(num(0.85, x), size), withSignOf(x, ends), middle);
  return mul(normal, num(Math.SQRT1_2, x));
}

// Where the probability of both tails is above 0.15; above 3e-11; and below.
const MIDDLE = [
  2509.0809287301227,
  33430.57558358813,
  67265.7709270087,
  45921.95393154987,
  13731.69376550946,
  1971.5909503065513,
  133.14166789178438,
  3.3871328727963665,
];
const MIDDLE_BELOW = [
  5226.495278852854,
  28729.085735721943,
  39307.89580009271,
  21213.794301586597,
  5394.196021424751,
  687.1870074920579,
  42.31333070160091,
  1,
];
const TAIL = [
  0.0007745450142783414,
  0.022723844989269184,
  0.2417807251774506,
  1.2704582524523684,
  3.6478483247632045,
  5.769497221460691,
  4.630337846156546,
  1.4234371107496835,
];
const TAIL_BELOW = [
  1.0507500716444169e-09,
  0.0005475938084995345,
  0.015198666563616457,
  0.14810397642748008,
  0.6897673349851,
  1.6763848301838038,
  2.053191626637759,
  1,
];
const FAR = [
  2.0103343992922881e-07,
  2.7115555687434876e-05,
  0.0012426609473880784,
  0.026532189526576124,
  0.29656057182850487,
  1.7848265399172913,
  5.463784911164114,
  6.657904643501103,
];
const FAR_BELOW = [
  2.0442631033899397e-15,
  1.421511758316446e-07,
  1.8463183175100548e-05,
  0.0007868691311456133,
  0.014875361290850615,
  0.1369298809227358,
  0.599832206555888,
  1,
];
