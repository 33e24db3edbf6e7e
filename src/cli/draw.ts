/**
 * What `torchopt graph` does in the process that it starts.
 *
 * @module
 */

import type * as visual from "../visual/mod.ts";

/** What to draw, and where to. */
export interface DrawOptions {
  /** Name of the module, for messages. */
  readonly module: string;
  /** Export of it. */
  readonly name: string;
  /** File to write, or null for stdout. */
  readonly out: string | null;
  readonly json: boolean;
  readonly settings: visual.MakeDotOptions;
}

type Outputs = Parameters<typeof visual.makeDot>[0];

/** What a module gives. */
type Given = Outputs | { readonly outputs: Outputs; readonly params?: visual.NamedTensors };

/** Draws what a module exports, and gives the exit code. */
export async function draw(
  load: () => Promise<Record<string, unknown>>,
  { makeDot }: typeof visual,
  { module, name, out, json, settings }: DrawOptions,
): Promise<number> {
  const exported = await load();
  if (!Object.hasOwn(exported, name)) {
    const names = Object.keys(exported).join(", ") || "nothing";
    const what = name === "default" ? "no default export" : `no export ${name}`;
    console.error(`torchopt graph: ${module} has ${what}; it exports ${names} (--export NAME).`);
    return 1;
  }
  const value = exported[name];
  const given = await (typeof value === "function" ? value() : value) as Given;
  const { outputs, params = null } = isNamed(given) ? given : { outputs: given };
  let dot: visual.Dot;
  try {
    dot = makeDot(outputs, { ...settings, params });
  } catch (error) {
    const copy = String(error).includes("wants a tensor")
      ? " Tensors have to come from the same copy of TorchOpt that draws them."
      : "";
    console.error(`torchopt graph: ${name} of ${module}: ${(error as Error).message}${copy}`);
    return 1;
  }
  if (out !== null) await dot.save(out);
  const nodes = dot.source.match(/^\s*n\d+ \[/gm)?.length ?? 0;
  if (json) write(JSON.stringify({ source: dot.source, nodes, out }));
  else if (out === null) write(dot.source);
  return 0;
}

function isNamed(given: Given): given is Exclude<Given, Outputs> {
  return typeof given === "object" && given !== null && Object.hasOwn(given, "outputs");
}

/** What the module itself prints goes to stderr. */
function write(text: string): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}
