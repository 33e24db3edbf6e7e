/**
 * The system that this runs on. Every module that needs it while it is loaded takes it from here, so
 * that engines without Deno's functions say what is missing.
 *
 * @module
 */

if (typeof Deno === "undefined") {
  const host = globalThis as {
    Bun?: { version: string };
    process?: { versions?: { node?: string } };
  };
  const engine = host.Bun
    ? `Bun ${host.Bun.version}`
    : host.process?.versions?.node
    ? `Node.js ${host.process.versions.node}`
    : "this JavaScript engine";
  throw new Error(
    `TorchOpt runs on Deno and not on ${engine}, since it calls ONNX Runtime through Deno's FFI: ` +
      'run the program with "npx --yes deno@2.9.6 run -A FILE".',
  );
}

/** The operating system. */
export const OS: typeof Deno.build.os = Deno.build.os;

/** The processor. */
export const ARCH: typeof Deno.build.arch = Deno.build.arch;
