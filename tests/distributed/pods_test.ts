/** Hosts with networks of their own, as in `scripts/check_network.ts`. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { PROGRAM } from "../../scripts/engines/engines.ts";
import { Pods, whyNoPods } from "../../scripts/engines/pods.ts";
import { testWith } from "../helpers/needs.ts";
import { until } from "./world.ts";

const why = await whyNoPods();

testWith(
  { met: why === "", why },
  "pods of an indexed Job find each other by name, over a network that is slow and loses packets",
  async (t) => {
    const pods = new Pods(3);
    try {
      await pods.build(0.01, 20);
      await t.step("the results are the same", async () => {
        for (const [rank, { code, text }] of (await pods.startAll(1, PROGRAM)).entries()) {
          const slope = 8 * ((rank + 1) % 3 + 1);
          assertStringIncludes(text, `rank ${rank} of 3: ${slope},${slope}`);
          assertEquals(code, 0);
        }
      });
      await t.step("a pod that is cut off counts as gone, and all end", async () => {
        const ends = pods.startAll(0.3, PROGRAM, "meet");
        await Promise.race([until(() => pods.haveMet, 60), ends]);
        // Rank 0 has met the others before they know, and who is still on its way waits as long as that may take.
        await new Promise((resolve) => setTimeout(resolve, 2000));
        await pods.cut(2);
        for (const { code, text } of await ends) {
          assertMatch(text, /is gone/);
          assertEquals(code, 1);
        }
      });
    } finally {
      await pods.remove();
    }
  },
);
