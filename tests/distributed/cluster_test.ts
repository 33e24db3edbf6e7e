import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Cluster, detect, firstHost } from "../../src/distributed/cluster.ts";
import { RpcError } from "../../src/distributed/errors.ts";
import {
  isLoopback,
  meetingOf,
  ownFolder,
  parseMeeting,
  secretOf,
} from "../../src/distributed/meeting.ts";
import { SocketTransport } from "../../src/distributed/links/socket_transport.ts";

const of = (variables: Record<string, string>) => detect((name) => variables[name]);

const torchrun = {
  RANK: "3",
  WORLD_SIZE: "4",
  LOCAL_RANK: "1",
  LOCAL_WORLD_SIZE: "2",
  MASTER_ADDR: "node1",
  MASTER_PORT: "29500",
  TORCHELASTIC_RUN_ID: "none",
  TORCHELASTIC_RESTART_COUNT: "1",
  TORCHELASTIC_USE_AGENT_STORE: "True",
};
const ompi4 = {
  OMPI_COMM_WORLD_RANK: "2",
  OMPI_COMM_WORLD_SIZE: "4",
  OMPI_COMM_WORLD_LOCAL_RANK: "2",
  OMPI_COMM_WORLD_LOCAL_SIZE: "4",
  PMIX_RANK: "2",
  PMIX_NAMESPACE: "3141926913",
  OMPI_MCA_orte_hnp_uri: "3141926912.0;tcp://10.0.0.7,192.168.0.7:41523",
};
const slurm = {
  SLURM_PROCID: "5",
  SLURM_NTASKS: "8",
  SLURM_LOCALID: "1",
  SLURM_NODEID: "1",
  SLURM_NNODES: "3",
  SLURM_JOB_ID: "42",
  SLURM_STEP_ID: "0",
  SLURM_STEP_NODELIST: "node[03-05]",
  SLURM_STEP_TASKS_PER_NODE: "4,2(x2)",
};

const cases: Record<string, [Record<string, string>, Partial<Cluster>]> = {
  "nothing is a world of one": [{}, {
    engine: "none",
    rank: 0,
    size: 1,
    localRank: 0,
    localSize: 1,
  }],
  "names that were set by hand": [
    { RANK: "1", WORLD_SIZE: "2", MASTER_ADDR: "127.0.0.1", MASTER_PORT: "4000" },
    { engine: "env", rank: 1, size: 2, localRank: 0, localSize: 1, host: "127.0.0.1", port: 4000 },
  ],
  "torchrun keeps MASTER_PORT for itself": [
    torchrun,
    { engine: "torchrun", rank: 3, localRank: 1, localSize: 2, port: 29501, job: "none.1.29500" },
  ],
  "TORCHOPT_PORT is taken as it is": [{ ...torchrun, TORCHOPT_PORT: "7000" }, { port: 7000 }],
  "Open MPI 4": [ompi4, {
    engine: "openmpi",
    rank: 2,
    size: 4,
    localRank: 2,
    localSize: 4,
    host: "10.0.0.7",
    job: "ompi-3141926913",
  }],
  "Open MPI 5 names no host": [
    { ...ompi4, PMIX_RANK: "", OMPI_MCA_orte_hnp_uri: "", PMIX_NAMESPACE: "prterun-a-7@1" },
    { engine: "openmpi", host: null, job: "ompi-prterun-a-7@1" },
  ],
  "MPICH": [
    { PMI_RANK: "1", PMI_SIZE: "3", MPI_LOCALRANKID: "1", MPI_LOCALNRANKS: "3" },
    { engine: "mpich", rank: 1, size: 3, localRank: 1, localSize: 3, job: `mpich-${Deno.ppid}` },
  ],
  "a Slurm step": [slurm, {
    engine: "slurm",
    rank: 5,
    size: 8,
    localRank: 1,
    localSize: 2,
    host: "node03",
    job: "slurm-42.0.0",
  }],
  "a Slurm step on one node": [{ ...slurm, SLURM_NNODES: "1" }, { localSize: 8 }],
  "the shell of salloc is no step": [
    { SLURM_JOB_ID: "42", SLURM_NTASKS: "2", SLURM_NNODES: "1" },
    { engine: "none", size: 1 },
  ],
  "a batch script within an ssh session is no step": [
    { SLURM_JOB_ID: "42", SLURM_PROCID: "0", SLURM_NTASKS: "4" },
    { engine: "none" },
  ],
  "a step of fewer tasks than its job": [
    { ...slurm, SLURM_STEP_NUM_TASKS: "6" },
    { engine: "slurm", size: 6 },
  ],
  "mpirun within a Slurm job: the inner one counts": [{ ...slurm, ...ompi4 }, {
    engine: "openmpi",
    rank: 2,
  }],
  "torchrun within a Slurm job": [{ ...slurm, ...torchrun }, { engine: "torchrun", rank: 3 }],
  "an indexed Job of Kubernetes": [
    {
      JOB_COMPLETION_INDEX: "2",
      WORLD_SIZE: "3",
      HOSTNAME: "train-2",
      TORCHOPT_SERVICE: "train.default",
    },
    { engine: "kubernetes", rank: 2, size: 3, host: "train-0.train.default", job: "k8s-train" },
  ],
  "an indexed Job without a count": [{ JOB_COMPLETION_INDEX: "2" }, { engine: "none" }],
  "names of our own come first": [
    { ...torchrun, TORCHOPT_RANK: "0", TORCHOPT_WORLD_SIZE: "2", TORCHOPT_LOCAL_WORLD_SIZE: "2" },
    { engine: "torchopt", rank: 0, size: 2, localSize: 2 },
  ],
  "TORCHOPT_CLUSTER=none switches it off": [
    { ...torchrun, TORCHOPT_CLUSTER: "none" },
    { engine: "none", size: 1 },
  ],
};

for (const [name, [variables, want]] of Object.entries(cases)) {
  Deno.test(`detect(): ${name}`, () => {
    const got = of(variables) as unknown as Record<string, unknown>;
    assertEquals(Object.fromEntries(Object.keys(want).map((key) => [key, got[key]])), want);
  });
}

Deno.test("detect() refuses variables that contradict each other", () => {
  assertThrows(() => of({ RANK: "4", WORLD_SIZE: "4" }), RpcError, "RANK is 4");
  assertThrows(() => of({ RANK: "one", WORLD_SIZE: "4" }), RpcError, '"one"');
});

Deno.test("all ranks of a job find the same port", () => {
  const ports = ["0", "5"].map((SLURM_PROCID) => of({ ...slurm, SLURM_PROCID }).port!);
  assertEquals(ports[0], ports[1]);
  assertEquals(ports[0] >= 20_000 && ports[0] < 40_000, true);
});

Deno.test("firstHost() reads Slurm's lists", () => {
  const lists = ["node[03-05,9],login", "a,b", "a", "gpu[1,3]-ib", "n[007]"];
  assertEquals(lists.map(firstHost), ["node03", "a", "a", "gpu1-ib", "n007"]);
});

Deno.test("meetingOf() takes a folder on one host, and TCP between hosts", async () => {
  const one = await meetingOf(of(ompi4), undefined);
  assertEquals([one.kind, one.kind === "unix" && one.chosen], ["unix", true]);
  assertEquals(await meetingOf(of(slurm), undefined), {
    kind: "tcp",
    host: "node03",
    port: of(slurm).port!,
  });
  assertEquals(await meetingOf(of(torchrun), undefined), {
    kind: "tcp",
    host: "node1",
    port: 29501,
  });
  await assertRejects(
    () => meetingOf(of({ RANK: "0", WORLD_SIZE: "2" }), undefined),
    RpcError,
    "MASTER_ADDR",
  );
  assertEquals(parseMeeting("tcp:[::1]:80"), { kind: "tcp", host: "::1", port: 80 });
  assertThrows(() => parseMeeting("http://x"), RpcError, "unix:/folder");
  assertEquals(
    ["localhost", "127.1.2.3", "::1", "10.0.0.1", "127.0.0.1.example.org"].map(isLoopback),
    [
      true,
      true,
      true,
      false,
      false,
    ],
  );
});

Deno.test("ownFolder() refuses a folder that others can enter, and links", async () => {
  const folder = await Deno.makeTempDir();
  ownFolder(folder);
  ownFolder(`${folder}/new`);
  assertEquals(Deno.statSync(`${folder}/new`).mode! & 0o777, 0o700);
  Deno.symlinkSync(`${folder}/new`, `${folder}/link`);
  assertThrows(() => ownFolder(`${folder}/link`), RpcError, "only its owner");
  Deno.chmodSync(`${folder}/new`, 0o750);
  assertThrows(() => ownFolder(`${folder}/new`), RpcError, "only its owner");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a secret has at least 16 bytes, and nobody listens to other hosts without one", async () => {
  const file = await Deno.makeTempFile();
  Deno.writeTextFileSync(file, "short");
  Deno.env.set("TORCHOPT_SECRET_FILE", file);
  try {
    assertThrows(() => secretOf(undefined), RpcError, "at least 16");
    Deno.writeTextFileSync(file, "a secret of 24 letters..");
    assertEquals(secretOf(undefined).length, 24);
  } finally {
    Deno.env.delete("TORCHOPT_SECRET_FILE");
    await Deno.remove(file);
  }
  const own = {
    job: "j",
    rank: 0,
    size: 2,
    incarnation: "0".repeat(16),
    secret: new Uint8Array(0),
  };
  const events = { accepted: () => {}, admit: () => null, refused: () => {} };
  const meeting = { kind: "tcp", host: "10.0.0.1", port: 1 } as const;
  assertThrows(
    () => new SocketTransport(own, meeting, null, events),
    RpcError,
    "TORCHOPT_SECRET_FILE",
  );
});

Deno.test("ports and sockets in use are named", async () => {
  const own = {
    job: "j",
    rank: 0,
    size: 2,
    incarnation: "0".repeat(16),
    secret: new Uint8Array(0),
  };
  const events = { accepted: () => {}, admit: () => null, refused: () => {} };
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 }), { port } = taken.addr;
  const tcp = new SocketTransport(own, { kind: "tcp", host: "127.0.0.1", port }, null, events);
  assertThrows(() => tcp.listen(), RpcError, `port ${port}`);
  taken.close();
  const folder = await Deno.makeTempDir(),
    meeting = { kind: "unix", folder, chosen: false } as const;
  const first = new SocketTransport(own, meeting, null, events);
  first.listen();
  const second = new SocketTransport(own, meeting, null, events);
  assertThrows(() => second.listen(), RpcError, "another process listens");
  first.close();
  // What a process that was killed leaves behind is no obstacle.
  const left = Deno.listen({ transport: "unix", path: `${folder}/0` });
  left.close();
  const third = new SocketTransport(own, meeting, null, events);
  third.listen();
  third.close();
  await Deno.remove(folder, { recursive: true });
});
