/** Products with one row, one column, or one element to sum: kernels of their own. */

import { bufferNode } from "../../src/graph/leaf.ts";
import { dot } from "../../src/primitives/matmul.ts";
import * as e from "../../src/primitives/elementwise.ts";
import { Storage } from "../../src/runtime/mod.ts";
import { assertClose } from "../helpers/close.ts";
import { evaluate } from "../helpers/evaluate.ts";
import { kernels, testWith } from "../helpers/needs.ts";

const entry = (seed: number, i: number) => Math.sin(seed * 12.9898 + i * 4.1414);

for (const dtype of ["float32", "float64"] as const) {
  testWith(
    kernels,
    `products of one row, column or summand are right at every width, ${dtype}`,
    () => {
      const matrix = (rows: number, columns: number, seed: number) => {
        const plain = Array.from({ length: rows * columns }, (_, i) => entry(seed, i));
        const data = dtype === "float32" ? Float32Array.from(plain) : Float64Array.from(plain);
        return { data, node: bufferNode(Storage.from(data, dtype), [rows, columns]) };
      };
      const nodes = [], wanted: number[][] = [];
      for (const long of [1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 48, 64, 67, 130]) {
        for (
          const [m, n, k] of [[1, long, 5], [1, long, 64], [long, 1, 9], [3, long, 1], [long, 4, 1]]
        ) {
          for (const [ta, tb] of [[false, false], [true, false], [false, true]]) {
            const a = ta ? matrix(k, m, 1) : matrix(m, k, 1),
              b = tb ? matrix(n, k, 2) : matrix(k, n, 2);
            // Twice the product, so that it is inside of a region.
            nodes.push(e.add(dot(a.node, b.node, ta, tb), dot(a.node, b.node, ta, tb)));
            wanted.push(Array.from({ length: m * n }, (_, at) => {
              const i = Math.floor(at / n), j = at % n;
              let sum = 0;
              for (let p = 0; p < k; p++) {
                sum += a.data[ta ? p * m + i : i * k + p] * b.data[tb ? j * k + p : p * n + j];
              }
              return 2 * sum;
            }));
          }
        }
      }
      const tolerance = dtype === "float32" ? 3e-5 : 1e-13;
      evaluate(nodes, true).forEach((found, i) =>
        assertClose(found, wanted[i], { rtol: tolerance, atol: tolerance })
      );
    },
  );
}
