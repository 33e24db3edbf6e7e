/**
 * Pictures of gradient graphs.
 *
 * @module
 */

export { Dot } from "./dot.ts";
export { makeDot, type MakeDotOptions } from "./make_dot.ts";
export type { HasParameters, NamedTensors, VisualContents } from "./names.ts";
