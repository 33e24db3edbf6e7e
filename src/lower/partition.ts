/**
 * Partition of a graph into Program regions and single ONNX nodes.
 *
 * Each node has a height: the number of times the longest path from it to an output changes between
 * what Program computes and what ONNX Runtime computes. Program nodes of equal height and type form
 * one region. Heights fall strictly along every path that leaves a region, so regions cannot form a
 * cycle, and the whole takes linear time. Heights count from the outputs, so that a value is
 * computed as late as possible: next to its use.
 *
 * @module
 */

import { buffer, constant, scalar } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import { NodeTable } from "../graph/order.ts";
import { sameShape, sizeOf } from "../graph/shape.ts";
import { isContiguous, isView, type Operand, resolve, wholeView } from "../graph/views.ts";

/** Element types that Program computes in. */
export type ComputeType = "float32" | "float64";

/** Nodes that one Program computes. */
export interface Region {
  /** Element type. */
  readonly type: ComputeType;
  /** Height over the outputs. */
  readonly height: number;
  /** Members, operands first. */
  readonly nodes: Node[];
}

/** A step of the lowered graph. */
export type Unit = { readonly region: Region } | { readonly node: Node };

/** The partition of a graph. */
export interface Partition {
  /** Steps in an order in which they can run. */
  readonly units: Unit[];
  /** Region of each node that a Program computes. */
  readonly regionOf: NodeTable<Region>;
  /** Place of each such node in its region. */
  readonly placeOf: NodeTable<number>;
  /** Where an operand of a Program is in memory. */
  operand(node: Node): Operand;
}

/** Follows views that are emitted on demand down to a value that a unit computes, or a leaf. */
export function skipViews(parts: Partition, node: Node): Node {
  let n = node;
  while (isView(n) && !parts.regionOf.has(n)) n = n.inputs[0];
  return n;
}

/** Where a member of a region finds its operand `x`. */
export function operandOf(parts: Partition, node: Node, x: Node): Operand {
  return parts.operand(isView(node) ? node.inputs[0] : x);
}

/** Largest matrix product that a Program computes itself (multiply-adds); larger ones thread better. */
const MATMUL_LIMIT = 1 << 20;

/** Whether a node has no operands to compute. */
export function isLeaf(node: Node): boolean {
  return node.prim === buffer || node.prim === scalar || node.prim === constant;
}

function isCompute(d: string): d is ComputeType {
  return d === "float32" || d === "float64";
}

/**
 * From this length on, rows that are multiplied by a vector are Program's whatever their number: ONNX
 * Runtime's sums lose digits, and cutting them into parts would take a copy of the matrix.
 */
const LONG_ROWS = 1 << 16;

/** Whether Program can compute a matrix product, and better than ONNX Runtime. */
export function isSmallProduct(node: Node): boolean {
  const [a] = node.inputs;
  const k = a.shape[node.attrs.ta ? a.shape.length - 2 : a.shape.length - 1];
  const { ta, tb } = node.attrs, [m, n] = node.shape.slice(-2);
  const longRows = k > LONG_ROWS && ((n === 1 && !ta) || (m === 1 && tb));
  if (sizeOf(node.shape) * k > MATMUL_LIMIT && !longRows) return false;
  const batch = node.shape.slice(0, -2);
  // Each operand has the whole batch, or one matrix for all of it.
  return node.inputs.every((x) => {
    const own = x.shape.slice(0, -2);
    return sizeOf(own) === 1 || sameShape(own, batch);
  });
}

/** Whether a node gives or takes a tensor without elements; Program has none of those. */
export function touchesNothing(node: Node): boolean {
  return sizeOf(node.shape) === 0 || node.inputs.some((x) => sizeOf(x.shape) === 0);
}

/** The type in which Program would compute a node, or null where it cannot. */
function computeType(node: Node, types: NodeTable<ComputeType | null>): ComputeType | null {
  const rule = node.prim.program;
  const typeOf = (x: Node): ComputeType | null => {
    let n = x;
    while (isView(n)) n = n.inputs[0];
    return isCompute(n.dtype) ? n.dtype : types.get(n) ?? null;
  };
  if (touchesNothing(node)) return null;
  if (node.prim.name === "cast") {
    // A truth value that Program computed is already the number 0 or 1.
    const from = node.inputs[0];
    return isCompute(node.dtype) && from.dtype === "bool" && typeOf(from) === node.dtype
      ? node.dtype
      : null;
  }
  if (rule === undefined || rule.kind === "view") return null;
  if (rule.kind === "matmul") {
    return isCompute(node.dtype) && isSmallProduct(node) ? node.dtype : null;
  }
  if (isCompute(node.dtype)) return node.dtype;
  if (node.dtype !== "bool") return null;
  for (const x of node.inputs) {
    const t = typeOf(x);
    if (x.dtype !== "bool") return t;
    if (t !== null) return t;
  }
  return null;
}

/** Divides `nodes` (numbered, operands first) into units; without `program` every node is a unit of its own. */
export function partition(
  nodes: readonly Node[],
  outputs: readonly Node[],
  program: boolean,
): Partition {
  const size = nodes.length, types = new NodeTable<ComputeType | null>(size);
  const materialized = new Set<Node>(), memo = new NodeTable<Operand>(size);
  if (program) {
    for (const node of nodes) if (!isLeaf(node)) types.set(node, computeType(node, types));
    // Follow all views first: some of them turn out to need writing.
    for (const node of nodes) {
      if (!types.get(node)) continue;
      for (const x of node.inputs) {
        const { root, view } = resolve(x, materialized, memo);
        // The factors of a product are read as plain matrices.
        if (node.prim.program?.kind === "matmul" && root !== x && !isContiguous(view)) {
          materialized.add(x);
          memo.set(x, { root: x, view: wholeView(x.shape) });
        }
      }
    }
    for (const node of materialized) {
      if (isView(node) && isCompute(node.dtype)) types.set(node, node.dtype);
    }
  }

  // Heights, from the outputs down. A view passes on the height of its users.
  const heights = new NodeTable<number>(size);
  const typeOf = (n: Node) => types.get(n) ?? null;
  const lift = (n: Node, h: number) => {
    const known = heights.get(n);
    if (known === undefined || known < h) heights.set(n, h);
  };
  for (const out of outputs) lift(out, 0);
  // For a view: largest height over users of each type, since it has no type of its own.
  const viewUsers = new NodeTable<{ type: ComputeType | null; height: number }[]>(size);
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i];
    if (isLeaf(node)) continue;
    const transparent = isView(node) && typeOf(node) === null;
    const users = transparent
      ? [
        ...(viewUsers.get(node) ?? []),
        ...(heights.has(node) ? [{ type: null, height: heights.get(node)! }] : []),
      ]
      : [{ type: typeOf(node), height: heights.get(node) ?? 0 }];
    for (const x of node.inputs) {
      if (isView(x) && typeOf(x) === null) {
        const list = viewUsers.get(x) ?? [];
        for (const u of users) {
          const same = list.find((v) => v.type === u.type);
          if (same === undefined) list.push({ ...u });
          else same.height = Math.max(same.height, u.height);
        }
        viewUsers.set(x, list);
      } else {
        const t = typeOf(x);
        for (const u of users) lift(x, t !== null && t === u.type ? u.height : u.height + 1);
      }
    }
  }

  const regions = new Map<string, Region>();
  const regionOf = new NodeTable<Region>(size), placeOf = new NodeTable<number>(size);
  const units: { height: number; unit: Unit }[] = [];
  for (const node of nodes) {
    const type = typeOf(node);
    if (type === null) {
      // Views are emitted on demand, next to the ONNX node that needs them.
      if (!isLeaf(node) && !(program && isView(node))) {
        units.push({ height: heights.get(node) ?? 0, unit: { node } });
      }
      continue;
    }
    const height = heights.get(node) ?? 0;
    const key = `${type}:${height}`;
    let region = regions.get(key);
    if (region === undefined) {
      regions.set(key, region = { type, height, nodes: [] });
      units.push({ height, unit: { region } });
    }
    placeOf.set(node, region.nodes.push(node) - 1);
    regionOf.set(node, region);
  }
  // Without Program all heights differ along edges too, but the given order is already right.
  if (program) units.sort((a, b) => b.height - a.height);
  return {
    units: units.map((u) => u.unit),
    regionOf,
    placeOf,
    operand: (node) => resolve(node, materialized, memo),
  };
}
