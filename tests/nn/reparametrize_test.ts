import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { autograd, compile, func, nn, ones, type Tensor, tensor } from "@torchopt/torchopt";
import "../helpers/seed.ts";

const net = () => new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2));

Deno.test("swapState() puts parameters and buffers in place, and returns the old ones", () => {
  const n = net(), names = n.namedParameters().map(([name]) => name);
  const olds = n.stateDict(), w = ones([2, 2]), mean = tensor([3, 4]);
  const before = nn.swapState(n, [[names[0], w], ["1.runningMean", mean]]);
  assertEquals(Object.keys(before), [names[0], "1.runningMean"]);
  assertStrictEquals(n.stateDict()[names[0]], w);
  assertStrictEquals(n.stateDict()["1.runningMean"], mean);
  assertEquals(n.namedParameters().map(([name]) => name), names);
  nn.swapState(n, before);
  for (const [name, tensor] of Object.entries(n.stateDict())) {
    assertStrictEquals(tensor, olds[name]);
  }
});

Deno.test("swapState() changes one place of a shared tensor", () => {
  class Tied extends nn.Module {
    a = new nn.Parameter([1]);
    b = this.a;
    forward(): Tensor {
      return this.a.add(this.b);
    }
  }
  const tied = new Tied();
  nn.swapState(tied, { b: tensor([5]) });
  assertEquals(tied.forward().toArray(), [6]);
});

Deno.test("swapState() reaches meta-parameters", () => {
  class Inner extends nn.MetaGradientModule {
    w = new nn.Parameter([1]);
    constructor(readonly meta: Tensor) {
      super(meta);
    }
    forward(): Tensor {
      return this.w.mul(this.meta);
    }
  }
  const inner = new Inner(tensor([2], { requiresGrad: true }));
  nn.swapState(inner, { meta: tensor([7]) });
  assertEquals(inner.forward().toArray(), [7]);
});

Deno.test("swapState() sets new properties where allowMissing is on, and takes them away again", () => {
  const layer = new nn.Linear(2, 1, { bias: false });
  const holder = new nn.Sequential(layer), extra = tensor([1]);
  const before = nn.swapState(holder, { "0.extra": extra }, { allowMissing: true });
  assertEquals(before, { "0.extra": undefined });
  assertStrictEquals((layer as unknown as { extra: Tensor }).extra, extra);
  nn.swapState(holder, before, { allowMissing: true });
  assert(!("extra" in layer));
});

Deno.test("swapState() refuses names and values, and changes nothing", () => {
  const layer = new nn.Linear(2, 1), w = layer.weight;
  const swap = (tensors: object, options = {}) => () =>
    nn.swapState(layer, { weight: ones([1, 2]), ...tensors }, options);
  assertThrows(swap({ wieght: w }), TypeError, "Linear has no tensor wieght; it has weight, bias");
  assertThrows(swap({ bias: 3 }), TypeError, "bias is 3, wants a tensor");
  assertThrows(swap({ bias: undefined }), TypeError, "bias is undefined");
  const missing = { allowMissing: true };
  assertThrows(swap({ "x.w": w }, missing), TypeError, "no module x to hold w");
  assertThrows(swap({ forward: w }, missing), TypeError, "a property of the module already");
  assertThrows(swap({}, { allow: true }), TypeError, "there is no option allow");
  assertThrows(() => nn.swapState({} as nn.Module, {}), TypeError, "wants a module");
  assertStrictEquals(layer.weight, w);
});

Deno.test("reparametrize() puts the old tensors back, also after an error", () => {
  const layer = new nn.Linear(2, 1, { bias: false }), own = layer.weight;
  const weight = tensor([[2, 3]], { requiresGrad: true });
  const loss = () =>
    nn.reparametrize(layer, { weight }, (layer) => layer.call(ones([1, 2])).square().sum());
  assertStrictEquals(layer.weight, own);
  const [g] = autograd.grad(loss(), [weight], { createGraph: true });
  assertEquals(g!.toArray(), [[10, 10]]);
  assertEquals(autograd.grad(g!.sum(), [weight])[0]!.toArray(), [[4, 4]]);
  assertThrows(
    () =>
      nn.reparametrize(layer, { weight }, () => {
        throw new Error("inside");
      }),
    Error,
    "inside",
  );
  assertStrictEquals(layer.weight, own);
  assertThrows(
    () => nn.reparametrize(layer, { weight }, async () => {}),
    TypeError,
    "an async function",
  );
  assertStrictEquals(nn.reparameterize, nn.reparametrize);
});

Deno.test("reparametrize() works in compiled and batched functions", () => {
  const layer = new nn.Linear(2, 1, { bias: false }), x = ones([1, 2]);
  const run = (weight: Tensor) => nn.reparametrize(layer, { weight }, (l) => l.call(x).sum());
  const weights = tensor([[[1, 2]], [[3, 4]]]);
  assertEquals(func.vmap(run)(weights).toArray(), [3, 7]);
  assertEquals(compile(run)(weights.select(0, 1)).item(), 7);
});
