import type { Fields } from '../fields.ts';
import type { OutgoingResponse } from '../http-outgoing.ts';
import type { Lifetime } from '../readiness.ts';
import { GuestMemory, type Leave, type LinearMemory, type Realloc } from './guest-memory.ts';
import { LOWERED_HTTP } from './lowered-http.ts';
import { LOWERED_IO } from './lowered-io.ts';
import { type Captures, Resources } from './resources.ts';
import { TextCache } from './text-cache.ts';
import type { CoreHandle, GuestHandle } from './turnstile.ts';

/**
 * Our own canonical lowering of the host functions that every request calls: core functions
 * that read and write the guest's memory directly. The glue asks for them by name
 * (prepare/lower-imports.ts); everything else goes jco's way, over the same handle tables.
 * Refused: all of wasi lowered by hand, 200 functions for the sake of 30; and jco's way for
 * these 30, which makes objects of every argument (a hello-world cost 24 us, 20 of them there).
 */

/** As WebAssembly calls it: i32 and f64 come as numbers, i64 as bigints. */
export type CoreFunction = (...values: never[]) => unknown;

export interface Ports {
  readonly memory: GuestMemory;
  /** In the order in which the function's text names them. */
  // biome-ignore lint/suspicious/noExplicitAny: each function knows the kinds of its own tables.
  readonly tables: readonly Resources<any>[];
  /** jco's own function, for what is rare. */
  readonly rest: (...values: unknown[]) => unknown;
  readonly host: LoweringHost;
}

export interface LoweringHost {
  readonly lifetime: Lifetime;
  readonly OutgoingResponse: new (fields: Fields) => OutgoingResponse;
}

export type LoweredFunctions = Readonly<Record<string, (ports: Ports) => CoreFunction>>;

const LOWERED: ReadonlyMap<string, (ports: Ports) => CoreFunction> = new Map(
  Object.entries({ ...LOWERED_HTTP, ...LOWERED_IO }),
);

export const loweredNames = (): string[] => [...LOWERED.keys()];

export type Lowering = ReturnType<typeof createLowering>;

/** What the glue gets as `imports['popmesh:lowering']`; one per instance. */
export function createLowering(host: LoweringHost) {
  const leave: Leave = { allowed: true };
  const texts = new TextCache();
  const { lifetime } = host;
  // A trap is final, also for a guest that catches exceptions.
  const trapped = (caught: unknown): Error => {
    const error = caught instanceof Error ? caught : new Error(String(caught));
    lifetime.end(error);
    return error;
  };
  const enter = (): void => {
    if (!leave.allowed) throw new Error('cannot leave component instance');
  };
  let guest: GuestHandle | undefined;
  type Plain = (...values: unknown[]) => unknown;

  return Object.freeze({
    memory: (memory: () => LinearMemory, realloc: () => Realloc): GuestMemory =>
      new GuestMemory(memory, realloc, leave, texts),

    resources: (pairs: number[], captures: Captures<object>, nextRep: () => number) =>
      new Resources(pairs, captures, nextRep),

    drop: (resources: Resources<object>) => (handle: number) => {
      try {
        enter();
        const value = resources.take(handle) as Partial<Disposable>;
        if (value[Symbol.dispose] !== undefined) value[Symbol.dispose]?.();
      } catch (caught) {
        throw trapped(caught);
      }
    },

    enter,

    handle: (
      core: CoreHandle,
      requests: Resources<object>,
      outparams: Resources<object>,
      findPostReturn?: () => () => void,
    ): CoreHandle => {
      const postReturn = (): void => {
        if (findPostReturn === undefined) return;
        leave.allowed = false;
        findPostReturn()();
        leave.allowed = true;
      };
      guest = { core, requests, outparams, postReturn };
      return core;
    },

    /** After instantiation. */
    guest: (): GuestHandle | undefined => guest,

    /** By number of arguments, since an array of them per call shows. */

    bind: (
      name: string,
      memory: GuestMemory,
      tables: readonly Resources<object>[],
      rest: Plain,
    ): Plain => {
      const make = LOWERED.get(name);
      if (make === undefined) throw new Error(`the host does not lower ${name}`);
      const call = make({ memory, tables, rest, host }) as Plain;
      switch (call.length) {
        case 0:
          return () => {
            try {
              enter();
              return call();
            } catch (caught) {
              throw trapped(caught);
            }
          };
        case 1:
          return (a) => {
            try {
              enter();
              return call(a);
            } catch (caught) {
              throw trapped(caught);
            }
          };
        case 2:
          return (a, b) => {
            try {
              enter();
              return call(a, b);
            } catch (caught) {
              throw trapped(caught);
            }
          };
        case 3:
          return (a, b, c) => {
            try {
              enter();
              return call(a, b, c);
            } catch (caught) {
              throw trapped(caught);
            }
          };
        default:
          return (...values) => {
            try {
              enter();
              return call(...values);
            } catch (caught) {
              throw trapped(caught);
            }
          };
      }
    },

    /** As `bind`, for a function that may wait: it waits when what it answers is a promise. */
    bindWaiting: (
      name: string,
      memory: GuestMemory,
      tables: readonly Resources<object>[],
    ): Plain => {
      const make = LOWERED.get(name);
      if (make === undefined) throw new Error(`the host does not lower ${name}`);
      const call = make({ memory, tables, rest: noRest, host }) as Plain;
      const fail = (caught: unknown): never => {
        throw trapped(caught);
      };
      return (...values) => {
        try {
          enter();
          const result = call(...values);
          return result instanceof Promise ? result.catch(fail) : result;
        } catch (caught) {
          throw trapped(caught);
        }
      };
    },
  });
}

const noRest = (): never => {
  throw new Error('there is no other way');
};
