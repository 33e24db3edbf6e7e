/** Networks that are slow, and that break. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { arange, distributed, randn } from "@torchopt/torchopt";
import { errorOf, inWorld } from "./world.ts";
import * as fns from "./functions.ts";
import "../helpers/seed.ts";

const { on } = fns;

/** Passes bytes on between rank 1 and rank 0, late; until it is cut. */
class Relay {
  readonly port: number;
  /** Bytes that it still passes on from rank 1. */
  left = Infinity;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections: Deno.Conn[] = [];
  readonly #done: Promise<unknown>;

  constructor(to: number, delay: number) {
    this.port = this.#listener.addr.port;
    this.#done = this.#accept(to, delay);
  }

  async #accept(to: number, delay: number): Promise<void> {
    const running: Promise<void>[] = [];
    for await (const near of this.#listener) {
      let far: Deno.Conn;
      try {
        far = await Deno.connect({ hostname: "127.0.0.1", port: to });
      } catch {
        near.close();
        continue;
      }
      this.#connections.push(near, far);
      running.push(this.#pass(near, far, delay, true), this.#pass(far, near, delay, false));
    }
    await Promise.all(running);
  }

  async #pass(from: Deno.Conn, to: Deno.Conn, delay: number, counts: boolean): Promise<void> {
    let last: Promise<unknown> = Promise.resolve();
    const buffer = new Uint8Array(1 << 16);
    try {
      for (let n; (n = await from.read(buffer)) !== null;) {
        let bytes = buffer.slice(0, n);
        if (counts) {
          bytes = bytes.subarray(0, Math.min(n, this.left));
          this.left -= bytes.length;
        }
        const before = last, due = fns.sleep(delay);
        last = (async () => {
          await before;
          await due;
          for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
        })();
        last.catch(() => {});
        if (this.left <= 0) break;
      }
      await last;
    } catch {
      // One of them is closed.
    }
    for (const end of [from, to]) {
      try {
        end.close();
      } catch {
        // It is closed.
      }
    }
  }

  async close(): Promise<void> {
    this.#listener.close();
    await this.#done.catch(() => {});
  }
}

/** A world of two over a relay. */
async function overRelay(
  delay: number,
  run: (relay: Relay) => Promise<void>,
  mayFail: number[] = [],
): Promise<void> {
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 }), { port } = free.addr;
  free.close();
  const relay = new Relay(port, delay);
  const others = { 0: { rendezvous: `tcp:127.0.0.1:${port}` } };
  const rendezvous = `tcp:127.0.0.1:${relay.port}`;
  try {
    await inWorld(2, () => run(relay), { rendezvous, others, mayFail });
  } finally {
    await relay.close();
  }
}

Deno.test("a network that takes 20 ms gives the same results", async () => {
  await overRelay(20, async () => {
    const start = performance.now();
    assertEquals(await on<number>(1, fns.echo, 1), 1);
    assert(performance.now() - start >= 39);
    const x = arange(200_000);
    assertEquals((await on(1, fns.add, x, x)).data()[199_999], 399_998);
    const a = randn([2, 2], { requiresGrad: true });
    await distributed.autograd.context(async (id) => {
      const y = (await on(1, fns.mul, a, a)).sum();
      const [g] = await distributed.autograd.grad(id, y, a);
      assertEquals([...g!.data()], [...a.mul(2).data()]);
    });
    await Promise.all([distributed.barrier(), on(1, fns.barrierThere, null)]);
  });
});

Deno.test("a network that is cut within a frame ends the rank, with the reason", async () => {
  await overRelay(0, async (relay) => {
    assertEquals(await on<number>(1, fns.echo, 1), 1);
    relay.left = 100_000;
    const error = await errorOf(on(1, fns.echo, arange(300_000)));
    assert(error instanceof distributed.WorkerDiedError, String(error));
    assertStringIncludes(error.message, "broke within a frame");
    await distributed.shutdown().catch(() => {});
  }, [1]);
});
