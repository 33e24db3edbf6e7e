/**
 * Zero-order differentiation of functions that return promises.
 *
 * @module
 */

import { customVjp } from "../../autodiff/custom_vjp.ts";
import { isGradEnabled, noGrad } from "../../autodiff/modes.ts";
import { tensor } from "../../tensor/creation.ts";
import { stack } from "../../tensor/functions.ts";
import { describe } from "../../tensor/describe.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { forbidInTrace } from "../../tensor/trace.ts";
import { signsOf, weightedSum, weightsOf } from "./estimate.ts";
import { checkValue } from "./evaluate.ts";
import { checkDistribution, directions } from "./noise.ts";
import { checkCount, ESTIMATOR, type Settings, settingsOf } from "./options.ts";
import { type Target, targetOf, withoutDerivative } from "./target.ts";
import type { Samplable, SampleFunction, ZeroOrderAsyncOptions } from "./types.ts";

const OP = "zeroOrderAsync";

/** What an asynchronous function may return: its value, or a promise of it. */
export type AsyncValue = Tensor | number | Promise<Tensor | number>;

/**
 * Like `zeroOrder`, for functions that return promises: simulators in other processes, say, or
 * services. The values for the gradient are computed when the new function is called, since a backward
 * pass does not wait; at most `concurrency` calls are under way at a time.
 *
 * The result depends on the noise alone, not on the order in which calls are done. Where no argument of
 * `argnums` requires a gradient, or inside `noGrad`, `fn` is called once. After a call that fails no
 * further one is begun, and the promise is rejected with its error when those under way are done. The
 * estimate cannot be differentiated again.
 *
 * @param distribution as for `zeroOrder`
 * @param options those of `zeroOrder` but `commonRandomNumbers` and `evaluation`, and `concurrency`
 *   (default 8)
 * @returns a function of functions: give it `fn`, which returns a number or a tensor without
 *   dimensions, or a promise of one. It must not change its arguments.
 * @throws what `zeroOrder` throws; what `fn` gives is checked when its promise is done
 *
 * @example
 * ```ts
 * import { autograd, diff, type Tensor, tensor } from "@torchopt/torchopt";
 * import { assertEquals } from "@std/assert";
 *
 * const one = (shape: readonly number[]) => tensor(1).expand(shape);
 * const reward = diff.zeroOrder.zeroOrderAsync(one, { method: "antithetic", concurrency: 2 })(
 *   async (x: Tensor) => {
 *     const [value] = await x.dataAsync();
 *     return -(Number(value) ** 2);
 *   },
 * );
 * const x = tensor(3, { requiresGrad: true });
 * const value = await reward(x);
 * assertEquals(value.item(), -9);
 * assertEquals(autograd.grad(value, [x])[0]!.item(), -6);
 * ```
 */
export function zeroOrderAsync(
  distribution: Samplable | SampleFunction,
  options: ZeroOrderAsyncOptions = {},
): <A extends unknown[] = Tensor[]>(
  fn: (...args: A) => AsyncValue,
) => (...args: A) => Promise<Tensor> {
  const { concurrency, ...others } = options ?? {};
  const settings = settingsOf(OP, options === null ? options : others, [
    ...ESTIMATOR,
    "concurrency",
  ]);
  const limit = concurrency ?? 8;
  checkCount(OP, "concurrency", limit);
  checkDistribution(OP, distribution);
  return (fn) => {
    if (typeof fn !== "function") {
      throw new TypeError(`${OP}: the argument is ${describe(fn)}, wants a function.`);
    }
    return async (...args) => {
      forbidInTrace(`${OP}()`);
      const target = targetOf(OP, args, settings.argnums), { leaves } = target;
      const wanted = isGradEnabled() && leaves.some((x) => x.requiresGrad);
      // Noise is drawn before anything waits, and values belong to the arguments as they are now.
      const now = noGrad(() => leaves.map((x) => x.clone()));
      const noise = wanted ? noGrad(() => directions(OP, distribution, leaves, settings)) : [];
      const points = wanted ? pointsOf(now, noise, settings) : [];
      const call = async (point: readonly Tensor[]) =>
        valueOf(await fn(...target.replaced(point) as never), leaves[0]?.dtype);
      const [center, ...values] = await inTurn([now, ...points], call, limit);
      if (!wanted) return center;
      return withGradient(center, values, noise, settings, target);
    };
  };
}

/** The points to evaluate: for each sign all samples. */
function pointsOf(
  leaves: readonly Tensor[],
  noise: readonly Tensor[],
  settings: Settings,
): Tensor[][] {
  return noGrad(() =>
    signsOf(settings).flatMap((sign) =>
      Array.from(
        { length: settings.numSamples },
        (_, i) => leaves.map((x, j) => x.add(noise[j].select(0, i).mul(sign * settings.sigma))),
      )
    )
  );
}

function valueOf(value: unknown, dtype: Tensor["dtype"] | undefined): Tensor {
  const own = typeof value === "number" ? tensor(value, { dtype }) : value;
  return checkValue(OP, own).detach();
}

/** Results in the order of `inputs`, with at most `limit` calls under way. */
async function inTurn<T, R>(
  inputs: readonly T[],
  call: (input: T) => Promise<R>,
  limit: number,
): Promise<R[]> {
  const results: R[] = new Array(inputs.length);
  const errors: unknown[] = [];
  let next = 0;
  const worker = async () => {
    while (next < inputs.length && errors.length === 0) {
      const i = next++;
      try {
        results[i] = await call(inputs[i]);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, inputs.length) }, worker));
  if (errors.length > 0) throw errors[0];
  return results;
}

/** The value, with the estimated gradient as its derivative. */
function withGradient(
  center: Tensor,
  flat: readonly Tensor[],
  noise: readonly Tensor[],
  settings: Settings,
  target: Target,
): Tensor {
  const { leaves } = target;
  const weights = noGrad(() => {
    const values = stack([...flat]).reshape(-1, settings.numSamples);
    return weightsOf(OP, values, center, settings);
  });
  const grads = noGrad(() => noise.map((z) => weightedSum(weights, z)));
  const call = customVjp(
    (_leaves: readonly Tensor[]) => center,
    (g: Tensor, { args: [own] }) => {
      const known = isGradEnabled() ? withoutDerivative(OP, grads, own) : grads;
      return [known.map((x) => x.mul(g.to(x.dtype)))] as never;
    },
  );
  return call(leaves);
}
