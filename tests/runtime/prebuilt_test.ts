/** Kernels that the package ships: used where they are the listed ones, and nothing else of them. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { opsLibrary } from "../../src/runtime/mod.ts";
import { libraryName, sourceKey, THIS_TARGET } from "../../src/runtime/ops_cache.ts";
import { sha256 } from "../../src/runtime/sha256.ts";
import { kernels, testWith, unix } from "../helpers/needs.ts";

const ROOT = new URL("../../", import.meta.url);

interface Stage {
  readonly cache: string;
  /** The library that it ships. */
  readonly file: string;
  readonly env: Record<string, string>;
}

/**
 * A package that ships the library of this machine: this checkout, but with another list. Its cache is
 * empty.
 */
async function withPackage(
  body: (stage: Stage, run: (...flags: string[]) => Promise<Ran>) => Promise<void>,
  changes: { key?: string; sha256?: string } = {},
): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "torchopt package " });
  try {
    const file = `${folder}/${libraryName()}`, cache = `${folder}/cache`;
    const bytes = Deno.readFileSync(opsLibrary().path!);
    Deno.writeFileSync(file, bytes);
    const line = {
      file: `${"../".repeat(ROOT.pathname.split("/").length)}${encodeURI(file).slice(1)}`,
      key: sourceKey()!,
      sha256: sha256(bytes),
      size: bytes.length,
      ...changes,
    };
    const list = `export const SHIPPED = ${JSON.stringify({ [THIS_TARGET]: line })};`;
    Deno.writeTextFileSync(`${folder}/list.ts`, list);
    Deno.writeTextFileSync(`${folder}/imports.json`, importMap(ROOT.href, `file://${folder}`));
    const env = { TORCHOPT_OPS: "", TORCHOPT_BUILD: "off", TORCHOPT_CACHE: cache };
    const flags = [`--import-map=${folder}/imports.json`];
    await body({ cache, file, env }, (...more) => run(ROOT.href, env, [...flags, ...more]));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** The list of the package at `root` is another one. */
function importMap(root: string, folder: string): string {
  return JSON.stringify({
    imports: { [`${root}src/runtime/prebuilt_list.ts`]: `${encodeURI(folder)}/list.ts` },
  });
}

type Ran = { out: string; err: string };

/** Runs a program that uses the package; out is a value, whether kernels are in use, and from where. */
async function run(
  root: string,
  env: Record<string, string>,
  flags: readonly string[],
  sum =
    `const { tensor } = await import("${root}mod.ts"), sum = tensor([1, 2]).square().sum().item();`,
): Promise<Ran> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-config", "--no-lock", "--no-check", "-A", ...flags, "-"],
    cwd: "/",
    env: { NO_COLOR: "1", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(`
    import { noticeMissingOps, opsLibrary } from "${root}src/runtime/mod.ts";
    ${sum}
    noticeMissingOps(() => true);
    console.log(sum, opsLibrary().loaded, opsLibrary().path ?? "");`));
  await writer.close();
  const { success, stdout, stderr } = await process.output();
  const text = new TextDecoder();
  assert(success, text.decode(stderr));
  return { out: text.decode(stdout).trim(), err: text.decode(stderr) };
}

/** The names in a folder and below; empty where it is missing. */
function namesIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
      isDirectory ? namesIn(`${folder}/${name}`).map((below) => `${name}/${below}`) : name
    );
  } catch {
    return [];
  }
}

const WANTED = `${sourceKey()}/${libraryName()}`;

testWith(kernels, "shipped kernels are used at once, and from the cache after that", async () => {
  await withPackage(async ({ cache, file }, run) => {
    // Several programs at a time see the whole library.
    const path = `${cache}/${WANTED}`;
    for (const { out, err } of await Promise.all([run(), run()])) {
      assertEquals([out, err], [`5 true ${path}`, ""]);
    }
    assertEquals(namesIn(cache).filter((name) => !name.endsWith(".json")), [WANTED]);
    Deno.removeSync(file);
    assertEquals((await run()).out, `5 true ${path}`);
    // What is left of a copy that a crash has cut is not loaded.
    Deno.truncateSync(path, 3000);
    const { out, err } = await run();
    assertEquals(out, `5 false ${path}`);
    assertStringIncludes(err, "is missing");
  });
});

testWith(kernels, "a missing ONNX Runtime is no fault of shipped kernels", async () => {
  await withPackage(async ({ env }, run) => {
    env.TORCHOPT_ORT_LIBRARY = "/no/such/library";
    const { message } = await assertRejects(() => run(), Error);
    assertStringIncludes(message, 'TORCHOPT_ORT_LIBRARY names "/no/such/library"');
  });
});

testWith(kernels, "shipped kernels mend a damaged cache", async () => {
  await withPackage(async ({ cache }, run) => {
    Deno.mkdirSync(`${cache}/${sourceKey()}`, { recursive: true });
    Deno.writeTextFileSync(`${cache}/${WANTED}`, "half");
    assertEquals((await run()).out, `5 true ${cache}/${WANTED}`);
  });
});

testWith(
  kernels,
  "shipped kernels are used where they lie if the cache is not writable",
  async () => {
    await withPackage(async ({ file, env }, run) => {
      assertEquals(await run("--deny-write"), { out: `5 true ${file}`, err: "" });
      env.TORCHOPT_CACHE = "/dev/null/cache";
      assertEquals(await run(), { out: `5 true ${file}`, err: "" });
    });
  },
);

testWith(kernels, "shipped kernels with another checksum are refused in one line", async () => {
  for (const changes of [{ sha256: "0".repeat(64) }, undefined]) {
    await withPackage(async ({ cache, file }, run) => {
      if (!changes) Deno.truncateSync(file, Deno.statSync(file).size - 1);
      const { out, err } = await run();
      assertMatch(out, /^5 false/);
      assertMatch(err, /^torchopt: [^\n]* is not the file that the package lists [^\n]*\n$/);
      assertEquals(namesIn(cache), []);
    }, changes);
  }
});

testWith(kernels, "shipped kernels are for the sources they were made from", async () => {
  await withPackage(async (_, run) => {
    const { out, err } = await run();
    assertMatch(out, /^5 false/);
    assertMatch(err, /^torchopt: [^\n]* not built: [^\n]*\n$/);
  }, { key: "0".repeat(32) });
});

testWith(
  [kernels, unix],
  "a package on a server has its kernels fetched beside the first program",
  async () => {
    const folder = Deno.makeTempDirSync(), cache = `${folder}/cache`;
    const bytes = Deno.readFileSync(opsLibrary().path!);
    const list = { file: "shipped", key: sourceKey(), sha256: sha256(bytes), size: bytes.length };
    let served = bytes, fetched = 0;
    const server = Deno.serve({ port: 0, onListen: () => {} }, async (request) => {
      const { pathname } = new URL(request.url);
      const headers = { "content-type": "text/typescript" };
      if (pathname === "/shipped") return fetched++, new Response(served);
      if (pathname.endsWith("/prebuilt_list.ts")) {
        const text = `export const SHIPPED = ${JSON.stringify({ [THIS_TARGET]: list })};`;
        return new Response(text, { headers });
      }
      return new Response(await Deno.readFile(new URL(`.${pathname}`, ROOT)), { headers });
    });
    try {
      const root = `http://localhost:${server.addr.port}/`;
      // Modules of its own, packages as they are.
      const info = new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).outputSync();
      Deno.mkdirSync(`${folder}/deno`);
      Deno.symlinkSync(
        JSON.parse(new TextDecoder().decode(info.stdout)).npmCache,
        `${folder}/deno/npm`,
      );
      const env = { TORCHOPT_OPS: "", TORCHOPT_BUILD: "", CXX: "/no/compiler" };
      const start = (cache: string) =>
        run(
          root,
          { ...env, TORCHOPT_CACHE: cache, DENO_DIR: `${folder}/deno` },
          [],
          "const sum = 0;",
        );
      const first = await start(cache);
      assertMatch(first.out, /^0 false/);
      assertMatch(first.err, /^torchopt: [^\n]*being fetched in the background[^\n]*\n$/);
      while (!namesIn(cache).includes(WANTED)) await new Promise((r) => setTimeout(r, 50));
      assertEquals(await start(cache), { out: `0 true ${cache}/${WANTED}`, err: "" });
      assertEquals(fetched, 1);

      served = bytes.slice();
      served[served.length >> 1] ^= 1;
      await start(`${folder}/other`);
      while (!namesIn(`${folder}/other`).includes("build-failed.txt")) {
        await new Promise((r) => setTimeout(r, 50));
      }
      assertEquals(namesIn(`${folder}/other`), ["build-failed.txt"]);
    } finally {
      await server.shutdown();
      Deno.removeSync(folder, { recursive: true });
    }
  },
);
