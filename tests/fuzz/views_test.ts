/**
 * Random programs of views and changes in place, against a reference that keeps memory as PyTorch
 * does: a tensor is a list of cells, and a view names cells of another one. Each cell knows its
 * derivative with respect to the leaf (forward mode), which `backward()` has to find.
 */

import { assertEquals } from "@std/assert";
import { checkpoint, compile, func, noGrad, stack, type Tensor, tensor } from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import { type Next, random } from "../helpers/random.ts";

const LEAF = 6;
const f64 = { dtype: "float64" } as const;

/** A place in memory: a value and its derivatives. */
interface Cell {
  v: number;
  d: readonly number[];
}

/** What a tensor should show. */
interface Shown {
  readonly cells: readonly Cell[];
  readonly shape: readonly number[];
  /** Whether it has no history. */
  readonly detached: boolean;
  /** Whether it shows the leaf, which is changed without recording only. */
  readonly leaf: boolean;
  /** Whether elements of it, or of what it is a view of, repeat. */
  readonly repeats: boolean;
}

type View = (x: Tensor) => Tensor;

/** What to do with tensors, given by their numbers in a table. */
type Statement =
  | { kind: "view"; of: number; view: View }
  | { kind: "make"; of: number; by: number }
  | { kind: "read"; of: number }
  | {
    kind: "write";
    to: number;
    from: number;
    recorded: boolean;
    real: (to: Tensor, from: Tensor) => void;
    cell: (c: Cell, i: number, from: Cell) => Cell;
  };

const none: readonly number[] = new Array(LEAF).fill(0);
const numbers = (xs: readonly number[], shape: readonly number[]) =>
  tensor([...xs], { shape, ...f64 });
const plus = (a: readonly number[], b: readonly number[], by: number) =>
  a.map((x, i) => x + b[i] * by);

/** Runs a statement on memory; what it makes comes at the end of the table. */
function simulate(table: Shown[], s: Statement): void {
  if (s.kind === "read") return;
  if (s.kind === "write") {
    const to = table[s.to], { cells, detached } = table[s.from];
    const from = cells.map(({ v, d }) => ({ v, d: detached ? none : d }));
    const after = to.cells.map((c, i) => s.cell(c, i, from[i % from.length]));
    to.cells.forEach((c, i) => {
      c.v = after[i].v;
      if (s.recorded) c.d = after[i].d;
    });
    return;
  }
  const of = table[s.of];
  if (s.kind === "make") {
    const d = (c: Cell) => of.detached ? none : c.d.map((x) => x * s.by);
    const cells = of.cells.map((c) => ({ v: c.v * s.by, d: d(c) }));
    table.push({ ...of, cells, leaf: false, repeats: false });
    return;
  }
  const places = s.view(numbers(of.cells.map((_, i) => i), of.shape).requiresGrad_());
  const cells = Array.from(places.data(), Number).map((i) => of.cells[i]);
  const detached = of.detached || !places.requiresGrad;
  const repeats = of.repeats || new Set(cells).size < cells.length;
  table.push({ cells, shape: places.shape, detached, leaf: of.leaf, repeats });
}

/** Runs a statement on tensors. */
function run(table: Tensor[], s: Statement): void {
  if (s.kind === "view") table.push(s.view(table[s.of]));
  else if (s.kind === "make") table.push(table[s.of].mul(s.by));
  else if (s.kind === "write") {
    const write = () => s.real(table[s.to], table[s.from]);
    if (s.recorded) write();
    else noGrad(write);
  }
}

/** A random view of a tensor of some shape; null where it has none of the kind. */
function viewOf(shape: readonly number[], { below }: Next): View | null {
  const rank = shape.length, size = shape.reduce((a, b) => a * b, 1), kind = below(14);
  if (rank === 0) return kind < 7 ? (x) => x.unsqueeze(0) : (x) => x.detach();
  const d = below(rank), other = below(rank), n = shape[d], start = below(n);
  const length = 1 + below(n - start), step = 1 + below(2);
  const along = (spec: readonly [number | null, number | null, number]) =>
    shape.map((_, i) => i === d ? spec : null);
  const views: (View | null)[] = [
    (x) => x.narrow(d, start, length),
    (x) => x.select(d, start),
    (x) => x.slice(along([start, null, step])),
    (x) => x.slice(along([null, null, -step])),
    (x) => x.transpose(d, other),
    (x) => x.view(size),
    (x) => x.unsqueeze(d),
    (x) => x.squeeze(),
    rank > 1 && d !== other ? (x) => x.diagonal(0, d, other) : null,
    (x) => x.detach(),
    (x) => x.chunk(2, d)[0],
    size % 2 === 0 ? (x) => x.view(2, size / 2) : null,
    (x) => x.permute(shape.map((_, i) => rank - 1 - i)),
    step === 1 ? (x) => x.unfold(d, length, length) : (x) => x.expand(2, ...shape),
  ];
  return views[kind];
}

/** A random change in place. */
function writeOf(table: readonly Shown[], next: Next, records: boolean): Statement | null {
  const { below, chance } = next, to = below(table.length), from = below(table.length);
  const { cells, shape, leaf, detached, repeats } = table[to], k = below(9) - 4;
  const recorded = records && !leaf && !detached && chance(0.7);
  const write = (
    real: (to: Tensor, from: Tensor) => void,
    cell: (c: Cell, i: number, from: Cell) => Cell,
  ): Statement => ({ kind: "write", to, from, recorded, real, cell });
  if (repeats) return null;
  switch (below(5)) {
    case 0:
      return write((x) => x.fill_(k), () => ({ v: k, d: none }));
    case 1:
      return write((x) => x.add_(k), ({ v, d }) => ({ v: v + k, d }));
    case 2:
      return write((x) => x.mul_(0.5), ({ v, d }) => ({ v: v * 0.5, d: d.map((x) => x * 0.5) }));
    case 3: {
      const list = cells.map((_, i) => k + i * 0.25);
      return write((x) => x.copy_(numbers(list, shape)), (_, i) => ({ v: list[i], d: none }));
    }
  }
  if (table[from].cells.length !== cells.length) return null;
  return write(
    (x, y) => x.add_(y.reshape(x.shape).mul(0.25)),
    (c, _, f) => ({ v: c.v + f.v * 0.25, d: plus(c.d, f.d, 0.25) }),
  );
}

/** A random statement. */
function choose(table: readonly Shown[], next: Next, records: boolean): Statement | null {
  const { below } = next, kind = below(10), of = below(table.length);
  if (kind === 0) return { kind: "make", of, by: 1 + below(3) };
  if (kind === 1) return { kind: "read", of };
  if (kind > 5) return writeOf(table, next, records);
  const { shape, cells } = table[of], view = viewOf(shape, next);
  return view === null || cells.length > 40 ? null : { kind: "view", of, view };
}

function check(what: string, real: Tensor, want: readonly number[]): void {
  assertClose(real, want, 1e-9, `${what}: got [${real.data()}], wants [${want}]`);
}

const checkAll = (what: string, real: readonly Tensor[], memory: readonly Shown[]) =>
  real.forEach((x, i) => check(`${what}, tensor ${i}`, x, memory[i].cells.map((c) => c.v)));

Deno.test("views and changes in place show what memory would, and differentiate", () => {
  for (let seed = 0; seed < 150; seed++) {
    const next = random(seed), start = Array.from({ length: LEAF }, (_, i) => i - 2.5);
    const w = numbers(start, [2, 3]).requiresGrad_(), real = [w];
    const own = start.map((v, i): Cell => ({ v, d: none.map((_, j) => i === j ? 1 : 0) }));
    const memory: Shown[] = [{
      cells: own,
      shape: w.shape,
      detached: false,
      leaf: true,
      repeats: false,
    }];
    for (let step = 0; step < 30; step++) {
      const s: Statement | null = step === 0
        ? { kind: "make", of: 0, by: 2 }
        : choose(memory, next, true);
      if (s === null) continue;
      simulate(memory, s);
      run(real, s);
      if (s.kind !== "read") continue;
      check(`seed ${seed}, step ${step}`, real[s.of], memory[s.of].cells.map((c) => c.v));
      // What is not used any more does not have to be there for others.
      if (s.of > 1 && next.chance(0.5)) { for (const list of [real, memory]) list.splice(s.of, 1); }
    }
    checkAll(`seed ${seed}`, real, memory);
    const losses = real.filter((x, i) => x.requiresGrad && !memory[i].detached);
    losses.map((x) => x.square().sum()).reduce((a, b) => a.add(b)).backward();
    const read = memory.filter((x, i) => real[i].requiresGrad && !x.detached);
    const gradient = none.map((_, j) =>
      read.reduce((sum, x) => sum + x.cells.reduce((s, c) => s + 2 * c.v * c.d[j], 0), 0)
    );
    check(`seed ${seed}, gradient`, w.grad!, gradient);
  }
});

const wraps: Record<string, (fn: () => void) => () => void> = {
  "compile()": (fn) => compile(fn),
  "checkpoint()": (fn) => checkpoint(fn),
  "func.vmap()": (fn) => {
    const all = func.vmap((x: Tensor) => {
      fn();
      return x;
    });
    return () => void all(tensor([1, 2]));
  },
  "compile() in compile()": (fn) => compile(() => compile(fn)()),
  "func.vmap() in compile()": (fn) => compile(wraps["func.vmap()"](fn)),
};

for (const [name, wrap] of Object.entries(wraps)) {
  Deno.test(`changes of views inside of ${name} are seen outside`, () => {
    for (let seed = 0; seed < 40; seed++) {
      const next = random(seed + 1000);
      const cells = Array.from({ length: 12 }, (_, i): Cell => ({ v: i, d: none }));
      const memory: Shown[] = [{
        cells,
        shape: [3, 4],
        detached: false,
        leaf: false,
        repeats: false,
      }];
      const real = [numbers(cells.map((c) => c.v), [3, 4])];
      const outside = (count: number) => {
        for (let i = 0; i < count; i++) {
          const s = choose(memory, next, false);
          if (s === null) continue;
          simulate(memory, s);
          run(real, s);
          // One that was computed has forgotten where it comes from.
          if (s.kind === "read") real[s.of].data();
        }
      };
      outside(6);
      // The one that the others were taken from may be gone.
      if (real.length > 1 && next.chance(0.4)) { for (const list of [real, memory]) list.shift(); }
      const count = real.length, body: Statement[] = [], inside = [...memory];
      for (let i = 0; i < 8; i++) {
        const s = choose(inside, next, false);
        if (s === null || s.kind === "read") continue;
        simulate(inside, s);
        body.push(s);
      }
      const call = wrap(() => {
        const own = real.slice(0, count);
        for (const s of body) run(own, s);
      });
      call();
      if (next.chance(0.5)) checkAll(`seed ${seed}`, real, memory);
      outside(3);
      const again = memory.slice(0, count);
      for (const s of body) simulate(again, s);
      call();
      checkAll(`seed ${seed}, again`, real, memory);
    }
  });
}

const gradients: Record<string, (f: (w: Tensor) => Tensor) => (w: Tensor) => Tensor> = {
  "func.grad()": (f) => func.grad(f),
  "checkpoint()": (f) => func.grad(checkpoint(f)),
  "compile()": (f) => compile(func.grad(f)),
  "func.vmap()": (f) => (w) => func.vmap(func.grad(f))(stack([w.neg(), w])).select(0, 1),
};

for (const [name, derivative] of Object.entries(gradients)) {
  Deno.test(`a function that changes views inside of it is differentiated by ${name}`, () => {
    for (let seed = 0; seed < 40; seed++) {
      const next = random(seed + 5000), start = Array.from({ length: LEAF }, (_, i) => i - 2.5);
      const own = start.map((v, i): Cell => ({ v, d: none.map((_, j) => i === j ? 1 : 0) }));
      const memory: Shown[] = [
        { cells: own, shape: [2, 3], detached: false, leaf: true, repeats: false },
      ];
      const body: Statement[] = [{ kind: "make", of: 0, by: 2 }];
      simulate(memory, body[0]);
      for (let step = 0; step < 15; step++) {
        const s = choose(memory, next, true);
        if (s === null || s.kind === "read") continue;
        simulate(memory, s);
        body.push(s);
      }
      const f = (w: Tensor) => {
        const table = [w];
        for (const s of body) run(table, s);
        const losses = table.filter((_, i) => !memory[i].detached).map((x) => x.square().sum());
        return losses.reduce((a, b) => a.add(b));
      };
      const want = none.map((_, j) =>
        memory.filter((x) => !x.detached)
          .reduce((sum, x) => sum + x.cells.reduce((s, c) => s + 2 * c.v * c.d[j], 0), 0)
      );
      const w = numbers(start, [2, 3]);
      check(`seed ${seed}`, derivative(f)(w), want);
      assertEquals(Array.from(w.data(), Number), start, `seed ${seed}`);
    }
  });
}
