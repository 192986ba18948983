import { expect, test } from "./support";

test("a group is made, named, grows and shrinks", async ({ arrive }) => {
  const [ann, bob, cleo] = [await arrive("Ann"), await arrive("Bob"), await arrive("Cleo")];
  await bob.open();
  await cleo.open();
  await ann.open();
  const { page } = ann;
  await page.getByRole("button", { name: "New chat" }).click();
  for (const one of [bob, cleo]) {
    await page.getByRole("textbox", { name: "With whom?" }).fill(one.username);
    await page.getByRole("button", { name: `@${one.username}` }).click();
  }
  await page.getByRole("button", { name: "Make the group" }).click();
  await expect(page.getByRole("heading", { name: "Ann, Bob, Cleo" })).toBeVisible();

  await page.getByRole("button", { name: /, details$/ }).click();
  await page.getByRole("textbox", { name: "Name of the group" }).fill("Regatta");
  await page.getByRole("textbox", { name: "What it is about" }).fill("Boats");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(bob.chat("Regatta")).toBeVisible();

  const row = (name: string) => page.getByRole("listitem").filter({ hasText: name });
  await row("Bob").getByRole("button").click();
  await page.getByRole("menuitem", { name: "Make an admin" }).click();
  await expect(row("Bob")).toContainText("admin");
  await row("Cleo").getByRole("button").click();
  await page.getByRole("menuitem", { name: "Remove" }).click();
  await expect(row("Cleo")).toHaveCount(0);
  await expect(cleo.chat("Regatta")).toHaveCount(0);

  await bob.chat("Regatta").click();
  await expect(bob.page.getByRole("log").getByText("Ann removed Cleo")).toBeVisible();
  await bob.page.getByRole("button", { name: /, details$/ }).click();
  await bob.page.getByRole("button", { name: "Add people" }).click();
  await bob.page.getByRole("textbox", { name: "Whom?" }).fill(cleo.username);
  await bob.page.getByRole("button", { name: `@${cleo.username}` }).click();
  await bob.page.getByRole("button", { name: "Add", exact: true }).click();
  await expect(cleo.chat("Regatta")).toBeVisible();

  await bob.page.getByRole("button", { name: "Leave the group" }).click();
  await bob.confirms("Leave");
  await expect(bob.chat("Regatta")).toHaveCount(0);
  await expect(page.getByRole("log").getByText("Bob left")).toBeVisible();

  await page.getByRole("button", { name: "Delete the group" }).click();
  await page.getByRole("dialog", { name: "Delete this group?" }).getByRole("button", { name: "Delete the group" }).click();
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
  await expect(bob.message("please").locator("mark")).toHaveText([`@${bob.username}`, `@${cleo.username}`]);
});
