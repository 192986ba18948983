import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";

import { PASSWORD, expect, test } from "./support";

const look = async (page: Page, where: string) => {
  await page.waitForLoadState("networkidle").catch(() => undefined); // a socket may keep it busy
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  expect(serious.map(({ id, nodes }) => `${where}: ${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`)).toEqual([]);
};

for (const colorScheme of ["light", "dark"] as const) {
  test(`axe finds no serious fault on any screen, ${colorScheme}`, async ({ arrive, browser }) => {
    const stranger = await (await browser.newContext({ colorScheme })).newPage();
    for (const path of ["/", "/login", "/signup"]) {
      await stranger.goto(path);
      await stranger.getByRole("heading", { level: 1 }).waitFor();
      await look(stranger, path);
    }
    await stranger.context().close();

    const [ann, bob, cleo] = [await arrive("Ann", { colorScheme }), await arrive("Bob"), await arrive("Cleo")];
    const chat = await ann.chatWith(bob);
    const id = await bob.sends(chat, "Some **bold** words, `code`, and https://example.org");
    await ann.sends(chat, "An answer", { reply_to: id });
    await ann.api("PUT", `/chats/${chat}/messages/${id}/reactions/${encodeURIComponent("👍")}`);
    const group = await bob.group("Crew", ann, cleo);
    await cleo.sends(group, `@${ann.username} hello`, { mentions: [ann.id] });
    const { page } = ann;
    await ann.open();
    await look(page, "the list");
    await page.goto(`/c/${chat}`);
    await expect(ann.message("An answer")).toBeVisible();
    await ann.message("An answer").hover();
    await look(page, "a chat");
    await ann.message("An answer").getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: "Who has read it" }).waitFor();
    await look(page, "a message's menu");
    await page.getByRole("menuitem", { name: "Who has read it" }).click();
    await page.getByRole("dialog").getByText("Bob").waitFor();
    await look(page, "who has read it");
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByRole("button", { name: "Emoji" }).click();
    await page.getByRole("gridcell").first().waitFor();
    await look(page, "the emoji");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "What to do with this chat" }).click();
    await page.getByRole("menuitem", { name: "Clear for me" }).click();
    await page.getByRole("dialog").getByText("Clear this chat?").waitFor();
    await look(page, "a question");
    await page.getByRole("button", { name: "Never mind" }).click();
    await page.goto(`/c/${group}`);
    await expect(ann.message("hello")).toBeVisible();
    await look(page, "a group");
    await page.getByRole("button", { name: /, details$/ }).click();
    await page.getByRole("dialog").getByText("3 members").waitFor();
    await look(page, "details");
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByRole("button", { name: "New chat" }).click();
    await page.getByRole("textbox", { name: "With whom?" }).fill(bob.username);
    await page.getByRole("dialog").getByText(`@${bob.username}`).waitFor();
    await look(page, "a new chat");
    await page.getByRole("button", { name: "Close" }).click();
    for (const tab of ["Profile", "This page", "Password", "Sessions", "Blocked", "My data"]) {
      if (tab === "Profile") await ann.settings(tab);
      else await page.getByRole("tab", { name: tab }).click();
      await look(page, `settings, ${tab}`);
    }
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByRole("textbox", { name: /^Search/ }).fill("hello");
    await expect(page.getByRole("complementary").locator("mark")).toBeVisible();
    await look(page, "a search");
  });
}

test("a keyboard is enough", async ({ page, arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await bob.sends(chat, "Can you do it without a mouse?");
  await page.goto("/login");
  await expect(page.getByLabel("Username or e-mail")).toBeFocused();
  await page.keyboard.type(ann.username);
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("complementary", { name: "Chats" })).toBeVisible();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("Bob");
  const found = page.getByRole("complementary").getByRole("button", { name: "Bob" }).first();
  await expect(found).toBeVisible();
  for (let at = 0; at < 5 && !(await found.evaluate((one) => one === document.activeElement)); at++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  const field = page.getByRole("textbox", { name: "Message", exact: true });
  await expect(field).toBeFocused();
  await page.keyboard.type("Yes");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("article").filter({ hasText: "Yes" })).toBeVisible();

  // The menu of a message has arrows of its own.
  await page.getByRole("article").filter({ hasText: "Yes" }).focus();
  for (let at = 0; at < 3; at++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("menuitem", { name: "Edit" })).toBeVisible();
  await expect(page.getByRole("menuitem").first()).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("menuitem").nth(1)).toBeFocused();
  await page.keyboard.press("Escape");

  // From the list of messages up to his, and an answer to it.
  await page.getByTestId("virtuoso-scroller").last().focus();
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  const his = page.getByRole("article").filter({ hasText: "without a mouse" });
  await expect(his).toBeFocused();
  await page.keyboard.press("Tab");
  await expect(his.getByRole("button", { name: "React" })).toBeFocused();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page.getByText("Reply to Bob")).toBeVisible();
  await expect(field).toBeFocused();
  await page.keyboard.type("As you see");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("article").filter({ hasText: "As you see" })).toContainText("without a mouse");
});

test("a phone shows one thing at a time", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await bob.sends(chat, "Hello, telephone");
  await ann.open();
  await expect(ann.page.getByRole("main")).toHaveCount(0);
  await ann.chat("Bob").tap();
  await expect(ann.message("Hello, telephone")).toBeVisible();
  await expect(ann.page.getByRole("complementary", { name: "Chats" })).toBeHidden();
  expect(await ann.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await ann.message("Hello, telephone").tap();
  await ann.message("Hello, telephone").getByRole("button", { name: "Reply" }).tap();
  await ann.field.fill("Hello from it");
  await ann.page.getByRole("button", { name: "Send" }).tap();
  await expect(ann.message("Hello from it")).toContainText("Hello, telephone");
  await ann.page.getByRole("link", { name: "Back to all chats" }).tap();
  await expect(ann.chat("Bob")).toBeVisible();
});
