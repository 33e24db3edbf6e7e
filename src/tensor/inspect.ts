/**
 * What `console.log` shows of a tensor: shape, dtype and values, abridged as PyTorch does. Showing
 * changes nothing and never throws.
 *
 * @module
 */

import { withGrad } from "../graph/node.ts";
import { realizeNodes } from "../run/execute.ts";
import { showShape, sizeOf } from "../graph/shape.ts";
import { checkFresh } from "../lower/walk.ts";
import { alias } from "../primitives/movement.ts";
import type { DType, TypedArray } from "../runtime/mod.ts";
import type { TensorCore } from "./core.ts";
import { currentTrace } from "./trace.ts";

/** Elements beyond which the middle of each dimension is left out. */
const ALL = 1000;

/** Elements at either end that are shown then. */
const EDGE = 3;

/** Elements beyond which a value is not computed for showing it. */
const COMPUTED = 1 << 20;

/** Columns of the terminal. */
const WIDTH = 80;

/** The elements, or why there are none to show. */
export function peek(x: TensorCore): TypedArray | string {
  const trace = currentTrace();
  if (trace !== null) return `values are not known inside ${trace.operation}`;
  try {
    const node = x.rawNode, { storage } = node;
    if (storage !== null) {
      if (storage.freed) return "freed";
      checkFresh(node);
      return storage.host();
    }
    if (sizeOf(node.shape) > COMPUTED) return "not computed yet";
    // A copy is computed, so that the graph goes on as if it had not been looked at.
    const copy = withGrad(false, () => alias(node));
    realizeNodes([copy]);
    return copy.storage!.host();
  } catch (error) {
    return `cannot be computed: ${(error as Error).message}`;
  }
}

/** A tensor as text. */
export function inspect(x: TensorCore): string {
  const { shape, dtype, requiresGrad } = x;
  const head = `Tensor ${showShape(shape)} ${dtype}${requiresGrad ? " requiresGrad" : ""}`;
  const data = peek(x);
  if (typeof data === "string") return `${head} (${data})`;
  const text = nested(data, shape, dtype);
  return `${head}${text.includes("\n") ? "\n" : " "}${text}`;
}

/** All elements in brackets, in one line and with all their digits. */
export function oneLine(data: TypedArray, shape: readonly number[], dtype: DType): string {
  let at = 0;
  const build = (dim: number): string => {
    if (dim < shape.length) {
      return `[${Array.from({ length: shape[dim] }, () => build(dim + 1)).join(",")}]`;
    }
    const value = data[at++];
    return String(dtype === "bool" ? Number(value) !== 0 : value);
  };
  return build(0);
}

/** Elements in brackets, line by line. */
function nested(data: TypedArray, shape: readonly number[], dtype: DType): string {
  if (sizeOf(shape) === 0) return "[]";
  const abridged = sizeOf(shape) > ALL;
  // Places that are shown along each dimension; null for those left out.
  const places = shape.map((d): (number | null)[] => {
    const all = (n: number, from = 0) => Array.from({ length: n }, (_, i) => from + i);
    return abridged && d > 2 * EDGE ? [...all(EDGE), null, ...all(EDGE, d - EDGE)] : all(d);
  });
  const shown: (number | bigint)[] = [];
  const visit = (dim: number, at: number): void => {
    if (dim === shape.length) shown.push(data[at] as number | bigint);
    else for (const i of places[dim]) if (i !== null) visit(dim + 1, at * shape[dim] + i);
  };
  visit(0, 0);
  const show = formatter(shown, dtype);
  const width = shown.reduce<number>((w, v) => Math.max(w, show(v).length), 0);
  let next = 0;
  const build = (dim: number): string => {
    if (dim === shape.length) return show(shown[next++]).padStart(width);
    const parts = places[dim].map((i) => i === null ? "..." : build(dim + 1));
    const indent = " ".repeat(dim + 1);
    if (dim === shape.length - 1) return `[${wrapped(parts, indent)}]`;
    return `[${parts.join(`,${"\n".repeat(shape.length - 1 - dim)}${indent}`)}]`;
  };
  return shape.length === 0 ? show(shown[0]) : build(0);
}

/** Parts with commas, in as many lines as it takes. */
function wrapped(parts: readonly string[], indent: string): string {
  const lines: string[] = [""];
  parts.forEach((part, i) => {
    const piece = i === parts.length - 1 ? part : `${part}, `;
    const line = lines[lines.length - 1];
    if (line !== "" && indent.length + line.length + piece.length > WIDTH) lines.push(piece);
    else lines[lines.length - 1] = line + piece;
  });
  return lines.map((line) => line.trimEnd()).join(`\n${indent}`);
}

/** How all elements are shown: with the same digits, as the largest and the smallest one need. */
function formatter(
  shown: readonly (number | bigint)[],
  dtype: DType,
): (value: number | bigint) => string {
  if (dtype === "bool") return (value) => String(Number(value) !== 0);
  if (!dtype.startsWith("float")) return String;
  let most = 0, least = Infinity;
  for (const value of shown) {
    const size = Math.abs(Number(value));
    if (!Number.isFinite(size) || size === 0) continue;
    most = Math.max(most, size);
    least = Math.min(least, size);
  }
  const whole = shown.every((v) => !Number.isFinite(v) || Number.isInteger(v));
  const scientific = most > 0 && (most > 1e8 || least < 1e-4 || (most / least > 1000 && !whole));
  return (value) => {
    const v = Number(value);
    if (!Number.isFinite(v)) return String(v).replace("Infinity", "inf").replace("NaN", "nan");
    if (scientific) return v.toExponential(4).replace(/e([+-])(\d)$/, "e$10$2");
    const sign = Object.is(v, -0) ? "-" : "";
    return sign + (whole ? `${v.toFixed(0).replace(/^-0$/, "0")}.` : v.toFixed(4));
  };
}
