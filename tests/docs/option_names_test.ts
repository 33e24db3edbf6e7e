/** Everything that takes an object of options refuses a name that does not exist. */

import { assert, assertEquals } from "@std/assert";
import * as torchopt from "@torchopt/torchopt";

const { nn, tensor } = torchopt;

interface Parameter {
  readonly kind: string;
  readonly name?: string;
  readonly left?: Parameter;
  readonly tsType?: { readonly repr?: string; readonly kind: string; readonly value?: unknown };
}

interface Callable {
  readonly name: string;
  readonly kind?: string;
  readonly isStatic?: boolean;
  readonly functionDef?: { readonly params: readonly Parameter[] };
  readonly params?: readonly Parameter[];
}

interface Documented {
  readonly name: string;
  readonly declarations: readonly {
    readonly kind: string;
    readonly def?: {
      readonly params?: readonly Parameter[];
      readonly methods?: readonly Callable[];
      readonly constructors?: readonly Callable[];
      readonly isAbstract?: boolean;
      readonly elements?: readonly Documented[];
    };
  }[];
}

/** What is public, as `deno doc --json` says. */
async function documented(): Promise<readonly Documented[]> {
  const cwd = decodeURI(new URL("../../", import.meta.url).pathname);
  const command = new Deno.Command(Deno.execPath(), { args: ["doc", "--json", "mod.ts"], cwd });
  const { nodes } = JSON.parse(new TextDecoder().decode((await command.output()).stdout));
  return (Object.values(nodes)[0] as { symbols: Documented[] }).symbols;
}

const x = () => tensor([[1, 2], [3, 4]]);
const net = () => new nn.Sequential(new nn.Linear(2, 2));

/** Arguments before the options, where those by type do not do. */
const BEFORE: Record<string, readonly unknown[]> = {
  "clipGradNorm": [1],
  "customVjp": [],
  "distributed.register": ["wrongOptions", () => 1],
  "extractStateDict": [net()],
  "moduleClone": [net()],
  "pytree.treeAll": [[1], Boolean],
  "pytree.treeAny": [[1], Boolean],
  "pytree.treeReduce": [(a: number) => a, [1], 0],
  "randint": [0, 5, [2]],
  "topk": [1],
  "Tensor.topk": [1],
  "Module.loadStateDict": [{}],
  "Tensor.sort": [0],
  "Tensor.backward": [null],
  "Tensor.norm": [2, undefined],
  "Tensor.pad": [[0, 0]],
};

/** A right argument for a type. */
function argument(name: string, type: string): unknown {
  if (/Module/.test(name) || type === "M" || type === "Module") return net();
  if (/^(Tensor|TensorLike|number\|Tensor)/.test(type)) return x();
  if (/^(fn|forward)/.test(name) || type === "fnOrConstructor") return () => x().sum();
  if (type === "Dims" || /dim/.test(name)) return 0;
  if (/number\[\]|Sizes/.test(type) || name === "shape") return [2, 2];
  if (type === "Tensor[]" || /readonly Tensor/.test(type)) return [x()];
  if (type === "OptimizerParams") return [tensor([1], { requiresGrad: true })];
  if (type === "GradientTransformation") return torchopt.sgd({ lr: 1 });
  if (type === "TensorTree" || type === "T") return { w: x() };
  return 1;
}

function typeOf({ tsType }: Parameter): string {
  if (tsType === undefined) return "";
  if (tsType.repr) return tsType.repr;
  const { kind, value } = tsType as { kind: string; value: Record<string, unknown> };
  if (kind === "typeRef") return String(value.typeName);
  if (kind === "typeOperator") {
    return `readonly ${typeOf({ kind: "", tsType: value.tsType as Parameter["tsType"] })}`;
  }
  if (kind === "array") return `${typeOf({ kind: "", tsType: value as Parameter["tsType"] })}[]`;
  if (kind === "union") {
    return (value as unknown as Parameter["tsType"][])
      .map((t) => typeOf({ kind: "", tsType: t })).join("|");
  }
  return kind;
}

/** Arguments with options that do not exist in their place; null where there are none. */
function withWrongOptions(path: string, params: readonly Parameter[]): unknown[] | null {
  const flat = params.map((p) => p.left ?? p);
  const at = flat.findIndex(({ name }) => name === "options");
  if (at < 0) return null;
  const before = BEFORE[path] ??
    flat.slice(0, at).map((p) => argument(p.name ?? "", typeOf(p)));
  // Trees may follow, in any number.
  if (at === 0 && flat[1]?.name === "fn") return [{ nothing: 1 }, (leaf: unknown) => leaf, [1]];
  return [...before, { nothing: 1 }];
}

/** Calls by name that have to be refused. */
function calls(
  symbols: readonly Documented[],
  space: unknown,
  path = "",
): [string, () => unknown][] {
  return symbols.flatMap(({ name, declarations }) => {
    const value = (space as Record<string, unknown>)[name];
    return declarations.flatMap(({ kind, def }): [string, () => unknown][] => {
      if (kind === "namespace") return calls(def!.elements!, value, `${path}${name}.`);
      if (kind === "function") {
        const args = withWrongOptions(path + name, def!.params!);
        return args === null ? [] : [[path + name, () => (value as CallableFunction)(...args)]];
      }
      if (kind !== "class") return [];
      const found: [string, () => unknown][] = [];
      for (const { params } of def!.isAbstract ? [] : def!.constructors ?? []) {
        const args = withWrongOptions(path + name, params!);
        if (args !== null && typeof value === "function") {
          found.push([`new ${path}${name}`, () => Reflect.construct(value, args)]);
        }
      }
      for (const { name: method, functionDef } of def!.methods ?? []) {
        const own = /Methods$|^TensorCore$/.test(name) ? "Tensor" : name;
        const args = withWrongOptions(`${own}.${method}`, functionDef!.params);
        const object = args === null ? undefined : OBJECTS[own]?.();
        if (args !== null) found.push([`${own}.${method}`, () => call(object, method, args)]);
      }
      return found;
    });
  });
}

function call(object: unknown, method: string, args: unknown[]): unknown {
  if (object === undefined) throw new Error("there is no object to call it on");
  return (object as Record<string, CallableFunction>)[method](...args);
}

const leaf = () => [tensor([1], { requiresGrad: true })];

const OBJECTS: Record<string, () => unknown> = {
  Tensor: x,
  Module: net,
  Distribution: () => new torchopt.distributions.Normal(0, 1),
  Optimizer: () => new torchopt.SGD(leaf(), { lr: 1 }),
  DistributedOptimizer: () =>
    new torchopt.distributed.DistributedOptimizer(new torchopt.SGD(leaf(), { lr: 1 })),
  FuncOptimizer: () => new torchopt.FuncOptimizer(torchopt.sgd({ lr: 1 })),
};

Deno.test("everything with options refuses one that does not exist", async () => {
  const all = calls(await documented(), torchopt), wrong: string[] = [];
  assert(all.length > 150, `${all.length} calls`);
  for (const [name, run] of all) {
    try {
      const result = run();
      if (result instanceof Promise) await result;
      wrong.push(`${name}: accepts it`);
    } catch (error) {
      const { message } = error as Error;
      if (!/there is no option nothing/.test(message)) wrong.push(`${name}: ${message}`);
    }
  }
  assertEquals(wrong, []);
});
