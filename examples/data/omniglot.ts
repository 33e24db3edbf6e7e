/**
 * Loading Omniglot (Lake, Salakhutdinov, Tenenbaum, Human-level concept learning through
 * probabilistic program induction, Science 2015) from its unpacked archive: a folder of alphabets,
 * which are folders of characters, which are folders of PNG images.
 *
 * @module
 */

import { UsageError } from "../helpers/options.ts";
import { readPng, resize } from "./png.ts";
import type { ImageClass } from "./episodes.ts";

async function names(path: string, wanted: (entry: Deno.DirEntry) => boolean): Promise<string[]> {
  const list: string[] = [];
  try {
    for await (const entry of Deno.readDir(path)) if (wanted(entry)) list.push(entry.name);
  } catch (error) {
    throw new UsageError(`loadOmniglot: cannot read ${path}: ${(error as Error).message}`);
  }
  return list.sort();
}

const isFolder = (entry: Deno.DirEntry) => entry.isDirectory;
const isPng = (entry: Deno.DirEntry) => entry.isFile && entry.name.toLowerCase().endsWith(".png");

/**
 * Reads all characters below a folder such as `images_background`; ink is 1, paper 0.
 *
 * @param folder of alphabets
 * @param size of the images (default 28)
 * @throws {UsageError} where there is no character
 * @throws {TypeError} where an image is of another kind
 */
export async function loadOmniglot(folder: string, size = 28): Promise<ImageClass[]> {
  const classes: ImageClass[] = [];
  for (const alphabet of await names(folder, isFolder)) {
    for (const character of await names(`${folder}/${alphabet}`, isFolder)) {
      const path = `${folder}/${alphabet}/${character}`;
      const images: Float32Array[] = [];
      for (const file of await names(path, isPng)) {
        const image = readPng(await Deno.readFile(`${path}/${file}`));
        images.push(resize(image, size).map((v) => 1 - v));
      }
      if (images.length > 0) classes.push({ name: `${alphabet}/${character}`, size, images });
    }
  }
  if (classes.length === 0) {
    throw new UsageError(
      `loadOmniglot: no images under ${folder}; wants alphabets/characters/*.png, as in the ` +
        `unpacked images_background.`,
    );
  }
  return classes;
}
