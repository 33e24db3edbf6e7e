/** `x.pow(0)` is 1 with derivative 0, and as much a function of x as any other power. */

import { autograd, compile, func, type Tensor, tensor } from "@torchopt/torchopt";
import { assertEquals } from "@std/assert";

const list = (t: Tensor | null | undefined) => Array.from(t!.data(), Number);

for (const dtype of ["float32", "float64"] as const) {
  Deno.test(`autograd.grad of pow(0) is 0, ${dtype}`, () => {
    for (const values of [[3], [0, -2, 5], [Infinity, 1]]) {
      const x = tensor(values, { dtype, requiresGrad: true });
      const y = x.pow(0);
      assertEquals(list(y), values.map(() => 1));
      assertEquals(list(autograd.grad(y.sum(), [x])[0]), values.map(() => 0));
    }
  });

  Deno.test(`backward() of pow(0) leaves zeros, ${dtype}`, () => {
    const x = tensor([[3, 0], [-1, 2]], { dtype, requiresGrad: true });
    x.pow(0).sum().backward();
    assertEquals(list(x.grad), [0, 0, 0, 0]);
  });
}

Deno.test("a polynomial by powers, term by term", () => {
  // d/dx of 4 x^k at 3: 4 k 3^(k-1)
  for (const k of [0, 1, 2, 3]) {
    const x = tensor([3], { requiresGrad: true });
    const [g] = autograd.grad(x.pow(k).mul(4).sum(), [x]);
    assertEquals(list(g), [k === 0 ? 0 : 4 * k * 3 ** (k - 1)], `power ${k}`);
  }
});

Deno.test("requiresGrad follows from the operand, whatever the exponent", () => {
  const x = tensor([3], { requiresGrad: true });
  assertEquals([0, 1, 2, 0.5].map((k) => x.pow(k).requiresGrad), [true, true, true, true]);
  assertEquals(tensor([3]).pow(0).requiresGrad, false);
});

Deno.test("pow(0) beside another leaf", () => {
  // w x^0: d/dw = 1, d/dx = 0.
  const x = tensor([3, 4], { requiresGrad: true }), w = tensor([5, 6], { requiresGrad: true });
  const [gw, gx] = autograd.grad(w.mul(x.pow(0)).sum(), [w, x]);
  assertEquals([list(gw), list(gx)], [[1, 1], [0, 0]]);
});

Deno.test("pow(0) in a compiled gradient", () => {
  const x = tensor([3, -4], { requiresGrad: true });
  const step = compile(() => autograd.grad(x.pow(0).sum(), [x])[0]!);
  assertEquals(list(step()), [0, 0]);
});

Deno.test("one derivative more than the power has", () => {
  // The (k + 1)-th derivative of x^k is 0, by repeated autograd.grad as by func.grad.
  for (const k of [1, 2, 3]) {
    const x = tensor([3], { dtype: "float64", requiresGrad: true });
    let y: Tensor = x.pow(k).sum();
    for (let order = 0; order <= k; order++) {
      y = autograd.grad(y, [x], { createGraph: order < k })[0]!.sum();
    }
    assertEquals(y.item(), 0, `power ${k}`);
  }
  const second = func.grad(func.grad((x) => x.pow(1)) as (x: Tensor) => Tensor);
  assertEquals((second(tensor(3)) as Tensor).item(), 0);
});

Deno.test("backward() through derivatives that are 0 everywhere leaves zeros", () => {
  for (const op of ["floor", "ceil", "round", "trunc", "sign"] as const) {
    const x = tensor([1.5, -2], { requiresGrad: true }), w = tensor([3, 4], { requiresGrad: true });
    x[op]().mul(w).sum().backward();
    assertEquals([list(x.grad), list(w.grad)], [[0, 0], list(x[op]())], op);
    x[op]().mul(w).sum().backward();
    assertEquals(list(x.grad), [0, 0], op);
    assertEquals(list(autograd.grad(x[op]().sum(), [x])[0]), [0, 0], op);
  }
});

Deno.test("small powers have the values and derivatives of products", () => {
  for (const dtype of ["float32", "float64"] as const) {
    const values = [-2, 0, 0.5, 3], x = tensor(values, { dtype, requiresGrad: true });
    for (const k of [0, 1, 2, 3, 4]) {
      assertEquals(list(x.pow(k)), values.map((v) => v ** k));
      const derivative = (v: number) => k === 0 ? 0 : k * v ** (k - 1);
      assertEquals(list(autograd.grad(x.pow(k).sum(), [x])[0]), values.map(derivative));
    }
  }
  const special = tensor([NaN, Infinity, -Infinity, 0], { requiresGrad: true });
  assertEquals(list(special.pow(0)), [1, 1, 1, 1]);
  assertEquals(list(autograd.grad(special.pow(0).sum(), [special])[0]), [0, 0, 0, 0]);
  assertEquals(list(func.vmap((x: Tensor) => x.pow(0))(tensor([[1, 2], [3, 4]]))), [1, 1, 1, 1]);
  const hessian = func.hessian((x: Tensor) => x.pow(1).add(x.pow(0)).sum())(tensor([1, 2]));
  assertEquals(list(hessian), [0, 0, 0, 0]);
});
