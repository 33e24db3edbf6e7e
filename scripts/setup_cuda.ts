/**
 * Puts ONNX Runtime's provider for CUDA where this library finds it, and says what else is missing.
 *
 * ```sh
 * deno task setup:cuda FILE.whl   # a wheel of onnxruntime-gpu (CUDA 13)
 * deno task setup:cuda FOLDER     # a folder that holds the libraries, such as onnxruntime/capi
 * deno task setup:cuda --npm      # by the install script of npm:onnxruntime-node (CUDA 12)
 * deno task setup:cuda --check    # installs nothing
 * ```
 *
 * Nothing but this one folder of the cache is written. No Python is needed.
 *
 * @module
 */

import {
  type CudaParts,
  findCuda,
  installedProvider,
  PROVIDER,
  PROVIDER_SHARED,
} from "../src/runtime/device/cuda_find.ts";
import { WITHOUT_CUDNN } from "../src/runtime/device/cuda.ts";
import { ort } from "../src/runtime/api.ts";
import { exists, ORT_PACKAGE_VERSION } from "../src/runtime/locate.ts";
import { makeCacheFolder } from "../src/runtime/ops_cache.ts";
import { unzip, zipEntries } from "./zip.ts";

const LIBRARIES = [PROVIDER, PROVIDER_SHARED];

const PACKAGE = `npm:onnxruntime-node@${ORT_PACKAGE_VERSION}`;

/**
 * Installs the provider from a wheel.
 *
 * @throws {Error} where it is a wheel of something else, or of another version
 */
async function fromWheel(wheel: string, folder: string): Promise<void> {
  const entries = zipEntries(wheel);
  const info = entries.map(({ name }) => /^onnxruntime_gpu-([^/]+)\.dist-info\//.exec(name)?.[1]);
  const version = info.find((found) => found !== undefined);
  if (version !== ORT_PACKAGE_VERSION) {
    const got = version === undefined ? "no wheel of onnxruntime-gpu" : `of version ${version}`;
    throw new Error(
      `${wheel} is ${got}; wanted is onnxruntime-gpu ${ORT_PACKAGE_VERSION}, the version of ` +
        `ONNX Runtime here: pip download --no-deps onnxruntime-gpu==${ORT_PACKAGE_VERSION}`,
    );
  }
  for (const library of LIBRARIES) {
    const entry = entries.find(({ name }) => name.endsWith(`/${library}`));
    if (entry === undefined) {
      throw new Error(`${wheel} holds no ${library}: is it for this system?`);
    }
    await unzip(wheel, entry, `${folder}/${library}`);
  }
}

/** Installs the provider from a folder. */
function fromFolder(from: string, folder: string): void {
  for (const library of LIBRARIES) {
    if (!exists(`${from}/${library}`)) throw new Error(`${from} holds no ${library}.`);
    Deno.copyFileSync(`${from}/${library}`, `${folder}/${library}`);
  }
}

/** Installs the provider by the install script of the npm package, which downloads it. */
async function fromNpm(folder: string): Promise<void> {
  const project = Deno.makeTempDirSync();
  try {
    const settings = { nodeModulesDir: "auto", imports: { "onnxruntime-node": PACKAGE } };
    Deno.writeTextFileSync(`${project}/deno.json`, JSON.stringify(settings));
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["install", `--allow-scripts=${PACKAGE}`],
      cwd: project,
      env: { ONNXRUNTIME_NODE_INSTALL: "cuda12" },
    }).output();
    const binaries = `${project}/node_modules/onnxruntime-node/bin/napi-v6/linux/x64`;
    if (!success || !exists(`${binaries}/${PROVIDER}`)) {
      throw new Error(
        `The install script of ${PACKAGE} did not bring ${PROVIDER}: it downloads from ` +
          "api.nuget.org, for Linux on x86-64 alone. Take a wheel of onnxruntime-gpu instead.",
      );
    }
    fromFolder(binaries, folder);
  } finally {
    Deno.removeSync(project, { recursive: true });
  }
}

/** What was found, line by line. */
function report({ provider, driver, major, libraries, missing, cudnn }: CudaParts): void {
  const line = (what: string, found: string | undefined) =>
    console.log(`${what.padEnd(18)}${found ?? "missing"}`);
  const built = major === undefined ? "" : ` (for CUDA ${major})`;
  line("provider", provider && `${provider}${built}`);
  line("driver", driver);
  for (const { name, path } of libraries) line(name, path);
  if (missing.length > 0) console.log(`\nMissing: ${missing.join(". ")}.`);
  else if (!cudnn) console.log(`\nAll that is needed is there. ${WITHOUT_CUDNN}.`);
  else console.log("\nAll is there.");
  console.log("Not run on a GPU so far: docs/cuda.md.");
}

async function install(source: string): Promise<void> {
  const folder = installedProvider(), next = `${folder}.new`;
  makeCacheFolder();
  Deno.mkdirSync(next, { recursive: true });
  try {
    if (source === "--npm") await fromNpm(next);
    else if (!exists(source)) throw new Error(`${source} does not exist.`);
    else if (Deno.statSync(source).isDirectory) fromFolder(source, next);
    else await fromWheel(source, next);
    if (exists(folder)) Deno.removeSync(folder, { recursive: true });
    Deno.renameSync(next, folder);
  } catch (error) {
    Deno.removeSync(next, { recursive: true });
    throw error;
  }
}

const [source, ...others] = Deno.args;
if (source === undefined || others.length > 0) {
  console.error("deno task setup:cuda FILE.whl | FOLDER | --npm | --check");
  Deno.exit(2);
}
try {
  if (source !== "--check") await install(source);
  const parts = findCuda(ort().path.replace(/[\\/][^\\/]*$/, ""));
  report(parts);
  if (parts.missing.length > 0) Deno.exit(1);
} catch (error) {
  console.error((error as Error).message);
  Deno.exit(1);
}
