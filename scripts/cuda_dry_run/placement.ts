/**
 * Golden cases and workloads on the device: where ONNX Runtime's provider put each node of their
 * graphs, and what was copied. Most kernels of these graphs are machine code, so that values are not
 * looked at.
 *
 * @module
 */

import {
  applyUpdates,
  compile,
  type GradientTransformation,
  hook,
  memory,
  nanToNum,
  type OptState,
  realize,
  type Tensor,
  tensor,
} from "../../mod.ts";
import { treeLeaves } from "../../src/pytree/mod.ts";
import {
  type GoldenDType,
  type GoldenNumber,
  type GoldenOptions,
  type GoldenTensor,
  readGolden,
  toOptimizer,
  toOptions,
  toSchedule,
  toTensor,
  toTransformation,
  type TransformationSpec,
} from "../../tests/helpers/golden.ts";
import { during } from "./device.ts";

/** Steps of each case; the first two find sessions. */
const STEPS = 4;

type Tensors = Record<string, Tensor>;
type Stored = Record<string, GoldenTensor | GoldenNumber[] | null>;

/** Cases so far, sessions of which every node is on the device, and what went wrong. */
class Tally {
  cases = 0;
  sessions = 0;
  steps = 0;
  toDevice = 0;
  toHost = 0;
  readonly failed: string[] = [];

  /** Runs a case. */
  run(name: string, body: () => void): void {
    const before = memory().sessions;
    this.cases++;
    try {
      body();
      const { created, hostNodes } = memory().sessions;
      this.sessions += created - before.created;
      if (hostNodes > before.hostNodes) {
        throw new Error(`${hostNodes - before.hostNodes} nodes on the host`);
      }
    } catch (error) {
      this.failed.push(`${name}: ${(error as Error).message}`);
    }
  }

  /** Runs a step that was compiled, and notes what it copies. */
  step(body: () => void): void {
    const { toDevice, toHost } = during(body);
    this.steps++;
    this.toDevice += toDevice;
    this.toHost += toHost;
    if (toDevice > 1 || toHost > 0) {
      throw new Error(`a step made ${toDevice} copies to the device and ${toHost} to the host`);
    }
  }

  /** What was found. */
  found(): string {
    const { cases, failed, sessions, steps, toDevice, toHost } = this;
    if (failed.length > 0) {
      const few = failed.slice(0, 12).join("\n");
      throw new Error(`${failed.length} of ${cases} cases:\n${few}`);
    }
    return `${cases} cases, ${sessions} sessions without a node on the host; ${steps} compiled steps ` +
      `made ${toDevice} copies to the device (of numbers) and ${toHost} to the host`;
  }
}

function treeOf(stored: Stored, like: Record<string, GoldenTensor>, dtype: GoldenDType) {
  const entries = Object.entries(stored).map(([name, value]) => {
    if (value === null) return [name, null];
    const data = Array.isArray(value) ? value : value.data;
    return [name, toTensor({ shape: like[name].shape, dtype, data }, dtype)];
  });
  return Object.fromEntries(entries) as Record<string, Tensor | null>;
}

/** Compiled steps of a transformation, in place and not. */
function steps(
  tally: Tally,
  transformation: GradientTransformation,
  make: () => Tensors,
  grads: readonly Record<string, Tensor | null>[],
): void {
  for (const inplace of [true, false]) {
    let params = make(), state = transformation.init(params);
    const step = (g: Record<string, Tensor | null>, p: Tensors, s: OptState) => {
      const [updates, next] = transformation.update(g, s, { params: p, inplace });
      return [applyUpdates(p, updates as Tensors, { inplace }), next] as [Tensors, OptState];
    };
    const outside = compile((g: Record<string, Tensor | null>) => void step(g, params, state));
    const inside = compile(step);
    const run = (g: Record<string, Tensor | null>) => {
      if (inplace) outside(g);
      else [params, state] = inside(g, params, state);
      realize(...treeLeaves<Tensor>([params, state] as never));
    };
    grads.slice(0, STEPS).forEach((g, t) => {
      // The first steps find sessions, and make states of numbers.
      if (t >= 2) tally.step(() => run(g));
      else run(g);
    });
    const places = treeLeaves<Tensor>([params, state] as never).map((x) => x.device);
    const elsewhere = places.filter((device) => device !== "cuda");
    if (elsewhere.length > 0) throw new Error(`${elsewhere.length} results on ${elsewhere[0]}`);
  }
}

/** The golden cases of optimizers. */
export function goldenOptimizers(): string {
  interface Case {
    name: string;
    optimizer: string;
    options: GoldenOptions;
    dtype: GoldenDType;
    fixture: string;
  }
  interface Fixture {
    params0: Record<string, GoldenTensor>;
    grads: Stored[];
  }
  const { cases, fixtures } = readGolden<{ cases: Case[]; fixtures: Record<string, Fixture> }>(
    "optimizers.json",
  );
  const tally = new Tally();
  for (const c of cases) {
    const { params0, grads } = fixtures[c.fixture];
    tally.run(c.name, () => {
      const make = () => treeOf(params0, params0, c.dtype) as Tensors;
      const all = grads.map((tree) => treeOf(tree, params0, c.dtype));
      steps(tally, toOptimizer(c.optimizer, c.options), make, all);
    });
  }
  return tally.found();
}

interface TransformCase {
  name: string;
  kind: string;
  spec: TransformationSpec;
  options: GoldenOptions;
  dtype: GoldenDType;
  input: GoldenTensor;
  steps: number[];
  updates: Record<string, GoldenTensor | null>;
}

/** The golden cases of transformations, schedules, hooks and updates. */
export function goldenTransforms(): string {
  const golden = readGolden<{
    params0: Record<string, GoldenTensor>;
    grads: Record<string, GoldenNumber[]>[];
    cases: TransformCase[];
  }>("transforms.json");
  const { params0, cases } = golden, tally = new Tally();
  const run: Record<string, (c: TransformCase) => void> = {
    transform(c) {
      const grads = golden.grads.map((tree) => treeOf(tree, params0, c.dtype));
      steps(
        tally,
        toTransformation(c.spec),
        () => treeOf(params0, params0, c.dtype) as Tensors,
        grads,
      );
    },
    nan_to_num(c) {
      const x = [toTensor(c.input)], options = toOptions(c.options), t = nanToNum(options);
      realize(...t.update(x, t.init(x), { inplace: false })[0] as Tensor[]);
      realize(hook.nanToNumHook(options)(x[0]), hook.zeroNanHook(x[0]));
    },
    clip_nonfinite(c) {
      const clip = toTransformation({ transform: "clip_grad_norm", ...c.options });
      realize(...clip.update([toTensor(c.input)], {}, { inplace: false })[0] as Tensor[]);
    },
    schedule(c) {
      const value = toSchedule(c.spec as GoldenOptions)(tensor(c.steps, { dtype: "int64" }));
      realize(value);
    },
    apply_updates(c) {
      const updates = Object.entries(c.updates).map(([name, u]) => [name, u && toTensor(u)]);
      const params = treeOf(params0, params0, c.dtype) as Tensors;
      realize(
        ...Object.values(applyUpdates(params, Object.fromEntries(updates), { inplace: false })),
      );
    },
  };
  for (const c of cases) tally.run(c.name, () => run[c.kind](c));
  return tally.found();
}

/** A workload of `bench/`, with few runs. */
export async function workload(name: string): Promise<string> {
  const modules: Record<string, () => Promise<() => void>> = {
    w1a: async () => {
      const { w1 } = await import("../../bench/workloads/w1.ts");
      return () => w1("a");
    },
    w1c: async () => {
      const { w1 } = await import("../../bench/workloads/w1.ts");
      return () => w1("c");
    },
    w2: async () => (await import("../../bench/workloads/w2.ts")).w2,
    w3a: async () => {
      const { w3 } = await import("../../bench/workloads/w3.ts");
      return () => w3("a");
    },
    w3b: async () => {
      const { w3 } = await import("../../bench/workloads/w3.ts");
      return () => w3("b");
    },
    w4: async () => {
      const { w4 } = await import("../../bench/workloads/w4.ts");
      return () => w4();
    },
    w5: async () => (await import("../../bench/workloads/w5.ts")).w5,
  };
  const run = await modules[name](), { log } = console, before = memory().sessions;
  // A line of times and values would mean nothing here.
  console.log = () => {};
  let counts = { toDevice: 0, toHost: 0 }, stopped = "";
  try {
    counts = during(run);
  } catch (error) {
    // There is no cuDNN: a run ends at the first convolution, after its session was made.
    if (!/cudnn/i.test((error as Error).message)) throw error;
    stopped = "; stopped at a node that needs cuDNN";
  } finally {
    console.log = log;
  }
  const { created, hostNodes } = memory().sessions;
  if (hostNodes > before.hostNodes) {
    throw new Error(`${hostNodes - before.hostNodes} nodes on the host`);
  }
  return `${
    created - before.created
  } sessions without a node on the host; ${counts.toDevice} copies ` +
    `to the device, ${counts.toHost} to the host${stopped}`;
}
