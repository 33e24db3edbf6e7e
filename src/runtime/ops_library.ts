/**
 * The compiled ops: finds, checks and loads them. It never compiles.
 *
 * @module
 */

import { ort } from "./api.ts";
import { BackendError } from "./errors.ts";
import { bufferAddress } from "./ffi.ts";
import { checkCacheFolder, libraryPath, OPS_ABI_VERSION, sourceKey } from "./ops_cache.ts";
import { exists } from "./locate.ts";
import { isWholeLibrary } from "./library_file.ts";
import { openPinned } from "./pin.ts";
import { shippedOps, takeShippedOps } from "./prebuilt.ts";

/** State of the compiled ops, as {@linkcode opsLibrary} reports it. */
export interface OpsLibrary {
  /** Whether they are in use. */
  readonly loaded: boolean;
  /** Path of the library, where one was found. */
  readonly path?: string;
  /** One line that says why they are, or are not, in use. */
  readonly why: string;
  /** Whether a build would make them usable. */
  readonly buildable?: boolean;
}

const ABI = { torchopt_abi_version: { parameters: [], result: "i32" } } as const;

const SYMBOLS = {
  torchopt_init: { parameters: ["pointer"], result: "i32" },
  torchopt_register_ops: { parameters: ["pointer"], result: "pointer" },
  torchopt_address: { parameters: ["buffer"], result: "f64" },
  torchopt_plan_create: {
    parameters: ["pointer", "pointer", "pointer", "buffer"],
    result: "pointer",
  },
  torchopt_plan_run: { parameters: ["pointer", "buffer"], result: "pointer" },
  planRun: { name: "torchopt_plan_run", type: "pointer" },
  torchopt_random_fill: {
    parameters: ["i32", "i32", "buffer", "f64", "buffer", "f64", "i32"],
    result: "i32",
  },
  torchopt_plan_release: { parameters: ["pointer"], result: "void" },
} as const;

const NONBLOCKING_RUN = {
  parameters: ["pointer", "buffer"],
  result: "pointer",
  nonblocking: true,
} as const;

/** The functions that the compiled ops export. */
export type Bridge = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"] & {
  /** `torchopt_plan_run` off the event loop. */
  planRunAsync(
    plan: Deno.PointerValue,
    slots: Uint8Array<ArrayBuffer>,
  ): Promise<Deno.PointerValue>;
};

/**
 * The way to get them, which works in any project: the address of this package is that from which it
 * was loaded. What a shell would take for its own is encoded.
 */
const BUILD = `build them once with deno eval "import { buildOps } from '${
  new URL("../../mod.ts", import.meta.url).href.replace(
    /['`$!]/g,
    (c) => `%${c.charCodeAt(0).toString(16)}`,
  )
}'; await buildOps({ log: console.error })" (it takes a C++ compiler)`;

let state: Found | undefined;

/**
 * Whether the compiled ops are in use, and why (not). Loads ONNX Runtime and the ops on first use.
 *
 * @throws {BackendError} where `TORCHOPT_OPS` names a library that cannot be used
 */
export function opsLibrary(): OpsLibrary {
  return (state ??= find()).report;
}

/** The functions of the compiled ops; undefined where they are not in use. */
export function bridge(): Bridge | undefined {
  return (state ??= find()).bridge;
}

/** Makes the next question look again, unless the compiled ops are in use. The builder calls it. */
export function forgetUnloadedOps(): void {
  if (!state?.bridge) state = undefined;
}

/** Address of a buffer's memory as a number; the caller keeps the buffer alive. */
export function hostAddress(buffer: ArrayBufferView): number {
  const calls = (state ??= find()).bridge;
  return calls ? calls.torchopt_address(buffer as Uint8Array<ArrayBuffer>) : bufferAddress(buffer);
}

type Found = { report: OpsLibrary; bridge?: Bridge };

function find(): Found {
  const choice = Deno.env.get("TORCHOPT_OPS");
  if (choice === "off") return unused("switched off by TORCHOPT_OPS=off");
  if (choice) return chosen(choice);
  let found: string | Found;
  try {
    checkCacheFolder();
    found = search();
  } catch (error) {
    const expected = error instanceof Deno.errors.NotCapable || error instanceof BackendError;
    if (!expected) throw error;
    return unused(`not looked for: ${error.message}`);
  }
  return typeof found === "string" ? load(found) : found;
}

/** Path of what was built from these sources, else of what is shipped with them. */
function search(): string | Found {
  const shipped = shippedOps();
  const key = sourceKey() ?? shipped?.key;
  if (key === undefined) return unbuilt();
  const path = libraryPath(key);
  if (exists(path) && isWholeLibrary(path)) return path;
  if (shipped?.key !== key) return unbuilt(path);
  const taken = takeShippedOps(shipped);
  if (taken === undefined) return unbuilt(path);
  return "path" in taken ? taken.path : unbuilt(path, `${taken.why}: `);
}

/** The library that the user names: another one, or none, would not be what is wanted. */
function chosen(path: string): Found {
  const found = exists(path) ? load(path) : unused("missing: there is no such file");
  if (found.report.loaded) return found;
  throw new BackendError(
    `TORCHOPT_OPS names "${path}", which cannot be used: ${found.report.why}. Set it to the path of ` +
      'compiled ops, to "off" to go without, or unset it to use those that buildOps() builds.',
  );
}

function load(path: string): Found {
  if (!isWholeLibrary(path)) {
    return unused(`not loadable (${path} is no library or cut short): ${BUILD}`, path);
  }
  let calls: Bridge;
  try {
    // One of another version has other functions.
    const abi = openPinned(path, ABI).symbols.torchopt_abi_version();
    if (abi !== OPS_ABI_VERSION) {
      return unused(`of ABI version ${abi}, wanted ${OPS_ABI_VERSION}`, path);
    }
    const { symbols } = openPinned(path, SYMBOLS);
    const run = new Deno.UnsafeFnPointer(
      symbols.planRun as Deno.PointerObject<never>,
      NONBLOCKING_RUN,
    );
    calls = { ...symbols, planRunAsync: (plan, slots) => run.call(plan, slots) };
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return unused(`not loadable: ${(error as Error).message}`, path);
  }
  if (calls.torchopt_init(ort().base) !== 1) {
    return unused(`refusing ONNX Runtime ${ort().version}`, path);
  }
  return { report: { loaded: true, path, why: `loaded from ${path}` }, bridge: calls };
}

function unbuilt(path?: string, wrong = ""): Found {
  return { report: { loaded: false, path, why: `not built: ${wrong}${BUILD}`, buildable: true } };
}

function unused(why: string, path?: string): Found {
  return { report: { loaded: false, path, why } };
}
