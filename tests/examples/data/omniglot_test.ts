import { assert, assertEquals, assertRejects } from "@std/assert";
import { loadOmniglot } from "../../../examples/data/omniglot.ts";
import { UsageError } from "../../../examples/helpers/options.ts";
import { greyPng } from "./grey_png.ts";

Deno.test("loadOmniglot() reads alphabets, characters and images in order, with ink as 1", async () => {
  const root = await Deno.makeTempDir();
  try {
    // Each character is a black bar in a column of its own; paper is white.
    for (
      const [column, path] of ["Greek/character01", "Greek/character02", "Latin/character01"]
        .entries()
    ) {
      await Deno.mkdir(`${root}/${path}`, { recursive: true });
      const pixels = Array.from(
        { length: 105 * 105 },
        (_, i) => i % 105 / 35 >> 0 === column ? 0 : 1,
      );
      for (const drawer of ["02", "01"]) {
        await Deno.writeFile(`${root}/${path}/${drawer}.png`, greyPng(105, 105, pixels));
      }
    }
    await Deno.writeTextFile(`${root}/Greek/notes.txt`, "not an image");
    const classes = await loadOmniglot(root, 3);
    assertEquals(classes.map((c) => c.name), [
      "Greek/character01",
      "Greek/character02",
      "Latin/character01",
    ]);
    classes.forEach(({ images, size }, column) => {
      assertEquals([images.length, size], [2, 3]);
      const want = [0, 1, 2].flatMap(() => [0, 1, 2].map((c) => c === column ? 1 : 0));
      assertEquals([...images[0]].map(Math.round), want);
    });
    assertEquals((await loadOmniglot(root))[0].images[0].length, 28 * 28);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("loadOmniglot() says what it wants where there is nothing", async () => {
  const root = await Deno.makeTempDir();
  try {
    const error = await assertRejects(() => loadOmniglot(root), UsageError, "no images");
    assert(String(error).includes("images_background"));
    await assertRejects(() => loadOmniglot(`${root}/no`), UsageError, "cannot read");
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
