/** A picture is looked at closely. */

import type { Locator, Page } from "@playwright/test";

import { sendPictures } from "./dusk";
import { look } from "./faults";
import { expect, type Person, test } from "./support";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The picture as it is drawn now. */
const drawn = async (picture: Locator): Promise<Box> =>
  picture.evaluate((one) => one.getBoundingClientRect().toJSON() as Box);

/** Opens the first of two pictures, and waits until it is there. */
async function openFirst(ann: Person, bob: Person, size: [number, number]): Promise<Locator> {
  const chat = await ann.chatWith(bob);
  await sendPictures(bob, chat, "sea", [size, [320, 240]]);
  await ann.page.bringToFront();
  await ann.page.goto(`/c/${chat}`);
  await ann.page.getByRole("button", { name: "View sea-1.png" }).click();
  const picture = ann.page.getByRole("dialog").locator("img");
  await expect
    .poll(() => picture.evaluate((one: HTMLImageElement) => one.complete && one.naturalWidth > 0))
    .toBe(true);
  return picture;
}

const tool = (page: Page, name: string) =>
  page.getByRole("dialog").getByRole("button", { name, exact: true });

/** Returns which part of a picture is at a place: 0 to 1 from its left and its top. */
const partAt = ({ x, y, width, height }: Box, at: { x: number; y: number }) => [
  (at.x - x) / width,
  (at.y - y) / height,
];

/** Expects that no edge of a picture has come into its frame. */
async function expectFilled(page: Page, picture: Locator) {
  const frame = await drawn(page.locator(".lightbox-stage"));
  const box = await drawn(picture);
  if (box.width > frame.width) {
    expect(box.x).toBeLessThan(frame.x + 1);
    expect(box.x + box.width).toBeGreaterThan(frame.x + frame.width - 1);
  }
  if (box.height > frame.height) {
    expect(box.y).toBeLessThan(frame.y + 1);
    expect(box.y + box.height).toBeGreaterThan(frame.y + frame.height - 1);
  }
}

test("a picture is zoomed in steps by buttons and keys", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann", { reducedMotion: "reduce" }), await arrive("Bob")];
  const { page } = ann;
  const picture = await openFirst(ann, bob, [900, 600]);
  const fit = (await drawn(picture)).width;
  const wide = async () => (await drawn(picture)).width / fit;
  await expect(tool(page, "Zoom out")).toBeDisabled();
  const scales = [1];
  while (await tool(page, "Zoom in").isEnabled()) {
    await tool(page, "Zoom in").click();
    await expect.poll(wide).toBeGreaterThan((scales.at(-1) ?? 1) * 1.05);
    scales.push(await wide());
    await expect(page.getByText(`${Math.round(100 * (scales.at(-1) ?? 1))}%`)).toBeVisible();
  }
  expect(scales.length).toBeGreaterThan(5);
  await look(page, "a picture that is zoomed");
  for (const scale of scales.slice(0, -1).reverse().slice(0, 2)) {
    await page.keyboard.press("-");
    await expect.poll(wide).toBeLessThan(scale * 1.1);
  }
  await page.keyboard.press("0");
  await expect.poll(wide).toBe(1);
  await page.keyboard.press("+");
  await expect.poll(wide).toBeCloseTo(1.5, 1);
  await tool(page, "Zoom out").click();
  await expect.poll(wide).toBe(1);
  await look(page, "a picture");
});

test("a wheel zooms at the pointer, and a picture stays in its frame", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const { page } = ann;
  const picture = await openFirst(ann, bob, [900, 600]);
  const start = await drawn(picture);
  const at = { x: start.x + 0.3 * start.width, y: start.y + 0.6 * start.height };
  await page.mouse.move(at.x, at.y);
  // As large as the frame first: from there on, the part under the pointer stays.
  await page.mouse.wheel(0, -500);
  await expect.poll(async () => (await drawn(picture)).width).toBeGreaterThan(2 * start.width);
  const before = await drawn(picture);
  await page.mouse.wheel(0, -200);
  await expect.poll(async () => (await drawn(picture)).width).toBeGreaterThan(before.width * 1.2);
  const [[x = 0, y = 0], [wasX = 0, wasY = 0]] = [
    partAt(await drawn(picture), at),
    partAt(before, at),
  ];
  expect(Math.abs(x - wasX)).toBeLessThan(0.01);
  expect(Math.abs(y - wasY)).toBeLessThan(0.01);

  // Dragged as far as it goes, and farther.
  for (const [x, y, toX, toY] of [
    [200, 200, 1240, 760],
    [1200, 700, 60, 80],
    [200, 600, 1240, 80],
  ] as const) {
    const was = await drawn(picture);
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(toX, toY, { steps: 4 });
    await page.mouse.up();
    await expect.poll(async () => (await drawn(picture)).x, `${x} to ${toX}`).not.toBe(was.x);
    await expectFilled(page, picture);
  }
  await expect(page.getByRole("dialog")).toBeVisible(); // a drag is no click

  await page.setViewportSize({ width: 700, height: 900 });
  await expectFilled(page, picture);
  await page.mouse.move(350, 450);
  await page.mouse.wheel(0, 5000);
  await expect(tool(page, "Zoom out")).toBeDisabled();
});

test("an arrow moves a picture that is zoomed, and leads on from its edge", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann"), await arrive("Bob")];
  const { page } = ann;
  const picture = await openFirst(ann, bob, [900, 600]);
  await picture.dblclick();
  const box = await drawn(picture);
  await page.keyboard.press("ArrowRight");
  await expect.poll(async () => (await drawn(picture)).x).toBeLessThan(box.x - 10);
  await expect(picture).toHaveAttribute("alt", "sea-1.png");
  for (let step = 0; step < 40; step++) {
    if ((await picture.getAttribute("alt")) === "sea-2.png") break;
    await page.keyboard.press("ArrowRight");
  }
  // The next one is shown as a whole.
  await expect(picture).toHaveAttribute("alt", "sea-2.png");
  await expect(tool(page, "Zoom out")).toBeDisabled();
  await expect(picture).toHaveCSS("transform", "matrix(1, 0, 0, 1, 0, 0)");
  await picture.dblclick();
  await expect(tool(page, "Zoom out")).toBeEnabled();
  await picture.dblclick();
  await expect(tool(page, "Zoom out")).toBeDisabled();
  await page.keyboard.press("ArrowLeft");
  await expect(picture).toHaveAttribute("alt", "sea-1.png");
});

test("two fingers zoom, two taps zoom, and one finger leads on", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann", PHONE), await arrive("Bob")];
  const { page } = ann;
  const picture = await openFirst(ann, bob, [900, 600]);
  const client = await ann.context.newCDPSession(page);
  const touch = (type: string, ...points: [number, number][]) =>
    client.send("Input.dispatchTouchEvent", {
      type: type as "touchStart",
      touchPoints: points.map(([x, y], id) => ({ x, y, id })),
    });
  const fit = (await drawn(picture)).width;
  const wide = async () => (await drawn(picture)).width / fit;
  await touch("touchStart", [170, 420], [220, 420]);
  for (let step = 1; step <= 5; step++)
    await touch("touchMove", [170 - 15 * step, 420], [220 + 15 * step, 420]);
  await touch("touchEnd");
  await expect.poll(wide).toBeGreaterThan(3.5);
  expect(await wide()).toBeLessThan(4.5);
  await expectFilled(page, picture);
  await expect(picture).toHaveAttribute("alt", "sea-1.png"); // no swipe
  await expect.poll(() => page.evaluate(() => visualViewport?.scale)).toBe(1);

  await page.touchscreen.tap(195, 420);
  await page.touchscreen.tap(195, 420);
  await expect.poll(wide).toBe(1);
  await page.touchscreen.tap(195, 420);
  await page.touchscreen.tap(195, 420);
  await expect.poll(wide).toBeGreaterThan(2);
  await page.touchscreen.tap(195, 420);
  await page.touchscreen.tap(195, 420);
  await expect.poll(wide).toBe(1);

  await touch("touchStart", [300, 420]);
  for (let step = 1; step <= 5; step++) await touch("touchMove", [300 - 40 * step, 422]);
  await touch("touchEnd");
  await expect(picture).toHaveAttribute("alt", "sea-2.png");
  // A tap beside it closes it; also one so soon that Chromium makes no click of it.
  await page.touchscreen.tap(195, 780);
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(ann.field).toBeVisible();
});
