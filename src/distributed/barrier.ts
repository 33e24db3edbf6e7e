/**
 * Barriers: ranks that wait for each other.
 *
 * @module
 */

import type { Agent } from "./agent.ts";
import { RemoteError, RpcError, WorkerDiedError } from "./errors.ts";

/** Ranks that have come, for each round of each set of ranks. */
interface Round {
  readonly came: Set<number>;
  readonly done: PromiseWithResolvers<void>;
}

/** Rounds that this rank took part in, for each set. */
const rounds = new WeakMap<Agent, Map<string, number>>();

/** Lets the lowest rank of a set count who has come. */
export function serveBarriers(agent: Agent): void {
  const open = new Map<string, Round>();
  rounds.set(agent, new Map());
  agent.system.set("barrier", (from, set, number) => {
    if (typeof set !== "string" || typeof number !== "number") {
      throw new RpcError("barrier: no set.");
    }
    const members = set.split(",").map(Number);
    if (!members.includes(from)) throw new RpcError(`barrier: rank ${from} is not one of ${set}.`);
    const gone = members.find((rank) => agent.peers[rank]?.dead !== null);
    if (gone !== undefined) {
      throw agent.peers[gone]?.dead ?? new RpcError(`barrier: no rank ${gone}.`);
    }
    const key = `${set}#${number}`;
    let round = open.get(key);
    if (round === undefined) {
      open.set(key, round = { came: new Set(), done: Promise.withResolvers() });
      round.done.promise.catch(() => {});
    }
    round.came.add(from);
    if (round.came.size === members.length) {
      open.delete(key);
      round.done.resolve();
    }
    return round.done.promise;
  });
  agent.onDeath.push((rank, error) => {
    for (const [key, round] of open) {
      if (!key.split("#")[0].split(",").includes(String(rank))) continue;
      open.delete(key);
      round.done.reject(error);
    }
  });
}

/** Waits until all of `ranks`, sorted, have come as often as this one. */
export async function meetAt(
  agent: Agent,
  ranks: readonly number[],
  seconds: number,
): Promise<void> {
  const set = ranks.join(","), known = rounds.get(agent)!, number = known.get(set) ?? 0;
  known.set(set, number + 1);
  try {
    await agent.ask(ranks[0], "barrier", [set, number], { seconds });
  } catch (error) {
    // That one of them is gone does not depend on who counts.
    throw error instanceof RemoteError && error.cause instanceof WorkerDiedError
      ? error.cause
      : error;
  }
}
