/**
 * `torchopt doctor`: looks for what is wrong, and says what to do.
 *
 * @module
 */

import { autograd, tensor } from "../../mod.ts";
import { findCompiler } from "../runtime/compiler.ts";
import { type DeviceInfo, devices } from "../runtime/devices.ts";
import { HOST } from "../runtime/device/mod.ts";
import { exists } from "../runtime/locate.ts";
import { failurePath } from "../runtime/ops_background.ts";
import { cacheFolder, makeCacheFolder } from "../runtime/ops_cache.ts";
import type { Command } from "./arguments.ts";
import { VERSION } from "./version.ts";

/** What a look at one thing found. */
interface Check {
  /** What was looked at. */
  readonly name: string;
  /** `"note"`: everything works, but something is slower or not possible. */
  readonly status: "ok" | "note" | "fail";
  /** What was found. */
  readonly found: string;
  /** What to do about it. */
  readonly todo?: string;
}

/** What each permission is for, and whether nothing works without it. */
const PERMISSIONS = [
  ["ffi", true, "ONNX Runtime is called through it"],
  ["read", true, "ONNX Runtime and the kernels are files"],
  ["env", true, "variables such as TORCHOPT_OPS decide what is loaded"],
  ["write", false, "the cache of kernels cannot be filled"],
  ["run", false, "kernels cannot be built, and torchopt run starts no ranks"],
  ["net", false, "ranks of the distributed layer cannot meet"],
  ["sys", false, "ranks of the distributed layer cannot tell their host"],
] as const;

const isGranted = (name: typeof PERMISSIONS[number][0]) =>
  Deno.permissions.querySync({ name }).state === "granted";

function permissionChecks(): Check[] {
  const missing = PERMISSIONS.filter(([name]) => !isGranted(name));
  if (missing.length === 0) {
    return [{ name: "permissions", status: "ok", found: "all that are ever needed" }];
  }
  return missing.map(([name, needed, why]) => ({
    name: `permission ${name}`,
    status: needed ? "fail" : "note",
    found: needed ? `missing: ${why}` : `missing: without it ${why}`,
    todo: `deno run --allow-${name}, or -A`,
  }));
}

/** Oldest version that the tests have run on. */
const OLDEST = [2, 9];

function denoCheck(): Check {
  const { deno } = Deno.version, [major, minor] = deno.split(".").map(Number);
  const old = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  return old
    ? {
      name: "deno",
      status: "note",
      found: `${deno}, older than any that was tested`,
      todo: "deno upgrade",
    }
    : { name: "deno", status: "ok", found: deno };
}

function computationCheck(): Check {
  const name = "a gradient of a gradient";
  try {
    const x = tensor(2, { requiresGrad: true, device: HOST });
    const [slope] = autograd.grad(x.pow(3), [x], { createGraph: true });
    const value = autograd.grad(slope!, [x])[0]!.item();
    return Math.abs(value - 12) < 1e-4
      ? { name, status: "ok", found: "right" }
      : { name, status: "fail", found: `is ${value} and should be 12`, todo: "report it, please" };
  } catch (error) {
    return { name, status: "fail", found: (error as Error).message, todo: "see above" };
  }
}

function kernelCheck({ loaded, path, why }: DeviceInfo["ops"]): Check {
  if (loaded) return { name: "kernels", status: "ok", found: `in use, ${path}` };
  const off = Deno.env.get("TORCHOPT_OPS") === "off";
  return {
    name: "kernels",
    status: "note",
    found: `${why}; everything works, small tensors take up to 17 times as long`,
    todo: off
      ? "unset TORCHOPT_OPS"
      : "run any program once with a C++ compiler at hand, or buildOps()",
  };
}

async function compilerCheck(): Promise<Check[]> {
  if (!isGranted("run")) return [];
  const checks: Check[] = [];
  try {
    checks.push({ name: "compiler", status: "ok", found: (await findCompiler()).join(" ") });
  } catch (error) {
    checks.push({ name: "compiler", status: "note", found: (error as Error).message });
  }
  const failed = failurePath();
  if (exists(failed)) {
    checks.push({
      name: "last build",
      status: "note",
      found: `failed, see ${failed}`,
      todo: "remove that file to have it tried again",
    });
  }
  return checks;
}

function cacheCheck(): Check {
  const name = "cache", folder = cacheFolder();
  if (!isGranted("write")) return { name, status: "note", found: `${folder}, not to be written` };
  try {
    Deno.removeSync(Deno.makeTempFileSync({ dir: makeCacheFolder(), prefix: "doctor-" }));
    return { name, status: "ok", found: folder };
  } catch (error) {
    return {
      name,
      status: "note",
      found: `${folder} cannot be written: ${(error as Error).message}`,
      todo: "set TORCHOPT_CACHE to a folder of your own, if kernels are to be built",
    };
  }
}

function deviceChecks(): Check[] {
  let found: DeviceInfo[];
  try {
    found = devices();
  } catch (error) {
    return [{ name: "ONNX Runtime", status: "fail", found: (error as Error).message }];
  }
  const { version, path } = found[0].onnxruntime;
  return [
    { name: "ONNX Runtime", status: "ok", found: `${version}, ${path}` },
    computationCheck(),
    kernelCheck(found[0].ops),
    ...found.map(({ device, available, name, why = "", note }): Check =>
      available
        ? { name: `device ${device}`, status: "ok", found: note ? `${name} (${note})` : name }
        : { name: `device ${device}`, status: "note", found: why }
    ),
  ];
}

/** Looks at everything. Asks for no permission: what takes one that is missing is left out. */
async function examine(): Promise<Check[]> {
  const checks = [denoCheck(), ...permissionChecks()];
  if (checks.some(({ status }) => status === "fail")) return checks;
  checks.push(...deviceChecks(), cacheCheck());
  if (checks.some(({ name, status }) => name === "kernels" && status !== "ok")) {
    checks.push(...await compilerCheck());
  }
  return checks;
}

const MARKS = { ok: "ok  ", note: "note", fail: "FAIL" } as const;

export const doctor: Command = {
  about: "Look for what is wrong, and say what to do",
  usage: "[--json]",
  details:
    `Looks at Deno, permissions, ONNX Runtime, kernels, compiler, cache and devices. Exit code 1 where
something has to be done before anything works.`,
  options: { json: { about: "print JSON" } },
  async run(line) {
    const checks = await examine(), failed = checks.some(({ status }) => status === "fail");
    if (line.has("json")) {
      console.log(JSON.stringify({ torchopt: VERSION, ok: !failed, checks }, null, 2));
    } else {
      for (const { name, status, found, todo } of checks) {
        console.log(`${MARKS[status]} ${name}: ${found}`);
        if (todo !== undefined) console.log(`     to do: ${todo}`);
      }
    }
    return failed ? 1 : 0;
  },
};
