import type { KeyObject } from 'node:crypto';
import { CryptoFailure } from './crypto-failure.ts';
import { CRYPTO_LIMITS } from './limits.ts';

/** The keys of one instance by number. Numbers are never used twice. */

export interface KeyEntry {
  readonly object: KeyObject;
  readonly extractable: boolean;
}

export class KeyStore {
  readonly #keys = new Map<number, KeyEntry>();
  #lastId = 0;

  add(object: KeyObject, extractable: boolean): number {
    if (this.#keys.size >= CRYPTO_LIMITS.keysMax) {
      throw new CryptoFailure(
        'QuotaExceededError',
        `an instance holds at most ${CRYPTO_LIMITS.keysMax} keys`,
      );
    }
    this.#lastId++;
    this.#keys.set(this.#lastId, { object, extractable });
    return this.#lastId;
  }

  entry(id: number): KeyEntry {
    const entry = this.#keys.get(id);
    if (entry === undefined) throw new CryptoFailure('InvalidAccessError', 'no such key');
    return entry;
  }

  get(id: number): KeyObject {
    return this.entry(id).object;
  }

  release(id: number): void {
    this.#keys.delete(id);
  }

  clear(): void {
    this.#keys.clear();
  }
}
