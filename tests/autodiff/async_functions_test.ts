import { assertThrows } from "@std/assert";
import {
  checkpoint,
  compile,
  customVjp,
  enableGrad,
  func,
  gradcheck,
  noGrad,
  SGD,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";

// Each of them is done when its function returns, which is at the first `await`.
Deno.test("functions that are recorded or switched for may not be async", () => {
  const x = tensor([1, 2], { requiresGrad: true });
  const optimizer = new SGD([x], { lr: 0.1 });
  // deno-lint-ignore no-explicit-any
  const fn: any = async (x: Tensor) => (await Promise.resolve(), x.square().sum());
  const calls: Record<string, () => unknown> = {
    noGrad: () => noGrad(fn),
    enableGrad: () => enableGrad(fn),
    compile: () => compile(fn),
    checkpoint: () => checkpoint(fn),
    vmap: () => func.vmap(fn),
    "func.grad": () => func.grad(fn),
    "func.valueAndGrad": () => func.valueAndGrad(fn),
    "func.vjp": () => func.vjp(fn, x),
    "func.jvp": () => func.jvp(fn, [x], [x]),
    "func.jacrev": () => func.jacrev(fn),
    "func.jacfwd": () => func.jacfwd(fn),
    "func.hessian": () => func.hessian(fn),
    "func.hvp": () => func.hvp(fn, [x], [x]),
    gradcheck: () => gradcheck(fn, [x]),
    customVjp: () => customVjp(fn, fn),
    "SGD.step": () => optimizer.step(fn),
    registerHook: () => x.registerHook(fn),
  };
  for (const [name, call] of Object.entries(calls)) {
    assertThrows(call, TypeError, `${name}: `, name);
    assertThrows(call, TypeError, "async", name);
  }
});

Deno.test("generators are refused as async functions are", () => {
  // deno-lint-ignore no-explicit-any
  const fn: any = function* (x: Tensor) {
    yield x;
  };
  assertThrows(() => noGrad(fn), TypeError, "noGrad: the argument is a generator");
  assertThrows(() => compile(fn), TypeError, "compile: the argument is a generator");
});
