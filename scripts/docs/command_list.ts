/**
 * How each command of the documentation is known to work.
 *
 * @module
 */

/**
 * - `quick`: `deno task docs:commands` runs it, in CI, too
 * - `long`: `deno task docs:commands --long` runs it
 * - `ci`: a step of `.ci/run` runs it
 * - `tests`: a test runs the same with small numbers
 * - `elsewhere`: it needs what a machine for tests lacks
 */
export type Way = "quick" | "long" | "ci" | "tests" | "elsewhere";

/** What is known about commands that a pattern matches. */
export interface Known {
  readonly pattern: RegExp;
  readonly way: Way;
  /** What runs in its place, where it has a placeholder. */
  readonly as?: string;
  /** Why it is not quick, or where it runs. */
  readonly reason: string;
}

const word = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

const exact = (command: string, way: Way, reason: string, as?: string): Known => ({
  pattern: new RegExp(`^${word(command)}$`),
  way,
  reason,
  as,
});

/** The first that matches counts. */
export const KNOWN: readonly Known[] = [
  // README.md
  exact("npx --yes deno@2.9.6 task demo", "ci", "step demo"),
  exact("npx --yes deno@2.9.6 task test", "ci", "step tests"),
  exact("npx --yes deno@2.9.6", "quick", "", "npx --yes deno@2.9.6 --version"),
  exact("deno add jsr:@torchopt/torchopt", "elsewhere", "the package has to be published first"),
  exact("deno task demo --help", "quick", ""),
  exact("deno run -A first.ts", "ci", "deno test --doc runs the block"),
  {
    pattern: /^deno run -A jsr:@torchopt\/torchopt\/cli (info|doctor)$/,
    way: "quick",
    as: "deno task torchopt $1",
    reason: "the checkout in place of the published package",
  },
  // docs/cuda.md
  exact("pip download --no-deps onnxruntime-gpu==1.30.0", "elsewhere", "247 MB, by Python's pip"),
  exact(
    "deno task setup:cuda onnxruntime_gpu-1.30.0-*.whl",
    "tests",
    "tests/scripts/setup_cuda_test.ts, with a small archive",
  ),
  exact("deno task setup:cuda --check", "tests", "tests/scripts/setup_cuda_test.ts"),
  exact("deno task dry-run:cuda", "elsewhere", "downloads 247 MB; run by hand"),
  exact("torchopt doctor", "quick", "", "deno task torchopt doctor"),
  exact("deno run -A scripts/gpu_check.ts --out gpu_check.json", "elsewhere", "wants a GPU"),
  exact(
    "deno run -A scripts/gpu_check.ts --rehearse --quick",
    "elsewhere",
    "downloads 247 MB, four minutes; run by hand",
  ),
  exact(
    "deno run -A scripts/gpu_pack.ts --sm 90 --out dist/gpu_parcel.sh",
    "elsewhere",
    "downloads 247 MB; run by hand",
  ),
  // CONTRIBUTING.md
  exact("deno task demo", "ci", "step demo"),
  exact("deno task test", "ci", "step tests"),
  exact("deno task ok", "ci", "all it does are steps"),
  exact("deno task docs", "ci", "step documentation and package"),
  exact("deno task docs:commands", "ci", "step documentation and package"),
  exact("deno task build:ops", "ci", "part of deno task test"),
  exact("deno task test:golden", "ci", "part of deno task test"),
  exact("deno task check:cuda", "elsewhere", "downloads 90 MB; run by hand"),
  exact("deno task fuzz:cuda", "ci", "step kernels under sanitizers"),
  exact("deno task fuzz:ops", "ci", "step kernels under sanitizers"),
  exact("deno task fuzz:cuda-programs", "long", "random programs for minutes"),
  exact("deno task coverage", "long", "runs all tests, some slower", "deno task coverage visual"),
  exact("deno task torchopt", "quick", "", "deno task torchopt --help"),
  exact("deno task compile", "quick", "", "deno task compile --help"),
  exact("deno task npm", "tests", "part of deno task release --dry-run"),
  exact("deno task served", "tests", "part of deno task release --dry-run"),
  {
    pattern: /^deno task release/,
    way: "long",
    as: "deno task release --dry-run",
    reason: "does all that CI does, and more",
  },
  exact("deno task launch", "quick", "", "deno task launch --help"),
  exact("bash .ci/run", "ci", "is CI"),
  exact("deno test -A tests/pytree/map_test.ts", "ci", "part of deno task test"),
  exact("deno test -A --filter treeMap", "ci", "part of deno task test"),
  exact("deno test -A --doc docs", "ci", "part of deno task test"),
  exact("deno run -A scripts/check_models.ts FOLDER", "elsewhere", "needs Python with onnx"),
  exact("deno doc", "quick", "", "deno doc --filter adam mod.ts"),
  // bench/README.md: measured by who looks at the figures
  { pattern: /^BENCH_QUICK=1 /, way: "long", reason: "measures" },
  { pattern: /^deno run -A bench\/workloads\.ts/, way: "long", reason: "measures for minutes" },
  exact("deno task bench:compare --quick", "ci", "step benchmarks, a look"),
  {
    pattern: /^deno task bench:(track|history)/,
    way: "elsewhere",
    reason: "needs versions and results that there may not be; tests/scripts has the parts",
  },
  { pattern: /^deno task bench\b/, way: "long", reason: "measures for minutes" },
  {
    pattern: /^python bench\//,
    way: "elsewhere",
    reason: "needs Python with JAX and PyTorch",
  },
  {
    pattern: /^deno run -A scripts\/compare_features\.ts/,
    way: "elsewhere",
    reason: "needs Python with PyTorch, TorchOpt, JAX and optax",
  },
  {
    pattern: /^(TORCHOPT_OPS=off )?deno run -A scripts\/doc_figures\.ts/,
    way: "long",
    reason: "measures",
  },
  // docs/cli.md, docs/compile.md, docs/stability.md
  {
    pattern: /^deno install .*jsr:/,
    way: "elsewhere",
    reason: "the package has to be published first",
  },
  exact(
    "deno run -A --config deno.json jsr:@torchopt/torchopt/cli run",
    "elsewhere",
    "the package has to be published first; scripts/served.ts runs it from a server",
  ),
  exact("deno task torchopt info", "quick", ""),
  exact("torchopt COMMAND --help", "quick", "", "deno task torchopt graph --help"),
  { pattern: /^torchopt graph/, way: "tests", reason: "tests/cli" },
  { pattern: /^(deno task|torchopt) compile|^deno compile/, way: "tests", reason: "tests/cli" },
  exact("torchopt run", "tests", "tests/cli"),
  exact("deno run -A scripts/check_binary.ts", "long", "makes binaries of 100 MB"),
  // docs/distributed.md
  exact("deno task launch --nproc 4 tests/distributed/programs/four.ts", "quick", ""),
  exact("deno task launch --max-restarts", "tests", "tests/distributed"),
  exact(
    "deno run -A scripts/check_engines.ts",
    "long",
    "looks for engines, and runs those there are",
  ),
  exact("sudo deno run -A scripts/check_network.ts", "elsewhere", "makes network namespaces"),
  {
    pattern: /^(torchrun|mpirun|srun|python scripts\/ray_launch\.py) /,
    way: "elsewhere",
    reason: "scripts/check_engines.ts runs it where the engine is installed",
  },
  // docs/examples.md
  exact("deno run -A examples/NAME.ts", "tests", "tests/examples run each with small numbers"),
  exact("TORCHOPT_OPS=off deno task demo", "long", "half a minute, once more without kernels"),
  exact(
    "deno task launch --nproc 2",
    "long",
    "trains on two ranks",
    "deno task launch --nproc 2 examples/distributed_maml.ts",
  ),
  exact(
    "deno run -A examples/parameter_server.ts",
    "long",
    "wants ranks",
    "deno task launch --nproc 3 examples/parameter_server.ts",
  ),
  exact(
    "deno task launch --nproc 3",
    "long",
    "trains on three ranks",
    "deno task launch --nproc 3 examples/parameter_server.ts",
  ),
  { pattern: /^deno run -A examples\//, way: "long", reason: "trains to the figure that is shown" },
];
