/**
 * `torchopt info`: versions, devices and kernels.
 *
 * @module
 */

import { poolSize } from "../runtime/env.ts";
import { type DeviceInfo, devices } from "../runtime/devices.ts";
import { BackendError } from "../runtime/errors.ts";
import { cacheFolder } from "../runtime/ops_cache.ts";
import { type Command, table } from "./arguments.ts";
import { VERSION } from "./version.ts";

/** What {@linkcode info} prints with `--json`. */
interface Info {
  readonly torchopt: string;
  readonly deno: string;
  readonly target: string;
  readonly onnxruntime: DeviceInfo["onnxruntime"] | null;
  readonly kernels: DeviceInfo["ops"] | null;
  readonly devices: readonly Omit<DeviceInfo, "onnxruntime" | "ops">[];
  readonly cache: string;
  readonly threads: number;
  /** What is not there, with the way to get it. */
  readonly missing: readonly string[];
}

function collect(): Info {
  const missing: string[] = [];
  let found: DeviceInfo[] = [];
  try {
    found = devices();
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    missing.push(error.message);
  }
  const { onnxruntime = null, ops = null } = found[0] ?? {};
  if (ops?.loaded === false) missing.push(`the compiled kernels are ${ops.why}`);
  for (const { device, available, why } of found) {
    if (!available) missing.push(`${device}: ${why}`);
  }
  return {
    torchopt: VERSION,
    deno: Deno.version.deno,
    target: Deno.build.target,
    onnxruntime,
    kernels: ops,
    devices: found.map(({ device, available, name, why, note }) => {
      return { device, available, name, why, note };
    }),
    cache: cacheFolder(),
    threads: poolSize(),
    missing,
  };
}

function asText(i: Info): string {
  const devices = i.devices.filter(({ available }) => available);
  return [
    `TorchOpt ${i.torchopt} on Deno ${i.deno}, ${i.target}`,
    "",
    ...table([
      [
        "ONNX Runtime",
        i.onnxruntime ? `${i.onnxruntime.version}, ${i.onnxruntime.path}` : "missing",
      ],
      ["kernels", i.kernels?.loaded ? `in use, ${i.kernels.path}` : "not in use"],
      ...devices.map(({ device, name }) => [`device ${device}`, name] as const),
      ["threads", String(i.threads)],
      ["cache", i.cache],
    ]),
    ...i.missing.length === 0 ? [] : ["", "Missing:", ...i.missing.map((line) => `  ${line}`)],
  ].join("\n");
}

export const info: Command = {
  about: "Versions, devices and kernels, and what is missing",
  usage: "[--json]",
  options: { json: { about: "print JSON" } },
  run(line) {
    const found = collect();
    console.log(line.has("json") ? JSON.stringify(found, null, 2) : asText(found));
    return Promise.resolve(found.onnxruntime === null ? 1 : 0);
  },
};
