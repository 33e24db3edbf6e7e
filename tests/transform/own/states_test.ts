/** What the states of transformations that users write are made of. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  applyUpdates,
  chain,
  compile,
  type GradientTransformation,
  gradientTransformation,
  Optimizer,
  type Tensor,
  tensor,
  type TensorTree,
  transform,
  zeros,
  zerosLike,
} from "@torchopt/torchopt";
import { treeMap } from "@torchopt/torchopt/pytree";
import "../../helpers/seed.ts";
import { expected, f64, leaf, list } from "./transformations.ts";

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
