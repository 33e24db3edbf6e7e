/**
 * The Adam step as one operation (Kingma & Ba, Adam: A Method for Stochastic Optimization, 2015).
 *
 * It is defined by `adamFallback`, a graph of ordinary primitives; its derivative is the derivative
 * of that graph, exact at every order. The compiled kernel is chosen at lowering, where it exists and
 * the tensors are large. There, all steps of one optimizer become one node, and the addition of the
 * update to the parameter joins it, so that memory is passed over once.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import { ShapeError } from "../graph/errors.ts";
import {
  apply,
  definePrimitive,
  type Node,
  type Primitive,
  type Target,
  withGrad,
  withInputs,
} from "../graph/node.ts";
import { type Pass, registerPass } from "../graph/passes.ts";
import { constantNode, constantValue } from "../graph/leaf.ts";
import { order } from "../graph/order.ts";
import type { Rebuilder } from "../graph/rebuild.ts";
import { sameShape, showShape, sizeOf } from "../graph/shape.ts";
import {
  add,
  addPrim,
  div,
  mul,
  mulPrim,
  neg,
  negPrim,
  reciprocal,
  subPrim,
} from "./elementwise.ts";
import { batchAll, reshape } from "./movement.ts";
import { pullback } from "./reverse.ts";
import { root } from "./root.ts";
import { project, projectPrim } from "./tuple.ts";

/** Elements below which the step is left to Program, which joins it with its surroundings. */
const KERNEL_FROM = 16384;

/** Coefficients of an Adam step, as scalar nodes. */
export interface AdamCoefficients {
  /** Decay of the first moment, and one minus it. */
  readonly b1: Node;
  readonly omb1: Node;
  /** Decay of the second moment, and one minus it. */
  readonly b2: Node;
  readonly omb2: Node;
  /** Added to the root, and under it. */
  readonly eps: Node;
  readonly epsRoot: Node;
  /** Bias corrections `1 - b1^t` and `1 - b2^t`. */
  readonly c1: Node;
  readonly c2: Node;
}

/** The defining graph: `[update, first moment, second moment]`. */
export function adamFallback(g: Node, m: Node, v: Node, c: AdamCoefficients): [Node, Node, Node] {
  const mu = add(mul(c.b1, m), mul(c.omb1, g));
  const nu = add(mul(c.b2, v), mul(c.omb2, mul(g, g)));
  // The bias corrections become factors, as in the kernel: elements are multiplied, not divided.
  const mean = mul(mu, reciprocal(c.c1)), square = mul(nu, reciprocal(c.c2));
  const update = div(mean, add(root(add(square, c.epsRoot)), c.eps));
  return [update, mu, nu];
}

function coefficientsOf(inputs: readonly Node[]): AdamCoefficients {
  const [b1, omb1, b2, omb2, eps, epsRoot, c1, c2] = inputs.slice(3);
  return { b1, omb1, b2, omb2, eps, epsRoot, c1, c2 };
}

/** Static arguments of `adamStep`. */
interface StepAttrs {
  /** Whether the compiled kernel may serve; otherwise the defining graph takes its place. */
  readonly kernel: boolean;
}

/** One step for one tensor: operands g, m, v and the coefficients; results update, m', v'. */
export const adamStepPrim: Primitive<StepAttrs> = definePrimitive<StepAttrs>({
  name: "adamStep",
  infer([g, m, v]) {
    if (!sameShape(g.shape, m.shape) || !sameShape(g.shape, v.shape)) {
      throw new ShapeError(
        `adam: gradient ${showShape(g.shape)}, first moment ${showShape(m.shape)} and second ` +
          `moment ${
            showShape(v.shape)
          } must have one shape; was the state made for other parameters?`,
      );
    }
    return [g, g, g];
  },
  vjp(gs: (Node | null)[], node, needs) {
    const [g, m, v] = node.inputs;
    const outs = withGrad(true, () => adamFallback(g, m, v, coefficientsOf(node.inputs)));
    return pullback(outs, gs, node.inputs, needs);
  },
  batch(node, xs, batched, size) {
    const [g, m, v] = batchAll(xs.slice(0, 3), batched, size);
    if (batched.slice(3).every((b) => !b)) {
      return adamStep(g, m, v, coefficientsOf(xs), node.attrs.kernel);
    }
    // Coefficients that differ by example take part as tensors do.
    const ones = node.shape.map(() => 1);
    const aligned = xs.map((x, i) => i > 2 && batched[i] ? reshape(x, [size, ...ones]) : x);
    return adamFallback(g, m, v, coefficientsOf(aligned));
  },
  lower: () => {
    throw new Error("internal: adamStep is lowered as adamMany");
  },
  unpack: (node, index, target) =>
    kernelServes(node, target) ? null : adamFallback(
      node.inputs[0],
      node.inputs[1],
      node.inputs[2],
      coefficientsOf(node.inputs),
    )[index],
});

/** An Adam step: `[update, first moment, second moment]`. */
export function adamStep(
  g: Node,
  m: Node,
  v: Node,
  c: AdamCoefficients,
  kernel = true,
): [Node, Node, Node] {
  const node = apply(adamStepPrim, [
    g,
    m,
    v,
    c.b1,
    c.omb1,
    c.b2,
    c.omb2,
    c.eps,
    c.epsRoot,
    c.c1,
    c.c2,
  ], { kernel });
  return [project(node, 0), project(node, 1), project(node, 2)];
}

// ---------------------------------------------------------------- many tensors in one node

interface ManyAttrs {
  /** Number of tensors. */
  readonly count: number;
  /** Whether the parameters are updated as well (`p' = p + s * (u + wd * p)`). */
  readonly apply: boolean;
}

/** Operands before those of the tensors: b1, omb1, b2, omb2, eps, epsRoot, and s, wd to apply. */
const shared = (a: ManyAttrs) => a.apply ? 8 : 6;
/** Operands of each tensor: c1, c2, g, m, v, and p to apply. */
const each = (a: ManyAttrs) => a.apply ? 6 : 5;

/** The kernel node: steps of several tensors with the same coefficients. */
export const adamManyPrim: Primitive<ManyAttrs> = definePrimitive<ManyAttrs>({
  name: "adamMany",
  infer(inputs, attrs) {
    const outs = [];
    for (let k = 0; k < attrs.count; k++) {
      const g = inputs[shared(attrs) + k * each(attrs) + 2];
      outs.push(g, g, g);
    }
    return outs;
  },
  vjp: "made at lowering, after differentiation",
  batch: "made at lowering, after batching",
  lower(c, inputs, node) {
    const shapes = node.outs!.filter((_, i) => i % 3 === 0).map((o) => o.shape);
    return c.ops(node.dtype === "float32" ? "FusedAdamF32" : "FusedAdamF64", inputs, {
      sizes: attr.ints(shapes.map(sizeOf)),
      dims: attr.ints(shapes.flatMap((s) => [s.length, ...s])),
      apply: attr.int(node.attrs.apply ? 1 : 0),
    }, { domain: "torchopt", outputs: node.outs!.length });
  },
  inPlace(node, out, over) {
    // Each tensor's results may take the memory of its own p (or g), m and v.
    const { index } = out.attrs;
    const base = shared(node.attrs) + Math.floor(index / 3) * each(node.attrs);
    const own = [node.attrs.apply ? 5 : 2, 3, 4][index % 3];
    return node.inputs[base + own] === over && node.inputs.filter((x) => x === over).length === 1;
  },
});

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
const gather: Pass = (outputs, rebuilder, target) => {
  if (!target.ops) return [...outputs];
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

function kernelServes(node: Node<StepAttrs>, target: Target): boolean {
  return node.attrs.kernel && target.ops && target.device === "cpu" &&
    sizeOf(node.shape) >= KERNEL_FROM &&
    (node.dtype === "float32" || node.dtype === "float64");
}

registerPass(gather);
