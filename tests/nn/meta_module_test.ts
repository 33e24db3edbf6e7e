import { assert, assertEquals } from "@std/assert";
import { MetaSGD, moduleClone, nn, ones, type Tensor, tensor } from "@torchopt/torchopt";
import "../helpers/seed.ts";

class Inner extends nn.MetaGradientModule {
  net = new nn.Linear(2, 1);
  scale: Tensor;
  outer: nn.Module;
  plain: nn.Module;
  constructor(scale: Tensor, outer: nn.Module, plain: nn.Module) {
    super(scale, { outer }, [plain]);
    this.scale = scale;
    this.outer = outer;
    this.plain = plain;
  }
  forward(x: Tensor): Tensor {
    return this.net.call(x).mul(this.scale).add((this.outer as nn.Linear).call(x));
  }
}

function make() {
  const scale = tensor([2], { requiresGrad: true });
  return new Inner(scale, new nn.Linear(2, 1), new nn.Linear(2, 1).eval());
}

const names = (pairs: [string, unknown][]) => pairs.map(([name]) => name);

Deno.test("MetaGradientModule keeps meta-parameters and meta-modules apart", () => {
  const inner = make();
  const own = ["net.weight", "net.bias", "plain.weight", "plain.bias"];
  assertEquals(names(inner.namedParameters()), own);
  assertEquals(names(inner.namedMetaParameters()), ["scale", "outer.weight", "outer.bias"]);
  assertEquals(names(inner.namedChildren()), ["net", "plain"]);
  assertEquals(names(inner.namedMetaModules()), ["outer"]);
  assertEquals(inner.metaChildren().length, 1);
  const copy = moduleClone(inner);
  assertEquals(names(copy.namedParameters()), own);
  assertEquals(names(copy.namedMetaParameters()), ["scale", "outer.weight", "outer.bias"]);
});

Deno.test("MetaGradientModule: registered tensors and modules", () => {
  const inner = make();
  inner.registerMetaParameter("extra", tensor([1], { requiresGrad: true }));
  inner.registerMetaModule("more", new nn.Linear(1, 1));
  inner.registerModule("own", new nn.Linear(1, 1));
  assertEquals(names(inner.namedMetaParameters()), [
    "scale",
    "extra",
    "outer.weight",
    "outer.bias",
    "more.weight",
    "more.bias",
  ]);
  assertEquals(names(inner.namedChildren()), ["net", "plain", "own"]);
});

Deno.test("MetaGradientModule: a meta-optimizer changes own parameters only", () => {
  const inner = make(), meta = inner.metaParameters();
  const optimizer = new MetaSGD(inner, { lr: 0.1 });
  optimizer.step(inner.call(ones([1, 2])).square().sum());
  assertEquals(inner.metaParameters(), meta);
  inner.call(ones([1, 2])).square().sum().backward();
  assert(meta.every((p) => p.grad !== null));
});
