/** Properties that a PyTorch user assigns to: each works, or says what to write. */

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  compile,
  DTypeError,
  GradientError,
  LBFGS,
  MetaSGD,
  nn,
  noGrad,
  ones,
  SGD,
  ShapeError,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";

Deno.test("requiresGrad can be assigned to, as in PyTorch", () => {
  const p = new nn.Parameter([1, 2]), w = tensor([3, 4], { requiresGrad: true });
  p.mul(w).sum().backward();
  p.requiresGrad = false;
  assertEquals([p.requiresGrad, p.isLeaf, p.grad!.toArray()], [false, true, [3, 4]]);
  p.mul(w).sum().backward();
  assertEquals([p.grad!.toArray(), w.grad!.toArray()], [[3, 4], [2, 4]]);
  p.requiresGrad = true;
  p.requiresGrad = true;
  p.mul(w).sum().backward();
  assertEquals(p.grad!.toArray(), [6, 8]);
  // Switched inside of noGrad() and on a view, too.
  const x = tensor([1, 2]), view = x.select(0, 1);
  noGrad(() => void (view.requiresGrad = true));
  view.mul(3).backward();
  assertEquals([view.grad!.item(), x.requiresGrad], [3, false]);
});

Deno.test("requiresGrad says where it cannot be assigned to", () => {
  const y = tensor([1, 2], { requiresGrad: true }).mul(2), whole = tensor([1], { dtype: "int64" });
  y.requiresGrad = true;
  whole.requiresGrad = false;
  assertThrows(
    () => y.requiresGrad = false,
    GradientError,
    "requiresGrad: a tensor with a history",
  );
  assertThrows(() => whole.requiresGrad = true, GradientError, 'x.to("float32")');
  for (const flag of [0, 1, "no", null, undefined]) {
    const x = tensor([1]);
    assertThrows(() => x.requiresGrad = flag as never, TypeError, "wants true or false");
    if (flag === undefined) continue;
    assertThrows(() => x.requiresGrad_(flag as never), TypeError, "wants true or false");
    assertThrows(() => tensor([1], { requiresGrad: flag as never }), TypeError, "true or false");
    assertThrows(
      () => new nn.Parameter([1], { requiresGrad: flag as never }),
      TypeError,
      "true or",
    );
    assertEquals(x.requiresGrad, false);
  }
});

Deno.test("frozen by assignment, a parameter is left alone by an optimizer, compiled or not", () => {
  for (const compiled of [false, true]) {
    const net = new nn.Linear(1, 1), optimizer = new SGD(net.parameters(), { lr: 0.5 });
    const run = (x: Tensor) => {
      optimizer.zeroGrad({ setToNone: true });
      net.call(x).sum().backward();
      optimizer.step();
    };
    const step = compiled ? compile(run) : run, x = ones([1, 1]);
    step(x);
    const w = net.weight.item(), b = net.bias!.item();
    net.weight.requiresGrad = false;
    step(x);
    assertEquals(net.weight.item(), w);
    assertAlmostEquals(net.bias!.item(), b - 0.5, 1e-6);
    net.weight.requiresGrad = true;
    step(x);
    assertAlmostEquals(net.weight.item(), w - 0.5, 1e-6);
  }
});

Deno.test("Tensor properties that PyTorch users assign to or read say what to write", () => {
  const x = ones([2, 3], { requiresGrad: true }) as unknown as Record<string, unknown>;
  const written = {
    shape: "x.reshape(",
    ndim: "x.reshape(",
    size: "x.reshape(",
    dtype: 'x.to("float64")',
    device: "x.to(device)",
    isLeaf: "x.detach()",
    mT: "x.copy_(y.mT)",
    requires_grad: "p.requiresGrad = false",
    is_leaf: "isLeaf",
    grad_fn: "visual.makeDot(x)",
    T: "x.t()",
    H: "x.mT",
  };
  for (const [name, words] of Object.entries(written)) {
    assertThrows(() => x[name] = 1, TypeError, words, name);
  }
  for (const name of ["requires_grad", "is_leaf", "grad_fn", "gradFn", "T", "H"]) {
    assertThrows(() => x[name], TypeError, "Tensor: ", name);
  }
  assertEquals([x.ndim, x.size, x.dtype, x.isLeaf], [2, 6, "float32", true]);
});

Deno.test("grad takes a tensor of the same shape and type, or null", () => {
  const x = ones([2], { requiresGrad: true }), g = ones([2], { dtype: "float64" });
  assertThrows(() => x.grad = g, DTypeError, 'g.to("float32")');
  assertThrows(() => x.grad = ones([2], { dtype: "int64" }), DTypeError, 'g.to("float32")');
  assertThrows(() => x.grad = ones([3]), ShapeError, "must be equal");
  assertThrows(() => x.grad = undefined as never, TypeError, "or null");
  x.grad = g.to("float32");
  assertEquals(x.grad!.toArray(), [1, 1]);
  x.grad = null;
  assertEquals(x.grad, null);
});

Deno.test("switches of modules and optimizers take true and false only", () => {
  const net = new nn.Linear(1, 1), optimizer = new MetaSGD(net, { lr: 1 });
  for (const flag of [0, "eval", null, undefined]) {
    assertThrows(() => net.training = flag as never, TypeError, "Linear.training");
    assertThrows(() => optimizer.training = flag as never, TypeError, "MetaSGD.training");
    assertThrows(() => optimizer.firstOrder = flag as never, TypeError, "MetaSGD.firstOrder");
    if (flag === undefined) continue;
    assertThrows(() => net.train(flag as never), TypeError, "true or false");
    const options = { lr: 1, firstOrder: flag as never };
    assertThrows(() => new MetaSGD(net, options), TypeError, "firstOrder");
  }
  net.training = false;
  assertEquals([net.training, optimizer.training, optimizer.firstOrder], [false, true, false]);
});

Deno.test("a module is not frozen by a property, and says how", () => {
  const net = new nn.Linear(1, 1) as unknown as Record<string, unknown>;
  for (const name of ["requiresGrad", "requires_grad"]) {
    assertThrows(() => net[name] = false, TypeError, "module.requiresGrad_(false)");
  }
});

Deno.test("LBFGS says that its options stay as they are", () => {
  const optimizer = new LBFGS([tensor([1]).requiresGrad_()]) as unknown as Record<string, unknown>;
  for (const name of ["paramGroups", "param_groups", "defaults", "state"]) {
    assertThrows(() => optimizer[name], TypeError, "new", name);
    assertThrows(() => optimizer[name] = [], TypeError, "new", name);
  }
});
