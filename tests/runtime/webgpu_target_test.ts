/** What a device with WebGPU is asked for, on any machine: the models of one node, and the answers. */

import { assert, assertEquals } from "@std/assert";
import { check, ort } from "../../src/runtime/api.ts";
import { oneNode } from "../../src/runtime/device/one_node.ts";
import { webgpuTarget } from "../../src/runtime/device/webgpu_target.ts";
import type { DType } from "../../src/runtime/dtype.ts";
import { environment } from "../../src/runtime/env.ts";
import { outPointer } from "../../src/runtime/ffi.ts";
import { COMPILED_KERNELS } from "../../src/runtime/device/target.ts";

const FLOAT = (
  "Abs Acos Asin Atan Ceil Cos Cosh Erf Exp Floor Identity IsNaN Log Neg Reciprocal Relu Round " +
  "Sigmoid Sign Sin Sinh Softplus Sqrt Tan Tanh Add Div Equal Greater GreaterOrEqual Less " +
  "LessOrEqual MatMul Max Min Mul Pow Sub ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum " +
  "Expand Reshape ArgMax ArgMin Cast Concat CumSum Gather GatherElements GatherND Pad " +
  "ScatterElements Slice Split Squeeze Tile TopK Transpose Unsqueeze Where"
).split(" ");
const ASKED: [string, DType][] = [
  ...FLOAT.map((op): [string, DType] => [op, "float32"]),
  ["Mod", "int64"],
  ...["And", "Or", "Xor", "Not"].map((op): [string, DType] => [op, "bool"]),
];

Deno.test("oneNode() makes models that ONNX Runtime takes", () => {
  const { fn } = ort();
  const options = outPointer((out) => check(fn.CreateSessionOptions(out), "options"));
  for (const [op, dtype] of ASKED) {
    const model = oneNode(op, dtype)!;
    const session = outPointer((out) =>
      check(
        fn.CreateSessionFromArray(environment().env, model, BigInt(model.length), options, out),
        `${op} of ${dtype}`,
      )
    );
    fn.ReleaseSession(session);
  }
  fn.ReleaseSessionOptions(options);
  assertEquals(oneNode("Conv", "float32"), null);
});

Deno.test("webgpuTarget() asks the provider, once for each operator and type", () => {
  let asked = 0;
  // A provider without kernels: with the host's help forbidden, nothing makes a session.
  const target = webgpuTarget(() => void asked++);
  for (const [op, dtype] of ASKED) {
    assertEquals(target.has(op, dtype), false, `${op} ${dtype}`);
    const before = asked;
    assertEquals(target.has(op, dtype), false);
    assertEquals(asked, before);
  }
  assert(asked > FLOAT.length / 2, `${asked} questions`);
  // What cannot be asked counts as there, and what is known to be missing is not asked.
  assertEquals(target.has("Conv", "float32"), true);
  const before = asked;
  const missing: [string, DType][] = [["Add", "float64"], ["Loop", "float32"], ["Relu", "float16"]];
  for (const name of COMPILED_KERNELS) missing.push([`torchopt.${name}`, "float32"]);
  for (const [op, dtype] of missing) assertEquals(target.has(op, dtype), false, `${op} ${dtype}`);
  assertEquals(asked, before);
  assertEquals([target.offsets, target.branches], [false, false]);
});
