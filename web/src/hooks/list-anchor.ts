/** The place of a list that scrolls, kept while heights change around it. */

/** A list that is as near to its end, in pixels, stays there. */
const NEAR_END = 60;

/** The events by which a person scrolls, and the time for which a movement may outlast them. */
const INPUTS = ["wheel", "touchmove", "pointerdown", "keydown"] as const;
const INERTIA_MS = 3000;
/** A list that has not moved for so long is at rest: not every browser tells the end. */
export const REST_MS = 150;

/** A row and its distance from the top of the list. */
interface Placed {
  row: Element;
  top: number;
}

type Held =
  /** The end, less so many pixels. */
  | { to: "end"; gap: number }
  /** The middle of a row in the middle of the list: the place of a jump. */
  | { to: "middle"; row: Element }
  /** Rows where they are: the first of them that is still there counts. */
  | { to: "rows"; rows: readonly Placed[] };

/**
 * Keeps the place of a list. All heights are measured, none is guessed: the rows on screen stay
 * where they are until the person scrolls, whatever is drawn, loaded or changed above them.
 */
export class ListAnchor {
  private held: Held = { to: "end", gap: 0 };
  /** The offset at which the list was left: another one means that the person has scrolled. */
  private top = 0;
  private lastMost = 0;
  private lastInput = Number.NEGATIVE_INFINITY;
  private lastMove = Number.NEGATIVE_INFINITY;
  private hasMoved = false;
  /** False while newer messages are not drawn: the end of the list is not that of the chat. */
  hasEnd = true;
  /** True while the list is near its end, as it was settled last. */
  isAtEnd = true;

  constructor(
    private readonly list: HTMLElement,
    private readonly rows: HTMLElement,
  ) {
    const note = () => {
      this.lastInput = performance.now();
    };
    for (const type of INPUTS) list.addEventListener(type, note, { passive: true });
  }

  /** True while a person may be scrolling. */
  private get hasInput(): boolean {
    return performance.now() - this.lastInput < INERTIA_MS;
  }

  /** True until the list has come to rest after the person has scrolled. */
  get isMoving(): boolean {
    return performance.now() - this.lastMove < REST_MS;
  }

  holdEnd(): void {
    this.hold({ to: "end", gap: 0 });
  }

  holdMiddle(row: Element): void {
    this.hold({ to: "middle", row });
  }

  holdRow(placed: Placed): void {
    this.hold({ to: "rows", rows: [placed] });
  }

  private hold(held: Held): void {
    this.held = held;
    this.top = this.offset;
    this.keep();
  }

  /** Returns the number of the first row that begins in the list, and where; none at the end. */
  firstShown(): { index: number; top: number } | undefined {
    const [first] = this.isAtEnd ? [] : this.shown();
    if (first === undefined) return undefined;
    return { index: [...this.rows.children].indexOf(first.row), top: first.top };
  }

  /** Holds what is shown now, when the person has scrolled; returns whether they have. */
  follow(): boolean {
    this.keep();
    if (!this.hasMoved) return false;
    this.hasMoved = false;
    this.lastMove = performance.now();
    this.held = this.isAtEnd ? { to: "end", gap: this.gap } : { to: "rows", rows: this.shown() };
    return true;
  }

  /** Brings what is held back to its place, after heights have changed. */
  keep(): void {
    const by = this.offset - this.top;
    // Where less is below, if only for a moment, the browser moves the list up to its end.
    const isCut = by < 0 && this.most !== this.lastMost && (this.gap < 1 || !this.hasInput);
    if (Math.abs(by) >= 1 && !isCut) this.shift(by);
    const top = this.within(this.wanted());
    if (Math.abs(top - this.offset) >= 1) this.list.scrollTop = top;
    this.top = this.offset;
    this.lastMost = this.most;
    this.isAtEnd = this.hasEnd && this.gap <= NEAR_END;
  }

  /** Returns the pixels before and after what is seen, and how many rows are farther than `far`. */
  around(far: number) {
    const { list, gap, most } = this;
    const rows = this.placed([...this.rows.children]);
    const isAbove = ({ row, top }: Placed) => top + row.clientHeight < -far;
    const isBelow = ({ top }: Placed) => top > list.clientHeight + far;
    return {
      above: most - gap,
      below: gap,
      farAbove: rows.filter(isAbove).length,
      farBelow: rows.filter(isBelow).length,
    };
  }

  /** Takes a way that the person has scrolled as wanted, also where heights have changed since. */
  private shift(by: number): void {
    this.hasMoved = true;
    if (this.hasInput) this.lastInput = performance.now(); // a bar may be dragged for long
    const { held } = this;
    if (held.to === "end") this.held = { to: "end", gap: held.gap - by };
    if (held.to === "middle") this.held = { to: "rows", rows: this.placed([held.row]) };
    if (held.to === "rows")
      this.held = { to: "rows", rows: held.rows.map(({ row, top }) => ({ row, top: top - by })) };
  }

  /** The offset of the list; not where Safari draws it beyond an end, from which it comes back. */
  private get offset(): number {
    return this.within(this.list.scrollTop);
  }

  private within(offset: number): number {
    return Math.min(Math.max(offset, 0), this.most);
  }

  private get gap(): number {
    return this.most - this.offset;
  }

  private get most(): number {
    return this.list.scrollHeight - this.list.clientHeight;
  }

  /** Returns the offset at which what is held is in its place. */
  private wanted(): number {
    const { held, list, offset } = this;
    if (held.to === "end") return this.most - held.gap;
    if (held.to === "middle") {
      const [at] = this.placed([held.row]);
      if (at === undefined) return offset;
      // Of one that is higher than the list, the beginning.
      const room = Math.max(list.clientHeight - held.row.clientHeight, 0);
      return offset + at.top - room / 2;
    }
    const [was] = held.rows.filter(({ row }) => row.isConnected);
    const [is] = was === undefined ? [] : this.placed([was.row]);
    return was === undefined || is === undefined ? offset : offset + is.top - was.top;
  }

  /** Returns the rows that are shown: first those that begin in the list, then one from above. */
  private shown(): Placed[] {
    const high = this.list.clientHeight;
    const near = this.placed([...this.rows.children]).filter(({ row, top }) => {
      return top < high && top + row.clientHeight > 0;
    });
    return [...near.filter(({ top }) => top >= 0), ...near.filter(({ top }) => top < 0)];
  }

  private placed(rows: readonly Element[]): Placed[] {
    const beyond = this.list.scrollTop - this.offset;
    const start = this.list.getBoundingClientRect().top - beyond;
    return rows
      .filter((row) => row.isConnected)
      .map((row) => ({ row, top: row.getBoundingClientRect().top - start }));
  }
}
