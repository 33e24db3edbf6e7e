/**
 * Bars of ratios as SVG text.
 *
 * @module
 */

/** A bar. */
export interface Bar {
  /** What was measured. */
  readonly name: string;
  /** Ours to theirs: below 1 where ours is faster. */
  readonly ratio: number;
  /** What stands beside it. */
  readonly note: string;
}

const WIDTH = 900, LEFT = 190, RIGHT = 300, TOP = 56, ROW = 24;
const FASTER = "#1e8449", SLOWER = "#c0392b";

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** Draws bars from 1 on a logarithmic axis: to the left where the ratio is below. */
export function ratioChart(title: string, bars: readonly Bar[]): string {
  const drawn = bars.filter(({ ratio }) => Number.isFinite(ratio) && ratio > 0);
  const reach = Math.max(1, ...drawn.map(({ ratio }) => Math.abs(Math.log2(ratio))));
  const centre = LEFT + (WIDTH - LEFT - RIGHT) / 2, unit = (WIDTH - LEFT - RIGHT) / 2 / reach;
  const x = (ratio: number) => centre + unit * Math.log2(ratio);
  const height = TOP + ROW * drawn.length + 40, bottom = TOP + ROW * drawn.length + 4;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" ` +
    `font-family="sans-serif" font-size="13">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    `<text x="${WIDTH / 2}" y="26" text-anchor="middle" font-size="16">${escape(title)}</text>`,
  ];
  const step = Math.ceil(reach / 4);
  for (let k = -Math.floor(reach / step) * step; k <= reach; k += step) {
    const at = x(2 ** k).toFixed(1);
    parts.push(
      `<line x1="${at}" x2="${at}" y1="${TOP - 8}" y2="${bottom}" stroke="#dddddd"/>`,
      `<text x="${at}" y="${bottom + 18}" text-anchor="middle">${+(2 ** k).toPrecision(2)}</text>`,
    );
  }
  drawn.forEach(({ name, ratio, note }, i) => {
    const y = TOP + ROW * i, from = Math.min(x(ratio), centre), to = Math.max(x(ratio), centre);
    parts.push(
      `<text x="${LEFT - 12}" y="${y + 14}" text-anchor="end">${escape(name)}</text>`,
      `<rect x="${from.toFixed(1)}" y="${y + 3}" width="${Math.max(1, to - from).toFixed(1)}" ` +
        `height="${ROW - 8}" fill="${ratio <= 1 ? FASTER : SLOWER}"/>`,
      `<text x="${WIDTH - RIGHT + 12}" y="${y + 14}">${escape(note)}</text>`,
    );
  });
  parts.push(
    `<line x1="${centre}" x2="${centre}" y1="${TOP - 8}" y2="${bottom}" stroke="black"/>`,
    "</svg>",
  );
  return parts.join("\n");
}
