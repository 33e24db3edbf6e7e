import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { kernels, testWith, unix } from "../helpers/needs.ts";
import { child, childOutput } from "./child.ts";

const library = import.meta.resolve("../../mod.ts");

/** Makes several graphs, in a Worker, too. */
const GRAPHS = `
  import { tensor } from "${library}";
  const x = tensor([1, 2]);
  console.log(x.square().sum().item(), x.mul(2).sum().item());
  const source = 'import { tensor } from "${library}"; tensor([1]).mul(3).item(); self.postMessage(0);';
  const worker = new Worker("data:text/javascript," + encodeURIComponent(source), { type: "module" });
  await new Promise((resolve) => worker.onmessage = resolve);
  worker.terminate();`;

/** A cache without compiled ops. */
async function withEmptyCache(body: (cache: string) => Promise<void>): Promise<void> {
  const cache = Deno.makeTempDirSync();
  try {
    await body(cache);
  } finally {
    Deno.removeSync(cache, { recursive: true });
  }
}

Deno.test("noticeMissingOps() writes one line", async () => {
  await withEmptyCache(async (cache) => {
    const { stdout, stderr } = await childOutput(GRAPHS, {
      TORCHOPT_OPS: "",
      TORCHOPT_BUILD: "off",
      TORCHOPT_CACHE: cache,
    });
    assertEquals(stdout, "5 6\n");
    assertEquals(stderr.split("\n").filter((line) => line.startsWith("torchopt:")).length, 1);
    assertStringIncludes(stderr, "small tensors take up to");
    assertStringIncludes(stderr, "TORCHOPT_OPS=off silences this line");
  });
});

testWith([kernels, unix], "noticeMissingOps() names a command that works elsewhere", async () => {
  await withEmptyCache(async (cache) => {
    const { stderr } = await childOutput(GRAPHS, {
      TORCHOPT_OPS: "",
      TORCHOPT_BUILD: "off",
      TORCHOPT_CACHE: cache,
    });
    // In the cache of this machine they are built, so that the command has nothing to do.
    const hint = /deno (eval ".*?")/.exec(stderr)![1];
    const { success } = await new Deno.Command("sh", {
      args: ["-c", `"${Deno.execPath()}" ${hint}`],
      cwd: cache,
      env: { TORCHOPT_OPS: "" },
    }).output();
    assert(success, hint);
  });
});

Deno.test("noticeMissingOps() is silent where the compiled ops are left out on purpose", async () => {
  const { stderr } = await childOutput(GRAPHS, { TORCHOPT_OPS: "off" });
  assertEquals(stderr, "");
});

Deno.test("noticeMissingOps() is silent where no kernel would have served", async () => {
  await withEmptyCache(async (cache) => {
    const source = `import { rand } from "${library}"; rand([40, 40]).reshape([1600]).data();`;
    const { stderr } = await childOutput(source, { TORCHOPT_OPS: "", TORCHOPT_CACHE: cache });
    assertEquals(stderr, "");
  });
});

Deno.test("opsLibrary() refuses a TORCHOPT_OPS that cannot be used", async () => {
  const { message } = await assertRejects(() => child(GRAPHS, { TORCHOPT_OPS: "/no/lib" }), Error);
  assertStringIncludes(message, 'BackendError: TORCHOPT_OPS names "/no/lib", which cannot be used');
  assertStringIncludes(message, "there is no such file");
});
