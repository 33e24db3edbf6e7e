/** Episodes of few-shot classification: a few images of a few classes, and more to classify. @module */

import { type Generator, type Tensor, tensor } from "@torchopt/torchopt";
import { UsageError } from "../helpers/options.ts";

/** Square images of one class. */
export interface ImageClass {
  /** Name, for messages. */
  readonly name: string;
  /** Pixels in a row. */
  readonly size: number;
  /** Images, row by row. */
  readonly images: readonly Float32Array[];
}

/** Known and unknown images `[n, 1, size, size]` with labels `[n]`. */
export type Episode = {
  readonly xSupport: Tensor;
  readonly ySupport: Tensor;
  readonly xQuery: Tensor;
  readonly yQuery: Tensor;
};

/** Size of episodes. */
export interface EpisodeShape {
  /** Classes. */
  readonly ways: number;
  /** Known images of each. */
  readonly shots: number;
  /** Images of each to classify. */
  readonly queries: number;
}

/** An image turned by `quarters` of a circle, and before that reflected where asked. */
export function transformed(
  image: Float32Array,
  size: number,
  quarters: number,
  reflect: boolean,
): Float32Array {
  const out = new Float32Array(image.length), end = size - 1;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [u, v] = [[x, y], [y, end - x], [end - x, end - y], [end - y, x]][quarters % 4];
      out[y * size + x] = image[v * size + (reflect ? end - u : u)];
    }
  }
  return out;
}

/** Classes extended by quarter turns, and by reflections where asked: each is a class of its own. */
export function extended(classes: readonly ImageClass[], reflections: boolean): ImageClass[] {
  return classes.flatMap(({ name, size, images }) =>
    (reflections ? [false, true] : [false]).flatMap((reflect) =>
      [0, 1, 2, 3].map((quarters) => ({
        name: `${name}${reflect ? " reflected" : ""} ${90 * quarters}°`,
        size,
        images: images.map((image) => transformed(image, size, quarters, reflect)),
      }))
    )
  );
}

/** Classes by label from labelled images. */
export function byLabel(
  images: readonly Float32Array[],
  labels: readonly number[],
  wanted: readonly number[],
): ImageClass[] {
  return wanted.map((label) => ({
    name: String(label),
    size: Math.sqrt(images[0].length),
    images: images.filter((_, i) => labels[i] === label),
  }));
}

function pack(
  images: readonly Float32Array[],
  labels: readonly number[],
  size: number,
): [Tensor, Tensor] {
  const x = new Float32Array(images.length * size * size);
  images.forEach((image, i) => x.set(image, i * size * size));
  return [
    tensor(x, { shape: [images.length, 1, size, size] }),
    tensor([...labels], { dtype: "int64" }),
  ];
}

/**
 * Draws an episode: classes, and images of each, without repetition.
 *
 * @throws {UsageError} where there are fewer classes, or images of a class
 */
export function sampleEpisode(
  classes: readonly ImageClass[],
  { ways, shots, queries }: EpisodeShape,
  generator: Generator,
): Episode {
  if (classes.length < ways) {
    throw new UsageError(
      `sampleEpisode: ${ways} ways, but there are only ${classes.length} classes`,
    );
  }
  const support: Float32Array[] = [], query: Float32Array[] = [];
  const supportLabels: number[] = [], queryLabels: number[] = [];
  generator.permutation(classes.length).slice(0, ways).forEach((chosen, label) => {
    const { name, images } = classes[chosen];
    if (images.length < shots + queries) {
      throw new UsageError(
        `sampleEpisode: class ${name} has ${images.length} images, wants ${shots + queries}`,
      );
    }
    generator.permutation(images.length).slice(0, shots + queries).forEach((at, i) => {
      (i < shots ? support : query).push(images[at]);
      (i < shots ? supportLabels : queryLabels).push(label);
    });
  });
  const { size } = classes[0];
  const [xSupport, ySupport] = pack(support, supportLabels, size);
  const [xQuery, yQuery] = pack(query, queryLabels, size);
  return { xSupport, ySupport, xQuery, yQuery };
}
