/**
 * Worlds for tests: the test is rank 0, the other ranks are processes that run `programs/rank.ts`.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { distributed } from "@torchopt/torchopt";
import "./functions.ts";

/** Another rank. */
export interface Child {
  /** Its number. */
  readonly rank: number;
  /** Its process. */
  readonly process: Deno.ChildProcess;
  /** What it wrote, and how it ended. */
  readonly output: Promise<{ code: number; text: string }>;
}

/** A world of which the test is rank 0. */
export interface World {
  /** The other ranks; at 0 is nothing. */
  readonly children: readonly Child[];
  /** Where the ranks meet. */
  readonly folder: string;
}

/** How a world is made. */
export interface WorldSettings extends distributed.InitOptions {
  /** Variables of the other ranks. */
  readonly env?: Record<string, string>;
  /** Ranks that may end as they like. */
  readonly mayFail?: readonly number[];
  /** Options that the other ranks have of their own, by rank. */
  readonly others?: Record<number, distributed.InitOptions>;
  /** Ranks that are not started. */
  readonly absent?: readonly number[];
  /** Program of the other ranks. */
  readonly program?: string;
}

/** Starts a process of a world. */
export function startRank(
  rank: number,
  size: number,
  folder: string,
  settings: WorldSettings,
): Child {
  const { env = {}, mayFail: _, others = {}, absent: __, program = "rank.ts", ...init } = settings;
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--v8-flags=--expose-gc",
      `${import.meta.dirname}/programs/${program}`,
    ],
    env: {
      TORCHOPT_THREADS: "1",
      NO_COLOR: "1",
      RANK: String(rank),
      WORLD_SIZE: String(size),
      TORCHOPT_RENDEZVOUS: init.rendezvous ?? `unix:${folder}`,
      TEST_INIT: JSON.stringify({ ...init, ...others[rank] }),
      ...env,
    },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = process.output().then(({ code, stdout, stderr }) => {
    const decoder = new TextDecoder();
    const text = decoder.decode(stdout) + decoder.decode(stderr);
    // Without kernels there is a line that says so.
    return { code, text: text.replace(/^torchopt: the compiled kernels.*\n/m, "") };
  });
  return { rank, process, output };
}

/** Runs a test as rank 0 of a world, and checks that the other ranks end well. */
export async function inWorld(
  size: number,
  run: (world: World) => Promise<void>,
  settings: WorldSettings = {},
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const { env: _, mayFail = [], others, absent = [], program: __, ...init } = settings;
  const children: Child[] = [];
  let failed = false;
  for (let rank = 1; rank < size; rank++) {
    if (!absent.includes(rank)) children[rank] = startRank(rank, size, folder, settings);
  }
  const rendezvous = init.rendezvous ?? `unix:${folder}`;
  try {
    await distributed.initRpc({ ...init, rank: 0, worldSize: size, rendezvous, ...others?.[0] });
    await run({ children, folder });
    // Where a rank is meant to die, leaving says so.
    await distributed.shutdown().catch((error) => {
      if (mayFail.length === 0) throw error;
    });
  } catch (error) {
    failed = true;
    for (const child of Object.values(children)) kill(child);
    const texts = await Promise.all(Object.values(children).map((child) => child.output));
    await distributed.shutdown({ timeout: 1 }).catch(() => {});
    const said = texts.map(({ text }) => text).filter((text) => text !== "").join("\n");
    throw new Error(`${(error as Error).message}\n${said}`, { cause: error });
  } finally {
    const ends = await Promise.all(Object.values(children).map((child) => child.output));
    const left = [...Deno.readDirSync(folder)].map(({ name }) => name);
    await Deno.remove(folder, { recursive: true });
    Object.values(children).forEach(({ rank }, i) => {
      if (!failed && !mayFail.includes(rank)) {
        assertEquals([rank, ends[i].code, ends[i].text], [rank, 0, ""]);
      }
    });
    // What a process leaves that is killed, it cannot remove.
    if (!failed && mayFail.length === 0) assertEquals(left, []);
  }
}

/** Kills a rank; nothing where it has ended. */
export function kill({ process }: Child, signal: Deno.Signal = "SIGKILL"): void {
  try {
    process.kill(signal);
  } catch {
    // It has ended.
  }
}

/** The error of a promise. */
export async function errorOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

/** Waits until something holds. */
export async function until(what: () => boolean | Promise<boolean>, seconds = 10): Promise<void> {
  const limit = performance.now() + seconds * 1000;
  while (!await what()) {
    if (performance.now() > limit) throw new Error(`waited for ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
