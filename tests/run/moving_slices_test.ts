/**
 * Slices that lie elsewhere in each iteration: batches of data, rows of a table, entries of a log. After
 * some iterations no graph is compiled any more, and values, derivatives and what is written are right.
 */

import {
  autograd,
  checkpoint,
  compile,
  type DType,
  func,
  memory,
  noGrad,
  realize,
  SGD,
  stack,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import { assertAlmostEquals, assertEquals } from "@std/assert";

const N = 40;
let fresh = 0;

/** 0, 1, 2 … 99, 0, 1 … in a shape that no other test has, since what was learned of a shape stays. */
function counting(columns: number, dtype: DType = "float64"): Tensor {
  const rows = 2 * N + 8 + fresh++;
  const all = Array.from({ length: rows * columns }, (_, i) => i % 100);
  return tensor(all, { dtype: "float64" }).reshape([rows, columns]).to(dtype);
}

/** Runs `iterate` N times; the last half compiles nothing. */
function loop(iterate: (i: number) => void): void {
  let created = 0;
  for (let i = 0; i < N; i++) {
    if (i === N / 2) created = memory().sessions.created;
    iterate(i);
  }
  assertEquals(memory().sessions.created, created, "the loop goes on compiling");
}

for (const dtype of ["float64", "float32", "float16", "int64", "int32", "uint8", "bool"] as const) {
  Deno.test(`batches of ${dtype} move`, () => {
    const x = counting(3, dtype);
    x.data();
    loop((i) => {
      const got = x.narrow(0, 2 * i, 2).flatten().flip([0]).to("float64").toArray();
      const wanted = Array.from({ length: 6 }, (_, k) => (6 * i + 5 - k) % 100);
      assertEquals(got, dtype === "bool" ? wanted.map((v) => v === 0 ? 0 : 1) : wanted);
    });
  });
}

Deno.test("columns, blocks and rows of rows move", () => {
  const wide = counting(3).t().contiguous(), table = counting(8);
  const columns = wide.shape[1];
  realize(wide, table);
  loop((i) => {
    const entry = (r: number, c: number) => (c * 3 + r) % 100;
    const got = wide.narrow(1, i, 2).mul(1).toArray();
    assertEquals(got, [0, 1, 2].map((r) => [entry(r, i), entry(r, i + 1)]));
    assertEquals(wide.narrow(1, columns - 1 - i, 1).sum().item(), sumOf(wide, columns - 1 - i));
    const block = table.slice([[i, i + 2], [i % 5, i % 5 + 2]]).mul(1).toArray();
    assertEquals(block, [0, 1].map((r) => [0, 1].map((c) => ((i + r) * 8 + i % 5 + c) % 100)));
    assertEquals(table.narrow(0, i, 4).select(0, i % 4).mul(1).toArray(), row(i + i % 4));
  });
  function row(r: number): number[] {
    return Array.from({ length: 8 }, (_, c) => (r * 8 + c) % 100);
  }
  function sumOf(x: Tensor, c: number): number {
    const all = x.toArray() as number[][];
    return all.reduce((sum, r) => sum + r[c], 0);
  }
});

Deno.test("pieces that were cut before the loop move", () => {
  const x = counting(3), pieces = x.split(2);
  x.data();
  loop((i) =>
    assertEquals(
      pieces[i].mul(1).sum(1).toArray(),
      [0, 1].map((r) => {
        const at = 6 * i + 3 * r;
        return at % 100 + (at + 1) % 100 + (at + 2) % 100;
      }),
    )
  );
});

Deno.test("slices of what is computed in the loop move, with derivatives of two orders", () => {
  const x = counting(1).flatten().mul(0.01).requiresGrad_();
  const n = x.size;
  loop((i) => {
    const y = x.mul(2).narrow(0, i, 2).pow(3).sum();
    const [g] = autograd.grad(y, [x], { createGraph: true });
    const [h] = autograd.grad(g!.sum(), [x]);
    const value = (k: number) => k >= i && k < i + 2 ? 0.02 * (k % 100) : 0;
    const near = (got: Tensor, wanted: (k: number) => number) =>
      (got.toArray() as number[]).forEach((v, k) => assertAlmostEquals(v, wanted(k), 1e-9));
    near(g!, (k) => 6 * value(k) ** 2);
    near(h!, (k) => 24 * value(k));
    assertEquals(g!.shape, [n]);
  });
});

Deno.test("rows of a table of parameters move while it is trained", () => {
  const table = counting(4).mul(0.01), wanted = table.toArray() as number[][];
  const parameter = table.detach().requiresGrad_(), optimizer = new SGD([parameter], { lr: 0.1 });
  loop((i) => {
    optimizer.zeroGrad();
    const loss = parameter.select(0, i).square().sum();
    loss.backward();
    optimizer.step();
    assertAlmostEquals(loss.item(), wanted[i].reduce((sum, v) => sum + v * v, 0), 1e-12);
    // Others run between.
    for (let k = 0; k < 3; k++) parameter.narrow(0, 0, 2).mul(k).sum().item();
  });
  (parameter.toArray() as number[][]).forEach((row, r) =>
    row.forEach((v, c) => assertAlmostEquals(v, wanted[r][c] * (r < N ? 0.8 : 1), 1e-12))
  );
});

Deno.test("entries of a log are written where they belong", () => {
  const log = zeros([N + 3 + fresh++]), blocks = zeros([N + 2, 5 + fresh++]);
  const flags = zeros([N + 4 + fresh++], { dtype: "bool" });
  loop((i) => {
    noGrad(() => {
      log.select(0, i).copy_(tensor(i + 0.5));
      blocks.slice([[i, i + 2], [1, 3]]).fill_(i);
      flags.narrow(0, i, 1).fill_(i % 2 === 0);
    });
    assertEquals(log.select(0, i).item(), i + 0.5);
    assertEquals(blocks.select(0, i).narrow(0, 0, 4).toArray(), [0, i, i, 0]);
  });
  assertEquals(log.narrow(0, 0, N).toArray(), Array.from({ length: N }, (_, i) => i + 0.5));
  assertEquals(flags.narrow(0, 0, 3).toArray(), [true, false, true]);
  assertEquals(blocks.select(0, N).narrow(0, 0, 4).toArray(), [0, N - 1, N - 1, 0]);
});

Deno.test("a view that moved goes on showing its base", () => {
  const base = counting(2), views: Tensor[] = [];
  base.data();
  loop((i) => {
    const view = base.narrow(0, i, 1);
    assertEquals(view.mul(1).sum().item(), (2 * i) % 100 + (2 * i + 1) % 100);
    views.push(view);
  });
  base.fill_(7);
  assertEquals(views.map((v) => v.sum().item()), views.map(() => 14));
  views[3].fill_(1);
  assertEquals(base.select(0, 3).toArray(), [1, 1]);
});

Deno.test("choices by number of what a network gives move", () => {
  const w = tensor([[1, 2], [3, 4]], { dtype: "float64" }).requiresGrad_();
  const width = 6;
  loop((i) => {
    const bits = Array.from({ length: width }, (_, k) => (i * 37 + k * 11) % 7 % 2);
    const parts = bits.map((b, k) =>
      w.mul(k + 1).matmul(tensor([1, 1], { dtype: "float64" })).select(0, b)
    );
    const [g] = autograd.grad(stack(parts).sum(), [w]);
    const weight = (b: number) => bits.reduce((sum, x, k) => sum + (x === b ? k + 1 : 0), 0);
    assertEquals(g!.toArray(), [0, 1].map((b) => [weight(b), weight(b)]));
  });
});

Deno.test("slices that moved are right inside of compile(), vmap() and checkpoint()", () => {
  const x = counting(3);
  x.data();
  loop((i) => assertEquals(x.select(0, i).mul(1).sum().item(), sum(i)));
  const third = compile((y: Tensor) => y.select(0, 3).sum());
  assertEquals([third(x).item(), third(x.add(1)).item()], [sum(3), sum(3) + 3]);
  const batch = stack([x, x.mul(2)]);
  assertEquals(func.vmap((y: Tensor) => y.select(0, 5).sum())(batch).toArray(), [
    sum(5),
    2 * sum(5),
  ]);
  const leaf = x.detach().requiresGrad_();
  const y = checkpoint((z: Tensor) => z.select(0, 2).square().sum())(leaf);
  const [g] = autograd.grad(y, [leaf]);
  assertEquals(g!.select(0, 2).toArray(), [12, 14, 16]);
  function sum(r: number): number {
    return [0, 1, 2].reduce((s, c) => s + (3 * r + c) % 100, 0);
  }
});

Deno.test("a compiled function changes a view, of a leaf as well, whose like moved before", () => {
  const width = 3 * N + 7 + fresh++;
  const make = () => tensor(Array.from({ length: width }, (_, i) => i), { dtype: "float64" });
  const moved = make().mul(1);
  loop((i) => assertEquals(moved.narrow(0, i, 2).mul(1).toArray(), [i, i + 1]));
  for (const requiresGrad of [false, true]) {
    for (const read of [false, true]) {
      const w = make().requiresGrad_(requiresGrad), view = w.narrow(0, 3, 2);
      if (read) view.data();
      const double = compile(() => void noGrad(() => view.mul_(2)));
      for (let k = 0; k < 3; k++) double();
      assertEquals(w.narrow(0, 2, 4).toArray(), [2, 24, 32, 5]);
      assertEquals(view.toArray(), [24, 32]);
    }
  }
});
