/** Tensors on a device whose memory is not that of JavaScript. */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  acceleratedOpAvailable,
  Adam,
  adam,
  applyUpdates,
  autograd,
  BackendError,
  bernoulli,
  checkpoint,
  compile,
  devices,
  explain,
  full,
  func,
  FuncOptimizer,
  memory,
  MetaAdam,
  nn,
  noGrad,
  realize,
  setDefaultDevice,
  type Tensor,
  tensor,
  zeros,
} from "../../mod.ts";
import { copies, FAR, FARTHER } from "../helpers/far_device.ts";
import { inSegments } from "../helpers/in_segments.ts";
import { settle } from "../helpers/settle.ts";

/** Runs with another default device. */
async function on<T>(device: typeof FAR, run: () => T | Promise<T>): Promise<T> {
  setDefaultDevice(device);
  try {
    return await run();
  } finally {
    setDefaultDevice("cpu");
  }
}

Deno.test("a driver that is added is a device like the others", () => {
  assertEquals(devices().at(-1)!.device, FAR);
  assertThrows(() => tensor(1).to("near" as typeof FAR), RangeError, "far:<index>");
  assert(!acceleratedOpAvailable(FAR));
});

Deno.test("values are computed on the device of their operands, and read from there", async () => {
  const x = tensor([1, 2, 3]).to(FAR), read = copies.read;
  const y = x.mul(2).add(1).matmul(x);
  assertEquals([x.device, y.device], [FAR, FAR]);
  assertEquals(y.item(), 34);
  assertEquals(copies.read, read + 1);
  assertEquals(Array.from(await x.exp().log().round().dataAsync() as Float32Array), [1, 2, 3]);
  assertEquals(y.cpu().device, "cpu");
  assertEquals(x.to(FARTHER).add(1).to("cpu").toArray(), [2, 3, 4]);
});

Deno.test("tensors of several devices are refused, numbers of the host are not", async () => {
  const x = tensor([1, 2]).to(FAR), half = tensor(0.5);
  assertThrows(() => x.add(tensor([1, 2])).data(), BackendError, `on ${FAR} and on cpu`);
  assertThrows(() => x.add(x.to(FARTHER)).data(), BackendError, "to one device");
  for (const y of [x.mul(half), half.mul(x)]) {
    assertEquals([y.device, ...y.toArray() as number[]], [FAR, 0.5, 1]);
  }
  assertEquals(Array.from(await half.mul(x).dataAsync() as Float32Array), [0.5, 1]);
});

Deno.test("values of several devices are computed at once, each where it belongs", async () => {
  const make = () => [
    tensor([1, 2]).to(FAR).mul(3),
    tensor([1, 2]).mul(4),
    zeros([2]),
    tensor([1, 2]).to(FARTHER).neg().abs(),
  ];
  const want = [[FAR, 3, 6], ["cpu", 4, 8], ["cpu", 0, 0], [FARTHER, 1, 2]];
  const given = (xs: Tensor[]) => xs.map((x) => [x.device, ...x.toArray() as number[]]);
  const now = make();
  realize(now);
  assertEquals(given(now), want);
  const later = make();
  await Promise.all(later.map((x) => x.dataAsync()));
  assertEquals(given(later), want);
});

Deno.test("explain() describes the device of a tensor", () => {
  const far = tensor([1, 2]).to(FAR).mul(3), near = tensor([1, 2]).mul(3);
  assertEquals([explain(far).device, explain(near).device], [FAR, "cpu"]);
  assert(String(explain(far)).includes(`on ${FAR}`));
  assert(/none are compiled for far/.test(explain(far).kernels));
  far.data();
  assertEquals(explain(far).device, FAR);
});

Deno.test("explain() lists the copies between devices", () => {
  const near = compile((x: Tensor, rate: number) => x.mul(rate)), x = tensor([1, 2]);
  for (const rate of [0.5, 0.25]) near(x, rate).data();
  assertEquals(explain(near).copies, []);
  const far = compile((x: Tensor, rate: number, y: Tensor) => x.mul(rate).add(y));
  for (const rate of [0.5, 0.25]) far(x.to(FAR), rate, tensor(3)).data();
  const { copies: listed } = explain(far);
  assertEquals(listed.map((line) => line.replace(/,.*/, "")), [
    `numbers (1 of float32) to ${FAR}`,
    `1 tensor(s) of one element to ${FAR}`,
  ]);
  assert(String(explain(far)).includes("2 copies between devices"));
  assertEquals(explain(x.to(FAR).sub(tensor(3))).copies, listed.slice(1));
  assertEquals(explain(x.to(FAR).neg()).copies, []);
});

const loss = (w: Tensor, x: Tensor) => x.matmul(w).sub(1).square().mean();

/** Losses of training in several ways; they are the same on every device. */
const trainings: Record<string, () => number[]> = {
  "a classic optimizer"() {
    const w = full([4, 2], 0.5, { requiresGrad: true }), x = full([3, 4], 0.25);
    const optimizer = new Adam([w], { lr: 0.1 });
    return Array.from({ length: 4 }, () => {
      const l = loss(w, x);
      optimizer.zeroGrad();
      l.backward();
      optimizer.step();
      return l.item();
    });
  },
  "a functional optimizer"() {
    const x = full([3, 4], 0.25), optimizer = adam({ lr: 0.1 });
    let w = full([4, 2], 0.5, { requiresGrad: true }), state = optimizer.init([w]);
    return Array.from({ length: 4 }, () => {
      const l = loss(w, x), [g] = autograd.grad(l, [w]);
      const [updates, next] = optimizer.update([g!], state, { params: [w], inplace: false });
      [w] = applyUpdates([w], updates as Tensor[], { inplace: false });
      state = next;
      return l.item();
    });
  },
  FuncOptimizer() {
    const x = full([3, 4], 0.25), optimizer = new FuncOptimizer(adam({ lr: 0.1 }));
    let params = [full([4, 2], 0.5, { requiresGrad: true })];
    return Array.from({ length: 4 }, () => {
      const l = loss(params[0], x);
      params = optimizer.step(l, params);
      return l.item();
    });
  },
  MetaAdam() {
    const net = new nn.Linear(4, 2), x = full([3, 4], 0.25);
    noGrad(() => {
      net.weight.fill_(0.5);
      net.bias!.fill_(0);
    });
    const optimizer = new MetaAdam(net, { lr: 0.1 });
    return Array.from({ length: 3 }, () => {
      const l = net.forward(x).sub(1).square().mean();
      optimizer.step(l);
      return l.item();
    });
  },
  "a compiled step"() {
    const w = full([4, 2], 0.5, { requiresGrad: true }), x = full([3, 4], 0.25);
    const optimizer = new Adam([w], { lr: 0.1 });
    const step = compile((x: Tensor) => {
      const l = loss(w, x);
      optimizer.zeroGrad();
      l.backward();
      optimizer.step();
      return l;
    });
    return Array.from({ length: 4 }, () => step(x).item());
  },
};

for (const [name, train] of Object.entries(trainings)) {
  Deno.test(`training with ${name} gives on a device what it gives on the host`, async () => {
    const want = train();
    const check = (got: number[]) => got.forEach((l, i) => assertAlmostEquals(l, want[i], 1e-5));
    check(await on(FAR, train));
    check(await on(FAR, () => inSegments(train)));
  });
}

Deno.test("a module that was moved trains on its device, whatever the default is", () => {
  const net = new nn.Sequential(
    new nn.Linear(4, 8),
    new nn.BatchNorm1d(8),
    new nn.ReLU(),
    new nn.Dropout(0.2),
    new nn.Linear(8, 3),
  ).to(FAR);
  const optimizer = new Adam([...net.parameters()], { lr: 0.05 });
  const x = tensor([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]]).to(FAR);
  const y = tensor([0, 1, 2], { dtype: "int64" }).to(FAR);
  const step = (x: Tensor, y: Tensor) => {
    const l = nn.functional.crossEntropy(net.forward(x), y);
    optimizer.zeroGrad();
    l.backward();
    optimizer.step();
    return l;
  };
  const first = step(x, y), compiled = compile(step);
  let last = first;
  for (let i = 0; i < 30; i++) last = compiled(x, y);
  assertEquals([first.device, last.device], [FAR, FAR]);
  assert(last.item() < first.item());
});

Deno.test("values that wait, stand-ins and random numbers know their device", () => {
  const x = full([2, 3], 0.5).to(FAR);
  // The first operand of some of these reads no tensor at all.
  for (const y of [zeros([2, 3]).add(x), full([3], 1).mul(2).add(x.sin()), bernoulli(x)]) {
    assertEquals(y.device, FAR);
    y.data();
    assertEquals(y.device, FAR);
  }
  const w = full([3], 1).to(FAR).requiresGrad_(), seen: string[] = [];
  checkpoint((w: Tensor) => {
    seen.push(w.device);
    return w.exp().sum();
  })(w).backward();
  compile((x: Tensor) => {
    seen.push(x.device);
    return nn.functional.dropout(x, { p: 0.5 }).sum();
  })(x);
  assertEquals([...seen, w.grad!.device], seen.map(() => FAR).concat(FAR));
});

Deno.test("a compiled function runs on the device of its arguments", () => {
  const f = compile((x: Tensor) => x.mul(2).sum());
  const grad = func.grad(f);
  for (const device of [FAR, "cpu", FARTHER] as const) {
    const y = f(tensor([1, 2]).to(device));
    assertEquals([y.device, y.item()], [device, 6]);
    assertEquals(grad(tensor([1, 2]).to(device)).toArray(), [2, 2]);
  }
});

Deno.test("memory of a device goes back, and an updated tensor is read anew", async () => {
  const x = full([64, 64], 1).to(FAR);
  const before = await settle();
  for (let i = 0; i < 20; i++) x.mul_(1.5).data();
  assertAlmostEquals((x.data() as Float32Array)[0], 1.5 ** 20, 1e-1);
  const after = await settle();
  assertEquals(after.liveBytes, before.liveBytes);
  assertEquals(memory().inFlight, 0);
  const used = memory().devices["far:0"].usedBytes;
  const more = full([64, 64], 2).to(FAR);
  assertEquals(memory().devices["far:0"].usedBytes, used + 64 * 64 * 4);
  more.data();
});
