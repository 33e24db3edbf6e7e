import { autograd, type Tensor } from "@torchopt/torchopt";
import { makeTasks, metaLoss, metaTrainer, type Params } from "../../examples/maml_sinusoid.ts";
import { assertClose } from "../helpers/close.ts";
import { type GoldenTensor, readGolden, toTensor } from "../helpers/golden.ts";

interface Task {
  amplitude: number;
  phase: number;
  x_support: number[];
  x_query: number[];
}

interface File {
  inner_steps: number;
  inner_lr: number;
  meta_lr: number;
  init: Record<keyof Params, GoldenTensor>;
  iterations: { tasks: Task[]; query_loss: number }[];
  first_meta_grad: Record<keyof Params, number[]>;
  final_params: Record<keyof Params, number[]>;
}

Deno.test("MAML on sinusoids follows the reference", () => {
  const file = readGolden<File>("example_maml_sine.json");
  const params = Object.fromEntries(
    Object.entries(file.init).map(([name, t]) => [name, toTensor(t).requiresGrad_()]),
  ) as Params;
  const names = Object.keys(params) as (keyof Params)[];
  const inner = { steps: file.inner_steps, lr: file.inner_lr };
  const tasksOf = (tasks: Task[]) =>
    makeTasks(
      { amplitude: tasks.map((t) => t.amplitude), phase: tasks.map((t) => t.phase) },
      tasks.map((t) => t.x_support),
      tasks.map((t) => t.x_query),
      "float64",
    );
  const strict = { rtol: 1e-9, atol: 1e-12 }, whole = { rtol: 1e-6, atol: 1e-9 };
  const loss = metaLoss(params, tasksOf(file.iterations[0].tasks), inner);
  const grads = autograd.grad(loss, names.map((n) => params[n])) as Tensor[];
  names.forEach((name, i) =>
    assertClose(grads[i].data(), file.first_meta_grad[name], strict, `gradient of ${name}`)
  );
  const step = metaTrainer(params, inner, file.meta_lr);
  const losses = file.iterations.map(({ tasks }) => step(tasksOf(tasks)).item());
  assertClose(losses, file.iterations.map((i) => i.query_loss), strict, "losses");
  for (const name of names) {
    assertClose(params[name].data(), file.final_params[name], whole, `final ${name}`);
  }
});
