import { expect, test } from "./support";

/** A picture of one pixel. */
const PNG = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

test("files are picked, pasted and dropped; pictures are shown, others downloaded", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await bob.open(`/c/${chat}`);
  await ann.open(`/c/${chat}`);

  await ann.page.getByLabel("Files", { exact: true }).setInputFiles([
    { name: "dot.png", mimeType: "image/png", buffer: PNG },
    { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("tide tables") },
  ]);
  await expect(ann.page.getByText("11 B")).toBeVisible();
  await ann.says("Two files");
  await expect(bob.message("Two files").getByRole("img", { name: "dot.png" })).toBeVisible();
  const loaded = (image: HTMLElement) => (image as HTMLImageElement).naturalWidth > 0;
  await expect.poll(() => bob.message("Two files").getByRole("img", { name: "dot.png" }).evaluate(loaded)).toBe(true);
  const download = bob.page.waitForEvent("download");
  await bob.message("Two files").getByRole("link", { name: /notes.txt/ }).click();
  expect((await download).suggestedFilename()).toBe("notes.txt");

  const transfer = (name: string) =>
    ann.page.evaluateHandle((name) => {
      const data = new DataTransfer();
      data.items.add(new File(["hello"], name, { type: "text/plain" }));
      return data;
    }, name);
  await ann.field.evaluate((field, clipboardData) => field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true })), await transfer("pasted.txt"));
  await expect(ann.page.getByText("pasted.txt")).toBeVisible();
  const main = ann.page.getByRole("main");
  await main.dispatchEvent("dragover", { dataTransfer: await transfer("dropped.txt") });
  await expect(ann.page.getByText("Drop files to attach them")).toBeVisible();
  await main.dispatchEvent("drop", { dataTransfer: await transfer("dropped.txt") });
  await expect(ann.page.getByText("5 B")).toHaveCount(2);
  await ann.page.getByRole("button", { name: "Without pasted.txt" }).click();
  await ann.page.getByRole("button", { name: "Send" }).click();
  await expect(bob.page.getByRole("article").getByRole("link", { name: /dropped.txt/ })).toBeVisible();
  await expect(bob.page.getByRole("article").getByRole("link", { name: /pasted.txt/ })).toHaveCount(0);
});

test("an upload that fails is said, and tried again", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.open(`/c/${chat}`);
  await ann.page.route("**/attachments?*", (route) => route.abort());
  await ann.page.getByLabel("Files", { exact: true }).setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("tide tables") });
  await expect(ann.page.getByRole("button", { name: /Try again/ })).toBeVisible();
  await expect(ann.page.getByRole("button", { name: "Send" })).toBeDisabled();
  await ann.page.unroute("**/attachments?*");
  await ann.page.getByRole("button", { name: /Try again/ }).click();
  await expect(ann.page.getByText("11 B")).toBeVisible();
  await ann.page.getByRole("button", { name: "Send" }).click();
  await expect(ann.page.getByRole("article").getByRole("link", { name: /notes.txt/ })).toBeVisible();
});
