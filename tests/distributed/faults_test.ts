/** What goes wrong between real processes, and what comes of it. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { autograd, distributed, randn, type Tensor, tensor } from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import { errorOf, inWorld, kill, startRank, until } from "./world.ts";
import * as fns from "./functions.ts";
import "../helpers/seed.ts";

const { on } = fns, { RpcTimeoutError, WorkerDiedError, remoteSyncCall } = distributed;
const { backward, context, grad } = distributed.autograd;

const x = () => randn([2], { dtype: "float64", requiresGrad: true });

/** Runs something with faults on purpose, here and in the other ranks. */
async function withFaults(faults: string, run: (env: Record<string, string>) => Promise<void>) {
  Deno.env.set("TORCHOPT_FAULTS", faults);
  try {
    await run({ TORCHOPT_FAULTS: faults });
  } finally {
    Deno.env.delete("TORCHOPT_FAULTS");
  }
}

Deno.test("a killed rank settles all that waits for it, and the others go on", async (t) => {
  await inWorld(4, async ({ children }) => {
    await on(1, fns.echo, 1);
    await t.step("during a call, a fan-out, a barrier, and calls by others", async () => {
      const call = errorOf(on(2, fns.slow, 60_000));
      const fan = errorOf(remoteSyncCall(fns.slow, {
        args: [60_000],
        partitioner: (args) => [1, 2].map((rank) => [rank, rank === 1 ? [20] : args, {}]),
      }));
      const barrier = errorOf(distributed.barrier());
      const nested = errorOf(on(1, fns.waitFor, 2));
      await fns.sleep(50);
      kill(children[2]);
      for (const error of [await call, await barrier]) {
        assert(error instanceof WorkerDiedError, String(error));
        assertEquals(error.rank, 2);
      }
      const all = await fan as AggregateError;
      assertEquals(all.errors.map((e) => [e.constructor, e.rank]), [[WorkerDiedError, 2]]);
      const cause = (await nested).cause as distributed.WorkerDiedError;
      assertEquals([cause.name, cause.rank], ["WorkerDiedError", 2]);
    });
    await t.step("calls after that fail at once, here and on ranks that never met it", async () => {
      assert(await errorOf(on(2, fns.echo, 1)) instanceof WorkerDiedError);
      assertStringIncludes((await errorOf(on(3, fns.callRank, 2))).message, "rank 2 is gone");
      assertEquals(await on<number>(1, fns.rankOf), 1);
      assertEquals(await on<number>(3, fns.callRank, 1), 1);
    });
    await t.step("leaving says so", async () => {
      const error = await errorOf(distributed.shutdown());
      assert(error instanceof WorkerDiedError && error.rank === 2);
      assertEquals(distributed.stats().links, 0);
      for (const rank of [1, 3]) {
        const { code, text } = await children[rank].output;
        assertEquals(code, 1);
        assertStringIncludes(text, "rank 2 is gone");
      }
    });
  }, { mayFail: [1, 2, 3] });
});

Deno.test("ranks that go between forward and backward, and during backward", async () => {
  await inWorld(3, async ({ children }) => {
    const error = await errorOf(context(async (id) => {
      const y = await on(1, fns.leave, x());
      await children[1].output;
      await backward(id, y.sum());
    }));
    assert(error instanceof WorkerDiedError && error.rank === 1);
    const during = await errorOf(context(async (id) => {
      const y = await on(2, fns.slowBackward, x(), 10_000);
      setTimeout(() => kill(children[2]), 100);
      await backward(id, y.sum());
    }));
    assert(during instanceof WorkerDiedError && during.rank === 2);
    assertEquals(distributed.stats().contexts, 0);
    await distributed.shutdown().catch(() => {});
  }, { mayFail: [1, 2] });
});

Deno.test("a stopped rank counts as gone, and a busy one does not", async () => {
  await inWorld(3, async ({ children }) => {
    // Twice as long as a rank may be silent.
    assertEquals(await on<number>(1, fns.busy, 2000), 1);
    kill(children[2], "SIGSTOP");
    // It does not come, and nobody calls it.
    const other = errorOf(on(1, fns.barrierThere, null));
    const error = await errorOf(distributed.barrier());
    assert(error instanceof WorkerDiedError && error.rank === 2);
    assertStringIncludes(error.message, "no sign of life");
    assertStringIncludes((await other).message, "rank 2 is gone");
    assert(await errorOf(on(2, fns.echo, 1)) instanceof WorkerDiedError);
    // Once it goes on, it finds itself alone.
    kill(children[2], "SIGCONT");
    const { code, text } = await children[2].output;
    assertEquals(code, 1);
    assertStringIncludes(text, "is gone");
    await distributed.shutdown().catch(() => {});
  }, { mayFail: [1, 2], heartbeat: 0.3 });
});

Deno.test("ranks that were stopped together go on together", async () => {
  await inWorld(3, async ({ children }) => {
    const nested = on<number>(1, fns.waitFor, 2, 2000), both = children.slice(1);
    await fns.sleep(400);
    // Longer than a rank may be silent: but the one that listens was stopped as well.
    for (const child of both) kill(child, "SIGSTOP");
    await fns.sleep(1100);
    for (const child of both) kill(child, "SIGCONT");
    assertEquals(await nested, 2);
  }, { heartbeat: 0.3, others: { 0: { heartbeat: 30 } } });
});

Deno.test("a main function that fails tells the others why", async () => {
  await inWorld(2, async ({ children }) => {
    await on(1, "failNow");
    const error = await errorOf(on(1, fns.slow, 60_000));
    assert(error instanceof WorkerDiedError);
    assertStringIncludes(error.message, "RangeError: the main function failed");
    const { code, text } = await children[1].output;
    assertEquals(code, 1);
    assertStringIncludes(text, "the main function failed");
    await distributed.shutdown().catch(() => {});
  }, { mayFail: [1], program: "failing.ts" });
});

Deno.test("ranks that do not come are named, on all ranks", async () => {
  const folder = await Deno.makeTempDir(), settings = { startTimeout: 2 };
  const child = startRank(1, 4, folder, settings);
  try {
    const rendezvous = `unix:${folder}`;
    await assertRejects(
      () => distributed.initRpc({ ...settings, rank: 0, worldSize: 4, rendezvous }),
      distributed.RpcError,
      "2, 3 of 4 did not come",
    );
    assertEquals(distributed.isInitialized(), false);
    const { code, text } = await child.output;
    assertEquals(code, 1);
    // On a busy machine it may start too late to be told.
    assertMatch(text, /did not come|cannot be reached/);
  } finally {
    kill(child);
    await child.output;
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("rank 0 that does not come is an error of the others", async () => {
  const folder = await Deno.makeTempDir(), rendezvous = `unix:${folder}`;
  await assertRejects(
    () => distributed.initRpc({ rank: 1, worldSize: 2, rendezvous, startTimeout: 0.3 }),
    distributed.RpcError,
    "rank 0 cannot be reached",
  );
  await Deno.remove(folder, { recursive: true });
});

Deno.test("strangers at the door are refused, and nobody minds", async () => {
  await inWorld(2, async ({ folder }) => {
    for (const bytes of ["GET / HTTP/1.1\r\n\r\n", "TOPTHELO", "x".repeat(4096)]) {
      const stranger = await Deno.connect({ transport: "unix", path: `${folder}/0` });
      await stranger.write(new TextEncoder().encode(bytes));
      stranger.close();
    }
    await until(() => distributed.stats().refused === 3);
    assertEquals(await on<number>(1, fns.echo, 1), 1);
    assertEquals(distributed.stats().links, 1);
  });
});

Deno.test("leaving waits no longer than it is told to", async () => {
  await inWorld(2, async ({ children }) => {
    const call = errorOf(on(1, fns.slow, 60_000));
    await assertRejects(() => distributed.shutdown({ timeout: 0.2 }), RpcTimeoutError, "slow");
    assertStringIncludes((await call).message, "not initialised");
    kill(children[1]);
  }, { mayFail: [1] });
});

Deno.test("lost, failing and late messages: each call has its stated outcome", async (t) => {
  const faults = [
    "fn=echo:request=1",
    "fn=count:reply=1",
    "fn=rankOf:running=1",
    "fn=slow:delay=300ms",
    "fn=countAgain:request=.3,reply=.3",
    "fn=barrier:request=.2,reply=.2",
    "fn=backward*:request=.15,reply=.15",
    "fn=context/end:request=.3,reply=.3",
    "fn=leave:request=.3,reply=.3",
    "fn=join:reply=.5",
    "pause=60ms",
    "seed=7",
  ].join(";");
  await withFaults(faults, (env) =>
    inWorld(3, async () => {
      const timeout = 0.25;
      await t.step("a lost request: no answer in time, and the function did not run", async () => {
        const call = remoteSyncCall(fns.echo, { args: [1], partitioner: 1, timeout });
        assert(await errorOf(call) instanceof RpcTimeoutError);
      });
      await t.step("a lost answer: no answer in time, and the function ran once", async () => {
        const call = remoteSyncCall(fns.count, { partitioner: 1, timeout });
        assert(await errorOf(call) instanceof RpcTimeoutError);
        assertEquals(await on<number>(1, fns.countedThere), 1);
      });
      await t.step("a failure while it runs is an error of the rank", async () => {
        const error = await errorOf(on(2, fns.rankOf)) as distributed.RemoteError;
        assertEquals([error.constructor, error.rank], [distributed.RemoteError, 2]);
      });
      await t.step("late messages: too late, or a value", async () => {
        const late = remoteSyncCall(fns.slow, { args: [0], partitioner: 1, timeout });
        assert(await errorOf(late) instanceof RpcTimeoutError);
        assertEquals(await remoteSyncCall(fns.slow, { args: [0], partitioner: 1, timeout: 20 }), [
          1,
        ]);
      });
      await t.step("a fan-out names the ranks that are late", async () => {
        const partitioner = () => [[1, [0], {}], [2, [0], {}]] as distributed.Partition[];
        const error = await errorOf(remoteSyncCall(fns.slow, { partitioner, timeout }));
        assertEquals((error as AggregateError).errors.map((e) => e.rank), [1, 2]);
      });
      await t.step(
        "what may run again is asked for again, and ran once for each answer",
        async () => {
          for (let i = 1; i <= 6; i++) assertEquals(await on<number>(2, fns.countAgain), i);
        },
      );
      await t.step("barriers, backward passes and ends of contexts go through", async () => {
        for (let i = 0; i < 3; i++) {
          await Promise.all([
            distributed.barrier(),
            ...[1, 2].map((r) => on(r, fns.barrierThere, null)),
          ]);
        }
        for (let i = 0; i < 3; i++) {
          const a = x(), b = x();
          const [g] = await context(async (id) =>
            await grad(id, (await on(1, fns.nested, a, b)).sum(), [a])
          );
          const t3 = a.mul(b), t4 = a.add(b), z = t3.mul(t3).mul(t4).mul(t3.add(t4)).sum();
          assertClose(g!, autograd.grad(z, [a])[0]!, 1e-9);
        }
      });
      await t.step("nothing is left", async () => {
        assertEquals(distributed.stats().pending, 0);
        for (const rank of [1, 2]) {
          await until(async () => {
            const there = await on<distributed.DistributedStats>(rank, fns.statsThere);
            return there.contexts === 0 && there.running === 1;
          });
        }
      });
    }, { env }));
});

Deno.test("a faulty description of faults is refused", async () => {
  await withFaults("fn=echo:sometimes", async () => {
    await assertRejects(() => distributed.initRpc(), distributed.RpcError, "TORCHOPT_FAULTS");
  });
  assertEquals(distributed.isInitialized(), false);
});

Deno.test("a tensor that is not computed fails on the way back as an error of its rank", async () => {
  await distributed.initRpc();
  const error = await errorOf(on(0, fns.outOfRange, tensor([1, 2]) as Tensor));
  assert(error instanceof distributed.RemoteError);
  assertEquals(await on<number>(0, fns.echo, 2), 2);
  await distributed.shutdown();
});
