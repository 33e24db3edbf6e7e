/** Random numbers: `deno bench -A bench/random_bench.ts`, with and without `TORCHOPT_OPS=off`. */

import { distributions, Generator, rand, randn } from "@torchopt/torchopt";

const generator = new Generator(1);

for (const dtype of ["float32", "float64"] as const) {
  Deno.bench(`randn, 1e7 numbers, ${dtype}`, () => void randn([1e7], { generator, dtype }));
  Deno.bench(`rand, 1e7 numbers, ${dtype}`, () => void rand([1e7], { generator, dtype }));
  const gamma = new distributions.Gamma(2, 1, { dtype });
  Deno.bench(
    `Gamma.sample, 1e4 numbers, ${dtype}`,
    () => void gamma.sample([1e4], { generator }).data(),
  );
}
Deno.bench("randn, 100 numbers", () => void randn([100], { generator }));
