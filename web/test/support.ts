/** People at their browsers, as the tests know them. */

import { type APIRequestContext, type Browser, type BrowserContext, type Locator, type Page, expect, test as base } from "@playwright/test";

export const PASSWORD = "tugboat-salad-7";

let count = 0;
const run = Date.now().toString(36);

/** Somebody who is logged in, in a browser of their own. */
export class Person {
  private constructor(
    readonly name: string,
    readonly username: string,
    readonly id: string,
    readonly context: BrowserContext,
    readonly page: Page,
  ) {}

  /** Registers by the API, whose cookie is this browser's from then on. */
  static async arrive(browser: Browser, name: string, options: Parameters<Browser["newContext"]>[0] = {}): Promise<Person> {
    const context = await browser.newContext(options);
    const first = name.toLowerCase().split(" ")[0] ?? "";
    const username = process.env["PICTURES"] === undefined ? `${first}.${run}.${process.pid}.${++count}` : first;
    const answer = await context.request.post("/v1/auth/register", {
      data: { username, email: `${username}@example.org`, password: PASSWORD, display_name: name },
      headers: { "sec-fetch-site": "same-origin" },
    });
    expect(answer.status()).toBe(201);
    const page = await context.newPage();
    page.on("pageerror", (error) => {
      throw error;
    });
    return new Person(name, username, ((await answer.json()) as { user: { id: string } }).user.id, context, page);
  }

  get email(): string {
    return `${this.username}@example.org`;
  }

  async open(path = "/c"): Promise<void> {
    await this.page.bringToFront(); // one that is behind another is not drawn
    await this.page.goto(path);
    await expect(this.page.getByRole("complementary", { name: "Chats" })).toBeVisible();
  }

  /** What the API answers this person. */
  async api<T>(method: string, path: string, data?: unknown): Promise<T> {
    const request: APIRequestContext = this.context.request;
    const answer = await request.fetch(`/v1${path}`, { method, headers: { "sec-fetch-site": "same-origin" }, ...(data !== undefined && { data }) });
    expect(answer.ok(), `${method} ${path}: ${answer.status()} ${await answer.text()}`).toBe(true);
    return (answer.status() === 204 ? undefined : await answer.json()) as T;
  }

  /** Their direct chat with somebody. */
  async chatWith(other: Person): Promise<string> {
    return (await this.api<{ id: string }>("POST", "/chats", { kind: "direct", members: [other.id] })).id;
  }

  async group(name: string, ...others: Person[]): Promise<string> {
    return (await this.api<{ id: string }>("POST", "/chats", { kind: "group", name, members: others.map((one) => one.id) })).id;
  }

  /** Sends by the API. */
  async sends(chat: string, body: string, more: object = {}): Promise<number> {
    return (await this.api<{ id: number }>("POST", `/chats/${chat}/messages`, { body, ...more })).id;
  }

  /** Writes and sends at the page. */
  async says(text: string): Promise<void> {
    await this.field.fill(text);
    await this.field.press("Enter");
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
    return this.page.getByRole("complementary", { name: "Chats" }).getByRole("link").filter({ hasText: text });
  }

  /** Does something to a message by its menu. */
  async does(text: string | RegExp, what: string): Promise<void> {
    await this.message(text).hover();
    await this.message(text).getByRole("button", { name: "More" }).click();
    await this.page.getByRole("menuitem", { name: what }).click();
  }

  async chatMenu(...what: string[]): Promise<void> {
    await this.page.getByRole("button", { name: "What to do with this chat" }).click();
    for (const name of what) await this.page.getByRole("menuitem", { name, exact: true }).click();
  }

  /** Says yes to the question that is asked. */
  async confirms(what: string): Promise<void> {
    await this.page.getByRole("dialog").getByRole("button", { name: what, exact: true }).click();
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
      const person = await Person.arrive(browser, name, { ...(baseURL !== undefined && { baseURL }), ...options });
      all.push(person);
      return person;
    });
    await Promise.all(all.map((person) => person.context.close()));
  },
});

export { expect };
