import { assert } from "@std/assert";
import { Generator, randn } from "@torchopt/torchopt";
import { makeProblem, STATES, trainer } from "../../examples/mgrl.ts";
import "../helpers/seed.ts";

Deno.test("mgrl: discounts before noise fall, discounts before rewards rise", () => {
  const { net, gamma } = makeProblem(new Generator(0));
  const step = trainer(net, gamma), generator = new Generator(1);
  const noise = () => randn([STATES / 2], { generator });
  for (let i = 0; i < 3000; i++) step(noise(), noise());
  const discounts = Array.from(gamma.sigmoid().data(), Number);
  discounts.forEach((v, i) =>
    assert(i % 2 === 0 ? v > 0.3 : v < 0.1, `discount ${i} is ${v} in ${discounts}`)
  );
});
