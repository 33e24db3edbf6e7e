/**
 * Line charts as SVG text.
 *
 * @module
 */

/** One curve over a common horizontal axis. */
export interface Curve {
  /** Name in the legend. */
  readonly name: string;
  /** Heights at equal distances. */
  readonly values: readonly number[];
}

/** Single points. */
export interface Points {
  /** Name in the legend. */
  readonly name: string;
  /** Horizontal positions, within the chart's range. */
  readonly x: readonly number[];
  /** Heights. */
  readonly y: readonly number[];
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

const COLOURS = ["#c0392b", "#2471a3", "#1e8449", "#b9770e", "#7d3c98", "#148f77"];
const WIDTH = 860, HEIGHT = 420, LEFT = 64, RIGHT = 190, TOP = 48, BOTTOM = 56;

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** Round tick values between two numbers. */
function ticks(low: number, high: number): number[] {
  const raw = (high - low || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw)!;
  const out: number[] = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step / 1e6; v += step) {
    out.push(+v.toPrecision(6));
  }
  return out;
}

/** Draws curves, and points over them. Values that are not finite are left out. */
export function lineChart(
  curves: readonly Curve[],
  text: ChartText,
  points: readonly Points[] = [],
): string {
  const heights = [...curves.flatMap((c) => c.values), ...points.flatMap((p) => p.y)]
    .filter(Number.isFinite);
  const low = heights.length > 0 ? Math.min(...heights) : 0;
  const high = heights.length > 0 ? Math.max(...heights) : 1;
  const longest = Math.max(...curves.map((c) => c.values.length));
  const [from, to] = text.range ?? [1, longest];
  const at = (v: number) => LEFT + (v - from) / (to - from || 1) * (WIDTH - LEFT - RIGHT);
  const x = (i: number) => at(from + i / Math.max(1, longest - 1) * (to - from));
  const y = (v: number) =>
    HEIGHT - BOTTOM - (v - low) / (high - low || 1) * (HEIGHT - TOP - BOTTOM);
  const centre = (LEFT + WIDTH - RIGHT) / 2;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" ` +
    `font-family="sans-serif" font-size="13">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    `<text x="${centre}" y="24" text-anchor="middle" font-size="16">${escape(text.title)}</text>`,
    `<text x="${centre}" y="${HEIGHT - 12}" text-anchor="middle">${escape(text.x)}</text>`,
    `<text transform="translate(18 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle">` +
    `${escape(text.y)}</text>`,
  ];
  for (const v of ticks(low, high)) {
    parts.push(
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(v)}" y2="${y(v)}" stroke="#dddddd"/>`,
      `<text x="${LEFT - 8}" y="${y(v) + 4}" text-anchor="end">${v}</text>`,
    );
  }
  for (const v of ticks(from, to).filter((v) => text.range !== undefined || Number.isInteger(v))) {
    parts.push(
      `<text x="${at(v)}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${v}</text>`,
    );
  }
  const legend = (k: number, name: string, mark: (x: number, y: number) => string) => {
    const left = WIDTH - RIGHT + 16, middle = TOP + 12 + 22 * k;
    parts.push(
      mark(left, middle),
      `<text x="${left + 20}" y="${middle + 5}">${escape(name)}</text>`,
    );
  };
  curves.forEach((curve, k) => {
    const colour = COLOURS[k % COLOURS.length];
    const spots = curve.values.flatMap((v, i) =>
      Number.isFinite(v) ? [`${x(i).toFixed(1)},${y(v).toFixed(1)}`] : []
    );
    parts.push(
      `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${spots.join(" ")}"/>`,
    );
    legend(
      k,
      curve.name,
      (x, y) => `<rect x="${x}" y="${y - 2}" width="14" height="4" fill="${colour}"/>`,
    );
  });
  const dot = (x: number, y: number) =>
    `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="4.5" fill="black"/>`;
  points.forEach((group, k) => {
    group.x.forEach((v, i) => parts.push(dot(at(v), y(group.y[i]))));
    legend(curves.length + k, group.name, (x, y) => dot(x + 7, y));
  });
  parts.push("</svg>");
  return parts.join("\n");
}

/** Writes a picture and prints where it is. */
export async function savePicture(path: string, svg: string): Promise<void> {
  await Deno.writeTextFile(path, svg);
  console.log(`picture: ${path}`);
}
