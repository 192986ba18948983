/** Pictures that are made of nothing but numbers. */

import { deflateSync } from "node:zlib";

import type { Person } from "./support";

/** A sea at dusk, as a PNG: the sky, the sun, and its light on the water. */
export function dusk(width: number, height: number): Buffer {
  const rows = Buffer.alloc((width * 3 + 1) * height);
  const [sunX, horizon, radius] = [width * 0.62, height * 0.6, height * 0.11];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const depth = y < horizon ? y / horizon : (height - y) / (height - horizon);
      const near = Math.hypot(x - sunX, y - horizon + radius * 0.6);
      const path =
        y > horizon && Math.abs(x - sunX) < radius * (0.5 + 0.5 * Math.abs(Math.sin(y * 0.9)))
          ? 0.5
          : 0;
      const glow =
        near < radius && y < horizon ? 1 : Math.max(path, 0.55 * Math.exp(-near / (height * 0.4)));
      const base =
        y < horizon
          ? [58 + 150 * depth, 70 + 70 * depth, 130 + 20 * depth]
          : [30 + 60 * depth, 52 + 40 * depth, 96 + 30 * depth];
      const at = y * (width * 3 + 1) + 1 + x * 3;
      for (const [part, light] of [255, 205, 140].entries())
        rows[at + part] = Math.round((base[part] ?? 0) * (1 - glow) + light * glow);
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
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    part("IHDR", head),
    part("IDAT", deflateSync(rows)),
    part("IEND", Buffer.alloc(0)),
  ]);
}

/** Sends pictures of these sizes in one message. */
export async function sendPictures(
  who: Person,
  chat: string,
  body: string,
  sizes: [number, number][],
) {
  const attachments = [];
  for (const [index, [width, height]] of sizes.entries()) {
    const path = `/v1/chats/${chat}/attachments?name=${body}-${index + 1}.png`;
    const answer = await who.context.request.post(path, {
      headers: { "content-type": "image/png", "sec-fetch-site": "same-origin" },
      data: dusk(width, height),
    });
    attachments.push((await answer.json()) as object);
  }
  return await who.sends(chat, body, { attachments });
}
