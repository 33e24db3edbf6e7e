/**
 * Loops of ONNX operators, for algorithms that have no compiled kernel.
 *
 * @module
 */

import type { LowerContext } from "../../graph/lower_context.ts";
import type { Aval } from "../../graph/node.ts";

/** A value that a loop carries from one iteration to the next, with its type and unchanging shape. */
export interface LoopState extends Aval {
  /** Name of the value before the first iteration. */
  readonly name: string;
}

/** What the body of a loop gives. */
export interface LoopStep {
  /** Names of the carried values after the iteration. */
  readonly states: readonly string[];
  /** Whether another iteration follows (one bool); left out, only the count ends the loop. */
  readonly go?: string;
}

/**
 * A loop of `count` iterations (a number, or the name of an int64 scalar) over carried values, which it
 * returns. The body gets the number of the iteration (int64 scalar) and the values, and may use any
 * value emitted before. On CUDA it costs copies to the host.
 */
export function emitLoop(
  c: LowerContext,
  count: number | string,
  states: readonly LoopState[],
  body: (iteration: string, states: readonly string[]) => LoopStep,
): string[] {
  const flag: Aval = { dtype: "bool", shape: [] };
  const inputs: Aval[] = [{ dtype: "int64", shape: [] }, flag, ...states];
  const graph = c.subgraph(inputs, [flag, ...states], ([turn, going, ...values]) => {
    const { states: next, go = going } = body(turn, values);
    return [go, ...next];
  });
  const trips = typeof count === "number" ? c.scalar("int64", count) : count;
  const operands = [trips, c.scalar("bool", 1), ...states.map((x) => x.name)];
  return c.ops("Loop", operands, { body: graph }, { outputs: states.length });
}
