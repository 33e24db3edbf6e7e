import { assertEquals } from "@std/assert";
import { nn, type Tensor, tensor } from "../../mod.ts";
import "../helpers/seed.ts";

for (const dtype of ["float32", "float64"] as const) {
  const x = () => tensor([[1, NaN, 2], [-1, 0, 3]], { dtype });
  const cases: Record<string, [(x: Tensor) => Tensor, unknown]> = {
    max: [(x) => x.max(), NaN],
    min: [(x) => x.min(), NaN],
    amax: [(x) => x.amax(1), [NaN, 3]],
    amin: [(x) => x.amin(0), [-1, NaN, 2]],
    "maximum, NaN first": [(x) => x.maximum(1), [[1, NaN, 2], [1, 1, 3]]],
    "maximum, NaN second": [(x) => x.mul(0).add(1).maximum(x), [[1, NaN, 2], [1, 1, 3]]],
    "minimum, NaN first": [(x) => x.minimum(1), [[1, NaN, 1], [-1, 0, 1]]],
    relu: [(x) => x.relu(), [[1, NaN, 2], [0, 0, 3]]],
    clamp: [(x) => x.clamp(0, 2), [[1, NaN, 2], [0, 0, 2]]],
    softmax: [(x) => nn.functional.softmax(x, 1).isNan(), [[true, true, true], [
      false,
      false,
      false,
    ]]],
    logsumexp: [(x) => x.logsumexp(1).isNan(), [true, false]],
    sum: [(x) => x.sum(1), [NaN, 2]],
  };
  for (const [name, [run, want]] of Object.entries(cases)) {
    Deno.test(`${name}: NaN is not lost (${dtype})`, () => assertEquals(run(x()).toArray(), want));
  }
}
