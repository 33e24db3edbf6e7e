import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  acceleratedOpAvailable,
  autograd,
  devices,
  extractStateDict,
  MetaAdam,
  MetaSGD,
  moduleClone,
  moduleDetach_,
  type ModuleState,
  nn,
  ones,
  randn,
  recoverStateDict,
  SGD,
  stopGradient,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";
import { treeLeaves } from "@torchopt/torchopt/pytree";
import "../helpers/seed.ts";

class Net extends nn.Module {
  norm = new nn.BatchNorm1d(2);
  head = new nn.Linear(2, 1);
  forward(x: Tensor): Tensor {
    return this.head.call(this.norm.call(x));
  }
}

const x = () => randn([8, 2]);
const loss = (net: Net) => net.call(x()).square().mean();

Deno.test("recoverStateDict() goes back twice from one snapshot", () => {
  const net = new Net(), optimizer = new MetaAdam(net, { lr: 0.1, epsRoot: 1e-6 });
  const values = net.head.weight.toArray();
  const start = extractStateDict(net), begun = extractStateDict(optimizer);
  for (let i = 0; i < 2; i++) {
    optimizer.step(loss(net));
    assert(String(net.head.weight.toArray()) !== String(values));
    recoverStateDict(net, start);
    recoverStateDict(optimizer, begun);
    assertEquals(net.head.weight.toArray(), values);
    const counts = treeLeaves<Tensor>(optimizer.stateDict()).filter((t) => t.dtype === "int64");
    assert(counts.every((t) => t.item() === 0));
  }
});

for (
  const [by, same, linked] of [
    ["reference", true, true],
    ["ref", true, true],
    ["copy", false, true],
    ["clone", false, true],
    ["deepcopy", false, false],
    ["deepclone", false, false],
  ] as const
) {
  Deno.test(`extractStateDict() by ${by}`, () => {
    const net = new Net(), state = extractStateDict(net, { by });
    const weight = state.params["head.weight"];
    assertEquals(weight === net.head.weight, same);
    assert(weight.requiresGrad);
    assertEquals(weight.toArray(), net.head.weight.toArray());
    const [g] = autograd.grad(weight.sum(), [net.head.weight], { allowUnused: true });
    assertEquals(g !== null, linked);
    assertEquals(weight instanceof nn.Parameter, !linked || same);
    assertEquals(Object.keys(state.buffers).length, 3);
    const optimizer = new MetaSGD(net, { lr: 0.1, momentum: 0.9 });
    const [before] = treeLeaves<Tensor>(optimizer.stateDict());
    const [after] = treeLeaves<Tensor>(extractStateDict(optimizer, { by }));
    assertEquals(after === before, same);
    assertEquals(after.toArray(), before.toArray());
  });
}

Deno.test("extractStateDict(): a deep copy outlives classic steps in place", () => {
  const net = new Net(), values = net.head.weight.toArray();
  const state = extractStateDict(net, { by: "deepcopy" });
  const optimizer = new SGD(net.parameters(), { lr: 0.1 });
  loss(net).backward();
  optimizer.step();
  assert(String(net.head.weight.toArray()) !== String(values));
  assertEquals(state.params["head.weight"].toArray(), values);
});

Deno.test("extractStateDict(): buffers follow, are left out, or are detached", () => {
  const net = new Net();
  assertEquals(extractStateDict(net, { withBuffers: false }).buffers, {});
  const follows = extractStateDict(net), detached = extractStateDict(net, { detachBuffers: true });
  for (let i = 0; i < 2; i++) {
    loss(net).item();
    assert(String(net.norm.runningMean!.toArray()) !== "0,0");
    recoverStateDict(net, detached);
    assertEquals(net.norm.runningMean!.toArray(), [0, 0]);
    assertEquals(net.norm.numBatchesTracked!.item(), 0);
  }
  assert(String(follows.buffers["norm.runningMean"].toArray()) !== "0,0");
});

Deno.test("extractStateDict() names tensors for pictures", () => {
  const net = new Net();
  const state = extractStateDict(net, { enableVisual: true, visualPrefix: "step0." });
  assert(state.visualContents!["step0.head.weight"] === net.head.weight);
  assertEquals(extractStateDict(net).visualContents, null);
});

Deno.test("extractStateDict() keeps sharing in copies", () => {
  const net = new nn.Sequential(new nn.Linear(2, 2), new nn.Linear(2, 2));
  (net[1] as nn.Linear).weight = (net[0] as nn.Linear).weight;
  const { params } = extractStateDict(net, { by: "deepcopy" });
  assert(params["0.weight"] === params["1.weight"]);
});

Deno.test("extractStateDict() and recoverStateDict() refuse what does not belong together", () => {
  const net = new Net();
  assertThrows(() => extractStateDict(1 as unknown as nn.Module), TypeError, "wants a module");
  assertThrows(() => extractStateDict(net, { by: "move" as "copy" }), RangeError, "deepcopy");
  const other = extractStateDict(new nn.Linear(1, 1));
  assertThrows(() => recoverStateDict(net, other), TypeError, "does not have");
  assertThrows(() => recoverStateDict(net, {} as ModuleState), TypeError, "wants a module");

  const small = new nn.Linear(2, 1), wide = extractStateDict(new nn.Linear(3, 1));
  const { weight, bias } = small;
  assertThrows(
    () => recoverStateDict(small, wide),
    TypeError,
    "weight of the snapshot has shape [1, 3], that of Linear [1, 2]",
  );
  assert(small.weight === weight && small.bias === bias);
});

Deno.test("Module.loadStateDict() names recoverStateDict() for what extractStateDict() returned", () => {
  const net = new nn.Linear(1, 1), state = extractStateDict(net, { by: "deepcopy" });
  assertThrows(() => net.loadStateDict(state as never), TypeError, "recoverStateDict(net, state)");
});

Deno.test("a state of another optimizer is refused by the next step, which changes nothing", () => {
  const net = new nn.Linear(2, 1), optimizer = new MetaSGD(net, { lr: 0.1, momentum: 0.9 });
  const right = extractStateDict(optimizer), { weight } = net;
  const step = () => optimizer.step(net.call(ones([1, 2])).sum());
  const others = [new MetaSGD(new nn.Linear(3, 1), { lr: 0.1, momentum: 0.9 }), new MetaAdam(net)];
  for (const other of others) {
    recoverStateDict(optimizer, extractStateDict(other));
    assertThrows(step, TypeError, "state");
    assert(net.weight === weight);
  }
  recoverStateDict(optimizer, right);
  step();
  assert(net.weight !== weight);
});

Deno.test("stopGradient() cuts modules, snapshots, optimizers and trees in place", () => {
  const net = new Net(), optimizer = new MetaSGD(net, { lr: 0.1, momentum: 0.9 });
  const first = net.head.weight;
  optimizer.step(loss(net));
  const weight = net.head.weight, values = weight.toArray();
  const state = extractStateDict(net, { by: "copy" });
  stopGradient(net);
  stopGradient(optimizer);
  assert(net.head.weight === weight && weight.isLeaf && weight.requiresGrad);
  assertEquals(weight.toArray(), values);
  const moments = treeLeaves<Tensor>(optimizer.stateDict()).filter((t) => t.dtype === "float32");
  assert(moments.length === 4 && moments.every((t) => t.isLeaf && t.requiresGrad));
  loss(net).backward();
  assert(weight.grad !== null && first.grad === null);
  assert(!state.params["head.weight"].isLeaf);
  stopGradient(state);
  assert(state.params["head.weight"].isLeaf);
  const y = first.mul(2), tree = { list: [y], n: tensor(1) };
  assert(moduleDetach_(tree) === tree && y.isLeaf && y.requiresGrad && !tree.n.requiresGrad);
});

Deno.test("moduleClone() shares, copies or separates", () => {
  const net = new nn.Sequential(new nn.Linear(2, 2), new nn.Linear(2, 2));
  (net[1] as nn.Linear).weight = (net[0] as nn.Linear).weight;
  net.registerBuffer("count", tensor(1, { requiresGrad: true }));
  for (const by of ["reference", "copy", "deepcopy"] as const) {
    const copy = moduleClone(net, { by });
    assert(copy !== net && copy[0] !== net[0] && copy instanceof nn.Sequential);
    assert((copy[0] as nn.Linear).weight === (copy[1] as nn.Linear).weight);
    assertEquals(
      (copy[0] as nn.Linear).weight === (net[0] as nn.Linear).weight,
      by === "reference",
    );
    assertEquals(Object.keys(copy.stateDict()), Object.keys(net.stateDict()));
    assertEquals(copy.namedBuffers().length, 1);
    assertEquals(copy.call(ones([1, 2])).toArray(), net.call(ones([1, 2])).toArray());
  }
  const detached = moduleClone(new Net(), { detachBuffers: true });
  assertAlmostEquals(detached.norm.runningVar!.sum().item(), 2);
  const tree = moduleClone({ a: net.parameters()[0] }, { by: "deepcopy" });
  assert(tree.a !== net.parameters()[0] && tree.a.isLeaf);
});

Deno.test("acceleratedOpAvailable() reports the compiled kernel", () => {
  assertEquals(acceleratedOpAvailable(), devices()[0].ops.loaded);
  assertEquals(acceleratedOpAvailable(["cuda"]), false);
});

Deno.test("extractStateDict() and moduleClone() take null for no device", () => {
  const net = new nn.Linear(1, 1);
  assertEquals(extractStateDict(net, { device: null }).params.weight === net.weight, true);
  assertEquals(moduleClone(net, { device: null }).weight === net.weight, true);
});
