/** Copy nodes that ONNX Runtime puts into graphs, as `explain()` lists them. */

import { assertEquals } from "@std/assert";
import { attr, type GraphDef, type NodeDef } from "../../src/onnx/mod.ts";
import { copyNodes } from "../../src/run/copies.ts";

const node = (
  opType: string,
  inputs: string[],
  outputs: string[],
  more: Partial<NodeDef> = {},
) => ({
  opType,
  inputs,
  outputs,
  ...more,
});
const graph = (nodes: NodeDef[], values: Partial<GraphDef> = {}): GraphDef => ({
  name: "g",
  nodes,
  inputs: [{ name: "x", dtype: "float32", shape: [2, 3] }],
  outputs: [{ name: "y", dtype: "float32", shape: [3] }],
  ...values,
});

Deno.test("copy nodes: from where to where, of what type and for whom", () => {
  const nodes = [
    node("MemcpyToHost", ["x"], ["x_host"]),
    node("Det", ["x_host"], ["d"]),
    node("Size", ["x_host"], ["n"]),
    node("MemcpyFromHost", ["d"], ["y"]),
    node("MemcpyFromHost", ["n"], ["n_device"]),
    node("Identity", ["n_device"], ["z"]),
  ];
  const valueInfos = [{ name: "n", dtype: "int64" as const, shape: [] }];
  assertEquals(copyNodes(graph(nodes, { valueInfos })), [
    "float32[2,3], an input, to the host for Det, Size (MemcpyToHost)",
    "float32[3], a result of Det, from the host as a result (MemcpyFromHost)",
    "int64[], a result of Size, from the host for Identity (MemcpyFromHost)",
  ]);
  assertEquals(copyNodes(graph([node("Add", ["x", "x"], ["y"])])), []);
});

Deno.test("copy nodes inside of a loop are listed, and those that only its body reads", () => {
  const body = graph([
    node("Less", ["x", "a_device"], ["more"]),
    node("MemcpyToHost", ["more"], ["y"]),
  ]);
  const nodes = [
    node("MemcpyFromHost", ["a"], ["a_device"]),
    node("Loop", ["x"], ["y"], { attributes: { body: attr.graph(body) } }),
  ];
  assertEquals(copyNodes(graph(nodes)), [
    "a value, an input, from the host for Loop (MemcpyFromHost)",
    "float32[3], a result of Less, to the host as a result, inside of Loop (MemcpyToHost)",
  ]);
});
