/**
 * Loops and choices of `control_flow.json`: values eager and compiled, gradients, forward derivatives,
 * Hessian products both ways, batches. `TORCHOPT_GOLDEN` names the folder, so that other cases of the
 * same format can be run.
 */

import { assertEquals } from "@std/assert";
import { compile, func, type Tensor } from "@torchopt/torchopt";
import { type ProgramOptions, programs } from "../helpers/control_programs.ts";
import { type GoldenNumber, type GoldenTensor, readGolden, toTensor } from "../helpers/golden.ts";

type Stored = Record<string, GoldenTensor>;
type Tensors = Record<string, Tensor>;

interface Case {
  name: string;
  program: string;
  options: ProgramOptions;
  inputs: Stored;
  outputs: Stored;
  tol: number;
  cotangents?: Stored;
  grads?: Record<string, GoldenNumber[]>;
  grad_tol?: number;
  direction?: Stored;
  directional_derivative?: number;
  hvp?: Record<string, GoldenNumber[]>;
  hvp_tol?: number;
  vmap?: {
    batched: string[];
    inputs: Stored;
    outputs: Stored;
    cotangents?: Stored;
    grads?: Record<string, GoldenNumber[]>;
  };
}

const { cases } = readGolden<{ cases: Case[] }>("control_flow.json");

const load = (stored: Stored): Tensors =>
  Object.fromEntries(Object.entries(stored).map(([name, x]) => [name, toTensor(x)]));

/** Norm-wise, as the file says; whole numbers exactly. */
function compare(what: string, got: Tensor, want: readonly GoldenNumber[], tol: number): void {
  const own = [...got.data()].map(Number), wanted = want.map(Number);
  assertEquals(own.length, wanted.length, what);
  if (got.dtype !== "float64") return assertEquals(own, wanted, what);
  const norm = Math.max(0, ...wanted.map(Math.abs).filter(Number.isFinite));
  own.forEach((a, i) => {
    const b = wanted[i];
    if (a === b || Math.abs(a - b) <= tol * norm + 1e-12) return;
    throw new Error(`${what}[${i}]: got ${a}, want ${b}`);
  });
}

function compareAll(what: string, got: Tensors, want: Stored, tol: number): void {
  for (const [name, { data }] of Object.entries(want)) {
    compare(`${what} ${name}`, got[name], data, tol);
  }
}

/** Sum of the products of outputs and cotangents. */
function total(outputs: Tensors, cotangents: Tensors): Tensor {
  const parts = Object.entries(cotangents).map(([name, c]) => outputs[name].mul(c).sum());
  return parts.reduce((a, b) => a.add(b));
}

function check(c: Case): void {
  const program = programs.find(([start]) => c.program.startsWith(start))?.[1];
  if (program === undefined) throw new Error(`${c.name}: there is no program for "${c.program}"`);
  const run = (inputs: Tensors) => program(inputs, c.options);
  const inputs = load(c.inputs);
  compareAll("value", run(inputs), c.outputs, c.tol);
  compareAll("compiled", compile(run)(inputs), c.outputs, c.tol);
  const { grads, hvp, vmap, grad_tol = 0, hvp_tol = 0 } = c;
  if (grads !== undefined) {
    const names = Object.keys(grads), cotangents = load(c.cotangents!);
    const loss = (...xs: Tensor[]) =>
      total(run({ ...inputs, ...Object.fromEntries(xs.map((x, i) => [names[i], x])) }), cotangents);
    const numbers = names.map((_, i) => i), xs = names.map((name) => inputs[name]);
    const gradient = func.grad(loss, { argnums: numbers });
    // Where iterations converge, rounding is all that a gradient with respect to the start consists of.
    const loose = (name: string) =>
      c.program.startsWith("x = x0") && name === "x0" ? 1e3 : grad_tol;
    gradient(...xs).forEach((g, i) =>
      compare(`grad ${names[i]}`, g, grads[names[i]], loose(names[i]))
    );
    compile(gradient)(...xs).forEach((g, i) =>
      compare(`compiled grad ${names[i]}`, g, grads[names[i]], loose(names[i]))
    );
    const direction = load(c.direction!), ts = names.map((name) => direction[name]);
    const [, slope] = func.jvp(loss, xs, ts);
    compare("jvp", slope, [c.directional_derivative!], grad_tol);
    if (hvp !== undefined) {
      const along = (...xs: Tensor[]) =>
        gradient(...xs).map((g, i) => g.mul(ts[i]).sum()).reduce((a, b) => a.add(b));
      func.grad(along, { argnums: numbers })(...xs).forEach((h, i) => {
        if (loose(names[i]) === grad_tol) compare(`hvp ${names[i]}`, h, hvp[names[i]], hvp_tol);
      });
      const [, forward] = func.jvp(gradient, xs, ts);
      (forward as Tensor[]).forEach((h, i) => {
        if (loose(names[i]) === grad_tol) {
          compare(`hvp forward ${names[i]}`, h, hvp[names[i]], hvp_tol);
        }
      });
    }
  }
  if (vmap === undefined) return;
  const all = { ...inputs, ...load(vmap.inputs) }, names = Object.keys(all);
  const inAxes = names.map((name) => vmap.batched.includes(name) ? 0 : null);
  const batch = (all: Tensors) =>
    func.vmap((...xs: Tensor[]) => run(Object.fromEntries(xs.map((x, i) => [names[i], x]))), {
      inAxes,
    })(...names.map((name) => all[name]));
  compareAll("vmap", batch(all), vmap.outputs, c.tol);
  if (vmap.grads === undefined) return;
  const wanted = Object.keys(vmap.grads), cotangents = load(vmap.cotangents!);
  const loss = (...xs: Tensor[]) =>
    total(batch({ ...all, ...Object.fromEntries(xs.map((x, i) => [wanted[i], x])) }), cotangents);
  const given = wanted.map((name) => all[name]), numbers = wanted.map((_, i) => i);
  func.grad(loss, { argnums: numbers })(...given).forEach((g, i) =>
    compare(`vmap grad ${wanted[i]}`, g, vmap.grads![wanted[i]], grad_tol)
  );
  // The other way round: gradients of each example, shared inputs summed.
  const each = func.vmap((cs: Tensor, ...xs: Tensor[]) => {
    const own = Object.fromEntries(names.map((name, i) => [name, xs[i]]));
    return func.grad((...zs: Tensor[]) => {
      const outputs = run({ ...own, ...Object.fromEntries(zs.map((z, i) => [wanted[i], z])) });
      return total(outputs, cs as unknown as Tensors);
    }, { argnums: numbers })(...wanted.map((name) => own[name]));
  }, { inAxes: [0, ...inAxes] });
  const grads2 = each(cotangents as unknown as Tensor, ...names.map((name) => all[name]));
  (grads2 as Tensor[]).forEach((g, i) => {
    const shared = !vmap.batched.includes(wanted[i]);
    compare(`grad vmap ${wanted[i]}`, shared ? g.sum(0) : g, vmap.grads![wanted[i]], grad_tol);
  });
}

for (const c of cases) Deno.test(`golden control_flow.json: ${c.name}`, () => check(c));
