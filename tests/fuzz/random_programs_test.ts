/**
 * Random programs over the tensor surface: the ways to run one have to agree. A failure names the seed
 * and the operations, so that it can be repeated and cut down.
 */

import {
  cat,
  checkpoint,
  compile,
  func,
  realize,
  stack,
  type Tensor,
  tensor,
  where,
} from "../../mod.ts";
import { functional as F } from "../../src/nn/mod.ts";
import { assertClose } from "../helpers/close.ts";
import { random } from "../helpers/random.ts";

const PROGRAMS = 60;
const f64 = { dtype: "float64" } as const;

/** A step of a program: makes a tensor of earlier ones. */
interface Step {
  readonly name: string;
  readonly run: (values: readonly Tensor[]) => Tensor;
  /** Place of the second operand, where there is one. */
  readonly other?: number;
}

/** Steps on inputs of some shapes; the result is what no step reads. */
interface Program {
  readonly shapes: readonly (readonly number[])[];
  readonly steps: readonly Step[];
  readonly results: readonly number[];
}

/** Operations on one tensor; `d` is a dimension, `k` a small number. Smooth, so that derivatives agree. */
const unary: Record<string, (x: Tensor, d: number, k: number) => Tensor> = {
  sin: (x) => x.sin(),
  tanh: (x) => x.tanh(),
  square: (x) => x.square(),
  softplus: (x) => x.softplus(),
  log: (x) => x.square().add(0.5).log(),
  pow: (x) => x.square().add(0.5).pow(0.7),
  detached: (x) => x.mul(x.detach()).add(x),
  self: (x) => x.add(x).sub(x.mul(2)),
  masked: (x) => where(x.gt(5), x.neg(), x),
  changed: (x, _d, k) => x.clone().mul_(0.5).add_(k),
  sum: (x, d) => x.sum(d),
  mean: (x, d) => x.mean(d, { keepdim: true }),
  prod: (x, d) => x.prod(d, { keepdim: true }),
  norm: (x) => x.square().add(0.1).norm(),
  softmax: (x, d) => x.softmax(d),
  logsumexp: (x, d) => x.logsumexp(d),
  cumsum: (x, d) => x.cumsum(d),
  flatten: (x) => x.flatten(),
  permute: (x) => x.permute(x.shape.map((_, i) => x.ndim - 1 - i)),
  expand: (x) => x.unsqueeze(0).expand([3, ...x.shape]),
  strided: (x) => x.flatten().slice([[null, null, -2]]),
  flip: (x, d) => x.flip(d),
  roll: (x, d, k) => x.roll(k, d),
  pad: (x, _d, k) => x.flatten().pad([k, 1]),
  split: (x, d) => x.flip(d).flatten().split(2)[0],
  stack: (x, d) => stack([x, x.neg()], d),
  repeat: (x, d) => cat([x.flatten(), x.flatten().narrow(0, 0, Math.min(d, x.size))]),
  gram: (x) => x.flatten(0, -1).reshape(-1, 1).matmul(x.reshape(1, -1)).narrow(1, 0, 1),
  conv: (x, _d, k) => F.conv1d(x.reshape(1, 1, -1), kernel(k), null, { padding: 1 }),
  select: (x, _d, k) => x.flatten().indexSelect(0, places([0, x.size - 1, k % x.size])),
  scatter: (x, _d, k) =>
    x.flatten().scatterAdd(0, places([0, k % x.size]), x.flatten().narrow(0, 0, 1).repeat(2)),
};
const binary: Record<string, (a: Tensor, b: Tensor) => Tensor> = {
  add: (a, b) => a.add(b),
  mul: (a, b) => a.mul(b),
  sub: (a, b) => a.sub(b, { alpha: 0.3 }),
  div: (a, b) => a.div(b.square().add(0.7)),
  lerp: (a, b) => a.lerp(b, 0.3),
  fma: (a, b) => a.sub(a.mul(b)),
};

const kernel = (k: number) => tensor([0.5, -0.2 * k, 0.3], { shape: [1, 1, 3], ...f64 });
const places = (at: number[]) => tensor(at, { dtype: "int64" });
const fits = (a: readonly number[], b: readonly number[]) =>
  a.every((d, i) => {
    const other = b[b.length - a.length + i] ?? 1;
    return d === other || d === 1 || other === 1;
  });

/** A program; steps that make too much, or numbers too large, are left out. */
function generate(seed: number): Program {
  const next = random(seed);
  const below = (n: number) => Math.floor(next() * n);
  const pick = <T>(xs: readonly T[]): T => xs[below(xs.length)];
  const base = Array.from({ length: below(4) }, () => 1 + below(4));
  const shapes = Array.from({ length: 1 + below(3) }, () => base.map((d) => next() < 0.2 ? 1 : d));
  const values = inputs(shapes), used = new Set<number>(), steps: Step[] = [];
  for (let tries = 0; tries < 40 && steps.length < 8; tries++) {
    const a = below(values.length), b = below(values.length);
    const { shape } = values[a], d = below(Math.max(1, shape.length)), k = 1 + below(3);
    let step: Step;
    if (next() < 0.3) {
      if (!fits(shape, values[b].shape)) continue;
      const name = pick(Object.keys(binary));
      step = { name: `${name}(${a}, ${b})`, run: (v) => binary[name](v[a], v[b]), other: b };
    } else {
      const name = pick(Object.keys(unary));
      step = { name: `${name}(${a}, ${d}, ${k})`, run: (v) => unary[name](v[a], d, k) };
    }
    if (shape.length === 0 && /^(sum|mean|prod|softmax|stack)/.test(step.name)) continue;
    const value = step.run(values);
    if (value.size > 300 || value.abs().amax().item() > 50) continue;
    steps.push(step);
    values.push(value);
    used.add(a);
    if (step.other !== undefined) used.add(step.other);
  }
  const results = values.map((_, i) => i).filter((i) => i >= shapes.length && !used.has(i));
  return { shapes, steps, results: results.length > 0 ? results : [values.length - 1] };
}

function inputs(shapes: Program["shapes"], batch: readonly number[] = []): Tensor[] {
  return shapes.map((shape, k) => {
    const n = [...batch, ...shape].reduce((a, b) => a * b, 1);
    const data = Array.from({ length: n }, (_, i) => Math.sin(1.7 * i + k + 0.3));
    return tensor(data, { shape: [...batch, ...shape], ...f64 });
  });
}

/** The program as a function; `after` sees every value as soon as it is there. */
const functionOf =
  ({ steps, results }: Program, after = (_: Tensor) => {}) => (...xs: Tensor[]) => {
    const values = [...xs];
    for (const step of steps) {
      values.push(step.run(values));
      after(values[values.length - 1]);
    }
    return results.map((i) => values[i]);
  };

function assertSame(actual: Tensor[], wanted: Tensor[], what: string): void {
  realize(...actual, ...wanted);
  actual.forEach((t, k) => assertClose(t, wanted[k], 1e-8, `${what}, result ${k}`));
}

Deno.test("random programs give the same however they are run and differentiated", () => {
  for (let seed = 0; seed < PROGRAMS; seed++) {
    const program = generate(seed), f = functionOf(program);
    const xs = inputs(program.shapes), all = xs.map((_, i) => i);
    const text = `seed ${seed}: [${program.shapes.join("] [")}] ` +
      program.steps.map((s) => s.name).join("; ");
    const loss = (f: (...xs: Tensor[]) => Tensor[]) => (...xs: Tensor[]) =>
      f(...xs).map((y, i) => y.mul(0.4 + 0.2 * i).tanh().sum()).reduce((a, b) => a.add(b));
    const gradient = (f: (...xs: Tensor[]) => Tensor) => func.grad(f, { argnums: all });

    const values = functionOf(program, (t) => realize(t))(...xs);
    assertSame(f(...xs), values, `lazily, ${text}`);
    const compiled = compile(f);
    assertSame(compiled(...xs), values, `compiled, ${text}`);
    assertSame(compiled(...xs.map((x) => x.clone())), values, `compiled, again, ${text}`);

    const first = gradient(loss(f))(...xs);
    assertSame(compile(gradient(loss(f)))(...xs), first, `compiled gradient, ${text}`);
    assertSame(gradient(loss(compiled))(...xs), first, `gradient of compiled, ${text}`);
    assertSame(gradient(loss(checkpoint(f)))(...xs), first, `checkpoint, ${text}`);
    const twice = (f: (...xs: Tensor[]) => Tensor[]) =>
      gradient((...xs) => loss(gradient(loss(f)))(...xs));
    assertSame(twice(checkpoint(f))(...xs), twice(f)(...xs), `second order, ${text}`);

    const batches = inputs(program.shapes, [3]);
    for (const [run, what] of [[f, "values"], [gradient(loss(f)), "gradients"]] as const) {
      const rows = [0, 1, 2].map((b) => run(...batches.map((x) => x.select(0, b))) as Tensor[]);
      const wanted = rows[0].map((_, k) => stack(rows.map((row) => row[k])));
      assertSame(func.vmap(run)(...batches), wanted, `vmap, ${what}, ${text}`);
      assertSame(compile(func.vmap(run))(...batches), wanted, `compiled vmap, ${what}, ${text}`);
    }
  }
});
