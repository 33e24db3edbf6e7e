/**
 * A picture of all stored results of one kind of machine: `deno task bench:history [--match TEXT]
 * [--out FILE]`.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { lineChart } from "../examples/helpers/plot.ts";
import { history } from "./bench/history.ts";
import { readResults } from "./bench/results.ts";

const { values: options } = parseArgs({
  options: {
    match: { type: "string", default: "" },
    out: { type: "string", default: "dist/bench/history.svg" },
  },
});
const { machine, commits, curves } = history(readResults(), options.match);
if (curves.length === 0) {
  console.error("nothing is stored in bench/results (deno task bench), or nothing matches");
  Deno.exit(1);
}
await Deno.mkdir(options.out.replace(/[^/]*$/, "") || ".", { recursive: true });
await Deno.writeTextFile(
  options.out,
  lineChart(curves, {
    title: `Time, to that of ${commits[0]}; ${machine}`,
    x: `results (${commits.join(", ")})`,
    y: "ratio of least times",
  }),
);
console.log(`written: ${options.out}, ${commits.length} results`);
