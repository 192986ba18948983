/** The first script of the page, which is loaded beside all others. */

import { askEarly } from "./early";
import { chatAddress } from "./state/first-look";
import { shared } from "./state/storage";

/** The key of the theme that was chosen, in the browser's storage; Mantine keeps it there. */
const THEME = "mantine-color-scheme-value";

askEarly(location).catch(() => undefined);

// The skeleton looks as what comes after it.
const { dataset } = document.documentElement;
const theme = shared.getItem(THEME);
if (theme === "light" || theme === "dark") dataset.mantineColorScheme = theme;
if (chatAddress(location) === undefined) dataset.opens = "list";
