/** Transformations that users write, as pure functions in the manner of optax. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  applyUpdates,
  autograd,
  chain,
  compile,
  extractStateDict,
  func,
  FuncOptimizer,
  GradientError,
  type GradientTransformation,
  gradientTransformation,
  MetaOptimizer,
  MetaSGD,
  nn,
  Optimizer,
  recoverStateDict,
  sgd,
  type Tensor,
  tensor,
  type TensorTree,
  transform,
  where,
  zeros,
  zerosLike,
} from "@torchopt/torchopt";
import { treeMap } from "@torchopt/torchopt/pytree";
import "../helpers/seed.ts";

const f64 = (data: number | number[]) => tensor(data, { dtype: "float64" });
const leaf = (data: number | number[]) => tensor(data, { dtype: "float64", requiresGrad: true });
const list = (t: Tensor) => Array.from(t.data(), Number);

/** Momentum 0.5: the state is what is returned as updates. */
const momentum = () =>
  gradientTransformation({
    init: (params) => treeMap((p: Tensor) => zerosLike(p), params),
    update(grads, m) {
      const n = treeMap((g: Tensor, old: Tensor) => old.mul(0.5).add(g), grads, m);
      return [n, n];
    },
  });

/** The same as a plain object, which functions that take transformations take as well. */
const plain = () => ({
  init: (params: TensorTree) => treeMap((p: Tensor) => zerosLike(p), params),
  update(grads: TensorTree, m: TensorTree) {
    const n = treeMap((g: Tensor, old: Tensor) => old.mul(0.5).add(g), grads, m);
    return [n, n];
  },
} as unknown as GradientTransformation);

/** Sums of gradients [1, 2] with momentum 0.5. */
const expected = [[1, 2], [1.5, 3], [1.75, 3.5], [1.875, 3.75]];
const grad = () => ({ w: f64([1, 2]) });

for (
  const [name, make] of [["momentum", momentum], [
    "trace",
    () => transform.trace({ momentum: 0.5 }),
  ]] as const
) {
  Deno.test(`update() of ${name} keeps the state, whatever is taken of its result`, () => {
    const t = make() as GradientTransformation;
    const kept = t.init(grad());
    const updates = expected.map(() => {
      const [u] = t.update(grad(), kept);
      return u.w;
    });
    assertEquals(updates.map(list), expected);

    let state = t.init(grad());
    for (const values of expected) {
      const [u, next] = t.update(grad(), state);
      assertEquals(list(u.w), values);
      state = next;
    }

    let pure = t.init(grad());
    const first = pure;
    for (const values of expected) {
      const [u, next] = t.update(grad(), pure, { inplace: false });
      assertEquals(list(u.w), values);
      pure = next;
    }
    assertEquals(list(t.update(grad(), first, { inplace: false })[0].w), expected[0]);
  });
}

/** What parameters become under learning rate 1 and gradients [1, 2]. */
const walked = (n: number) =>
  [0, 1].map((i) => -expected.slice(0, n).reduce((a, e) => a + e[i], 0));
const descending = (t: GradientTransformation) => chain(t, transform.scale(-1));

for (
  const [name, make] of [["gradientTransformation()", momentum], ["a plain object", plain]] as const
) {
  Deno.test(`Optimizer takes ${name}, eager and compiled`, () => {
    for (const compiled of [false, true]) {
      const w = leaf([0, 0]), c = f64([1, 2]);
      const optimizer = new Optimizer([w], descending(make()));
      const body = () => {
        optimizer.zeroGrad();
        w.mul(c).sum().backward();
        optimizer.step();
      };
      const step = compiled ? compile(body) : body;
      for (let t = 1; t <= 4; t++) {
        step();
        assertEquals(list(w), walked(t), `step ${t}, ${compiled}`);
      }
      if (compiled) assertEquals((step as unknown as { traces: number }).traces <= 2, true);
    }
  });

  Deno.test(`FuncOptimizer takes ${name}`, () => {
    for (const inplace of [false, true]) {
      const optimizer = new FuncOptimizer(descending(make()), { inplace });
      let p = { w: leaf([0, 0]) };
      for (let t = 1; t <= 4; t++) {
        p = optimizer.step(p.w.mul(f64([1, 2])).sum(), p);
        assertEquals(list(p.w), walked(t));
      }
    }
  });

  Deno.test(`chains, flat chains and masks take ${name}`, () => {
    for (const inplace of [true, false]) {
      const wraps = [
        (t: GradientTransformation) => chain(t),
        (t: GradientTransformation) => chain(transform.scale(1), t),
        (t: GradientTransformation) => chain.flat(t),
        (t: GradientTransformation) => transform.scale(1).chain(t),
        (t: GradientTransformation) =>
          transform.masked(t, () => ({ w: true })) as GradientTransformation,
      ];
      for (const wrap of wraps) {
        const t = wrap(make());
        let state = t.init(grad());
        for (const values of expected) {
          const [u, next] = t.update(grad(), state, { inplace });
          assertEquals(list(u.w), values);
          if (!inplace) state = next;
        }
      }
    }
  });

  Deno.test(`MetaOptimizer takes ${name}; its steps can be differentiated`, () => {
    class Net extends nn.Module {
      w: Tensor = new nn.Parameter(f64([0, 0]));
      forward(c: Tensor): Tensor {
        return this.w.mul(c).sum();
      }
    }
    const results = [make(), transform.trace({ momentum: 0.5 }) as GradientTransformation].map(
      (t) => {
        const net = new Net(), c = leaf([1, 2]);
        const optimizer = new MetaOptimizer(net, descending(t));
        for (let i = 0; i < 3; i++) optimizer.step(net.call(c));
        assertEquals(list(net.w), walked(3));
        return list(autograd.grad(net.w.square().sum(), [c])[0]!);
      },
    );
    assertEquals(results[0], results[1]);
  });

  Deno.test(`a compiled function updates the state of ${name}`, () => {
    for (const keep of [true, false]) {
      const t = chain(make()), params = { w: f64([0, 0]) };
      let state = t.init(params);
      const step = compile((g: { w: Tensor }) => {
        if (keep) return t.update(g, state)[0].w;
        let u: { w: Tensor };
        [u, state] = t.update(g, state);
        return u.w;
      });
      assertEquals(expected.map(() => list(step(grad()))), expected);
      assertEquals(step.traces, 1);
    }
    const t = chain(make());
    let state = t.init(grad());
    const pure = compile((g: { w: Tensor }, s: TensorTree) => t.update(g, s, { inplace: false }));
    for (const values of expected) {
      const [u, next] = pure(grad(), state);
      assertEquals(list(u.w), values);
      state = next;
    }
  });
}

Deno.test("README's idiom keeps the state of an own transformation, compiled and not", () => {
  for (const compiled of [false, true]) {
    const params = { w: leaf([0, 0]) }, optimizer = descending(momentum());
    const state = optimizer.init(params);
    const body = (c: Tensor) => {
      const [w] = autograd.grad(params.w.mul(c).sum(), [params.w]);
      const [updates] = optimizer.update({ w: w! }, state, { params });
      applyUpdates(params, updates);
    };
    const step = compiled ? compile(body) : body;
    for (let t = 1; t <= 4; t++) step(f64([1, 2]));
    assertEquals(list(params.w), walked(4));
  }
});

// ------------------------------------------------------------------ what states are made of

/** Runs four in-place steps of learning rate 1 on w, with gradient [1, 2], in several ways. */
function inEveryWay(
  make: () => GradientTransformation<unknown>,
  check: (values: number[][], way: string) => void,
  { compiled = true } = {},
): void {
  const ways: Record<string, () => number[][]> = {
    classic() {
      const w = leaf([10, 20]), optimizer = new Optimizer([w], chain(make(), transform.scale(-1)));
      return expected.map(() => {
        optimizer.zeroGrad();
        w.mul(f64([1, 2])).sum().backward();
        optimizer.step();
        return list(w);
      });
    },
    functional() {
      const p = [leaf([10, 20])], t = chain(make(), transform.scale(-1)), state = t.init(p);
      return expected.map(() => {
        const [u] = t.update([f64([1, 2])], state, { params: p });
        applyUpdates(p, u);
        return list(p[0]);
      });
    },
    "not in place"() {
      const t = chain(make(), transform.scale(-1));
      let p = [leaf([10, 20])], state = t.init(p);
      return expected.map(() => {
        const [u, next] = t.update([f64([1, 2])], state, { params: p, inplace: false });
        p = applyUpdates(p, u, { inplace: false });
        state = next;
        return list(p[0]);
      });
    },
    "in place after a copy of all values"() {
      const p = [leaf([10, 20])], t = chain(make(), transform.scale(-1));
      let state = t.init(p);
      return expected.map(() => {
        const [u, next] = t.update([f64([1, 2])], state, { params: p });
        state = next;
        applyUpdates(p, u);
        return list(p[0]);
      });
    },
  };
  if (compiled) {
    ways.compiled = () => {
      const w = leaf([10, 20]), optimizer = new Optimizer([w], chain(make(), transform.scale(-1)));
      const step = compile((c: Tensor) => {
        optimizer.zeroGrad();
        w.mul(c).sum().backward();
        optimizer.step();
      });
      return expected.map(() => {
        step(f64([1, 2]));
        return list(w);
      });
    };
  }
  for (const [way, run] of Object.entries(ways)) check(run(), way);
}

Deno.test("a state that starts as the parameters keeps their values", () => {
  // Updates pull towards where the parameters started.
  const anchored = () =>
    gradientTransformation({
      init: (params) => params,
      update: (updates, anchor, { params }) => [
        treeMap(
          (u: Tensor, p: Tensor, a: Tensor) => u.add(p.sub(a)),
          updates,
          params,
          anchor,
        ),
        anchor,
      ],
    });
  // p1 = 10 - 1; p2 = 9 - (1 - 1) = 9; and so on.
  inEveryWay(anchored, (values, way) => assertEquals(values, Array(4).fill([9, 18]), way));
});

Deno.test("a state may be the gradients or parameters of the last step, and of the one before", () => {
  const optimistic = () =>
    gradientTransformation({
      init: (params) => {
        const zero = treeMap((p: Tensor) => zerosLike(p), params);
        return { g: zero, before: zero, p: params };
      },
      update: (g: TensorTree, state, { params }) => [
        treeMap(
          (x: Tensor, a: Tensor, b: Tensor, p: Tensor) => x.mul(2).sub(a).add(b).add(p.mul(0)),
          g,
          state.g,
          state.before,
          state.p,
        ),
        { g, before: state.g, p: params as TensorTree },
      ],
    });
  // 2 g; 2 g - g; 2 g - g + g; ...
  const sums = [2, 3, 5, 7].map((n) => [10 - n, 20 - 2 * n]);
  inEveryWay(optimistic, (values, way) => assertEquals(values, sums, way));
});

Deno.test("tensors of the surroundings in a state stay what they are", () => {
  const zero = zeros([2], { dtype: "float64" }), lazy = zeros([2], { dtype: "float64" }).add(0);
  const reset = () =>
    gradientTransformation({
      init: () => [{ m: zero, n: lazy }],
      update: (g, [{ m, n }]) => {
        const next = treeMap((x: Tensor) => x.add(m).add(n), g);
        return [next, [{ m: zero, n: lazy }]];
      },
    });
  const sums = [1, 2, 3, 4].map((n) => [10 - n, 20 - 2 * n]);
  inEveryWay(reset, (values, way) => assertEquals(values, sums, way));
  assertEquals([list(zero), list(lazy)], [[0, 0], [0, 0]]);
});

Deno.test("states may hold numbers, null and growing arrays outside of compile()", () => {
  const counting = () =>
    gradientTransformation({
      init: (): { t: number; last: TensorTree; seen: Tensor[] } => ({ t: 0, last: null, seen: [] }),
      update: (g, { t, last, seen }) => [
        treeMap((x: Tensor) => x.mul(t + seen.length + (last === null ? 0 : 1)), g),
        { t: t + 1, last: g, seen: [...seen, f64(t)] },
      ],
    });
  const sums = [0, 3, 8, 15].map((n) => [10 - n, 20 - 2 * n]);
  inEveryWay(counting, (values, way) => assertEquals(values, sums, way), { compiled: false });
  const w = leaf([0]), optimizer = new Optimizer([w], counting());
  const step = compile(() => {
    w.sum().backward();
    optimizer.step();
  });
  const error = assertThrows(() => step(), TypeError);
  assert(
    /inside compile\(\) the state changes at .*\bt\b.* from 0 to 1/.test(error.message),
    error.message,
  );
  assertEquals(list(w), [0]);
});

Deno.test("a state that is one tensor, one number, a Map", () => {
  const of = <S>(init: () => S, next: (s: S) => S, factor: (s: S) => number | Tensor) => () =>
    gradientTransformation<S>({
      init,
      update: (g, s) => [treeMap((x: Tensor) => x.mul(factor(s)), g), next(s)],
    });
  const sums = [0, 1, 3, 6].map((n) => [10 - n, 20 - 2 * n]);
  inEveryWay(of(() => f64(0), (s) => s.add(1), (s) => s), (v, way) => assertEquals(v, sums, way));
  inEveryWay(of(() => 0, (s) => s + 1, (s) => s), (v, way) => assertEquals(v, sums, way), {
    compiled: false,
  });
  inEveryWay(
    of(
      () => new Map([["n", f64(0)]]),
      (s) => new Map([["n", s.get("n")!.add(1)]]),
      (s) => s.get("n")!,
    ),
    (v, way) => assertEquals(v, sums, way),
  );
});

Deno.test("states that are made and used inside of a compiled function may hold numbers", () => {
  const counting = gradientTransformation<{ t: number }>({
    init: () => ({ t: 1 }),
    update: (g, { t }) => [treeMap((x: Tensor) => x.mul(t), g), { t: t + 1 }],
  });
  const run = compile((x: Tensor) => {
    const optimizer = new FuncOptimizer(chain(counting, transform.scale(-1)));
    let p = { x };
    for (let i = 0; i < 3; i++) p = optimizer.step(p.x.mul(2).sum(), p);
    return p.x;
  });
  for (let i = 0; i < 2; i++) assertEquals(list(run(leaf([20, 30]))), [8, 18]);
});

Deno.test("a state of another dtype or shape is no silent cast", () => {
  const t = gradientTransformation<{ n: Tensor }>({
    init: () => ({ n: tensor(0, { dtype: "int64" }) }),
    update: (g, { n }) => [g, { n: n.add(0.5) }],
  });
  const state = t.init([]);
  for (let i = 0; i < 3; i++) t.update([f64(1)], state);
  assertEquals([state.n.item(), state.n.dtype], [1.5, "float32"]);
  const step = compile((g: Tensor) => t.update([g], fresh)[0][0]);
  const fresh = t.init([]);
  assertThrows(() => step(f64(1)), TypeError, "changes at n from");
});

// ------------------------------------------------------------------ transformations of transformations

/** Skips steps with a gradient that is not finite: update and state stay as they were. */
function skipNonFinite(inner: GradientTransformation) {
  return gradientTransformation<{ inner: TensorTree; skipped: Tensor }>({
    init: (params) => ({ inner: inner.init(params), skipped: f64(0) }),
    update(g, state, { params }) {
      const ok = (treeMap((x: Tensor) => x.isFinite().all(), g) as Tensor[])[0];
      const [u, next] = inner.update(g, state.inner, { params });
      const chosen = treeMap((n: Tensor, o: Tensor) => where(ok, n, o), next, state.inner);
      const updates = treeMap((x: Tensor) => where(ok, x, 0), u);
      return [updates, { inner: chosen, skipped: state.skipped.add(where(ok, f64(0), f64(1))) }];
    },
  });
}

Deno.test("a transformation of a transformation sees the old and the new state", () => {
  for (
    const inner of [
      momentum(),
      transform.trace({ momentum: 0.5 }),
      chain(transform.scale(1), momentum()),
    ]
  ) {
    for (const inplace of [true, false]) {
      for (const compiled of [false, true]) {
        const t = skipNonFinite(inner as GradientTransformation);
        let state = t.init([f64([0, 0])]);
        const body = (g: Tensor, s: typeof state) => {
          const [u, next] = t.update([g], s, { inplace });
          return [u[0], next] as const;
        };
        const run = compiled ? compile(body) : body;
        const seen = [[1, 2], [NaN, 1], [1, 2], [Infinity, 0], [1, 2]].map((g) => {
          const [u, next] = run(f64(g), state);
          if (!inplace) state = next;
          return list(u);
        });
        assertEquals(seen, [expected[0], [0, 0], expected[1], [0, 0], expected[2]]);
        assertEquals(state.skipped.item(), 2);
      }
    }
  }
});

Deno.test("a transformation that keeps the state object of the inner one works in place", () => {
  const inner = transform.trace({ momentum: 0.5 }) as GradientTransformation;
  const wrapper = gradientTransformation({
    init: (params) => inner.init(params),
    update: (g, state) => [inner.update(g, state)[0], state],
  });
  const state = wrapper.init(grad());
  assertEquals(expected.map(() => list(wrapper.update(grad(), state)[0].w)), expected);
});

Deno.test("a wrapped transformation is differentiated through without saying inplace", () => {
  const run = (t: GradientTransformation) => {
    const c = leaf([1, 2]);
    let state = t.init([c]), p = [c.mul(3)];
    for (let i = 0; i < 3; i++) {
      const [u, next] = t.update([p[0].mul(c)], state, { inplace: false });
      state = next;
      p = applyUpdates(p, u, { inplace: false });
    }
    return list(autograd.grad(p[0].square().sum(), [c])[0]!);
  };
  const inner = transform.trace({ momentum: 0.5 }) as GradientTransformation;
  assertEquals(run(skipNonFinite(inner) as GradientTransformation), run(inner));
});

Deno.test("a state changed in place by its function is the state, too", () => {
  const t = gradientTransformation<{ m: TensorTree }>({
    init: (params) => ({ m: treeMap((p: Tensor) => zerosLike(p), params) }),
    update(g, state) {
      state.m = treeMap((x: Tensor, m: Tensor) => m.mul(0.5).add(x), g, state.m);
      return [state.m, state];
    },
  });
  for (const compiled of [false, true]) {
    const state = t.init(grad());
    const body = (g: { w: Tensor }) => t.update(g, state)[0].w;
    const step = compiled ? compile(body) : body;
    assertEquals(expected.map(() => list(step(grad()))), expected);
  }
});

Deno.test("own transformations inside of func.vmap", () => {
  const t = chain(momentum(), transform.scale(-1));
  const run = (x: Tensor) => {
    let state = t.init([x]), p = [x];
    for (let i = 0; i < 3; i++) {
      const [u, next] = t.update([p[0].mul(2)], state, { inplace: false });
      state = next;
      p = applyUpdates(p, u, { inplace: false });
    }
    return p[0];
  };
  const all = list(func.vmap(run)(f64([1, -2, 5])));
  assertEquals(all, [1, -2, 5].map((x) => run(f64(x)).item()));
});

// ------------------------------------------------------------------ errors and saved states

Deno.test("an own transformation that fails, or returns no pair, changes nothing", () => {
  let fail = false;
  const t = gradientTransformation<Tensor>({
    init: () => f64(0),
    update: (g, n) => {
      if (fail) throw new RangeError("no");
      return [g, n.add(1)];
    },
  });
  const later = gradientTransformation<TensorTree>({
    init: () => ({}),
    update: (g, s) =>
      fail
        ? (() => {
          throw new RangeError("later");
        })()
        : [g, s],
  });
  const w = leaf([1]), optimizer = new Optimizer([w], chain(momentum(), t, later, sgd({ lr: 1 })));
  const step = () => {
    optimizer.zeroGrad();
    w.sum().backward();
    optimizer.step();
  };
  step();
  const saved = JSON.stringify(optimizer.stateDict());
  fail = true;
  assertThrows(step, RangeError);
  assertEquals(JSON.stringify(optimizer.stateDict()), saved);
  const bad = gradientTransformation({ init: () => null, update: (g) => g as never });
  assertThrows(() => bad.update([f64(1)], null), TypeError, "wants [updates, state]");
  assertThrows(
    () => gradientTransformation({ init: () => null } as never),
    TypeError,
    "gradientTransformation: got an object with init",
  );
  assertThrows(
    () => t.update([f64(1)], f64(0), { params: [], inPlace: false } as never),
    TypeError,
    "there is no option inPlace",
  );
});

Deno.test("states with numbers are saved, loaded and go through JSON", () => {
  const t = () =>
    gradientTransformation<{ t: number; m: TensorTree }>({
      init: (params) => ({ t: 1, m: treeMap((p: Tensor) => zerosLike(p), params) }),
      update: (g, { t, m }) => {
        const next = treeMap((x: Tensor, o: Tensor) => o.mul(0.5).add(x.mul(t)), g, m);
        return [next, { t: t + 1, m: next }];
      },
    });
  const make = () => {
    const w = leaf([0]), optimizer = new Optimizer([w], chain(t(), transform.scale(-1)));
    const step = () => {
      optimizer.zeroGrad();
      w.sum().backward();
      optimizer.step();
      return w.item();
    };
    return { w, optimizer, step };
  };
  const a = make(), b = make();
  a.step();
  a.step();
  b.optimizer.loadStateDict(JSON.parse(JSON.stringify(a.optimizer.stateDict())));
  const before = a.w.item();
  assertEquals(a.step() - before, b.step());
});

Deno.test("a compiled step of FuncOptimizer goes on with its state", () => {
  for (const make of [momentum, plain, () => transform.trace({ momentum: 0.5 })]) {
    for (const inplace of [true, false]) {
      const optimizer = new FuncOptimizer(chain(make(), transform.scale(-1)), { inplace });
      const step = compile((p: { w: Tensor }) => optimizer.step(p.w.mul(f64([1, 2])).sum(), p));
      let p = { w: leaf([0, 0]) };
      for (let t = 1; t <= 4; t++) {
        p = step(inplace ? p : { w: p.w.detach().requiresGrad_() });
        assertEquals(list(p.w), walked(t));
        if (inplace) p.w.requiresGrad_();
      }
    }
  }
});

Deno.test("the first step of FuncOptimizer inside compile() says what it cannot know", () => {
  const anchored = () =>
    gradientTransformation<TensorTree>({ init: (params) => params, update: (_g, s) => [s, s] });
  const optimizer = new FuncOptimizer(anchored()), p = { w: leaf([1, 2]) };
  const step = compile((p: { w: Tensor }) => optimizer.step(p.w.sum(), p));
  assertThrows(() => step(p), TypeError, "call init(params) or take a step outside first");
  optimizer.init(p);
  assertEquals(list(step(p).w), [2, 4]);
});

Deno.test("a compiled function that leaves steps of a MetaOptimizer behind is refused", () => {
  class Net extends nn.Module {
    w: Tensor = new nn.Parameter([0, 0]);

    forward(c: Tensor): Tensor {
      return this.w.mul(c).sum();
    }
  }
  const net = new Net(), optimizer = new MetaSGD(net, { lr: 1, momentum: 0.5 });
  const { w } = net, c = tensor([1, 2]);
  const inner = (restore: (net: Net) => void) =>
    compile((c: Tensor) => {
      const before = extractStateDict(net), state = extractStateDict(optimizer);
      optimizer.step(net.call(c));
      const { w } = net;
      recoverStateDict(net, before);
      recoverStateDict(optimizer, state);
      restore(net);
      return w;
    });
  const late = (net: Net) => optimizer.step(net.call(c));
  assertThrows(
    () => inner(late)(c),
    GradientError,
    "inside compile() w was left as a step made it",
  );
  const forgetful = compile((c: Tensor) => {
    const before = extractStateDict(net);
    optimizer.step(net.call(c));
    recoverStateDict(net, before);
  });
  assertThrows(() => forgetful(c), GradientError, "the state of the optimizer was left");
  // Nothing was changed by either.
  assert(net.w === w);
  const good = inner(() => {});
  for (let i = 0; i < 2; i++) assertEquals(list(good(c)), [-1, -2]);
  optimizer.step(net.call(c));
  assertEquals(list(net.w), [-1, -2]);
});
