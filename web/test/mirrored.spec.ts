/** The page under `dir="rtl"`: its arrows are mirrored, and nothing lies over anything else. */

import type { Locator, Page } from "@playwright/test";

import { sendPictures } from "./dusk";
import { mirror } from "./mirror";
import { expect, test } from "./support";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/** Returns the buttons and fields that lie over each other, or beyond the screen. */
const overlaps = (page: Page, within: string) =>
  page.evaluate((within) => {
    const shown = [
      ...document.querySelectorAll<HTMLElement>(
        `:is(${within}) :is(button, a[href], input, textarea, h1, h2, label)`,
      ),
    ].filter((one) => {
      const { width, height } = one.getBoundingClientRect();
      return one.checkVisibility({ opacityProperty: true }) && width > 2 && height > 2;
    });
    const nameOf = (one: HTMLElement) => one.ariaLabel ?? one.textContent ?? one.tagName;
    // A button may stand in its field, beside what is written there.
    const fieldOf = (one: HTMLElement) => one.closest('[class*="Input-wrapper"]');
    const faults: string[] = [];
    for (const [index, one] of shown.entries()) {
      const a = one.getBoundingClientRect();
      if (a.left < -1 || a.right > innerWidth + 1) faults.push(`${nameOf(one)} is cut`);
      for (const other of shown.slice(index + 1)) {
        if (one.contains(other) || other.contains(one)) continue;
        if (fieldOf(one) !== null && fieldOf(one) === fieldOf(other)) continue;
        const b = other.getBoundingClientRect();
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 2 && high > 2) faults.push(`${nameOf(one)} and ${nameOf(other)}`);
      }
    }
    return faults;
  }, within);

const left = async (where: Locator) => (await where.boundingBox())?.x ?? Number.NaN;
const isMirrored = (where: Locator) =>
  where.evaluate((one) => getComputedStyle(one).transform === "matrix(-1, 0, 0, 1, 0, 0)");

for (const [screen, options] of [
  ["a desktop", { viewport: { width: 1280, height: 800 } }],
  ["a phone", PHONE],
] as const) {
  test(`nothing overlaps on a page that is mirrored, on ${screen}`, async ({ arrive }) => {
    const isPhone = "isMobile" in options;
    const [ann, bob] = [
      await arrive("Ann", { ...options, reducedMotion: "reduce" }),
      await arrive("Bob"),
    ];
    const { page } = ann;
    await mirror(page);
    const chat = await ann.group("Crew", bob);
    const id = await bob.sends(chat, "Hello, **Ann**");
    await ann.sends(chat, "An answer", { reply_to: id });
    await sendPictures(bob, chat, "sea", [
      [300, 200],
      [320, 240],
    ]);
    await ann.open("/c");
    await expect(ann.chat("Crew")).toBeVisible();
    const free = (within: string) => expect.poll(() => overlaps(page, within), within).toEqual([]);
    await free("[aria-label=Chats]");
    await page.goto(`/c/${chat}`);
    await expect(ann.message("An answer")).toBeVisible();
    await free(".conversation-head, .composer");
    const back = page.getByRole("link", { name: "Back to all chats" });
    if (isPhone) {
      // The arrow back stands on the right, and points there.
      expect(await left(back)).toBeGreaterThan(300);
      expect(await isMirrored(back.locator("svg"))).toBe(true);
    }
    await ann.tool("An answer", "More");
    await expect(page.getByRole("menuitem", { name: "Copy text" })).toBeInViewport({ ratio: 1 });
    await free("[role=menu]");
    await page.keyboard.press("Escape");

    await page.getByRole("button", { name: "View sea-1.png" }).click();
    const dialog = page.getByRole("dialog");
    const [previous, next] = [
      dialog.getByRole("button", { name: "Previous picture" }),
      dialog.getByRole("button", { name: "Next picture" }),
    ];
    await expect(next).toBeVisible();
    await free(".lightbox");
    expect(await left(next)).toBeLessThan(await left(previous));
    for (const one of [previous, next]) expect(await isMirrored(one.locator("svg"))).toBe(true);
    const picture = dialog.locator("img");
    await page.keyboard.press("ArrowLeft"); // onwards is to the left
    await expect(picture).toHaveAttribute("alt", "sea-2.png");
    await page.keyboard.press("ArrowRight");
    await expect(picture).toHaveAttribute("alt", "sea-1.png");
    await page.keyboard.press("Escape");

    await page.getByRole("button", { name: /, details$/ }).click();
    await expect(page.getByRole("dialog").getByText("2 members")).toBeVisible();
    await free("[role=dialog]");
    await page.keyboard.press("Escape");
    if (isPhone) await back.click();
    for (const tab of ["Profile", "Sessions", "My data"]) {
      if (tab === "Profile") await ann.settings(tab);
      else await page.getByRole("tab", { name: tab }).click();
      await free("[role=dialog]");
    }
  });
}
