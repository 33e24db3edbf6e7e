/** Calls of one compiled function that differ in more than values, against the function itself. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  autograd,
  compile,
  defaultDtype,
  GradientError,
  isGradEnabled,
  manualSeed,
  noGrad,
  ones,
  Optimizer,
  randn,
  setDefaultDtype,
  sgd,
  Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import "../../helpers/seed.ts";

// deno-lint-ignore no-explicit-any
type Wrap = <F extends (...args: any[]) => any>(fn: F) => F;

/** What can be compared. */
function plain(value: unknown): unknown {
  if (value instanceof Tensor) return [value.dtype, value.requiresGrad, value.toArray()];
  return Array.isArray(value) ? value.map(plain) : value;
}

/** Does the same with the compiled function and with the function as it is. */
function sameCompiled(use: (wrap: Wrap) => unknown): void {
  assertEquals(plain(use((fn) => compile(fn) as unknown as typeof fn)), plain(use((fn) => fn)));
}

const parameter = (values: number[]) => tensor(values, { requiresGrad: true });

Deno.test("compile() knows arguments that are one tensor", () => {
  for (const aliasFirst of [true, false]) {
    sameCompiled((wrap) => {
      const f = wrap((x: Tensor, y: Tensor) => autograd.grad(x.mul(y).sum(), [x])[0]);
      const x = parameter([1, 2]), y = parameter([3, 4]);
      return aliasFirst ? [f(x, x), f(x, y), f(x, x)] : [f(x, y), f(x, x), f(x, y)];
    });
  }
});

Deno.test("compile() knows arguments that the function reads from its surroundings", () => {
  for (const aliasFirst of [true, false]) {
    sameCompiled((wrap) => {
      const p = parameter([1, 2]), other = parameter([5, 6]);
      const f = wrap((x: Tensor) => {
        const [g] = autograd.grad(x.mul(p).sum(), [p]);
        noGrad(() => p.add_(1));
        return [g, x.detach().clone()];
      });
      return [...aliasFirst ? [p, other, p] : [other, p, other], p].map((x) => f(x)).concat([[p]]);
    });
  }
});

Deno.test("compile() that starts anew for such an argument draws no other numbers", () => {
  sameCompiled((wrap) => {
    manualSeed(3);
    const p = tensor([1, 2]);
    const f = wrap((x: Tensor) => randn([2]).add(x).mul(p));
    return [f(p), f(p), f(tensor([3, 4]))];
  });
});

Deno.test("compile() changes arguments in place where the function does", () => {
  sameCompiled((wrap) => {
    const f = wrap((x: Tensor, y: Tensor) => {
      const before = x.detach().mul(10);
      noGrad(() => x.add_(1));
      return [before, y.detach().mul(2)];
    });
    const x = tensor([1, 2]), p = parameter([3, 4]);
    return [f(x, x), f(x, p), f(p, x), f(p, p), x, p, p.isLeaf];
  });
});

Deno.test("compile() carries the gradients of arguments in and out", () => {
  sameCompiled((wrap) => {
    const x = parameter([1, 2]);
    const set = wrap((x: Tensor) => {
      x.grad = ones([2]);
    });
    const clear = wrap((x: Tensor) => {
      const old = x.grad;
      x.grad = null;
      x.square().sum().backward();
      return old === null ? "none" : old.mul(2);
    });
    const scale = wrap((x: Tensor) => {
      x.grad!.mul_(3);
    });
    set(x);
    set(x);
    const found = [x.grad!.toArray(), clear(x), clear(x), x.grad!.toArray()];
    scale(x);
    const drop = wrap((x: Tensor) => {
      x.grad = null;
    });
    const last = x.grad!.toArray();
    drop(x);
    return [...found, last, x.grad];
  });
});

Deno.test("compile() tells the order of keys apart, and null from undefined", () => {
  sameCompiled((wrap) => {
    const f = wrap((o: Record<string, Tensor>) => Object.values(o).map((x) => x.mul(2)));
    const g = wrap((m: Map<string, Tensor>) => [...m.keys()]);
    const h = wrap((x: Tensor, scale?: number | null, o?: { a?: null }) =>
      scale === undefined ? x.mul(2) : [x.mul(3), String(o?.a)]
    );
    const a = tensor(1), b = tensor(2);
    return [
      f({ a, b }),
      f({ b, a }),
      g(new Map([["a", a], ["b", b]])),
      g(new Map([["b", b], ["a", a]])),
      h(a),
      h(a, null),
      h(a, undefined),
      h(a, null, { a: null }),
      h(a, null, { a: undefined }),
    ];
  });
});

Deno.test("compile() traces anew where recording or the default dtype has changed", () => {
  sameCompiled((wrap) => {
    const p = parameter([1, 2]);
    const f = wrap(() => [isGradEnabled(), p.mul(2).requiresGrad, zeros([1])]);
    const out = [noGrad(() => f()), f(), noGrad(() => f())], before = defaultDtype();
    setDefaultDtype("float64");
    try {
      return [out, f()];
    } finally {
      setDefaultDtype(before);
    }
  });
});

Deno.test("compile() keeps requiresGrad of what it only writes", () => {
  sameCompiled((wrap) => {
    const a = tensor([1, 2]), b = parameter([1, 2]);
    const f = wrap((x: Tensor) =>
      noGrad(() => {
        a.copy_(x);
        b.copy_(x);
      })
    );
    f(tensor([3, 4]));
    a.requiresGrad_();
    b.requiresGrad_(false);
    f(tensor([5, 6]));
    return [a, b];
  });
});

Deno.test("compile() leaves gradients with a parameter that was frozen meanwhile", () => {
  sameCompiled((wrap) => {
    const p = parameter([1, 2]);
    const f = wrap((x: Tensor) => {
      p.mul(x).sum().backward();
    });
    f(tensor([3, 4]));
    p.grad = null;
    p.requiresGrad_(false).requiresGrad_();
    f(tensor([3, 4]));
    return p.grad;
  });
});

Deno.test("compile() writes states back without history", () => {
  const p = parameter([1, 2]), state = zeros([2]);
  const f = compile((x: Tensor) => {
    state.add_(p.mul(x));
    return state.sum();
  });
  assertEquals([f(ones([2])), f(ones([2])), f(ones([2]))].map((x) => x.item()), [3, 6, 9]);
  assert(!state.requiresGrad);
  assertEquals(f.traces, 1);
});

Deno.test("a compiled step sees gradients that come after its first call", () => {
  sameCompiled((wrap) => {
    const p = parameter([1, 2]), optimizer = new Optimizer([p], sgd({ lr: 1 }));
    const step = wrap(() => optimizer.step());
    step();
    p.square().sum().backward();
    step();
    return p;
  });
});

Deno.test("compile() refuses gradients that would have to leave the function", () => {
  const w = tensor([1, 2], { requiresGrad: true }), twice = w.mul(2);
  const step = compile(() => twice.square().sum().backward());
  assertThrows(step, GradientError, "computed from others outside of compile()");
  assertEquals(w.grad, null);
  const inside = compile(() => w.mul(2).square().sum().backward());
  inside();
  assertEquals(w.grad!.toArray(), [8, 16]);
  assertEquals(compile(() => twice.add(w).sum())().item(), 9);
});
