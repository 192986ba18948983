import { expect, test } from "./support";

test("what is written offline is sent once, in its order, when the network is back", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.open(`/c/${chat}`);
  await bob.open(`/c/${chat}`);
  await ann.says("before");
  await expect(bob.message("before")).toBeVisible();

  await ann.context.setOffline(true);
  await expect(ann.page.getByRole("status").filter({ hasText: "Offline" })).toBeVisible();
  const words = ["one", "two", "three"];
  for (const word of words) await ann.says(`offline ${word}`);
  await expect(ann.message("offline three").getByLabel("Sending")).toBeVisible();
  const missed = await bob.sends(chat, "missed meanwhile");
  expect(missed).toBeGreaterThan(0);

  await ann.context.setOffline(false);
  await expect(bob.message("offline three")).toBeVisible({ timeout: 30_000 });
  await expect(ann.message("missed meanwhile")).toBeVisible({ timeout: 30_000 });
  await expect(ann.page.getByRole("status").filter({ hasText: "Offline" })).toHaveCount(0);
  await expect(ann.message("offline three").getByLabel("Sending")).toHaveCount(0);
  const texts = async (who: typeof ann) => (await who.page.locator("[data-message] .plain-text").allTextContents()).filter((text) => text.startsWith("offline"));
  expect(await texts(bob)).toEqual(words.map((word) => `offline ${word}`));
  expect(await texts(ann)).toEqual(words.map((word) => `offline ${word}`));
});

test("what was not sent yet outlives a reload, and so does a draft", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.open(`/c/${chat}`);
  await bob.open(`/c/${chat}`);
  await ann.page.route("**/v1/chats/*/messages", (route) => (route.request().method() === "POST" ? route.abort() : route.fallback()));
  await ann.says("written before the reload");
  await ann.field.fill("only begun");
  await expect(ann.message("written before").getByLabel("Sending")).toBeVisible();
  await ann.page.reload();
  await expect(ann.message("written before").getByLabel("Sending")).toBeVisible();
  await expect(ann.field).toHaveValue("only begun");
  await ann.page.unroute("**/v1/chats/*/messages");
  await expect(bob.message("written before the reload")).toHaveCount(1, { timeout: 30_000 });
  await expect(ann.message("written before the reload")).toHaveCount(1);
});

test("an answer that is lost does not make a message twice", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.open(`/c/${chat}`);
  await bob.open(`/c/${chat}`);
  let lost = 0;
  await ann.page.route("**/v1/chats/*/messages", async (route) => {
    if (route.request().method() !== "POST" || lost++ > 0) return route.fallback();
    await route.fetch(); // it arrives, and nobody hears of it
    await route.abort();
  });
  await ann.says("only once");
  await expect(bob.message("only once")).toHaveCount(1);
  await expect.poll(() => lost).toBeGreaterThan(1);
  await expect(ann.message("only once").getByLabel("Sending")).toHaveCount(0);
  await expect(ann.message("only once")).toHaveCount(1);
  await expect(bob.message("only once")).toHaveCount(1);
});

test("a message that is refused says why, and is tried again or thrown away", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.open(`/c/${chat}`);
  await bob.api("PUT", `/users/me/blocks/${ann.id}`);
  await ann.says("are you there?");
  await expect(ann.page.getByRole("alert").filter({ hasText: "Not sent" })).toBeVisible();
  await bob.api("DELETE", `/users/me/blocks/${ann.id}`);
  await ann.page.getByRole("button", { name: "Try again" }).click();
  await expect(ann.page.getByRole("alert")).toHaveCount(0);
  await expect(ann.message("are you there?").getByLabel("Sending")).toHaveCount(0);
  await bob.api("PUT", `/users/me/blocks/${ann.id}`);
  await ann.says("and now?");
  await ann.page.getByRole("button", { name: "Discard" }).click();
  await expect(ann.message("and now?")).toHaveCount(0);
});

test("a message that waits does not keep anybody from what was found", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  const id = await bob.sends(chat, "the lighthouse");
  for (let at = 1; at <= 200; at++) await bob.sends(chat, `between ${at}`);
  await ann.open(`/c/${chat}`);
  await ann.page.route("**/v1/chats/*/messages", (route) => (route.request().method() === "POST" ? route.abort() : route.fallback()));
  await ann.says("it waits");
  await expect(ann.message("it waits").getByLabel("Sending")).toBeVisible();
  await ann.open(`/c/${chat}?at=${id}`);
  await expect(ann.message("the lighthouse")).toBeInViewport();
});

test("a chat that could not be loaded is loaded when there is a network again", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  await bob.sends(await ann.chatWith(bob), "patience");
  await ann.open();
  await expect(ann.chat("Bob")).toBeVisible();
  await ann.context.setOffline(true);
  await ann.chat("Bob").click();
  await expect(ann.page.getByText("No connection. Trying again")).toBeVisible();
  await ann.context.setOffline(false);
  await expect(ann.message("patience")).toBeVisible();
});

test("what happens in a chat that is new while nobody is there is told", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  await ann.open();
  await ann.context.setOffline(true);
  await expect(ann.page.getByRole("status").filter({ hasText: "Offline" })).toBeVisible();
  const chat = await bob.chatWith(ann);
  await bob.open(`/c/${chat}`);
  await bob.says("are you there?");
  await ann.context.setOffline(false);
  await expect(ann.chat("Bob").getByLabel("1 unread")).toBeVisible();
  await expect(bob.message("are you there?").getByLabel("Delivered")).toBeVisible();
});

test("a part of the page that does not come takes nothing else with it", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await bob.sends(chat, "some **bold** words");
  await ann.page.route(/assets\/(markdown|settings)-/, (route) => route.abort());
  await ann.page.addInitScript(() => sessionStorage.setItem("carrier.renewed", String(Date.now()))); // it was loaded anew already
  await ann.open(`/c/${chat}`);
  await expect(ann.message("some **bold** words")).toBeVisible(); // as it was written
  await ann.page.getByRole("button", { name: "Ann: account" }).click();
  await ann.page.getByRole("menuitem", { name: "Settings" }).click();
  await expect(ann.page.getByText("This could not be loaded.")).toBeVisible();
  await ann.says("and it goes on");
  await expect(ann.message("and it goes on")).toBeVisible();
});
