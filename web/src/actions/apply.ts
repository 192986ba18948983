/** Applies events to the world, and carries out their effects. */

import type { Message, ServerEvent } from "@carrier/client";

import { type Effect, endTyping, reduce, type Transition, takeChat } from "../state/events";
import { batch, change, type World, world } from "../state/world";
import { changeLoadingPages } from "./loading-pages";
import { lookUpSoon } from "./lookup";
import { needPeople } from "./people";

type MessageListener = (message: Message) => void;
const listeners = new Set<MessageListener>();

/** Calls a listener with each message that is new, after the world has it; returns how to stop. */
export function onMessage(listener: MessageListener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Makes a step of the world, and carries out what follows from it. */
export function apply(step: (world: World) => Transition): void {
  const { world: next, effects } = step(world());
  change(next);
  effects.forEach(carryOut);
}

function carryOut(effect: Effect): void {
  switch (effect.type) {
    case "lookUpChat":
      lookUpSoon(effect.chat_id, (chat) => apply((now) => takeChat(now, chat, false)));
      break;
    case "needPeople":
      needPeople(effect.user_ids);
      break;
    case "notifyMessage":
      for (const listener of listeners) listener(effect.message);
      break;
    case "expireTyping": {
      const { chat_id, user_id, until, after_ms } = effect;
      setTimeout(() => change((now) => endTyping(now, chat_id, user_id, until)), after_ms);
      break;
    }
    case "changeLoadingPages":
      changeLoadingPages(effect.chat_id, effect.change);
      break;
  }
}

/** Events within so many milliseconds are shown in one go: after an absence come a thousand. */
const BATCH_MS = 12;
let collected: ServerEvent[] = [];

/** Applies an event, together with those that come right after it. */
export function applySoon(event: ServerEvent): void {
  if (collected.push(event) > 1) return;
  setTimeout(() => {
    const events = collected;
    collected = [];
    batch(() => events.forEach(applySafely));
  }, BATCH_MS);
}

/** Applies an event; one that cannot be shown takes no other with it. */
function applySafely(event: ServerEvent): void {
  try {
    apply((now) => reduce(now, event, Date.now()));
  } catch (error) {
    reportError(error);
  }
}
