/**
 * Running a graph with and without the compiled kernels, in one process.
 *
 * @module
 */

import { Executable } from "../../src/run/executable.ts";
import { lower } from "../../src/lower/lower.ts";
import type { Node } from "../../src/graph/node.ts";
import { walk } from "../../src/lower/walk.ts";
import { targetOf, type TypedArray } from "../../src/runtime/mod.ts";

/** Values of nodes; the nodes stay uncomputed, so that the same graph can be run again. */
export function evaluate(nodes: readonly Node[], ops: boolean): TypedArray[] {
  const walked = walk(nodes);
  const lowered = lower(walked, nodes, [], targetOf("cpu", ops));
  const program = new Executable(walked.key, [], lowered, "cpu");
  try {
    const results = program.run(
      walked.leaves.map((n) => n.storage!),
      walked.scalars.map((n) => n.attrs.value as number),
    );
    return results.map((s) => s.host().slice());
  } finally {
    program.dispose();
  }
}
