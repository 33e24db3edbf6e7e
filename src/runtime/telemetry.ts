/**
 * The telemetry of ONNX Runtime, switched off.
 *
 * @module
 */

/** Names of the variable that keeps telemetry off, in different releases of ONNX Runtime. */
const SWITCHES = ["ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED"];

/**
 * Whether the user allows telemetry: `TORCHOPT_ORT_TELEMETRY=1`.
 *
 * @throws {RangeError} where the variable is neither 1 nor 0
 */
export function telemetryAllowed(): boolean {
  const text = Deno.env.get("TORCHOPT_ORT_TELEMETRY");
  if (text === "1") return true;
  if (!text || text === "0") return false;
  throw new RangeError(
    `TORCHOPT_ORT_TELEMETRY is "${text}", wants 1 (ONNX Runtime may send telemetry) or 0 (default).`,
  );
}

/**
 * Keeps ONNX Runtime from collecting, storing and sending anything, unless the user allows it. Comes
 * before the library is loaded: the environment that it makes first writes an identifier of the
 * machine and a data base into the user's cache folder, and starts the uploader.
 */
export function switchTelemetryOff(): void {
  if (telemetryAllowed()) return;
  for (const name of SWITCHES) Deno.env.set(name, "1");
}
