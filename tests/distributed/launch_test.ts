/** The launcher, as it is called from a command line. */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parse, UsageError } from "../../src/cli/arguments.ts";
import { launchSettings, run } from "../../src/cli/run.ts";
import { until } from "./world.ts";

const script = new URL("../../src/cli/mod.ts", import.meta.url).pathname;
const parseArguments = (args: readonly string[]) => launchSettings(parse(run, args));
const programs = new URL("programs/", import.meta.url).pathname;

function start(...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, "run", ...args],
    env: { NO_COLOR: "1", TORCHOPT_HEARTBEAT: "0.3", TORCHOPT_THREADS: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function ended(process: Deno.ChildProcess) {
  const { code, stdout, stderr } = await process.output(), decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

const launch = (...args: string[]) => ended(start(...args));
const flags = ["--flag=-A", "--flag=--no-check"];

/** Runs a test that has a folder for files. */
const withFile = (run: (file: string) => Promise<void>) => async () => {
  const folder = await Deno.makeTempDir();
  try {
    await run(`${folder}/file`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
};

/** Numbers of processes that ranks left in files; waits for all of them. */
async function pidsOf(file: string, ranks: number): Promise<number[]> {
  const read = () =>
    Array.from({ length: ranks }, (_, rank) => {
      try {
        return Deno.readTextFileSync(`${file}.${rank}`);
      } catch {
        return "";
      }
    });
  await until(() => read().every((text) => text !== ""), 30);
  return read().flatMap((text) => text.split(" ").map(Number));
}

function lives(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

/** Folders that launchers have made and not removed. */
const folders = () =>
  [...Deno.readDirSync(Deno.env.get("TMPDIR") ?? "/tmp")]
    .filter(({ name }) => name.startsWith("torchopt-") && !/^torchopt-\d+$/.test(name)).length;

Deno.test("launch starts ranks, tells them apart, and passes arguments on", async () => {
  const { code, out, err } = await launch(
    "--nproc",
    "3",
    ...flags,
    `${programs}launched.ts`,
    "show",
    "-x",
    "--y=1",
  );
  assertEquals([code, err.split("\n").filter((line) => line.includes("other stream")).sort()], [
    0,
    ["[0] to the other stream", "[1] to the other stream", "[2] to the other stream"],
  ]);
  const lines = out.trim().split("\n").sort();
  assertEquals(lines.length, 3);
  lines.forEach((line, rank) => {
    assert(line.startsWith(`[${rank}] {"worldRank":${rank},`), line);
    assertStringIncludes(line, `"worldSize":3,"localRank":${rank},"localWorldSize":3`);
    assert(line.endsWith("show,-x,--y=1"), line);
  });
});

for (const kind of ["processes", "Workers"]) {
  const more = kind === "Workers" ? ["--workers"] : flags;
  Deno.test(`launch runs calls, gradients and barriers between ${kind}`, async () => {
    const { code, out, err } = await launch("--nproc", "4", ...more, `${programs}four.ts`);
    assertEquals([code, err.replace(/^.*the compiled kernels.*\n/gm, "")], [0, ""]);
    for (let rank = 0; rank < 4; rank++) {
      const slope = 16 * ((rank + 1) % 4 + 1);
      assertStringIncludes(out, `rank ${rank} of 4: ${slope},${slope}`);
    }
  });
}

Deno.test("launch ends all ranks where one fails, with its code", async () => {
  const { code, err } = await launch("--nproc", "4", ...flags, `${programs}four.ts`, "fail");
  assertEquals(code, 7);
  assertStringIncludes(err, "rank 2 ended with code 7");
  const thrown = await launch("--nproc", "2", "--workers", `${programs}launched.ts`, "throws");
  assertEquals(thrown.code, 1);
  assertEquals((await launch("--nproc", "4", "--workers", `${programs}four.ts`, "fail")).code, 7);
  assertStringIncludes(thrown.err, "thrown on purpose");
});

Deno.test(
  "launch kills what does not end, and leaves nothing",
  withFile(async (file) => {
    const args = ["--nproc", "2", "--grace", "1", ...flags, `${programs}launched.ts`];
    const process = start(...args, "stubborn", file);
    const pids = await pidsOf(file, 2), { code, err } = await ended(process);
    assertEquals(code, 5);
    assertStringIncludes(err, "rank 0 ended with code 5");
    assertEquals(pids.filter(lives), []);
  }),
);

Deno.test(
  "launch passes signals on",
  withFile(async (file) => {
    const process = start("--nproc", "2", ...flags, `${programs}launched.ts`, "polite", file);
    const pids = await pidsOf(file, 2);
    // As the keyboard does.
    await new Promise((resolve) => setTimeout(resolve, 100));
    process.kill("SIGINT");
    assertEquals((await ended(process)).code, 9);
    assertEquals(pids.filter(lives), []);
  }),
);

Deno.test(
  "a launcher that is killed leaves neither processes nor files",
  withFile(async (file) => {
    const before = folders();
    const process = start("--nproc", "2", ...flags, `${programs}launched.ts`, "stay", file);
    const pids = await pidsOf(file, 2);
    assertEquals([pids.length, pids.every(lives)], [4, true]);
    process.kill("SIGKILL");
    await ended(process);
    await until(() => !pids.some(lives) && folders() <= before);
  }),
);

Deno.test("launch starts all ranks again, but none that never came together", async () => {
  const again = await launch(
    "--nproc",
    "2",
    "--max-restarts",
    "2",
    ...flags,
    `${programs}launched.ts`,
    "again",
  );
  assertEquals(again.code, 0);
  assertStringIncludes(again.err, "restart 1 of 2");
  assertEquals(again.out.match(/went well/g)?.length, 3);
  const never = await launch(
    "--nproc",
    "2",
    "--max-restarts",
    "2",
    ...flags,
    `${programs}launched.ts`,
    "never",
  );
  assertEquals(never.code, 6);
  assertStringIncludes(never.err, "not started again");
});

Deno.test("parseArguments() says what is wrong with a command line", () => {
  assertThrows(() => parseArguments([]), UsageError, "--nproc is missing");
  assertThrows(() => parseArguments(["--nproc", "0", "x.ts"]), UsageError, "at least 1");
  assertThrows(() => parseArguments(["--nproc=2"]), UsageError, "program is missing");
  assertThrows(() => parseArguments(["--ranks", "2", "x.ts"]), UsageError, "no option --ranks");
  assertEquals(parseArguments(["--nproc=2", "x.ts", "--nproc", "3"]).args, ["--nproc", "3"]);
});
