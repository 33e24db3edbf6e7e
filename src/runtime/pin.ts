/**
 * Keeps native libraries loaded until the process ends.
 *
 * @module
 */

import { cString } from "./ffi.ts";

const RTLD_NOW = 2;
const RTLD_NODELETE: Partial<Record<typeof Deno.build.os, number>> = {
  linux: 0x1000,
  darwin: 0x80,
};
const LIBRARIES_WITH_DLOPEN: Partial<Record<typeof Deno.build.os, readonly string[]>> = {
  linux: ["libc.so.6", "libdl.so.2"],
  darwin: ["libSystem.B.dylib"],
};
const GET_MODULE_HANDLE_EX_FLAG_PIN = 1;

/**
 * Loads a library so that nothing unloads it again. Deno unloads the libraries of a Worker when that
 * ends, on the Worker's thread; where the process exits meanwhile, it runs the exit handlers of a
 * library that is no longer there, and crashes.
 *
 * @param path of a library that loads
 */
export function pinLibrary(path: string): void {
  const { os } = Deno.build;
  if (os === "windows") {
    const { symbols } = Deno.dlopen("kernel32.dll", {
      GetModuleHandleExA: { parameters: ["u32", "buffer", "buffer"], result: "i32" },
    });
    const name = cString(path.split(/[\\/]/).at(-1)!);
    symbols.GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_PIN, name, new BigUint64Array(1));
    return;
  }
  const flags = RTLD_NOW | (RTLD_NODELETE[os] ?? 0);
  for (const library of LIBRARIES_WITH_DLOPEN[os] ?? []) {
    try {
      const { symbols } = Deno.dlopen(library, {
        dlopen: { parameters: ["buffer", "i32"], result: "pointer" },
      });
      symbols.dlopen(cString(path), flags);
      return;
    } catch (error) {
      // An old C library keeps dlopen in a library of its own, the next one.
      if (error instanceof Deno.errors.NotCapable) throw error;
    }
  }
}
