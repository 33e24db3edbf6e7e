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

const PROVIDER_SHARED = windows
  ? "onnxruntime_providers_shared.dll"
  : "libonnxruntime_providers_shared.so";

const DRIVER = windows ? "nvcuda.dll" : "libcuda.so.1";

/** Libraries of NVIDIA that are part of CUDA's toolkit. */
const TOOLKIT = /^lib(cu|nv)\w+\.so\.\d+$/;

/** Libraries that the provider loads by name where a graph needs them, rather than linking to them. */
const OPTIONAL = ["libcudnn.so.9"];

/** The compiler of the library's own kernels, by the versions of CUDA that they are written for. */
const NVRTC = ["libnvrtc.so.13", "libnvrtc.so.12"];

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
  /** Version of CUDA that the provider is built for, where its file says so. */
  readonly major?: number;
  /** Whether cuDNN is there, which convolutions need. */
  readonly cudnn: boolean;
  /** Path of the run-time compiler NVRTC; empty where only the loader may know. */
  readonly nvrtc: string;
  /** One sentence for each missing part. */
  readonly missing: readonly string[];
}

/**
 * Looks for the parts, and loads what the provider is linked to from where it lies.
 *
 * @param ortFolder folder of the ONNX Runtime library
 */
export function findCuda(ortFolder: string): CudaParts {
  if (OS === "darwin") return { cudnn: false, nvrtc: "", missing: ["macOS has no CUDA"] };
  const missing: string[] = [];
  const given = Deno.env.get("TORCHOPT_CUDA_PROVIDER");
  const provider = [given, ortFolder].find((f) => f && exists(`${f}/${PROVIDER}`));
  if (!provider) {
    const searched = given ? `${given} or ${ortFolder}` : ortFolder;
    missing.push(
      `ONNX Runtime's CUDA provider (${PROVIDER}) is not in ${searched}. ${INSTALL_PROVIDER}`,
    );
  }
  const driver = loads(DRIVER) ? DRIVER : undefined;
  if (!driver) {
    missing.push(`NVIDIA's driver (${DRIVER}) does not load. Install the driver for your GPU`);
  }
  const names = provider ? neededLibraries(`${provider}/${PROVIDER}`) ?? [] : [];
  const major = majorOf(names);
  const folders = libraryFolders(provider);
  const absent = loadAll(names.filter((name) => TOOLKIT.test(name)), folders);
  if (absent.length > 0) missing.push(explainAbsent(absent, major, folders));
  const cudnn = loadAll(OPTIONAL, folders).length === 0;
  return { provider, driver, major, cudnn, nvrtc: findNvrtc(folders, major), missing };
}

/** Path of the run-time compiler; empty where only the loader may know. */
function findNvrtc(folders: readonly string[], major: number | undefined): string {
  const given = Deno.env.get("TORCHOPT_NVRTC");
  if (given) return given;
  const names = major === undefined ? NVRTC : [`libnvrtc.so.${major}`];
  const paths = folders.flatMap((folder) => names.map((name) => `${folder}/${name}`));
  return paths.find(exists) ?? "";
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
    namesIn(folder).filter((name) => /^libcudart\.so\.\d+$/.test(name) && !absent.includes(name))
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
 * those that do not load. Libraries that are loaded by path are found by name afterwards, which spares
 * the user a loader path.
 */
function loadAll(names: readonly string[], folders: readonly string[]): string[] {
  const seen = new Set<string>();
  const load = (name: string): boolean => {
    if (seen.has(name) || loads(name)) return true;
    seen.add(name);
    return folders.map((folder) => `${folder}/${name}`).some((path) => {
      if (!exists(path)) return false;
      for (const below of neededLibraries(path) ?? []) if (TOOLKIT.test(below)) load(below);
      return loads(path);
    });
  };
  return names.filter((name) => !load(name));
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
