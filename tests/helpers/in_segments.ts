/** Graphs in segments of a few nodes, as large ones are in segments of a thousand. */

import { segmentSizes } from "../../src/lower/cut.ts";
import { clearExecutables } from "../../src/run/executable_cache.ts";

/** Runs a function while every graph of more than three values is cut after two to four. */
export async function inSegments<T>(run: () => T | Promise<T>): Promise<T> {
  const usual = { ...segmentSizes };
  Object.assign(segmentSizes, { whole: 3, least: 2, most: 4 });
  clearExecutables();
  try {
    return await run();
  } finally {
    Object.assign(segmentSizes, usual);
    clearExecutables();
  }
}
