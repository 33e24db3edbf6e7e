/** Commands that start other programs, as they are called from a command line. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";

const entry = new URL("../../src/cli/mod.ts", import.meta.url).pathname;
const root = new URL("../../", import.meta.url).href;

async function torchopt(
  cwd: string,
  flags: string[],
  args: string[],
  env: Record<string, string> = {},
) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...flags, entry, ...args],
    cwd,
    env: { NO_COLOR: "1", ...env },
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

const MODULE = `
import { tensor } from "@torchopt/torchopt";
console.log("a line of the module");
const w = tensor([1, 2], { requiresGrad: true });
export default async () => ({ outputs: w.square().sum(), params: { w } });
`;

Deno.test("torchopt graph draws what modules of other projects export", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const imports = { "@torchopt/torchopt": `${root}mod.ts` };
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ imports }));
    await Deno.writeTextFile(`${folder}/module.ts`, MODULE);
    const module = `${folder}/module.ts`;
    const { code, out, err } = await torchopt("/", ["-A"], ["graph", module, "--json"]);
    const { source, nodes } = JSON.parse(out);
    assertEquals([code, nodes], [0, 4]);
    assertMatch(source, /label="w/);
    assertStringIncludes(err, "a line of the module");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("torchopt bench refuses workloads that there are not", async () => {
  const { code, out, err } = await torchopt("/", ["-A"], ["bench", "w0"]);
  assertEquals([code, out], [2, ""]);
  assertStringIncludes(err, "unknown workload w0");
});

Deno.test("torchopt doctor names the permissions that are missing, and asks for none", async () => {
  const { code, out, err } = await torchopt("/", ["--allow-read"], ["doctor", "--json"]);
  const failed = JSON.parse(out).checks.filter((c: { status: string }) => c.status === "fail");
  assertEquals([code, err], [1, ""]);
  assertEquals(failed.map((c: { name: string }) => c.name), ["permission ffi", "permission env"]);
});

Deno.test("torchopt doctor says what to do about kernels, compiler and cache", async () => {
  const folder = await Deno.makeTempDir(), cache = `${folder}/file`;
  try {
    await Deno.writeTextFile(cache, "a file where the cache should be");
    const env = { TORCHOPT_OPS: "off", TORCHOPT_CACHE: cache, CXX: `${folder}/no-compiler` };
    const { code, out, err } = await torchopt("/", ["-A"], ["doctor"], env);
    assertEquals([code, err], [0, ""]);
    assertMatch(out, /^note kernels: .*17 times as long\n {5}to do: unset TORCHOPT_OPS$/m);
    assertMatch(out, /^note cache: .*cannot be written: .*\n {5}to do: set TORCHOPT_CACHE/m);
    assertMatch(out, /^note compiler: .*no-compiler/m);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
