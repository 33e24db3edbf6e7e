import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  adam,
  adamw,
  applyUpdates,
  BackendError,
  chain,
  gradientTransformation,
  identity,
  sgd,
  ShapeError,
  type Tensor,
  tensor,
  transform,
} from "@torchopt/torchopt";
import { treeLeaves } from "@torchopt/torchopt/pytree";

type TraceState = transform.TraceState;

const f64 = (data: number | number[]) => tensor(data, { dtype: "float64" });
const numbers = (t: Tensor) => Array.from(t.data(), Number);

Deno.test("chain() of none is the identity, of one that one, and flattens the rest", () => {
  const double = transform.scale(2), triple = transform.scale(3);
  assert(chain() === identity());
  assert(chain(double) === double);
  assert(chain(identity(), identity()) === identity());
  const nested = chain(double, identity(), chain(triple, chain(double, triple)));
  assertEquals(nested.init([f64(1)]), [{}, {}, {}, {}]);
  const [[u]] = nested.update([f64(1)], nested.init([])) as [Tensor[], unknown];
  assertEquals(u.item(), 36);
  const [[v]] = double.chain(triple).update([f64(1)], [{}, {}]) as [Tensor[], unknown];
  assertEquals(v.item(), 6);
});

Deno.test("chain() refuses what is no transformation and states of other chains", () => {
  assertThrows(
    () => chain(sgd({ lr: 1 }), 3 as never),
    TypeError,
    "chain: got 3, wants a gradient",
  );
  const optimizer = adam();
  assertThrows(
    () => optimizer.update([f64(1)], [{}, {}, {}]),
    TypeError,
    "chain: got an array of 3 as state, wants an array of 2",
  );
});

Deno.test("chain() changes no state where a later part fails", () => {
  const failing = gradientTransformation({
    init: () => ({}),
    update: () => {
      throw new RangeError("no");
    },
  });
  const optimizer = chain(transform.trace(), failing), params = [f64([1, 2])];
  const state = optimizer.init(params);
  assertThrows(() => optimizer.update(params, state), RangeError, "no");
  assertEquals(treeLeaves<Tensor>(state).map(numbers), [[0, 0]]);
  // The next update works as if nothing had been.
  const [u] = transform.trace().update(params, (state as TraceState[])[0]);
  assertEquals(numbers(u[0]), [1, 2]);
});

Deno.test("chain() hands on new states of transformations that do not work in place", () => {
  const counting = gradientTransformation<number>({
    init: () => 0,
    update: (updates, count) => [updates, count + 1],
  });
  const both = chain(counting, transform.scale(2));
  const state = both.init([f64(1)]);
  const [, next] = both.update([f64(1)], state);
  assertEquals(next as unknown, [1, {}]);
  // The array of the chain is what was updated in place.
  assert(next === state);
});

Deno.test("chain.flat() works on lists and gives trees", () => {
  const params = { w: [f64([1, 2])], b: f64(3) };
  const grads = { w: [f64([0.5, -1])], b: null };
  for (const inplace of [true, false]) {
    const parts = [transform.trace(), transform.addDecayedWeights({ weightDecay: 0.5 })] as const;
    const flat = chain.flat(...parts), tree = chain(...parts);
    const state = flat.init(params);
    assertEquals(treeLeaves<Tensor>(state).length, 2);
    assert(Array.isArray((state as TraceState[])[0].trace));
    const [a] = flat.update(grads, state, { params, inplace });
    const [b] = tree.update(grads, tree.init(params), { params, inplace });
    assertEquals(numbers(a.w[0]), numbers(b.w[0]));
    assertEquals(a.b, null);
  }
  const optimizer = chain.flat(adamw({ weightDecay: 0.1 }));
  const [u] = optimizer.update(params, optimizer.init(params), { params });
  assertEquals(treeLeaves(u).length, 2);
});

Deno.test("applyUpdates() keeps leaves leaves in place, and history otherwise", () => {
  const w = tensor([1, 2], { requiresGrad: true });
  const result = applyUpdates({ w }, { w: tensor([1, 1]) });
  assert(result.w === w && w.isLeaf && w.requiresGrad);
  assertEquals(w.toArray(), [2, 3]);
  const next = applyUpdates({ w }, { w: tensor([1, 1]) }, { inplace: false });
  assert(next.w !== w && next.w.requiresGrad && !next.w.isLeaf);
});

Deno.test("applyUpdates() of updates that cannot be computed takes parameters and states back", () => {
  const params = [f64([1, 2])], optimizer = adam({ lr: 0.1 }), state = optimizer.init(params);
  const freed = f64([1, 1]), [updates] = optimizer.update([freed.mul(3)], state);
  freed.dispose();
  assertThrows(() => applyUpdates(params, updates), BackendError, "was freed");
  assertEquals(params[0].toArray(), [1, 2]);
  for (const leaf of treeLeaves<Tensor>(state)) assert(leaf.data().every((x) => Number(x) === 0));
});

Deno.test("applyUpdates() refuses trees that differ and changes nothing", () => {
  const params = { w: f64([1, 2]), b: f64(3) };
  const cases: [unknown, ErrorConstructor, string][] = [
    [{ w: f64([1, 1]) }, TypeError, "'b'"],
    [
      { w: f64([1, 1]), b: f64([1, 2]) },
      ShapeError as unknown as ErrorConstructor,
      "at b the update",
    ],
    [{ w: f64([1, 1]), b: { c: f64(1) } }, TypeError, "at b"],
  ];
  for (const [updates, error, message] of cases) {
    assertThrows(() => applyUpdates(params, updates as never), error, message);
  }
  assertEquals(numbers(params.w), [1, 2]);
});
