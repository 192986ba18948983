/** Pinned messages, and invitations by a link. */

import { expect, test } from "./support";

test("a pinned message is over the others, and comes on screen", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.chatWith(bob);
  await ann.sends(chat, "The key is under the mat");
  for (let at = 0; at < 80; at++) await ann.sends(chat, `More and more ${at}`);
  await ann.open(`/c/${chat}`);
  await bob.open(`/c/${chat}`);
  await expect(ann.message("More and more 79")).toBeVisible();
  await ann.does("More and more 79", "Pin");
  const bar = (who: typeof ann) => who.page.getByRole("button", { name: /pinned message/i });
  await expect(bar(bob)).toContainText("More and more 79");
  await expect(ann.page.getByRole("log").getByText("You pinned a message")).toBeVisible();

  const first = (
    await ann.api<{ items: { id: number }[] }>("GET", `/chats/${chat}/messages?after=1&limit=1`)
  ).items[0]?.id;
  await ann.api("PUT", `/chats/${chat}/pins/${first}`);
  await expect(bar(ann)).toContainText("Newest of 2 pinned messages");
  await expect(bar(ann)).toContainText("The key is under the mat");
  await expect(ann.message("The key is under the mat")).toHaveCount(0);
  await bar(ann).click();
  await expect(ann.message("The key is under the mat")).toBeInViewport();
  await ann.does("The key is under the mat", "Unpin");
  await expect(bar(ann)).toContainText("More and more 79");
  await bar(ann).click();
  await ann.does("More and more 79", "Unpin");
  await expect(bar(bob)).toHaveCount(0);
});

test("who has a link joins the group", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const chat = await ann.group("Regatta");
  const { url_path } = await ann.api<{ url_path: string }>("POST", `/chats/${chat}/invites`, {
    max_uses: 1,
  });
  await bob.page.goto(url_path);
  await expect(bob.page.getByRole("heading", { name: "Regatta" })).toBeVisible();
  await expect(bob.page.getByText("1 member")).toBeVisible();
  await bob.page.getByRole("button", { name: "Join the group" }).click();
  await expect(bob.page.getByRole("log").getByText("You joined")).toBeVisible();
  const cleo = await arrive("Cleo");
  await cleo.page.goto(url_path);
  await expect(cleo.page.getByText("This invitation has ended")).toBeVisible();
});
