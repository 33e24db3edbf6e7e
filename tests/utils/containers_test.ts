import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { autograd, extractModuleContainers, nn, ones, randn } from "@torchopt/torchopt";
import "../helpers/seed.ts";

Deno.test("extractModuleContainers() reads and writes the tensors of each module", () => {
  class Net extends nn.Module {
    scale = new nn.Parameter([2]);
    parts = [new nn.Linear(2, 2), new nn.ReLU(), new nn.BatchNorm1d(2)];
    forward = () => null;
  }
  const net = new Net(), [params, buffers] = extractModuleContainers(net);
  assertEquals(params.map(Object.keys), [["scale"], ["weight", "bias"], ["weight", "bias"]]);
  assertEquals(buffers.length, 1);
  assertStrictEquals(params[0].scale, net.scale);
  const first = net.scale, next = first.mul(3);
  params[0].scale = next;
  assertStrictEquals(net.scale, next);
  assertEquals(net.namedParameters()[0], ["scale", next]);
  assertEquals(autograd.grad(net.scale.sum(), [first])[0]!.toArray(), [3]);
  assertEquals(extractModuleContainers(net, { withBuffers: false })[1], []);
});

Deno.test("extractModuleContainers() follows steps that replace the tensors", () => {
  const net = new nn.Linear(2, 1), [[container]] = extractModuleContainers(net);
  net.weight = new nn.Parameter(randn([1, 2]));
  assertStrictEquals(container.weight, net.weight);
  assert(net.call(ones([1, 2])).requiresGrad);
});

Deno.test("extractModuleContainers() says what it wants", () => {
  assertThrows(() => extractModuleContainers({} as nn.Module), TypeError, "wants a module");
  const wrong = { buffers: true } as object;
  assertThrows(() => extractModuleContainers(new nn.ReLU(), wrong), TypeError, "no option buffers");
});
