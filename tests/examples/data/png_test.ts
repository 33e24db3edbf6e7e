import { assertEquals, assertThrows } from "@std/assert";
// @ts-types="../../../examples/data/pngjs.d.ts"
import { PNG } from "pngjs";
import { readPng, resize } from "../../../examples/data/png.ts";
import { assertClose } from "../../helpers/close.ts";
import { greyPng } from "./grey_png.ts";

/** A picture in which every neighbour differs. */
const values = (width: number, height: number, top: number) =>
  Array.from({ length: width * height }, (_, i) => (i * 7 + (i >> 2)) % (top + 1));

/** The picture of 11 x 5 pixels with 1, 2 and 4 bits a pixel, written by Python's zlib. */
const FEW_BITS: Record<number, string> = {
  1: "iVBORw0KGgoAAAANSUhEUgAAAAsAAAAFAQAAAAC73Sv7AAAAGElEQVR42mOIcmC4dIBhWgPDlgUMSxcAACjfBdxvVzZG" +
    "AAAAAElFTkSuQmCC",
  2: "iVBORw0KGgoAAAANSUhEUgAAAAsAAAAFAgAAAAD8fVErAAAAHElEQVR42mOw9JvA8JMvgOGlnQPDUysfhieWPgBB+gaq" +
    "SP/BuwAAAABJRU5ErkJggg==",
  4: "iVBORw0KGgoAAAANSUhEUgAAAAsAAAAFBAAAAABzPaSLAAAALElEQVR42mNgf3pl08IGhu9Pj2ya2MDw7enhTROA1NXD" +
    "iyYUMHy7cnjhhAIAaaAUte6yk0gAAAAASUVORK5CYII=",
};

Deno.test("readPng() reads every bit depth", () => {
  for (const depth of [1, 2, 4, 8]) {
    const top = 2 ** depth - 1, pixels = values(11, 5, top).map((v) => v / top);
    const image = readPng(
      depth === 8 ? greyPng(11, 5, pixels) : Uint8Array.fromBase64(FEW_BITS[depth]),
    );
    assertEquals([image.width, image.height], [11, 5]);
    assertClose(image.pixels, pixels, 1e-6, `${depth} bits`);
  }
});

Deno.test("readPng() undoes every filter", () => {
  const pixels = values(9, 6, 255).map((v) => v / 255);
  for (const filter of [0, 1, 2, 3, 4]) {
    assertClose(readPng(greyPng(9, 6, pixels, filter)).pixels, pixels, 1e-6, `filter ${filter}`);
  }
});

Deno.test("readPng() refuses other files", () => {
  assertThrows(() => readPng(new Uint8Array(20)), TypeError, "not a PNG");
  assertThrows(() => readPng(greyPng(9, 6, []).subarray(0, 50)), TypeError, "not a PNG");
  const coloured = PNG.sync.write(new PNG({ width: 2, height: 2 }), { colorType: 2 });
  assertThrows(() => readPng(coloured), TypeError, "wants a grey image");
});

Deno.test("resize() averages areas", () => {
  const image = { width: 4, height: 4, pixels: Float32Array.from({ length: 16 }, (_, i) => i) };
  assertEquals([...resize(image, 2)], [2.5, 4.5, 10.5, 12.5]);
  assertEquals([...resize(image, 4)], [...image.pixels]);
  // Three source columns to two: the middle one is shared.
  const row = { width: 3, height: 3, pixels: Float32Array.from([1, 2, 3, 1, 2, 3, 1, 2, 3]) };
  assertClose(resize(row, 2), [4 / 3, 8 / 3, 4 / 3, 8 / 3], 1e-6);
});
