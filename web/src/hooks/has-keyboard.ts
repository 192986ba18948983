/** False for a screen that is touched, whose keyboard has no Shift and Enter. */
export const hasKeyboard = (): boolean =>
  !matchMedia("(hover: none) and (pointer: coarse)").matches;
