/** Zero-order gradients with stored noise: every case of `zero_order.json`. */

import { assertEquals } from "@std/assert";
import { autograd, compile, diff, func, nn, type Tensor, tensor } from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import {
  type GoldenDType,
  type GoldenTensor,
  readGolden,
  runAll,
  toTensor,
} from "../helpers/golden.ts";
import "../helpers/seed.ts";

interface Case {
  name: string;
  kind: string;
  method: "naive" | "forward" | "antithetic";
  num_samples: number;
  sigma: number;
  argnums?: number | number[];
  cotangent?: number;
  dtype: GoldenDType;
  noise: GoldenTensor[];
  value: number;
  grads: GoldenTensor[] | Record<string, GoldenTensor>;
  grads_textbook?: GoldenTensor[] | Record<string, GoldenTensor>;
}

type Inputs = Record<"w" | "c" | "v" | "x" | "y", GoldenTensor>;

const golden = readGolden<Inputs & { cases: Case[] }>("zero_order.json");

const TOLERANCE = {
  float64: { rtol: 1e-9, atol: 1e-11 },
  float32: { rtol: 1e-3, atol: 1e-4 },
};

const f1 = (w: Tensor, c: Tensor, x: Tensor, y: Tensor) =>
  x.matmul(w).tanh().add(c).sub(y).square().mean();

/** Function and arguments of a kind, and the leaves that are differentiated. */
function problem(c: Case): { fn: (...args: never[]) => Tensor; args: unknown[]; leaves: Tensor[] } {
  const [w, c0, v, x, y] = (["w", "c", "v", "x", "y"] as const)
    .map((name) => toTensor(golden[name], c.dtype).requiresGrad_());
  if (c.kind === "f2_dict") {
    const fn = ({ w, c }: { w: Tensor; c: Tensor }, x: Tensor, y: Tensor) => f1(w, c, x, y);
    return { fn, args: [{ w, c: c0 }, x, y], leaves: [c0, w] };
  }
  if (c.kind === "f3_tuple") {
    const fn = ([v, w]: [Tensor, Tensor], x: Tensor) =>
      x.matmul(v).sin().sum().add(w.square().sum().mul(0.3));
    return { fn, args: [[v, w], x], leaves: [v, w] };
  }
  const args = [w, c0, x, y];
  return { fn: f1, args, leaves: [c.argnums!].flat().map((i) => args[i]) };
}

/** A distribution that gives stored tensors in their order. */
function stored(noise: readonly GoldenTensor[]): (shape: readonly number[]) => Tensor {
  let next = 0;
  return (shape) => {
    const z = noise[next++];
    assertEquals(z.shape, shape);
    return toTensor(z);
  };
}

const options = (c: Case) => ({ method: c.method, numSamples: c.num_samples, sigma: c.sigma });

function check(c: Case, value: Tensor, grads: readonly (Tensor | null)[]): void {
  const wanted = Object.values(c.grads_textbook ?? c.grads), tolerance = TOLERANCE[c.dtype];
  assertClose(value, c.value, tolerance, "value");
  assertEquals(grads.length, wanted.length);
  wanted.forEach(({ shape, data }, i) => {
    assertEquals(grads[i]!.shape, shape);
    assertClose(grads[i]!.data(), data, tolerance, `gradient ${i}`);
  });
}

const functions = golden.cases.filter(({ kind }) => kind !== "module");

for (const evaluation of ["batch", "loop"] as const) {
  Deno.test(`golden zero_order.json: functions, samples in a ${evaluation}`, () => {
    runAll(functions, (c) => {
      const { fn, args, leaves } = problem(c);
      const wrap = diff.zeroOrder(stored(c.noise), {
        ...options(c),
        argnums: c.argnums,
        evaluation,
      });
      const value = wrap(fn as (...args: unknown[]) => Tensor)(...args);
      const cotangent = tensor(c.cotangent!, { dtype: c.dtype });
      check(c, value, autograd.grad(value, leaves, { gradOutputs: [cotangent] }));
    });
  });
}

Deno.test("golden zero_order.json: functions, compiled", () => {
  runAll(functions, (c) => {
    const { fn, args, leaves } = problem(c);
    // Noise is drawn while tracing: stored tensors are part of what is compiled.
    const run = compile(() => {
      const wrap = diff.zeroOrder(stored(c.noise), { ...options(c), argnums: c.argnums });
      const value = wrap(fn as (...args: unknown[]) => Tensor)(...args);
      return [value, ...autograd.grad(value.mul(c.cotangent!), leaves) as Tensor[]];
    });
    const [value, ...grads] = run();
    check(c, value, grads);
  });
});

/**
 * Forward differences of a module by hand. As published, the weight of sample i is sigma * delta_i with
 * delta_i = f(x + sigma z_i) - delta_(i-1); by the textbook it is (f(x + sigma z_i) - f(x)) / sigma.
 */
function byHand(c: Case, at: (z: Tensor[]) => Tensor): { published: Tensor[]; textbook: Tensor[] } {
  const count = c.noise.length / c.num_samples, center = at([]).item();
  const sums = { published: [] as Tensor[], textbook: [] as Tensor[] };
  let delta = center;
  for (let i = 0; i < c.num_samples; i++) {
    const z = c.noise.slice(count * i, count * (i + 1)).map((x) => toTensor(x));
    const value = at(z.map((x) => x.mul(c.sigma))).item();
    delta = value - delta;
    z.forEach((x, j) => {
      const add = (into: Tensor[], weight: number) => {
        const own = x.mul(weight / c.num_samples);
        into[j] = into[j]?.add(own) ?? own;
      };
      add(sums.published, c.sigma * delta);
      add(sums.textbook, (value - center) / c.sigma);
    });
  }
  return sums;
}

Deno.test("golden zero_order.json: modules", () => {
  runAll(golden.cases.filter(({ kind }) => kind === "module"), (c) => {
    const noise = stored(c.noise);
    class Model extends nn.ZeroOrderGradientModule {
      static override method = c.method;
      static override numSamples = c.num_samples;
      static override sigma = c.sigma;
      fc = new nn.Linear(3, 1, { dtype: c.dtype });
      forward(x: Tensor, y: Tensor): Tensor {
        return this.fc.call(x).squeeze(-1).tanh().sub(y).square().mean();
      }
      sample(shape: readonly number[]): Tensor {
        return noise(shape);
      }
    }
    const model = new Model();
    const start = {
      "fc.weight": toTensor(golden.w, c.dtype).reshape(1, -1),
      "fc.bias": toTensor(golden.c, c.dtype),
    };
    model.loadStateDict(start);
    const x = toTensor(golden.x, c.dtype), y = toTensor(golden.y, c.dtype);
    const value = model.call(x, y), grads = autograd.grad(value, model.parameters());
    if (c.method !== "forward" || c.grads_textbook !== undefined) return check(c, value, grads);
    // The file has the published formula only; it is checked on the way to the other.
    const own = byHand(c, ([w, b]) => {
      const moved = w === undefined ? start : {
        "fc.weight": start["fc.weight"].add(w),
        "fc.bias": start["fc.bias"].add(b),
      };
      return func.functionalCall(model, moved, x, y);
    });
    check(c, value, own.published);
    const [weight, bias] = own.textbook.map((g) => ({ ...g.toJSON(), data: [...g.data()] }));
    check({ ...c, grads: { weight, bias } as never }, value, grads);
  });
});
