import type { Locator, Page } from "@playwright/test";

import { expect, PASSWORD, test } from "./support";

/** Presses a key until something has the focus. */
async function goTo(page: Page, where: Locator, key = "Tab"): Promise<void> {
  await where.waitFor();
  for (let at = 0; at < 60; at++) {
    if (await where.evaluate((one) => one === document.activeElement)) return;
    await page.keyboard.press(key);
  }
  await expect(where).toBeFocused();
}

test("a keyboard is enough", async ({ page, arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await bob.sends(chat, "Can you do it without a mouse?");
  await page.goto("/login");
  await expect(page.getByLabel("Username or email")).toBeFocused();
  await page.keyboard.type(ann.username);
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("complementary", { name: "Chats" })).toBeVisible();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("Bob");
  const found = page.getByRole("complementary").getByRole("button", { name: "Bob" }).first();
  await expect(found).toBeVisible();
  for (let at = 0; at < 5 && !(await found.evaluate((one) => one === document.activeElement)); at++)
    await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  const field = page.getByRole("textbox", { name: "Message", exact: true });
  await expect(field).toBeFocused();
  await page.keyboard.type("Yes");
  await page.keyboard.press("Enter");
  const mine = page.getByRole("article").filter({ hasText: "Yes" });
  await expect(mine).toBeVisible();
  // A message has a menu once the server has it.
  await expect(mine.getByLabel("Sending")).toHaveCount(0);

  // The menu of a message has arrows of its own.
  await mine.focus();
  await expect(mine.getByRole("button", { name: "More" })).toBeVisible();
  for (let at = 0; at < 3; at++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("menuitem", { name: "Edit" })).toBeVisible();
  await expect(page.getByRole("menuitem").first()).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("menuitem").nth(1)).toBeFocused();
  await page.keyboard.press("Escape");

  // From the list of messages up to his, and an answer to it.
  await page.locator(".history-list").focus();
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
  await expect(page.getByRole("article").filter({ hasText: "As you see" })).toContainText(
    "without a mouse",
  );
});

test("a keyboard begins chats, changes a group and its members, and logs out", async ({
  arrive,
}) => {
  const [ann, bob, cleo] = [await arrive("Ann"), await arrive("Bob"), await arrive("Cleo")];
  const { page } = ann;
  const { keyboard } = page;
  const button = (name: string | RegExp) => page.getByRole("button", { name });
  /** Opens a menu, and takes something from it. */
  const choose = async (menu: Locator, what: string, open = "Enter") => {
    await goTo(page, menu);
    await keyboard.press(open);
    await goTo(page, page.getByRole("menuitem", { name: what, exact: true }), "ArrowDown");
    await keyboard.press("Enter");
  };
  await ann.open();

  // A chat with one, and a group of several, one of whom was chosen by mistake.
  const to = page.getByRole("textbox", { name: "To", exact: true });
  const pick = async (who: { username: string }) => {
    await expect(to).toBeFocused();
    await keyboard.type(who.username);
    await expect(page.getByRole("dialog").getByText(`@${who.username}`)).toBeVisible();
    await keyboard.press("Enter");
    await expect(button(/^Remove /).last()).toBeVisible();
  };
  await keyboard.press("Alt+n");
  await pick(bob);
  await goTo(page, button("Start chat"));
  await keyboard.press("Enter");
  await expect(ann.field).toBeFocused();
  await keyboard.press("Alt+n");
  await pick(cleo);
  await keyboard.press("Shift+Tab");
  await expect(button("Remove Cleo")).toBeFocused();
  await keyboard.press("Enter");
  await pick(cleo);
  await pick(bob);
  await goTo(page, page.getByRole("textbox", { name: "Group name" }));
  await keyboard.type("Crew");
  await keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Crew" })).toBeVisible();

  // Its details: a name, and the role of a member.
  await goTo(page, button(/, details$/));
  await keyboard.press("Enter");
  await goTo(page, page.getByRole("dialog").getByRole("textbox", { name: "Group name" }));
  await keyboard.press("End");
  await keyboard.type("s");
  await keyboard.press("Enter");
  await expect(ann.chat("Crews")).toBeVisible();
  await choose(button("Options for Bob"), "Make admin");
  await expect(page.getByRole("dialog").getByText("admin", { exact: true })).toBeVisible();
  await keyboard.press("Escape");
  await expect(button(/, details$/)).toBeFocused();

  // A file.
  await goTo(page, button("Attach files"));
  const chooser = page.waitForEvent("filechooser");
  await keyboard.press("Enter");
  const file = { name: "tides.txt", mimeType: "text/plain", buffer: Buffer.from("tides") };
  await (await chooser).setFiles(file);
  await expect(page.locator(".picked-file").getByText("5 B")).toBeVisible();
  await goTo(page, button("Remove tides.txt"), "Shift+Tab");
  await goTo(page, ann.field);
  await keyboard.press("Enter");
  await expect(ann.message("tides.txt")).toBeVisible();

  // The menu of a row, and what can be undone.
  await goTo(page, ann.chat("Crews"));
  await choose(ann.chat("Crews"), "Archive", "Shift+F10");
  await expect(ann.chat("Crews")).toHaveCount(0);
  await goTo(page, button("Undo"));
  await keyboard.press("Enter");
  await expect(ann.chat("Crews")).toBeVisible();

  await choose(button(/: account$/), "Settings");
  await goTo(page, page.getByRole("tab", { name: "Profile" }));
  await goTo(page, page.getByRole("tab", { name: "Sessions" }), "ArrowRight");
  await expect(page.getByRole("dialog").getByText("this device")).toBeVisible();
  await keyboard.press("Escape");
  await expect(button(/: account$/)).toBeFocused();
  await choose(button(/: account$/), "Log out");
  await expect(
    button("Log in")
      .or(page.getByRole("link", { name: "Log in" }))
      .first(),
  ).toBeVisible();
});

for (const { letters, k, n } of [
  { letters: "Cyrillic", k: "л", n: "т" },
  { letters: "Greek", k: "κ", n: "ν" },
]) {
  test(`shortcuts are where they are on a ${letters} keyboard`, async ({ arrive }) => {
    const ann = await arrive("Ann");
    const { page } = ann;
    await ann.open();
    /** Presses a key as such a keyboard does; returns whether the page has taken it. */
    const press = (key: string, code: string, modifier: object) =>
      page.evaluate(
        (init) => {
          const event = new KeyboardEvent("keydown", { ...init, bubbles: true, cancelable: true });
          return !document.body.dispatchEvent(event);
        },
        { key, code, ...modifier },
      );
    expect(await press(k, "KeyK", { ctrlKey: true })).toBe(true);
    await expect(page.getByRole("textbox", { name: /^Search/ })).toBeFocused();
    // On a keyboard of Latin letters the letter counts, wherever it is.
    expect(await press("t", "KeyK", { ctrlKey: true })).toBe(false);
    expect(await press("k", "KeyV", { ctrlKey: true })).toBe(true);
    expect(await press(n, "KeyN", { altKey: true })).toBe(true);
    await expect(page.getByRole("dialog", { name: "New chat" })).toBeVisible();
  });
}

test("the people to mention are told to who cannot see them", async ({ arrive }) => {
  const [ann, bob, cleo] = [await arrive("Ann"), await arrive("Bob"), await arrive("Cleo")];
  await ann.open(`/c/${await ann.group("Crew", bob, cleo)}`);
  await expect(ann.field).not.toHaveAttribute("aria-activedescendant");
  await ann.field.pressSequentially("@");
  const chosen = ann.page.getByRole("option", { selected: true });
  await expect(chosen).toHaveCount(1);
  const list = await ann.page.getByRole("listbox").getAttribute("id");
  await expect(ann.field).toHaveAttribute("aria-controls", list ?? "");
  for (const key of ["", "ArrowDown", "ArrowDown", "ArrowUp"]) {
    if (key !== "") await ann.page.keyboard.press(key);
    const id = await chosen.getAttribute("id");
    await expect(ann.field).toHaveAttribute("aria-activedescendant", id ?? "");
  }
  await ann.page.keyboard.press("Escape");
  await expect(ann.field).not.toHaveAttribute("aria-activedescendant");
});

test("a phone shows one thing at a time", async ({ arrive }) => {
  const [ann, bob] = [
    await arrive("Ann", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }),
    await arrive("Bob"),
  ];
  const chat = await ann.chatWith(bob);
  await bob.sends(chat, "Hello, telephone");
  await ann.open();
  await expect(ann.page.getByRole("main", { name: "Chats" })).toBeVisible();
  await expect(ann.page.getByRole("heading", { level: 1, name: "Chats" })).toHaveCount(1);
  await ann.chat("Bob").tap();
  await expect(ann.message("Hello, telephone")).toBeVisible();
  await expect(ann.page.getByRole("complementary", { name: "Chats" })).toBeHidden();
  await expect(ann.page.getByRole("main")).toHaveCount(1);
  await expect
    .poll(() => ann.page.evaluate(() => document.documentElement.scrollWidth))
    .toBeLessThanOrEqual(390);
  await ann.message("Hello, telephone").tap();
  await ann.message("Hello, telephone").getByRole("button", { name: "Reply" }).tap();
  await ann.field.fill("Hello from it");
  await ann.page.getByRole("button", { name: "Send" }).tap();
  await expect(ann.message("Hello from it")).toContainText("Hello, telephone");
  await ann.page.getByRole("link", { name: "Back to all chats" }).tap();
  await expect(ann.chat("Bob")).toBeVisible();
});

test("a screen has a main part, one heading of its own, and a way past the list", async ({
  arrive,
}) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await bob.sends(chat, "Hello");
  const { page } = ann;
  for (const path of ["/c", `/c/${chat}`, "/nowhere"]) {
    await page.goto(path);
    await expect(page.getByRole("main")).toHaveCount(1);
    await expect(page.getByRole("heading", { level: 1 })).toHaveCount(1);
  }
  await ann.open("/c");
  await expect(ann.chat("Bob")).toBeVisible();
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "Skip to chat" });
  await expect(skip).toBeFocused();
  await expect(skip).toBeInViewport();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("main")).toBeFocused();
});
