/** Implicit differentiation inside of vmap() and compile(). */

import { assertEquals } from "@std/assert";
import {
  autograd,
  compile,
  diff,
  func,
  linearSolve,
  nn,
  randn,
  SGD,
  stack,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { assertClose } from "../../helpers/close.ts";
import "../../helpers/seed.ts";

const f64 = { dtype: "float64" } as const;
const step = (z: Tensor, W: Tensor, c: Tensor) => W.matmul(z).add(c).tanh();

/** Iterates in the graph until nothing moves. */
function iterate(z: Tensor, W: Tensor, c: Tensor): Tensor {
  return func.whileLoop<[Tensor, Tensor, Tensor]>(
    ([z, before, k]) => z.sub(before).abs().amax().gt(1e-15).logicalAnd(k.lt(300)),
    ([z, _, k]) => [step(z, W, c), z, k.add(1)],
    [z, z.add(1), tensor(0)],
  )[0];
}

const W = randn([3, 3], f64).mul(0.2), cs = randn([8, 3], f64);
const each = (f: (c: Tensor) => Tensor) =>
  stack(Array.from({ length: 8 }, (_, i) => f(cs.select(0, i))));

for (
  const [name, solve] of Object.entries({
    solveNormalCg: linearSolve.solveNormalCg({ rtol: 1e-14 }),
    solveGmres: linearSolve.solveGmres({ rtol: 1e-13 }),
    solveInv: linearSolve.solveInv(),
  })
) {
  const fixed = diff.implicit.customFixedPoint(step, { argnums: [1, 2], solve })(iterate);
  const loss = (W: Tensor, c: Tensor) => fixed(c.mul(0), W, c).pow(2).sum();

  Deno.test(`customFixedPoint() with ${name} over 8 problems equals a loop`, () => {
    const axes = { inAxes: [null, 0] };
    assertClose(func.vmap(func.grad(loss), axes)(W, cs), each((c) => func.grad(loss)(W, c)), 1e-12);
    const product = (W: Tensor, c: Tensor) => func.hvp((W: Tensor) => loss(W, c), W, W)[1];
    assertClose(func.vmap(product, axes)(W, cs), each((c) => product(W, c)), 1e-11);
    const forward = (c: Tensor) => func.jvp((W: Tensor) => loss(W, c), [W], [W])[1];
    assertClose(func.vmap(forward)(cs), each(forward), 1e-12);
    const all = (W: Tensor) => func.vmap(loss, axes)(W, cs).sum();
    assertClose(func.grad(all)(W), each((c) => func.grad(loss)(W, c)).sum(0), 1e-11);
  });

  Deno.test(`customFixedPoint() with ${name} inside of compile() equals a plain call`, () => {
    const both = (W: Tensor, c: Tensor) => [
      func.grad(loss)(W, c),
      func.hvp((W: Tensor) => loss(W, c), W, W)[1],
    ];
    const compiled = compile(both);
    for (const i of [0, 1]) {
      compiled(W, cs.select(0, i)).forEach((x, k) =>
        assertClose(x, both(W, cs.select(0, i))[k], 1e-12)
      );
    }
  });
}

Deno.test("vmap() and compile() make NaN of a linear solve that fails", () => {
  const F = (x: Tensor, a: Tensor) => x.sub(a).mul(tensor([1, 0], f64));
  const root = diff.implicit.customRoot(F, { argnums: 1, solve: linearSolve.solveCg() })(
    (_: Tensor, a: Tensor) => a,
  );
  const g = func.grad((a: Tensor) => root(a.mul(0), a).sum());
  const all = tensor([[1, 2], [3, 4]], f64);
  assertEquals(func.vmap(g)(all).isNan().all().item(), 1);
  assertEquals(compile(g)(all.select(0, 0)).isNan().all().item(), 1);
});

/** Draws w towards data and a meta-parameter, by plain gradient descent. */
class Pulled extends nn.ImplicitMetaGradientModule {
  w: Tensor = new nn.Parameter(tensor([0, 0], f64));
  constructor(readonly meta: Tensor) {
    super(meta);
  }
  forward(): Tensor {
    return this.w;
  }
  override objective(data: Tensor): Tensor {
    return this.w.sub(data).square().sum().add(this.w.sub(this.meta).pow(4).sum());
  }
  override solve(data: Tensor): void {
    const optimizer = new SGD(this.parameters(), { lr: 0.05 });
    for (let k = 0; k < 40; k++) {
      optimizer.zeroGrad();
      this.objective(data).backward();
      optimizer.step();
    }
  }
}

Deno.test("ImplicitMetaGradientModule inside of compile() equals plain calls", () => {
  const run = (wrap: typeof compile) => {
    const meta = tensor([1, 3], { ...f64, requiresGrad: true }), module = new Pulled(meta);
    const iteration = wrap((data: Tensor) => {
      module.solve(data);
      const loss = module.call().square().sum();
      return [loss, autograd.grad(loss, [meta])[0]!];
    });
    return [1, 2, 3].map((k) => iteration(tensor([k, 2 * k], f64)));
  };
  const plain = run(((fn: unknown) => fn) as typeof compile), compiled = run(compile);
  plain.forEach((results, k) =>
    results.forEach((x, i) => assertClose(compiled[k][i], x, 1e-10, `${k}, ${i}`))
  );
});

Deno.test("a functional inner problem is solved for many tasks at once", () => {
  const objective = (w: Tensor, meta: Tensor, data: Tensor) =>
    w.sub(data).square().sum().add(w.sub(meta).pow(4).sum());
  const slope = func.grad(objective);
  const solve = diff.implicit.customRoot(slope, { argnums: [1, 2] })(
    (w: Tensor, meta: Tensor, data: Tensor) =>
      func.foriLoop(0, 300, (_, w) => w.sub(slope(w, meta, data).mul(0.05)), w),
  );
  const loss = (meta: Tensor, data: Tensor) => solve(data.mul(0), meta, data).square().sum();
  const meta = tensor([1, 3], f64), data = randn([5, 2], f64);
  const all = func.vmap(func.grad(loss), { inAxes: [null, 0] })(meta, data);
  const one = stack(Array.from({ length: 5 }, (_, i) => func.grad(loss)(meta, data.select(0, i))));
  assertClose(all, one, 1e-10);
});
