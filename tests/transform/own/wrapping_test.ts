/** Transformations that users write around others, and under func.vmap. */

import { assertEquals } from "@std/assert";
import {
  applyUpdates,
  autograd,
  chain,
  compile,
  func,
  type GradientTransformation,
  gradientTransformation,
  type Tensor,
  type TensorTree,
  transform,
  where,
  zerosLike,
} from "@torchopt/torchopt";
import { treeMap } from "@torchopt/torchopt/pytree";
import "../../helpers/seed.ts";
import { expected, f64, grad, leaf, list, momentum } from "./transformations.ts";

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
