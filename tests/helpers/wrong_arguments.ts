/**
 * Calls of everything public with arguments of wrong kinds.
 *
 * @module
 */

import * as torchopt from "@torchopt/torchopt";
import { BackendError, DTypeError, GradientError, ShapeError } from "@torchopt/torchopt";

/** Something to call, and how. */
export interface Target {
  /** Name in messages of the test. */
  readonly name: string;
  /** Calls it with these arguments. */
  readonly call: (args: unknown[]) => unknown;
}

/** What is not called: it acts on the process, or on files. */
const LEFT_OUT = new Set([
  "buildOps",
  "shutdown",
  "distributed.initRpc",
  "distributed.shutdown",
  "manualSeed",
  "setDefaultDevice",
  "setDefaultDtype",
  "pytree.register",
  "pytree.unregister",
  "visual.Dot.save",
  "visual.Dot.toSvg",
]);

const isClass = (value: unknown) =>
  typeof value === "function" && /^class\b/.test(Function.prototype.toString.call(value));

/** Methods that are public to other files of the library only: those with `@ignore`. */
const INTERNAL_METHODS = new Set(
  ["../../src/tensor", "../../src/nn", "../../src/nn/layers"].flatMap((folder) => {
    const url = new URL(`${folder}/`, import.meta.url);
    return [...Deno.readDirSync(url)].filter(({ name }) => name.endsWith(".ts"))
      .map(({ name }) => Deno.readTextFileSync(new URL(name, url)))
      .flatMap((text) => [...text.matchAll(/@ignore(?:(?!\*\/).)*\*\/\s*(?:\w+ )*(\w+)\(/gs)])
      .map(([, name]) => name);
  }),
);

/** All functions, constructors and static functions of a namespace, by name. */
function functionsOf(space: object, path = "", seen = new Set<unknown>()): Target[] {
  const found: Target[] = [];
  for (const [key, value] of Object.entries(space)) {
    const name = path + key;
    if (seen.has(value) || LEFT_OUT.has(name)) continue;
    if (typeof value === "function") {
      seen.add(value);
      const call = isClass(value)
        ? (args: unknown[]) => Reflect.construct(value, args)
        : (args: unknown[]) => value(...args);
      found.push({ name, call });
      if (!isClass(value)) found.push(...functionsOf(value, `${name}.`, seen));
    } else if (
      typeof value === "object" && value !== null && value[Symbol.toStringTag] === "Module"
    ) {
      seen.add(value);
      found.push(...functionsOf(value, `${name}.`, seen));
    }
  }
  return found;
}

/** All methods of an object, its classes' first. */
function methodsOf(name: string, make: () => object): Target[] {
  const found = new Map<string, Target>();
  for (let proto = Object.getPrototypeOf(make()); proto !== Object.prototype;) {
    for (const [key, { value, set }] of Object.entries(Object.getOwnPropertyDescriptors(proto))) {
      const full = `${name}.${key}`;
      if (key === "constructor" || found.has(key) || LEFT_OUT.has(full)) continue;
      if (INTERNAL_METHODS.has(key)) continue;
      if (typeof value === "function") {
        found.set(key, { name: full, call: (args) => Reflect.apply(value, make(), args) });
      } else if (set !== undefined) {
        found.set(key, { name: `${full} =`, call: ([x]) => Reflect.apply(set, make(), [x]) });
      }
    }
    proto = Object.getPrototypeOf(proto);
  }
  return [...found.values()];
}

const { nn, tensor } = torchopt;

const net = () => new nn.Sequential(new nn.Linear(2, 2), new nn.Dropout());

/** Objects whose methods are called. */
const OBJECTS: Record<string, () => object> = {
  Tensor: () => tensor([[1, 2], [3, 4]]),
  "leaf Tensor": () => tensor([[1, 2], [3, 4]], { requiresGrad: true }),
  "int64 Tensor": () => tensor([[1n, 2n], [3n, 4n]]),
  "empty Tensor": () => tensor([]),
  "scalar Tensor": () => tensor(2),
  Generator: () => new torchopt.Generator(1),
  Sequential: net,
  Linear: () => new nn.Linear(2, 2),
  Conv2d: () => new nn.Conv2d(1, 1, 2),
  BatchNorm1d: () => new nn.BatchNorm1d(2),
  Embedding: () => new nn.Embedding(2, 2),
  ModuleList: () => new nn.ModuleList([new nn.Linear(2, 2)]),
  CrossEntropyLoss: () => new nn.CrossEntropyLoss(),
  MSELoss: () => new nn.MSELoss(),
  Adam: () => new torchopt.Adam([tensor([1], { requiresGrad: true })]),
  SGD: () => new torchopt.SGD(net().parameters(), { lr: 1 }),
  FuncOptimizer: () => new torchopt.FuncOptimizer(torchopt.adam()),
  MetaAdam: () => new torchopt.MetaAdam(net(), { lr: 1 }),
  "adam()": () => torchopt.adam(),
  "chain()": () => torchopt.chain(torchopt.clipGradNorm(1), torchopt.sgd({ lr: 1 })),
  "masked()": () => torchopt.transform.masked(torchopt.adam(), () => true),
  TreeDef: () => torchopt.pytree.treeStructure([1]),
};

/** Everything that is called. */
export const TARGETS: readonly Target[] = [
  ...functionsOf(torchopt),
  ...Object.entries(OBJECTS).flatMap(([name, make]) => methodsOf(name, make)),
];

/** Arguments of all kinds; more of those that are right somewhere. */
export const ARGUMENTS: readonly (() => unknown)[] = [
  () => tensor([[1, 2], [3, 4]]),
  () => tensor([[1, 2], [3, 4]], { requiresGrad: true }),
  () => tensor([1, 0]),
  () => tensor([1n, 0n]),
  () => tensor([[true, false], [true, true]]),
  () => tensor([[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]]),
  () => tensor(0.5, { requiresGrad: true }),
  () => [tensor([1, 2]), tensor([3, 4])],
  () => ({ w: tensor([1, 2]) }),
  () => 0,
  () => 1,
  () => 2,
  () => [2, 2],
  () => [0],
  () => ({}),
  () => (x: unknown) => x,
  () => net(),
  () => torchopt.sgd({ lr: 1 }),
  () => null,
  () => undefined,
  () => -1,
  () => 1.5,
  () => NaN,
  () => Infinity,
  () => 3n,
  () => "x",
  () => "float32",
  () => true,
  () => [],
  () => [null],
  () => ["x"],
  () => [[1], [1, 2]],
  () => ({ x: 1 }),
  () => new Map([["a", 1]]),
  () => () => null,
  () => new Float32Array(2),
];

const INTERNAL =
  /Cannot (read|set|convert|destructure|mix|use)|is not (a function|iterable|defined|a constructor|an object)|Invalid (array|typed array|count|value)|Reduce of empty|internal|object null|must be callable|Maximum call stack|\bundefined \(|is not a non-negative|out of memory|proxy|Class constructor|Method .* called on|not extensible|ERR_|at least one argument/i;

/** What is wrong with an error; null where it is one of the library's own, with a message that helps. */
export function fault(error: unknown): string | null {
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  const { message } = error;
  const known = [
    ShapeError,
    DTypeError,
    GradientError,
    BackendError,
    torchopt.distributed.RpcError,
    RangeError,
    TypeError,
  ];
  if (!known.some((cls) => error instanceof cls)) return `${error.constructor.name}: ${message}`;
  if (INTERNAL.test(message)) return message;
  return /^(An operand|[\w.]+(\(\))?|JavaScript's)[ :]/.test(message) ? null : message;
}
