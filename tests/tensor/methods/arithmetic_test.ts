import { assert, assertEquals, assertThrows } from "@std/assert";
import { autograd, DTypeError, type Tensor, tensor } from "@torchopt/torchopt";
import { evaluate } from "../../helpers/evaluate.ts";
import { kernels } from "../../helpers/needs.ts";

const f64 = { dtype: "float64" } as const;
const whole = (...data: (number | bigint)[]) =>
  tensor(BigInt64Array.from(data, BigInt), { dtype: "int64", shape: [data.length] });
const grads = (y: Tensor, ...xs: Tensor[]) => autograd.grad(y.sum(), xs).map((g) => g!.toArray());

Deno.test("Tensor.pow() of whole numbers is exact beyond 2 ** 53", () => {
  // 3 ** 39 = 4052555153018976267, which float64 rounds to ...256.
  assertEquals(whole(3, -3).pow(39).data(), BigInt64Array.of(3n ** 39n, -(3n ** 39n)));
  const a = whole(3, -3, 2, 5, 0, 7, 10);
  const b = whole(39, 39, 62, 0, 0, 22, 18);
  assertEquals(
    a.pow(b).data(),
    BigInt64Array.of(3n ** 39n, -(3n ** 39n), 2n ** 62n, 1n, 1n, 7n ** 22n, 10n ** 18n),
  );
  // Powers of 1 and -1 are whole for every exponent; those of others are fractions, of which 0 is left.
  assertEquals(
    whole(1, -1, -1, -1, 2, 0, 1, -1).pow(whole(-5, -3, -2, 101, -1, -1, 1000, 1001)).data(),
    BigInt64Array.of(1n, -1n, 1n, -1n, 0n, 0n, 1n, -1n),
  );
  assertEquals(
    tensor([3, 16], { dtype: "uint8" }).pow(tensor([5, 2], { dtype: "uint8" })).toArray(),
    [
      243,
      0, // 256 in a byte
    ],
  );
});

Deno.test("whole numbers divide by -1 without a trap, also the smallest", () => {
  // -(2 ** 63) / -1 is 2 ** 63, which wraps around to itself; the processor's division would trap.
  const least = -(2n ** 63n), a = whole(least, -7, 7), b = whole(-1);
  const wanted = BigInt64Array.of(least, 7n, -7n), none = BigInt64Array.of(0n, 0n, 0n);
  assertEquals(a.div(b, { roundingMode: "trunc" }).data(), wanted);
  assertEquals(a.div(b, { roundingMode: "floor" }).data(), wanted);
  assertEquals(a.remainder(b).data(), none);
  assertEquals(a.fmod(b).data(), none);
});

Deno.test("Tensor.div() with roundingMode floor is Python's //", () => {
  // 0.1 is a little more than a tenth, so that it goes into 1 nine times, and 1 / 0.1 rounds to 10.
  const a = tensor([1, 6, -1, 7, -7, -5, 5, 0, 1, Infinity, 1], f64);
  const b = tensor([0.1, 0.1, 0.1, 2, 2, Infinity, Infinity, 3, 0, 1, NaN], f64);
  const y = a.div(b, { roundingMode: "floor" }).toArray();
  assertEquals(y, [9, 59, -10, 3, -4, -1, 0, 0, Infinity, NaN, NaN]);
  assertThrows(
    () => a.div(b, { roundingMode: "up" as "floor" }),
    TypeError,
    'div: got roundingMode "up"',
  );
});

Deno.test("Tensor.remainder() is exact, with and without kernels", () => {
  const a = tensor([5, -5, 5, -5, 1e20, 5.5, -5.5, 6, 1], f64);
  const b = tensor([Infinity, Infinity, -Infinity, -Infinity, 3, -2, 2, 3, 0], f64);
  // 10 ** 20 leaves 1 in threes: all its digits but the first are 0.
  const wanted = [5, Infinity, -Infinity, -5, 1, -0.5, 0.5, 0, NaN];
  for (const ops of kernels.met ? [true, false] : [false]) {
    assertEquals(Array.from(evaluate([a.remainder(b).node], ops)[0], Number), wanted);
  }
});

Deno.test("Tensor.clamp() does not lose the NaN of a bound", () => {
  const x = tensor([-2, 0, NaN], f64), bound = tensor([NaN, 1, 1], f64);
  assertEquals(x.clamp(bound).toArray(), [NaN, 1, NaN]);
  assertEquals(x.clamp(null, bound).toArray(), [NaN, 0, NaN]);
  assertEquals(x.clamp(NaN, 1).toArray(), [NaN, NaN, NaN]);
});

Deno.test("gradients pass where maximum, minimum and relu give NaN", () => {
  const make = (data: number[]) => tensor(data, { ...f64, requiresGrad: true });
  const a = make([NaN, 1, NaN, 2]), b = make([1, NaN, NaN, 3]);
  assertEquals(grads(a.maximum(b), a, b), [[1, 1, 1, 0], [1, 1, 1, 1]]);
  assertEquals(grads(a.minimum(b), a, b), [[1, 1, 1, 1], [1, 1, 1, 0]]);
  const x = make([NaN, -1, 0, 2]);
  assertEquals(grads(x.relu(), x), [[1, 0, 0, 1]]);
});

Deno.test("Tensor.atan2() meets in one dtype, and has derivative 0 at the origin", () => {
  assertEquals(whole(1).atan2(tensor([1], { dtype: "float16" })).dtype, "float16");
  assertEquals(whole(1).atan2(tensor([1], f64)).dtype, "float64");
  assertEquals(whole(1).atan2(whole(1)).dtype, "float32");
  const y = tensor([0, 3], { ...f64, requiresGrad: true });
  const x = tensor([0, 4], { ...f64, requiresGrad: true });
  const [gy, gx] = autograd.grad(y.atan2(x).sum(), [y, x]);
  assertEquals([gy!.toArray(), gx!.toArray()], [[0, 4 / 25], [0, -3 / 25]]);
});

Deno.test("Tensor.acosh() is NaN below 1, however far, and has slope infinity at 1", () => {
  const x = tensor([1, 0.5, -1, -1e10, -1e300], { ...f64, requiresGrad: true });
  assertEquals(x.acosh().toArray(), [0, NaN, NaN, NaN, NaN]);
  assertEquals(grads(x.slice([[0, 1]]).acosh(), x), [[Infinity, 0, 0, 0, 0]]);
});

Deno.test("Tensor.neg() of bytes wraps around", () => {
  assertEquals(tensor([0, 1, 255], { dtype: "uint8" }).neg().toArray(), [0, 255, 1]);
});

Deno.test("arithmetic on truth values says what to use instead", () => {
  const yes = tensor([true]);
  for (const fn of [() => yes.add(yes), () => yes.mul(yes), () => yes.maximum(yes)]) {
    const error = assertThrows(fn, DTypeError, "logicalOr()");
    assert(error.message.includes('to("int64")'));
  }
});

Deno.test("tensors without dimensions widen like all others", () => {
  assertEquals(tensor([1]).add(tensor(1, f64)).dtype, "float64");
  assertEquals(tensor([1]).add(0.1).dtype, "float32");
});

Deno.test("functions of real numbers take whole numbers", () => {
  assertEquals(whole(4, 9).sqrt().toArray(), [2, 3]);
  assertEquals([whole(-1).relu().dtype, whole(1, 2).mean().item()], ["float32", 1.5]);
});
