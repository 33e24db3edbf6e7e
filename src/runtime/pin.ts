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
 * Opens a library that stays loaded until the process ends: its functions may be called for ever.
 *
 * Deno unloads the libraries of a Worker when that ends, on the Worker's thread; where the process exits
 * meanwhile, it runs the exit handlers of a library that is no longer there, and crashes. It also counts
 * an open library as a leak of the test in which it was opened. So the library is kept by the system
 * instead, and closed as far as Deno is concerned.
 *
 * @param path of the library
 * @param symbols as for `Deno.dlopen`, none of them `nonblocking`: those need a library that is open
 */
export function openPinned<const S extends Deno.ForeignLibraryInterface>(
  path: string,
  symbols: S,
): Deno.DynamicLibrary<S> {
  const library = Deno.dlopen(path, symbols);
  if (pin(path)) library.close();
  return library;
}

/** Makes the system keep a library that is loaded. Returns whether it does. */
function pin(path: string): boolean {
  const { os } = Deno.build;
  if (os === "windows") {
    const kernel = Deno.dlopen("kernel32.dll", {
      GetModuleHandleExA: { parameters: ["u32", "buffer", "buffer"], result: "i32" },
    });
    const name = cString(path.split(/[\\/]/).at(-1)!), out = new BigUint64Array(1);
    const { GetModuleHandleExA } = kernel.symbols;
    const pinned = GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_PIN, name, out) !== 0;
    kernel.close();
    return pinned;
  }
  const flags = RTLD_NOW | (RTLD_NODELETE[os] ?? 0);
  for (const name of LIBRARIES_WITH_DLOPEN[os] ?? []) {
    try {
      const system = Deno.dlopen(name, {
        dlopen: { parameters: ["buffer", "i32"], result: "pointer" },
      });
      const pinned = system.symbols.dlopen(cString(path), flags) !== null;
      system.close();
      return pinned;
    } catch (error) {
      // An old C library keeps dlopen in a library of its own, the next one.
      if (error instanceof Deno.errors.NotCapable) throw error;
    }
  }
  return false;
}
