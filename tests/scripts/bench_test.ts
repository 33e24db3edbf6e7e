import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { ratioChart } from "../../scripts/bench/chart.ts";
import { history } from "../../scripts/bench/history.ts";
import { isWrong, runLines } from "../../scripts/bench/lines.ts";
import { changes, fileName, measured, type Result } from "../../scripts/bench/results.ts";
import { compare, median, medianInterval } from "../../scripts/bench/statistics.ts";
import { Generator } from "@torchopt/torchopt";

Deno.test("median() is the middle, or between the two middle ones", () => {
  assertEquals([median([3, 1, 2]), median([4, 1, 2, 3]), median([7])], [2, 2.5, 7]);
  assertEquals(median([]), NaN);
});

Deno.test("medianInterval() takes the narrowest one that is sure enough", () => {
  // For ten values, the second and the ninth hold the median in 1 - 2 * 11 / 1024 of all cases.
  const ten = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1];
  const { low, high, confidence } = medianInterval(ten, 0.95);
  assertEquals([low, high], [2, 9]);
  assertAlmostEquals(confidence, 1 - 22 / 1024, 1e-12);
  assertEquals(medianInterval(ten, 0.99).low, 1);
  // Too few to be sure: all there is, and how sure that is.
  const few = medianInterval([1, 2, 3], 0.95);
  assertEquals([few.low, few.high, few.confidence], [1, 3, 0.75]);
  assertEquals(medianInterval([]).low, -Infinity);
});

/** Times around 1 with the noise of a busy machine: mostly small, sometimes large, never below. */
function noisy(generator: Generator, count: number, scale: number): number[] {
  const uniform = new Float64Array(2 * count);
  generator.fillUniform(uniform);
  return Array.from(
    { length: count },
    (_, i) => scale * (1 + 0.04 * uniform[2 * i] + (uniform[2 * i + 1] > 0.9 ? 0.5 : 0)),
  );
}

Deno.test("compare() finds a slower version through noise, and seldom sees one that is not there", () => {
  const generator = new Generator(0), count = 400;
  const verdicts = (scale: number) =>
    Array.from(
      { length: count },
      () => compare(noisy(generator, 12, 1), noisy(generator, 12, scale)).verdict,
    );
  const share = (all: string[], verdict: string) => all.filter((v) => v === verdict).length / count;
  const equal = verdicts(1), slower = verdicts(1.4), faster = verdicts(0.6);
  assert(share(equal, "slower") < 0.02, `${share(equal, "slower")}`);
  assert(share(equal, "faster") < 0.02, `${share(equal, "faster")}`);
  assert(share(slower, "slower") > 0.8, `${share(slower, "slower")}`);
  assert(share(faster, "faster") > 0.8, `${share(faster, "faster")}`);
  assertEquals(share(slower, "faster") + share(faster, "slower"), 0);
});

Deno.test("compare() cancels what slows both down at once", () => {
  const load = [1, 3, 1, 2, 5, 1, 1, 4, 2, 1], second = load.map((x) => 1.2 * x);
  const { ratio, verdict } = compare(load, second);
  assertAlmostEquals(ratio, 1.2, 1e-12);
  assertEquals([verdict, compare(load, load).verdict], ["slower", "same"]);
  // Several comparisons at once have to be surer.
  const outlier = second.with(3, 2);
  assertEquals(compare(load, outlier).verdict, "slower");
  assertEquals(compare(load, outlier, { comparisons: 20 }).verdict, "unclear");
});

const result = (commit: string, times: Record<string, number>, machine = "m"): Result => ({
  commit,
  date: "2025-01-02T03:04:05.678Z",
  machine,
  kernels: true,
  benches: Object.fromEntries(
    Object.entries(times).map(([name, min]) => [name, { min, avg: 2 * min, p75: 3 * min, n: 9 }]),
  ),
});

Deno.test("changes() counts what is slower at its least and at its third quartile", () => {
  const first = result("a", { x: 10, y: 10, z: 10, gone: 1 });
  const second = result("b", { x: 20, y: 5, z: 11, new: 1 });
  assertEquals(
    changes(first, second, 0.25).map(({ name, verdict }) => [name, verdict]),
    [["x", "slower"], ["y", "faster"], ["z", "same"]],
  );
  assertEquals(fileName(second), "20250102-0304-b.json");
  assertEquals(
    fileName({ ...second, commit: "b+", kernels: false }),
    "20250102-0304-b-changed-no-kernels.json",
  );
});

Deno.test("measured() names benchmarks by file, group and name, and leaves failed ones out", () => {
  const ok = { min: 1, avg: 2, p75: 3, n: 4 };
  const found = measured({
    benches: [
      { origin: "file:///a/b/x_bench.ts", group: "g", name: "n", results: [{ ok }] },
      { origin: "file:///a/b/x_bench.ts", group: null, name: "m", results: [{}] },
    ],
  });
  assertEquals(found, { "x / g / n": ok });
});

Deno.test("history() follows the machine with most results, and joins many curves of a file", () => {
  const all = [
    result("a", { "f / x": 10, "f / y": 20 }),
    result("b", { "f / x": 5 }, "other"),
    result("c", { "f / x": 20, "f / y": 10, "f / z": 3 }),
  ];
  const { commits, curves } = history(all);
  assertEquals(commits, ["a", "c"]);
  assertEquals(curves, [
    { name: "f / x", values: [1, 2] },
    { name: "f / y", values: [1, 0.5] },
    { name: "f / z", values: [NaN, 1] },
  ]);
  assertEquals(history(all, "y").curves.length, 1);
  const many = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`f / ${i}`, 1]));
  const [one, ...more] = history([result("a", many), result("b", many)]).curves;
  assertEquals([one, more], [{ name: "f (median of 9)", values: [1, 1] }, []]);
  assertEquals(history([]).curves, []);
});

Deno.test("ratioChart() draws a bar for each ratio that is one", () => {
  const bar = (name: string, ratio: number) => ({ name, ratio, note: "<1>" });
  const svg = ratioChart("a & b", [bar("x", 0.5), bar("y", 2), bar("z", NaN), bar("w", 0)]);
  assertEquals(svg.match(/<rect x=/g)?.length, 2);
  assertMatch(svg, /a &amp; b/);
  assertMatch(svg, /&lt;1>/);
  assertMatch(ratioChart("none", []), /<\/svg>$/);
});

Deno.test("runLines() reads lines, and says why there are none", async () => {
  const program =
    'console.log("text"); console.log(JSON.stringify({ workload: "w", check: [1] }));' +
    'console.log(\'{"workload": "v", "check": [NaN]}\')';
  const good = await runLines([Deno.execPath(), "eval", program]);
  assertEquals([good.success, good.lines.length, good.lines[1].check], [true, 2, [null]]);
  const bad = await runLines([Deno.execPath(), "eval", 'throw new TypeError("it broke")']);
  assertEquals([bad.success, bad.said], [
    false,
    "error: Uncaught (in promise) TypeError: it broke",
  ]);
  const absent = await runLines(["/no/such/command"]);
  assertEquals([absent.success, absent.said], [false, "/no/such/command is not there"]);
  const expected = { w: { value: [1.1], rtol: 0.2 }, v: { value: [1], rtol: 1 } };
  assertEquals(good.lines.map((line) => isWrong(line, expected)), [false, true]);
  assertEquals(isWrong({ workload: "w", check: [1, 2] }, expected), true);
});
