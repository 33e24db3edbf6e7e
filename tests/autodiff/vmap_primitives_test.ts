/**
 * Every primitive under `func.vmap`: equal to a loop over slices, for every choice of batched operands
 * and for the first and the last axis; so are gradients, Hessian products and Jacobians.
 */

import { assert, assertEquals } from "@std/assert";
import { func, stack, type Tensor, tensor } from "@torchopt/torchopt";
import type { Node } from "../../src/graph/node.ts";
import { sizeOf } from "../../src/graph/shape.ts";
import * as e from "../../src/primitives/elementwise.ts";
import * as index from "../../src/primitives/index.ts";
import { lu, orderOf } from "../../src/primitives/linalg/lu.ts";
import { solve } from "../../src/primitives/linalg/solve.ts";
import { dot } from "../../src/primitives/matmul.ts";
import { conv, convInputGrad, convWeightGrad } from "../../src/primitives/conv.ts";
import * as m from "../../src/primitives/movement.ts";
import { argmax, argmin, topk } from "../../src/primitives/order.ts";
import { maxPool } from "../../src/primitives/pool.ts";
import { scatter } from "../../src/primitives/scatter.ts";
import { adamStep } from "../../src/primitives/fused_adam.ts";
import { type PrimitiveName, primitives } from "../../src/primitives/table.ts";
import { wrap } from "../../src/tensor/core.ts";
import { argument, type Case, cases } from "../primitives/cases.ts";
import { assertClose } from "../helpers/close.ts";

const places = (x: Node, n: number): Node =>
  e.cast(e.floor(e.mul(e.abs(x), e.num(n - 0.001, x))), "int64");
const plainConv = { strides: [1, 2], low: [1, 0], high: [0, 1], dilations: [1, 1], groups: 1 };
const f = (value: number, like: Node): Node => e.num(value, like);

/** Cases of their own: no derivative, several operands batched in another way, or batched places. */
const more: Record<string, Case> = {
  lt: { shapes: [[2, 3], [3]], run: e.lt },
  le: { shapes: [[3], [2, 3]], run: e.le },
  eq: { shapes: [[2, 1], [3]], run: (a, b) => e.eq(e.floor(a), e.floor(b)) },
  logicalAnd: {
    shapes: [[2, 3], [3]],
    run: (a, b) => e.logicalAnd(e.lt(a, f(0, a)), e.lt(b, f(0, b))),
  },
  logicalOr: {
    shapes: [[2, 3], []],
    run: (a, b) => e.logicalOr(e.lt(a, f(0, a)), e.lt(b, f(0, b))),
  },
  logicalNot: { shapes: [[2, 3]], run: (a) => e.logicalNot(e.lt(a, f(0, a))) },
  isNan: { shapes: [[2, 3]], run: (a) => e.isNan(e.log(a)) },
  detach: { shapes: [[2, 3]], run: (a) => e.mul(m.detach(a), f(2, a)) },
  argmax: { shapes: [[2, 3]], run: (a) => argmax(a, 1, false) },
  argmin: { shapes: [[2, 3]], run: (a) => argmin(a, 0, true) },
  "topk, places": { shapes: [[4, 2]], run: (a) => topk(a, 2, 0, false)[1] },
  "maxPool, places": {
    shapes: [[2, 1, 4, 4]],
    run: (x) =>
      maxPool(x, {
        kernel: [2, 2],
        strides: [2, 1],
        low: [0, 0],
        high: [0, 0],
        dilations: [1, 1],
      })[1],
  },
  "gather by each its own places": {
    shapes: [[4, 3], [2, 3]],
    run: (x, i) => index.gather(x, 0, places(i, 4)),
  },
  "gather along the last axis": {
    shapes: [[2, 4], [2, 3]],
    run: (x, i) => index.gather(x, 1, places(i, 4)),
  },
  "scatterAdd by each its own places": {
    shapes: [[2, 4], [2, 3], [2, 3]],
    run: (x, i, s) => index.scatterAdd(x, 1, places(i, 4), s),
  },
  "scatter by each its own places": {
    shapes: [[3, 4], [1, 4], [1, 4]],
    run: (x, i, s) => scatter(x, 0, places(i, 3), s),
  },
  "indexSelect by each its own places": {
    shapes: [[2, 4, 3], [2, 2]],
    run: (x, i) => index.indexSelect(x, 1, places(i, 4)),
  },
  "indexSelect from the end": {
    shapes: [[4, 3], [3]],
    run: (x, i) => index.indexSelect(x, 0, e.sub(places(i, 4), f(4, places(i, 4)))),
  },
  "indexAdd by each its own places": {
    shapes: [[3], [2, 3]],
    run: (i, s) => index.indexAdd([2, 4], 1, places(i, 4), s),
  },
  "indexAdd of rows": {
    shapes: [[3], [3, 2]],
    run: (i, s) => index.indexAdd([4, 2], 0, places(i, 4), s),
  },
  "dot, first transposed": { shapes: [[3, 2], [3, 4]], run: (a, b) => dot(a, b, true, false) },
  "dot, second transposed": { shapes: [[2, 3], [4, 3]], run: (a, b) => dot(a, b, false, true) },
  "dot, both transposed": { shapes: [[3, 2], [4, 3]], run: (a, b) => dot(a, b, true, true) },
  "dot with few columns": { shapes: [[9, 3], [3, 2]], run: (a, b) => dot(a, b) },
  "dot with a column": { shapes: [[2, 3], [3, 1]], run: (a, b) => dot(a, b) },
  "dot with a row": { shapes: [[3, 1], [3, 2]], run: (a, b) => dot(a, b, true) },
  "dot of batches": { shapes: [[2, 1, 2, 3], [4, 3, 2]], run: (a, b) => dot(a, b) },
  "conv in one group": {
    shapes: [[2, 3, 4, 5], [4, 3, 2, 2]],
    run: (x, w) => conv(x, w, plainConv),
  },
  "convInputGrad in one group": {
    shapes: [[2, 4, 4, 3], [4, 3, 2, 2]],
    run: (g, w) => convInputGrad(g, w, [2, 3, 4, 5], plainConv),
  },
  "convWeightGrad in one group": {
    shapes: [[2, 3, 4, 5], [2, 4, 4, 3]],
    run: (x, g) => convWeightGrad(x, g, [4, 3, 2, 2], plainConv),
  },
  orderOfPivots: { shapes: [[3, 3]], run: (a) => orderOf(lu(a)[2], 4) },
  "solve of batches": {
    shapes: [[2, 2, 2], [2, 2, 3]],
    from: 0.5,
    to: 2,
    run: (a, b) => solve(e.add(a, m.reshape(identity(a), [1, 2, 2])), b),
  },
  "adamStep with coefficients by example": {
    shapes: [[3], [3], [3], []],
    from: 0.2,
    to: 0.9,
    run: (g, mu, nu, b) =>
      adamStep(g, mu, nu, {
        b1: b,
        omb1: e.sub(f(1, b), b),
        b2: f(0.99, b),
        omb2: f(0.01, b),
        eps: f(1e-3, b),
        epsRoot: f(1e-2, b),
        c1: f(0.19, b),
        c2: f(0.0199, b),
      }),
  },
};

function identity(like: Node): Node {
  const diagonal = [4, 0, 0, 4].map((v) => m.reshape(f(v, like), [1]));
  return m.reshape(m.concat(diagonal, 0), [2, 2]);
}

const SIZE = 3;

/** A batch of arguments: each example has numbers of its own. */
function batch(shape: number[], k: number, from: number, to: number, size: number): Tensor {
  const parts = Array.from({ length: size }, (_, b) => argument(shape, k + 2 * b, from, to));
  return size === 0 ? tensor([], { dtype: "float64" }).reshape([0, ...shape]) : stack(parts, 0);
}

/** Every choice of operands that are batched, but none. */
function choices(n: number): boolean[][] {
  return Array.from(
    { length: 2 ** n - 1 },
    (_, i) => Array.from({ length: n }, (_, k) => ((i + 1) >> k & 1) === 1),
  );
}

type Run = (...xs: Tensor[]) => Tensor[];

const list = (ys: Node | Node[]): Tensor[] => (Array.isArray(ys) ? ys : [ys]).map(wrap);

/** `run` of each example on its own, stacked. */
function loop(run: Run, xs: Tensor[], batched: boolean[], size: number): Tensor[] {
  const rows = Array.from(
    { length: size },
    (_, b) => run(...xs.map((x, i) => batched[i] ? x.select(0, b) : x)),
  );
  return rows[0].map((_, k) => stack(rows.map((row) => row[k]), 0));
}

/** A weighted sum of the results, so that no element is like another. */
function scalar(run: Run): (...xs: Tensor[]) => Tensor {
  return (...xs) =>
    run(...xs)
      .map((y) => {
        const weights = Array.from({ length: y.size }, (_, i) => 0.5 + ((i * 5) % 7) / 7);
        return y.mul(tensor(weights, { dtype: "float64" }).reshape(y.shape)).sum();
      })
      .reduce((a, b) => a.add(b));
}

function check(name: string, c: Case, differentiable: boolean, size: number): void {
  const { shapes, from = -1, to = 1 } = c;
  const run: Run = (...xs) => list(c.run(...xs.map((x) => x.node)));
  const argnums = shapes.map((_, i) => i);
  const gradient: Run = (...xs) => func.grad(scalar(run), { argnums })(...xs);
  const curvature: Run = (...xs) => {
    const along = func.hvp((ts: Tensor[]) => scalar(run)(...ts), xs, xs.map((x) => x.mul(0.5)));
    return along[1];
  };
  for (const batched of choices(shapes.length)) {
    const xs = shapes.map((s, k) =>
      batched[k] ? batch(s, k, from, to, size) : argument(s, k, from, to)
    );
    for (const last of [false, true]) {
      const inAxes = batched.map((b) => b ? last ? -1 : 0 : null);
      const given = xs.map((x, i) => {
        if (!batched[i] || !last) return x;
        return x.permute([...x.shape.slice(1).map((_, d) => d + 1), 0]);
      });
      const what = `${name}, batched ${batched}, ${last ? "last" : "first"} axis`;
      const agree = (fn: Run, part: string) => {
        const outAxes = last ? -1 : 0;
        const found = func.vmap(fn, { inAxes, outAxes })(...given) as Tensor[];
        const wanted = loop(fn, xs, batched, size);
        wanted.forEach((w, i) => {
          const y = last ? found[i].permute([w.ndim - 1, ...w.shape.slice(1).keys()]) : found[i];
          assertClose(y, w, { rtol: 1e-9, atol: 1e-10 }, `${what}: ${part} ${i}`);
        });
      };
      agree(run, "value");
      if (!differentiable) continue;
      agree(gradient, "gradient");
      if (!last) agree(curvature, "Hessian product");
    }
    if (!differentiable) continue;
    // Differentiated from outside.
    const outer = (fn: Run) => func.grad(scalar(fn), { argnums })(...xs) as Tensor[];
    const inAxes = batched.map((b) => b ? 0 : null);
    const found = outer((...ts) => func.vmap(run, { inAxes })(...ts));
    const wanted = outer((...ts) => loop(run, ts, batched, size));
    wanted.forEach((w, i) =>
      assertClose(
        found[i],
        w,
        { rtol: 1e-9, atol: 1e-10 },
        `${name}, batched ${batched}: outer ${i}`,
      )
    );
  }
}

const noRule = (name: PrimitiveName) => typeof primitives[name].batch === "string";

for (const name of Object.keys(primitives) as PrimitiveName[]) {
  const c = cases[name];
  if (typeof c === "string") continue;
  Deno.test(`vmap of ${name} equals a loop, with derivatives`, () => check(name, c, true, SIZE));
  Deno.test(`vmap of ${name} takes one example`, () => check(name, c, true, 1));
}

const whole = ["lt", "le", "eq", "logicalAnd", "logicalOr", "logicalNot", "isNan", "detach"];
const discrete = [...whole, "orderOfPivots", "argmax", "argmin", "topk, places", "maxPool, places"];
for (const [name, c] of Object.entries(more)) {
  Deno.test(`vmap of ${name} equals a loop`, () => check(name, c, !discrete.includes(name), SIZE));
}

Deno.test("every primitive has a batching rule that is tested, or states why it needs none", () => {
  for (const name of Object.keys(primitives) as PrimitiveName[]) {
    const tested = typeof cases[name] !== "string" || name in more;
    assert(tested || noRule(name), name);
  }
});

Deno.test("vmap of every primitive takes no examples", () => {
  for (const name of Object.keys(primitives) as PrimitiveName[]) {
    const c = cases[name] === undefined || typeof cases[name] === "string"
      ? more[name]
      : cases[name] as Case;
    if (c === undefined) continue;
    const { shapes, from = -1, to = 1 } = c;
    for (const batched of choices(shapes.length)) {
      const xs = shapes.map((s, k) =>
        batched[k] ? batch(s, k, from, to, 0) : argument(s, k, from, to)
      );
      const one = list(c.run(...shapes.map((s, k) => argument(s, k, from, to).node)));
      const run: Run = (...ts) => list(c.run(...ts.map((x) => x.node)));
      const mapped = func.vmap(run, { inAxes: batched.map((b) => b ? 0 : null) });
      const found = mapped(...xs) as Tensor[];
      found.forEach((y, i) => {
        assertEquals(y.shape, [0, ...one[i].shape], name);
        assertEquals(y.data().length, 0);
      });
      if (discrete.includes(name)) continue;
      const argnums = shapes.map((_, i) => i);
      const grads = func.grad(scalar((...ts) => mapped(...ts)), { argnums })(...xs) as Tensor[];
      grads.forEach((g, i) => {
        assertEquals(g.shape, xs[i].shape, name);
        assertEquals(Number(g.abs().sum().item()), 0, name);
      });
    }
  }
});

Deno.test("vmap in vmap of every primitive equals two loops", () => {
  for (const name of Object.keys(primitives) as PrimitiveName[]) {
    const c = cases[name];
    if (typeof c === "string") continue;
    const { shapes, from = -1, to = 1 } = c;
    const run: Run = (...ts) => list(c.run(...ts.map((x) => x.node)));
    const xs = shapes.map((s, k) =>
      stack([batch(s, k, from, to, 3), batch(s, k + 1, from, to, 3)], 0)
    );
    const all = shapes.map(() => true);
    const found = func.vmap(func.vmap(run))(...xs) as Tensor[];
    const inner: Run = (...ts) => loop(run, ts, all, 3);
    loop(inner, xs, all, 2).forEach((w, i) =>
      assertClose(found[i], w, { rtol: 1e-9, atol: 1e-10 }, `${name} ${i}`)
    );
    // The inner call maps another argument than the outer one.
    if (shapes.length < 2) continue;
    const first = xs[0].select(0, 0), second = xs[1].select(0, 1);
    const rest = xs.slice(2).map((x) => x.select(0, 0).select(0, 0));
    const free = rest.map(() => null);
    const mixed = func.vmap(
      (a: Tensor) => func.vmap((b: Tensor) => run(a, b, ...rest))(second),
    )(first) as Tensor[];
    const wanted = loop(
      (a) => loop((b) => run(a, b, ...rest), [second], [true], 3),
      [first],
      [true, ...free.map(() => false)],
      3,
    );
    wanted.forEach((w, i) =>
      assertClose(mixed[i], w, { rtol: 1e-9, atol: 1e-10 }, `${name}, mixed, ${i}`)
    );
  }
});

Deno.test("Jacobians of every primitive under vmap equal those of each example", () => {
  for (const name of Object.keys(primitives) as PrimitiveName[]) {
    const c = cases[name];
    if (typeof c === "string") continue;
    const { shapes, from = -1, to = 1 } = c;
    const xs = shapes.map((s, k) => batch(s, k, from, to, 2));
    if (xs.some((x) => sizeOf(x.shape) > 100)) continue;
    const run: Run = (...ts) => list(c.run(...ts.map((x) => x.node)));
    const jac: Run = (...ts) => [func.jacrev((x: Tensor) => run(x, ...ts.slice(1))[0])(ts[0])];
    const found = func.vmap(jac)(...xs) as Tensor[];
    loop(jac, xs, shapes.map(() => true), 2)
      .forEach((w, i) => assertClose(found[i], w, { rtol: 1e-9, atol: 1e-10 }, `${name} ${i}`));
  }
});
