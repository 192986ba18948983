import { sendPictures } from "./dusk";
import { expect, test } from "./support";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

for (const [screen, options] of [
  ["a desktop", { viewport: { width: 1280, height: 800 } }],
  ["a phone", PHONE],
] as const) {
  test(`an album is a grid, and a picture fills the screen of ${screen}`, async ({ arrive }) => {
    const [ann, bob] = [await arrive("Ann", options), await arrive("Bob")];
    const chat = await ann.chatWith(bob);
    await sendPictures(bob, chat, "boats", [
      [300, 200],
      [200, 300],
      [64, 640],
    ]);
    await sendPictures(bob, chat, "shore", [[320, 240]]);
    await ann.page.goto(`/c/${chat}`);
    const { page } = ann;
    const boxes = await Promise.all(
      [1, 2, 3].map((at) =>
        ann
          .message("boats")
          .getByRole("button", { name: `View boats-${at}.png` })
          .boundingBox(),
      ),
    );
    const [first, second, third] = boxes.map((box) => box ?? { x: 0, y: 0, width: 0, height: 0 });
    if (first === undefined || second === undefined || third === undefined) throw new Error();
    expect(Math.abs(second.y - third.y)).toBeLessThan(1); // side by side, below the first
    expect(Math.abs(second.width - third.width)).toBeLessThan(1);
    expect(second.y).toBeGreaterThan(first.y + first.height - 1);
    expect(first.width).toBeGreaterThan(1.9 * second.width);

    await ann.message("boats").getByRole("button", { name: "View boats-2.png" }).click();
    const dialog = page.getByRole("dialog");
    const shown = dialog.locator("img");
    await expect(shown).toHaveAttribute("alt", "boats-2.png");
    const { width, height } = options.viewport;
    expect(await dialog.boundingBox()).toEqual({ x: 0, y: 0, width, height });
    await expect(dialog.getByText("Bob", { exact: true })).toBeVisible();
    await expect(dialog.getByText(/\d\d:\d\d.* · 2 of 4/)).toBeVisible();

    await page.keyboard.press("ArrowRight");
    await expect(shown).toHaveAttribute("alt", "boats-3.png");
    await dialog.getByRole("button", { name: "Next picture" }).click();
    await expect(shown).toHaveAttribute("alt", "shore-1.png"); // of the next message
    await expect(dialog.getByRole("button", { name: "Next picture" })).toBeDisabled();
    await page.keyboard.press("ArrowLeft");
    await dialog.getByRole("button", { name: "Previous picture" }).click();
    await expect(shown).toHaveAttribute("alt", "boats-2.png");

    const wide = () => shown.evaluate((image) => image.getBoundingClientRect().width);
    await expect.poll(wide).toBeGreaterThan(0);
    const fit = await wide();
    await dialog.getByRole("button", { name: "Zoom in" }).click();
    await expect.poll(wide).toBeGreaterThan(1.4 * fit);
    await shown.dblclick();
    await expect.poll(wide).toBe(fit);
    const download = dialog.getByRole("link", { name: "Download" });
    await expect(download).toHaveAttribute("download", "boats-2.png");

    await page.keyboard.press("Escape");
    await expect(dialog).toHaveCount(0);
    await expect(ann.message("boats").getByRole("button", { name: /boats-2/ })).toBeFocused();
  });
}

test("tinted buttons are readable in the dark", async ({ arrive }) => {
  const [ann, bob] = [await arrive("Ann", { colorScheme: "dark" }), await arrive("Bob")];
  await ann.open(`/c/${await ann.group("Crew", bob)}`);
  await ann.page.getByRole("button", { name: /, details$/ }).click();
  await expect(ann.page.getByRole("button", { name: "Delete group" })).toBeVisible();
  const faint = await ann.page.locator("[data-variant=light]").evaluateAll((all) => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const luminance = (color: string) => {
      if (canvas === null) throw new Error("no canvas");
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      const [red = 0, green = 0, blue = 0] = [...canvas.getImageData(0, 0, 1, 1).data].map(
        (part) => {
          const light = part / 255;
          return light <= 0.04045 ? light / 12.92 : ((light + 0.055) / 1.055) ** 2.4;
        },
      );
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const contrast = (one: string, other: string) => {
      const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
      return (high + 0.05) / (low + 0.05);
    };
    const card = getComputedStyle(document.documentElement).getPropertyValue("--card");
    return all.flatMap((button) => {
      const { color, backgroundColor } = getComputedStyle(button);
      const [text, shape] = [contrast(color, backgroundColor), contrast(backgroundColor, card)];
      const figures = `${button.textContent}: ${text.toFixed(1)}, ${shape.toFixed(2)}`;
      return text < 4.5 || shape < 1.2 ? [figures] : [];
    });
  });
  expect(faint).toEqual([]);
});
