/** A `ref` that moves the focus to a field when it appears. */
export function focusNow(field: HTMLElement | null): void {
  field?.focus({ preventScroll: true });
}
