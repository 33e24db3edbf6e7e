/** `nn.ZeroOrderGradientModule`: static fields, parameters, and what it refuses. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  Adam,
  autograd,
  compile,
  manualSeed,
  nn,
  randn,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import "../helpers/seed.ts";

class Steps extends nn.ZeroOrderGradientModule {
  static override method = "antithetic" as const;
  static override numSamples = 40;
  static override sigma = 0.5;
  fc = new nn.Linear(2, 1);
  forward(x: Tensor, y: Tensor): Tensor {
    // Right or wrong: the derivative is 0 wherever there is one.
    return this.fc.call(x).squeeze(-1).gt(0).to("float32").sub(y).abs().mean();
  }
  sample(shape: readonly number[]): Tensor {
    return randn(shape);
  }
}

const x = tensor([[1, 2], [-1, 0], [2, -3], [0, 1], [-2, -2], [1, -1]]);
const y = tensor([1, 0, 0, 1, 0, 0]);

Deno.test("ZeroOrderGradientModule learns where there is no gradient", () => {
  manualSeed(1);
  const model = new Steps();
  const optimizer = new Adam(model.parameters(), { lr: 0.1 });
  for (let i = 0; i < 60; i++) {
    optimizer.zeroGrad();
    model.call(x, y).backward();
    optimizer.step();
  }
  assertEquals(model.call(x, y).item(), 0);
});

Deno.test("ZeroOrderGradientModule draws noise for each parameter, in their order", () => {
  const shapes: (readonly number[])[] = [];
  class Own extends Steps {
    static override numSamples = 2;
    override sample(shape: readonly number[]): Tensor {
      shapes.push(shape);
      return super.sample(shape);
    }
  }
  const model = new Own();
  const grads = autograd.grad(model.call(x, y), model.parameters());
  assertEquals(shapes, [[1, 2], [1], [1, 2], [1]]);
  assertEquals(grads.map((g) => g!.shape), [[1, 2], [1]]);
  assertEquals(model.forward(x, y).requiresGrad, false);
});

Deno.test("ZeroOrderGradientModule counts running statistics sample by sample, compiled too", () => {
  class Normalized extends Steps {
    static override numSamples = 3;
    bn = new nn.BatchNorm1d(1);
    override forward(x: Tensor, y: Tensor): Tensor {
      return this.bn.call(this.fc.call(x)).squeeze(-1).sub(y).square().mean();
    }
  }
  const model = new Normalized(), optimizer = new Adam(model.parameters(), { lr: 0.1 });
  const step = () => {
    optimizer.zeroGrad();
    const loss = model.call(x, y);
    loss.backward();
    optimizer.step();
    return loss;
  };
  const counts = () => Number(model.bn.numBatchesTracked!.item());
  step();
  // The value, and two evaluations for each sample.
  assertEquals(counts(), 7);
  const run = compile(step);
  run();
  assertEquals(counts(), 14);
  run();
  assertEquals(counts(), 21);
});

Deno.test("ZeroOrderGradientModule refuses wrong static fields and missing methods", () => {
  class Method extends Steps {
    static override method = "other" as never;
  }
  class Count extends Steps {
    static override numSamples = 0;
  }
  class Sigma extends Steps {
    static override sigma = -1;
  }
  assertThrows(() => new Method(), RangeError, 'Method: method is "other"');
  assertThrows(() => new Count(), RangeError, "numSamples is 0");
  assertThrows(() => new Sigma(), RangeError, "sigma is -1");
  // deno-lint-ignore no-explicit-any
  const Base = nn.ZeroOrderGradientModule as any;
  class Empty extends Base {}
  // deno-lint-ignore no-explicit-any
  const empty = new (Empty as any)();
  assertThrows(() => empty.call(), TypeError, "Empty has no method forward");
  assertThrows(() => empty.sample([1]), TypeError, "Empty has no method sample");
  assert(empty instanceof nn.Module);
});
