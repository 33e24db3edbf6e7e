/** Networks that are slow, and that break. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { arange, distributed, randn } from "@torchopt/torchopt";
import { errorOf, inWorld } from "./world.ts";
import * as fns from "./functions.ts";
import { Relay } from "./relay.ts";
import "../helpers/seed.ts";

const { on } = fns;

/** A world of two over a relay. */
async function overRelay(
  delay: number,
  run: (relay: Relay) => Promise<void>,
  mayFail: number[] = [],
): Promise<void> {
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 }), { port } = free.addr;
  free.close();
  const relay = new Relay({ hostname: "127.0.0.1", port }, delay);
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
