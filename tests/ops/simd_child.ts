/** Prints what the kernels compute, for `simd_test.ts`: lists of numbers by name. */

import { func, manualSeed, randn, realize, type Tensor } from "../../mod.ts";

manualSeed(7);
const tensors: Record<string, Tensor> = {};
const note = (name: string, x: Tensor) => tensors[name] = x;

for (const dtype of ["float32", "float64"] as const) {
  // Whole vectors, what is left behind them, and less than one.
  for (const n of [1, 7, 16, 67]) {
    const x = randn([n], { dtype }).mul(3), y = randn([n], { dtype });
    const of: Record<string, Tensor> = {
      products: x.mul(y).add(x).sub(y.div(x.square().add(1))),
      exponentials: x.exp().add(x.sigmoid()).add(x.tanh()).add(x.expm1()),
      logarithms: x.abs().log().add(x.square().log1p()).add(x.abs().sqrt()),
      rounded: x.floor().add(x.ceil()).add(x.round()).add(x.abs()),
      waves: x.sin().add(x.cos()).add(x.erf()),
      chosen: x.maximum(y).add(x.minimum(y)).add(x.where(x.gt(y), y)),
      sum: x.sum(),
      product: x.prod(),
      most: x.amax().add(x.amin()),
      rows: x.unsqueeze(1).mul(y).sum(1),
      columns: x.unsqueeze(1).mul(y).sum(0),
    };
    for (const [name, value] of Object.entries(of)) note(`${name} of ${n}, ${dtype}`, value);
  }
  for (
    const [m, k, n] of [[1, 20, 17], [20, 33, 1], [2, 9, 40], [9, 40, 10], [23, 5, 35], [
      70,
      300,
      50,
    ]]
  ) {
    const a = randn([m, k], { dtype }), b = randn([k, n], { dtype });
    const at = a.t().clone(), bt = b.t().clone(), name = `${m}x${k}x${n}, ${dtype}`;
    note(`a b, ${name}`, a.matmul(b));
    note(`a' b, ${name}`, at.t().matmul(b));
    note(`a b', ${name}`, a.matmul(bt.t()));
    note(`a' b', ${name}`, at.t().matmul(bt.t()));
    note(`turned, ${name}`, a.matmul(bt.mul(2).t().add(1)));
  }
  // Repeated rows of every length, and a product for each example.
  for (const n of [1, 16, 21]) {
    const bias = randn([5, 7], { dtype }),
      x = randn([5, 7, n], { dtype }),
      w = randn([5, n, 2], { dtype });
    note(`bias of ${n}, ${dtype}`, x.add(bias.unsqueeze(2)).tanh());
    note(`batch of ${n}, ${dtype}`, func.vmap((x: Tensor, w: Tensor) => x.matmul(w))(x, w));
  }
}
realize(Object.values(tensors));
const lists = Object.entries(tensors).map(([name, x]) => [name, Array.from(x.data(), Number)]);
console.log(JSON.stringify(Object.fromEntries(lists)));
