/**
 * Promises that reject, and what becomes of them. Each case fails with its own name; the test runs
 * them here and in Node, which must tell of the same.
 */

const fail = async (name: string): Promise<never> => {
  await null;
  throw new Error(name);
};
const failAtOnce = async (name: string): Promise<never> => {
  throw new Error(name);
};
const tick = async (): Promise<void> => {
  await null;
};
const quiet = (): void => {};

class Service {
  #loading: Promise<never> | undefined;
  async load(name: string): Promise<never> {
    throw new Error(name);
  }
  async #hidden(name: string): Promise<never> {
    throw new Error(name);
  }
  start(name: string): void {
    this.#hidden(name);
  }
  /** The same promise for all who ask. */
  share(name: string): Promise<never> {
    this.#loading ??= fail(name);
    return this.#loading;
  }
  handler = async (name: string): Promise<never> => {
    throw new Error(name);
  };
}
const service = new Service();
const optional: Service | undefined = Math.abs(1) > 0 ? service : undefined;
const kept: unknown[] = [];

export const cases: Record<string, (name: string) => unknown> = {
  // Told of.
  'a call as a statement': (name) => {
    fail(name);
  },
  'a call as a statement that rejects at once': (name) => {
    failAtOnce(name);
  },
  void: (name) => void fail(name),
  'a method': (name) => {
    service.load(name);
  },
  'a private method': (name) => service.start(name),
  'a property': (name) => {
    service.handler(name);
  },
  'optional chaining': (name) => {
    optional?.load(name);
  },
  'behind a condition': (name) => {
    if (name.length > 0) fail(name);
    else quiet();
  },
  'in a sequence': (name) => {
    let calls = 0;
    // biome-ignore lint/complexity/noCommaOperator: minifiers write statements so
    calls++, fail(name), calls++;
    return calls;
  },
  'Promise.reject': (name) => {
    Promise.reject(new Error(name));
  },
  'new Promise': (name) => {
    new Promise((_, reject) => reject(new Error(name)));
  },
  'a chain without catch': (name) => {
    tick().then(() => {
      throw new Error(name);
    });
  },
  'a catch that throws': (name) => {
    fail('caught').catch(() => {
      throw new Error(name);
    });
  },
  finally: (name) => {
    fail(name).finally(quiet);
  },
  'Promise.all': (name) => {
    Promise.all([tick(), fail(name)]);
  },
  'an async function called in place': (name) => {
    (async () => {
      await tick();
      throw new Error(name);
    })();
  },
  forEach: (name) => {
    [1].forEach(async () => {
      await tick();
      throw new Error(name);
    });
  },
  'one of two in forEach': (name) => {
    [1, 2].forEach(async (each) => {
      if (each === 2) throw new Error(name);
    });
  },
  'inside an async function that goes on': async (name) => {
    fail(name);
    await tick();
    await tick();
  },
  'a catch that comes in a later turn': (name) => {
    const promise = service.load(name);
    void promise;
    fail(name);
    promise.catch(quiet);
  },

  // Not told of.
  'no rejection': () => {
    tick();
  },
  awaited: async (name) => {
    await fail(name).catch(quiet);
  },
  'caught by try': async (name) => {
    try {
      await fail(name);
    } catch {}
  },
  catch: (name) => {
    fail(name).catch(quiet);
  },
  'then with two': (name) => {
    fail(name).then(quiet, quiet);
  },
  'finally and catch': (name) => {
    fail(name).finally(quiet).catch(quiet);
  },
  'dropped, but caught by whoever made it': (name) => {
    const made = (): Promise<never> => {
      const promise = service.share(name);
      promise.catch(quiet);
      return promise;
    };
    const load = async (): Promise<void> => {
      await made().catch(quiet);
    };
    load();
  },
  'dropped, and awaited elsewhere': async (name) => {
    const promise = fail(name);
    const also = (): Promise<never> => promise;
    const load = Object.assign(also, { load: also });
    load.load();
    await promise.catch(quiet);
  },
  'dropped, then caught in the same turn': async (name) => {
    const promise = failAtOnce(name);
    const again = { load: () => promise };
    again.load();
    for (let i = 0; i < 20; i++) await null;
    promise.catch(quiet);
  },
  'caught three ticks later': async (name) => {
    const promise = failAtOnce(name);
    for (let i = 0; i < 3; i++) await null;
    await promise.catch(quiet);
  },
  allSettled: async (name) => {
    await Promise.allSettled([fail(name), failAtOnce(name)]);
  },
  'allSettled, dropped': (name) => {
    Promise.allSettled([fail(name)]);
  },
  'Promise.all with two that fail': (name) => {
    Promise.all([fail(name), failAtOnce(name)]).catch(quiet);
  },
  'the loser of a race': (name) => {
    Promise.race([tick(), fail(name)]);
  },
  any: (name) => {
    Promise.any([fail(name), tick()]);
  },
  'for await': async (name) => {
    try {
      for await (const value of [fail(name)]) kept.push(value);
    } catch {}
  },
  'handed on by return': (name) => {
    const inner = (): Promise<never> => fail(name);
    const outer = async (): Promise<never> => inner();
    outer().catch(quiet);
  },
  'what resolve was given': (name) => {
    new Promise((resolve) => resolve(fail(name))).catch(quiet);
  },
  'of a subclass, caught elsewhere': async (name) => {
    class Other<T> extends Promise<T> {}
    const promise = new Other<never>((_, reject) => reject(new Error(name)));
    const also = { load: () => promise };
    also.load();
    await promise.catch(quiet);
  },
  'forEach that catches': (name) => {
    [1].forEach(async () => {
      await fail(name).catch(quiet);
    });
  },
};

/** Beyond what the builder sees: promises that are put away and forgotten, or made by a plain function. */
export const unseen: Record<string, (name: string) => unknown> = {
  'kept in a variable': (name) => {
    kept.push(fail(name));
  },
  'a plain function that answers a promise': (name) => {
    const plain = (): Promise<never> => fail(name);
    plain();
  },
};

const all = { ...cases, ...unseen };

export default {
  async fetch(request: Request): Promise<Response> {
    const name = decodeURIComponent(new URL(request.url).pathname.slice(1));
    if (name === 'flood') for (let i = 0; i < 250; i++) fail(`flood ${i}`);
    if (name === 'events') return await events();
    const run = all[name];
    if (run !== undefined) await run(name);
    return new Response('ok');
  },
};

async function events(): Promise<Response> {
  const scope = globalThis as unknown as {
    onunhandledrejection: unknown;
    addEventListener(type: string, listener: (event: PromiseRejection) => void): void;
    removeEventListener(type: string, listener: (event: PromiseRejection) => void): void;
  };
  const seen: string[] = [];
  const listener = (event: PromiseRejection): void => {
    seen.push(
      `${event.type} ${(event.reason as Error).message} ${event.promise instanceof Promise}`,
    );
    if ((event.reason as Error).message === 'prevented') event.preventDefault();
  };
  scope.addEventListener('unhandledrejection', listener);
  scope.onunhandledrejection = ({ reason }: PromiseRejection) => {
    seen.push(`on ${(reason as Error).message}`);
  };
  fail('prevented');
  fail('seen');
  await new Promise((resolve) => setTimeout(resolve, 5));
  scope.removeEventListener('unhandledrejection', listener);
  scope.onunhandledrejection = null;
  fail('later');
  await new Promise((resolve) => setTimeout(resolve, 5));
  return new Response(seen.join('\n'));
}

interface PromiseRejection {
  readonly type: string;
  readonly reason: unknown;
  readonly promise: unknown;
  preventDefault(): void;
}
