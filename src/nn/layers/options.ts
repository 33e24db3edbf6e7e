/**
 * Options that layers with parameters have in common.
 *
 * @module
 */

import type { Device, DType } from "../../runtime/mod.ts";
import type { Generator } from "../../tensor/random/philox.ts";

/** Options of layers with parameters. */
export interface LayerOptions {
  /** Element type of the parameters (default: the default dtype). */
  readonly dtype?: DType;
  /** Where the parameters live (default: the default device). */
  readonly device?: Device;
  /** Source of the initial values (default: the global one). */
  readonly generator?: Generator;
}

/** Options of layers with a weight and a bias. */
export interface BiasOptions extends LayerOptions {
  /** Whether there is a bias (default true). */
  readonly bias?: boolean;
}
