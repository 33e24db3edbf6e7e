/** Unpacking of libraries that a binary carries: several processes, damaged files, folders of no use. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Payload } from "../../src/runtime/payload.ts";

const module = new URL("../../src/runtime/payload.ts", import.meta.url).href;
const target = `${Deno.build.os}-${Deno.build.arch}`;

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

interface Place {
  readonly root: string;
  readonly cache: string;
  /** Where the library comes to lie. */
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Starts a process that uses the payload, and gives what it did. */
  start(env?: Record<string, string>): Promise<{ code: number; out: string; err: string }>;
}

const withPlace =
  (run: (place: Place) => Promise<void>, change: Partial<Payload> = {}) => async () => {
    const root = await Deno.makeTempDir(), cache = `${root}/cache`;
    try {
      const bytes = crypto.getRandomValues(new Uint8Array(50_000)), sha256 = await digest(bytes);
      const file = {
        name: "libx.so",
        size: bytes.length,
        sha256,
        variable: "TORCHOPT_OPS",
      } as const;
      await Deno.mkdir(`${root}/payload`);
      await Deno.writeFile(`${root}/payload/libx.so`, bytes);
      const payload: Payload = { target, files: [file], ...change };
      await Deno.writeTextFile(`${root}/payload/payload.json`, JSON.stringify(payload));
      const program = `import { usePayload } from ${JSON.stringify(module)};
      await usePayload(new URL(${JSON.stringify(`file://${root}/payload/`)}));
      console.log(Deno.env.get("TORCHOPT_OPS"));`;
      const start: Place["start"] = async (env = {}) => {
        const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
          args: ["eval", "--no-check", program],
          env: { TORCHOPT_CACHE: cache, TMPDIR: root, TORCHOPT_OPS: "", NO_COLOR: "1", ...env },
        }).output();
        const text = (b: Uint8Array) => new TextDecoder().decode(b).trim();
        return { code, out: text(stdout), err: text(stderr) };
      };
      await run({
        root,
        cache,
        bytes,
        start,
        path: `${cache}/unpacked-${sha256.slice(0, 32)}/libx.so`,
      });
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  };

Deno.test(
  "usePayload() unpacks once, whoever starts at once, and heals what was damaged",
  withPlace(async ({ bytes, path, start }) => {
    const starts = await Promise.all([start(), start(), start()]);
    for (const { code, out, err } of starts) assertEquals([code, out, err], [0, path, ""]);
    assertEquals(await Deno.readFile(path), bytes);
    const folder = path.replace(/[^/]*$/, "");
    const left = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assertEquals(left, ["libx.so", "libx.so.checked"]);
    // Cut short, and of the right length with one byte changed.
    for (const damage of [bytes.slice(0, 100), bytes.with(25_000, bytes[25_000] ^ 1)]) {
      await Deno.writeFile(path, damage);
      assertEquals((await start()).out, path);
      assertEquals(await Deno.readFile(path), bytes);
    }
  }),
);

Deno.test(
  "usePayload() leaves a library alone that is right, and one that the user names",
  withPlace(async ({ cache, path, start }) => {
    await start();
    const before = await Deno.stat(path);
    await Deno.chmod(cache, 0o500);
    assertEquals((await start()).out, path);
    assertEquals((await Deno.stat(path)).ino, before.ino);
    await Deno.chmod(cache, 0o700);
    assertEquals((await start({ TORCHOPT_OPS: "off" })).out, "off");
  }),
);

Deno.test(
  "usePayload() goes to a folder of the user's own where the cache cannot be written",
  withPlace(async ({ root, bytes, start }) => {
    const cache = `${root}/payload/payload.json/cache`; // in a file
    const { code, out } = await start({ TORCHOPT_CACHE: cache });
    assertEquals(code, 0);
    assertStringIncludes(out, `${root}/torchopt-${Deno.uid()}/unpacked-`);
    assertEquals(await Deno.readFile(out), bytes);
    // Where anybody may write, a library could be anybody's.
    await Deno.chmod(`${root}/torchopt-${Deno.uid()}`, 0o777);
    const open = await start({ TORCHOPT_CACHE: cache });
    assert(open.code !== 0);
    assertStringIncludes(open.err, "Set TORCHOPT_CACHE to a folder that can be written");
  }),
);

Deno.test(
  "usePayload() refuses libraries of another system",
  withPlace(async ({ start }) => {
    const { code, err } = await start();
    assert(code !== 0);
    assertStringIncludes(err, `holds libraries for amiga and runs on ${target}`);
  }, { target: "amiga" }),
);

Deno.test(
  "usePayload() refuses a library that is not the one that was packed",
  withPlace(async ({ root, start }) => {
    await Deno.writeFile(`${root}/payload/libx.so`, new Uint8Array(50_000));
    const { code, err } = await start();
    assert(code !== 0);
    assertStringIncludes(err, "This program is damaged");
  }),
);
