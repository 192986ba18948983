import { expect, test } from "./support";

test("two people find each other and talk", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  await bob.open();
  await ann.open();
  await ann.page.getByRole("button", { name: "New chat" }).click();
  await ann.page.getByRole("textbox", { name: "With whom?" }).fill(bob.username);
  await ann.page.getByRole("button", { name: `@${bob.username}` }).click();
  await ann.page.getByRole("button", { name: "Start chatting" }).click();
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

  await bob.field.pressSequentially("I am t");
  await expect(ann.page.getByRole("main").getByText("typing …")).toBeVisible();
  await bob.says("Hello Ann");
  await expect(ann.message("Hello Ann")).toBeVisible();
  await expect(ann.page.getByRole("main").getByText("typing …")).toHaveCount(0);
  await expect(ann.page.getByRole("main").getByText("online")).toBeVisible();
  await bob.context.close();
  await expect(ann.page.getByRole("main").getByText(/last seen/)).toBeVisible({ timeout: 30_000 });
});

test("a chat is begun with an address, and found again by it", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  await ann.open();
  await ann.page.getByRole("button", { name: "New chat" }).click();
  await ann.page.getByRole("textbox", { name: "With whom?" }).fill(bob.email);
  await ann.page.keyboard.press("Enter");
  await ann.page.getByRole("button", { name: "Start chatting" }).click();
  await expect(ann.page.getByRole("heading", { name: "Bob" })).toBeVisible();

  await ann.page.getByRole("button", { name: "New chat" }).click();
  await ann.page.getByRole("textbox", { name: "With whom?" }).fill("nobody@example.org");
  await ann.page.keyboard.press("Enter");
  await ann.page.getByRole("button", { name: "Start chatting" }).click();
  await expect(ann.page.getByRole("alert")).toBeVisible();
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
  // The arrow upwards edits what I wrote last.
  await ann.field.press("ArrowUp");
  await expect(ann.field).toHaveValue("The first version");
  await ann.field.press("Escape");
  await expect(ann.field).toHaveValue("");

  await bob.message("The first").hover();
  await bob.message("The first").getByRole("button", { name: "Reply" }).click();
  await bob.says("An answer");
  await expect(ann.message("An answer")).toContainText("The first version");

  await ann.message("An answer").hover();
  await ann.message("An answer").getByRole("button", { name: "React" }).click();
  await ann.page.getByRole("button", { name: "React with 🎉" }).click();
  await expect(bob.message("An answer").getByRole("button", { name: "🎉 1, me too" })).toBeVisible();
  await bob.message("An answer").getByRole("button", { name: "🎉 1, me too" }).click();
  await expect(ann.message("An answer").getByRole("button", { name: "🎉 2, take mine away" })).toBeVisible();
  await ann.message("An answer").getByRole("button", { name: "🎉 2, take mine away" }).click();
  await expect(bob.message("An answer").getByRole("button", { name: "🎉 1, take mine away" })).toBeVisible();

  await bob.does("An answer", "Delete for me");
  await expect(bob.message("An answer")).toHaveCount(0);
  await expect(ann.message("An answer")).toBeVisible();
  // What happens to it now is nothing to him.
  await ann.message("An answer").hover();
  await ann.message("An answer").getByRole("button", { name: "React" }).click();
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
  await expect(ann.message("Is it you?").getByLabel("Sending")).toHaveCount(0);
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
  await ann.does("All hands", "Who has read it");
  const group = (title: string) => ann.page.getByRole("dialog").locator("div").filter({ has: ann.page.getByRole("heading", { name: title, exact: true }) }).last();
  const people = (title: string) => ann.page.getByRole("dialog").getByRole("list").nth(title === "Read by" ? 0 : 1);
  await expect(group("Read by")).toBeVisible();
  await expect(people("Read by")).toHaveText(/Bob/);
  await expect(people("Delivered to")).toHaveText(/Cleo/);
  await ann.page.getByRole("button", { name: "Close" }).click();
  await cleo.chat("Crew").click();
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
  await bob.message("Ahoy").hover();
  await bob.message("Ahoy").getByRole("button", { name: "React" }).click();
  await bob.page.getByRole("button", { name: "Any other emoji" }).click();
  await bob.page.getByRole("searchbox", { name: "Search emoji" }).fill("octopus");
  await bob.page.getByRole("gridcell", { name: "octopus" }).click();
  await expect(ann.message("Ahoy").getByRole("button", { name: "🐙 1, me too" })).toBeVisible();
});
