/** Where a list of messages is, and whether it stays there. */

import type { Page } from "@playwright/test";

import { fill, settled, slowDown } from "./long-chat";
import { expect, test } from "./support";

const MANY = Number(process.env.MESSAGES ?? 600);
/** Jumps of one test; `JUMPS=200` for more of them. */
const JUMPS = Number(process.env.JUMPS ?? 24);
const TABS = 4;
const list = (page: Page) => page.locator(".history-list");

/** True when a message is wholly in view, or fills the view. In the page. */
const isInView = (id: number) => {
  const box = document.querySelector(`[data-message="${id}"]`)?.getBoundingClientRect();
  const view = document.querySelector(".history-list")?.getBoundingClientRect();
  if (box === undefined || view === undefined) return false;
  const seen = Math.min(box.bottom, view.bottom) - Math.max(box.top, view.top);
  return seen > 0.9 * Math.min(box.height, view.height);
};

/** Pixels that are below what is shown. */
const belowEnd = (page: Page) =>
  list(page).evaluate((it) => it.scrollHeight - it.clientHeight - it.scrollTop);

test("jumps arrive, and stay where they arrived", async ({ arrive }) => {
  test.setTimeout(240_000 + JUMPS * 5_000);
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  const ids = await fill(chat, [ann, bob], MANY);
  const off: string[] = [];
  const jumpOften = async (page: Page, tab: number) => {
    await slowDown(page);
    const requests: string[] = [];
    page.on("request", (request) => {
      if (/\/messages\?/.test(request.url())) requests.push(request.url());
    });
    await page.goto(`/c/${chat}`);
    await expect(page.locator("[data-message]").first()).toBeVisible({ timeout: 200_000 });
    for (let jump = tab; jump < JUMPS; jump += TABS) {
      const id = ids[(jump * 997 + 13) % ids.length] ?? 0;
      const before = requests.length;
      // By turns in a page that is new and in one that shows another place.
      if ((jump / TABS) % 2 < 1) await page.goto(`/c/${chat}?at=${id}`);
      else await page.evaluate((path) => history.pushState(null, "", path), `/c/${chat}?at=${id}`);
      await page
        .waitForFunction(isInView, id, { timeout: 60_000 })
        .catch(() => off.push(`${id}: never in view`));
      await settled(page); // it must stay there, too
      const loads = requests.length - before;
      if (!(await page.evaluate(isInView, id))) off.push(`${id}: gone, ${loads} loads`);
      else if (loads > 1) off.push(`${id}: ${loads} loads`);
    }
  };
  const pages = await Promise.all(Array.from({ length: TABS }, () => ann.context.newPage()));
  await Promise.all(pages.map(jumpOften));
  expect(off).toEqual([]);
});

test("a chat opens at its end, and stays there whatever changes its heights", async ({
  arrive,
}) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  const ids = await fill(chat, [ann, bob], 60);
  const { page } = ann;
  await slowDown(page);
  const isAtEnd = () => expect.poll(() => belowEnd(page)).toBeLessThan(1);
  /** Expects a message right above the field, now and once nothing is on its way. */
  const last = async (text: string) => {
    const isAboveField = () =>
      expect(async () => {
        expect(await belowEnd(page)).toBeLessThan(1);
        const message = await ann.message(text).boundingBox({ timeout: 5_000 });
        const field = await ann.field.boundingBox({ timeout: 5_000 });
        if (message === null || field === null) throw new Error(`${text} is not drawn`);
        expect(message.y + message.height).toBeLessThan(field.y);
        expect(message.y + message.height).toBeGreaterThan(field.y - 60);
      }).toPass({ timeout: 60_000 });
    await isAboveField();
    await settled(page);
    await isAboveField();
  };
  await bob.sends(chat, "- late\n- Markdown\n- of some\n- lines\n\nthe end");
  await ann.open(`/c/${chat}`);
  await expect(ann.message("the end")).toBeInViewport();
  await last("the end");
  await expect(ann.message("the end").locator("li")).toHaveCount(4); // the code has come
  await last("the end");

  // Reactions: to the last, and to one above it.
  const thumb = encodeURIComponent("👍");
  const end = await bob.sends(chat, "with a reaction");
  for (const id of [end, ids.at(-1)])
    await bob.api("PUT", `/chats/${chat}/messages/${id}/reactions/${thumb}`);
  await expect(ann.message("with a reaction").getByText("👍")).toBeVisible();
  await last("with a reaction");

  // An edit, a message that is written in lines, and one that comes.
  await bob.api("PATCH", `/chats/${chat}/messages/${end}`, { body: "edited\n".repeat(12) });
  await expect(ann.message(/(edited\s*){12}/)).toBeVisible();
  await isAtEnd();
  await ann.field.fill("one\ntwo\nthree\nfour\nfive");
  await isAtEnd();
  await ann.field.press("Enter");
  await expect(ann.message("five")).toBeInViewport();
  await isAtEnd();
  await ann.sent("five"); // else the answer may come before it
  await bob.sends(chat, "an answer");
  await expect(ann.message("an answer")).toBeInViewport();
  await last("an answer");

  // The bar that says that the page is offline comes and goes.
  await ann.goesOffline();
  await expect(page.getByText("Offline. Reconnecting…")).toBeVisible();
  await last("an answer");
  await ann.context.setOffline(false);
  await expect(page.getByText("Offline. Reconnecting…")).toHaveCount(0);
  await last("an answer");
  await page.setViewportSize({ width: 800, height: 500 });
  await last("an answer");
});

test("what is read stays where it is while the chat changes around it", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  const ids = await fill(chat, [bob], 200);
  const { page } = ann;
  const id = ids[150] as number;
  await ann.open(`/c/${chat}?at=${id}`);
  await page.waitForFunction(isInView, id);
  const top = () =>
    page.locator(`[data-message="${id}"]`).evaluate((it) => it.getBoundingClientRect().top);
  const start = await top();
  await list(page).hover();
  await page.mouse.wheel(0, -40); // from here on it is where a person has put it
  await expect.poll(async () => Math.abs((await top()) - start)).toBeGreaterThan(20);
  await settled(page);
  const was = await top();
  const stays = async () => {
    await settled(page);
    expect(Math.abs((await top()) - was)).toBeLessThan(2);
  };
  // Right above what is in view, some become long: near enough to be drawn all the same.
  const above = await list(page).evaluate((it) => {
    const { top } = it.getBoundingClientRect();
    const rows = [...it.querySelectorAll<HTMLElement>("[data-message]")];
    return rows
      .filter((row) => row.getBoundingClientRect().bottom < top)
      .map((row) => Number(row.dataset.message))
      .slice(-3);
  });
  const body = "a long text\n".repeat(12);
  for (const id of above) await bob.api("PATCH", `/chats/${chat}/messages/${id}`, { body });
  await expect(ann.message(/(a long text\s*){12}/)).toHaveCount(3);
  await stays();
  await bob.sends(chat, "a new one");
  await expect(ann.chat("Bob")).toContainText("a new one");
  await stays();
  await expect(ann.message("a new one")).not.toBeInViewport();
});

test("a chat is found again where it was left", async ({ arrive }) => {
  const [ann, bob, cleo] = [await arrive("Ann"), await arrive("Bob"), await arrive("Cleo")];
  const [chat, other] = [await ann.chatWith(bob), await ann.chatWith(cleo)];
  await cleo.sends(other, "elsewhere");
  const ids = await fill(chat, [ann, bob], 300);
  const { page } = ann;
  // One near the end, which is kept in memory, and one that is loaded again.
  for (const at of [280, 120]) {
    const id = ids[at] as number;
    await ann.open(`/c/${chat}?at=${id}`);
    await page.waitForFunction(isInView, id);
    await list(page).hover();
    await page.mouse.wheel(0, -70);
    await settled(page);
    const top = () =>
      page.locator(`[data-message="${id}"]`).evaluate((it) => it.getBoundingClientRect().top);
    const was = await top();
    await ann.chat("Cleo").click();
    await expect(ann.message("elsewhere")).toBeVisible();
    await ann.chat("Bob").click();
    await page.waitForFunction(isInView, id);
    await settled(page);
    expect(Math.abs((await top()) - was)).toBeLessThan(2);
  }
  // One that was left at its end is at its end.
  await page.getByRole("button", { name: "Jump to latest message" }).click();
  await expect.poll(() => belowEnd(page)).toBeLessThan(1);
  await settled(page);
  await ann.chat("Cleo").click();
  await expect(ann.message("elsewhere")).toBeVisible();
  await bob.sends(chat, "the newest");
  await expect(ann.chat("Bob")).toContainText("the newest");
  await ann.chat("Bob").click();
  await expect(ann.message("the newest")).toBeInViewport();
});

test("keys go through a chat, and the focus is never lost", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  const ids = await fill(chat, [ann, bob], 300);
  const { page } = ann;
  await ann.open(`/c/${chat}?at=${ids[150]}`);
  await page.waitForFunction(isInView, ids[150] as number);
  await settled(page);
  const isInside = () =>
    expect.poll(() => list(page).evaluate((it) => it.contains(document.activeElement))).toBe(true);
  const focused = () =>
    page.evaluate(() => Number((document.activeElement as HTMLElement).dataset.message));

  // An arrow begins at the last message that is seen, not at the last that is drawn.
  await list(page).focus();
  await page.keyboard.press("ArrowUp");
  await expect.poll(focused).toBeGreaterThan(0);
  expect(await page.evaluate(isInView, await focused())).toBe(true);

  // To the ends: the row that had the focus goes, and then all of the list.
  const end = ids.at(-1) as number;
  await page.keyboard.press("End");
  await page.waitForFunction(isInView, end);
  await isInside();
  await settled(page);
  await page.keyboard.press("ArrowUp");
  await expect.poll(focused).toBe(end);
  await page.keyboard.press("Home");
  await isInside();
  await page.waitForFunction(
    (id) => document.querySelector(`[data-message="${id}"]`) === null,
    end,
  );
  await isInside();

  // With a modifier, a key is the browser's.
  await settled(page);
  for (const key of ["Control+End", "Alt+Home", "Shift+End"]) {
    await page.evaluate(() => {
      const pressed = new Promise((resolve) =>
        addEventListener("keydown", (event) => {
          if (event.key === "End" || event.key === "Home") resolve(event.defaultPrevented);
        }),
      );
      Object.assign(window, { pressed });
    });
    await page.keyboard.press(key);
    const isOurs = page.evaluate(() => Reflect.get(window, "pressed"));
    expect(await isOurs).toBe(false);
  }
});

test("a page of the history that did not come is asked for again", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  const ids = await fill(chat, [ann, bob], 300);
  const { page } = ann;
  let [failures, isDown] = [0, true];
  await page.route(/\/messages\?.*before=/, (route) => {
    if (!isDown) return route.fallback();
    failures++;
    return route.abort();
  });
  await ann.open(`/c/${chat}`);
  await page.waitForFunction(isInView, ids.at(-1) as number);
  await list(page).focus();
  await page.keyboard.press("Home");
  await expect(page.getByText("These messages could not be loaded.")).toBeVisible();
  await expect.poll(() => failures).toBeGreaterThan(2); // by itself
  isDown = false;
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByText("These messages could not be loaded.")).toHaveCount(0);
  // The list may be scrolled on to the beginning.
  const first = page.locator(`[data-message="${ids[0]}"]`);
  await expect
    .poll(
      async () => {
        await list(page).evaluate((it) => it.scrollBy(0, -600));
        return first.count();
      },
      { intervals: [30], timeout: 120_000 },
    )
    .toBe(1);
});

test("a jump arrives though the list is moving", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  const id = await bob.sends(chat, "the question");
  for (let at = 1; at <= 70; at++) await bob.sends(chat, `between ${at}`);
  const end = await ann.sends(chat, "the answer", { reply_to: id });
  await ann.open(`/c/${chat}`);
  const { page } = ann;
  for (let time = 0; time < 5; time++) {
    await page.waitForFunction(isInView, end);
    // Steps of the list before, while and after the jump is drawn.
    await list(page).evaluate(async (it, path) => {
      const { port1, port2 } = new MessageChannel();
      const turn = () =>
        new Promise((resolve) => {
          port2.onmessage = resolve;
          port1.postMessage("");
        });
      history.pushState(null, "", path);
      for (let step = 0; step < 100; step++) {
        it.dispatchEvent(new WheelEvent("wheel", { deltaY: -1 }));
        it.scrollTop -= 1;
        it.dispatchEvent(new Event("scroll"));
        await turn();
      }
    }, `/c/${chat}?at=${id}`);
    await page.waitForFunction(isInView, id);
    await page.getByRole("button", { name: "Jump to latest message" }).click();
  }
});
