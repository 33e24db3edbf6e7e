/** Loops and choices in which others went wrong: reports of users of other libraries, and relatives. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { compile, explain, func, stack, type Tensor, tensor, zeros } from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";

const f64 = { dtype: "float64" } as const;
const int = (n: number | number[]) => tensor(n, { dtype: "int64" });
const num = (x: number | number[] | number[][]) => tensor(x, f64);
type Scalar = (x: Tensor) => Tensor;

/** Value and derivatives of a function of one number, in every mode. */
function checkModes(f: Scalar, x: Tensor, [value, slope, bend]: number[], tol: number): void {
  const one = x.mul(0).add(1);
  const jvp = (g: Scalar): Scalar => (x) => func.jvp(g, [x], [one])[1];
  const grad = (g: Scalar): Scalar => func.grad(g);
  assertClose(f(x).data(), [value], tol, "value");
  for (const [name, d] of [["grad", grad], ["jvp", jvp]] as const) {
    assertClose(d(f)(x).data(), [slope], tol, name);
    assertClose(compile(d(f))(x).data(), [slope], tol, `compiled ${name}`);
    for (const [outer, e] of [["grad", grad], ["jvp", jvp]] as const) {
      assertClose(e(d(f))(x).data(), [bend], tol, `${outer} of ${name}`);
    }
  }
}

/** x to the power of six: multiplications until six are done, in loops of every kind. */
const sixth: Record<string, (bound: number) => Scalar> = {
  "scan with cond": (bound) => (x) => {
    const [{ v }] = func.scan(
      ({ v, on, k }) => {
        const next = func.cond(
          on,
          () => ({ v: v.mul(x), on: k.add(1).lt(6), k: k.add(1) }),
          () => ({ v, on, k }),
        );
        return [next, null];
      },
      { v: num(1), on: tensor(true), k: int(0) },
      null,
      { length: bound },
    );
    return v;
  },
  "scan with cond and checkpoint": (bound) => (x) => {
    const [{ v }] = func.scan(
      ({ v, k }) => [{ v: func.cond(k.lt(6), () => v.mul(x), () => v), k: k.add(1) }, null],
      { v: num(1), k: int(0) },
      null,
      { length: bound, checkpoint: "sqrt" },
    );
    return v;
  },
  "whileLoop": (bound) => (x) =>
    func.whileLoop(
      ({ k }) => k.lt(6),
      ({ v, k }) => ({ v: v.mul(x), k: k.add(1) }),
      { v: num(1), k: int(0) },
      { maxIterations: bound },
    ).v,
  "foriLoop to a tensor": (bound) => (x) =>
    func.foriLoop(0, int(6), (_i, v) => v.mul(x), num(1), { maxIterations: bound }),
};

for (const [name, power] of Object.entries(sixth)) {
  Deno.test(`a loop that leaves its carry alone gives no factors: ${name}`, () => {
    for (const bound of [6, 10, 1000]) {
      checkModes(power(bound), num(1.5), [11.390625, 45.5625, 151.875], 1e-12);
    }
  });
}

Deno.test("whileLoop() goes back through the iterations that took place, whatever the bound", () => {
  checkModes(sixth.whileLoop(100_000), num(1.5), [11.390625, 45.5625, 151.875], 1e-12);
});

/** s: a times (b times s x, then s + 1). */
function nested(a: Tensor, b: Tensor, x: Tensor): Tensor {
  return func.whileLoop(
    ({ i }) => i.lt(a),
    ({ i, s }) => {
      const inner = func.whileLoop(
        ({ j }) => j.lt(b),
        ({ j, s }) => ({ j: j.add(1), s: s.mul(x) }),
        { j: int(0), s },
        { maxIterations: 8 },
      );
      return { i: i.add(1), s: inner.s.add(1) };
    },
    { i: int(0), s: num(1) },
    { maxIterations: 8 },
  ).s;
}

Deno.test("whileLoop() in whileLoop() stops for each example by itself", () => {
  const a = [0, 3, 2, 1, 3], b = [3, 0, 1, 2, 5], x = num(0.5);
  const values = [1, 4, 1.75, 1.25, 1.032257080078125];
  const slopes = [0, 0, 2, 1, 0.33294677734375], bends = [0, 0, 2, 2, 2.877197265625];
  a.forEach((n, i) =>
    checkModes((x) => nested(int(n), int(b[i]), x), x, [values[i], slopes[i], bends[i]], 1e-13)
  );
  const all = func.vmap((a, b) => nested(a, b, x))(int(a), int(b));
  const one = a.map((n, i) => nested(int(n), int(b[i]), x).item());
  assertEquals(all.toArray(), one);
  // Gradients outside of the batch and inside, and those of the gradients.
  const total = (x: Tensor) => func.vmap((a, b) => nested(a, b, x))(int(a), int(b)).sum();
  const sum = (xs: number[]) => xs.reduce((p, q) => p + q);
  assertClose(func.grad(total)(x).data(), [sum(slopes)], 1e-13);
  assertClose(func.grad(func.grad(total))(x).data(), [sum(bends)], 1e-13);
  const each = func.vmap(
    (
      a,
      b,
    ) => [func.grad((x) => nested(a, b, x))(x), func.jvp((x) => nested(a, b, x), [x], [num(1)])[1]],
  )(int(a), int(b));
  for (const got of each) assertClose(got.data(), slopes, 1e-13);
  const twice = func.vmap(
    (a, b) => func.grad(func.grad((x) => nested(a, b, x)))(x),
  )(int(a), int(b));
  assertClose(twice.data(), bends, 1e-13);
});

Deno.test("whileLoop() in whileLoop() over one of its limits, and over two axes of one length", () => {
  const x = num(0.5), a = [0, 2, 3], b = [3, 1, 2];
  const first = func.vmap((a) => nested(a, int(2), x))(int(a));
  assertEquals(first.toArray(), a.map((n) => nested(int(n), int(2), x).item()));
  const second = func.vmap((b) => nested(int(2), b, x))(int(b));
  assertEquals(second.toArray(), b.map((n) => nested(int(2), int(n), x).item()));
  const table = a.map((n) => b.map((m) => nested(int(n), int(m), x).item()));
  const grid = func.vmap((a) => func.vmap((b) => nested(a, b, x))(int(b)))(int(a));
  assertEquals(grid.toArray(), table);
  const turned = func.vmap((b) => func.vmap((a) => nested(a, b, x))(int(a)), { outAxes: 1 })(
    int(b),
  );
  assertEquals(turned.toArray(), table);
  const slopes = a.map((n) => b.map((m) => func.grad((x) => nested(int(n), int(m), x))(x).item()));
  const grads = func.vmap((a) => func.vmap((b) => func.grad((x) => nested(a, b, x))(x))(int(b)));
  assertClose(grads(int(a)).data(), slopes.flat(), 1e-13);
});

Deno.test("a bisection that hits its root stays there, alone and in a batch", () => {
  const bisect = (f: Scalar) => {
    const { lo, hi } = func.whileLoop(
      ({ lo, hi }) => hi.sub(lo).gt(1e-10),
      ({ lo, hi, sign }) => {
        const mid = lo.add(hi).div(2), y = f(mid).mul(sign);
        const zero = y.eq(0);
        const left = func.cond(y.le(0), () => mid, () => lo);
        return {
          lo: left,
          hi: func.cond(y.ge(0), () => mid, () => hi),
          sign: sign.add(zero.to("float64").mul(0)),
        };
      },
      { lo: num(0), hi: num(1), sign: f(num(1)).sub(f(num(0))).sign() },
      { maxIterations: 60 },
    );
    return lo.add(hi).div(2);
  };
  const ts = [0, 0.25, 0.5, 0.75, 1];
  for (
    const f of [
      (t: Tensor) => (x: Tensor) => x.sub(t),
      (t: Tensor) => (x: Tensor) => t.sub(x),
      (t: Tensor) => (x: Tensor) => x.pow(3).sub(t.pow(3)),
    ]
  ) {
    for (const t of ts) assertClose(bisect(f(num(t))).data(), [t], 1e-9);
    assertClose(func.vmap((t) => bisect(f(t)))(num(ts)).data(), ts, 1e-9);
  }
});

Deno.test("what the other side of a choice would give goes nowhere: values, gradients, batches", () => {
  const safe: Scalar = (x) => func.cond(x.gt(0), () => x.log(), () => x.exp());
  for (const [x, want] of [[2, 0.5], [-3, Math.exp(-3)]]) {
    assertClose(func.grad(safe)(num(x)).data(), [want], 1e-14);
  }
  const xs = num([2, -3, 0, 1e-300]), wants = [0.5, Math.exp(-3), 1, 1e300];
  assertClose(func.vmap(func.grad(safe))(xs).data(), wants, 1e-14);
  assertClose(func.grad((xs) => func.vmap(safe)(xs).sum())(xs).data(), wants, 1e-14);
  const bends = [-0.25, Math.exp(-3), 1];
  const few = num([2, -3, 0]);
  assertClose(func.vmap(func.grad(func.grad(safe)))(few).data(), bends, 1e-13);
  const gradient = func.grad((xs: Tensor) => func.vmap(safe)(xs).sum());
  assertClose(func.grad((xs: Tensor) => gradient(xs).sum())(few).data(), bends, 1e-13);
  // In a loop: examples that are done divide by zero from then on.
  const shrink: Scalar = (x) =>
    func.whileLoop(
      ({ y, k }) => k.lt(3).logicalAnd(y.ne(0)),
      ({ y, k }) => ({ y: x.div(y).sub(x.div(y)), k: k.add(1) }),
      { y: x, k: int(0) },
      { maxIterations: 5 },
    ).y;
  assertClose(func.grad((xs) => func.vmap(shrink)(xs).sum())(num([1, 2])).data(), [0, 0], 1e-14);
});

Deno.test("loops over nothing: no elements, no iterations, no carry", () => {
  const [carry, ys] = func.scan(
    (c, x) => [c.add(x), x.mul(2)],
    zeros([0], f64),
    zeros([3, 0], f64),
  );
  assertEquals([carry.shape, ys.shape, ys.data().length], [[0], [3, 0], 0]);
  const [, list] = func.scan((_c, x) => [null, x.neg()], null, num([1, 2, 3]));
  assertEquals(list.toArray(), [-1, -2, -3]);
  const [empty] = func.scan((c) => [c, null], { a: num(1) }, zeros([0, 2], f64));
  assertEquals(empty.a.item(), 1);
  assertEquals(func.scan((c) => [c, c], num(1), null, { length: 3 })[1].toArray(), [1, 1, 1]);
  const grown = func.vmap((x) => func.foriLoop(0, 3, (_i, s) => s.add(x), x))(zeros([0], f64));
  assertEquals(grown.shape, [0]);
});

Deno.test("carries of every dtype", () => {
  for (const dtype of ["float32", "float64", "float16", "int32", "int64"] as const) {
    const x = tensor([1, 2], { dtype }), one = tensor([1, 1], { dtype });
    const [last, all] = func.scan((c) => [c.add(one), c], x, null, { length: 3 });
    assertEquals([last.dtype, all.dtype], [dtype, dtype]);
    assertEquals(all.toArray(), [[1, 2], [2, 3], [3, 4]]);
    const some = func.whileLoop((c) => c.sum().lt(9), (c) => c.add(one), x, { maxIterations: 9 });
    assertEquals(some.toArray(), [4, 5]);
    const batch = func.vmap((x) =>
      func.whileLoop((c) => c.lt(4), (c) => c.add(one.select(0, 0)), x)
    )(x);
    assertEquals(batch.toArray(), [4, 4]);
  }
  const [bit, bits] = func.scan((b) => [b.logicalNot(), b], tensor(true), null, { length: 3 });
  assertEquals([bit.item(), bits.toArray()], [0, [true, false, true]]);
  const flipped = func.vmap(
    (n) =>
      func.whileLoop(({ k }) => k.lt(n), ({ b, k }) => ({ b: b.logicalNot(), k: k.add(1) }), {
        b: tensor(true),
        k: int(0),
      }).b,
  )(int([0, 1, 2]));
  assertEquals(flipped.toArray(), [true, false, true]);
});

Deno.test("stacked results of batches of scans lie as those of one example do", () => {
  const xs = num([[1, 2, 3], [4, 5, 6]]);
  const run = (xs: Tensor) => func.scan((c, x) => [c.add(x), c.mul(x)], num(1), xs)[1];
  const one = [0, 1].map((i) => run(xs.select(0, i)));
  assertEquals(func.vmap(run)(xs).toArray(), stack(one, 0).toArray());
});

Deno.test("bodies may be long: alone, in a batch, and chosen for each example", () => {
  const long = (x: Tensor) => {
    for (let k = 0; k < 2500; k++) x = x.add(k % 7).mul(0.5);
    return x;
  };
  const xs = num([1, 2]), want = long(num(1)).item();
  const looped = (x: Tensor) => func.foriLoop(0, 2, (_i, y) => long(y), x);
  assertClose(func.vmap(looped)(xs).data(), [want, want], 1e-9);
  const chosen = func.vmap((x: Tensor) => func.cond(x.lt(1.5), long, (x) => x, x));
  assertClose(chosen(xs).data(), [want, 2], 1e-9);
  assertClose(func.grad((xs: Tensor) => chosen(xs).sum())(xs).data(), [0, 1], 1e-9);
});

Deno.test("what a loop gives and nobody reads is not computed", () => {
  const run = compile((x: Tensor) => {
    const [{ a }, ys] = func.scan(
      ({ a, b }) => [{ a: a.mul(0.5), b: b.sin().exp().cos() }, b.tanh()],
      { a: x, b: x },
      null,
      { length: 4 },
    );
    void ys;
    return a;
  });
  assertEquals(run(num(1)).item(), 1 / 16);
  assert(explain(run).steps[0].includes("of 1 operations"), explain(run).steps[0]);
  // A loop and its way back compute the iterations once together, and once again on the way.
  const both = compile((x: Tensor) => {
    const loss = (x: Tensor) => func.foriLoop(0, 9, (_i, y) => y.sin().mul(x), x).sum();
    const [value, grad] = func.valueAndGrad(loss)(x);
    return { value, grad };
  });
  both(num([1, 2])).grad.data();
  assertEquals(explain(both).steps.filter((step) => step.startsWith("loop")).length, 2);
});

Deno.test("only the side that is chosen runs, and only the iterations that take place", () => {
  const x = num([1, 2, 3]), outside = int([7]), inside = int([1]);
  const chosen = (p: boolean, at: Tensor) =>
    func.cond(tensor(p), () => x.indexSelect(0, at), () => x.narrow(0, 0, 1));
  assertEquals([chosen(false, outside).toArray(), chosen(true, inside).toArray()], [[1], [2]]);
  assertThrows(() => chosen(true, outside).data(), RangeError, "the index 7");
  const added = (n: number, at: Tensor) =>
    func.foriLoop(0, int(n), (_i, y) => y.add(x.indexSelect(0, at)), num([0]));
  assertEquals([added(0, outside).toArray(), added(2, inside).toArray()], [[0], [4]]);
  assertThrows(() => added(1, outside).data(), RangeError, "the index 7");
});
