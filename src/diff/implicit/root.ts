/**
 * Solutions of equations, with the derivative that the equation gives them.
 *
 * @module
 */

import { frozen } from "../../autodiff/frozen.ts";
import { implicit, type Leaves } from "../../autodiff/implicit.ts";
import { takeLike, type Vector } from "../../linalg/iterative/operator.ts";
import { isBad } from "../../linalg/iterative/status.ts";
import type { LinearSolver } from "../../linear_solve/solver.ts";
import { type PyTree, treeFlatten, treeUnflatten } from "../../pytree/mod.ts";
import { where } from "../../tensor/functions.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkResidual, checkSolve } from "./checks.ts";

/** What is known of an equation. */
export interface Equation {
  /** What messages call it. */
  readonly op: string;
  /** The solution, without a history. */
  readonly solution: Vector;
  /** Residual at a tree like the solution. */
  residual(x: unknown): unknown;
  /** Solves linear systems with the transposed Jacobian. */
  readonly solve: LinearSolver;
  /** Whether a doubtful solution is an error. */
  readonly strict: boolean;
  /** Whether a residual was looked at. */
  readonly seen: { done: boolean };
}

/** The leaves of the solution, with the derivative that `residual = 0` gives. */
export function implicitRoot(equation: Equation): Tensor[] {
  const { op, solution, solve, residual } = equation;
  const tree = (x: Leaves) => treeUnflatten(solution.def, x);
  const own = frozen(
    op,
    (x: Leaves) => takeLike(op, "the residual", residual(tree(x)), solution, "the solution"),
  );
  checkResidual(equation, own);
  return implicit(solution.leaves, own, (transposed, g) => {
    const matvec = (x: PyTree<Tensor>) => tree(transposed(leavesOf(x)));
    return solveWith(equation, solve, matvec, tree(g));
  });
}

const leavesOf = (tree: PyTree<Tensor>) => treeFlatten(tree).leaves;

function solveWith(
  equation: Equation,
  solve: LinearSolver,
  matvec: (x: PyTree<Tensor>) => PyTree<Tensor>,
  g: PyTree<Tensor>,
): Tensor[] {
  const { op, solution } = equation;
  const what = "what the linear solver returned";
  if (solve.solution === undefined) {
    return takeLike(op, what, solve(matvec, g), solution, "the solution");
  }
  const found = solve.solution(matvec, g);
  checkSolve(equation, found);
  const bad = isBad(found.tensors.status);
  return takeLike(op, what, found.value, solution, "the solution").map((u) => where(bad, NaN, u));
}
