// Scrolls through a long history in Chromium and prints the rate of its frames; then jumps in it,
// goes from chat to chat, and opens a message of long ago on a new page.
//
// usage: node scroll.mjs URL CHAT PASSWORD MESSAGES SECONDS

import { existsSync } from "node:fs";
import { createRequire } from "node:module";

const { chromium } = createRequire(new URL("../../web/package.json", import.meta.url))(
  "@playwright/test",
);
const [url, chat, password, messages, seconds] = process.argv.slice(2);
const executablePath = [
  "/usr/bin/chromium-headless-shell",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => existsSync(path));

/** The speed in pixels a second, of a wheel that is turned without a pause. */
const SPEED = 3000;
/** The time between two frames from which at least one was left out, in milliseconds. */
const LATE_MS = 25;

const browser = await chromium.launch({
  args: ["--no-sandbox"],
  ...(executablePath && { executablePath }),
});
const context = await browser.newContext({ baseURL: url, viewport: { width: 1280, height: 800 } });
const page = await context.newPage();
await context.request.post("/v1/auth/login", {
  data: { login: "ann", password },
  headers: { "sec-fetch-site": "same-origin" },
});

/** Scrolls up (-1) or down (1); resolves with the times of frames and the count of empty ones. */
const scroll = (direction) =>
  page.evaluate(
    ([direction, ms, speed]) =>
      new Promise((resolve) => {
        const list = document.querySelector(".history-list");
        const frames = [];
        const began = performance.now();
        let last = began;
        let blank = 0;
        const frame = (now) => {
          frames.push(now - last);
          list.scrollBy(0, (direction * speed * Math.max(now - last, 0)) / 1000);
          last = now;
          if (document.querySelectorAll("[data-message]").length === 0) blank++;
          if (now - began < ms) requestAnimationFrame(frame);
          else resolve({ frames: frames.slice(1), blank });
        };
        requestAnimationFrame(frame);
      }),
    [direction, seconds * 1000, SPEED],
  );

function report(what, { frames, blank }) {
  const sorted = frames.toSorted((a, b) => a - b);
  const at = (part) => sorted[Math.floor((sorted.length - 1) * part)].toFixed(1);
  const rate = (1000 * frames.length) / frames.reduce((sum, ms) => sum + ms, 0);
  const late = (100 * frames.filter((ms) => ms > LATE_MS).length) / frames.length;
  console.log(
    `${what.padEnd(34)} ${rate.toFixed(1)} frames/s   p50 ${at(0.5)} ms   p99 ${at(0.99)} ms   ` +
      `longest ${at(1)} ms   late ${late.toFixed(1)} %   empty ${blank}`,
  );
}

const idle = () =>
  page.evaluate(
    () =>
      new Promise((resolve) => {
        const frames = [];
        let last = performance.now();
        const frame = (now) => {
          frames.push(now - last);
          last = now;
          if (frames.length < 121) requestAnimationFrame(frame);
          else resolve({ frames: frames.slice(1), blank: 0 });
        };
        requestAnimationFrame(frame);
      }),
  );

const heap = async () => {
  const client = await context.newCDPSession(page);
  await client.send("HeapProfiler.collectGarbage");
  const { usedSize } = await client.send("Runtime.getHeapUsage");
  const drawn = await page.locator("[data-message]").count();
  return `${(usedSize / 1e6).toFixed(0)} MB, ${drawn} messages drawn`;
};

await page.goto(`/c/${chat}`);
await page.locator("[data-message]").first().waitFor();
await page.waitForTimeout(1000);
console.log(`a history of ${messages} messages, ${SPEED} pixels a second, ${seconds} s each`);
report("standing still (the floor)", await idle());
report("upwards from the newest", await scroll(-1));
const { items } = await (await context.request.get(`/v1/chats/${chat}/messages?limit=1`)).json();
const oldest = await (
  await context.request.get(`/v1/chats/${chat}/messages?after=1&limit=1`)
).json();
const middle = Math.floor((items[0].id + oldest.items[0].id) / 2);
const { items: some } = await (
  await context.request.get(`/v1/chats/${chat}/messages?before=${middle}&limit=1`)
).json();
await page.goto(`/c/${chat}?at=${some[0].id}`);
await page.locator(`[data-message="${some[0].id}"]`).waitFor();
await page.waitForTimeout(1000);
report("upwards from the middle", await scroll(-1));
report("downwards from there", await scroll(1));
console.log(`the page's heap: ${await heap()}`);

/** Times, in milliseconds. */
function reportTimes(what, times) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part) => sorted[Math.floor((sorted.length - 1) * part)].toFixed(0);
  console.log(
    `${what.padEnd(34)} p50 ${at(0.5)} ms   p90 ${at(0.9)} ms   longest ${at(1)} ms   ` +
      `of ${times.length}`,
  );
}

/**
 * Does something in the page, and resolves with the time until a message is on screen: that of the
 * frame after the one in which it is there.
 */
const timeUntil = (page, id, act, argument) =>
  page.evaluate(
    ([id, act, argument]) =>
      new Promise((resolve) => {
        const isShown = () => {
          const box = document.querySelector(`[data-message="${id}"]`)?.getBoundingClientRect();
          return box !== undefined && box.bottom > 0 && box.top < innerHeight;
        };
        const began = performance.now();
        if (act === "push") history.pushState(null, "", argument);
        if (act === "click") document.querySelector(argument).click();
        const look = () => {
          if (isShown()) requestAnimationFrame(() => resolve(performance.now() - began));
          else requestAnimationFrame(look);
        };
        look();
      }),
    [id, act, argument],
  );

const JUMPS = 40;
const SWITCHES = 40;
const OPENINGS = 7;
/** A slow mobile network: what each answer waits for in milliseconds, and bytes a second. */
const SLOW = { offline: false, latency: 400, downloadThroughput: 50_000, uploadThroughput: 50_000 };

/** Returns a message of a part of the history, from 0 to 1. */
async function messageAt(part) {
  const before = Math.floor(oldest.items[0].id + part * (items[0].id - oldest.items[0].id)) + 1;
  const path = `/v1/chats/${chat}/messages?before=${before}&limit=1`;
  const found = await (await context.request.get(path)).json();
  return (found.items[0] ?? oldest.items[0]).id;
}

const jumps = [];
for (let jump = 0; jump < JUMPS; jump++) {
  const id = await messageAt((0.1 + jump * 0.618) % 1);
  jumps.push(await timeUntil(page, id, "push", `/c/${chat}?at=${id}`));
}
reportTimes("jumps", jumps);

const headers = { "sec-fetch-site": "same-origin" };
const post = async (path, data) => (await context.request.post(path, { data, headers })).json();
const group = await post("/v1/chats", { kind: "group", name: "Crew", members: ["bob"] });
let last;
for (let at = 0; at < 60; at++)
  last = await post(`/v1/chats/${group.id}/messages`, { body: `**${at}**: on the way` });
await page.goto(`/c/${chat}`);
await page.locator(`[data-message="${items[0].id}"]`).waitFor();
await page.locator(`a[href="/c/${group.id}"]`).click();
await page.locator(`[data-message="${last.id}"]`).waitFor();
await page.waitForTimeout(1000);
const switches = [];
for (let time = 0; time < SWITCHES; time++) {
  const [to, id] = time % 2 === 0 ? [chat, items[0].id] : [group.id, last.id];
  switches.push(await timeUntil(page, id, "click", `a[href="/c/${to}"]`));
  await page.waitForTimeout(300);
}
reportTimes("from chat to chat", switches);

/** Opens a message on a page without a cache; returns when anything, and when it, was drawn. */
async function open(network) {
  const fresh = await browser.newContext({
    baseURL: url,
    viewport: { width: 1280, height: 800 },
    storageState: { cookies: await context.cookies(), origins: [] },
  });
  const tab = await fresh.newPage();
  const client = await fresh.newCDPSession(tab);
  await client.send("Network.enable");
  if (network !== undefined) await client.send("Network.emulateNetworkConditions", network);
  const id = await messageAt(0.3);
  await tab.goto(`/c/${chat}?at=${id}`, { waitUntil: "commit" });
  await timeUntil(tab, id);
  const times = await tab.evaluate(() => ({
    first: performance.getEntriesByName("first-paint")[0].startTime,
    whole: performance.now(),
  }));
  await fresh.close();
  return times;
}

const cold = [];
const slow = [];
for (let time = 0; time < OPENINGS; time++) {
  cold.push(await open(undefined));
  slow.push(await open(SLOW));
}
const wholes = (times) => times.map(({ whole }) => whole);
reportTimes("a message of long ago, cold", wholes(cold));
reportTimes("the same on slow 3G", wholes(slow));
reportTimes("its skeleton", slow.map(({ first }) => first));
await browser.close();
