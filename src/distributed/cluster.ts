/**
 * What the engine that started this process says of the world: rank, size, where to meet.
 *
 * @module
 */

import { RpcError } from "./errors.ts";

/** What an engine tells each process. */
export interface Cluster {
  /** Which engine it was. */
  readonly engine:
    | "torchopt"
    | "torchrun"
    | "env"
    | "openmpi"
    | "mpich"
    | "slurm"
    | "kubernetes"
    | "workers"
    | "none";
  /** Number of this process, from 0. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** Number of this process on its host. */
  readonly localRank: number;
  /** Number of processes on its host. */
  readonly localSize: number;
  /** Name of the job, the same for all processes and for no other job; null where there is none. */
  readonly job: string | null;
  /** Host of rank 0; null where unknown. */
  readonly host: string | null;
  /** Port of rank 0; null where unknown. */
  readonly port: number | null;
}

/** Reads a variable; undefined where it is not set, or may not be read. */
export type Variables = (name: string) => string | undefined;

/** Variables of this process; without the permission to read them there are none. */
export function environment(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch {
    return undefined;
  }
}

function count(read: Variables, name: string): number | undefined {
  const text = read(name);
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new RpcError(`${name} is ${JSON.stringify(text)}, wants a whole number of at least 0.`);
}

/** Rank and size under two names; undefined unless both are set. */
function pair(read: Variables, rank: string, size: string): [number, number] | undefined {
  if (!read(rank) || !read(size)) return undefined;
  const r = count(read, rank)!, n = count(read, size)!;
  if (r < n) return [r, n];
  throw new RpcError(`${rank} is ${r} and ${size} ${n}; a rank is below the size of the world.`);
}

/** The first name of a Slurm list of hosts, such as `node[03-05,9],login`. */
export function firstHost(list: string): string {
  const [, prefix, first, suffix] = /^([^[,]*)(?:\[(\d+)[^\]]*\]([^,]*))?/.exec(list)!;
  return prefix + (first ?? "") + (suffix ?? "");
}

/** A port that all processes of a job find by themselves. */
function portOf(job: string): number {
  let hash = 2166136261;
  for (let i = 0; i < job.length; i++) hash = Math.imul(hash ^ job.charCodeAt(i), 16777619);
  return 20_000 + (hash >>> 0) % 20_000;
}

/** `torchopt:rank/size:job`: the name of a Worker that the launcher made a rank of. */
function workerName(): string {
  const { name } = globalThis as { name?: unknown };
  return typeof name === "string" ? name : "";
}

type Finder = (read: Variables) => Cluster | null;

const meetingPlace = (read: Variables) => ({
  host: read("MASTER_ADDR") || null,
  port: count(read, "TORCHOPT_PORT") ?? count(read, "MASTER_PORT") ?? null,
});

const workers: Finder = () => {
  const found = /^torchopt:(\d+)\/(\d+):(.+)$/.exec(workerName());
  if (found === null) return null;
  const [rank, size] = [Number(found[1]), Number(found[2])];
  const [localRank, localSize] = [rank, size];
  return {
    engine: "workers",
    rank,
    size,
    localRank,
    localSize,
    job: found[3],
    host: null,
    port: null,
  };
};

/** Our own names, torchrun's and those of whoever sets the same ones by hand. */
const named: Finder = (read) => {
  const own = pair(read, "TORCHOPT_RANK", "TORCHOPT_WORLD_SIZE");
  const found = own ?? pair(read, "RANK", "WORLD_SIZE");
  if (found === undefined) return null;
  const [rank, size] = found;
  const prefix = own === undefined ? "" : "TORCHOPT_";
  const localRank = count(read, `${prefix}LOCAL_RANK`) ?? 0;
  const localSize = count(read, `${prefix}LOCAL_WORLD_SIZE`) ?? 1;
  const run = read("TORCHELASTIC_RUN_ID"), { host, port } = meetingPlace(read);
  if (own !== undefined || run === undefined) {
    const engine = own === undefined ? "env" : "torchopt";
    const job = read("TORCHOPT_JOB") ?? (port === null ? null : `${host}:${port}`);
    return { engine, rank, size, localRank, localSize, job, host, port };
  }
  const job = `${run}.${read("TORCHELASTIC_RESTART_COUNT") ?? "0"}.${read("MASTER_PORT") ?? ""}`;
  // torchrun keeps MASTER_PORT for a store of its own.
  const taken = read("TORCHELASTIC_USE_AGENT_STORE") === "True" && !read("TORCHOPT_PORT");
  const free = port !== null && taken ? port + 1 : port;
  return { engine: "torchrun", rank, size, localRank, localSize, job, host, port: free };
};

const openMpi: Finder = (read) => {
  const found = pair(read, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE");
  if (found === undefined) return null;
  const [rank, size] = found, { host, port } = meetingPlace(read);
  const localRank = count(read, "OMPI_COMM_WORLD_LOCAL_RANK") ?? 0;
  const localSize = count(read, "OMPI_COMM_WORLD_LOCAL_SIZE") ?? 1;
  const job = `ompi-${read("PMIX_NAMESPACE") || read("OMPI_MCA_ess_base_jobid") || "0"}`;
  // Version 4 names the host of mpirun; `1234.0;tcp://10.0.0.1,10.1.0.1:4567`.
  const uri = /tcp:\/\/([^,:;]+)/.exec(read("OMPI_MCA_orte_hnp_uri") ?? "");
  const at = { host: host ?? uri?.[1] ?? null, port: port ?? portOf(job) };
  return { engine: "openmpi", rank, size, localRank, localSize, job, ...at };
};

const mpich: Finder = (read) => {
  const found = pair(read, "PMI_RANK", "PMI_SIZE");
  if (found === undefined) return null;
  const [rank, size] = found, { host, port } = meetingPlace(read);
  const localRank = count(read, "MPI_LOCALRANKID") ?? 0;
  const localSize = count(read, "MPI_LOCALNRANKS") ?? 1;
  // All processes of one host have the same parent, hydra's proxy.
  const job = `mpich-${read("PMI_JOBID") ?? read("HYDRA_JOBID") ?? Deno.ppid}`;
  return { engine: "mpich", rank, size, localRank, localSize, job, host, port };
};

/** A step of a job; the shell of `salloc` has some of the variables, too, but no step. */
const slurm: Finder = (read) => {
  if (!read("SLURM_STEP_ID")) return null;
  const found = pair(
    read,
    "SLURM_PROCID",
    read("SLURM_STEP_NUM_TASKS") ? "SLURM_STEP_NUM_TASKS" : "SLURM_NTASKS",
  );
  if (found === undefined) return null;
  const [rank, size] = found, { host, port } = meetingPlace(read);
  const localRank = count(read, "SLURM_LOCALID") ?? 0;
  const nodes = count(read, "SLURM_STEP_NUM_NODES") ?? count(read, "SLURM_NNODES") ?? 1;
  const job = `slurm-${read("SLURM_JOB_ID")}.${read("SLURM_STEP_ID")}.${
    read("SLURM_RESTART_COUNT") ?? 0
  }`;
  const list = read("SLURM_STEP_NODELIST") ?? read("SLURM_JOB_NODELIST");
  const localSize = nodes === 1 ? size : tasksHere(read) ?? 1;
  return {
    engine: "slurm",
    rank,
    size,
    localRank,
    localSize,
    job,
    host: host ?? (list ? firstHost(list) : null),
    port: port ?? portOf(job),
  };
};

/** Tasks of a step on this node, of a list such as `2(x3),1`. */
function tasksHere(read: Variables): number | undefined {
  const list = read("SLURM_STEP_TASKS_PER_NODE") ?? read("SLURM_TASKS_PER_NODE");
  const node = count(read, "SLURM_NODEID");
  if (list === undefined || node === undefined) return undefined;
  const tasks = list.split(",").flatMap((part) => {
    const [, n, times] = /^(\d+)(?:\(x(\d+)\))?$/.exec(part) ?? [];
    return n === undefined ? [] : new Array<number>(Number(times ?? 1)).fill(Number(n));
  });
  return tasks[node];
}

/** A pod of an indexed Job: `<job>-<index>` in a headless service. */
const kubernetes: Finder = (read) => {
  const found = pair(read, "JOB_COMPLETION_INDEX", "WORLD_SIZE");
  if (found === undefined) return null;
  const [rank, size] = found, { host, port } = meetingPlace(read);
  const name = (read("HOSTNAME") ?? "").replace(/-\d+$/, ""), service = read("TORCHOPT_SERVICE");
  const first = name !== "" && service ? `${name}-0.${service}` : null;
  const job = read("TORCHOPT_JOB") ?? `k8s-${name}`;
  const at = { host: host ?? first, port: port ?? portOf(job) };
  return { engine: "kubernetes", rank, size, localRank: 0, localSize: 1, job, ...at };
};

/** In this order: the inner of two engines has set the variables that come first. */
const FINDERS: readonly Finder[] = [workers, named, openMpi, mpich, slurm, kubernetes];

const ALONE: Cluster = {
  engine: "none",
  rank: 0,
  size: 1,
  localRank: 0,
  localSize: 1,
  job: null,
  host: null,
  port: null,
};

/**
 * The world by the variables of engines: ours, torchrun's (and those set by hand), Open MPI's,
 * MPICH's, a Slurm step's, a Kubernetes indexed Job's. `TORCHOPT_CLUSTER=none` looks at none of them.
 *
 * @throws {RpcError} where variables contradict each other
 */
export function detect(read: Variables = environment): Cluster {
  if (read("TORCHOPT_CLUSTER") === "none") return ALONE;
  for (const find of FINDERS) {
    const found = find(read);
    if (found !== null) return found;
  }
  return ALONE;
}
