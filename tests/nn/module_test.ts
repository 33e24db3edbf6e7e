import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  Adam,
  func,
  Generator,
  nn,
  ones,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from "@torchopt/torchopt";
import "../helpers/seed.ts";

const names = (pairs: [string, unknown][]) => pairs.map(([name]) => name);

class Everything extends nn.Module {
  first = new nn.Linear(2, 2);
  again = this.first;
  blocks = [new nn.Linear(2, 1), new nn.Identity()];
  table = new Map<string, unknown>([["head", new nn.Linear(1, 1)], [
    "scale",
    new nn.Parameter([1]),
  ]]);
  tied = this.first.weight;
  frozen = new nn.Parameter([5], { requiresGrad: false });
  mean: Tensor = zeros([3]);
  note = "text";
  forward(x: Tensor): Tensor {
    return this.first.call(x);
  }
}

Deno.test("Module finds parameters, buffers and modules in properties, arrays and maps", () => {
  const net = new Everything();
  assertEquals(names(net.namedParameters()), [
    "table.scale",
    "tied",
    "frozen",
    "first.bias",
    "blocks.0.weight",
    "blocks.0.bias",
    "table.head.weight",
    "table.head.bias",
  ]);
  assertEquals(names(net.namedBuffers()), ["mean"]);
  assertEquals(names(net.namedChildren()), ["first", "blocks.0", "blocks.1", "table.head"]);
  assertEquals(names(net.namedModules()), ["", "first", "blocks.0", "blocks.1", "table.head"]);
  assertEquals(net.parameters({ recurse: false }).length, 3);
  assert(Object.hasOwn(net.stateDict(), "first.weight"));
});

Deno.test("Module keeps a place a parameter once it was one", () => {
  const net = new nn.Linear(2, 1);
  net.requiresGrad_(false);
  assertEquals(names(net.namedParameters()), ["weight", "bias"]);
  net.weight = zeros([1, 2]);
  assertEquals(names(net.namedParameters()), ["weight", "bias"]);
  assertEquals(net.buffers().length, 0);
});

Deno.test("Module.registerBuffer() fixes the role, and persistence", () => {
  const net = new nn.Sequential();
  net.registerBuffer("a", tensor([1], { requiresGrad: true }));
  net.registerBuffer("b", tensor([2]), { persistent: false });
  assertEquals(names(net.namedBuffers()), ["a", "b"]);
  assertEquals(Object.keys(net.stateDict()), ["a"]);
});

Deno.test("Module.train(), eval(), zeroGrad() and apply() reach all modules", () => {
  const net = new nn.Sequential(new nn.Linear(2, 2), new nn.Sequential(new nn.Dropout()));
  net.eval();
  assert(net.modules().every((m) => !m.training));
  net.train();
  assert(net.modules().every((m) => m.training));
  net.call(ones([1, 2])).sum().backward();
  assert(net.parameters().every((p) => p.grad !== null));
  net.zeroGrad({ setToNone: false });
  assertEquals(net.parameters()[1].grad!.toArray(), [0, 0]);
  net.zeroGrad();
  assert(net.parameters().every((p) => p.grad === null));
  const seen: nn.Module[] = [];
  net.apply((m) => seen.push(m));
  assert(seen.length === 4 && seen[3] === net);
});

Deno.test("Module.loadStateDict() copies values and keeps optimizers' tensors", () => {
  const a = new nn.Linear(2, 1), b = new nn.Linear(2, 1), weight = b.weight;
  assertEquals(b.loadStateDict(a.stateDict()), { missing: [], unexpected: [] });
  assert(b.weight === weight && b.weight.requiresGrad);
  const before = a.weight.toArray();
  const optimizer = new Adam(a.parameters(), { lr: 0.1 });
  a.call(ones([1, 2])).sum().backward();
  optimizer.step();
  assertEquals(b.weight.toArray(), before);
});

Deno.test("Module.call() says that a class has no forward()", () => {
  const Empty = class Empty extends (nn.Module as never as new () => nn.Linear) {};
  assertThrows(() => new Empty().call(ones([1])), TypeError, "Empty: there is no forward()");
});

Deno.test("Module.loadStateDict() refuses what does not fit and changes nothing", () => {
  const net = new nn.Linear(2, 1), before = net.weight.toArray();
  const error = assertThrows(
    () => net.loadStateDict({ weight: ones([1, 2]), other: ones([1]) }),
    TypeError,
  );
  assert(/missing: bias; unexpected: other/.test(error.message));
  assertThrows(() => net.loadStateDict({ weight: ones([2]), bias: ones([1]) }), ShapeError);
  assertEquals(net.weight.toArray(), before);
  const found = net.loadStateDict({ weight: ones([1, 2]) }, { strict: false });
  assertEquals(found.missing, ["bias"]);
  assertEquals(net.weight.toArray(), [[1, 1]]);
});

Deno.test("Module.to() converts floating-point tensors in place", () => {
  const net = new nn.BatchNorm1d(2), weight = net.weight!;
  net.to("float64");
  assert(net.weight === weight && weight.dtype === "float64" && weight.requiresGrad);
  assertEquals(net.runningMean!.dtype, "float64");
  assertEquals(net.numBatchesTracked!.dtype, "int64");
  assertEquals(net.namedParameters().length, 2);
});

Deno.test("functionalCall() replaces tied places together and restores the module", () => {
  const net = new Everything(), old = net.first.weight;
  const weight = tensor([[1, 0], [0, 1]]), bias = zeros([2]);
  const y = func.functionalCall(net, { tied: weight, "first.bias": bias }, ones([1, 2]));
  assertEquals(y.toArray(), [[1, 1]]);
  assert(net.first.weight === old && net.tied === old);
  assertThrows(
    () => func.functionalCall(net, { nothing: weight }, ones([1, 2])),
    TypeError,
    "nothing",
  );
});

Deno.test("makeFunctional() agrees with backward()", () => {
  const net = new nn.Sequential(new nn.Linear(3, 4), new nn.Tanh(), new nn.Linear(4, 1));
  const [fn, params] = func.makeFunctional(net), x = randn([5, 3]);
  const g = func.grad((p: Record<string, Tensor>) => fn(p, x).square().sum())(params);
  net.call(x).square().sum().backward();
  for (const [name, p] of net.namedParameters()) {
    assert(p.grad!.sub(g[name]).abs().max().item() < 1e-5, name);
  }
});

Deno.test("layers are seeded by their generator", () => {
  const make = () => new nn.Conv2d(2, 4, 3, { generator: new Generator(3) });
  assertEquals(make().weight.toArray(), make().weight.toArray());
});

Deno.test("Dropout and BatchNorm2d depend on the mode", () => {
  const drop = new nn.Dropout(0.5), x = ones([64]);
  assert(drop.call(x).eq(0).any().item());
  assertEquals(drop.eval().call(x).toArray(), x.toArray());
  const norm = new nn.BatchNorm2d(1), image = randn([4, 1, 3, 3]);
  norm.call(image);
  const mean = norm.runningMean!.item();
  assert(Math.abs(mean - 0.1 * image.mean().item()) < 1e-6);
  norm.eval().call(image);
  assertEquals(norm.runningMean!.item(), mean);
  assertEquals(norm.numBatchesTracked!.item(), 1);
});

Deno.test("a BatchNorm1d in a loop whose statistics are never read stays bounded", () => {
  const norm = new nn.BatchNorm1d(2), x = randn([8, 2]);
  for (let i = 0; i < 500; i++) norm.call(x);
  assertEquals(norm.numBatchesTracked!.item(), 500);
});

Deno.test("ModuleList and Sequential refuse what is no module", () => {
  assertThrows(() => new nn.ModuleList([1 as unknown as nn.Module]), TypeError, "wants a module");
  assertThrows(() => new nn.ModuleList().call(), TypeError, "cannot be called");
});
