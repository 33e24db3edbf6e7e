/** ImplicitMetaGradientModule: gradients, repeated solves, clones and errors. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  autograd,
  gradcheck,
  GradientError,
  linearSolve,
  moduleClone,
  nn,
  SGD,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { assertClose } from "../helpers/close.ts";
import "../helpers/seed.ts";

const f64 = { dtype: "float64" } as const;

/** Draws w towards data and towards a meta-parameter: w = (data + l meta) / (1 + l). */
class Pulled extends nn.ImplicitMetaGradientModule {
  static override linearSolve: linearSolve.LinearSolver | null = linearSolve.solveCg();
  w: Tensor = new nn.Parameter(tensor([0, 0], f64));
  meta: Tensor;
  l: Tensor;
  steps = 0;

  constructor(meta: Tensor, l: Tensor) {
    super(meta, l);
    this.meta = meta;
    this.l = l;
  }

  forward(): Tensor {
    return this.w;
  }

  override objective(data: Tensor): Tensor {
    const pull = this.w.sub(this.meta).square().sum().mul(this.l);
    return this.w.sub(data).square().sum().add(pull);
  }

  override solve(data: Tensor): this {
    const optimizer = new SGD(this.parameters(), { lr: 0.2 });
    for (this.steps = 0; this.steps < 300; this.steps++) {
      optimizer.zeroGrad();
      this.objective(data).backward();
      if (this.w.grad!.abs().max().item() < 1e-14) break;
      optimizer.step();
    }
    return this;
  }
}

const metas = () => ({
  meta: tensor([1, 3], { ...f64, requiresGrad: true }),
  l: tensor(1, { ...f64, requiresGrad: true }),
});
const data = tensor([3, 5], f64);

Deno.test("ImplicitMetaGradientModule has gradients of order 2", () => {
  const { meta, l } = metas(), module = new Pulled(meta, l);
  assert(module.solve(data) === module);
  assertClose(module.w, tensor([2, 4], f64), 1e-12);
  const [dMeta, dL] = autograd.grad(module.call().sum(), [meta, l], { createGraph: true });
  assertClose(dMeta!, tensor([0.5, 0.5], f64), 1e-12);
  assertClose(dL!, tensor(-1, f64), 1e-12);
  // d2 (data + l meta) / (1 + l): 2 (data - meta) / (1 + l)^3 and 1 / (1 + l)^2
  const [ddMeta, ddL] = autograd.grad(dL!, [meta, l]);
  assertClose(ddMeta!, tensor([0.25, 0.25], f64), 1e-12);
  assertClose(ddL!, tensor(1, f64), 1e-12);
  assert(gradcheck(
    (meta: Tensor, l: Tensor) => {
      const inner = new Pulled(meta, l);
      inner.solve(data);
      return inner.w;
    },
    [meta, l],
    { order: 2 },
  ));
});

Deno.test("ImplicitMetaGradientModule puts gradients of meta-parameters back", () => {
  const { meta, l } = metas(), module = new Pulled(meta, l), before = tensor([7, 8], f64);
  meta.grad = before;
  module.solve(data);
  assert(meta.grad === before && l.grad === null);
});

Deno.test("ImplicitMetaGradientModule starts anew from an earlier solution", () => {
  const { meta, l } = metas(), module = new Pulled(meta, l);
  module.solve(data);
  assert(module.steps > 5);
  assertEquals(module.namedParameters().map(([name]) => name), ["w"]);
  module.solve(data);
  assert(module.steps <= 1);
  const [g] = autograd.grad(module.w.sum(), [meta]);
  assertClose(g!, tensor([0.5, 0.5], f64), 1e-12);
});

Deno.test("ImplicitMetaGradientModule gives clones and subclasses gradients as well", () => {
  class Doubled extends Pulled {
    override solve(data: Tensor): this {
      return super.solve(data.mul(2));
    }
    override objective(data: Tensor): Tensor {
      return super.objective(data);
    }
  }
  const { meta, l } = metas(), copy = moduleClone(new Pulled(meta, l));
  copy.solve(data);
  assertClose(autograd.grad(copy.w.sum(), [copy.meta])[0]!, tensor([0.5, 0.5], f64), 1e-12);
  const found: string[] = [], warn = console.warn;
  console.warn = (text: string) => void found.push(text);
  // The objective is that of `data` here, and not what was solved.
  new Doubled(meta, l).solve(data);
  console.warn = warn;
  assertEquals(found.length, 1);
});

Deno.test("ImplicitMetaGradientModule takes optimality(), in order or by name", () => {
  for (const named of [false, true]) {
    class Explicit extends Pulled {
      override optimality(data: Tensor) {
        const rest = this.w.sub(data).add(this.w.sub(this.meta).mul(this.l));
        return named ? { w: rest } : [rest];
      }
    }
    const { meta, l } = metas(), module = new Explicit(meta, l);
    module.solve(data);
    const [dMeta, dL] = autograd.grad(module.w.sum(), [meta, l]);
    assertClose(dMeta!, tensor([0.5, 0.5], f64), 1e-12);
    assertClose(dL!, tensor(-1, f64), 1e-12);
  }
  const { meta, l } = metas(), module = new Pulled(meta, l);
  const at = module.optimality(data) as Record<string, Tensor>;
  assertClose(at.w, tensor([-8, -16], f64), 1e-12);
});

Deno.test("ImplicitMetaGradientModule says what is missing", () => {
  const { meta, l } = metas();
  class Silent extends nn.ImplicitMetaGradientModule {
    w = new nn.Parameter(tensor([0]));
    constructor(readonly meta: Tensor) {
      super(meta);
    }
    forward() {
      return this.w;
    }
    override solve() {}
  }
  assertThrows(() => new Silent(meta).solve(), TypeError, "Silent has neither objective()");
  class Bare extends Silent {
    override w = null as unknown as nn.Parameter;
    override objective = () => this.meta.sum();
  }
  assertThrows(
    () => new Bare(meta).solve(),
    TypeError,
    "the module has no parameters to solve for",
  );
  class Closed extends Pulled {
    constructor() {
      super(meta.detach(), l.detach());
    }
  }
  assertThrows(() => new Closed().solve(data), TypeError, "the module has no meta-parameters");
  class Short extends Pulled {
    override optimality(): Tensor[] {
      return [];
    }
  }
  assertThrows(
    () => new Short(meta, l).solve(data),
    TypeError,
    "an array of 0 for 1 parameter(s) (w)",
  );
  class Named extends Pulled {
    override optimality() {
      return { v: this.w };
    }
  }
  assertThrows(() => new Named(meta, l).solve(data), TypeError, "another structure");
  class Strict extends Pulled {
    static override strict = true;
    override solve(_: Tensor): this {
      return this;
    }
  }
  assertThrows(() => new Strict(meta, l).solve(data), GradientError, "Strict.solve: the residual");
  class Lost extends nn.ImplicitMetaGradientModule {
    forward() {
      return meta;
    }
  }
  assertThrows(() => new Lost(meta).solve(), TypeError, "there is no solve()");
});
