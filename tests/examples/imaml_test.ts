import { assert, assertEquals } from "@std/assert";
import { autograd, Generator, nn, noGrad, tensor } from "@torchopt/torchopt";
import {
  adaptation,
  clusters,
  digits,
  evaluator,
  INNER,
  makeParams,
  metaTrainer,
} from "../../examples/imaml.ts";
import { assertClose } from "../helpers/close.ts";

Deno.test("imaml: both styles take the same step", () => {
  const source = clusters(0), generator = new Generator(1);
  const episodes = [source(generator), source(generator)];
  const [a, b] = ["functions", "modules"].map((style) => {
    const meta = makeParams(20, 8, new Generator(0));
    const loss = metaTrainer(meta, INNER.clusters, 3e-3, style)(episodes).item();
    return { meta, loss };
  });
  assertClose(a.loss, b.loss, 1e-5);
  a.meta.forEach((p, i) => assertClose(p, b.meta[i], 1e-4));
});

Deno.test("imaml: meta-training makes adaptation to new clusters better", () => {
  const source = clusters(0), held = new Generator(2), generator = new Generator(1);
  const fixed = Array.from({ length: 60 }, () => source(held));
  const meta = makeParams(20, 32, new Generator(0)), evaluate = evaluator(meta, INNER.clusters);
  const [, untrained] = evaluate(fixed),
    step = metaTrainer(meta, INNER.clusters, 3e-3, "functions");
  for (let i = 0; i < 80; i++) step(Array.from({ length: 8 }, () => source(generator)));
  const [before, after] = evaluate(fixed);
  assert(after > untrained + 0.2 && before < 0.3, `${untrained}, ${before}, ${after}`);
});

Deno.test("imaml: digits are episodes of five classes", async () => {
  const { train } = await digits(), e = train(new Generator(0));
  assertEquals([e.xSupport.shape, e.xQuery.shape], [[5, 64], [50, 64]]);
  const meta = makeParams(64, 8, new Generator(0));
  const adapted = adaptation(INNER.digits)(meta, e);
  const loss = (p: typeof meta) =>
    nn.functional.crossEntropy(
      nn.functional.linear(nn.functional.linear(e.xSupport, p[0], p[1]).tanh(), p[2], p[3]),
      e.ySupport,
    ).item();
  assert(loss(adapted) < loss(meta));
});

Deno.test("imaml: adaptation to digits ends at a solution, also with weights as large as trained ones", async () => {
  const { train } = await digits(), e = train(new Generator(0)), inner = INNER.digits;
  const meta = makeParams(64, 32, new Generator(0));
  noGrad(() => [0, 2].forEach((i) => void meta[i].mul_(tensor(13).div(meta[i].norm()))));
  const adapted = adaptation(inner)(meta, e).map((p) => p.detach().requiresGrad_());
  const [w1, b1, w2, b2] = adapted, { linear, crossEntropy } = nn.functional;
  const pull = adapted.map((p, i) => p.sub(meta[i].detach()).square().sum())
    .reduce((a, b) => a.add(b)).mul(inner.reg / 2);
  const loss = crossEntropy(linear(linear(e.xSupport, w1, b1).tanh(), w2, b2), e.ySupport).add(
    pull,
  );
  for (const g of autograd.grad(loss, adapted)) {
    assert(g!.norm().item() < 0.15, `${g!.norm().item()}`);
  }
});
