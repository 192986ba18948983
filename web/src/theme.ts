/** Colours and shapes. */

import { type CSSVariablesResolver, createTheme } from "@mantine/core";

/** The header of a dialog is not that of the page. */
const dialog = {
  closeButtonProps: { "aria-label": "Close" },
  attributes: { header: { role: "none" } },
};

export const theme = createTheme({
  primaryColor: "harbor",
  primaryShade: { light: 6, dark: 5 },
  colors: {
    harbor: [
      "#edf1ff",
      "#d8e0fd",
      "#aebef5",
      "#8199ee",
      "#5c7ae8",
      "#4566e4",
      "#3156d3",
      "#2649b9",
      "#1f40a6",
      "#153693",
    ],
    dark: [
      "#e9ecf3",
      "#b9c1d1",
      "#939db2",
      "#69738a",
      "#3a4354",
      "#2a3140",
      "#1f2531",
      "#171b25",
      "#11141b",
      "#0c0e14",
    ],
  },
  fontFamily: '"Inter Variable", system-ui, -apple-system, "Segoe UI", Roboto, sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, monospace',
  headings: { fontWeight: "650" },
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    // What people type has the direction of its first letter.
    TextInput: { defaultProps: { attributes: { input: { dir: "auto" } } } },
    Textarea: { defaultProps: { attributes: { input: { dir: "auto" } } } },
    PillsInputField: { defaultProps: { dir: "auto" } },
    Anchor: { defaultProps: { underline: "always" } },
    // The placeholder is no child that a menu may have.
    Menu: { defaultProps: { withInitialFocusPlaceholder: false } },
    Modal: { defaultProps: dialog },
    Drawer: { defaultProps: dialog },
    Notification: { defaultProps: { closeButtonProps: { "aria-label": "Dismiss" } } },
    // Within a part of the page, as all that is read.
    Tooltip: { defaultProps: { portalProps: { target: ".conversation" } } },
  },
});

/** Colours in the place of those of Mantine that are too faint to be read. */
const ours = {
  "--mantine-color-dimmed": "var(--faint)",
  "--mantine-color-placeholder": "var(--faint)",
  "--mantine-color-anchor": "var(--accent)",
  "--mantine-color-error": "var(--bad)",
};

/** Tints that stand out from a dark card. */
const tint = (name: string, color: string) => ({
  [`--mantine-color-${name}-light`]: `color-mix(in srgb, ${color} 20%, var(--card))`,
  [`--mantine-color-${name}-light-hover`]: `color-mix(in srgb, ${color} 30%, var(--card))`,
  [`--mantine-color-${name}-light-color`]: `color-mix(in srgb, ${color} 60%, var(--ink))`,
});
const tints = {
  ...tint("harbor", "var(--accent)"),
  ...tint("red", "var(--bad)"),
  ...tint("gray", "var(--faint)"),
};

export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: ours,
  dark: { ...ours, ...tints },
});
