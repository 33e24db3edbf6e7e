/** Every optimizer on a device: states are there, a step copies at most its numbers, and to it. */

import { assert, assertEquals } from "@std/assert";
import {
  applyUpdates,
  autograd,
  compile,
  FuncOptimizer,
  nn,
  noGrad,
  type OptState,
  realize,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { treeLeaves } from "@torchopt/torchopt/pytree";
import { assertClose } from "../helpers/close.ts";
import { FAR } from "../helpers/far_device.ts";
import { table } from "../helpers/optimizer_table.ts";
import { checkPlacement, counting, withDefault } from "./on_device.ts";

const loss = (w: Tensor, b: Tensor) => w.matmul(w).add(b).square().sum();
const start = () => [
  tensor([[0.5, -0.3], [0.2, 0.4]], { requiresGrad: true }),
  tensor([0.1, -0.2], { requiresGrad: true }),
];

for (const { name, make, Classic, variants } of table) {
  Deno.test(`${name} on a device: functional, classic and compiled steps are computed there`, () => {
    for (const options of variants) {
      checkPlacement(`${name}, functional`, () => {
        const optimizer = make(options);
        let params = start(), state = optimizer.init(params);
        for (let i = 0; i < 2; i++) {
          const grads = autograd.grad(loss(params[0], params[1]), params);
          const [updates, next] = optimizer.update(grads, state, { params, inplace: false });
          params = applyUpdates(params, updates as Tensor[], { inplace: false }) as Tensor[];
          state = next;
        }
        return [params, state];
      });
      checkPlacement(`${name}, classic`, () => {
        const params = start(), optimizer = new Classic(params, options);
        for (let i = 0; i < 2; i++) {
          optimizer.zeroGrad();
          loss(params[0], params[1]).backward();
          optimizer.step();
        }
        return params;
      });
      checkPlacement(`${name}, FuncOptimizer`, () => {
        const optimizer = new FuncOptimizer(make(options));
        let params = start();
        for (let i = 0; i < 2; i++) params = optimizer.step(loss(params[0], params[1]), params);
        return params;
      });
    }
  });

  Deno.test(`${name} on a device: a step that was compiled copies its numbers, and reads nothing`, () => {
    withDefault(FAR, () => {
      const optimizer = make(variants[0]);
      let params = start(), state = optimizer.init(params);
      const step = compile((values: Tensor[], state: OptState): [Tensor[], OptState] => {
        const params = values.map((x) => x.detach().requiresGrad_());
        const grads = autograd.grad(loss(params[0], params[1]), params);
        const [updates, next] = optimizer.update(grads, state, { params, inplace: false });
        return [applyUpdates(params, updates as Tensor[], { inplace: false }) as Tensor[], next];
      });
      for (let i = 0; i < 2; i++) [params, state] = step(params, state);
      const { done } = counting(() => {
        for (let i = 0; i < 5; i++) [params, state] = step(params, state);
      });
      assertEquals([done.read, done.onHost], [0, 0]);
      assert(done.written <= 5, `${done.written} copies in 5 steps`);
      const leaves = treeLeaves<Tensor>([params, state] as never);
      assertEquals(leaves.map((x) => x.device), leaves.map(() => FAR));
    });
  });
}

Deno.test("a classic optimizer of a module that was moved keeps its state there, whatever the default is", () => {
  for (const { Classic, variants } of table) {
    const net = new nn.Linear(3, 2).to(FAR), x = tensor([[1, 2, 3]]).to(FAR);
    const optimizer = new Classic([...net.parameters()], variants[0]);
    const step = () => {
      optimizer.zeroGrad();
      net.forward(x).square().sum().backward();
      optimizer.step();
      realize(...net.parameters());
    };
    step();
    step();
    const { done } = counting(() => {
      step();
      step();
    });
    assertEquals([done.read, done.onHost], [0, 0]);
    assert(done.written <= 2, `${Classic.name}: ${done.written} copies in 2 steps`);
  }
});

Deno.test("one optimizer of parameters on two devices updates each where it is", () => {
  for (const { name, Classic, variants } of table) {
    const step = (devices: ["cpu" | typeof FAR, "cpu" | typeof FAR]) => {
      const params = start().map((x, i) => noGrad(() => x.to(devices[i])).requiresGrad_());
      const optimizer = new Classic(params, variants[0]);
      for (let i = 0; i < 2; i++) {
        optimizer.zeroGrad();
        params[0].square().sum().backward();
        params[1].mul(3).square().sum().backward();
        optimizer.step();
      }
      realize(...params);
      assertEquals(params.map((x) => x.device), devices, name);
      return params.flatMap((x) => [...x.data() as Float32Array]);
    };
    assertClose(step([FAR, "cpu"]), step(["cpu", "cpu"]), { rtol: 1e-4, atol: 1e-6 }, name);
  }
});
