import type { Page } from "@playwright/test";

/** Makes the page one of a language from right to left, before anything of it is drawn. */
export const mirror = (page: Page) =>
  page.addInitScript(() => {
    const turn = () => {
      document.documentElement?.setAttribute("dir", "rtl");
      return document.documentElement !== null;
    };
    if (turn()) return;
    const observer = new MutationObserver(() => turn() && observer.disconnect());
    observer.observe(document, { childList: true });
  });
