// Scrolls through a long history in Chromium and prints how its frames came. node scroll.mjs URL CHAT PASSWORD MESSAGES SECONDS

import { existsSync } from "node:fs";
import { createRequire } from "node:module";

const { chromium } = createRequire(new URL("../../web/package.json", import.meta.url))("@playwright/test");
const [url, chat, password, messages, seconds] = process.argv.slice(2);
const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));

/** Pixels a second: a wheel that is turned without a pause. */
const SPEED = 3000;
/** So long between two frames, and one was left out. */
const LATE_MS = 25;

const browser = await chromium.launch({ args: ["--no-sandbox"], ...(executablePath && { executablePath }) });
const context = await browser.newContext({ baseURL: url, viewport: { width: 1280, height: 800 } });
const page = await context.newPage();
await context.request.post("/v1/auth/login", { data: { login: "ann", password }, headers: { "sec-fetch-site": "same-origin" } });

/** Scrolls for so long, up (-1) or down; when each frame came, and how far it went. */
const scroll = (direction) =>
  page.evaluate(
    ([direction, ms, speed]) =>
      new Promise((resolve) => {
        const list = [...document.querySelectorAll("[data-testid=virtuoso-scroller]")].at(-1);
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

function tell(what, { frames, blank }) {
  const sorted = frames.toSorted((a, b) => a - b);
  const at = (part) => sorted[Math.floor((sorted.length - 1) * part)].toFixed(1);
  const rate = (1000 * frames.length) / frames.reduce((sum, ms) => sum + ms, 0);
  const late = (100 * frames.filter((ms) => ms > LATE_MS).length) / frames.length;
  console.log(`${what.padEnd(34)} ${rate.toFixed(1)} frames/s   p50 ${at(0.5)} ms   p99 ${at(0.99)} ms   longest ${at(1)} ms   late ${late.toFixed(1)} %   empty ${blank}`);
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
  return `${(usedSize / 1e6).toFixed(0)} MB, ${await page.locator("[data-message]").count()} messages drawn`;
};

await page.goto(`/c/${chat}`);
await page.locator("[data-message]").first().waitFor();
await page.waitForTimeout(1000);
console.log(`a history of ${messages} messages, ${SPEED} pixels a second, ${seconds} s each`);
tell("standing still (the floor)", await idle());
tell("upwards from the newest", await scroll(-1));
const { items } = await (await context.request.get(`/v1/chats/${chat}/messages?limit=1`)).json();
const oldest = await (await context.request.get(`/v1/chats/${chat}/messages?after=1&limit=1`)).json();
const middle = Math.floor((items[0].id + oldest.items[0].id) / 2);
const { items: some } = await (await context.request.get(`/v1/chats/${chat}/messages?before=${middle}&limit=1`)).json();
await page.goto(`/c/${chat}?at=${some[0].id}`);
await page.locator(`[data-message="${some[0].id}"]`).waitFor();
await page.waitForTimeout(1000);
tell("upwards from the middle", await scroll(-1));
tell("downwards from there", await scroll(1));
console.log(`the page's heap: ${await heap()}`);
await browser.close();
