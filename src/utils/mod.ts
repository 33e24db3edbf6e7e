/**
 * Snapshots, copies and truncation of modules and differentiable optimizers.
 *
 * @module
 */

export { acceleratedOpAvailable } from "../tensor/accelerated_op.ts";
export {
  type ContainerOptions,
  extractModuleContainers,
  type TensorContainer,
} from "./containers.ts";
export { type CloneOptions, moduleClone } from "./module_clone.ts";
export {
  type CopyPolicy,
  type ExtractOptions,
  extractStateDict,
  ModuleState,
  recoverStateDict,
} from "./state_dict.ts";
export { moduleDetach_, stopGradient, type StopGradientTarget } from "./stop_gradient.ts";
