/** Numbers of graphs on devices: in one block, or in one for each type and tensor. */

import { assert, assertEquals } from "@std/assert";
import { Adam, nn, ones, type Tensor } from "@torchopt/torchopt";
import { deviceNumbers } from "../../src/run/device_numbers.ts";
import { registerDriver } from "../../src/runtime/device/mod.ts";
import { type Device, type DType, DTYPES, Storage, targetOf } from "../../src/runtime/mod.ts";
import { copies, FAR, far } from "../helpers/far_device.ts";
import "../helpers/seed.ts";

registerDriver({
  ...far,
  kind: "blocks",
  names: "blocks",
  indexOf: (name) => name === "blocks" ? 0 : -1,
  // It knows no places within a block of memory, as WebGPU.
  target() {
    const target = far.target(false);
    return { ...target, offsets: false, has: (op, dtype) => target.has(op, dtype) };
  },
});
const BLOCKS = "blocks" as unknown as Device;

/** Elements that lie at an address of the far memory, which is that of this process. */
function lying(dtype: DType, address: number, length: number): number[] {
  const pointer = Deno.UnsafePointer.create(BigInt(address))!;
  const bytes = Deno.UnsafePointerView.getArrayBuffer(pointer, length * DTYPES[dtype].bytes).slice(
    0,
  );
  return Array.from(DTYPES[dtype].view(bytes, 0, length) as ArrayLike<number>, Number);
}

for (const device of [FAR, BLOCKS]) {
  Deno.test(`deviceNumbers() brings what has changed to the device ${device}, and no more`, () => {
    assertEquals(targetOf(device).offsets, device === FAR);
    const counts = new Map<DType, number>([["float32", 3], ["float64", 1], ["int64", 2]]);
    const numbers = deviceNumbers(device, counts);
    const pack = (dtype: DType) => numbers.packs.get(dtype)! as Float32Array;
    const other = (value: number) => Storage.from(Float64Array.of(value), "float64");
    let found = numbers.send([]);
    const check = (others: number[]) => {
      assertEquals(lying("float32", found.numbers.pack("float32"), 3), [...pack("float32")]);
      assertEquals(lying("float64", found.numbers.pack("float64"), 1), [...pack("float64")]);
      const whole = [...numbers.packs.get("int64")!].map(Number);
      assertEquals(lying("int64", found.numbers.pack("int64"), 2), whole);
      assertEquals(found.others.map((address) => lying("float64", address, 1)[0]), others);
    };
    check([]);
    pack("float32").set([1, 2, 3]);
    (numbers.packs.get("int64") as BigInt64Array)[1] = 7n;
    found = numbers.send([other(5), other(6)]);
    check([5, 6]);
    assertEquals(pack("float32")[2], 3);
    assertEquals(
      found.numbers.at("float32", 2) - found.numbers.pack("float32"),
      2 * DTYPES.float32.bytes,
    );
    // The same numbers again: no copy, and the same object.
    const { written } = copies, { numbers: places } = found;
    found = numbers.send([other(5), other(6)]);
    assertEquals(copies.written, written);
    assert(found.numbers === places);
    pack("float64")[0] = -1;
    found = numbers.send([other(5), other(8)]);
    check([5, 8]);
    // Another type in a place.
    found = numbers.send([Storage.from(Float32Array.of(2), "float32"), other(8)]);
    assertEquals(lying("float32", found.others[0], 1), [2]);
    assertEquals(lying("float64", found.others[1], 1), [8]);
  });
}

Deno.test("training on a device that knows no places within memory is that on the host", () => {
  const train = (net: nn.Linear, x: Tensor) => {
    const optimizer = new Adam(net.parameters(), { lr: 0.1 });
    for (let i = 1; i <= 4; i++) {
      optimizer.zeroGrad();
      net.call(x).sub(1 / i).square().mean().backward(); // another number each time
      optimizer.step();
    }
    return net.stateDict();
  };
  const host = new nn.Linear(3, 2), there = new nn.Linear(3, 2);
  there.loadStateDict(host.stateDict());
  there.to(BLOCKS);
  const wanted = train(host, ones([4, 3])), got = train(there, ones([4, 3], { device: BLOCKS }));
  for (const [name, value] of Object.entries(wanted)) {
    assertEquals(got[name].device, BLOCKS);
    assert(got[name].to("cpu").allclose(value, { atol: 1e-5 }), name);
  }
});
