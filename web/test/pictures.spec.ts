/** The pictures of README: `npm run pictures`, against a new server at CARRIER_URL. */

import { deflateSync } from "node:zlib";

import { type Person, expect, test } from "./support";

const PICTURES = new URL("../pictures/", import.meta.url).pathname;

/** A sea at dusk, as a PNG: the sky, the sun, and its light on the water. */
function dusk(width: number, height: number): Buffer {
  const rows = Buffer.alloc((width * 3 + 1) * height);
  const [sunX, horizon, radius] = [width * 0.62, height * 0.6, height * 0.11];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const depth = y < horizon ? y / horizon : (height - y) / (height - horizon);
      const near = Math.hypot(x - sunX, y - horizon + radius * 0.6);
      const path = y > horizon && Math.abs(x - sunX) < radius * (0.5 + 0.5 * Math.abs(Math.sin(y * 0.9))) ? 0.5 : 0;
      const glow = near < radius && y < horizon ? 1 : Math.max(path, 0.55 * Math.exp(-near / (height * 0.4)));
      const base = y < horizon ? [58 + 150 * depth, 70 + 70 * depth, 130 + 20 * depth] : [30 + 60 * depth, 52 + 40 * depth, 96 + 30 * depth];
      const at = y * (width * 3 + 1) + 1 + x * 3;
      [255, 205, 140].forEach((light, part) => (rows[at + part] = Math.round(base[part]! * (1 - glow) + light * glow)));
    }
  }
  const crc = (bytes: Buffer) => {
    let sum = ~0;
    for (const byte of bytes) {
      sum ^= byte;
      for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
    }
    return ~sum >>> 0;
  };
  const part = (name: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length, 0);
    frame.writeUInt32BE(crc(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), part("IHDR", head), part("IDAT", deflateSync(rows)), part("IEND", Buffer.alloc(0))]);
}

async function seed(ann: Person, others: Record<"bob" | "cleo" | "dev" | "eve" | "finn", Person>): Promise<{ direct: string; group: string }> {
  const { bob, cleo, dev, eve, finn } = others;
  await cleo.sends(await ann.chatWith(cleo), "Lunch on Thursday?");
  await finn.sends(await ann.chatWith(finn), "Hello from Bergen! The fjord is frozen over.");
  const withDev = await ann.chatWith(dev);
  await dev.sends(withDev, "The build is green again.");
  await ann.api("PATCH", `/chats/${withDev}/preferences`, { pinned: true });
  const group = await eve.group("Regatta crew", ann, bob, cleo, dev);
  await eve.sends(group, "Welcome, all! This is where we plan the regatta. ⛵");
  const mine = await ann.sends(group, "I am in. Who brings the charts?");
  await dev.sends(group, "I do. High water is at **09:42**, so we leave the harbour at *nine sharp*.");
  for (const who of [cleo, eve]) await who.api("PUT", `/chats/${group}/messages/${mine}/reactions/${encodeURIComponent("🎉")}`);
  await cleo.sends(group, "Then breakfast is on me:\n\n- coffee, lots of it\n- rolls\n- the good marmalade");
  await bob.sends(group, `@${ann.username} can you take the helm?`, { mentions: [ann.id] });
  const direct = await ann.chatWith(bob);
  await bob.sends(direct, "Did the boat get in?");
  await bob.sends(direct, "The harbour is all fog here.");
  await ann.sends(direct, "An hour ago. Everyone is dry, and hungry.");
  const soup = await bob.sends(direct, "Soup is on. 🍲");
  await ann.api("PUT", `/chats/${direct}/messages/${soup}/reactions/${encodeURIComponent("❤️")}`);
  const upload = await bob.context.request.post(`/v1/chats/${direct}/attachments?name=harbour.png`, {
    data: dusk(640, 400),
    headers: { "content-type": "image/png", "sec-fetch-site": "same-origin" },
  });
  const picture = await bob.sends(direct, "Before the fog came in", { attachments: [await upload.json()] });
  await ann.sends(direct, "Beautiful! Keep a bowl for me.", { reply_to: picture });
  return { direct, group };
}

test("pictures of the main screens @pictures", async ({ arrive, page }) => {
  const names = { bob: "Bob Tidewater", cleo: "Cleo Vance", dev: "Dev Patel", eve: "Eve Okafor", finn: "Finn Larsen" };
  const ann = await arrive("Ann Marlow", { deviceScaleFactor: 2 });
  const others = Object.fromEntries(
    await Promise.all(Object.entries(names).map(async ([key, name]) => [key, await arrive(name)] as const)),
  ) as Parameters<typeof seed>[1];
  const { direct, group } = await seed(ann, others);
  await others.bob.open(`/c/${direct}`);
  const shot = async (name: string) => {
    await ann.page.waitForTimeout(700); // pictures and fonts
    await ann.page.screenshot({ path: `${PICTURES}${name}.png` });
  };

  await page.goto("/");
  await page.waitForTimeout(500);
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
