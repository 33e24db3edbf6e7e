/**
 * A device of which JavaScript cannot read the memory, on every machine: ONNX Runtime's CPU kernels on
 * memory outside of the JavaScript heap. What tensors do on it, they do on a GPU.
 */

import { cpu } from "../../src/runtime/device/cpu.ts";
import type { DeviceMemory, Driver } from "../../src/runtime/device/driver.ts";
import { registerDriver } from "../../src/runtime/device/mod.ts";
import { environment } from "../../src/runtime/env.ts";
import type { Device } from "../../src/runtime/mod.ts";
import { NativeMemory } from "../../src/runtime/native_memory.ts";

/** Copies between the device and the host so far, and sessions made for the device. */
export const copies = { read: 0, written: 0, sessions: 0 };

function memory(): DeviceMemory {
  const blocks = new Map<number, NativeMemory>();
  // Addresses are numbers; a block that nothing else holds must stay.
  const at = (address: number) => blocks.get(address)!.bytes;
  return {
    get usedBytes() {
      return [...blocks.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
    },
    pooledBytes: 0,
    trim() {},
    allocate(bytes) {
      const block = NativeMemory.allocate(bytes);
      blocks.set(block.address, block);
      return block.address;
    },
    free(address) {
      blocks.get(address)!.release();
      blocks.delete(address);
    },
    read(address, into) {
      copies.read++;
      into.set(at(address).subarray(0, into.length));
    },
    write(address, from) {
      copies.written++;
      at(address).set(from);
    },
  };
}

/** The driver. */
export const far: Driver = {
  kind: "far",
  names: "far, far:<index>",
  indexOf: (name) => name === "far" ? 0 : Number(/^far:(\d)$/.exec(name)?.[1] ?? -1),
  find: () => [{ device: "far", available: true, name: "memory outside of the heap" }],
  open: () => ({
    label: "memory outside of the heap",
    info: environment().hostMemory,
    memory: memory(),
    appendProvider() {
      copies.sessions++;
    },
  }),
  onHost: false,
  synchronous: true,
  rebindsInputs: true,
  refusesHostNodes: false,
  compiledOps: false,
  target: () => cpu.target(false),
};

registerDriver(far);

/** Two such devices. */
export const [FAR, FARTHER] = ["far", "far:1"] as unknown[] as Device[];
