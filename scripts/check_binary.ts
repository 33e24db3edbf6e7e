/**
 * What compiled binaries do, as far as it runs here: `deno run -A scripts/check_binary.ts`. Makes a
 * binary, looks at what is in it, and runs the part that unpacks libraries, opens them and computes, far
 * from this checkout and with no cache of Deno. See `docs/compile.md`.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import $ from "dax";
import { makePayload } from "../src/cli/payload.ts";

const PROGRAM = `
import { autograd, devices, tensor } from "@torchopt/torchopt";
const x = tensor(2, { requiresGrad: true });
const [slope] = autograd.grad(x.pow(3), [x], { createGraph: true });
const { onnxruntime, ops } = devices()[0];
console.log(JSON.stringify({
  value: autograd.grad(slope, [x])[0].item(), runtime: onnxruntime.path, kernels: ops.path,
}));
`;

const root = $.path(import.meta.dirname!).parentOrThrow();
const deno = Deno.execPath(), target = `${Deno.build.os}-${Deno.build.arch}`;
const home = $.path(Deno.makeTempDirSync({ prefix: "torchopt_binary-" }));
const done = (what: string) => console.log(`ok  ${what}`);

try {
  const payload = home.join("payload");
  await payload.mkdir();
  const { payload: { files } } = await makePayload(payload.toString(), target, {
    kernels: true,
    copy: true,
  });
  done(`payload: ${files.map((f) => `${f.name} ${f.size}`).join(", ")}`);
  await makeIsolated();
  await checkStarts(files.map(({ name }) => name));
  await checkBinary(files.map(({ sha256 }) => sha256));
} finally {
  await home.remove({ recursive: true });
}

/** Bundles the program and the module in front of it, so that they need no package. */
async function makeIsolated(): Promise<void> {
  const config = home.join("deno.json");
  await config.writeJson({
    imports: { "@torchopt/torchopt": root.join("mod.ts").toFileUrl().href },
  });
  await home.join("program.ts").writeText(PROGRAM);
  await home.join("preload.ts").writeText(
    `import { usePayload } from ${JSON.stringify(root.join("src/runtime/payload.ts").toFileUrl())};
     await usePayload(new URL("./payload/", import.meta.url));`,
  );
  for (const name of ["program", "preload"]) {
    await $`${deno} bundle --quiet --platform deno --config ${config} --external npm:onnxruntime-node@1.30.0 --external npm:@viz-js/viz@3.31.0 -o ${name}.js ${name}.ts`
      .cwd(home);
  }
}

/** Starts the program as a binary would, with nothing but its own files. */
async function start(cache: string): Promise<{ value: number; runtime: string; kernels: string }> {
  const empty = home.join("empty");
  await empty.mkdir();
  const { stdout } = await $`${deno} run -A --no-config --cached-only --preload ${
    home.join("preload.js")
  } ${home.join("program.js")}`
    .cwd(empty)
    .env({
      HOME: `${empty}`,
      DENO_DIR: `${empty}`,
      TMPDIR: `${home}`,
      TORCHOPT_CACHE: cache,
      TORCHOPT_OPS: undefined,
      TORCHOPT_ORT_LIBRARY: undefined,
    }).stdout("piped");
  return JSON.parse(stdout);
}

async function checkStarts(names: readonly string[]): Promise<void> {
  const cache = home.join("cache").toString();
  const begin = performance.now(), first = await start(cache), middle = performance.now();
  assertEquals(first.value, 12);
  assert(first.runtime.startsWith(`${cache}/unpacked-`) && first.runtime.endsWith(names[0]));
  assert(first.kernels.startsWith(`${cache}/unpacked-`) && first.kernels.endsWith(names[1]));
  const { ino } = Deno.statSync(first.runtime), warm = performance.now();
  assertEquals(await start(cache), first);
  assertEquals(Deno.statSync(first.runtime).ino, ino);
  done(
    `first start ${(middle - begin).toFixed(0)} ms, second ${
      (performance.now() - warm).toFixed(0)
    } ms`,
  );

  Deno.chmodSync(cache, 0o500);
  assertEquals(await start(cache), first);
  Deno.chmodSync(cache, 0o700);
  done("a read-only cache that holds them");

  const elsewhere = await start(home.join("program.js/cache").toString());
  assertEquals(elsewhere.value, 12);
  assert(elsewhere.runtime.startsWith(`${home}/torchopt-`));
  done(`a cache that cannot be made: ${elsewhere.runtime.slice(`${home}`.length)}`);

  const shared = home.join("shared").toString();
  const several = await Promise.all(Array.from({ length: 4 }, () => start(shared)));
  for (const one of several) assertEquals(one, several[0]);
  const left = [...Deno.readDirSync(several[0].runtime.replace(/[^/]*$/, ""))];
  assertEquals(left.map(({ name }) => name).sort(), [names[0], `${names[0]}.checked`]);
  done("four starts at once");

  for (const path of [first.runtime, first.kernels]) {
    const right = Deno.readFileSync(path);
    for (const wrong of [right.slice(0, 5000), right.with(right.length >> 1, 1)]) {
      Deno.writeFileSync(path, wrong);
      assertEquals(await start(cache), first);
      assertEquals(Deno.statSync(path).size, right.length);
    }
  }
  done("damaged files: cut short, one byte changed");
}

/** Makes a binary; where Deno's part cannot be had, this Deno stands in for it, which runs no program. */
async function checkBinary(sums: readonly string[]): Promise<void> {
  const output = home.join("binary").toString();
  const compile = (env: Record<string, string>) =>
    $`${deno} run -A ${root.join("src/cli/mod.ts")} compile --json --output ${output} ${
      home.join("program.ts")
    }`.env(env).cwd(root).stdout("piped").stderr("piped").noThrow();
  let result = await compile({});
  const runs = result.code === 0;
  if (!runs) result = await compile({ DENORT_BIN: deno });
  assertEquals(result.code, 0, result.stderr);
  const { bytes, payload } = JSON.parse(result.stdout);
  assertEquals(payload.files.map((f: { sha256: string }) => f.sha256), sums);
  const text = new TextDecoder("latin1").decode(Deno.readFileSync(output));
  const count = (word: string) => text.split(word).length - 1;
  for (const sum of sums) assert(count(sum) >= 1, `${sum} is not in the binary`);
  const others = ["DirectML.dll", "dxcompiler.dll", "onnxruntime_binding.node"];
  for (const name of others) assertEquals([name, count(`"${name}"`)], [name, 0]);
  for (const worker of ["heartbeat_worker.ts", "rank_worker.ts"]) assert(count(worker) > 0);
  done(`binary of ${(bytes / 1e6).toFixed(0)} MB with the two libraries and no other`);
  if (!runs) return console.log("--  the binary was not run: Deno's part of it cannot be had here");
  const { value } = JSON.parse(
    await $`${output}`.env({ TORCHOPT_CACHE: home.join("own").toString() }).text(),
  );
  assertEquals(value, 12);
  done("the binary runs");
}
