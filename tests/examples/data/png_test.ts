import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { readPng, resize } from "../../../examples/data/png.ts";
import { encodePng } from "./png_writer.ts";
import { assertClose } from "../../helpers/close.ts";

/** A picture in which every neighbour differs. */
const values = (width: number, height: number, top: number) =>
  Array.from({ length: width * height }, (_, i) => (i * 7 + (i >> 2)) % (top + 1));

Deno.test("readPng() reads every bit depth", async () => {
  for (const depth of [1, 2, 4, 8]) {
    const top = 2 ** depth - 1, pixels = values(11, 5, top);
    const image = await readPng(await encodePng(11, 5, depth, pixels));
    assertEquals([image.width, image.height], [11, 5]);
    assertClose(image.pixels, pixels.map((v) => v / top), 1e-6);
  }
});

Deno.test("readPng() undoes every filter", async () => {
  const pixels = values(9, 6, 255);
  for (const filter of [0, 1, 2, 3, 4]) {
    const image = await readPng(await encodePng(9, 6, 8, pixels, { filter }));
    image.pixels.forEach((v, i) =>
      assertAlmostEquals(v, pixels[i] / 255, 1e-6, `filter ${filter}`)
    );
  }
});

Deno.test("readPng() refuses other files", async () => {
  await assertRejects(() => readPng(new Uint8Array(20)), TypeError, "not a PNG");
  const coloured = await encodePng(2, 2, 8, [0, 0, 0, 0], { colour: 2 });
  await assertRejects(() => readPng(coloured), TypeError, "colour type 2");
});

Deno.test("resize() averages areas", () => {
  const image = { width: 4, height: 4, pixels: Float32Array.from({ length: 16 }, (_, i) => i) };
  assertEquals([...resize(image, 2)], [2.5, 4.5, 10.5, 12.5]);
  assertEquals([...resize(image, 4)], [...image.pixels]);
  // Three source columns to two: the middle one is shared.
  const row = { width: 3, height: 3, pixels: Float32Array.from([1, 2, 3, 1, 2, 3, 1, 2, 3]) };
  assertClose(resize(row, 2), [4 / 3, 8 / 3, 4 / 3, 8 / 3], 1e-6);
});
