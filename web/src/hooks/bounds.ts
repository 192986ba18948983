import type { FormEvent } from "react";

import { excess } from "../state/characters";

/**
 * Returns the props of a field in a form whose text has a bound. A text that is too long is kept,
 * and the form says so instead of being sent; `maxLength` cuts it in silence, and counts UTF-16.
 */
export const atMost = (most: number) => ({
  onInput: ({ currentTarget }: FormEvent<HTMLInputElement | HTMLTextAreaElement>) =>
    currentTarget.setCustomValidity(excess(currentTarget.value, most) ?? ""),
});
