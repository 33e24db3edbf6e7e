/**
 * Where ONNX Runtime's library has to lie so that it finds its providers.
 *
 * @module
 */

export { besideProvider } from "./cuda_find.ts";
