import { type RingAtomics, RingBroken, type RingMemory, RingReader } from './byte-ring.ts';

/**
 * The receiving end between two threads: one order of things, two carriers. Small records come
 * through the ring, the rest in batches by message. A batch says at which place of the ring it
 * belongs, a record how many batches belong before it, so nothing overtakes anything: a body's
 * chunk never comes before its head, whichever way each took.
 *
 * While it is awake it looks into the ring once per turn of the event loop; before it sleeps it
 * says so, and is woken by an empty message. A wake-up costs both threads about as much as a
 * dozen turns, so it looks a few times more, and oftener where that was worth it before.
 */

/** The first element is the place in the ring, the others are operations. Empty: a wake-up. */
export type Posted = unknown[];

export interface InboxOptions {
  readonly ring: RingMemory;
  /** Runs its argument at the end of this turn of the event loop, or of the next. */
  readonly schedule: (run: () => void) => void;
  /** Before what is taken next. */
  readonly onWork: () => void;
  /**
   * Given where each thing taken must have run as far as it can before the next one begins, as
   * a guest must whose endless loop is to be told from its neighbours': runs its argument when
   * all promises have had their turn.
   */
  readonly between?: (run: () => void) => void;
  /** `reader.at` and `reader.length` say where the record is; gone when this returns. */
  readonly onRecord: (reader: RingReader) => void;
  /** Operations from index 1. */
  readonly onBatch: (batch: Posted) => void;
  /** The ring cannot be read any further; this end is dead. */
  readonly onBroken: (error: RingBroken) => void;
  /** Whether anything can come at all; asked before each further look into an empty ring. */
  readonly expects?: () => boolean;
  readonly atomics?: RingAtomics;
}

export class Inbox {
  readonly #options: InboxOptions;
  readonly #reader: RingReader;
  readonly #arrived: Posted[] = [];
  /** Batches taken, as the writer counts them. */
  #taken = 0;
  #state: 'asleep' | 'awake' | 'broken' = 'awake';
  #scheduled = false;
  /** Looks into an empty ring before sleep, and how many there were by now. */
  #patience: number = PATIENCE.min;
  #looked = 0;
  /** Things that may still be taken one by one before the event loop goes on; 0 when none are. */
  #left = 0;

  constructor(options: InboxOptions) {
    this.#options = options;
    this.#reader = new RingReader(options.ring, options.atomics);
    this.#turnSoon();
  }

  /** A message came: a batch, or only a wake-up. */
  receive(posted: Posted): void {
    if (posted.length > 0) this.#arrived.push(posted);
    this.stayAwake();
    this.drain();
  }

  /** Something is under way that will be answered soon: look by itself rather than be woken. */
  stayAwake(): void {
    if (this.#state === 'asleep') {
      this.#state = 'awake';
      this.#reader.wakeUp();
    }
    this.#turnSoon();
  }

  /** Takes what is there, in order. True when something was. */
  drain(): boolean {
    if (this.#options.between !== undefined) {
      if (this.#left > 0) return true;
      this.#left = ONE_BY_ONE_MAX;
      return this.#next();
    }
    let worked = false;
    while (this.#take()) worked = true;
    return worked;
  }

  readonly #next = (): boolean => {
    const left = this.#left;
    // Should what is taken throw, the next turn goes on behind it.
    this.#left = 0;
    const took = left > 1 && this.#take();
    if (took) {
      this.#left = left - 1;
      this.#options.between?.(this.#next);
    }
    return took;
  };

  #take(): boolean {
    if (this.#state === 'broken') return false;
    try {
      return this.#takeOne();
    } catch (caught) {
      if (!(caught instanceof RingBroken)) throw caught;
      this.#state = 'broken';
      this.#options.onBroken(caught);
      return false;
    }
  }

  #takeOne(): boolean {
    const reader = this.#reader;
    const { onBatch, onRecord, onWork } = this.#options;
    const batch = this.#arrived[0];
    if (batch !== undefined && batch[0] === reader.position) {
      this.#arrived.shift();
      this.#taken = (this.#taken + 1) | 0;
      onWork();
      onBatch(batch);
      return true;
    }
    if (!reader.peek() || reader.after !== this.#taken) return false;
    onWork();
    try {
      onRecord(reader);
    } finally {
      reader.release();
    }
    return true;
  }

  #turnSoon(): void {
    if (this.#scheduled || this.#state === 'broken') return;
    this.#scheduled = true;
    this.#options.schedule(this.#turn);
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    if (this.drain()) {
      if (this.#looked > 0) this.#patience = Math.min(PATIENCE.max, this.#patience * 2);
      this.#looked = 0;
    } else if (this.#looked < this.#patience && this.#options.expects?.() !== false) {
      this.#looked++;
    } else if (this.#state === 'awake' && this.#mayWait()) {
      this.#state = 'asleep';
      if (this.#looked > 0) this.#patience = Math.max(PATIENCE.min, this.#patience >> 1);
      this.#looked = 0;
      return;
    }
    this.#turnSoon();
  };

  /** A record whose batch is still on its way needs no wake-up: the batch is one. */
  #mayWait(): boolean {
    if (this.#reader.peek()) return this.#reader.after !== this.#taken;
    return this.#reader.fallAsleep();
  }
}

/** Turns of the event loop. */
const PATIENCE = { min: 4, max: 16 } as const;
/** A turn of the event loop is due after so many. */
const ONE_BY_ONE_MAX = 64;
