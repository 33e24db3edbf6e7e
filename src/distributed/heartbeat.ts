/**
 * Signs of life. A Worker of each process answers for it while its main thread computes, and asks for
 * signs of the ranks that this one waits for. A process that was stopped, or whose host is gone, breaks
 * no connection.
 *
 * @module
 */

import type { Agent } from "./agent.ts";
import type { Identity } from "./handshake.ts";
import type { FromHeartbeat, ToHeartbeat } from "./heartbeat_messages.ts";
import { type Meeting, remove } from "./meeting.ts";

/** Ranks that one core can keep up with once a second. */
const RANKS_PER_CORE = 10;

/**
 * Seconds between signs of life where nobody says: 1, and more where many ranks of one host share few
 * cores, since a rank that gets no processor for three of them would count as gone. Ranks of several
 * hosts have to agree without knowing of each other, so that there it is 1.
 *
 * @param localSize ranks on this host
 * @param size all ranks
 * @param cores of this host
 */
export function defaultHeartbeat(localSize: number, size: number, cores: number): number {
  return localSize === size ? Math.max(1, size / (RANKS_PER_CORE * cores)) : 1;
}

/** Signs of life of this process, and what it asks of others. */
export interface Heartbeat {
  /** Where others ask for signs. */
  readonly address: string;
  /** Tells where the others are asked. */
  addresses(all: readonly string[]): void;
  /** Ends it. */
  close(): void;
}

/** Starts the Worker. */
export async function startHeartbeat(
  agent: Agent,
  own: Identity,
  meeting: Meeting & { kind: "unix" | "tcp" },
  seconds: number,
  host: string,
): Promise<Heartbeat> {
  const worker = new Worker(new URL("./heartbeat_worker.ts", import.meta.url), { type: "module" });
  const tell = (message: ToHeartbeat) => worker.postMessage(message);
  const ready = Promise.withResolvers<string>();
  worker.onmessage = ({ data }: MessageEvent<FromHeartbeat>) => {
    if (data.kind === "ready") ready.resolve(data.address);
    else if (data.kind === "failed") ready.reject(new Error(data.message));
    else agent.died(data.rank, data.reason);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    ready.reject(new Error(event.message));
  };
  const folder = meeting.kind === "unix" ? meeting.folder : null;
  tell({ kind: "start", own, folder, host, seconds });
  let address: string;
  try {
    address = await ready.promise;
  } catch (error) {
    worker.terminate();
    throw error;
  }
  let all: readonly string[] = [];
  const waited = new Set<number>(), watched = new Set<number>();
  // Most calls are answered before anybody would look.
  const timer = setInterval(() => {
    // Whoever does not come to where others wait may be gone.
    const { isMeeting } = agent;
    for (const { rank, pending, dead, left } of agent.peers) {
      if (rank === own.rank) continue;
      const waits = (pending.size > 0 || isMeeting) && dead === null && !left;
      if (waits && waited.has(rank) && !watched.has(rank) && all[rank]) {
        watched.add(rank);
        tell({ kind: "watch", rank, address: all[rank] });
      } else if (!waits && watched.delete(rank)) tell({ kind: "leave", rank });
      if (waits) waited.add(rank);
      else waited.delete(rank);
    }
  }, seconds * 500);
  Deno.unrefTimer(timer);
  return {
    address,
    addresses: (given) => {
      all = given;
    },
    close: () => {
      clearInterval(timer);
      worker.terminate();
      if (folder === null) return;
      remove(`${folder}/${own.rank}.life`);
      if (meeting.kind === "unix" && meeting.chosen) remove(folder);
    },
  };
}
