import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { gradientGraphs } from "../../examples/gradient_graph.ts";

Deno.test("gradient_graph: frames and names each step", () => {
  const { full, fused } = gradientGraphs(3, 0);
  for (const k of [1, 2, 3]) {
    assertStringIncludes(full.source, `subgraph cluster_${k} {`);
    for (const name of ["hidden.weight", "hidden.bias", "output.weight", "output.bias"]) {
      assertStringIncludes(full.source, `step${k}.${name}`);
    }
    assertStringIncludes(fused.source, `[label="step ${k}"`);
  }
  assert(fused.source.length < full.source.length / 2);
  assertEquals(gradientGraphs(3, 0).full.source, full.source);
});
