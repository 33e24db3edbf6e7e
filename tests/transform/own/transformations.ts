/** Transformations as users write them: pure functions in the manner of optax; what they give. */

import {
  chain,
  type GradientTransformation,
  gradientTransformation,
  type Tensor,
  tensor,
  type TensorTree,
  transform,
  zerosLike,
} from "@torchopt/torchopt";
import { treeMap } from "@torchopt/torchopt/pytree";

export const f64 = (data: number | number[]) => tensor(data, { dtype: "float64" });
export const leaf = (data: number | number[]) =>
  tensor(data, { dtype: "float64", requiresGrad: true });
export const list = (t: Tensor) => Array.from(t.data(), Number);

/** Momentum 0.5: the state is what is returned as updates. */
export const momentum = () =>
  gradientTransformation({
    init: (params) => treeMap((p: Tensor) => zerosLike(p), params),
    update(grads, m) {
      const n = treeMap((g: Tensor, old: Tensor) => old.mul(0.5).add(g), grads, m);
      return [n, n];
    },
  });

/** The same as a plain object, which functions that take transformations take as well. */
export const plain = () => ({
  init: (params: TensorTree) => treeMap((p: Tensor) => zerosLike(p), params),
  update(grads: TensorTree, m: TensorTree) {
    const n = treeMap((g: Tensor, old: Tensor) => old.mul(0.5).add(g), grads, m);
    return [n, n];
  },
} as unknown as GradientTransformation);

/** Sums of gradients [1, 2] with momentum 0.5. */
export const expected = [[1, 2], [1.5, 3], [1.75, 3.5], [1.875, 3.75]];
export const grad = () => ({ w: f64([1, 2]) });

/** What parameters become under learning rate 1 and gradients [1, 2]. */
export const walked = (n: number) =>
  [0, 1].map((i) => -expected.slice(0, n).reduce((a, e) => a + e[i], 0));
export const descending = (t: GradientTransformation) => chain(t, transform.scale(-1));
