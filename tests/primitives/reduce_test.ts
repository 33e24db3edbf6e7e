import { assertEquals } from "@std/assert";
import type { LowerContext } from "../../src/graph/lower_context.ts";
import type { Node } from "../../src/graph/node.ts";
import { amax, amin, prod, type ReduceAttrs, sum } from "../../src/primitives/reduce.ts";
import { targetOf } from "../../src/runtime/mod.ts";
import { tensor } from "../../mod.ts";
import { node, sample, valuesOf } from "./nodes.ts";
import { assertClose } from "../helpers/close.ts";

const shape = [2, 3, 4, 1, 3, 2];

/** The reduction of `data` over `axes`, one element after another. */
function reduced(data: number[], axes: readonly number[], join: (a: number, b: number) => number) {
  const found = new Map<string, number>();
  data.forEach((v, flat) => {
    const place: number[] = [];
    for (let i = shape.length - 1, rest = flat; i >= 0; rest = Math.floor(rest / shape[i]), i--) {
      if (!axes.includes(i)) place.unshift(rest % shape[i]);
    }
    const before = found.get(String(place));
    found.set(String(place), before === undefined ? v : join(before, v));
  });
  return [...found.values()]; // in the order of the places
}

Deno.test("reductions over every set of axes", () => {
  const data = sample(shape, 1), x = node(data, shape);
  const kinds = [
    [sum, (a: number, b: number) => a + b],
    [prod, (a: number, b: number) => a * b],
    [amax, Math.max],
    [amin, Math.min],
  ] as const;
  for (const [reduce, join] of kinds) {
    const results: Node[] = [], wanted: number[][] = [];
    for (let set = 1; set < 1 << shape.length; set++) {
      const axes = shape.map((_, i) => i).filter((i) => set & (1 << i));
      results.push(reduce(x, axes, true), reduce(x, axes, false));
      wanted.push(...Array(2).fill(reduced(data, axes, join)));
    }
    valuesOf(results).forEach((found, i) => assertClose(found, wanted[i], 1e-12));
  }
});

/** The axes of each ONNX node that a sum becomes. */
function steps(shape: number[], axes: number[]): number[][] {
  const found: number[][] = [];
  const context = {
    op: (_: string, [, some]: string[]) => (found.push(JSON.parse(some)), "y"),
    ints: (values: readonly number[]) => JSON.stringify(values),
    target: targetOf("cpu", false),
  } as unknown as LowerContext;
  const y = sum(node(new Array(shape.reduce((a, b) => a * b)).fill(0), shape), axes, false);
  y.prim.lower(context, ["x"], y as Node<ReduceAttrs>);
  return found;
}

Deno.test("sum() takes several nodes where dimensions alternate too often for one fast kernel", () => {
  assertEquals(steps([5, 64, 7, 7], [0, 2, 3]), [[0, 2, 3]]);
  assertEquals(steps([4, 5, 64], [1]), [[1]]);
  assertEquals(steps([4, 5, 64, 7, 7], [1, 3, 4]), [[3, 4], [1]]);
  assertEquals(steps([2, 3, 2, 3, 2, 3], [1, 3, 5]), [[5], [3], [1]]);
  // A dimension of one element does not come between.
  assertEquals(steps([4, 5, 1, 7, 7], [1, 3, 4]), [[1, 3, 4]]);
  assertEquals(steps([1, 2, 3, 2, 3], [0, 2, 4]), [[4], [0, 2]]);
});

Deno.test("prod() of a scalar has a derivative", () => {
  const x = tensor(3, { requiresGrad: true });
  x.prod().mul(x.prod([])).backward();
  assertEquals(x.grad!.item(), 6);
});
