import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { helpText, parseOptions } from "../../examples/options.ts";

const table = { steps: [10, "how many"], out: ["a.svg", "picture"] } as const;

Deno.test("parseOptions() reads both spellings and keeps defaults", () => {
  assertEquals(parseOptions(table, []), { steps: 10, out: "a.svg" });
  assertEquals(parseOptions(table, ["--steps", "3", "--out=b.svg"]), { steps: 3, out: "b.svg" });
});

Deno.test("parseOptions() refuses unknown names and wrong values", () => {
  assertThrows(() => parseOptions(table, ["--step", "3"]), TypeError, "--step");
  assertThrows(() => parseOptions(table, ["--steps", "x"]), TypeError, "wants a number");
  assertThrows(() => parseOptions(table, ["--out"]), TypeError, "wants a value");
});

Deno.test("helpText() lists every option with its default", () => {
  const text = helpText("About.", table);
  assertStringIncludes(text, "--steps        how many (default 10)");
  assertStringIncludes(text, "--help");
});
