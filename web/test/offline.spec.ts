import { expect, type Person, test } from "./support";

test("what is written offline is sent once, in its order, when the network is back", async ({
  arrive,
}) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.open(`/c/${chat}`);
  await bob.open(`/c/${chat}`);
  await ann.says("before");
  await expect(bob.message("before")).toBeVisible();

  await ann.goesOffline();
  await expect(ann.page.getByRole("status").filter({ hasText: "Offline" })).toBeVisible();
  const words = ["one", "two", "three"];
  for (const word of words) await ann.says(`offline ${word}`);
  await expect(ann.message("offline three").getByLabel("Sending")).toBeVisible();
  const missed = await bob.sends(chat, "missed meanwhile");
  expect(missed).toBeGreaterThan(0);

  await ann.context.setOffline(false);
  await expect(bob.message("offline three")).toBeVisible();
  await expect(ann.message("missed meanwhile")).toBeVisible();
  await expect(ann.page.getByRole("status").filter({ hasText: "Offline" })).toHaveCount(0);
  await expect(ann.message("offline three").getByLabel("Sending")).toHaveCount(0);
  for (const who of [bob, ann]) {
    await expect(who.message(/offline/)).toContainText(words.map((word) => `offline ${word}`));
    await expect(who.message(/offline/)).toHaveCount(words.length);
  }
});

test("what was not sent yet outlives a reload, and so does a draft", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.open(`/c/${chat}`);
  await bob.open(`/c/${chat}`);
  await ann.page.route("**/v1/chats/*/messages", (route) =>
    route.request().method() === "POST" ? route.abort() : route.fallback(),
  );
  await ann.says("written before the reload");
  await ann.field.fill("only begun");
  await expect(ann.message("written before").getByLabel("Sending")).toBeVisible();
  await ann.page.reload();
  await expect(ann.message("written before").getByLabel("Sending")).toBeVisible();
  await expect(ann.field).toHaveValue("only begun");
  await ann.page.unroute("**/v1/chats/*/messages");
  await expect(bob.message("written before the reload")).toHaveCount(1);
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

test("a message that is refused says why, and is tried again or thrown away", async ({
  arrive,
}) => {
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
  await ann.page.getByRole("button", { name: "Undo" }).click();
  await expect(ann.message("and now?")).toContainText("Not sent");
  await ann.page.reload();
  await expect(ann.message("and now?")).toContainText("Not sent");
});

test("what a proxy answers is waited out, not asked for without a pause", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  await ann.open(`/c/${await ann.chatWith(bob)}`);
  let tries = 0;
  const way = "**/v1/chats/*/messages";
  await ann.page.route(way, (route) => {
    if (route.request().method() !== "POST") return route.fallback();
    tries++;
    return route.fulfill({ status: 502, contentType: "text/html", body: "<h1>Bad Gateway</h1>" });
  });
  await ann.says("through a proxy");
  await expect.poll(() => tries).toBeGreaterThan(2);
  expect(tries).toBeLessThan(10);
  await ann.page.unroute(way);
  await ann.sent("through a proxy");
});

test("a message that waits does not keep anybody from what was found", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  const id = await bob.sends(chat, "the lighthouse");
  for (let at = 1; at < 200; at++) await bob.sends(chat, `between ${at}`);
  const read = await bob.sends(chat, "the last");
  await ann.api("PUT", `/chats/${chat}/receipts`, { read });
  await ann.open(`/c/${chat}`);
  await expect(ann.message("the last")).toBeInViewport();
  await ann.page.route("**/v1/chats/*/messages", (route) =>
    route.request().method() === "POST" ? route.abort() : route.fallback(),
  );
  await ann.says("it waits");
  await expect(ann.message("it waits").getByLabel("Sending")).toBeVisible();
  await ann.open(`/c/${chat}?at=${id}`);
  await expect(ann.message("the lighthouse")).toBeInViewport();
});

test("a chat that could not be loaded is loaded when there is a network again", async ({
  arrive,
}) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  await bob.sends(await ann.chatWith(bob), "patience");
  await ann.open();
  await expect(ann.chat("Bob")).toBeVisible();
  await ann.goesOffline();
  await ann.chat("Bob").click();
  await expect(ann.page.getByText("No connection. Trying again")).toBeVisible();
  await ann.context.setOffline(false);
  await expect(ann.message("patience")).toBeVisible();
});

test("what happens in a chat that is new while nobody is there is told", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  await ann.open();
  await ann.goesOffline();
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
  // The page has reloaded already.
  await ann.page.addInitScript(() => sessionStorage.setItem("carrier.renewed", String(Date.now())));
  const refused = ann.page.waitForEvent("requestfailed", (one) => /markdown-/.test(one.url()));
  await ann.open(`/c/${chat}`);
  await refused; // until then every text is as it was written
  await bob.sends(chat, "and *later* ones");
  await expect(ann.message("and *later* ones")).toBeVisible();
  await expect(ann.message("some **bold** words")).toBeVisible();
  await ann.page.getByRole("button", { name: "Ann: account" }).click();
  await ann.page.getByRole("menuitem", { name: "Settings" }).click();
  await expect(ann.page.getByText("This couldn’t be loaded.")).toBeVisible();
  await ann.says("and it goes on");
  await expect(ann.message("and it goes on")).toBeVisible();
});

/** Lets the sends to a chat get no answer, and no refusal either, until they are let go. */
async function hangSends(who: Person, chat: string) {
  const sends = { tries: 0, areHung: true };
  await who.context.route(`**/v1/chats/${chat}/messages`, (route) => {
    if (route.request().method() !== "POST" || !sends.areHung) return route.fallback();
    sends.tries++;
  });
  return sends;
}

test("a send that gets no answer holds up no other chat, and is tried again", async ({
  arrive,
}) => {
  const [ann, bob, cid] = [await arrive("Ann"), await arrive("Bob"), await arrive("Cid")];
  const [chat, other] = [await ann.chatWith(bob), await ann.chatWith(cid)];
  await ann.open(`/c/${chat}`);
  await bob.open(`/c/${chat}`);
  await cid.open(`/c/${other}`);
  const sends = await hangSends(ann, chat);
  await ann.page.bringToFront();
  await ann.says("the first");
  await expect.poll(() => sends.tries).toBeGreaterThan(0);
  await ann.says("the second");

  // Another chat goes on in another tab, and in this one.
  const tab = await ann.context.newPage();
  await tab.goto(`/c/${other}`);
  const field = tab.getByRole("textbox", { name: "Message", exact: true });
  await field.fill("from another tab");
  await field.press("Enter");
  await expect(cid.message("from another tab")).toBeVisible();
  await ann.page.bringToFront();
  await ann.chat("Cid").click();
  await ann.says("from the same tab");
  await expect(cid.message("from the same tab")).toBeVisible();

  sends.areHung = false;
  await expect(bob.message("the second")).toBeVisible();
  await expect(bob.page.getByRole("article")).toContainText(["the first", "the second"]);
  await expect(bob.page.getByRole("article")).toHaveCount(2);
});

test("four tabs and a server that is silent: none waits for ever, and all is sent once", async ({
  arrive,
}) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await bob.open(`/c/${chat}`);
  const sends = await hangSends(ann, chat);
  const tabs = [ann.page, ...(await Promise.all([1, 2, 3].map(() => ann.context.newPage())))];
  for (const [at, tab] of tabs.entries()) {
    await tab.goto(`/c/${chat}`);
    const field = tab.getByRole("textbox", { name: "Message", exact: true });
    await field.fill(`from tab ${at}`);
    await field.press("Enter");
    await expect(tab.getByRole("article").filter({ hasText: `from tab ${at}` })).toBeVisible();
  }
  await expect.poll(() => sends.tries).toBeGreaterThan(0);
  // The tab that has the turn is gone with it, and so is the next.
  for (const tab of tabs.slice(0, 2)) await tab.close();
  sends.areHung = false;
  await expect(bob.page.getByRole("article")).toContainText(tabs.map((_, at) => `from tab ${at}`));
  for (const tab of tabs.slice(2)) await expect(tab.getByLabel("Sending")).toHaveCount(0);
  await expect(bob.page.getByRole("article")).toHaveCount(tabs.length);
});

test("a refusal that comes after another tab has sent the message is forgotten", async ({
  arrive,
}) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  // Without locks, as over plain http: both tabs send it.
  await ann.context.addInitScript(() =>
    Object.defineProperty(navigator, "locks", { value: undefined }),
  );
  let refuse = () => {};
  const refusal = new Promise<void>((resolve) => {
    refuse = resolve;
  });
  await ann.page.route("**/v1/chats/*/messages", async (route) => {
    if (route.request().method() !== "POST") return route.fallback();
    await refusal;
    const problem = { code: "forbidden", detail: "It is too late.", status: 403 };
    await route.fulfill({ status: 403, json: problem });
  });
  await ann.open(`/c/${chat}`);
  const tab = await ann.context.newPage();
  await tab.goto(`/c/${chat}`);
  await expect(tab.getByRole("textbox", { name: "Message", exact: true })).toBeVisible();
  await ann.says("once is enough");
  await expect(tab.getByRole("article").getByLabel("Sent")).toBeVisible();
  const answer = ann.page.waitForResponse((one) => one.status() === 403);
  refuse();
  await (await answer).finished();
  // What comes later has gone the same way.
  await bob.sends(chat, "I have it");
  await expect(ann.message("I have it")).toBeVisible();
  await expect(ann.message("once is enough")).toHaveCount(1);
  await expect(ann.page.getByRole("alert")).toHaveCount(0);
  expect(await ann.page.evaluate(() => JSON.stringify(localStorage))).not.toContain("too late");
});

test("a connection that died in a sleep is noticed when the page is shown again", async ({
  arrive,
}) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  let [sockets, isAsleep, questions] = [0, false, 0];
  await ann.page.routeWebSocket(/\/v1\/socket/, (page) => {
    const server = page.connectToServer();
    const isDead = ++sockets === 1 ? () => isAsleep : () => false;
    page.onMessage((text) => {
      if (!isDead()) server.send(text);
      else if (String(text).includes('"ping"')) questions++;
    });
    server.onMessage((text) => isDead() || page.send(text));
  });
  await ann.open(`/c/${chat}`);
  await expect(ann.page.locator("[data-connection=online]")).toBeVisible();
  isAsleep = true;
  await bob.sends(chat, "sent during the sleep");
  await ann.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  // Without a question it takes two and a half heartbeats: a minute.
  await expect.poll(() => questions).toBe(1);
  await expect(ann.message("sent during the sleep")).toBeVisible();
  expect(sockets).toBeGreaterThan(1);
});
