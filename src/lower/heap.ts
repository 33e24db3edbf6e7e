/**
 * A heap of numbers, the least on top (Williams, 1964).
 *
 * @module
 */

/** Numbers of which the least comes out first. */
export class MinHeap {
  readonly #items: number[] = [];

  /** Adds a number. */
  push(value: number): void {
    const items = this.#items;
    let at = items.push(value) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (items[above] <= value) break;
      items[at] = items[above];
      at = above;
    }
    items[at] = value;
  }

  /** Takes the least number out; undefined where there is none. */
  pop(): number | undefined {
    const items = this.#items;
    const least = items[0], last = items.pop();
    if (last === undefined || items.length === 0) return least;
    let at = 0;
    for (let below = 1; below < items.length; below = 2 * at + 1) {
      if (items[below + 1] < items[below]) below++;
      if (items[below] >= last) break;
      items[at] = items[below];
      at = below;
    }
    items[at] = last;
    return least;
  }
}
