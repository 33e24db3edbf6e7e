/**
 * `autograd`: gradients of tensors, as PyTorch's module of that name gives them.
 *
 * @module
 */

import { constantNode, constantValue, isLeafNode } from "../graph/leaf.ts";
import { DTypeError, GradientError, ShapeError } from "../graph/errors.ts";
import { type GradBox, isFloat, type Node, withGrad } from "../graph/node.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import { add } from "../primitives/elementwise.ts";
import { expand } from "../primitives/movement.ts";
import { wrapAll } from "../tensor/core.ts";
import { holdLatest, holdSweep } from "../tensor/pending.ts";
import { currentTrace } from "../tensor/trace.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sweep, zerosNode } from "../primitives/reverse.ts";
import { checkNames } from "../tensor/describe.ts";
import { checkTensor } from "../tensor/promotion.ts";

/** Options of `autograd.grad`. */
export interface GradOptions {
  /** Cotangents of the outputs; ones for scalar outputs by default. */
  readonly gradOutputs?: readonly (Tensor | null)[] | Tensor;
  /** Accepted for familiarity: graphs here are never consumed by `grad`. */
  readonly retainGraph?: boolean;
  /** Whether the gradients can be differentiated again (default false). */
  readonly createGraph?: boolean;
  /** Whether an input that the outputs do not depend on gives null instead of an error. */
  readonly allowUnused?: boolean;
}

/** Options of `backward()`. */
export interface BackwardOptions {
  /** Keep the graph for another pass (default: the value of `createGraph`). */
  retainGraph?: boolean;
  /** Record the gradients, so that they can be differentiated (default false). */
  createGraph?: boolean;
  /** Accumulate into these tensors only (default: every leaf that requires a gradient). */
  inputs?: readonly Tensor[];
}

function seedOf(op: string, output: Tensor, gradient: Tensor | null | undefined): Node {
  const node = output.node;
  if (!isFloat(node.dtype)) {
    throw new DTypeError(
      `${op}: the output is ${node.dtype}; only floating-point tensors have gradients.`,
    );
  }
  if (!node.requiresGrad) {
    throw new GradientError(
      `${op}: the output (shape ${showShape(node.shape)}) does not depend on any tensor that ` +
        `requires a gradient. Call requiresGrad_() on the inputs before the computation, and check ` +
        `that it is not inside noGrad() and has no detach() on the way.`,
    );
  }
  if (gradient === null || gradient === undefined) {
    if (node.shape.length > 0 && output.size !== 1) {
      throw new GradientError(
        `${op}: the output has shape ${showShape(node.shape)}; without an explicit gradient it ` +
          `must be a scalar. Reduce it (sum(), mean()) or pass a gradient of that shape.`,
      );
    }
    return expand(constantNode(1, node.dtype), node.shape);
  }
  checkTensor(op, "the gradient", gradient);
  if (!sameShape(gradient.shape, node.shape)) {
    throw new ShapeError(
      `${op}: the gradient has shape ${showShape(gradient.shape)}, the output ` +
        `${showShape(node.shape)}; they must be equal.`,
    );
  }
  if (gradient.dtype !== node.dtype) {
    throw new DTypeError(
      `${op}: the gradient is ${gradient.dtype}, the output ${node.dtype}; convert it.`,
    );
  }
  return gradient.node;
}

/**
 * Gradients of the sum of `outputs` with respect to `inputs`. Nothing is accumulated in `.grad`.
 *
 * @param outputs one tensor or several
 * @param inputs tensors that the outputs depend on; they require gradients, leaves or not
 * @returns one gradient for each input, of its shape and dtype; null for an unused input
 * @throws {GradientError} an input that the outputs do not depend on, without `allowUnused`
 *
 * @example
 * ```ts
 * import { autograd, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const x = tensor([1, 2, 3], { requiresGrad: true });
 * const y = x.pow(3).sum();
 * const [g] = autograd.grad(y, [x], { createGraph: true });
 * const [h] = autograd.grad(g!.sum(), [x]);
 * assertEquals(g!.toArray(), [3, 12, 27]);
 * assertEquals(h!.toArray(), [6, 12, 18]);
 * ```
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  const outs = tensorsOf("autograd.grad", "outputs", outputs);
  const ins = tensorsOf("autograd.grad", "inputs", inputs);
  checkNames("autograd.grad", options, GRAD);
  const { gradOutputs, createGraph = false, allowUnused = false } = options;
  const given = gradOutputs === undefined ? [] : listOf(gradOutputs as Tensor);
  if (given.length > 0 && given.length !== outs.length) {
    throw new RangeError(
      `autograd.grad: got ${given.length} gradOutputs for ${outs.length} outputs; give one each.`,
    );
  }
  const inNodes = ins.map((x, i) => {
    const node = x.node;
    if (!isFloat(node.dtype)) {
      throw new DTypeError(
        `autograd.grad: input ${i} is ${node.dtype}; only floating-point tensors have gradients.`,
      );
    }
    if (!node.requiresGrad && !allowUnused) {
      throw new GradientError(
        `autograd.grad: input ${i} (shape ${showShape(x.shape)}) does not require a gradient; ` +
          `call requiresGrad_() on it before the computation.`,
      );
    }
    return node;
  });
  // A loss is usually read after the step that its gradient is for.
  if (!createGraph) holdLatest(outs.filter((o) => o.size === 1));
  return withGrad(createGraph, () => {
    const seeds = outs.map((o, i) => seedOf("autograd.grad", o, given[i]));
    const { cotangents, reached } = sweep(outs.map((o) => o.node), seeds, new Set(inNodes));
    const nodes = inNodes.map((node, i) => {
      const g = cotangents.get(node);
      if (g !== undefined) return g;
      // Reached through operations whose derivative is zero everywhere.
      if (reached.has(node)) return zerosNode(node);
      if (allowUnused) return null;
      throw new GradientError(
        `autograd.grad: the outputs do not depend on input ${i} (shape ${
          showShape(node.shape)
        }). ` +
          `Pass allowUnused: true to get null for it. Usual causes: a detach() on the way, or an ` +
          `input that was replaced (in place or by an optimizer) after the outputs were computed.`,
      );
    });
    const found = wrapAll(nodes.filter((node) => node !== null), scalarsOf(outs));
    let at = 0;
    return nodes.map((node) => node === null ? null : found[at++]);
  });
}

/**
 * Accumulates the gradients of `tensors` in the `grad` of the leaves below them.
 *
 * @param tensors one tensor or several
 * @param gradients their cotangents; may be left out for scalars
 * @throws {GradientError} a tensor that is not a scalar and has no gradient given, or that does not
 * depend on anything that requires a gradient, or whose graph was already used up; inside of
 * `compile()`, gradients that would have to leave the compiled function
 *
 * @example
 * ```ts
 * import { autograd, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const x = tensor(3, { requiresGrad: true });
 * autograd.backward(x.mul(x));
 * assertEquals(x.grad!.item(), 6);
 * ```
 */
export function backward(
  tensors: Tensor | readonly Tensor[],
  gradients?: Tensor | readonly (Tensor | null)[] | null,
  options: BackwardOptions = {},
): void {
  const outs = tensorsOf("backward", "tensors", tensors);
  checkNames("backward", options, BACKWARD);
  const given = gradients === undefined || gradients === null ? [] : listOf(gradients as Tensor);
  const { createGraph = false, retainGraph = createGraph, inputs } = options;
  const trace = currentTrace();
  if (trace !== null && !trace.accumulates) {
    throw new GradientError(
      `backward: inside ${trace.operation} no gradients can be left with tensors; take them as ` +
        `values, with autograd.grad or func.grad.`,
    );
  }
  for (const out of outs) {
    if (out.node.spent) {
      throw new GradientError(
        "backward: this graph was already used by a backward() call. Pass retainGraph: true to the " +
          "first call to use it again; in a loop, check that nothing of the last iteration is reused " +
          "without detach() or stopGradient().",
      );
    }
  }
  withGrad(createGraph, () => {
    const nodes: Node[] = [], seeds: Node[] = [];
    outs.forEach((out, i) => {
      nodes.push(out.node);
      seeds.push(seedOf("backward", out, given[i]));
    });
    const chosen = inputs === undefined ? null : tensorsOf("backward", "inputs", inputs);
    const targets = chosen === null ? null : new Set(chosen.map((x) => x.node));
    const { cotangents, reached } = sweep(nodes, seeds, targets);
    const cut = trace?.captured.find((c) => !isLeafNode(c.before) && cotangents.has(c.stand));
    if (cut !== undefined) {
      throw new GradientError(
        `backward: gradients reach a tensor of shape ${
          showShape(cut.before.shape)
        } that was computed ` +
          `from others outside of ${
            trace!.operation
          }, and cannot go on to them. Compute it inside of ` +
          `the compiled function, or detach() it.`,
      );
    }
    // A leaf that was updated meanwhile is reached at several nodes, of one holder.
    const sums = new Map<GradBox, Node>();
    for (const [node, g] of cotangents) {
      if (targets === null ? node.box === null : !targets.has(node)) continue;
      const box = node.box ??= { grad: null };
      if (box.frozen === true) continue;
      const old = sums.get(box) ?? (box.grad as Tensor | null)?.node ?? null;
      // The zeros that zeroGrad() leaves need no addition.
      sums.set(box, old === null || constantValue(old) === 0 ? g : add(old, g));
    }
    // Reached through operations whose derivative is zero everywhere.
    for (const node of reached) {
      const box = node.box ??= { grad: null };
      if (box.grad === null && box.frozen !== true && !sums.has(box)) {
        sums.set(box, zerosNode(node));
      }
    }
    const boxes = [...sums.keys()];
    wrapAll([...sums.values()], scalarsOf(outs)).forEach((sum, i) => boxes[i].grad = sum);
    if (!retainGraph) { for (const node of nodes) node.spent = true; }
    holdSweep(outs, boxes);
  });
}

/** The losses among tensors. One is usually read after its gradients. */
function scalarsOf(tensors: readonly Tensor[]): Node[] {
  return tensors.filter((x) => x.size === 1).map((x) => x.node);
}

const GRAD = ["gradOutputs", "retainGraph", "createGraph", "allowUnused"];
const BACKWARD = ["retainGraph", "createGraph", "inputs"];

/** One tensor or an array of them, checked. */
function tensorsOf(op: string, name: string, x: Tensor | readonly Tensor[]): readonly Tensor[] {
  const list = listOf(x);
  list.forEach((tensor, i) => checkTensor(op, list.length === 1 ? name : `${name}[${i}]`, tensor));
  return list;
}

function listOf<T>(x: T | readonly T[]): readonly T[] {
  return Array.isArray(x) ? x : [x as T];
}
