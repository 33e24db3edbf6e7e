import { assert } from "@std/assert";
import {
  Adam,
  adam,
  applyUpdates,
  autograd,
  compile,
  Generator,
  memory,
  nn,
  randn,
  type Tensor,
} from "../../mod.ts";
import "../helpers/seed.ts";

const generator = new Generator(5);

function makeParams(): Tensor[] {
  return [[16, 8], [16], [1, 16]].map((shape) =>
    randn(shape, { generator }).mul(0.1).requiresGrad_()
  );
}

function lossOf(params: readonly Tensor[], x: Tensor, y: Tensor): Tensor {
  const hidden = nn.functional.linear(x, params[0], params[1]).tanh();
  return nn.functional.linear(hidden, params[2]).sub(y).square().mean();
}

/** Runs 10 000 steps; resident memory after the first 4 000 must stay within 5 %. */
function staysFlat(step: (x: Tensor, y: Tensor) => void): void {
  let early = 0;
  for (let i = 1; i <= 10_000; i++) {
    const x = randn([10, 8], { generator });
    step(x, x.sum(1, { keepdim: true }));
    if (i === 4_000) early = Deno.memoryUsage().rss;
  }
  const late = Deno.memoryUsage().rss;
  assert(
    late <= early * 1.05,
    `${early >> 20} MiB after 4 000 steps, ${late >> 20} MiB after 10 000`,
  );
}

Deno.test("memory of a classic training loop is flat, unread values included", () => {
  const params = makeParams();
  const optimizer = new Adam(params, { lr: 1e-3 });
  const sessions = { before: 0 };
  let steps = 0;
  staysFlat((x, y) => {
    const loss = lossOf(params, x, y);
    loss.mul(2).exp(); // never read
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    if (++steps === 3) sessions.before = memory().sessions.created;
  });
  assert(memory().sessions.created - sessions.before <= 2);
});

Deno.test("memory of a functional training loop is flat, and its loss can be read after the step", () => {
  const params = makeParams(), optimizer = adam({ lr: 1e-3 });
  const state = optimizer.init(params);
  let steps = 0;
  staysFlat((x, y) => {
    const loss = lossOf(params, x, y);
    const [updates] = optimizer.update(autograd.grad(loss, params), state, { params });
    applyUpdates(params, updates);
    if (++steps % 50 === 0) assert(Number.isFinite(loss.item()));
  });
});

Deno.test("memory of a compiled training loop is flat", () => {
  const params = makeParams(), optimizer = adam({ lr: 1e-3 });
  const state = optimizer.init(params);
  staysFlat(compile((x: Tensor, y: Tensor) => {
    const [updates] = optimizer.update(autograd.grad(lossOf(params, x, y), params), state, {
      params,
    });
    applyUpdates(params, updates);
  }));
});
