import { WASI_LIMITS } from './limits.ts';
import type { Lifetime, Source } from './readiness.ts';

/** `wasi:io/poll`. `block` and `poll` suspend the guest by JSPI; the thread goes on. */
export class Pollable {
  readonly #source: Source;
  readonly #lifetime: Lifetime;

  constructor(source: Source, lifetime: Lifetime) {
    this.#source = source;
    this.#lifetime = lifetime;
  }

  ready(): boolean {
    return this.#source.ready();
  }

  async block(): Promise<void> {
    this.#lifetime.check();
    if (!this.#source.ready()) await this.#lifetime.wait([this.#source]);
  }

  /** The glue makes an empty object of the class for a handle that it does not know. */
  static is(value: unknown): value is Pollable {
    return typeof value === 'object' && value !== null && #source in value;
  }

  static source(pollable: Pollable): Source {
    return pollable.#source;
  }
}

/** The indexes of those that are ready now. */
export function pollNow(list: readonly Pollable[]): number[] {
  const indexes: number[] = [];
  for (let i = 0; i < list.length; i++) {
    if ((list[i] as Pollable).ready()) indexes.push(i);
  }
  return indexes;
}

/** The same; waits while there are none. */
export async function pollWaiting(
  list: readonly Pollable[],
  lifetime: Lifetime,
): Promise<number[]> {
  lifetime.check();
  const sources = list.map((pollable) => Pollable.source(pollable));
  for (;;) {
    const ready = pollNow(list);
    if (ready.length > 0) return ready;
    await lifetime.wait(sources);
  }
}

/** For a glue that does not let us lower `poll` ourselves (abi/lowered-io.ts). */
export function createPoll(lifetime: Lifetime) {
  return async function poll(list: Pollable[]): Promise<Uint32Array> {
    lifetime.check();
    if (list.length === 0) throw lifetime.trap('wasi:io/poll: the list is empty');
    if (list.length > WASI_LIMITS.pollables) {
      throw lifetime.trap(`wasi:io/poll: more than ${WASI_LIMITS.pollables} pollables`);
    }
    for (const pollable of list) {
      if (!Pollable.is(pollable)) throw lifetime.trap('wasi:io/poll: not a pollable');
    }
    return Uint32Array.from(await pollWaiting(list, lifetime));
  };
}
