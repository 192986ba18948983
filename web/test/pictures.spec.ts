/** The pictures of README: `npm run pictures`, against a new server at CARRIER_URL. */

import type { Page } from "@playwright/test";

import { dusk } from "./dusk";
import { expect, type Person, test } from "./support";

const PICTURES = new URL("../pictures/", import.meta.url).pathname;

/** Waits for pictures and fonts. */
const isDrawn = (page: Page) =>
  page.waitForFunction(
    () =>
      document.fonts.status === "loaded" &&
      [...document.images].every((one) => one.complete) &&
      document.getAnimations().every(({ playState }) => playState !== "running"),
  );

async function seed(
  ann: Person,
  others: Record<"bob" | "cleo" | "dev" | "eve" | "finn", Person>,
): Promise<{ direct: string; group: string }> {
  const { bob, cleo, dev, eve, finn } = others;
  await cleo.sends(await ann.chatWith(cleo), "Lunch on Thursday?");
  await finn.sends(await ann.chatWith(finn), "Hello from Bergen! The fjord is frozen over.");
  const withDev = await ann.chatWith(dev);
  await dev.sends(withDev, "The build is green again.");
  await ann.api("PATCH", `/chats/${withDev}/preferences`, { pinned: true });
  const group = await eve.group("Regatta crew", ann, bob, cleo, dev);
  await eve.sends(group, "Welcome, all! This is where we plan the regatta. ⛵");
  const mine = await ann.sends(group, "I am in. Who brings the charts?");
  await dev.sends(
    group,
    "I do. High water is at **09:42**, so we leave the harbour at *nine sharp*.",
  );
  for (const who of [cleo, eve])
    await who.api("PUT", `/chats/${group}/messages/${mine}/reactions/${encodeURIComponent("🎉")}`);
  await cleo.sends(
    group,
    "Then breakfast is on me:\n\n- coffee, lots of it\n- rolls\n- the good marmalade",
  );
  await bob.sends(group, `@${ann.username} can you take the helm?`, { mentions: [ann.id] });
  const direct = await ann.chatWith(bob);
  await bob.sends(direct, "Did the boat get in?");
  await bob.sends(direct, "The harbour is all fog here.");
  await ann.sends(direct, "An hour ago. Everyone is dry, and hungry.");
  const soup = await bob.sends(direct, "Soup is on. 🍲");
  await ann.api("PUT", `/chats/${direct}/messages/${soup}/reactions/${encodeURIComponent("❤️")}`);
  const upload = await bob.context.request.post(
    `/v1/chats/${direct}/attachments?name=harbour.png`,
    {
      data: dusk(640, 400),
      headers: { "content-type": "image/png", "sec-fetch-site": "same-origin" },
    },
  );
  const picture = await bob.sends(direct, "Before the fog came in", {
    attachments: [await upload.json()],
  });
  await ann.sends(direct, "Beautiful! Keep a bowl for me.", { reply_to: picture });
  return { direct, group };
}

test("pictures of the main screens @pictures", async ({ arrive, page }) => {
  const names = {
    bob: "Bob Tidewater",
    cleo: "Cleo Vance",
    dev: "Dev Patel",
    eve: "Eve Okafor",
    finn: "Finn Larsen",
  };
  const ann = await arrive("Ann Marlow", { deviceScaleFactor: 2 });
  const others = Object.fromEntries(
    await Promise.all(
      Object.entries(names).map(async ([key, name]) => [key, await arrive(name)] as const),
    ),
  ) as Parameters<typeof seed>[1];
  const { direct, group } = await seed(ann, others);
  await others.bob.open(`/c/${direct}`);
  const shot = async (name: string) => {
    await isDrawn(ann.page);
    await ann.page.screenshot({ path: `${PICTURES}${name}.png` });
  };

  await page.goto("/");
  await isDrawn(page);
  await page.screenshot({ path: `${PICTURES}landing.png` });
  await ann.page.emulateMedia({ colorScheme: "light" });
  await ann.open(`/c/${direct}`);
  await expect(ann.message("Keep a bowl").getByLabel("Read")).toBeVisible();
  await shot("direct");
  await ann.page.emulateMedia({ colorScheme: "dark" });
  await ann.open(`/c/${group}`);
  await expect(ann.message("take the helm")).toBeVisible();
  await shot("group-dark");
  await ann.page.setViewportSize({ width: 390, height: 844 });
  await ann.page.emulateMedia({ colorScheme: "light" });
  await ann.open("/c");
  await shot("phone-list");
  await ann.page.goto(`/c/${direct}`);
  await expect(ann.message("Keep a bowl")).toBeVisible();
  await shot("phone-chat");
});
