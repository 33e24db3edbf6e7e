import { tensor } from "@torchopt/torchopt";
import { trainer } from "../../examples/mgrl.ts";
import { assertClose } from "../helpers/close.ts";
import { type GoldenTensor, readGolden, toTensor } from "../helpers/golden.ts";

interface File {
  weight: GoldenTensor;
  bias: GoldenTensor;
  noise: { z_inner: number[]; z_outer: number[] }[];
  history: { outer_loss: number; gamma_grad: number[]; gamma: number[] }[];
}

Deno.test("meta-gradient reinforcement learning follows the reference", () => {
  const file = readGolden<File>("example_mgrl.json");
  const dtype = "float64", tolerance = { rtol: 1e-9, atol: 1e-12 };
  const net = {
    weight: toTensor(file.weight).requiresGrad_(),
    bias: toTensor(file.bias).requiresGrad_(),
  };
  const gamma = tensor(file.history[0].gamma.map(() => 0), { dtype, requiresGrad: true });
  const step = trainer(net, gamma);
  file.history.forEach((expected, i) => {
    const { z_inner, z_outer } = file.noise[i];
    const { loss, gradient } = step(tensor(z_inner, { dtype }), tensor(z_outer, { dtype }));
    assertClose(loss.data(), [expected.outer_loss], tolerance, `loss ${i}`);
    assertClose(gradient.data(), expected.gamma_grad, tolerance, `gradient ${i}`);
    assertClose(gamma.data(), expected.gamma, tolerance, `gamma ${i}`);
  });
});
