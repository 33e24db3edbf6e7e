import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { BackendError, type DType, memory, Storage } from "../../src/runtime/mod.ts";
import { TRACKED_BYTES } from "../../src/runtime/counters.ts";

Deno.test("Storage.alloc() gives the typed array of each element type", () => {
  const arrays = {
    float32: Float32Array,
    float64: Float64Array,
    float16: Float16Array,
    int64: BigInt64Array,
    int32: Int32Array,
    uint8: Uint8Array,
    bool: Uint8Array,
  };
  for (const [dtype, array] of Object.entries(arrays)) {
    const storage = Storage.alloc(dtype as DType, 3);
    assertInstanceOf(storage.host(), array);
    assertEquals(storage.host().length, 3);
    assertEquals(storage.byteLength, storage.host().byteLength);
  }
});

Deno.test("Storage.alloc() refuses a length that is no count", () => {
  for (const length of [-1, 1.5, NaN, Infinity]) {
    assertThrows(() => Storage.alloc("float32", length), RangeError, `length is ${length}`);
  }
});

Deno.test("Storage.address is stable, distinct and present without elements", () => {
  const a = Storage.alloc("float32", 4), empty = Storage.alloc("float32", 0);
  assert(a.address > 0 && Number.isSafeInteger(a.address));
  assertEquals(a.address, a.address);
  assert(empty.address > 0);
  assert(a.address !== empty.address);
});

Deno.test("Storage.from() takes over an array's memory", () => {
  const array = new Float64Array([1, 2, 3]);
  const storage = Storage.from(array, "float64");
  array[1] = 7;
  assertStrictEquals(storage.host(), array);
  assertEquals([...storage.host()], [1, 7, 3]);
  const part = new Float32Array(8).subarray(2, 5);
  assertEquals(
    Storage.from(part, "float32").address,
    Storage.from(new Float32Array(part.buffer), "float32").address + 8,
  );
});

Deno.test("Storage.from() copies where the memory could shrink, or where there is none", () => {
  const buffer = new ArrayBuffer(8, { maxByteLength: 16 });
  const array = new Float32Array(buffer, 0, 2);
  array.set([1, 2]);
  const storage = Storage.from(array, "float32");
  buffer.resize(0);
  assertEquals([...storage.host()], [1, 2]);
  assert(Storage.from(new Float32Array(), "float32").address > 0);
});

Deno.test("Storage.from() takes shared memory", () => {
  const array = new Int32Array(new SharedArrayBuffer(8));
  array.set([5, 6]);
  assertEquals([...Storage.from(array, "int32").host()], [5, 6]);
});

Deno.test("Storage.from() refuses an array of another type", () => {
  assertThrows(
    () => Storage.from(new Float64Array(2), "float32"),
    TypeError,
    "got a Float64Array for float32, wanted a Float32Array",
  );
});

Deno.test("Storage.dispose() frees, and later use is an error", () => {
  using storage = Storage.alloc("float32", 4);
  storage.dispose();
  assert(storage.freed);
  assertThrows(() => storage.host(), BackendError, "freed by dispose()");
  assertThrows(() => storage.address, BackendError, "freed by dispose()");
});

Deno.test("Storage.dispose() gives large memory to the next of its size, unless it is in view", () => {
  const large = () => Storage.alloc("float32", 1 << 16);
  const first = large();
  const address = first.address;
  first.dispose();
  const second = large();
  assertEquals(second.address, address);
  const view = second.host();
  second.dispose();
  assert(large().address !== address);
  assertEquals(view.length, 1 << 16);
  const taken = Storage.from(view, "float32");
  taken.dispose();
  assert(large().address !== address);
});

Deno.test("Storage reports memory that was transferred away", () => {
  const storage = Storage.alloc("float32", 4);
  assert(storage.address > 0);
  structuredClone(storage.host(), { transfer: [storage.host().buffer as ArrayBuffer] });
  assertThrows(() => storage.address, BackendError, "transferred away");
  assertThrows(() => storage.host(), BackendError, "transferred away");
});

Deno.test("Storage counts in memory()", () => {
  const before = memory().storages;
  const small = Storage.alloc("uint8", 10);
  const large = Storage.alloc("uint8", TRACKED_BYTES);
  const after = memory().storages;
  assertEquals(after.allocated - before.allocated, 2);
  assertEquals(after.allocatedBytes - before.allocatedBytes, 10 + TRACKED_BYTES);
  assertEquals(after.live - before.live, 1);
  assertEquals(after.liveBytes - before.liveBytes, TRACKED_BYTES);
  large.dispose();
  small.dispose();
  assertEquals(memory().storages.liveBytes, before.liveBytes);
});
