import {
  type RefObject,
  startTransition,
  useEffect,
  useEffectEvent,
  useLayoutEffect,
  useRef,
  useState,
} from "react";

import { attempt } from "../actions/attempt";
import { leave, loadAfter, loadBefore, loadNewest } from "../actions/history";
import { keepPlace, placeOf } from "../state/places";
import { type Bounds, drawn, rangeAround, stretch } from "../state/range";
import type { ShownMessage } from "../state/rows";
import { type MessageWindow, place } from "../state/window";
import { world } from "../state/world";
import { ListAnchor, REST_MS } from "./list-anchor";
import { useEndPage } from "./use-end-page";

/** Rows are drawn, and pages loaded, when less than so many pixels are left before an end. */
const AHEAD = 1500;
/** Rows that are farther from what is seen are not drawn any more. */
const FAR = 2000;
/**
 * While the list moves, rows before what is seen wait until so little is left: to put it back in
 * its place ends a smooth movement of the browser.
 */
const SOON = 350;
/** Rows are drawn in pieces of so many. */
const STEP = 12;
/** The height of the sign at an end that more is loaded. */
export const SIGN = 56;
/** The height of the lowest row, and of what stands above and below the list at least. */
const LOWEST = 34;
const AROUND = 110;
const FRAME_MS = 17;
/** A message that was jumped to stands out for this long. */
const FLASH_MS = 2500;

/** A message to bring on screen: in the middle, or so many pixels below the top of the list. */
type Target = "end" | { id: number; top?: number };

/**
 * The place of a list of messages: which rows are drawn, and where it is scrolled to. The list
 * moves by itself only to what is asked for; pages are loaded when a person scrolls near them.
 */
export function useListPosition(
  list: RefObject<HTMLElement | null>,
  rows: RefObject<HTMLElement | null>,
  chat: string,
  loaded: MessageWindow,
  shown: readonly ShownMessage[],
  firstUnread: number | undefined,
) {
  const { items, first, before, after, focus } = loaded;
  const bounds: Bounds = { first, end: first + shown.length, hasEnd: !after };
  const rangeAt = (target: Target) => {
    const index = target === "end" ? shown.length : place(items, target.id);
    const high = Math.max(window.innerHeight - AROUND, LOWEST);
    return rangeAround(first + index, Math.ceil(high / LOWEST), bounds);
  };
  const [left] = useState(() => placeOf(chat));
  const start: Target = focus ?? left ?? (firstUnread === undefined ? "end" : { id: firstUnread });
  /** The target that is brought on screen with the next rows. */
  const wanted = useRef<Target | undefined>(start);
  const [range, setRange] = useState(() => rangeAt(start));
  const [from, to] = drawn(range, bounds);
  const [isAtEnd, setAtEnd] = useState(true);
  const anchor = useRef<ListAnchor>(undefined);
  const older = useEndPage(() => loadBefore(chat));
  const newer = useEndPage(() => loadAfter(chat));

  const goTo = (target: Target) => {
    wanted.current = target;
    setRange(rangeAt(target));
  };
  const toEnd = () => {
    if (after) void attempt(() => loadNewest(chat));
    else goTo("end");
  };
  const toStart = () => {
    const [oldest] = items;
    if (oldest !== undefined) goTo({ id: oldest.id });
  };

  /** Draws more rows near what is seen, and fewer far from it; and loads what is not there. */
  const grow = (now: ListAnchor, isScrolled: boolean) => {
    if (wanted.current !== undefined) return; // another range is on its way
    setAtEnd(now.isAtEnd);
    const { above, below, farAbove, farBelow } = now.around(FAR);
    const by = (room: number, least: number, far: number) => (room < least ? STEP : -far);
    const more = by(above, now.isMoving ? SOON : AHEAD, now.isMoving ? 0 : farAbove);
    // As a whole, not as a step: it may be asked for twice before it is drawn.
    const next = stretch(range, more, by(below, AHEAD, farBelow), bounds);
    if (isScrolled) setRange(next);
    else if (next !== range) startTransition(() => setRange(next));
    // Without a person who scrolls, only what they wait for.
    const near = isScrolled ? AHEAD : SIGN;
    if (before && from === 0 && above < near) older.ask();
    if (after && to === shown.length && below < near) newer.ask();
  };

  // After each change of the rows, and before it is painted.
  const newest = shown.at(-1)?.id;
  const lastNewest = useRef(newest);
  useLayoutEffect(() => {
    if (list.current === null || rows.current === null) return;
    anchor.current ??= new ListAnchor(list.current, rows.current);
    const now = anchor.current;
    const isFollowing = now.isAtEnd && newest !== lastNewest.current;
    lastNewest.current = newest;
    now.hasEnd = !after && to === shown.length;
    const target = wanted.current;
    if (target === "end" || (target === undefined && isFollowing && now.hasEnd)) now.holdEnd();
    else if (target !== undefined) {
      const at = place(items, target.id);
      const row = rows.current.children[at - from];
      // Something else may have been drawn in between.
      if (row === undefined && at < shown.length) return setRange(rangeAt(target));
      if (row === undefined) now.keep();
      else if (target.top === undefined) now.holdMiddle(row);
      else now.holdRow({ row, top: target.top });
    } else now.keep();
    wanted.current = undefined;
    grow(now, false);
  });
  const keepLeft = useEffectEvent(() => {
    const { index = -1, top = 0 } = anchor.current?.firstShown() ?? {};
    const message = items[from + index];
    // Not when the same chat goes on with other messages, from where it was asked to.
    if (world().windows[chat]?.epoch !== loaded.epoch) return;
    keepPlace(chat, index < 0 || message === undefined ? undefined : { id: message.id, top });
    leave(chat);
  });
  useLayoutEffect(() => {
    keepPlace(chat, undefined); // it is here
    return () => keepLeft();
  }, [chat]);
  const onResize = useEffectEvent(() => {
    if (anchor.current === undefined) return;
    anchor.current.keep();
    grow(anchor.current, false);
  });
  useLayoutEffect(() => {
    const observer = new ResizeObserver(onResize);
    for (const { current } of [list, rows]) if (current !== null) observer.observe(current);
    return () => observer.disconnect();
  }, [list, rows]);
  const [, drawAtRest] = useState(0);
  const rest = useRef<ReturnType<typeof setTimeout>>(undefined);
  const onScroll = () => {
    if (anchor.current?.follow() !== true) return;
    grow(anchor.current, true);
    clearTimeout(rest.current);
    rest.current = setTimeout(() => drawAtRest((count) => count + 1), REST_MS + FRAME_MS);
  };
  useEffect(() => () => clearTimeout(rest.current), []);

  const [flash, setFlash] = useState(focus?.id);
  const startFocus = useRef(focus);
  const goToFocus = useEffectEvent(goTo);
  useEffect(() => {
    setFlash(focus?.id);
    if (focus === undefined) return;
    if (startFocus.current !== focus) goToFocus(focus); // else the list began there
    const timer = setTimeout(() => setFlash(undefined), FLASH_MS);
    return () => clearTimeout(timer);
  }, [focus]);

  return { from, to, flash, isAtEnd: isAtEnd && !after, older, newer, onScroll, toEnd, toStart };
}

/** Scrolls to a message that I write, wherever I was; not to one that is pending since before. */
export function useScrollToSent(lastPending: string | undefined, toEnd: () => void): void {
  const seen = useRef(lastPending);
  const follow = useEffectEvent(toEnd);
  useEffect(() => {
    if (lastPending === undefined || lastPending === seen.current) return;
    seen.current = lastPending;
    follow();
  }, [lastPending]);
}
