// React, as the page has it: Preact, a third of the bytes less. `vite.config.ts` puts it in the
// place of `react`, for the page and for the libraries that it uses; the types are React's.

export * from "preact/compat";
export { default } from "preact/compat";

/** What Preact does not have, and Mantine's components name: what is hidden is not kept. */
export const Activity = ({ mode, children }) => (mode === "hidden" ? null : children);
