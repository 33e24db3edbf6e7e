import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { autograd, nn, ones, type Tensor, tensor } from "@torchopt/torchopt";
import { type Dot, makeDot } from "@torchopt/torchopt/visual";
import "../helpers/seed.ts";

const lines = (dot: Dot) => dot.source.split("\n").map((l) => l.trim());

/** Identifier of the box whose label starts with `label`. */
function box(dot: Dot, label: string): string {
  const line = lines(dot).find((l) => l.includes(`[label="${label}`));
  assert(line !== undefined, `no box "${label}" in\n${dot}`);
  return line.split(" ")[0];
}

type Params = Record<string, Tensor>;

/** Gradient descent on a small network, with the state of each step under its name. */
function descent(steps: number): { loss: Tensor; stages: Params[] } {
  const lr = tensor(0.1, { requiresGrad: true });
  let p: Params = {
    w: tensor([[0.5, -0.5]], { requiresGrad: true }),
    v: tensor([[1], [2]], { requiresGrad: true }),
  };
  const x = tensor([[1], [2]]), y = tensor([[1], [0]]);
  const lossOf = (p: Params) => x.matmul(p.w).tanh().matmul(p.v).sub(y).square().mean();
  const stages: Params[] = [{ ...p, lr }];
  for (let k = 1; k <= steps; k++) {
    const names = Object.keys(p);
    const grads = autograd.grad(lossOf(p), Object.values(p), { createGraph: true });
    const before = p;
    p = Object.fromEntries(names.map((n, i) => [n, before[n].sub(grads[i]!.mul(lr))]));
    stages.push(Object.fromEntries(names.map((n) => [`step${k}.${n}`, p[n]])));
  }
  return { loss: lossOf(p), stages };
}

Deno.test("makeDot() draws leaves blue, outputs green, operations grey", () => {
  const x = tensor([1, 2, 3], { requiresGrad: true });
  const dot = makeDot(x.exp().sum(), { params: { x } });
  const exp = box(dot, "exp"), sum = box(dot, "sum");
  assertStringIncludes(dot.source, `${box(dot, "x\\n(3)")} [label="x\\n(3)", fillcolor=lightblue]`);
  assertStringIncludes(dot.source, `${exp} [label="exp", fillcolor=lightgrey]`);
  const output = box(dot, "()");
  assertStringIncludes(dot.source, `${output} [label="()", fillcolor=darkolivegreen1]`);
  assertStringIncludes(dot.source, `${box(dot, "x")} -> ${exp}`);
  assertStringIncludes(dot.source, `${exp} -> ${sum}`);
  assertStringIncludes(dot.source, `${sum} -> ${output}`);
});

Deno.test("makeDot() shows data only with showSaved, in orange", () => {
  const x = tensor([1, 2], { requiresGrad: true }), data = tensor([3, 4]);
  const y = x.mul(data).sum();
  assert(!makeDot(y).source.includes("orange"));
  const dot = makeDot(y, { showSaved: true });
  const saved = box(dot, "data");
  assertStringIncludes(dot.source, `${saved} [label="data\\n(2)", fillcolor=orange]`);
  assertStringIncludes(dot.source, `${saved} -> ${box(dot, "mul")}`);
});

Deno.test("makeDot() shows arguments with showAttrs, shortened to maxAttrChars", () => {
  const x = tensor([[1, 2]], { requiresGrad: true });
  const y = x.sum([0, 1]);
  assert(!makeDot(y).source.includes("axes"));
  assertStringIncludes(makeDot(y, { showAttrs: true }).source, "axes: [0,1]");
  assertStringIncludes(makeDot(y, { showAttrs: true, maxAttrChars: 3 }).source, "axes: [0…");
  assertThrows(() => makeDot(y, { maxAttrChars: 2 }), RangeError, "maxAttrChars");
});

Deno.test("makeDot() draws what an output is a view of", () => {
  const x = tensor([1, 2, 3, 4], { requiresGrad: true });
  const dot = makeDot(x.mul(2).reshape([2, 2]));
  const base = lines(dot).find((l) => l.includes("darkolivegreen3"))!;
  assertStringIncludes(base, 'label="(4)"');
  assertStringIncludes(dot.source, `${base.split(" ")[0]} -> ${lastOutput(dot)} [style=dotted]`);
});

function lastOutput(dot: Dot): string {
  return lines(dot).find((l) => l.includes("darkolivegreen1"))!.split(" ")[0];
}

Deno.test("makeDot() takes maps, nested objects, modules and states", () => {
  const a = tensor(1, { requiresGrad: true }), b = tensor(2, { requiresGrad: true });
  const y = a.mul(b);
  const module = { namedParameters: (): [string, Tensor][] => [["layer.a", a]] };
  for (
    const [params, name] of [
      [new Map([["a", a]]), "a"],
      [{ net: { a } }, "net.a"],
      [[a], ""],
      [module, "layer.a"],
      [{ visualContents: { "step1.a": a } }, "step1.a"],
      [[{ b }, [module, { net: b }]], "net"],
      [{ pair: [a, b] }, "pair.1"],
    ] as const
  ) box(makeDot(y, { params }), name);
  assertThrows(() => makeDot(y, { params: { a: 1 } as never }), TypeError, 'at "a"');
});

Deno.test("makeDot() frames what leads to each named moment", () => {
  const { loss, stages } = descent(2);
  const dot = makeDot(loss, { params: stages });
  const text = lines(dot);
  const frames = text.filter((l) => l.startsWith("subgraph"));
  assertEquals(frames, ["subgraph cluster_1 {", "subgraph cluster_2 {"]);
  const inside = (step: number, label: string) => {
    const from = text.indexOf(`subgraph cluster_${step} {`), to = text.indexOf("}", from);
    return text.slice(from, to).some((l) => l.includes(`[label="${label}`));
  };
  assert(inside(1, "step1.w") && inside(2, "step2.w"));
  assert(!inside(1, "lr") && !inside(1, "step2.w") && !inside(2, "w"));
});

Deno.test("makeDot() draws one node for each step with fuseSteps", () => {
  const { loss, stages } = descent(5);
  const full = makeDot(loss, { params: stages });
  const dot = makeDot(loss, { params: stages, fuseSteps: true });
  assert(lines(dot).length < lines(full).length / 2);
  for (let k = 1; k <= 5; k++) {
    const step = box(dot, `step ${k}`);
    const before = box(dot, k === 1 ? "w\\n" : `step${k - 1}.w`);
    for (
      const [from, to] of [[before, step], [box(dot, "lr"), step], [step, box(dot, `step${k}.w`)]]
    ) {
      assertStringIncludes(dot.source, `${from} -> ${to}`);
    }
  }
  assert(!dot.source.includes("subgraph"));
});

Deno.test("makeDot() draws an output without gradients alone", () => {
  assertStringIncludes(makeDot(tensor([1, 2])).source, "(no gradient)\\n(2)");
});

Deno.test("makeDot() refuses outputs that are no tensors", () => {
  assertThrows(() => makeDot(1 as never), TypeError, "output 0 is 1, wants a tensor");
  assertThrows(() => makeDot([tensor(1), null] as never), TypeError, "output 1 is null");
});

Deno.test("makeDot() escapes names", () => {
  const x = tensor(1, { requiresGrad: true });
  assertStringIncludes(makeDot(x.exp(), { params: { 'a"b\\c': x } }).source, 'a\\"b\\\\c');
});

Deno.test("Dot.toSvg() draws with Graphviz", async () => {
  const { loss, stages } = descent(1);
  const svg = await makeDot(loss, { params: stages }).toSvg();
  assertStringIncludes(svg, "<svg");
  assertStringIncludes(svg, "step1.w");
});

Deno.test("Dot.save() writes a picture or the text, by the ending", async () => {
  const dot = makeDot(tensor(1, { requiresGrad: true }).exp());
  const folder = await Deno.makeTempDir();
  try {
    await dot.save(`${folder}/graph.dot`);
    assertEquals(await Deno.readTextFile(`${folder}/graph.dot`), dot.source);
    await dot.save(`${folder}/graph.svg`);
    assertStringIncludes(await Deno.readTextFile(`${folder}/graph.svg`), "<svg");
    const error = await dot.save(`${folder}/graph.png`).then(() => null, (e) => e);
    assert(error instanceof TypeError && error.message.includes(".svg"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("makeDot() takes pairs of name and tensor, from a list or an iterator", () => {
  const net = new nn.Sequential(new nn.Linear(2, 2), new nn.Linear(2, 1));
  const loss = net.call(ones([3, 2])).sum();
  const byModule = makeDot(loss, { params: net }).source;
  assertStringIncludes(byModule, "0.weight");
  assertEquals(makeDot(loss, { params: net.namedParameters() }).source, byModule);
  assertEquals(makeDot(loss, { params: net.namedParameters().values() }).source, byModule);
  assertEquals(makeDot(loss, { params: null }).source, makeDot(loss).source);
});
