import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { isWholeLibrary } from "../../src/runtime/library_file.ts";
import { locateOrt } from "../../src/runtime/locate.ts";
import { linux, testWith } from "../helpers/needs.ts";
import { child } from "./child.ts";

/** Calls `body` with the path of a file that holds the first part of ONNX Runtime. */
async function withPart(bytes: number, body: (path: string) => unknown): Promise<void> {
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/part`;
  using library = Deno.openSync(locateOrt());
  const buffer = new Uint8Array(bytes);
  library.readSync(buffer);
  Deno.writeFileSync(path, buffer);
  try {
    await body(path);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("isWholeLibrary() tells libraries from parts of them and from other files", async () => {
  assert(isWholeLibrary(locateOrt()));
  for (const bytes of [0, 3, 63, 64, 5000, 100_000]) {
    await withPart(bytes, (path) => assertEquals(isWholeLibrary(path), !linux.met && bytes > 0));
  }
  assertEquals(isWholeLibrary(Deno.cwd()), false);
});

testWith(linux, "a library that was cut short is refused, not loaded", async () => {
  const mod = import.meta.resolve("../../src/runtime/mod.ts");
  await withPart(100_000, async (path) => {
    const ops = `import { opsLibrary } from "${mod}"; console.log(opsLibrary().why);`;
    const { message: refused } = await assertRejects(
      () => child(ops, { TORCHOPT_OPS: path }),
      Error,
    );
    assertStringIncludes(refused, "is no library or cut short");
    const ort = `import { devices } from "${mod}"; devices();`;
    const { message } = await assertRejects(
      () => child(ort, { TORCHOPT_ORT_LIBRARY: path }),
      Error,
    );
    assertStringIncludes(message, "cannot be loaded: the file is no library or cut short.");
  });
});
