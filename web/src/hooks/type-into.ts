/**
 * Puts a text in the place of a part of a field, as if somebody had typed it: Undo takes it back,
 * and what was written before it, too. The focus stays where it is.
 */
export function typeInto(
  field: HTMLTextAreaElement | null,
  start: number,
  end: number,
  text: string,
): void {
  if (field === null) return;
  const focused = document.activeElement;
  field.focus();
  field.setSelectionRange(start, end);
  // Deprecated, and the only way to what Undo knows; each browser has it.
  if (!document.execCommand("insertText", false, text)) {
    field.setRangeText(text, start, end, "end");
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
  if (focused instanceof HTMLElement && focused !== document.body) focused.focus();
}
