/**
 * Reading the golden files (see `tests/golden/README.md`). `TORCHOPT_GOLDEN` names the folder, so that
 * other cases of the same formats can be run.
 */

import { assertEquals } from "@std/assert";
import {
  AdaDelta,
  adadelta,
  AdaGrad,
  adagrad,
  Adam,
  adam,
  AdaMax,
  adamax,
  AdamW,
  adamw,
  chain,
  clipGradNorm,
  flipSignAndAddWeightDecay,
  type GradientTransformation,
  identity,
  type Optimizer,
  RAdam,
  radam,
  RMSProp,
  rmsprop,
  scaleByNegLr,
  schedule,
  SGD,
  sgd,
  type Tensor,
  tensor,
  transform,
} from "@torchopt/torchopt";
import { treeMap } from "@torchopt/torchopt/pytree";
import { assertClose, type Tolerance } from "./close.ts";

/** A number, or the name of one that JSON has no number for. */
export type GoldenNumber = number | "NaN" | "Infinity" | "-Infinity";

/** A stored tensor. */
export interface GoldenTensor {
  shape: number[];
  dtype: "float64" | "float32" | "int64" | "bool";
  data: GoldenNumber[];
}

/** Options of the reference, with its names. */
// deno-lint-ignore no-explicit-any
export type GoldenOptions = Record<string, any>;

/** Element types of the cases. */
export type GoldenDType = "float64" | "float32";

/** Reads a file of the golden folder; a file that `TORCHOPT_GOLDEN` lacks comes from our own copy. */
export function readGolden<T>(file: string): T {
  const own = `${import.meta.dirname}/../golden/${file}`;
  const given = Deno.env.get("TORCHOPT_GOLDEN");
  let text: string;
  try {
    text = Deno.readTextFileSync(given === undefined ? own : `${given}/${file}`);
  } catch (error) {
    if (given === undefined || !(error instanceof Deno.errors.NotFound)) throw error;
    text = Deno.readTextFileSync(own);
  }
  return JSON.parse(text) as T;
}

/** A stored tensor in the dtype of a case. */
export function toTensor(stored: GoldenTensor, dtype: Tensor["dtype"] = stored.dtype): Tensor {
  return tensor(stored.data.map(Number), { shape: stored.shape, dtype });
}

const camelCase = (name: string) => name.replace(/_([a-z])/g, (_, c) => c.toUpperCase());

/** Options in camelCase. */
export function toOptions(options: GoldenOptions): GoldenOptions {
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [camelCase(key), value]));
}

/** A schedule by its description. */
export function toSchedule(description: GoldenOptions): schedule.StepSchedule {
  const o = toOptions(description);
  const [init, end, steps, begin] = [o.initValue, o.endValue, o.transitionSteps, o.transitionBegin];
  switch (o.schedule) {
    case "linear_schedule":
      return schedule.linearSchedule(init, end, steps, begin);
    case "polynomial_schedule":
      return schedule.polynomialSchedule(init, end, o.power, steps, begin);
    case "exponential_decay": {
      const { schedule: _, initValue: _init, ...options } = o;
      return schedule.exponentialDecay(init, options as schedule.ExponentialDecayOptions);
    }
  }
  throw new Error(`unknown schedule ${o.schedule}`);
}

const optimizers: Record<string, (options: never) => GradientTransformation> = {
  adadelta,
  adagrad,
  adam,
  adamax,
  adamw,
  radam,
  rmsprop,
  sgd,
};

/** Options of an optimizer: rates may be described as schedules, masks as functions. */
export function toOptimizerOptions(described: GoldenOptions): GoldenOptions {
  const options = toOptions(described);
  if (typeof options.lr === "object") options.lr = toSchedule(options.lr);
  if (typeof options.mask === "string") {
    assertEquals(options.mask, "callable: leaf -> leaf.ndim > 1");
    options.mask = (tree: Tensor[]) => treeMap((leaf: Tensor) => leaf.ndim > 1, tree);
  }
  return options;
}

function named<T>(kind: string, all: Record<string, T>, name: string): T {
  if (Object.hasOwn(all, name)) return all[name];
  throw new Error(`unknown ${kind} ${name}, wants one of ${Object.keys(all).join(", ")}`);
}

/** A functional optimizer by its name and options. */
export function toOptimizer(name: string, described: GoldenOptions): GradientTransformation {
  return named("optimizer", optimizers, name)(toOptimizerOptions(described) as never);
}

/** How a case describes a transformation, or a chain of some. */
export type TransformationSpec = GoldenOptions | TransformationSpec[];

/** A gradient transformation by its description. */
export function toTransformation(spec: TransformationSpec): GradientTransformation {
  if (Array.isArray(spec)) return chain(...spec.map(toTransformation));
  const { transform: name, ...rest } = spec;
  if (Object.hasOwn(optimizers, name)) return toOptimizer(name, rest);
  const { stepSize, stepSizeFn, maxNorm, inner, mask, lr, ...options } = toOptimizerOptions(rest);
  switch (name) {
    case "identity":
      return identity();
    case "clip_grad_norm":
      return clipGradNorm(maxNorm, options);
    case "scale":
      return transform.scale(stepSize);
    case "scale_by_schedule":
      return transform.scaleBySchedule(toSchedule(stepSizeFn));
    case "masked":
      return transform.masked(toTransformation(inner), mask);
    case "flip_sign_and_add_weight_decay":
      return flipSignAndAddWeightDecay(options);
    case "scale_by_neg_lr":
      return scaleByNegLr(lr);
    case "add_decayed_weights":
      return transform.addDecayedWeights({ ...options, mask });
  }
  const camel = name.replace(/_([a-z])/g, (_: string, c: string) => c.toUpperCase());
  const make = transform[camel as "scaleByAdam"];
  if (make === undefined) throw new Error(`unknown transformation ${name}`);
  return make(options);
}

type Classic = new (params: Tensor[], options: never) => Optimizer;

const classics: Record<string, Classic> = {
  AdaDelta,
  AdaGrad,
  Adam,
  AdaMax,
  AdamW,
  RAdam,
  RMSProp,
  SGD,
};

/** A classic optimizer by its name and options. */
export function toClassic(
  name: string,
  params: Tensor[],
  described: GoldenOptions,
): Optimizer {
  return new (named("optimizer", classics, name))(params, toOptimizerOptions(described) as never);
}

/** Runs all cases and reports every one that fails. */
export function runAll<T extends { name: string }>(cases: readonly T[], run: (c: T) => void): void {
  const failures: string[] = [];
  for (const c of cases) {
    try {
      run(c);
    } catch (error) {
      failures.push(`${c.name}: ${(error as Error).message}`);
    }
  }
  if (failures.length === 0) return;
  throw new Error(
    `${failures.length} of ${cases.length} cases fail:\n${failures.slice(0, 20).join("\n")}`,
  );
}

/** Ways of running an update, which have to agree. */
export const modes = [
  { name: "in place", inplace: true, compiled: false },
  { name: "functional", inplace: false, compiled: false },
  { name: "in place, compiled", inplace: true, compiled: true },
  { name: "functional, compiled", inplace: false, compiled: true },
] as const;

/** One of them. */
export type Mode = typeof modes[number];

// deno-lint-ignore no-explicit-any
type StoredState = any;

/** Compares the state of a transformation with a stored one. */
export function assertState(
  what: string,
  // deno-lint-ignore no-explicit-any
  actual: any,
  stored: StoredState | StoredState[],
  tolerance: Tolerance,
): void {
  const stateList = Array.isArray(actual) ? actual : [actual];
  const storedList: StoredState[] = Array.isArray(stored) ? stored : [stored];
  assertEquals(stateList.length, storedList.length, `${what}: number of states`);
  storedList.forEach(({ _type, ...fields }, i) => {
    for (const [key, value] of Object.entries<StoredState>(fields)) {
      const at = `${what}: state ${i} ${_type}.${key}`, own = stateList[i][camelCase(key)];
      if (key === "inner_state") assertState(at, own, value, tolerance);
      else if (typeof value === "number") assertClose(own.data(), [value], tolerance, at);
      else assertLeaves(at, own, value, tolerance);
    }
  });
}

/** Leaves are stored as a list in sorted-key order, or by name; those the reference lost are null. */
function assertLeaves(
  what: string,
  own: Record<string, Tensor>,
  stored: Record<string, GoldenTensor & { _type?: string } | null>,
  tolerance: Tolerance,
): void {
  const names = Object.keys(own).sort();
  for (const [key, leaf] of Object.entries(stored)) {
    const name = Array.isArray(stored) ? names[Number(key)] : key;
    if (leaf === null) continue;
    if (leaf._type === "MaskedNode") assertEquals(own[name], null, `${what}.${name}`);
    else assertClose(own[name].data(), leaf.data, tolerance, `${what}.${name}`);
  }
}
