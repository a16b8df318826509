import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { type Clock, PieceRate, PopmeshError } from '@popmesh/contracts';
import type { BodyWatch, WatchedBody } from './body-watch.ts';
import type { Holdings } from './holdings.ts';
import type { Ledger } from './ledger.ts';

/**
 * A request's body on its way in. Its first bytes are held here until it is whole or there are
 * enough of them, so that a client which trickles takes no place of a node; they stay while they
 * may have to be sent twice. Behind that nothing is read from the client before somebody asks,
 * so memory stays flat.
 *
 * Refused: giving every request to a node at once. 350 uploads of one byte a second held all
 * instances of a function, and 177 of 960 other requests timed out.
 */

export interface BodyOwner {
  /** Whole, or as much of it as makes the request worth a place. Called once. */
  bodyReady(): void;
  /** Too large, too slow, or more than may be held. */
  refuse(error: PopmeshError): void;
  /** The same, and what is still on its way is not even parsed. */
  cut(error: PopmeshError): void;
}

export interface BodyPlan {
  /** Bytes that are held, for a first and for a second try. */
  readonly heldBytesMax: number;
  readonly bytesMax: number;
  /** It may go to a node before it is whole. */
  readonly streams: boolean;
  /** It says how long it is: its head goes to a node with its first bytes. */
  readonly hasLength: boolean;
  readonly client: Holdings;
  readonly tenant: Holdings;
}

export interface BodyTools {
  readonly ledger: Ledger;
  readonly bodies: BodyWatch;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** `waiting`: nobody but us has it. `early`: a node was asked though hardly anything is here. */
type State = 'waiting' | 'early' | 'going' | 'over';

/** More are joined. */
const KEPT_PIECES_MAX = 256;

export class IncomingBody implements WatchedBody {
  readonly #req: IncomingMessage;
  readonly #plan: BodyPlan;
  readonly #tools: BodyTools;
  readonly #owner: BodyOwner;
  readonly since: number;
  #state: State = 'waiting';
  #kept: Buffer[] | undefined = [];
  #heldBytes = 0;
  #bytes = 0;
  readonly #pieces: PieceRate;
  #ended = false;
  /** What the present try reads from, and the same again from its first read on. */
  #opened: Readable | undefined;
  #sink: Readable | undefined;
  /** For the least rate: bytes since the last look, and how long nothing need come. */
  #fresh = 0;
  #slackMs: number;

  constructor(
    req: IncomingMessage,
    plan: BodyPlan,
    tools: BodyTools,
    owner: BodyOwner,
    now: number,
  ) {
    this.#req = req;
    this.#plan = plan;
    this.#tools = tools;
    this.#owner = owner;
    this.since = now;
    this.#pieces = new PieceRate(now);
    this.#slackMs = tools.bodies.idleMs;
    tools.ledger.wait(plan.client, plan.tenant, 1);
    tools.bodies.add(this);
    req.on('data', (chunk: Buffer) => this.#onData(chunk));
    req.on('end', () => this.#onEnd());
  }

  /** False once more was read than is kept. */
  get replayable(): boolean {
    return this.#kept !== undefined && this.#bytes <= this.#plan.heldBytesMax;
  }

  /** Nothing of it has come. */
  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  /** Whether we wait for the client, and nobody waits for us. */
  get awaitsClient(): boolean {
    return !this.#ended && !this.#req.isPaused();
  }

  /** All of it, where it is here. */
  whole(): Buffer | undefined {
    if (!this.#ended || this.#kept === undefined) return undefined;
    return this.#kept.length === 1 ? (this.#kept[0] as Buffer) : Buffer.concat(this.#kept);
  }

  /** The whole body from its start, for one try. Ends the previous try's stream. */
  open(): Readable {
    this.close();
    const stream = new Readable({
      read: () => {
        if (this.#sink === undefined && this.#opened === stream) this.#begin(stream);
        if (!this.#ended) this.#req.resume();
      },
    });
    // undici reports through the request; an unheard error must not end the process.
    stream.on('error', () => {});
    this.#opened = stream;
    return stream;
  }

  /** Nobody reads any more; what still comes waits in the socket. */
  close(): void {
    const stream = this.#opened;
    this.#opened = undefined;
    this.#sink = undefined;
    if (stream === undefined) return;
    if (!this.#ended) this.#req.pause();
    stream.destroy();
  }

  /** The answer has begun: from here on it is a dialogue, and silence is no fault. */
  answerBegan(): void {
    this.#tools.bodies.delete(this);
    this.#settle();
  }

  /** Nothing of it is wanted any more. */
  end(): void {
    if (this.#state === 'over') return;
    this.#leave();
    this.#state = 'over';
    this.#tools.bodies.delete(this);
    this.#letGo();
    this.close();
  }

  mayGoEarly(): boolean {
    const { streams, hasLength } = this.#plan;
    return this.#state === 'waiting' && streams && !(hasLength && this.isEmpty);
  }

  goEarly(): boolean {
    const { client, tenant } = this.#plan;
    if (!this.#tools.ledger.takeEarly(client, tenant)) return false;
    this.#go('early');
    return true;
  }

  /** Time passed in which the client could send; false when it sent too little for too long. */
  spend(ms: number, msPerByte: number, idleMs: number): boolean {
    this.#slackMs = Math.min(idleMs, this.#slackMs + this.#fresh * msPerByte);
    this.#fresh = 0;
    if (!this.#req.isPaused()) this.#slackMs -= ms;
    return this.#slackMs >= 0;
  }

  tooSlow(error: PopmeshError): void {
    this.#owner.refuse(error);
  }

  #onData(chunk: Buffer): void {
    // Also of a body that nobody wants any more: it costs the same.
    if (!this.#pieces.take(chunk.length, this.#tools.clock)) {
      this.#owner.cut(this.#tools.ledger.tinyPieces(this.#plan.client));
      return;
    }
    if (this.#state === 'over') return;
    const { heldBytesMax, bytesMax, client, tenant } = this.#plan;
    this.#bytes += chunk.length;
    this.#fresh += chunk.length;
    if (this.#bytes > bytesMax) {
      this.#owner.refuse(bodyTooLarge(bytesMax));
      return;
    }
    const enough = this.#bytes > heldBytesMax;
    if (enough && this.#sink !== undefined) this.#letGo();
    else {
      const refusal = this.#tools.ledger.hold(client, tenant, chunk.length);
      if (refusal !== undefined) {
        this.#owner.refuse(refusal);
        return;
      }
      this.#heldBytes += chunk.length;
      this.#keep(chunk);
    }
    const taken = this.#sink?.push(chunk) ?? !enough;
    if (!taken) this.#req.pause();
    if (!enough) return;
    if (this.#state === 'waiting') this.#go('going');
    else this.#settle();
  }

  /** A client may send chunks of one byte, and an object for each costs a hundred that nobody counts. */
  #keep(chunk: Buffer): void {
    if (this.#kept === undefined) return;
    this.#kept.push(chunk);
    if (this.#kept.length > KEPT_PIECES_MAX) this.#kept = [Buffer.concat(this.#kept)];
  }

  #onEnd(): void {
    if (this.#state === 'over') return;
    this.#ended = true;
    this.#tools.bodies.delete(this);
    if (this.#state === 'waiting') {
      this.#go('going');
      return;
    }
    this.#settle();
    this.#sink?.push(null);
  }

  /** Early no more. */
  #settle(): void {
    if (this.#state !== 'early') return;
    this.#leave();
    this.#state = 'going';
  }

  /** The first read of a try: what is held goes first. */
  #begin(stream: Readable): void {
    this.#sink = stream;
    for (const chunk of this.#kept ?? []) stream.push(chunk);
    if (this.#bytes > this.#plan.heldBytesMax) this.#letGo();
    if (this.#ended) stream.push(null);
  }

  #go(state: 'early' | 'going'): void {
    this.#leave();
    this.#state = state;
    this.#owner.bodyReady();
  }

  /** Gives back what the state counts. */
  #leave(): void {
    const { client, tenant } = this.#plan;
    if (this.#state === 'waiting') this.#tools.ledger.wait(client, tenant, -1);
    else if (this.#state === 'early') this.#tools.ledger.giveEarly(client, tenant);
  }

  #letGo(): void {
    this.#kept = undefined;
    if (this.#heldBytes === 0) return;
    const { client, tenant } = this.#plan;
    this.#tools.ledger.letGo(client, tenant, this.#heldBytes);
    this.#heldBytes = 0;
  }
}

export const bodyTooLarge = (bytesMax: number): PopmeshError =>
  new PopmeshError('payload_too_large', `the request body is larger than ${bytesMax} bytes`, {
    details: { limit: 'request_body_mb', bytesMax },
  });
