import {
  type PointerEvent,
  type RefObject,
  useEffect,
  useEffectEvent,
  useRef,
  useState,
} from "react";

import {
  bounded,
  FITTED,
  MOST_SCALE,
  type Pair,
  type Point,
  panned,
  pinched,
  type Sizes,
  STEP,
  toggled,
  type View,
  zoomed,
} from "../state/zoom";

/** A pointer that has moved by less, in pixels, has not moved. */
const SLACK = 6;
/** The longest time between the two taps of a double tap, in milliseconds, and their distance. */
const DOUBLE_MS = 350;
const DOUBLE_APART = 30;
/** The time in which a click follows the tap that it belongs to, in milliseconds. */
const CLICK_MS = 60;
/** The way of a finger, in pixels, that leads to the next picture. */
const SWIPE = 60;
/** The logarithm of the zoom for each pixel of a wheel; a pinch on a touchpad turns it slowly. */
const WHEEL = 0.002;
const PINCH = 0.01;
const LINE = 16;
const MIDDLE: Point = { x: 0, y: 0 };

const apart = (one: Point, other: Point) => Math.hypot(one.x - other.x, one.y - other.y);

interface Gestures {
  /** Called with the way of a finger across a picture that is not zoomed. */
  onSwipe: (by: Point) => void;
  /** Called when a finger has tapped beside the picture. */
  onTapBeside: () => void;
}

/** Zooms a picture that fits into a frame by wheel, fingers, double clicks and steps. */
export function useZoom(frame: RefObject<HTMLElement | null>, { onSwipe, onTapBeside }: Gestures) {
  const [view, setView] = useState(FITTED);
  /** The pointers that are down: where they are now. */
  const pointers = useRef(new Map<number, Point>());
  const gesture = useRef({ start: MIDDLE, hasMoved: false, isPinch: false });
  const lastTap = useRef({ at: MIDDLE, time: Number.NEGATIVE_INFINITY });

  const measure = (): Sizes | undefined => {
    const picture = frame.current?.querySelector("img");
    if (frame.current === null || picture == null) return undefined;
    const sizeOf = ({ clientWidth: width, clientHeight: height }: Element) => ({ width, height });
    return { frame: sizeOf(frame.current), picture: sizeOf(picture) };
  };
  const change = (act: (now: View, sizes: Sizes) => View) => {
    const sizes = measure();
    if (sizes !== undefined) setView((now) => act(now, sizes));
  };
  /** Returns where something happened, from the middle of the frame. */
  const placeOf = ({ clientX, clientY }: { clientX: number; clientY: number }): Point => {
    const box = frame.current?.getBoundingClientRect();
    if (box === undefined) return MIDDLE;
    return { x: clientX - box.left - box.width / 2, y: clientY - box.top - box.height / 2 };
  };
  const pair = (): Pair | undefined => {
    const [one, other] = [...pointers.current.values()];
    return one === undefined || other === undefined ? undefined : [one, other];
  };

  const onWheel = useEffectEvent((event: WheelEvent) => {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : LINE);
    const factor = Math.exp(-pixels * (event.ctrlKey ? PINCH : WHEEL));
    change((now, sizes) => zoomed(now, factor, placeOf(event), sizes));
  });
  const onResize = useEffectEvent(() => change(bounded));
  useEffect(() => {
    const { current } = frame;
    if (current === null) return;
    const turn = (event: WheelEvent) => onWheel(event);
    current.addEventListener("wheel", turn, { passive: false });
    const observer = new ResizeObserver(() => onResize());
    observer.observe(current);
    return () => {
      current.removeEventListener("wheel", turn);
      observer.disconnect();
    };
  }, [frame]);

  const onPointerDown = (event: PointerEvent) => {
    if (event.button !== 0) return;
    const at = placeOf(event);
    pointers.current.set(event.pointerId, at);
    const isPinch = pointers.current.size > 1;
    if (isPinch) gesture.current = { ...gesture.current, hasMoved: true, isPinch };
    else gesture.current = { start: at, hasMoved: false, isPinch };
  };
  const onPointerMove = (event: PointerEvent) => {
    const before = pointers.current.get(event.pointerId);
    if (before === undefined) return;
    const at = placeOf(event);
    if (!gesture.current.hasMoved && apart(gesture.current.start, at) < SLACK) return;
    if (!gesture.current.hasMoved) event.currentTarget.setPointerCapture(event.pointerId);
    gesture.current.hasMoved = true;
    const from = pair();
    pointers.current.set(event.pointerId, at);
    const to = pair();
    if (from !== undefined && to !== undefined)
      change((now, sizes) => pinched(now, from, to, sizes));
    else change((now, sizes) => panned(now, { x: at.x - before.x, y: at.y - before.y }, sizes));
  };
  const onPointerUp = (event: PointerEvent) => {
    if (!pointers.current.delete(event.pointerId) || pointers.current.size > 0) return;
    const { start, hasMoved, isPinch } = gesture.current;
    const at = placeOf(event);
    if (hasMoved) {
      const by = { x: at.x - start.x, y: at.y - start.y };
      const isSwipe = Math.abs(by.x) > SWIPE && Math.abs(by.x) > 2 * Math.abs(by.y);
      const isFinger = event.pointerType === "touch" && !isPinch;
      if (isFinger && view.scale === 1 && isSwipe) onSwipe(by);
      return;
    }
    if (!(event.target instanceof HTMLImageElement)) {
      // For half a second after a swipe, Chromium makes no click of a tap. Where one comes, it must
      // find what it is meant for, and not what is below it.
      if (event.pointerType === "touch") setTimeout(onTapBeside, CLICK_MS);
      return;
    }
    const isSecond =
      event.timeStamp - lastTap.current.time < DOUBLE_MS &&
      apart(lastTap.current.at, at) < DOUBLE_APART;
    lastTap.current = { at, time: isSecond ? Number.NEGATIVE_INFINITY : event.timeStamp };
    if (isSecond) change((now, sizes) => toggled(now, at, sizes));
  };
  const onPointerCancel = ({ pointerId }: PointerEvent) => void pointers.current.delete(pointerId);

  return {
    view,
    isMost: view.scale === MOST_SCALE,
    /** True when the last click was the end of a movement. */
    hasMoved: () => gesture.current.hasMoved,
    reset: () => setView(FITTED),
    /** Zooms by a step of a key or a button. */
    step: (direction: 1 | -1) =>
      change((now, sizes) => zoomed(now, STEP ** direction, MIDDLE, sizes)),
    /** Moves the picture; returns false when its edge is reached. */
    pan: (by: Point): boolean => {
      const sizes = measure();
      const next = sizes === undefined ? view : panned(view, by, sizes);
      setView(next);
      return next.x !== view.x || next.y !== view.y;
    },
    handlers: { onPointerDown, onPointerMove, onPointerUp, onPointerCancel },
  };
}
