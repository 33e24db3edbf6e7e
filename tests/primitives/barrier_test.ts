import { assertEquals } from "@std/assert";
import { targetOf } from "../../src/runtime/mod.ts";
import { add } from "../../src/primitives/elementwise.ts";
import { barrier } from "../../src/primitives/barrier.ts";
import { Rebuilder } from "../../src/lower/rebuild.ts";
import { checkDerivatives, node, point, values } from "./nodes.ts";

Deno.test("barrier() is its first operand, whatever the shapes", () => {
  for (const [x, shape] of [[[1, 2, 3, 4], [2, 2]], [[5], []], [[], [0, 3]]] as const) {
    for (const after of [node([1], []), node([1, 2], [1, 2, 1])]) {
      assertEquals(values(barrier(node(x, shape), add(after, after))), [...x]);
    }
  }
});

Deno.test("barrier() has derivatives", () => {
  checkDerivatives((x, g) => barrier(x, g), [point([2, 3], 1), point([2], 2)]);
});

Deno.test("barrier() is not shared with its operand", () => {
  const rebuilder = new Rebuilder(targetOf("cpu", true));
  const x = rebuilder.leaf(node([1, 2], [2])), g = rebuilder.leaf(node([3], []));
  const plain = rebuilder.intern(add(x, x)), late = barrier(x, g);
  assertEquals(rebuilder.intern(add(late, late)) === plain, false);
});
