/**
 * The size of a picture.
 *
 * @module
 */

import { describe, withDefaults } from "../transform/options.ts";
import { Dot } from "./dot.ts";
import { MIN_SIZE, SIZE_PER_LINE, sizeLine } from "./write_dot.ts";

/** Options of {@linkcode resizeGraph}, in inches. */
export interface ResizeOptions {
  /** Size for each line of the graph, that is for each node, arrow and frame (default 0.5). */
  readonly sizePerElement?: number;
  /** Smallest size (default 12). */
  readonly minSize?: number;
}

/**
 * Bounds a graph's picture by a square that grows with its content, which Graphviz scales it down to.
 * `makeDot` does so with the defaults.
 *
 * @param dot the graph, in the form that `makeDot` writes: one statement a line
 * @param options `sizePerElement` and `minSize`
 * @returns the graph with another size; `dot` stays as it is
 * @throws {TypeError} where `dot` is no `Dot`, or its text does not begin as a graph
 * @throws {RangeError} where an option is no number above 0
 *
 * @example
 * ```ts
 * import { makeDot, resizeGraph } from "@torchopt/torchopt/visual";
 * import { tensor } from "@torchopt/torchopt";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const dot = makeDot(tensor(2, { requiresGrad: true }).square());
 * assertStringIncludes(resizeGraph(dot, { minSize: 4 }).source, 'size="4,4"');
 * ```
 */
export function resizeGraph(dot: Dot, options: ResizeOptions = {}): Dot {
  const { sizePerElement, minSize } = withDefaults<ResizeOptions>("resizeGraph", {
    sizePerElement: SIZE_PER_LINE,
    minSize: MIN_SIZE,
  }, options);
  for (const [name, value] of Object.entries({ sizePerElement, minSize })) {
    if (Number.isFinite(value) && value > 0) continue;
    throw new RangeError(`resizeGraph: got ${name} ${value}, wants a number above 0.`);
  }
  if (!(dot instanceof Dot)) {
    throw new TypeError(`resizeGraph: got ${describe(dot)}, wants what makeDot returned.`);
  }
  const [head, ...lines] = dot.source.split("\n").filter((line) => line.trim() !== "");
  if (!/^\s*(strict\s+)?(di)?graph\b.*\{\s*$/.test(head ?? "") || lines.pop()?.trim() !== "}") {
    throw new TypeError(
      `resizeGraph: wants a graph with one statement a line, as makeDot writes it.`,
    );
  }
  const body = lines.filter((line) => !/^\s*graph \[size="[^"]*"\]$/.test(line));
  const rows = body.filter((line) => !/^\s*(graph|node|edge) \[/.test(line)).length;
  return new Dot(
    [head, sizeLine(Math.max(minSize, sizePerElement * rows)), ...body, "}", ""].join("\n"),
  );
}
