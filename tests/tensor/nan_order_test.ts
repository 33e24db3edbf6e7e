/** Order of numbers among which there are NaN: NaN counts as the largest, all others stay in order. */

import {
  autograd,
  compile,
  type DType,
  func,
  stack,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { assertEquals } from "@std/assert";

const dtypes: DType[] = ["float16", "float32", "float64"];

const list = (t: Tensor) => Array.from(t.to("float64").data(), Number);

/** Ascending by definition: numbers, then NaN. */
const sorted = (values: number[]) => [
  ...values.filter((v) => !Number.isNaN(v)).sort((a, b) => a - b),
  ...values.filter((v) => Number.isNaN(v)),
];

const inputs = [
  [3, NaN, 1, 2],
  [5, 4, 9, 1, NaN, 7, 3, 8, 2, 6],
  [NaN, NaN, NaN, 42],
  [2, NaN, Infinity, -Infinity, NaN, 0, -1],
  [7, 6, NaN, 5, 4, NaN, 3, 2, NaN, 1, 0, -1, -2, NaN, -3, -4, -5],
];

for (const dtype of dtypes) {
  Deno.test(`sort puts NaN last, ${dtype}`, () => {
    for (const v of inputs) {
      assertEquals(list(tensor(v, { dtype }).sort(0).values), sorted(v), String(v));
    }
  });

  Deno.test(`descending sort puts NaN first, ${dtype}`, () => {
    for (const v of inputs) {
      const got = list(tensor(v, { dtype }).sort(0, { descending: true }).values);
      assertEquals(got, sorted(v).reverse(), String(v));
    }
  });

  Deno.test(`topk takes NaN for the largest, ${dtype}`, () => {
    for (const v of inputs) {
      for (const k of [1, 2, v.length - 1]) {
        const x = tensor(v, { dtype });
        assertEquals(list(x.topk(k).values), sorted(v).reverse().slice(0, k), `${k} of ${v}`);
        assertEquals(
          list(x.topk(k, { largest: false }).values),
          sorted(v).slice(0, k),
          `${k} smallest of ${v}`,
        );
      }
    }
  });
}

Deno.test("argsort and indices where one element is NaN", () => {
  // Places of the sorted numbers by hand.
  assertEquals(list(tensor([3, NaN, 1, 2]).argsort(0)), [2, 3, 0, 1]);
  assertEquals(list(tensor([3, NaN, 1, 2]).argsort(0, { descending: true })), [1, 0, 3, 2]);
  assertEquals(list(tensor([5, 4, 9, NaN, 7]).argsort(0)), [1, 0, 4, 2, 3]);
  assertEquals(list(tensor([3, NaN, 1, 2]).topk(2).indices), [1, 0]);
  assertEquals(list(tensor([3, NaN, 1, 2]).topk(2, { largest: false }).indices), [2, 3]);
});

Deno.test("sort along each dimension of a matrix, eager and compiled", () => {
  const rows = [[3, NaN, 1, 2], [4, 3, 2, 1], [9, 8, NaN, -Infinity]];
  const x = tensor(rows), turned = tensor(rows[0].map((_, j) => rows.map((row) => row[j])));
  const want = rows.flatMap(sorted);
  assertEquals(list(x.sort(1).values), want);
  assertEquals(list(turned.sort(0).values.transpose(0, 1)), want);
  assertEquals(list(compile((x: Tensor) => x.sort(1).values)(x)), want);
  assertEquals(
    list(compile((x: Tensor) => x.topk(2, { dim: 1, largest: false }).values)(x)),
    [1, 2, 1, 2, -Infinity, 8],
  );
});

Deno.test("gradients go to the elements that are really taken", () => {
  const x = tensor([3, NaN, 1, 2], { requiresGrad: true });
  const [g] = autograd.grad(x.topk(2, { largest: false }).values.sum(), [x]);
  assertEquals(list(g!), [0, 0, 1, 1]);
  // The weights 10, 20, 30, 40 of the places 0, 1, 2, 3 of the sorted list.
  const y = tensor([3, NaN, 1, 2], { requiresGrad: true });
  const [h] = autograd.grad(y.sort(0).values.mul(tensor([10, 20, 30, 40])).sum(), [y]);
  assertEquals(list(h!), [30, 40, 10, 20]);
});

Deno.test("sort is stable: equals, infinities and NaN keep their order", () => {
  for (const dtype of dtypes) {
    const v = [NaN, Infinity, 0, NaN, Infinity, -0, 1, -Infinity, 0, NaN, -Infinity];
    const x = tensor(v, { dtype });
    assertEquals(list(x.argsort(0)), [7, 10, 2, 5, 8, 6, 1, 4, 0, 3, 9], dtype);
    const down = [0, 3, 9, 1, 4, 6, 2, 5, 8, 7, 10];
    assertEquals(list(x.argsort(0, { descending: true })), down, dtype);
    for (let k = 0; k <= v.length; k++) {
      assertEquals(list(x.topk(k).indices), down.slice(0, k), dtype);
    }
  }
});

Deno.test("sort agrees with a stable sort by definition on long rows full of equals", () => {
  const pick = [NaN, Infinity, -Infinity, 0, 1, -1, 2, 65504, -65504, 0.5];
  for (const dtype of dtypes) {
    for (const n of [1, 17, 300, 5000]) {
      const v = Array.from({ length: n }, (_, i) => pick[(i * i * 7 + i * 3) % 101 % pick.length]);
      // Numbers by rank, NaN above all.
      const rank = (x: number) => Number.isNaN(x) ? Infinity : x === Infinity ? 1e9 : x;
      const up = v.map((_, i) => i).sort((i, j) => {
        const a = rank(v[i]), b = rank(v[j]);
        return a === b ? i - j : a < b ? -1 : 1;
      });
      const x = tensor(v, { dtype });
      assertEquals(list(x.sort(0).indices), up, `${dtype} ${n}`);
      assertEquals(list(x.sort(0).values), up.map((i) => v[i]), `${dtype} ${n}`);
      const few = Math.ceil(n / 3);
      assertEquals(list(x.topk(few, { largest: false }).indices), up.slice(0, few));
    }
  }
});

Deno.test("float64 sorts the largest numbers, infinity and NaN apart", () => {
  const v = [NaN, Number.MAX_VALUE, Infinity, 1e300, 5e-324, -Number.MAX_VALUE, 0, 1e301];
  assertEquals(list(tensor(v, { dtype: "float64" }).sort(0).values), sorted(v));
});

Deno.test("vmapped sort and topk give what each example gives", () => {
  for (const dtype of dtypes) {
    const xs = stack([3, 4].map((n) => tensor([n, NaN, 1, 2, -n, NaN], { dtype })));
    const rows = [[3, NaN, 1, 2, -3, NaN], [4, NaN, 1, 2, -4, NaN]];
    assertEquals(list(func.vmap((x: Tensor) => x.sort(0).values)(xs)), rows.flatMap(sorted));
    assertEquals(
      list(func.vmap((x: Tensor) => x.topk(3, { largest: false }).values)(xs)),
      rows.flatMap((row) => sorted(row).slice(0, 3)),
    );
  }
});

Deno.test("median() is NaN where one element is, with its place and the gradient there", () => {
  for (const dtype of dtypes) {
    const x = tensor([[3, NaN, 1, NaN], [1, 4, 2, 3], [NaN, NaN, NaN, NaN]], { dtype });
    const { values, indices } = x.median(1);
    assertEquals([list(values), list(indices)], [[NaN, 2, NaN], [1, 2, 0]]);
  }
  const y = tensor([3, NaN, 1], { requiresGrad: true });
  assertEquals(list(autograd.grad(y.median(0).values, [y])[0]!), [0, 1, 0]);
  const z = tensor([3, 7, 1], { requiresGrad: true });
  assertEquals(list(autograd.grad(z.median(), [z])[0]!), [1, 0, 0]);
});
