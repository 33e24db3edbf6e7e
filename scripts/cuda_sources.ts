/**
 * Texts of CUDA kernels for `scripts/check_cuda_kernels.ts`: those of the ops library, and samples of
 * those that it generates from graphs.
 *
 * @module
 */

import { decodeModel, type NodeDef } from "../src/onnx/mod.ts";
import { opsLibrary } from "../src/runtime/mod.ts";
import { randomKernelTexts } from "../tests/helpers/fuzz_cuda.ts";

/** A text for NVIDIA's compiler. */
export interface Source {
  readonly name: string;
  /** Further options of the compiler. */
  readonly flags: readonly string[];
  readonly text: string;
}

/** Programs and loops of a workload that are compiled, of thousands in some. */
const MOST = 20;

/** Generated kernels keep products and sums apart, as on the CPU. */
const GENERATED = ["--fmad=false"];

/** The modules of the ops library. */
export function builtinSources(): Source[] {
  const library = Deno.dlopen(opsLibrary().path!, {
    torchopt_cuda_module: { parameters: ["i32"], result: "pointer" },
  });
  const found: Source[] = [];
  for (let i = 0;; i++) {
    const pointer = library.symbols.torchopt_cuda_module(i);
    if (pointer === null) return found;
    const [name, flags, ...lines] = Deno.UnsafePointerView.getCString(pointer).split("\n");
    found.push({ name, flags: flags.split(" ").filter((x) => x !== ""), text: lines.join("\n") });
  }
}

/** Generated kernels of random programs: of each operation, then steps of all kinds, then others. */
export async function randomSources(programs: number): Promise<Source[]> {
  if (programs === 0) return [];
  const texts = await randomKernelTexts(opsLibrary().path!, programs);
  return texts.map((text, i) => ({ name: `programs ${i}`, flags: GENERATED, text }));
}

/** Generated kernels of programs and loops, evenly chosen from the models that a workload makes. */
export async function workloadSource(workload: string): Promise<Source[]> {
  const folder = await Deno.makeTempDir({ prefix: "torchopt-models-" });
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "bench/workloads.ts", workload],
      env: { TORCHOPT_DUMP: folder, BENCH_BUDGET_S: "0.001", BENCH_MIN_N: "1", BENCH_MAX_N: "1" },
    }).output();
    if (!success) throw new Error(`${workload}: ${new TextDecoder().decode(stderr)}`);
    const all = [...Deno.readDirSync(folder)].map(({ name }) => name).sort().flatMap((name) =>
      decodeModel(Deno.readFileSync(`${folder}/${name}`)).graph.nodes
    );
    const nodes = new Map(
      all.filter(({ opType }) => /^(Program|Loop)F(32|64)$/.test(opType)).map((node) => [
        JSON.stringify([node.opType, node.attributes], (_, value) => {
          return typeof value === "bigint" ? String(value) : value;
        }),
        node,
      ]),
    );
    const step = Math.max(1, nodes.size / MOST);
    const chosen = Array.from(
      { length: Math.min(MOST, nodes.size) },
      (_, i) => [...nodes.values()][Math.floor(i * step)],
    );
    // A loop that is too large for one block has no kernel.
    const made = chosen.map((node, i) => generated(node, `k${i}`)).filter((x) => x !== null);
    if (made.length === 0) return [];
    const own = made.map(({ own }, i) => `namespace n${i} {\n${own}}\n`);
    return [{ name: workload, flags: GENERATED, text: made[0].common + own.join("") }];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const SYMBOLS = {
  torchopt_cuda_program_text: {
    parameters: [
      "i32",
      ...["buffer", "usize", "buffer", "usize", "buffer", "usize", "buffer", "buffer"] as const,
    ],
    result: "pointer",
  },
} as const;

/** The kernels of a node, and what all texts begin with; null where it has none. */
function generated(node: NodeDef, name: string): { common: string; own: string } | null {
  const { symbols } = Deno.dlopen(opsLibrary().path!, SYMBOLS);
  const list = (attribute: string) => {
    const found = node.attributes?.[attribute];
    return BigInt64Array.from(found?.kind === "ints" ? found.value : [], BigInt);
  };
  const [code, consts, layout] = ["code", "consts", "layout"].map(list);
  const pointer = symbols.torchopt_cuda_program_text(
    Number(node.opType.endsWith("64")),
    code,
    BigInt(code.length),
    consts,
    BigInt(consts.length),
    layout,
    BigInt(layout.length),
    new TextEncoder().encode(`${name}\0`),
    null,
  );
  if (pointer === null) return null;
  // Lines of numbers, their number at the end of the first; then the length of what is common.
  const text = Deno.UnsafePointerView.getCString(pointer);
  const launches = Number(/^.* (\d+)\n/.exec(text)![1]);
  const lines = text.split("\n", launches + 2);
  const length = Number(lines[launches + 1]);
  const at = lines.reduce((sum, line) => sum + line.length + 1, 0);
  return { common: text.slice(at, at + length), own: text.slice(at + length) };
}
