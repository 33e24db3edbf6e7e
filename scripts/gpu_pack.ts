/**
 * Makes one file for a machine with a GPU and nothing else: Deno, ONNX Runtime with its CUDA provider
 * for one kind of GPU, the compiled ops and the tracked files of this project. Running it there unpacks
 * it and runs `scripts/gpu_check.ts`:
 *
 *     deno run -A scripts/gpu_pack.ts --sm 90 --out dist/gpu_parcel.sh
 *     sh gpu_parcel.sh --out result.json        # on that machine
 *
 * Wants Linux on x86-64 with tar, xz and git, kernels that are built, and a wheel of onnxruntime-gpu
 * (`--wheel FILE`, else pip fetches it). Parts that were packed once are kept in the cache folder.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { opsLibrary } from "../src/runtime/mod.ts";
import { exists, ORT_PACKAGE_VERSION } from "../src/runtime/locate.ts";
import { cacheFolder } from "../src/runtime/ops_cache.ts";
import { sha256 } from "../src/runtime/sha256.ts";
import { thin } from "./gpu/thin_provider.ts";

const LIMIT = 62 * 2 ** 20;
/** Tracked files that no check reads. */
const LEFT_OUT = ["docs/residuals.svg", ".github", "examples/data"];
/** Packages that the checks import, with what they import. */
const PACKAGES = ["@msgpack/msgpack", "deno-std", "fast-check", "pngjs", "pure-rand"];
/** Files of packages that are of no use there. */
const USELESS = /\.(so(\.\d+)*|dll|dylib|node|map|md|d\.[cm]?ts)$/;

const { values: options } = parseArgs({
  options: {
    sm: { type: "string", default: "90" },
    beside: { type: "string", default: "75" },
    wheel: { type: "string" },
    /** Of xz; "none" compresses nothing, for a look at how it runs. */
    preset: { type: "string", default: "9e" },
    out: { type: "string", default: "dist/gpu_parcel.sh" },
  },
});

const root = decodeURIComponent(new URL("..", import.meta.url).pathname);
const cache = `${cacheFolder()}/gpu_pack`;

async function run(command: string, args: string[], cwd = root): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, cwd }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${text(stderr)}`);
  return text(stdout);
}

const sizes: Record<string, number> = {};

/** A folder as a compressed archive, which is kept under a name that tells its contents. */
async function part(name: string, key: string, fill: (folder: string) => Promise<void>) {
  const { preset } = options;
  const hash = sha256(new TextEncoder().encode(`${name}\n${key}\n${preset}`)).slice(0, 16);
  const path = `${cache}/${name}-${hash}.tar.xz`;
  if (!exists(path)) {
    const folder = await Deno.makeTempDir({ prefix: "torchopt_pack_" });
    try {
      await fill(folder);
      await run("sh", [
        "-c",
        `tar -C "$1" --sort=name --owner=0 --group=0 --mtime=@0 -cf - . | ${
          preset === "none" ? "cat" : `xz -${preset} -T2`
        } > "$2.part" && mv "$2.part" "$2"`,
        "sh",
        folder,
        path,
      ]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
  sizes[name] = (await Deno.stat(path)).size;
  console.error(`${name}: ${(sizes[name] / 2 ** 20).toFixed(1)} MiB`);
  return path;
}

async function wheelOf(): Promise<string> {
  if (options.wheel !== undefined) return options.wheel;
  const find = () => [...Deno.readDirSync(cache)].find(({ name }) => name.endsWith(".whl"))?.name;
  if (find() === undefined) {
    const fetch = ["-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"];
    const platform = ["--python-version", "3.11", "--platform", "manylinux_2_28_x86_64"];
    const wanted = `onnxruntime-gpu==${ORT_PACKAGE_VERSION}`;
    await run("python3", [...fetch, ...platform, "-d", cache, wanted]);
  }
  return `${cache}/${find()}`;
}

await Deno.mkdir(cache, { recursive: true });
const { sm, beside, out } = options;
const wheel = await wheelOf(), ops = opsLibrary();
if (!ops.loaded) throw new Error(`the compiled ops have to be there: ${ops.why}`);

const parts = [
  await part("deno", Deno.version.deno, async (folder) => {
    await Deno.copyFile(Deno.execPath(), `${folder}/deno`);
  }),
  await part("core", ORT_PACKAGE_VERSION, async (folder) => {
    await Deno.mkdir(`${folder}/ort`);
    await run(
      "unzip",
      ["-q", "-j", wheel, "onnxruntime/capi/libonnxruntime.so.*"],
      `${folder}/ort`,
    );
    const [{ name }] = [...Deno.readDirSync(`${folder}/ort`)];
    await Deno.rename(`${folder}/ort/${name}`, `${folder}/ort/libonnxruntime.so.1`);
  }),
  await part("provider", `${ORT_PACKAGE_VERSION} ${sm} ${beside}`, async (folder) => {
    const ort = `${folder}/ort`, wanted = "onnxruntime/capi/libonnxruntime_providers_";
    await Deno.mkdir(ort);
    await run("unzip", ["-q", "-j", wheel, `${wanted}cuda.so`, `${wanted}shared.so`], ort);
    const path = `${ort}/libonnxruntime_providers_cuda.so`, file = await Deno.readFile(path);
    console.error(`code for sm_${sm}: ${(thin(file, +sm, +beside) / 1e6).toFixed(1)} MB`);
    await Deno.writeFile(path, file);
  }),
  await part("ops", sha256(await Deno.readFile(ops.path!)), async (folder) => {
    await Deno.mkdir(`${folder}/ops`);
    await Deno.copyFile(ops.path!, `${folder}/ops/libtorchopt_ops.so`);
  }),
  await part(
    "packages",
    `${PACKAGES} ${sha256(await Deno.readFile(`${root}/deno.lock`))}`,
    async (folder) => {
      const { npmCache } = JSON.parse(await run(Deno.execPath(), ["info", "--json"]));
      await copyPackages(npmCache, `${folder}/deno_dir/npm`);
    },
  ),
  await part("project", await run("git", ["rev-parse", "HEAD"]), async (folder) => {
    await Deno.mkdir(`${folder}/project`);
    const leave = LEFT_OUT.map((path) => `:(exclude)${path}`);
    const archive = `${folder}/project.tar`;
    await run("git", ["archive", "-o", archive, "HEAD", "--", ".", ...leave]);
    await run("tar", ["-C", `${folder}/project`, "-xf", archive]);
    await Deno.remove(archive);
  }),
];

/** The packages of the lock file, as Deno caches them. */
async function copyPackages(from: string, to: string): Promise<void> {
  const lock = JSON.parse(await Deno.readTextFile(`${root}/deno.lock`));
  for await (const registry of Deno.readDir(from)) {
    if (!registry.isDirectory) continue;
    for (const id of Object.keys(lock.npm ?? {})) {
      const [, name, version] = /^(@?[^@]+)@([^_]+)/.exec(id)!;
      const place = `${registry.name}/${name}/${version}`;
      await copy(`${from}/${place}`, `${to}/${place}`, PACKAGES.includes(name));
      const list = `${registry.name}/${name}/registry.json`;
      if (exists(`${from}/${list}`)) await Deno.copyFile(`${from}/${list}`, `${to}/${list}`);
    }
  }
}

/** A folder of a package; of those that nothing imports Deno only wants to see that they are there. */
async function copy(from: string, to: string, whole: boolean): Promise<void> {
  if (!exists(from)) return;
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    const useful = whole ? !USELESS.test(name) : name === "package.json";
    if (isDirectory && whole) await copy(`${from}/${name}`, `${to}/${name}`, whole);
    else if (isFile && useful) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** Unpacks what follows it, part by part, and runs the checks. */
const script = `#!/bin/sh
# Made by scripts/gpu_pack.ts: unpacks into TORCHOPT_PARCEL (default a new folder) and runs the checks.
set -e
folder=\${TORCHOPT_PARCEL:-$(mktemp -d)}
mkdir -p "$folder"
at=__HEADER__
for size in ${parts.map((path) => Deno.statSync(path).size).join(" ")}; do
  tail -c +$((at + 1)) "$0" | head -c $size | xz -dcf | tar -C "$folder" -xf -
  at=$((at + size))
done
export DENO_DIR="$folder/deno_dir" TORCHOPT_ORT_LIBRARY="$folder/ort/libonnxruntime.so.1"
export TORCHOPT_CUDA_PROVIDER="$folder/ort" TORCHOPT_OPS="$folder/ops/libtorchopt_ops.so"
export TORCHOPT_CACHE="$folder/cache" DENO_NO_UPDATE_CHECK=1 DENO_NO_PACKAGE_JSON=1
for python in python3 python; do
  for path in $($python -c 'import site, sys; print("\\n".join(site.getsitepackages()))' 2>/dev/null); do
    for libraries in "$path"/nvidia/*/lib; do
      [ -d "$libraries" ] && LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$libraries"
    done
  done
done
export LD_LIBRARY_PATH
exec "$folder/deno" run -A --no-check --cached-only "$folder/project/scripts/gpu_check.ts" "$@"
exit 1
`;
const length = new TextEncoder().encode(script).length;
const header = script.replace("__HEADER__", String(length).padEnd("__HEADER__".length));
await Deno.mkdir(out.replace(/[^/]*$/, "") || ".", { recursive: true });
const file = await Deno.open(out, { create: true, write: true, truncate: true });
await file.write(new TextEncoder().encode(header));
file.close();
await run("sh", ["-c", `cat "$@" >> "$0"`, out, ...parts], Deno.cwd());
await Deno.chmod(out, 0o755);
const { size } = await Deno.stat(out);
console.log(
  JSON.stringify({ file: out, bytes: size, mib: +(size / 2 ** 20).toFixed(2), sm, parts: sizes }),
);
if (size > LIMIT && options.preset !== "none") {
  console.error(`the parcel has ${size} bytes, more than ${LIMIT}`);
  Deno.exit(1);
}
