/**
 * The answers of this library.
 *
 * @module
 */

import * as t from "../../mod.ts";
import { close } from "./close.ts";

const f64 = { dtype: "float64" } as const;
const leaf = (x: number | number[]) => t.tensor(x, { requiresGrad: true });
type T = t.Tensor;

export const third_order = () => {
  const f = t.func.grad(t.func.grad(t.func.grad((x: T) => x.pow(4))));
  close(f(t.tensor(2)).item(), 48);
};
export const forward_mode = () =>
  close(t.func.jvp((x: T) => x.sin(), [t.tensor(0)], [t.tensor(2)])[1].item(), 2);
export const hessian = () =>
  close(t.func.hessian((x: T) => x.pow(3).sum())(t.tensor([2])).item(), 12);
export const per_example = () => {
  const g = t.func.vmap(t.func.grad((x: T) => x.square()))(t.tensor([1, 3]));
  close(g.select(0, 1).item(), 6);
};
export const custom_rule = () => {
  const f = t.customVjp((x: T) => x.square(), (g: T) => [g.mul(7)]);
  close(t.func.grad((x: T) => f(x))(t.tensor(1)).item(), 7);
};
export const checkpoint = () => {
  const f = t.checkpoint((x: T) => x.sin());
  close(t.func.grad((x: T) => f(x))(t.tensor(0)).item(), 1);
};
export const adam_differentiable = () => {
  const lr = leaf(0.1), w = leaf([1]), optimizer = t.adam({ lr });
  const [g] = t.autograd.grad(w.square().sum(), [w], { createGraph: true });
  const [u] = optimizer.update([g!], optimizer.init([w]), { params: [w], inplace: false });
  const [next] = t.applyUpdates([w], u, { inplace: false }) as T[];
  close(t.autograd.grad(next.sum(), [lr])[0]!.item(), -1);
};
export const inplace_module = () => {
  const net = new t.nn.Linear(1, 1), optimizer = new t.MetaSGD(net, { lr: 0.1 });
  const state = t.extractStateDict(net), first = net.weight, x = t.ones([1, 1]);
  optimizer.step(net.call(x).square().sum());
  net.call(x).square().sum().backward();
  t.recoverStateDict(net, state);
  if (net.weight !== first || first.grad === null) throw new Error("no gradient");
};
export const optimizer_chain = () => {
  const o = t.chain(t.clipGradNorm(1), t.sgd({ lr: 1 }));
  const [[u]] = o.update([t.tensor([3])], o.init([t.tensor([0])])) as unknown as [T[]];
  close(u.item(), -1, 1e-4);
};
export const learned_schedule = () => close(t.schedule.linearSchedule(1, 0, 10)(5) as number, 0.5);
const root = (a: T) =>
  t.diff.implicit.customRoot((x: T, a: T) => x.square().sub(a), { argnums: 1 })(
    (_: T, a: T) => a.sqrt(),
  )(t.tensor(1, f64), a) as T;
export const implicit_root = () => close(t.func.grad(root)(t.tensor(4, f64)).item(), 1 / 4);
export const implicit_second = () =>
  close(t.func.grad(t.func.grad(root))(t.tensor(4, f64)).item(), -1 / 32);
export const zero_order = () => {
  t.manualSeed(0);
  const noise = new t.distributions.Normal(0, 1);
  const f = t.diff.zeroOrder(noise, { method: "antithetic", numSamples: 500, sigma: 0.1 })(
    (x: T) => x.square(),
  );
  close(t.func.grad((x: T) => f(x))(t.tensor(3)).item(), 6, 1);
};
export const linear_solver = () => {
  const b = leaf([2]), x = t.linalg.cg((v: T) => v.mul(4), b);
  close(t.autograd.grad(x.sum(), [b])[0]!.item(), 1 / 4);
};
export const minimize = () =>
  close(t.solvers.minimize((x: T) => x.sub(3).square(), t.tensor(0, f64)).value.item(), 3, 1e-4);
export const scan = () => {
  const f = (a: T) =>
    t.func.scan((h: T, x: T): [T, T] => [h.mul(a).add(x), h], t.tensor(0), t.ones([3]))[0];
  close(t.func.grad(f)(t.tensor(2)).item(), 5);
};
export const while_gradient = () => {
  const f = (a: T) =>
    t.func.whileLoop((x: T) => x.lt(10), (x: T) => x.mul(2), a, { maxIterations: 20 });
  close(t.func.grad(f)(t.tensor(1)).item(), 16);
};
export const compiled_step = () => {
  const w = leaf([1]), optimizer = new t.Adam([w], { lr: 0.1 });
  const step = t.compile(() => {
    optimizer.zeroGrad();
    w.square().sum().backward();
    optimizer.step();
  });
  step();
  close(w.item(), 0.9, 1e-4);
};
export const float64 = () => {
  const x = t.tensor([1e-12], f64);
  close(x.expm1().div(1e-12).matmul(t.ones([1], f64)).item(), 1, 1e-11);
};
export const complex = () => t.tensor([1], { dtype: "complex64" as t.DType });
export const sparse = () => absent(t, ["sparse", "sparseCooTensor"]);
export const recurrent_layer = () => absent(t.nn, ["LSTM"]);
export const distributions = () => {
  t.manualSeed(0);
  const { Normal, klDivergence } = t.distributions, mu = leaf(1);
  const [g] = t.autograd.grad(new Normal(mu, 1).rsample(), [mu]);
  close(g!.item(), 1);
  close(klDivergence(new Normal(0, 1), new Normal(1, 1)).item(), 0.5);
};
export const remote_gradient = async () => {
  const { distributed } = t;
  const square = distributed.register("features/square", (x: T) => x.square());
  await distributed.autoInitRpc()(async () => {
    const x = leaf(3);
    await distributed.autograd.context(async (id) => {
      const [y] = await distributed.remoteSyncCall<T[]>(square, { args: [x], partitioner: 0 });
      await distributed.autograd.backward(id, y);
    });
    close(x.grad!.item(), 6);
  })();
};
export const graph_picture = async () => {
  if (!(await t.visual.makeDot(leaf(1).sin()).toSvg()).includes("<svg")) throw new Error("none");
};
export const without_python = () => close(typeof Deno === "object" ? 1 : 0, 1);

function absent(space: object, names: readonly string[]): void {
  const missing = names.filter((name) => !(name in space));
  if (missing.length === names.length) throw new Error(`there is no ${names[0]}`);
}
