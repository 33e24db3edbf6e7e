/** Changes in place inside of `func.vmap`: what the caller sees, and derivatives. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  autograd,
  compile,
  func,
  GradientError,
  nn,
  noGrad,
  ones,
  stack,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import "../helpers/seed.ts";

const f64 = { dtype: "float64" } as const;
const square = () => tensor([[1, 2], [3, 4]], f64);

/** As it is, and inside of a compiled function. */
const ways = {
  eager: (fn: () => unknown) => fn(),
  compiled: (fn: () => unknown) => compile(fn)(),
};

for (const [name, way] of Object.entries(ways)) {
  Deno.test(`vmap() changes mapped arguments of the caller, ${name}`, () => {
    // Values of torch.func.vmap.
    const cases: [(x: Tensor) => Tensor, number[][]][] = [
      [(x) => x.mul_(2), [[2, 4], [6, 8]]],
      [(x) => x.fill_(7), [[7, 7], [7, 7]]],
      [(x) => x.select(0, 0).fill_(7), [[7, 2], [7, 4]]],
      [(x) => x.add_(1).slice([[null, null, -1]]).copy_(x.clone()), [[3, 2], [5, 4]]],
      [(x) => x.copy_(x.cumsum(0)), [[1, 3], [3, 7]]],
      [(x) => noGrad(() => x.neg_()), [[-1, -2], [-3, -4]]],
      [(x) => x.detach().zero_(), [[0, 0], [0, 0]]],
    ];
    for (const [fn, want] of cases) {
      const x = square(), view = x.select(0, 1);
      way(() => func.vmap(fn)(x));
      assertEquals(x.toArray(), want, fn.toString());
      assertEquals(view.toArray(), want[1]);
      const turned = square(), { mT } = turned;
      way(() => func.vmap(fn, { inAxes: -1 })(mT));
      assertEquals(turned.toArray(), want, fn.toString());
      const twice = stack([square(), square()]);
      way(() => func.vmap(func.vmap(fn))(twice));
      assertEquals(twice.toArray(), [want, want], fn.toString());
    }
  });

  Deno.test(`vmap() returns what it changed, ${name}`, () => {
    const x = square();
    const out = way(() => func.vmap((x: Tensor) => x.mul_(2), { outAxes: 1 })(x)) as Tensor;
    assertEquals([out.toArray(), x.toArray()], [[[2, 6], [4, 8]], [[2, 4], [6, 8]]]);
  });

  Deno.test(`vmap() of one tensor for two arguments, ${name}`, () => {
    const x = square();
    const [a, b] = way(() =>
      func.vmap((a: Tensor, b: Tensor) => [a.mul_(2).clone(), b.clone()])(x, x)
    ) as Tensor[];
    assertEquals([x, a, b].map((t) => t.toArray()), new Array(3).fill([[2, 4], [6, 8]]));
  });

  Deno.test(`vmap() of batch normalisation with mapped running statistics, ${name}`, () => {
    const x = tensor([0.5, -1, 2, 3, 0, 1, 4, -2, 1, 1.5, 2.5, -0.5], { shape: [2, 3, 2], ...f64 });
    const mean = tensor([[0, 1], [2, 3]], f64), variance = ones([2, 2], f64);
    const norm = (x: Tensor, mean: Tensor, variance: Tensor) =>
      nn.functional.batchNorm(x, mean, variance, { training: true });
    const own = x.unbind().map((x, i) => {
      const statistics = [mean, variance].map((t) => t.select(0, i).clone()) as [Tensor, Tensor];
      return [norm(x, ...statistics), ...statistics];
    });
    const y = way(() => func.vmap(norm)(x, mean, variance)) as Tensor;
    [y, mean, variance].forEach((t, k) => assertClose(t, stack(own.map((o) => o[k])), 1e-6));
  });
}

Deno.test("vmap() of an ensemble in training mode keeps statistics for each model", () => {
  const models = [0, 1].map(() => new nn.Sequential(new nn.BatchNorm1d(2), new nn.Linear(2, 1)));
  const states = models.map((m) =>
    Object.fromEntries([...m.namedParameters(), ...m.namedBuffers()])
  );
  const all = Object.fromEntries(
    Object.keys(states[0]).map((name) => [name, stack(states.map((s) => s[name]))]),
  );
  const x = tensor([[[1, 2], [3, 5]], [[-1, 0], [4, 2]]]), [base] = models;
  const each = func.vmap((state: Record<string, Tensor>, x: Tensor) =>
    func.functionalCall(base, state, x) as Tensor
  );
  for (let call = 0; call < 2; call++) {
    const y = each(all, x), own = models.map((m, i) => m.call(x.select(0, i)) as Tensor);
    assertClose(y, stack(own), 1e-6);
    for (const name of Object.keys(all)) {
      assertClose(
        all[name],
        stack(states.map((s) => s[name])),
        1e-6,
      );
    }
  }
  assertEquals(all["0.numBatchesTracked"].toArray(), [2, 2]);
});

Deno.test("vmap() differentiates changes of arguments", () => {
  const w = tensor([[1, 2], [3, 4]], { ...f64, requiresGrad: true });
  assertThrows(() => func.vmap((x: Tensor) => x.mul_(2))(w), GradientError, "noGrad");
  const unrecorded = func.vmap((x: Tensor) => noGrad(() => x.mul_(2)).square());
  assertThrows(() => unrecorded(w), GradientError, "Wrap the whole call in noGrad");
  assertEquals(w.toArray(), [[1, 2], [3, 4]]);
  const h = w.mul(1), y = func.vmap((x: Tensor) => x.mul_(2).square())(h);
  h.sum().add(y.sum()).backward();
  // 2 + 8 w
  assertEquals([h.toArray(), w.grad!.toArray()], [[[2, 4], [6, 8]], [[10, 18], [26, 34]]]);
  noGrad(() => func.vmap((x: Tensor) => x.mul_(10))(w));
  assertEquals(w.toArray(), [[10, 20], [30, 40]]);
  assert(w.isLeaf && w.requiresGrad);
  const f = (x: Tensor) => {
    const h = x.mul(x);
    func.vmap((row: Tensor) => row.select(0, 0).mul_(3))(h);
    return h.sum();
  };
  assertEquals((func.grad(f)(square()) as Tensor).toArray(), [[6, 4], [18, 8]]);
  const [g] = autograd.grad(func.vmap(func.grad((x: Tensor) => x.mul(1).pow_(3).sum()))(w).sum(), [
    w,
  ]);
  assertEquals(g!.toArray(), [[60, 120], [180, 240]]);
});

Deno.test("vmap() inside of which grad() changes its argument in place leaves it as it is", () => {
  const x = square();
  const g = func.vmap(func.grad((x: Tensor) => x.mul_(2).square().sum()))(x);
  assertEquals([g.toArray(), x.toArray()], [[[8, 16], [24, 32]], [[1, 2], [3, 4]]]);
});

Deno.test("vmap() changes what all examples share where the values agree", () => {
  const shared = zeros([2], f64), view = shared.narrow(0, 1, 1);
  const options = { inAxes: [0, null] } as const;
  func.vmap((x: Tensor, s: Tensor) => (s.add_(1), x.mul(s)), options)(square(), shared);
  assertEquals([shared.toArray(), view.toArray()], [[1, 1], [1]]);
  assertThrows(
    () =>
      func.vmap((x: Tensor, s: Tensor) => s.narrow(0, 0, 1).copy_(x.sum()), options)(
        square(),
        shared,
      ),
    Error,
    "pass it as an argument, with its number in inAxes",
  );
  assertEquals(shared.toArray(), [1, 1]);
  // A parameter stays a leaf.
  const w = ones([2], { ...f64, requiresGrad: true });
  func.vmap((x: Tensor) => (noGrad(() => w.add_(1)), x.mul(w)))(square());
  assert(w.isLeaf && w.requiresGrad);
  assertEquals(w.toArray(), [2, 2]);
});

Deno.test("vmap() refuses to change what it sees twice as different tensors", () => {
  const x = square(), before = x.toArray();
  const two = (a: Tensor, b: Tensor) => a.mul_(2).add(b);
  for (
    const wrong of [
      () => func.vmap(two)(x, x.t()),
      () => func.vmap(two, { inAxes: [0, 1] })(x, x),
      () => func.vmap(two, { inAxes: [0, null] })(x, x.select(0, 0)),
      () => func.vmap((a: Tensor) => a.mul_(2).add(x.select(1, 0)))(x),
    ]
  ) {
    assertThrows(wrong, TypeError, "Give it a clone() there");
    assertEquals(x.toArray(), before);
  }
  assertEquals(func.vmap(two)(x, x.t().clone()).toArray(), [[3, 7], [8, 12]]);
});
