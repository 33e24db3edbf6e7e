/**
 * Runs the questions on a library in TypeScript and prints what came out, as JSON.
 *
 * @module
 */

const answers: Record<string, unknown> = {};
const library = await import(new URL(Deno.args[0], import.meta.url).href);
for (const name of Deno.args.slice(1)) {
  try {
    if (library[name] === undefined) throw new Error("not asked");
    await library[name]();
    answers[name] = "yes";
  } catch (error) {
    answers[name] = (error as Error).message.split("\n")[0];
  }
}
console.log(JSON.stringify(answers));
Deno.exit(0);
