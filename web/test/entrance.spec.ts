import { PASSWORD, expect, test } from "./support";

test("somebody signs up, stays over a reload, leaves and comes back by e-mail", async ({ page, context }) => {
  const name = `newcomer.${Date.now().toString(36)}`;
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Talk freely");
  await page.getByRole("link", { name: "Make an account" }).click();

  // What is wrong is said where it is wrong.
  await page.getByLabel("Username").fill("not a name");
  await page.getByLabel("E-mail").fill(`${name}@example.org`);
  await page.getByLabel(/^Password/).fill("password");
  await page.getByRole("button", { name: "Sign up" }).click();
  await expect(page.getByLabel("Username")).toHaveAttribute("aria-invalid", "true");

  await page.getByLabel("Your name").fill("Nora Newcomer");
  await page.getByLabel("Username").fill(name);
  await page.getByLabel(/^Password/).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign up" }).click();
  await expect(page.getByText("No chats yet.")).toBeVisible();

  await page.reload();
  await expect(page.getByText("No chats yet.")).toBeVisible();

  // The session is a cookie that no script can see; nothing else is kept that could stand for it.
  const cookies = await context.cookies();
  expect(cookies.map(({ name, httpOnly, sameSite }) => ({ name, httpOnly, sameSite }))).toEqual([
    { name: "carrier_session", httpOnly: true, sameSite: "Strict" },
  ]);
  const kept = await page.evaluate(() => document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage }));
  expect(kept).not.toContain(cookies[0]!.value);

  await page.getByRole("button", { name: "Nora Newcomer: account" }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await expect(page.getByRole("button", { name: "Log in" })).toBeVisible();
  await page.goto("/c");
  await page.getByLabel("Username or e-mail").fill(`${name}@example.org`);
  await page.getByLabel(/^Password/).fill("wrong wrong");
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("alert")).toBeVisible();
  await page.getByLabel(/^Password/).fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByText("No chats yet.")).toBeVisible();
});

test("a name that is taken is told beside the name", async ({ page, arrive }) => {
  const ann = await arrive("Ann");
  await page.goto("/signup");
  await page.getByLabel("Username").fill(ann.username);
  await page.getByLabel("E-mail").fill(`other.${ann.username}@example.org`);
  await page.getByLabel(/^Password/).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign up" }).click();
  await expect(page.getByText("This name is taken")).toBeVisible();
});

test("no script but the page's own runs, and what people write stays text", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const answer = await ann.context.request.get("/");
  const policy = answer.headers()["content-security-policy"] ?? "";
  expect(policy).toContain("script-src 'self';");
  expect(policy).toContain("default-src 'none'");
  expect(await answer.text()).not.toMatch(/<script(?![^>]*\bsrc=)/);

  const chat = await ann.chatWith(bob);
  const evil = `<img src=x onerror="document.title='stolen'"> <script>document.title='stolen'</script> **bold** [link](javascript:document.title='stolen') ![pic](https://example.org/spy.png)`;
  await bob.sends(chat, evil);
  const asked: string[] = [];
  ann.page.on("request", (request) => asked.push(request.url()));
  await ann.open(`/c/${chat}`);
  const message = ann.message("bold");
  await expect(message.locator("strong")).toHaveText("bold");
  await expect(message).toContainText("<script>");
  await expect(message.locator("script, img")).toHaveCount(0);
  expect(await message.locator("a").evaluateAll((all) => all.map((one) => one.getAttribute("href")))).not.toContain("javascript:document.title='stolen'");
  expect(asked.filter((url) => url.includes("spy.png"))).toEqual([]);
  await expect(ann.page).not.toHaveTitle(/stolen/);
});

test("whoever comes after somebody at the same browser finds nothing of theirs", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await bob.sends(chat, "between the two of us");
  await ann.open(`/c/${chat}`);
  await ann.field.fill("a secret draft");
  await ann.page.getByRole("textbox", { name: /^Search/ }).fill("between");
  await expect(ann.page.getByRole("complementary").locator("mark")).toBeVisible();
  await ann.page.getByRole("button", { name: "Ann: account" }).click();
  await ann.page.getByRole("menuitem", { name: "Log out" }).click();
  await ann.page.getByLabel("Username or e-mail").fill(bob.username);
  await ann.page.getByLabel(/^Password/).fill(PASSWORD);
  await ann.page.getByRole("button", { name: "Log in" }).click();
  await expect(ann.page.getByRole("complementary", { name: "Chats" })).toBeVisible();
  expect(await ann.page.evaluate(() => JSON.stringify({ ...localStorage }))).not.toContain("secret");
  await expect(ann.page.getByRole("textbox", { name: /^Search/ })).toHaveValue("");
});

test("whose session is ended elsewhere is told so", async ({ arrive, browser }) => {
  const ann = await arrive("Ann");
  await ann.open();
  const other = await browser.newContext();
  await other.request.post("/v1/auth/login", { data: { login: ann.username, password: PASSWORD }, headers: { "sec-fetch-site": "same-origin" } });
  await other.request.delete("/v1/auth/sessions", { headers: { "sec-fetch-site": "same-origin" } });
  await expect(ann.page.getByText("Your session has ended.")).toBeVisible();
  await other.close();
});
