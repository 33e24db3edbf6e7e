import { assert, assertEquals, assertThrows } from "@std/assert";
import { BackendError, memory, Session, shutdown, Storage } from "../../src/runtime/mod.ts";
import { child } from "./child.ts";
import { binary, bind, chain, floats, spec } from "./models.ts";

interface Message {
  readonly kind: "started" | "done";
  readonly result: number[];
  readonly runs: number;
}

function next(worker: Worker): Promise<Message> {
  return new Promise((resolve, reject) => {
    worker.onmessage = (event) => resolve(event.data);
    worker.onerror = (event) => reject(event.error ?? new Error(event.message));
  });
}

Deno.test("shutdown() ends several Workers that are running sessions, repeatedly", async () => {
  using session = new Session(spec(binary("Add", 2)));
  const z = Storage.alloc("float32", 2);
  bind(session, floats(1, 2), floats(3, 4), z);
  for (let round = 0; round < 4; round++) {
    const workers = Array.from(
      { length: 3 },
      () => new Worker(import.meta.resolve("./worker.ts"), { type: "module" }),
    );
    const started = await Promise.all(workers.map(next));
    for (const { result } of started) assertEquals(result, [1, 2, 3, 4]);
    session.run();
    const done = workers.map(next);
    for (const worker of workers) worker.postMessage("stop");
    for (const message of await Promise.all(done)) assertEquals(message.kind, "done");
    for (const worker of workers) worker.terminate();
    session.run();
    assertEquals([...z.host()], [4, 6]);
  }
});

Deno.test("shutdown() lets a process exit right after its Workers, repeatedly", async () => {
  for (let round = 0; round < 6; round++) {
    const output = await child(`
      const worker = new Worker("${import.meta.resolve("./worker.ts")}", { type: "module" });
      const next = () => new Promise((resolve) => worker.onmessage = resolve);
      await next();
      const done = next();
      worker.postMessage("stop");
      await done;
      worker.terminate();
      console.log("over");
    `);
    assertEquals(output, "over\n");
  }
});

Deno.test("shutdown() waits for asynchronous runs and disposes of every session", async () => {
  const session = new Session(spec(chain("Neg", 200, 1000)));
  const x = Storage.alloc("float32", 1000);
  x.host().fill(3 as never);
  const y = Storage.alloc("float32", 1000);
  bind(session, x, y);
  let finished = false;
  const run = session.runAsync([x, y]).then(() => finished = true);
  await shutdown();
  await run;
  assert(finished);
  assertEquals(y.host()[999], 3);
  assertEquals(memory().sessions.alive, 0);
  assertEquals(memory().inFlight, 0);
  assertThrows(() => session.run(), BackendError, "disposed");
});

Deno.test("shutdown() leaves the runtime usable", async () => {
  await shutdown();
  using session = new Session(spec(binary("Mul", 2), { threads: 2 }));
  const z = Storage.alloc("float32", 2);
  bind(session, floats(3, 4), floats(5, 6), z);
  session.run();
  assertEquals([...z.host()], [15, 24]);
});

Deno.test("a thread that ends in order gives its sessions back, as files of deno test do", () => {
  new Session(spec(binary("Mul", 2)));
  assert(memory().sessions.alive > 0);
  dispatchEvent(new Event("unload"));
  assertEquals(memory().sessions.alive, 0);
});
