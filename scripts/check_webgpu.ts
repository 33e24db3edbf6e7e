/**
 * Compares device `"webgpu"` of this machine with the CPU, primitive by primitive: which the device
 * refuses, which end the process inside of the driver, and how far the others are from the CPU's
 * results, at ordinary numbers and at special ones (NaN, infinities, denormals, both zeros).
 *
 *     deno run -A scripts/check_webgpu.ts [--only NAME] [--json FILE]
 *
 * The graphs are those of `tests/primitives/agreement.ts`. They run in child processes, each of which
 * goes on until it ends, expectedly or not; the next one begins after the primitive that ended it.
 * Where lavapipe was set up (`scripts/setup_lavapipe.ts`) and the environment names no other driver, it
 * is used.
 *
 * @module
 */

import type { Node } from "../src/graph/node.ts";
import { lower } from "../src/lower/lower.ts";
import { walk } from "../src/lower/walk.ts";
import { Executable } from "../src/run/executable.ts";
import { type Device, Storage, targetOf } from "../src/runtime/mod.ts";
import { agreements } from "../tests/primitives/agreement.ts";
import { lavapipeVariables } from "./setup_lavapipe.ts";

/** What was seen of one primitive. */
interface Seen {
  readonly name: string;
  /** Whether all its graphs ran; else the first error. */
  readonly refused?: string;
  /** Largest difference at ordinary results, in units in the last place of float32. */
  readonly ulps: number;
  readonly far?: string;
  /** Results that are NaN, infinite or 0 on one of the two only; with the first of them. */
  readonly special: number;
  readonly example?: string;
}

const names = Object.keys(agreements).filter((name) =>
  typeof agreements[name as keyof typeof agreements] !== "string"
);

/** Runs graphs on a device, without the compiled kernels. */
function run(nodes: readonly Node[], device: Device): ArrayLike<number | bigint>[] {
  const walked = walk(nodes), lowered = lower(walked, nodes, [], targetOf(device, false));
  const program = new Executable(walked.key, [], lowered, device);
  try {
    const leaves = walked.leaves.map(({ storage }) =>
      device === "cpu" ? storage! : Storage.from(storage!.host(), storage!.dtype, device)
    );
    const results = program.run(leaves, walked.scalars.map((n) => n.attrs.value as number));
    return results.map((s) => s.host().slice());
  } finally {
    program.dispose();
  }
}

const unit = 2 ** -23, smallest = 2 ** -126;

function compare(name: string): Seen {
  const rule = agreements[name as keyof typeof agreements];
  if (typeof rule === "string") throw new Error(`internal: no graphs for ${name}`);
  let ulps = 0, special = 0, far: string | undefined;
  let example: string | undefined, refused: string | undefined;
  for (const graph of rule.graphs("float32")) {
    let got: ArrayLike<number | bigint>;
    const [want] = run([graph], "cpu");
    try {
      [got] = run([graph], "webgpu" as Device);
    } catch (error) {
      refused ??= (error as Error).message.split("\n")[0];
      continue;
    }
    for (let i = 0; i < want.length; i++) {
      const a = Number(want[i]), b = Number(got[i]);
      if (Object.is(a, b) || (a === b && rule.anySign)) continue;
      if (Number.isFinite(a) && Number.isFinite(b) && a !== b) {
        const size = Math.max(rule.of ?? 0, Math.abs(a), Math.abs(b));
        const off = Math.max(0, Math.abs(a - b) - smallest) / size / unit;
        if (off > ulps) [ulps, far] = [off, `${a} on the CPU, ${b} here`];
      } else {
        special++;
        example ??= `${a} on the CPU, ${b} here (element ${i} of ${graph.prim.name})`;
      }
    }
  }
  return { name, refused, ulps, far, special, example };
}

if (Deno.args[0] === "--child") {
  for (const name of names.slice(Number(Deno.args[1]), Number(Deno.args[2]))) {
    console.log(`begin ${name}`);
    console.log(`seen ${JSON.stringify(compare(name))}`);
  }
} else {
  await main();
}

async function main(): Promise<void> {
  const option = (flag: string) => {
    const at = Deno.args.indexOf(flag);
    return at < 0 ? undefined : Deno.args[at + 1];
  };
  const only = option("--only"), file = option("--json");
  const found = Deno.env.get("VK_ICD_FILENAMES") === undefined ? lavapipeVariables() : null;
  const seen = new Map<string, Seen>(), crashed = new Map<string, string>();
  const first = only === undefined ? 0 : names.indexOf(only);
  if (first < 0) throw new Error(`--only ${only}: no such primitive; one of ${names.join(", ")}`);
  const end = only === undefined ? names.length : first + 1;
  for (let next = first; next < end;) {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", import.meta.filename!, "--child", `${next}`, `${end}`],
      env: { ...found, NO_COLOR: "1" },
      stdout: "piped",
      stderr: "piped",
    });
    const { code, signal, stdout, stderr } = await child.output();
    const lines = new TextDecoder().decode(stdout).split("\n");
    for (const line of lines.filter((line) => line.startsWith("seen "))) {
      const one: Seen = JSON.parse(line.slice(5));
      seen.set(one.name, one);
    }
    const last = lines.filter((line) => line.startsWith("begin ")).at(-1)?.slice(6);
    if (code === 0) break;
    const why = `${signal ?? `exit code ${code}`}: ${
      new TextDecoder().decode(stderr).trim().split("\n").at(-1) ?? ""
    }`;
    if (last === undefined) throw new Error(`the child process ended at once, ${why}`);
    crashed.set(last, why);
    next = names.indexOf(last) + 1;
  }
  for (const [name, why] of crashed) console.log(`CRASH   ${name}: ${why}`);
  for (const one of seen.values()) {
    if (one.refused !== undefined) console.log(`REFUSED ${one.name}: ${one.refused}`);
    else if (one.special > 0) console.log(`SPECIAL ${one.name}: ${one.special}, ${one.example}`);
    if (one.ulps > 16) {
      console.log(`FAR     ${one.name}: ${one.ulps.toPrecision(2)} ulps, ${one.far}`);
    }
  }
  const good = [...seen.values()].filter((x) => !x.refused && x.special === 0 && x.ulps <= 16);
  console.log(`${good.length} of ${names.length} agree: ${good.map(({ name }) => name).join(" ")}`);
  if (file !== undefined) {
    const crashes = Object.fromEntries(crashed);
    await Deno.writeTextFile(
      file,
      JSON.stringify({ crashes, seen: [...seen.values()] }, null, 1) + "\n",
    );
  }
}
