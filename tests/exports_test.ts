/** Each entry point of `deno.json` works when it is the only one that a program imports. */

import { assertEquals } from "@std/assert";
import config from "../deno.json" with { type: "json" };

/** A program for each entry point: it uses what is there, up to a second derivative where it can. */
const programs: Record<string, string> = {
  ".": `
    import { autograd, tensor } from ENTRY;
    const x = tensor(2, { requiresGrad: true });
    const [g] = autograd.grad(x.pow(3), [x], { createGraph: true });
    g.backward();
    console.log(x.grad.item());`,
  "./cli": `
    import { main } from ENTRY;
    const { log } = console;
    console.log = () => {};
    log(12 + await main(["info"]));`,
  "./diff": `
    import { zeroOrder } from ENTRY;
    console.log(zeroOrder.zeroOrder === zeroOrder ? 12 : 0);`,
  "./linear-solve": `
    import { solveInv } from ENTRY;
    console.log(typeof solveInv({ ns: true }) === "function" ? 12 : 0);`,
  "./distributed": `
    import * as distributed from ENTRY;
    const six = distributed.parallelize({ partitioner: 0 })(function six(x) { return 6 * x; });
    console.log(await distributed.autoInitRpc()(async () => (await six(2))[0])());`,
  "./distributions": `
    import { klDivergence, Normal } from ENTRY;
    console.log(6 * klDivergence(new Normal(1, 1), new Normal(3, 1)).item());`,
  "./nn": `
    import * as nn from ENTRY;
    const layer = new nn.Linear(1, 1, { bias: false }), w = layer.weight;
    const loss = nn.functional.mseLoss(layer.call(w.detach()), w.detach());
    loss.backward();
    const twice = nn.functional.relu(w.square().sum().add(1));
    w.grad = null;
    twice.backward(null, { createGraph: true });
    const slope = w.grad;
    w.grad = null;
    slope.sum().backward();
    console.log(6 * w.grad.item());`,
  "./pytree": `
    import { treeLeaves, treeMap } from ENTRY;
    console.log(treeLeaves(treeMap((x) => 4 * x, { a: [1, 2] })).reduce((a, b) => a + b));`,
  "./schedule": `
    import * as schedule from ENTRY;
    const rate = schedule.linearSchedule(12, 0, 10, 0);
    console.log(rate(0));`,
  "./visual": `
    import * as visual from ENTRY;
    console.log(typeof visual.makeDot === "function" ? 12 : 0);`,
};

Deno.test("each entry point has a program here", () => {
  assertEquals(Object.keys(programs), Object.keys(config.exports));
});

for (const [name, source] of Object.entries(programs)) {
  Deno.test(`"${name}" works alone`, async () => {
    const entry = import.meta.resolve("../" + config.exports[name as keyof typeof config.exports]);
    const program = source.replace("ENTRY", JSON.stringify(entry));
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-check", "--ext=js", program],
      cwd: new URL("..", import.meta.url),
      env: { NO_COLOR: "1" },
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assertEquals([text(stdout).trim(), text(stderr)], ["12", ""]);
  });
}

Deno.test("sources name packages in full, since other projects do not see this import map", () => {
  const bare =
    /(?:^(?:import|export)\b[^"]*?\bfrom |\bimport\()"(?!\.{1,2}\/|npm:|node:)([^"]+)"/gm;
  const found: string[] = [], folders = [new URL("../src/", import.meta.url)];
  for (const folder of folders) {
    for (const { name, isDirectory } of Deno.readDirSync(folder)) {
      const url = new URL(isDirectory ? `${name}/` : name, folder);
      if (isDirectory) folders.push(url);
      else if (name.endsWith(".ts")) {
        const code = Deno.readTextFileSync(url).replaceAll(/\/\*.*?\*\//gs, "");
        for (const [, from] of code.matchAll(bare)) found.push(`${name}: ${from}`);
      }
    }
  }
  assertEquals(found, []);
});
