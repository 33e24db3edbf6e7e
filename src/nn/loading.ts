/**
 * Taking over the tensors of a state.
 *
 * @module
 */

import { ShapeError } from "../graph/errors.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import type { TypedArray } from "../runtime/mod.ts";
import { fromTyped, TensorCore } from "../tensor/core.ts";
import { readSaved } from "../tensor/serialize.ts";
import { checkKind } from "../tensor/stores.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Parameter } from "./parameter.ts";
import { readSlot, type Slot, writeSlot } from "./slots.ts";

/** The tensor of a state for this slot. */
export function entry(slot: Slot, value: unknown): Tensor {
  const plain = value instanceof TensorCore ? null : readSaved(value);
  if (!(value instanceof TensorCore) && plain === null) {
    throw new TypeError(
      `loadStateDict: ${slot.name} is ${typeof value}, wants a tensor, or its shape, dtype and data.`,
    );
  }
  const present = readSlot(slot), { shape } = plain ?? value as Tensor;
  if (!sameShape(shape, present.shape)) {
    throw new ShapeError(
      `loadStateDict: ${slot.name} has shape ${showShape(shape)} in the state, ` +
        `${showShape(present.shape)} in the module; they must be equal.`,
    );
  }
  checkKind(`loadStateDict: ${slot.name}`, (plain ?? value as Tensor).dtype, present.dtype);
  if (plain === null) return value as Tensor;
  if (plain.data.length !== present.size) {
    throw new ShapeError(
      `loadStateDict: ${slot.name} has ${plain.data.length} elements in the state, and the shape ` +
        `${showShape(shape)}.`,
    );
  }
  return fromTyped(plain.data.slice() as TypedArray, shape, plain.dtype, present.device);
}

/** Puts the value of a state in its place. */
export function load(slot: Slot, value: Tensor): void {
  const tensor = readSlot(slot);
  if (tensor.isLeaf) tensor.copy_(value);
  // What a meta-optimizer made has a history, which a loaded value ends.
  else writeSlot(slot, new Parameter(value.to(tensor.dtype).clone()));
}
