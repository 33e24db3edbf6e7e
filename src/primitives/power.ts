/**
 * Small whole powers, of which every derivative is a power again: down to the power 0, which is 1 with
 * derivative 0 and as much a function of its operand as any other.
 *
 * @module
 */

import { apply, definePrimitive, isGradEnabled, type Node, type Primitive } from "../graph/node.ts";
import { mul, num, square } from "./elementwise.ts";
import { batchElementwise } from "./elementwise_define.ts";
import { expand } from "./movement.ts";

/** The power as products. */
function products(x: Node, n: number): Node {
  switch (n) {
    case 0:
      return expand(num(1, x), x.shape);
    case 1:
      return x;
    case 2:
      return square(x);
    case 3:
      return mul(square(x), x);
    default:
      return square(products(x, n / 2));
  }
}

/** `x ** n` for n = 0, 1, 2, 3 or 4; products stand for it when it is lowered. */
export const powerPrim: Primitive<{ n: number }> = definePrimitive<{ n: number }>({
  name: "power",
  infer: ([x]) => x,
  lower() {
    throw new Error("internal: a power is lowered as products");
  },
  vjp: (g, { inputs: [x], attrs: { n } }) => [
    n === 0 ? null : mul(mul(g, num(n, g)), power(x, n - 1)),
  ],
  batch: batchElementwise,
  simplify: ({ inputs: [x], attrs: { n } }) => products(x, n),
});

/** `x ** n` for n = 0, 1, 2, 3 or 4. */
export function power(x: Node, n: number): Node {
  return x.requiresGrad && isGradEnabled() ? apply(powerPrim, [x], { n }) : products(x, n);
}
