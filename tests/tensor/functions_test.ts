import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  arange,
  concat,
  DTypeError,
  einsum,
  gradcheck,
  maximum,
  meshgrid,
  oneHot,
  ones,
  rand,
  ShapeError,
  stack,
  type Tensor,
  tensor,
  tensordot,
  where,
} from "@torchopt/torchopt";
import "../helpers/seed.ts";

const f64 = { dtype: "float64" } as const;

/** Einsum by its definition: a loop over all letters. */
function slowEinsum(inputs: string[], output: string, tensors: Tensor[]): number[] {
  const sizes = new Map<string, number>();
  inputs.forEach((term, k) =>
    [...term].forEach((l, d) => sizes.set(l, Math.max(sizes.get(l) ?? 1, tensors[k].shape[d])))
  );
  const letters = [...sizes.keys()];
  const total = output.split("").reduce((n, l) => n * sizes.get(l)!, 1);
  const out = new Array<number>(total).fill(0);
  const data = tensors.map((t) => t.data());
  const at = new Map<string, number>();
  const visit = (i: number): void => {
    if (i < letters.length) {
      for (let v = 0; v < sizes.get(letters[i])!; v++) {
        at.set(letters[i], v);
        visit(i + 1);
      }
      return;
    }
    let place = 0;
    for (const l of output) place = place * sizes.get(l)! + at.get(l)!;
    let product = 1;
    inputs.forEach((term, k) => {
      let flat = 0;
      [...term].forEach((l, d) => {
        const n = tensors[k].shape[d];
        flat = flat * n + (n === 1 ? 0 : at.get(l)!);
      });
      product *= Number(data[k][flat]);
    });
    out[place] += product;
  };
  visit(0);
  return out;
}

Deno.test("einsum() agrees with its definition", () => {
  const cases: [string, number[][]][] = [
    ["ij,jk->ik", [[2, 3], [3, 4]]],
    ["ij,kj->ki", [[2, 3], [4, 3]]],
    ["bij,bjk->bik", [[2, 3, 4], [2, 4, 5]]],
    ["i,j->ij", [[2], [3]]],
    ["i,i->", [[4], [4]]],
    ["ii->i", [[3, 3]]],
    ["ii->", [[3, 3]]],
    ["iij->ji", [[2, 2, 3]]],
    ["ijk->kij", [[2, 3, 4]]],
    ["ijk->j", [[2, 3, 4]]],
    ["ij,jk,kl->il", [[2, 3], [3, 4], [4, 2]]],
    ["ab,cb,db->acd", [[2, 3], [4, 3], [5, 3]]],
    ["bhqd,bhkd->bhqk", [[2, 2, 3, 4], [2, 2, 5, 4]]],
    ["i,ij,j->", [[2], [2, 3], [3]]],
    ["ij,j->ij", [[2, 3], [3]]],
    ["ij,jk->ik", [[2, 1], [3, 4]]],
    ["ij,ij->j", [[2, 3], [1, 3]]],
    ["ij->i", [[2, 1]]],
  ];
  for (const [equation, shapes] of cases) {
    const [left, right] = equation.split("->"), terms = left.split(",");
    const tensors = shapes.map((s) => rand(s, f64));
    const expected = slowEinsum(terms, right, tensors);
    const actual = einsum(equation, ...tensors);
    const reference = tensor(expected, { shape: actual.shape, ...f64 });
    assert(actual.allclose(reference, { atol: 1e-12 }), equation);
    assert(gradcheck((...xs) => einsum(equation, ...xs), tensors, { order: 2 }), equation);
  }
});

Deno.test("einsum() understands ... and implicit results", () => {
  const a = rand([5, 2, 3]), b = rand([3, 4]), c = rand([1, 3, 4]);
  assertEquals(einsum("...ij,jk->...ik", a, b).shape, [5, 2, 4]);
  assertEquals(einsum("...ij,...jk->...ik", a, c).shape, [5, 2, 4]);
  assertEquals(einsum("...ij,...jk", a, c).shape, [5, 2, 4]);
  assertEquals(einsum("ba", b).shape, [4, 3]);
  assertEquals(einsum("ij,jk", rand([2, 3]), b).shape, [2, 4]);
  assert(einsum("...ij,...jk->...ik", a, c).allclose(a.matmul(c), { atol: 1e-5 }));
});

Deno.test("einsum() explains malformed equations", () => {
  const a = ones([2, 3]);
  assertThrows(() => einsum("ij,jk->ik", a), TypeError, "2 operand(s), got 1");
  assertThrows(() => einsum("ijk->i", a), ShapeError, "names 3 dimension(s)");
  assertThrows(() => einsum("ij->k", a), TypeError, "must name dimensions");
  assertThrows(() => einsum("ij,ij->i", a, ones([2, 4])), ShapeError, '"j"');
  assertThrows(() => einsum("i1->i", a), TypeError, "letters");
});

Deno.test("concat() and stack() join and promote", () => {
  const a = ones([2, 2]), n = ones([2, 2], { dtype: "int64" });
  assertEquals(concat([a, n], -1).shape, [2, 4]);
  assertEquals(concat([a, n]).dtype, "float32");
  assertEquals(stack([a, a], -1).shape, [2, 2, 2]);
  assertThrows(() => concat([]), ShapeError, "no tensors");
  assertThrows(() => concat([tensor(1)]), ShapeError, "stack()");
  assertThrows(() => concat([a, ones([3, 3])]), ShapeError, "concat");
  assertThrows(() => stack([a, ones([3])]), ShapeError, "stack");
  const x = rand([2, 2], f64);
  assert(gradcheck((x, y) => concat([x, y, x], 1).square(), [x, x], { order: 2 }));
});

Deno.test("where() chooses between numbers and tensors", () => {
  const c = tensor([true, false]);
  assertEquals(where(c, 1, 2).toArray(), [1, 2]);
  assertEquals(where(c, tensor([true, true]), tensor([false, false])).toArray(), [true, false]);
  assertEquals(maximum(1, tensor([0, 2])).toArray(), [1, 2]);
});

Deno.test("tensordot() agrees with einsum()", () => {
  const a = rand([2, 3, 4], f64), b = rand([4, 3, 5], f64);
  const c = tensordot(a, b, [[1, 2], [1, 0]]);
  assert(c.allclose(einsum("ijk,kjl->il", a, b), { atol: 1e-12 }));
  assertEquals(tensordot(a, b, 0).shape, [2, 3, 4, 4, 3, 5]);
  assertThrows(() => tensordot(a, b, 2), ShapeError, "tensordot");
});

Deno.test("meshgrid() swaps the first two dimensions for xy", () => {
  const [x, y] = meshgrid([arange(3), arange(2)], { indexing: "xy" });
  assertEquals(x.toArray(), [[0, 1, 2], [0, 1, 2]]);
  assertEquals(y.toArray(), [[0, 0, 0], [1, 1, 1]]);
});

Deno.test("oneHot() counts classes by itself", () => {
  const y = oneHot(tensor([[1], [0]], { dtype: "int64" }));
  assertEquals(y.toArray(), [[[0, 1]], [[1, 0]]]);
  assertEquals(y.dtype, "int64");
  assertThrows(() => oneHot(tensor([1])), DTypeError, "oneHot");
});

Deno.test("oneHot() refuses known numbers that are no class", () => {
  const classes = (...data: number[]) => tensor(data, { dtype: "int64" });
  assertThrows(() => oneHot(classes(-1, 2)), RangeError, "the class number -1");
  assertThrows(() => oneHot(classes(0, 2), 2), RangeError, "from 0 to 1");
  assertEquals(oneHot(classes(0, 2)).toArray(), [[1, 0, 0], [0, 0, 1]]);
});

Deno.test("tensordot() refuses a negative number of dimensions", () => {
  assertThrows(() => tensordot(ones([2]), ones([2]), -1), RangeError, "tensordot: the number");
});
