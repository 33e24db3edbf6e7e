/**
 * Gathers the Adam steps of large tensors, with what applies them to the parameters, into nodes of the
 * FusedAdam kernel.
 *
 * @module
 */

import { constantNode, constantValue } from "../graph/leaf.ts";
import { apply, type Node, withInputs } from "../graph/node.ts";
import { order } from "../graph/order.ts";
import { sameShape } from "../graph/shape.ts";
import { addPrim, mulPrim, neg, negPrim, subPrim } from "../primitives/elementwise.ts";
import { adamManyPrim, adamStepPrim, type ManyAttrs } from "../primitives/fused_adam.ts";
import { project, projectPrim } from "../primitives/tuple.ts";
import type { Pass, Rebuilder } from "./rebuild.ts";

interface Use {
  readonly node: Node;
  readonly at: number;
}

/** `p + s * (u + wd * p)` around an update `u`, if that is all that uses `u`. */
function findApply(u: Node, uses: Map<Node, Use[]>) {
  const only = (n: Node) => {
    const list = uses.get(n) ?? [];
    return list.length === 1 ? list[0].node : null;
  };
  let value = u, user = only(u);
  let decay: { wd: Node; p: Node } | null = null;
  if (user?.prim === addPrim) {
    // Decoupled weight decay: u + wd * p.
    const product = user.inputs[0] === u ? user.inputs[1] : user.inputs[0];
    if (product.prim !== mulPrim) return null;
    const [a, b] = product.inputs;
    if (a.shape.length === 0) decay = { wd: a, p: b };
    else if (b.shape.length === 0) decay = { wd: b, p: a };
    else return null;
    value = user;
    user = only(user);
  }
  // The scaled update: s * value, or -(s * value) where the sign was moved out.
  if (user?.prim !== mulPrim) return null;
  const s = user.inputs[0] === value ? user.inputs[1] : user.inputs[0];
  if (s.shape.length !== 0 || s === value) return null;
  let scaled = user, sign = 1;
  user = only(scaled);
  if (user?.prim === negPrim) {
    scaled = user;
    sign = -1;
    user = only(scaled);
  }
  if (user === null || (user.prim !== addPrim && user.prim !== subPrim)) return null;
  if (user.prim === subPrim) {
    if (user.inputs[1] !== scaled) return null;
    sign = -sign;
  }
  const p = user.inputs[0] === scaled ? user.inputs[1] : user.inputs[0];
  if (!sameShape(p.shape, u.shape) || p === scaled || (decay !== null && decay.p !== p)) {
    return null;
  }
  return { p, s: sign === 1 ? s : neg(s), wd: decay?.wd ?? constantNode(0, u.dtype), result: user };
}

function usesOf(nodes: readonly Node[], outputs: readonly Node[]): Map<Node, Use[]> {
  const uses = new Map<Node, Use[]>();
  const note = (x: Node, use: Use) => {
    const list = uses.get(x);
    if (list === undefined) uses.set(x, [use]);
    else list.push(use);
  };
  for (const node of nodes) node.inputs.forEach((x, at) => note(x, { node, at }));
  outputs.forEach((x, at) => note(x, { node: x, at: -1 - at }));
  return uses;
}

/** Gathers the steps of large tensors into kernel nodes. */
export const gatherAdam: Pass = (outputs, rebuilder, target) => {
  if (!target.has("torchopt.FusedAdam", "float32")) return [...outputs];
  const nodes = order(outputs);
  const steps = nodes.filter((n) => n.prim === adamStepPrim);
  if (steps.length === 0) return [...outputs];
  const uses = usesOf(nodes, outputs);
  const groups = new Map<string, { step: Node; applied: ReturnType<typeof findApply> }[]>();
  const ids = new Map(nodes.map((n, i) => [n, i]));
  // The sign that `findApply` moves is a node of its own.
  const known = (n: Node) => n.prim === negPrim && !ids.has(n) ? n.inputs[0] : n;
  const dependsOnStep = stepDepth(nodes);
  for (const step of steps) {
    const u = (uses.get(step) ?? []).map((x) => x.node)
      .find((n) => n.prim === projectPrim && n.attrs.index === 0);
    const found = u === undefined ? null : findApply(u, uses);
    const depth = dependsOnStep.get(step)!;
    // The parameter may have been updated by a step that belongs into the same kernel.
    const early = found !== null &&
      [found.p, found.s, found.wd].every((n) => (dependsOnStep.get(known(n)) ?? 0) < depth);
    const applied = early ? found : null;
    const number = (n: Node): unknown =>
      constantValue(n) ?? (n === known(n) ? `#${ids.get(n)}` : `-${number(known(n))}`);
    const key = [
      step.dtype,
      depth,
      applied === null ? "" : number(applied.s),
      applied === null ? "" : number(applied.wd),
      ...step.inputs.slice(3, 9).map(number),
    ].join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [{ step, applied }]);
    else group.push({ step, applied });
  }
  const done = new Map<Node, Node>();
  // Groups nearest the inputs first, so that later ones see what the earlier became.
  const ordered = [...groups.values()].sort((a, b) =>
    dependsOnStep.get(a[0].step)! - dependsOnStep.get(b[0].step)!
  );
  for (const members of ordered) replaceGroup(members, uses, done, rebuilder);
  return outputs.map((node) => rewrite(node, done, rebuilder));
};

/** Longest chain of steps below each node: steps of one group must not depend on each other. */
function stepDepth(nodes: readonly Node[]): Map<Node, number> {
  const depth = new Map<Node, number>();
  for (const node of nodes) {
    let d = 0;
    for (const x of node.inputs) d = Math.max(d, depth.get(x) ?? 0);
    depth.set(node, node.prim === adamStepPrim ? d + 1 : d);
  }
  return depth;
}

function replaceGroup(
  members: { step: Node; applied: ReturnType<typeof findApply> }[],
  uses: Map<Node, Use[]>,
  done: Map<Node, Node>,
  rebuilder: Rebuilder,
): void {
  const now = (n: Node) => rewrite(n, done, rebuilder);
  const [{ step: first, applied }] = members;
  const attrs: ManyAttrs = { count: members.length, apply: applied !== null };
  const inputs = first.inputs.slice(3, 9).map(now);
  if (applied !== null) inputs.push(now(applied.s), now(applied.wd));
  for (const { step, applied } of members) {
    const [g, m, v] = step.inputs;
    inputs.push(...[step.inputs[9], step.inputs[10], g, m, v].map(now));
    if (applied !== null) inputs.push(now(applied.p));
  }
  const many = rebuilder.intern(apply(adamManyPrim, inputs, attrs));
  members.forEach(({ step, applied }, k) => {
    for (const { node } of uses.get(step) ?? []) {
      if (node.prim !== projectPrim) continue;
      const result = rebuilder.intern(project(many, 3 * k + node.attrs.index));
      if (node.attrs.index > 0 || applied === null) done.set(node, result);
      else done.set(applied.result, result);
    }
  });
}

/**
 * What a node becomes. `done` holds what is known: replaced nodes, and those rewritten before. Only
 * nodes are asked for whose steps have all been replaced.
 */
function rewrite(root: Node, done: Map<Node, Node>, rebuilder: Rebuilder): Node {
  const stack = [root];
  while (stack.length > 0) {
    const node = stack[stack.length - 1];
    if (done.has(node)) {
      stack.pop();
      continue;
    }
    const waiting = stack.length;
    for (const x of node.inputs) if (!done.has(x)) stack.push(x);
    if (stack.length > waiting) continue;
    stack.pop();
    const inputs = node.inputs.map((x) => done.get(x)!);
    const same = inputs.every((x, i) => x === node.inputs[i]);
    done.set(node, same ? node : rebuilder.intern(withInputs(node, inputs)));
  }
  return done.get(root)!;
}
