import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { withoutTelemetry } from "../../src/runtime/telemetry.ts";
import { child } from "./child.ts";

/** What ONNX Runtime takes for signs of a machine of continuous integration, where it keeps quiet. */
const QUIET = ["CI", "TF_BUILD", "GITHUB_ACTIONS", "GITLAB_CI", "TRAVIS", "JENKINS_URL"];

/**
 * Computes in a process of its own whose user has an empty home; returns the files that are there
 * afterwards. The process itself moves, since the packages are to be found where they were.
 */
async function filesAfterRun(env: Record<string, string>, worker = false): Promise<string[]> {
  const home = Deno.makeTempDirSync();
  const sum = `
    import { tensor } from "${import.meta.resolve("../../mod.ts")}";
    console.log(tensor([1, 2]).square().sum().item());`;
  const source = `
    for (const name of ${JSON.stringify(QUIET)}) Deno.env.delete(name);
    Deno.env.set("HOME", "${home}");
    Deno.env.set("XDG_CACHE_HOME", "${home}/cache");
    ${worker ? inWorker(sum) : sum}`;
  // What lies in the home is what ONNX Runtime wrote: the compiled ops are elsewhere.
  const fixed = { TORCHOPT_CACHE: "/no/such/folder", TORCHOPT_OPS: "off" };
  try {
    assertEquals(await child(source, { ...fixed, ...env }), "5\n");
    return filesBelow(home);
  } finally {
    Deno.removeSync(home, { recursive: true });
  }
}

/** Runs a module in a Worker, and ends when it has run. */
function inWorker(source: string): string {
  const url = `data:text/javascript,${encodeURIComponent(`${source}; self.postMessage("done");`)}`;
  return `
    const worker = new Worker("${url}", { type: "module" });
    await new Promise((resolve) => worker.onmessage = resolve);
    worker.terminate();`;
}

function filesBelow(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(`${folder}/${name}`) : [name]
  );
}

Deno.test("withoutTelemetry() keeps ONNX Runtime from writing into the user's folders", async () => {
  assertEquals(await filesAfterRun({}), []);
  assertEquals(await filesAfterRun({ ORT_DISABLE_TELEMETRY: "0" }, true), []);
});

Deno.test("withoutTelemetry() leaves the variables as they were", () => {
  const name = "ORT_DISABLE_TELEMETRY", before = Deno.env.get(name);
  try {
    for (const value of ["0", undefined]) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
      assertEquals(withoutTelemetry(() => Deno.env.get(name)), "1");
      assertEquals(Deno.env.get(name), value);
      Deno.env.set("TORCHOPT_ORT_TELEMETRY", "1");
      assertEquals(withoutTelemetry(() => Deno.env.get(name)), value);
      Deno.env.delete("TORCHOPT_ORT_TELEMETRY");
    }
  } finally {
    if (before !== undefined) Deno.env.set(name, before);
  }
});

Deno.test("telemetryAllowed() refuses what is neither 1 nor 0", async () => {
  const { message } = await assertRejects(
    () => filesAfterRun({ TORCHOPT_ORT_TELEMETRY: "yes" }),
    Error,
  );
  assertStringIncludes(message, 'RangeError: TORCHOPT_ORT_TELEMETRY is "yes", wants 1 (');
});
