import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { type Layer, Layers } from "../src/hooks/layers";
import { random } from "./support";

interface Entry {
  address: string;
  state: unknown;
}

/** The history of a browser, which goes to another entry a moment after it is told to. */
class Browser {
  entries: Entry[] = [
    { address: "before", state: null },
    { address: "chat", state: null },
  ];
  at = 1;
  onPop = (): void => undefined;

  get here(): Entry {
    return this.entries[this.at] ?? expect.fail("an entry");
  }

  get state(): unknown {
    return this.here.state;
  }

  private add(entry: Entry): void {
    this.entries = [...this.entries.slice(0, this.at + 1), entry];
    this.at++;
  }

  push = (state: unknown): void => this.add({ address: this.here.address, state });

  replace = (state: unknown): void => {
    this.entries[this.at] = { ...this.here, state };
  };

  go = (by: number): void => {
    setTimeout(() => {
      if (this.entries[this.at + by] === undefined) return;
      this.at += by;
      this.onPop();
    }, 5);
  };

  navigate(address: string, replaces: boolean): void {
    if (replaces) this.entries[this.at] = { address, state: null };
    else this.add({ address, state: null });
  }

  /** The addresses to which Back leads one after the other. */
  get behind(): string[] {
    return this.entries.slice(0, this.at + 1).map(({ address }) => address);
  }
}

/** A page with what lies over it, the topmost last. */
class Page {
  readonly browser = new Browser();
  readonly layers: Layers;
  shown: string[] = [];

  constructor(browser = new Browser()) {
    this.browser = browser;
    this.layers = new Layers(browser);
    browser.onPop = () => this.layers.follow();
  }

  /** Opens something; returns how to close it as by Esc. */
  open(name: string): () => void {
    const layer: Layer = { close: () => close() };
    const remove = this.layers.add(layer);
    const close = () => {
      this.shown = this.shown.filter((one) => one !== name);
      remove();
    };
    this.shown.push(name);
    return close;
  }

  leave(address: string, replaces = false): void {
    this.layers.leave((asEntry) => this.browser.navigate(address, asEntry), replaces);
  }

  back(): void {
    this.browser.go(-1);
    vi.runAllTimers();
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());
const rest = () => vi.runAllTimers();

describe("Back", () => {
  test("closes what lies over a chat, the topmost first, and then leaves the chat", () => {
    const page = new Page();
    for (const name of ["details", "menu", "question"]) {
      page.open(name);
      rest();
    }
    for (const left of [["details", "menu"], ["details"], []]) {
      page.back();
      expect(page.shown).toEqual(left);
      expect(page.browser.here.address).toBe("chat");
    }
    page.back();
    expect(page.browser.here.address).toBe("before");
  });

  test("finds no entry of what was closed in another way", () => {
    const page = new Page();
    for (let time = 0; time < 3; time++) {
      const close = page.open("menu");
      rest();
      close();
      rest();
    }
    expect(page.browser.behind).toEqual(["before", "chat"]);
  });

  test("closes what was opened in the place of something else by one act", () => {
    const page = new Page();
    const close = page.open("menu");
    rest();
    close();
    page.open("question");
    rest();
    expect(page.browser.behind).toEqual(["before", "chat", "chat"]);
    page.back();
    expect(page.shown).toEqual([]);
    expect(page.browser.behind).toEqual(["before", "chat"]);
  });

  test("over several entries closes all that lay over the place that was left", () => {
    const page = new Page();
    page.open("settings");
    page.open("menu");
    rest();
    page.browser.go(-3);
    rest();
    expect(page.shown).toEqual([]);
    expect(page.browser.here.address).toBe("before");
  });
});

describe("Forward", () => {
  test("to something that is closed leads back at once", () => {
    const page = new Page();
    page.open("menu");
    rest();
    page.back();
    page.browser.go(1);
    rest();
    expect(page.shown).toEqual([]);
    expect(page.browser.behind).toEqual(["before", "chat"]);
  });
});

describe("another address", () => {
  test.each([1, 2, 3])("has no entries of %i layers before it", (count) => {
    const page = new Page();
    const closes = Array.from({ length: count }, (_, at) => page.open(`layer ${at}`));
    rest();
    page.leave("other chat");
    for (const close of closes) close();
    rest();
    expect(page.browser.behind).toEqual(["before", "chat", "other chat"]);
  });

  test("has what stays open over it", () => {
    const page = new Page();
    page.open("search");
    rest();
    page.leave("first hit");
    rest();
    page.leave("second hit");
    rest();
    page.leave("second hit, shown", true);
    rest();
    const places = ["before", "chat", "first hit", "second hit, shown"];
    expect(page.browser.behind).toEqual([...places, "second hit, shown"]);
    page.back();
    expect(page.shown).toEqual([]);
    expect(page.browser.behind).toEqual(places);
  });

  test("is reached while the browser is still on its way back", () => {
    const page = new Page();
    const close = page.open("menu");
    rest();
    close();
    vi.advanceTimersByTime(1); // it has been told to go back
    page.leave("other chat");
    rest();
    expect(page.browser.behind).toEqual(["before", "chat", "other chat"]);
  });
});

test("a reload with something open shows the page without it", () => {
  const page = new Page();
  page.open("menu");
  rest();
  const again = new Page(page.browser);
  rest();
  expect(again.browser.behind).toEqual(["before", "chat"]);
});

test("a browser that does not go back is not waited for without end", () => {
  const browser = new Browser();
  browser.entries = [{ address: "chat", state: { layers: 1 } }];
  browser.at = 0;
  const page = new Page(browser);
  vi.advanceTimersByTime(10);
  page.leave("other chat");
  rest();
  expect(page.browser.behind).toEqual(["chat", "other chat"]);
});

const seeds = Array.from({ length: 200 }, (_, seed) => seed);
test.each(seeds)("however it is used, each entry is a place or is open (seed %i)", (seed) => {
  const next = random(seed);
  const page = new Page();
  const closes = new Map<string, () => void>();
  const places = ["before", "chat"];
  for (let step = 0; step < 40; step++) {
    const kind = Math.floor(next() * 5);
    const top = page.shown.at(-1);
    if (kind === 0) closes.set(`layer ${step}`, page.open(`layer ${step}`));
    else if (kind === 1 && top !== undefined) closes.get(top)?.();
    else if (kind === 2 && top !== undefined) {
      rest();
      page.back();
      expect(page.shown.at(-1)).not.toBe(top);
    } else if (kind === 3) {
      page.leave(`place ${step}`);
      places.push(`place ${step}`);
    } else if (kind === 4) {
      rest();
      page.browser.go(1);
      rest();
    }
    if (next() < 0.5) rest();
  }
  rest();
  const here = places.at(-1) as string;
  expect(page.browser.behind).toEqual([...places, ...page.shown.map(() => here)]);
});
