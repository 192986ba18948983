/** What lies over the page, and the entries of the browser's history by which Back closes it. */

/** The browser's history, as far as it is used here. */
export interface PageHistory {
  readonly state: unknown;
  /** Adds an entry of the same address and state, but for these parts of it. */
  push: (state: object) => void;
  /** Puts another state into the present entry. */
  replace: (state: unknown) => void;
  go: (by: number) => void;
}

/** Goes to another address; `replaces` leaves out the present entry. */
type Navigate = (replaces: boolean) => void;

export interface Layer {
  close: () => void;
}

/** A browser that has not gone back within so many milliseconds does not do so any more. */
const LONGEST_MS = 3000;

/** Returns how many layers an entry stands for. */
const layersIn = (state: unknown): number =>
  typeof state === "object" && state !== null && "layers" in state ? Number(state.layers) : 0;

/**
 * Keeps one entry of the history for each layer: Back takes the topmost layer off, and leaves the
 * page below as it is. A layer that is closed in another way takes its entry along; one that is
 * found again, by Forward or after a reload, is left at once.
 */
export class Layers {
  /** The layers that are open, the topmost last. */
  private readonly open: Layer[] = [];
  /** The entries of layers, up to the present one. */
  private entries: number;
  /** True while Forward would lead to an entry of a layer that is closed. */
  private hasAhead = false;
  /** What waits until the browser has gone back. */
  private waiting: (() => void)[] = [];
  /** Set while the browser goes back, which takes it a moment. */
  private going: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly history: PageHistory) {
    this.entries = layersIn(history.state);
    this.settleSoon();
  }

  /** Lays something over the page. Returns how to tell that it is closed. */
  add(layer: Layer): () => void {
    this.open.push(layer);
    this.settleSoon();
    return () => {
      const at = this.open.indexOf(layer);
      if (at !== -1) this.open.splice(at, 1);
      this.settleSoon();
    };
  }

  isTopmost(layer: Layer): boolean {
    return this.open.at(-1) === layer;
  }

  /** Goes to another address, without leaving entries of layers behind. */
  leave(navigate: Navigate, replaces: boolean): void {
    if (this.going === undefined && this.entries === 0) navigate(replaces);
    else if (this.going === undefined && this.entries === 1 && !this.hasAhead && !replaces) {
      this.entries = 0; // the entry of the layer becomes that of the new address
      navigate(true);
      this.settleSoon();
    } else {
      this.waiting.push(() => navigate(replaces));
      if (this.going === undefined) this.goBack(this.entries);
    }
  }

  /** Follows the browser to another entry. */
  follow(): void {
    const isOurs = this.going !== undefined;
    const before = this.entries;
    this.entries = layersIn(this.history.state);
    this.hasAhead = this.entries < before;
    if (!isOurs && this.entries < before)
      for (const layer of this.open.splice(this.entries).reverse()) layer.close();
    this.arrive();
  }

  private arrive(): void {
    clearTimeout(this.going);
    this.going = undefined;
    // It went back from a layer only: there are others before the place itself.
    if (this.waiting.length > 0 && this.entries > 0) {
      this.goBack(this.entries);
      return;
    }
    const waiting = this.waiting;
    this.waiting = [];
    for (const act of waiting) act();
    this.settleSoon();
  }

  private goBack(by: number): void {
    this.going = setTimeout(() => {
      // There was nothing to go back to: this entry stands for itself.
      this.entries = 0;
      this.history.replace(null);
      this.arrive();
    }, LONGEST_MS);
    this.history.go(-by);
  }

  /** Layers that are closed and opened by the same act keep their entries. */
  private settleSoon(): void {
    setTimeout(() => this.settle());
  }

  private settle(): void {
    if (this.going !== undefined) return;
    const over = this.entries - this.open.length;
    if (over > 0) this.goBack(over);
    while (this.entries < this.open.length) {
      this.history.push({ layers: ++this.entries });
      this.hasAhead = false;
    }
  }
}
