/**
 * Trees of values: parameters, states and batches as nested arrays, objects and `Map`s.
 *
 * @module
 */

export { formatPath, type PyTree, type TreeOptions, type TreePath } from "./types.ts";
export {
  type FlatNode,
  type NodeClass,
  type NodeHandler,
  register,
  unregister,
} from "./registry.ts";
export { TreeDef } from "./treedef.ts";
export { treeFlatten, treeLeaves, treePaths, treeStructure, treeUnflatten } from "./flatten.ts";
export { flattenUpTo } from "./match.ts";
export {
  broadcastPrefix,
  treeAll,
  treeAny,
  treeMap,
  treeMapWithPath,
  treeReduce,
  treeTranspose,
} from "./map.ts";
