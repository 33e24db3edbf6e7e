/** Single transformations, chains, schedules and hooks against the reference. */

import { assertEquals, assertThrows } from "@std/assert";
import {
  applyUpdates,
  autograd,
  clipGradNorm,
  compile,
  hook,
  nanToNum,
  type OptState,
  realize,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
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
  toOptions,
  toSchedule,
  toTensor,
  toTransformation,
  type TransformationSpec,
} from "../helpers/golden.ts";

interface TransformCase {
  name: string;
  kind: "transform";
  spec: TransformationSpec;
  dtype: GoldenDType;
  updates: Record<string, GoldenNumber[]>[];
  final_state: unknown;
}

interface NanToNumCase {
  name: string;
  kind: "nan_to_num";
  options: GoldenOptions;
  dtype: GoldenDType;
  input: GoldenTensor;
  output: GoldenTensor;
  hook_output: GoldenTensor;
  zero_nan_hook_output: GoldenTensor;
}

interface ClipCase {
  name: string;
  kind: "clip_nonfinite";
  options: GoldenOptions;
  input: GoldenTensor;
  output: GoldenTensor;
  raises_if_error_if_nonfinite: boolean;
}

interface ScheduleCase {
  name: string;
  kind: "schedule";
  spec: GoldenOptions;
  steps: number[];
  values: number[];
}

interface ApplyCase {
  name: string;
  kind: "apply_updates";
  dtype: GoldenDType;
  updates: Record<string, GoldenTensor | null>;
  output: Record<string, GoldenNumber[]>;
}

interface Golden {
  params0: Record<string, GoldenTensor>;
  grads: Record<string, GoldenNumber[]>[];
  cases: (TransformCase | NanToNumCase | ClipCase | ScheduleCase | ApplyCase)[];
}

const golden = readGolden<Golden>("transforms.json");

function casesOf<T extends Golden["cases"][number]>(kind: T["kind"]): T[] {
  return golden.cases.filter((c): c is T => c.kind === kind);
}

type Tensors = Record<string, Tensor>;

const params0 = (dtype: GoldenDType): Tensors =>
  Object.fromEntries(
    Object.entries(golden.params0).map(([name, stored]) => [name, toTensor(stored, dtype)]),
  );

const gradsOf = (dtype: GoldenDType): Tensors[] =>
  golden.grads.map((tree) =>
    Object.fromEntries(
      Object.entries(tree).map(([name, data]) => {
        const { shape } = golden.params0[name];
        return [name, toTensor({ shape, dtype, data }, dtype)];
      }),
    )
  );

function toleranceOf({ spec, dtype }: TransformCase): Tolerance {
  const text = JSON.stringify(spec);
  if (text.includes("scale_by_stddev") || text.includes('"centered":true')) {
    return dtype === "float64" ? { rtol: 1e-7, atol: 1e-10 } : { rtol: 2e-3, atol: 1e-5 };
  }
  if (dtype === "float64") return { rtol: 1e-10, atol: 1e-12 };
  return text.includes("adam") ? { rtol: 1e-3, atol: 1e-5 } : { rtol: 1e-4, atol: 1e-6 };
}

function check(c: TransformCase, { inplace, compiled }: Mode): void {
  const transformation = toTransformation(c.spec), tolerance = toleranceOf(c);
  const params = params0(c.dtype), grads = gradsOf(c.dtype);
  let state = transformation.init(params);
  const step = (gradients: Tensors, old: OptState) =>
    transformation.update(gradients, old, { params, inplace });
  const run = !compiled
    ? step
    : inplace
    ? ((compiledStep) => (gradients: Tensors): [Tensors, OptState] => [
      compiledStep(gradients),
      state,
    ])(compile((gradients: Tensors) => step(gradients, state)[0]))
    : compile(step);
  c.updates.forEach((expected, t) => {
    const [updates, next] = run(grads[t], state);
    state = next;
    realize(...Object.values(updates));
    for (const [name, values] of Object.entries(expected)) {
      assertClose(updates[name].data(), values, tolerance, `step ${t + 1}, ${name}`);
    }
    for (const [name, data] of Object.entries(golden.grads[t])) {
      assertClose(grads[t][name].data(), data, tolerance, `gradient ${name} is untouched`);
    }
  });
  assertState("last state", state, c.final_state, tolerance);
}

const transforms = casesOf<TransformCase>("transform");
for (const mode of modes) {
  Deno.test(`golden transforms: ${transforms.length} transformations, ${mode.name}`, () => {
    runAll(transforms, (c) => check(c, mode));
  });
}

/** Stored float32 values are the shortest decimals that round to them. */
const exact: Tolerance = { rtol: 1e-7, atol: 0 };
const double: Tolerance = { rtol: 1e-10, atol: 1e-12 };

Deno.test("golden transforms: nanToNum() and the hooks", () => {
  runAll(casesOf<NanToNumCase>("nan_to_num"), (c) => {
    const input = toTensor(c.input), options = toOptions(c.options);
    for (const inplace of [true, false]) {
      const t = nanToNum(options);
      const [[output]] = t.update([input], t.init([input]), { inplace }) as [Tensor[], unknown];
      assertClose(output.data(), c.output.data, exact, "output");
    }
    assertClose(hook.nanToNumHook(options)(input).data(), c.hook_output.data, exact, "hook");
    assertClose(hook.zeroNanHook(input).data(), c.zero_nan_hook_output.data, exact, "zeroNanHook");
    // The same through registerHook, on the gradient of a product with the input.
    const x = tensor(new Array(input.size).fill(1), { dtype: c.dtype, requiresGrad: true });
    const hooked = hook.registerHook(hook.nanToNumHook(options));
    const [[y]] = hooked.update([x], hooked.init([x]), { inplace: false }) as [Tensor[], unknown];
    const [g] = autograd.grad(y, [x], { gradOutputs: input });
    assertClose(g!.data(), c.hook_output.data, exact, "registerHook");
  });
});

Deno.test("golden transforms: clipGradNorm() of gradients that are not finite", () => {
  runAll(casesOf<ClipCase>("clip_nonfinite"), (c) => {
    const { maxNorm, ...options } = toOptions(c.options);
    const grads = [toTensor(c.input)];
    const [[output]] = clipGradNorm(maxNorm, options).update(grads, {}) as [Tensor[], unknown];
    assertClose(output.data(), c.output.data, double, "output");
    const strict = () =>
      clipGradNorm(maxNorm, { ...options, errorIfNonfinite: true }).update(grads, {});
    if (c.raises_if_error_if_nonfinite) assertThrows(strict, RangeError, "wants a finite number");
    else strict();
  });
});

Deno.test("golden transforms: schedules, at numbers and at tensors", () => {
  runAll(casesOf<ScheduleCase>("schedule"), (c) => {
    const schedule = toSchedule(c.spec);
    assertClose(c.steps.map((count) => schedule(count)), c.values, double, "numbers");
    const counts = tensor(c.steps, { dtype: "int64" });
    assertClose(schedule(counts).data(), c.values, double, "tensors");
    const count = tensor(c.steps.at(-1)!, { dtype: "int64" });
    assertEquals(schedule(count).shape, []);
  });
});

Deno.test("golden transforms: applyUpdates()", () => {
  runAll(casesOf<ApplyCase>("apply_updates"), (c) => {
    const tolerance = c.dtype === "float64" ? double : { rtol: 1e-4, atol: 1e-6 };
    for (const inplace of [true, false]) {
      const params = params0(c.dtype);
      const updates = Object.fromEntries(
        Object.entries(c.updates).map(([name, u]) => [name, u && toTensor(u)]),
      );
      const result = applyUpdates(params, updates, { inplace });
      assertEquals(result === params, inplace);
      for (const [name, values] of Object.entries(c.output)) {
        assertClose(result[name].data(), values, tolerance, name);
      }
    }
  });
});
