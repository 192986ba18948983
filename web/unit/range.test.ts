import { describe, expect, test } from "vitest";

import { drawn, rangeAround, stretch } from "../src/state/range";

const MORE = Number.POSITIVE_INFINITY;
/** A hundred rows, the first of which has the number 1000. */
const bounds = { first: 1000, end: 1100, hasEnd: true };
const middle = { ...bounds, hasEnd: false };

test.each([
  ["in the middle", 1050, { from: 1040, to: 1060 }],
  ["at the beginning", 1000, { from: 1000, to: 1020 }],
  ["at the end", 1100, { from: 1080, to: MORE }],
  ["near the end", 1095, { from: 1080, to: MORE }],
])("rows around one %s", (_, number, range) => {
  expect(rangeAround(number, 20, bounds)).toEqual(range);
});

test("rows at the end of a part do not take those that are loaded later", () => {
  expect(rangeAround(1100, 20, middle)).toEqual({ from: 1080, to: 1100 });
});

describe("a range", () => {
  const range = { from: 1040, to: 1060 };

  test.each([
    ["grows at both ends", 12, 12, { from: 1028, to: 1072 }],
    ["grows no further than there are rows", 50, 0, { from: 1000, to: 1060 }],
    ["grows up to the end", 0, 40, { from: 1040, to: MORE }],
    ["shrinks", -5, -10, { from: 1045, to: 1050 }],
  ])("%s", (_, before, after, grown) => {
    expect(stretch(range, before, after, bounds)).toEqual(grown);
  });

  test("that has the end loses it when it shrinks there", () => {
    expect(stretch({ from: 1080, to: MORE }, 0, -5, bounds)).toEqual({ from: 1080, to: 1095 });
  });

  test("that stays as it is stays the same object", () => {
    expect(stretch(range, 0, 0, bounds)).toBe(range);
    const all = { from: 1000, to: MORE };
    expect(stretch(all, 12, 12, bounds)).toBe(all);
  });
});

test.each([
  [{ from: 1040, to: 1060 }, [40, 60]],
  [{ from: 900, to: MORE }, [0, 100]],
  [{ from: 2000, to: 2010 }, [100, 100]],
])("%j draws the rows %j", (range, indices) => {
  expect(drawn(range, bounds)).toEqual(indices);
});
