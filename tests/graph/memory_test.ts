/** What is too large for memory says so. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { BackendError, ones, tensor } from "../../mod.ts";

const library = import.meta.resolve("../../mod.ts");

/** What a process with little memory writes. */
async function small(code: string): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, `import { tensor } from "${library}";\n${code}`);
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--config",
      config,
      "--v8-flags=--max-old-space-size=200",
      file,
    ],
  }).output();
  await Deno.remove(file);
  // A machine without kernels has a line about them on stderr.
  return new TextDecoder().decode(stdout.length > 0 ? stdout : stderr);
}

const CHAIN = `
const chain = (steps) => {
  let x = tensor(1, { requiresGrad: true });
  for (let i = 0; i < steps; i++) x = x.mul(1.5);
  return x;
};
const attempt = (fn) => {
  try {
    return fn();
  } catch (error) {
    return error.name + " " + error.message;
  }
};`;

Deno.test("recording more than fits into memory is an error that says so", async () => {
  const text = await small(`${CHAIN}
    console.log(attempt(() => chain(3_000_000)));
    console.log(attempt(() => chain(10).shape.length));`);
  assert(
    /^BackendError graph: the operations that are recorded leave no memory.*\n0\n$/.test(text),
    text,
  );
});

Deno.test("a graph too large to be compiled is an error that says so", async () => {
  const text = await small(`${CHAIN}
    console.log(attempt(() => chain(150_000).item()));
    console.log(attempt(() => chain(1).item()));`);
  assert(
    /^BackendError compile: a graph of 300000 operations and numbers is too large.*\n1.5\n$/.test(
      text,
    ),
    text,
  );
});

Deno.test("a value that is too large for memory is an error that says so", () => {
  const n = 2_000_000, column = ones([n, 1]), row = ones([1, n]);
  const inside = () => column.matmul(row).matmul(column).sum().item();
  const error = assertThrows(inside, BackendError, "no memory for a value");
  assertEquals(/onnx|node|session/i.test(error.message), false, error.message);
  assertThrows(() => column.matmul(row).data(), RangeError, "memory");
  assertEquals(tensor(1).add(1).item(), 2);
});
