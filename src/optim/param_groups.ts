/**
 * What `paramGroups` hands out, and names of PyTorch's optimizers that say what to write here.
 *
 * @module
 */

import { guardNames, guardReadOnly } from "../tensor/guards.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * The parameters of a group, to read: `group.lr = 0.01` would else change nothing without a word.
 * `params` is the list itself, as in PyTorch.
 *
 * @param op the class of the optimizer
 * @param params what the group holds
 * @param first what a rate that changes is given to beside the options: `params` or `module`
 */
export function groupOf(op: string, params: Iterable<Tensor>, first: string): readonly Tensor[] {
  const refuse = (name: string): never => {
    if (name === "lr") {
      throw new TypeError(
        `${op}: the learning rate of a group is neither read nor assigned to. Give a function of the ` +
          `step or of a variable, as in new ${op}(${first}, { lr: () => rate }), and change that; see ` +
          `also schedule.`,
      );
    }
    const isPlace = name === "length" || /^\d+$/.test(name) || name === "params";
    throw new TypeError(
      `${op}: ${isPlace ? "parameters" : name} of a group cannot be changed. ${
        isPlace
          ? "addParamGroup() adds some; make a new optimizer for others."
          : "Make a new optimizer with it, and go on from the state: " +
            "next.loadStateDict(optimizer.stateDict())."
      }`,
    );
  };
  return new Proxy(Object.freeze([...params]), {
    get(list, name, receiver) {
      if (name === "lr") refuse(name);
      return name === "params" ? receiver : Reflect.get(list, name, receiver);
    },
    set: (_, name) => refuse(String(name)),
    deleteProperty: (_, name) => refuse(String(name)),
  });
}

/** Makes names of PyTorch's optimizers say what there is in their place. */
export function guardOptimizer(owner: string, prototype: object): void {
  guardReadOnly(owner, prototype, {
    paramGroups: "paramGroups cannot be assigned to; addParamGroup() adds a group.",
  });
  const state =
    "there is no state to write into; stateDict() reads it, loadStateDict() goes on from it.";
  guardNames(owner, prototype, {
    param_groups:
      "param_groups is written paramGroups; options of a group are those it was made with.",
    state,
    state_groups: state,
    defaults:
      "there are no defaults to read or change; options are those that the constructor got.",
  });
}
