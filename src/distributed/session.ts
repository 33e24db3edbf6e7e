/**
 * The session of this process in its world: from `initRpc` to `shutdown`.
 *
 * @module
 */

import { describe } from "../tensor/describe.ts";
import { Agent } from "./agent.ts";
import { Passes } from "./passes.ts";
import { serveBarriers } from "./barrier.ts";
import { type Cluster, detect, environment } from "./cluster.ts";
import { portLinks, socketLinks } from "./connect.ts";
import { endAllContexts } from "./contexts.ts";
import { RpcError, type WorkerDiedError } from "./errors.ts";
import { Exchange } from "./exchange.ts";
import { faultsFromEnvironment } from "./faults.ts";
import type { Identity } from "./handshake.ts";
import type { InitOptions } from "./init.ts";
import { defaultHeartbeat, type Heartbeat, startHeartbeat } from "./heartbeat.ts";
import { meetingOf, secretOf } from "./meeting.ts";
import { defaultWorkerName, infoOf, setWorld } from "./world_state.ts";

/** Names of the options of `initRpc`. */
export const INIT_OPTIONS = [
  "rank",
  "worldSize",
  "localRank",
  "localWorldSize",
  "workerNameFormat",
  "rendezvous",
  "job",
  "secret",
  "tls",
  "startTimeout",
  "timeout",
  "heartbeat",
];

/** One process in its world. */
export interface Session {
  /** Its calls. */
  readonly agent: Agent;
  /** Seconds that calls wait by default. */
  readonly timeout: number;
  /** Its backward passes. */
  readonly passes: Passes;
  /** Its exchanges with all ranks. */
  readonly exchange: Exchange;
  /** Resolves when nothing of it is left. */
  leaving: Promise<void> | null;
  /** Closes links and what else was opened. */
  close(error: Error): Promise<void>;
}

let session: Session | null = null;
let starting = false;

/** The session; an error that names `op` without one. */
export function currentSession(op: string): Session {
  if (session !== null) return session;
  throw new RpcError(
    `${op}: the distributed layer is not initialised. Wrap the main function: ` +
      "distributed.autoInitRpc()(main)(), or await distributed.initRpc() first.",
  );
}

/** The agent of the session; null without one. */
export function currentAgent(): Agent | null {
  return session?.agent ?? null;
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function clusterOf(options: InitOptions): Cluster {
  const found = detect();
  const { rank, worldSize, localRank, localWorldSize, job = found.job } = options;
  if (rank === undefined && worldSize === undefined) return { ...found, job };
  const size = worldSize ?? found.size, own = rank ?? found.rank;
  for (const [name, value] of [["rank", own], ["worldSize", size]] as const) {
    if (typeof value === "number" && Number.isInteger(value) && value >= 0) continue;
    throw new TypeError(`initRpc: ${name} is ${describe(value)}, wants a whole number.`);
  }
  if (own >= size) {
    throw new RangeError(
      `initRpc: rank is ${own} and worldSize ${size}; a rank is below the size.`,
    );
  }
  return {
    ...found,
    engine: "env",
    rank: own,
    size,
    localRank: localRank ?? found.localRank,
    localSize: localWorldSize ?? found.localSize,
    job,
  };
}

/** Seconds that an option gives. */
export function secondsOf(
  op: string,
  name: string,
  value: number | undefined,
  otherwise: number,
): number {
  if (value === undefined) return otherwise;
  if (typeof value === "number" && value >= 0) return value;
  throw new TypeError(`${op}: ${name} is ${describe(value)}, wants seconds, at least 0.`);
}

function randomHex(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
}

/** Enters the world. The options are those of {@linkcode InitOptions}, with known names. */
export async function begin(options: InitOptions): Promise<void> {
  if (session !== null || starting) {
    throw new RpcError("initRpc: it is initialised already; call shutdown() before it is again.");
  }
  starting = true;
  try {
    session = await start(options);
    session.agent.open();
  } finally {
    starting = false;
  }
}

/** Leaves the world. */
export async function end(seconds: number): Promise<void> {
  if (session !== null) await (session.leaving ??= leave(session, seconds));
}

async function start(options: InitOptions): Promise<Session> {
  const cluster = clusterOf(options), { rank, size } = cluster;
  const format = options.workerNameFormat ?? defaultWorkerName;
  const info = infoOf(cluster, format),
    startTimeout = secondsOf("initRpc", "startTimeout", options.startTimeout, 60);
  const timeout = secondsOf("initRpc", "timeout", options.timeout, 60);
  const often = environment("TORCHOPT_HEARTBEAT"), cores = navigator.hardwareConcurrency;
  const beat = secondsOf(
    "initRpc",
    "heartbeat",
    options.heartbeat,
    often === undefined ? defaultHeartbeat(cluster.localSize, size, cores) : Number(often),
  );
  const pause = beat > 0 ? beat * 1000 : 1000;
  if (size === 1) {
    const agent = new Agent(0, 1, null, faultsFromEnvironment(), pause);
    setWorld(info, [info.workerName]);
    return sessionOf(agent, serve(agent, timeout), timeout, () => {}, null);
  }
  const meeting = await meetingOf(cluster, options.rendezvous);
  const secret = secretOf(options.secret);
  const job = options.job ?? environment("TORCHOPT_JOB") ?? cluster.job ??
    (meeting.kind === "unix" ? meeting.folder : "torchopt");
  const own: Identity = { job, rank, size, incarnation: randomHex(), secret };
  const links = meeting.kind === "ports"
    ? portLinks(rank, size, pause)
    : socketLinks(own, meeting, options.tls ?? null, pause);
  const { agent } = links;
  const services = serve(agent, timeout);
  let heartbeat: Heartbeat | null = null;
  // Others may be there before this one's Worker is.
  const gathering = rank === 0 ? gather(agent, startTimeout) : null;
  try {
    const meetAt = performance.now() + startTimeout * 1000;
    if (rank !== 0) await links.first(meetAt);
    if (beat > 0 && meeting.kind !== "ports") {
      heartbeat = await startHeartbeat(agent, own, meeting, beat, hostOf(links.address));
    }
    const row: Row = [links.address, heartbeat?.address ?? "", info.workerName];
    const table = gathering === null
      ? await agent.ask(0, "join", row, { seconds: 2 * startTimeout }) as Row[]
      : await gathering.with(row);
    links.addresses = table.map(([address]) => address);
    heartbeat?.addresses(table.map(([, address]) => address));
    setWorld(info, table.map(([, , name]) => name));
    // The launcher starts ranks again only where they had come together once.
    const met = environment("TORCHOPT_MET_FILE");
    if (met && rank === 0) Deno.writeTextFileSync(met, "");
  } catch (error) {
    gathering?.end();
    await Promise.all(agent.peers.flatMap((peer) => peer.links).map((link) => link.flushed()));
    agent.close(new RpcError("the world did not come together"));
    links.close();
    heartbeat?.close();
    throw error;
  }
  return sessionOf(agent, services, timeout, () => links.close(), heartbeat);
}

/** The host in an address of a rank. */
function hostOf(address: string): string {
  return /^tcp:\d+:(.+)$/.exec(address)?.[1] ?? "";
}

type Row = readonly [address: string, heartbeat: string, name: string];

/** Rank 0 waits for all others. */
interface Gathering {
  /** Where all ranks are, once the others have come; `own` is where this one is. */
  with(own: Row): Promise<readonly Row[]>;
  /** Waits no longer. */
  end(): void;
}

/** All ranks tell rank 0, which this is, where they are, and get to know where the others are. */
function gather(agent: Agent, seconds: number): Gathering {
  const { size } = agent, rows: (Row | undefined)[] = new Array(size).fill(undefined);
  const { promise, resolve, reject } = Promise.withResolvers<readonly Row[]>();
  promise.catch(() => {});
  const timer = setTimeout(() => {
    const missing = rows.flatMap((row, r) => row === undefined ? [r] : []);
    reject(
      new RpcError(
        `initRpc: ${missing.length === 1 ? "rank" : "ranks"} ${
          missing.join(", ")
        } of ${size} did not come ` +
          `within ${seconds} s.`,
      ),
    );
  }, seconds * 1000);
  const check = () => {
    if (rows.includes(undefined)) return;
    const names = rows.map((row) => row![2]);
    const twice = names.find((x, i) => names.indexOf(x) !== i);
    if (twice === undefined) return resolve(rows as Row[]);
    reject(
      new RpcError(`initRpc: two ranks are named ${JSON.stringify(twice)}; names have to differ.`),
    );
  };
  agent.system.set("join", (from, ...row) => {
    if (row.length !== 3 || !row.every((x) => typeof x === "string")) {
      throw new RpcError("initRpc: a rank says nothing of where it is.");
    }
    rows[from] = row as unknown as Row;
    check();
    return promise;
  });
  agent.onDeath.push((r, error) => {
    if (rows.includes(undefined)) {
      reject(new RpcError(`initRpc: ${error.message}`, { cause: error }));
    } else void r;
  });
  const end = () => clearTimeout(timer);
  return {
    with(own) {
      rows[0] = own;
      check();
      return promise.finally(end);
    },
    end,
  };
}

/** What a rank answers by, from before others know where it is. */
interface Services {
  readonly passes: Passes;
  readonly exchange: Exchange;
}

function serve(agent: Agent, timeout: number): Services {
  const { rank, size } = agent;
  serveBarriers(agent);
  serveLeaving(agent);
  agent.system.set("died", (from, gone, reason) => {
    if (from === 0 && typeof gone === "number" && gone < size) agent.died(gone, String(reason));
  });
  agent.system.set("failed", (from, reason) => {
    agent.died(from, `it ended with an error: ${String(reason)}`);
  });
  if (rank === 0) {
    // The others may have no link to it; all have one to rank 0.
    agent.onDeath.push((gone, error) => {
      if (agent.peers[gone].left) return;
      const { reason } = error as WorkerDiedError;
      for (let r = 1; r < size; r++) if (r !== gone) agent.tell(r, "died", [gone, reason]);
    });
  }
  return { passes: new Passes(agent, timeout), exchange: new Exchange(agent) };
}

function sessionOf(
  agent: Agent,
  services: Services,
  timeout: number,
  close: () => void,
  heartbeat: Heartbeat | null,
): Session {
  return {
    agent,
    timeout,
    ...services,
    leaving: null,
    close: async (error) => {
      await Promise.all(agent.peers.flatMap((peer) => peer.links).map((link) => link.flushed()));
      agent.close(error);
      close();
      heartbeat?.close();
      endAllContexts();
      setWorld(null);
    },
  };
}

/** On rank 0: waits until all ranks that live want to leave. */
function serveLeaving(agent: Agent): void {
  if (agent.rank !== 0) return;
  const here = new Set<number>();
  const { promise, resolve } = Promise.withResolvers<void>();
  const check = () => {
    if (agent.peers.every((peer) => here.has(peer.rank) || peer.dead !== null)) resolve();
  };
  agent.system.set("leave", (from) => {
    here.add(from);
    check();
    return promise;
  });
  agent.onDeath.push(check);
}

const GOOD_BYE_MS = 2000;

async function leave(leaving: Session, seconds: number): Promise<void> {
  const { agent } = leaving, { rank } = agent;
  let failure: unknown = null;
  try {
    await agent.idle(seconds);
    if (agent.size > 1) await agent.ask(0, "leave", [], { seconds });
  } catch (error) {
    // Rank 0 says good-bye once all want to leave: its answer may have been lost.
    if (!agent.peers[0].left) failure = error;
  }
  agent.sayBye();
  const until = performance.now() + GOOD_BYE_MS;
  const waits = () =>
    agent.peers.some((peer) => peer.rank !== rank && peer.links.length > 0 && !peer.left);
  if (failure === null) { while (waits() && performance.now() < until) await sleep(2); }
  const died = agent.peers.filter((peer) => peer.dead !== null && !peer.left);
  await leaving.close(new RpcError("the distributed layer is not initialised: it was shut down."));
  session = null;
  if (died.length > 0) throw died[0].dead;
  if (failure !== null) throw failure;
}

/** Ends the session at once: the others hear why. */
export async function abandon(error: unknown): Promise<void> {
  const leaving = session;
  if (leaving === null) return;
  session = null;
  const { agent } = leaving,
    reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  for (const peer of agent.peers) {
    if (peer.links.length > 0) agent.tell(peer.rank, "failed", [reason.slice(0, 2000)]);
  }
  await leaving.close(new RpcError("the distributed layer is not initialised: it was shut down."));
}
