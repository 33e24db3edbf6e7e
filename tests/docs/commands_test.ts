import { assert, assertEquals } from "@std/assert";
import { KNOWN } from "../../scripts/docs/command_list.ts";
import { allCommands, commandsOf } from "../../scripts/docs/commands.ts";

const commands = allCommands(new URL("../../", import.meta.url));

Deno.test("it is known of every shell command of the docs how it was run", () => {
  assert(commands.length > 50);
  const unknown = commands.filter(({ command }) => !KNOWN.some((k) => k.pattern.test(command)));
  assertEquals(unknown, []);
});

Deno.test("scripts/docs/command_list.ts knows no command that the docs no longer have", () => {
  const first = new Set(commands.map(({ command }) => KNOWN.find((k) => k.pattern.test(command))));
  assertEquals(KNOWN.filter((entry) => !first.has(entry)).map(({ pattern }) => pattern), []);
});

Deno.test("commands are found in shell blocks, indented and in the text, with what continues them", () => {
  const text = [
    "Run `deno task demo` or `maml.ts --seed 1`, not `deno` and `other.ts`.",
    "",
    "    mpirun -n 4 deno run x.ts",
    "",
    "```sh",
    "$ X=1 deno run \\",
    "    a.ts   # says a",
    "a: 1",
    "```",
    "```text",
    "deno run nothing.ts",
    "```",
    "",
  ].join("\n");
  assertEquals(commandsOf(text, new Set(["maml.ts"])), [
    "X=1 deno run a.ts",
    "mpirun -n 4 deno run x.ts",
    "deno task demo",
    "deno run -A examples/maml.ts --seed 1",
  ]);
});
