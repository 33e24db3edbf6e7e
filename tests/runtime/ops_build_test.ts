import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { BackendError, buildOps, opsLibrary, Session, Storage } from "../../src/runtime/mod.ts";
import {
  libraryPath,
  OPS_ABI_VERSION,
  OPS_URL,
  opsKey,
  sourceKey,
  stampPath,
} from "../../src/runtime/ops_cache.ts";
import { sha256 } from "../../src/runtime/sha256.ts";
import { compiler, kernels, testWith, unix } from "../helpers/needs.ts";
import { child } from "./child.ts";
import { binary, bind, floats, spec } from "./models.ts";

/** Tests of a user may be run like this. */
const strict = { sanitizeOps: true, sanitizeResources: true };

/** A library that loads and answers, but of another ABI version. */
const SOURCES: Record<string, string> = {
  "sources.json": JSON.stringify({
    units: [
      { name: "ops", files: ["a/ops.cc"], flags: ["-DVERSION=-7"] },
      { name: "other", files: ["other.cc"], archs: ["none"] },
    ],
    headers: ["a/ops.h"],
  }),
  "a/ops.h": '#define EXPORT extern "C" __attribute__((visibility("default")))\n',
  "a/ops.cc": '#include "ops.h"\nEXPORT int torchopt_abi_version() { return VERSION; }\n' +
    [
      "init",
      "register_ops",
      "address",
      "plan_create",
      "plan_run",
      "plan_release",
    ].map((name) => `EXPORT void torchopt_${name}() {}\n`).join(""),
  "other.cc": "#error for another processor\n",
};

/** Calls `body` with a folder that holds `sources`, and another one as `TORCHOPT_CACHE`. */
async function withSources(
  sources: Record<string, string>,
  body: (url: URL, cache: string) => Promise<void>,
): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "torchopt sources " });
  const cache = Deno.makeTempDirSync({ prefix: "torchopt cache " });
  const before = Deno.env.get("TORCHOPT_CACHE");
  try {
    for (const [name, text] of Object.entries(sources)) {
      Deno.mkdirSync(`${folder}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
      Deno.writeTextFileSync(`${folder}/${name}`, text);
    }
    Deno.env.set("TORCHOPT_CACHE", cache);
    await body(new URL(`file://${encodeURI(folder)}/`), cache);
  } finally {
    if (before === undefined) Deno.env.delete("TORCHOPT_CACHE");
    else Deno.env.set("TORCHOPT_CACHE", before);
    Deno.removeSync(folder, { recursive: true });
    Deno.removeSync(cache, { recursive: true });
  }
}

async function build(url: URL): Promise<string> {
  return (await buildOps({ url, log: () => {} })).path;
}

Deno.test("buildOps() says that no compiler runs", async () => {
  const before = Deno.env.get("CXX");
  await withSources(SOURCES, async (url, cache) => {
    Deno.env.set("CXX", "no-such-compiler");
    try {
      await assertRejects(() => buildOps({ url }), BackendError, "no-such-compiler");
      assertEquals(left(cache), []);
    } finally {
      if (before === undefined) Deno.env.delete("CXX");
      else Deno.env.set("CXX", before);
    }
  });
});

testWith(
  compiler,
  "buildOps() compiles into the cache folder, once for the same sources",
  async () => {
    await withSources(SOURCES, async (url, cache) => {
      const path = await build(url);
      assertStringIncludes(path, cache);
      assertEquals((await buildOps({ url })).cached, true);
      assertEquals((await buildOps({ url, force: true })).cached, false);
      // Nothing but the library's folder and the stamp is left behind.
      assertEquals([...Deno.readDirSync(cache)].length, 2);
      Deno.writeTextFileSync(new URL("a/ops.h", url), SOURCES["a/ops.h"] + "// changed\n");
      const changed = await buildOps({ url });
      assertEquals(changed.cached, false);
      assert(changed.path !== path);
    });
  },
);

testWith(compiler, "buildOps() builds once for all that ask at the same time", async () => {
  await withSources(SOURCES, async (url, cache) => {
    const lines: string[] = [];
    const options = { url, force: true, log: (line: string) => lines.push(line) };
    const built = await Promise.all([buildOps(options), buildOps(options), buildOps(options)]);
    assertEquals(new Set(built.map(({ path }) => path)).size, 1);
    assertEquals(built.filter(({ cached }) => !cached).length, 1);
    assertEquals(lines.filter((line) => line === "[1/1] ops").length, 1);
    const waited = lines.filter((line) => line.startsWith("waiting for another build"));
    assert(waited.length <= 2, lines.join());
    assertEquals([...Deno.readDirSync(cache)].length, 2);
  });
}, strict);

testWith(
  [compiler, unix],
  "buildOps() leaves nothing where it is interrupted, and goes on after one that was killed",
  async () => {
    await withSources(SOURCES, async (url, cache) => {
      const slow = `${cache}-compiler`;
      Deno.writeTextFileSync(slow, '#!/bin/sh\n[ "$1" = --version ] || exec sleep 60\n');
      Deno.chmodSync(slow, 0o755);
      try {
        for (const signal of ["SIGTERM", "SIGKILL"] as const) {
          const module = import.meta.resolve("../../src/runtime/ops_build.ts");
          const source = `import { buildOps } from "${module}";
          await buildOps({ url: new URL("${url}") });`;
          const process = new Deno.Command(Deno.execPath(), {
            args: ["eval", source],
            env: { CXX: slow, TORCHOPT_CACHE: cache },
            stdout: "null",
            stderr: "null",
          }).spawn();
          while (!left(cache).some((name) => name.startsWith("build-"))) {
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
          process.kill(signal);
          assertEquals((await process.status).signal, signal);
          if (signal === "SIGTERM") assertEquals(left(cache), []);
        }
        await build(url);
        assertEquals(left(cache).length, 2);
      } finally {
        Deno.removeSync(slow);
      }
    });
  },
);

function left(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name);
}

testWith(compiler, "buildOps() reads its sources from a server", async () => {
  await withSources(SOURCES, async (folder) => {
    const server = Deno.serve({ port: 0, onListen: () => {} }, async (request) => {
      const name = new URL(request.url).pathname.slice("/ops/".length);
      const content = await Deno.readFile(new URL(name, folder)).catch(() => null);
      return new Response(content, { status: content ? 200 : 404 });
    });
    const url = new URL(`http://localhost:${server.addr.port}/ops/`);
    assertEquals(await build(url), await build(folder));
    Deno.removeSync(new URL("a/ops.h", folder));
    await assertRejects(() => buildOps({ url }), BackendError, "a/ops.h cannot be read: 404");
    await server.shutdown();
  });
}, strict);

testWith(compiler, "buildOps() shows what the compiler says", async () => {
  const broken = { ...SOURCES, "a/ops.cc": "int f() { return nonsense; }\n" };
  await withSources(broken, async (url, cache) => {
    const error = await assertRejects(() => buildOps({ url }), BackendError);
    assertStringIncludes(error.message, "compiling ops");
    assertStringIncludes(error.message, "nonsense");
    assertEquals([...Deno.readDirSync(cache)], []);
  });
});

testWith(compiler, "buildOps() makes a damaged library anew", async () => {
  await withSources(SOURCES, async (url) => {
    const path = await build(url);
    Deno.truncateSync(path, Deno.build.os === "linux" ? 2000 : 0);
    assertEquals((await buildOps({ url })).cached, false);
    const { message } = await assertRejects(() => why({ TORCHOPT_OPS: path }), Error);
    assertStringIncludes(message, `cannot be used: of ABI version -7, wanted ${OPS_ABI_VERSION}`);
  });
});

testWith(compiler, "buildOps() leaves a cache that is up to date untouched", async () => {
  await withSources(SOURCES, async (url) => {
    await build(url);
    const before = Deno.statSync(stampPath(url)).ino;
    assertEquals((await buildOps({ url })).cached, true);
    assertEquals(Deno.statSync(stampPath(url)).ino, before);
  });
});

testWith(compiler, "buildOps() names a cache folder that cannot be written", async () => {
  await withSources(SOURCES, async (url, cache) => {
    const file = `${cache}/file`;
    Deno.writeTextFileSync(file, "");
    Deno.env.set("TORCHOPT_CACHE", file);
    const { message } = await assertRejects(() => buildOps({ url }), BackendError);
    assertStringIncludes(message, `"${file}"; set TORCHOPT_CACHE to another one`);
  });
});

Deno.test("a damaged stamp counts as none", async () => {
  await withSources({}, async (_url, cache) => {
    for (const text of ["", "null", "3", "{}", JSON.stringify({ url: OPS_URL.href })]) {
      Deno.writeTextFileSync(stampPath(), text);
      const env = { TORCHOPT_OPS: "", TORCHOPT_CACHE: cache };
      assertStringIncludes(await why(env), "false not built: ");
    }
  });
});

testWith(compiler, "opsLibrary() refuses a library of another ABI version", async () => {
  await withSources(SOURCES, async (url) => {
    const path = await build(url);
    const { message } = await assertRejects(() => why({ TORCHOPT_OPS: path }), Error);
    assertStringIncludes(message, `cannot be used: of ABI version -7, wanted ${OPS_ABI_VERSION}`);
  });
});

Deno.test("opsLibrary() says why there are no compiled ops", async () => {
  const nowhere = { TORCHOPT_OPS: "", TORCHOPT_CACHE: "/no/such/folder" };
  const module = import.meta.resolve("../../mod.ts");
  assertEquals(
    await why(nowhere),
    `false not built: build them once with deno eval "import { buildOps } from '${module}'; ` +
      'await buildOps({ log: console.error })" (it takes a C++ compiler)\n',
  );
  assertEquals(await why({ TORCHOPT_OPS: "off" }), "false switched off by TORCHOPT_OPS=off\n");
});

const graph = spec(binary("Add", 2), { useOps: true });

testWith(
  { met: !opsLibrary().loaded, why: "there are kernels" },
  "Session says why there are no compiled ops",
  () => void assertThrows(() => new Session(graph), BackendError, opsLibrary().why),
);

testWith(kernels, "opsLibrary() is what sessions register their ops from", () => {
  using session = new Session(graph);
  const z = Storage.alloc("float32", 2);
  bind(session, floats(1, 2), floats(3, 4), z);
  session.run();
  assertEquals([...z.host()], [4, 6]);
});

function why(env: Record<string, string>): Promise<string> {
  const module = import.meta.resolve("../../src/runtime/mod.ts");
  return child(
    `import { opsLibrary } from "${module}";
    const { loaded, why } = opsLibrary();
    console.log(loaded, why);`,
    env,
  );
}

testWith(compiler, "sourceKey() compares times, then contents", async () => {
  await withSources(SOURCES, async (url) => {
    const key = sourceKey(url)!;
    assertEquals(await build(url), libraryPath(key));
    assertEquals(sourceKey(url), key, "from the stamp");
    Deno.utimeSync(new URL("a/ops.cc", url), 1, 1);
    assertEquals(sourceKey(url), key, "same contents, other time");
    Deno.removeSync(stampPath(url));
    assertEquals(sourceKey(url), key, "another checkout of the same sources");
    assert(Deno.statSync(stampPath(url)).isFile, "is found faster at the next start");
    Deno.writeTextFileSync(new URL("a/ops.cc", url), "// other contents");
    assert(sourceKey(url) !== key);
    Deno.removeSync(new URL("a/ops.cc", url));
    assertEquals(sourceKey(url), undefined);
  });
});

Deno.test("opsKey() changes with names and contents, and not with their order", () => {
  const content = new TextEncoder().encode("x");
  const a = { name: "a", content }, b = { name: "b", content };
  assertEquals(opsKey([a, b]), opsKey([b, a]));
  assert(opsKey([a]) !== opsKey([b]));
  assert(opsKey([a]) !== opsKey([{ name: "a", content: new TextEncoder().encode("y") }]));
});

Deno.test("sha256() agrees with Web Crypto", async () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 1000]) {
    const bytes = crypto.getRandomValues(new Uint8Array(length));
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    assertEquals(sha256(bytes), digest.toHex());
  }
});
