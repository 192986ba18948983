/** People at their browsers, as the tests know them. */

import {
  type APIRequestContext,
  type Browser,
  type BrowserContext,
  test as base,
  expect,
  type Locator,
  type Page,
} from "@playwright/test";

export const PASSWORD = "tugboat-salad-7";

let count = 0;
const run = Date.now().toString(36);

/** The time for what may take several tries on a machine that all tests share. */
const PATIENCE = { timeout: 90_000 };

/** A person who is logged in, in a browser of their own. */
export class Person {
  /** Errors that the page did not catch. */
  readonly errors: Error[] = [];

  private constructor(
    readonly name: string,
    readonly username: string,
    readonly id: string,
    readonly context: BrowserContext,
    readonly page: Page,
  ) {
    page.on("pageerror", (error) => this.errors.push(error));
  }

  /** Registers by the API, whose cookie is this browser's from then on. */
  static async arrive(
    browser: Browser,
    name: string,
    options: Parameters<Browser["newContext"]>[0] = {},
  ): Promise<Person> {
    const context = await browser.newContext(options);
    const first = /^[a-z]{1,10}/.exec(name.toLowerCase())?.[0] ?? "someone";
    // As long as all others, so that none is the beginning of another.
    const number = String(++count).padStart(3, "0");
    const username =
      process.env.PICTURES === undefined ? `${first}.${run}.${process.pid}.${number}` : first;
    const answer = await context.request.post("/v1/auth/register", {
      data: { username, email: `${username}@example.org`, password: PASSWORD, display_name: name },
      headers: { "sec-fetch-site": "same-origin" },
    });
    expect(answer.status()).toBe(201);
    const page = await context.newPage();
    return new Person(
      name,
      username,
      ((await answer.json()) as { user: { id: string } }).user.id,
      context,
      page,
    );
  }

  get email(): string {
    return `${this.username}@example.org`;
  }

  async open(path = "/c"): Promise<void> {
    await this.page.bringToFront(); // one that is behind another is not drawn
    await this.page.goto(path);
    await expect(this.list).toBeVisible();
  }

  /** The list of chats, which is the main part of a phone that shows nothing else. */
  get list(): Locator {
    const named = { name: "Chats", exact: true };
    return this.page
      .getByRole("complementary", named)
      .or(this.page.getByRole("main", named))
      .first();
  }

  /** Calls the API as this person; returns the answer. */
  async api<T>(method: string, path: string, data?: unknown): Promise<T> {
    const request: APIRequestContext = this.context.request;
    const answer = await request.fetch(`/v1${path}`, {
      method,
      headers: { "sec-fetch-site": "same-origin" },
      ...(data !== undefined && { data }),
    });
    expect(answer.ok(), `${method} ${path}: ${answer.status()} ${await answer.text()}`).toBe(true);
    return (answer.status() === 204 ? undefined : await answer.json()) as T;
  }

  /** Opens the direct chat with another person; returns its id. */
  async chatWith(other: Person): Promise<string> {
    return (
      await this.api<{ id: string }>("POST", "/chats", { kind: "direct", members: [other.id] })
    ).id;
  }

  async group(name: string, ...others: Person[]): Promise<string> {
    return (
      await this.api<{ id: string }>("POST", "/chats", {
        kind: "group",
        name,
        members: others.map((one) => one.id),
      })
    ).id;
  }

  /** Sends by the API. */
  async sends(chat: string, body: string, more: object = {}): Promise<number> {
    return (await this.api<{ id: number }>("POST", `/chats/${chat}/messages`, { body, ...more }))
      .id;
  }

  /** Writes and sends at the page. */
  async says(text: string): Promise<void> {
    await this.field.fill(text);
    // Where a screen is touched, Enter begins a line.
    const isTouched = await this.page.evaluate(() => matchMedia("(hover: none)").matches);
    if (isTouched) await this.page.getByRole("button", { name: "Send", exact: true }).click();
    else await this.field.press("Enter");
  }

  /** Waits until a message of this page is on the server. */
  async sent(text: string): Promise<void> {
    await expect(this.message(text)).toBeVisible();
    await expect(this.message(text).getByLabel("Sending")).toHaveCount(0);
  }

  /** Takes the network away, once the page is connected: what connects just then gets through. */
  async goesOffline(): Promise<void> {
    await expect(this.page.locator("[data-connection=online]")).toBeVisible();
    await this.context.setOffline(true);
  }

  get field(): Locator {
    return this.page.getByRole("textbox", { name: "Message", exact: true });
  }

  /** The messages on screen that have this text. */
  message(text: string | RegExp): Locator {
    return this.page.getByRole("article").filter({ hasText: text });
  }

  /** The chats of the list that have this text. */
  chat(text: string | RegExp): Locator {
    return this.list.getByRole("link").filter({ hasText: text });
  }

  /** Clicks a tool of a message, which may move away from under the pointer meanwhile. */
  async tool(text: string | RegExp, name: string): Promise<void> {
    const button = this.message(text).getByRole("button", { name, exact: true });
    await expect(async () => {
      await this.message(text).hover({ timeout: 5_000 });
      await button.click({ timeout: 5_000 });
    }).toPass(PATIENCE);
  }

  /** Brings the pointer to a message, until its tools are there. */
  async comesNear(text: string | RegExp): Promise<void> {
    const tool = this.message(text).getByRole("button", { name: "More", exact: true });
    await expect(async () => {
      await this.page.mouse.move(0, 0);
      await this.message(text).hover({ timeout: 5_000 });
      await expect(tool).toBeVisible({ timeout: 1000 });
    }).toPass(PATIENCE);
  }

  /** Does something to a message by its menu. */
  async does(text: string | RegExp, what: string): Promise<void> {
    await this.tool(text, "More");
    await this.page.getByRole("menuitem", { name: what }).click();
  }

  /** Does something, and waits until the server has taken it: the page shows it before. */
  async saves(path: RegExp, act: () => Promise<void>): Promise<void> {
    const answer = this.page.waitForResponse(
      (one) => path.test(one.url()) && one.request().method() !== "GET",
    );
    await act();
    expect((await answer).ok()).toBe(true);
  }

  /** Types until something is shown that is shown for some seconds only. */
  async typesUntil(shown: Locator): Promise<void> {
    await expect(async () => {
      await this.field.pressSequentially("a");
      await expect(shown).toBeVisible({ timeout: 4_000 });
    }).toPass(PATIENCE);
  }

  async chatMenu(...what: string[]): Promise<void> {
    await this.page.getByRole("button", { name: "Chat menu" }).click();
    for (const name of what) await this.page.getByRole("menuitem", { name, exact: true }).click();
  }

  /** Answers the question that is asked, and waits until it is gone. */
  async confirms(what: string): Promise<void> {
    const { page } = this;
    const cancel = page.getByRole("button", { name: "Cancel", exact: true });
    const question = page.getByRole("dialog").filter({ has: cancel });
    await question.getByRole("button", { name: what, exact: true }).click();
    await expect(question).toHaveCount(0);
  }

  async settings(tab: string): Promise<void> {
    await this.page.getByRole("button", { name: /: account$/ }).click();
    await this.page.getByRole("menuitem", { name: "Settings" }).click();
    await this.page.getByRole("tab", { name: tab }).click();
  }
}

type Arrive = (name: string, options?: Parameters<Browser["newContext"]>[0]) => Promise<Person>;

/** `arrive` brings somebody to a browser of their own. */
export const test = base.extend<{ arrive: Arrive }>({
  arrive: async ({ browser, baseURL }, use) => {
    const all: Person[] = [];
    await use(async (name, options) => {
      const person = await Person.arrive(browser, name, {
        ...(baseURL !== undefined && { baseURL }),
        ...options,
      });
      all.push(person);
      return person;
    });
    await Promise.all(all.map((person) => person.context.close()));
    expect(all.flatMap((person) => person.errors)).toEqual([]);
  },
});

export { expect };
