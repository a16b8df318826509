import type { PopmeshError } from '@popmesh/contracts';
import { IdMap } from '../id-map.ts';
import type { Body, GuestResponse } from './door.ts';
import type { Settle } from './function-host.ts';

/**
 * The requests that one instance of `popmesh:function` has in hand. The guest answers by a
 * request's number, at once or in any later turn; an answer to one that is over is dropped.
 */

/** One that has its head may still have a body under way; it is over when it is `end`ed. */
export interface GuestRequestState {
  readonly id: number;
  readonly signal: AbortSignal;
  /** Whole, and not asked for yet. */
  body: Uint8Array | undefined;
  /** Of its body, when that comes in pieces. */
  readonly pipe: number;
  response: GuestResponse | undefined;
  failure: PopmeshError | undefined;
  /** What waits for the answer, when it did not come in the request's first turn. */
  answered: (() => void) | undefined;
  /** The wait that asked whether the client has gone. */
  gone: number | undefined;
}

export const NO_BYTES = new Uint8Array(0);

export class GuestRequests {
  readonly #running = new IdMap<GuestRequestState>();
  /** Bodies that work after the answer may still ask for. */
  readonly #heldBodies = new Map<number, Uint8Array>();
  readonly #retained = new Map<number, number>();
  readonly #settle: Settle;
  /** Whose turn it is in the guest; 0 outside of any. */
  current = 0;

  constructor(settle: Settle) {
    this.#settle = settle;
  }

  get size(): number {
    return this.#running.size;
  }

  get(id: number): GuestRequestState | undefined {
    return this.#running.get(id);
  }

  all(): GuestRequestState[] {
    return this.#running.values();
  }

  begin(
    id: number,
    signal: AbortSignal,
    body: Uint8Array | undefined,
    pipe: number,
  ): GuestRequestState {
    const state: GuestRequestState = {
      id,
      signal,
      body,
      pipe,
      response: undefined,
      failure: undefined,
      answered: undefined,
      gone: undefined,
    };
    this.#running.set(id, state);
    return state;
  }

  /** False when nobody waits for it: the request is over, or was answered before. */
  respond(id: number, status: number, headerLines: string, body: Body): boolean {
    const state = this.#running.get(id);
    if (state === undefined || state.response !== undefined) return false;
    if (state.failure !== undefined) return false;
    state.response = { status, headers: NO_HEADERS, headerLines, body };
    state.answered?.();
    return true;
  }

  fail(id: number, error: PopmeshError): void {
    const state = this.#running.get(id);
    if (state === undefined || state.response !== undefined) return;
    state.failure ??= error;
    state.answered?.();
  }

  /** The request is over; its body stays only for work that was promised to go on. */
  end(id: number): GuestRequestState | undefined {
    const state = this.#running.get(id);
    if (state === undefined) return undefined;
    this.#running.delete(id);
    if (state.body !== undefined && this.#retained.has(id)) this.#heldBodies.set(id, state.body);
    if (state.gone !== undefined) this.#settle(state.gone, 0, id);
    return state;
  }

  takeBody(id: number): Uint8Array {
    const state = this.#running.get(id);
    const body = state?.body ?? this.#heldBodies.get(id);
    if (state !== undefined) state.body = undefined;
    this.#heldBodies.delete(id);
    return body ?? NO_BYTES;
  }

  retain(id: number): void {
    if (this.#running.has(id)) this.#retained.set(id, (this.#retained.get(id) ?? 0) + 1);
  }

  release(id: number): void {
    const held = this.#retained.get(id);
    if (held === undefined) return;
    if (held > 1) {
      this.#retained.set(id, held - 1);
      return;
    }
    this.#retained.delete(id);
    this.#heldBodies.delete(id);
  }

  /** One wait per request; a later one takes its place. */
  whenGone(wait: number, id: number): void {
    const state = this.#running.get(id);
    if (state === undefined) {
      this.#settle(wait, 0, id);
      return;
    }
    if (state.signal.aborted) {
      this.#settle(wait, 1, id);
      return;
    }
    if (state.gone === undefined) {
      state.signal.addEventListener('abort', () => this.#tellGone(state), { once: true });
    }
    state.gone = wait;
  }

  dispose(): void {
    this.#running.clear();
    this.#heldBodies.clear();
    this.#retained.clear();
  }

  #tellGone(state: GuestRequestState): void {
    const { gone } = state;
    state.gone = undefined;
    if (gone !== undefined) this.#settle(gone, 1, state.id);
  }
}

const NO_HEADERS: GuestResponse['headers'] = [];
