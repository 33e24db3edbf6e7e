/**
 * Derivatives of fused operations: those of their defining graphs.
 *
 * @module
 */

import type { Node } from "../graph/node.ts";
import { setPullback } from "../primitives/fused_adam.ts";
import { sweep, zerosNode } from "./reverse.ts";

setPullback((outputs, cotangents, inputs, needs) => {
  const used = outputs.map((_, i) => i).filter((i) =>
    cotangents[i] !== null && outputs[i].requiresGrad
  );
  const targets = new Set(inputs.filter((_, i) => needs[i]));
  const result = sweep(
    used.map((i) => outputs[i]),
    used.map((i) => cotangents[i]!),
    targets,
    targets,
  );
  return inputs.map((x, i): Node | null =>
    needs[i] ? result.cotangents.get(x) ?? zerosNode(x) : null
  );
});
