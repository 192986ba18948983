import { expect, PASSWORD, test } from "./support";

const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk" +
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

test("chats are pinned, muted, archived and marked", async ({ arrive }) => {
  const [ann, bob, cleo] = [await arrive("Ann"), await arrive("Bob"), await arrive("Cleo")];
  const chat = await ann.chatWith(bob);
  await bob.sends(chat, "older");
  await cleo.sends(await ann.chatWith(cleo), "newer");
  await ann.open(`/c/${chat}`);
  const first = ann.page.getByRole("complementary").getByRole("link").first();
  await expect(first).toContainText("Cleo");
  await ann.chatMenu("Pin");
  await expect(first).toContainText("Bob");
  await expect(ann.chat("Bob").getByLabel("Pinned")).toBeVisible();
  await ann.chatMenu("Unpin");
  await expect(first).toContainText("Cleo");

  await ann.chatMenu("Mute…", "For an hour");
  await expect(ann.chat("Bob").getByLabel("Muted")).toBeVisible();
  await ann.chatMenu("Unmute");
  await expect(ann.chat("Bob").getByLabel("Muted")).toHaveCount(0);

  await ann.chatMenu("Mark as unread");
  await ann.page.getByText("Unread", { exact: true }).click();
  await expect(ann.chat("Bob").getByLabel("Marked as unread")).toBeVisible();
  await ann.page.getByText("All", { exact: true }).click();
  await ann.chat("Cleo").click();
  // Who opens it has seen it.
  await ann.saves(/\/preferences$/, () => ann.chat("Bob").click());
  await expect(ann.chat("Bob").getByLabel("Marked as unread")).toHaveCount(0);
  await ann.page.reload();
  await expect(ann.chat("Bob")).toBeVisible();
  await expect(ann.chat("Bob").getByLabel("Marked as unread")).toHaveCount(0);

  await ann.chatMenu("Archive");
  await expect(ann.chat("Bob")).toHaveCount(0);
  await ann.page.getByRole("button", { name: "Undo" }).click();
  await expect(ann.chat("Bob")).toBeVisible();
  await expect(ann.page.getByRole("button", { name: "Undo" })).toHaveCount(0);
  await ann.saves(/\/preferences$/, () => ann.chatMenu("Archive"));
  await expect(ann.chat("Bob")).toHaveCount(0);
  await ann.page.getByText("Archived", { exact: true }).click();
  await expect(ann.chat("Bob")).toBeVisible();
  await ann.page.reload();
  await ann.page.getByText("Archived", { exact: true }).click();
  await expect(ann.chat("Bob")).toBeVisible();
  await ann.chatMenu("Unarchive");
  await ann.page.getByText("All", { exact: true }).click();
  await expect(ann.chat("Bob")).toBeVisible();
});

test("a chat is muted on a phone, by taps", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann", PHONE), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  const { page } = ann;
  await page.goto(`/c/${chat}`);
  await page.getByRole("button", { name: "Chat menu" }).tap();
  await page.getByRole("menuitem", { name: "Mute…" }).tap();
  await ann.saves(/\/preferences$/, () => page.getByRole("menuitem", { name: "For a week" }).tap());
  await expect(page.getByRole("menuitem")).toHaveCount(0);
  await page.getByRole("button", { name: "Chat menu" }).tap();
  await expect(page.getByRole("menuitem", { name: "Unmute" })).toBeVisible();
});

test("the list has a menu for each chat", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  for (const text of ["one", "two"]) await bob.sends(chat, text);
  await ann.open();
  await expect(ann.chat("Bob").getByLabel("2 unread")).toBeVisible();
  await ann.chat("Bob").click({ button: "right" });
  await ann.saves(/\/receipts$/, () =>
    ann.page.getByRole("menuitem", { name: "Mark as read" }).click(),
  );
  await expect(ann.chat("Bob").getByLabel("2 unread")).toHaveCount(0);
  await ann.page.reload();
  await expect(ann.chat("Bob")).toBeVisible();
  await expect(ann.chat("Bob").getByLabel(/unread/)).toHaveCount(0);

  await ann.chat("Bob").hover();
  await ann.page.getByRole("button", { name: "Options for Bob" }).click();
  await ann.page.getByRole("menuitem", { name: "Hide until the next message" }).click();
  await ann.confirms("Cancel");
  await expect(ann.chat("Bob")).toBeVisible();
  await ann.page.getByRole("button", { name: "Options for Bob" }).click();
  await ann.page.getByRole("menuitem", { name: "Hide until the next message" }).click();
  await ann.confirms("Hide");
  await expect(ann.chat("Bob")).toHaveCount(0);
  await bob.sends(chat, "back again");
  await expect(ann.chat("Bob")).toContainText("back again");
  await ann.chat("Bob").click();
  await expect(ann.message("back again")).toBeVisible();
  await expect(ann.message("two")).toBeVisible();

  await ann.chatMenu("Clear for me");
  await ann.confirms("Clear");
  await expect(ann.message("back again")).toHaveCount(0);
  await bob.sends(chat, "the only one");
  await expect(ann.page.getByRole("article")).toHaveText([/the only one/]);
});

test("a profile is changed, with a picture, and others see it", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  await ann.chatWith(bob);
  await bob.open();
  await ann.open();
  await ann.settings("Profile");
  await ann.page
    .locator("input[type=file]")
    .last()
    .setInputFiles({ name: "me.png", mimeType: "image/png", buffer: PNG });
  await expect(ann.page.getByRole("button", { name: "Remove picture" })).toBeVisible();
  await ann.page.getByRole("textbox", { name: "Name", exact: true }).fill("Annabel Marlow");
  await ann.page.getByRole("textbox", { name: "Username" }).fill(`${ann.username}x`);
  await ann.page.getByRole("textbox", { name: "About you" }).fill("I sail.");
  await ann.page.getByLabel(/^Your password/).fill(PASSWORD);
  await ann.page.getByRole("button", { name: "Save" }).click();
  await expect(ann.page.getByText("Your profile has been saved.")).toBeVisible();
  await expect(bob.chat("Annabel Marlow")).toBeVisible();
  await expect(bob.chat("Annabel Marlow").locator("img")).toBeVisible();
  await bob.chat("Annabel Marlow").click();
  await bob.page.getByRole("button", { name: /, details$/ }).click();
  await expect(bob.page.getByText("I sail.")).toBeVisible();
  await ann.page.getByRole("button", { name: "Remove picture" }).click();
  await ann.confirms("Cancel");
  await expect(ann.page.getByRole("button", { name: "Remove picture" })).toBeVisible();
  await ann.page.getByRole("button", { name: "Remove picture" }).click();
  await ann.confirms("Remove");
  await expect(ann.page.getByRole("button", { name: "Remove picture" })).toHaveCount(0);

  await ann.page.getByRole("textbox", { name: "Username" }).fill(bob.username);
  await ann.page.getByLabel(/^Your password/).fill(PASSWORD);
  await ann.page.getByRole("button", { name: "Save" }).click();
  const username = ann.page.getByRole("textbox", { name: "Username" });
  await expect(username).toHaveAccessibleDescription("This username is taken.");
  await ann.page.getByLabel(/^Your password/).fill("not mine at all");
  await ann.page.getByRole("button", { name: "Save" }).click();
  const password = ann.page.getByLabel(/^Your password/);
  await expect(password).toHaveAccessibleDescription(/This isn’t your password\./);
  await expect(username).not.toHaveAccessibleDescription(/taken/);
  await expect(ann.page.getByRole("alert")).toHaveCount(0);
});

test("the bounds of a form are those of the server", async ({ arrive }) => {
  const ann = await arrive("Ann");
  await ann.page.route("**/v1/meta", async (route) => {
    const response = await route.fetch();
    const meta = (await response.json()) as { limits: Record<string, number> };
    expect(meta.limits).toMatchObject({ bio: 1000, description: 1000, body: 10_000 });
    await route.fulfill({ response, json: { ...meta, limits: { ...meta.limits, bio: 7 } } });
  });
  await ann.open();
  await ann.settings("Profile");
  const bio = ann.page.getByRole("textbox", { name: "About you" });
  const fault = () => bio.evaluate((field) => (field as HTMLTextAreaElement).validationMessage);
  await bio.fill("I sail boats.");
  await expect(bio).toHaveValue("I sail boats.");
  expect(await fault()).toBe("Use at most 7 characters. This has 13.");
  let requests = 0;
  ann.page.on("request", (request) => {
    if (request.method() === "PATCH") requests++;
  });
  await ann.page.getByRole("button", { name: "Save" }).click();
  await bio.fill("⛵⛵⛵⛵🐋🐋🐋"); // the server's characters are not those of UTF-16
  expect(await fault()).toBe("");
  await ann.page.getByRole("button", { name: "Save" }).click();
  await expect(ann.page.getByText("Your profile has been saved.")).toBeVisible();
  expect(requests).toBe(1);
});

test("a password is changed, and other sessions end", async ({ arrive, browser }) => {
  const ann = await arrive("Ann");
  const other = await browser.newContext();
  const login = (password: string) =>
    other.request.post("/v1/auth/login", {
      data: { login: ann.username, password, device: "Old phone" },
    });
  expect((await login(PASSWORD)).status()).toBe(200);
  await ann.open();
  await ann.settings("Sessions");
  await expect(ann.page.getByText("Old phone")).toBeVisible();
  const end = ann.page.getByRole("button", { name: "End", exact: true });
  await end.click();
  await ann.confirms("Cancel");
  await expect(ann.page.getByText("Old phone")).toBeVisible();
  await ann.page.getByRole("button", { name: "End all other sessions" }).click();
  await ann.confirms("Cancel");
  expect((await other.request.get("/v1/users/me")).status()).toBe(200);
  await end.click();
  await ann.confirms("End session");
  await expect(ann.page.getByText("Old phone")).toHaveCount(0);
  await expect.poll(async () => (await other.request.get("/v1/users/me")).status()).toBe(401);

  await ann.page.getByRole("tab", { name: "Password" }).click();
  await ann.page.getByLabel(/^Current password/).fill("not mine at all");
  await ann.page.getByLabel(/^New password/).fill("another-tugboat-8");
  await ann.page.getByRole("button", { name: "Change password" }).click();
  const current = ann.page.getByLabel(/^Current password/);
  await expect(current).toHaveAccessibleDescription("This isn’t your password.");
  await ann.page.getByLabel(/^New password/).fill("password1");
  await current.fill(PASSWORD);
  await ann.page.getByRole("button", { name: "Change password" }).click();
  await expect(ann.page.getByLabel(/^New password/)).toHaveAccessibleDescription(/too easy/);
  await expect(current).not.toHaveAccessibleDescription(/isn’t/);
  await ann.page.getByLabel(/^New password/).fill("another-tugboat-8");
  await ann.page.getByRole("button", { name: "Change password" }).click();
  await expect(ann.page.getByText("Your password has been changed.")).toBeVisible();
  expect((await login(PASSWORD)).status()).toBe(401);
  expect((await login("another-tugboat-8")).status()).toBe(200);
  await other.close();
});

test("somebody is blocked, and no longer", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.open(`/c/${chat}`);
  await ann.page.getByRole("button", { name: /, details$/ }).click();
  await ann.page.getByRole("button", { name: "Block" }).click();
  await ann.confirms("Cancel");
  await ann.page.getByRole("button", { name: "Block" }).click();
  await ann.confirms("Block");
  await expect(ann.page.getByRole("dialog").getByRole("button", { name: "Unblock" })).toBeVisible();
  await expect(ann.field).toHaveCount(0); // nobody writes to whom they block
  await bob.open(`/c/${chat}`);
  await bob.says("hello?");
  await expect(bob.page.getByRole("alert").filter({ hasText: "Not sent" })).toBeVisible();
  await ann.page.getByRole("button", { name: "Close" }).click();
  await ann.settings("Blocked");
  await ann.page.getByRole("dialog").getByRole("button", { name: "Unblock" }).click();
  await expect(ann.page.getByText("You have not blocked anyone.")).toBeVisible();
  await ann.page.getByRole("button", { name: "Close" }).click();
  await ann.says("we are well again");
  await expect(bob.message("we are well again")).toBeVisible();
});

test("all that is mine is downloaded, and then the account is deleted", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.sends(chat, "something to remember");
  await bob.open(`/c/${chat}`);
  await ann.open();
  await ann.settings("My data");
  const download = ann.page.waitForEvent("download");
  await ann.page.getByRole("link", { name: "Download everything" }).click();
  const stream = await (await download).createReadStream();
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  expect(text).toContain("something to remember");

  const password = ann.page.getByLabel(/^Your password/);
  await password.fill("not mine at all");
  await ann.page.getByRole("button", { name: "Delete my account" }).click();
  await expect(password).toHaveAccessibleDescription("This isn’t your password.");
  await password.fill(PASSWORD);
  await ann.page.getByRole("button", { name: "Delete my account" }).click();
  await expect(ann.page.getByRole("button", { name: "Log in" })).toBeVisible();
  await bob.page.reload();
  await expect(bob.message("something to remember")).toBeVisible();
  await expect(bob.chat("Ann")).toHaveCount(0);
});

test("who looks elsewhere is notified, but not of a muted chat", async ({ arrive }) => {
  const [ann, bob, cleo] = [
    await arrive("Ann", { permissions: ["notifications"] }),
    await arrive("Bob"),
    await arrive("Cleo"),
  ];
  const [chat, muted] = [await ann.chatWith(bob), await ann.chatWith(cleo)];
  await ann.api("PATCH", `/chats/${muted}/preferences`, {
    muted_until: "2199-01-01T00:00:00.000Z",
  });
  await ann.page.addInitScript(() => {
    document.hasFocus = () => false; // somebody who is at another window
    const shown: string[] = [];
    class Recorded {
      static readonly permission = "granted";

      constructor(title: string, options: NotificationOptions) {
        shown.push(`${title}: ${options.body}`);
      }
    }
    Object.assign(window, { Notification: Recorded, shown });
  });
  await ann.open();
  await ann.settings("Appearance");
  await ann.page.getByRole("switch", { name: /Notifications/ }).check({ force: true });
  await cleo.sends(muted, "quietly");
  await bob.sends(chat, "Look here");
  const shown = () => ann.page.evaluate(() => (window as unknown as { shown: string[] }).shown);
  await expect.poll(shown).toEqual(["Bob: Look here"]);
});
