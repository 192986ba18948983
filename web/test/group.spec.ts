import { expect, test } from "./support";

test("a group is made, named, grows and shrinks", async ({ arrive }) => {
  const [ann, bob, cleo] = [await arrive("Ann"), await arrive("Bob"), await arrive("Cleo")];
  await bob.open();
  await cleo.open();
  await ann.open();
  const { page } = ann;
  await page.getByRole("button", { name: "New chat" }).click();
  for (const one of [bob, cleo]) {
    await page.getByRole("textbox", { name: "To", exact: true }).fill(one.username);
    await page.getByRole("button", { name: `@${one.username}` }).click();
  }
  await page.getByRole("button", { name: "Create group" }).click();
  await expect(page.getByRole("heading", { name: "Ann, Bob, Cleo" })).toBeVisible();

  await page.getByRole("button", { name: /, details$/ }).click();
  await page.getByRole("textbox", { name: "Group name" }).fill("Regatta");
  await page.getByRole("textbox", { name: "Description" }).fill("Boats");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(bob.chat("Regatta")).toBeVisible();

  const row = (name: string) => page.getByRole("listitem").filter({ hasText: name });
  await row("Bob").getByRole("button").click();
  await page.getByRole("menuitem", { name: "Make admin" }).click();
  await expect(row("Bob")).toContainText("admin");
  await row("Cleo").getByRole("button").click();
  await page.getByRole("menuitem", { name: "Remove from the group" }).click();
  await ann.confirms("Remove");
  await expect(row("Cleo")).toHaveCount(0);
  await expect(cleo.chat("Regatta")).toHaveCount(0);

  await bob.chat("Regatta").click();
  await expect(bob.page.getByRole("log").getByText("Ann removed Cleo")).toBeVisible();
  await bob.page.getByRole("button", { name: /, details$/ }).click();
  await bob.page.getByRole("button", { name: "Add people" }).click();
  await bob.page.getByRole("textbox", { name: "People to add" }).fill(cleo.username);
  await bob.page.getByRole("button", { name: `@${cleo.username}` }).click();
  await bob.page.getByRole("button", { name: "Add", exact: true }).click();
  await expect(cleo.chat("Regatta")).toBeVisible();

  await bob.page.getByRole("button", { name: "Leave group" }).click();
  await bob.confirms("Leave");
  await expect(bob.chat("Regatta")).toHaveCount(0);
  await expect(page.getByRole("log").getByText("Bob left")).toBeVisible();

  await page.getByRole("button", { name: "Delete group" }).click();
  await page
    .getByRole("dialog", { name: "Delete this group?" })
    .getByRole("button", { name: "Delete group" })
    .click();
  await expect(cleo.chat("Regatta")).toHaveCount(0);
});

test("who is mentioned sees it in the list, and in the text", async ({ arrive }) => {
  const [ann, bob, cleo] = [await arrive("Ann"), await arrive("Bob"), await arrive("Cleo")];
  const chat = await ann.group("Crew", bob, cleo);
  await bob.open();
  await ann.open(`/c/${chat}`);
  await ann.field.pressSequentially("Look here, @bo");
  await ann.page.getByRole("option", { name: /Bob/ }).waitFor();
  await ann.field.press("Enter");
  await ann.field.pressSequentially(`please, and thanks @${cleo.username}.`);
  await ann.field.press("Enter");
  await expect(bob.chat("Crew").getByLabel("You were mentioned")).toBeVisible();
  await bob.chat("Crew").click();
  // A sentence may end after a name.
  await expect(bob.message("please").locator("mark")).toHaveText([
    `@${bob.username}`,
    `@${cleo.username}`,
  ]);
});

test("all are mentioned by who may, and each of them sees it", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.group("Crew", bob);
  await bob.open();
  await ann.open(`/c/${chat}`);
  await ann.field.pressSequentially("Look here, @");
  const options = ann.page.getByRole("listbox", { name: "People to mention" }).getByRole("option");
  await expect(options).toHaveText([/@all.*Mention everyone in this group/, /Bob/]);
  await ann.field.press("Enter");
  await ann.field.pressSequentially("now");
  await ann.field.press("Enter");
  await expect(ann.message("now").locator("mark")).toHaveText(["@all"]);
  await expect(bob.chat("Crew").getByLabel("You were mentioned")).toBeVisible();
  await bob.chat("Crew").click();
  await expect(bob.message("now").locator("mark")).toHaveText(["@all"]);
  await expect(bob.chat("Crew").getByLabel("You were mentioned")).toHaveCount(0);

  // In a direct chat there is nobody else.
  await ann.open(`/c/${await ann.chatWith(bob)}`);
  await ann.says("to @all");
  await ann.sent("to @all");
  await expect(ann.message("to @all").locator("mark")).toHaveCount(0);
});

test("an owner who wants to leave is told first what that takes", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.group("Crew", bob);
  await ann.sends(chat, "we sail at nine");
  await ann.open(`/c/${chat}`);
  const { page } = ann;
  const left: string[] = [];
  page.on("request", (request) => {
    if (request.method() === "DELETE") left.push(request.url());
  });
  await page.getByRole("button", { name: /, details$/ }).click();
  await page.getByRole("button", { name: "Leave group" }).click();
  await expect(page.getByText("You own this group")).toBeVisible();
  await ann.confirms("Cancel");
  await expect(page.getByText("You own this group")).toHaveCount(0);
  await expect(ann.message("we sail at nine")).toBeVisible(); // still here
  expect(left).toEqual([]);

  const row = page.getByRole("listitem").filter({ hasText: "Bob" });
  await row.getByRole("button").click();
  await page.getByRole("menuitem", { name: "Make owner" }).click();
  await ann.confirms("Hand over");
  await expect(row).toContainText("owner");
  await page.getByRole("button", { name: "Leave group" }).click();
  await ann.confirms("Leave");
  await expect(ann.chat("Crew")).toHaveCount(0);
  await expect(page.getByText("Choose a chat, or start one.")).toBeVisible();
});
