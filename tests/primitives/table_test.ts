import { assertEquals } from "@std/assert";
import "../../mod.ts";
import { definePrimitive } from "../../src/graph/node.ts";
import { primitives } from "../../src/primitives/table.ts";

/** Primitives that live elsewhere: copies between devices are computed when they are made. */
const ELSEWHERE = ["transfer"];

Deno.test("every primitive goes by the name of its export", () => {
  for (const [name, primitive] of Object.entries(primitives)) assertEquals(primitive.name, name);
});

Deno.test("every primitive that is defined is listed", () => {
  const unlisted = definePrimitive<null>({
    name: "unlisted",
    infer: ([x]) => x,
    lower: (_c, [x]) => x,
    vjp: "defined to be counted",
    batch: "defined to be counted",
  });
  assertEquals(unlisted.id - 1, Object.keys(primitives).length + ELSEWHERE.length);
});
