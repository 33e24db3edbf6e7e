/** Carriers: shared memory beside Unix sockets, TCP, TLS. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { arange, distributed, full, ones, SGD, type Tensor } from "@torchopt/torchopt";
import { Storage } from "../../src/runtime/mod.ts";
import { SharedLane } from "../../src/distributed/links/shared_lane.ts";
import { Slots } from "../../src/distributed/links/slots.ts";
import { many } from "../helpers/many.ts";
import { settle } from "../helpers/settle.ts";
import { errorOf, inWorld, kill, until } from "./world.ts";
import * as fns from "./functions.ts";

const { on } = fns;

/** MiB of the largest tensor that is sent. */
const LARGE = many(16, 256);

/** Both ends of a lane. */
function lanes(): [SharedLane, SharedLane] {
  const a = new SharedLane(), b = new SharedLane();
  a.tell = (data) => b.heard(data);
  b.tell = (data) => a.heard(data);
  return [a, b];
}

const elements = (n: number, from: number) => Uint8Array.from({ length: n }, (_, i) => from + i);

/** A memory with these elements. */
const memoryOf = (bytes: Uint8Array) => Storage.from(bytes.slice(), "uint8");

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
  assertEquals(a.put(memoryOf(elements(1000, 0))), null);
  const bytes = elements(1000, 7), place = a.put(memoryOf(bytes))!;
  let seen: Uint8Array | null = b.take(place, 1000);
  assertEquals(seen, bytes);
  // What is still used is not given to somebody else.
  const other = a.put(memoryOf(elements(1000, 9)))!;
  assert(other.offset !== place.offset);
  assertEquals(seen, bytes);
  seen = null;
  await until(async () => {
    await settle();
    const next = a.put(memoryOf(bytes))!;
    return next.offset === place.offset;
  });
  a.close();
  b.close();
});

Deno.test("SharedLane: elements that are used outlive both ends", () => {
  const [a, b] = lanes();
  a.put(memoryOf(elements(10, 0)));
  const bytes = elements(5000, 3), seen = b.take(a.put(memoryOf(bytes))!, 5000);
  a.close();
  b.close();
  assertEquals(seen, bytes);
  assertEquals(a.put(memoryOf(bytes)), null);
});

Deno.test("SharedLane: what lies there already is not copied again", async () => {
  const [a, b] = lanes();
  a.put(memoryOf(elements(10, 0)));
  let mine: Storage | null = memoryOf(elements(5000, 3));
  const place = a.put(mine)!;
  assertEquals(a.put(mine), place);
  const there = Storage.from(b.take(place, 5000), "uint8");
  b.received(there, place);
  assert(there.lent);
  // It comes back to where it was, and may go there once more.
  const back = b.put(there)!;
  assertEquals(back, { ...place, returned: true });
  const here = Storage.from(a.take(back, 5000), "uint8");
  a.received(here, back);
  assertEquals(here.host(), elements(5000, 3));
  assertEquals(a.put(here), place);
  // Another version, and an array that somebody may have written to, are others.
  mine.host()[0] = 9;
  mine.version++;
  const next = a.put(mine)!;
  assert(next.offset !== place.offset);
  assertEquals(b.take(next, 5000)[0], 9);
  mine.handedOut = true;
  const third = a.put(mine)!;
  assert(third.offset !== next.offset && third.offset !== place.offset);
  // Memory that is gone keeps no place.
  mine = null;
  for (const used of [next, third]) b.take(used, 5000);
  await until(async () => {
    await settle();
    return a.put(memoryOf(elements(5000, 1)))!.offset === next.offset;
  });
  a.close();
  b.close();
  assertEquals([here.host(), there.host()], [elements(5000, 3), elements(5000, 3)]);
});

Deno.test("SharedLane: places that are only kept give way", () => {
  const [a, b] = lanes(), size = 24 * 2 ** 20, memories: Storage[] = [];
  a.put(memoryOf(elements(10, 0)));
  for (let i = 0; i < 8; i++) {
    const memory = memoryOf(new Uint8Array(size).fill(i)), place = a.put(memory);
    memories.push(memory);
    assert(place !== null);
    assertEquals(b.take(place, size)[size - 1], i);
    // Whoever had it is done with it.
    b.tell(freed(place));
  }
  a.close();
  b.close();
});

/** What says that a place is not used any more. */
function freed({ segment, offset }: { segment: number; offset: number }): Uint8Array {
  const data = new Uint8Array(17), view = new DataView(data.buffer);
  data[0] = 4;
  view.setUint32(1, segment, true);
  view.setFloat64(5, offset, true);
  view.setUint32(13, 1, true);
  return data;
}

Deno.test("SharedLane refuses places and segments that are not there", () => {
  const [a, b] = lanes();
  a.put(memoryOf(elements(10, 0)));
  const place = a.put(memoryOf(elements(10, 0)))!;
  const wrongs = [{ segment: 9 }, { offset: 2 ** 40 }, { returned: true }];
  for (const wrong of wrongs.map((change) => ({ ...place, ...change }))) {
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

Deno.test("tensors that are sent again have the values of each time, on both sides", async () => {
  await inWorld(2, async () => {
    const n = 1 << 18, ends = (x: Tensor) => [0, n - 1].map((i) => x.narrow(0, i, 1).item());
    await on(1, fns.echo, ones([n]));
    // The same tensor, changed in place between the calls, here by steps, there on what arrived.
    const w = ones([n]), optimizer = new SGD([w.requiresGrad_()], { lr: 0.5 });
    for (let i = 0; i < 6; i++) {
      const back = await on(1, fns.echo, w), again = await on(1, fns.echo, back);
      assertEquals([...ends(back), ...ends(again)], Array(4).fill(1 - i));
      const [trained, arrived] = await on<Tensor[]>(1, fns.trainOn, w);
      const there = 1 - 2 * (i + 1);
      assertEquals(ends(trained), [there, there]);
      assertEquals(ends(arrived), i === 0 ? [there, there] : [1 - i, 1 - i]);
      w.mul(2).sum().backward();
      optimizer.step();
      w.grad = null;
      assertEquals([...ends(back), ...ends(again)], Array(4).fill(1 - i));
    }
    // An array that somebody has may be written to.
    const x = ones([n]);
    for (let i = 0; i < 3; i++) {
      (x.data() as Float32Array).fill(i);
      assertEquals(ends(await on(1, fns.echo, x)), [i, i]);
    }
  });
});

Deno.test("large tensors of calls that come twice are those of their call", async () => {
  const faults = "fn=echoAgain:delay=30ms;pause=10ms";
  Deno.env.set("TORCHOPT_FAULTS", faults);
  try {
    await inWorld(2, async () => {
      const n = 1 << 18, ends = (x: Tensor) => [x.min().item(), x.max().item()];
      await on(1, fns.echo, ones([n]));
      const held: Tensor[] = [];
      for (let i = 0; i < 3; i++) {
        // The place of what arrived first is given back before it arrives again.
        assertEquals(ends(await on(1, fns.echoAgain, full([n], -1))), [-1, -1]);
        await settle();
        held.push(await on(1, fns.echo, full([n], i)));
        await fns.sleep(40);
        await settle();
      }
      assertEquals(held.map(ends), held.map((_, i) => [i, i]));
    }, { env: { TORCHOPT_FAULTS: faults } });
  } finally {
    Deno.env.delete("TORCHOPT_FAULTS");
  }
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
