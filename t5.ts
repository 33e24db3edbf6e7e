import { compile, diff, func, autograd, linalg, linearSolve, randn, stack, type Tensor, tensor, noGrad, nn, SGD } from "@torchopt/torchopt";
const f64 = { dtype: "float64" } as const;
const A = randn([4, 3, 3], f64), S = A.matmul(A.transpose(1,2)).add(tensor([[1,0,0],[0,1,0],[0,0,1]],f64)), b = randn([4,3], f64);
const tryIt = (name: string, fn: () => unknown) => { try { console.log(name, fn()); } catch (e) { console.log(name, "FAIL", (e as Error).stack?.split("\n").slice(0,6).join("\n")); } };
const one = (S: Tensor, b: Tensor) => linalg.cg(S, b, null, {rtol: 1e-12});
tryIt("vmap cg", () => func.vmap(one)(S, b).sub(S.solve(b.unsqueeze(2)).squeeze(2)).abs().max().item());
tryIt("vmap grad", () => func.vmap(func.grad((S: Tensor, b: Tensor) => one(S,b).pow(3).sum()))(S, b).sub(stack([0,1,2,3].map(i => func.grad((S: Tensor, b: Tensor) => one(S,b).pow(3).sum())(S.select(0,i), b.select(0,i))))).abs().max().item());
tryIt("grad vmap", () => func.grad((S: Tensor) => func.vmap(one)(S,b).pow(3).sum())(S).sub(stack([0,1,2,3].map(i => func.grad((S: Tensor, b: Tensor) => one(S,b).pow(3).sum())(S.select(0,i), b.select(0,i))))).abs().max().item());
const hv = (S: Tensor, b: Tensor) => func.hvp((S: Tensor) => one(S,b).pow(3).sum(), S, S)[1];
tryIt("vmap hvp", () => func.vmap(hv)(S, b).sub(stack([0,1,2,3].map(i => hv(S.select(0,i), b.select(0,i))))).abs().max().item());
tryIt("vmap solution", () => func.vmap((S: Tensor, b: Tensor) => linalg.cgSolution(S,b))(S,b).statuses);
tryIt("compile", () => compile((S: Tensor, b: Tensor) => func.grad((S: Tensor) => one(S,b).pow(3).sum())(S))(S.select(0,0), b.select(0,0)).sub(func.grad((S: Tensor) => one(S,b.select(0,0)).pow(3).sum())(S.select(0,0))).abs().max().item());
for (const m of ["gmres", "bicgstab", "minres"] as const) {
  const f = (S: Tensor, b: Tensor) => linalg[m](S, b, null, {rtol: 1e-12});
  tryIt("vmap "+m, () => func.vmap(f)(S, b).sub(S.solve(b.unsqueeze(2)).squeeze(2)).abs().max().item());
  tryIt("vmap grad "+m, () => func.vmap(func.grad((S: Tensor, b: Tensor) => f(S,b).pow(3).sum()))(S, b).sub(stack([0,1,2,3].map(i => func.grad((S: Tensor, b: Tensor) => f(S,b).pow(3).sum())(S.select(0,i), b.select(0,i))))).abs().max().item());
}
tryIt("vmap lsmr", () => func.vmap((S: Tensor, b: Tensor) => linalg.lsmr(S, b))(S, b).sub(S.solve(b.unsqueeze(2)).squeeze(2)).abs().max().item());
for (const name of ["cg","gmres","bicgstab","minres"] as const) tryIt("unroll " + name, () => {
  const g = (differentiate: "implicit"|"unroll") => func.grad((S: Tensor) => linalg[name](S, b.select(0,0), null, {rtol: 1e-12, differentiate, maxiter: 9}).sum())(S.select(0,0));
  return g("implicit").sub(g("unroll")).abs().max().item();
});
const step = (z: Tensor, W: Tensor, c: Tensor) => W.matmul(z).add(c).tanh();
const solver = (z: Tensor, W: Tensor, c: Tensor) => func.whileLoop<[Tensor, Tensor, Tensor]>(([z, p, k]) => z.sub(p).abs().amax().gt(1e-14).logicalAnd(k.lt(300)), ([z, _, k]) => [step(z,W,c), z, k.add(1)], [z, z.add(1), tensor(0)])[0];
const deq = diff.implicit.customFixedPoint(step, {argnums: [1,2], solve: linearSolve.solveGmres({rtol:1e-12})})(solver);
const W = randn([3,3], f64).mul(0.2), c = randn([8,3], f64), z0 = c.mul(0);
const loss = (W: Tensor, c: Tensor) => deq(c.mul(0), W, c).pow(2).sum();
tryIt("vmap deq", () => func.vmap(func.grad(loss), {inAxes: [null, 0]})(W, c).shape);
tryIt("vmap deq equal", () => func.vmap(func.grad(loss), {inAxes: [null, 0]})(W, c).sub(stack(Array.from({length: 8}, (_, i) => func.grad(loss)(W, c.select(0,i))))).abs().max().item());
tryIt("compile deq", () => compile(func.grad(loss))(W, c.select(0,0)).sub(func.grad(loss)(W, c.select(0,0))).abs().max().item());
const h = (W: Tensor, c: Tensor) => func.hvp((W: Tensor) => loss(W, c), W, W)[1];
tryIt("vmap deq hvp", () => func.vmap(h, {inAxes: [null, 0]})(W, c).sub(stack(Array.from({length: 8}, (_, i) => h(W, c.select(0,i))))).abs().max().item());
