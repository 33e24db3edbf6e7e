import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { compile, memory, randn, realizeAsync } from "../../mod.ts";
import { ContentionWatch, watch } from "../../src/runtime/contention.ts";
import { child } from "./child.ts";
import "../helpers/seed.ts";

/** A watch over a thread that is told, second by second, which share of the time it waits. */
function simulate(shares: readonly (number | null)[]): boolean[] {
  let ran = 0, waited = 0, known = true;
  const simulated = new ContentionWatch(() => known ? [ran, waited] : null);
  return shares.map((share, second) => {
    known = share !== null;
    ran += (1 - (share ?? 0)) * 1e9;
    waited += (share ?? 0) * 1e9;
    return simulated.contended(1000 * second);
  });
}

Deno.test("ContentionWatch sees others at once, and believes in peace after a while", () => {
  assertEquals(simulate([0, 0, 0.01, 0.1]), [false, false, false, false]);
  assertEquals(simulate([0.7, 0.6, 0.1]), [true, true, true]);
  assertEquals(simulate([0, 0.5, 0, 0, 0, 0, 0]), [false, true, true, true, true, false, false]);
  // Half a processor less is no peace.
  assertEquals(simulate([0.5, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]).every(Boolean), true);
});

Deno.test("ContentionWatch takes a system that says nothing for one at peace", () => {
  assertEquals(simulate([null, null, null]), [false, false, false]);
});

Deno.test("ContentionWatch says nothing new of a thread that slept", () => {
  let ran = 0;
  const sleeping = new ContentionWatch(() => [ran, 0]);
  ran = 1e6;
  assertEquals(sleeping.contended(0), false);
  assertEquals(sleeping.contended(10_000), false);
});

Deno.test("compile() follows the number of threads without other results", async () => {
  const n = 1 << 18, x = randn([n]), state = randn([n]);
  const step = compile((x: typeof state) => {
    state.mul_(0.5).add_(x.mul(2));
    return state.square().sum();
  });
  const real = watch.contended;
  const results: number[] = [];
  try {
    watch.contended = () => false;
    step(x).item();
    const { created, alive } = memory().sessions;
    const start = state.clone();
    start.data();
    for (const busy of [false, true, false]) {
      watch.contended = () => busy;
      state.copy_(start);
      state.data();
      for (let i = 0; i < 3; i++) step(x);
      results.push(step(x).item());
      const y = x.mul(3);
      await realizeAsync(y);
      assertEquals(y.data()[7], Math.fround(3 * Number(x.data()[7])));
    }
    const after = memory().sessions;
    // Copying and tripling are graphs of their own.
    assert(after.created - created <= 3 && after.alive - alive <= 3);
  } finally {
    watch.contended = real;
  }
  for (const result of results) assert(Math.abs(result / results[0] - 1) < 1e-5, `${results}`);
});

Deno.test("TORCHOPT_SPIN is 1 or 0", async () => {
  const sum = `import { tensor } from "${import.meta.resolve("../../mod.ts")}";
    console.log(tensor([1, 2]).square().sum().item());`;
  assertEquals(await child(sum, { TORCHOPT_SPIN: "0" }), "5\n");
  const { message } = await assertRejects(() => child(sum, { TORCHOPT_SPIN: "no" }), Error);
  assertStringIncludes(message, 'RangeError: TORCHOPT_SPIN is "no", wants 1 (default) or 0.');
});
