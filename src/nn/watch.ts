/**
 * Tensors that a module carries from call to call, in compiled functions.
 *
 * @module
 */

import { TensorCore } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { currentTrace } from "../tensor/trace.ts";
import { entriesOf, readSlot, writeSlot } from "./slots.ts";

/**
 * Refuses, at the end of a compilation under way, that a property whose tensor was read was assigned
 * a result: the assignment takes place once, so that each later call would read the old tensor.
 */
export function watchTensors(module: object): void {
  const trace = currentTrace()?.compiling;
  if (trace === undefined || trace === null) return;
  // Parameters are replaced by differentiable optimizers, which have a check of their own.
  const before = entriesOf(module).filter(({ value, role }) =>
    value instanceof TensorCore && role !== "parameter" && role !== "meta"
  );
  trace.whenDone(module, () => {
    const inside = trace.inside();
    const read = new Set<unknown>(trace.captured.map(({ handle }) => handle));
    for (const entry of before) {
      const now = readSlot(entry);
      if (now === entry.value || !read.has(entry.value) || !(now instanceof TensorCore)) continue;
      if (!inside(now)) continue;
      const { name } = entry;
      writeSlot(entry, entry.value as Tensor);
      throw new TypeError(
        `compile: ${module.constructor.name}.${name} was read and then assigned a result, which later ` +
          `calls would not see. Write into it, as in this.${name}.copy_(result.detach()), or hand it ` +
          `over and return it.`,
      );
    }
  });
}
