import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { Adam, Generator, noGrad, tensor, zerosLike } from "@torchopt/torchopt";
import { ActorCritic, learner, playTasks, toBatch } from "../../examples/maml_rl.ts";
import { play, sampleMdp } from "../../examples/data/tabular_mdp.ts";

const dtype = "float64";
const SHAPE = { states: 10, actions: 5 };

Deno.test("maml_rl: the gradient goes through the step of adaptation", () => {
  const net = new ActorCritic(new Generator(0), 4).to(dtype);
  const generator = new Generator(1), mdp = sampleMdp(SHAPE, generator);
  const values = Array.from({ length: 10 }, (_, i) => i);
  // Without actions the loss has no advantage, which counts as a constant where it is differentiated.
  const games = () => {
    const batch = toBatch(play(mdp, Array(50).fill(0.2), 4, 5, generator), values, dtype);
    return { ...batch, actions: zerosLike(batch.actions) };
  };
  const before = games(), after = games();
  const { accumulate } = learner(net, 0.1);
  accumulate(before, after);
  const bias = net.first.bias!, gradient = bias.grad!.toArray() as number[];
  const start = Array.from(bias.data(), Number);
  assert(gradient.some((g) => Math.abs(g) > 0.1), `${gradient}`);
  gradient.forEach((g, i) => {
    const at = (shift: number) => {
      noGrad(() => bias.copy_(tensor(start.map((v, k) => k === i ? v + shift : v), { dtype })));
      return accumulate(before, after).item();
    };
    assertAlmostEquals(g, (at(1e-5) - at(-1e-5)) / 2e-5, 1e-6);
  });
});

Deno.test("maml_rl: adaptation leaves the policy alone, and runs are reproducible", () => {
  const run = () => {
    const net = new ActorCritic(new Generator(0));
    const learn = learner(net, 0.1), optimizer = new Adam(net.parameters(), { lr: 1e-3 });
    const generator = new Generator(1);
    const tasks = [sampleMdp(SHAPE, generator), sampleMdp(SHAPE, generator)];
    const start = net.first.weight.toArray();
    playTasks(learn, tasks, generator);
    assertEquals(net.first.weight.toArray(), start);
    optimizer.zeroGrad();
    playTasks(learn, tasks, generator, (a, b) => void learn.accumulate(a, b));
    optimizer.step();
    return net.first.weight.toArray();
  };
  const weight = run();
  assertEquals(run(), weight);
  assertNotEquals(weight, new ActorCritic(new Generator(0)).first.weight.toArray());
});
