/**
 * A queue between a producer that never waits and a reader that may be slow:
 * when it is full the oldest go, and the reader is told how many, at the place
 * where they are missing. Blocking the producer was refused: it is a function's
 * log call, or a peer's stream.
 */

export interface FeedBounds {
  readonly itemsMax: number;
  readonly bytesMax: number;
}

interface Slot<T> {
  readonly item: T;
  readonly bytes: number;
}

export class DroppingFeed<T> implements AsyncIterable<T> {
  readonly #bounds: FeedBounds;
  readonly #marker: (dropped: number) => T;
  readonly #onDropped: (count: number) => void;
  #slots: Slot<T>[] = [];
  #bytes = 0;
  #dropped = 0;
  #closed = false;
  #wake: (() => void) | undefined;

  /** `marker` makes the item that stands for those that were dropped. */
  constructor(
    bounds: FeedBounds,
    marker: (dropped: number) => T,
    onDropped: (count: number) => void = () => {},
  ) {
    this.#bounds = bounds;
    this.#marker = marker;
    this.#onDropped = onDropped;
  }

  push(item: T, bytes: number): void {
    if (this.#closed) return;
    this.#slots.push({ item, bytes });
    this.#bytes += bytes;
    let over = 0;
    while (
      this.#slots.length - over > this.#bounds.itemsMax ||
      (this.#bytes > this.#bounds.bytesMax && over < this.#slots.length)
    ) {
      this.#bytes -= this.#slots[over]?.bytes ?? 0;
      over++;
    }
    if (over > 0) {
      this.#slots.splice(0, over);
      this.#dropped += over;
      this.#onDropped(over);
    }
    this.#wake?.();
  }

  /** What is queued is still read, then the iteration ends. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  get size(): number {
    return this.#slots.length;
  }

  /** One reader. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      if (this.#dropped > 0) {
        const dropped = this.#dropped;
        this.#dropped = 0;
        yield this.#marker(dropped);
        continue;
      }
      const slot = this.#slots.shift();
      if (slot !== undefined) {
        this.#bytes -= slot.bytes;
        yield slot.item;
        continue;
      }
      if (this.#closed) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
