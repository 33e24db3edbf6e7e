/** Places of intermediate values. */

import { assertEquals } from "@std/assert";
import { ArenaPlan } from "../../src/lower/arena.ts";

Deno.test("ArenaPlan gives a place again once nothing reads what lies there", () => {
  const plan = new ArenaPlan(4);
  plan.add(5, 0, 1);
  plan.add(3, 1, 2);
  // The first value is read by step 1 and free for step 2.
  plan.add(8, 2, 3);
  assertEquals(plan.offsets(), [0, 8, 0, 12]);
});

Deno.test("ArenaPlan puts a value over another one, in the step that reads that last", () => {
  const plan = new ArenaPlan(4);
  const first = plan.add(8, 0, 1);
  plan.add(4, 0, 3);
  const second = plan.addOver(first, 2);
  // The first one ends with step 1, but its place does not.
  plan.add(4, 2, 4);
  const third = plan.addOver(second, 3);
  plan.add(8, 4, 5);
  assertEquals(plan.count, 6);
  assertEquals(third, 4);
  assertEquals(plan.offsets(), [0, 8, 0, 12, 0, 0, 16]);
});
