/** Tablets, upright and lying: the list and a chat stand side by side, and fit. */

import type { Page } from "@playwright/test";

import { small } from "./faults";
import { expect, test } from "./support";

const SCREENS = [
  [768, 1024],
  [1024, 768],
  [820, 1180],
  [1180, 820],
  [1024, 1366],
  [1366, 1024],
] as const;
const TOUCH = { hasTouch: true, isMobile: true, reducedMotion: "reduce" } as const;
const LONG = `${"harbour".repeat(40)} https://example.org/${"a".repeat(200)}`;

/** Returns what does not stand where it should on a screen with a list and a chat. */
const misplaced = (page: Page) =>
  page.evaluate(() => {
    const boxOf = (what: string) => {
      const element = document.querySelector(what);
      if (element === null) throw new Error(`there is no ${what}`);
      return element.getBoundingClientRect();
    };
    const [list, chat, head, composer] = [
      boxOf("[aria-label=Chats]"),
      boxOf("main"),
      boxOf(".conversation-head"),
      boxOf(".composer"),
    ];
    const faults: string[] = [];
    const expectThat = (isSo: boolean, what: string) => {
      if (!isSo) faults.push(what);
    };
    const isIn = (one: DOMRect, other: DOMRect) =>
      one.left >= other.left - 1 && one.right <= other.right + 1;
    expectThat(document.documentElement.scrollWidth <= innerWidth, "the page is too wide");
    expectThat(list.width >= 270 && list.width <= 0.5 * innerWidth, `list: ${list.width}`);
    expectThat(Math.abs(list.right - chat.left) < 2, "the list and the chat are not side by side");
    expectThat(chat.width >= 400, `chat: ${chat.width}`);
    expectThat(Math.abs(chat.right - innerWidth) < 1, "the chat does not end with the screen");
    expectThat(composer.bottom <= innerHeight, "the composer is below the screen");
    expectThat(isIn(composer, chat) && isIn(head, chat), "the composer or the header is too wide");
    for (const bubble of document.querySelectorAll("[data-message]"))
      expectThat(isIn(bubble.getBoundingClientRect(), chat), `bubble: ${bubble.textContent}`);
    return faults;
  });

for (const [width, height] of SCREENS) {
  test(`a tablet of ${width} x ${height} shows the list beside a chat`, async ({ arrive }) => {
    const [ann, bob] = [
      await arrive("Ann", { ...TOUCH, viewport: { width, height } }),
      await arrive("Bob"),
    ];
    const { page } = ann;
    const group = await ann.group("Crew", bob);
    const id = await bob.sends(group, LONG);
    await ann.sends(group, "An answer", { reply_to: id });
    await bob.sends(group, "| a | b |\n|---|---|\n| 1 | 2 |");
    await ann.open("/c");
    await expect(page.getByRole("main")).toHaveCount(1);
    await expect(page.getByText("Choose a chat, or start one.")).toBeVisible();
    await ann.chat("Crew").tap();
    await expect(ann.message("An answer")).toBeInViewport();
    await expect(ann.list).toBeVisible();
    await expect(page.getByRole("link", { name: "Back to all chats" })).toBeHidden();
    await expect(page.locator(".markdown table")).toBeVisible();
    await expect.poll(() => misplaced(page)).toEqual([]);
    await ann.message("An answer").tap();
    await expect(ann.message("An answer").getByRole("button", { name: "More" })).toBeVisible();
    await expect.poll(() => small(page, 44)).toEqual([]);
    await page.getByRole("button", { name: "Add a subject" }).tap();
    await expect(page.getByRole("textbox", { name: "Subject" })).toBeVisible();
    await expect.poll(() => small(page, 44)).toEqual([]);
    await page.getByRole("button", { name: /, details$/ }).tap();
    await page.getByRole("dialog").getByText("2 members").waitFor();
    await expect.poll(() => small(page, 44)).toEqual([]);
  });
}

test("a tablet that is turned shows the same chat, at the same place", async ({ arrive }) => {
  const [ann, bob] = [
    await arrive("Ann", { ...TOUCH, viewport: { width: 768, height: 1024 } }),
    await arrive("Bob"),
  ];
  const { page } = ann;
  const chat = await ann.chatWith(bob);
  for (let at = 0; at < 29; at++) await bob.sends(chat, `Number ${at}`);
  await ann.sends(chat, "Number 29"); // who answers has read what was before
  await ann.open(`/c/${chat}`);
  await ann.field.fill("not sent yet");
  await expect(ann.message("Number 29")).toBeInViewport();
  await page.setViewportSize({ width: 1024, height: 768 });
  await expect(ann.message("Number 29")).toBeInViewport();
  await expect(ann.field).toHaveValue("not sent yet");
  await expect.poll(() => misplaced(page)).toEqual([]);
});

test("a screen of one pixel less shows one thing at a time", async ({ arrive }) => {
  const [ann, bob] = [
    await arrive("Ann", { ...TOUCH, viewport: { width: 767, height: 1024 } }),
    await arrive("Bob"),
  ];
  const { page } = ann;
  await bob.sends(await ann.chatWith(bob), "Hello");
  await ann.open("/c");
  await expect(page.getByRole("main")).toHaveCount(1);
  await ann.chat("Bob").tap();
  await expect(ann.message("Hello")).toBeVisible();
  await expect(ann.list).toBeHidden();
  await page.getByRole("link", { name: "Back to all chats" }).tap();
  await expect(ann.chat("Bob")).toBeVisible();
});
