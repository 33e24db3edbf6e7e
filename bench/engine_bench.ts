/**
 * Overheads of the engine: `deno bench -A bench/engine_bench.ts`.
 *
 * @module
 */

import { Adam, compile, nn, pytree, rand, type Tensor, tensor } from "@torchopt/torchopt";
import { clearExecutables } from "../src/run/executable_cache.ts";
import { walk } from "../src/lower/walk.ts";
import { attr, DEFAULT_OPSETS, encodeModel, IR_VERSION } from "../src/onnx/mod.ts";

const x = tensor([1, 2, 3, 4]);

/** A chain of `n` operations on four floats. */
function chain(n: number): Tensor {
  let y = x;
  for (let i = 0; i < n; i++) {
    y = i % 3 === 0 ? y.mul(0.99 + i * 1e-5) : i % 3 === 1 ? y.add(x) : y.tanh();
  }
  return y;
}

const one = compile((a: Tensor) => a.mul(a));
Deno.bench("compiled function of 1 node, 4 floats", { group: "call" }, () => {
  one(x);
});
Deno.bench("re-traced single operation, with read", { group: "call" }, () => {
  x.mul(x).data();
});
Deno.bench("re-traced chain of 100 operations, with read", { group: "call" }, () => {
  chain(100).data();
});

const net = new nn.Sequential(new nn.Linear(16, 64), new nn.ReLU(), new nn.Linear(64, 1));
const optimizer = new Adam(net.parameters(), { lr: 1e-3 });
const inputs = rand([32, 16]), wanted = rand([32, 1]);
Deno.bench("eager step of Adam, net 16-64-1, with read", { group: "call" }, () => {
  optimizer.zeroGrad();
  const loss = (net.forward(inputs) as Tensor).sub(wanted).square().mean();
  loss.backward();
  optimizer.step();
  loss.item();
});

// A tensor that is made outside of recording computes chains over 400 by itself; recorded ones stay.
const recorded = tensor([1, 2, 3, 4], { requiresGrad: true });
function recordedChain(n: number): Tensor {
  let y = recorded;
  for (let i = 0; i < n; i++) y = i % 2 === 0 ? y.mul(0.99 + i * 1e-5) : y.add(recorded);
  return y;
}
const long = recordedChain(4000);
Deno.bench("tracing 4 000 operations", { group: "graph" }, () => {
  recordedChain(4000);
});
Deno.bench("keying a graph of 4 000 operations", { group: "graph" }, () => {
  walk([long.node]);
});

const wide = recordedChain(1000);
Deno.bench(
  "lowering and session of 1 000 operations, and first run",
  { group: "compile", n: 20 },
  () => {
    clearExecutables();
    wide.mul(1.5).detach().data();
  },
);

const tree = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [
  `layer${i}`,
  Object.fromEntries(Array.from({ length: 17 }, (_, k) => [`p${k}`, i * 17 + k])),
]));
const { leaves, def } = pytree.treeFlatten(tree);
Deno.bench("flatten 1 700 leaves", { group: "pytree" }, () => {
  pytree.treeFlatten(tree);
});
Deno.bench("unflatten 1 700 leaves", { group: "pytree" }, () => {
  pytree.treeUnflatten(def, leaves);
});

const million = rand([1_000_000]), runningSum = compile((x: Tensor) => x.cumsum(0));
million.data();
Deno.bench("running sum of a million numbers", { group: "kernels" }, () => {
  runningSum(million).data();
});

const nodes = Array.from({ length: 1000 }, (_, i) => ({
  opType: "Gemm",
  inputs: [`v${i}`, "w", "b"],
  outputs: [`v${i + 1}`],
  attributes: { transB: attr.int(1), alpha: attr.float(0.5) },
}));
Deno.bench("writing a model of 1 000 nodes", { group: "onnx" }, () => {
  const graph = { name: "g", nodes, inputs: [], outputs: [] };
  encodeModel({ irVersion: IR_VERSION, opsets: DEFAULT_OPSETS, graph });
});

const first =
  `import { tensor } from ${JSON.stringify(new URL("../mod.ts", import.meta.url).href)};` +
  `tensor([1, 2]).mul(3).data();`;
Deno.bench("process start to first value", { group: "start", n: 5 }, () => {
  const { success } = new Deno.Command(Deno.execPath(), {
    args: ["eval", `--config=${new URL("../deno.json", import.meta.url).pathname}`, first],
  }).outputSync();
  if (!success) throw new Error("the program failed");
});
