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

/** Inches that a picture has at least, and for each line of its text. */
export const MIN_SIZE = 12, SIZE_PER_LINE = 0.5;

/** The statement that bounds a picture by a square, in inches. */
export const sizeLine = (size: number) => `  graph [size="${size},${size}"]`;

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
  return [
    "digraph {",
    sizeLine(Math.max(MIN_SIZE, SIZE_PER_LINE * body.length)),
    '  node [style=filled, shape=box, align=left, fontsize=10, ranksep=0.1, height=0.2, fontname="monospace"]',
    ...body.map((line) => `  ${line}`),
    "}",
    "",
  ].join("\n");
}
