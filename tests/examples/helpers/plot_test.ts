import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { lineChart } from "../../../examples/helpers/plot.ts";

const text = { title: "a < b", x: "x", y: "y", range: [-5, 5] } as const;

/** The numbers of each attribute `name`. */
const numbers = (svg: string, name: string) =>
  [...svg.matchAll(new RegExp(` ${name}="([^"]*)"`, "g"))].map((m) => Number(m[1]));

Deno.test("lineChart() draws curves, points and a legend", () => {
  const curve = { name: "curve", values: [0, 1, 4] };
  const svg = lineChart([curve], text, [{ name: "points", x: [-5, 5], y: [0, 4] }]);
  for (const part of ["a &lt; b", ">curve</text>", ">points</text>"]) {
    assertStringIncludes(svg, part);
  }
  const line = /points="([^"]*)"/.exec(svg)![1].split(" ").map((p) => p.split(",").map(Number));
  assertEquals(line.length, 3);
  // The first and the last point lie on the ends of the curve.
  assertEquals([numbers(svg, "cx")[0], numbers(svg, "cy")[0]], line[0]);
  assertEquals([numbers(svg, "cx")[1], numbers(svg, "cy")[1]], line[2]);
});

Deno.test("lineChart() leaves out what is not finite, and draws nothing at all", () => {
  for (const values of [[1, NaN, Infinity, 2], [NaN], [], [3], [2, 2]]) {
    const svg = lineChart([{ name: "c", values }], { title: "t", x: "x", y: "y" });
    assert(!/NaN|Infinity|undefined/.test(svg), svg);
  }
});
