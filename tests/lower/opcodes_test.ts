/** The kernel's table of operations, and what TypeScript knows of it. */

import { assertEquals } from "@std/assert";
import { opcode } from "../../src/graph/program_rule.ts";

Deno.test("codes and names of Program's operations are those of ops/program/opcodes.inc", () => {
  const table = Deno.readTextFileSync(new URL("../../ops/program/opcodes.inc", import.meta.url));
  const rows = table.matchAll(/^TORCHOPT_(?:ELT|LIBM)\((\d+), (\w)(\w*),/gm);
  const kernel = [...rows].map(([, code, first, rest]) => [first.toLowerCase() + rest, +code]);
  const known = Object.entries(opcode).sort(([, a], [, b]) => a - b);
  assertEquals(kernel, known);
});
