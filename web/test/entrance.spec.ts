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
