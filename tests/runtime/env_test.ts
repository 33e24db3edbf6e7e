import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { child } from "./child.ts";

const SUM = `import { tensor } from "${import.meta.resolve("../../mod.ts")}";
  console.log(tensor([1, 2]).square().sum().item());`;

Deno.test("poolSize() refuses what is no number of threads, before anything is compiled", async () => {
  for (const text of ["abc", "-3", "2.5", "0", "100000", "1e99"]) {
    const { message } = await assertRejects(() => child(SUM, { TORCHOPT_THREADS: text }), Error);
    const wanted = `RangeError: TORCHOPT_THREADS is "${text}", wants a whole number from 1 to 512.`;
    assertStringIncludes(message, `error: Uncaught (in promise) ${wanted}`);
  }
  for (const text of ["", "1", "3"]) {
    assertEquals(await child(SUM, { TORCHOPT_THREADS: text }), "5\n");
  }
});

Deno.test("dumpModel() says which folder cannot be written", async () => {
  const file = Deno.makeTempFileSync();
  const { message } = await assertRejects(() => child(SUM, { TORCHOPT_DUMP: file }), Error);
  assertStringIncludes(message, `BackendError: TORCHOPT_DUMP names "${file}"`);
  Deno.removeSync(file);
});

Deno.test("locateOrt() is not wrapped as an error of the graph", async () => {
  const env = { TORCHOPT_ORT_LIBRARY: "/no/such", TORCHOPT_OPS: "off" };
  const { message } = await assertRejects(() => child(SUM, env), Error);
  assertStringIncludes(message, 'BackendError: TORCHOPT_ORT_LIBRARY names "/no/such"');
  assertEquals(message.includes("does not accept"), false);
});
