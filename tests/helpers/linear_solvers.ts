/** Linear solvers by the text of a call of the reference. */

import { linearSolve } from "@torchopt/torchopt";

const solvers = {
  solve_cg: linearSolve.solveCg,
  solve_normal_cg: linearSolve.solveNormalCg,
  solve_inv: linearSolve.solveInv,
};

/** A solver by a text such as `solve_cg(rtol=1e-12,maxiter=200)`. */
export function toSolver(call: string): linearSolve.LinearSolver {
  const [, name, list] = /^(\w+)\((.*)\)$/.exec(call)!;
  const options = Object.fromEntries(
    list.split(",").filter((part) => part !== "").map((part) => {
      const [key, value] = part.trim().split("=");
      return [key, value === "True" ? true : value === "False" ? false : Number(value)];
    }),
  );
  return solvers[name as keyof typeof solvers](options);
}
