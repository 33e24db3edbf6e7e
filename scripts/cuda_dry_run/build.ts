/**
 * Makes what the dry run needs: ONNX Runtime's provider for CUDA, from a wheel, and libraries in the
 * place of NVIDIA's.
 *
 * @module
 */

import { neededLibraries } from "../../src/runtime/device/elf.ts";
import { exists, ORT_PACKAGE_VERSION } from "../../src/runtime/locate.ts";
import { sha256 } from "../../src/runtime/sha256.ts";
import { unzip, zipEntries } from "../zip.ts";

const here = (file: string) => decodeURIComponent(new URL(file, import.meta.url).pathname);

/** Folders of the parts. */
export interface Parts {
  /** Of the provider. */
  readonly provider: string;
  /** Of the libraries. */
  readonly libraries: string;
}

/** Where the parts come from; what is not given is downloaded with pip. */
export interface Sources {
  /** A wheel of onnxruntime-gpu. */
  readonly wheel?: string;
  /** The folder of CUDA's headers. */
  readonly headers?: string;
}

async function output(command: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    // Bytes are bytes: elsewhere grep takes minutes for a library.
    env: { LC_ALL: "C" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!success) throw new Error(`${command} ${args.join(" ")}:\n${text(stderr)}`);
  return text(stdout);
}

async function download(requirement: string, folder: string): Promise<string> {
  const name = requirement.split("==")[0].replaceAll("-", "_");
  const find = () => [...Deno.readDirSync(folder)].find((x) => x.name.startsWith(`${name}-`));
  if (find() === undefined) {
    const args = ["-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"];
    await output("python3", [
      ...args,
      ...["--python-version", "3.11", "--platform", "manylinux_2_28_x86_64"],
      ...["--platform", "manylinux2014_x86_64", "-d", folder, requirement],
    ]);
  }
  return `${folder}/${find()!.name}`;
}

async function unpack(wheel: string, wanted: RegExp, target: (name: string) => string) {
  for (const entry of zipEntries(wheel)) {
    const path = target(entry.name);
    if (!wanted.test(entry.name) || exists(path)) continue;
    Deno.mkdirSync(path.replace(/[^/]*$/, ""), { recursive: true });
    await unzip(wheel, entry, path);
  }
}

/** Functions that a library takes from each of NVIDIA's. */
async function imported(provider: string): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  const names = await output("nm", ["-D", "--undefined-only", provider]);
  for (const line of names.split("\n")) {
    const [, name, library] = /^\s+U (\w+)(?:@(lib\w+\.so\.\d+))?$/.exec(line) ?? [];
    if (name === undefined) continue;
    const from = library ?? (/^cu[A-Z]\w+$/.test(name) ? "libcuda.so.1" : undefined);
    if (from !== undefined) found.set(from, [...(found.get(from) ?? []), name]);
  }
  return found;
}

/** cuBLAS where something is not made: "not supported". CUDA's runtime: success. */
const STUB_RESULT: Readonly<Record<string, number>> = {
  "libcublas.so.13": 15,
  "libcublasLt.so.13": 15,
};

/** Functions that succeed without doing anything. */
const HARMLESS = /Create|Destroy|SetAttribute|Register|Unregister/;

/**
 * Makes the parts in a folder, unless they are there.
 *
 * @throws {Error} where something cannot be downloaded or compiled
 */
export async function build(folder: string, sources: Sources = {}): Promise<Parts> {
  Deno.mkdirSync(`${folder}/downloads`, { recursive: true });
  const provider = `${folder}/provider`, libraries = `${folder}/libraries`;
  const library = `${provider}/libonnxruntime_providers_cuda.so`;
  if (!exists(library)) {
    const wheel = sources.wheel ??
      await download(`onnxruntime-gpu==${ORT_PACKAGE_VERSION}`, `${folder}/downloads`);
    const wanted = /capi\/libonnxruntime_providers_(cuda|shared)\.so$/;
    await unpack(wheel, wanted, (name) => `${provider}/${name.split("/").at(-1)}`);
  }
  const headers = sources.headers ?? await headersFolder(folder);
  Deno.mkdirSync(libraries, { recursive: true });
  const names = await imported(library);
  const needed = (neededLibraries(library) ?? []).filter((name) => /^lib(cu|nv)/.test(name));
  const compile = async (name: string, files: string[], flags: string[], also: string[] = []) => {
    const args = ["-shared", "-fPIC", "-O1", "-std=c++17", `-I${headers}`, ...files];
    const target = ["-o", `${libraries}/${name}`, `-Wl,-soname,${name}`];
    const all = [...args, ...target, ...flags, "-ldl", "-pthread"];
    const texts = [...files, ...also].map((file) => Deno.readTextFileSync(file));
    const key = sha256(new TextEncoder().encode([...all, ...texts].join("\n")));
    const stamp = `${folder}/${name}.key`;
    if (exists(`${libraries}/${name}`) && exists(stamp) && Deno.readTextFileSync(stamp) === key) {
      return;
    }
    await output("g++", all);
    Deno.writeTextFileSync(stamp, key);
  };
  const written: Readonly<Record<string, string[]>> = {
    "libcudart": [here("runtime.cc")],
    "libcublas": [here("blas.cc")],
    "libcuda": [
      here("driver_streams.cc"),
      ...["fake_cuda.cc", "fibers.cc"].map((f) => here(`../../ops/cuda/testing/${f}`)),
    ],
  };
  const included: Readonly<Record<string, string[]>> = {
    "libcudart": [here("order.h"), here("parameters.h")],
    "libcuda": ["cuda_cpu.h", "fibers.h"].map((f) => here(`../../ops/cuda/testing/${f}`)),
  };
  // The runtime first: the others put their work into its streams.
  const ordered = [...needed].sort((a, b) => Number(!/cudart/.test(a)) - Number(!/cudart/.test(b)));
  for (const name of ordered) {
    const short = name.split(".")[0], files = written[short] ?? [];
    const stubs = await stubsFor(name, names.get(name) ?? [], files, folder);
    const version = short === "libcuda" ? [] : [`-Wl,--version-script=${folder}/${short}.map`];
    Deno.writeTextFileSync(`${folder}/${short}.map`, `${name} { global: *; };\n`);
    const runtime = short === "libcudart" ? [] : [`${libraries}/${ordered[0]}`];
    await compile(name, [...files, stubs], [...version, ...runtime], included[short]);
  }
  const cudnn = `${folder}/stubs_libcudnn.cc`;
  Deno.writeTextFileSync(cudnn, await cudnnStubs(library));
  await compile("libcudnn.so.9", [cudnn], []);
  return { provider, libraries };
}

/**
 * cuDNN, which the provider opens by name: descriptors are made, reductions do nothing, and what plans
 * convolutions is not supported.
 */
async function cudnnStubs(provider: string): Promise<string> {
  const names = await output("grep", ["-aoE", "cudnn[A-Z][A-Za-z]+", provider]);
  const all = [...new Set(names.split("\n"))].filter((name) =>
    name !== "" && !name.endsWith("Handle")
  );
  const stubs = all.map((name) => {
    if (name === "cudnnGetVersion") return `size_t ${name}() { return 91000; }`;
    if (name === "cudnnGetErrorString") return `const char* ${name}(int) { return "fake cuDNN"; }`;
    if (/^cudnnGetReduction\w+Size$/.test(name)) {
      return `int ${name}(void*, void*, void*, void*, size_t* size) { return *size = 0, 0; }`;
    }
    if (name.startsWith("cudnnBackend")) return `int ${name}() { return 3000; }`;
    if (name.startsWith("cudnnCreate")) {
      return `int ${name}(void** made) { return *made = calloc(1, 64), 0; }`;
    }
    return `int ${name}() { return 0; }`;
  });
  return `#include <cstdlib>\nextern "C" {\n${stubs.join("\n")}\n}\n`;
}

async function headersFolder(folder: string): Promise<string> {
  const installed = "/usr/local/cuda/include";
  if (exists(`${installed}/cuda_runtime_api.h`)) return installed;
  const include = `${folder}/include`;
  for (const name of ["nvidia-cuda-runtime==13.0.96", "nvidia-cuda-crt==13.0.88"]) {
    const wheel = await download(name, `${folder}/downloads`);
    await unpack(wheel, /\/include\/.*\.h$/, (file) => include + file.replace(/^.*?\/include/, ""));
  }
  return include;
}

/** A file with the functions of a library that its own files lack. */
async function stubsFor(
  library: string,
  names: readonly string[],
  files: readonly string[],
  folder: string,
): Promise<string> {
  const texts = files.map((file) => Deno.readTextFileSync(file)).join("\n");
  // GEMM(S, float) writes cublasSgemm_v2 and its like.
  const made = new Set(texts.match(/\b(__)?cu\w+/g) ?? []);
  const pieced = [...texts.matchAll(/cublas##letter##(\w+)/g)].map(([, rest]) => rest);
  for (const rest of pieced) for (const letter of "SD") made.add(`cublas${letter}${rest}`);
  const failure = STUB_RESULT[library] ?? 0;
  const stubs = names.filter((name) => !made.has(name)).map((name) =>
    `extern "C" int ${name}() { return ${HARMLESS.test(name) ? 0 : failure}; }\n`
  );
  const path = `${folder}/stubs_${library.split(".")[0]}.cc`;
  await Deno.writeTextFile(path, stubs.join(""));
  return path;
}
