/** Calls of PyTorch's operator database give its results: eager, compiled, vmapped, differentiated. */

import {
  autograd,
  compile,
  type DType,
  func,
  linspace,
  stack,
  Tensor,
  tensor,
} from "@torchopt/torchopt";
import { assertEquals } from "@std/assert";
import { type Call, calls, NoCounterpart, type Value } from "./calls.ts";

/** A tensor in the file: dtype, sizes, elements. */
type Stored = [DType, number[], (number | boolean | string)[]];
/** Operator, variant, arguments, options, result, derivatives of the floating-point operands. */
type Sample = [string, string, Value[], Record<string, Value>, Value, Value[] | undefined];

const samples: Sample[] = JSON.parse(
  Deno.readTextFileSync(new URL("./samples.json", import.meta.url)),
);

/** What is refused here on purpose, with the error that says so (docs/differences.md). */
const REFUSED =
  /got (bool|uint8)|index is uint8|cannot hold|scalar|no dimension|\[\] along|alpha is|of 1 dimension/;

/** Relative errors allowed; whole numbers are exact. */
const TOLERANCE: Partial<Record<DType, number>> = { float64: 1e-11, float32: 1e-5, float16: 4e-3 };

const isTensor = (x: Value): boolean => x instanceof Tensor;

/** A value of the file with its tensors made, or with those of `given` in their place. */
function made(value: Value, given?: Tensor[]): Value {
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) return value.map((v) => made(v, given));
  if (typeof value === "string") return /^(NaN|-?Infinity)$/.test(value) ? Number(value) : value;
  if (typeof value !== "object") return value;
  if (!("tensor" in value)) {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, made(v, given)]));
  }
  if (given !== undefined) return given.shift();
  const [dtype, shape, elements] = value.tensor as Stored;
  const data = dtype === "int64"
    ? BigInt64Array.from(elements as number[], BigInt)
    : Float64Array.from(elements as number[], Number);
  return tensor(data, { dtype, shape });
}

/** All tensors of a value, in order. */
function tensors(value: Value): Tensor[] {
  if (isTensor(value)) return [value];
  if (value === null || typeof value !== "object") return [];
  return Object.values(value).flatMap(tensors);
}

function assertLike(got: Tensor, [dtype, shape, elements]: Stored, what: string): void {
  assertEquals([...got.shape], shape, what);
  const tolerance = TOLERANCE[dtype] ?? 0;
  if (tolerance > 0) assertEquals(got.dtype, dtype, what);
  got.data().forEach((element, i) => {
    const wanted = typeof element === "bigint" ? BigInt(elements[i]) : Number(elements[i]);
    if (Object.is(element, wanted) || element === wanted) return;
    // Means and quotients of whole numbers are floating point in both.
    const near = Math.abs(Number(element) - Number(wanted)) <=
      tolerance * Math.max(1, Math.abs(Number(wanted)));
    if (!near) assertEquals(element, wanted, `${what}, element ${i}`);
  });
}

const stored = (x: Tensor): Stored => [x.dtype, [...x.shape], Array.from(x.data(), String)];
const asList = (x: Tensor | Tensor[]): Tensor[] => Array.isArray(x) ? x : [x];

/** The results of a call, or null where it is refused or has no counterpart. */
function results(call: Call, args: Value[], options: Record<string, Value>): Tensor[] | null {
  try {
    return asList(call(args, options));
  } catch (error) {
    if (error instanceof NoCounterpart || REFUSED.test((error as Error).message)) return null;
    throw error;
  }
}

function checkModes(sample: Sample, own: Tensor[]): void {
  const [name, , args, options] = sample, what = JSON.stringify(sample).slice(0, 300);
  const operands = tensors([made(args), made(options)]);
  if (operands.length === 0 || /nonzero|masked_select|linspace|logspace/.test(name)) return;
  const run = (...given: Tensor[]) => {
    const left = [...given];
    return asList(calls[name](made(args, left), made(options, left)));
  };
  compile(run)(...operands).forEach((y, i) => assertLike(y, stored(own[i]), `compiled: ${what}`));
  if (own.some((y) => y.size === 0)) return;
  const both = func.vmap(run)(...operands.map((x) => stack([x, x])));
  both.forEach((y, i) => assertLike(y.select(0, 1), stored(own[i]), `vmapped: ${what}`));
}

function checkDerivatives(sample: Sample): void {
  const [name, , args, options, , derivatives] = sample,
    what = JSON.stringify(sample).slice(0, 300);
  if (derivatives === undefined) return;
  const a = made(args),
    o = made(options),
    operands = tensors([a, o])
      .filter((x) => x.dtype === "float64");
  const wanted = operands.flatMap((x, i) => derivatives[i] === null ? [] : [{ x, i }]);
  if (wanted.length === 0) return;
  wanted.forEach(({ x }) => x.requiresGrad_());
  const results = asList(calls[name](a, o)).filter((y) => y.dtype === "float64");
  const total = results.map((y) => {
    const weights = linspace(0.5, 1.5, Math.max(1, y.size), { dtype: "float64" });
    return y.mul(weights.narrow(0, 0, y.size).reshape(y.shape)).sum();
  }).reduce((a, b) => a.add(b));
  const found = autograd.grad(total, wanted.map(({ x }) => x), { allowUnused: true });
  found.forEach((g, k) => {
    const { tensor: of } = derivatives[wanted[k].i];
    if (g !== null) assertLike(g, of, `derivative ${k}: ${what}`);
    else assertEquals(of[2].every((v: number) => v === 0), true, `derivative ${k}: ${what}`);
  });
}

for (const name of new Set(samples.map(([name]) => name))) {
  Deno.test(`operator database: ${name}`, () => {
    for (const sample of samples.filter(([of]) => of === name)) {
      const [, , args, options, result] = sample, what = JSON.stringify(sample).slice(0, 300);
      const own = results(calls[name], made(args), made(options));
      if (own === null) continue;
      const wanted = Array.isArray(result) ? result : [result];
      own.forEach((y, i) => assertLike(y, wanted[i].tensor, what));
      checkModes(sample, own);
      checkDerivatives(sample);
    }
  });
}
