/** Texts as people write them, in all scripts, and where they stand. */

import type { Locator, Page } from "@playwright/test";

import { expect, type Person, test } from "./support";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/** Returns where the first and the last character of a text are, from the left. */
const places = (where: Locator, text: string) =>
  where.evaluate((root, text) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode as Text;
      const at = node.data.indexOf(text);
      if (at < 0) continue;
      const x = (offset: number) => {
        const range = document.createRange();
        range.setStart(node, offset);
        range.setEnd(node, offset + 1);
        return range.getBoundingClientRect().x;
      };
      return { first: x(at), last: x(at + text.length - 1) };
    }
    return undefined;
  }, text);

/** Expects a text to be read from right to left, its last mark too. */
const expectFromRight = (where: Locator, text: string) =>
  expect
    .poll(async () => {
      const found = await places(where, text);
      return found === undefined ? text : found.first > found.last;
    }, text)
    .toBe(true);

const HEBREW = "שלום, מה שלומך?";
const ARABIC = "مرحبا (تجربة).";

test("what is written from right to left is shown so, wherever it stands", async ({ arrive }) => {
  const [ann, sarah] = [await arrive("Ann"), await arrive("שרה כהן!")];
  const chat = await ann.group("קבוצה, שלנו!", sarah);
  const bodies = [
    `${HEBREW}\nAnd then.\n${ARABIC}`,
    `**מודגש** ${HEBREW}\nAnd *then*.\n${ARABIC}`,
    `1. ראשון.\n2. ${HEBREW}`,
    `> ${HEBREW}\n\n${ARABIC}`,
    `# ${HEBREW}`,
    `|א.|ב.|\n|-|-|\n|${HEBREW}|${ARABIC}|`,
    `@${ann.username} ${ARABIC}`,
  ];
  for (const body of bodies) await sarah.sends(chat, body, { mentions: [ann.id] });
  const asked = await sarah.sends(chat, HEBREW, { subject: ARABIC });
  await sarah.sends(chat, "An answer", { reply_to: asked });
  await ann.open(`/c/${chat}`);
  await expect(ann.message("An answer")).toBeVisible();

  const rows = ann.page.getByRole("article");
  for (const [index, body] of bodies.entries()) {
    for (const text of [HEBREW, ARABIC])
      if (body.includes(text)) await expectFromRight(rows.nth(index), text);
  }
  // A paragraph of the other direction is not turned round.
  for (const index of [0, 1]) {
    const english = await places(rows.nth(index), "And");
    expect(english?.first).toBeLessThan(english?.last ?? 0);
  }
  const item = rows.nth(2).locator("li").first();
  expect(await item.evaluate((one) => getComputedStyle(one).direction)).toBe("rtl");
  // A mention of a username is one word, which is not turned round.
  const mention = await places(rows.nth(6), `@${ann.username}`);
  expect(mention?.first).toBeLessThan(mention?.last ?? 0);

  const asks = rows.nth(bodies.length);
  await expectFromRight(asks, HEBREW);
  await expectFromRight(asks, ARABIC);
  await expectFromRight(rows.first(), "שרה כהן!"); // the sender
  await expectFromRight(rows.last().locator(".quote"), HEBREW);
  await expectFromRight(ann.page.locator(".conversation-head"), "קבוצה, שלנו!");
  await expectFromRight(ann.chat(/An answer/), "קבוצה, שלנו!");

  await ann.message("An answer").hover();
  await ann.message("An answer").getByRole("button", { name: "Reply" }).click();
  await expectFromRight(ann.page.locator(".composer-target"), "שרה כהן!");
  await ann.page.getByRole("button", { name: "Cancel" }).click();

  await ann.field.fill(HEBREW);
  expect(await ann.field.evaluate((field) => getComputedStyle(field).direction)).toBe("rtl");
  await ann.field.fill(`@${sarah.username.slice(0, 1)}`);
  await expectFromRight(ann.page.getByRole("option"), "שרה כהן!");
  await ann.field.fill("");

  await sarah.sends(chat, HEBREW);
  await expectFromRight(ann.chat(/קבוצה/), HEBREW);
  await ann.page.getByRole("textbox", { name: /^Search/ }).fill("שלום");
  await expect(ann.page.locator(".hit").first()).toBeVisible();
  await expectFromRight(ann.page.locator(".hit").first(), ", מה שלומך?");
  await ann.page.getByRole("textbox", { name: /^Search/ }).fill("");

  await sarah.open(`/c/${chat}`);
  await sarah.page.getByLabel("Files", { exact: true }).setInputFiles({
    name: "חשבון, סופי!.txt",
    mimeType: "text/plain",
    buffer: Buffer.from("tide tables"),
  });
  await expect(sarah.page.getByRole("button", { name: "Send" })).toBeEnabled();
  await sarah.field.pressSequentially("a");
  await expectFromRight(ann.page.locator(".chat-item"), "שרה כהן");
  await sarah.field.press("Enter");
  await expectFromRight(ann.message("סופי"), "חשבון, סופי!");
});

test("the time stands in the last line of a message", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob", PHONE)];
  const chat = await ann.chatWith(bob);
  const texts = [
    "Short",
    "**Short**, with Markdown",
    "- one\n- two",
    "1. one\n   - `inner`",
    "A paragraph.\n\n*Another* one.",
    "שלום",
    "**שלום** לכולם",
    "ok 👍",
  ];
  for (const text of texts) await ann.sends(chat, text);
  for (const who of [ann, bob]) {
    await who.page.goto(`/c/${chat}`);
    await expect(who.page.locator(".markdown strong").first()).toBeVisible();
    await expect(who.page.getByRole("article")).toHaveCount(texts.length);
    const wrong = await who.page.getByRole("article").evaluateAll((rows) =>
      rows.flatMap((row) => {
        const time = row.querySelector(".foot")?.getBoundingClientRect();
        const walker = document.createTreeWalker(row, NodeFilter.SHOW_TEXT);
        const lines: DOMRect[] = [];
        while (walker.nextNode()) {
          const node = walker.currentNode;
          if (node.parentElement?.closest(".foot") || node.textContent?.trim() === "") continue;
          const range = document.createRange();
          range.selectNodeContents(node);
          lines.push(...range.getClientRects());
        }
        const last = lines.reduce((one, other) => (other.bottom > one.bottom ? other : one));
        if (time === undefined) return ["no time"];
        const isBelow = time.top >= last.bottom;
        const isOver = lines.some(
          (one) =>
            one.left < time.right &&
            time.left < one.right &&
            one.top < time.bottom - 4 &&
            time.top + 4 < one.bottom,
        );
        const isOut = time.bottom > row.getBoundingClientRect().bottom;
        return isBelow || isOver || isOut ? [row.textContent ?? ""] : [];
      }),
    );
    expect(wrong).toEqual([]);
  }
});

/** Pastes as a browser does, with the text where the page does not keep it from that. */
const paste = (who: Person, texts: Record<string, string>, ...files: string[]) =>
  who.field.evaluate(
    (field, { texts, files }) => {
      const data = new DataTransfer();
      for (const [type, text] of Object.entries(texts)) data.setData(type, text);
      for (const name of files) data.items.add(new File(["x"], name, { type: "image/png" }));
      const init = { clipboardData: data, bubbles: true, cancelable: true };
      (field as HTMLElement).focus();
      if (field.dispatchEvent(new ClipboardEvent("paste", init)))
        document.execCommand("insertText", false, texts["text/plain"] ?? "");
    },
    { texts, files },
  );

test("cells that are pasted are text, and a picture is a picture", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  await ann.open(`/c/${await ann.chatWith(bob)}`);
  const picked = ann.page.locator(".picked-file");
  const cells = { "text/plain": "Test 1\nTest 2", "text/html": "<table></table>" };
  await paste(ann, cells, "image.png");
  await expect(ann.field).toHaveValue("Test 1\nTest 2");
  await expect(picked).toHaveCount(0);
  await paste(ann, { "text/html": "<img src='https://a.example/b.png'>" }, "b.png");
  await expect(picked).toHaveCount(1);
  await expect(ann.field).toHaveValue("Test 1\nTest 2");
});

test("a text that is too long is kept, counted, and sent as a file", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.open(`/c/${chat}`);
  // 10,000 characters of two units each: as many as a message may have.
  await paste(ann, { "text/plain": `${"🐋".repeat(9_990)}THE END OK` });
  await expect(ann.page.getByText("10,000 / 10,000")).toBeVisible();
  await ann.field.press("Enter");
  await ann.sent("THE END OK");
  await expect(ann.field).toHaveValue("");

  const long = `${"word ".repeat(2_000)}AND THE IMPORTANT END`;
  await paste(ann, { "text/plain": long });
  await expect(ann.field).toHaveValue(long);
  await expect(ann.page.getByText("10,021 / 10,000")).toBeVisible();
  await expect(ann.page.getByText("This message is too long to send.")).toBeVisible();
  await expect(ann.page.getByRole("button", { name: "Send" })).toBeDisabled();
  await ann.field.press("Enter");
  await expect(ann.field).toHaveValue(long);
  await ann.page.reload();
  await expect(ann.field).toHaveValue(long);

  await ann.page.getByRole("button", { name: "attach it as a text file" }).click();
  await expect(ann.field).toHaveValue("");
  await expect(ann.page.getByRole("button", { name: "Send" })).toBeEnabled();
  await ann.field.press("Enter");
  const file = ann.page.getByRole("article").getByRole("link", { name: /message\.txt/ });
  await expect(file).toBeVisible();
  await expect(ann.page.getByRole("article").getByLabel("Sending")).toHaveCount(0);
  const url = (await file.getAttribute("href")) ?? "";
  const answer = await bob.context.request.get(url);
  expect(await answer.text()).toBe(long);
});

/** Presses the Enter that confirms a conversion, as Safari and as the others tell of it. */
const confirmConversion = (field: Locator) =>
  field.evaluate((one) => {
    one.dispatchEvent(new CompositionEvent("compositionend", { data: "あ", bubbles: true }));
    const enter = { key: "Enter", bubbles: true, cancelable: true };
    one.dispatchEvent(new KeyboardEvent("keydown", { ...enter, keyCode: 229 }));
    one.dispatchEvent(new KeyboardEvent("keydown", { ...enter, keyCode: 13, isComposing: true }));
  });

test("the Enter of an input method does nothing, in any field", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.group("Crew", bob);
  const { page } = ann;
  await ann.open(`/c/${chat}`);
  await ann.field.fill("こんにちは");
  await confirmConversion(ann.field);
  await expect(ann.field).toHaveValue("こんにちは");
  await expect(page.getByRole("article")).toHaveCount(0);

  await ann.field.fill(`@${bob.username.slice(0, 3)}`);
  await expect(page.getByRole("option")).toBeVisible();
  await confirmConversion(ann.field);
  await expect(ann.field).toHaveValue(`@${bob.username.slice(0, 3)}`);

  await page.goto("/c");
  const search = page.getByRole("textbox", { name: /^Search/ });
  await search.fill("Crew");
  await expect(page.locator(".results button").first()).toBeVisible();
  await confirmConversion(search);
  await expect(search).toHaveValue("Crew");
  await expect(page).toHaveURL(/\/c$/);
  await search.fill("");

  await page.getByRole("button", { name: "New chat" }).click();
  const to = page.getByRole("textbox", { name: "To", exact: true });
  await to.fill(bob.username);
  await expect(page.getByRole("dialog").getByText(`@${bob.username}`)).toBeVisible();
  await confirmConversion(to);
  await expect(to).toHaveValue(bob.username);
  await to.press("Enter"); // a real one chooses
  await expect(to).toHaveValue("");
});

const zalgo = (word: string) => word.replaceAll(/./g, `$&${"\u0316\u0301\u0329\u030d".repeat(9)}`);

test("stacked marks cover nobody else's words", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.group("Crew", bob);
  const texts = ["above", zalgo("he comes"), "between", `*${zalgo("he comes")}*`, "below"];
  for (const text of texts) await bob.sends(chat, `${text} as it was`);
  await ann.open(`/c/${chat}`);
  await expect(ann.page.locator(".markdown em")).toBeVisible();
  const rows = ann.page.locator(".message");
  const look = async () => {
    const pictures: string[] = [];
    for (const at of [0, 2, 4])
      pictures.push((await rows.nth(at).screenshot({ animations: "disabled" })).toString("base64"));
    return pictures;
  };
  const before = await look();
  for (const at of [1, 3])
    await rows.nth(at).evaluate((row) => {
      const words = row.querySelector<HTMLElement>(".text, .markdown");
      if (words !== null) words.style.visibility = "hidden";
    });
  const after = await look();
  expect(await changed(ann.page, before, after)).toEqual([0, 0, 0]);
});

/** Counts the pixels that are clearly different in two pictures each. */
const changed = (page: Page, before: string[], after: string[]) =>
  page.evaluate(
    async ([before, after]) => {
      const pixels = async (png: string) => {
        const image = new Image();
        image.src = `data:image/png;base64,${png}`;
        await image.decode();
        const { width, height } = image;
        const canvas = Object.assign(document.createElement("canvas"), { width, height });
        const context = canvas.getContext("2d");
        context?.drawImage(image, 0, 0);
        return context?.getImageData(0, 0, width, height).data ?? [];
      };
      const counts: number[] = [];
      for (const [at, one] of before.entries()) {
        const [was, is] = [await pixels(one), await pixels(after[at] ?? "")];
        counts.push(was.filter((part, index) => Math.abs(part - (is[index] ?? 0)) > 40).length);
      }
      return counts;
    },
    [before, after] as const,
  );

const overflows = (page: Page) =>
  page.evaluate(() => {
    const rooms = [document.documentElement, ...document.querySelectorAll("main, aside, header")];
    return rooms.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.className);
  });

for (const [screen, options] of [
  ["a desktop", { viewport: { width: 1280, height: 800 } }],
  ["a phone", PHONE],
] as const) {
  test(`names of any length and script break nothing on ${screen}`, async ({ arrive }) => {
    const rightToLeft = "שם ארוך מאוד ".repeat(4).trim();
    const names = ["W".repeat(64), rightToLeft, "🐋".repeat(64), "ཨོཾ་མ་ཎི་པདྨེ"];
    const ann = await arrive("Ann", options);
    const others: Person[] = [];
    for (const name of names) others.push(await arrive(name));
    const title = `Crew ${"x".repeat(110)}`;
    const chat = await ann.group(title, ...others);
    for (const one of others) await one.sends(chat, "y".repeat(400));
    await others[0]?.sends(chat, `*${"z".repeat(400)}*`);
    await ann.open();
    await expect(ann.chat("Crew")).toBeVisible();
    expect(await overflows(ann.page)).toEqual([]);
    await expect(ann.chat("Crew").getByTitle(title)).toBeVisible();
    await ann.page.goto(`/c/${chat}`);
    await expect(ann.page.locator(".markdown em")).toBeVisible();
    expect(await overflows(ann.page)).toEqual([]);
    await expect(ann.page.getByRole("heading", { level: 1 })).toHaveAttribute("title", title);
    await expect(ann.page.locator(".sender").first()).toHaveAttribute("title", names[0] ?? "");
    await ann.field.fill("@");
    // All of them, and each.
    await expect(ann.page.getByRole("option")).toHaveCount(1 + names.length);
    expect(await overflows(ann.page)).toEqual([]);
    await ann.field.fill("");
    await ann.page.getByRole("button", { name: /, details$/ }).click();
    await expect(ann.page.getByRole("dialog").getByText("5 members")).toBeVisible();
    const dialog = ann.page.getByRole("dialog");
    expect(await dialog.evaluate((one) => one.scrollWidth - one.clientWidth)).toBe(0);
  });

  test(`the page is mirrored for a language from right to left, on ${screen}`, async ({
    arrive,
  }) => {
    const [ann, bob] = [await arrive("Ann", options), await arrive("Bob")];
    const chat = await ann.group("Crew", bob);
    await bob.sends(chat, "Hello, **Ann**");
    const id = await ann.sends(chat, "Hello, Bob");
    await bob.sends(chat, "> so\n\n- it is", { reply_to: id });
    await ann.page.route("**/c{,/*}", async (route) => {
      const response = await route.fetch();
      const body = (await response.text()).replace('lang="en"', 'lang="en" dir="rtl"');
      await route.fulfill({ response, body });
    });
    await ann.open();
    await expect(ann.chat("Crew")).toBeVisible();
    expect(await overflows(ann.page)).toEqual([]);
    await ann.page.goto(`/c/${chat}`);
    await expect(ann.page.locator(".markdown strong")).toBeVisible();
    expect(await overflows(ann.page)).toEqual([]);
    const x = async (where: Locator) => (await where.boundingBox())?.x ?? Number.NaN;
    expect(await x(ann.page.locator(".message[data-mine]"))).toBeLessThan(
      await x(ann.message("Hello, Ann")),
    );
    const bar = (quote: HTMLElement) => getComputedStyle(quote).borderRightWidth;
    expect(await ann.page.locator(".quote").evaluate(bar)).toBe("3px");
    if (screen === "a desktop")
      expect(await x(ann.page.getByRole("main"))).toBeLessThan(
        await x(ann.page.getByRole("complementary", { name: "Chats" })),
      );
    await ann.message("Hello, Ann").hover();
    await expect(ann.message("Hello, Ann").getByRole("button", { name: "More" })).toBeInViewport({
      ratio: 1,
    });
    await ann.page.getByRole("button", { name: "Chat menu" }).click();
    await expect(ann.page.getByRole("menu")).toBeInViewport({ ratio: 1 });
  });
}
