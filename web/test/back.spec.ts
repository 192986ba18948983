/** Back closes what lies over a chat, and leaves the chat where it was. */

import type { Locator, Page } from "@playwright/test";

import { dusk } from "./dusk";
import { settled } from "./long-chat";
import { expect, type Person, test } from "./support";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/** What lies over a chat: how it is opened, one thing over the other, and how each is found. */
interface Kind {
  name: string;
  layers: { open: () => Promise<void>; shown: Locator }[];
}

const QUESTION = "Where is the boat?";

/** Everything that can be opened over a chat. */
function overChat(ann: Person, isPhone: boolean): Kind[] {
  const { page } = ann;
  const button = (name: string | RegExp) => page.getByRole("button", { name });
  const item = (name: string) => page.getByRole("menuitem", { name });
  const dialog = (text: string) => page.getByRole("dialog").filter({ hasText: text });
  const layer = (open: () => Promise<void>, shown: Locator) => ({ open, shown });
  const details = layer(() => button(/, details$/).click(), dialog("2 members"));
  const menu = layer(() => button("Chat menu").click(), item("Clear for me"));
  const messageMenu = layer(() => ann.tool(QUESTION, "More"), item("Copy text"));
  const kinds: Kind[] = [
    {
      name: "a picture",
      layers: [layer(() => button("View sea.png").click(), page.locator("dialog.lightbox"))],
    },
    { name: "the chat's menu", layers: [menu] },
    {
      name: "a question",
      layers: [
        layer(async () => {
          await menu.open();
          await item("Clear for me").click();
        }, dialog("Clear this chat?")),
      ],
    },
    { name: "details", layers: [details] },
    {
      name: "a member's menu over the details",
      layers: [details, layer(() => button("Options for Bob").click(), item("Send a message"))],
    },
    {
      name: "people to add over the details",
      layers: [details, layer(() => button("Add people").click(), dialog("People to add"))],
    },
    {
      name: "a question over the details",
      layers: [
        details,
        layer(async () => {
          await button("Options for Bob").click();
          await item("Remove from the group").click();
        }, dialog("Remove this member?")),
      ],
    },
    { name: "a message's menu", layers: [messageMenu] },
    {
      name: "who has read it",
      layers: [
        layer(async () => {
          await messageMenu.open();
          await item("Who has read it").click();
        }, dialog("Who has read it")),
      ],
    },
    {
      name: "reactions",
      layers: [layer(() => ann.tool(QUESTION, "React"), button("React with 👍"))],
    },
  ];
  if (isPhone) return kinds;
  const account = layer(() => button(/: account$/).click(), item("Settings"));
  return [
    ...kinds,
    {
      name: "emoji",
      layers: [layer(() => button("Emoji").click(), page.getByPlaceholder("Search emoji"))],
    },
    ...overList(page, account),
  ];
}

/** What can be opened from the list of chats. */
function overList(page: Page, account: Kind["layers"][number]): Kind[] {
  const settings = async () => {
    await account.open();
    await account.shown.click();
  };
  const search = () => page.getByRole("textbox", { name: /^Search chats/ }).fill("boat");
  return [
    { name: "the account's menu", layers: [account] },
    {
      name: "settings",
      layers: [{ open: settings, shown: page.getByRole("tab", { name: "Profile" }) }],
    },
    {
      name: "a new chat",
      layers: [
        {
          open: () => page.getByRole("button", { name: "New chat" }).click(),
          shown: page.getByRole("textbox", { name: "To", exact: true }),
        },
      ],
    },
    {
      name: "a search",
      layers: [{ open: search, shown: page.getByRole("button", { name: "Clear the search" }) }],
    },
  ];
}

/** True once the page is shown without an entry of something that lies over it. */
const isBare = (page: Page) =>
  expect.poll(() => page.evaluate(() => history.state?.layers ?? 0)).toBe(0);

/** Opens and closes each kind, by Back and by Esc; `stays` looks whether the page is as it was. */
async function openAndClose(page: Page, kinds: Kind[], stays: (name: string) => Promise<void>) {
  for (const { name, layers } of kinds) {
    for (const key of ["Back", "Escape"]) {
      for (const { open, shown } of layers) {
        await open();
        await expect(shown, name).toBeVisible();
      }
      const left = [...layers];
      for (const { shown } of layers.toReversed()) {
        left.pop();
        const depth = left.length + 1;
        await page.waitForFunction((layers) => history.state?.layers === layers, depth);
        if (key === "Back") await page.goBack();
        else await page.keyboard.press("Escape");
        await expect(shown, `${name}, by ${key}`).toBeHidden();
        for (const below of left) await expect(below.shown, name).toBeVisible();
      }
      await isBare(page);
      await stays(`${name}, by ${key}`);
    }
  }
}

for (const [screen, options] of [
  ["a desktop", { viewport: { width: 1280, height: 800 } }],
  ["a phone", PHONE],
] as const) {
  test(`Back closes what lies over a chat, on ${screen}`, async ({ arrive }) => {
    const isPhone = "isMobile" in options;
    const [ann, bob] = [
      await arrive("Ann", { ...options, reducedMotion: "reduce" }),
      await arrive("Bob"),
    ];
    const { page } = ann;
    const chat = await ann.group("Crew", bob);
    for (let at = 0; at < 30; at++) await bob.sends(chat, `before ${at}`);
    const picture = await bob.context.request.post(`/v1/chats/${chat}/attachments?name=sea.png`, {
      headers: { "content-type": "image/png", "sec-fetch-site": "same-origin" },
      data: dusk(90, 60),
    });
    await bob.sends(chat, "a picture", { attachments: [await picture.json()] });
    await ann.sends(chat, QUESTION);
    for (let at = 0; at < 30; at++) await bob.sends(chat, `after ${at}`);
    const all = await ann.api<{ items: { id: number; body: string }[] }>(
      "GET",
      `/chats/${chat}/messages?limit=100`,
    );
    await ann.api("PUT", `/chats/${chat}/receipts`, {
      read: Math.max(...all.items.map(({ id }) => id)),
    });
    await ann.open("/c");
    await ann.chat("Crew").click();
    await expect(ann.message("after 29")).toBeInViewport();
    await ann.message(QUESTION).scrollIntoViewIfNeeded();
    await settled(page);
    const top = () => ann.message(QUESTION).evaluate((it) => it.getBoundingClientRect().top);
    const was = await top();
    await openAndClose(page, overChat(ann, isPhone), async (name) => {
      expect(page.url(), name).toMatch(new RegExp(`/c/${chat}$`));
      await expect.poll(top, name).toBeCloseTo(was, -1);
    });
    await expect(ann.message("a picture")).toBeVisible(); // nothing was confirmed

    // One more leads to where the chat was opened, and Forward to the chat and nowhere else.
    await page.goBack();
    await expect(page).toHaveURL(/\/c$/);
    await expect(ann.chat("Crew")).toBeVisible();
    await page.goForward();
    await expect(page).toHaveURL(new RegExp(`/c/${chat}$`));
    await expect(ann.message(QUESTION)).toBeVisible();
    await page.goForward().catch(() => undefined);
    await isBare(page);
    await expect(page.getByRole("dialog")).toHaveCount(0);
    await expect(page.getByRole("menu")).toHaveCount(0);
    await page.goBack();
    await expect(page).toHaveURL(/\/c$/);
  });
}

test("on a phone Back closes what lies over the list of chats", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann", PHONE), await arrive("Bob")];
  const { page } = ann;
  await bob.sends(await ann.chatWith(bob), "The boat is here");
  await ann.open("/c");
  const account = {
    open: () => page.getByRole("button", { name: /: account$/ }).click(),
    shown: page.getByRole("menuitem", { name: "Settings" }),
  };
  await openAndClose(page, overList(page, account), async (name) => {
    await expect(ann.chat("Bob"), name).toBeVisible();
    expect(page.url()).toMatch(/\/c$/);
  });
});

test("what leads to another chat leaves no entry of itself", async ({ arrive }) => {
  const [ann, bob, cleo] = [await arrive("Ann"), await arrive("Bob"), await arrive("Cleo")];
  const { page } = ann;
  const group = await ann.group("Crew", bob, cleo);
  const direct = await ann.chatWith(bob);
  const hit = await bob.sends(direct, "the lighthouse");
  await ann.open("/c");
  await ann.chat("Crew").click();

  // From a menu over the details.
  await page.getByRole("button", { name: /, details$/ }).click();
  await page.getByRole("button", { name: "Options for Bob" }).click();
  await page.getByRole("menuitem", { name: "Send a message" }).click();
  await expect(page).toHaveURL(new RegExp(`/c/${direct}$`));
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await isBare(page);
  await page.goBack();
  await expect(page).toHaveURL(new RegExp(`/c/${group}$`));
  await expect(page.getByRole("dialog")).toHaveCount(0);

  // From a dialog.
  await page.getByRole("button", { name: "New chat" }).click();
  await page.getByRole("textbox", { name: "To", exact: true }).fill(cleo.username);
  await page.getByRole("dialog").getByText(`@${cleo.username}`).click();
  await page.getByRole("button", { name: "Start chat" }).click();
  await expect(ann.field).toBeVisible();
  await expect(page).not.toHaveURL(new RegExp(`/c/${group}$`));
  await isBare(page);
  await page.goBack();
  await expect(page).toHaveURL(new RegExp(`/c/${group}$`));

  // From a search, which is over then.
  await page.getByRole("textbox", { name: /^Search chats/ }).fill("lighthouse");
  await page.getByRole("complementary").getByRole("button", { name: "lighthouse" }).click();
  await expect(page).toHaveURL(new RegExp(`/c/${direct}$`));
  await expect(page.locator(`[data-message="${hit}"]`)).toBeInViewport();
  await isBare(page);
  await page.goBack();
  await expect(page).toHaveURL(new RegExp(`/c/${group}$`));
  await page.goBack();
  await expect(page).toHaveURL(/\/c$/);
});

test("on a phone the arrow of a chat goes back to the list, and Back into no chat", async ({
  arrive,
}) => {
  const [ann, bob, cleo] = [await arrive("Ann", PHONE), await arrive("Bob"), await arrive("Cleo")];
  const { page } = ann;
  const group = await ann.group("Crew", bob, cleo);
  await bob.sends(group, "Hello");
  const direct = await ann.chatWith(bob);
  const arrow = page.getByRole("link", { name: "Back to all chats" });
  const back = async () => {
    await arrow.click();
    await expect(page).toHaveURL(/\/c$/);
    await expect(ann.chat("Crew")).toBeVisible();
  };
  await ann.open("/c");
  const before = await page.evaluate(() => history.length);
  for (let round = 0; round < 3; round++) {
    await ann.chat("Crew").click();
    await expect(ann.message("Hello")).toBeVisible();
    await back();
  }
  expect(await page.evaluate(() => history.length)).toBe(before + 1);

  // From one chat into the next, past a menu over the details.
  await ann.chat("Crew").click();
  await page.getByRole("button", { name: /, details$/ }).click();
  await page.getByRole("button", { name: "Options for Bob" }).click();
  await page.getByRole("menuitem", { name: "Send a message" }).click();
  await expect(page).toHaveURL(new RegExp(`/c/${direct}$`));
  await back();
  await page.goForward();
  await expect(page).toHaveURL(new RegExp(`/c/${group}$`)); // so the list is the entry before it
  await page.goBack();

  // A chat that was opened by its address has no list before it: that takes its place.
  await page.goto(`/c/${group}`); // a phone shows no list beside it
  await expect(ann.message("Hello")).toBeVisible();
  const entries = await page.evaluate(() => history.length);
  await back();
  expect(await page.evaluate(() => history.length)).toBe(entries);
});

test("a reload with a menu open shows the chat, and Back leaves it", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const { page } = ann;
  await bob.sends(await ann.chatWith(bob), "Hello");
  await ann.open("/c");
  await ann.chat("Bob").click();
  await page.getByRole("button", { name: "Chat menu" }).click();
  await page.waitForFunction(() => history.state?.layers === 1);
  await page.reload();
  await expect(ann.message("Hello")).toBeVisible();
  await isBare(page);
  await expect(page.getByRole("menu")).toHaveCount(0);
  await page.goBack();
  await expect(page).toHaveURL(/\/c$/);
});

test("a dialog that is closed gives the focus back", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const { page } = ann;
  await ann.open(`/c/${await ann.group("Crew", bob)}`);
  const menu = page.getByRole("button", { name: "Chat menu" });
  for (const key of ["Escape", "Back"]) {
    await menu.click();
    await page.getByRole("menuitem", { name: "Clear for me" }).click();
    await expect(page.getByRole("dialog")).toBeVisible();
    await page.waitForFunction(() => history.state?.layers === 1);
    if (key === "Back") await page.goBack();
    else await page.keyboard.press(key);
    await expect(page.getByRole("dialog")).toHaveCount(0);
    await expect(menu).toBeFocused();
  }
  const details = page.getByRole("button", { name: /, details$/ });
  await details.click();
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(details).toBeFocused();
});
