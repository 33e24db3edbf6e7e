/**
 * `func.vmap`: functions of one example as functions of a whole batch.
 *
 * @module
 */

import { ShapeError } from "../graph/errors.ts";
import type { Node } from "../graph/node.ts";
import { placeholderNode } from "../graph/leaf.ts";
import { showShape } from "../graph/shape.ts";
import { alias, expand } from "../primitives/movement.ts";
import { broadcastPrefix, type PyTree, treeFlatten, treeUnflatten } from "../pytree/mod.ts";
import { wrap } from "../tensor/core.ts";
import { checkFunction, checkNames } from "../tensor/describe.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Draw } from "../tensor/trace.ts";
import { BatchCopy, isBatched } from "../primitives/batching.ts";
import { FunctionTrace } from "./function_trace.ts";
import { type Mapped, move, updatesOf, write } from "./vmap_updates.ts";

type Tree = PyTree<unknown>;

/**
 * Which dimension counts the examples: a number (negative from the end), null for none, or a tree of
 * these that is a prefix of what it is for.
 */
export type Axes = number | null | readonly Axes[] | { readonly [key: string]: Axes };

/** Options of `func.vmap`. */
export interface VmapOptions {
  /**
   * Which dimension of the arguments counts the examples (default 0): one number for all, or an array
   * with an entry for each argument, which may be a tree. Tensors with null are the same for all
   * examples.
   */
  readonly inAxes?: Axes;
  /** Where the results get that dimension (default 0); null for those equal for all examples. */
  readonly outAxes?: Axes;
  /**
   * What random numbers inside do: `"error"` (default) refuses them, `"same"` draws once for all
   * examples, `"different"` draws for each.
   */
  readonly randomness?: "error" | "same" | "different";
}

/** Everything from outside stays itself; what is drawn follows the option. */
class VmapTrace extends FunctionTrace {
  readonly #randomness: VmapOptions["randomness"];
  readonly #size: number;
  readonly drawnForExamples: [Node, Node][] = [];

  constructor(size: number, randomness: VmapOptions["randomness"]) {
    super("vmap()");
    this.#size = size;
    this.#randomness = randomness;
  }

  protected override standFor(before: Node): Node {
    return before;
  }

  override drawLater(draw: Draw): Node {
    if (this.#randomness === "same") return super.drawLater(draw);
    if (this.#randomness !== "different") {
      throw new RangeError(
        "vmap: the function draws random numbers. Say whether all examples get the same " +
          'or each its own: vmap(fn, { randomness: "same" }) or "different".',
      );
    }
    const all = super.drawLater((lead = []) => draw([...lead, this.#size]));
    const stand = placeholderNode({ shape: all.shape.slice(1), dtype: all.dtype }, all);
    this.drawnForExamples.push([stand, all]);
    return stand;
  }
}

/** In trees of axes null says something. */
const withNulls = { noneIsLeaf: true };

/** The axis of each leaf of `tree`, as `axes` says. */
function axesOf(name: string, axes: Axes, tree: Tree, leaves: readonly unknown[]) {
  if (axes === null || typeof axes === "number") return leaves.map(() => axes);
  try {
    const full = broadcastPrefix(axes as Tree, tree, withNulls);
    return treeFlatten(full, withNulls).leaves as (number | null)[];
  } catch (cause) {
    throw new TypeError(
      `vmap: ${name} does not fit the structure it is for. ${(cause as Error).message}`,
    );
  }
}

/** An axis counted from the front; `rank` dimensions are there to choose from. */
function checkAxis(name: string, axis: number, rank: number, what: string): number {
  const at = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || at < 0 || at >= rank) {
    throw new RangeError(
      `vmap: ${name} is ${axis} for ${what}, wants a whole number from ${-rank} to ` +
        `${rank - 1}, or null for what is the same for all examples.`,
    );
  }
  return at;
}

/** What a function is given: stand-ins of one example, and the batches they stand for. */
function examples(leaves: readonly unknown[], axes: readonly (number | null)[]) {
  let size: number | null = null, first = "";
  const inside: unknown[] = [], pairs: [Node, Node][] = [], mapped: Mapped[] = [];
  leaves.forEach((x, i) => {
    const axis = axes[i];
    if (!(x instanceof Tensor) || axis === null) return void inside.push(x);
    const what = `tensor ${i} of the arguments, of shape ${showShape(x.shape)}`;
    if (x.ndim === 0) {
      throw new ShapeError(
        `vmap: ${what}, has no dimension of examples; give it inAxes null to share it.`,
      );
    }
    const from = checkAxis("inAxes", axis, x.ndim, what), batch = move(x.node, from, 0);
    const [count, ...shape] = batch.shape;
    if (size === null) [size, first] = [count, what];
    else if (size !== count) {
      throw new ShapeError(
        `vmap: there are ${size} examples in ${first}, and ${count} in ${what}; the numbers must ` +
          `be equal. inAxes chooses the dimension, null shares a tensor.`,
      );
    }
    const known = mapped.find((m) => m.tensor === x && m.axis === from);
    if (known !== undefined) return void inside.push(known.inside);
    const stand = placeholderNode({ shape, dtype: batch.dtype }, batch);
    stand.requiresGrad = batch.requiresGrad;
    pairs.push([stand, batch]);
    // What has a history outside has one inside: it may be changed in place.
    const own = wrap(x.isLeaf ? stand : alias(stand));
    mapped.push({ tensor: x, axis: from, inside: own });
    inside.push(own);
  });
  if (size === null) {
    throw new TypeError(
      "vmap: none of the arguments is a tensor with an axis of examples; give at least one, " +
        "and an inAxes that is not null for it.",
    );
  }
  return { size: size as number, inside, pairs, mapped };
}

/**
 * Makes a function of one example a function of a batch of them, which are computed together: one
 * graph of larger operations, instead of one graph for each example.
 *
 * Inside, a tensor has the shape that it has for one example. Products with a matrix that all
 * examples share become one large product; a kernel for each example becomes a convolution in groups.
 * No operation falls back to a loop over the examples. Calls can be nested, differentiated, compiled,
 * and made inside `func.grad` and its relatives.
 *
 * `fn` cannot read values and must not call `backward()`; tensors that it makes leave it as its
 * result only. Arguments may be changed in place: the tensors of the caller change, each example in
 * its own place, as in PyTorch; running statistics of batch normalisation can be mapped so. A tensor
 * that all examples share may be changed as long as the new value is the same for all of them. Leaves
 * of the arguments that are no tensors are passed on.
 *
 * @param fn a function of trees of tensors that returns such a tree
 * @param options which dimensions count the examples, and what random numbers do
 * @returns a function with the same arguments and results, with a dimension more
 * @throws {ShapeError} where the numbers of examples differ, or a scalar is to be split
 * @throws {RangeError} for an axis out of range, and for random numbers without `randomness`
 *
 * @example
 * ```ts
 * import { func, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const w = tensor([1, 10]);
 * const dot = func.vmap((x) => x.mul(w).sum());
 * assertEquals(dot(tensor([[1, 2], [3, 4], [5, 6]])).toArray(), [21, 43, 65]);
 *
 * // Gradients of a loss, one for each example.
 * const each = func.vmap(func.grad((w, x) => x.mul(w).sum().square()), { inAxes: [null, 0] });
 * assertEquals(each(w, tensor([[1, 2], [3, 4]])).toArray(), [[42, 84], [258, 344]]);
 *
 * // A running mean for each of two streams.
 * const means = tensor([[0, 0], [8, 8]]);
 * func.vmap((mean, x) => mean.lerp_(x, 0.5))(means, tensor([[2, 4], [0, 2]]));
 * assertEquals(means.toArray(), [[1, 2], [4, 5]]);
 * ```
 */
export function vmap<R, A extends unknown[] = Tensor[]>(
  fn: (...args: A) => R,
  options: VmapOptions = {},
): (...args: A) => R {
  checkFunction("vmap", fn);
  checkNames("vmap", options, ["inAxes", "outAxes", "randomness"]);
  const { inAxes = 0, outAxes = 0, randomness = "error" } = options;
  return (...args) => {
    const { leaves, def } = treeFlatten(args as Tree, withNulls);
    const axes = axesOf("inAxes", inAxes, args as Tree, leaves);
    const { size, inside, pairs, mapped } = examples(leaves, axes);
    const trace = new VmapTrace(size, randomness);
    const { result, ...recorded } = trace.run(() => {
      const output = fn(...treeUnflatten(def, inside) as A);
      const { leaves: outputs, def: outDef } = treeFlatten(output as Tree, withNulls);
      const nodes = outputs.map((x) => x instanceof Tensor ? x.node : null);
      return { output, outputs, outDef, nodes };
    });
    const copy = new BatchCopy(size, trace, [...pairs, ...trace.drawnForExamples]);
    updatesOf(recorded, mapped, copy, size).forEach(write);
    const { output, outputs, outDef, nodes } = result;
    const outs = axesOf("outAxes", outAxes, output as Tree, outputs);
    const results = outputs.map((x, i) => {
      const node = nodes[i];
      return node === null ? x : wrap(placed(node, copy.of(node), outs[i], size, i));
    });
    return treeUnflatten(outDef, results) as R;
  };
}

/** A result with the examples in the dimension that was asked for. */
function placed(node: Node, value: Node, axis: number | null, size: number, i: number): Node {
  const what = `result ${i}, of shape ${showShape(node.shape)} for one example`;
  const batched = isBatched(node, value);
  if (axis === null) {
    if (!batched) return value;
    throw new ShapeError(
      `vmap: ${what}, differs by example and cannot have outAxes null; give it a dimension.`,
    );
  }
  const all = batched ? value : expand(value, [size, ...value.shape]);
  return move(all, 0, checkAxis("outAxes", axis, all.shape.length, what));
}
