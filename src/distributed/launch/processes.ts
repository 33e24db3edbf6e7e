/**
 * Ranks as processes: each leads a group of its own, so that nothing of it is left behind.
 *
 * @module
 */

import { environment } from "../cluster.ts";
import { denoCommand } from "./deno.ts";
import { copyLines, writeAll } from "./output.ts";
import type { LaunchSettings } from "./settings.ts";

/**
 * Kills groups of processes, and removes a folder, where the launcher goes without a word: then the pipe
 * that it reads ends. It takes no notice of signals that are for the ranks.
 */
const WATCHMAN = `trap "" INT TERM HUP
while read -r line; do
  case "$line" in
    done) exit 0 ;;
    *) groups="$groups $line" ;;
  esac
done
for group in $groups; do kill -9 "-$group" 2> /dev/null; done
rm -rf "$1"`;

/** Someone who ends the ranks if the launcher cannot. */
class Watchman {
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor(folder: string) {
    this.#process = new Deno.Command("/bin/sh", {
      args: ["-c", WATCHMAN, "watchman", folder],
      stdin: "piped",
      stdout: "null",
      stderr: "null",
      detached: true,
    }).spawn();
    this.#writer = this.#process.stdin.getWriter();
  }

  async tell(line: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${line}\n`));
  }

  async dismiss(): Promise<void> {
    await this.tell("done").catch(() => {});
    await this.#writer.close().catch(() => {});
    await this.#process.status;
  }
}

interface Rank {
  readonly rank: number;
  readonly process: Deno.ChildProcess;
  readonly copied: Promise<unknown>;
  ended: boolean;
}

function signal({ process, ended }: Rank, name: Deno.Signal, group = true): void {
  if (ended && name !== "SIGKILL") return;
  try {
    Deno.kill(group && Deno.build.os !== "windows" ? -process.pid : process.pid, name);
  } catch {
    // All of them have ended.
  }
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** How one attempt ended. */
interface Outcome {
  /** Exit code: that of the first rank that failed. */
  readonly code: number;
  /** Whether the ranks had come together. */
  readonly met: boolean;
}

/** Runs all ranks once, until they have ended. */
async function attempt(
  settings: LaunchSettings,
  folder: string,
  number: number,
  watchman: Watchman | null,
  stopped: { by: Deno.Signal | null; tell: ((name: Deno.Signal) => void) | null },
): Promise<Outcome> {
  const { nproc, program, args, flags, grace } = settings;
  const place = `${folder}/${number}`, met = `${folder}/met.${number}`;
  const windows = Deno.build.os === "windows";
  if (!windows) Deno.mkdirSync(place, { mode: 0o700 });
  const meeting = windows ? `tcp:127.0.0.1:${freePort()}` : `unix:${place}`;
  const threads = Math.max(1, Math.floor(navigator.hardwareConcurrency / nproc));
  const ranks: Rank[] = [];
  let failed: { rank: number; code: number; signal: string | null } | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = () => {
    for (const rank of ranks) signal(rank, windows ? "SIGKILL" : "SIGTERM");
    timer ??= setTimeout(() => ranks.forEach((rank) => signal(rank, "SIGKILL")), grace * 1000);
  };
  stopped.tell = (name) => {
    if (timer !== undefined) return ranks.forEach((rank) => signal(rank, "SIGKILL"));
    for (const rank of ranks) signal(rank, name);
    timer = setTimeout(() => ranks.forEach((rank) => signal(rank, "SIGKILL")), grace * 1000);
  };
  for (let rank = 0; rank < nproc; rank++) {
    const process = new Deno.Command(denoCommand(), {
      args: ["run", ...flags, program, ...args],
      env: {
        RANK: String(rank),
        WORLD_SIZE: String(nproc),
        LOCAL_RANK: String(rank),
        LOCAL_WORLD_SIZE: String(nproc),
        TORCHOPT_RENDEZVOUS: meeting,
        TORCHOPT_JOB: `${folder.split(/[/\\]/).at(-1)}.${number}`,
        TORCHOPT_SECRET_FILE: `${folder}/secret`,
        TORCHOPT_MET_FILE: met,
        TORCHOPT_RESTARTS: String(number),
        TORCHOPT_THREADS: environment("TORCHOPT_THREADS") ?? String(threads),
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      detached: !windows,
    }).spawn();
    await watchman?.tell(String(process.pid));
    const prefix = `[${rank}] `;
    const copied = Promise.all([
      copyLines(process.stdout, prefix, (text) => writeAll(Deno.stdout, text)),
      copyLines(process.stderr, prefix, (text) => writeAll(Deno.stderr, text)),
    ]);
    ranks.push({ rank, process, copied, ended: false });
  }
  if (stopped.by !== null) stopped.tell(stopped.by);
  await Promise.all(ranks.map(async (rank) => {
    const { code, signal: by } = await rank.process.status;
    rank.ended = true;
    if (code === 0 || failed !== null) return;
    failed = { rank: rank.rank, code, signal: by };
    end();
  }));
  clearTimeout(timer);
  // What ranks have started themselves.
  for (const rank of ranks) signal(rank, "SIGKILL");
  await Promise.all(ranks.map(({ copied }) => copied));
  const first = failed as { rank: number; code: number; signal: string | null } | null;
  if (first !== null) {
    const how = first.signal === null ? `with code ${first.code}` : `by ${first.signal}`;
    writeAll(Deno.stderr, `launch: rank ${first.rank} ended ${how}; all ranks have ended.\n`);
  }
  let came = false;
  try {
    came = Deno.statSync(met).isFile;
  } catch {
    // They have not.
  }
  return { code: first?.code ?? 0, met: came };
}

const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Runs a program on several processes of this host, and gives the exit code: that of the first rank that
 * failed, which ends all. Output gets the rank in front of each line, signals are passed on.
 */
export async function launchProcesses(settings: LaunchSettings): Promise<number> {
  const folder = Deno.makeTempDirSync({ prefix: "torchopt-" });
  const secret = crypto.getRandomValues(new Uint8Array(32));
  Deno.writeFileSync(`${folder}/secret`, secret, { mode: 0o600 });
  const watchman = Deno.build.os === "windows" ? null : new Watchman(folder);
  const stopped = {
    by: null as Deno.Signal | null,
    tell: null as ((name: Deno.Signal) => void) | null,
  };
  const listeners = SIGNALS.map((name) => () => {
    stopped.by = name;
    stopped.tell?.(name);
  });
  SIGNALS.forEach((name, i) => Deno.addSignalListener(name, listeners[i]));
  try {
    for (let number = 0;; number++) {
      const { code, met } = await attempt(settings, folder, number, watchman, stopped);
      if (code === 0 || stopped.by !== null || number >= settings.maxRestarts) return code;
      if (!met) {
        writeAll(
          Deno.stderr,
          "launch: the ranks never came together; they are not started again.\n",
        );
        return code;
      }
      writeAll(Deno.stderr, `launch: restart ${number + 1} of ${settings.maxRestarts}.\n`);
    }
  } finally {
    SIGNALS.forEach((name, i) => Deno.removeSignalListener(name, listeners[i]));
    await watchman?.dismiss();
    Deno.removeSync(folder, { recursive: true });
  }
}
