import { settled } from "./long-chat";
import { expect, test } from "./support";

test("two people find each other and talk", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  await bob.open();
  await ann.open();
  await ann.page.getByRole("button", { name: "New chat" }).click();
  await ann.page.getByRole("textbox", { name: "To", exact: true }).fill(bob.username);
  await ann.page.getByRole("button", { name: `@${bob.username}` }).click();
  await ann.page.getByRole("button", { name: "Start chat" }).click();
  await expect(ann.page.getByRole("heading", { name: "Bob" })).toBeVisible();

  await ann.says("Hello Bob");
  await expect(ann.message("Hello Bob")).toBeVisible();
  await expect(bob.chat("Ann")).toContainText("Hello Bob");
  await expect(bob.chat("Ann").getByLabel("1 unread")).toBeVisible();
  await expect(bob.page).toHaveTitle("(1) Carrier");
  await expect(ann.message("Hello Bob").getByLabel("Delivered")).toBeVisible();

  await bob.chat("Ann").click();
  await expect(bob.message("Hello Bob")).toBeVisible();
  await expect(ann.message("Hello Bob").getByLabel("Read")).toBeVisible();
  await expect(bob.chat("Ann").getByLabel("1 unread")).toHaveCount(0);
  await expect(bob.page).toHaveTitle("Carrier");

  const typing = ann.page.getByRole("main").getByText("typing…");
  await bob.typesUntil(typing);
  await bob.says("Hello Ann");
  await expect(ann.message("Hello Ann")).toBeVisible();
  await expect(typing).toHaveCount(0);
  await expect(bob.field).toHaveValue("");
  await bob.field.press("a"); // one key: who goes on typing after a message is shown at once
  await expect(typing).toBeVisible();
  await expect(ann.page.getByRole("main").getByText("online")).toBeVisible();
  await bob.context.close();
  await expect(ann.page.getByRole("main").getByText(/last seen/)).toBeVisible();
});

test("a chat is begun with an address, and found again by it", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  await bob.api("PATCH", "/users/me", { found_by_email: true });
  await ann.open();
  await ann.page.getByRole("button", { name: "New chat" }).click();
  await ann.page.getByRole("textbox", { name: "To", exact: true }).fill(bob.email);
  await ann.page.keyboard.press("Enter");
  await ann.page.getByRole("button", { name: "Start chat" }).click();
  await expect(ann.page.getByRole("heading", { name: "Bob" })).toBeVisible();

  await ann.page.getByRole("button", { name: "New chat" }).click();
  await ann.page.getByRole("textbox", { name: "To", exact: true }).fill("nobody@example.org");
  await ann.page.keyboard.press("Enter");
  await ann.page.getByRole("button", { name: "Start chat" }).click();
  await expect(ann.page.getByRole("alert")).toContainText("“nobody@example.org”");
});

test("a message is edited, answered, reacted to, and deleted", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.open(`/c/${chat}`);
  await bob.open(`/c/${chat}`);

  await ann.says("The frist version");
  await ann.does("The frist", "Edit");
  await expect(ann.field).toHaveValue("The frist version");
  await ann.says("The first version");
  await expect(bob.message("The first version")).toContainText("edited");
  await expect(ann.field).toHaveValue("");
  // The arrow upwards edits what I wrote last.
  await ann.field.press("ArrowUp");
  await expect(ann.field).toHaveValue("The first version");
  await ann.field.press("Escape");
  await expect(ann.field).toHaveValue("");

  await bob.tool("The first", "Reply");
  await bob.says("An answer");
  await expect(ann.message("An answer")).toContainText("The first version");

  await ann.tool("An answer", "React");
  await ann.page.getByRole("button", { name: "React with 🎉" }).click();
  await expect(
    bob.message("An answer").getByRole("button", { name: "🎉 1, add mine" }),
  ).toBeVisible();
  await bob.message("An answer").getByRole("button", { name: "🎉 1, add mine" }).click();
  await expect(
    ann.message("An answer").getByRole("button", { name: "🎉 2, remove mine" }),
  ).toBeVisible();
  await ann.message("An answer").getByRole("button", { name: "🎉 2, remove mine" }).click();
  await expect(
    bob.message("An answer").getByRole("button", { name: "🎉 1, remove mine" }),
  ).toBeVisible();

  await bob.does("An answer", "Delete for me");
  await bob.confirms("Delete for me");
  await expect(bob.message("An answer")).toHaveCount(0);
  await expect(ann.message("An answer")).toBeVisible();
  // He sees nothing of later changes to it.
  await ann.tool("An answer", "React");
  await ann.page.getByRole("button", { name: "React with 👍" }).click();
  await ann.says("Are you still there?");
  await expect(bob.message("Are you still there?")).toBeVisible();
  await expect(bob.message("An answer")).toHaveCount(0);
  await ann.does(/^(?!.*An answer).*The first/, "Delete for everyone");
  await ann.confirms("Delete for everyone");
  await expect(bob.message("This message was deleted")).toBeVisible();
});

test("whoever answers has read what was before", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.open(`/c/${chat}`);
  await ann.says("Is it you?");
  await ann.sent("Is it you?");
  await bob.sends(chat, "It is"); // with a client that tells nothing else
  await expect(ann.message("Is it you?").getByLabel("Read", { exact: true })).toBeVisible();
});

test("a message has a subject where one is given", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.open(`/c/${chat}`);
  await bob.open(`/c/${chat}`);
  await ann.page.getByRole("button", { name: "Add a subject" }).click();
  await ann.page.getByRole("textbox", { name: "Subject" }).fill("About tomorrow");
  await ann.says("We meet at seven");
  await expect(bob.message("We meet at seven")).toContainText("About tomorrow");
});

test("two tabs of one person agree", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.open(`/c/${chat}`);
  const other = await ann.context.newPage();
  await other.goto(`/c/${chat}`);
  await ann.field.fill("a draft");
  await expect(other.getByRole("textbox", { name: "Message", exact: true })).toHaveValue("a draft");
  await ann.field.press("Enter");
  await expect(other.getByRole("article").filter({ hasText: "a draft" })).toHaveCount(1);
  await expect(other.getByRole("textbox", { name: "Message", exact: true })).toHaveValue("");
  await expect(ann.message("a draft")).toHaveCount(1);

  await ann.page.getByRole("button", { name: "Ann: account" }).click();
  await ann.page.getByRole("menuitem", { name: "Log out" }).click();
  await expect(other.getByRole("button", { name: "Log in" })).toBeVisible();
});

test("a group sees how far a message has come, and who has read it", async ({ arrive }) => {
  const [ann, bob, cleo] = [await arrive("Ann"), await arrive("Bob"), await arrive("Cleo")];
  const chat = await ann.group("Crew", bob, cleo);
  await ann.open(`/c/${chat}`);
  await ann.says("All hands");
  const reach = (name: string) => ann.message("All hands").getByLabel(name, { exact: true });
  await bob.open();
  await cleo.open();
  await expect(reach("Delivered")).toBeVisible();
  await bob.chat("Crew").click();
  await expect(bob.message("All hands")).toBeVisible();
  const asked: string[] = [];
  ann.page.on("request", (request) => {
    if (/\/chats\/[^/]+\/receipts/.test(request.url())) asked.push(request.url());
  });
  await ann.does("All hands", "Who has read it");
  const group = (title: string) =>
    ann.page
      .getByRole("dialog")
      .locator("div")
      .filter({ has: ann.page.getByRole("heading", { name: title, exact: true }) })
      .last();
  const people = (title: string) =>
    ann.page
      .getByRole("dialog")
      .getByRole("list")
      .nth(title === "Read by" ? 0 : 1);
  await expect(group("Read by")).toBeVisible();
  await expect(people("Read by")).toHaveText(/Bob/);
  await expect(people("Delivered to")).toHaveText(/Cleo/);
  // What changes meanwhile is told, not asked for: the answer grows with the group.
  await cleo.chat("Crew").click();
  await expect(people("Read by")).toHaveText(/Bob.*Cleo|Cleo.*Bob/);
  expect(asked).toHaveLength(1);
  await ann.page.getByRole("button", { name: "Close" }).click();
  await expect(reach("Read")).toBeVisible();
});

test("any emoji can be searched for, written and reacted with", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await bob.open(`/c/${chat}`);
  await ann.open(`/c/${chat}`);
  await ann.field.fill("Ahoy");
  await ann.page.getByRole("button", { name: "Emoji" }).click();
  await ann.page.getByRole("searchbox", { name: "Search emoji" }).fill("sailboat");
  await ann.page.getByRole("gridcell", { name: "sailboat" }).click();
  await expect(ann.field).toHaveValue("Ahoy⛵️");
  await ann.page.keyboard.press("Escape");
  await ann.field.press("Enter");
  await expect(bob.message("Ahoy⛵️")).toBeVisible();
  await bob.tool("Ahoy", "React");
  await bob.page.getByRole("button", { name: "More emoji" }).click();
  await bob.page.getByRole("searchbox", { name: "Search emoji" }).fill("octopus");
  await bob.page.getByRole("gridcell", { name: "octopus" }).click();
  await expect(ann.message("Ahoy").getByRole("button", { name: "🐙 1, add mine" })).toBeVisible();
});

test("a name that could not be loaded is asked for again", async ({ arrive }) => {
  const [ann, bob, cleo] = [await arrive("Ann"), await arrive("Bob"), await arrive("Cleo")];
  const chat = await bob.group("Crew", ann, cleo);
  await cleo.sends(chat, "who am I?");
  let isDown = true;
  await ann.page.route(/\/v1\/users\?ids=/, (route) => (isDown ? route.abort() : route.fallback()));
  await ann.open(`/c/${chat}`);
  await expect(ann.message("who am I?")).toBeVisible();
  await settled(ann.page); // nobody else asks from here on
  isDown = false;
  await expect(ann.message("who am I?")).toContainText("Cleo");
  await expect(ann.chat("Crew")).toContainText("Cleo: who am I?");
});

test("times follow a journey to another zone", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann", { locale: "en-GB" }), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  const devtools = await ann.context.newCDPSession(ann.page);
  const travel = (timezoneId: string) =>
    devtools.send("Emulation.setTimezoneOverride", { timezoneId });
  await travel("Etc/GMT+5");
  await bob.sends(chat, "what time is it?");
  await ann.open(`/c/${chat}`);
  const time = ann.message("what time is it?").locator("time");
  const at = new Date((await time.getAttribute("datetime")) ?? "");
  const inZone = (hours: number) =>
    new Date(at.getTime() + hours * 3_600_000).toISOString().slice(11, 16);
  await expect(time).toHaveText(inZone(-5));
  await travel("Etc/GMT-9");
  await ann.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await expect(time).toHaveText(inZone(9));
});
