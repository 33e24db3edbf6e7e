/**
 * Running a graph with and without the compiled kernels, in one process.
 *
 * @module
 */

import { Executable } from "../../src/run/executable.ts";
import { lower } from "../../src/lower/lower.ts";
import type { Node } from "../../src/graph/node.ts";
import { walk } from "../../src/lower/walk.ts";
import { type Target, targetOf, type TypedArray } from "../../src/runtime/mod.ts";

/**
 * Values of nodes; the nodes stay uncomputed, so that the same graph can be run again.
 *
 * @param target whether with the compiled kernels, or what lowering is to know
 */
export function evaluate(nodes: readonly Node[], target: boolean | Target): TypedArray[] {
  const walked = walk(nodes);
  const known = typeof target === "boolean" ? targetOf("cpu", target) : target;
  const lowered = lower(walked, nodes, [], known);
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
