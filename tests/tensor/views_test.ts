/** Views of tensors and changes in place: who sees what, and what it does to gradients. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  arange,
  compile,
  type DType,
  func,
  memory,
  nn,
  noGrad,
  ones,
  SGD,
  ShapeError,
  stack,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import "../helpers/seed.ts";

const f64 = { dtype: "float64" } as const;
const leaf = (values: number[]) => tensor(values, { ...f64, requiresGrad: true });
const list = (x: Tensor) => Array.from(x.data(), Number);

/** Methods whose result shares its elements with the tensor. */
const views: Record<string, (x: Tensor) => Tensor> = {
  reshape: (x) => x.reshape(3, -1),
  view: (x) => x.view(12),
  viewAs: (x) => x.viewAs(zeros([2, 6])),
  flatten: (x) => x.flatten(),
  unflatten: (x) => x.unflatten(1, [2, 3]),
  squeeze: (x) => x.squeeze(),
  unsqueeze: (x) => x.unsqueeze(1),
  transpose: (x) => x.transpose(0, 1),
  "transpose of nothing": (x) => x.transpose(1, 1),
  permute: (x) => x.permute(1, 0),
  movedim: (x) => x.movedim(0, 1),
  t: (x) => x.t(),
  "t of a vector": (x) => x.flatten().t(),
  mT: (x) => x.mT,
  expand: (x) => x.expand(1, 2, 6),
  slice: (x) => x.slice([[1, null], [null, null, 2]]),
  "slice backwards": (x) => x.slice([null, [null, 0, -2]]),
  "slice of one": (x) => x.slice([1, -1]),
  "slice of nothing": (x) => x.slice([[1, 1]]),
  narrow: (x) => x.narrow(1, 2, 3),
  select: (x) => x.select(1, -2),
  split: (x) => x.split([1, 2, 3], 1)[1],
  chunk: (x) => x.chunk(2, 1)[1],
  unbind: (x) => x.unbind(0)[1],
  unfold: (x) => x.unfold(1, 2, 3),
  diagonal: (x) => x.diagonal(1),
  "diagonal below": (x) => x.diagonal(-1, 1, 0),
  detach: (x) => x.detach(),
  "view of a view": (x) => x.t().narrow(0, 1, 4).select(1, 0).slice([[null, null, -2]]),
  "a long way": (x) =>
    x.unsqueeze(0).transpose(0, 1).squeeze().t().t().view(12).view(3, 4).narrow(0, 1, 2)
      .narrow(1, 1, 2).unsqueeze(0).view(4).view(2, 2).t().t(),
};

/** What PyTorch copies: the result is a tensor of its own. */
const copies: Record<string, (x: Tensor) => Tensor> = {
  clone: (x) => x.clone(),
  "reshape that needs another order": (x) => x.t().reshape(-1),
  "flatten that needs another order": (x) => x.narrow(1, 0, 3).flatten(),
  "contiguous of another order": (x) => x.t().contiguous(),
  repeat: (x) => x.repeat(1, 2),
  flip: (x) => x.flip(0),
  roll: (x) => x.roll(1, 0),
  indexSelect: (x) => x.indexSelect(0, tensor([1], { dtype: "int64" })),
  index: (x) => x.index(tensor([1], { dtype: "int64" })),
  diag: (x) => x.narrow(1, 0, 2).diag(),
  tril: (x) => x.tril(),
  "another type": (x) => x.to(x.dtype === "int32" ? "int64" : "int32"),
};

for (const dtype of ["float32", "float64", "float16", "int64", "int32", "uint8", "bool"] as const) {
  const number = () => arange(12).remainder(2).to(dtype).reshape(2, 6).clone();
  const most = dtype === "bool" ? 1 : 7;

  Deno.test(`changes of views in place reach the tensor and its other views, ${dtype}`, () => {
    for (const [name, view] of Object.entries(views)) {
      // The places that the view names.
      const at = list(view(arange(12, { dtype: "int64" }).reshape(2, 6)));
      const want = list(number());
      at.forEach((i) => want[i] = most);
      for (const known of [false, true]) {
        const x = number(), y = view(x), others = Object.values(views).map((v) => v(x));
        // What was computed has forgotten where it comes from.
        if (known) { for (const z of [x, y, ...others]) z.data(); }
        y.fill_(most);
        assertEquals(list(x), want, `${name}, ${known}`);
        Object.values(views).forEach((v, i) => {
          assertEquals(list(others[i]), list(v(tensor(want, { shape: [2, 6], dtype }))), name);
        });
        x.zero_();
        assertEquals(list(y), at.map(() => 0), name);
      }
    }
  });

  Deno.test(`what PyTorch copies is a copy, ${dtype}`, () => {
    for (const [name, copy] of Object.entries(copies)) {
      const x = number(), before = list(x), y = copy(x);
      if (y.dtype === dtype) y.fill_(most);
      assertEquals(list(x), before, name);
      const kept = list(y);
      x.zero_();
      assertEquals(list(y), kept, name);
    }
  });
}

Deno.test("views whose tensor is gone see each other's changes", () => {
  for (const known of [false, true]) {
    const [a, b, c] = ((x) => [x.narrow(0, 0, 3), x.narrow(0, 2, 3), x.view(5)])(zeros([5]));
    if (known) { for (const x of [a, b, c]) x.data(); }
    a.add_(1);
    b.mul_(3);
    a.select(0, 0).fill_(7);
    assertEquals([list(a), list(b), list(c)], [[7, 1, 3], [3, 0, 0], [7, 1, 3, 0, 0]]);
  }
});

Deno.test("many changes of views that were computed", () => {
  const [a, b] = ((x) => [x.narrow(0, 0, 3), x.narrow(0, 1, 3)])(zeros([4]));
  a.data();
  b.data();
  for (let i = 0; i < 50; i++) (i % 3 === 0 ? b : a).add_(1);
  assertEquals([list(a), list(b)], [[33, 50, 50], [50, 50, 17]]);
});

Deno.test("conversions that have nothing to do give the tensor itself, as PyTorch's", () => {
  const x = zeros([2, 3]);
  const same: Tensor[] = [x.float(), x.to("float32"), x.to("cpu"), x.cpu(), x.contiguous()];
  same.push(x.typeAs(ones([1])), x.view(6).contiguous());
  for (const y of same) y.add_(1);
  assertEquals(list(x), new Array(6).fill(same.length));
});

Deno.test("assigning to a part", () => {
  const x = zeros([3, 4]);
  x.slice([1, [1, 3]]).copy_(tensor([5, 6])); // x[1, 1:3] = …
  x.select(1, 3).fill_(7); // x[:, 3] = 7
  x.slice([[null, null, 2], 0]).sub_(1); // x[::2, 0] -= 1
  x.narrow(0, 2, 1).copy_(x.narrow(0, 1, 1).mul(2)); // x[2:] = 2 * x[1:2]
  assertEquals(x.toArray(), [[-1, 0, 0, 7], [0, 5, 6, 7], [0, 10, 12, 14]]);
  x.t().narrow(0, 0, 2).copy_(x.narrow(1, 2, 2).t());
  assertEquals(x.toArray(), [[0, 7, 0, 7], [6, 7, 6, 7], [12, 14, 12, 14]]);
});

Deno.test("assigning to positions by number", () => {
  const at = tensor([2, 0], { dtype: "int64" }), last = tensor([-1], { dtype: "int64" });
  const x = zeros([3, 2]), column = x.select(1, 1);
  x.indexCopy_(0, at, tensor([[1, 2], [3, 4]])); // x[[2, 0]] = …
  x.indexFill_(1, last, 7); // x[:, [-1]] = 7
  assertEquals(x.toArray(), [[3, 7], [0, 7], [1, 7]]);
  column.indexAdd_(0, tensor([1, 1], { dtype: "int64" }), ones([2]));
  assertEquals(x.toArray(), [[3, 7], [0, 9], [1, 7]]);
  assertThrows(() => x.indexCopy_(0, at, ones([2])), ShapeError, "wants [2, 2]");
  assertThrows(() => x.indexFill_(0, at.view(1, 2), 1), ShapeError, "wants a vector");
  assertThrows(() => tensor(1).indexFill(0, at, 1), ShapeError, "at least one dimension");
  const w = tensor([[1, 2], [3, 4], [5, 6]], f64), v = tensor([[1, 2], [3, 4]], f64);
  const f = (w: Tensor, v: Tensor) =>
    w.indexCopy(0, at, v.square()).mul(w).indexFill(1, last, 9).square().sum();
  const wanted = (w: Tensor, v: Tensor) => {
    const [a, b] = v.square().unbind(), rows = [b, w.select(0, 1), a];
    return stack(rows).mul(w).narrow(1, 0, 1).square().sum().add(3 * 81);
  };
  for (const argnums of [0, 1]) {
    const [got, want] = [f, wanted].map((g) =>
      (func.grad(g, { argnums })(w, v) as Tensor).toArray()
    );
    assertEquals(got, want);
    const [each, all] = [f, wanted].map((g) =>
      func.vmap(func.grad(g, { argnums }))(stack([w, w.neg()]), stack([v, v.add(1)])) as Tensor
    );
    assertEquals(each.toArray(), all.toArray());
  }
});

Deno.test("views that repeat elements take one number only", () => {
  const x = tensor([1, 2]);
  const wide = x.expand(3, 2),
    windows = x.unfold(0, 1, 1),
    overlapping = zeros([4]).unfold(0, 2, 1);
  for (const y of [wide, overlapping]) {
    assertThrows(() => y.add_(1), TypeError, "one place would get several values");
    assertThrows(() => y.copy_(ones(y.shape).cumsum(0)), TypeError, "or a clone()");
  }
  assertEquals(list(x), [1, 2]);
  windows.add_(1);
  assertEquals(list(x), [2, 3]);
  wide.t().fill_(4);
  assertEquals(list(x), [4, 4]);
  overlapping.zero_();
});

Deno.test("views inside of compile() and outside see each other's changes", () => {
  const x = zeros([2, 3]), row = x.select(0, 0), column = x.select(1, 2);
  const f = compile((y: Tensor) => {
    row.add_(y);
    x.t().select(0, 1).mul_(2);
    return column.clone();
  });
  assertEquals(f(tensor([1, 2, 3])).toArray(), [3, 0]);
  assertEquals([x.toArray(), list(row), list(column)], [[[1, 4, 3], [0, 0, 0]], [1, 4, 3], [3, 0]]);
  column.fill_(9);
  assertEquals(f(tensor([1, 1, 1])).toArray(), [10, 9]);
  assertEquals(x.toArray(), [[2, 10, 10], [0, 0, 9]]);
  assertEquals(f.traces, 1);
});

Deno.test("a compiled function changes a view of a leaf that it does not read", () => {
  const w = leaf([1, 2, 3]), head = w.narrow(0, 0, 2);
  const f = compile(() => {
    noGrad(() => head.mul_(2));
  });
  f();
  f();
  assertEquals([list(w), list(head)], [[4, 8, 3], [4, 8]]);
  assert(w.isLeaf && w.requiresGrad);
  head.sum().backward();
  assertEquals(list(w.grad!), [1, 1, 0]);
});

Deno.test("initialisers and optimizers change views", () => {
  const w = zeros([2, 2]);
  nn.init.ones_(w.select(0, 1));
  nn.init.constant_(w.diagonal(), 5);
  assertEquals(w.toArray(), [[5, 0], [1, 5]]);
  // One memory for all parameters, as some optimizers want it.
  const flat = zeros([4], f64), views = flat.split(2).map((x) => x.requiresGrad_());
  const optimizer = new SGD(views, { lr: 1 });
  for (let k = 0; k < 3; k++) {
    optimizer.zeroGrad();
    views[0].sum().sub(views[1].sum().mul(2)).backward();
    optimizer.step();
  }
  assertEquals(list(flat), [-3, -3, 6, 6]);
  noGrad(() => flat.fill_(1));
  assertEquals(views.map(list), [[1, 1], [1, 1]]);
  assert(views.every((x) => x.isLeaf && x.requiresGrad));
});

Deno.test("a buffer that is filled row by row, with and without reading", () => {
  for (const [read, rows] of [[false, 150], [true, 40]] as const) {
    const buffer = zeros([rows, 3]);
    for (let t = 0; t < rows; t++) {
      buffer.select(0, t).copy_(ones([3]).mul(t));
      if (read) assertEquals(buffer.slice([t, 0]).item(), t);
    }
    assertEquals(list(buffer.sum(1)), Array.from({ length: rows }, (_, t) => 3 * t));
  }
});

Deno.test("compile() of arguments that are views of each other", () => {
  const f = compile((a: Tensor, b: Tensor) => {
    a.add_(1);
    return b.mul(10);
  });
  const x = zeros([2]), other = zeros([1]);
  assertEquals(list(f(x, other)), [0]);
  assertEquals(list(f(x, x.narrow(0, 0, 1))), [20]);
  assertEquals(list(f(x.narrow(0, 1, 1), x)), [20, 30]);
  assertEquals(list(f(x, other)), [0]);
  assertEquals(list(x), [3, 4]);
});

Deno.test("a view keeps nothing alive: what was computed lets go of where it comes from", () => {
  const kept: Tensor[] = [], before = memory().storages.liveBytes;
  for (let i = 0; i < 50; i++) {
    const batch = ones([1000, 100]);
    batch.data();
    const losses = batch.square().sum(1);
    kept.push(losses.select(0, 0), losses.reshape(10, 100).narrow(0, 1, 1));
    kept.slice(-2).forEach((x) => x.data());
    batch.dispose();
  }
  for (const x of kept) {
    assertEquals(x.rawNode.inputs.length, 0);
    assertEquals(x.place!.base.whole, null);
  }
  assert(memory().storages.liveBytes - before < 1e6);
});

Deno.test("types without a view of their own: a parameter that changes type leaves its views", () => {
  const net = new nn.Linear(1, 1), view = net.weight.view(1), before = list(view);
  net.to("float64");
  noGrad(() => net.weight.fill_(3));
  assertEquals([list(view), view.dtype], [before, "float32" as DType]);
  view.detach().fill_(1);
  assertEquals(list(net.weight), [3]);
});
