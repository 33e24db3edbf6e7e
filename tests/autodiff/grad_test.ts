import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  autograd,
  DTypeError,
  func,
  GradientError,
  noGrad,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from "../../mod.ts";
import { assertClose } from "../helpers/close.ts";

const leaf = (data: number[] | number) => tensor(data, { dtype: "float64", requiresGrad: true });

Deno.test("backward() accumulates into grad", () => {
  const x = leaf([1, 2]);
  x.square().sum().backward();
  x.mul(10).sum().backward();
  assertEquals(x.grad!.toArray(), [12, 14]);
});

Deno.test("backward() twice on one graph needs retainGraph", () => {
  const x = leaf(2);
  const y = x.mul(x);
  y.backward(undefined, { retainGraph: true });
  y.backward();
  assertEquals(x.grad!.item(), 8);
  const error = assertThrows(() => y.backward(), GradientError);
  assert(error.message.includes("retainGraph"));
});

Deno.test("backward() takes a part that another loss went through, without retainGraph", () => {
  const w = tensor([0, 1], { dtype: "float64", requiresGrad: true });
  const shared = w.exp();
  shared.sum().backward();
  shared.square().sum().backward(); // in PyTorch an error
  const [at0, at1] = [1 + 2, Math.E + 2 * Math.E ** 2];
  assert(w.grad!.allclose(tensor([at0, at1], { dtype: "float64" }), { rtol: 1e-14 }));
});

Deno.test("backward() of a tensor that is no scalar needs a gradient", () => {
  const x = leaf([1, 2]);
  const error = assertThrows(() => x.mul(2).backward(), GradientError);
  assert(error.message.includes("[2]") && error.message.includes("scalar"));
  x.mul(2).backward(tensor([1, 10], { dtype: "float64" }));
  assertEquals(x.grad!.toArray(), [2, 20]);
  assertThrows(() => x.mul(2).backward(tensor([1, 2, 3], { dtype: "float64" })), ShapeError);
});

Deno.test("autograd.grad() reports an input that the output does not depend on", () => {
  const x = leaf(1), y = leaf(1);
  const error = assertThrows(() => autograd.grad(x.mul(2), [y]), GradientError);
  assert(error.message.includes("allowUnused"));
  assertEquals(autograd.grad(x.mul(2), [y], { allowUnused: true }), [null]);
});

Deno.test("autograd.grad() refuses whole numbers and unrecorded tensors", () => {
  const n = tensor([1, 2], { dtype: "int64" });
  assertThrows(() => n.requiresGrad_(), GradientError, "int64");
  const x = leaf(1);
  assertThrows(() => autograd.grad(x.mul(2), [n as Tensor]), DTypeError, "int64");
  assertThrows(() => autograd.grad(tensor(1).mul(2), [x]), GradientError, "does not depend");
  assertThrows(() => autograd.grad(x.mul(2), [tensor(1)]), GradientError, "requiresGrad_()");
});

Deno.test("autograd.grad() gives zeros through operations with zero derivative", () => {
  const x = leaf([1.5, -2.5]);
  assertEquals(autograd.grad(x.sign().sum(), [x])[0]!.toArray(), [0, 0]);
});

Deno.test("autograd.grad() passes through tensors that are no leaves", () => {
  const x = leaf(3);
  const y = x.mul(x);
  const z = y.mul(y);
  assertEquals(autograd.grad(z, [y])[0]!.item(), 18);
});

Deno.test("detach() and noGrad() stop gradients", () => {
  const x = leaf(3);
  const y = x.mul(x.detach());
  assertEquals(autograd.grad(y, [x])[0]!.item(), 3);
  const z = noGrad(() => x.mul(2));
  assert(!z.requiresGrad);
});

Deno.test("registerHook() sees and replaces the complete gradient", () => {
  const x = leaf(3);
  const y = x.mul(2);
  const seen: number[] = [];
  const hook = y.registerHook((g) => {
    seen.push(g.item());
    return g.mul(10);
  });
  y.add(y).backward();
  assertEquals(seen, [2]);
  assertEquals(x.grad!.item(), 40);
  hook.remove();
  x.grad = null;
  x.mul(2).backward();
  assertEquals(x.grad!.item(), 2);
});

Deno.test("retainGrad() keeps the gradient of a tensor that is no leaf", () => {
  const x = leaf(3);
  const y = x.mul(2).retainGrad();
  y.square().backward();
  assertEquals(y.grad!.item(), 12);
});

Deno.test("an in-place update of a recorded leaf is refused outside noGrad()", () => {
  const x = leaf([1, 2]);
  assertThrows(() => x.add_(1), GradientError, "noGrad");
  noGrad(() => x.add_(1));
  assertEquals(x.toArray(), [2, 3]);
  assert(x.isLeaf && x.requiresGrad);
  x.square().sum().backward();
  assertEquals(x.grad!.toArray(), [4, 6]);
});

Deno.test("grad of another shape is refused", () => {
  const x = leaf([1, 2]);
  assertThrows(() => x.grad = zeros([3]), ShapeError, "[3]");
});

Deno.test("func.grad() nests without mixing orders", () => {
  // d/dx [x * d/dy (x + y)] = 1: the inner derivative does not depend on x.
  const outer = func.grad((x: Tensor) =>
    x.mul(func.grad((y: Tensor) => x.add(y))(tensor(1, { dtype: "float64" })))
  );
  assertEquals(outer(tensor(2, { dtype: "float64" })).item(), 1);
});

Deno.test("func.grad() of several arguments, trees, and aux", () => {
  const both = func.grad((a: Tensor, b: Tensor) => a.mul(b), { argnums: [0, 1] });
  const [ga, gb] = both(tensor(2), tensor(3));
  assertEquals([ga.item(), gb.item()], [3, 2]);
  const [g, aux] = func.grad((p: { w: Tensor }) => [p.w.square().sum(), "aux"], { hasAux: true })({
    w: tensor([1, 2]),
  });
  assertEquals(g.w.toArray(), [2, 4]);
  assertStrictEquals(aux, "aux");
});

const vector = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), {
  minLength: 3,
  maxLength: 3,
});

Deno.test("⟨Jv, u⟩ = ⟨v, Jᵀu⟩", () => {
  const f = (x: Tensor) => x.sin().mul(x.sum()).add(x.flip([0]).tanh());
  fc.assert(
    fc.property(vector, vector, vector, (at, v, u) => {
      const x = tensor(at, { dtype: "float64" });
      const tv = tensor(v, { dtype: "float64" }), tu = tensor(u, { dtype: "float64" });
      const [, jv] = func.jvp(f, [x], [tv]);
      const [, pullback] = func.vjp(f, x);
      const a = jv.mul(tu).sum().item(), b = pullback(tu)[0].mul(tv).sum().item();
      assertClose([a], [b], 1e-9);
    }),
    { numRuns: 25, seed: 3 },
  );
});

Deno.test("func.jacrev() and func.jacfwd() agree, and hessian() is symmetric", () => {
  const f = (x: Tensor) => x.outer(x.exp()).sum(0);
  const x = tensor([0.1, -0.4, 0.7], { dtype: "float64" });
  assertClose(func.jacrev(f)(x), func.jacfwd(f)(x), 1e-12);
  const h = func.hessian((x: Tensor) => f(x).square().sum())(x);
  assertClose(h, h.t(), 1e-9);
});
