/**
 * All primitives, by name: whatever is exported as `namePrim` from a file of this room that is listed
 * here.
 *
 * @module
 */

import type { Primitive } from "../graph/node.ts";
import { buffer, constant, scalar } from "../graph/leaf.ts";
import * as barrier from "./barrier.ts";
import * as cond from "./cond.ts";
import * as conv from "./conv.ts";
import * as cumsum from "./cumsum.ts";
import * as custom from "./custom.ts";
import * as elementwise from "./elementwise.ts";
import * as fusedAdam from "./fused_adam.ts";
import * as index from "./index.ts";
import * as iota from "./iota.ts";
import * as cholesky from "./linalg/cholesky.ts";
import * as determinant from "./linalg/determinant.ts";
import * as lstsq from "./linalg/lstsq.ts";
import * as lu from "./linalg/lu.ts";
import * as pinv from "./linalg/pinv.ts";
import * as qr from "./linalg/qr.ts";
import * as solve from "./linalg/solve.ts";
import * as spectral from "./linalg/spectral.ts";
import * as spectralValues from "./linalg/spectral_values.ts";
import * as triangular from "./linalg/triangular.ts";
import * as matrixExp from "./linalg/matrix_exp.ts";
import * as loop from "./loop.ts";
import * as matmul from "./matmul.ts";
import * as movement from "./movement.ts";
import * as order from "./order.ts";
import * as pool from "./pool.ts";
import * as power from "./power.ts";
import * as products from "./products.ts";
import * as reduce from "./reduce.ts";
import * as scatter from "./scatter.ts";
import * as softmax from "./softmax.ts";
import * as tuple from "./tuple.ts";
import * as windows from "./windows.ts";

const exported = {
  ...elementwise,
  ...power,
  ...reduce,
  ...softmax,
  ...movement,
  ...index,
  ...scatter,
  ...iota,
  ...order,
  ...cumsum,
  ...products,
  ...matmul,
  ...conv,
  ...pool,
  ...triangular,
  ...lu,
  ...solve,
  ...determinant,
  ...cholesky,
  ...qr,
  ...spectral,
  ...spectralValues,
  ...pinv,
  ...lstsq,
  ...matrixExp,
  ...fusedAdam,
  ...windows,
  ...barrier,
  ...custom,
  ...cond,
  ...loop,
  ...tuple,
};

/** The name of what is exported as `namePrim`. */
type NameOf<K> = K extends `${infer Name}Prim` ? Name : never;

/** Names of all primitives. */
export type PrimitiveName = "buffer" | "scalar" | "constant" | NameOf<keyof typeof exported>;

const named = Object.entries(exported).filter(([key]) => key.endsWith("Prim"))
  .map(([key, primitive]) => [key.slice(0, -"Prim".length), primitive]);

/** All primitives: `{ infer, lower, vjp, … }` for each name. */
export const primitives: { readonly [P in PrimitiveName]: Primitive } = {
  buffer,
  scalar,
  constant,
  ...Object.fromEntries(named),
};
