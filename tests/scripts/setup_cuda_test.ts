/** `deno task setup:cuda`, with archives made here. */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { unzip, zipEntries } from "../../scripts/zip.ts";
import { linux, testWith } from "../helpers/needs.ts";

/** A ZIP archive of texts, packed or not. */
async function zip(files: Record<string, string>, packed: boolean): Promise<Uint8Array> {
  const encoder = new TextEncoder(), parts: Uint8Array[] = [], list: Uint8Array[] = [];
  let at = 0;
  for (const [name, text] of Object.entries(files)) {
    const raw = encoder.encode(text), label = encoder.encode(name);
    const squeezed = new Blob([raw]).stream().pipeThrough(new CompressionStream("deflate-raw"));
    const data = packed ? new Uint8Array(await new Response(squeezed).arrayBuffer()) : raw;
    const local = new DataView(new ArrayBuffer(30)), entry = new DataView(new ArrayBuffer(46));
    local.setUint32(0, 0x04034b50, true);
    local.setUint16(26, label.length, true);
    entry.setUint32(0, 0x02014b50, true);
    entry.setUint16(10, packed ? 8 : 0, true);
    entry.setUint32(20, data.length, true);
    entry.setUint32(24, raw.length, true);
    entry.setUint16(28, label.length, true);
    entry.setUint32(42, at, true);
    parts.push(new Uint8Array(local.buffer), label, data);
    list.push(new Uint8Array(entry.buffer), label);
    at += 30 + label.length + data.length;
  }
  const end = new DataView(new ArrayBuffer(22)), size = list.reduce((n, x) => n + x.length, 0);
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(10, Object.keys(files).length, true);
  end.setUint32(12, size, true);
  end.setUint32(16, at, true);
  const all = [...parts, ...list, new Uint8Array(end.buffer)] as Uint8Array<ArrayBuffer>[];
  return new Uint8Array(await new Blob(all).arrayBuffer());
}

for (const packed of [false, true]) {
  Deno.test(`unzip() writes files of an archive (${packed ? "packed" : "stored"})`, async () => {
    const folder = Deno.makeTempDirSync();
    try {
      const files = { "a/b.txt": "text ".repeat(50_000), "empty": "", "c": "x" };
      Deno.writeFileSync(`${folder}/all.zip`, await zip(files, packed));
      const entries = zipEntries(`${folder}/all.zip`);
      assertEquals(entries.map(({ name }) => name), Object.keys(files));
      for (const entry of entries) {
        await unzip(`${folder}/all.zip`, entry, `${folder}/out`);
        assertEquals(Deno.readTextFileSync(`${folder}/out`), files[entry.name as "c"]);
      }
      Deno.writeTextFileSync(`${folder}/none.zip`, "no archive");
      assertThrows(() => zipEntries(`${folder}/none.zip`), Error, "no ZIP archive");
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

const script = decodeURIComponent(new URL("../../scripts/setup_cuda.ts", import.meta.url).pathname);

testWith(linux, "setup:cuda takes a wheel or a folder, and says what is missing", async () => {
  const folder = Deno.makeTempDirSync(), cache = `${folder}/cache`;
  const setup = async (...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", script, ...args],
      env: { TORCHOPT_CACHE: cache, TORCHOPT_CUDA_PROVIDER: "", NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
  };
  const [cuda, shared] = ["cuda", "shared"].map((x) => `libonnxruntime_providers_${x}.so`);
  const wheel = async (version: string) => {
    const path = `${folder}/${version}.whl`, capi = "onnxruntime/capi";
    const files = { [`${capi}/${cuda}`]: "no library", [`${capi}/${shared}`]: "" };
    const info = { [`onnxruntime_gpu-${version}.dist-info/METADATA`]: "" };
    Deno.writeFileSync(path, await zip({ ...files, ...info }, true));
    return path;
  };
  try {
    const before = await setup("--check");
    assertEquals(before.code, 1);
    assertStringIncludes(before.text, "deno task setup:cuda FILE.whl");
    const old = await setup(await wheel("1.20.0"));
    assertEquals(old.code, 1);
    assertStringIncludes(old.text, "of version 1.20.0; wanted is onnxruntime-gpu 1.30.0");
    const [provider] = [await setup(await wheel("1.30.0"))];
    assert(/^provider +\S+cuda-provider-1\.30\.0/m.test(provider.text), provider.text);
    const again = await setup(`${cache}/cuda-provider-1.30.0`);
    assert(/^provider +\S+cuda-provider-1\.30\.0/m.test(again.text), again.text);
    assertStringIncludes((await setup(`${folder}/missing`)).text, "does not exist");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
