import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  BackendError,
  type DType,
  DTYPES,
  memory,
  Session,
  Storage,
} from "../../src/runtime/mod.ts";
import { binary, bind, floats, spec } from "./models.ts";
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

Deno.test("Storage.forResult() gives small values places that do not overlap", () => {
  const sizes = [0, 1, 3, 4, 5, 8, 16, 17, 100, 128, 129, 256, 257];
  const storages = [...sizes, ...sizes, ...sizes].map((n) =>
    Storage.forResult("float32", n, "cpu")
  );
  const places = storages.map((s) => ({ from: s.address, to: s.address + s.byteLength }));
  places.sort((a, b) => a.from - b.from);
  for (let i = 1; i < places.length; i++) assert(places[i - 1].to <= places[i].from, `place ${i}`);
});

for (const dtype of Object.keys(DTYPES) as DType[]) {
  for (const length of [1, 16, 17, 100]) {
    Deno.test(`Storage.host() of ${length} ${dtype} results shows what lies there, alone`, () => {
      using session = new Session(spec({
        inputs: [{ name: "x", dtype, shape: [length] }],
        outputs: [{ name: "y", dtype, shape: [length] }],
        nodes: [{ opType: "Identity", inputs: ["x"], outputs: ["y"] }],
      }));
      const x = Storage.alloc(dtype, length), results: Storage[] = [];
      const [zero, one] = dtype === "int64" ? [0n, 1n] : [0, 1];
      for (let i = 0; i < 20; i++) {
        const y = Storage.forResult(dtype, length, "cpu");
        x.host().fill((i % 2 ? one : zero) as never);
        bind(session, x, y);
        session.run();
        results.push(y);
      }
      const first = results[1].host();
      assertEquals(first.buffer.byteLength, first.byteLength);
      assertStrictEquals(results[1].host(), first);
      structuredClone(first, { transfer: [first.buffer as ArrayBuffer] });
      assertThrows(() => results[1].host(), BackendError, "transferred away");
      results.forEach((y, i) => {
        if (i !== 1) assertEquals([...y.host()].map(Number), Array(length).fill(i % 2));
      });
    });
  }
}

Deno.test("Storage.address of a small result is that of the array that was handed out", () => {
  using session = new Session(spec(binary("Add", 2)));
  const x = Storage.forResult("float32", 2, "cpu"), one = floats(1, 1);
  bind(session, one, one, x);
  session.run();
  const array = x.host();
  bind(session, x, one, x);
  session.run();
  assertEquals([...array], [3, 3]);
  assertStrictEquals(x.host(), array);
});

Deno.test("Storage.forResult() is freed as others are", () => {
  const storage = Storage.forResult("float32", 2, "cpu");
  storage.dispose();
  assertThrows(() => storage.address, BackendError, "was freed");
  assertThrows(() => storage.host(), BackendError, "was freed");
});
