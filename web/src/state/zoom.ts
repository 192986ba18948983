/** A picture that is looked at closely: how large it is drawn, and which part. Pure functions. */

export interface Point {
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

/** A picture in its frame. Points are in pixels from the middle of the frame. */
export interface View extends Point {
  /** The size it is drawn in; 1 where all of it is seen. */
  scale: number;
}

/** The frame, and the picture as it fits into it. */
export interface Sizes {
  frame: Size;
  picture: Size;
}

export const FITTED: View = { scale: 1, x: 0, y: 0 };
export const MOST_SCALE = 8;
/** A step of a key or a button. */
export const STEP = 1.5;
/** The scale of a double click. */
const CLOSE = 2.5;

/** Returns how far the middle of a picture may be from that of its frame: no edge comes inside. */
function room(scale: number, { frame, picture }: Sizes): Point {
  const half = (drawn: number, seen: number) => Math.max(0, (drawn * scale - seen) / 2);
  return { x: half(picture.width, frame.width), y: half(picture.height, frame.height) };
}

const clamp = (value: number, most: number) => Math.min(Math.max(value, -most), most) || 0;

export function bounded({ scale, x, y }: View, sizes: Sizes): View {
  const most = room(scale, sizes);
  return { scale, x: clamp(x, most.x), y: clamp(y, most.y) };
}

/** Makes a picture so many times larger; what is at a point stays there. */
export function zoomed(view: View, factor: number, at: Point, sizes: Sizes): View {
  const scale = Math.min(Math.max(view.scale * factor, 1), MOST_SCALE);
  const by = scale / view.scale;
  const x = at.x - (at.x - view.x) * by;
  const y = at.y - (at.y - view.y) * by;
  return bounded({ scale, x, y }, sizes);
}

export function panned(view: View, by: Point, sizes: Sizes): View {
  return bounded({ ...view, x: view.x + by.x, y: view.y + by.y }, sizes);
}

const middle = ([a, b]: Pair): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
const distance = ([a, b]: Pair) => Math.hypot(a.x - b.x, a.y - b.y);

/** The places of two fingers. */
export type Pair = readonly [Point, Point];

/** Follows two fingers: what is between them stays between them. */
export function pinched(view: View, from: Pair, to: Pair, sizes: Sizes): View {
  const [start, end] = [middle(from), middle(to)];
  const factor = distance(to) / Math.max(distance(from), 1);
  const by = { x: end.x - start.x, y: end.y - start.y };
  return panned(zoomed(view, factor, start, sizes), by, sizes);
}

/** Looks closely at a point, or at all of the picture again. */
export function toggled(view: View, at: Point, sizes: Sizes): View {
  return view.scale > 1 ? FITTED : zoomed(view, CLOSE, at, sizes);
}
