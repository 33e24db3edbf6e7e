/**
 * Writing a picture down in the DOT language.
 *
 * @module
 */

import type { Box, BoxKind, Scene } from "./scene.ts";

const COLOURS: Record<BoxKind, string> = {
  operation: "lightgrey",
  named: "lightblue",
  saved: "orange",
  output: "darkolivegreen1",
  base: "darkolivegreen3",
};

const quote = (text: string) =>
  text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

function boxLine({ id, kind, lines }: Box): string {
  return `${id} [label="${lines.map(quote).join("\\n")}", fillcolor=${COLOURS[kind]}]`;
}

/** DOT text of a scene. */
export function writeDot({ boxes, arrows }: Scene): string {
  const body: string[] = [];
  const steps = Map.groupBy(boxes, (b) => b.step);
  for (const step of [...steps.keys()].sort((a, b) => a - b)) {
    const indent = step === 0 ? "" : "  ";
    if (step > 0) {
      body.push(
        `subgraph cluster_${step} {`,
        `  label="step ${step}"; style=rounded; color=grey50`,
      );
    }
    for (const box of steps.get(step)!) body.push(indent + boxLine(box));
    if (step > 0) body.push("}");
  }
  for (const { from, to, view } of arrows) {
    body.push(`${from} -> ${to}${view ? " [style=dotted]" : ""}`);
  }
  const size = Math.max(12, 0.5 * body.length);
  return [
    "digraph {",
    `  graph [size="${size},${size}"]`,
    '  node [style=filled, shape=box, align=left, fontsize=10, ranksep=0.1, height=0.2, fontname="monospace"]',
    ...body.map((line) => `  ${line}`),
    "}",
    "",
  ].join("\n");
}
