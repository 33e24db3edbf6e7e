/**
 * Whether this machine has a GPU that WebGPU can use, asked in a child process: a driver that crashes
 * takes its process along.
 *
 * @module
 */

import { lavapipeVariables } from "../../scripts/setup_lavapipe.ts";
import { child } from "../runtime/child.ts";
import type { Need } from "./needs.ts";

/** Variables for child processes: those of lavapipe where it was set up and no other driver is named. */
export const variables: Record<string, string> = Deno.env.get("VK_ICD_FILENAMES") === undefined
  ? lavapipeVariables() ?? {}
  : {};

/** Runs a module in a process of its own, with the library as `t`; returns what it printed. */
export function onWebGPU(source: string, env: Record<string, string> = {}): Promise<string> {
  const library = JSON.stringify(import.meta.resolve("../../mod.ts"));
  return child(`import * as t from ${library};\n${source}`, {
    TORCHOPT_OPS: "off",
    ...variables,
    ...env,
  });
}

/** A GPU that WebGPU can use. */
export const webgpu: Need = await found();

async function found(): Promise<Need> {
  const source = `console.log(JSON.stringify(t.devices().find((d) => d.device === "webgpu")));`;
  try {
    const { available, why } = JSON.parse(await onWebGPU(source));
    return { met: available, why: why?.split(".")[0] ?? "" };
  } catch (error) {
    return { met: false, why: `its driver fails: ${(error as Error).message.split("\n")[0]}` };
  }
}
