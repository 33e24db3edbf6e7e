/**
 * `customVjp()` with values that are not its arguments: what the forward function takes from its
 * surroundings, and what is kept from it for the backward function.
 */

import {
  autograd,
  checkpoint,
  compile,
  customVjp,
  func,
  nn,
  noGrad,
  SGD,
  stack,
  type Tensor,
  tensor,
  where,
} from "@torchopt/torchopt";
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { assertClose } from "../helpers/close.ts";
import "../helpers/seed.ts";

/** Compares what a derivative gives. */
function right(derivative: () => Tensor | null | undefined, want: number[]): void {
  const got = derivative();
  assert(got !== null && got !== undefined, `no gradient, wants ${want}`);
  assertClose(got, want, 1e-5, `[${got.data()}], wants [${want}]`);
}

/** x -> w x with its derivative by x; w comes from outside. */
const scaledBy = (w: Tensor) => customVjp((x) => x.mul(w), (g) => [g.mul(w)]);

for (const dtype of ["float32", "float64"] as const) {
  Deno.test(`func.grad by a closed-over factor, ${dtype}`, () => {
    // d (w x) / dw = x
    right(
      () =>
        func.grad((w) => scaledBy(w)(tensor([2], { dtype })).sum())(
          tensor([3], { dtype }),
        ) as Tensor,
      [2],
    );
    right(
      () =>
        func.grad((w) => scaledBy(w)(tensor([2, -5, 7], { dtype })).sum())(
          tensor([3, 1, 4], { dtype }),
        ) as Tensor,
      [2, -5, 7],
    );
  });

  Deno.test(`backward() to a closed-over leaf, ${dtype}`, () => {
    const w = tensor([3, 4], { dtype, requiresGrad: true });
    const x = tensor([2, 6], { dtype, requiresGrad: true });
    right(() => {
      scaledBy(w)(x).sum().backward();
      return w.grad;
    }, [2, 6]);
    right(() => {
      x.grad = null;
      scaledBy(w)(x).sum().backward();
      return x.grad;
    }, [3, 4]);
  });
}

Deno.test("a closed-over matrix in a product", () => {
  // f = sum(x W), x of shape [1, 2]: df/dW[i][j] = x[i].
  right(() =>
    func.grad((w) =>
      customVjp(
        (x: Tensor) => x.matmul(w),
        (g: Tensor) => [g.matmul(w.transpose(0, 1))],
      )(tensor([[2, -1]])).sum()
    )(tensor([[1, 2, 3], [4, 5, 6]])) as Tensor, [2, 2, 2, -1, -1, -1]);
});

Deno.test("a closed-over value that also reaches the loss in another way", () => {
  // d (w x + w^2) / dw = x + 2 w = 8; with the first term lost it would be 6.
  right(
    () => func.grad((w) => scaledBy(w)(tensor([2])).add(w.square()).sum())(tensor([3])) as Tensor,
    [8],
  );
  const w = tensor([3], { requiresGrad: true });
  right(() => {
    const x = tensor([2], { requiresGrad: true });
    scaledBy(w)(x).add(w.square()).sum().backward();
    return w.grad;
  }, [8]);
});

Deno.test("a closed-over value computed from the leaf", () => {
  // w = 2 v: d (w x) / dv = 2 x.
  const v = tensor([1.5], { requiresGrad: true }), x = tensor([2], { requiresGrad: true });
  right(() => {
    scaledBy(v.mul(2))(x).sum().backward();
    return v.grad;
  }, [4]);
});

Deno.test("second derivatives through a kept result", () => {
  // exp: f'' = exp. With g * kept as the derivative, d/dx goes through what was kept.
  let kept: Tensor;
  const exp = customVjp((x: Tensor) => (kept = x.exp()), (g: Tensor) => [g.mul(kept)]);
  const second = (at: number) =>
    func.grad(func.grad((x) => exp(x)) as (x: Tensor) => Tensor)(
      tensor(at, { dtype: "float64" }),
    ) as Tensor;
  right(() => second(1), [Math.E]);
  right(() => second(-0.5), [Math.exp(-0.5)]);
});

Deno.test("second derivatives through a kept intermediate, autograd", () => {
  // sin: f'' = -sin.
  let cosine: Tensor;
  const sine = customVjp((x: Tensor) => {
    cosine = x.cos();
    return x.sin();
  }, (g: Tensor) => [g.mul(cosine)]);
  const x = tensor([1, 0.3], { dtype: "float64", requiresGrad: true });
  right(() => {
    // The square adds a derivative of its own: (f^2)'' = 2 cos(2 x) with f = sin.
    const [g] = autograd.grad(sine(x).square().sum(), [x], { createGraph: true });
    return autograd.grad(g!.sum(), [x])[0];
  }, [2 * Math.cos(2), 2 * Math.cos(0.6)]);
});

/** x -> w x + w^2 with half of its derivative by x, which shows that it is the one given by hand. */
const halved = (w: Tensor) =>
  customVjp((x: Tensor) => x.mul(w).add(w.square()), (g: Tensor) => [g.mul(w).div(2)]);

const w0 = () => tensor([3, -1], { dtype: "float64", requiresGrad: true });
const x0 = () => tensor([2, 5], { dtype: "float64", requiresGrad: true });

Deno.test("arguments have the derivative given by hand, surroundings that of the graph", () => {
  const w = w0(), x = x0();
  halved(w)(x).sum().backward();
  assertEquals([x.grad!.toArray(), w.grad!.toArray()], [[1.5, -0.5], [8, 3]]);
});

Deno.test("second derivatives of surroundings and arguments, in either order", () => {
  // d2/dw2 = 2; d2/dwdx = 1 by the graph, d2/dxdw = 1/2 by hand.
  const w = w0(), x = x0();
  const [gx, gw] = autograd.grad(halved(w)(x).sum(), [x, w], { createGraph: true });
  const second = (g: Tensor | null, by: Tensor) =>
    autograd.grad(g!.sum(), [by], { retainGraph: true })[0]!.toArray();
  assertEquals([second(gw, w), second(gw, x), second(gx, w)], [[2, 2], [1, 1], [0.5, 0.5]]);
});

for (
  const [name, wrap] of Object.entries({
    "compile()": (fn: (w: Tensor, x: Tensor) => Tensor) => compile(fn),
    "checkpoint()": (fn: (w: Tensor, x: Tensor) => Tensor) => fn,
    "func.grad()": (fn: (w: Tensor, x: Tensor) => Tensor) => fn,
  })
) {
  Deno.test(`surroundings and kept values inside of ${name}`, () => {
    const f = (w: Tensor, x: Tensor) => {
      let kept: Tensor;
      const layer = customVjp((x: Tensor) => {
        kept = x.mul(w);
        return kept.exp();
      }, (g: Tensor) => [g.mul(kept.exp()).mul(w)]);
      return layer(x).square().sum();
    };
    const plain = (w: Tensor, x: Tensor) => x.mul(w).exp().square().sum();
    const inner = name === "checkpoint()" ? checkpoint(f) : f;
    const w = tensor([0.3, -0.2], { dtype: "float64" });
    const x = tensor([0.5, 0.7], { dtype: "float64" });
    const all = (fn: typeof f) =>
      wrap((w: Tensor, x: Tensor) => {
        const both = (w: Tensor, x: Tensor) => fn(w, x);
        const first = func.grad(both, { argnums: [0, 1] })(w, x) as unknown as Tensor[];
        const mixed = func.grad((w: Tensor, x: Tensor) => {
          const g = func.grad(both, { argnums: [0, 1] })(w, x) as unknown as Tensor[];
          return g[0].mul(2).add(g[1]).sum();
        }, { argnums: [0, 1] })(w, x) as unknown as Tensor[];
        return stack([...first, ...mixed]);
      })(w, x);
    const [got, want] = [all(inner), all(plain)].map((t) => Array.from(t.data(), Number));
    assertClose(got, want, 1e-12);
  });
}

Deno.test("surroundings and kept values in func.vmap(), with and without an axis of examples", () => {
  const f = (w: Tensor, x: Tensor) => {
    let kept: Tensor;
    return customVjp(
      (x: Tensor) => (kept = x.mul(w)).sin(),
      (g: Tensor) => [g.mul(kept.cos()).mul(w)],
    )(x).sum();
  };
  const plain = (w: Tensor, x: Tensor) => x.mul(w).sin().sum();
  const rows = tensor([[0.1, 0.2], [0.3, -0.4], [1, 2]], { dtype: "float64" });
  const one = tensor([0.5, -0.6], { dtype: "float64" });
  for (const [w, x, inAxes] of [[rows, rows.flip(0), 0], [one, rows, [null, 0]]] as const) {
    for (const argnums of [0, 1]) {
      const each = (fn: typeof f) => {
        const g = func.grad(fn, { argnums }) as (w: Tensor, x: Tensor) => Tensor;
        const h = (w: Tensor, x: Tensor) => func.jacrev(g, { argnums })(w, x) as unknown as Tensor;
        const options = { inAxes: inAxes as 0 };
        return [func.vmap(g, options)(w, x), func.vmap(h, options)(w, x)] as Tensor[];
      };
      const want = each(plain);
      each(f).forEach((t, i) => {
        assertClose(t, want[i], 1e-12);
      });
    }
  }
});

Deno.test("func.jvp() and func.hessian() through surroundings", () => {
  const x = tensor([2, 5], { dtype: "float64" }), w = tensor([3, -1], { dtype: "float64" });
  const f = (w: Tensor) => scaledBy(w)(x).square().sum();
  const [, tangent] = func.jvp(f, [w], [tensor([1, 10], { dtype: "float64" })]);
  assertEquals((tangent as Tensor).item(), 2 * 12 - 10 * 50);
  assertEquals((func.hessian(f)(w) as Tensor).toArray(), [[8, 0], [0, 50]]);
});

Deno.test("a module whose parameters the forward function reads is trained", () => {
  const train = (custom: boolean) => {
    const net = new nn.Linear(2, 1);
    noGrad(() => net.parameters().forEach((p) => p.fill_(0.5)));
    const optimizer = new SGD(net.parameters(), { lr: 0.1 });
    const layer = custom
      ? customVjp((x: Tensor) => net.call(x), (g: Tensor) => [g.matmul(net.weight)])
      : (x: Tensor) => net.call(x);
    const x = tensor([[1, 2], [3, -1]], { requiresGrad: true });
    for (let k = 0; k < 3; k++) {
      optimizer.zeroGrad();
      layer(layer(x).mul(x)).square().sum().backward();
      optimizer.step();
    }
    return [...net.parameters(), x.grad!].map((p) => p.toArray());
  };
  assertEquals(train(true), train(false));
});

Deno.test("customVjp() in the forward and backward functions of another one", () => {
  const v = w0(), w = w0(), x = x0();
  const inner = halved(w);
  const outer = customVjp((x: Tensor) => inner(x).mul(v), (g: Tensor) => [scaledBy(v)(g)]);
  outer(x).sum().backward();
  assertEquals(x.grad!.toArray(), [3, -1]);
  // d/dv = w x + w^2, d/dw = v (x + 2 w).
  assertEquals([v.grad!.toArray(), w.grad!.toArray()], [[15, -4], [24, -3]]);
});

Deno.test("what the forward function makes of its surroundings only", () => {
  const w = w0(), x = x0();
  const same = customVjp((_: Tensor) => w, (g: Tensor) => [g.mul(7)]);
  same(x).sum().backward();
  assertEquals([x.grad!.toArray(), w.grad!.toArray()], [[7, 7], [1, 1]]);
  const pair = customVjp((x: Tensor) => [x.mul(2), w.square()], () => [null]);
  const [a, b] = pair(x);
  a.sum().add(b.sum()).backward();
  assertEquals([x.grad!.toArray(), w.grad!.toArray()], [[7, 7], [7, -1]]);
});

Deno.test("a tensor that is an argument and a part of the surroundings", () => {
  const w = w0();
  scaledBy(w)(w).sum().backward();
  assertEquals(w.grad!.toArray(), [6, -2]);
});

Deno.test("surroundings that are cut off have no gradient", () => {
  const w = w0(), x = x0();
  const f = customVjp((x: Tensor) => x.mul(w.detach()), (g: Tensor) => [g.mul(w.detach())]);
  f(x).sum().backward();
  assertEquals([w.grad, x.grad!.toArray()], [null, [3, -1]]);
  assert(!noGrad(() => scaledBy(w)(x)).requiresGrad);
});

Deno.test("hooks of surroundings see their complete gradient once", () => {
  const w = w0(), x = x0(), seen: unknown[] = [];
  w.registerHook((g) => {
    seen.push(g.toArray());
    return g.mul(10);
  });
  scaledBy(w)(x).add(w).sum().backward();
  assertEquals([seen, w.grad!.toArray()], [[[3, 6]], [30, 60]]);
});

Deno.test("values may be read, and gradients taken, inside of the forward function", () => {
  // The root of z = cos(z) w by iterations that are read, and its implicit derivative.
  const w = tensor(0.9, { dtype: "float64", requiresGrad: true });
  const solve = customVjp((w: Tensor) =>
    noGrad(() => {
      let z = tensor(0.5, { dtype: "float64" });
      for (let k = 0; k < 200; k++) {
        const next = z.cos().mul(w);
        if (Math.abs(next.item() - z.item()) < 1e-14) break;
        z = next;
      }
      return z;
    }), (g: Tensor, { args: [w], output: z }) => {
    return [g.mul(z.cos()).div(z.sin().mul(w).add(1))];
  });
  const z = solve(w);
  z.backward();
  const [a, b] = [0.9 + 1e-6, 0.9 - 1e-6].map((v) => solve(tensor(v, { dtype: "float64" })).item());
  assertAlmostEquals(w.grad!.item(), (a - b) / 2e-6, 1e-7);
  const trained = customVjp((x: Tensor) => {
    const p = tensor([0], { dtype: "float64", requiresGrad: true }),
      sgd = new SGD([p], { lr: 0.5 });
    sgd.zeroGrad();
    p.sub(x.detach()).square().sum().backward();
    sgd.step();
    return p.detach();
  }, (g: Tensor) => [g]);
  assertEquals(
    (func.grad((x: Tensor) => trained(x).sum())(x0().detach().narrow(0, 0, 1)) as Tensor)
      .toArray(),
    [1],
  );
});

Deno.test("saved arguments have their values of the call", () => {
  const x = x0(),
    f = customVjp((x: Tensor) => x.square(), (g: Tensor, { args: [x] }) => [
      g.mul(x).mul(2),
    ]);
  const y = f(x).sum();
  noGrad(() => x.fill_(100));
  y.backward();
  assertEquals(x.grad!.toArray(), [4, 10]);
});

Deno.test("a branch of kept values", () => {
  // |x|: kept signs make the second derivative 0 and the first right.
  let positive: Tensor;
  const abs = customVjp((x: Tensor) => {
    positive = x.gt(0);
    return where(positive, x, x.neg());
  }, (g: Tensor) => [where(positive, g, g.neg())]);
  const f = (x: Tensor) => abs(x).mul(x).sum();
  const x = tensor([2, -3], { dtype: "float64" });
  assertEquals((func.grad(f)(x) as Tensor).toArray(), [4, 6]);
  assertEquals((func.hessian(f)(x) as Tensor).toArray(), [[2, 0], [0, -2]]);
});
