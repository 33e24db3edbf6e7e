/** What lies between the layers of a chain is stored by no step, unless somebody may hold it. */

import { manualSeed, nn, SGD, type Tensor, tensor } from "@torchopt/torchopt";
import { counters } from "../../src/runtime/counters.ts";
import { assert, assertEquals } from "@std/assert";
import { assertClose } from "../helpers/close.ts";

const WIDTH = 32, ROWS = 16;

/** Keeps its operands, which a user may do. */
class Keeping extends nn.Module {
  readonly seen: Tensor[] = [];

  override forward(x: Tensor): Tensor {
    this.seen.push(x);
    return x.mul(1);
  }
}

function chain(...middle: nn.Module[]): nn.Sequential {
  manualSeed(3);
  return new nn.Sequential(new nn.Linear(16, WIDTH), ...middle, new nn.Linear(WIDTH, 1));
}

const input = () =>
  tensor(Float32Array.from({ length: ROWS * 16 }, (_, i) => Math.sin(i)), { shape: [ROWS, 16] });

/** Trains for some steps. */
function train(net: nn.Module, steps: number, x = input()): void {
  const optimizer = new SGD(net.parameters(), { lr: 0.01 });
  for (let k = 0; k < steps; k++) {
    const loss = net.call(x).square().mean();
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
  }
}

/** Bytes of new results in a step. */
function bytesPerStep(net: nn.Module): number {
  train(net, 3);
  const before = counters.storageBytes;
  train(net, 10);
  return (counters.storageBytes - before) / 10;
}

Deno.test("a step stores nothing of what lies between layers of the library", () => {
  const between = 4 * ROWS * WIDTH;
  const plain = bytesPerStep(chain(new nn.ReLU()));
  assertEquals(bytesPerStep(chain(new nn.ReLU(), new nn.Identity(), new nn.Tanh())), plain);
  assert(bytesPerStep(chain(new Keeping())) >= plain + between);
});

Deno.test("what a module of the user's keeps can be read many steps later", () => {
  for (const middle of [[new nn.ReLU(), new Keeping()], [new Keeping(), new nn.ReLU()]]) {
    const net = chain(...middle), keeping = middle.find((m) => m instanceof Keeping)!;
    const want: number[][] = [];
    train(net, 4);
    for (let k = 0; k < 3; k++) {
      train(net, 1);
      // The same values, read at once.
      want.push([...keeping.seen.at(-1)!.data() as Float32Array]);
    }
    const again = chain(...middle);
    keeping.seen.length = 0;
    train(again, 4);
    for (let k = 0; k < 3; k++) train(again, 1);
    const late = keeping.seen.slice(-3).map((x) => [...x.data() as Float32Array]);
    late.forEach((values, k) => assertClose(values, want[k], { rtol: 1e-6, atol: 1e-7 }));
  }
});

Deno.test("layers that a user changed may keep what they get", () => {
  const seen: Tensor[] = [];
  class Watched extends nn.ReLU {
    override forward(x: Tensor): Tensor {
      seen.push(x);
      return super.forward(x);
    }
  }
  const patched = new nn.ReLU(), forward = patched.forward.bind(patched);
  patched.forward = (x) => {
    seen.push(x);
    return forward(x);
  };
  for (const layer of [new Watched(), patched]) {
    seen.length = 0;
    train(chain(layer), 6);
    for (const x of seen) assertEquals(x.data().length, ROWS * WIDTH);
  }
});

Deno.test("the operand of a chain stays with whoever made it", () => {
  const seen: Tensor[] = [];
  const net = new nn.Sequential(new nn.Identity(), new nn.Flatten(), new nn.Linear(16, 1));
  const embed = new nn.Linear(16, 16);
  const optimizer = new SGD([...embed.parameters(), ...net.parameters()], { lr: 0.01 });
  for (let k = 0; k < 5; k++) {
    const h = embed.call(input());
    seen.push(h);
    optimizer.zeroGrad();
    net.call(h).square().mean().backward();
    optimizer.step();
  }
  for (const h of seen) assertEquals(h.data().length, ROWS * 16);
});
