/**
 * A plan: what one run at a time of a session needs, kept from run to run.
 *
 * @module
 */

/**
 * Bindings and cached native tensors of one session, for one run at a time. A slot is bound anew only
 * when its address has changed, except where {@linkcode Driver.rebindsInputs} says otherwise.
 */
export interface Plan {
  /**
   * Runs the session.
   *
   * @param slots address of each input, then of each output, and a place for the milliseconds that a
   * run took which succeeds
   * @returns `OrtStatus*`, null on success
   */
  run(slots: Float64Array<ArrayBuffer>): Deno.PointerValue;
  /** The same off the event loop; `slots` are copied before this returns. */
  runAsync(slots: Float64Array<ArrayBuffer>): Promise<Deno.PointerValue>;
  /** Frees the native objects. No run may be under way. */
  release(): void;
}
