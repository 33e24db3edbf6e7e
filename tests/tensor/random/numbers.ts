/** Digests of what a seed gives: numbers of all kinds, few and many, eager and compiled. */

import {
  autograd,
  compile,
  diff,
  distributions,
  func,
  manualSeed,
  rand,
  randn,
  type Tensor,
  tensor,
} from "@torchopt/torchopt";

/** A number from all bits of tensors (FNV-1a). */
function digest(tensors: readonly Tensor[]): string {
  let hash = 0xcbf29ce484222325n;
  for (const x of tensors) {
    const data = x.data() as Float32Array;
    for (const byte of new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) {
      hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
    }
  }
  return hash.toString(16);
}

/** Digests by name. */
export function numbers(): Record<string, string> {
  manualSeed(2024);
  const draws = () => [
    randn([3]),
    randn([5000]),
    randn([300_001]),
    randn([3], { dtype: "float64" }),
    randn([140_000], { dtype: "float64" }),
    rand([5000]),
    rand([140_001], { dtype: "float64" }),
  ];
  const eager = digest(draws());
  const run = compile(draws);
  run();
  manualSeed(2024);
  const compiled = digest(run());
  manualSeed(2024);
  const inside = func.vmap((x: Tensor) => x.add(randn([2000])), { randomness: "different" });
  // Adding 0 changes no bit but the sign of 0.
  return { eager, compiled, vmap: digest([inside(tensor([0, 0, 0]))]), ...derived() };
}

/** What is computed from such numbers, rounded: kernels may differ in the last digits. */
function derived(): Record<string, string> {
  const rounded = (x: Tensor) => [...x.data() as Float64Array].map((v) => v.toPrecision(9)).join();
  manualSeed(7);
  const wide = { dtype: "float64" } as const;
  const gamma = rounded(new distributions.Gamma(0.7, 2, wide).sample([5]));
  const normal = new distributions.Normal(0, 1, wide);
  const f = diff.zeroOrder(normal, { numSamples: 3000, sigma: 0.1 })((x) => x.square().sum());
  const x = tensor([1, 2], { ...wide, requiresGrad: true });
  return { gamma, estimate: rounded(autograd.grad(f(x), [x])[0]!) };
}

if (import.meta.main) console.log(JSON.stringify(numbers()));
