/**
 * Finds what CUDA needs: the provider library of ONNX Runtime, NVIDIA's driver and the CUDA runtime.
 *
 * @module
 */

import { OS } from "../host.ts";
import { exists, ORT_PACKAGE_VERSION } from "../locate.ts";
import { cacheFolder } from "../ops_cache.ts";
import { openPinned } from "../pin.ts";

const windows = OS === "windows";

/** File name of the provider library. */
const PROVIDER: string = windows
  ? "onnxruntime_providers_cuda.dll"
  : "libonnxruntime_providers_cuda.so";

const PROVIDER_SHARED = windows
  ? "onnxruntime_providers_shared.dll"
  : "libonnxruntime_providers_shared.so";

const DRIVER = windows ? "nvcuda.dll" : "libcuda.so.1";

/** CUDA runtime; the provider for the npm package is built for 12, that of the wheel for 13. */
const RUNTIMES = windows
  ? ["cudart64_12.dll", "cudart64_13.dll"]
  : ["libcudart.so.12", "libcudart.so.13"];

/** Libraries the provider links to. Loading them first by path spares the user a loader path. */
const DEPENDENCIES = /^lib(cudart|cublasLt|cublas|cufft|curand|nvrtc|nvJitLink|cudnn)\.so\.\d+$/;

/** Text on how to get the provider. */
const INSTALL_PROVIDER: string =
  `Install it with "deno install --allow-scripts=npm:onnxruntime-node@${ORT_PACKAGE_VERSION}" ` +
  `(Linux x64, needs a node_modules folder), or with "pip install ` +
  `'onnxruntime-gpu[cuda,cudnn]==${ORT_PACKAGE_VERSION}'" and set TORCHOPT_CUDA_PROVIDER to the ` +
  `folder onnxruntime/capi of that package`;

/** What was found, or what is missing and how to install it. */
export interface CudaParts {
  /** Folder of the provider library. */
  readonly provider?: string;
  /** Path or name under which the driver loads. */
  readonly driver?: string;
  /** Path or name under which the CUDA runtime loads. */
  readonly runtime?: string;
  /** One sentence for each missing part. */
  readonly missing: readonly string[];
}

/**
 * Looks for the parts.
 *
 * @param ortFolder folder of the ONNX Runtime library
 */
export function findCuda(ortFolder: string): CudaParts {
  const missing: string[] = [];
  if (OS === "darwin") return { missing: ["macOS has no CUDA"] };
  const given = Deno.env.get("TORCHOPT_CUDA_PROVIDER");
  const folder = [given, ortFolder].find((f) => f && exists(`${f}/${PROVIDER}`));
  if (!folder) {
    const searched = given ? `${given} or ${ortFolder}` : ortFolder;
    missing.push(
      `ONNX Runtime's CUDA provider (${PROVIDER}) is not in ${searched}. ${INSTALL_PROVIDER}`,
    );
  }
  const driver = loads(DRIVER) ? DRIVER : undefined;
  if (!driver) {
    missing.push(`NVIDIA's driver (${DRIVER}) does not load. Install the driver for your GPU`);
  }
  const folders = libraryFolders(folder);
  const runtime = [...folders.map((f) => `${f}/`), ""]
    .flatMap((f) => RUNTIMES.map((name) => f + name))
    .find((path) => (path.includes("/") ? exists(path) : true) && loads(path));
  if (!runtime) {
    missing.push(
      `The CUDA runtime (${RUNTIMES.join(" or ")}) does not load. Install the CUDA toolkit (12 ` +
        "for the npm package, 13 for the wheel) and set CUDA_PATH to its folder",
    );
  }
  return { provider: folder, driver, runtime, missing };
}

/** Loads what the provider links to from the toolkit's or the wheels' folders, where it lies there. */
export function preloadDependencies(provider: string): void {
  const paths = libraryFolders(provider).flatMap((folder) => {
    const names = [...Deno.readDirSync(folder)].map((entry) => entry.name);
    return names.filter((name) => DEPENDENCIES.test(name)).map((name) => `${folder}/${name}`);
  });
  // They link to each other; each round loads those whose own dependencies are in.
  let left = paths, before: number;
  do {
    before = left.length;
    left = left.filter((path) => !loads(path));
  } while (left.length > 0 && left.length < before);
}

/**
 * ONNX Runtime looks for providers only beside itself. Where `TORCHOPT_CUDA_PROVIDER` names another
 * folder, this puts links to both into one cache folder.
 *
 * @param ortPath path of the ONNX Runtime library
 * @returns the path to load the library from
 */
export function besideProvider(ortPath: string): string {
  const folder = Deno.env.get("TORCHOPT_CUDA_PROVIDER");
  const [, ortFolder, name] = /^(.*)[\\/]([^\\/]+)$/.exec(ortPath) ?? ["", ".", ortPath];
  if (!folder || folder === ortFolder || !exists(`${folder}/${PROVIDER}`)) return ortPath;
  const linked = `${cacheFolder()}/cuda-${ORT_PACKAGE_VERSION}`;
  Deno.mkdirSync(linked, { recursive: true });
  link(ortPath, `${linked}/${name}`);
  for (const library of [PROVIDER, PROVIDER_SHARED]) {
    link(`${folder}/${library}`, `${linked}/${library}`);
  }
  return `${linked}/${name}`;
}

function link(target: string, path: string): void {
  try {
    if (Deno.readLinkSync(path) === target) return;
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  try {
    Deno.symlinkSync(target, path);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}

/** Existing folders with NVIDIA's libraries: of the toolkit, and of wheels beside the provider. */
function libraryFolders(provider: string | undefined): string[] {
  const folders: string[] = [];
  for (const root of [Deno.env.get("CUDA_PATH"), Deno.env.get("CUDA_HOME"), "/usr/local/cuda"]) {
    if (root) folders.push(`${root}/lib64`, `${root}/lib`, `${root}/bin`);
  }
  if (provider) {
    const wheels = `${provider}/../../nvidia`;
    if (isReadable(wheels)) {
      for (const { name } of Deno.readDirSync(wheels)) folders.push(`${wheels}/${name}/lib`);
    }
  }
  return folders.filter(isReadable);
}

/** Whether a folder exists and may be looked at: without the permission the others still count. */
function isReadable(folder: string): boolean {
  const granted = Deno.permissions.querySync({ name: "read", path: folder }).state === "granted";
  return granted && exists(folder);
}

/** Whether a library loads. It stays loaded: closing NVIDIA's libraries is not safe. */
function loads(path: string): boolean {
  try {
    openPinned(path, {});
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return false;
  }
}
