/** Loops as one node of the Loop kernel: they are what ONNX's loops give, and where they serve. */

import { assert, assertEquals } from "@std/assert";
import { compile, explain, func, type Tensor, tensor } from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import { evaluate } from "../helpers/evaluate.ts";
import { inSegments } from "../helpers/in_segments.ts";
import { kernels, testWith } from "../helpers/needs.ts";

type DType = "float32" | "float64";
const int = (n: number, dtype: "int32" | "int64" = "int64") => tensor(n, { dtype });

/** Loops of which the step is one Program, on a vector of three; what each should give. */
const native: Record<string, (x: Tensor) => Tensor[]> = {
  "counter in the test": (x) => {
    const { k, y } = func.whileLoop(
      ({ k }) => k.lt(5),
      ({ k, y }) => ({ k: k.add(1), y: y.mul(0.5).add(x) }),
      { k: int(0), y: x },
    );
    return [k, y];
  },
  "counter of int32 that may reach its limit, from below zero": (x) => {
    const { k, y } = func.whileLoop(
      ({ k }) => k.le(int(2, "int32")),
      ({ k, y }) => ({ k: k.add(1), y: y.mul(x.cos()) }),
      { k: int(-3, "int32"), y: x },
    );
    return [k, y];
  },
  "counter that the step reads": (x) => {
    const { k, y } = func.whileLoop(
      ({ k, y }) => k.lt(40).logicalAnd(y.square().sum().lt(100)),
      ({ k, y }) => ({ k: k.add(1), y: y.add(k.to(x.dtype)).add(x) }),
      { k: int(2 ** 21), y: x },
    );
    return [k, y];
  },
  "counter that has reached its limit": (x) => {
    const { k, y } = func.whileLoop(
      ({ k }) => k.lt(3),
      ({ k, y }) => ({ k: k.add(1), y: y.mul(2) }),
      { k: int(7), y: x },
    );
    return [k, y];
  },
  "truth values": (x) => {
    const { on, off, y } = func.whileLoop(
      ({ on }) => on,
      ({ off, y }) => {
        const small = y.abs().sum().lt(0.5);
        return { on: small.logicalNot(), off: off.logicalOr(small), y: y.mul(0.7) };
      },
      { on: tensor(true), off: tensor(false), y: x },
      { maxIterations: 20 },
    );
    return [on, off, y];
  },
  "i of foriLoop": (x) => [func.foriLoop(2, 9, (i, y) => y.add(x.mul(i)).sin(), x)],
  "carries that change places, and lists of them": (x) => {
    const [[a, b], all] = func.scan(
      ([a, b]) => [[b, a.add(b)], { a, twice: a.mul(2), sum: a.sum() }],
      [x, x.neg()],
      null,
      { length: 7 },
    );
    return [a, b, all.a, all.twice, all.sum];
  },
  "elements of lists, from the last to the first": (x) => {
    const xs = x.unsqueeze(0).mul(tensor([[1], [2], [3], [4]], { dtype: x.dtype as DType }));
    const [c, ys] = func.scan((c, x) => [c.mul(x).tanh(), c.gt(x)], x, xs, { reverse: true });
    return [c, ys];
  },
  "gradients of as many iterations as took place": (x) => [
    func.grad((x: Tensor) =>
      func.whileLoop(
        ({ y }) => y.square().sum().gt(0.05),
        ({ y, k }) => ({ y: y.mul(x.cos().mul(0.5)), k: k.add(1) }),
        { y: x, k: int(0) },
        { maxIterations: 50 },
      ).y.sum()
    )(x),
  ],
  "a product and a reduction": (x) => {
    const w = x.unsqueeze(1).mul(x.unsqueeze(0));
    return [func.foriLoop(0, 6, (_i, y) => w.matmul(y).add(y.mean()).tanh(), x)];
  },
  "one result twice": (x) => {
    const [[a, b], y] = func.scan(
      ([a]) => {
        const next = a.sin();
        return [[next, next], next];
      },
      [x, x],
      null,
      { length: 3 },
    );
    return [a, b, y];
  },
};

for (const [name, run] of Object.entries(native)) {
  for (const dtype of ["float32", "float64"] as const) {
    testWith(kernels, `a loop is one node and what ONNX's loop is: ${name}, ${dtype}`, () => {
      const x = tensor([0.3, -0.8, 0.6], { dtype });
      const nodes = run(x).map((y) => y.node);
      const [on, off] = [true, false].map((ops) => evaluate(nodes, ops));
      const tolerance = dtype === "float32" ? 1e-5 : 1e-12;
      on.forEach((values, i) => {
        assertClose(values, off[i], tolerance, `result ${i}`);
        assertEquals(values.constructor, off[i].constructor);
      });
      const compiled = compile((x: Tensor) => run(x));
      compiled(x).forEach((y) => y.data());
      const loops = explain(compiled).steps.filter((step) => step.includes("loop"));
      assert(
        loops.length > 0 && loops.every((step) => step.includes("one node")),
        loops.join("\n"),
      );
    });
  }
}

/** Loops that are more than a Program. */
const others: Record<string, (x: Tensor) => Tensor[]> = {
  "whole numbers": () => [func.foriLoop(0, 5, (i, s) => s.mul(2).add(i), int(1))],
  "two types": (x) => {
    const [a, b] = func.foriLoop(0, 3, (_i, [a, b]) => [a.mul(2), b.add(a.to("float64"))], [
      x.to("float32"),
      x.to("float64"),
    ]);
    return [a, b];
  },
  "a loop inside": (x) => [
    func.foriLoop(0, 3, (_i, y) => func.foriLoop(0, 2, (_j, z) => z.sin(), y).mul(1.5), x),
  ],
  "a counter that is read otherwise": (x) => {
    const { k, y } = func.whileLoop(
      ({ k }) => k.mul(k).lt(30),
      ({ k, y }) => ({ k: k.add(1), y: y.mul(0.5) }),
      { k: int(0), y: x },
    );
    return [k, y];
  },
  "a counter beside another that grows by two": (x) => {
    const { k, j, y } = func.whileLoop(
      ({ j }) => j.lt(9),
      ({ k, j, y }) => ({ k: k.add(1), j: j.add(2), y: y.mul(0.5) }),
      { k: int(0), j: int(0), y: x },
    );
    return [k, j, y];
  },
};

for (const [name, run] of Object.entries(others)) {
  testWith(kernels, `a loop that is more than a Program gives the same: ${name}`, () => {
    const nodes = run(tensor([0.3, -0.8, 0.6])).map((y) => y.node);
    const [on, off] = [true, false].map((ops) => evaluate(nodes, ops));
    on.forEach((values, i) => assertClose(values, off[i], 1e-5, `result ${i}`));
  });
}

Deno.test("explain() says how many iterations a loop made", () => {
  const halve = compile((x: Tensor) =>
    func.whileLoop((x) => x.gt(1), (x) => x.div(2), x, { maxIterations: 60 })
  );
  for (const [from, times] of [[8, 3], [1, 0], [2 ** 100, 60]]) {
    halve(tensor(from)).data();
    const [step] = explain(halve).steps;
    assert(
      step.includes("up to 60 iterations") && step.endsWith(`; ${times} in the last run`),
      step,
    );
  }
});

Deno.test("loops are the same in graphs of many segments", async () => {
  const x = tensor([0.3, -0.8, 0.6], { dtype: "float64" });
  for (const [name, run] of Object.entries({ ...native, ...others })) {
    const around = (x: Tensor) => run(x.sin().mul(2).cos()).map((y) => [y, y.to("float64").exp()]);
    const nodes = around(x).flat().map((y) => y.node);
    for (const ops of kernels.met ? [true, false] : [false]) {
      const whole = evaluate(nodes, ops), parts = await inSegments(() => evaluate(nodes, ops));
      parts.forEach((values, i) => assertClose(values, whole[i], 1e-12, `${name} ${i}`));
    }
  }
});
