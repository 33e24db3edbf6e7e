/**
 * Finds the `libonnxruntime` that `npm:onnxruntime-node` ships, without running that package.
 *
 * @module
 */

import { BackendError } from "./errors.ts";

/** Version of `npm:onnxruntime-node` this library is built for. */
export const ORT_PACKAGE_VERSION = "1.30.0";

/**
 * The import below is never executed; its literal specifier makes Deno download the package together
 * with this module. It is an `npm:` specifier and not a bare one because a project that maps
 * `@torchopt/torchopt` to a checkout does not see the import map of that checkout.
 */
const _stockBinding = () =>
  // deno-lint-ignore no-import-prefix
  import("npm:onnxruntime-node@1.30.0");

/** Folder and possible names of the library inside the package, for each system it is built for. */
const LIBRARIES: Readonly<Record<string, { folder: string; names: readonly string[] }>> = {
  "linux-x86_64": { folder: "linux/x64", names: ["libonnxruntime.so.1", "libonnxruntime.so"] },
  "linux-aarch64": { folder: "linux/arm64", names: ["libonnxruntime.so.1", "libonnxruntime.so"] },
  "darwin-aarch64": {
    folder: "darwin/arm64",
    names: ["libonnxruntime.1.30.0.dylib", "libonnxruntime.1.dylib"],
  },
  "windows-x86_64": { folder: "win32/x64", names: ["onnxruntime.dll"] },
  "windows-aarch64": { folder: "win32/arm64", names: ["onnxruntime.dll"] },
};

const WAYS_OUT = `Install it (deno add npm:onnxruntime-node@${ORT_PACKAGE_VERSION}), ` +
  "or set TORCHOPT_ORT_LIBRARY to the path of the library.";

/** Where to look; the defaults are those of this process. */
export interface LocateOptions {
  /** Path from `TORCHOPT_ORT_LIBRARY`; wins over the package. */
  readonly override?: string;
  /** `Deno.build.os`-`Deno.build.arch`. */
  readonly platform?: string;
  /** Resolves the package to the URL of its main file. */
  readonly resolve?: () => string;
}

/**
 * Path of the ONNX Runtime library.
 *
 * @throws {BackendError} where there is none, with the way to get one
 */
export function locateOrt(options: LocateOptions = {}): string {
  const override = options.override ?? Deno.env.get("TORCHOPT_ORT_LIBRARY");
  if (override) {
    if (!exists(override)) {
      throw new BackendError(
        `TORCHOPT_ORT_LIBRARY names "${override}", which does not exist. ` +
          "Set it to the path of libonnxruntime, or unset it to use npm:onnxruntime-node.",
      );
    }
    return override;
  }
  const platform = options.platform ?? `${Deno.build.os}-${Deno.build.arch}`;
  const library = LIBRARIES[platform];
  if (!library) {
    throw new BackendError(
      `npm:onnxruntime-node@${ORT_PACKAGE_VERSION} has no library for ${platform} (it has: ` +
        `${Object.keys(LIBRARIES).join(", ")}). Build or download ONNX Runtime ` +
        `${ORT_PACKAGE_VERSION} and set TORCHOPT_ORT_LIBRARY to the path of the library.`,
    );
  }
  const main = resolvePackage(options.resolve);
  const folder = new URL(`../bin/napi-v6/${library.folder}/`, main);
  for (const name of library.names) {
    const path = filePath(new URL(name, folder));
    if (exists(path)) return path;
  }
  throw new BackendError(
    `The package onnxruntime-node at ${filePath(folder)} holds none of ` +
      `${library.names.join(", ")}: it is incomplete or of another version. ${WAYS_OUT}`,
  );
}

function resolvePackage(resolve?: () => string): string {
  let url: string;
  try {
    // Literal, so that packagers rewrite it.
    url = resolve ? resolve() : import.meta.resolve("npm:onnxruntime-node@1.30.0");
  } catch (cause) {
    throw new BackendError(
      `ONNX Runtime was not found: the package onnxruntime-node@${ORT_PACKAGE_VERSION} does not ` +
        `resolve. ${WAYS_OUT}`,
      { cause },
    );
  }
  // Deno gives the specifier back, without a word, where it could not download the package.
  if (!url.startsWith("file:")) {
    throw new BackendError(
      `ONNX Runtime was not found: ${url} is not on this machine. Its download failed, or was switched ` +
        `off; deno cache npm:onnxruntime-node@${ORT_PACKAGE_VERSION} says why. ${WAYS_OUT}`,
    );
  }
  return url;
}

/** The path of a `file:` URL on this system. */
export function filePath(url: URL | string): string {
  const path = decodeURIComponent(new URL(url).pathname);
  return Deno.build.os === "windows" ? path.replace(/^\/(?=[A-Za-z]:)/, "") : path;
}

/**
 * Whether a file or folder exists. Where the permission to look is missing, Deno's error is thrown,
 * which names the flag.
 */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return false;
  }
}
