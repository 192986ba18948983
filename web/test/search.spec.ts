import { expect, test } from "./support";

test("a name finds its owner before the groups that they are in, at each key", async ({
  arrive,
}) => {
  const [ann, jonas, bob] = [await arrive("Ann"), await arrive("Jonas"), await arrive("Bob")];
  const direct = await ann.chatWith(jonas);
  await jonas.sends(direct, "the older one");
  const group = await ann.group("Crew", jonas, bob);
  await bob.sends(group, "the newer one");
  // The server answers no search: what is known is found all the same.
  await ann.page.route(/\/v1\/(search|users)\?/, (route) =>
    route.request().url().includes("ids=") ? route.fallback() : undefined,
  );
  await ann.open(`/c/${group}`);
  await expect(ann.message("the newer one")).toBeVisible();
  await expect(ann.page.getByRole("log").getByText("Bob")).toBeVisible(); // people are known
  const results = ann.page.locator(".results button");
  await ann.page.keyboard.press("Control+k");
  await ann.page.keyboard.type("jon");
  await expect(results).toHaveText([/Jonas/, /Crew/]);
  await ann.page.keyboard.press("Enter");
  await expect(ann.page.getByRole("heading", { name: "Jonas" })).toBeVisible();
});

test("Enter opens the first result, though the search has not ended", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await bob.sends(chat, "a lighthouse at night");
  await ann.open();
  await expect(ann.chat("Bob")).toBeVisible();
  await ann.page.keyboard.press("Control+k");
  await ann.page.keyboard.type("lighthouse");
  await ann.page.keyboard.press("Enter");
  await expect(ann.message("a lighthouse at night")).toBeInViewport();
});

test("a hit says in which chat it is, and a search in one chat says so", async ({ arrive }) => {
  const [ann, bob, cleo] = [await arrive("Ann"), await arrive("Bob"), await arrive("Cleo")];
  const [chat, other] = [await ann.chatWith(bob), await ann.chatWith(cleo)];
  const group = await ann.group("Crew", bob, cleo);
  await ann.sends(chat, "a lantern for you");
  await cleo.sends(other, "a lantern for me");
  await bob.sends(group, "a lantern for all");
  await ann.open(`/c/${chat}`);
  const hit = (text: string) => ann.page.locator(".results button").filter({ hasText: text });
  await ann.page.keyboard.press("Control+k");
  await ann.page.keyboard.type("lantern");
  await expect(hit("lantern for you")).toContainText("You to Bob");
  await expect(hit("lantern for me")).toContainText("Cleo");
  await expect(hit("lantern for all")).toContainText("Bob in Crew");
  await ann.page.getByRole("button", { name: "Clear the search" }).click();

  await ann.chatMenu("Search in this chat");
  await expect(ann.page.getByRole("textbox", { name: /^Search/ })).toBeFocused();
  await ann.page.keyboard.type("lantern");
  await expect(ann.page.getByText("Only in Bob")).toBeVisible();
  await expect(hit("lantern")).toHaveCount(1);
  await ann.page.getByRole("button", { name: "Search everywhere" }).click();
  await expect(ann.page.getByText("Only in Bob")).toHaveCount(0);
  await expect(hit("lantern")).toHaveCount(3);
});

test("names are found without their marks and strokes", async ({ arrive }) => {
  const [ann, one] = [await arrive("Ann"), await arrive("Žofia Łężkowska")];
  await ann.chatWith(one);
  await ann.open();
  await expect(ann.chat("Žofia")).toBeVisible();
  await ann.page.keyboard.press("Control+k");
  await ann.page.keyboard.type("zofia lezk");
  await expect(ann.page.locator(".results button")).toHaveText([/Žofia Łężkowska/]);
});

test("an address leads to its owner", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  await bob.api("PATCH", "/users/me", { found_by_email: true });
  const chat = await ann.chatWith(bob);
  await ann.open();
  await ann.page.keyboard.press("Control+k");
  await ann.page.keyboard.type(bob.email);
  await ann.page.getByRole("button", { name: `Use the address ${bob.email}` }).click();
  await expect(ann.page).toHaveURL(new RegExp(`/c/${chat}$`));
  await ann.page.keyboard.press("Control+k");
  await ann.page.keyboard.type("nobody@example.org");
  await ann.page.keyboard.press("Enter");
  await expect(ann.page.getByRole("alert")).toContainText("No one was found with the username");
});

test("a person comes before a group that is named after them", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const quentin = await arrive("Quentin");
  const direct = await ann.chatWith(quentin);
  await quentin.sends(direct, "the older one");
  const group = await ann.group("Ann, Quentin, Bob", quentin, bob);
  await bob.sends(group, "the newer one");
  await ann.open();
  await expect(ann.chat("Ann, Quentin, Bob")).toContainText("Bob: the newer one");
  await ann.page.keyboard.press("Control+k");
  await ann.page.keyboard.type("quen");
  await expect(ann.page.locator(".results button")).toHaveText([/QUQuentin$/, /Ann, Quentin/]);
});
