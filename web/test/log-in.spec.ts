import { expect, PASSWORD, test } from "./support";

test("somebody signs up, stays over a reload, leaves and comes back by email", async ({
  page,
  context,
}) => {
  const name = `newcomer.${Date.now().toString(36)}`;
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Talk freely");
  await page.getByRole("link", { name: "Create account" }).click();

  // Faults are shown beside the fields that have them.
  await page.getByLabel("Username").fill("not a name");
  await page.getByLabel("Email").fill(`${name}@example.org`);
  await page.getByLabel(/^Password/).fill("password");
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page.getByLabel("Username")).toHaveAttribute("aria-invalid", "true");

  await page.getByLabel("Your name").fill("Nora Newcomer");
  await page.getByLabel("Username").fill(name);
  await page.getByLabel(/^Password/).fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page.getByText("No chats yet.")).toBeVisible();

  await page.reload();
  await expect(page.getByText("No chats yet.")).toBeVisible();

  // The session is a cookie that no script can see; nothing else is kept that could stand for it.
  const cookies = await context.cookies();
  const kinds = cookies.map(({ name, httpOnly, sameSite }) => ({ name, httpOnly, sameSite }));
  expect(kinds.sort((one, other) => one.name.localeCompare(other.name))).toEqual([
    { name: "carrier_device", httpOnly: true, sameSite: "Strict" },
    { name: "carrier_session", httpOnly: true, sameSite: "Strict" },
  ]);
  const kept = await page.evaluate(
    () => document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage }),
  );
  for (const { value } of cookies) expect(kept).not.toContain(value);

  await page.getByRole("button", { name: "Nora Newcomer: account" }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await expect(page.getByRole("button", { name: "Log in" })).toBeVisible();
  await page.goto("/c");
  await page.getByLabel("Username or email").fill(`${name}@example.org`);
  await page.getByLabel(/^Password/).fill("wrong wrong");
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("alert")).toHaveText("Wrong username, email or password.");
  await page.getByLabel(/^Password/).fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByText("No chats yet.")).toBeVisible();
});

test("a name that is taken is told beside the name", async ({ page, arrive }) => {
  const ann = await arrive("Ann");
  await page.goto("/signup");
  await page.getByLabel("Username").fill(ann.username);
  await page.getByLabel("Email").fill(`other.${ann.username}@example.org`);
  await page.getByLabel(/^Password/).fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page.getByText("This username is taken")).toBeVisible();
});

test("no script but the page's own runs, and what people write stays text", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const answer = await ann.context.request.get("/");
  const policy = answer.headers()["content-security-policy"] ?? "";
  expect(policy).toContain("script-src 'self';");
  expect(policy).toContain("worker-src 'self';");
  expect(policy).toContain("default-src 'none'");
  expect(await answer.text()).not.toMatch(/<script(?![^>]*\bsrc=)/);

  const chat = await ann.chatWith(bob);
  const evil = [
    `<img src=x onerror="document.title='stolen'">`,
    "<script>document.title='stolen'</script>",
    "**bold**",
    "[link](javascript:document.title='stolen')",
    "![pic](https://example.org/spy.png)",
  ].join(" ");
  await bob.sends(chat, evil);
  const asked: string[] = [];
  ann.page.on("request", (request) => asked.push(request.url()));
  await ann.open(`/c/${chat}`);
  const message = ann.message("bold");
  await expect(message.locator("strong")).toHaveText("bold");
  await expect(message).toContainText("<script>");
  await expect(message.locator("script, img")).toHaveCount(0);
  expect(
    await message.locator("a").evaluateAll((all) => all.map((one) => one.getAttribute("href"))),
  ).not.toContain("javascript:document.title='stolen'");
  expect(asked.filter((url) => url.includes("spy.png"))).toEqual([]);
  await expect(ann.page).not.toHaveTitle(/stolen/);
});

test("whoever comes after somebody at the same browser finds nothing of theirs", async ({
  arrive,
}) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await bob.sends(chat, "between the two of us");
  await ann.open(`/c/${chat}`);
  await ann.field.fill("a secret draft");
  await ann.page.getByRole("textbox", { name: /^Search/ }).fill("between");
  await expect(ann.page.getByRole("complementary").locator("mark")).toBeVisible();
  // The answer to a logout comes after the news that the session has ended.
  await ann.page.route("**/v1/auth/logout", async (route) => {
    const reloaded = ann.page.waitForEvent("load");
    await route.fetch();
    await reloaded;
  });
  await ann.page.getByRole("button", { name: "Ann: account" }).click();
  await ann.page.getByRole("menuitem", { name: "Log out" }).click();
  await ann.page.getByLabel("Username or email").fill(bob.username);
  await ann.page.getByLabel(/^Password/).fill(PASSWORD);
  await ann.page.getByRole("button", { name: "Log in" }).click();
  await expect(ann.page.getByRole("complementary", { name: "Chats" })).toBeVisible();
  expect(await ann.page.evaluate(() => JSON.stringify({ ...localStorage }))).not.toContain(
    "secret",
  );
  await expect(ann.page.getByRole("textbox", { name: /^Search/ })).toHaveValue("");
});

test("whose session is ended elsewhere is told so", async ({ arrive, browser }) => {
  const ann = await arrive("Ann");
  await ann.open();
  const other = await browser.newContext();
  await other.request.post("/v1/auth/login", {
    data: { login: ann.username, password: PASSWORD },
    headers: { "sec-fetch-site": "same-origin" },
  });
  await other.request.delete("/v1/auth/sessions", { headers: { "sec-fetch-site": "same-origin" } });
  await expect(ann.page.getByText("Your session has ended.")).toBeVisible();
  await other.close();
});

test("what was written is gone with a logout, though its answer is lost", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.open(`/c/${chat}`);
  const tab = await ann.context.newPage();
  await tab.goto(`/c/${chat}`);
  await expect(tab.locator("[data-connection=online]")).toBeVisible();
  const inTab = tab.getByRole("textbox", { name: "Message", exact: true });
  const kept = () => ann.page.evaluate(() => JSON.stringify({ ...localStorage }));
  const logOut = async () => {
    await ann.page.getByRole("button", { name: "Ann: account" }).click();
    await ann.page.getByRole("menuitem", { name: "Log out" }).click();
  };
  // The request does not even come to the server.
  await ann.page.route("**/v1/auth/logout", (route) => route.abort());
  await ann.field.fill("a secret draft");
  await expect(inTab).toHaveValue("a secret draft");
  await logOut();
  await expect(ann.page.getByRole("alert")).toBeVisible();
  expect(await kept()).not.toContain("secret");
  await expect(inTab).toHaveValue("");

  // It does, but the answer is lost.
  await ann.page.unroute("**/v1/auth/logout");
  await ann.page.route("**/v1/auth/logout", async (route) => {
    await route.fetch();
    await route.abort();
  });
  await ann.field.fill("another secret draft");
  await expect(inTab).toHaveValue("another secret draft");
  await logOut();
  for (const page of [ann.page, tab]) {
    await expect(page.getByRole("button", { name: "Log in" })).toBeVisible();
    // They left by themselves.
    await expect(page.getByText("Your session has ended.")).toHaveCount(0);
  }
  expect(await kept()).not.toContain("secret");
});

test("a visitor's console has no errors, and an unknown address shows a page", async ({ page }) => {
  const errors: string[] = [];
  page.on("console", (line) => {
    if (line.type() === "error") errors.push(line.text());
  });
  for (const path of ["/", "/login", "/signup"]) {
    await page.goto(path);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  }
  expect(errors).toEqual([]);
  for (const path of ["/nowhere", "/c/a/b", "/settings.html"]) {
    const answer = await page.goto(path);
    expect(answer?.status()).toBe(404);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Page not found");
  }
  await page.getByRole("link", { name: "Go to the home page" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Talk freely");
  // A program is told in its own words.
  const api = await page.request.get("/nowhere", { headers: { accept: "application/json" } });
  expect(api.status()).toBe(404);
  expect(api.headers()["content-type"]).toContain("json");
});

test("a member finds no page at an unknown address, and their way back", async ({ arrive }) => {
  const ann = await arrive("Ann");
  await ann.page.goto("/nowhere");
  await expect(ann.page.getByText("Page not found")).toBeVisible();
  await ann.page.getByText("Go to the home page").click();
  await expect(ann.page.getByText("No chats yet.")).toBeVisible();
  await ann.page.goto("/c/01999999-9999-7999-8999-999999999999");
  await expect(ann.page.getByRole("heading", { level: 1 })).toHaveText("This chat isn’t here");
});
