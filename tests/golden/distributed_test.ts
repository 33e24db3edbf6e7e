import { assert, assertEquals, assertThrows } from "@std/assert";
import { arange, distributed, ShapeError, type Tensor, tensor } from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import { type GoldenTensor, readGolden, runAll, toTensor } from "../helpers/golden.ts";

type Stored = GoldenTensor | number | string | boolean | null | Stored[] | {
  [key: string]: Stored;
};

interface Case {
  name: string;
  kind: string;
  world_size: number;
  world_rank?: number;
  options: { dim: number; exclusive: boolean; keepdim: boolean; workers: number[] | null };
  input_shape: number[];
  partitions: { worker: number; args: Stored[]; kwargs: { [key: string]: Stored } }[];
  names: string[];
  ranks: number[];
  inputs: GoldenTensor[];
  mean: GoldenTensor;
  sum: GoldenTensor;
  errors: { name: string; error: [string, string] }[];
  [decorated: string]: unknown;
}

const { cases } = readGolden<{ cases: Case[] }>("distributed.json");

/** Compares arguments with stored ones, tensors to the last bit. */
function assertSame(at: string, actual: unknown, stored: Stored): void {
  if (typeof stored !== "object" || stored === null) return assertEquals(actual, stored, at);
  if (Array.isArray(stored)) {
    assertEquals((actual as unknown[]).length, stored.length, at);
    stored.forEach((x, i) => assertSame(`${at}[${i}]`, (actual as unknown[])[i], x));
  } else if ("data" in stored) {
    const x = actual as Tensor, { shape, dtype, data } = stored as GoldenTensor;
    assertEquals([x.shape, x.dtype, [...x.data()]], [shape, dtype, data], at);
  } else {
    assertEquals(Object.keys(actual as object).sort(), Object.keys(stored).sort(), at);
    for (const key in stored) {
      assertSame(`${at}.${key}`, (actual as Record<string, unknown>)[key], stored[key]);
    }
  }
}

/** Runs something as a rank of a world. */
function asRank<T>(rank: number, size: number, run: () => T): T {
  Deno.env.set("RANK", String(rank));
  Deno.env.set("WORLD_SIZE", String(size));
  try {
    return run();
  } finally {
    Deno.env.delete("RANK");
    Deno.env.delete("WORLD_SIZE");
  }
}

function assertPartitions(parts: readonly distributed.Partition[], c: Case): void {
  assertSame(
    "partitions",
    parts.map(([worker, args, kwargs]) => ({ worker, args, kwargs })),
    c.partitions,
  );
}

const kinds: Record<string, (c: Case) => void> = {
  dim_partitioner: (c) =>
    asRank(0, c.world_size, () => {
      const { input_shape: shape, options } = c, n = shape.reduce((a, b) => a * b, 1);
      const x = arange(n, { dtype: "float64" }).reshape(shape);
      const kwargs = { scale: 2.5, extra: { m: x.mul(10) } };
      assertPartitions(distributed.dimPartitioner(options)([x, "flag"], kwargs), c);
      const { dim, ...rest } = options;
      const partitioner = new distributed.TensorDimensionPartitioner(dim, rest);
      assertPartitions(partitioner.partition([x, "flag"], kwargs), c);
    }),
  no_tensors: (c) =>
    asRank(
      c.world_rank!,
      c.world_size,
      () => assertPartitions(distributed.batchPartitioner([1, "a"], { b: null }), c),
    ),
  worker_name: ({ ranks, names, world_size }) =>
    ranks.forEach((rank, i) =>
      asRank(rank, world_size, () => assertEquals(distributed.getWorldInfo().workerName, names[i]))
    ),
  reducer: ({ inputs, mean, sum }) => {
    const results = inputs.map((x) => toTensor(x)), exact = { rtol: 1e-15, atol: 0 };
    assertClose(distributed.meanReducer(results), toTensor(mean), exact, "mean");
    assertClose(distributed.sumReducer(results), toTensor(sum), exact, "sum");
  },
  on_rank: (c) =>
    asRank(c.world_rank!, c.world_size, () => {
      const ran = () => "ran", { onRank, notOnRank, rankZeroOnly, rankNonZeroOnly } = distributed;
      assertEquals(onRank(0, 2)(ran)(), c["on_rank(0,2)"]);
      assertEquals(notOnRank(0, 2)(ran)(), c["not_on_rank(0,2)"]);
      assertEquals(rankZeroOnly(ran)(), c.rank_zero_only);
      assertEquals(rankNonZeroOnly(ran)(), c.rank_non_zero_only);
      assertEquals(distributed.rankAll(ran)(), "ran");
    }),
  errors: ({ errors }) => {
    assertEquals(errors.map(({ name }) => name), ["keepdim_false_nonexclusive", "batch_mismatch"]);
    assertThrows(() => distributed.dimPartitioner({ keepdim: false }), RangeError, "exclusive");
    assertThrows(
      () => distributed.batchPartitioner([tensor([1, 2, 3]), tensor([1, 2, 3, 4])]),
      ShapeError,
      "Expected 3, got 4",
    );
  },
};

Deno.test("golden distributed.json: partitioners, reducers, ranks and names", () => {
  assert(cases.length > 0);
  runAll(cases, (c) => {
    const run = kinds[c.kind];
    if (run === undefined) throw new Error(`unknown kind ${c.kind}`);
    run(c);
  });
});
