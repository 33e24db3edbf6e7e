import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { distributed, ones, type Tensor, tensor, zeros } from "@torchopt/torchopt";
import { errorOf, inWorld, kill } from "./world.ts";
import * as fns from "./functions.ts";
import "../helpers/seed.ts";

const { on } = fns;

/** Runs a function of the test's on all ranks, and gives what each of them returns. */
const everywhere = async <T>(name: string, ...args: unknown[]): Promise<T[]> =>
  await Promise.all([0, 1, 2, 3].map((rank) => on<T>(rank, name, ...args)));

Deno.test("collectives in a world of four processes", async (t) => {
  await inWorld(4, async () => {
    await t.step(
      "allReduce() gives all ranks the same, by rank 0 and around the ring",
      async () => {
        // Rank r gives (r + 1) * [[1, 2], [3, 4]], a scalar and a vector of nothing.
        for (const by of ["first", "ring"] as const) {
          for (const [op, factor] of [["sum", 10], ["mean", 2.5]] as const) {
            const all = await everywhere<{ w: Tensor; s: Tensor; e: Tensor }>("reduceThere", {
              op,
              by,
            });
            for (const { w, s, e } of all) {
              assertEquals(w.toArray(), [[factor, 2 * factor], [3 * factor, 4 * factor]]);
              assertEquals([s.toArray(), s.dtype, e.shape], [factor, "float64", [0]]);
            }
          }
        }
        for (const [op, factor] of [["max", 4], ["min", 1]] as const) {
          for (const { w } of await everywhere<{ w: Tensor }>("reduceThere", { op })) {
            assertEquals(w.toArray(), [[factor, 2 * factor], [3 * factor, 4 * factor]]);
          }
        }
      },
    );
    await t.step("a ring's sums are the same everywhere, to the last bit", async () => {
      const all = await everywhere<Tensor>("reduceNoise", 1001, "ring");
      const first = await everywhere<Tensor>("reduceNoise", 1001, "first");
      for (const x of all) assertEquals([...x.data()], [...all[0].data()]);
      assert(all[0].sub(first[0]).abs().max().item() < 1e-5);
    });
    await t.step("broadcast(), gather() and scatter() with each root", async () => {
      for (const root of [0, 2]) {
        const trees = await everywhere<[Tensor, Tensor[] | null, Tensor]>("rootedThere", root);
        trees.forEach(([sent, gathered, own], rank) => {
          assertEquals([sent.item(), own.item()], [root, 10 * root + rank]);
          assertEquals(gathered?.map((x) => x.item()) ?? null, rank === root ? [0, 1, 2, 3] : null);
        });
      }
    });
    await t.step("optimizers that average gradients keep ranks alike", async () => {
      const all = await everywhere<Tensor>("trainThere", 5);
      for (const w of all) assertEquals([...w.data()], [...all[0].data()]);
      // Plain gradient descent on the mean of |w - r|^2 over ranks.
      let w = 0;
      for (let i = 0; i < 5; i++) w -= 0.1 * 2 * (w - 1.5);
      assert(Math.abs(all[0].data()[0] as number - w) < 1e-6);
    });
    await t.step("ranks that do different things are told so", async () => {
      const others = [1, 2, 3].map((rank) => errorOf(on(rank, "gatherOne")));
      const error = await errorOf(distributed.allReduce(zeros([2])));
      assert(/meets/.test(error.message), error.message);
      for (const other of await Promise.all(others)) assert(/meets/.test(other.message));
    });
    await t.step("arguments that cannot be", async () => {
      await assertRejects(() => distributed.allReduce({ w: 1 }), TypeError, "leaf 0 is 1");
      const wrong = { op: "product" } as never;
      await assertRejects(() => distributed.allReduce(ones([1]), wrong), RangeError, "wants sum");
      await assertRejects(
        () => distributed.broadcast(ones([1]), { root: 4 }),
        RangeError,
        "root is 4",
      );
      await assertRejects(
        () => distributed.scatter([ones([1])]),
        RangeError,
        "each of the 4 ranks",
      );
    });
    await t.step("ranks that do not come are named", async () => {
      await assertRejects(
        () => distributed.allReduce(tensor([1]), { timeout: 0.2 }),
        distributed.RpcError,
        "rank 1, 2, 3 did not come",
      );
      await assertRejects(
        () => distributed.allReduce(ones([8]), { timeout: 0.2, by: "ring" }),
        distributed.RpcTimeoutError,
        "rank 3, allReduce",
      );
    });
  });
});

Deno.test("collectives fail on all ranks where one is gone", async () => {
  await inWorld(3, async ({ children }) => {
    const other = errorOf(on(1, "gatherOne"));
    const own = errorOf(distributed.gather(tensor([1])));
    await fns.sleep(50);
    kill(children[2]);
    assertEquals((await own).name, "WorkerDiedError");
    assertStringIncludes((await other).message, "rank 2 is gone");
    await distributed.shutdown().catch(() => {});
  }, { mayFail: [1, 2] });
});
