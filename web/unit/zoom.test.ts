import { describe, expect, test } from "vitest";

import {
  bounded,
  FITTED,
  MOST_SCALE,
  panned,
  pinched,
  type Sizes,
  STEP,
  toggled,
  type View,
  zoomed,
} from "../src/state/zoom";
import { random } from "./support";

/** A wide picture in a frame that is higher than it. */
const SIZES: Sizes = {
  frame: { width: 1000, height: 800 },
  picture: { width: 1000, height: 500 },
};
const MIDDLE = { x: 0, y: 0 };

/** Returns the point of the picture, from its middle and as it fits, that is drawn at a place. */
const partAt = ({ scale, x, y }: View, at: { x: number; y: number }) => ({
  x: (at.x - x) / scale,
  y: (at.y - y) / scale,
});

test("a picture is zoomed in several steps, and back to where all of it is seen", () => {
  let view = FITTED;
  const scales: number[] = [];
  while (view.scale < MOST_SCALE) {
    view = zoomed(view, STEP, MIDDLE, SIZES);
    scales.push(view.scale);
  }
  expect(scales.length).toBeGreaterThan(4);
  expect(zoomed(view, STEP, MIDDLE, SIZES)).toEqual(view);
  for (let step = 0; step < scales.length; step++) view = zoomed(view, 1 / STEP, MIDDLE, SIZES);
  expect(view).toEqual(FITTED);
});

describe("what is looked at stays where it is", () => {
  test("under the pointer, as far as there is something of the picture", () => {
    const at = { x: 200, y: -100 };
    const view = zoomed(zoomed(FITTED, 4, MIDDLE, SIZES), 1.2, at, SIZES);
    const { x, y } = partAt(view, at);
    expect([x, y]).toEqual([expect.closeTo(200 / 4), expect.closeTo(-100 / 4)]);
  });

  test("between two fingers, which move it and turn it larger", () => {
    const start = zoomed(FITTED, 3, MIDDLE, SIZES);
    const from = [
      { x: -50, y: 0 },
      { x: 50, y: 0 },
    ] as const;
    const to = [
      { x: -40, y: 30 },
      { x: 160, y: 30 },
    ] as const;
    const view = pinched(start, from, to, SIZES);
    expect(view.scale).toBeCloseTo(6);
    const before = partAt(start, MIDDLE);
    const after = partAt(view, { x: 60, y: 30 });
    expect([after.x, after.y]).toEqual([expect.closeTo(before.x), expect.closeTo(before.y)]);
  });

  test("after a double click, and a second one shows all again", () => {
    const view = toggled(FITTED, { x: 100, y: 50 }, SIZES);
    expect(view.scale).toBeGreaterThan(2);
    expect(partAt(view, { x: 100, y: 50 }).x).toBeCloseTo(100);
    expect(toggled(view, MIDDLE, SIZES)).toEqual(FITTED);
  });
});

test("a picture cannot be moved out of its frame", () => {
  expect(panned(FITTED, { x: 500, y: 500 }, SIZES)).toEqual(FITTED);
  const view = panned(zoomed(FITTED, 2, MIDDLE, SIZES), { x: 9000, y: 9000 }, SIZES);
  expect(view).toEqual({ scale: 2, x: 500, y: 100 });
  // In a smaller frame, as when a phone is turned.
  expect(bounded(view, { ...SIZES, picture: { width: 400, height: 200 } })).toEqual({
    scale: 2,
    x: 0,
    y: 0,
  });
});

const seeds = Array.from({ length: 100 }, (_, seed) => seed);
test.each(seeds)("whatever is done, no edge comes into the frame (seed %i)", (seed) => {
  const next = random(seed);
  const point = () => ({ x: (next() - 0.5) * 1200, y: (next() - 0.5) * 900 });
  let view = FITTED;
  for (let step = 0; step < 50; step++) {
    const kind = Math.floor(next() * 4);
    if (kind === 0) view = zoomed(view, 0.3 + 3 * next(), point(), SIZES);
    else if (kind === 1) view = panned(view, point(), SIZES);
    else if (kind === 2) view = pinched(view, [point(), point()], [point(), point()], SIZES);
    else view = toggled(view, point(), SIZES);
    expect(view.scale).toBeGreaterThanOrEqual(1);
    expect(view.scale).toBeLessThanOrEqual(MOST_SCALE);
    for (const [offset, drawn, seen] of [
      [view.x, SIZES.picture.width, SIZES.frame.width],
      [view.y, SIZES.picture.height, SIZES.frame.height],
    ] as const) {
      const most = Math.max(0, (drawn * view.scale - seen) / 2);
      expect(Math.abs(offset)).toBeLessThanOrEqual(most + 1e-6);
    }
  }
});
