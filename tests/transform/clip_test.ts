import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { autograd, clipGradNorm, compile, type Tensor, tensor } from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";

const parts = [[3, -4, 0], [12, 0.5]];
const grads = () => parts.map((p) => tensor(p, { dtype: "float64" }));

function normOf(order: number): number {
  const norm = (xs: number[]) => {
    const a = xs.map(Math.abs);
    if (order === Infinity) return Math.max(...a);
    if (order === -Infinity) return Math.min(...a);
    if (order === 0) return a.filter((x) => x !== 0).length;
    return a.reduce((s, x) => s + x ** order, 0) ** (1 / order);
  };
  return norm(parts.map(norm));
}

Deno.test("clipGradNorm() clips by norms of any order", () => {
  for (const order of [1, 2, 3, 0.5, 0, Infinity, -Infinity, "inf"] as const) {
    const clip = clipGradNorm(0.25, { normType: order });
    const [updates] = clip.update(grads(), {}) as [Tensor[], unknown];
    const norm = normOf(order === "inf" ? Infinity : order);
    const factor = Math.min(0.25 / (norm + 1e-6), 1);
    updates.forEach((u, i) => assertClose(u, parts[i].map((x) => x * factor), 1e-12));
  }
});

Deno.test("clipGradNorm() takes norms whose powers leave the range of the gradients", () => {
  const clipped = (g: Tensor, normType: number) => {
    const [[u]] = clipGradNorm(1, { normType }).update([g], {}) as [Tensor[], unknown];
    return u.to("float64").toArray();
  };
  // 300 ** 2 and 400 ** 2 are infinite in float16, 20000 ** 10 is in float32.
  const half = clipped(tensor([300, 400]).to("float16"), 2) as number[];
  assertAlmostEquals(half[0], 0.6, 1e-3);
  assertAlmostEquals(half[1], 0.8, 1e-3);
  assertEquals(clipped(tensor([20000, 0]), 10), [1, 0]);
  assertEquals(clipped(tensor([NaN, 1]).to("float16"), Infinity), [NaN, NaN]);
});

Deno.test("clipGradNorm() skips absent gradients and leaves small ones alone", () => {
  const g = tensor([0.5], { dtype: "float64" });
  const [updates] = clipGradNorm(1).update([null, g], {}) as [(Tensor | null)[], unknown];
  assertEquals(updates[0], null);
  assertEquals(updates[1]!.item(), 0.5);
  assertEquals(clipGradNorm(1).update([null], {})[0], [null]);
});

Deno.test("clipGradNorm() counts as a constant factor in differentiation", () => {
  const x = tensor([3, 4], { dtype: "float64", requiresGrad: true });
  const [[u]] = clipGradNorm(1).update([x], {}, { inplace: false }) as [Tensor[], unknown];
  const [d] = autograd.grad(u.sum(), [x]);
  d!.data().forEach((v) => assertAlmostEquals(Number(v), 1 / (5 + 1e-6), 1e-12));
});

Deno.test("clipGradNorm() refuses what is no norm, and reading one while tracing", () => {
  assertThrows(() => clipGradNorm(-1), RangeError, "maxNorm is -1, wants a number >= 0");
  assertThrows(() => clipGradNorm(1, { normType: "max" as never }), TypeError, 'normType is "max"');
  const strict = clipGradNorm(1, { errorIfNonfinite: true });
  const traced = compile((g: Tensor) => strict.update([g], {})[0]);
  assertThrows(() => traced(tensor([1])), TypeError, "inside compile()");
});
