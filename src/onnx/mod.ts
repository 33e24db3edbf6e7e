/**
 * Writing and reading ONNX models (`ModelProto`).
 *
 * @module
 */

export * from "./types.ts";
export { encodeModel } from "./encode.ts";
export { decodeModel } from "./decode.ts";
