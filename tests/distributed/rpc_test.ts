/** Calls between four real processes. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { distributed, ones, randn, type Tensor, tensor } from "@torchopt/torchopt";
import { errorOf, inWorld, until } from "./world.ts";
import * as fns from "./functions.ts";
import "../helpers/seed.ts";

const { on } = fns, { getWorkerId, remoteAsyncCall, remoteSyncCall } = distributed;

Deno.test("remoteSyncCall() on the ranks of a world of four processes", async (t) => {
  await inWorld(4, async () => {
    await t.step("tensors of each size come back added", async () => {
      for (let rank = 0; rank < 4; rank++) {
        const n = rank + 1, x = ones([n, n]);
        assertEquals((await on(rank, fns.add, x, x)).toArray(), ones([n, n]).mul(2).toArray());
        assertEquals(await on<number>(rank, fns.rankOf), rank);
      }
    });
    await t.step("names stand for ranks", async () => {
      assertEquals(await on<number>("worker2", fns.rankOf), 2);
      assertEquals(getWorkerId("worker3"), 3);
      assertThrows(() => getWorkerId("worker4"), RangeError, "worker4");
      await assertRejects(
        () => remoteSyncCall(fns.rankOf, { partitioner: 4 }),
        RangeError,
        "no rank 4",
      );
    });
    await t.step("calls in turn and at once", async () => {
      for (let i = 0; i < 20; i++) assertEquals(await on<number>(1, fns.echo, i), i);
      const all = Array.from({ length: 1000 }, (_, i) => on<number>(1 + i % 3, fns.echo, i));
      assertEquals(await Promise.all(all), all.map((_, i) => i));
    });
    await t.step("a thousand nested calls around the ring", async () => {
      assertEquals(await on<number>(1, fns.descend, 1000), 1000);
    });
    await t.step("plain data arrive as they were", async () => {
      const data = {
        none: null,
        missing: undefined,
        truth: [true, false],
        numbers: [0, -0, 1.5, NaN, Infinity, -Infinity, 2 ** 53, -(2 ** 31), 2 ** 40],
        large: 2n ** 62n,
        text: "grüße\n\u0000",
        bytes: new Uint8Array([1, 2, 255]),
        map: new Map<unknown, unknown>([["a", [1, { b: undefined }]], [2, new Map([[1, 2]])]]),
        empty: [{}, [], ""],
      };
      assertEquals(await on<typeof data>(3, fns.echo, data), data);
      assertEquals(await on<unknown>(3, fns.echo, undefined), undefined);
      assertEquals(await on<unknown[]>(3, fns.echo, 1, undefined, 3), [1, undefined, 3]);
    });
    await t.step("tensors of each type, shape and view arrive as they were", async () => {
      const x = tensor([[1, 2, 3], [4, 5, 6]]);
      const tensors = [
        x,
        x.t(),
        x.slice([[0, 2], [1, 3]]),
        x.expand([2, 2, 3]),
        tensor(7),
        tensor([]),
        ones([2, 0, 3]),
        tensor([1.5, -2], { dtype: "float64" }),
        tensor([1.5, -2], { dtype: "float16" }),
        tensor([2n ** 60n, -1n]),
        tensor([1, 2], { dtype: "int32" }),
        tensor([1, 255], { dtype: "uint8" }),
        tensor([true, false, true]),
      ];
      const back = await on<Tensor[]>(2, fns.echo, tensors);
      back.forEach((y, i) => {
        assertEquals([y.dtype, y.shape], [tensors[i].dtype, tensors[i].shape]);
        assertEquals([...y.data()], [...tensors[i].data()]);
      });
    });
    await t.step("one tensor given twice is one tensor there", async () => {
      const x = randn([3]), [a, b] = await on<Tensor[]>(1, fns.echo, [x, x]);
      assert(a === b);
    });
    await t.step("what is sent does not change with the tensor", async () => {
      const x = ones([300_000]), sent = on(1, fns.sumOf, x);
      x.mul_(3);
      assertEquals([(await sent).item(), x.sum().item()], [300_000, 900_000]);
    });
    await t.step("leaves go on requiring gradients, results of others do not", async () => {
      const w = tensor([1, 2], { requiresGrad: true });
      const [leaf, result] = await on<Tensor[]>(1, fns.echo, [w, w.mul(2)]);
      assertEquals([leaf.requiresGrad, leaf.isLeaf, result.requiresGrad], [true, true, false]);
    });
    await t.step("arguments by name come last, as one object", async () => {
      const [got] = await remoteSyncCall<unknown[]>(fns.named, {
        args: [1],
        kwargs: { scale: 2, flag: undefined },
        partitioner: 1,
      });
      assertEquals(got, [1, { scale: 2, flag: undefined }]);
    });
    await t.step("parallelize() divides, and averages unless told otherwise", async () => {
      const x = tensor([1, 2, 3, 4, 5, 6, 7, 8]);
      assertEquals((await fns.batchMean(x) as Tensor).item(), 4.5);
      assertEquals((await fns.batchMean(x, 2) as Tensor).item(), 9);
      assertEquals(await fns.batchSizes(ones([9])), [[0, 2], [1, 2], [2, 2], [3, 3]]);
      assertEquals(await fns.batchSizes(ones([2])), [[0, 1], [1, 1]]);
      // The wrapped function stands for the one that it wraps.
      assertEquals((await on(2, fns.batchMean, x)).item(), 4.5);
    });
    await t.step(
      "parallelizeAsync() gives futures, which can be chained and cancelled",
      async () => {
        const future = fns.future(ones([4]));
        assertEquals(future.done, false);
        assertEquals(await future.then((x: Tensor) => x.add(1).item()), 2);
        assertEquals(future.done, true);
        const given = remoteAsyncCall(fns.patient, { partitioner: 1 });
        await fns.sleep(30);
        given.cancel();
        const error = await errorOf(given);
        assertEquals(error.name, "AbortError");
        await fns.sleep(50);
        assertEquals(await on<number>(1, fns.abortedCalls), 1);
      },
    );
    await t.step("a signal gives calls up", async () => {
      const signal = AbortSignal.timeout(30);
      const error = await errorOf(remoteSyncCall(fns.patient, { partitioner: 2, signal }));
      assertEquals(error.name, "TimeoutError");
    });
    await t.step("errors keep their names, messages and stacks", async () => {
      const error = await errorOf(on(1, fns.fail, "type")) as distributed.RemoteError;
      assert(error instanceof distributed.RemoteError);
      assertEquals(error.message, "rank 1, fail: TypeError: line 1\nline 2");
      assertEquals([error.rank, error.remoteName, error.functionName], [1, "TypeError", "fail"]);
      assertStringIncludes(error.remoteStack, "functions.ts");
      const odd = await errorOf(on(2, fns.fail, "odd")) as distributed.RemoteError;
      assertEquals([odd.rank, odd.remoteName], [2, "OddError"]);
      const cause = (await errorOf(on(2, fns.fail, "cause"))).cause as Error;
      assertEquals([cause.name, cause.message], ["RangeError", "inner"]);
      assertStringIncludes((await errorOf(on(2, fns.fail, "text"))).message, "a text");
      assertStringIncludes((await errorOf(on(2, fns.fail, "nothing"))).message, "rank 2, fail");
    });
    await t.step("an error of a further rank is the cause, over all hops", async () => {
      const error = await errorOf(on(1, fns.failDeep, 4)) as distributed.RemoteError;
      const ranks: number[] = [];
      let at: unknown = error;
      for (; at instanceof distributed.RemoteError; at = at.cause) ranks.push(at.rank);
      assertEquals(ranks, [1, 2, 3, 0, 1]);
      assertStringIncludes(error.message, "rank 1, failDeep: TypeError: deep");
    });
    await t.step("a fan-out names every rank that failed, and no other", async () => {
      const error = await errorOf(remoteSyncCall(fns.failOdd, { args: [ones([4])] }));
      assert(error instanceof AggregateError);
      const ranks = error.errors.map((e) => (e as distributed.RemoteError).rank);
      assertEquals(ranks, [1, 3]);
      assertStringIncludes(error.message, "2 of 4 partitions failed");
    });
    await t.step("one failed call among ten surfaces", async () => {
      const calls = Array.from(
        { length: 10 },
        (_, i) => i === 6 ? on(1, fns.fail, "odd") : on(1, fns.echo, i),
      );
      assertStringIncludes((await errorOf(Promise.all(calls))).message, "odd");
    });
    await t.step("a function that the other side lacks is an error there", async () => {
      const error = await errorOf(on(1, "absent"));
      assertStringIncludes(error.message, 'no function is registered as "absent" on rank 1');
      assertEquals(await on<number>(1, fns.echo, 1), 1);
    });
    await t.step("what cannot travel is refused, on the way there and back", async () => {
      await assertRejects(() => on(1, fns.echo, () => {}), TypeError, "cannot travel");
      await assertRejects(() => on(1, fns.echo, new Date()), TypeError, "class Date");
      await assertRejects(() => on(1, fns.echo, new Float32Array(2)), TypeError, "tensor()");
      await assertRejects(() => on(1, fns.echo, 2n ** 64n), RangeError, "64 bits");
      await assertRejects(
        () => on(1, fns.echo, JSON.parse('{"__proto__": 1}')),
        TypeError,
        "__proto__",
      );
      await assertRejects(() => on(1, fns.echo, "x".repeat(2 ** 20)), RangeError, "into a tensor");
      const loop: unknown[] = [];
      loop.push(loop);
      await assertRejects(() => on(1, fns.echo, loop), RangeError, "contain themselves");
      assertStringIncludes((await errorOf(on(1, fns.unsendable))).message, "cannot travel");
    });
    await t.step("timeouts: given, default, overridden, inherited", async () => {
      const start = performance.now();
      const call = remoteSyncCall(fns.slow, { args: [1000], partitioner: 1, timeout: 0.1 });
      const error = await errorOf(call) as distributed.RpcTimeoutError;
      assert(error instanceof distributed.RpcTimeoutError);
      assertEquals([error.rank, error.functionName], [1, "slow"]);
      assert(performance.now() - start < 900);
      for (const timeout of [5, 0, -1, null]) {
        const args = [20];
        assertEquals(await remoteSyncCall(fns.slow, { args, partitioner: 1, timeout }), [1]);
      }
      const left = await remoteSyncCall<number[]>(fns.secondsLeft, {
        args: [3],
        partitioner: 1,
        timeout: 7,
      });
      assert(left[0] > 5 && left[0] <= 7, `${left[0]}`);
    });
    await t.step("barriers of all, of subsets, several at once", async () => {
      const there = (ranks: number[], members: number[] | null) =>
        ranks.map((rank) => on<number>(rank, fns.barrierThere, members));
      await Promise.all([distributed.barrier(), ...there([1, 2, 3], null)]);
      await Promise.all([
        ...there([1, 3], [1, 3]),
        ...there([3, 1], [3, 1]),
        ...there([2], [2]),
        ...there([2], [0, 2]),
        distributed.barrier(["worker0", "worker2"]),
      ]);
      const late = on<number>(3, fns.barrierThere, [2, 3]),
        before = performance.timeOrigin + performance.now();
      await fns.sleep(50);
      await on(2, fns.barrierThere, [2, 3]);
      assert(await late >= before + 45);
      await assertRejects(() => distributed.barrier([1, 2]), RangeError, "not among");
      await assertRejects(
        () => distributed.barrier(null, { timeout: 0.1 }),
        distributed.RpcTimeoutError,
      );
      await Promise.all(there([1, 2, 3], null));
    });
    await t.step(
      "functions without a registered name are refused, with what to write",
      async () => {
        await assertRejects(() => on(1, () => 1), distributed.RpcError, 'register("name", fn)');
        await assertRejects(
          () => on(1, function own() {}),
          distributed.RpcError,
          'register("own", fn)',
        );
        assertThrows(
          () => distributed.register("add", () => 1),
          distributed.RpcError,
          "another name",
        );
        assertThrows(
          () => distributed.register("x".repeat(129), () => 1),
          TypeError,
          "129 characters",
        );
        assertThrows(() => distributed.register("a b", () => 1), TypeError, "letters");
        assertThrows(() => distributed.parallelize()(() => 1), TypeError, "has no name");
      },
    );
    await t.step("nothing is left", async () => {
      const { pending, running, contexts } = distributed.stats();
      assertEquals([pending, running, contexts], [0, 0, 0]);
      for (const rank of [1, 2, 3]) {
        // Work that nobody waited for comes to its end.
        await until(async () => {
          const there = await on<distributed.DistributedStats>(rank, fns.statsThere);
          return there.pending === 0 && there.running === 1 && there.contexts === 0;
        });
      }
    });
  });
});

Deno.test("initRpc() again after shutdown(), and calls in between", async () => {
  for (let i = 0; i < 2; i++) {
    await distributed.initRpc();
    assertEquals(await on<number>(0, fns.echo, i), i);
    await assertRejects(() => distributed.initRpc(), distributed.RpcError, "already");
    await distributed.shutdown();
    await distributed.shutdown();
    await assertRejects(() => on(0, fns.echo, i), distributed.RpcError, "not initialised");
  }
});

Deno.test("shutdown() waits for calls under way", async () => {
  await distributed.initRpc();
  const call = on<number>(0, fns.slow, 100);
  await distributed.shutdown();
  assertEquals(await call, 0);
});
