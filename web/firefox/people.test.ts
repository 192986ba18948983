/**
 * People chat in the Firefox of the distribution, which WebDriver BiDi drives; Playwright drives
 * only one that it has built itself. What both browsers do alike has its tests in `web/test`.
 */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import puppeteer, { type Browser, type Page } from "puppeteer-core";

const FIREFOX = [
  "/usr/bin/firefox-esr",
  "/usr/bin/firefox",
  "/Applications/Firefox.app/Contents/MacOS/firefox",
].find((path) => existsSync(path));
const SERVER = process.env.CARRIER_URL ?? "http://localhost:8080";
const PASSWORD = "tugboat-salad-7";
/** Patient: it shares a machine with all other tests. */
const PATIENCE = { timeout: 120_000 };
const FIELD = 'textarea[aria-label="Message"]';

let browser: Browser;
let count = 0;

before(async () => {
  assert.ok(FIREFOX, "Firefox is missing: run scripts/setup --tests");
  browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: FIREFOX,
    headless: true,
    ...PATIENCE,
  });
});
after(() => browser.close());

/** A person with a Firefox of their own. */
class Person {
  readonly username: string;
  readonly page: Page;
  id = "";

  constructor(username: string, page: Page) {
    this.username = username;
    this.page = page;
  }

  /** Opens the page as a visitor, and registers by the API. */
  static async arrive(name: string): Promise<Person> {
    const page = await (await browser.createBrowserContext()).newPage();
    page.setDefaultTimeout(PATIENCE.timeout);
    await page.setViewport({ width: 1280, height: 800 });
    await page.goto(`${SERVER}/login`);
    const username = `${name}.${process.pid}.${++count}`;
    const person = new Person(username, page);
    const { user } = await person.api<{ user: { id: string } }>("POST", "/auth/register", {
      username,
      email: `${username}@example.org`,
      password: PASSWORD,
      display_name: name,
    });
    person.id = user.id;
    return person;
  }

  /** Calls the API as this person. */
  api<T>(method: string, path: string, data?: object): Promise<T> {
    return this.page.evaluate(
      async (method, path, body) => {
        const headers = { "content-type": "application/json" };
        const answer = await fetch(`/v1${path}`, { method, headers, ...(body && { body }) });
        const text = await answer.text();
        if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
        return text === "" ? undefined : JSON.parse(text);
      },
      method,
      path,
      data && JSON.stringify(data),
    );
  }

  async chatWith(other: Person): Promise<string> {
    const wanted = { kind: "direct", members: [other.id] };
    return (await this.api<{ id: string }>("POST", "/chats", wanted)).id;
  }

  async open(path: string): Promise<void> {
    await this.page.goto(`${SERVER}${path}`);
    await this.page.waitForSelector("[data-connection=online]");
  }

  async says(text: string): Promise<void> {
    await this.page.waitForSelector(FIELD);
    await this.page.type(FIELD, text);
    await this.page.keyboard.press("Enter");
  }

  /** Waits for a message that is drawn, and acknowledged. */
  async sees(text: string): Promise<void> {
    const isThere = (text: string) =>
      [...document.querySelectorAll("article")].some(
        (one) =>
          one.textContent?.includes(text) && one.querySelector("[aria-label=Sending]") === null,
      );
    await this.page.waitForFunction(isThere, {}, text);
  }
}

/** True when a message is between the head of its chat and the composer. */
const isInView = (text: string) => {
  const list = document.querySelector("[role=log]")?.getBoundingClientRect();
  const row = [...document.querySelectorAll("article")].find((one) =>
    one.textContent?.includes(text),
  );
  const box = row?.getBoundingClientRect();
  return (
    list !== undefined && box !== undefined && box.top >= list.top && box.bottom <= list.bottom
  );
};

test("people log in, and write to each other", async () => {
  const [ann, bob] = [await Person.arrive("ann"), await Person.arrive("bob")];
  const chat = await ann.chatWith(bob);
  await ann.api("POST", "/auth/logout");
  await ann.page.reload();
  await ann.page.waitForSelector("input[name=login]");
  await ann.page.type("input[name=login]", ann.username);
  await ann.page.type("input[name=password]", PASSWORD);
  await ann.page.keyboard.press("Enter");
  await ann.page.waitForSelector("[data-connection=online]");
  await ann.open(`/c/${chat}`);
  await bob.open(`/c/${chat}`);
  await ann.says("Hello from Firefox");
  await bob.sees("Hello from Firefox");
  await bob.says("**Hello** back");
  await ann.sees("Hello back");
  await ann.page.waitForSelector("article strong");

  // What is written from right to left is shown so.
  await ann.says("שלום, מה שלומך?");
  await bob.sees("שלום");
  const direction = await bob.page.$$eval("article .text", (all) => {
    const last = all.at(-1);
    return last?.matches(":dir(rtl)");
  });
  assert.equal(direction, true);

  // What is cut and pasted is text.
  await ann.page.type(FIELD, "cut\tand pasted");
  await ann.page.keyboard.down("Control");
  for (const key of ["a", "x", "v"] as const) await ann.page.keyboard.press(key);
  await ann.page.keyboard.up("Control");
  await ann.page.keyboard.press("Enter");
  await bob.sees("and pasted");

  await ann.page.reload();
  await ann.sees("and pasted");
  assert.equal(await ann.page.$$eval("article", (all) => all.length), 4);
});

test("a chat is read back to its beginning, and a hit stays where it is", async () => {
  const [ann, bob] = [await Person.arrive("ann"), await Person.arrive("bob")];
  const chat = await ann.chatWith(bob);
  for (let at = 0; at < 300; at++) {
    const body = at === 140 ? "a lantern at sea" : `message ${at}. ${"word ".repeat(at % 17)}`;
    // Who answers has read what was before, so the chat opens at its end.
    const sender = at === 299 ? ann : bob;
    await sender.api("POST", `/chats/${chat}/messages`, { body });
  }
  await ann.page.bringToFront(); // a wheel scrolls none that is behind another
  await ann.open(`/c/${chat}`);
  await ann.page.waitForFunction(isInView, {}, "message 299.");
  const list = await ann.page.waitForSelector("[role=log]");
  await list?.hover();
  const end = Date.now() + PATIENCE.timeout;
  while (!(await ann.page.evaluate(isInView, "message 0."))) {
    assert.ok(Date.now() < end, "the first message is not reached");
    await ann.page.mouse.wheel({ deltaY: -1500 });
  }
  await ann.page.keyboard.down("Control");
  await ann.page.keyboard.press("k");
  await ann.page.keyboard.up("Control");
  await ann.page.keyboard.type("lantern");
  const hit = await ann.page.waitForSelector(".hit");
  await hit?.click();
  await ann.page.waitForFunction(isInView, {}, "a lantern at sea");
  // Looks again: a list that loads more on both sides must not take it away.
  const looks = { polling: 100 };
  const since = await ann.page.evaluate(() => performance.now());
  await ann.page.waitForFunction((since) => performance.now() - since > 2000, looks, since);
  assert.ok(await ann.page.evaluate(isInView, "a lantern at sea"));
});

test("what is written without a network is sent once it is back", async () => {
  const [ann, bob] = [await Person.arrive("ann"), await Person.arrive("bob")];
  const chat = await ann.chatWith(bob);
  await bob.open(`/c/${chat}`);
  await ann.open(`/c/${chat}`);
  await ann.page.setOfflineMode(true);
  await ann.page.waitForSelector("[data-connection=offline]");
  await ann.says("from the cellar");
  await ann.page.waitForSelector("article [aria-label=Sending]");
  await ann.page.setOfflineMode(false);
  await ann.sees("from the cellar");
  await bob.sees("from the cellar");
  assert.equal(await bob.page.$$eval("article", (all) => all.length), 1);
});

test("a picture is picked, shown to both, and there after a reload", async () => {
  const [ann, bob] = [await Person.arrive("ann"), await Person.arrive("bob")];
  const chat = await ann.chatWith(bob);
  const folder = await mkdtemp(join(tmpdir(), "firefox-"));
  const file = join(folder, "dot.png");
  const png =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk" +
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
  await writeFile(file, Buffer.from(png, "base64"));
  await ann.open(`/c/${chat}`);
  await bob.open(`/c/${chat}`);
  const chooser = await ann.page.waitForSelector("input[type=file]");
  await (chooser as unknown as { uploadFile: (path: string) => Promise<void> }).uploadFile(file);
  await ann.page.waitForSelector('button[aria-label="Send"]:not([disabled])');
  await ann.says("A dot");
  const isDrawn = () => {
    const picture = document.querySelector<HTMLImageElement>("article img");
    return picture?.complete === true && picture.naturalWidth > 0;
  };
  for (const who of [ann, bob]) {
    await who.sees("A dot");
    await who.page.waitForFunction(isDrawn);
  }
  await ann.page.reload();
  await ann.page.waitForFunction(isDrawn);
  await rm(folder, { recursive: true });
});
