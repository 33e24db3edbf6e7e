import { assert, assertEquals } from "@std/assert";
import { type Screen, track } from "../../../examples/helpers/progress.ts";

function recorder(terminal: boolean, columns = 80): Screen & { written: string[] } {
  const written: string[] = [];
  return { terminal, columns, written, write: (text) => void written.push(text) };
}

Deno.test("track() runs each iteration once and writes ten lines", async () => {
  const screen = recorder(false), seen: number[] = [];
  const status = () => `at ${seen.at(-1)}`;
  const taken = await track("work", { iterations: 50 }, status, (i) => void seen.push(i), screen);
  assertEquals(seen, Array.from({ length: 50 }, (_, i) => i));
  assertEquals(taken.iterations, 50);
  assertEquals(screen.written.length, 10);
  assertEquals(screen.written[0], "work 10 % (0 s): at 4\n");
  assertEquals(screen.written[9], "work 100 % (0 s): at 49\n");
});

Deno.test("track() stops when its time is up, after one iteration at least", async () => {
  const bounds = { iterations: 1e9, seconds: 0.05 };
  const taken = await track("work", bounds, () => "", () => {}, recorder(false));
  assert(taken.seconds >= 0.05 && taken.seconds < 5 && taken.iterations > 1);
  const short = { iterations: 1e9, seconds: 1e-9 };
  assertEquals((await track("work", short, () => "", () => {}, recorder(false))).iterations, 1);
});

Deno.test("track() draws a bar within the width of a terminal", async () => {
  const screen = recorder(true, 40);
  await track("work", { iterations: 3 }, () => "status ".repeat(20), () => {}, screen);
  const [bar, end] = screen.written.slice(-2);
  assert(bar.startsWith("\rwork ━━━") && bar.endsWith("\x1b[K"), bar);
  assertEquals(bar.length, 1 + 39 + 3);
  assertEquals(end, "\n");
});
