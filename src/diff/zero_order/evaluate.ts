/**
 * Values of a function at points along directions: all in one graph, or one after another.
 *
 * @module
 */

import { vmap } from "../../autodiff/vmap.ts";
import { DTypeError, ShapeError } from "../../graph/errors.ts";
import { isFloat } from "../../graph/node.ts";
import { showShape } from "../../graph/shape.ts";
import { tensor } from "../../tensor/creation.ts";
import { stack } from "../../tensor/functions.ts";
import { checkTensor } from "../../tensor/promotion.ts";
import { defaultGenerator } from "../../tensor/random/source.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { currentTrace } from "../../tensor/trace.ts";
import type { Settings } from "./options.ts";

/** A function of what is differentiated. */
export type Objective = (leaves: readonly Tensor[]) => Tensor;

/** Throws unless a function returned a floating-point tensor without dimensions. */
export function checkValue(op: string, value: unknown): Tensor {
  checkTensor(op, "what the function returned", value);
  if (value.shape.length > 0) {
    throw new ShapeError(
      `${op}: the function returned a tensor of shape ${
        showShape(value.shape)
      }, wants one without ` +
        `dimensions, such as a sum() or mean().`,
    );
  }
  if (isFloat(value.dtype)) return value;
  throw new DTypeError(
    `${op}: the function returned ${value.dtype}, wants floating point; convert it with ` +
      `to("float32").`,
  );
}

/** Where to evaluate: at `x + sign * sigma * z` for all samples and some signs. */
export interface Points {
  /** What is differentiated. */
  readonly leaves: readonly Tensor[];
  /** A direction [n, ...shape] for each of them. */
  readonly noise: readonly Tensor[];
  /** Multiples of sigma. */
  readonly signs: readonly number[];
}

/** Values of all samples at all signs: [signs, n], and whether they came from one graph. */
export interface Values {
  readonly values: Tensor;
  readonly batched: boolean;
}

const moved = (x: Tensor, z: Tensor, by: number | Tensor) => by === 0 ? x : x.add(z.mul(by));

/** All samples in one graph. */
function inBatch(fn: Objective, { leaves, noise, signs }: Points, settings: Settings): Tensor {
  const n = settings.numSamples, { sigma } = settings, randomness = "different";
  const each = (...own: Tensor[]) => fn(own);
  if (settings.commonRandomNumbers) {
    const steps = tensor(signs.map((s) => s * sigma), {
      dtype: "float64",
      device: leaves[0]?.device,
    });
    // The signs of a sample share what is drawn, the samples do not.
    const pair = vmap((...z: Tensor[]) =>
      vmap(
        (step) => fn(leaves.map((x, j) => moved(x, z[j], step.to(x.dtype)))),
        { randomness: "same" },
      )(steps), { randomness });
    return pair(...noise).t();
  }
  const points = noise.map((z, j) => {
    if (signs.length === 1) return moved(leaves[j], z, signs[0] * sigma);
    const steps = tensor(signs.map((sign) => sign * sigma), { dtype: z.dtype, device: z.device });
    return moved(leaves[j], z, steps.reshape(-1, ...z.shape.map(() => 1))).flatten(0, 1);
  });
  return vmap(each, { randomness })(...points).reshape(signs.length, n);
}

/** Samples one after another. */
function inLoop(fn: Objective, { leaves, noise, signs }: Points, settings: Settings): Tensor {
  const generator = defaultGenerator(), { sigma, commonRandomNumbers } = settings;
  if (commonRandomNumbers && currentTrace() !== null) {
    throw new RangeError(
      "zeroOrder: commonRandomNumbers cannot be drawn again in a loop while a function is traced; " +
        'leave evaluation: "loop" out.',
    );
  }
  const values = Array.from({ length: settings.numSamples }, (_, i) => {
    const { state } = generator;
    return stack(signs.map((sign) => {
      if (commonRandomNumbers) generator.state = state;
      return fn(leaves.map((x, j) => moved(x, noise[j].select(0, i), sign * sigma)));
    }));
  });
  return stack(values, 1);
}

/** Evaluates a function at points, and remembers what it can do. */
export class Evaluator {
  /** Whether the function could not be traced before: it reads values, say. */
  #opaque = false;

  /** Values at points. */
  at(fn: Objective, points: Points, settings: Settings): Values {
    const { evaluation } = settings;
    if (evaluation === "batch") return { values: inBatch(fn, points, settings), batched: true };
    if (evaluation === "auto" && !this.#opaque) {
      // What a failed attempt drew is drawn again.
      const generator = defaultGenerator(), { state } = generator;
      const random = currentTrace()?.compiling?.random ?? [], { length } = random;
      try {
        return { values: inBatch(fn, points, settings), batched: true };
      } catch {
        generator.state = state;
        random.length = length;
      }
      const values = inLoop(fn, points, settings);
      this.#opaque = true;
      return { values, batched: false };
    }
    return { values: inLoop(fn, points, settings), batched: false };
  }
}
