/**
 * Zero-order differentiation: gradients from values alone.
 *
 * @module
 */

import { customVjp } from "../../autodiff/custom_vjp.ts";
import { isGradEnabled } from "../../autodiff/modes.ts";
import { checkFunction } from "../../tensor/describe.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { signsOf, weightedSum, weightsOf } from "./estimate.ts";
import { checkValue, Evaluator } from "./evaluate.ts";
import { checkDistribution, directions } from "./noise.ts";
import { type Settings, settingsOf } from "./options.ts";
import { snapshot, targetOf, withoutDerivative } from "./target.ts";
import type { Samplable, SampleFunction, ZeroOrderOptions } from "./types.ts";

const OP = "zeroOrder";

/** The estimator; `diff.zeroOrder` documents it. */
export function zeroOrder(
  distribution: Samplable | SampleFunction,
  options: ZeroOrderOptions = {},
): <A extends unknown[] = Tensor[]>(fn: (...args: A) => Tensor) => (...args: A) => Tensor {
  const settings = settingsOf(OP, options);
  checkDistribution(OP, distribution);
  return (fn) => {
    checkFunction(OP, fn);
    return estimated(distribution, settings, fn);
  };
}

function estimated<A extends unknown[]>(
  distribution: Samplable | SampleFunction,
  settings: Settings,
  fn: (...args: A) => Tensor,
): (...args: A) => Tensor {
  const evaluator = new Evaluator();
  return (...args) => {
    const target = targetOf(OP, args, settings.argnums);
    // The gradient is that at the arguments of the call, whatever becomes of them until it is taken.
    const then = targetOf(OP, snapshot(args), settings.argnums);
    const call = customVjp(
      (leaves: readonly Tensor[]) => checkValue(OP, fn(...target.replaced(leaves) as A)),
      (g: Tensor, { args: [leaves], output }) => {
        const noise = directions(OP, distribution, leaves, settings);
        const points = { leaves, noise, signs: signsOf(settings) };
        const objective = (own: readonly Tensor[]) =>
          checkValue(OP, fn(...then.replaced(own) as A));
        const { values, batched } = evaluator.at(objective, points, settings);
        const weights = weightsOf(OP, values, output, settings);
        const grads = noise.map((z) => weightedSum(weights, z));
        const hidden = !batched && isGradEnabled() && !values.requiresGrad &&
          leaves.some((x) => x.requiresGrad);
        const known = hidden ? withoutDerivative(OP, grads, leaves) : grads;
        return [known.map((x) => x.mul(g.to(x.dtype)))];
      },
    );
    return call(target.leaves);
  };
}
