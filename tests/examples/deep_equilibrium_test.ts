import { assert } from "@std/assert";
import { Adam, autograd, Generator, nn, type Tensor, zeros } from "@torchopt/torchopt";
import { DeepEquilibrium } from "../../examples/deep_equilibrium.ts";
import { examples, loadDigits } from "../../examples/data/digits.ts";
import { assertClose } from "../helpers/close.ts";

const digits = await loadDigits();
const { x, y } = examples(digits, Array.from({ length: 48 }, (_, i) => i));

Deno.test("deep_equilibrium: the implicit gradient is that through many repetitions", () => {
  const net = new DeepEquilibrium(12, new Generator(0));
  const parameters = net.parameters();
  const loss = (z: Tensor) => nn.functional.crossEntropy(net.output.call(z), y);
  const implicit = autograd.grad(loss(net.equilibrium(x).z), parameters) as Tensor[];
  let z: Tensor = zeros([48, 12]);
  for (let k = 0; k < 60; k++) z = net.cell(x)(z);
  const unrolled = autograd.grad(loss(z), parameters) as Tensor[];
  implicit.forEach((g, i) => assertClose(g, unrolled[i], { atol: 1e-4, rtol: 2e-3 }));
});

Deno.test("deep_equilibrium: it learns a batch", () => {
  const net = new DeepEquilibrium(32, new Generator(1));
  const optimizer = new Adam(net.parameters(), { lr: 1e-2 });
  const losses: number[] = [];
  for (let k = 0; k < 60; k++) {
    const loss = nn.functional.crossEntropy(net.call(x) as Tensor, y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    losses.push(loss.item());
  }
  assert(losses.at(-1)! < 0.3 * losses[0], losses.join(" "));
});
