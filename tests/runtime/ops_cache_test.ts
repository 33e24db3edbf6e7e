import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { BackendError } from "../../src/runtime/mod.ts";
import { cacheFolder, checkCacheFolder, makeCacheFolder } from "../../src/runtime/ops_cache.ts";
import { linux, testWith } from "../helpers/needs.ts";
import { child } from "./child.ts";

const VARIABLES = ["TORCHOPT_CACHE", "XDG_CACHE_HOME", "HOME", "USERPROFILE", "TMPDIR"];

/** Calls `body` with these variables and none of the others that decide. */
function withVariables(values: Record<string, string>, body: () => void): void {
  const before = VARIABLES.map((name) => Deno.env.get(name));
  try {
    for (const name of VARIABLES) Deno.env.delete(name);
    for (const [name, value] of Object.entries(values)) Deno.env.set(name, value);
    body();
  } finally {
    VARIABLES.forEach((name, i) => {
      if (before[i] === undefined) Deno.env.delete(name);
      else Deno.env.set(name, before[i]);
    });
  }
}

testWith(linux, "cacheFolder() is what the variables say, in their order", () => {
  const cases: [Record<string, string>, string][] = [
    [{ TORCHOPT_CACHE: "own", XDG_CACHE_HOME: "/x", HOME: "/h" }, "own"],
    [{ XDG_CACHE_HOME: "/x", HOME: "/h" }, "/x/torchopt"],
    [{ XDG_CACHE_HOME: "relative", HOME: "/h" }, "/h/.cache/torchopt"],
    [{ HOME: "/h" }, "/h/.cache/torchopt"],
    [{ HOME: "", TMPDIR: "/t" }, `/t/torchopt-${Deno.uid()}`],
    [{}, ["/tmp", `torchopt-${Deno.uid()}`].join("/")],
  ];
  for (const [values, folder] of cases) {
    withVariables(values, () => assertEquals(cacheFolder(), folder));
  }
});

testWith(
  linux,
  "checkCacheFolder() takes a folder among the temporary files only from its owner",
  () => {
    const TMPDIR = Deno.makeTempDirSync();
    withVariables({ TMPDIR }, () => {
      checkCacheFolder();
      const folder = makeCacheFolder();
      assertEquals(Deno.statSync(folder).mode! & 0o777, 0o700);
      checkCacheFolder();
      Deno.chmodSync(folder, 0o770);
      assertThrows(checkCacheFolder, BackendError, "belongs to others or is open to them");
      Deno.removeSync(folder);
      // A link that somebody else has laid.
      Deno.symlinkSync(Deno.cwd(), folder);
      assertThrows(makeCacheFolder, BackendError, "Set TORCHOPT_CACHE, or HOME");
    });
    Deno.removeSync(TMPDIR, { recursive: true });
  },
);

testWith(linux, "opsLibrary() loads nothing from a folder that is open to others", async () => {
  const TMPDIR = Deno.makeTempDirSync();
  Deno.mkdirSync(`${TMPDIR}/torchopt-${Deno.uid()}`);
  Deno.chmodSync(`${TMPDIR}/torchopt-${Deno.uid()}`, 0o777);
  const module = import.meta.resolve("../../src/runtime/mod.ts");
  const why = await child(
    `for (const name of ${JSON.stringify(VARIABLES)}) Deno.env.delete(name);
    Deno.env.set("TMPDIR", "${TMPDIR}");
    const { opsLibrary } = await import("${module}");
    console.log(opsLibrary().why);`,
    { TORCHOPT_OPS: "" },
  );
  assertStringIncludes(why, "not looked for: The folder");
  Deno.removeSync(TMPDIR, { recursive: true });
});
