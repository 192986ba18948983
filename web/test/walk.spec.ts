/** A walk through all that the page can show: by day and by night, wide and narrow, mirrored. */

import type { Page, WebSocketRoute } from "@playwright/test";

import { sendPictures } from "./dusk";
import { found, small } from "./faults";
import { mirror } from "./mirror";
import { expect, PASSWORD, type Person, test } from "./support";

const SCREENS = [
  { screen: "a desktop", least: 24, options: { viewport: { width: 1280, height: 800 } } },
  {
    screen: "a phone",
    least: 44,
    options: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
  },
] as const;

/** Rules whose outcome depends on colours: all others are the same by night. */
const COLOURS = ["color-contrast"];
/** Rules whose outcome depends on places: all others are the same on a page that is mirrored. */
const PLACES = [...COLOURS, "scrollable-region-focusable", "target-size"];

/** Goes on after a fault, so that one run shows all there are. */
const gently = expect.configure({ soft: true, timeout: 10_000 });

/** Looks at one screen after the other. */
class Walk {
  constructor(
    private readonly page: Page,
    private readonly least: number,
    private readonly rules: string[] | undefined,
  ) {}

  /** Notes the faults of what is shown now, once it has come to rest. */
  async at(where: string): Promise<void> {
    const { page, least, rules } = this;
    const look = async () => [...(await found(page, rules)), ...(await small(page, least))];
    await this.note(where, look);
    await page.emulateMedia({ colorScheme: "dark" });
    await this.note(`${where}, at night`, () => found(page, COLOURS));
    await page.emulateMedia({ colorScheme: "light" });
  }

  private async note(where: string, look: () => Promise<string[]>): Promise<void> {
    await gently.poll(look, where).toEqual([]);
  }
}

/** Lets a test tell the page what the server might tell. */
async function interpose(page: Page) {
  let route: WebSocketRoute | undefined;
  let cursor = "";
  let isPartial = false;
  await page.routeWebSocket(/\/v1\/socket/, (socket) => {
    route = socket;
    const server = socket.connectToServer();
    server.onMessage((frame) => {
      const event = JSON.parse(String(frame)) as { cursor?: string; partial?: boolean };
      cursor = event.cursor ?? cursor;
      if (event.partial !== undefined) event.partial = isPartial;
      socket.send(JSON.stringify(event));
    });
  });
  const tell = (event: object) => route?.send(JSON.stringify(event));
  return {
    typing: (chat: string, user: string) =>
      tell({ type: "typing", chat_id: chat, user_id: user, expires_ms: 600_000 }),
    /** Says that the database is away, now and from now on. */
    losesDatabase: () => {
      isPartial = true;
      tell({ type: "heartbeat", cursor, partial: true });
    },
  };
}

const upload = (who: Person, chat: string, name: string) =>
  who.context.request
    .post(`/v1/chats/${chat}/attachments?name=${name}`, {
      data: "tide tables",
      headers: { "content-type": "text/plain", "sec-fetch-site": "same-origin" },
    })
    .then((answer) => answer.json() as Promise<object>);

for (const { screen, least, options } of SCREENS) {
  for (const direction of ["ltr", "rtl"] as const) {
    const calm = { ...options, colorScheme: "light", reducedMotion: "reduce" } as const;
    const rules = direction === "rtl" ? PLACES : undefined;
    const isPhone = screen === "a phone";
    const name = (part: string) => `${part} of ${screen}, ${direction}, has no fault`;

    test(name("the way in"), async ({ browser, baseURL, arrive }) => {
      const context = await browser.newContext({ ...calm, ...(baseURL && { baseURL }) });
      const page = await context.newPage();
      if (direction === "rtl") await mirror(page);
      const walk = new Walk(page, least, rules);
      for (const path of ["/", "/login", "/signup", "/nowhere"]) {
        await page.goto(path);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await walk.at(path);
      }
      await page.goto("/login");
      await page.getByLabel("Username or email").fill("nobody");
      await page.getByRole("textbox", { name: "Password" }).fill("not a password");
      await page.getByRole("button", { name: "Log in" }).click();
      await page.getByRole("alert").waitFor();
      await walk.at("a login that is refused");
      const bob = await arrive("Bob");
      await page.goto("/signup");
      await page.getByLabel("Your name").fill("Bob");
      await page.getByRole("textbox", { name: "Username" }).fill(bob.username);
      await page.getByLabel("Email").fill(bob.email);
      await page.getByRole("textbox", { name: "Password" }).fill(PASSWORD);
      await page.getByRole("button", { name: "Create account" }).click();
      await page.locator("[aria-invalid=true], [role=alert]").first().waitFor();
      await walk.at("a form with errors");
      await context.close();
    });

    test(name("every list and dialog"), async ({ arrive }) => {
      const [ann, bob, cleo] = [
        await arrive("Ann", calm),
        await arrive("Bob"),
        await arrive("Cleo"),
      ];
      const { page } = ann;
      const walk = new Walk(page, least, rules);
      const server = await interpose(page);
      if (direction === "rtl") await mirror(page);
      await ann.open();
      await page.getByText("No chats yet.").waitFor();
      await walk.at("no chats");

      const chat = await ann.chatWith(bob);
      await bob.sends(chat, "Hello");
      const group = await ann.group("Crew", bob, cleo);
      await cleo.sends(group, `@${ann.username} hello`, { mentions: [ann.id] });
      const muted = await ann.chatWith(cleo);
      const muted_until = "2199-01-01T00:00:00.000Z";
      await ann.api("PATCH", `/chats/${muted}/preferences`, { muted_until, pinned: true });
      await cleo.sends(muted, "quietly");
      await expect(ann.chat("quietly").getByLabel("1 unread")).toBeVisible();
      await walk.at("the list");
      await ann.chat("Bob").click({ button: "right" });
      await page.getByRole("menuitem", { name: "Mute…" }).click();
      await page.getByRole("menuitem", { name: "For a week" }).waitFor();
      await walk.at("the menu of a row");
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: /: account$/ }).click();
      await page.getByRole("menuitem", { name: "Log out" }).waitFor();
      await walk.at("the account's menu");
      await page.keyboard.press("Escape");
      const pick = (filter: string) => page.getByText(filter, { exact: true }).click();
      await pick("Archived");
      await page.getByText("No archived chats.").waitFor();
      await walk.at("an empty archive");
      await pick("All");
      await ann.chat("Bob").click({ button: "right" });
      await page.getByRole("menuitem", { name: "Archive" }).click();
      await page.getByRole("button", { name: "Undo" }).waitFor();
      await walk.at("what can be undone");
      await page.getByRole("button", { name: "Undo" }).click();
      const search = page.getByRole("textbox", { name: /^Search/ });
      await search.fill("hello");
      await expect(ann.list.locator("mark").first()).toBeVisible();
      await walk.at("a search");
      await search.fill("nothing of that kind");
      await page.getByText("Nothing found for").waitFor();
      await walk.at("a search without a hit");
      await page.getByRole("button", { name: "Clear the search" }).click();

      await page.getByRole("button", { name: "New chat" }).click();
      for (const one of [bob, cleo]) {
        await page.getByRole("textbox", { name: "To", exact: true }).fill(one.username);
        await page.getByRole("dialog").getByText(`@${one.username}`).click();
      }
      await page.getByLabel("Group name").waitFor();
      await walk.at("a new chat");
      await page.getByRole("button", { name: "Close" }).click();

      await ann.api("PUT", `/users/me/blocks/${cleo.id}`);
      for (const tab of ["Profile", "Appearance", "Password", "Sessions", "Blocked", "My data"]) {
        if (tab === "Profile") await ann.settings(tab);
        else await page.getByRole("tab", { name: tab }).click();
        if (tab === "Profile") await page.getByLabel("Username").fill(bob.username);
        if (tab === "Blocked") await page.getByRole("button", { name: "Unblock" }).waitFor();
        await walk.at(`settings, ${tab}`);
      }
      await page.getByRole("button", { name: "Close" }).click();

      await page.goto(`/c/${group}`);
      await page.getByRole("button", { name: /, details$/ }).click();
      await page.getByRole("dialog").getByText("3 members").waitFor();
      await walk.at("details");
      await page.getByRole("button", { name: "Options for Bob" }).click();
      await page.getByRole("menuitem", { name: "Remove from the group" }).waitFor();
      await walk.at("a member's menu");
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: "Leave group" }).click();
      await page.getByText("You own this group").waitFor();
      await walk.at("the owner's question");
      await ann.confirms("Cancel");
      await page.getByRole("button", { name: "Add people" }).click();
      await page.getByLabel("People to add").fill("nobody of that name");
      await page.getByText("No people found").waitFor();
      await walk.at("people to add");
      await page.getByRole("dialog", { name: "Add people" }).getByLabel("Close").click();
      await page.getByRole("button", { name: "Close" }).click();

      await page.goto(`/c/${muted}`);
      await page.getByText("You have blocked").waitFor();
      await walk.at("a chat with somebody who is blocked");
      await page.getByRole("button", { name: /, details$/ }).click();
      await page.getByRole("dialog").getByText("Joined on").waitFor();
      await walk.at("a person's details");
      await page.goto("/c/00000000-0000-7000-8000-000000000000");
      await page.getByRole("heading", { name: "This chat isn’t here" }).waitFor();
      await walk.at("a chat that is not there");
      await ann.open();
      await expect(page.locator("[data-connection=online]")).toBeVisible();
      server.losesDatabase();
      await page.getByText("Some messages may be missing.").waitFor();
      await walk.at("what may be missing");
      await ann.goesOffline();
      await page.getByText("Offline. Reconnecting…").waitFor();
      await walk.at("without a network");
      await ann.context.setOffline(false);
      // A chat that no server sends makes the page fail.
      const broken = { json: { items: [{ id: chat, kind: "direct" }] } };
      await page.route("**/v1/chats?*", (route) => route.fulfill(broken));
      await page.route("**/v1/chats", (route) => route.fulfill(broken));
      await page.goto("/c");
      await page.getByRole("heading", { name: "Something went wrong" }).waitFor();
      await walk.at("a page that has failed");
      ann.errors.length = 0;
      await page.unroute("**/v1/chats?*");
      await page.unroute("**/v1/chats");
      await ann.open();
      const ended = await ann.context.request.delete("/v1/auth/sessions", {
        headers: { "sec-fetch-site": "same-origin" },
      });
      expect(ended.ok()).toBe(true);
      await ann.context.request.post("/v1/auth/logout", {
        headers: { "sec-fetch-site": "same-origin" },
      });
      await page.getByText("Your session has ended.").waitFor();
      await walk.at("a session that has ended");
    });

    test(name("every chat"), async ({ arrive }) => {
      const [ann, bob, cleo] = [
        await arrive("Ann", calm),
        await arrive("Bob"),
        await arrive("Cleo"),
      ];
      const { page } = ann;
      const walk = new Walk(page, least, rules);
      const server = await interpose(page);
      if (direction === "rtl") await mirror(page);
      const group = await ann.group("Crew", bob, cleo);
      const id = await bob.sends(group, "Some **bold** words, `code`, and https://example.org", {
        subject: "A subject",
        attachments: [await upload(bob, group, "theirs.txt")],
      });
      await ann.sends(group, "An answer", {
        reply_to: id,
        attachments: [await upload(ann, group, "mine.txt")],
      });
      await sendPictures(ann, group, "sea", [[300, 200]]);
      await sendPictures(bob, group, "dusk", [
        [300, 200],
        [320, 240],
      ]);
      for (const who of [ann, bob])
        await who.api(
          "PUT",
          `/chats/${group}/messages/${id}/reactions/${encodeURIComponent("👍")}`,
        );
      await ann.sends(group, "The last");
      await page.route("**/attachments/*", (route) =>
        route.request().url().includes("size=") ? route.abort() : route.fallback(),
      );
      const clock = page.clock;
      await clock.install();
      await page.goto(`/c/${group}`);
      await ann.message("The last").waitFor();
      await ann.comesNear("The last");
      await walk.at("a group");
      await ann.tool("The last", "More");
      await page.getByRole("menuitem", { name: "Who has read it" }).waitFor();
      await walk.at("a message's menu");
      await page.getByRole("menuitem", { name: "Who has read it" }).click();
      await page.getByRole("dialog").getByText("Bob").waitFor();
      await walk.at("who has read it");
      await page.getByRole("button", { name: "Close" }).click();
      await ann.tool("The last", "React");
      await page.getByRole("button", { name: "React with 👍" }).waitFor();
      await walk.at("the reactions");
      await page.getByRole("button", { name: "More emoji" }).click();
      await page.getByRole("gridcell").first().waitFor();
      await walk.at("the emoji");
      await page.keyboard.press("Escape");
      await ann.chatMenu();
      await page.getByRole("menuitem", { name: "Mute…" }).click();
      await page.getByRole("menuitem", { name: "For a week" }).waitFor();
      await walk.at("a chat's menu");
      await page.keyboard.press("Escape");
      await ann.chatMenu("Clear for me");
      await page.getByRole("dialog").getByText("Clear this chat?").waitFor();
      await walk.at("a question");
      await ann.confirms("Cancel");
      await ann.field.fill("@");
      await page.getByRole("option").first().waitFor();
      await walk.at("people to mention");
      await ann.field.fill("too long ".repeat(1200));
      if (!isPhone) await page.getByRole("button", { name: "Add a subject" }).click();
      await page.getByLabel("Files", { exact: true }).setInputFiles({
        name: "tides.txt",
        mimeType: "text/plain",
        buffer: Buffer.from("tide tables"),
      });
      await page.locator(".picked-file").getByText("11 B").waitFor();
      await ann.tool("The last", "Reply");
      await walk.at("a composer with all there is");
      await page.getByRole("main").evaluate((main) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File(["hello"], "dropped.txt"));
        main.dispatchEvent(new DragEvent("dragover", { dataTransfer, bubbles: true }));
      });
      await page.getByText("Drop files to attach them").waitFor();
      await walk.at("files over a chat");
      await page.getByRole("main").dispatchEvent("dragleave");
      await page.getByRole("button", { name: "Remove tides.txt" }).click();
      await ann.field.fill("a draft");
      await expect(page.locator("[data-connection=online]")).toBeVisible();
      server.typing(group, bob.id);
      await page.locator(".conversation-head .typing-word").waitFor();
      await walk.at("a chat in which somebody is typing");
      await clock.runFor(20_000);
      await page.getByText("This picture can’t be shown.").first().waitFor();
      await walk.at("pictures that are not there");
      await page.unroute("**/attachments/*");
      await page.reload();
      await page.getByRole("button", { name: "View dusk-1.png" }).click();
      await page.locator(".lightbox img").waitFor();
      await walk.at("a picture that fills the screen");
      await page.keyboard.press("Escape");

      const alone = await ann.chatWith(cleo);
      await cleo.api("PUT", `/users/me/blocks/${ann.id}`);
      await page.goto(`/c/${alone}`);
      await ann.says("Are you there?");
      await page.getByText("Not sent:").first().waitFor();
      await walk.at("a message that is refused");
      await cleo.api("POST", "/users/me/erase", { password: PASSWORD });
      await page.reload();
      await page.getByText("This account has been deleted").waitFor();
      await walk.at("a chat with somebody who is gone");
    });
  }
}
