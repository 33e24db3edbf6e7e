/** Device "webgpu": in child processes where there is one, and what errors say where there is none. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { linux, testWith } from "../helpers/needs.ts";
import { onWebGPU, webgpu } from "../helpers/webgpu.ts";

testWith(linux, "a machine without a GPU for WebGPU is told what to install", async () => {
  const source = `
    const { available, why } = t.devices().find((d) => d.device === "webgpu");
    console.log(available, why);
    try {
      t.tensor([1], { device: "webgpu" });
    } catch (error) {
      console.log(error.name, error.message);
    }`;
  const output = await onWebGPU(source, { VK_ICD_FILENAMES: "/no/driver.json" });
  assertStringIncludes(output, "false Vulkan");
  assertStringIncludes(output, "setup_lavapipe.ts");
  assertStringIncludes(output, 'BackendError Device "webgpu" is not available.');
});

testWith(webgpu, "training on webgpu stays there and gives what the CPU gives", async () => {
  const source = `
    const train = (device) => {
      t.setDefaultDevice(device);
      const x = t.tensor([[1, 2], [3, -1], [0.5, 0]]), y = t.tensor([[1], [0], [2]]);
      let params = { w: t.tensor([[0.5], [-0.25]], { requiresGrad: true }) };
      const optimizer = new t.FuncOptimizer(t.adam({ lr: 0.1 }));
      for (let step = 0; step < 5; step++) {
        const loss = x.matmul(params.w).tanh().sub(y).square().mean();
        params = optimizer.step(loss, params);
      }
      return { on: params.w.device, w: params.w.toArray().flat() };
    };
    const off = (a, b) => Math.max(...a.w.map((v, i) => Math.abs(v - b.w[i])));
    const gpu = train("webgpu"), cpu = train("cpu");
    console.log(JSON.stringify({ on: gpu.on, off: off(gpu, cpu) }));`;
  const { on, off } = JSON.parse(await onWebGPU(source));
  assertEquals(on, "webgpu");
  assert(off < 1e-5, `${off}`);
});

testWith(
  webgpu,
  "webgpu computes truth values, whole numbers and NaN as the CPU does",
  async () => {
    const source = `
    const show = (f) => f().toArray();
    const values = (device) => {
      t.setDefaultDevice(device);
      const x = t.tensor([[1, NaN, -2.5], [0.5, -0.3, Infinity]]);
      const n = t.tensor([[3, -4, 5], [6, 7, -8]], { dtype: "int32" });
      const big = t.tensor([[3n, -4n], [7000n, -7001n]], { dtype: "int64" });
      const yes = x.gt(0);
      return [
        () => yes.transpose(0, 1).to("float32"),
        () => yes.logicalOr(x.lt(-1)).to("float32"),
        () => yes.logicalXor(n.gt(0)).to("float32"),
        () => x.isNan().to("float32"),
        () => x.round(),
        () => x.sign(),
        () => x.relu(),
        () => n.abs().neg().to("float32"),
        () => n.flip([1]).to("float32"),
        () => big.transpose(0, 1).mul(big).to("float32"),
        () => big.flip([0]).to("float32"),
        () => x.amax(1),
        () => x.argmax(1).to("float32"),
        () => x.topk(2, { dim: 1 }).values,
        () => x.tanh(),
      ].map(show);
    };
    const text = (_, v) => typeof v === "number" ? v.toPrecision(6) : v;
    console.log(JSON.stringify([values("webgpu"), values("cpu")], text));`;
    const [gpu, cpu] = JSON.parse(await onWebGPU(source));
    assertEquals(gpu, cpu);
  },
);

testWith(
  webgpu,
  "what webgpu lacks is an error that says so, and the process goes on",
  async () => {
    const source = `
    t.setDefaultDevice("webgpu");
    const attempt = (f) => {
      try {
        console.log(f().toArray());
      } catch (error) {
        console.log(error.name, error.message);
      }
    };
    attempt(() => t.tensor([1, 2], { dtype: "float64" }).mul(2));
    attempt(() => t.tensor([5, -5]).fmod(t.tensor([3])));
    attempt(() => t.tensor([2n ** 40n], { dtype: "int64" }));
    attempt(() => t.linalg.cholesky(t.tensor([[2, 0], [0, 2]])));
    attempt(() => t.tensor([1, 2]).to("float64"));
    attempt(() => t.tensor([1, 2]).mul(2));`;
    const output = await onWebGPU(source);
    assertStringIncludes(output, 'BackendError Device "webgpu" has no kernel for Mul of float64');
    assertStringIncludes(output, "no kernel for Mod of float32");
    assertStringIncludes(output, 'RangeError Device "webgpu" computes whole numbers with 32 bits');
    assertStringIncludes(output, "no kernel for Loop");
    assertStringIncludes(output, "Cast to float64");
    assertStringIncludes(output, 'to("cpu") before it and to("webgpu") after it');
    assertStringIncludes(output, "[ 2, 4 ]");
  },
);

testWith(webgpu, "memory of tensors on webgpu is used again", async () => {
  const source = `
    t.setDefaultDevice("webgpu");
    let x = t.tensor(Array.from({ length: 1000 }, (_, i) => i));
    const step = t.compile((x) => x.mul(0.5).add(1));
    for (let i = 0; i < 20; i++) x = step(x);
    const before = t.memory().devices["webgpu:0"].usedBytes;
    for (let i = 0; i < 200; i++) {
      const next = step(x);
      x.dispose();
      x = next;
    }
    console.log(JSON.stringify([before, t.memory().devices["webgpu:0"].usedBytes, x.toArray()[9]]));`;
  const [before, after, value] = JSON.parse(await onWebGPU(source));
  assert(after <= before, `${before} bytes before, ${after} after`);
  assertEquals(value, 2);
});
