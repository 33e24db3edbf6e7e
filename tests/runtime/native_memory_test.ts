import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { nn, randn, realize, realizeAsync, SGD, shutdown, tensor } from "../../mod.ts";
import { memory, Storage } from "../../src/runtime/mod.ts";
import { NativeMemory } from "../../src/runtime/native_memory.ts";
import { RunMemory } from "../../src/runtime/run_memory.ts";
import { assertClose } from "../helpers/close.ts";
import "../helpers/seed.ts";

const LARGE = 10_000;

function counting(n: number): Storage {
  return Storage.from(Float32Array.from({ length: n }, (_, i) => i), "float32");
}

Deno.test("NativeMemory goes back when its last user releases it", () => {
  const first = NativeMemory.allocate(123_456);
  first.bytes.fill(7);
  first.retain().release();
  assert(NativeMemory.allocate(123_456).address !== first.address);
  first.release();
  const next = NativeMemory.allocate(123_456);
  assertEquals(next.address, first.address);
  next.release();
});

Deno.test("Storage.leaveHeap() keeps the elements, and arrays that were given out", () => {
  const storage = counting(LARGE), array = storage.host(), before = storage.address;
  const outside = storage.leaveHeap();
  assertStrictEquals(storage.leaveHeap(), outside);
  assertEquals(storage.address, outside.address);
  assert(storage.address !== before);
  assertStrictEquals(storage.host(), array);
  // A run has written.
  new Float32Array(outside.bytes.buffer, 0, LARGE).fill(5);
  storage.version++;
  assertEquals(array[LARGE - 1], LARGE - 1);
  assertEquals(storage.host()[LARGE - 1], 5);
});

Deno.test("Storage.host() of memory outside the heap gives a copy that may be transferred away", () => {
  const storage = counting(LARGE);
  storage.leaveHeap();
  const array = storage.host();
  structuredClone(array, { transfer: [array.buffer as ArrayBuffer] });
  assertEquals(array.length, 0);
  assertEquals(storage.host()[LARGE - 1], LARGE - 1);
});

Deno.test("Storage.dispose() gives memory outside the heap to the next run", () => {
  const storage = counting(LARGE), { address } = storage.leaveHeap();
  storage.dispose();
  assert(storage.freed);
  const next = NativeMemory.allocate(4 * LARGE);
  assertEquals(next.address, address);
  next.release();
});

Deno.test("RunMemory holds values of any size apart from each other, and gives results on", () => {
  for (const n of [0, 1, 3, 64, 8191, 8192, LARGE]) {
    const x = counting(n), y = Storage.alloc("float32", n), z = Storage.alloc("float64", n);
    const numbers = Float64Array.of(1, 2, 3);
    const all = new RunMemory([x.byteLength, y.byteLength, z.byteLength, numbers.byteLength]);
    const places = [
      [all.input(x), x.byteLength],
      [all.output(y), y.byteLength],
      [all.copy(numbers), numbers.byteLength],
      [all.output(z), z.byteLength],
    ].toSorted((a, b) => a[0] - b[0]);
    for (let i = 1; i < places.length; i++) {
      assert(places[i - 1][0] + Math.max(1, places[i - 1][1]) <= places[i][0]);
    }
    const kept = x.leaveHeap().bytes.slice(0, x.byteLength);
    assertEquals(new Float32Array(kept.buffer), x.host());
    all.finish();
    all.release();
    assertEquals([y.host().length, z.host().length], [n, n]);
  }
});

Deno.test("shutdown() takes values back to the JavaScript heap, and they stay as they are", async () => {
  const storage = counting(LARGE), gone = counting(LARGE);
  const outside = storage.leaveHeap().address;
  gone.leaveHeap();
  gone.dispose();
  storage.version++;
  assert(memory().storages.pooledBytes > 0);
  await shutdown();
  assert(storage.address !== outside);
  assertEquals(storage.host(), counting(LARGE).host());
  const x = randn([100, 100]), y = x.mul(2);
  await realizeAsync(y);
  const before = y.data().slice();
  await shutdown();
  assertEquals(y.data(), before);
  await realizeAsync(y.add(x));
});

Deno.test("realizeAsync() and synchronous runs read and overwrite the same values", async () => {
  const n = 200;
  const x = randn([n, n], { requiresGrad: true });
  const start = x.data().slice() as Float32Array;
  const net = { w: x };
  const optimizer = new SGD([net.w], { lr: 1 });
  const y = x.mul(2);
  await realizeAsync(y);
  for (let step = 1; step <= 3; step++) {
    x.sum().backward();
    optimizer.step();
    optimizer.zeroGrad();
    const doubled = x.mul(2);
    const running = realizeAsync(doubled);
    // Overwrites the parameter that the run under way is reading, or goes beside it.
    x.mul(0).sum().backward();
    optimizer.step();
    optimizer.zeroGrad();
    await running;
    const expected = start.map((v) => 2 * (v - step));
    assertClose(doubled, expected, 1e-6, `${step}`);
  }
  assertEquals(y.data()[7], 2 * start[7]);
});

Deno.test("realizeAsync() keeps the memory of a loop flat", async () => {
  const layer = new nn.Linear(256, 256), inputs = randn([256, 256]);
  let x = inputs;
  const step = async () => {
    x = layer.call(x).tanh().detach();
    await realizeAsync(x);
  };
  const live = async () => {
    for (let i = 0; i < 100; i++) await step();
    // Lets the collector report what it found dead.
    await new Promise((resolve) => setTimeout(resolve, 0));
    return memory().storages;
  };
  await live();
  for (let i = 0; i < 5; i++) {
    const { liveBytes, pooledBytes } = await live();
    assert(liveBytes + pooledBytes < 600e6, `${liveBytes} bytes live, ${pooledBytes} pooled`);
  }
});

Deno.test("realizeAsync() takes whole numbers, truth values and tensors without elements", async () => {
  const i = tensor([1, 2, 3], { dtype: "int64" }).mul(2), b = tensor([1, 0]).gt(0);
  const none = tensor([]).add(1), nothing = randn([3, 0]).matmul(randn([0, 2]));
  await realizeAsync(i, b, none, nothing);
  assertEquals([i.toArray(), b.toArray(), none.toArray()], [[2, 4, 6], [true, false], []]);
  assertEquals(nothing.toArray(), [[0, 0], [0, 0], [0, 0]]);
  realize(i.add(1));
});
