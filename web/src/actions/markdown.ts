/**
 * Parses Markdown in a worker, one text at a time, and keeps what came of it. A text that takes too
 * long is shown as it was written, and the worker is begun anew.
 */

import { type MarkdownNode, needsMarkdown } from "../state/markdown";

type Nodes = readonly MarkdownNode[];

/** The time that the worker has for a text, in milliseconds. */
const LONGEST_MS = 3000;
/** The time until a worker that could not be loaded is tried again. */
const RETRY_MS = 10_000;
/** Parsed texts that are kept. */
const MOST_KEPT = 1000;

/** The elements of texts, the latest last: `null` for one that is shown as it was written. */
const parsed = new Map<string, Nodes | null>();
const waiting = new Set<string>();
/** The listeners of texts that are shown, or soon will be: those texts are kept in any case. */
const listeners = new Map<string, Set<() => void>>();

let worker: Worker | undefined;
let isReady = false;
let current: { text: string; timer: ReturnType<typeof setTimeout> } | undefined;

/** Returns the elements of a text: `undefined` until they are known, `null` if there are none. */
export function parsedMarkdown(text: string): Nodes | null | undefined {
  return needsMarkdown(text) ? parsed.get(text) : null;
}

/** Parses a text, and calls a listener once that is done; returns how to stop. */
export function listenForMarkdown(text: string, listener: () => void): () => void {
  if (!needsMarkdown(text)) return () => undefined;
  const all = listeners.get(text) ?? new Set();
  listeners.set(text, all.add(listener));
  if (!parsed.has(text)) enqueue(text);
  return () => {
    all.delete(listener);
    if (all.size === 0) listeners.delete(text);
  };
}

/** Begins the worker before it is needed. */
export function openMarkdown(): void {
  worker ??= start();
}

/** Parses texts before they are shown. Ends when all are parsed, or a time in ms has passed. */
export async function prepareMarkdown(texts: readonly string[], patience: number): Promise<void> {
  const unknown = texts.filter((text) => parsedMarkdown(text) === undefined);
  if (unknown.length === 0) return;
  const all = unknown.map(
    (text) =>
      new Promise<void>((resolve) => {
        const stop = listenForMarkdown(text, () => {
          stop();
          resolve();
        });
      }),
  );
  await Promise.race([Promise.all(all), new Promise((resolve) => setTimeout(resolve, patience))]);
}

function enqueue(text: string): void {
  if (text !== current?.text) waiting.add(text);
  proceed();
}

/** Begins with the next text. The shortest is first, so that a hostile one keeps up no other. */
function proceed(): void {
  if (current !== undefined || waiting.size === 0) return;
  worker ??= start();
  if (!isReady) return;
  const text = [...waiting].reduce((one, other) => (other.length < one.length ? other : one));
  waiting.delete(text);
  current = { text, timer: setTimeout(giveUp, LONGEST_MS) };
  worker.postMessage(text);
}

/** True once the worker could not be loaded; the texts are then shown as they were written. */
let hasFailed = false;

function start(): Worker {
  const begun = new Worker(new URL("../worker/markdown.ts", import.meta.url), { type: "module" });
  begun.onmessage = ({ data }: MessageEvent<"ready" | { text: string; nodes?: Nodes }>) => {
    if (begun !== worker) return; // an answer that was on its way when it was given up
    if (data === "ready") isReady = true;
    else settle(data.text, data.nodes ?? null);
    proceed();
  };
  begun.onerror = (event) => {
    event.preventDefault();
    if (isReady) return; // an error of one text, which has its answer
    stop();
    if (!hasFailed) dispatchEvent(new Event("vite:preloadError")); // there may be a newer page
    hasFailed = true;
    setTimeout(proceed, RETRY_MS);
  };
  return begun;
}

function stop(): void {
  worker?.terminate();
  worker = undefined;
  isReady = false;
}

function giveUp(): void {
  stop();
  if (current !== undefined) settle(current.text, null);
  proceed();
}

function settle(text: string, nodes: Nodes | null): void {
  clearTimeout(current?.timer);
  current = undefined;
  parsed.set(text, nodes);
  for (const oldest of parsed.keys()) {
    if (parsed.size <= MOST_KEPT) break;
    if (!listeners.has(oldest)) parsed.delete(oldest);
  }
  for (const listener of [...(listeners.get(text) ?? [])]) listener();
}
