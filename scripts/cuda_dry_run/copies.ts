/**
 * Copies that ONNX Runtime makes where the provider lacks a kernel: `explain()` lists each of them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { compile, explain, memory, realize, type Tensor, tensor } from "../../mod.ts";
import { decodeModel, DEFAULT_OPSETS, encodeModel, IR_VERSION } from "../../src/onnx/mod.ts";
import { copyNodes } from "../../src/run/copies.ts";
import { modelAsRun, Session, type SessionSpec, Storage } from "../../src/runtime/mod.ts";
import { during, onCuda } from "./device.ts";

/** x x, its determinant (which the provider has no kernel for), and the product of the two. */
function withDeterminant(): SessionSpec {
  const value = (name: string) => ({ name, dtype: "float32" as const, shape: [2, 2] });
  const inputs = [value("x")], outputs = [value("y")];
  const node = (opType: string, inputs: string[], output: string) => ({
    opType,
    inputs,
    outputs: [output],
  });
  const nodes = [
    node("MatMul", ["x", "x"], "xx"),
    node("Det", ["xx"], "d"),
    node("Mul", ["xx", "d"], "y"),
  ];
  const valueInfos = [value("xx"), { ...value("d"), shape: [] }];
  const model = encodeModel({
    irVersion: IR_VERSION,
    opsets: DEFAULT_OPSETS,
    graph: { name: "determinant", nodes, inputs, outputs, valueInfos },
  });
  return { model, inputs, outputs, device: "cuda", threads: 1, useOps: false };
}

/** What was found. */
export async function copiesOfHostNodes(): Promise<string> {
  const spec = withDeterminant(), before = memory().sessions.hostNodes;
  const listed = copyNodes(decodeModel(modelAsRun(spec)).graph);
  assertEquals(listed, [
    "float32[2,2], a result of MatMul, to the host for Det (MemcpyToHost)",
    "float32[], a result of Det, from the host for Mul (MemcpyFromHost)",
  ]);
  const session = new Session(spec);
  assertEquals(memory().sessions.hostNodes - before, 1);
  session.bind(0, Storage.from(Float32Array.of(1, 2, 3, 4), "float32", "cuda"));
  session.bind(1, Storage.alloc("float32", 4, "cuda"));
  const { toHost, toDevice } = during(() => session.run());
  assertEquals([toHost, toDevice], [1, 1]);
  session.dispose();
  return await onCuda(() => {
    const f = compile((x: Tensor, rate: number) => x.matmul(x).mul(rate));
    for (const rate of [0.5, 0.25]) realize(f(tensor([[1, 2], [3, 4]]), rate));
    const { copies } = explain(f);
    assert(
      copies.length === 1 && copies[0].startsWith("numbers (1 of float32) to cuda"),
      `${copies}`,
    );
    return `${listed.length} of ${listed.length} in a graph with a node on the host, none in others`;
  });
}
