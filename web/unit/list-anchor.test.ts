/** The place of a list, in a model of a scroller: Chromium cannot be made to do all of this. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { ListAnchor, REST_MS } from "../src/hooks/list-anchor";

const VIEW = 600;

/** A list of rows below each other, as Safari has it: it may be drawn beyond its ends. */
class Scroller {
  scrollTop = 0;
  readonly clientHeight = VIEW;
  readonly listeners = new Map<string, () => void>();
  readonly rows: { children: Row[] } = { children: [] };

  constructor(...heights: number[]) {
    for (const height of heights) this.rows.children.push(new Row(this, height));
  }

  get scrollHeight() {
    return this.rows.children.reduce((sum, { clientHeight }) => sum + clientHeight, 0);
  }

  addEventListener(type: string, listener: () => void) {
    this.listeners.set(type, listener);
  }

  getBoundingClientRect() {
    return { top: 0 };
  }

  anchor() {
    return new ListAnchor(this as unknown as HTMLElement, this.rows as unknown as HTMLElement);
  }
}

class Row {
  readonly isConnected = true;

  constructor(
    readonly list: Scroller,
    public clientHeight: number,
  ) {}

  getBoundingClientRect() {
    const { children } = this.list.rows;
    const before = children.slice(0, children.indexOf(this));
    const start = before.reduce((sum, { clientHeight }) => sum + clientHeight, 0);
    return { top: start - this.list.scrollTop };
  }
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const twenty = () => new Scroller(...Array.from({ length: 20 }, () => 100));

test("a list that is drawn beyond its start is left to come back", () => {
  const list = twenty();
  list.scrollTop = 300;
  const anchor = list.anchor();
  anchor.follow();
  list.scrollTop = 0;
  anchor.follow();
  list.scrollTop = -80;
  anchor.follow();
  expect(list.scrollTop).toBe(-80);
  list.rows.children.unshift(new Row(list, 500)); // older ones come meanwhile
  anchor.keep();
  expect(list.scrollTop).toBe(500); // and what was first is first
  expect(anchor.around(0)).toMatchObject({ above: 500 });
});

test("a list that is drawn beyond its end is at its end", () => {
  const list = twenty();
  const anchor = list.anchor();
  anchor.holdEnd();
  expect(list.scrollTop).toBe(1400);
  list.scrollTop = 1450;
  anchor.follow();
  expect(list.scrollTop).toBe(1450);
  expect(anchor.isAtEnd).toBe(true);
  list.rows.children.push(new Row(list, 100));
  anchor.keep();
  expect(list.scrollTop).toBe(1500);
});

test("a list moves from the first step of a person until it was still for a moment", () => {
  const list = twenty();
  const anchor = list.anchor();
  anchor.holdEnd();
  expect(anchor.isMoving).toBe(false);
  for (let step = 1; step <= 5; step++) {
    vi.advanceTimersByTime(REST_MS / 2); // Safari tells no end
    list.scrollTop -= 40;
    expect(anchor.follow()).toBe(true);
    expect(anchor.isMoving).toBe(true);
  }
  vi.advanceTimersByTime(REST_MS);
  expect(anchor.isMoving).toBe(false);
});

test("a bar that is dragged for long is still dragged by a person", () => {
  const list = twenty();
  const anchor = list.anchor();
  anchor.holdEnd();
  list.listeners.get("pointerdown")?.();
  for (let second = 1; second <= 6; second++) {
    vi.advanceTimersByTime(1000);
    list.scrollTop -= 20;
    anchor.follow();
  }
  expect(list.scrollTop).toBe(1280);
  // A picture that comes makes the list higher in the same moment.
  list.rows.children[19] = new Row(list, 400);
  list.scrollTop -= 20;
  anchor.follow();
  expect(list.scrollTop).toBe(1260);
});

test("a list that was left is found again where it was", () => {
  const list = twenty();
  const anchor = list.anchor();
  anchor.holdEnd();
  expect(anchor.firstShown()).toBeUndefined();
  list.scrollTop = 730;
  anchor.follow();
  expect(anchor.firstShown()).toEqual({ index: 8, top: 70 });
  const [again, row] = [twenty(), 8];
  const other = again.anchor();
  other.holdRow({ row: again.rows.children[row] as unknown as Element, top: 70 });
  expect(again.scrollTop).toBe(730);
});
