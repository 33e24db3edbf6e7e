/** Results that a module keeps as properties: hidden states, features, attention maps. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  Adam,
  compile,
  extractStateDict,
  MetaSGD,
  nn,
  noGrad,
  ones,
  recoverStateDict,
  SGD,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import "../helpers/seed.ts";

class Features extends nn.Module {
  body = new nn.Linear(2, 3);
  gain = ones([3], { requiresGrad: true });
  last: Tensor | null = null;
  all: Tensor[] = [];
  override forward(x: Tensor): Tensor {
    this.last = this.body.call(x).tanh().mul(this.gain);
    this.all.push(this.last);
    return this.last;
  }
}

class Recurrent extends nn.Module {
  cell = new nn.Linear(2, 2);
  hidden = zeros([1, 2]);
  override forward(x: Tensor): Tensor {
    return this.hidden = this.cell.call(x.add(this.hidden.detach())).tanh();
  }
}

Deno.test("Module takes no result that it keeps for a parameter", () => {
  const names = ["gain", "body.weight", "body.bias"];
  for (const listed of [false, true]) { // whether parameters were listed before
    const net = new Features();
    if (listed) assertEquals(net.parameters().length, 3);
    net.call(ones([1, 2]));
    assertEquals(net.namedParameters().map(([name]) => name), names);
    assertEquals(Object.keys(net.stateDict()), names);
    const fresh = new Features();
    fresh.loadStateDict(net.stateDict());
    const optimizer = new Adam(net.parameters(), { lr: 0.1 });
    net.call(ones([1, 2])).sum().backward();
    optimizer.step();
    assert(!net.body.weight.equal(fresh.body.weight));
  }
});

Deno.test("Module keeps a hidden state as the buffer that it was", () => {
  const net = new Recurrent(), names = ["hidden", "cell.weight", "cell.bias"];
  const optimizer = new SGD(net.parameters(), { lr: 0.1 });
  assertEquals(net.parameters().length, 2);
  const step = () => {
    optimizer.zeroGrad();
    net.call(ones([1, 2])).sum().backward();
    optimizer.step();
  };
  step();
  assertEquals(net.parameters().length, 2);
  assertEquals([...Object.keys(net.stateDict())].sort(), names.sort());
  const fresh = new Recurrent();
  fresh.loadStateDict(net.stateDict());
  assertEquals(fresh.hidden.toArray(), net.hidden.toArray());
});

Deno.test("Module finds the same parameters where they are first listed in compile()", () => {
  const net = new Features();
  const count = compile((x: Tensor) => {
    const y = net.call(x);
    return [y, tensor(net.parameters().length)] as const;
  });
  assertEquals(count(ones([1, 2]))[1].item(), 3);
});

Deno.test("results in the place of parameters are parameters still", () => {
  const net = new Features(), start = extractStateDict(net);
  new MetaSGD(net, { lr: 0.1 }).step(net.call(ones([1, 2])).square().sum());
  assert(!net.body.weight.isLeaf);
  assertEquals(net.parameters().length, 3);
  recoverStateDict(net, start);
  assert(net.body.weight.isLeaf);

  net.body.weight = net.body.weight.mul(2); // by hand
  assertEquals(net.parameters().length, 3);
});

Deno.test("compile() refuses a module that carries its hidden state by assignment", () => {
  for (const called of [false, true]) { // whether the state is a result already
    const net = new Recurrent();
    if (called) net.call(ones([1, 2]));
    const step = compile((x: Tensor) => net.call(x));
    assertThrows(
      () => step(ones([1, 2])),
      TypeError,
      "Recurrent.hidden was read and then assigned",
    );
    assertThrows(() => step(ones([1, 2])), TypeError, "this.hidden.copy_(");
  }
});

Deno.test("compile() carries a module's hidden state that is written in place", () => {
  class InPlace extends Recurrent {
    override forward(x: Tensor): Tensor {
      const next = this.cell.call(x.add(this.hidden)).tanh();
      noGrad(() => this.hidden.copy_(next));
      return next;
    }
  }
  const eager = new Recurrent(), compiled = new InPlace();
  compiled.loadStateDict(eager.stateDict());
  const step = compile((x: Tensor) => compiled.call(x));
  for (let i = 0; i < 3; i++) {
    assert(step(ones([1, 2])).allclose(eager.call(ones([1, 2]))));
  }
  assert(compiled.hidden.allclose(eager.hidden));
});
