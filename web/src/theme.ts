/** The colours and shapes of everything. */

import { type CSSVariablesResolver, createTheme } from "@mantine/core";

export const theme = createTheme({
  primaryColor: "harbor",
  primaryShade: { light: 6, dark: 5 },
  colors: {
    harbor: ["#edf1ff", "#d8e0fd", "#aebef5", "#8199ee", "#5c7ae8", "#4566e4", "#3156d3", "#2649b9", "#1f40a6", "#153693"],
    dark: ["#e9ecf3", "#b9c1d1", "#939db2", "#69738a", "#3a4354", "#2a3140", "#1f2531", "#171b25", "#11141b", "#0c0e14"],
  },
  fontFamily: '"Inter Variable", system-ui, -apple-system, "Segoe UI", Roboto, sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, monospace',
  headings: { fontWeight: "650" },
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    Anchor: { defaultProps: { underline: "always" } },
    Menu: { defaultProps: { withInitialFocusPlaceholder: false } }, // the placeholder is no child that a menu may have
    Modal: { defaultProps: { closeButtonProps: { "aria-label": "Close" } } },
    Drawer: { defaultProps: { closeButtonProps: { "aria-label": "Close" } } },
  },
});

/** Where Mantine's own are too faint to be read. */
const ours = { "--mantine-color-dimmed": "var(--faint)", "--mantine-color-placeholder": "var(--faint)", "--mantine-color-anchor": "var(--accent)" };

export const variables: CSSVariablesResolver = () => ({ variables: {}, light: ours, dark: ours });
