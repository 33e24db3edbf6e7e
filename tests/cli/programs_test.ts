/** Commands that start other programs, as they are called from a command line. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";

const entry = new URL("../../src/cli/mod.ts", import.meta.url).pathname;
const root = new URL("../../", import.meta.url).href;

async function torchopt(cwd: string, flags: string[], ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...flags, entry, ...args],
    cwd,
    env: { NO_COLOR: "1" },
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
    const { code, out, err } = await torchopt("/", ["-A"], "graph", module, "--json");
    const { source, nodes } = JSON.parse(out);
    assertEquals([code, nodes], [0, 4]);
    assertMatch(source, /label="w/);
    assertStringIncludes(err, "a line of the module");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("torchopt bench refuses workloads that there are not", async () => {
  const { code, out, err } = await torchopt("/", ["-A"], "bench", "w0");
  assertEquals([code, out], [2, ""]);
  assertStringIncludes(err, "unknown workload w0");
});

Deno.test("torchopt doctor names the permissions that are missing, and asks for none", async () => {
  const { code, out, err } = await torchopt("/", ["--allow-read"], "doctor", "--json");
  const failed = JSON.parse(out).checks.filter((c: { status: string }) => c.status === "fail");
  assertEquals([code, err], [1, ""]);
  assertEquals(failed.map((c: { name: string }) => c.name), ["permission ffi", "permission env"]);
});
