import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { attr } from "../../src/onnx/mod.ts";
import { BackendError, memory, Session, Storage } from "../../src/runtime/mod.ts";
import { child } from "./child.ts";
import { binary, bind, chain, float32, floats, spec } from "./models.ts";

Deno.test("Session.run() computes into the storage of its output slot", () => {
  using session = new Session(spec(binary("Add", 4)));
  const z = Storage.alloc("float32", 4);
  bind(session, floats(1, 2, 3, 4), floats(10, 20, 30, 40), z);
  session.run();
  assertEquals([...z.host()], [11, 22, 33, 44]);
});

Deno.test("Session.run() follows slots that change and data that changes", () => {
  using session = new Session(spec(binary("Sub", 2)));
  const x = floats(5, 6), z = Storage.alloc("float32", 2), other = Storage.alloc("float32", 2);
  bind(session, x, floats(1, 1), z);
  session.run();
  x.host().set([7, 8] as never);
  session.run();
  assertEquals([...z.host()], [6, 7]);
  session.bind(2, other);
  session.run();
  session.bind(0, floats(1, 1));
  session.run();
  assertEquals([...other.host()], [0, 0]);
  assertEquals([...z.host()], [6, 7]);
});

Deno.test("Session.run() writes over an input that is also the output", () => {
  using session = new Session(spec(binary("Add", 3)));
  const x = floats(1, 2, 3);
  bind(session, x, floats(1, 1, 1), x);
  for (let i = 0; i < 10; i++) session.run();
  assertEquals([...x.host()], [11, 12, 13]);
});

for (const size of [1, 3, 1024, 5000]) {
  const filled = (value: number) => Storage.from(new Float32Array(size).fill(value), "float32");

  Deno.test(`Session.run() follows ${size} elements that move at each run`, () => {
    using session = new Session(spec(binary("Sub", size)));
    const kept: Storage[] = [];
    for (let i = 0; i < 12; i++) {
      const z = Storage.alloc("float32", size);
      bind(session, filled(10 * i), filled(i), z);
      session.run();
      kept.push(z);
    }
    kept.forEach((z, i) => assertEquals(new Set([...z.host()]), new Set([9 * i])));
  });

  Deno.test(`Session.run() follows ${size} elements between two places`, () => {
    using session = new Session(spec(binary("Add", size)));
    const places = [filled(0), filled(-1)], step = filled(1);
    for (let i = 0; i < 12; i++) {
      bind(session, places[i % 2], step, places[(i + 1) % 2]);
      session.run();
      assertEquals(new Set([...places[i % 2].host()]), new Set([i]));
      assertEquals(new Set([...places[(i + 1) % 2].host()]), new Set([i + 1]));
    }
    // In one place, after all, and then elsewhere.
    bind(session, places[0], step, places[0]);
    for (let i = 0; i < 3; i++) session.run();
    assertEquals(new Set([...places[0].host()]), new Set([15]));
    const last = Storage.alloc("float32", size);
    session.bind(2, last);
    session.run();
    assertEquals(new Set([...last.host()]), new Set([16]));
    assertEquals(new Set([...places[0].host()]), new Set([15]));
  });

  Deno.test(`Session.run() writes ${size} elements only where it succeeds, wherever they lie`, () => {
    using session = new Session(spec({
      inputs: [float32("x", size), { name: "at", dtype: "int64", shape: [size] }],
      outputs: [float32("y", size)],
      nodes: [{ opType: "Gather", inputs: ["x", "at"], outputs: ["y"] }],
    }));
    const at = (value: number) =>
      Storage.from(new BigInt64Array(size).fill(BigInt(value)), "int64");
    const run = (x: Storage, index: Storage) => {
      const y = filled(-1);
      bind(session, x, index, y);
      session.run();
      return y;
    };
    for (let i = 0; i < 8; i++) {
      assertEquals(new Set([...run(filled(i), at(0)).host()]), new Set([i]));
    }
    assertThrows(() => run(filled(1), at(size)), BackendError, "Gather");
    session.slots[0] = 0;
    assertThrows(() => session.run(), BackendError, "holds no address");
    assertEquals(new Set([...run(filled(9), at(0)).host()]), new Set([9]));
  });
}

Deno.test("Session.run() takes one storage in two inputs", () => {
  using session = new Session(spec(binary("Mul", 2)));
  const x = floats(3, 4), z = Storage.alloc("float32", 2);
  bind(session, x, x, z);
  session.run();
  assertEquals([...z.host()], [9, 16]);
});

Deno.test("Session.run() handles tensors without elements", () => {
  using session = new Session(spec(binary("Add", 0, 3)));
  const empty = () => Storage.alloc("float32", 0);
  const z = empty();
  bind(session, empty(), empty(), z);
  session.run();
  assertEquals(z.host().length, 0);
});

Deno.test("Session.run() handles scalars, and sums over nothing", () => {
  const attributes = { keepdims: attr.int(0) };
  using session = new Session(spec({
    inputs: [float32("x", 0)],
    outputs: [float32("y")],
    nodes: [{ opType: "ReduceSum", inputs: ["x"], outputs: ["y"], attributes }],
  }));
  const y = floats(7);
  bind(session, Storage.alloc("float32", 0), y);
  session.run();
  assertEquals([...y.host()], [0]);
});

Deno.test("Session.run() refuses an output of another shape than the spec's", () => {
  using session = new Session({
    ...spec(binary("Add", 2)),
    outputs: [float32("z", 1, 2)],
  });
  bind(session, floats(1, 2), floats(1, 2), Storage.alloc("float32", 2));
  assertThrows(() => session.run(), BackendError, "running a session");
});

Deno.test("Session.run() carries every element type", () => {
  const cases = [
    ["float32", new Float32Array([1.5, -2])],
    ["float64", new Float64Array([1.5, -2])],
    ["float16", new Float16Array([1.5, -2])],
    ["int64", new BigInt64Array([2n ** 60n, -1n])],
    ["int32", new Int32Array([7, -1])],
    ["uint8", new Uint8Array([7, 255])],
    ["bool", new Uint8Array([1, 0])],
  ] as const;
  for (const [dtype, array] of cases) {
    const value = (name: string) => ({ name, dtype, shape: [2] });
    using session = new Session(spec({
      inputs: [value("x")],
      outputs: [value("y")],
      nodes: [{ opType: "Identity", inputs: ["x"], outputs: ["y"] }],
    }));
    const y = Storage.alloc(dtype, 2);
    bind(session, Storage.from(array.slice(), dtype), y);
    session.run();
    assertEquals(y.host() as unknown, array);
  }
});

Deno.test("Session.run() with several threads agrees with one thread", () => {
  const n = 96;
  const graph = { ...binary("MatMul", n, n) };
  const results = [1, 4].map((threads) => {
    using session = new Session(spec(graph, { threads }));
    const x = Storage.alloc("float32", n * n), z = Storage.alloc("float32", n * n);
    x.host().set(Array.from({ length: n * n }, (_, i) => Math.sin(i)) as never);
    bind(session, x, x, z);
    session.run();
    return z.host();
  });
  assertEquals(results[0], results[1]);
});

Deno.test("Session.runAsync() runs overlap, each with its own slots", async () => {
  using session = new Session(spec(chain("Neg", 31, 1000)));
  const storages = Array.from({ length: 8 }, (_, i) => {
    const x = Storage.alloc("float32", 1000), y = Storage.alloc("float32", 1000);
    x.host().fill(i as never);
    return { x, y };
  });
  for (let round = 0; round < 3; round++) {
    await Promise.all(storages.map(({ x, y }) => {
      bind(session, x, y);
      return session.runAsync([x, y]);
    }));
    storages.forEach(({ y }, i) => {
      assert(y.host().every((element) => element === -i), `run ${i}`);
      y.host().fill(99 as never);
    });
  }
});

Deno.test("Session.runAsync() leaves the event loop free", async () => {
  const n = 400;
  using session = new Session(spec(binary("MatMul", n, n)));
  const x = Storage.alloc("float32", n * n), z = Storage.alloc("float32", n * n);
  bind(session, x, x, z);
  let done = false, turns = 0;
  const run = session.runAsync().then(() => done = true);
  while (!done) {
    turns++;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  await run;
  assert(turns >= 1);
});

Deno.test("Session.runAsync() finishes a run that a dispose() overtakes", async () => {
  const session = new Session(spec(binary("Add", 2)));
  const z = Storage.alloc("float32", 2);
  bind(session, floats(1, 2), floats(3, 4), z);
  const run = session.runAsync();
  session.dispose();
  await run;
  assertEquals([...z.host()], [4, 6]);
  await assertRejects(() => session.runAsync(), BackendError, "disposed");
});

Deno.test("Session() counts in memory()", () => {
  const before = memory();
  const session = new Session(spec(binary("Add", 2)));
  bind(session, floats(1, 2), floats(3, 4), Storage.alloc("float32", 2));
  session.run();
  assertEquals(memory().sessions.created, before.sessions.created + 1);
  assertEquals(memory().sessions.alive, before.sessions.alive + 1);
  assertEquals(memory().runs, before.runs + 1);
  session.dispose();
  session.dispose();
  assertEquals(memory().sessions.alive, before.sessions.alive);
  assert(session.disposed);
});

Deno.test("Session() reports a model that ONNX Runtime refuses", () => {
  assertThrows(
    () => new Session(spec(binary("NoSuchOperator", 2))),
    BackendError,
    "creating a session of (x: float32[2], y: float32[2]) -> (z: float32[2])",
  );
  const garbage = { ...spec(binary("Add", 2)), model: new Uint8Array([1, 2, 3]) };
  assertThrows(() => new Session(garbage), BackendError, "creating a session");
  assertThrows(() => new Session({ ...garbage, model: new Uint8Array() }), BackendError);
});

Deno.test("Session.run() reports a disposed session, an unset slot and a failing node", () => {
  const session = new Session(spec(binary("Add", 2)));
  session.bind(0, floats(1, 2));
  assertThrows(() => session.run(), BackendError, '"y" holds no address');
  session.slots[1] = NaN;
  assertThrows(() => session.run(), BackendError, '"y" holds no address');
  session.dispose();
  assertThrows(() => session.run(), BackendError, "disposed");

  const index = { name: "i", dtype: "int64", shape: [1] } as const;
  using gather = new Session(spec({
    inputs: [float32("x", 2), index],
    outputs: [float32("y", 1)],
    nodes: [{ opType: "Gather", inputs: ["x", "i"], outputs: ["y"] }],
  }));
  const at = (i: bigint) => Storage.from(new BigInt64Array([i]), "int64");
  const y = Storage.alloc("float32", 1);
  bind(gather, floats(1, 2), at(5n), y);
  assertThrows(() => gather.run(), BackendError, "running a session");
  gather.bind(1, at(1n));
  gather.run();
  assertEquals([...y.host()], [2]);
});

Deno.test("Session.runAsync() rejects where a node fails or a slot is unset", async () => {
  using session = new Session(spec(binary("Add", 2)));
  await assertRejects(() => session.runAsync(), BackendError, "holds no address");
  bind(session, floats(1, 2), floats(1, 2), Storage.alloc("float32", 2));
  await session.runAsync();
});

Deno.test("Session.bind() refuses a storage of another type, another size or a freed one", () => {
  using session = new Session(spec(binary("Add", 2)));
  assertThrows(() => session.bind(0, floats(1)), BackendError, '"x" is float32[2], 2 elements');
  const doubles = Storage.alloc("float64", 2);
  assertThrows(() => session.bind(2, doubles), BackendError, "2 float64 elements");
  assertThrows(() => session.bind(3, floats(1, 2)), RangeError, "slot 3 of 3");
  const freed = floats(1, 2);
  freed.dispose();
  assertThrows(() => session.bind(0, freed), BackendError, "freed by dispose()");
});

Deno.test("Session() refuses compiled ops where they are not in use", async () => {
  const output = await child(
    `
    import { Session } from "${import.meta.resolve("../../src/runtime/mod.ts")}";
    import { binary, spec } from "${import.meta.resolve("./models.ts")}";
    try {
      new Session(spec(binary("Add", 2), { useOps: true }));
    } catch (error) {
      console.log(error.name, error.message);
    }
    `,
    { TORCHOPT_OPS: "off" },
  );
  assertStringIncludes(output, "BackendError creating a session: the graph uses the compiled ops");
  assertStringIncludes(output, "switched off by TORCHOPT_OPS=off");
});
