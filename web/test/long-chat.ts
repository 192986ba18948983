/** A long chat, whose messages have all heights. */

import type { Page } from "@playwright/test";

import { dusk } from "./dusk";
import { expect, type Person } from "./support";

/** Requests in flight at once. */
const AT_ONCE = 24;
/** Frames without a movement after which a list is at rest: more than a second. */
const FRAMES = 80;

/** A body of one of many heights: a line, a long text, or Markdown, which is loaded late. */
function bodyOf(at: number): string {
  const kinds = [
    () => "Yes.",
    () => "We could meet at the harbour. ".repeat(1 + (at % 17)),
    () => `**Note ${at}**\n\n- one\n- two\n- three\n\n> quoted\n> again`,
    () => `\`\`\`\n${"let x = 1;\n".repeat(1 + (at % 9))}\`\`\``,
    () => "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n| 5 | 6 |",
    () => `Look at https://example.org/${at}`,
    () => `# Title ${at}\n\n1. first\n2. second\n\n*done*`,
  ];
  return kinds[(at * 7 + (at >> 3)) % kinds.length]?.() ?? "";
}

/** Writes a long chat with messages of all kinds; returns their ids, oldest first. */
export async function fill(chat: string, writers: Person[], many: number): Promise<number[]> {
  const [ann] = writers as [Person, ...Person[]];
  const pictures: object[] = [];
  for (const [width, height] of [
    [640, 480],
    [300, 620],
    [90, 60],
  ] as const) {
    const answer = await ann.context.request.post(`/v1/chats/${chat}/attachments?name=sea.png`, {
      data: dusk(width, height),
      headers: { "content-type": "image/png", "sec-fetch-site": "same-origin" },
    });
    pictures.push(await answer.json());
  }
  const ids: number[] = [];
  let at = 0;
  const write = async () => {
    while (at < many) {
      const mine = at++;
      const who = writers[(mine >> 2) % writers.length] ?? ann;
      const picture = pictures[mine % 3] as object;
      // A word that only this one has, so that a search finds it.
      const body = `${bodyOf(mine)}\n\n${mark(mine)}`;
      const id = await who.sends(chat, body, mine % 11 === 5 ? { attachments: [picture] } : {});
      ids.push(id);
      if (mine % 6 === 1)
        await ann.api("PUT", `/chats/${chat}/messages/${id}/reactions/${encodeURIComponent("👍")}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, write));
  await ann.api("PUT", `/chats/${chat}/receipts`, { read: Math.max(...ids) });
  return ids.sort((a, b) => a - b);
}

const mark = (at: number) => `needle${at}q`;

/** Makes pictures and the code of Markdown come late. */
export async function slowDown(page: Page): Promise<void> {
  await page.route(/\/attachments\/|\/assets\/markdown-/, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 700));
    await route.continue().catch(() => undefined); // the page may have gone on
  });
}

/**
 * Waits until a list of messages has come to rest: nothing that it shows is on its way, and for
 * many frames nothing has moved.
 */
export async function settled(page: Page): Promise<void> {
  const isStill = () =>
    page.evaluate(
      (frames) =>
        new Promise<boolean>((resolve) => {
          const list = document.querySelector(".history-list");
          // Pictures that are far away are not even asked for.
          const isNear = (image: HTMLElement) => {
            const { top, bottom } = image.getBoundingClientRect();
            return bottom > 0 && top < innerHeight;
          };
          const isComing = () =>
            list === null ||
            [...list.querySelectorAll("img")].some((one) => isNear(one) && !one.complete) ||
            list.querySelector("[aria-label='Sending']") !== null;
          const place = () => `${list?.scrollTop} ${list?.scrollHeight} ${list?.clientHeight}`;
          const start = place();
          let left = frames;
          const look = () => {
            if (isComing() || place() !== start) resolve(false);
            else if (left-- === 0) resolve(true);
            else requestAnimationFrame(look);
          };
          look();
        }),
      FRAMES,
    );
  await expect.poll(isStill, { intervals: [0] }).toBe(true);
}
