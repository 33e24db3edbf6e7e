/** A device whose kernels are compiled in the background: plain graphs run until they are there. */

import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { adam, compile, type Device, explain, func, FuncOptimizer, tensor } from "../../mod.ts";
import { cpu } from "../../src/runtime/device/cpu.ts";
import { registerDriver } from "../../src/runtime/device/mod.ts";
import { BackendError, type PendingKernels, type ProgramNode } from "../../src/runtime/mod.ts";
import { kernels, testWith } from "../helpers/needs.ts";

/** What the device's compiler does. */
const compiler = {
  state: "compiling" as ReturnType<PendingKernels["state"]>,
  refusesLoops: false,
  begun: [] as ProgramNode[],
  released: 0,
};

// The kernels of the CPU stand for generated ones.
registerDriver({
  ...cpu,
  kind: "later",
  names: "later",
  indexOf: (name) => name === "later" ? 0 : -1,
  find: () => [{ device: "later", available: true, name: "the processor" }],
  target: () => cpu.target(false),
  generator: {
    target: (loops) => ({
      ...cpu.target(false),
      has: (op, dtype) =>
        cpu.target(op === "torchopt.Program" || (op === "torchopt.Loop" && loops)).has(op, dtype),
    }),
    begin(_, node) {
      if (node.layout !== undefined && compiler.refusesLoops) throw new BackendError("too large");
      compiler.begun.push(node);
      return {
        state: () => compiler.state,
        error: () => "no compiler",
        release: () => compiler.released++,
      };
    },
  },
});
const LATER = "later" as string as Device;

function reset(changes: Partial<typeof compiler> = {}): void {
  Object.assign(
    compiler,
    { state: "compiling", refusesLoops: false, begun: [], released: 0 },
    changes,
  );
}

testWith(
  kernels,
  "a graph runs without generated kernels until they are ready, then with them",
  () => {
    reset();
    const f = compile((x: ReturnType<typeof tensor>) => x.mul(2).tanh().add(1).sum());
    const x = tensor([0.1, 0.2, 0.3], { device: LATER });
    const before = f(x).item();
    assert(!/Program/.test(explain(f).toString()));
    assertMatch(explain(f).kernels, /generated ones follow$/);
    // What runs once is not worth compiling.
    assertEquals(compiler.begun.length, 0);
    f(x);
    assertEquals(compiler.begun.length, 1);
    compiler.state = "ready";
    assertAlmostEquals(f(x).item(), before, 1e-6);
    assertMatch(explain(f).toString(), /Program float32: 4 operations/);
    assert(!/generated/.test(explain(f).kernels));
    assertEquals(compiler.released, 1);
    assertAlmostEquals(f(x.add(0)).item(), before, 1e-6);
  },
);

testWith(kernels, "steps of an optimizer go on through the change, awaited ones too", async () => {
  const run = async (device: Device) => {
    reset();
    const optimizer = new FuncOptimizer(adam({ lr: 0.1 }));
    let w = { a: tensor([1, -2, 3], { device, requiresGrad: true }) };
    for (let i = 0; i < 6; i++) {
      if (i === 3) compiler.state = "ready";
      w = optimizer.step(w.a.square().mul(w.a.sin()).sum(), w);
      if (i % 2 === 1) await w.a.dataAsync();
    }
    return w.a.toArray() as number[];
  };
  const there = await run(LATER);
  (await run("cpu")).forEach((x, i) => assertAlmostEquals(there[i], x, 1e-5));
});

testWith(
  kernels,
  "kernels that cannot be compiled leave the graph as it is, and say so once",
  () => {
    reset({ state: "failed" });
    const warn = console.warn, said: string[] = [];
    console.warn = (line: string) => said.push(line);
    try {
      const f = compile((x: ReturnType<typeof tensor>) => x.exp().mul(3).sub(x));
      const x = tensor([0, 1], { device: LATER });
      for (let i = 0; i < 3; i++) assertAlmostEquals((f(x).toArray() as number[])[0], 3, 1e-6);
      assert(!/Program/.test(explain(f).toString()));
    } finally {
      console.warn = warn;
    }
    assertEquals(said.length, 1);
    assertMatch(said[0], /no compiler\. Graphs of ONNX's operators run/);
  },
);

testWith(
  kernels,
  "a loop that can have no kernel stays a graph, beside kernels for the rest",
  () => {
    const loop = compile((x: ReturnType<typeof tensor>) =>
      func.foriLoop(0, 4, (_, y) => y.mul(0.5).add(1).sin(), x.mul(2).exp())
    );
    for (const refusesLoops of [false, true]) {
      reset({ refusesLoops, state: "ready" });
      // Another size is another graph.
      const x = tensor(refusesLoops ? [0.1, 0.2] : [0.1], { device: LATER });
      loop(x);
      const wanted = loop(x.to("cpu")).toArray() as number[];
      (loop(x).toArray() as number[]).forEach((y, i) => assertAlmostEquals(y, wanted[i], 1e-6));
      assertEquals(compiler.begun.some(({ layout }) => layout !== undefined), !refusesLoops);
      assert(compiler.begun.length > 0);
    }
  },
);
