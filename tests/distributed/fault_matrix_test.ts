/** Each fault in each thing that ranks do: a stated outcome within its deadline, and nothing is left. */

import { assert, assertEquals } from "@std/assert";
import { autograd, distributed, randn } from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import { errorOf, inWorld } from "./world.ts";
import * as fns from "./functions.ts";
import "../helpers/seed.ts";

const { on } = fns, { remoteSyncCall, RemoteError, RpcTimeoutError } = distributed;
const { context, grad } = distributed.autograd;

/** Seconds that calls wait, and that leaving may take. */
const WAIT = 0.4;

/** Seconds between signs of life. */
const HEARTBEAT = 0.3;

/** What ranks do; each gives what is compared. */
const works: Record<string, () => Promise<unknown>> = {
  call: () => on(1, fns.echo, 1),
  "fan-out": () =>
    remoteSyncCall(fns.echo, { partitioner: () => [[1, [1], {}], [2, [2], {}]] })
      .catch((error: AggregateError) => {
        assertEquals(error.errors.map((e) => e.rank), [1, 2]);
        throw error.errors[0];
      }),
  barrier: async () => {
    // Ranks that nobody tells of the fault wait as long as they are told to.
    const there = [1, 2].map((r) => on(r, fns.barrierThere, null).catch(() => {}));
    await distributed.barrier(null, { timeout: WAIT }).finally(() => Promise.all(there));
  },
  backward: async () => {
    const x = randn([2], { dtype: "float64", requiresGrad: true });
    const [g] = await context(async (id) =>
      await grad(id, (await on(1, fns.mul, x, x)).sum(), [x])
    );
    assertClose(g!, autograd.grad(x.square().sum(), [x])[0]!, 1e-12);
  },
  // Whether the others forget is not what its result depends on.
  release: () => context(async () => void await on(1, fns.rankOf)),
  shutdown: () => distributed.shutdown({ timeout: WAIT }),
};

/** Which functions a fault is in, for each kind of work. */
const names: Record<string, string> = {
  call: "echo",
  "fan-out": "echo",
  barrier: "barrier",
  backward: "backward*",
  release: "context/end",
  shutdown: "leave",
};

type Outcome = typeof RemoteError | typeof RpcTimeoutError | null;

/** What comes of each work where a fault is; null for what comes without it. */
const outcomes: Record<string, (work: string) => Outcome> = {
  "request=1": (work) => work === "release" ? null : RpcTimeoutError,
  "reply=1": (work) => work === "release" ? null : RpcTimeoutError,
  "running=1": (work) => work === "release" ? null : RemoteError,
  "delay=20ms": () => null,
};

/** Does things in a world whose ranks have a fault in each of them. */
async function see(fault: string, what: readonly string[]): Promise<void> {
  const rules = [...new Set(what.map((name) => names[name]))].map((name) => `fn=${name}:${fault}`);
  const faults = [...rules, "pause=40ms"].join(";"), outcome = outcomes[fault];
  // Where all is answered in the end, a busy machine may take its time.
  const timeout = what.every((name) => outcome(name) === null) ? 30 : WAIT;
  Deno.env.set("TORCHOPT_FAULTS", faults);
  try {
    await inWorld(3, async () => {
      // What is compiled first takes longer than calls wait.
      const x = randn([2], { dtype: "float64", requiresGrad: true }), args = [x, x];
      await remoteSyncCall(fns.mul, { args, partitioner: 1, timeout: 30 });
      for (const name of what) {
        const begin = performance.now(), wanted = outcome(name), work = works[name]();
        const error = wanted === null ? await work : await errorOf(work);
        const seconds = (performance.now() - begin) / 1000;
        if (wanted !== null) assert(error instanceof wanted, `${name}: ${error}`);
        // Two deadlines and three signs of life, and what a machine with other work takes.
        assert(seconds < 2 * WAIT + 3 * HEARTBEAT + 5, `${name} took ${seconds} s`);
        assertEquals(distributed.stats().pending, 0, name);
      }
      if (!what.includes("shutdown")) return;
      const { contexts, links, running } = distributed.stats();
      assertEquals([contexts, links, running], [0, 0, 0]);
    }, { env: { TORCHOPT_FAULTS: faults }, mayFail: [1, 2], heartbeat: HEARTBEAT, timeout });
  } finally {
    Deno.env.delete("TORCHOPT_FAULTS");
  }
}

for (const fault of Object.keys(outcomes)) {
  Deno.test(`${fault}: each thing that ranks do has its stated outcome`, async () => {
    const all = Object.keys(works);
    // Ranks that are done ask to leave, and are gone as soon as that fails.
    const rounds = fault === "running=1" ? [all.slice(0, -1), all.slice(-1)] : [all];
    for (const what of rounds) await see(fault, what);
  });
}
