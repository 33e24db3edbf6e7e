/**
 * Line charts as SVG text.
 *
 * @module
 */

/** One curve. */
export interface Curve {
  /** Name in the legend. */
  readonly name: string;
  /** Height at 1, 2, 3, … */
  readonly values: readonly number[];
}

/** What stands around the curves. */
export interface ChartText {
  /** Above the chart. */
  readonly title: string;
  /** Below the horizontal axis. */
  readonly x: string;
  /** Beside the vertical axis. */
  readonly y: string;
  /** Horizontal positions of the first and the last value (default 1 and their number). */
  readonly range?: readonly [number, number];
}

const COLOURS = ["#c0392b", "#2471a3", "#1e8449", "#b9770e"];
const WIDTH = 720, HEIGHT = 420, LEFT = 64, RIGHT = 24, TOP = 48, BOTTOM = 56;

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** Round tick values between two numbers. */
function ticks(low: number, high: number): number[] {
  const raw = (high - low || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw)!;
  const out: number[] = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step / 1e6; v += step) out.push(v);
  return out;
}

/** Draws curves over a common horizontal axis. */
export function lineChart(curves: readonly Curve[], text: ChartText): string {
  const all = curves.flatMap((c) => c.values);
  const low = Math.min(...all), high = Math.max(...all);
  const longest = Math.max(...curves.map((c) => c.values.length));
  const x = (i: number) => LEFT + (i - 1) / Math.max(1, longest - 1) * (WIDTH - LEFT - RIGHT);
  const y = (v: number) =>
    HEIGHT - BOTTOM - (v - low) / (high - low || 1) * (HEIGHT - TOP - BOTTOM);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" ` +
    `font-family="sans-serif" font-size="13">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    `<text x="${WIDTH / 2}" y="24" text-anchor="middle" font-size="16">${
      escape(text.title)
    }</text>`,
    `<text x="${WIDTH / 2}" y="${HEIGHT - 12}" text-anchor="middle">${escape(text.x)}</text>`,
    `<text transform="translate(18 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle">` +
    `${escape(text.y)}</text>`,
  ];
  for (const v of ticks(low, high)) {
    parts.push(
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(v)}" y2="${y(v)}" stroke="#dddddd"/>`,
      `<text x="${LEFT - 8}" y="${y(v) + 4}" text-anchor="end">${+v.toPrecision(6)}</text>`,
    );
  }
  const [from, to] = text.range ?? [1, longest];
  for (const v of ticks(from, to).filter((v) => text.range !== undefined || Number.isInteger(v))) {
    const at = x(1 + (v - from) / (to - from || 1) * (longest - 1));
    const shown = +v.toPrecision(6);
    parts.push(`<text x="${at}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${shown}</text>`);
  }
  curves.forEach((curve, k) => {
    const colour = COLOURS[k % COLOURS.length];
    const points = curve.values.map((v, i) => `${x(i + 1).toFixed(1)},${y(v).toFixed(1)}`).join(
      " ",
    );
    parts.push(
      `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points}"/>`,
      `<rect x="${WIDTH - RIGHT - 190}" y="${
        HEIGHT - BOTTOM - 30 - 20 * k
      }" width="14" height="4" fill="${colour}"/>`,
      `<text x="${WIDTH - RIGHT - 170}" y="${HEIGHT - BOTTOM - 24 - 20 * k}">${
        escape(curve.name)
      }</text>`,
    );
  });
  parts.push("</svg>");
  return parts.join("\n");
}
