import { Generator, type Tensor } from "@torchopt/torchopt";
import { Classifier, reweightedTrainer } from "../../examples/reweight_meta_sgd.ts";
import { assertClose } from "../helpers/close.ts";
import { type GoldenTensor, readGolden, toTensor } from "../helpers/golden.ts";

type Name = "w1" | "b1" | "w2" | "b2";

interface File {
  init: Record<Name, GoldenTensor>;
  x: GoldenTensor;
  y: GoldenTensor;
  x_val: GoldenTensor;
  y_val: GoldenTensor;
  history: {
    outer_loss: number;
    meta_grad: number[];
    weights: number[];
    weighted_loss: number;
  }[];
  final_params: Record<Name, number[]>;
}

Deno.test("learning to reweight follows the reference", () => {
  const file = readGolden<File>("example_l2r.json");
  const tolerance = { rtol: 1e-9, atol: 1e-12 };
  const [inputs, width] = file.init.w1.shape;
  const net = new Classifier(inputs, width, new Generator(0)).to("float64");
  // The reference stores weights as [in, out].
  net.loadStateDict({
    "hidden.weight": toTensor(file.init.w1).t(),
    "hidden.bias": toTensor(file.init.b1),
    "output.weight": toTensor(file.init.w2).t(),
    "output.bias": toTensor(file.init.b2),
  });
  const balanced = { x: toTensor(file.x_val), y: toTensor(file.y_val) };
  const step = reweightedTrainer(net, balanced, { inner: 0.1, outer: 0.05 });
  const batch = { x: toTensor(file.x), y: toTensor(file.y) };
  file.history.forEach((expected, i) => {
    const { outer, gradient, weights, loss } = step(batch);
    assertClose(outer.data(), [expected.outer_loss], tolerance, `outer loss ${i}`);
    assertClose(gradient.data(), expected.meta_grad, tolerance, `gradient ${i}`);
    assertClose(weights.data(), expected.weights, tolerance, `weights ${i}`);
    assertClose(loss.data(), [expected.weighted_loss], tolerance, `loss ${i}`);
  });
  const final: Record<Name, Tensor> = {
    w1: net.hidden.weight.t(),
    b1: net.hidden.bias!,
    w2: net.output.weight.t(),
    b2: net.output.bias!,
  };
  for (const [name, t] of Object.entries(final)) {
    assertClose(t.data(), file.final_params[name as Name], tolerance, `final ${name}`);
  }
});
