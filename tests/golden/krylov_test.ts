/** Iterative solvers of linear systems: their cases of `linear.json`. */

import { assertEquals } from "@std/assert";
import { func, linalg, type Tensor } from "@torchopt/torchopt";
import {
  type GoldenNumber,
  type GoldenTensor,
  readGolden,
  runAll,
  toTensor,
} from "../helpers/golden.ts";
import "../helpers/seed.ts";

interface Case {
  name: string;
  kind: string;
  // deno-lint-ignore no-explicit-any
  options: any;
  maxiter: number[];
  restart: number[];
  cycles: number[];
  iterates: GoldenNumber[][];
  residual_norms?: number[];
  inputs: Record<string, GoldenTensor>;
  outputs: { x: GoldenTensor };
  cotangents: { x: GoldenTensor };
  grads: Record<string, GoldenNumber[]>;
  hvp_direction: Record<string, GoldenTensor>;
  hvp: Record<string, GoldenNumber[]>;
  tol: number;
  abs_tol?: number;
  grad_tol: number;
  hvp_tol: number;
  // deno-lint-ignore no-explicit-any
  [key: string]: any;
}

const golden = readGolden<{ systems: Record<string, GoldenTensor>; cases: Case[] }>("linear.json");

const methods = {
  cg: linalg.cgSolution,
  gmres: linalg.gmresSolution,
  bicgstab: linalg.bicgstabSolution,
};

/** Throws unless numbers are close in the largest norm. */
function assertNear(
  got: Tensor,
  want: readonly GoldenNumber[],
  tol: number,
  what: string,
  abs = 1e-14,
) {
  const own = [...got.data()].map(Number), wanted = want.map(Number);
  assertEquals(own.length, wanted.length, what);
  const size = Math.max(...wanted.map(Math.abs));
  wanted.forEach((w, i) => {
    if (Math.abs(own[i] - w) <= tol * size + abs) return;
    throw new Error(`${what}[${i}]: got ${own[i]}, want ${w} (${tol} of ${size})`);
  });
}

const system = (name: string | null) => name === null ? null : toTensor(golden.systems[name]);

/** Solves the system of a case. */
function solve(c: Case, method: keyof typeof methods, more: object) {
  const { A, b, M, x0, tol, atol } = c.options;
  const options = { rtol: tol, atol, M: system(M), ...more };
  return methods[method](system(A)!, system(b)!, system(x0), options);
}

const run: Record<string, (c: Case) => void> = {
  cg: (c) => iterates(c, "cg"),
  bicgstab: (c) => iterates(c, "bicgstab"),
  gmres: (c) =>
    c.iterates.forEach((want, i) => {
      const { value } = solve(c, "gmres", { restart: c.restart[i], maxiter: c.cycles[i] });
      assertNear(value, want, c.tol, `restart ${c.restart[i]}, ${c.cycles[i]} cycles`, c.abs_tol);
    }),
  krylov_converged(c) {
    const { value, status } = solve(c, c.options.method, {});
    assertEquals(status, "converged");
    assertNear(value, c.outputs.x.data, c.tol, "x", c.abs_tol);
  },
  cg_stop(c) {
    const { value, iterations, status } = solve(c, "cg", {});
    assertEquals([iterations, status], [c.iterations, "converged"]);
    assertNear(value, c.outputs.x.data, c.tol, "x", c.abs_tol);
  },
  krylov_gradients(c) {
    const { A, b } = Object.fromEntries(
      Object.entries(c.inputs).map(([k, v]) => [k, toTensor(v)]),
    );
    const method = methods[c.options.method as keyof typeof methods];
    const loss = (t: { A: Tensor; b: Tensor }) =>
      method(t.A, t.b, null, { rtol: c.options.tol }).value.mul(toTensor(c.cotangents.x)).sum();
    assertNear(method(A, b, null, { rtol: c.options.tol }).value, c.outputs.x.data, c.tol, "x");
    const direction = Object.fromEntries(
      Object.entries(c.hvp_direction).map(([k, v]) => [k, toTensor(v)]),
    ) as { A: Tensor; b: Tensor };
    const [grads, hv] = func.hvp(loss, { A, b }, direction);
    for (const k of ["A", "b"] as const) {
      assertNear(grads[k], c.grads[k], c.grad_tol, `grads.${k}`);
      assertNear(hv[k], c.hvp[k], c.hvp_tol, `hvp.${k}`);
    }
  },
};

function iterates(c: Case, method: "cg" | "bicgstab"): void {
  c.iterates.forEach((want, i) => {
    const found = solve(c, method, { maxiter: c.maxiter[i] });
    assertNear(found.value, want, c.tol, `${c.maxiter[i]} iterations`, c.abs_tol);
    if (c.residual_norms === undefined) return;
    const norm = c.residual_norms[i];
    if (Math.abs(found.residual - norm) <= c.tol * norm + 1e-13) return;
    throw new Error(`residual after ${c.maxiter[i]}: got ${found.residual}, want ${norm}`);
  });
}

for (const kind of Object.keys(run)) {
  Deno.test(`golden linear.json: ${kind} (iterative)`, () => {
    runAll(golden.cases.filter((c) => c.kind === kind), run[kind]);
  });
}
