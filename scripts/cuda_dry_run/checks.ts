/**
 * The checks of the dry run, by name: `deno run -A checks.ts NAME…` prints a line of JSON for each.
 * `scripts/cuda_dry_run.ts` runs them over the fake device. Values are compared where all kernels of a
 * graph are there: products of matrices, views, the compiled ops.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  BackendError,
  compile,
  devices,
  explain,
  FuncOptimizer,
  memory,
  OutOfMemoryError,
  realize,
  type Tensor,
  tensor,
} from "../../mod.ts";
import { table } from "../../tests/helpers/optimizer_table.ts";
import { counts, during, mistakes, onCuda } from "./device.ts";
import { copiesOfHostNodes } from "./copies.ts";
import { cudnnChecks } from "./cudnn_checks.ts";
import { goldenOptimizers, goldenTransforms, workload } from "./placement.ts";
import { queueChecks } from "./queue_checks.ts";

const a = () => tensor([[1, 2], [3, 4]]);
const gpus = () => devices().filter(({ device }) => device.startsWith("cuda"));

/** What a check found, in a few words. */
type Check = () => string | Promise<string>;

const checks: Record<string, Check> = {
  "devices are found, by name and number"() {
    assert(gpus().length >= 1 && gpus().every(({ available }) => available), gpus()[0].why);
    assertThrows(() => a().to("cuda:9"), BackendError, "does not exist");
    return gpus().map(({ device, name }) => `${device} ${name}`).join(", ");
  },

  "what is written is read, whatever its size"() {
    for (const n of [0, 1, 2, 3, 7, 64, 1000, 65_537]) {
      const x = tensor(Uint8Array.from({ length: n }, (_, i) => i), { dtype: "uint8" });
      const y = x.to("cuda");
      assertEquals([y.device, y.to("cpu").size], ["cuda", n]);
      assertEquals(Array.from(y.data(), Number), Array.from(x.data(), Number));
    }
    return "8 sizes";
  },

  "products are computed on the device, one after another"() {
    const x = a().to("cuda");
    assertEquals(x.matmul(x).toArray(), [[7, 10], [15, 22]]);
    const y = x.matmul(x);
    y.data();
    assertEquals(y.matmul(x).reshape(4).toArray(), [37, 54, 81, 118]);
    // ONNX Runtime copies the product in its own stream: it has to be there by then.
    const p = x.matmul(x), q = p.reshape(4);
    realize(p, q);
    assertEquals(q.toArray(), [7, 10, 15, 22]);
    // A run that reads what another one has just written, without a look in between.
    let z = x;
    for (let i = 0; i < 5; i++) realize(z = z.matmul(x));
    assertEquals(z.toArray(), [[5743, 8370], [12555, 18298]]);
    return `${counts().products} products`;
  },

  "what is written goes before the runs that follow"() {
    const f = compile((x: Tensor) => x.matmul(x));
    for (let i = 1; i <= 5; i++) {
      assertEquals(f(tensor([[i, 0], [0, i]]).to("cuda")).toArray(), [[i * i, 0], [0, i * i]]);
    }
    return "5 runs with new values";
  },

  async "kernels of our own and products use each other's results"() {
    return await onCuda(async () => {
      // Products of this size are cuBLAS's, in the same run as our kernels.
      const f = compile((x: Tensor) => x.matmul(x).mul(2).add(1).matmul(x)), n = 200;
      const x = tensor(Float32Array.from({ length: n * n }, (_, i) => i % (n + 1) === 0 ? 2 : 0))
        .reshape(n, n);
      if (!explain(f(x)).kernels.startsWith("compiled kernels")) return "no kernels here";
      // Kernels are generated while the graph already runs, from its second run on.
      for (let i = 0; i < 600; i++) {
        realize(f(x));
        if (!explain(f).kernels.includes("follow")) break;
        await new Promise((done) => setTimeout(done, 100));
      }
      const { kernels, products } = during(() => {
        for (let i = 0; i < 3; i++) {
          const wrong = f(x).data().findIndex((y, i) => y !== (i % (n + 1) === 0 ? 18 : 2));
          assertEquals(wrong, -1);
        }
      });
      assert(products === 6 && kernels - products >= 3, `${kernels} kernels, ${products} products`);
      return `${kernels - products} of our kernels in 3 runs`;
    });
  },

  async "asynchronous runs end before they are read"() {
    const x = a().to("cuda");
    const all = await Promise.all(
      [1, 2, 3].map((n) => x.matmul(x.mul(0).matmul(x)).dataAsync().then(() => n)),
    );
    assertEquals(all, [1, 2, 3]);
    const y = await x.matmul(x).dataAsync();
    assertEquals(Array.from(y, Number), [7, 10, 15, 22]);
    return "4 runs";
  },

  "tensors of several devices are refused, each has its memory"() {
    if (gpus().length < 2) return "one device only";
    const x = a().to("cuda"), y = a().to("cuda:1");
    assertThrows(() => x.matmul(y).data(), BackendError, "to one device");
    assertThrows(() => x.matmul(a()).data(), BackendError, "to one device");
    assertEquals(y.matmul(y).toArray(), [[7, 10], [15, 22]]);
    assertEquals(y.to("cuda:0").matmul(x).toArray(), [[7, 10], [15, 22]]);
    const { devices: used } = memory();
    assert(used["cuda:0"].usedBytes > 0 && used["cuda:1"].usedBytes > 0);
    return Object.entries(used).map(([name, { usedBytes }]) => `${name}: ${usedBytes}`).join(", ");
  },

  "a device without memory says so, and goes on"() {
    const x = a().to("cuda"), large: Tensor[] = [];
    const error = assertThrows(() => {
      for (let i = 0; i < 64; i++) large.push(tensor(new Float32Array(2 ** 24)).to("cuda"));
    }, OutOfMemoryError);
    assertEquals(x.matmul(x).toArray(), [[7, 10], [15, 22]]);
    const count = large.length;
    // Inside of a graph, too.
    const wide = tensor(new Float32Array(2 ** 13), { shape: [2 ** 13, 1] }).to("cuda");
    assertThrows(() => wide.matmul(wide.t()).matmul(wide).data(), OutOfMemoryError);
    large.length = 0;
    assertEquals(x.matmul(x).matmul(x).toArray(), [[37, 54], [81, 118]]);
    return `after ${count} x 64 MiB: ${error.message.slice(0, 60)}…`;
  },

  async "memory stays flat"() {
    const x = a().to("cuda");
    const step = () => realize(x.matmul(x).matmul(x));
    for (let i = 0; i < 50; i++) step();
    await new Promise((done) => setTimeout(done, 10));
    const before = counts().liveBytes;
    for (let i = 0; i < 500; i++) {
      step();
      if (i % 100 === 0) await new Promise((done) => setTimeout(done, 0));
    }
    const grown = counts().liveBytes - before;
    assert(grown < 2 ** 20, `${grown} bytes more after 500 steps`);
    return `${grown} bytes more after 500 steps`;
  },

  async "a step copies its numbers at most, and reads nothing"() {
    return await onCuda(() => {
      const w = tensor([[0.5, 1], [1, 2]]), x = a();
      const step = compile((w: Tensor, x: Tensor) => w.matmul(x).matmul(w));
      step(w, x).data();
      const quiet = during(() => {
        for (let i = 0; i < 10; i++) realize(step(w, x));
      });
      assertEquals([quiet.toDevice, quiet.toHost], [0, 0]);
      const scaled = compile((w: Tensor, rate: number) => w.matmul(w).mul(rate));
      for (const rate of [0.3, 0.31]) realize(scaled(w, rate));
      const loud = during(() => {
        for (let i = 0; i < 10; i++) realize(scaled(w, 0.4 + i / 100));
      });
      assert(loud.toDevice <= 10 && loud.toHost === 0, JSON.stringify(loud));
      return `10 steps: ${quiet.toDevice} copies; with a new number each: ${loud.toDevice} copies`;
    });
  },

  async "every optimizer makes its first steps on the device"() {
    const failed: string[] = [];
    await onCuda(() => {
      for (const { name, make, Classic, variants } of table) {
        for (const options of variants) {
          try {
            const w = tensor([[1, -2], [3, 4]], { requiresGrad: true });
            const f = new FuncOptimizer(make(options));
            let params = [w];
            for (let i = 0; i < 2; i++) params = f.step(params[0].matmul(params[0]).sum(), params);
            realize(...params);
            const v = tensor([[1, -2], [3, 4]], { requiresGrad: true });
            const classic = new Classic([v], options);
            v.matmul(v).sum().backward();
            classic.step();
            realize(v);
            assertEquals([params[0].device, v.device], ["cuda", "cuda"]);
          } catch (error) {
            failed.push(`${name} ${JSON.stringify(options)}: ${(error as Error).message}`);
          }
        }
      }
    });
    assertEquals(failed, []);
    return `${table.length} optimizers, ${
      table.reduce((n, x) => n + x.variants.length, 0)
    } settings`;
  },

  "a graph that the provider refuses is an error, and the next one runs"() {
    const x = tensor([[1, 2]]).to("cuda");
    assertThrows(() => x.matmul(x), Error);
    assertThrows(() => x.add(tensor([[1, 2]])).data(), BackendError, "to one device");
    const y = a().to("cuda");
    assertEquals(y.matmul(y).toArray(), [[7, 10], [15, 22]]);
    return "";
  },

  async "an update of a parameter in place is seen by the next run"() {
    return await onCuda(() => {
      const w = tensor([[2, 0], [0, 2]]), x = a();
      const f = compile((x: Tensor) => x.matmul(w));
      assertEquals(f(x).toArray(), [[2, 4], [6, 8]]);
      w.copy_(tensor([[3, 0], [0, 3]]));
      assertEquals(f(x).toArray(), [[3, 6], [9, 12]]);
      return "";
    });
  },

  "explain() lists the copies that a node on the host takes": copiesOfHostNodes,
  ...queueChecks,
  ...cudnnChecks,

  "golden optimizers: every node is on the device": () => onCuda(goldenOptimizers),
  "golden transforms: every node is on the device": () => onCuda(goldenTransforms),
};
for (const name of ["w1a", "w1c", "w2", "w3a", "w3b", "w4", "w5"]) {
  checks[`${name}: every node is on the device`] = () => onCuda(() => workload(name));
}

if (import.meta.main) {
  const names = Deno.args.length > 0 ? Deno.args : Object.keys(checks);
  if (names[0] === "--list") console.log(Object.keys(checks).join("\n"));
  else {
    let seen = 0;
    for (const name of names) {
      let line: { name: string; ok: boolean; found: string };
      const start = performance.now();
      try {
        line = { name, ok: true, found: await checks[name]() };
        const wrong = mistakes().slice(seen);
        seen += wrong.length;
        if (wrong.length > 0) line = { name, ok: false, found: wrong.join("; ") };
      } catch (error) {
        line = { name, ok: false, found: (error as Error).message };
      }
      const seconds = (performance.now() - start) / 1000;
      console.log(JSON.stringify({ ...line, seconds }));
    }
  }
}
