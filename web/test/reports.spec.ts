/** What people reported of other chats: each once went wrong somewhere. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Locator, Page } from "@playwright/test";

import { dusk } from "./dusk";
import { expect, PASSWORD, type Person, test } from "./support";

const fillStorage = (person: Person) =>
  person.page.addInitScript(() => {
    Storage.prototype.setItem = () => {
      throw new DOMException("The quota has been exceeded.", "QuotaExceededError");
    };
  });

test("a browser without room sends, and keeps what is begun while one looks elsewhere", async ({
  arrive,
}) => {
  const [ann, bob, cleo] = [await arrive("Ann"), await arrive("Bob"), await arrive("Cleo")];
  const [chat, other] = [await ann.chatWith(bob), await ann.chatWith(cleo)];
  await ann.sends(chat, "to Bob");
  await ann.sends(other, "to Cleo");
  await fillStorage(ann);
  await ann.open(`/c/${chat}`);
  await bob.open(`/c/${chat}`);
  await ann.says("a full disk");
  await expect(bob.message("a full disk")).toBeVisible();
  await ann.sent("a full disk");
  await ann.field.fill("begun");
  await ann.chat("to Cleo").click();
  await expect(ann.field).toHaveValue("");
  await ann.chat("begun").click();
  await expect(ann.field).toHaveValue("begun");
  await ann.goesOffline();
  await ann.field.press("Enter");
  await expect(ann.message("begun").getByLabel("Sending")).toBeVisible();
  await ann.context.setOffline(false);
  await expect(bob.message("begun")).toBeVisible();
});

test("a browser that blocks cookies is told so", async ({ arrive, playwright, baseURL }) => {
  const ann = await arrive("Ann");
  const { launchOptions } = test.info().project.use;
  const folder = await mkdtemp(join(tmpdir(), "blocked-"));
  await mkdir(join(folder, "Default"));
  // As people choose it: "Block all cookies", which blocks all storage.
  const choice = { profile: { default_content_setting_values: { cookies: 2 } } };
  await writeFile(join(folder, "Default/Preferences"), JSON.stringify(choice));
  // The shell without windows, in which all else is tested, has no such choices.
  const executablePath = launchOptions?.executablePath?.replace("-headless-shell", "");
  const browser = await playwright.chromium.launchPersistentContext(folder, {
    ...launchOptions,
    ...(executablePath !== undefined && { executablePath }),
  });
  try {
    const page = await browser.newPage();
    const errors: Error[] = [];
    page.on("pageerror", (error) => errors.push(error));
    await page.goto(`${baseURL}/login`);
    await page.getByRole("textbox", { name: "Username or email" }).fill(ann.username);
    await page.getByRole("textbox", { name: "Password" }).fill(PASSWORD);
    await page.getByRole("button", { name: "Log in" }).click();
    await expect(page.getByRole("alert")).toContainText("This browser blocks cookies");
    expect(errors).toEqual([]);
  } finally {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  }
});

test("names with a space behind them, in any case, are those of their owner", async ({
  arrive,
  browser,
  baseURL,
}) => {
  const ann = await arrive("Ann");
  const enter = async (path: string, fields: [string, string][], button: string) => {
    const context = await browser.newContext({ ...(baseURL !== undefined && { baseURL }) });
    const page = await context.newPage();
    await page.goto(path);
    for (const [name, text] of fields)
      await page.getByRole("textbox", { name, exact: true }).fill(text);
    await page.getByRole("button", { name: button }).click();
    await expect(page.getByRole("complementary", { name: "Chats" })).toBeVisible();
    await context.close();
  };
  const login = (name: string): [string, string][] => [
    ["Username or email", name],
    ["Password", PASSWORD],
  ];
  for (const name of [`${ann.username} `, ann.username.toUpperCase(), ` ${ann.email} `])
    await enter("/login", login(name), "Log in");
  const username = `${ann.username.slice(0, 20)}.new`;
  const fields: [string, string][] = [
    ["Your name", "Ann "],
    ["Username", `${username} `],
    ["Email", ` ${username}+chat@Example.org`],
    ["Password", PASSWORD],
  ];
  await enter("/signup", fields, "Create account");
  await enter("/login", login(`${username}+CHAT@example.org`), "Log in");
});

const overflows = (page: Page) =>
  page.evaluate(() => {
    const parts = "main, aside, header, .side, [role=dialog]";
    const rooms = [document.documentElement, ...document.querySelectorAll(parts)];
    return rooms.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.className);
  });

for (const [zoom, width, height] of [
  ["200 %", 640, 400],
  ["400 %", 320, 256],
] as const) {
  test(`a page at ${zoom} is whole, and works`, async ({ arrive }) => {
    const ann = await arrive("Ann", {
      viewport: { width, height },
      deviceScaleFactor: 1280 / width,
    });
    const [bob, cleo] = [await arrive("Bob"), await arrive("Cleo")];
    const chat = await ann.chatWith(bob);
    for (let at = 0; at < 20; at++) await bob.sends(chat, `message ${at} with some words`);
    const { page } = ann;
    await ann.open();
    expect(await overflows(page)).toEqual([]);
    await ann.chat("message 19").click();
    // It opens at the first that is not read.
    await expect(ann.message("message 0 with")).toBeInViewport();
    expect(await overflows(page)).toEqual([]);
    await expect(ann.field).toBeInViewport({ ratio: 1 });
    await ann.says("I can read this");
    await ann.sent("I can read this");
    await expect(ann.message("I can read this")).toBeInViewport({ ratio: 0.9 });
    await page.goto("/c");
    await page.getByRole("button", { name: "New chat" }).click();
    await page.getByRole("textbox", { name: "To", exact: true }).fill(cleo.username);
    await page.getByRole("dialog").getByText(`@${cleo.username}`).click();
    await page.getByRole("button", { name: "Start chat" }).click();
    await expect(page.getByRole("heading", { name: "Cleo" })).toBeInViewport();
    await page.goto("/c");
    await ann.settings("Profile");
    await expect(page.getByRole("textbox", { name: "Username" })).toBeVisible();
    expect(await overflows(page)).toEqual([]);
  });
}

test("marks that are stacked in a subject, a name or a bio are cut", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const stacked = `tide${"\u0301".repeat(20)}s`;
  const chat = await ann.chatWith(bob);
  const group = await ann.group("Crew", bob);
  await ann.api("PATCH", `/chats/${group}`, { name: stacked, description: stacked });
  await bob.api("PATCH", "/users/me", { display_name: stacked, bio: stacked });
  await bob.sends(group, "Hello", { subject: stacked });
  /** Returns those of the elements that hold such a text, and draw beyond their box. */
  const open = (within: string) =>
    ann.page.locator(within).evaluate((root) => {
      const all = [...root.querySelectorAll<HTMLElement>("*")].filter((one) =>
        [...one.childNodes].some(
          (node) => node.nodeType === 3 && /\u0301/.test(node.nodeValue ?? ""),
        ),
      );
      const isCut = (one: Element | null): boolean =>
        one !== null &&
        one !== root &&
        (getComputedStyle(one).overflowY !== "visible" || isCut(one.parentElement));
      return [all.length, ...all.filter((one) => !isCut(one)).map((one) => one.outerHTML)];
    });
  await ann.open(`/c/${group}`);
  await expect(ann.page.locator(".system").last()).toContainText("tid");
  await expect(ann.message("Hello")).toContainText("tid");
  const [count, ...faults] = await open(".history-rows");
  expect(count).toBeGreaterThan(2);
  expect(faults).toEqual([]);
  for (const id of [group, chat]) {
    await ann.open(`/c/${id}`);
    await ann.page.getByRole("button", { name: /, details$/ }).click();
    const body = ann.page.locator(".mantine-Drawer-body");
    await expect(body).toContainText("tid");
    const [some, ...uncut] = await open(".mantine-Drawer-body");
    expect(some).toBeGreaterThan(0);
    expect(uncut).toEqual([]);
  }
});

/** Returns the colour of each part that a reader must see, and of what is behind it. */
const shown = (where: Locator) =>
  where.evaluateAll((all) =>
    all.map((one) => {
      const style = getComputedStyle(one);
      const colour = one instanceof SVGElement ? style.stroke : style.color;
      let behind: Element | null = one;
      while (behind !== null && /, 0\)|transparent/.test(getComputedStyle(behind).backgroundColor))
        behind = behind.parentElement;
      const back = behind === null ? "" : getComputedStyle(behind).backgroundColor;
      return { name: one.outerHTML.slice(0, 120), colour, back };
    }),
  );

test("in forced colours everything is seen that was seen", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const [chat, other] = [await ann.group("Crew", bob), await ann.chatWith(bob)];
  const mine = await ann.sends(chat, "mine");
  await bob.sends(chat, "theirs", { reply_to: mine });
  await bob.sends(chat, `@${ann.username} look`, { mentions: [ann.id] });
  await bob.api("PUT", `/chats/${chat}/messages/${mine}/reactions/👍`);
  await bob.sends(other, "unread");
  await ann.page.emulateMedia({ forcedColors: "active" });
  await ann.open(`/c/${chat}`);
  await expect(ann.message("look")).toBeVisible();
  await ann.comesNear("theirs");
  const parts = await shown(ann.page.locator("svg, .mantine-Badge-root, .reaction, mark, .foot"));
  expect(parts.length).toBeGreaterThan(8);
  expect(parts.filter(({ colour, back }) => colour === back)).toEqual([]);
  // What only a background told apart has a border.
  for (const part of [".bubble", ".chat-item[data-open]", ".reaction", ".quote"]) {
    const width = await ann.page
      .locator(part)
      .first()
      .evaluate((one) => {
        const { borderTopWidth, borderInlineStartWidth, outlineWidth, outlineStyle } =
          getComputedStyle(one);
        const outline = outlineStyle === "none" ? 0 : Number.parseFloat(outlineWidth);
        return Math.max(
          Number.parseFloat(borderTopWidth),
          Number.parseFloat(borderInlineStartWidth),
          outline,
        );
      });
    expect(width, part).toBeGreaterThan(0);
  }
});

/** A GIF of two pictures, red and blue, which never stops. */
const GIF = Buffer.from(
  "R0lGODlhAQABAPAAAP8AAAAA/yH/C05FVFNDQVBFMi4wAwEAAAAh+QQACgAAACwAAAAAAQABAAACAkQBACH5BAAKAAAA" +
    "LAAAAAABAAEAAAICTAEAOw==",
  "base64",
);

test("who wants less motion has none", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann", { reducedMotion: "reduce" }), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  const answer = await bob.context.request.post(`/v1/chats/${chat}/attachments?name=a.gif`, {
    data: GIF,
    headers: { "content-type": "image/gif", "sec-fetch-site": "same-origin" },
  });
  const first = await bob.sends(chat, "a film", { attachments: [await answer.json()] });
  for (let at = 0; at < 40; at++) await bob.sends(chat, `message ${at}`);
  await ann.open(`/c/${chat}?at=${first}`);
  const picture = ann.message("a film").getByRole("img");
  await expect(picture).toBeVisible();
  // A picture in a chat stands still; it moves for those who open it.
  const source = (await picture.getAttribute("src")) ?? "";
  const shown = await ann.context.request.get(source);
  expect(shown.headers()["content-type"]).toBe("image/webp");
  expect((await shown.body()).includes("ANIM")).toBe(false);
  // Colours may fade; nothing may move, grow or turn.
  const moving = () =>
    ann.page.evaluate(() =>
      document.getAnimations().flatMap(({ playState, effect }) => {
        const { target } = effect as KeyframeEffect;
        const moves = (effect as KeyframeEffect)
          .getKeyframes()
          .some((frame) =>
            ["transform", "translate", "scale", "top", "height"].some((one) => one in frame),
          );
        return playState === "running" && moves ? [target?.className] : [];
      }),
    );
  expect(await moving()).toEqual([]);
  await ann.page.keyboard.press("Alt+n");
  await expect(ann.page.getByRole("dialog")).toBeVisible();
  expect(await moving()).toEqual([]);
});

test("what is clicked or sent twice is there once", async ({ arrive }) => {
  const [ann, bob, cleo] = [await arrive("Ann"), await arrive("Bob"), await arrive("Cleo")];
  const { page } = ann;
  await ann.open();
  await page.getByRole("button", { name: "New chat" }).click();
  const to = page.getByRole("textbox", { name: "To", exact: true });
  for (const one of [bob, cleo]) {
    await to.fill(one.username);
    await page.getByRole("dialog").getByText(`@${one.username}`).click();
  }
  const create = page.getByRole("button", { name: "Create group" });
  await create.evaluate((button: HTMLButtonElement) => {
    for (let at = 0; at < 3; at++) button.click();
  });
  await expect(page).toHaveURL(/\/c\/[^/]+$/);
  await ann.field.fill("once");
  await Promise.all(["Enter", "Enter", "Enter"].map((key) => page.keyboard.press(key)));
  await ann.sent("once");
  const { items } = await ann.api<{ items: unknown[] }>("GET", "/chats");
  expect(items).toHaveLength(1);
  await bob.open();
  await bob.chat("once").click();
  await bob.says("and an answer");
  await expect(ann.message("and an answer")).toBeVisible();
  await expect(ann.message("once")).toHaveCount(1);
});

for (const [clock, days] of [
  ["a day slow", -1],
  ["a day fast", 1],
] as const) {
  test(`a clock that is ${clock} changes neither order nor delivery`, async ({ arrive }) => {
    const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
    const chat = await ann.chatWith(bob);
    await bob.sends(chat, "before");
    await ann.page.clock.install({ time: Date.now() + days * 86_400_000 });
    await ann.open(`/c/${chat}`);
    await bob.open(`/c/${chat}`);
    const order = ["before", "one", "two", "three", "four"];
    await ann.says("one");
    await ann.sent("one");
    await bob.says("two");
    await expect(ann.message("two")).toBeVisible();
    await ann.says("three");
    await expect(bob.message("three")).toBeVisible();
    await bob.says("four");
    for (const who of [ann, bob]) {
      await expect(who.page.getByRole("article")).toHaveText(order.map((text) => RegExp(text)));
    }
    await ann.page.reload();
    await expect(ann.page.getByRole("article")).toHaveText(order.map((text) => RegExp(text)));
    await expect(ann.message("four").locator(".foot")).not.toHaveText("");
  });
}

test("an empty file is told, and no other is held up by it", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  await ann.open(`/c/${await ann.chatWith(bob)}`);
  const file = (name: string, text: string) => ({
    name,
    mimeType: "text/plain",
    buffer: Buffer.from(text),
  });
  await ann.page
    .getByLabel("Files", { exact: true })
    .setInputFiles([file("empty.txt", ""), file("full.txt", "tide tables")]);
  await expect(ann.page.getByText("“empty.txt” is empty.")).toBeVisible();
  await expect(ann.page.locator(".picked-file")).toHaveText(/full.txt/);
  await ann.page.getByRole("button", { name: "Send" }).click();
  await expect(ann.page.getByRole("article").getByRole("link", { name: /full.txt/ })).toBeVisible();
});

test("pictures of any form can be seen and opened", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  const forms = [
    [3000, 6],
    [3000, 100],
    [60, 3000],
    [1, 1],
    [20, 20],
  ] as const;
  for (const [width, height] of forms) {
    const name = `${width}x${height}.png`;
    const answer = await bob.context.request.post(`/v1/chats/${chat}/attachments?name=${name}`, {
      data: dusk(width, height),
      headers: { "content-type": "image/png", "sec-fetch-site": "same-origin" },
    });
    await bob.sends(chat, name, { attachments: [await answer.json()] });
  }
  await ann.open(`/c/${chat}`);
  for (const [width, height] of forms) {
    const picture = ann.message(`${width}x${height}.png`).getByRole("img");
    await picture.scrollIntoViewIfNeeded();
    await expect
      .poll(() => picture.evaluate((one) => (one as HTMLImageElement).complete))
      .toBe(true);
    const box = await picture.boundingBox();
    expect(box?.width, `${width}`).toBeGreaterThanOrEqual(Math.min(width, 44));
    expect(box?.height, `${height}`).toBeGreaterThanOrEqual(Math.min(height, 44));
  }
  await ann.message("3000x6.png").getByRole("img").click();
  await expect(ann.page.locator(".lightbox img")).toBeVisible();
});

test("what is copied of a message is what was written", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  const code = "if a:\n\treturn  1\n\n    pass";
  await bob.sends(chat, `\`\`\`\n${code}\n\`\`\``);
  await bob.sends(chat, "col1\tcol2\n  two  spaces");
  await bob.sends(chat, "1986. A great year");
  await ann.open(`/c/${chat}`);
  const copied = (at: number, part: string) =>
    ann.page
      .getByRole("article")
      .nth(at)
      .locator(part)
      .evaluate((one) => {
        getSelection()?.selectAllChildren(one);
        return String(getSelection());
      });
  await expect(ann.page.locator(".markdown pre")).toBeVisible();
  expect((await copied(0, ".markdown")).trimEnd()).toBe(code);
  expect(await copied(1, ".text")).toBe("col1\tcol2\n  two  spaces");
  await expect(ann.page.locator(".markdown")).toHaveCount(2);
  expect((await copied(2, ".markdown")).trimEnd()).toBe("1986. A great year");
});

test("a keycap is large as all emoji are, and long numbers stand inside of their list", async ({
  arrive,
}) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  for (const text of ["#️⃣ *️⃣", "👍🏽", "👩🏽‍🚀", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"]) await bob.sends(chat, text);
  await bob.sends(chat, "1986. A great year\n1987. Another");
  await bob.sends(chat, "1) one\n2) two");
  await ann.open(`/c/${chat}`);
  await expect(ann.page.locator("[data-emoji]")).toHaveCount(4);
  const list = ann.page.locator(".markdown ol");
  await expect(list).toHaveCount(2);
  const room = await list.first().evaluate((one) => {
    const context = document.createElement("canvas").getContext("2d");
    if (context === null) return 0;
    context.font = getComputedStyle(one).font;
    const padding = Number.parseFloat(getComputedStyle(one).paddingInlineStart);
    return padding - context.measureText("1987. ").width;
  });
  expect(room).toBeGreaterThanOrEqual(0);
  const style = (at: number) => list.nth(at).evaluate((one) => getComputedStyle(one).listStyleType);
  expect([await style(0), await style(1)]).toEqual(["decimal", "with-bracket"]);
});

test("a search for signs, a sentence or an address ends in words", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  const address = "https://a.example/b/c?d=e&f=g-h-i_j.k/l/m/n/o";
  const sentence = "we will all meet at the old pier when the tide is in again";
  await bob.sends(chat, `see ${address} for it`);
  await bob.sends(chat, sentence);
  await ann.open();
  const search = ann.page.getByRole("textbox", { name: /^Search/ });
  for (const signs of ["🎉", "!!!", "(", '"']) {
    await search.fill(signs);
    await expect(ann.page.getByText(`Nothing found for “${signs}”.`)).toBeVisible();
  }
  for (const words of [address, sentence, `${sentence} `.repeat(6)]) {
    await search.fill(words);
    await expect(ann.page.locator(".hit")).toHaveCount(1);
  }
});

/** Chooses an emoji in the picker of the composer. */
const choosesEmoji = async ({ page }: Person, name: string) => {
  await page.getByRole("button", { name: "Emoji", exact: true }).click();
  await page.getByLabel("Search emoji").fill(name);
  await page.locator(".emoji:visible").first().click();
  await page.keyboard.press("Escape");
};

test("an emoji and a mention are taken back by Undo, and replace what is selected", async ({
  arrive,
}) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob Smithson")];
  const { page, field } = ann;
  await ann.open(`/c/${await ann.group("Crew", bob)}`);
  await field.pressSequentially("one two three");
  await field.evaluate((one: HTMLTextAreaElement) => one.setSelectionRange(4, 7));
  await choosesEmoji(ann, "octopus");
  await expect(field).toHaveValue("one 🐙 three");
  // The picker that closes may take the focus to its button, late.
  await field.press("Control+z");
  await expect(field).toHaveValue("one two three");
  await field.press("Control+End");
  // By a name's last word, behind a bracket, and behind a script without spaces.
  for (const begun of [" (@smith", "你好@bob", "＠smi"]) {
    await field.pressSequentially(begun);
    await page.getByRole("option", { name: /Bob/ }).waitFor();
    await page.keyboard.press("Tab");
    await expect(field).toHaveValue(RegExp(`@${bob.username} $`));
    await page.keyboard.press("Control+z");
    await expect(field).toHaveValue(RegExp(`${begun.replace("(", "\\(")}$`));
    await page.keyboard.press("Escape");
  }
  await field.pressSequentially(" @bo");
  await page.getByRole("option", { name: /Bob/ }).waitFor();
  await page.keyboard.press("Shift+Enter"); // begins a line, whatever is suggested
  await expect(field).toHaveValue(/ @bo\n$/);
});

test("a text is dropped into the field, and a folder is told from a file", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await bob.sends(chat, "drag these words");
  await ann.open(`/c/${chat}`);
  const words = ann.message("drag these words").locator(".plain-text");
  await words.evaluate((one) => getSelection()?.selectAllChildren(one));
  await words.dragTo(ann.field, { sourcePosition: { x: 20, y: 8 } });
  await expect(ann.field).toHaveValue("drag these words");
  const folder = await mkdtemp(join(tmpdir(), "pictures-"));
  await writeFile(join(folder, "a.txt"), "tide tables");
  const session = await ann.context.newCDPSession(ann.page);
  const data = { items: [], files: [folder, join(folder, "a.txt")], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await session.send("Input.dispatchDragEvent", { type, x: 700, y: 400, data });
  await expect(ann.page.getByText(/“pictures-\w+” is a folder/)).toBeVisible();
  await expect(ann.page.locator(".picked-file")).toHaveText(/a.txt/);
  await rm(folder, { recursive: true });
});

test("Enter begins a line where a screen is touched", async ({ arrive }) => {
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
  const [ann, bob] = [await arrive("Ann", phone), await arrive("🇩🇪 Max")];
  await ann.page.goto(`/c/${await ann.chatWith(bob)}`);
  await ann.field.tap();
  await ann.field.pressSequentially("one");
  await ann.page.keyboard.press("Enter");
  await ann.field.pressSequentially("two");
  await expect(ann.field).toHaveValue("one\ntwo");
  await expect(ann.page.getByRole("article")).toHaveCount(0);
  await ann.page.keyboard.press("Control+Enter"); // of a keyboard that is attached
  await ann.sent("two");
  // A flag stands for somebody without a picture, and not half of it.
  await expect(ann.page.locator(".conversation header .avatar").first()).toHaveText("🇩🇪");
});

test("half of a character is sent as the sign for what cannot be read", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  await ann.open(`/c/${await ann.chatWith(bob)}`);
  await ann.field.evaluate((field: HTMLTextAreaElement) => {
    field.setRangeText("cut \ud83d here");
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  });
  await ann.field.press("Enter");
  await ann.sent("cut \ufffd here");
});

test("what is deleted while it is answered or edited is shown no more", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.group("Crew", bob);
  const [theirs, mine] = [await ann.sends(chat, "theirs"), await bob.sends(chat, "mine")];
  await bob.open(`/c/${chat}`);
  const target = bob.page.locator(".composer-target");
  const deletes = (id: number) => ann.api("DELETE", `/chats/${chat}/messages/${id}?for=everyone`);
  await bob.tool("theirs", "Reply");
  await expect(target).toContainText("theirs");
  await bob.field.fill("an answer");
  await deletes(theirs);
  await expect(target).toContainText("Message deleted");
  await bob.field.press("Enter");
  await bob.sent("an answer");
  await expect(bob.message("an answer").locator(".quote")).toHaveCount(0);
  await bob.does("mine", "Edit");
  await bob.field.fill("much more of mine");
  await deletes(mine);
  await expect(target).toContainText("Message deleted");
  await expect(bob.page.getByRole("button", { name: "Save" })).toBeDisabled();
  await expect(bob.field).toHaveValue("much more of mine"); // it may still be copied
});

test("a notification is told again by the next message, and goes with what it tells", async ({
  arrive,
}) => {
  const [ann, bob] = [await arrive("Ann", { permissions: ["notifications"] }), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  const prepare = (page: Page) =>
    page.addInitScript(() => {
      document.hasFocus = () => false; // somebody who is at another window
      localStorage.setItem("carrier.notify", "yes");
      const shown: string[] = [];
      class Recorded {
        static readonly permission = "granted";
        readonly #at: number;

        constructor(_: string, { body, ...more }: NotificationOptions & { renotify?: boolean }) {
          this.#at = shown.push(`${body}${more.renotify === true ? "!" : ""}`) - 1;
        }

        close() {
          shown[this.#at] += " (closed)";
        }
      }
      Object.assign(window, { Notification: Recorded, shown });
    });
  const other = await ann.context.newPage();
  for (const page of [ann.page, other]) {
    await prepare(page);
    await page.goto("/c");
    await expect(page.locator("[data-connection=online]")).toBeVisible();
  }
  /** Returns what either tab has shown: one of them does, each time. */
  const shown = async () => {
    const read = (page: Page) =>
      page.evaluate(() => (window as unknown as { shown: string[] }).shown);
    return [...(await read(ann.page)), ...(await read(other))].toSorted();
  };
  const one = await bob.sends(chat, "one");
  await expect.poll(shown).toEqual(["one!"]);
  await bob.api("DELETE", `/chats/${chat}/messages/${one}?for=everyone`);
  await expect.poll(shown).toEqual(["one! (closed)"]);
  const two = await bob.sends(chat, "two");
  await expect.poll(shown).toEqual(["one! (closed)", "two!"]);
  await bob.api("PATCH", `/chats/${chat}/messages/${two}`, { body: "two, edited" });
  await expect.poll(shown).toEqual(["one! (closed)", "two!", "two, edited"]);
  await ann.api("PUT", `/chats/${chat}/receipts`, { read: two });
  await expect.poll(shown).toEqual(["one! (closed)", "two!", "two, edited (closed)"]);
});
