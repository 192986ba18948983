/** The parsed texts that are kept, with a worker that is this test. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";

type Answer = { data: "ready" | { text: string; nodes?: string[] } };

class FakeWorker {
  static all: FakeWorker[] = [];
  onmessage: (answer: Answer) => void = () => undefined;
  readonly asked: string[] = [];

  constructor() {
    FakeWorker.all.push(this);
  }

  postMessage(text: string) {
    this.asked.push(text);
  }

  terminate() {
    // What is on its way comes all the same.
  }

  says(data: Answer["data"]) {
    this.onmessage({ data });
  }
}

/** Begins with a module that keeps nothing yet, and a worker that is ready. */
async function begin() {
  vi.resetModules();
  FakeWorker.all = [];
  const cache = await import("../src/actions/markdown");
  cache.openMarkdown();
  const [worker] = FakeWorker.all;
  worker?.says("ready");
  return { ...cache, worker: worker ?? expect.fail("there is a worker") };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("Worker", FakeWorker);
});
afterEach(() => vi.useRealTimers());

test("a text that is shown is kept, however many come after it", async () => {
  const { worker, listenForMarkdown, parsedMarkdown } = await begin();
  const parse = (text: string) => {
    const stop = listenForMarkdown(text, () => undefined);
    worker.says({ text, nodes: [text] });
    return stop;
  };
  const stop = parse("*shown*");
  const many = () => {
    for (let at = 0; at < 1100; at++) parse(`*${at} ${Math.random()}*`)();
  };
  many();
  expect(parsedMarkdown("*shown*")).toEqual(["*shown*"]);
  stop();
  many();
  expect(parsedMarkdown("*shown*")).toBeUndefined();
});

test("an answer that comes after it was given up takes nothing from the next text", async () => {
  const { worker, listenForMarkdown, parsedMarkdown } = await begin();
  listenForMarkdown("*hostile*", () => undefined);
  listenForMarkdown("*a longer one*", () => undefined);
  expect(worker.asked).toEqual(["*hostile*"]);
  vi.advanceTimersByTime(3000);
  expect(parsedMarkdown("*hostile*")).toBeNull();
  const next = FakeWorker.all[1] ?? expect.fail("it was begun anew");
  next.says("ready");
  expect(next.asked).toEqual(["*a longer one*"]);
  worker.says({ text: "*hostile*", nodes: ["late"] });
  listenForMarkdown("*third*", () => undefined);
  expect(next.asked).toEqual(["*a longer one*"]); // which is still being parsed
  expect(parsedMarkdown("*hostile*")).toBeNull();
});
