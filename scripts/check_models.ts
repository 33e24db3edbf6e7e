/**
 * Checks ONNX models with Python's `onnx.checker`: `deno run -A scripts/check_models.ts FOLDER`.
 *
 * Run a program with `TORCHOPT_DUMP=FOLDER` first, so that every model it emits lands there. The
 * variable `PYTHON` names the interpreter (default `python3`). Where it has no `onnx`, the script
 * says so and succeeds; with `--required` it fails. Exit code 1 where a model does not pass.
 */

import $ from "dax";

const CHECK = `
import pathlib, sys
import onnx
bad = 0
models = sorted(pathlib.Path(sys.argv[1]).rglob("*.onnx"))
for path in models:
    try:
        onnx.checker.check_model(onnx.load(path), full_check=True)
    except Exception as error:
        bad += 1
        print(f"{path.name}: {error}")
print(f"onnx {onnx.__version__}: {len(models) - bad} models pass, {bad} fail")
if not models:
    print("no model found; was the program run with TORCHOPT_DUMP?")
sys.exit(1 if bad or not models else 0)
`;

const required = Deno.args.includes("--required");
const folders = Deno.args.filter((arg) => !arg.startsWith("--"));
if (folders.length !== 1) {
  console.error("usage: deno run -A scripts/check_models.ts FOLDER [--required]");
  Deno.exit(2);
}

const python = Deno.env.get("PYTHON") ?? "python3";
const probe = await $`${python} -c ${"import onnx"}`.quiet().noThrow();
if (probe.code !== 0) {
  console.log(`nothing checked: ${python} has no onnx (PYTHON names another interpreter)`);
  Deno.exit(required ? 1 : 0);
}
const { code } = await $`${python} -c ${CHECK} ${folders[0]}`.noThrow();
Deno.exit(code);
