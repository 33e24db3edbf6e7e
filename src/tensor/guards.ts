/**
 * Habits of PyTorch and of arrays that JavaScript would take without a word, since Deno does not check
 * types when it runs a program: `x[0]`, `x.length` and `x.requires_grad` would be undefined,
 * `Array.from(x)` empty, and `x[0] = y`, `p.requires_grad = false` and `optimizer.lr = 0.1` would change
 * nothing. Here each says what to write.
 *
 * @module
 */

/** Loops begin at one of them; a Proxy for all numbers would slow down every method. */
const PLACES =
  "JavaScript has no square brackets for tensors. Read x[i] as x.select(0, i), x[i:j] as " +
  "x.narrow(0, i, j - i) or x.slice([[i, j]]), and x[index] as x.indexSelect(0, index); write " +
  "x[i] = y as x.select(0, i).copy_(y).";

/** What there is under another name, or not at all. */
const ABSENT: Readonly<Record<string, string>> = {
  0: PLACES,
  "-1": PLACES,
  length:
    "a tensor has no length and is no array. x.shape[0] is the size of the first dimension, " +
    "x.size the number of elements, x.toArray() makes an array, and x.unbind(0) one of tensors.",
  requires_grad: "requires_grad is written requiresGrad, as in p.requiresGrad = false.",
  is_leaf: "is_leaf is written isLeaf.",
  grad_fn:
    "there is no grad_fn; x.isLeaf tells whether x has a history, and visual.makeDot(x) draws it.",
  gradFn:
    "there is no gradFn; x.isLeaf tells whether x has a history, and visual.makeDot(x) draws it.",
  T: "there is no x.T; write x.t(), or x.mT for matrices in a batch.",
  H: "there is no x.H; write x.mT, since there are no complex numbers.",
};

const RESHAPE = "write x = x.reshape([2, 3]), with the sizes that you want.";

/** What can be read and not assigned to. */
const FIXED: Readonly<Record<string, string>> = {
  shape: `shape cannot be assigned to; ${RESHAPE}`,
  ndim: `ndim cannot be assigned to; ${RESHAPE}`,
  size: `size cannot be assigned to; ${RESHAPE}`,
  dtype: 'dtype cannot be assigned to; write x = x.to("float64"), or module.to("float64").',
  device: "device cannot be assigned to; write x = x.to(device), or module.to(device).",
  isLeaf: "isLeaf cannot be assigned to; x.detach() is a leaf with the value of x.",
  mT: "mT cannot be assigned to; write x.copy_(y.mT).",
};

/**
 * The setter of a name that cannot be assigned to. Not for a copy of the class's own property: a class
 * that extends it may have fields of that name.
 */
function refusal(owner: string, words: string): () => never {
  return () => {
    throw new TypeError(`${owner}: ${words}`);
  };
}

/** Makes names that a class lacks say what to write, where they are read and where they are assigned to. */
export function guardNames(
  owner: string,
  prototype: object,
  absent: Readonly<Record<string, string>>,
): void {
  for (const [name, words] of Object.entries(absent)) {
    const refuse = refusal(owner, words);
    Object.defineProperty(prototype, name, { get: refuse, set: refuse, configurable: true });
  }
}

/** Makes properties of a class that can be read say what to write where they are assigned to. */
export function guardReadOnly(
  owner: string,
  prototype: object,
  fixed: Readonly<Record<string, string>>,
): void {
  for (const [name, words] of Object.entries(fixed)) {
    let p = prototype;
    while (!Object.hasOwn(p, name)) p = Object.getPrototypeOf(p);
    const { get } = Object.getOwnPropertyDescriptor(p, name)!;
    Object.defineProperty(p, name, { get, set: refusal(owner, words), configurable: true });
  }
}

/** Makes the methods of tensors read-only, and the habits errors. */
export function guardTensors(prototype: object): void {
  for (let p = prototype; p !== Object.prototype; p = Object.getPrototypeOf(p)) {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(p))) {
      if (!property.writable || name === "constructor") continue;
      if (name !== "data") Object.defineProperty(p, name, { writable: false });
      else guardData(p, property.value);
    }
  }
  guardReadOnly("Tensor", prototype, FIXED);
  guardNames("Tensor", prototype, ABSENT);
}

/** The one method whose name PyTorch assigns to. */
function guardData(prototype: object, data: unknown): void {
  const words =
    "data is a method that reads the values; write p.data = y as noGrad(() => p.copy_(y)), " +
    "which keeps p a leaf, or module.weight = new nn.Parameter(y) for one of another shape.";
  Object.defineProperty(prototype, "data", {
    get: () => data,
    set: refusal("Tensor", words),
    configurable: true,
  });
}
