import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  BackendError,
  type Device,
  devices,
  driverOf,
  isDevice,
  opsLibrary,
  sameDevice,
  Session,
  Storage,
} from "../../src/runtime/mod.ts";
import { testWith } from "../helpers/needs.ts";
import { child } from "./child.ts";
import { binary, bind, floats, spec } from "./models.ts";

const available = devices().some((device) => device.device.startsWith("cuda") && device.available);

Deno.test("devices() lists the CPU, CUDA and the state of the compiled ops", () => {
  const [cpu, cuda] = devices();
  assertEquals(cpu.device, "cpu");
  assertEquals(cpu.available, true);
  assertEquals(cpu.ops, opsLibrary());
  assertEquals(cuda.available, available);
  assertEquals(cuda.why === undefined, available);
  assertEquals(cpu.note, undefined);
  assertStringIncludes(cuda.note!, "not run on a GPU");
});

Deno.test("driverOf() reads device names", () => {
  const indices = ["cpu", "cuda", "cuda:3"].map((name) => driverOf(name as Device).indexOf(name));
  assertEquals(indices, [0, 0, 3]);
  assert(
    sameDevice("cuda", "cuda:0") && !sameDevice("cuda", "cuda:1") && !sameDevice("cpu", "cuda"),
  );
  for (const name of ["gpu", "cuda:", "cuda:-1", "cuda:x"]) {
    assert(!isDevice(name));
    assertThrows(() => driverOf(name as Device), RangeError, `"${name}" is no device`);
  }
});

Deno.test("a missing device says what is missing and how to install it", async () => {
  // A folder without a provider, so that the answer is the same on a machine with a GPU.
  const output = await child(
    `
    import { Storage } from "${import.meta.resolve("../../src/runtime/mod.ts")}";
    import { findCuda } from "${import.meta.resolve("../../src/runtime/device/cuda_find.ts")}";
    console.log(findCuda("/no/such/folder").missing.join("\\n"));
    try {
      Storage.alloc("float32", 4, "cuda");
      console.log("available");
    } catch (error) {
      console.log(error.name, error.message);
    }
    `,
    { TORCHOPT_CUDA_PROVIDER: "" },
  );
  assertStringIncludes(output, "onnxruntime_providers_cuda");
  assertStringIncludes(output, "is not in /no/such/folder");
  assertStringIncludes(output, "--allow-scripts=npm:onnxruntime-node");
  assertStringIncludes(output, "TORCHOPT_CUDA_PROVIDER");
  assertStringIncludes(output, available ? "available" : 'BackendError Device "cuda" is not');
});

const gpu = { met: available, why: "there is no GPU" };

testWith(
  { met: !available, why: "there is a GPU" },
  "Session and Storage on cuda say why not",
  () => {
    const message = 'Device "cuda" is not available.';
    assertThrows(() => Storage.alloc("float32", 4, "cuda"), BackendError, message);
    assertThrows(() => Storage.from(new Float32Array(4), "float32", "cuda:1"), BackendError);
    assertThrows(
      () => new Session(spec(binary("Add", 2), { device: "cuda" })),
      BackendError,
      message,
    );
  },
);

testWith(gpu, "Session and Storage on cuda compute there", () => {
  using session = new Session(spec(binary("Add", 2), { device: "cuda" }));
  const onDevice = (...elements: number[]) =>
    Storage.from(new Float32Array(elements), "float32", "cuda");
  const z = onDevice(0, 0);
  bind(session, onDevice(1, 2), onDevice(3, 4), z);
  session.run();
  assertEquals([...z.host()], [4, 6]);
  session.bind(1, z);
  session.run();
  z.version++;
  assertEquals([...z.host()], [5, 8]);
  assertThrows(() => session.bind(0, floats(1, 2)), BackendError, "cuda");
});
