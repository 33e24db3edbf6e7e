/** moduleClone(): a copy has the parameters, buffers and meta-parameters of a module seen for the first time. */

import { assert, assertEquals } from "@std/assert";
import { autograd, MetaSGD, moduleClone, nn, ones, type Tensor, tensor } from "@torchopt/torchopt";
import "../helpers/seed.ts";

const leaf = () => tensor([2], { requiresGrad: true });

class Part extends nn.MetaGradientModule {
  own = new nn.Parameter([1]);
  list = [leaf(), new nn.Linear(1, 1)] as const;
  map = new Map<string, unknown>([["a", leaf()], ["b", new nn.BatchNorm1d(1)]]);
  constructor(readonly scale: Tensor) {
    super(scale);
    this.registerBuffer("kept", leaf());
    this.registerBuffer("passing", tensor([3]), { persistent: false });
  }
  forward(x: Tensor): Tensor {
    return this.list[1].call(x).mul(this.own).mul(this.list[0]).mul(this.scale);
  }
}

class Net extends nn.Module {
  part: Part;
  constructor(scale: Tensor) {
    super();
    this.part = new Part(scale);
  }
  forward(x: Tensor): Tensor {
    return this.part.call(x);
  }
}

const names = (net: Net): [string[], string[], number, string[]] => [
  net.namedParameters().map(([name]) => name),
  net.namedBuffers().map(([name]) => name),
  net.part.metaParameters().length,
  Object.keys(net.stateDict()),
];

Deno.test("moduleClone() finds the same tensors in a module that nothing listed before", () => {
  for (const by of ["reference", "copy", "deepcopy"] as const) {
    for (const detachBuffers of [false, true]) {
      const net = new Net(leaf()), copy = moduleClone(net, { by, detachBuffers });
      const again = moduleClone(copy, { by });
      const wanted = names(net);
      assertEquals(wanted[0].length, 7);
      assertEquals(names(copy), wanted, by);
      assertEquals(names(again), wanted, by);
    }
  }
});

Deno.test("moduleClone() by copy: steps on the copy reach the original's parameters", () => {
  const net = new nn.Linear(1, 1), copy = moduleClone(net, { by: "copy" });
  new MetaSGD(copy, { lr: 0.1 }).step(copy.call(ones([1, 1])).square().sum());
  const [g] = autograd.grad(copy.call(ones([1, 1])).square().sum(), [net.weight]);
  const y = net.call(ones([1, 1])).item(); // each step leaves 1 - 0.1 * 2 * 2 of it
  assert(Math.abs(g!.item() - 2 * 0.6 ** 2 * y) < 1e-5, `${g!.item()} for ${y}`);
});
