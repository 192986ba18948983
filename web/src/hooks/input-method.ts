/** The code of a key that an input method took. */
const TAKEN = 229;

/**
 * Keeps the keys of an input method from the page: an Enter that confirms a conversion sends
 * nothing and chooses nothing, in any field. Safari ends the composition before it tells of that
 * Enter, which then has only its code.
 */
export function ignoreInputMethod(): void {
  const stop = (event: KeyboardEvent) => {
    if (event.isComposing || event.keyCode === TAKEN) event.stopImmediatePropagation();
  };
  for (const type of ["keydown", "keyup"] as const) addEventListener(type, stop, { capture: true });
}
