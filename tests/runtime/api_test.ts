import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { BackendError } from "../../src/runtime/mod.ts";
import { ort, ORT_API_VERSION, requireApi } from "../../src/runtime/api.ts";
import { locateOrt } from "../../src/runtime/locate.ts";
import { child } from "./child.ts";

Deno.test("ort() loads the library of npm:onnxruntime-node", () => {
  const { version, path } = ort();
  assertStringIncludes(path, "onnxruntime");
  assertEquals(version.split(".").slice(0, 2), ["1", String(ORT_API_VERSION)]);
});

Deno.test("requireApi() refuses an old library without asking it", () => {
  const error = assertThrows(
    () =>
      requireApi("/lib/libonnxruntime.so", "1.20.1", () => {
        throw new Error("asked");
      }),
    BackendError,
  );
  assertStringIncludes(error.message, '"/lib/libonnxruntime.so" is version 1.20.1');
  assertStringIncludes(error.message, "version 1.30 or newer is wanted");
  assertStringIncludes(error.message, "npm:onnxruntime-node@1.30.0");
  assertStringIncludes(error.message, "TORCHOPT_ORT_LIBRARY");
});

Deno.test("requireApi() refuses a library that does not know the API, or names no version", () => {
  assertThrows(() => requireApi("p", "1.31.0", () => null), BackendError, "has no API 30");
  assertThrows(() => requireApi("p", "", () => null), BackendError, "version unknown");
});

Deno.test("locateOrt() finds the library under its name on every system", () => {
  const main = new URL("./node_modules/onnxruntime-node/dist/index.js", import.meta.url).href;
  const resolve = () => main;
  for (const platform of ["linux-x86_64", "linux-aarch64", "darwin-aarch64", "windows-x86_64"]) {
    const error = assertThrows(() => locateOrt({ platform, resolve }), BackendError);
    assertStringIncludes(error.message, "node_modules/onnxruntime-node/bin/napi-v6/");
    assertStringIncludes(error.message, "onnxruntime.");
  }
});

Deno.test("locateOrt() says what to do where there is no library", () => {
  assertThrows(
    () => locateOrt({ platform: "darwin-x86_64" }),
    BackendError,
    "has no library for darwin-x86_64",
  );
  const missing = (): string => {
    throw new Error("not installed");
  };
  assertThrows(
    () => locateOrt({ resolve: missing }),
    BackendError,
    "deno add npm:onnxruntime-node",
  );
  const unresolved = () => "npm:onnxruntime-node@1.30.0";
  const error = assertThrows(() => locateOrt({ resolve: unresolved }), BackendError);
  assertStringIncludes(error.message, "deno cache npm:onnxruntime-node@1.30.0 says why");
  assertStringIncludes(error.message, "TORCHOPT_ORT_LIBRARY");
  assertThrows(() => locateOrt({ override: "/no/lib" }), BackendError, '"/no/lib", which does not');
});

Deno.test("TORCHOPT_ORT_LIBRARY names the library to load", async () => {
  const source = (module: string) => `
    import { devices } from "${import.meta.resolve(module)}";
    try {
      console.log(devices()[0].onnxruntime.path);
    } catch (error) {
      console.log(error.name, error.message);
    }`;
  const module = "../../src/runtime/mod.ts";
  const path = ort().path;
  assertEquals((await child(source(module), { TORCHOPT_ORT_LIBRARY: path })).trim(), path);
  const text = Deno.makeTempFileSync();
  Deno.writeTextFileSync(text, "not a library");
  const output = await child(source(module), { TORCHOPT_ORT_LIBRARY: text });
  assertStringIncludes(output, `BackendError ONNX Runtime at "${text}" cannot be loaded`);
  Deno.removeSync(text);
});
