import type { Locator } from "@playwright/test";

import { expect, test } from "./support";

/** A picture of one pixel. */
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk" +
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

test("files are picked, pasted and dropped; pictures are shown, others downloaded", async ({
  arrive,
}) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await bob.open(`/c/${chat}`);
  await ann.open(`/c/${chat}`);

  await ann.page.getByLabel("Files", { exact: true }).setInputFiles([
    { name: "dot.png", mimeType: "image/png", buffer: PNG },
    { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("tide tables") },
  ]);
  await expect(ann.page.getByText("11 B")).toBeVisible();
  await expect(ann.page.getByRole("button", { name: "Send" })).toBeEnabled(); // both are there
  await ann.says("Two files");
  await expect(bob.message("Two files").getByRole("img", { name: "dot.png" })).toBeVisible();
  const loaded = (image: HTMLElement) => (image as HTMLImageElement).naturalWidth > 0;
  await expect
    .poll(() => bob.message("Two files").getByRole("img", { name: "dot.png" }).evaluate(loaded))
    .toBe(true);
  const download = bob.page.waitForEvent("download");
  await bob
    .message("Two files")
    .getByRole("link", { name: /notes.txt/ })
    .click();
  expect((await download).suggestedFilename()).toBe("notes.txt");

  const transfer = (name: string) =>
    ann.page.evaluateHandle((name) => {
      const data = new DataTransfer();
      data.items.add(new File(["hello"], name, { type: "text/plain" }));
      return data;
    }, name);
  await ann.field.evaluate(
    (field, clipboardData) =>
      field.dispatchEvent(
        new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }),
      ),
    await transfer("pasted.txt"),
  );
  await expect(ann.page.getByText("pasted.txt")).toBeVisible();
  const main = ann.page.getByRole("main");
  await main.dispatchEvent("dragover", { dataTransfer: await transfer("dropped.txt") });
  await expect(ann.page.getByText("Drop files to attach them")).toBeVisible();
  await main.dispatchEvent("drop", { dataTransfer: await transfer("dropped.txt") });
  await expect(ann.page.getByText("5 B")).toHaveCount(2);
  await ann.page.getByRole("button", { name: "Remove pasted.txt" }).click();
  await ann.page.getByRole("button", { name: "Send" }).click();
  await expect(
    bob.page.getByRole("article").getByRole("link", { name: /dropped.txt/ }),
  ).toBeVisible();
  await expect(bob.page.getByRole("article").getByRole("link", { name: /pasted.txt/ })).toHaveCount(
    0,
  );
});

test("an upload that fails is said, and tried again", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.open(`/c/${chat}`);
  await ann.page.route("**/attachments?*", (route) => route.abort());
  await ann.page.getByLabel("Files", { exact: true }).setInputFiles({
    name: "notes.txt",
    mimeType: "text/plain",
    buffer: Buffer.from("tide tables"),
  });
  await expect(ann.page.getByRole("button", { name: /Try again/ })).toBeVisible();
  await expect(ann.page.getByRole("button", { name: "Send" })).toBeDisabled();
  await ann.page.unroute("**/attachments?*");
  await ann.page.getByRole("button", { name: /Try again/ }).click();
  await expect(ann.page.getByText("11 B")).toBeVisible();
  await ann.page.getByRole("button", { name: "Send" }).click();
  await expect(
    ann.page.getByRole("article").getByRole("link", { name: /notes.txt/ }),
  ).toBeVisible();
});

const isDrawn = (picture: Locator) =>
  picture.evaluate((image) => {
    const { complete, naturalWidth } = image as HTMLImageElement;
    return complete && naturalWidth > 0;
  });

test("my own new picture is shown before its message is there, and stays", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.open(`/c/${chat}`);
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await ann.page.route("**/v1/chats/*/messages", async (route) => {
    if (route.request().method() === "POST") await held;
    await route.fallback();
  });
  const refused: string[] = [];
  ann.page.on("response", (answer) => {
    if (answer.status() === 404) refused.push(answer.url());
  });
  await ann.page
    .getByLabel("Files", { exact: true })
    .setInputFiles({ name: "dot.png", mimeType: "image/png", buffer: PNG });
  await expect(ann.page.getByRole("button", { name: "Send" })).toBeEnabled();
  await ann.says("A picture");
  const picture = ann.message("A picture").getByRole("img", { name: "dot.png" });
  await expect.poll(() => isDrawn(picture)).toBe(true);
  await expect(ann.message("A picture").getByLabel("Sending")).toBeVisible();
  release();
  await ann.sent("A picture");
  await expect.poll(() => isDrawn(picture)).toBe(true);
  // Looks again, once another message has come: it was asked for once, and stayed broken.
  await bob.sends(chat, "I see it");
  await expect(ann.message("I see it")).toBeVisible();
  await expect.poll(() => isDrawn(picture)).toBe(true);
  expect(refused).toEqual([]);

  // After a reload, it is the server's.
  await ann.page.reload();
  await expect.poll(() => isDrawn(picture)).toBe(true);
});

test("a picture that did not come is asked for again, and can be saved if it never does", async ({
  arrive,
}) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.open(`/c/${chat}`);
  await ann.page
    .getByLabel("Files", { exact: true })
    .setInputFiles({ name: "dot.png", mimeType: "image/png", buffer: PNG });
  await ann.page.getByRole("button", { name: "Send" }).click();
  const name = { name: "dot.png" };
  await expect(ann.page.getByRole("article").getByRole("img", name)).toBeVisible();
  await expect(ann.page.getByRole("article").getByLabel("Sending")).toHaveCount(0);

  let failures = 2;
  await bob.page.route("**/attachments/*", (route) =>
    failures-- > 0 ? route.abort() : route.fallback(),
  );
  await bob.open(`/c/${chat}`);
  const picture = bob.page.getByRole("article").getByRole("img", name);
  await expect.poll(() => isDrawn(picture)).toBe(true);
  expect(failures).toBeLessThan(0);

  failures = Number.POSITIVE_INFINITY;
  await bob.page.reload();
  const file = bob.page.getByRole("article").getByRole("link", name);
  await expect(file).toHaveAttribute("download", "dot.png");
  failures = 0;
  await bob.page.getByRole("button", { name: "This picture can’t be shown. Try again" }).click();
  await expect.poll(() => isDrawn(picture)).toBe(true);
});
