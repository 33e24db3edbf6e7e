import { assertAlmostEquals, assertEquals } from "@std/assert";
import { at, divide, type Machine, simulate, uniforms } from "../../bench/simulate/model.ts";
import { inTurns, W16 } from "../../bench/workloads/maml_ranks.ts";
import { distributed, zeros } from "@torchopt/torchopt";

/** A machine without messages, of which each task takes a millisecond. */
const plain: Machine = {
  alone: [{ tasks: 10, ms: 10 }, { tasks: 20, ms: 20 }],
  beside: [{ tasks: 10, ms: 10 }, { tasks: 20, ms: 20 }],
  slowdowns: [[[1, 1]], [[1, 1]]],
  once: [{ tasks: 10, ms: 0 }, { tasks: 20, ms: 0 }],
  message: 0,
  latency: 0,
  bandwidth: Infinity,
  stragglers: 0,
};
const run = (ranks: number, tasks: number, parts: Partial<Machine> = {}) =>
  simulate(ranks, tasks, { ...plain, ...parts }, uniforms(1));

Deno.test("at() follows the lines between points, and goes on with the last one", () => {
  const table = [{ tasks: 10, ms: 2 }, { tasks: 20, ms: 4 }, { tasks: 40, ms: 16 }];
  assertEquals([5, 10, 15, 30, 40, 80].map((n) => at(table, n)), [1, 2, 3, 10, 16, 32]);
  assertEquals(at([{ tasks: 10, ms: 1 }, { tasks: 20, ms: 9 }], 5), 0);
});

Deno.test("divide() is what batchPartitioner does", () => {
  for (const [tasks, ranks] of [[400, 2], [10, 3], [3, 4], [25_600, 1024], [7, 7], [1, 1]]) {
    const workers = Array.from({ length: ranks }, () => 0);
    const sizes = new distributed.TensorDimensionPartitioner(0, { keepdim: true, workers });
    const parts = sizes.partition([zeros([tasks])]);
    assertEquals(divide(tasks, ranks), parts.map(([, [x]]) => (x as { size: number }).size));
  }
});

Deno.test("simulate() adds up what an iteration is made of", () => {
  assertEquals([1, 2, 4].map((ranks) => run(ranks, 40)), [40, 20, 10]);
  // Two ranks of a host slow each other down, and the slower one counts.
  const beside = [{ tasks: 10, ms: 12 }, { tasks: 20, ms: 24 }];
  assertEquals(run(2, 40, { beside }), 24);
  assertEquals(run(2, 40, { beside, slowdowns: [[[1, 1]], [[1, 1.5]]] }), 36);
  // Rank 2 has its host for itself.
  assertAlmostEquals(run(3, 30, { beside, slowdowns: [[[0.5, 0.5]], [[1, 1]]] }), 10, 1e-12);
  // Half of what there is once goes before the requests, half behind the answers.
  const once = [{ tasks: 10, ms: 3 }, { tasks: 20, ms: 3 }];
  assertEquals(run(2, 40, { once, message: 2 }), 3 + 2 + 20);
  // Three requests, work, and the answers of those that were asked last.
  assertEquals(run(4, 40, { message: 2 }), 3 + 10 + 3);
});

Deno.test("simulate() knows ways between hosts", () => {
  const own = run(2, 40, { latency: 5, bandwidth: 1 });
  assertEquals(own, 20);
  const far = run(4, 40, { latency: 5 });
  assertEquals(far, 20);
  // Parameters and ten tasks of 160 bytes go there, gradients come back; ranks 2 and 3 share the line.
  const parameters = 4 * (64 + 64 + 64 * 64 + 64 + 64 + 1), bandwidth = 1000;
  const there = (parameters + 1600) / bandwidth, back = parameters / bandwidth;
  assertAlmostEquals(
    run(4, 40, { bandwidth }),
    Math.max(2 * there, there + back) + 10 + back,
    1e-9,
  );
});

Deno.test("kinds of W16 run alone, and divided, on a world of one", async () => {
  await distributed.autoInitRpc()(async () => {
    const found = await inTurns(W16.map((kind) => ({ ...kind, tasks: 2 })), 2, 2);
    assertEquals(found.map(({ kind, runs }) => [kind, runs.length]), [
      ["alone", 4],
      ["alone", 4],
      ["together", 4],
    ]);
  })();
});
