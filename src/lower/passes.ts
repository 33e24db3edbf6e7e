/**
 * Whole-graph rewrites, run in this order after simplification.
 *
 * @module
 */

import type { Node, Target } from "../graph/node.ts";
import { gatherAdam } from "./gather_adam.ts";
import { pruneLoops } from "./prune_loops.ts";
import { sinkPermutes } from "./sink_permutes.ts";
import type { Pass, Rebuilder } from "./rebuild.ts";

const passes: readonly Pass[] = [pruneLoops, sinkPermutes, gatherAdam];

/** Runs all passes. */
export function runPasses(outputs: Node[], rebuilder: Rebuilder, target: Target): Node[] {
  return passes.reduce((nodes, pass) => pass(nodes, rebuilder, target), outputs);
}
