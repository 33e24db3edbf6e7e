import "../helpers/seed.ts";
import { assertEquals, assertThrows } from "@std/assert";
import { assertClose } from "../helpers/close.ts";
import {
  compile,
  DTypeError,
  func,
  GradientError,
  manualSeed,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from "../../mod.ts";

const int = (n: number) => tensor(n, { dtype: "int64" });

/** v -> tanh(w v), as long as k < n. */
function powers(w: Tensor, v: Tensor, n: Tensor) {
  return func.whileLoop(
    ({ k }) => k.lt(n),
    ({ v, k }) => ({ v: w.matmul(v).tanh(), k: k.add(1) }),
    { v, k: int(0) },
  );
}

Deno.test("whileLoop() runs as often as values say, eager and compiled", () => {
  const w = randn([3, 3], { dtype: "float64" }), v = randn([3], { dtype: "float64" });
  const compiled = compile((v: Tensor, n: Tensor) => powers(w, v, n));
  let unrolled = v;
  for (let n = 0; n < 6; n++) {
    for (const result of [powers(w, v, int(n)), compiled(v, int(n))]) {
      assertEquals(result.v.toArray(), unrolled.toArray());
      assertEquals(result.k.item(), n);
    }
    unrolled = w.matmul(unrolled).tanh();
  }
});

Deno.test("whileLoop() ends after maxIterations", () => {
  for (const maxIterations of [0, 1, 3]) {
    const x = func.whileLoop((x) => x.ge(0), (x) => x.add(1), tensor(0), { maxIterations });
    assertEquals(x.item(), maxIterations);
  }
});

Deno.test("whileLoop() finds the compiled session again with other numbers", () => {
  const to = (limit: number, step: number) =>
    func.whileLoop((x) => x.lt(limit), (x) => x.add(step), tensor(0)).item();
  assertEquals([to(10, 3), to(100, 7), to(-5, 1)], [12, 105, 0]);
});

Deno.test("loops nest, and inner ones depend on outer values", () => {
  const total = func.foriLoop(0, 5, (i, sum) => {
    const [, inner] = func.whileLoop(
      ([j]) => j.lt(i),
      ([j, s]) => [j.add(1), s.add(j)],
      [int(0), sum],
    );
    return inner;
  }, int(0));
  assertEquals(total.item(), 0 + 0 + 1 + 3 + 6);
});

Deno.test("foriLoop() counts from lo to hi, numbers and tensors", () => {
  const sum = (lo: number | Tensor, hi: number | Tensor) =>
    func.foriLoop(lo, hi, (i, s) => s.add(i), int(0)).item();
  assertEquals([sum(0, 5), sum(3, 6), sum(6, 3), sum(-2, 1)], [10, 12, 0, -3]);
  const some = func.foriLoop(0, 9, (i, s) => s.add(i), int(0), { maxIterations: 3 });
  assertEquals(some.item(), 3);
  const parts = { checkpoint: "sqrt" } as const;
  assertThrows(() => func.foriLoop(0, int(3), (_i, s) => s, int(0), parts), TypeError, "numbers");
  assertEquals([sum(int(3), 6), sum(3, int(6)), sum(int(6), int(3))], [12, 12, 0]);
});

Deno.test("foriLoop() draws other random numbers in each iteration, as the unrolled loop does", () => {
  manualSeed(7);
  const [a, b, c] = [randn([2]), randn([2]), randn([2])];
  manualSeed(7);
  const draws = () => func.foriLoop(0, 3, (_i, s) => s.mul(2).add(randn([2])), zeros([2]));
  assertEquals(draws().toArray(), a.mul(2).add(b).mul(2).add(c).toArray());
  const compiled = compile(draws);
  manualSeed(7);
  assertEquals(compiled().toArray(), a.mul(2).add(b).mul(2).add(c).toArray());
});

Deno.test("loops say what is wrong with a body", () => {
  const x = zeros([2]);
  assertThrows(
    () => func.foriLoop(0, 3, (_i, { a }) => ({ a: a.sum() }), { a: x }),
    ShapeError,
    "the carry's a is float32 of shape [2] at first, and float32 of shape [] after",
  );
  assertThrows(() => func.foriLoop(0, 3, (_i, x) => x.gt(0), x), DTypeError, 'to("float32")');
  assertThrows(
    () => func.foriLoop(0, 3, (_i, [a]) => [a], [x, x]),
    TypeError,
    "the carry has the structure [*, *], and the body returns [*]",
  );
  assertThrows(() => func.whileLoop((x) => x.gt(0), (x) => x, x), ShapeError, "any() or all()");
  assertThrows(() => func.whileLoop((x) => x.sum(), (x) => x, x), DTypeError, "wants bool");
  assertThrows(
    () => func.foriLoop(0, 3, (_i, s) => (x.add_(1), s.add(x)), zeros([2])),
    GradientError,
    "changed in place",
  );
  assertThrows(
    () => func.whileLoop((x) => x.sum().gt(0), (x) => x.add(randn([2])), x),
    TypeError,
    "maxIterations",
  );
  assertThrows(
    () => func.foriLoop(0, 3, (_i, x) => x, x, { maxIteration: 3 } as never),
    TypeError,
    "there is no option maxIteration",
  );
  assertThrows(() => func.foriLoop(0, 2.5, (_i, x) => x, x), TypeError, "a whole number");
  assertThrows(() => func.foriLoop(0, 3, (_i, x) => x.mul(x.sum().item()), x), Error, "foriLoop()");
});

Deno.test("scan() takes xs of any tree, or none, and collects any tree", () => {
  const xs = { a: tensor([1, 2, 3]), b: [tensor([[1], [2], [3]])] };
  const [sum, ys] = func.scan(
    (s, { a, b }) => [s.add(a), { twice: a.mul(2), all: [b[0]] }],
    0 as unknown as Tensor,
    xs,
  );
  assertEquals(sum.item(), 6);
  assertEquals([ys.twice.toArray(), ys.all[0].shape], [[2, 4, 6], [3, 1]]);
  const [end] = func.scan((s: Tensor) => [s.mul(2), null], tensor(1), null, { length: 5 });
  const [same] = func.scan((s: Tensor) => [s.mul(2), undefined], tensor(1), undefined, {
    length: 5,
  });
  assertEquals([end.item(), same.item()], [32, 32]);
  const map = new Map([["k", tensor(1)]]);
  const [last] = func.scan((m) => [new Map([["k", m.get("k")!.add(1)]]), 1], map, null, {
    length: 2,
  });
  assertEquals(last.get("k")!.item(), 3);
  for (const checkpoint of ["sqrt", 1, 2, 3, 7, 100] as const) {
    for (const reverse of [false, true]) {
      const run = (checkpoint?: "sqrt" | number) =>
        func.scan((s, x) => [s.mul(0.5).add(x), s], tensor(0), tensor([1, 2, 3, 4, 5, 6, 7]), {
          reverse,
          checkpoint,
        });
      const [a, b] = [run(checkpoint), run()];
      assertEquals([a[0].item(), a[1].toArray()], [b[0].item(), b[1].toArray()]);
    }
  }
});

Deno.test("scan() and cond() say what is wrong", () => {
  const x = tensor([1, 2]), id = (c: Tensor) => [c, null] as const;
  assertThrows(() => func.scan(id, x), TypeError, "{ length: 100 }");
  assertThrows(() => func.scan(id, x, [zeros([3]), zeros([4])]), ShapeError, "must be equal");
  assertThrows(() => func.scan(id, x, zeros([3]), { length: 4 }), ShapeError, "length says 4");
  assertThrows(() => func.scan(id, x, tensor(1)), ShapeError, "no dimension to go through");
  assertThrows(() => func.scan(id, x, null, { length: -1 }), RangeError, "from 0 on");
  assertThrows(() => func.scan(id, x, null, { lenght: 1 } as never), TypeError, "no option lenght");
  assertThrows(
    () => func.scan(id, x, null, { length: 4, checkpoint: 0 }),
    TypeError,
    'wants "sqrt" or a whole number',
  );
  assertThrows(() => func.scan((c) => c as never, x, null, { length: 1 }), TypeError, "[carry, y]");
  assertThrows(
    () =>
      func.scan(({ x, on }) => [{ x, on }, null], { x, on: true }, null, {
        length: 1,
      }),
    TypeError,
    "tensor(true)",
  );
  assertThrows(() => func.scan(id, "x" as never, null, { length: 1 }), TypeError, 'got "x"');
  const yes = () => x, pred = tensor(true);
  assertThrows(() => func.cond(pred, yes, () => x.sum()), ShapeError, "[2] of onTrue, and []");
  assertThrows(
    () => func.cond(pred, yes, () => x.gt(0)),
    DTypeError,
    "float32 of onTrue, and bool",
  );
  assertThrows(() => func.cond(pred, yes, () => [x] as never), TypeError, "they must be equal");
  assertThrows(() => func.cond(x.gt(0), yes, yes), ShapeError, "wants one bool");
  assertThrows(() => func.cond(true as never, yes, yes), TypeError, "a tensor with one bool");
  assertThrows(() => func.cond(pred, yes, 3 as never), TypeError, "onFalse is 3");
  assertThrows(
    () => func.cond(pred, () => x.mul_(2), yes),
    GradientError,
    "changed in place",
  );
  const { n } = func.cond(pred, () => ({ x, n: 1 }), () => ({ x, n: 2 }));
  assertEquals((n as unknown as Tensor).item(), 1);
});

Deno.test("Jacobians and Hessians through loops equal those of unrolled ones", () => {
  const f64 = { dtype: "float64" } as const, x = tensor([0.3, -0.5], f64);
  const looped = (x: Tensor) =>
    func.whileLoop((c) => c.square().sum().gt(0.01), (c) => c.mul(x.cos()).mul(0.5), x, {
      maxIterations: 20,
    });
  const plain = (x: Tensor) => {
    let c = x;
    for (let k = 0; k < 3; k++) c = c.mul(x.cos()).mul(0.5);
    return c;
  };
  assertEquals(looped(x).toArray(), plain(x).toArray());
  const total = (f: typeof plain) => (x: Tensor) => f(x).square().sum();
  for (const jacobian of [func.jacrev, func.jacfwd]) {
    assertClose(jacobian(looped)(x), jacobian(plain)(x), 1e-14);
  }
  assertClose(func.hessian(total(looped))(x), func.hessian(total(plain))(x), 1e-14);
  const along = tensor([1, 2], f64);
  assertClose(func.hvp(total(looped), x, along)[1], func.hvp(total(plain), x, along)[1], 1e-14);
});

Deno.test("scan() refuses a direction that is no truth value", () => {
  const sums = (c: Tensor, x: Tensor): [Tensor, Tensor] => [c.add(x), x];
  assertThrows(
    () => func.scan(sums, tensor(0), tensor([1, 2]), { reverse: "no" as unknown as boolean }),
    TypeError,
    'scan: reverse is "no", wants true or false.',
  );
});
