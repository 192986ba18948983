import { dusk } from "./dusk";
import { expect, type Person, test } from "./support";

/** Picks a file of a few bytes. */
const pick = (who: Person, name: string, size = 11) =>
  who.page
    .getByLabel("Files", { exact: true })
    .setInputFiles({ name, mimeType: "text/plain", buffer: Buffer.alloc(size, "a") });

test("picked files and a begun reply are there after a look elsewhere", async ({ arrive }) => {
  const [ann, bob, cleo] = [await arrive("Ann"), await arrive("Bob"), await arrive("Cleo")];
  const [chat, other] = [await ann.chatWith(bob), await ann.chatWith(cleo)];
  await bob.sends(chat, "the question");
  await cleo.sends(other, "elsewhere");
  await ann.open(`/c/${chat}`);
  await ann.tool("the question", "Reply");
  await ann.page.getByRole("button", { name: "Add a subject" }).click();
  await ann.page.getByRole("textbox", { name: "Subject" }).fill("About it");
  await pick(ann, "tides.txt");
  await expect(ann.page.getByText("11 B")).toBeVisible();
  await ann.chat("Cleo").click();
  await expect(ann.message("elsewhere")).toBeVisible();
  await expect(ann.page.getByText("tides.txt")).toHaveCount(0);
  await ann.chat("Bob").click();
  await expect(ann.page.getByText("Reply to Bob")).toBeVisible();
  await expect(ann.page.getByText("tides.txt")).toBeVisible();
  await ann.says("the answer");
  const answer = ann.message("the answer");
  await expect(answer).toContainText("the question");
  await expect(answer).toContainText("About it");
  await expect(answer.getByRole("link", { name: /tides.txt/ })).toBeVisible();
  await expect(ann.page.getByText("Reply to Bob")).toHaveCount(0);
});

test("who presses Enter during an upload sends once it is done", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.open(`/c/${chat}`);
  let letGo = () => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  await ann.page.route("**/attachments?*", async (route) => {
    await held;
    await route.fallback();
  });
  await pick(ann, "tides.txt");
  await ann.says("with the tides");
  await expect(ann.page.getByRole("button", { name: "Send" })).toBeDisabled();
  await expect(ann.message("with the tides")).toHaveCount(0);
  letGo();
  await expect(
    ann.message("with the tides").getByRole("link", { name: /tides.txt/ }),
  ).toBeVisible();
  await expect(ann.field).toHaveValue("");
});

test("what waits for its files is sent, though one looks elsewhere", async ({ arrive }) => {
  const [ann, bob, cleo] = [await arrive("Ann"), await arrive("Bob"), await arrive("Cleo")];
  const [chat, other] = [await ann.chatWith(bob), await ann.chatWith(cleo)];
  await cleo.sends(other, "elsewhere");
  await ann.open(`/c/${chat}`);
  let letGo = () => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  await ann.page.route("**/attachments?*", async (route) => {
    await held;
    await route.fallback();
  });
  await pick(ann, "tides.txt");
  await ann.says("with the tides");
  await ann.chat("Cleo").click();
  await expect(ann.message("elsewhere")).toBeVisible();
  await ann.field.fill("for Cleo");
  letGo();
  await expect(ann.chat("Bob")).toContainText("with the tides");
  await expect(ann.field).toHaveValue("for Cleo");
  await ann.chat("Bob").click();
  await expect(
    ann.message("with the tides").getByRole("link", { name: /tides.txt/ }),
  ).toBeVisible();
  await expect(ann.field).toHaveValue("");
});

test("a begun edit is there after a look elsewhere, and so is the draft", async ({ arrive }) => {
  const [ann, bob, cleo] = [await arrive("Ann"), await arrive("Bob"), await arrive("Cleo")];
  const [chat, other] = [await ann.chatWith(bob), await ann.chatWith(cleo)];
  await ann.sends(chat, "the frist version");
  await cleo.sends(other, "elsewhere");
  await ann.open(`/c/${chat}`);
  await expect(ann.message("the frist version")).toBeVisible();
  await ann.field.press("ArrowUp");
  await expect(ann.field).toHaveValue("the frist version");
  await ann.field.fill("the first ver");
  await ann.chat("Cleo").click();
  await expect(ann.message("elsewhere")).toBeVisible();
  await expect(ann.field).toHaveValue("");
  await ann.chat("Bob").click();
  await expect(ann.page.getByText("Edit message")).toBeVisible();
  await expect(ann.field).toHaveValue("the first ver");
  await ann.says("the first version");
  await expect(ann.message("the first version")).toContainText("edited");
  await expect(ann.field).toHaveValue("");
  // The draft waits behind an edit.
  await ann.field.fill("a draft");
  await ann.does("the first version", "Edit");
  await ann.field.press("Escape");
  await expect(ann.field).toHaveValue("a draft");
});

test("my own new picture is shown, though the browser does not know its type", async ({
  arrive,
}) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.page.route(/attachments\/[^?]+/, (route) => route.abort()); // none comes from there
  await ann.open(`/c/${chat}`);
  await ann.page
    .getByLabel("Files", { exact: true })
    .setInputFiles({ name: "dusk", mimeType: "", buffer: dusk(64, 48) });
  await ann.says("look");
  const picture = ann.message("look").locator("img");
  await expect(picture).toHaveJSProperty("naturalWidth", 64);
});

test("an edit mentions whom a new message would: nobody in code", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.group("Crew", bob);
  await ann.open(`/c/${chat}`);
  const mentions = async (id: number) =>
    (await ann.api<{ mentions?: string[] }>("GET", `/chats/${chat}/messages/${id}`)).mentions ?? [];
  for (const [text, ids] of [
    [`\`@${bob.username}\` in code`, []],
    [`hello @${bob.username}, you`, [bob.id]],
  ] as const) {
    const id = await ann.sends(chat, "the first words");
    await ann.does("the first words", "Edit");
    await ann.saves(/\/messages\/\d+$/, () => ann.says(text));
    expect(await mentions(id)).toEqual(ids);
  }
});

test("a caption is taken away again", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.open(`/c/${chat}`);
  await bob.open(`/c/${chat}`);
  await pick(ann, "tides.txt");
  await ann.says("the wrong caption");
  await ann.sent("the wrong caption");
  await expect(bob.message("the wrong caption")).toBeVisible();
  await ann.does("the wrong caption", "Edit");
  await expect(ann.field).toHaveValue("the wrong caption");
  await ann.says("");
  await expect(bob.message("the wrong caption")).toHaveCount(0);
  await expect(bob.message("tides.txt")).toContainText("edited");
  // A message without a file keeps its words.
  await ann.says("only words");
  await ann.sent("only words");
  await ann.does("only words", "Edit");
  await ann.field.fill("");
  await expect(ann.page.getByRole("button", { name: "Save" })).toBeDisabled();
  const id = await ann.sends(chat, "kept words");
  const emptied = await ann.context.request.patch(`/v1/chats/${chat}/messages/${id}`, {
    data: { body: "" },
    headers: { "sec-fetch-site": "same-origin" },
  });
  expect(emptied.status()).toBe(422);
});

test("a file that is too large is told at once, in words that people use", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.page.route("**/v1/meta", async (route) => {
    const response = await route.fetch();
    const meta = (await response.json()) as { limits: object };
    const limits = { ...meta.limits, attachment_bytes: 1_500_000 };
    await route.fulfill({ response, json: { ...meta, limits } });
  });
  const uploads: string[] = [];
  ann.page.on("request", (request) => {
    if (request.url().includes("/attachments?")) uploads.push(request.url());
  });
  await ann.open(`/c/${chat}`);
  await pick(ann, "film.mp4", 2_100_000);
  await expect(
    ann.page.getByText("“film.mp4” is too large. A file can be at most 1.5 MB."),
  ).toBeVisible();
  await pick(ann, "small.txt");
  await expect(ann.page.getByText("11 B")).toBeVisible();
  expect(uploads).toHaveLength(1);
});

test("a picture that was cut off can be saved", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  const whole = dusk(640, 480);
  const answer = await bob.context.request.post(`/v1/chats/${chat}/attachments?name=cut.png`, {
    data: whole.subarray(0, Math.floor(whole.length / 3)),
    headers: { "content-type": "image/png", "sec-fetch-site": "same-origin" },
  });
  expect(answer.ok()).toBe(true);
  await bob.sends(chat, "look", { attachments: [await answer.json()] });
  await ann.open(`/c/${chat}`);
  const file = ann.message("look").getByRole("link", { name: /cut.png/ });
  await expect(file).toHaveAttribute("download", "cut.png");
});
