import { assert, assertEquals, assertThrows } from "@std/assert";
import { COMPILED_KERNELS } from "../../src/runtime/device/target.ts";
import { type DType, DTYPES, targetOf } from "../../src/runtime/mod.ts";

/** All text of the C++ sources. */
function sources(folder: URL): string {
  return [...Deno.readDirSync(folder)].map(({ name, isDirectory }) => {
    const at = new URL(isDirectory ? `${name}/` : name, folder);
    return isDirectory ? sources(at) : /\.(cc|h|inc)$/.test(name) ? Deno.readTextFileSync(at) : "";
  }).join("");
}

Deno.test("drivers know the kernels that ops/ has, each in two types", () => {
  const names = sources(new URL("../../ops/", import.meta.url)).matchAll(/"([A-Z]\w+)(F32|F64)"/g);
  const found = new Set<string>(), known = new Set<string>();
  for (const [, name, type] of names) found.add(name + type);
  for (const name of COMPILED_KERNELS) for (const type of ["F32", "F64"]) known.add(name + type);
  assertEquals([...found].sort(), [...known].sort());
});

Deno.test("has() tells which kernels there are, for which types", () => {
  const kernels = [...COMPILED_KERNELS].map((name) => `torchopt.${name}`);
  for (const dtype of Object.keys(DTYPES) as DType[]) {
    const both = dtype === "float32" || dtype === "float64";
    for (const op of kernels) {
      assertEquals(targetOf("cpu", true).has(op, dtype), both);
      assert(!targetOf("cpu", false).has(op, dtype));
      assert(!targetOf("cuda", true).has(op, dtype));
    }
  }
  const has = (device: "cpu" | "cuda", op: string, dtype: DType) => targetOf(device).has(op, dtype);
  assertEquals([has("cpu", "Conv", "float32"), has("cpu", "Conv", "float64")], [true, false]);
  assertEquals([has("cuda", "Conv", "float64"), has("cuda", "MatMul", "int64")], [true, false]);
  assertEquals([has("cpu", "Erf", "float32"), has("cuda", "Erf", "float64")], [true, false]);
  assertEquals([has("cpu", "Add", "bool"), has("cpu", "MatMul", "int64")], [true, true]);
  assertThrows(() => has("cpu", "torchopt.Programme", "float32"), Error, "no kernel");
});
