/** A long chat, whose messages have all heights. */

import type { Page } from "@playwright/test";

import { dusk } from "./dusk";
import { expect, type Person, test } from "./support";

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

type Call = (method: string, path: string, data?: object) => Promise<Response>;

/** Returns how to call the API as somebody, past the browser: many times as fast. */
async function callerOf(who: Person): Promise<Call> {
  const cookies = await who.context.cookies();
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
  return async (method, path, data) => {
    const answer = await fetch(`${test.info().project.use.baseURL}/v1${path}`, {
      method,
      headers: { cookie, "content-type": "application/json", "sec-fetch-site": "same-origin" },
      ...(data !== undefined && { body: JSON.stringify(data) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  };
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
  const callers = await Promise.all(writers.map(callerOf));
  const [call] = callers as [Call, ...Call[]];
  const ids: number[] = [];
  let at = 0;
  const write = async () => {
    while (at < many) {
      const mine = at++;
      const write = callers[(mine >> 2) % callers.length] ?? call;
      const picture = pictures[mine % 3] as object;
      // A word that only this one has, so that a search finds it.
      const body = `${bodyOf(mine)}\n\n${mark(mine)}`;
      const attachments = mine % 11 === 5 ? [picture] : [];
      const answer = await write("POST", `/chats/${chat}/messages`, { body, attachments });
      const { id } = (await answer.json()) as { id: number };
      ids.push(id);
      if (mine % 6 === 1)
        await call("PUT", `/chats/${chat}/messages/${id}/reactions/${encodeURIComponent("👍")}`);
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
