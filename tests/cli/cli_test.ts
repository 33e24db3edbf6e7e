import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { main } from "@torchopt/torchopt/cli";
import config from "../../deno.json" with { type: "json" };
import { linux, testWith } from "../helpers/needs.ts";

const COMMANDS = ["info", "doctor", "demo", "run", "graph", "bench", "compile"];

/** Runs a command line in this process. */
async function call(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { log, error } = console, out: string[] = [], err: string[] = [];
  console.log = (...words) => void out.push(words.join(" "));
  console.error = (...words) => void err.push(words.join(" "));
  try {
    return { code: await main(args), out: out.join("\n"), err: err.join("\n") };
  } finally {
    Object.assign(console, { log, error });
  }
}

Deno.test("torchopt lists its commands, on stderr where it was called without one", async () => {
  const asked = await call("--help"), bare = await call();
  assertEquals([asked.code, asked.err, bare.code, bare.out], [0, "", 2, ""]);
  assertEquals(bare.err, asked.out);
  for (const name of COMMANDS) assertMatch(asked.out, new RegExp(`^  ${name} `, "m"));
});

Deno.test("torchopt --version is that of the package", async () => {
  assertEquals((await call("--version")).out, config.version);
});

Deno.test("torchopt COMMAND --help shows usage and options, as does help COMMAND", async () => {
  for (const name of COMMANDS) {
    const { code, out, err } = await call(name, "--help");
    assertEquals([code, err], [0, ""]);
    assertStringIncludes(out, `usage: torchopt ${name} `);
    assertStringIncludes(out, "--help");
    assertEquals((await call("help", name)).out, out);
    assertEquals((await call(name, "-h")).out, out);
  }
});

Deno.test("torchopt gives code 2 for a command line that it does not understand", async () => {
  const wrong: [string[], string][] = [
    [["frobnicate"], "the commands are info, doctor"],
    [["info", "--jsno"], "there is no option --jsno"],
    [["info", "--json=1"], "--json takes no value"],
    [["demo", "--seconds"], "--seconds wants a value"],
    [["demo", "--seconds=-1"], "--seconds wants a number above 0, got -1"],
    [["demo", "again"], "again"],
    [["run", "x.ts"], "--nproc is missing"],
    [["run", "--nproc", "two", "x.ts"], '--nproc is "two"'],
    [["graph"], "the module is missing"],
    [["graph", "a.ts", "b.ts"], "one module"],
    [["graph", "a.ts", "--out", "a.png"], ".svg"],
    [["bench", "--list", "w5"], "--list"],
    [["compile", "--target", "amiga"], "x86_64-unknown-linux-gnu"],
  ];
  for (const [args, text] of wrong) {
    const { code, out, err } = await call(...args);
    assertEquals([args, code, out], [args, 2, ""]);
    assertStringIncludes(err, text);
  }
});

Deno.test("torchopt gives code 1 for work that fails, and says why without a trace", async () => {
  const { code, out, err } = await call("graph", "/nowhere/module.ts");
  assertEquals([code, out], [1, ""]);
  assertStringIncludes(err, "torchopt graph: ");
  assertStringIncludes(err, "/nowhere/module.ts");
});

Deno.test("torchopt bench --list names the workloads", async () => {
  const { code, out } = await call("bench", "--list", "--json");
  assertEquals([code, JSON.parse(out).includes("w1a")], [0, true]);
});

Deno.test("torchopt info tells versions, devices and kernels", async () => {
  const { code, out, err } = await call("info", "--json"), found = JSON.parse(out);
  assertEquals([code, err, found.torchopt, found.deno], [0, "", config.version, Deno.version.deno]);
  assertEquals(found.devices[0].device, "cpu");
  assertEquals(found.kernels.loaded, found.missing.every((m: string) => !m.includes("kernels")));
  const text = (await call("info")).out;
  assertStringIncludes(text, found.onnxruntime.path);
  assertStringIncludes(text, found.cache);
});

Deno.test("torchopt doctor looks at everything", async () => {
  const { code, out } = await call("doctor", "--json");
  const { ok, checks } = JSON.parse(out) as {
    ok: boolean;
    checks: { name: string; status: string }[];
  };
  assertEquals([code, ok], [0, true]);
  const names = checks.map(({ name }) => name);
  for (const name of ["deno", "permissions", "ONNX Runtime", "kernels", "cache", "device cpu"]) {
    assert(names.includes(name), `${name} is not among ${names}`);
  }
  assertEquals(checks.find((c) => c.name === "a gradient of a gradient")?.status, "ok");
});

Deno.test("torchopt demo learns, prints nothing but its result, and draws", async () => {
  const picture = await Deno.makeTempFile({ suffix: ".svg" });
  try {
    const line = ["demo", "--iterations", "20", "--tasks", "2", "--out", picture, "--json"];
    const { code, out, err } = await call(...line), result = JSON.parse(out);
    assertEquals([code, err, result.iterations, result.picture], [0, "", 20, picture]);
    assertStringIncludes(await Deno.readTextFile(picture), "<svg");
  } finally {
    await Deno.remove(picture);
  }
});

Deno.test("torchopt compile --list names the libraries of a target, and those only", async () => {
  const line = ["compile", "--list", "--without-kernels", "--json"];
  const { code, out } = await call(...line, "--target", "aarch64-unknown-linux-gnu");
  const { payload, bytes } = JSON.parse(out);
  assertEquals([code, payload.target, bytes], [0, "linux-aarch64", 0]);
  const [{ name, sha256, variable }, ...more] = payload.files;
  assertEquals([name, variable, more], ["libonnxruntime.so.1", "TORCHOPT_ORT_LIBRARY", []]);
  assertMatch(sha256, /^[0-9a-f]{64}$/);
});

testWith(linux, "torchopt compile packs the libraries of the target and no others", async () => {
  const folder = await Deno.makeTempDir(), output = `${folder}/program`;
  const before = Deno.env.get("DENORT_BIN");
  try {
    await Deno.writeTextFile(`${folder}/program.ts`, "console.log(1);");
    // What a binary begins with is taken as it is.
    Deno.env.set("DENORT_BIN", "/bin/true");
    const line = ["compile", "--without-kernels", "--json", "--output", output];
    const { code, out } = await call(...line, `${folder}/program.ts`);
    const { bytes, payload: { files } } = JSON.parse(out);
    assertEquals([code, files.length, bytes], [0, 1, (await Deno.stat(output)).size]);
    assert(bytes > files[0].size && bytes < files[0].size + 2e7, `${bytes} bytes`);
  } finally {
    if (before === undefined) Deno.env.delete("DENORT_BIN");
    else Deno.env.set("DENORT_BIN", before);
    await Deno.remove(folder, { recursive: true });
  }
});
