/**
 * Habits of PyTorch that JavaScript would take without a word, since Deno does not check types when
 * it runs a program: `x[0]` would be undefined, and `x[0] = y` and `p.data = y` would change nothing.
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

/** Makes the methods of a class and of those below it read-only, and square brackets an error. */
export function guardPrototype(prototype: object): void {
  for (const name of PLACES) Object.defineProperty(prototype, name, { get: refuse, set: refuse });
  for (let p = prototype; p !== Object.prototype; p = Object.getPrototypeOf(p)) {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(p))) {
      if (!property.writable || name === "constructor") continue;
      Object.defineProperty(p, name, { writable: false });
    }
  }
}
