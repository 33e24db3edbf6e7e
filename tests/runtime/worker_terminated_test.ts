/**
 * JavaScript that ends while a run is under way, as in a Worker that is terminated: the program goes on
 * and ends by itself. Each program runs in a process of its own, as a fault of memory would end this
 * one.
 */

import { assertEquals } from "@std/assert";

const library = import.meta.resolve("../../mod.ts");

/** What a thread does for ever, once it has said that it is there. */
const WORK = {
  "an asynchronous matrix product": `
    const a = randn([1500, 1500]), b = randn([1500, 1500]);
    up();
    for (;;) await realizeAsync(a.matmul(b));`,
  "several asynchronous runs at once, small and large": `
    const all = [8, 300, 900].map((n) => randn([n, n]));
    up();
    for (;;) await Promise.all(all.map((x) => realizeAsync(x.matmul(x).tanh().mul(0.5), x.sum())));`,
  "asynchronous runs of a training step": `
    const w = randn([1000, 1000]).mul(0.01).detach().requiresGrad_(), x = randn([1000, 1000]);
    up();
    for (;;) {
      const [g] = autograd.grad(x.matmul(w).square().mean(), [w]);
      await realizeAsync(g);
    }`,
  "synchronous runs": `
    const x = randn([900, 900]);
    x.matmul(x).sum().item();
    up();
    for (;;) {
      x.matmul(x).sum().item();
      await new Promise((resolve) => setTimeout(resolve, 0));
    }`,
};

interface End {
  readonly code: number;
  readonly signal: string | null;
  readonly stdout: string;
}

/** Runs a module, whose Workers are the same module. */
async function run(inMain: string, inWorker: string): Promise<End> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(
      file,
      `import { autograd, randn, realizeAsync, tensor } from ${JSON.stringify(library)};
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
async function terminated(count) {
  const workers = Array.from({ length: count }, () => {
    const worker = new Worker(import.meta.url, { type: "module" });
    return { worker, up: new Promise((resolve) => worker.onmessage = resolve) };
  });
  await Promise.all(workers.map((w) => w.up));
  await sleep(60);
  for (const w of workers) w.worker.terminate();
}
if ("WorkerGlobalScope" in globalThis) {
  const up = () => self.postMessage("up");
  ${inWorker}
} else {
  ${inMain}
}
`,
    );
    const root = new URL("../../", import.meta.url);
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--no-prompt", "--config", "deno.json", file],
      cwd: root,
      env: { NO_COLOR: "1" },
      stdout: "piped",
      stderr: "null",
    });
    const { code, signal, stdout } = await command.output();
    return { code, signal, stdout: new TextDecoder().decode(stdout) };
  } finally {
    await Deno.remove(file);
  }
}

const GO_ON = `await sleep(600); console.log("went on", tensor([1, 2]).mul(3).sum().item());`;

for (const [name, source] of Object.entries(WORK)) {
  Deno.test(`a Worker terminated during ${name}`, async () => {
    const end = await run(`await terminated(1); ${GO_ON}`, source);
    assertEquals(end, { code: 0, signal: null, stdout: "went on 9\n" });
  });
}

Deno.test("two Workers terminated while the main module computes as well", async () => {
  const end = await run(
    `const two = terminated(2);
    console.log(tensor([1, 2]).mul(tensor([3, 4])).sum().item());
    await two;
    ${GO_ON}`,
    WORK["an asynchronous matrix product"],
  );
  assertEquals(end, { code: 0, signal: null, stdout: "11\nwent on 9\n" });
});

Deno.test("a Worker that closes itself during an asynchronous run", async () => {
  const end = await run(
    `const worker = new Worker(import.meta.url, { type: "module" });
    await new Promise((resolve) => worker.onmessage = resolve);
    ${GO_ON}`,
    `const x = randn([1500, 1500]);
    realizeAsync(x.matmul(x));
    up();
    setTimeout(() => self.close(), 20);`,
  );
  assertEquals(end, { code: 0, signal: null, stdout: "went on 9\n" });
});

Deno.test("a process that ends right after it terminated a Worker keeps its exit code", async () => {
  const end = await run(
    "await terminated(2); Deno.exit(7);",
    `await realizeAsync(randn([2, 2]).tanh()); ${WORK["an asynchronous matrix product"]}`,
  );
  assertEquals(end, { code: 7, signal: null, stdout: "" });
});

Deno.test("an uncaught error during an asynchronous run ends the process with code 1", async () => {
  const end = await run(
    `const x = randn([1500, 1500]);
    realizeAsync(x.matmul(x));
    await sleep(10);
    throw new Error("expected");`,
    "",
  );
  assertEquals(end, { code: 1, signal: null, stdout: "" });
});
