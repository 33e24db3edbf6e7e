/** Kernels that are built beside a program: it is told once, and the next one uses them. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { opsLibrary } from "../../src/runtime/mod.ts";
import { libraryName, sourceKey } from "../../src/runtime/ops_cache.ts";
import { compiler, kernels, testWith, unix } from "../helpers/needs.ts";
import { childOutput } from "./child.ts";

const PROGRAM = `
  import { opsLibrary } from "${import.meta.resolve("../../src/runtime/mod.ts")}";
  import { tensor } from "${import.meta.resolve("../../mod.ts")}";
  console.log(tensor([1, 2]).square().sum().item(), opsLibrary().loaded);`;

/** A cache and a compiler of its own, which does with its arguments what the script says. */
async function withCompiler(
  script: string,
  body: (env: Record<string, string>, folder: string) => Promise<void>,
): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${folder}/cxx`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const env = { TORCHOPT_OPS: "", TORCHOPT_BUILD: "", TORCHOPT_CACHE: `${folder}/cache` };
    await body({ ...env, CXX: `${folder}/cxx` }, folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Waits until something is there; a test without it never ends, which shows. */
async function until(there: () => boolean): Promise<void> {
  while (!there()) await new Promise((resolve) => setTimeout(resolve, 50));
}

function fileOf(cache: string, name: RegExp): string | undefined {
  try {
    return [...Deno.readDirSync(cache)].map((e) => e.name).find((n) => name.test(n));
  } catch {
    return undefined;
  }
}

testWith(
  [compiler, unix],
  "missing kernels are built beside programs, once, and serve the next",
  async () => {
    // Without optimization, which takes most of the time; each link is a line of a file.
    const script =
      `case "$*" in *-shared*) echo link >> "\${0%/*}/links";; esac\nexec c++ "$@" -O0`;
    await withCompiler(script, async (env, folder) => {
      const first = await Promise.all([childOutput(PROGRAM, env), childOutput(PROGRAM, env)]);
      for (const { stdout, stderr } of first) {
        assertEquals(stdout, "5 false\n");
        assertMatch(stderr, /are being built (in the background|by another process)/);
        assertStringIncludes(stderr, "TORCHOPT_BUILD=off");
        assertEquals(stderr.trim().split("\n").length, 1);
      }
      assert(first.some(({ stderr }) => stderr.includes("in the background")));
      const cache = env.TORCHOPT_CACHE;
      await until(() => fileOf(cache, /\.json$/) !== undefined && !fileOf(cache, /^build/));
      const { stdout, stderr } = await childOutput(PROGRAM, env);
      assertEquals([stdout, stderr], ["5 true\n", ""]);
      assertEquals(Deno.readTextFileSync(`${folder}/links`), "link\n");
    });
  },
);

testWith([compiler, unix], "a build that fails is told, and not tried at each start", async () => {
  await withCompiler(
    'echo "$@" >> "${0%/*}/calls"; echo "no such header" >&2; [ "$1" = --version ]',
    async (env, folder) => {
      const begun = await childOutput(PROGRAM, env);
      assertStringIncludes(begun.stderr, "are being built in the background");
      await until(() => fileOf(env.TORCHOPT_CACHE, /^build-failed/) !== undefined);
      const calls = Deno.readTextFileSync(`${folder}/calls`);
      const { stdout, stderr } = await childOutput(PROGRAM, env);
      assertEquals(stdout, "5 false\n");
      assertStringIncludes(stderr, "The last build failed");
      const path = /see (\S+build-failed\.txt)/.exec(stderr)![1];
      assertStringIncludes(Deno.readTextFileSync(path), "no such header");
      assertEquals(Deno.readTextFileSync(`${folder}/calls`), calls);
    },
  );
});

testWith([compiler, unix], "without a permission nothing is built, and nothing asked", async () => {
  await withCompiler("exit 1", async (env, folder) => {
    for (const missing of ["run", "write"]) {
      const given = ["env", "ffi", "read", "run", "write"].filter((name) => name !== missing);
      const { stdout, stderr } = await childOutput(PROGRAM, env, given.map((n) => `--allow-${n}`));
      assertEquals(stdout, "5 false\n");
      assertStringIncludes(stderr, `Without --allow-${missing} nothing is built unasked.`);
      assertStringIncludes(stderr, "buildOps");
    }
    assertEquals([...Deno.readDirSync(folder)].map((e) => e.name), ["cxx"]);
  });
});

testWith([compiler, unix], "no builder is started beside one that is under way", async () => {
  await withCompiler('echo "$@" >> "${0%/*}/calls"; exit 1', async (env, folder) => {
    Deno.mkdirSync(env.TORCHOPT_CACHE);
    using lock = Deno.openSync(`${env.TORCHOPT_CACHE}/build.lock`, { create: true, write: true });
    lock.lockSync(true);
    const { stdout, stderr } = await childOutput(PROGRAM, env);
    assertEquals(stdout, "5 false\n");
    assertStringIncludes(stderr, "are being built by another process");
    assertEquals(fileOf(folder, /^calls/), undefined);
  });
});

/** A cache that holds the kernels of these sources and no stamp, as a second checkout finds it. */
async function withFilledCache(
  body: (env: Record<string, string>, library: string) => Promise<void>,
): Promise<void> {
  await withCompiler("exit 1", async (env) => {
    const library = `${env.TORCHOPT_CACHE}/${sourceKey()}/${libraryName()}`;
    Deno.mkdirSync(library.replace(/\/[^/]*$/, ""), { recursive: true });
    Deno.copyFileSync(opsLibrary().path!, library);
    await body(env, library);
  });
}

testWith(
  [kernels, unix],
  "kernels in a cache that cannot be written, as that of another user, serve",
  async () => {
    await withFilledCache(async (env) => {
      const { stdout, stderr } = await childOutput(PROGRAM, env, ["-A", "--deny-write"]);
      assertEquals([stdout, stderr], ["5 true\n", ""]);
      assertEquals(fileOf(env.TORCHOPT_CACHE, /json$/), undefined);
    });
  },
);

testWith([kernels, unix], "a library that was written by half is never loaded", async () => {
  await withFilledCache(async (env, library) => {
    Deno.truncateSync(library, Deno.statSync(library).size >> 1);
    const { stdout, stderr } = await childOutput(PROGRAM, { ...env, TORCHOPT_BUILD: "off" });
    assertEquals(stdout, "5 false\n");
    assertEquals(stderr.trim().split("\n").length, 1);
  });
});

testWith(unix, "without a compiler a program is right, and says once what is missing", async () => {
  await withCompiler("exit 1", async (env) => {
    const { stdout, stderr } = await childOutput(PROGRAM, { ...env, CXX: "", PATH: "/no/bin" });
    assertEquals(stdout, "5 false\n");
    assertStringIncludes(stderr, "There is no C++ compiler on the PATH");
    assertEquals(stderr.trim().split("\n").length, 1);
  });
});
