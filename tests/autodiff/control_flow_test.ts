import "../helpers/seed.ts";
import { assertEquals, assertThrows } from "@std/assert";
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
