/** Memory of a device through ONNX Runtime's allocators and copies, over that of the processor. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  openOrtMemory,
  type OrtMemoryOptions,
  registerProvider,
} from "../../src/runtime/device/ort_memory.ts";
import { BackendError, OutOfMemoryError } from "../../src/runtime/mod.ts";

const open = (options: Partial<OrtMemoryOptions> = {}) =>
  openOrtMemory({ name: "Cpu", index: 0, label: "here", appendProvider() {}, ...options }).memory;

Deno.test("openOrtMemory() counts in steps of the granularity, and keeps freed blocks", () => {
  const memory = open({ granularity: 8 }), a = memory.allocate(5), b = memory.allocate(8);
  assert(a !== b);
  assertEquals([memory.usedBytes, memory.pooledBytes], [16, 0]);
  memory.free(a, 5);
  assertEquals([memory.usedBytes, memory.pooledBytes], [8, 8]);
  assertEquals(memory.allocate(7), a); // the same block again
  memory.free(a, 7);
  memory.free(b, 8);
  memory.trim();
  assertEquals([memory.usedBytes, memory.pooledBytes], [0, 0]);
});

Deno.test("openOrtMemory() keeps at most what pooledBytes says", () => {
  const memory = open({ pooledBytes: 100 });
  const blocks = [60, 60].map((size) => memory.allocate(size));
  for (const address of blocks) memory.free(address, 60);
  assert(memory.pooledBytes <= 100, `${memory.pooledBytes} bytes`);
});

Deno.test("openOrtMemory() without room says so, gives its pool back first, and goes on", () => {
  const memory = open(), freed = memory.allocate(32);
  memory.allocate(64);
  memory.free(freed, 32);
  const error = assertThrows(() => memory.allocate(2 ** 52), OutOfMemoryError);
  assert(
    error.message.startsWith(`memory: here has none for ${2 ** 52} bytes; 64 bytes are in use`),
  );
  assertEquals(memory.pooledBytes, 0);
  assert(memory.allocate(32) !== 0);
});

Deno.test("openOrtMemory() copies nothing where there is nothing, and names a copy that fails", () => {
  for (const granularity of [1, 8]) {
    const memory = open({ granularity }), address = memory.allocate(3), none = new Uint8Array(0);
    memory.write(address, none);
    memory.read(address, none);
    // ONNX Runtime's environment has no copies within the memory of the processor.
    const said = "copying to or from here";
    assertThrows(() => memory.write(address, new Uint8Array(3)), BackendError, said);
    assertThrows(() => memory.read(address, new Uint8Array(3)), BackendError, said);
  }
});

Deno.test("openOrtMemory() and registerProvider() name what ONNX Runtime does not know", () => {
  assertThrows(() => open({ name: "Quantum" }), BackendError, "describing the memory of here");
  assertThrows(
    () => registerProvider("quantum", "/nowhere/libquantum.so"),
    BackendError,
    "loading /nowhere/libquantum.so",
  );
  const append = () => {
    throw new BackendError("no such provider");
  };
  assertThrows(() => open({ appendProvider: append }), BackendError, "no such provider");
});
