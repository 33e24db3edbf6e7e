/**
 * Regions that read or write very many values become several: one node of ONNX Runtime cannot be cut.
 *
 * @module
 */

import { operandOf, type Partition, type Region, skipViews, type Unit } from "./partition.ts";
import { constant, scalar } from "../graph/leaf.ts";
import type { Node } from "../graph/node.ts";
import { NodeTable } from "../graph/order.ts";
import { isView } from "../graph/views.ts";

/**
 * Splits regions so that none has many more inputs and outputs than `most`; `external` tells which
 * values are read outside of their region. Members keep their order, so that a part needs only those
 * before it.
 *
 * @returns whether there are more regions now
 */
export function splitRegions(parts: Partition, external: NodeTable<true>, most: number): boolean {
  const units: Unit[] = [];
  for (const unit of parts.units) {
    if ("node" in unit || unit.region.nodes.length <= most) units.push(unit);
    else for (const region of split(unit.region, parts, external, most)) units.push({ region });
  }
  if (units.length === parts.units.length) return false;
  parts.units.splice(0, parts.units.length);
  for (const unit of units) parts.units.push(unit);
  return true;
}

function split(
  region: Region,
  parts: Partition,
  external: NodeTable<true>,
  most: number,
): Region[] {
  const regions: Region[] = [];
  let nodes: Node[] = [], values = 0;
  const read = new Set<Node>();
  for (const node of region.nodes) {
    if (external.has(node)) values++;
    for (const x of node.inputs) {
      const { root } = operandOf(parts, node, x);
      if (root.prim === constant || root.prim === scalar || read.has(root)) continue;
      if (parts.regionOf.get(root) === region) continue;
      read.add(root);
      values++;
    }
    nodes.push(node);
    if (values < most) continue;
    regions.push({ ...region, nodes });
    [nodes, values] = [[], 0];
    read.clear();
  }
  if (nodes.length > 0) regions.push({ ...region, nodes });
  if (regions.length < 2) return [region];
  for (const part of regions) {
    part.nodes.forEach((node, place) => {
      parts.regionOf.set(node, part);
      parts.placeOf.set(node, place);
    });
  }
  return regions;
}

/** Members of regions whose value is needed outside of their region. */
export function externals(
  parts: Partition,
  nodes: readonly Node[],
  results: readonly Node[],
): NodeTable<true> {
  const external = new NodeTable<true>(nodes.length);
  for (const n of results) external.set(skipViews(parts, n), true);
  for (const node of nodes) {
    const region = parts.regionOf.get(node);
    if (region === undefined && isView(node)) continue;
    for (const x of node.inputs) {
      if (region === undefined) external.set(skipViews(parts, x), true);
      else {
        const { root } = operandOf(parts, node, x);
        if (parts.regionOf.get(root) !== region) external.set(root, true);
      }
    }
  }
  return external;
}
