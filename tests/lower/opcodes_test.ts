/** The kernel's table of operations, and what TypeScript knows of it. */

import { assertEquals } from "@std/assert";
import { opcode } from "../../src/graph/program_rule.ts";
import { primitives } from "../../src/primitives/table.ts";

Deno.test("codes and names of Program's operations are those of ops/program/opcodes.inc", () => {
  const table = Deno.readTextFileSync(new URL("../../ops/program/opcodes.inc", import.meta.url));
  const rows = table.matchAll(/^TORCHOPT_(?:ELT|LIBM)\((\d+), (\w)(\w*),/gm);
  const kernel = [...rows].map(([, code, first, rest]) => [first.toLowerCase() + rest, +code]);
  const own = Object.values(primitives).flatMap(({ name, program }) =>
    program?.kind === "elementwise" ? [[name, program.opcode] as const] : []
  );
  const known = new Map([...Object.entries(opcode), ...own]);
  assertEquals(kernel, [...known].sort(([, a], [, b]) => a - b));
});
