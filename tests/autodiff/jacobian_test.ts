import { assertEquals, assertThrows } from "@std/assert";
import { func, type Tensor, tensor } from "@torchopt/torchopt";

const f64 = { dtype: "float64" } as const;
type Point = { a: Tensor; b: Tensor };
const point = () => ({ a: tensor([1, 2], f64), b: tensor(3, f64) });

/** Values of the leaves of nested objects. */
const values = (tree: unknown): unknown =>
  Object.fromEntries(
    Object.entries(tree as Record<string, Tensor>).map(([k, v]) => [k, v.toArray()]),
  );

for (const name of ["jacrev", "jacfwd"] as const) {
  Deno.test(`${name}() takes and gives trees`, () => {
    const fn = ({ a, b }: Point) => ({ product: a.mul(b), sum: a.sum().add(b.square()) });
    const j = func[name](fn)(point());
    assertEquals(values(j.product), { a: [[3, 0], [0, 3]], b: [1, 2] });
    assertEquals(values(j.sum), { a: [1, 1], b: 6 });
  });

  Deno.test(`${name}() of a constant, of nothing and of an empty argument`, () => {
    const x = tensor([1, 2], f64);
    assertEquals(func[name]((_: Tensor) => tensor([5], f64))(x).toArray(), [[0, 0]]);
    assertEquals(func[name]((x: Tensor) => x.narrow(0, 0, 0))(x).shape, [0, 2]);
    assertEquals(func[name]((x: Tensor) => x.sum().add(1))(x.narrow(0, 0, 0)).shape, [0]);
  });

  Deno.test(`${name}() differentiates the argument that is asked for`, () => {
    const fn = (x: Tensor, y: Tensor) => x.mul(y);
    const j = func[name](fn, { argnums: 1 })(tensor([1, 2], f64), tensor([5, 6], f64));
    assertEquals(j.toArray(), [[1, 0], [0, 2]]);
    const both = func[name](fn, { argnums: [1, 0] })(tensor([1, 2], f64), tensor([5, 6], f64));
    assertEquals(both.map((j: Tensor) => j.toArray()), [[[1, 0], [0, 2]], [[5, 0], [0, 6]]]);
    assertThrows(
      () => func[name](fn, { argnums: 2 })(1 as never, 2 as never),
      RangeError,
      "argnums 2 is out of",
    );
  });
}

Deno.test("hessian() of a tree is a tree of trees", () => {
  const h = func.hessian(({ a, b }: Point) => a.square().sum().mul(b))(point());
  assertEquals(values(h.a), { a: [[6, 0], [0, 6]], b: [2, 4] });
  assertEquals(values(h.b), { a: [2, 4], b: 0 });
});

Deno.test("hessian() of two arguments has all four blocks", () => {
  const fn = (x: Tensor, y: Tensor) => x.square().mul(y).sum();
  const h = func.hessian(fn, { argnums: [0, 1] })(tensor([1, 2], f64), tensor([5, 6], f64));
  assertEquals(h.map((row: Tensor[]) => row.map((b) => b.toArray())), [
    [[[10, 0], [0, 12]], [[2, 0], [0, 4]]],
    [[[2, 0], [0, 4]], [[0, 0], [0, 0]]],
  ]);
});
