/**
 * Whole-graph rewrites that primitives register, run after simplification.
 *
 * @module
 */

import type { Node, Target } from "./node.ts";
import type { Rebuilder } from "./rebuild.ts";

/** Rewrites the graph below `outputs`; returns the new outputs. */
export type Pass = (outputs: readonly Node[], rebuilder: Rebuilder, target: Target) => Node[];

const passes: Pass[] = [];

/** Adds a pass. */
export function registerPass(pass: Pass): void {
  passes.push(pass);
}

/** Runs all passes in the order of registration. */
export function runPasses(outputs: Node[], rebuilder: Rebuilder, target: Target): Node[] {
  return passes.reduce((nodes, pass) => pass(nodes, rebuilder, target), outputs);
}
