import { assertEquals } from "@std/assert";
import answers from "../../scripts/features/answers.json" with { type: "json" };
import * as here from "../../scripts/features/here.ts";
import { FEATURES } from "../../scripts/features/list.ts";

Deno.test("docs/comparison.md says of this library what it does", async () => {
  const wrong: string[] = [];
  for (const name of Object.keys(FEATURES)) {
    let answer = "yes";
    try {
      await (here as Record<string, () => unknown>)[name]();
    } catch (error) {
      answer = (error as Error).message;
    }
    const stored = (answers.here as Record<string, string>)[name];
    if ((answer === "yes") !== (stored === "yes")) wrong.push(`${name}: ${answer}`);
  }
  assertEquals(wrong, []);
});
