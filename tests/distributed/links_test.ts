/** Carriers: shared memory beside Unix sockets, TCP, TLS. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { arange, distributed, ones, type Tensor } from "@torchopt/torchopt";
import { SharedLane } from "../../src/distributed/links/shared_lane.ts";
import { Slots } from "../../src/distributed/links/slots.ts";
import { settle } from "../helpers/settle.ts";
import { errorOf, inWorld, kill, until } from "./world.ts";
import * as fns from "./functions.ts";

const { on } = fns;

/** MiB of the largest tensor that is sent. */
const LARGE = Deno.env.get("TORCHOPT_MANY") === undefined ? 16 : 256;

/** Both ends of a lane. */
function lanes(): [SharedLane, SharedLane] {
  const a = new SharedLane(), b = new SharedLane();
  a.tell = (data) => b.heard(data);
  b.tell = (data) => a.heard(data);
  return [a, b];
}

const elements = (n: number, from: number) => Uint8Array.from({ length: n }, (_, i) => from + i);

Deno.test("Slots give places that do not overlap, and join what is given back", () => {
  const command = fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 40_000 }), fc.nat());
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const size = 200_000, slots = new Slots(size), given: [number, number][] = [];
      for (const [takes, bytes, which] of commands) {
        if (!takes && given.length > 0) {
          slots.give(given.splice(which % given.length, 1)[0][0]);
          continue;
        }
        const start = slots.take(bytes);
        if (start === null) continue;
        assert(start + bytes <= size);
        for (const [other, length] of given) {
          assert(start >= other + length || start + bytes <= other);
        }
        given.push([start, bytes]);
      }
      for (const [start] of given) slots.give(start);
      assertEquals([slots.given, slots.take(196_608)], [0, 0]);
    }),
    { numRuns: 300, seed: 1 },
  );
});

Deno.test("SharedLane: the first elements travel by themselves, those after in shared memory", async () => {
  const [a, b] = lanes();
  assertEquals(a.put(elements(1000, 0)), null);
  const bytes = elements(1000, 7), place = a.put(bytes)!;
  let seen: Uint8Array | null = b.take(place, 1000);
  assertEquals(seen, bytes);
  // What is still used is not given to somebody else.
  const other = a.put(elements(1000, 9))!;
  assert(other.offset !== place.offset);
  assertEquals(seen, bytes);
  seen = null;
  await until(async () => {
    await settle();
    const next = a.put(bytes)!;
    return next.offset === place.offset;
  });
  a.close();
  b.close();
});

Deno.test("SharedLane: elements that are used outlive both ends", () => {
  const [a, b] = lanes();
  a.put(elements(10, 0));
  const bytes = elements(5000, 3), seen = b.take(a.put(bytes)!, 5000);
  a.close();
  b.close();
  assertEquals(seen, bytes);
  assertEquals(a.put(bytes), null);
});

Deno.test("SharedLane refuses places and segments that are not there", () => {
  const [a, b] = lanes();
  a.put(elements(10, 0));
  const place = a.put(elements(10, 0))!;
  for (const wrong of [{ ...place, segment: 9 }, { ...place, offset: 2 ** 40 }]) {
    let said = "";
    try {
      b.take(wrong, 10);
    } catch (error) {
      said = (error as Error).message;
    }
    assertStringIncludes(said, "no segment");
  }
  // An offer of a file that is none of ours, and one of a process that is not there.
  for (const [pid, file] of [[Deno.pid, 0], [2 ** 22, 1]]) {
    const told: number[] = [], lane = new SharedLane();
    lane.tell = (data) => told.push(data[0]);
    const offer = new Uint8Array(37), view = new DataView(offer.buffer);
    offer[0] = 1;
    view.setUint32(1, 1, true);
    view.setUint32(5, pid, true);
    view.setUint32(9, file, true);
    view.setFloat64(13, 4096, true);
    lane.heard(offer);
    assertEquals(told, [3]);
    lane.close();
  }
  a.close();
  b.close();
});

/** Large tensors there and back, many at once, and kept while others come. */
async function exchange(): Promise<void> {
  const x = arange(300_000), kept: Tensor[] = [];
  for (let i = 0; i < 12; i++) kept.push(await on(1, fns.echo, x.add(i)));
  kept.forEach((y, i) => {
    const data = y.data();
    assertEquals([data[0], data[299_999]], [i, 299_999 + i]);
  });
  const all = await Promise.all(Array.from({ length: 10 }, (_, i) => on(1, fns.echo, x.mul(i))));
  all.forEach((y, i) => assertEquals(y.data()[299_999], 299_999 * i));
  const large = ones([LARGE * 2 ** 18]);
  for (let i = 0; i < 2; i++) {
    const back = await on(1, fns.echo, large);
    assertEquals([back.size, back.sum().item()], [large.size, large.size]);
  }
  assertEquals((await on(1, fns.add, x, x)).data()[5], 10);
}

Deno.test("tensors of every size over Unix sockets, TCP and TLS", async (t) => {
  const port = () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    listener.close();
    return listener.addr.port;
  };
  await t.step("a Unix socket with shared memory", () => inWorld(2, exchange));
  await t.step("TCP with a secret", async () => {
    const rendezvous = `tcp:127.0.0.1:${port()}`, secret = "a secret of this test";
    await inWorld(2, exchange, { rendezvous, secret });
  });
  await t.step("TLS", async () => {
    const read = (name: string) =>
      Deno.readTextFileSync(new URL(`tls/${name}.pem`, import.meta.url));
    const tls = { cert: read("cert"), key: read("key"), ca: read("cert") };
    await inWorld(2, exchange, { rendezvous: `tcp:localhost:${port()}`, tls });
  });
});

Deno.test("a rank that is killed while its memory is used takes nothing with it", async () => {
  await inWorld(2, async ({ children }) => {
    const x = arange(500_000), kept: Tensor[] = [];
    for (let i = 0; i < 4; i++) kept.push(await on(1, fns.echo, x.add(i)));
    const call = errorOf(on(1, fns.slow, 60_000, x));
    kill(children[1]);
    assert(await call instanceof distributed.WorkerDiedError);
    kept.forEach((y, i) => assertEquals(y.sum().item(), x.add(i).sum().item()));
    const names = [...Deno.readDirSync("/dev/shm")].filter(({ name }) => name.includes("torchopt"));
    assertEquals(names, []);
    await distributed.shutdown().catch(() => {});
  }, { mayFail: [1] });
});

Deno.test("the Worker for signs of life loads little, so that it is there at once", async () => {
  const worker = import.meta.resolve("../../src/distributed/heartbeat_worker.ts");
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json", worker] })
    .output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout));
  assert(modules.length < 20, modules.map((m: { specifier: string }) => m.specifier).join("\n"));
});
