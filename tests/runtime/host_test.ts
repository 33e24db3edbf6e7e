import { assertEquals, assertStringIncludes } from "@std/assert";
import { child, childOutput } from "./child.ts";

/** Imports an entry of this package where `Deno` is not there. */
function importWithout(entry: string, prepare: string): Promise<string> {
  return child(`
    const { log } = console;
    delete globalThis.Deno;
    ${prepare}
    const module = "${import.meta.resolve("../../")}" + "${entry}";
    await import(module).then(() => log("loaded"), (error) => log(error.message));`);
}

Deno.test("OS says on import which engine is wanted", async () => {
  const bun = await importWithout("mod.ts", 'globalThis.Bun = { version: "1.2" };');
  assertStringIncludes(bun, "TorchOpt runs on Deno and not on Bun 1.2");
  assertStringIncludes(bun, "deno@2.9.6 run -A FILE");
  const node = await importWithout(
    "src/nn/mod.ts",
    `
    Object.defineProperty(globalThis, "process", { value: { versions: { node: "24.1.0" } } });
  `,
  );
  assertStringIncludes(node, "TorchOpt runs on Deno and not on Node.js 24.1.0");
  assertEquals(await importWithout("src/pytree/mod.ts", ""), "loaded\n");
});

Deno.test("tests of a user pass the sanitizers, the first use being inside of one", async () => {
  const file = Deno.makeTempFileSync({ suffix: "_test.ts" });
  Deno.writeTextFileSync(
    file,
    `import { devices, realizeAsync, tensor } from "${import.meta.resolve("../../mod.ts")}";
    Deno.test("first", async () => {
      const x = tensor([1, 2]).mul(3);
      await realizeAsync(x);
      if (x.sum().item() !== 9 || devices()[0].device !== "cpu") throw new Error("wrong");
    });`,
  );
  const { stdout } = await childOutput(
    `const { success, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", "--sanitize-ops", "--sanitize-resources", "${file}"],
      stderr: "inherit",
    }).output();
    console.log(success || new TextDecoder().decode(stdout));`,
  );
  Deno.removeSync(file);
  assertEquals(stdout, "true\n");
});
