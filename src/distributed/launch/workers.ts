/**
 * Ranks as Workers of one process.
 *
 * @module
 */

import { type HubMessage, isHubMessage } from "../links/port_transport.ts";
import type { LaunchSettings } from "./settings.ts";

/** What a Worker that is a rank is told first. */
export interface RankProgram {
  /** Address of the program. */
  readonly program: string;
  /** Its arguments. */
  readonly args: readonly string[];
}

/** Milliseconds that the others have to end by themselves after a failure. */
const END_MS = 1000;

async function attempt({ nproc, program, args }: LaunchSettings): Promise<number> {
  const job = crypto.randomUUID(), done = Promise.withResolvers<number>();
  const url = new URL("./rank_worker.ts", import.meta.url), left = new Set<number>();
  const workers = Array.from(
    { length: nproc },
    (_, rank) => new Worker(url, { type: "module", name: `torchopt:${rank}/${nproc}:${job}` }),
  );
  const tell = (rank: number, message: HubMessage, ports: MessagePort[] = []) =>
    workers[rank].postMessage(message, ports);
  let code = 0;
  const ended = (rank: number) => {
    left.add(rank);
    if (left.size === nproc) done.resolve(code);
  };
  const failed = (rank: number, text: string, own = 1) => {
    if (left.has(rank)) return;
    console.error(`[${rank}] ${text}`);
    if (code === 0) {
      code = own;
      setTimeout(() => done.resolve(code), END_MS);
    }
    for (let other = 0; other < nproc; other++) {
      if (other !== rank) tell(other, { torchopt: "died", rank, reason: text.split("\n")[0] });
    }
    ended(rank);
  };
  workers.forEach((worker, rank) => {
    worker.onerror = (event) => {
      event.preventDefault();
      failed(rank, event.message);
    };
    worker.onmessage = ({ data }) => {
      if (data?.done === true) return ended(rank);
      if (data?.exit === 0) return ended(rank);
      if (typeof data?.exit === "number") {
        return failed(rank, `ended with code ${data.exit}`, data.exit);
      }
      if (typeof data?.failed === "string") return failed(rank, data.failed);
      if (!isHubMessage(data) || data.torchopt !== "connect") return;
      const { port1, port2 } = new MessageChannel();
      tell(rank, { torchopt: "port", rank: data.rank, port: port1, asked: true }, [port1]);
      tell(data.rank, { torchopt: "port", rank, port: port2 }, [port2]);
    };
    worker.postMessage({ program, args } satisfies RankProgram);
  });
  const result = await done.promise;
  for (const worker of workers) worker.terminate();
  return result;
}

/** Runs a program on several Workers of this process, and gives the exit code. */
export async function launchWorkers(settings: LaunchSettings): Promise<number> {
  const cwd = Deno.build.os === "windows" ? `/${Deno.cwd().replaceAll("\\", "/")}` : Deno.cwd();
  const program = /^[a-z]{2,}:/.test(settings.program)
    ? settings.program
    : new URL(settings.program, `file://${cwd}/`).href;
  for (let number = 0;; number++) {
    const code = await attempt({ ...settings, program });
    if (code === 0 || number >= settings.maxRestarts) return code;
    console.error(`launch: restart ${number + 1} of ${settings.maxRestarts}.`);
  }
}
