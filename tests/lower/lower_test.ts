/** A walked graph is lowered for one target after another, as where kernels are missing or come later. */

import { assertEquals } from "@std/assert";
import { func, ones, tensor } from "@torchopt/torchopt";
import type { Node } from "../../src/graph/node.ts";
import { lower } from "../../src/lower/lower.ts";
import { type Walk, walk } from "../../src/lower/walk.ts";
import { targetOf } from "../../src/runtime/mod.ts";

const x = () => tensor([1, 2, 3]);

/** Graphs in which simplification gives a structural number that the graph has as well. */
const graphs: Record<string, () => Node[]> = {
  folded: () => [x().add(ones([]).add(1)).exp().mul(2).add(1).sum().node],
  softmax: () => [x().mul(ones([]).add(1)).softmax(0).div(2).square().mean().node],
  loop: () => {
    const two = ones([]).add(1);
    const [, rows] = func.scan(
      (c, row) => [c.mul(2).add(row.softmax(0)).tanh(), c.div(two).sum()],
      x(),
      tensor([[1, 2, 3], [4, 5, 6]]),
    );
    return [rows.mul(two).add(1).mul(2).sum().node];
  },
};

/** The models of a walked graph, with kernels or without. */
const models = (walked: Walk, outputs: Node[], kernels: boolean) =>
  lower(walked, outputs, [], targetOf("cpu", kernels)).segments.map((s) => s.model);

Deno.test("lower() gives the same for a walk that was lowered before", () => {
  for (const [name, make] of Object.entries(graphs)) {
    const nodes = make(), walked = walk(nodes);
    for (const order of [[false, true, false, true], [true, false, true, false]]) {
      const made = order.map((kernels) => models(walked, nodes, kernels));
      assertEquals(made[2], made[0], name);
      assertEquals(made[3], made[1], name);
    }
  }
});
