/**
 * The native side of a session: its creation, its plans, its end.
 *
 * @module
 */

import { check, ort } from "./api.ts";
import { counters } from "./counters.ts";
import { type AssignedNode, assignmentOf, HOST_PROVIDER, recordAssignment } from "./assignment.ts";
import { driverOf, HOST, openDevice } from "./device/mod.ts";
import { type Environment, environment, poolSize } from "./env.ts";
import { BackendError } from "./errors.ts";
import { cString, outPointer } from "./ffi.ts";
import { bridge, opsLibrary } from "./ops_library.ts";
import type { Plan } from "./plan.ts";
import { BridgePlan } from "./plan_bridge.ts";
import { FfiPlan } from "./plan_ffi.ts";
import { mayOutlast, skipDestructors } from "./process_end.ts";
import { ORDERING, type SessionSpec, type ValueSpec } from "./session_spec.ts";

const NO_OPTIMIZATION = 0;

/** Part of ONNX Runtime's message where a node would run on the host and must not. */
const HOST_NODES = "fallback to CPU EP has been explicitly disabled";

/** Part of ONNX Runtime's message where a session is to use the pool of an environment without one. */
const NO_POOL = "EnvCreatedWithGlobalThreadPools() was false";

/** Operators that read conditions and counts on the host. */
const WITH_HOST: ReadonlySet<string> = new Set(["If", "Loop", "Scan"]);

const alive = new Set<NativeSession>();
const underWay = new Set<Promise<unknown>>();

/** An `OrtSession` with the plans of its runs. */
export class NativeSession {
  /** The plan of synchronous runs; they cannot overlap each other. */
  readonly plan: Plan;
  /** Whether it was disposed of; no run may begin any more. */
  disposed = false;
  readonly #session: Deno.PointerValue;
  readonly #newPlan: (runOptions: Deno.PointerValue) => Plan;
  /** `OrtRunOptions*` of runs on this thread. */
  readonly #runOptions: Deno.PointerValue;
  readonly #wait: (() => void) | undefined;
  readonly #idle: Plan[] = [];
  readonly #added: Plan[] = [];
  #inFlight = 0;
  /** Whether the process may end during a run: `skipDestructors` was called for this session. */
  #mayOutlast = mayOutlast();

  /** @param spec see {@linkcode SessionSpec} */
  constructor(spec: SessionSpec) {
    const session = create(spec);
    const { inputs, outputs, device } = spec, opened = openDevice(device);
    let withoutWait: Deno.PointerValue = null;
    if (!driverOf(device).onHost) {
      const nodes = assignmentOf(session), onHost = hostNodes(nodes).length;
      counters.hostNodes += onHost;
      // What such nodes copy from the host is not kept until the device has read it.
      const waits = onHost > 0 || nodes.some(({ opType }) => WITH_HOST.has(opType));
      if (!waits) withoutWait = opened.withoutWait ?? null;
    }
    const memory = opened.info;
    const rebind = driverOf(device).rebindsInputs;
    const calls = bridge();
    this.#session = session;
    this.#wait = opened.wait;
    this.#newPlan = (options) =>
      calls
        ? new BridgePlan(calls, session, memory, options, inputs, outputs, rebind)
        : new FfiPlan(session, memory, options, inputs, outputs, rebind);
    this.#runOptions = withoutWait;
    this.plan = this.#newPlan(withoutWait);
    if (this.#mayOutlast) skipDestructors();
    alive.add(this);
    if (!spec.again) counters.sessionsCreated++;
    counters.sessionsAlive++;
  }

  /** Another plan of synchronous runs, which keeps bindings of its own. */
  addPlan(): Plan {
    const plan = this.#newPlan(this.#runOptions);
    this.#added.push(plan);
    return plan;
  }

  /**
   * Runs off the event loop, with a plan of its own.
   *
   * @param slots see {@linkcode Plan.run}
   * @param keep stays reachable until the run is over
   * @returns `OrtStatus*`, null on success
   */
  async runAsync(
    slots: Float64Array<ArrayBuffer>,
    keep: unknown[],
  ): Promise<Deno.PointerValue> {
    if (!this.#mayOutlast) skipDestructors();
    this.#mayOutlast = true;
    const plan = this.#idle.pop() ?? this.#newPlan(null);
    this.#inFlight++;
    counters.inFlight++;
    let run: Promise<Deno.PointerValue> | undefined;
    try {
      run = plan.runAsync(slots);
      underWay.add(run);
      return await run;
    } finally {
      if (run) underWay.delete(run);
      keep.length = 0;
      counters.inFlight--;
      this.#inFlight--;
      this.#idle.push(plan);
      if (this.disposed && this.#inFlight === 0) this.#release();
    }
  }

  /** See {@linkcode Session.assignment}. */
  assignment(): AssignedNode[] {
    return assignmentOf(this.#session);
  }

  /** Frees the native objects, once no asynchronous run is under way. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    alive.delete(this);
    counters.sessionsAlive--;
    if (this.#inFlight === 0) this.#release();
  }

  #release(): void {
    this.#wait?.();
    for (const plan of [this.plan, ...this.#added, ...this.#idle]) plan.release();
    ort().fn.ReleaseSession(this.#session);
  }
}

/** Waits for the asynchronous runs under way and disposes of every session of this thread. */
export async function disposeAllSessions(): Promise<void> {
  for (const session of alive) session.dispose();
  while (underWay.size > 0) await Promise.allSettled(underWay);
}

function create(spec: SessionSpec): Deno.PointerValue {
  const shared = environment();
  try {
    return compile(spec, shared);
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    if (error.message.includes(HOST_NODES)) throw lacking(spec, shared, error);
    if (!error.message.includes(NO_POOL) || spec.threads <= 1) throw error;
    shared.hasPool = false;
    return compile(spec, shared);
  }
}

/** The error of a graph that a device refuses, with the nodes it has no kernels for. */
function lacking(spec: SessionSpec, shared: Environment, cause: BackendError): BackendError {
  const session = compile(spec, shared, true);
  const nodes = hostNodes(assignmentOf(session));
  ort().fn.ReleaseSession(session);
  const types = [...new Set(nodes.map(({ opType }) => opType))].sort();
  return new BackendError(
    `device "${spec.device}" has no kernel for ${types.join(", ")} in ` +
      `${describe(spec.inputs)} -> ${describe(spec.outputs)}. Nothing moves to the host by ` +
      `itself: compute this part there, with to("${HOST}") before it and to("${spec.device}") after it.`,
    { cause },
  );
}

/**
 * The model as ONNX Runtime runs it on the device: with the nodes that copy between devices, which it
 * puts in itself. Compiles the model once more.
 *
 * @throws {BackendError} as {@linkcode NativeSession}
 */
export function modelAsRun(spec: SessionSpec): Uint8Array {
  const file = Deno.makeTempFileSync({ prefix: "torchopt-model-", suffix: ".onnx" });
  try {
    ort().fn.ReleaseSession(compile(spec, environment(), false, file));
    return Deno.readFileSync(file);
  } finally {
    Deno.removeSync(file);
  }
}

/**
 * @param anywhere lets nodes run on the host that the device lacks
 * @param file where the model is to be written as it runs
 */
function compile(
  spec: SessionSpec,
  { env, hasPool }: Environment,
  anywhere: boolean = false,
  file?: string,
): Deno.PointerValue {
  const { fn } = ort();
  const options = outPointer((out) =>
    check(fn.CreateSessionOptions(out), "creating session options")
  );
  try {
    // Our own passes have run; ONNX Runtime's find nothing more and triple the creation time.
    check(fn.SetSessionGraphOptimizationLevel(options, NO_OPTIMIZATION), "setting the level");
    if (spec.threads > 1 && hasPool) {
      check(fn.DisablePerSessionThreads(options), "sharing the threads");
    } else {
      const threads = spec.threads > 1 ? poolSize() : 1;
      check(fn.SetIntraOpNumThreads(options, threads), "setting the thread count");
      const spinning = cString("session.intra_op.allow_spinning");
      check(fn.AddSessionConfigEntry(options, spinning, cString("0")), "setting the spin control");
    }
    if (spec.memoryPattern === false) {
      check(fn.DisableMemPattern(options), "switching the memory pattern off");
    }
    if (file !== undefined) {
      check(fn.SetOptimizedModelFilePath(options, pathBytes(file)), "naming the file of the model");
    }
    if (spec.useOps) registerOps(options);
    openDevice(spec.device).appendProvider(options);
    const driver = driverOf(spec.device);
    if (!driver.onHost) recordAssignment(options);
    if (driver.refusesHostNodes && !anywhere) {
      const key = cString("session.disable_cpu_ep_fallback");
      check(fn.AddSessionConfigEntry(options, key, cString("1")), "keeping nodes on the device");
    }
    return outPointer((out) =>
      check(
        fn.CreateSessionFromArray(
          env,
          spec.model as Uint8Array<ArrayBuffer>,
          BigInt(spec.model.length),
          options,
          out,
        ),
        `creating a session of ${describe(spec.inputs)} -> ${describe(spec.outputs)}`,
      )
    );
  } finally {
    fn.ReleaseSessionOptions(options);
  }
}

/** Nodes that run on the host though the session is for another device, with copies there and back. */
function hostNodes(nodes: readonly AssignedNode[]): AssignedNode[] {
  // What only orders others computes with shapes, which are on the host anyway.
  return nodes.filter(({ provider, name }) =>
    provider === HOST_PROVIDER && !name.startsWith(ORDERING)
  );
}

/** A path as ONNX Runtime wants it. */
function pathBytes(path: string): Uint8Array<ArrayBuffer> {
  if (Deno.build.os !== "windows") return cString(path);
  const units = Uint16Array.from({ length: path.length + 1 }, (_, i) => path.charCodeAt(i) || 0);
  return new Uint8Array(units.buffer);
}

function registerOps(options: Deno.PointerValue): void {
  const calls = bridge();
  if (!calls) {
    throw new BackendError(
      `creating a session: the graph uses the compiled ops, but they are ${opsLibrary().why}`,
    );
  }
  check(calls.torchopt_register_ops(options), "registering the compiled ops");
}

function describe(values: readonly ValueSpec[]): string {
  const shown = values.slice(0, 4).map((v) => `${v.name}: ${v.dtype}[${v.shape.join(",")}]`);
  return `(${shown.join(", ")}${values.length > 4 ? `, … ${values.length} in all` : ""})`;
}
