/**
 * Finds what CUDA needs: the provider library of ONNX Runtime, NVIDIA's driver and the CUDA runtime.
 *
 * @module
 */

import { OS } from "../host.ts";
import { exists, ORT_PACKAGE_VERSION } from "../locate.ts";
import { cacheFolder } from "../ops_cache.ts";
import { openPinned } from "../pin.ts";
import { neededLibraries } from "./elf.ts";

const windows = OS === "windows";

/** File name of the provider library. */
export const PROVIDER: string = windows
  ? "onnxruntime_providers_cuda.dll"
  : "libonnxruntime_providers_cuda.so";

/** File name of the library through which providers are loaded. */
export const PROVIDER_SHARED: string = windows
  ? "onnxruntime_providers_shared.dll"
  : "libonnxruntime_providers_shared.so";

const DRIVER = windows ? "nvcuda.dll" : "libcuda.so.1";

/** Libraries of NVIDIA that are part of CUDA's toolkit. */
const TOOLKIT = /^lib(?!cuda\.)(cu|nv)\w+\.so\.\d+$/;

/** Libraries that the provider loads by name where a graph needs them, rather than linking to them. */
const OPTIONAL = ["libcudnn.so.9"];

/** The compiler of the library's own kernels, by the versions of CUDA that they are written for. */
const NVRTC = ["libnvrtc.so.13", "libnvrtc.so.12"];

/** Of CUDA 13 and 12. */
const SOLVER = ["libcusolver.so.12", "libcusolver.so.11"];

/** Text on how to get the provider. */
const INSTALL_PROVIDER: string =
  `Get it with "pip download --no-deps onnxruntime-gpu==${ORT_PACKAGE_VERSION}" (CUDA 13) and ` +
  `"deno task setup:cuda FILE.whl" in a checkout of this library, or with "deno install ` +
  `--allow-scripts=npm:onnxruntime-node@${ORT_PACKAGE_VERSION}" (CUDA 12, Linux x64, needs a ` +
  `node_modules folder), or set TORCHOPT_CUDA_PROVIDER to the folder onnxruntime/capi of an ` +
  `installed onnxruntime-gpu`;

/** What was found, or what is missing and how to install it. */
export interface CudaParts {
  /** Folder of the provider library. */
  readonly provider?: string;
  /** Path or name under which the driver loads. */
  readonly driver?: string;
  /** Version of CUDA that the provider is built for, where its file says so. */
  readonly major?: number;
  /** Whether cuDNN is there, which convolutions need. */
  readonly cudnn: boolean;
  /** Path of the run-time compiler NVRTC; empty where only the loader may know. */
  readonly nvrtc: string;
  /** Libraries of NVIDIA that it is linked to, and those that it takes where they are; where each is. */
  readonly libraries: readonly { readonly name: string; readonly path?: string }[];
  /** Path of cuSOLVER, likewise. */
  readonly solver: string;
  /** One sentence for each missing part. */
  readonly missing: readonly string[];
}

/**
 * Looks for the parts, and loads what the provider is linked to from where it lies.
 *
 * @param ortFolder folder of the ONNX Runtime library
 */
export function findCuda(ortFolder: string): CudaParts {
  if (OS === "darwin") {
    return { cudnn: false, nvrtc: "", solver: "", libraries: [], missing: ["macOS has no CUDA"] };
  }
  const missing: string[] = [];
  const places = [Deno.env.get("TORCHOPT_CUDA_PROVIDER"), ortFolder, installedFolder()];
  const searched = places.filter((folder) => folder) as string[];
  const provider = searched.find((folder) => exists(`${folder}/${PROVIDER}`));
  if (!provider) {
    missing.push(
      `ONNX Runtime's CUDA provider (${PROVIDER}) is not in ${searched.join(" or ")}. ` +
        INSTALL_PROVIDER,
    );
  }
  const driver = loads(DRIVER) ? DRIVER : undefined;
  if (!driver) {
    missing.push(`NVIDIA's driver (${DRIVER}) does not load. Install the driver for your GPU`);
  }
  const names = provider ? neededLibraries(`${provider}/${PROVIDER}`) ?? [] : [];
  const major = majorOf(names);
  const folders = libraryFolders(provider);
  const linked = names.filter((name) => TOOLKIT.test(name));
  const libraries = loadAll([...linked, ...(provider ? OPTIONAL : [])], folders);
  const absent = libraries.filter(({ name, path }) => path === undefined && linked.includes(name));
  if (absent.length > 0) {
    missing.push(explainAbsent(absent.map(({ name }) => name), major, folders));
  }
  const cudnn = libraries.some(({ name, path }) => path !== undefined && OPTIONAL.includes(name));
  const nvrtc = findNvrtc(folders, major), solver = pathOf(folders, SOLVER);
  return { provider, driver, major, cudnn, nvrtc, solver, libraries, missing };
}

/** Path of the first library that lies in a folder; empty where only the loader may know. */
function pathOf(folders: readonly string[], names: readonly string[]): string {
  return folders.flatMap((folder) => names.map((name) => `${folder}/${name}`)).find(exists) ?? "";
}

/** Path of the run-time compiler, of the version for which the provider is built. */
function findNvrtc(folders: readonly string[], major: number | undefined): string {
  const names = major === undefined ? NVRTC : [`libnvrtc.so.${major}`];
  return Deno.env.get("TORCHOPT_NVRTC") || pathOf(folders, names);
}

/** That folder, where it is there: without the permission to look, it is not. */
function installedFolder(): string | undefined {
  try {
    const folder = installedProvider();
    return isReadable(folder) ? folder : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

/** The folder in which `deno task setup:cuda` puts the provider. */
export function installedProvider(): string {
  return `${cacheFolder()}/cuda-provider-${ORT_PACKAGE_VERSION}`;
}

/** The version of CUDA for which something is built that is linked to these libraries. */
function majorOf(names: readonly string[]): number | undefined {
  const runtime = names.find((name) => name.startsWith("libcudart.so."));
  return runtime === undefined ? undefined : Number(runtime.split(".").at(-1));
}

function explainAbsent(
  absent: readonly string[],
  major: number | undefined,
  folders: readonly string[],
): string {
  const others = folders.flatMap((folder) =>
    namesIn(folder).filter((name) => majorOf([name]) !== undefined && majorOf([name]) !== major)
      .map((name) => `${folder}/${name}`)
  );
  const found = others.length > 0 ? ` (found: ${others.join(", ")})` : "";
  const of = major === undefined ? "" : ` of CUDA ${major}, for which the provider is built`;
  return `${
    absent.join(", ")
  }${of}: not found${found}. Install the libraries of that version, and ` +
    "put their folder on LD_LIBRARY_PATH, or set CUDA_PATH to the folder of the toolkit";
}

/**
 * Loads libraries, from the loader's places or from folders, with what they are linked to; returns
 * where each is. Libraries that are loaded by path are found by name afterwards, which spares the user
 * a loader path.
 */
function loadAll(
  names: readonly string[],
  folders: readonly string[],
): { name: string; path?: string }[] {
  const found = new Map<string, string | undefined>();
  const load = (name: string): string | undefined => {
    if (found.has(name)) return found.get(name);
    if (loads(name)) {
      found.set(name, "found by the loader");
      return found.get(name);
    }
    found.set(name, undefined);
    const path = folders.map((folder) => `${folder}/${name}`).find((path) => {
      if (!exists(path)) return false;
      for (const below of neededLibraries(path) ?? []) if (TOOLKIT.test(below)) load(below);
      return loads(path);
    });
    found.set(name, path);
    return path;
  };
  return names.map((name) => ({ name, path: load(name) }));
}

/**
 * ONNX Runtime looks for providers only beside itself. Where `TORCHOPT_CUDA_PROVIDER` names another
 * folder, or `deno task setup:cuda` has filled one, this puts links to both into one cache folder.
 *
 * @param ortPath path of the ONNX Runtime library
 * @returns the path to load the library from
 */
export function besideProvider(ortPath: string): string {
  const given = Deno.env.get("TORCHOPT_CUDA_PROVIDER");
  const folder = given ?? installedFolder();
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

/** Existing folders with NVIDIA's libraries: of wheels beside the provider, and of the toolkit. */
function libraryFolders(provider: string | undefined): string[] {
  const folders: string[] = [];
  const wheels = `${provider}/../../nvidia`;
  if (provider && isReadable(wheels)) {
    for (const { name } of Deno.readDirSync(wheels)) folders.push(`${wheels}/${name}/lib`);
  }
  for (const root of [Deno.env.get("CUDA_PATH"), Deno.env.get("CUDA_HOME"), "/usr/local/cuda"]) {
    if (root) folders.push(`${root}/lib64`, `${root}/lib`, `${root}/bin`);
  }
  return folders.filter(isReadable);
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name);
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
