/**
 * What ranks print, line by line, with the rank in front.
 *
 * @module
 */

/** Copies lines of a stream, with a prefix. */
export async function copyLines(
  from: ReadableStream<Uint8Array>,
  prefix: string,
  write: (text: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of from.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    if (lines.length > 0) write(lines.map((line) => `${prefix}${line}\n`).join(""));
  }
  if (rest !== "") write(`${prefix}${rest}\n`);
}

const encoder = new TextEncoder();

/** Writes all of a text to a file that is open. */
export function writeAll(file: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}
