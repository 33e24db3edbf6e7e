import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { findCompiler } from "../../src/runtime/compiler.ts";
import { BackendError } from "../../src/runtime/mod.ts";
import { testWith, unix } from "../helpers/needs.ts";
import { child } from "./child.ts";

Deno.test("findCompiler() takes the first command that runs", async () => {
  const notExecutable = Deno.makeTempFileSync();
  const candidates = ["/no/compiler", notExecutable, Deno.execPath()];
  assertEquals(await findCompiler("", candidates), [Deno.execPath()]);
  await assertRejects(
    () => findCompiler("", candidates.slice(0, 2)),
    BackendError,
    `no C++ compiler runs (tried /no/compiler, ${notExecutable})`,
  );
  Deno.removeSync(notExecutable);
});

Deno.test("findCompiler() takes what CXX says, with arguments", async () => {
  const deno = Deno.execPath();
  assertEquals(await findCompiler(deno, []), [deno]);
  assertEquals(await findCompiler(` ${deno}  -q `, []), [deno, "-q"]);
});

testWith(unix, "findCompiler() takes a path with spaces", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "two words " });
  Deno.symlinkSync(Deno.execPath(), `${folder}/c++`);
  assertEquals(await findCompiler(`${folder}/c++`, []), [`${folder}/c++`]);
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("findCompiler() says that what CXX names does not run, and takes no other", async () => {
  const { message } = await assertRejects(
    () => findCompiler("no-such-cache g++", [Deno.execPath()]),
    BackendError,
  );
  assertStringIncludes(message, 'CXX is "no-such-cache g++", which does not run');
});

Deno.test("findCompiler() passes by what may not be run", async () => {
  const module = import.meta.resolve("../../src/runtime/compiler.ts");
  const find = `import { findCompiler } from "${module}";
    console.log(await findCompiler("", ["/no/compiler", Deno.execPath()]));`;
  const permissions = ["--allow-env", "--allow-read", `--allow-run=${Deno.execPath()}`];
  assertEquals(await child(find, {}, permissions), `[ "${Deno.execPath()}" ]\n`);
  const { message } = await assertRejects(() => child(find, {}, permissions.slice(0, 2)), Error);
  assertStringIncludes(message, "--allow-run flag");
});
