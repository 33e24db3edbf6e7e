/**
 * A graph in the DOT language, and its picture.
 *
 * @module
 */

/**
 * A graph in Graphviz's DOT language. `makeDot` makes it.
 *
 * @example
 * ```ts
 * import { Dot } from "@torchopt/torchopt/visual";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const dot = new Dot("digraph { parameter -> loss }");
 * assertStringIncludes(await dot.toSvg(), "parameter");
 * const file = await Deno.makeTempFile({ suffix: ".svg" });
 * await dot.save(file);
 * await Deno.remove(file);
 * ```
 */
export class Dot {
  /** The DOT text. */
  readonly source: string;

  /**
   * Wraps a text.
   *
   * @param source DOT text
   */
  constructor(source: string) {
    this.source = source;
  }

  /**
   * Draws the graph with Graphviz, which is loaded at the first call.
   *
   * @returns SVG text
   */
  async toSvg(): Promise<string> {
    // deno-lint-ignore no-import-prefix
    const { instance } = await import("npm:@viz-js/viz@3.31.0");
    return (await instance()).renderString(this.source, { format: "svg", engine: "dot" });
  }

  /**
   * Writes the graph to a file: the picture where the name ends in `.svg`, the DOT text where it
   * ends in `.dot` or `.gv`.
   *
   * @param path where to
   * @throws {TypeError} for another ending
   */
  async save(path: string): Promise<void> {
    const ending = /\.([^./\\]+)$/.exec(path)?.[1].toLowerCase();
    if (ending === "svg") return Deno.writeTextFile(path, await this.toSvg());
    if (ending === "dot" || ending === "gv") return Deno.writeTextFile(path, this.source);
    throw new TypeError(
      `Dot.save: got the name "${path}", wants one that ends in .svg (picture), .dot or .gv (text).`,
    );
  }

  /** The DOT text. */
  toString(): string {
    return this.source;
  }
}
