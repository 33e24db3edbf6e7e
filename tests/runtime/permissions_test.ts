import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { child } from "./child.ts";

const SUM = `import { tensor } from "${import.meta.resolve("../../mod.ts")}";
  console.log(tensor([1, 2]).square().sum().item());`;

const OPS = `import { opsLibrary } from "${import.meta.resolve("../../src/runtime/mod.ts")}";
  console.log(opsLibrary().why);`;

function run(...permissions: string[]): Promise<string> {
  return child(SUM, {}, permissions);
}

Deno.test("locateOrt() names the flag that is missing", async () => {
  for (const missing of ["ffi", "env", "read"]) {
    const given = ["ffi", "env", "read"].filter((name) => name !== missing);
    const { message } = await assertRejects(
      () => run(...given.map((name) => `--allow-${name}`)),
      Error,
    );
    assertStringIncludes(message, "NotCapable");
    assertStringIncludes(message, `--allow-${missing} flag`);
  }
});

Deno.test("realize() runs with --allow-ffi, --allow-env and --allow-read", async () => {
  assertEquals(await run("--allow-ffi", "--allow-env", "--allow-read"), "5\n");
});

Deno.test("opsLibrary() says where it may not look", async () => {
  const permissions = ["--allow-ffi", "--allow-env", "--deny-read=/no/cache"];
  const env = { TORCHOPT_OPS: "", TORCHOPT_CACHE: "/no/cache" };
  const why = await child(OPS, env, [...permissions, "--allow-read"]);
  assertStringIncludes(why, "not looked for: Requires read access to ");
});
