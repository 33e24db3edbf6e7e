/** The exported functions that run kernels on plain buffers: right code runs, broken code is refused. */

import { assert, assertEquals } from "@std/assert";
import { opsLibrary } from "../../src/runtime/mod.ts";
import { kernels, testWith } from "../helpers/needs.ts";
import "../helpers/seed.ts";

const { path } = opsLibrary();

const SYMBOLS = {
  torchopt_program_exec: {
    parameters: ["i32", "buffer", "usize", "buffer", "usize", "buffer", "i32"],
    result: "i32",
  },
  torchopt_fused_adam_exec: {
    parameters: ["i32", "i32", "usize", "buffer", "buffer", "i32"],
    result: "i32",
  },
  torchopt_last_error: { parameters: [], result: "pointer" },
} as const;

/** Runs `test` with the functions. */
function withKernels(
  name: string,
  test: (calls: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"]) => void,
): void {
  testWith(kernels, name, () => {
    const library = Deno.dlopen(path!, SYMBOLS);
    try {
      test(library.symbols);
    } finally {
      library.close();
    }
  });
}

const addresses = (...buffers: Float64Array<ArrayBuffer>[]) =>
  Float64Array.from(buffers, (b) => Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(b))));

/** y = (x + 2) * x for four elements: format, buffers, shape, no arena, one loop. */
const loop = [4, 4, 2, ...[0, 0, 0], ...[3, 1, 0], 2, ...[0, 2, 0, 1, 0], ...[2, 3, 2, 0, 0]];
const code = [1, 1, 1, 0, ...[1, 4], 0, 1, 1, loop.length + 3, ...loop, 1, 1, 3];

withKernels("torchopt_program_exec() runs a program", (calls) => {
  const x = Float64Array.of(1, 2, 3, 4), y = new Float64Array(4), two = Float64Array.of(2);
  const words = BigInt64Array.from(code, BigInt);
  const consts = new BigInt64Array(two.buffer);
  const at = addresses(x, y);
  assertEquals(
    calls.torchopt_program_exec(1, words, BigInt(words.length), consts, 1n, at, 1),
    0,
  );
  assertEquals([...y], [3, 8, 15, 24]);
});

withKernels("torchopt_program_exec() refuses code that breaks off, and says why", (calls) => {
  const refused = (numbers: readonly number[]) => {
    const words = BigInt64Array.from([...numbers, 0], BigInt), at = new Float64Array(8);
    const consts = new BigInt64Array(1), n = BigInt(numbers.length);
    assertEquals(calls.torchopt_program_exec(1, words, n, consts, 1n, at, 1), 1);
    const message = Deno.UnsafePointerView.getCString(calls.torchopt_last_error()!);
    assert(message.startsWith("Program: "), message);
  };
  for (let length = 0; length < code.length; length++) refused(code.slice(0, length));
  refused([...code, 0]);
  refused([2, ...code.slice(1)]);
  // Numbers that lead out of what there is: a buffer, a register, an opcode, a constant.
  for (const [at, value] of [[12, 7], [16, 9], [19, 255], [17, 5], [8, 9], [1, 0]] as const) {
    refused(code.map((x, i) => i === at ? value : x));
  }
});

withKernels("torchopt_fused_adam_exec() refuses a negative size", (calls) => {
  const scalars = Array.from({ length: 8 }, () => Float64Array.of(0.5));
  const tensors = Array.from({ length: 6 }, () => new Float64Array(4));
  const at = addresses(...scalars, ...tensors);
  assertEquals(calls.torchopt_fused_adam_exec(1, 0, 1n, BigInt64Array.of(-1n), at, 1), 1);
  const message = Deno.UnsafePointerView.getCString(calls.torchopt_last_error()!);
  assertEquals(message, "FusedAdam: a size is negative");
});

/** `n` numbers that begin `from` elements after the beginning of a block. */
function placed(values: readonly number[], from: number): Float64Array<ArrayBuffer> {
  const array = new Float64Array(values.length + from).subarray(from);
  array.set(values);
  return array;
}

const count = 2500, many = Array.from({ length: count }, (_, i) => Math.sin(i));

withKernels("torchopt_program_exec() computes the same wherever memory begins", (calls) => {
  // The loop above, for more elements than a tile has: also over its operand.
  const long = code.map((x, i) => i === 5 || i === 10 ? count : x);
  const words = BigInt64Array.from(long, BigInt), consts = new BigInt64Array(1);
  new Float64Array(consts.buffer)[0] = 2;
  const want = many.map((x) => (x + 2) * x);
  for (let from = 0; from < 9; from++) {
    for (const over of [false, true]) {
      const x = placed(many, from), y = over ? x : placed(many, (from * 5) % 9), n = words.length;
      const done = calls.torchopt_program_exec(1, words, BigInt(n), consts, 1n, addresses(x, y), 1);
      assertEquals([done, ...y], [0, ...want]);
    }
  }
});

withKernels("torchopt_fused_adam_exec() computes the same wherever memory begins", (calls) => {
  const scalars = [0.9, 0.1, 0.99, 0.01, 1e-8, 0, -0.1, 0.01].map((x) => Float64Array.of(x));
  const step = (from: number) => {
    const [g, m, v, p] = [0, 1, 2, 3].map((k) => placed(many.map((x) => x * x + k), from));
    const moments = [Float64Array.of(0.5), Float64Array.of(0.25)];
    const [u, mOut, vOut] = [0, 1, 2].map(() => placed(many, from));
    const at = addresses(...scalars, ...moments, g, m, v, p, u, mOut, vOut);
    const sizes = BigInt64Array.of(BigInt(count));
    assertEquals(calls.torchopt_fused_adam_exec(1, 1, 1n, sizes, at, 1), 0);
    return [u, mOut, vOut].map((x) => [...x]);
  };
  const want = step(0);
  for (let from = 1; from < 9; from++) assertEquals(step(from), want);
});
