/**
 * What the page waits for before it shows a chat. No clock is looked at: an answer is held back
 * until all that should not wait for it is there.
 */

import type { Page, Request } from "@playwright/test";

import { fill } from "./long-chat";
import { expect, type Person, test } from "./support";

/** The bound of all that comes before the first message is drawn, in bytes. */
const MOST_BYTES = 300_000;

/** Holds the answers to some requests back; returns how to let them through. */
async function hold(page: Page, which: RegExp): Promise<() => void> {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route(which, async (route) => {
    await released;
    await route.continue();
  });
  return release;
}

/** The paths of requests to the API, without what opens the live connection. */
function calls(page: Page): string[] {
  const paths: string[] = [];
  page.on("request", (request: Request) => {
    const { pathname, search } = new URL(request.url());
    if (pathname.startsWith("/v1/") && pathname !== "/v1/socket") paths.push(pathname + search);
  });
  return paths;
}

async function longChat(ann: Person, bob: Person): Promise<{ chat: string; ids: number[] }> {
  const chat = await ann.chatWith(bob);
  return { chat, ids: await fill(chat, [ann, bob], 120) };
}

test("a skeleton is there before any script, style or answer", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const { page } = ann;
  const { chat } = await longChat(ann, bob);
  const release = await hold(page, /\/assets\/|\/v1\//);
  await page.goto(`/c/${chat}`, { waitUntil: "commit" });
  const skeleton = page.locator("#skeleton");
  await expect(skeleton).toBeVisible();
  await expect(skeleton.locator(".skeleton-chat i").last()).toBeInViewport();
  release();
  await expect(page.locator("[data-message]").last()).toBeInViewport();
  await expect(skeleton).toHaveCount(0);
});

test("all scripts and the style are asked for by the document", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const { page } = ann;
  const { chat } = await longChat(ann, bob);
  const asked = new Set<string>();
  page.on("request", (request) => {
    const name = /\/assets\/(.*)-[\w-]{8}\.(js|css)$/.exec(request.url());
    if (name !== null) asked.add(`${name[1]}.${name[2]}`);
  });
  const release = await hold(page, /\/assets\//);
  await page.goto(`/c/${chat}`, { waitUntil: "commit" });
  await expect.poll(() => asked).toContain("shell.js");
  expect([...asked]).toEqual(expect.arrayContaining(["first.js", "index.js", "index.css"]));
  const before = new Set(asked);
  release();
  await expect(page.locator("[data-message]").last()).toBeInViewport();
  // None of what draws messages was found only later.
  expect([...before].filter((name) => name.endsWith(".js")).length).toBeGreaterThanOrEqual(3);
});

for (const at of [undefined, 40]) {
  const what = at === undefined ? "the end of a chat" : "a message of long ago";
  test(`${what} is asked for while the page is loaded, and once`, async ({ arrive }) => {
    const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
    const { page } = ann;
    const { chat, ids } = await longChat(ann, bob);
    const id = at === undefined ? undefined : ids[at];
    const asked = calls(page);
    const release = await hold(page, /\/assets\/(index|shell)-/);
    await page.goto(`/c/${chat}${id === undefined ? "" : `?at=${id}`}`, { waitUntil: "commit" });
    const needed = [
      "/v1/meta",
      "/v1/users/me",
      "/v1/sync",
      `/v1/chats/${chat}`,
      "/v1/chats?archived=false&limit=100",
      `/v1/chats/${chat}/messages?${id === undefined ? "" : `around=${id}&`}limit=80`,
    ];
    // Three ways to the server: for the page; for its scripts and whether there is a session; and
    // for all that is shown, beside the scripts.
    await expect.poll(() => asked.toSorted()).toEqual(needed.toSorted());
    release();
    const last = id ?? ids.at(-1);
    await expect(page.locator(`[data-message="${last}"]`)).toBeInViewport();
    await expect(page.locator("[data-connection=online]")).toBeVisible();
    for (const path of needed)
      expect(
        asked.filter((one) => one === path),
        path,
      ).toHaveLength(1);
  });
}

test("a visitor is asked to log in, without a refusal", async ({ browser, baseURL }) => {
  const context = await browser.newContext(baseURL === undefined ? {} : { baseURL });
  const page = await context.newPage();
  const refused: string[] = [];
  page.on("response", (response) => {
    if (response.status() >= 400) refused.push(response.url());
  });
  for (const path of ["/", "/c", "/c/01900000-0000-7000-8000-000000000000"]) {
    await page.goto(path);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await expect(page.locator("#skeleton")).toHaveCount(0);
  }
  expect(refused).toEqual([]);
  await context.close();
});

test("what comes before the first message is small", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const { page } = ann;
  const { chat } = await longChat(ann, bob);
  const client = await ann.context.newCDPSession(page);
  await client.send("Network.enable");
  let [bytes, count] = [0, 0];
  client.on("Network.loadingFinished", ({ encodedDataLength }) => {
    bytes += encodedDataLength;
    count++;
  });
  // All that is asked for by then counts, also what is not needed.
  await page.goto(`/c/${chat}`);
  await expect(page.locator("[data-message]").last()).toBeInViewport();
  expect(count).toBeGreaterThan(8);
  expect(bytes).toBeGreaterThan(50_000);
  expect(bytes).toBeLessThan(MOST_BYTES);
});

test("a switch to a chat that is known asks for nothing", async ({ arrive }) => {
  const [ann, bob, cleo] = [await arrive("Ann"), await arrive("Bob"), await arrive("Cleo")];
  const { page } = ann;
  const [direct, group] = [await ann.chatWith(bob), await ann.group("Crew", bob, cleo)];
  await bob.sends(direct, "in the chat of two");
  await cleo.sends(group, "in the group");
  await ann.open("/c");
  const visit = async (name: string, text: string) => {
    await ann.chat(name).click();
    await expect(ann.message(text)).toBeInViewport();
  };
  const read = () => page.waitForResponse((one) => one.url().endsWith("/v1/receipts"));
  for (const [name, text] of [
    ["Bob", "in the chat of two"],
    ["Crew", "in the group"],
  ] as const) {
    const isRead = read();
    await visit(name, text);
    await isRead;
  }
  await expect(page.getByText("3 members")).toBeVisible();
  const asked = calls(page);
  for (let time = 0; time < 3; time++) {
    await visit("Bob", "in the chat of two");
    await visit("Crew", "in the group");
  }
  expect(asked.filter((path) => path !== "/v1/receipts")).toEqual([]); // a mark is no question
});
