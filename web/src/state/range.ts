/**
 * The rows of a list that are drawn: some before and after what is seen, by their numbers, which
 * stay the same while the list grows. Pure functions.
 */

export interface Range {
  from: number;
  /** The number after the last; infinite when all that follow are drawn too, as they come. */
  to: number;
}

/** The numbers of a list: of its first row, and the one after its last. */
export interface Bounds {
  first: number;
  end: number;
  /** False while newer rows are not loaded: those that come are not drawn at once. */
  hasEnd: boolean;
}

const opened = (to: number, { end, hasEnd }: Bounds) =>
  to < end ? to : hasEnd ? Number.POSITIVE_INFINITY : end;

/** Returns a range of about `count` rows with one of them in the middle; or those at the end. */
export function rangeAround(middle: number, count: number, bounds: Bounds): Range {
  const half = Math.ceil(count / 2);
  const from = Math.max(Math.min(middle - half, bounds.end - count), bounds.first);
  const to = Math.min(from + count, bounds.end);
  return { from, to: opened(to, bounds) };
}

/** Moves the ends of a range: outwards by `before` and `after`, inwards where they are negative. */
export function stretch(range: Range, before: number, after: number, bounds: Bounds): Range {
  const from = Math.max(range.from - before, bounds.first);
  const to = after === 0 ? range.to : opened(Math.min(range.to, bounds.end) + after, bounds);
  return from === range.from && to === range.to ? range : { from, to };
}

/** Returns the indices of the rows to draw. */
export function drawn({ from, to }: Range, { first, end }: Bounds): [from: number, to: number] {
  const within = (number: number) => Math.min(Math.max(number, first), end) - first;
  return [within(from), within(to)];
}
