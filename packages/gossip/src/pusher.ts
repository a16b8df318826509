import type { Clock, Timer } from '@popmesh/contracts';
import type { GossipConfig } from './config.ts';
import type { Dissemination, Push } from './dissemination.ts';
import type { Exchange } from './exchange.ts';
import { PUSH_RECORD_BYTES_MAX } from './limits.ts';
import type { Membership } from './membership.ts';
import type { GossipTransport } from './transport.ts';

/** Drives dissemination: the first round at once, the next ones while there is news. */

/** News that comes within one turn of this leaves in one message. */
const GATHER_MS = 2;

export interface PusherParts {
  readonly dissemination: Dissemination;
  readonly membership: Membership;
  readonly exchange: Exchange;
  readonly transport: GossipTransport;
  readonly clock: Clock;
  readonly config: GossipConfig;
  readonly signal: AbortSignal;
  /** Which revision of our announcement a member holds, by an answer to what was sent then. */
  readonly held: (id: string, revision: bigint, sentMs: number) => void;
  /** Keeps the promise until it ends, so that a stop can wait for it. */
  readonly track: (work: Promise<unknown>) => void;
}

export class Pusher {
  readonly #parts: PusherParts;
  /** Members with a push under way: a slow one is not given a second. */
  readonly #busy = new Set<string>();
  #timer: Timer | undefined;
  #atMs = Number.POSITIVE_INFINITY;

  constructor(parts: PusherParts) {
    this.#parts = parts;
  }

  /** There is news. */
  soon(): void {
    this.#schedule(GATHER_MS);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** To all that are alive, whatever they were told before: the last words before leaving. */
  async tellAll(timeoutMs: number): Promise<void> {
    const targets = this.#parts.membership.live();
    await Promise.all(targets.map((target) => this.#send({ target, records: [] }, timeoutMs)));
  }

  #schedule(inMs: number): void {
    const { clock, signal } = this.#parts;
    const atMs = clock.monotonic() + inMs;
    if (signal.aborted || atMs >= this.#atMs) return;
    this.#timer?.cancel();
    this.#atMs = atMs;
    this.#timer = clock.setTimer(inMs, () => {
      this.#atMs = Number.POSITIVE_INFINITY;
      this.#round();
    });
  }

  #round(): void {
    const { dissemination, membership, config, track } = this.#parts;
    const live = membership.live();
    // Nobody to tell: the news waits, and whoever appears sets this going again.
    if (live.length === 0) return;
    for (const push of dissemination.round(live, config.gossipFanOut, this.#busy)) {
      track(this.#send(push, config.callTimeoutMs));
    }
    if (dissemination.pendingRecords + dissemination.pendingUpdates > 0) {
      this.#schedule(config.gossipIntervalMs);
    }
  }

  async #send({ target, records }: Push, timeoutMs: number): Promise<void> {
    const { transport, exchange, signal, clock, held } = this.#parts;
    const sentMs = clock.monotonic();
    const request = {
      from: exchange.from,
      records: exchange.signed(records),
      updates: exchange.updatesFor(target.id),
    };
    this.#busy.add(target.id);
    try {
      const options = { timeoutMs, signal };
      const answer = await transport.call(target.address, 'push', request, options);
      if (request.from !== '') held(target.id, answer.heldAnnouncement, sentMs);
      exchange.acknowledged(target.id, records);
      this.#busy.delete(target.id);
      // What came up meanwhile was kept from it, because it was busy.
      if (exchange.recordsFor(target.id, PUSH_RECORD_BYTES_MAX).length > 0) this.soon();
    } catch {
      // Someone else will tell it, or anti-entropy; whether it lives is for the probes to say.
    } finally {
      this.#busy.delete(target.id);
    }
  }
}
