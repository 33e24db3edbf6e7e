/**
 * The reference: an eager tape in float64. Every value is an array of its own that nothing changes, so
 * that a handle has, and differentiates, the value of the time at which it was made.
 */

import {
  type Box,
  boxes,
  broadcast,
  Cell,
  isRecording,
  leaf,
  places,
  type Pull,
  rebound,
  type Shape,
  sizeOf,
  withRecording,
} from "./cell.ts";
import type { BackwardOptions, Value } from "./value.ts";

function make(data: Float64Array, shape: Shape, operands: readonly Ref[], pull: Pull): Ref {
  const on = isRecording() && operands.some((x) => x.requiresGrad);
  return new Ref(new Cell(data, shape, operands.map((x) => x.cell), on ? pull : null, on));
}

/** The sum over all dimensions that were broadcast. */
function sumTo(x: Ref, shape: Shape): Ref {
  if (String(x.shape) === String(shape)) return x;
  const at = places(shape, x.shape), data = new Float64Array(sizeOf(shape));
  x.cell.data.forEach((v, i) => data[at[i]] += v);
  const before = x.shape;
  return make(data, shape, [x], (g) => [expand(g, before)]);
}

function expand(x: Ref, shape: Shape): Ref {
  if (String(x.shape) === String(shape)) return x;
  const at = places(x.shape, shape), before = x.shape;
  const data = Float64Array.from(at, (i) => x.cell.data[i]);
  return make(data, shape, [x], (g) => [sumTo(g, before)]);
}

/** A number as a tensor. */
export function number(v: number): Ref {
  return new Ref(new Cell(Float64Array.of(v), []));
}

const lift = (x: Value | number): Ref =>
  typeof x === "number" ? number(x) : new Ref((x as Ref).cell);

function binary(
  x: Ref,
  y: Value | number,
  f: (a: number, b: number) => number,
  pull: (g: Ref, a: Ref, b: Ref) => [Ref, Ref],
): Ref {
  const a = lift(x), b = lift(y), shape = broadcast(a.shape, b.shape);
  const i = places(a.shape, shape), j = places(b.shape, shape);
  const data = Float64Array.from(i, (at, k) => f(a.cell.data[at], b.cell.data[j[k]]));
  return make(data, shape, [a, b], (g) => {
    const [left, right] = pull(g, a, b);
    return [sumTo(left, a.shape), sumTo(right, b.shape)];
  });
}

function unary(x: Ref, f: (v: number) => number, pull: (g: Ref, x: Ref, y: Ref) => Ref): Ref {
  const a = lift(x);
  const y: Ref = make(a.cell.data.map(f), a.shape, [a], (g) => [pull(g, a, new Ref(y.cell))]);
  return new Ref(y.cell);
}

/** `a` where `mask` is above 0.1, else `b`; all of one shape. */
export function where(mask: Ref, a: Ref, b: Ref): Ref {
  const on = make(mask.cell.data.map((v) => v > 0.1 ? 1 : 0), mask.shape, [mask], () => [null])
    .detach();
  const pick = binary(a.mul(on), b.mul(number(1).sub(on)), (u, v) => u + v, (g) => [g, g]);
  return pick;
}

/** Joins along the first dimension. */
export function cat(xs: readonly Ref[]): Ref {
  const all = xs.map(lift), rest = all[0].shape.slice(1);
  const rows = all.reduce((n, x) => n + x.shape[0], 0);
  const data = new Float64Array(rows * sizeOf(rest));
  let at = 0;
  for (const x of all) {
    data.set(x.cell.data, at);
    at += x.cell.data.length;
  }
  return make(data, [rows, ...rest], all, (g) => {
    let row = 0;
    return all.map((x) => g.narrow(0, (row += x.shape[0]) - x.shape[0], x.shape[0]));
  });
}

function transposed(x: Ref): Ref {
  const a = lift(x), [n, m] = a.shape;
  const data = Float64Array.from(
    { length: n * m },
    (_, i) => a.cell.data[(i % n) * m + Math.floor(i / n)],
  );
  return make(data, [m, n], [a], (g) => [transposed(g)]);
}

function reshaped(x: Ref, shape: Shape): Ref {
  const a = lift(x);
  return make(a.cell.data, shape, [a], (g) => [reshaped(g, a.shape)]);
}

/** Some places along the first dimension. */
function rows(x: Ref, start: number, length: number): Ref {
  const a = lift(x), rest = a.shape.slice(1), row = sizeOf(rest);
  const zeros = (n: number) => new Ref(new Cell(new Float64Array(n * row), [n, ...rest]));
  const data = a.cell.data.slice(start * row, (start + length) * row);
  return make(data, [length, ...rest], [a], (g) => [
    cat([zeros(start), g, zeros(a.shape[0] - start - length)]),
  ]);
}

/** How a view lies in the tensor that it was taken from. */
interface View {
  readonly of: Ref;
  /** The view of a value. */
  readonly read: (whole: Ref) => Ref;
  /** A value with another view. */
  readonly write: (whole: Ref, part: Ref) => Ref;
  /** Whether a change leaves the history of the tensor as it is. */
  readonly detached?: boolean;
}

/** A handle on a value; methods that end in `_` let it stand for another one. */
export class Ref implements Value {
  #cell: Cell;
  #view: View | null = null;
  #seen: Cell | null = null;
  constructor(cell: Cell) {
    this.#cell = cell;
  }

  get cell(): Cell {
    if (this.#view !== null) {
      const { of, read } = this.#view, { cell } = of;
      if (cell !== this.#seen) this.#cell = withRecording(true, () => read(new Ref(cell)).#cell);
      this.#seen = cell;
    }
    return this.#cell;
  }
  set cell(cell: Cell) {
    this.#cell = cell;
    this.#view = null;
  }

  #viewed(view: Omit<View, "of">): Ref {
    const result = view.read(new Ref(this.cell));
    result.#view = { of: this, ...view };
    result.#seen = this.cell;
    return result;
  }

  get shape(): Shape {
    return this.cell.shape;
  }
  get requiresGrad(): boolean {
    return this.cell.requiresGrad;
  }
  get isLeaf(): boolean {
    return this.cell.pull === null;
  }
  get grad(): Ref | null {
    return this.cell.box?.grad ?? null;
  }
  set grad(value: Value | null) {
    this.#box().grad = value as Ref | null;
  }

  data(): Float64Array {
    this.cell.known = true;
    return this.cell.data;
  }

  add(x: Value | number): Ref {
    return binary(this, x, (a, b) => a + b, (g) => [g, g]);
  }
  sub(x: Value | number): Ref {
    return binary(this, x, (a, b) => a - b, (g) => [g, g.neg()]);
  }
  mul(x: Value | number): Ref {
    return binary(this, x, (a, b) => a * b, (g, a, b) => [g.mul(b), g.mul(a)]);
  }
  div(x: Value | number): Ref {
    return binary(this, x, (a, b) => a / b, (g, a, b) => [
      g.div(b),
      g.mul(a).div(b.square()).neg(),
    ]);
  }
  neg(): Ref {
    return unary(this, (v) => -v, (g) => g.neg());
  }
  tanh(): Ref {
    return unary(this, Math.tanh, (g, _, y) => g.mul(number(1).sub(y.square())));
  }
  exp(): Ref {
    return unary(this, Math.exp, (g, _, y) => g.mul(y));
  }
  sigmoid(): Ref {
    return unary(this, (v) => 1 / (1 + Math.exp(-v)), (g, _, y) => g.mul(y.mul(number(1).sub(y))));
  }
  square(): Ref {
    return unary(this, (v) => v * v, (g, x) => g.mul(x.mul(2)));
  }
  /** The derivative of the root at 0 counts as 0. */
  sqrt(): Ref {
    return unary(this, Math.sqrt, (g, x, y) => {
      const zero = new Ref(new Cell(x.cell.data.map((v) => v === 0 ? 1 : 0), x.shape));
      return g.mul(number(1).sub(zero)).div(y.mul(2).add(zero));
    });
  }
  lerp(end: Value, weight: number): Ref {
    return this.add(lift(end).sub(this).mul(weight));
  }

  matmul(x: Value): Ref {
    const a = lift(this), b = lift(x), [n, m] = a.shape, k = b.shape[1];
    const data = new Float64Array(n * k);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < m; j++) {
        for (let l = 0; l < k; l++) {
          data[i * k + l] += a.cell.data[i * m + j] * b.cell.data[j * k + l];
        }
      }
    }
    return make(data, [n, k], [a, b], (g) => [g.matmul(b.t()), a.t().matmul(g)]);
  }
  t(): Ref {
    return this.#viewed({ read: transposed, write: (_, part) => transposed(part) });
  }
  sum(dim?: number, { keepdim = false } = {}): Ref {
    const { shape } = this;
    if (dim === undefined) return sumTo(this, shape.map(() => 1)).reshape();
    const kept = sumTo(this, shape.map((d, i) => i === dim ? 1 : d));
    return keepdim ? kept : kept.reshape(...shape.filter((_, i) => i !== dim));
  }
  mean(dim?: number, options = {}): Ref {
    const count = dim === undefined ? sizeOf(this.shape) : this.shape[dim];
    return this.sum(dim, options).mul(1 / count);
  }
  reshape(...shape: number[]): Ref {
    return this.#viewed({
      read: (x) => reshaped(x, shape),
      write: (whole, part) => reshaped(part, whole.shape),
    });
  }
  narrow(dim: number, start: number, length: number): Ref {
    if (dim !== 0) return this.t().narrow(0, start, length).t();
    return this.#viewed({
      read: (x) => rows(x, start, length),
      write: (x, part) =>
        cat([
          rows(x, 0, start),
          part,
          rows(x, start + length, x.shape[0] - start - length),
        ]),
    });
  }
  select(dim: number, at: number): Ref {
    return this.narrow(dim, at, 1).reshape(...this.shape.filter((_, i) => i !== dim));
  }
  clone(): Ref {
    return unary(this, (v) => v, (g) => g);
  }
  detach(): Ref {
    return this.#viewed({
      read: ({ cell }) => new Ref(new Cell(cell.data, cell.shape, [cell])),
      write: (_, part) => part,
      detached: true,
    });
  }

  add_(x: Value | number, { alpha = 1 } = {}): this {
    return this.assign(this.add(lift(x).mul(alpha)));
  }
  sub_(x: Value | number, { alpha = 1 } = {}): this {
    return this.assign(this.sub(lift(x).mul(alpha)));
  }
  mul_(x: Value | number): this {
    return this.assign(this.mul(x));
  }
  lerp_(end: Value, weight: number): this {
    return this.assign(this.lerp(end, weight));
  }
  copy_(x: Value | number): this {
    return this.assign(expand(lift(x), this.shape));
  }
  zero_(): this {
    return this.assign(expand(number(0), this.shape));
  }
  tanh_(): this {
    return this.assign(this.tanh());
  }

  /**
   * Lets the handle stand for another value, and views with it; a leaf stays a leaf. What is not
   * recorded changes the value only, not the history.
   */
  assign(value: Ref): this {
    const view = this.#view, before = this.cell;
    if (view !== null) {
      const { of, write, detached = false } = view;
      withRecording(isRecording() && !detached, () => of.assign(write(new Ref(of.cell), value)));
      return this;
    }
    if (before.requiresGrad && before.pull === null && isRecording()) {
      throw new Error("a leaf that requires a gradient was changed in place");
    }
    const { cell } = value;
    if (before.box !== null && before.pull === null && !(isRecording() && value.requiresGrad)) {
      this.#cell = leaf(cell.data, cell.shape, before.box, [cell]);
    } else if (!isRecording() && before.requiresGrad) {
      this.#cell = new Cell(cell.data, cell.shape, [before, cell], (g) => [g, null], true);
    } else this.#cell = new Ref(cell).#own();
    before.next = this.#cell;
    rebound.list?.push(this);
    return this;
  }

  /** A cell that no other handle has. */
  #own(): Cell {
    return this.clone().cell;
  }

  requiresGrad_(flag = true): this {
    if (flag === this.requiresGrad) return this;
    const box = this.#box();
    box.frozen = !flag;
    this.cell = leaf(this.cell.data, this.shape, box, [this.cell]);
    return this;
  }
  retainGrad(): this {
    this.#box();
    return this;
  }
  registerHook(fn: (g: Value) => Value): void {
    if (this.isLeaf) (this.#box().hooks ??= []).push(fn);
    else this.cell.hooks.push(fn);
  }
  backward(gradient?: Value | null, options: BackwardOptions = {}): void {
    backward([this], [gradient ?? null], options.createGraph ?? false);
  }

  #box(): Box {
    if (this.cell.box === null) boxes.add(this.cell.box = { grad: null, frozen: false });
    return this.cell.box;
  }
}

/** Gradients of outputs with respect to every cell that they reach. */
function sweep(outputs: readonly Ref[], seeds: readonly (Ref | null)[]): Map<Cell, Ref> {
  const found = new Map<Cell, Ref>(), cells = new Set<Cell>();
  const visit = (cell: Cell) => {
    if (!cell.requiresGrad || cells.has(cell)) return;
    cells.add(cell);
    if (cell.pull !== null) cell.operands.forEach(visit);
  };
  const accumulate = (cell: Cell, g: Ref) => {
    const old = found.get(cell);
    found.set(cell, old === undefined ? g : old.add(g));
  };
  outputs.forEach(({ cell }, i) => {
    visit(cell);
    if (!cell.requiresGrad) return;
    accumulate(cell, seeds[i] ?? new Ref(new Cell(cell.data.map(() => 1), cell.shape)));
  });
  for (const cell of [...cells].sort((a, b) => b.id - a.id)) {
    let g = found.get(cell);
    if (g === undefined) continue;
    for (const hook of [...cell.hooks, ...(cell.box?.hooks ?? [])]) g = hook(g) as Ref;
    found.set(cell, g);
    cell.pull?.(g).forEach((part, i) => {
      const operand = cell.operands[i];
      if (part !== null && operand.requiresGrad) accumulate(operand, part);
    });
  }
  return found;
}

/** Adds gradients to what leaves and cells with `retainGrad()` hold. */
export function backward(
  outputs: readonly Ref[],
  seeds: readonly (Value | null)[],
  createGraph: boolean,
): void {
  withRecording(createGraph, () => {
    for (const [cell, g] of sweep(outputs, seeds as (Ref | null)[])) {
      const { box } = cell;
      if (box === null || box.frozen) continue;
      box.grad = box.grad === null ? new Ref(g.cell) : box.grad.add(g);
    }
  });
}

/** Gradients with respect to `inputs`; null where there is none. */
export function grad(output: Ref, inputs: readonly Ref[], createGraph: boolean): (Ref | null)[] {
  return withRecording(createGraph, () => {
    const found = sweep([output], [null]);
    return inputs.map(({ cell }) => {
      // A leaf stands for all that it stood for before.
      let sum: Ref | null = null;
      for (const [other, g] of found) {
        const same = other === cell || (cell.box !== null && other.box === cell.box);
        if (same) sum = sum === null ? new Ref(g.cell) : sum.add(g);
      }
      return sum;
    });
  });
}

/** Whether a value that was never read needs one that was replaced in memory at least twice. */
export function isStale(x: Ref): boolean {
  const seen = new Set<Cell>(), stack = [x.cell];
  while (stack.length > 0) {
    const cell = stack.pop()!;
    if (seen.has(cell)) continue;
    seen.add(cell);
    if ((cell.next?.next ?? null) !== null) return true;
    if (cell.known) continue;
    stack.push(...cell.operands);
  }
  return false;
}
