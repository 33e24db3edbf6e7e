import { assert, assertEquals } from "@std/assert";
import { neededLibraries } from "../../src/runtime/device/elf.ts";
import { devices } from "../../src/runtime/mod.ts";
import { linux, testWith } from "../helpers/needs.ts";

testWith(linux, "neededLibraries() reads what a library is linked to", () => {
  const found = neededLibraries(devices()[0].onnxruntime.path)!;
  assert(found.some((name) => /^libc\.(so|musl)/.test(name)), String(found));
});

Deno.test("neededLibraries() gives null for what is no whole library", () => {
  const path = Deno.makeTempFileSync();
  try {
    assertEquals(neededLibraries(path), null);
    Deno.writeTextFileSync(path, "text".repeat(100));
    assertEquals(neededLibraries(path), null);
    // A header whose numbers point out of the file.
    const header = new Uint8Array(64).fill(0xff);
    header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
    Deno.writeFileSync(path, header);
    assertEquals(neededLibraries(path), null);
    assertEquals(neededLibraries(`${path}.missing`), null);
  } finally {
    Deno.removeSync(path);
  }
});
