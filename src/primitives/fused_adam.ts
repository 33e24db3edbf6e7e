/**
 * The Adam step as one operation (Kingma & Ba, Adam: A Method for Stochastic Optimization, 2015).
 *
 * It is defined by `adamFallback`, a graph of ordinary primitives; its derivative is the derivative
 * of that graph, exact at every order. The compiled kernel is chosen at lowering, where it exists and
 * the tensors are large. There, all steps of one optimizer become one node, and the addition of the
 * update to the parameter joins it (`src/lower/gather_adam.ts`), so that memory is passed over once.
 *
 * @module
 */

import { attr } from "../onnx/mod.ts";
import { ShapeError } from "../graph/errors.ts";
import { interned } from "../graph/intern.ts";
import {
  applyShared,
  definePrimitive,
  type Node,
  type Primitive,
  type Target,
  withGrad,
} from "../graph/node.ts";
import { sameShape, showShape, sizeOf } from "../graph/shape.ts";
import { add, div, mul, reciprocal } from "./elementwise.ts";
import { batchAll, reshape } from "./movement.ts";
import { pullback } from "./reverse.ts";
import { safeSqrt } from "./safe_sqrt.ts";
import { project } from "./tuple.ts";

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
  const update = div(mean, add(safeSqrt(add(square, c.epsRoot)), c.eps));
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

const withKernel = interned<StepAttrs>({ kernel: true });
const withoutKernel = interned<StepAttrs>({ kernel: false });

/** An Adam step: `[update, first moment, second moment]`. */
export function adamStep(
  g: Node,
  m: Node,
  v: Node,
  c: AdamCoefficients,
  kernel = true,
): [Node, Node, Node] {
  const node = applyShared(adamStepPrim, [
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
  ], kernel ? withKernel : withoutKernel);
  return [project(node, 0), project(node, 1), project(node, 2)];
}

// ---------------------------------------------------------------- many tensors in one node

export interface ManyAttrs {
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

function kernelServes(node: Node<StepAttrs>, target: Target): boolean {
  return node.attrs.kernel && sizeOf(node.shape) >= KERNEL_FROM &&
    target.has("torchopt.FusedAdam", node.dtype);
}
