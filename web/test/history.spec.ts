import { expect, test } from "./support";

const MANY = 600;

test("a long history is scrolled through, searched, and jumped into", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  for (let at = 1; at <= MANY; at++)
    await bob.sends(chat, at === 40 ? "message 40 speaks of a lighthouse" : `message ${at}`);
  await ann.api("PUT", `/chats/${chat}/receipts`, { read: await bob.sends(chat, "the last") });
  await ann.open(`/c/${chat}`);
  await expect(ann.message("the last")).toBeVisible();

  // Upwards to the beginning, without a gap and without a jump.
  const list = ann.page.locator(".history-list");
  const seen = new Set<number>();
  const look = async () => {
    for (const text of await ann.page.locator("[data-message] .plain-text").allTextContents()) {
      const found = /^message (\d+)/.exec(text);
      if (found) seen.add(Number(found[1]));
    }
  };
  await expect
    .poll(
      async () => {
        await look();
        await list.evaluate((scroller) => scroller.scrollBy(0, -600));
        return seen.has(1);
      },
      { timeout: 200_000, intervals: [30] },
    )
    .toBe(true);
  expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: MANY }, (_, at) => at + 1));
  // At rest; while the list moves, a few more.
  await expect.poll(() => ann.page.locator("[data-message]").count()).toBeLessThan(120);

  await ann.page.getByRole("button", { name: "Jump to latest message" }).click();
  await expect(ann.message("the last")).toBeInViewport();

  await ann.page.keyboard.press("Control+k");
  await ann.page.keyboard.type("lighthouse");
  const hit = ann.page
    .getByRole("complementary")
    .getByRole("button")
    .filter({ hasText: "speaks of a" });
  await expect(hit.locator("mark")).toHaveText("lighthouse");
  await ann.page.reload(); // so that it is far from what is loaded
  await expect(ann.message("the last")).toBeVisible();
  await ann.page.keyboard.press("Control+k");
  await ann.page.keyboard.type("lighthouse");
  await hit.click();
  await expect(ann.message("lighthouse")).toBeInViewport();
  // And from there downwards.
  await expect
    .poll(
      async () => {
        await list.evaluate((scroller) => scroller.scrollBy(0, 900));
        return ann.message("the last").count();
      },
      { timeout: 200_000, intervals: [30] },
    )
    .toBe(1);
});

test("a quote leads to what it answers, as often as it is clicked", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  const id = await bob.sends(chat, "the question");
  for (let at = 1; at <= 60; at++) await bob.sends(chat, `between ${at}`);
  await ann.sends(chat, "the answer", { reply_to: id });
  await ann.open(`/c/${chat}`); // what it answers is loaded, and far above
  for (let time = 0; time < 2; time++) {
    await expect(ann.message("the answer")).toBeInViewport();
    await ann
      .message("the answer")
      .getByRole("button", { name: /the question/ })
      .click();
    await expect(ann.message(/^the question/)).toBeInViewport();
    await ann.page.getByRole("button", { name: "Jump to latest message" }).click();
  }
});

test("a search goes through one chat, from hit to hit", async ({ arrive }) => {
  const [ann, bob, cleo] = [await arrive("Ann"), await arrive("Bob"), await arrive("Cleo")];
  const [chat, other] = [await ann.chatWith(bob), await ann.chatWith(cleo)];
  await bob.sends(chat, "a red lantern");
  for (let at = 1; at <= 40; at++) await bob.sends(chat, `between ${at}`);
  await bob.sends(chat, "a green lantern");
  await cleo.sends(other, "a lantern elsewhere");
  await ann.open(`/c/${chat}`);
  await expect(ann.message("a red lantern")).toBeInViewport(); // the first that is unread
  await ann.chatMenu("Search in this chat");
  await expect(ann.page.getByRole("textbox", { name: /^Search/ })).toBeFocused();
  await ann.page.keyboard.type("lantern");
  const hits = ann.page
    .getByRole("complementary")
    .getByRole("button")
    .filter({ has: ann.page.locator("mark") });
  await expect(hits).toHaveCount(2);
  await ann.page.keyboard.press("ArrowDown");
  await ann.page.keyboard.press("ArrowDown");
  await ann.page.keyboard.press("Enter");
  await expect(ann.message("a red lantern")).toBeInViewport();
  await hits.first().click();
  await expect(ann.message("a green lantern")).toBeInViewport();
  await ann.page.getByRole("button", { name: "Clear the search" }).click();
  await expect(ann.chat("Cleo")).toBeVisible();
});

test("a chat opens where the unread begin", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  for (let at = 1; at <= 30; at++) await bob.sends(chat, `old ${at}`);
  await ann.api("PUT", `/chats/${chat}/receipts`, {
    read: await bob.sends(chat, "the last that was read"),
  });
  for (let at = 1; at <= 40; at++) await bob.sends(chat, `new ${at}.`);
  await ann.open(`/c/${chat}`);
  await expect(ann.page.getByRole("separator")).toHaveText("New messages");
  await expect(ann.message("new 1.")).toBeInViewport();
  await expect(ann.message("new 40.")).not.toBeInViewport();
  await expect(ann.chat("Bob").getByLabel(/unread$/)).toBeVisible();
  await ann.page.getByRole("button", { name: "Jump to latest message" }).click();
  await expect(ann.message("new 40.")).toBeInViewport();
  await expect(ann.chat("Bob").getByLabel(/unread$/)).toHaveCount(0);
});
