/**
 * Loops that show how far they are: as a bar on a terminal, as some plain lines elsewhere.
 *
 * @module
 */

/** When a loop ends: whichever comes first. */
export interface Bounds {
  /** After so many iterations. */
  readonly iterations: number;
  /** After so many seconds (default: never). */
  readonly seconds?: number;
}

/** What a loop took. */
export interface Taken {
  /** Iterations. */
  readonly iterations: number;
  /** Seconds. */
  readonly seconds: number;
}

/** Where progress is shown. */
export interface Screen {
  /** A bar is redrawn there; otherwise lines are written one after another. */
  readonly terminal: boolean;
  /** Columns. */
  readonly columns: number;
  /** Writes text as it is. */
  write(text: string): void;
}

const CELLS = 24, BAR_EVERY = 0.1, LINES = 10;

/** The standard error stream of this process, so that standard output holds results only. */
export function standardError(): Screen {
  const terminal = Deno.stderr.isTerminal(), encoder = new TextEncoder();
  return {
    terminal,
    columns: terminal ? Deno.consoleSize().columns : Infinity,
    write: (text) => void Deno.stderr.writeSync(encoder.encode(text)),
  };
}

/** The bar, cut to the width of the terminal. */
function barLine(title: string, done: number, seconds: number, status: string, columns: number) {
  const full = Math.floor(CELLS * done);
  const bar = "━".repeat(full) + "·".repeat(CELLS - full);
  const percent = `${Math.floor(100 * done)}`.padStart(3);
  return `${title} ${bar} ${percent} % ${seconds.toFixed(0)} s  ${status}`.slice(0, columns - 1);
}

/**
 * Runs `body(0)`, `body(1)`, … until a bound is reached; at least once.
 *
 * @param status what to show beside the progress; asked for only when it is shown
 */
export async function track(
  title: string,
  bounds: Bounds,
  status: () => string,
  body: (i: number) => void | Promise<void>,
  screen: Screen = standardError(),
): Promise<Taken> {
  const start = performance.now();
  let i = 0, seconds = 0, done = 0, shownAt = 0, linesShown = 0;
  const show = () => {
    if (screen.terminal) {
      screen.write(`\r${barLine(title, done, seconds, status(), screen.columns)}\x1b[K`);
    } else {
      screen.write(
        `${title} ${Math.floor(100 * done)} % (${seconds.toFixed(0)} s): ${status()}\n`,
      );
    }
  };
  while (done < 1) {
    const rest = body(i++);
    if (rest instanceof Promise) await rest;
    seconds = (performance.now() - start) / 1e3;
    done = Math.min(1, Math.max(i / bounds.iterations, seconds / (bounds.seconds ?? Infinity)));
    const due = screen.terminal
      ? seconds - shownAt >= BAR_EVERY || done === 1
      : Math.floor(LINES * done) > linesShown;
    if (!due) continue;
    shownAt = seconds;
    linesShown = Math.floor(LINES * done);
    show();
    // Lets signals and finalizers run.
    await new Promise((resolve) => setTimeout(resolve));
  }
  if (screen.terminal) screen.write("\n");
  return { iterations: i, seconds };
}
