import { assertEquals } from "@std/assert";
import { BlockPool } from "../../src/runtime/block_pool.ts";

function pool(limit: number): { pool: BlockPool<string>; released: string[] } {
  const released: string[] = [];
  return { pool: new BlockPool<string>(limit, (block) => released.push(block)), released };
}

Deno.test("BlockPool.take() gives back blocks of the same size, once", () => {
  const { pool: blocks, released } = pool(100);
  blocks.give(10, "a");
  blocks.give(20, "b");
  assertEquals(blocks.take(30), undefined);
  assertEquals(blocks.take(10), "a");
  assertEquals(blocks.take(10), undefined);
  assertEquals(blocks.bytes, 20);
  assertEquals(released, []);
});

Deno.test("BlockPool.give() frees the sizes used longest ago beyond the limit", () => {
  const { pool: blocks, released } = pool(50);
  blocks.give(20, "a1");
  blocks.give(20, "a2");
  blocks.give(5, "b");
  assertEquals(blocks.take(20), "a2");
  blocks.give(20, "a3");
  // Size 20 was used after size 5, so that the block of 5 goes first.
  blocks.give(6, "c");
  assertEquals(released, ["b"]);
  blocks.give(51, "too large");
  assertEquals(released, ["b", "too large"]);
  blocks.give(30, "d");
  assertEquals(released, ["b", "too large", "a1", "a3"]);
  assertEquals(blocks.bytes, 36);
});

Deno.test("BlockPool.clear() frees every block", () => {
  const { pool: blocks, released } = pool(50);
  blocks.give(20, "a");
  blocks.give(10, "b");
  blocks.clear();
  assertEquals(released.toSorted(), ["a", "b"]);
  assertEquals(blocks.bytes, 0);
  assertEquals(blocks.take(20), undefined);
});
