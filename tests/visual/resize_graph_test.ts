import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { tensor, visual } from "@torchopt/torchopt";

const dot = () => visual.makeDot(tensor(2, { requiresGrad: true }).square().exp());

Deno.test("resizeGraph() with its defaults is what makeDot() does", () => {
  assertEquals(visual.resizeGraph(dot()).source, dot().source);
});

Deno.test("resizeGraph() grows with the graph, from a smallest size", async () => {
  const rows = dot().source.trim().split("\n").length - 4;
  const resized = visual.resizeGraph(dot(), { sizePerElement: 10, minSize: 1 });
  assertStringIncludes(resized.source, `graph [size="${10 * rows},${10 * rows}"]`);
  const plain = visual.resizeGraph(new visual.Dot("digraph {\n  a -> b\n}\n"), { minSize: 1 });
  assertEquals(plain.source, 'digraph {\n  graph [size="1,1"]\n  a -> b\n}\n');
  assertStringIncludes(await plain.toSvg(), "<svg");
});

Deno.test("resizeGraph() says what it wants", () => {
  const wrong = (options: object) => () => visual.resizeGraph(dot(), options);
  assertThrows(wrong({ minSize: 0 }), RangeError, "got minSize 0");
  assertThrows(wrong({ sizePerElement: NaN }), RangeError, "got sizePerElement NaN");
  assertThrows(wrong({ size: 1 }), TypeError, "there is no option size");
  assertThrows(() => visual.resizeGraph("digraph {}" as never), TypeError, "what makeDot returned");
  assertThrows(
    () => visual.resizeGraph(new visual.Dot("digraph { a }")),
    TypeError,
    "one statement",
  );
});
