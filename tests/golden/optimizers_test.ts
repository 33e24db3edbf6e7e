/** All functional optimizers against the reference: parameters after each step, and the last state. */

import { applyUpdates, compile, type OptState, realize, type Tensor } from "@torchopt/torchopt";
import { assertClose, type Tolerance } from "../helpers/close.ts";
import {
  assertState,
  type GoldenDType,
  type GoldenNumber,
  type GoldenOptions,
  type GoldenTensor,
  type Mode,
  modes,
  readGolden,
  runAll,
  toOptimizer,
  toTensor,
} from "../helpers/golden.ts";

interface Fixture {
  params0: Record<string, GoldenTensor>;
  grads: Record<string, GoldenTensor | GoldenNumber[] | null>[];
}

interface Case {
  name: string;
  optimizer: string;
  options: GoldenOptions;
  dtype: GoldenDType;
  fixture: string;
  params: Record<string, GoldenNumber[]>[];
  final_state: unknown[];
}

const golden = readGolden<{ fixtures: Record<string, Fixture>; cases: Case[] }>("optimizers.json");

function toleranceOf({ optimizer, options, dtype }: Case): Tolerance {
  if (optimizer === "rmsprop" && options.centered) {
    return dtype === "float64" ? { rtol: 1e-7, atol: 1e-10 } : { rtol: 2e-3, atol: 1e-5 };
  }
  if (dtype === "float64") return { rtol: 1e-10, atol: 1e-12 };
  // The reference evaluates Adam's bias correction in float32.
  const rough = optimizer === "adam" || optimizer === "adamw";
  return rough ? { rtol: 1e-3, atol: 1e-5 } : { rtol: 1e-4, atol: 1e-6 };
}

type Tensors = Record<string, Tensor>;
type Gradients = Record<string, Tensor | null>;

/** The gradients of all steps of a fixture; made once, as cases only read them. */
const inputs = new Map<string, { params0: () => Tensors; grads: Gradients[] }>();

function inputsOf({ fixture, dtype }: Case) {
  const key = `${fixture}/${dtype}`;
  if (!inputs.has(key)) {
    const { params0, grads } = golden.fixtures[fixture];
    const read = (name: string, value: GoldenTensor | GoldenNumber[] | null) => {
      if (value === null) return null;
      const data = Array.isArray(value) ? value : value.data;
      return toTensor({ shape: params0[name].shape, dtype, data }, dtype);
    };
    const all = (tree: Fixture["grads"][number]) =>
      Object.fromEntries(Object.entries(tree).map(([name, value]) => [name, read(name, value)]));
    inputs.set(key, { params0: () => all(params0) as Tensors, grads: grads.map(all) });
  }
  return inputs.get(key)!;
}

function check(c: Case, { inplace, compiled }: Mode): void {
  const optimizer = toOptimizer(c.optimizer, c.options);
  const tolerance = toleranceOf(c);
  const { params0, grads } = inputsOf(c);
  let params = params0(), state = optimizer.init(params);
  const step = (gradients: Gradients, before: Tensors, old: OptState): [Tensors, OptState] => {
    const [updates, next] = optimizer.update(gradients, old, { params: before, inplace });
    return [applyUpdates(before, updates, { inplace }), next];
  };
  // In place, parameters and state are found in the surroundings, and written back there.
  const run = !compiled
    ? step
    : inplace
    ? ((compiledStep) => (gradients: Gradients): [Tensors, OptState] => {
      compiledStep(gradients);
      return [params, state];
    })(compile((gradients: Gradients) => void step(gradients, params, state)))
    : compile(step);
  c.params.forEach((expected, t) => {
    [params, state] = run(grads[t], params, state);
    realize(...Object.values(params));
    for (const [name, values] of Object.entries(expected)) {
      assertClose(params[name].data(), values, tolerance, `step ${t + 1}, ${name}`);
    }
  });
  assertState("last state", state, c.final_state, tolerance);
}

for (const mode of modes) {
  Deno.test(`golden optimizers: all ${golden.cases.length} cases, ${mode.name}`, () => {
    runAll(golden.cases, (c) => check(c, mode));
  });
}
