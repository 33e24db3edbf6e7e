/**
 * Habits of PyTorch and of arrays that JavaScript would take without a word, since Deno does not check
 * types when it runs a program: `x[0]` and `x.length` would be undefined, `Array.from(x)` empty, and
 * `x[0] = y` and `p.data = y` would change nothing.
 *
 * @module
 */

/** Loops begin at one of them; a Proxy for all numbers would slow down every method. */
const PLACES = ["0", "-1"];

function refuse(): never {
  throw new TypeError(
    "Tensor: JavaScript has no square brackets for tensors. Read x[i] as x.select(0, i), x[i:j] as " +
      "x.narrow(0, i, j - i) or x.slice([[i, j]]), and x[index] as x.indexSelect(0, index); write " +
      "x[i] = y as x.select(0, i).copy_(y).",
  );
}

function refuseLength(): never {
  throw new TypeError(
    "Tensor: a tensor has no length and is no array. x.shape[0] is the size of the first dimension, " +
      "x.size the number of elements, x.toArray() makes an array, and x.unbind(0) one of tensors.",
  );
}

/** Makes the methods of a class and of those below it read-only, and the habits errors. */
export function guardPrototype(prototype: object): void {
  for (const name of PLACES) Object.defineProperty(prototype, name, { get: refuse, set: refuse });
  Object.defineProperty(prototype, "length", { get: refuseLength, set: refuseLength });
  for (let p = prototype; p !== Object.prototype; p = Object.getPrototypeOf(p)) {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(p))) {
      if (!property.writable || name === "constructor") continue;
      Object.defineProperty(p, name, { writable: false });
    }
  }
}
