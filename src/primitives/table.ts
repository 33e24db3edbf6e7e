/**
 * All primitives, by name. The type lists the names, so that a primitive without inference, lowering
 * and derivative (or a stated reason for having none) does not compile.
 *
 * @module
 */

import type { Primitive } from "../graph/node.ts";
import { buffer, constant, scalar } from "../graph/leaf.ts";
import { barrierPrim, tokenPrim } from "./barrier.ts";
import * as conv from "./conv.ts";
import { cumsumPrim } from "./cumsum.ts";
import { customPrim } from "./custom.ts";
import * as e from "./elementwise.ts";
import { adamManyPrim, adamStepPrim } from "./fused_adam.ts";
import * as index from "./index.ts";
import { iotaPrim } from "./iota.ts";
import * as linalg from "./linalg.ts";
import { dotPrim } from "./matmul.ts";
import * as movement from "./movement.ts";
import * as order from "./order.ts";
import { maxPoolPrim } from "./pool.ts";
import * as products from "./products.ts";
import * as reduce from "./reduce.ts";
import { scatterPrim } from "./scatter.ts";
import * as softmax from "./softmax.ts";
import { projectPrim } from "./tuple.ts";
import * as windows from "./windows.ts";
import { powerPrim } from "./power.ts";

/** Names of the leaves of a graph. */
type Leaf = "buffer" | "scalar" | "constant";
/** Names of derivatives that are primitives of their own. */
type Slope =
  | "tanhSlope"
  | "sigmoidSlope"
  | "oneMinusSquare"
  | "atanSlope"
  | "asinhSlope"
  | "logitSlope";
/** Names of elementwise primitives. */
type Elementwise =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "pow"
  | "power"
  | "maximum"
  | "minimum"
  | "fmod"
  | "remainder"
  | "atan2"
  | "neg"
  | "abs"
  | "sign"
  | "sqrt"
  | "exp"
  | "log"
  | "sin"
  | "cos"
  | "tan"
  | "tanh"
  | "sigmoid"
  | "erf"
  | "log1p"
  | "expm1"
  | "atan"
  | "asin"
  | "acos"
  | "sinh"
  | "cosh"
  | "softplus"
  | "erfc"
  | "normalCdf"
  | "asinh"
  | "acosh"
  | "atanh"
  | "logit"
  | "softsign"
  | Slope
  | "reciprocal"
  | "square"
  | "rsqrt"
  | "relu"
  | "floor"
  | "ceil"
  | "round"
  | "lt"
  | "le"
  | "eq"
  | "logicalAnd"
  | "logicalOr"
  | "logicalNot"
  | "isNan"
  | "select"
  | "cast";
/** Names of reductions. */
type Reduction =
  | "sum"
  | "amax"
  | "amin"
  | "prod"
  | "prodTangent"
  | "prodAdjoint"
  | "softmax"
  | "logSoftmax"
  | "logsumexp";
/** Names of primitives that move elements. */
type Movement = "alias" | "detach" | "reshape" | "permute" | "expand" | "slice" | "pad" | "concat";
/** Names of primitives that look elements up or order them. */
type Lookup =
  | "gather"
  | "scatterAdd"
  | "scatter"
  | "indexSelect"
  | "indexAdd"
  | "iota"
  | "cumsum"
  | "cumprod"
  | "cumprodAdjoint"
  | "argmax"
  | "argmin"
  | "topk";
/** Names of the rest. */
type Large =
  | "dot"
  | "conv"
  | "convInputGrad"
  | "convWeightGrad"
  | "maxPool"
  | "solve"
  | "det"
  | "adamStep"
  | "adamMany"
  | "columns"
  | "foldColumns"
  | "maxPlaces"
  | "scatterZeros"
  | "barrier"
  | "token"
  | "custom"
  | "project";

/** Names of all primitives. */
export type PrimitiveName = Leaf | Elementwise | Reduction | Movement | Lookup | Large;

/** All primitives: `{ infer, lower, vjp, … }` for each name. */
export const primitives: { readonly [P in PrimitiveName]: Primitive } = {
  buffer,
  scalar,
  constant,
  add: e.addPrim,
  sub: e.subPrim,
  mul: e.mulPrim,
  div: e.divPrim,
  pow: e.powPrim,
  power: powerPrim,
  maximum: e.maximumPrim,
  minimum: e.minimumPrim,
  fmod: e.fmodPrim,
  remainder: e.remainderPrim,
  atan2: e.atan2Prim,
  neg: e.negPrim,
  abs: e.absPrim,
  sign: e.signPrim,
  sqrt: e.sqrtPrim,
  exp: e.expPrim,
  log: e.logPrim,
  sin: e.sinPrim,
  cos: e.cosPrim,
  tan: e.tanPrim,
  tanh: e.tanhPrim,
  sigmoid: e.sigmoidPrim,
  erf: e.erfPrim,
  log1p: e.log1pPrim,
  expm1: e.expm1Prim,
  atan: e.atanPrim,
  asin: e.asinPrim,
  acos: e.acosPrim,
  sinh: e.sinhPrim,
  cosh: e.coshPrim,
  softplus: e.softplusPrim,
  erfc: e.erfcPrim,
  normalCdf: e.normalCdfPrim,
  asinh: e.asinhPrim,
  acosh: e.acoshPrim,
  atanh: e.atanhPrim,
  logit: e.logitPrim,
  softsign: e.softsignPrim,
  tanhSlope: e.tanhSlopePrim,
  sigmoidSlope: e.sigmoidSlopePrim,
  oneMinusSquare: e.oneMinusSquarePrim,
  atanSlope: e.atanSlopePrim,
  asinhSlope: e.asinhSlopePrim,
  logitSlope: e.logitSlopePrim,
  reciprocal: e.reciprocalPrim,
  square: e.squarePrim,
  rsqrt: e.rsqrtPrim,
  relu: e.reluPrim,
  floor: e.floorPrim,
  ceil: e.ceilPrim,
  round: e.roundPrim,
  lt: e.ltPrim,
  le: e.lePrim,
  eq: e.eqPrim,
  logicalAnd: e.logicalAndPrim,
  logicalOr: e.logicalOrPrim,
  logicalNot: e.logicalNotPrim,
  isNan: e.isNanPrim,
  select: e.selectPrim,
  cast: e.castPrim,
  sum: reduce.sumPrim,
  amax: reduce.amaxPrim,
  amin: reduce.aminPrim,
  prod: reduce.prodPrim,
  prodTangent: products.prodTangentPrim,
  prodAdjoint: products.prodAdjointPrim,
  softmax: softmax.softmaxPrim,
  logSoftmax: softmax.logSoftmaxPrim,
  logsumexp: softmax.logsumexpPrim,
  alias: movement.aliasPrim,
  detach: movement.detachPrim,
  reshape: movement.reshapePrim,
  permute: movement.permutePrim,
  expand: movement.expandPrim,
  slice: movement.slicePrim,
  pad: movement.padPrim,
  concat: movement.concatPrim,
  gather: index.gatherPrim,
  scatterAdd: index.scatterAddPrim,
  scatter: scatterPrim,
  indexSelect: index.indexSelectPrim,
  indexAdd: index.indexAddPrim,
  iota: iotaPrim,
  cumsum: cumsumPrim,
  cumprod: products.cumprodPrim,
  cumprodAdjoint: products.cumprodAdjointPrim,
  argmax: order.argmaxPrim,
  argmin: order.argminPrim,
  topk: order.topkPrim,
  dot: dotPrim,
  conv: conv.convPrim,
  convInputGrad: conv.convInputGradPrim,
  convWeightGrad: conv.convWeightGradPrim,
  maxPool: maxPoolPrim,
  solve: linalg.solvePrim,
  det: linalg.detPrim,
  adamStep: adamStepPrim,
  adamMany: adamManyPrim,
  columns: windows.columnsPrim,
  foldColumns: windows.foldColumnsPrim,
  maxPlaces: windows.maxPlacesPrim,
  scatterZeros: windows.scatterZerosPrim,
  barrier: barrierPrim,
  token: tokenPrim,
  custom: customPrim,
  project: projectPrim,
};
